package answer

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"time"

	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/translate/soap"
)

const (
	namespaceAddressing = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
	namespaceWSS        = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-"
)

// envelope is what stands before and behind the content of the Body (SOAP-REST.md §2.0): one line, the prefixes in
// this order.
func (w *Writer) envelope(action string) (head, tail string) {
	namespace := soap.NamespaceSOAP11
	if w.SOAP12 {
		namespace = soap.NamespaceSOAP12
	}
	prefixes, header := "", ""
	now := w.Now().UTC()
	switch {
	case w.Header == "recorded" && w.Service.Reads == services.UsernameToken:
		prefixes = ` xmlns:wsa="` + namespaceAddressing + `" xmlns:wsse="` + namespaceWSS + `secext-1.0.xsd"` +
			` xmlns:wsu="` + namespaceWSS + `utility-1.0.xsd"`
		header = recorded(action, cmp.Or(w.MessageID, "urn:uuid:"+GUID()), now)
	case w.Header != "never" && w.HasTimestamp:
		header = `<soap:Header>` + soap.SecurityHeader("Timestamp-1", now) + `</soap:Header>`
	}
	return `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="` + namespace + `"` +
		` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema"` +
		prefixes + `>` + header + `<soap:Body>`, `</soap:Body></soap:Envelope>`
}

// recorded is the header of api.asmx, which came without being asked for. It relates to the request's MessageID, by
// which WSE and WCF know whose answer it is, and to a GUID where the request had none.
func recorded(action, relatesTo string, now time.Time) string {
	const layout, life = "2006-01-02T15:04:05Z", 5 * time.Minute
	return `<soap:Header><wsa:Action>` + action + `</wsa:Action><wsa:MessageID>urn:uuid:` + GUID() + `</wsa:MessageID>` +
		`<wsa:RelatesTo>` + escape(relatesTo) + `</wsa:RelatesTo>` +
		`<wsa:To>` + namespaceAddressing + `/role/anonymous</wsa:To>` +
		`<wsse:Security><wsu:Timestamp wsu:Id="Timestamp-` + GUID() + `"><wsu:Created>` + now.Format(layout) +
		`</wsu:Created><wsu:Expires>` + now.Add(life).Format(layout) + `</wsu:Expires></wsu:Timestamp></wsse:Security>` +
		`</soap:Header>`
}

// GUID makes a random one (RFC 9562 §5.4).
func GUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
