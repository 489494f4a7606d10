package soap_test

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"docusign-auth-proxy/translate/soap"
)

// story tells what a Stream reads: tags with names and attributes, and text in one piece between them.
func story(contentType string, r io.Reader) ([]string, error) {
	in, err := soap.NewStream(contentType, r)
	if err != nil {
		return nil, err
	}
	var told teller
	for {
		e, err := in.Next()
		if err != nil {
			return nil, err
		}
		switch e {
		case soap.Start:
			name := in.Name()
			var attrs []xml.Attr
			for n, value := range in.Attributes {
				attrs = append(attrs, xml.Attr{Name: xml.Name{Space: n.Namespace, Local: n.Local}, Value: value})
			}
			told.start(xml.Name{Space: name.Namespace, Local: name.Local}, attrs)
		case soap.End:
			told.end()
		case soap.Text:
			told.text.WriteString(in.Text())
		case soap.EOF:
			told.end()
			return told.lines, nil
		}
	}
}

// oracleStory tells the same of what encoding/xml reads.
func oracleStory(message []byte) ([]string, error) {
	d := decoderFor(message)
	var told teller
	for {
		t, err := d.Token()
		if err == io.EOF {
			told.end()
			return told.lines, nil
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			told.start(t.Name, slices.DeleteFunc(t.Attr, func(a xml.Attr) bool {
				return a.Name.Space == "xmlns" || a.Name == xml.Name{Local: "xmlns"}
			}))
		case xml.EndElement:
			told.end()
		case xml.CharData:
			told.text.Write(t)
		}
	}
}

type teller struct {
	lines []string
	text  strings.Builder
}

func (t *teller) flush(tag string) {
	t.lines = append(t.lines, t.text.String(), tag)
	t.text.Reset()
}

func (t *teller) start(name xml.Name, attrs []xml.Attr) {
	tag := fmt.Sprintf("<%s %s", name.Space, name.Local)
	for _, a := range attrs {
		value := strings.Map(func(r rune) rune { // encoding/xml does not normalise line ends there
			if strings.ContainsRune("\t\r\n", r) {
				return ' '
			}
			return r
		}, a.Value)
		tag += fmt.Sprintf(" %s %s=%q", a.Name.Space, a.Name.Local, value)
	}
	t.flush(tag)
}

func (t *teller) end() { t.flush("</") }

// long puts so much white space behind each tag that a Stream forgets what was before.
func long(message string) string {
	return strings.ReplaceAll(message, ">", ">"+strings.Repeat(" ", 20_000))
}

// FuzzStream holds that a Stream reads what encoding/xml reads, or refuses it.
func FuzzStream(f *testing.F) {
	for _, seed := range []string{
		envelope(`<o:Security>`+token+`</o:Security>`, `<Ping xmlns="`+namespaceAPI+`"/>`),
		`<a xmlns="u" xmlns:b="v" c="1" b:c="2 &amp; &#x33;"><b:d xmlns:b="w"/><b:d/>` +
			`text<![CDATA[<x>]]>more<!-- c --><?p i?>&lt;</a>`,
		"\xef\xbb\xbf<?xml version='1.0'?><a>\r\n\r<b/>\n</a>\n<!-- end -->",
		"<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><a b='\xe9'>\xe9</a>",
		`<a><b>1</a>`, `<a>`, `<a/><a/>`, `<a b="1" b="2"/>`, `<a>]]></a>`, `<a>&x;</a>`, `<a><![CDATA[`, `<!DOCTYPE a><a/>`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, message string) {
		for _, text := range []string{message, long(message)} {
			got, err := story("", strings.NewReader(text))
			if refusal := (*soap.Error)(nil); err != nil && !errors.As(err, &refusal) {
				t.Fatalf("%v", err)
			}
			if err != nil {
				continue
			}
			if bytes.HasPrefix([]byte(text), []byte("\xff\xfe")) || bytes.IndexByte([]byte(text), 0) >= 0 {
				continue // UTF-16, which encoding/xml does not read
			}
			want, err := oracleStory([]byte(text))
			if err != nil && strings.Contains(text, "encoding") {
				continue // it knows fewer encodings
			}
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%q:\ngot  %q\nwant %q, %v", message, got, want, err)
			}
		}
	})
}

func TestAStreamPassesOnWhatItsSourceSays(t *testing.T) {
	gone := errors.New("gone")
	message := envelope("", `<a>`+strings.Repeat("x", 100_000)+`</a>`)
	for _, at := range []int{0, 5, 1000, 50_000, len(message)} {
		r := io.MultiReader(strings.NewReader(message[:at]), iotest.ErrReader(gone))
		if _, err := story("text/xml", r); err != gone {
			t.Errorf("after %d bytes: %v", at, err)
		}
	}
}

func TestAStreamRefusesWhatIsTooLarge(t *testing.T) {
	const most = 600_000
	for name, message := range map[string]string{
		"a text":          `<a>` + strings.Repeat("x", most) + `</a>`,
		"a comment":       `<a><!--` + strings.Repeat("x", most) + `--></a>`,
		"a CDATA section": `<a><![CDATA[` + strings.Repeat("x", most) + `]]></a>`,
		"an attribute":    `<a b="` + strings.Repeat("x", most) + `"/>`,
		"deep nesting":    strings.Repeat(`<a>`, 200),
	} {
		_, err := story("", strings.NewReader(message))
		if !errors.Is(err, soap.KindTooLarge) && !errors.Is(err, soap.KindTooComplex) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// decodeBase64 reads the only element of a message as base64.
func decodeBase64(message string) (string, error) {
	in, err := soap.NewStream("", strings.NewReader(message))
	if err != nil {
		return "", err
	}
	if _, err := in.Next(); err != nil {
		return "", err
	}
	var out strings.Builder
	if err := in.Base64(&out); err != nil {
		return "", err
	}
	for _, want := range []soap.Event{soap.End, soap.EOF} {
		if e, err := in.Next(); err != nil || e != want {
			return "", fmt.Errorf("event %d, %w", e, err)
		}
	}
	return out.String(), nil
}

func TestBase64IsDecodedWhileItIsRead(t *testing.T) {
	content := strings.Repeat("0123456789abcdef\x00\xff", 20_000)
	plain := base64.StdEncoding.EncodeToString([]byte(content))
	lines := func(size int, end string) string {
		var b strings.Builder
		for line := range slices.Chunk([]byte(plain), size) {
			b.Write(line)
			b.WriteString(end)
		}
		return b.String()
	}
	for name, text := range map[string]string{
		"in one line":                    plain,
		"in lines of 60":                 lines(60, "\n"),
		"in lines of 76, as in mail":     lines(76, "\r\n"),
		"in lines that are indented":     lines(77, "\n\t\t  "),
		"in lines with references":       lines(76, "&#13;\n"),
		"in lines with carriage returns": lines(61, "\r"),
		"in words":                       lines(1001, " "),
		"in a CDATA section":             "\n<![CDATA[" + plain + "\n]]>\n",
		"in many CDATA sections":         "<![CDATA[" + lines(7001, "]]><![CDATA[") + "]]>",
		"with comments":                  lines(9001, "<!-- = --><?p =?>"),
		"with characters as references":  strings.ReplaceAll(plain, "z", "&#x7a;"),
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := decodeBase64("<a>" + text + "</a>"); err != nil || got != content {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	for _, empty := range []string{"<a/>", "<a></a>", "<a> \n</a>", "<a><![CDATA[]]></a>", "<a><!-- AAAA --></a>"} {
		if got, err := decodeBase64(empty); err != nil || got != "" {
			t.Errorf("%s: %q, %v", empty, got, err)
		}
	}
}

func TestAnErrorOfTheWriterEndsBase64(t *testing.T) {
	full := errors.New("full")
	in, err := soap.NewStream("", strings.NewReader("<a>QUJD</a>"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.Next(); err != nil {
		t.Fatal(err)
	}
	if err := in.Base64(failing{full}); err != full {
		t.Errorf("%v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// FuzzBase64 holds that a text is decoded as encoding/base64 decodes it without its white space.
func FuzzBase64(f *testing.F) {
	for _, seed := range []string{
		"", "QUJD", "QUI=", "QQ==", "QQ=", "QQ==QQ==", "QQ==\n \r\n", "Q U\tJ\r\nD", "QUJD&#13;&#x51;UJD",
		"QUJ", "QU=D", "====", "-_-_", "QR==", "QUJD]]>",
		"<![CDATA[QUJD]]>", "<![CDATA[QU]]>JD", "<![CDATA[QUJ]D]]>", "QU<!-- x -->JD<?y z?>", "QU\xc3\xa9D",
	} {
		f.Add(seed, 0)
		f.Add(seed, 65_535)
	}
	f.Fuzz(func(t *testing.T, text string, before int) {
		message := "<a>" + strings.Repeat("A", max(0, min(before, 100_000))) + text + "</a>"
		got, err := decodeBase64(message)
		told, ill := story("", strings.NewReader(message))
		if ill != nil || len(told) != 6 || strings.Contains(text, "encoding") {
			if err == nil && ill != nil {
				t.Fatalf("%q is decoded, and refused with %v", text, ill)
			}
			return
		}
		want, bad := base64.StdEncoding.DecodeString(strings.Map(func(r rune) rune {
			if strings.ContainsRune(" \t\r\n", r) {
				return -1
			}
			return r
		}, told[2]))
		if (err == nil) != (bad == nil) || err == nil && got != string(want) {
			t.Errorf("%q: %d bytes, %v, want %d, %v", text, len(got), err, len(want), bad)
		}
	})
}

// A message of any size takes the same memory.
func TestAStreamKeepsNothing(t *testing.T) {
	const size = 30 << 20
	for name, one := range map[string]string{
		"a long text":   strings.Repeat("QUJD", 1<<10),
		"many elements": `<b xmlns:c="urn:c"><c:d e="f">QUJD</c:d></b>`,
		"many comments": `<!-- comment -->`,
	} {
		t.Run(name, func(t *testing.T) {
			source := &repeated{text: []byte(one), n: size / len(one), before: live()}
			in, err := soap.NewStream("", io.MultiReader(strings.NewReader("<a>"), source, strings.NewReader("</a>")))
			for e := soap.Event(0); err == nil && e != soap.EOF; {
				if e, err = in.Next(); e == soap.Start {
					err = in.Base64(io.Discard)
				}
			}
			if err != nil || source.n > 0 {
				t.Errorf("%v, %d are left", err, source.n)
			}
			if source.most > 512<<10 {
				t.Errorf("%d KB were in use", source.most>>10)
			}
		})
	}
}

// live is how many bytes are in use.
func live() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// repeated is a text n times. It looks at each MB how much memory is in use.
type repeated struct {
	text         []byte
	at, n, read  int
	before, most int64
}

func (r *repeated) Read(p []byte) (n int, err error) {
	for r.n > 0 && n < len(p) {
		m := copy(p[n:], r.text[r.at:])
		n += m
		if r.at += m; r.at == len(r.text) {
			r.at = 0
			r.n--
		}
	}
	if (r.read+n)>>20 > r.read>>20 {
		r.most = max(r.most, live()-r.before)
	}
	if r.read += n; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}
