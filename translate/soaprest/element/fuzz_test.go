package element_test

import (
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/spool"
	"docusign-auth-proxy/translate/soap"
	"docusign-auth-proxy/translate/soaprest/element"
	"docusign-auth-proxy/translate/soaprest/fault"
)

// rewrite writes a message with another prefix, white space between elements, and base64 in lines.
func rewrite(t *testing.T, root *element.Element) string {
	var b strings.Builder
	var tag func(e *element.Element)
	tag = func(e *element.Element) {
		fmt.Fprintf(&b, "<x:%s", e.Name)
		for _, name := range slices.Sorted(maps.Keys(e.Attributes)) {
			fmt.Fprintf(&b, " x:%s='", name)
			xml.EscapeText(&b, []byte(e.Attributes[name]))
			b.WriteString("'")
		}
		b.WriteString(">")
		if e.Type.Base == "" {
			b.WriteString("\n<!-- elements -->")
		}
		for _, c := range e.Children {
			tag(c)
			b.WriteString("\n\t")
		}
		if e.Bytes != nil {
			content, err := io.ReadAll(e.Bytes.Reader())
			if err != nil {
				t.Fatal(err)
			}
			for line := range slices.Chunk([]byte(base64.StdEncoding.EncodeToString(content)), 60) {
				b.Write(append(line, "&#13;\n"...))
			}
		}
		xml.EscapeText(&b, []byte(e.Text))
		fmt.Fprintf(&b, "</x:%s>", e.Name)
	}
	b.WriteString("<e:Envelope xmlns:e='http://www.w3.org/2003/05/soap-envelope' xmlns:x='http://www.docusign.net/API/3.0'>")
	b.WriteString("<e:Header><h xmlns=''/></e:Header><e:Body>")
	tag(root)
	b.WriteString("</e:Body></e:Envelope>")
	return b.String()
}

// refused holds that an error says what is wrong with the message.
func refused(t *testing.T, err error) {
	t.Helper()
	_, ofService := errors.AsType[*fault.Fault](err)
	_, ofXML := errors.AsType[*soap.Error](err)
	if err != nil && !ofService && !ofXML {
		t.Fatalf("%v is no refusal", err)
	}
}

// FuzzRead holds that a message is refused, or is understood the same when it is written in another way.
func FuzzRead(f *testing.F) {
	for _, content := range []string{
		"",
		"<Envelope><AccountId>1</AccountId><Documents><Document><ID>1</ID><PDFBytes>JVBE</PDFBytes></Document></Documents></Envelope>",
		"<Envelope><Documents><Document><PDFBytes><![CDATA[J VB]]>E&#13;</PDFBytes></Document><Document/></Documents></Envelope>",
		"<Envelope><Tabs><Tab><Type> SignHere </Type><XPosition>1</XPosition></Tab><Tab><XPosition>x</XPosition></Tab></Tabs></Envelope>",
		"<Envelope><Recipients><Recipient><AccessCode xsi:nil='true'/><ID>1</ID></Recipient></Recipients>\n</Envelope>",
		"<Envelope xsi:type='Envelope'><Subject>a&amp;<![CDATA[<b>]]> &#xE9;\r\n</Subject><EmailBlurb/></Envelope>",
		"<Envelope><Document><PDFBytes><i:Include xmlns:i='http://www.w3.org/2004/08/xop/include' href='cid:a'/></PDFBytes></Document></Envelope>",
		"<Envelope><Subject>a</Subject><Subject>a</Subject></Envelope><Envelope/>",
	} {
		f.Add(content)
		f.Add(message("CreateEnvelope", content))
	}
	api := service(f, "api.asmx")
	pool := spool.New(f.TempDir(), 100, 1<<20)
	read := func(t *testing.T, text string) *element.Message {
		m, err := element.Read(xmlType, strings.NewReader(text), api, "CreateEnvelope", pool)
		refused(t, err)
		return m
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !strings.HasPrefix(text, "<?xml") {
			text = message("CreateEnvelope", text)
		}
		if m := read(t, text); m != nil {
			defer m.Close()
			other := rewrite(t, m.Root)
			again := read(t, other)
			if again == nil {
				t.Fatalf("refused when it is written as %q", other)
			}
			defer again.Close()
			if got, want := write(again.Root), write(m.Root); got != want || m.Digest != again.Digest {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			m.Close()
			again.Close()
		}
		if pool.Used() != 0 {
			t.Errorf("%d bytes stay in the pool", pool.Used())
		}
	})
}

// FuzzParts holds that no message of MTOM ends in anything but a tree or a refusal.
func FuzzParts(f *testing.F) {
	f.Add(multipart(include("a", "b"), "a", "one", "b", "two"))
	f.Add(multipart(include("a"), "a", "one", "a", "two"))
	f.Add(multipart(include(), "a", "one"))
	f.Add("--b\nContent-Type: text/xml\n\n" + include("a") + "\n--b\nContent-ID: a\n\none\n--b--")
	api := service(f, "api.asmx")
	pool := spool.New(f.TempDir(), 100, 1<<20)
	f.Fuzz(func(t *testing.T, text string) {
		const contentType = `multipart/related; type="application/xop+xml"; boundary=b`
		m, err := element.Read(contentType, strings.NewReader(text), api, "CreateEnvelope", pool)
		refused(t, err)
		if m != nil {
			write(m.Root)
			m.Close()
		}
		if pool.Used() != 0 {
			t.Errorf("%d bytes stay in the pool", pool.Used())
		}
	})
}
