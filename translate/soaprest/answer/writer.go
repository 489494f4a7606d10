package answer

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/translate/soaprest/fault"
)

const flushed = 32 << 10

// Result answers the operation with that value. Everything is looked through once before the first byte: an error is a
// *fault.Fault where DocuSign's data do not fit, else a mistake of the proxy.
func (w *Writer) Result(result any) (*Answer, error) {
	o := w.Service.Description().Operation(w.Operation)
	if o == nil {
		return nil, fmt.Errorf("%s has no operation %s", w.Service.Base(), w.Operation)
	}
	head, tail := w.envelope(w.Service.Action(w.Operation) + "Response")
	content := func(k *walk) error {
		k.text(head)
		k.start(w.Operation+"Response", ` xmlns="`+w.Service.Namespace+`"`)
		if err := k.members(o.Answer, Fields{w.Operation + "Result": result}); err != nil {
			return fmt.Errorf("answer of %s: %w", w.Operation, err)
		}
		k.end(w.Operation + "Response")
		k.text(tail)
		return k.err
	}
	tried := &walk{Writer: w}
	if err := content(tried); err != nil {
		return nil, err
	}
	a := w.answer(http.StatusOK, "private, max-age=0")
	// A text is a URL that logs a person in, and a Stream is a document: neither may be kept by a cache.
	if _, isText := result.(string); isText || tried.streams {
		a.Header.Set("Cache-Control", "no-store")
	}
	if a.Length = tried.written; tried.unknown {
		a.Length = -1
	}
	a.Write = func(to io.Writer) error {
		b := bufio.NewWriterSize(to, flushed)
		k := &walk{Writer: w, to: b}
		if err := content(k); err != nil {
			return err
		}
		if a.Length >= 0 && k.written != a.Length {
			return fmt.Errorf("answer of %s: %d bytes, not %d", w.Operation, k.written, a.Length)
		}
		return b.Flush()
	}
	return a, nil
}

// Fault answers with why not (SOAP-REST.md §5.2).
func (w *Writer) Fault(f *fault.Fault) *Answer {
	head, tail := w.envelope(namespaceAddressing + "/fault")
	var b strings.Builder
	k := &walk{Writer: w, to: &b}
	k.text(head)
	k.fault(f)
	k.text(tail)
	a := w.answer(http.StatusInternalServerError, "private")
	if f.RetryAfter != "" {
		a.Header.Set("Retry-After", f.RetryAfter)
	}
	a.Length = k.written
	a.Write = func(to io.Writer) error {
		_, err := io.WriteString(to, b.String())
		return err
	}
	return a
}

// fault has no faultactor, and an empty detail where the message broke the schema.
func (k *walk) fault(f *fault.Fault) {
	code, detail := "Server", ""
	if f.Client {
		code = "Client"
	}
	if !f.Schema {
		detail = fmt.Sprintf("<ErrorCode>%d</ErrorCode><Reason>%s</Reason>", f.Number, escape(f.Reason))
	}
	k.start("soap:Fault", "")
	if k.SOAP12 {
		code = map[string]string{"Client": "soap:Sender", "Server": "soap:Receiver"}[code]
		k.text(`<soap:Code><soap:Value>` + code + `</soap:Value></soap:Code>` +
			`<soap:Reason><soap:Text xml:lang="en">` + escape(f.Name) + `</soap:Text></soap:Reason>`)
		k.start("soap:Detail", "")
		k.text(detail)
		k.end("soap:Detail")
	} else {
		k.leaf("faultcode", "", "soap:"+code)
		k.leaf("faultstring", "", f.Name)
		k.start("detail", "")
		k.text(detail)
		k.end("detail")
	}
	k.end("soap:Fault")
}

func (w *Writer) answer(status int, cache string) *Answer {
	contentType := "text/xml; charset=utf-8"
	if w.SOAP12 {
		contentType = "application/soap+xml; charset=utf-8"
	}
	return &Answer{Status: status, Close: func() {}, Header: http.Header{
		"Content-Type": {contentType}, "Cache-Control": {cache}, "Vary": {"Accept-Encoding"},
	}}
}

// date writes a time as DocuSign did: in the zone, without an offset, without zeros at the end (SOAP-REST.md §2.2,
// §11.10).
func (w *Writer) date(t time.Time, element *services.Element) string {
	layout := "2006-01-02T15:04:05.999"
	if element.Name == "TimeGenerated" {
		layout += "9999"
	}
	t = t.In(w.Zone)
	if w.Zone.String() == "UTC" {
		layout += "Z"
	}
	return t.Format(layout)
}

// escape makes character data. What XML 1.0 cannot carry is left out (SOAP-REST.md §2).
func escape(s string) string {
	special := func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' || r == '&' || r == '<' || r == '>' || r >= utf8.RuneError
	}
	if strings.IndexFunc(s, special) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '&':
			b.WriteString("&amp;")
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '\r':
			b.WriteString("&#xD;")
		case r < ' ' && r != '\t' && r != '\n', r == 0xfffe, r == 0xffff:
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// quote makes an attribute's value.
func quote(s string) string {
	return strings.NewReplacer(`"`, "&quot;", "\t", "&#x9;", "\n", "&#xA;").Replace(escape(s))
}
