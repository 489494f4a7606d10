package soapcompare

import (
	"strings"
	"testing"
)

func TestDifferencesAreNamedElementByElement(t *testing.T) {
	for _, tc := range []struct {
		name, soap, rest string
		want             []string
	}{
		{"equal but for prefixes and space", `<a:R xmlns:a="x"><a:S> Sent </a:S></a:R>`, `<R xmlns="x"><S>Sent</S></R>`, nil},
		{"another text", `<R><Status>Sent</Status></R>`, `<R><Status>Delivered</Status></R>`,
			[]string{`R/Status: SOAP "Sent", REST "Delivered"`}},
		{"an element that REST lacks", `<R><A>1</A></R>`, `<R/>`, []string{`R/A: SOAP "1", REST (absent)`}},
		{"an element that SOAP lacks", `<R/>`, `<R><A><B/></A></R>`, []string{`R/A: SOAP (absent), REST (elements)`}},
		{"nil and empty", `<R><A xmlns:i="i" i:nil="true"/></R>`, `<R><A/></R>`, []string{`R/A: SOAP (nil), REST ""`}},
		{"nil both", `<R><A xmlns:i="i" i:nil="true"/></R>`, `<R><A xmlns:i="i" i:nil="1"/></R>`, nil},
		{"the second of several", `<R><A>1</A><A>2</A></R>`, `<R><A>1</A><A>3</A></R>`,
			[]string{`R/A[2]: SOAP "2", REST "3"`}},
		{"one too few", `<R><A>1</A><A>2</A></R>`, `<R><A>1</A></R>`, []string{`R/A[2]: SOAP "2", REST (absent)`}},
		{"another order", `<R><A/><B/><C/></R>`, `<R><C/><A/></R>`,
			[]string{`R/B: SOAP "", REST (absent)`, `R: SOAP "in the order A, C", REST "in the order C, A"`}},
		{"elements with ids, in another order and one too few", `<R><E><EnvelopeID>A</EnvelopeID><S>1</S></E>` +
			`<E><EnvelopeID>b</EnvelopeID><S>2</S></E><E><EnvelopeID>c</EnvelopeID></E></R>`,
			`<R><E><EnvelopeID>b</EnvelopeID><S>2</S></E><E><EnvelopeID>A</EnvelopeID><S>3</S></E></R>`,
			[]string{
				`R/E[a]/S: SOAP "1", REST "3"`, `R/E[c]: SOAP (elements), REST (absent)`,
				`R/E: SOAP "in the order a, b", REST "in the order b, a"`,
			}},
		{"tabs in another order", `<R><Tab><TabLabel>a</TabLabel></Tab><Tab><TabLabel>b</TabLabel></Tab></R>`,
			`<R><Tab><TabLabel>b</TabLabel></Tab><Tab><TabLabel>a</TabLabel></Tab></R>`,
			[]string{`~R/Tab: SOAP "in the order a, b", REST "in the order b, a" (REST keeps tabs by their kinds)`}},
		{"a text of many bytes", `<R><A>` + strings.Repeat("x", 200) + `</A></R>`, `<R><A>y</A></R>`,
			[]string{`R/A: SOAP "` + strings.Repeat("x", 40) + `"… (200 bytes), REST "y"`}},
		{"the time of the answer", `<R><TimeGenerated>2026-11-26T08:00:00.1234567</TimeGenerated></R>`,
			`<R><TimeGenerated>2026-11-26T08:00:03</TimeGenerated></R>`,
			[]string{`~R/TimeGenerated: SOAP "2026-11-26T08:00:00.1234567", REST "2026-11-26T08:00:03" ` +
				`(the time of the answer)`}},
		{"a time of the answer that is none", `<R><TimeGenerated>2026-11-26T08:00:00</TimeGenerated></R>`,
			`<R><TimeGenerated>soon</TimeGenerated></R>`, []string{`R/TimeGenerated: SOAP "2026-11-26T08:00:00", REST "soon"`}},
		{"thousandths", `<R><Sent>2026-11-26T08:00:00.237</Sent></R>`, `<R><Sent>2026-11-26T08:00:00.236</Sent></R>`,
			[]string{`~R/Sent: SOAP "2026-11-26T08:00:00.237", REST "2026-11-26T08:00:00.236" ` +
				`(thousandths of a second are rounded)`}},
		{"a date in another zone", `<R><Sent>2026-11-26T08:00:00.2</Sent></R>`, `<R><Sent>2026-11-26T16:00:00.2</Sent></R>`,
			[]string{`R/Sent: SOAP "2026-11-26T08:00:00.2", REST "2026-11-26T16:00:00.2" ` +
				`(REST is +8 h later: soap_rest.time_zone)`}},
		{"what REST does not tell", `<R><SenderIPAddress>192.0.2.1</SenderIPAddress></R>`, `<R/>`,
			[]string{`~R/SenderIPAddress: SOAP "192.0.2.1", REST (absent) (REST does not tell)`}},
		{"what REST does not tell and tells otherwise", `<R><SenderIPAddress>192.0.2.1</SenderIPAddress></R>`,
			`<R><SenderIPAddress>192.0.2.2</SenderIPAddress></R>`,
			[]string{`R/SenderIPAddress: SOAP "192.0.2.1", REST "192.0.2.2"`}},
		{"the certificate without an id", `<R><DocumentID/></R>`, `<R/>`,
			[]string{`~R/DocumentID: SOAP "", REST (absent) (the certificate's: soap_rest.certificate_document_id)`}},
		{"a document without its id", `<R><DocumentID>1</DocumentID></R>`, `<R/>`,
			[]string{`R/DocumentID: SOAP "1", REST (absent)`}},
		{"two PDFs", `<R><PDFBytes>JVBERi0xLjQK</PDFBytes></R>`, `<R><PDFBytes>JVBERi0xLjcK</PDFBytes></R>`,
			[]string{`~R/PDFBytes: SOAP "JVBERi0xLjQK", REST "JVBERi0xLjcK" (a PDF is drawn anew each time)`}},
		{"no PDF", `<R><PDFBytes>JVBERi0xLjQK</PDFBytes></R>`, `<R><PDFBytes/></R>`,
			[]string{`R/PDFBytes: SOAP "JVBERi0xLjQK", REST ""`}},
		{"one unit aside", `<R><XPosition>69</XPosition></R>`, `<R><XPosition>68</XPosition></R>`,
			[]string{`~R/XPosition: SOAP "69", REST "68" (rounded from whole points)`}},
		{"two units aside", `<R><YPosition>69</YPosition></R>`, `<R><YPosition>67</YPosition></R>`,
			[]string{`R/YPosition: SOAP "69", REST "67"`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			soap, err := parse([]byte(tc.soap))
			if err != nil {
				t.Fatal(err)
			}
			rest, err := parse([]byte(tc.rest))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range differences(soap.name, soap, rest) {
				text := d.String()
				if d.known != "" {
					text = "~" + text
				}
				got = append(got, text)
			}
			if strings.Join(got, "\n") != strings.Join(tc.want, "\n") {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
			}
		})
	}
}

func TestAnAnswerThatIsNoXMLIsAnError(t *testing.T) {
	for _, text := range []string{"", "Service Unavailable", "<a>", "<a></b>", "<a/><b/>"} {
		if n, err := parse([]byte(text)); err == nil {
			t.Errorf("%q was read as %+v", text, n)
		}
	}
}
