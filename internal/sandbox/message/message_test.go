package message

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf16"

	"docusign-auth-proxy/internal/sandbox/restbody"
)

func TestUTF16AndLatin1AreRead(t *testing.T) {
	t.Parallel()
	text := `<e><emailSubject>é😀</emailSubject></e>`
	for name, order := range map[string][2]int{"little endian": {0, 8}, "big endian": {8, 0}} {
		t.Run(name, func(t *testing.T) {
			var raw []byte
			for _, u := range append([]uint16{0xfeff}, utf16Of(text)...) {
				raw = append(raw, byte(u>>order[0]), byte(u>>order[1]))
			}
			if d, err := readPart("text/xml", bytes.NewReader(raw), envelope()); err != nil || d["emailSubject"] != "é😀" {
				t.Errorf("%v %v", d, err)
			}
		})
	}
	latin1 := "<?xml version='1.0' encoding='ISO-8859-1'?><e><emailSubject>\xe9</emailSubject></e>"
	if d, err := readPart("text/xml", strings.NewReader(latin1), envelope()); err != nil || d["emailSubject"] != "é" {
		t.Errorf("%v %v", d, err)
	}
}

func FuzzReadJSON(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":[1,"x\u00e9\ud83d\ude00",null]}`, `{"documents":[{"documentBase64":"QUJD"}]}`, `[`, `"`, `{"a":tru}`,
		"\ufeff1",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if _, err := readJSON(bytes.NewReader(in)); err == nil && !json.Valid(bytes.TrimPrefix(in, []byte("\xef\xbb\xbf"))) {
			t.Errorf("accepted %q", in)
		}
	})
}

func FuzzReadXML(f *testing.F) {
	for _, seed := range []string{
		`<a/>`, `<a><![CDATA[x]]>&amp;<!-- --></a>`, `<?xml version="1.0"?><a b='>'/>`, `<a`, "\xff\xfe<\x00a\x00",
		`<a><?x 0?></a>`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		_, _ = readPart("text/xml", bytes.NewReader(in), envelope()) // it must end and not panic
	})
}

func envelope() *restbody.Type { return restbody.Named("envelopeDefinition") }

func utf16Of(s string) []uint16 { return utf16.Encode([]rune(s)) }

func TestADecompressedBodyIsBounded(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	if _, err := z.Write(bytes.Repeat([]byte(" "), 1<<20)); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest("POST", "https://demo.docusign.net/", &bomb)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Content-Type": {"text/xml"}, "Content-Encoding": {"gzip"}}
	if _, err := ReadSOAP(r, 1000); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("%v", err)
	}
}

func FuzzReadEnvelope(f *testing.F) {
	const header = `<Security xmlns="` + WSSE +
		`"><UsernameToken><Username>[k]u</Username><Password>p</Password></UsernameToken></Security>`
	for _, version := range []string{SOAP11, SOAP12} {
		for _, content := range []string{"QUJD", "<x:Include xmlns:x='" + XOP + "' href='cid:a'/>"} {
			f.Add([]byte(`<e:Envelope xmlns:e="` + version + `"><e:Header>` + header +
				`</e:Header><e:Body><CreateEnvelope xmlns="urn:x">` +
				`<Envelope><Documents><Document><PDFBytes>` + content +
				`</PDFBytes></Document></Documents></Envelope></CreateEnvelope></e:Body></e:Envelope>`))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		msg, err := readEnvelope(bytes.NewReader(in), nil)
		if err == nil && (msg.Operation == "" || msg.Version == "") {
			t.Errorf("accepted %q", in)
		}
	})
}

func FuzzHeaderCredential(f *testing.F) {
	f.Add(`{"Username":"[a]b","Password":"c","IntegratorKey":"d"}`)
	f.Add(`<DocuSignCredentials><Username>a</Username></DocuSignCredentials>`)
	f.Fuzz(func(t *testing.T, in string) {
		cred := ReadHeader(in)
		cred.Split() // it must end and not panic
	})
}
