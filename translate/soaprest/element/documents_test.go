package element_test

import (
	"io"
	"path/filepath"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/spool"
	"docusign-auth-proxy/translate/soaprest/element"
)

func TestLimits(t *testing.T) {
	document := func(size int64) io.Reader {
		return io.MultiReader(strings.NewReader("<Document><PDFBytes>"),
			io.LimitReader(zeros{}, (size+2)/3*4), strings.NewReader("</PDFBytes></Document>"))
	}
	before, after, _ := strings.Cut(message("CreateEnvelope", `<Envelope><Documents>|</Documents></Envelope>`), "|")
	for name, test := range map[string]struct {
		sizes  []int64
		quota  int64
		client bool
		want   string
	}{
		"a document as large as it may be": {sizes: []int64{32 << 20 / 3 * 3}, quota: 100 << 20},
		"a document that is larger": {
			sizes: []int64{32<<20 + 3}, quota: 100 << 20, client: true,
			want: "CreateEnvelope: Envelope/Documents/Document[1]/PDFBytes of more than 33,554,432 bytes cannot be carried out",
		},
		"documents that are larger together": {
			sizes: []int64{17 << 20, 17 << 20, 17 << 20}, quota: 100 << 20, client: true,
			want: "CreateEnvelope: Envelope/Documents/Document[3]/PDFBytes with documents of more than " +
				"50,331,648 bytes together cannot",
		},
		"a pool that is full": {
			sizes: []int64{3 << 20}, quota: 2 << 20, want: "the quota of the spool is used up. Nothing was sent.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			parts := []io.Reader{strings.NewReader(before)}
			for _, size := range test.sizes {
				parts = append(parts, document(size))
			}
			parts = append(parts, strings.NewReader(after))
			pool := spool.New(t.TempDir(), 1000, test.quota)
			m, err := element.Read(xmlType, io.MultiReader(parts...), service(t, "api.asmx"), "CreateEnvelope", pool)
			if test.want == "" {
				if err != nil || m.Root.At("Envelope", "Documents", "Document", "PDFBytes").Bytes.Size() != test.sizes[0] {
					t.Fatalf("%v", err)
				}
				m.Close()
			} else if f := asFault(t, err); f.Client != test.client || !strings.Contains(f.Reason, test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
			if pool.Used() != 0 {
				t.Errorf("%d bytes stay in the pool", pool.Used())
			}
		})
	}
}

// zeros are zeros in base64.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'A'
	}
	return len(b), nil
}

func TestADiskThatFailsIsTheProxysTrouble(t *testing.T) {
	pool := spool.New(filepath.Join(t.TempDir(), "absent"), 1, 1<<20)
	text := message("CreateEnvelope",
		`<Envelope><Documents><Document><PDFBytes>JVBE</PDFBytes></Document></Documents></Envelope>`)
	_, err := element.Read(xmlType, strings.NewReader(text), service(t, "api.asmx"), "CreateEnvelope", pool)
	f := asFault(t, err)
	if f.Client || !strings.Contains(f.Reason, "the proxy cannot keep the documents: the disk of the spool: no such file") ||
		strings.Contains(f.Reason, "absent") {
		t.Errorf("%v", err)
	}
}

// multipart is a message of MTOM: the envelope and parts, each by its Content-ID.
func multipart(envelope string, parts ...string) string {
	const line = "\r\n"
	text := "--b" + line + "Content-Type: application/xop+xml; charset=utf-8; type=\"text/xml\"" + line +
		"Content-Transfer-Encoding: binary" + line + "Content-ID: <root@example.com>" + line + line + envelope + line
	for i := 0; i < len(parts); i += 2 {
		text += "--b" + line + "Content-Type: application/octet-stream" + line + "Content-Transfer-Encoding: binary" + line +
			"Content-ID: <" + parts[i] + ">" + line + line + parts[i+1] + line
	}
	return text + "--b--" + line
}

func include(ids ...string) string {
	text := ""
	for _, id := range ids {
		text += `<Document><PDFBytes><xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:` + id +
			`"/></PDFBytes></Document>`
	}
	return message("CreateEnvelope", `<Envelope><Documents>`+text+`</Documents></Envelope>`)
}

func TestPartsOfMTOMAreDocuments(t *testing.T) {
	const contentType = `multipart/related; type="application/xop+xml"; start="<root@example.com>"; ` +
		`start-info="text/xml"; boundary=b`
	const one, two = "binary \x00\r\n--\r\n\xff", "%PDF-1.4\r\n--bc\r\n"
	large := strings.Repeat("0123456789", 100_000)
	for name, test := range map[string]struct {
		text, contentType string
		want              []string
		fault             string
	}{
		"two parts":                  {text: multipart(include("a", "b"), "a", one, "b", two), want: []string{one, two}},
		"two parts in another order": {text: multipart(include("a", "b"), "b", two, "a", one), want: []string{one, two}},
		"a large part":               {text: multipart(include("a"), "a", large), want: []string{large}},
		"an empty part":              {text: multipart(include("a"), "a", ""), want: []string{""}},
		"an id that is escaped":      {text: multipart(include("a%40b%25+"), "a@b%+", one), want: []string{one}},
		"no parts":                   {text: multipart(message("CreateEnvelope", ""))},
		"no line after the end":      {text: strings.TrimSpace(multipart(include("a"), "a", one)), want: []string{one}},
		"an epilogue":                {text: multipart(include("a"), "a", one) + "more", want: []string{one}},
		"a part that does not come":  {text: multipart(include("a", "b"), "a", one), fault: "a part that did not come"},
		"a part that nobody wants":   {text: multipart(include("a"), "a", one, "b", one), fault: "that no element refers to"},
		"a part that comes twice":    {text: multipart(include("a"), "a", one, "a", one), fault: "or that comes twice"},
		"two that want one part":     {text: multipart(include("a", "a"), "a", one), fault: "that another element refers to"},
		"no end": {
			text: strings.TrimSuffix(multipart(include("a"), "a", one), "--b--\r\n"), fault: "is not ended by the boundary",
		},
		"the message ends between parts": {
			text: strings.TrimSuffix(multipart(include("a"), "a", one), "--\r\n") + "\r\n", fault: "ends before a part",
		},
		"a root that is not the first part": {
			text: multipart(include("a"), "a", one), contentType: strings.Replace(contentType, "root@", "other@", 1),
			fault: "multipart message",
		},
		"a part in another encoding": {
			text: strings.Replace(multipart(include("a"), "a", one), "octet-stream\r\nContent-Transfer-Encoding: binary",
				"octet-stream\r\nContent-Transfer-Encoding: base64", 1), fault: "transfer encoding",
		},
		"a part with an endless header": {
			text:  strings.Replace(multipart(include("a"), "a", one), "octet-stream", strings.Repeat("a", 300_000), 1),
			fault: "too large",
		},
	} {
		t.Run(name, func(t *testing.T) {
			pool := spool.New(t.TempDir(), 1000, 10<<20)
			if test.contentType == "" {
				test.contentType = contentType
			}
			text := strings.NewReader(test.text)
			m, err := element.Read(test.contentType, text, service(t, "api.asmx"), "CreateEnvelope", pool)
			if test.fault != "" {
				if err == nil || !strings.Contains(err.Error(), test.fault) || pool.Used() != 0 {
					t.Errorf("%v, %d bytes in the pool, want %s", err, pool.Used(), test.fault)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			documents := m.Root.At("Envelope", "Documents").All("Document")
			if len(documents) != len(test.want) {
				t.Fatalf("%d documents", len(documents))
			}
			for i, d := range documents {
				if got, err := io.ReadAll(d.Child("PDFBytes").Bytes.Reader()); err != nil || string(got) != test.want[i] {
					t.Errorf("document %d: %d bytes, %v", i, len(got), err)
				}
			}
		})
	}
}

func TestTheDigestDoesNotKnowTheNamesOfParts(t *testing.T) {
	const contentType = `multipart/related; type="application/xop+xml"; boundary=b`
	digest := func(text string) [32]byte {
		t.Helper()
		pool := spool.New(t.TempDir(), 1000, 10<<20)
		m, err := element.Read(contentType, strings.NewReader(text), service(t, "api.asmx"), "CreateEnvelope", pool)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		return m.Digest
	}
	want := digest(multipart(include("a", "b"), "a", "one", "b", "two"))
	if digest(multipart(include("c", "d"), "d", "two", "c", "one")) != want {
		t.Error("other names and another order change the digest")
	}
	if digest(multipart(include("a", "b"), "a", "two", "b", "one")) == want {
		t.Error("documents that have changed their places do not change the digest")
	}
}
