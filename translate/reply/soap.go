package reply

import (
	"net/http"
	"strings"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/services"
)

// Namespaces of envelopes.
const (
	NamespaceSOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
	NamespaceSOAP12 = "http://www.w3.org/2003/05/soap-envelope"
)

const (
	namespaceWSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	namespaceWSU  = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	timestampLife = 5 * time.Minute
	timestampForm = "2006-01-02T15:04:05.000Z"
	maxActor      = 2048
)

// RefuseOperation answers f to a call of operation in the service with that namespace. Credential.Login and the
// operations of AccountManagement whose result has Success and Error report a caller's failure inside a 200 answer
// (PROTOCOL.md §4.7, §9). A failure of the services themselves is a fault everywhere: Success=false would look like a
// wrong password and lock people out.
func (c Caller) RefuseOperation(namespace, operation string, f Failure) Answer {
	e := f.in(c.Dialect)
	if e.transient() || e.code == "" {
		return c.Refuse(f)
	}
	b, ok := c.failedResult(namespace, operation, e, f.message(e))
	if !ok {
		return c.Refuse(f)
	}
	a := c.envelopeAnswer(http.StatusOK, b)
	f.headers(e, a.Header)
	return a
}

// Relay answers a SOAP call that was carried out over REST with the error that REST gave, in a fault. body is its
// beginning. ok is false when there is no error code in it.
func (c Caller) Relay(status int, body []byte) (a Answer, ok bool) {
	e := readError(body)
	if e.code == "" {
		return a, false
	}
	text := strings.TrimSpace(e.message)
	if text == "" {
		text = symbol(e.code)
	}
	return c.fault(entry{status: status, code: e.code}, text[:min(len(text), maxErrorText)]), true
}

// Ping answers Ping, which needs no login, with true.
func (c Caller) Ping(namespace string) Answer { return c.result(namespace, "Ping", "true") }

// URLResult answers GetAuthenticationToken, RequestSenderToken or RequestCorrectToken with the URL they ask for. The
// URL is a one-time login, so the answer must not be kept.
func (c Caller) URLResult(namespace, operation string, url secret.Text) Answer {
	if !isName(operation) {
		return c.Refuse(Failure{Kind: call.KindBadRequest})
	}
	return confidential(c.result(namespace, operation, url.Reveal()))
}

// EncryptedPassword answers AccountManagement.GetEncryptedPassword (PROTOCOL.md §4.8). password must be the proxy's
// own.
func (c Caller) EncryptedPassword(password secret.Text) Answer {
	const operation = "GetEncryptedPassword"
	b := c.openResult(services.NamespaceAccountManagement, operation)
	b = appendElement(b, "EncryptedPassword", password.Reveal())
	b = append(b, `<Success>true</Success>`...)
	return confidential(c.envelopeAnswer(http.StatusOK, closeResult(b, operation)))
}

func (c Caller) result(namespace, operation, text string) Answer {
	b := c.openResult(namespace, operation)
	b = appendXML(b, text)
	return c.envelopeAnswer(http.StatusOK, closeResult(b, operation))
}

func (c Caller) openResult(namespace, operation string) []byte {
	b := append(c.openEnvelope(), '<')
	b = append(b, operation...)
	b = append(b, `Response xmlns="`...)
	b = appendXML(b, namespace)
	b = append(b, `"><`...)
	b = append(b, operation...)
	return append(b, `Result>`...)
}

func closeResult(b []byte, operation string) []byte {
	return appendEnd(appendEnd(b, operation+"Result"), operation+"Response")
}

// fault is laid out as ASP.NET does it (PROTOCOL.md §9): the readable sentence stands in faultstring, because that is
// what callers show, and again in Reason behind the symbolic ErrorCode.
func (c Caller) fault(e entry, message string) Answer {
	b := append(c.openEnvelope(), `<soap:Fault>`...)
	detail := "detail"
	if c.Dialect == SOAP12 {
		detail = "soap:Detail"
		b = append(b, `<soap:Code><soap:Value>`+faultCode(e, "soap:Receiver", "soap:Sender")+
			`</soap:Value></soap:Code><soap:Reason><soap:Text xml:lang="en">`...)
		b = appendXML(b, message)
		b = append(b, `</soap:Text></soap:Reason>`...)
	} else {
		b = appendElement(b, "faultcode", faultCode(e, "soap:Server", "soap:Client"))
		b = appendElement(b, "faultstring", message)
	}
	b = c.appendActor(b)
	b = append(b, '<')
	b = append(b, detail+">"...)
	b = appendElement(b, "ErrorCode", symbol(e.code))
	b = appendElement(b, "Reason", message)
	b = appendEnd(b, detail)
	return c.envelopeAnswer(http.StatusInternalServerError, append(b, `</soap:Fault>`...))
}

func faultCode(e entry, server, client string) string {
	if e.transient() {
		return server
	}
	return client
}

func (c Caller) appendActor(b []byte) []byte {
	if c.Actor == "" || len(c.Actor) > maxActor {
		return b
	}
	if c.Dialect == SOAP12 {
		return appendElement(b, "soap:Node", c.Actor)
	}
	return appendElement(b, "faultactor", c.Actor)
}

// symbol turns a REST errorCode into the name that SOAP uses for it: USER_LACKS_MEMBERSHIP is User_Lacks_Membership
// there.
func symbol(code string) string {
	b := []byte(strings.ToLower(code))
	for i := range b {
		if (i == 0 || b[i-1] == '_') && b[i] >= 'a' && b[i] <= 'z' {
			b[i] -= 'a' - 'A'
		}
	}
	return string(b)
}

func (c Caller) openEnvelope() []byte {
	namespace := NamespaceSOAP11
	if c.Dialect == SOAP12 {
		namespace = NamespaceSOAP12
	}
	b := make([]byte, 0, 1024)
	b = append(b, `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="`+namespace+`">`...)
	if !c.Timestamp.IsZero() {
		b = append(b, `<soap:Header><wsse:Security xmlns:wsse="`+namespaceWSSE+`" xmlns:wsu="`+namespaceWSU+
			`"><wsu:Timestamp wsu:Id="Timestamp-1"><wsu:Created>`...)
		b = c.Timestamp.UTC().AppendFormat(b, timestampForm)
		b = append(b, `</wsu:Created><wsu:Expires>`...)
		b = c.Timestamp.Add(timestampLife).UTC().AppendFormat(b, timestampForm)
		b = append(b, `</wsu:Expires></wsu:Timestamp></wsse:Security></soap:Header>`...)
	}
	return append(b, `<soap:Body>`...)
}

func (c Caller) envelopeAnswer(status int, open []byte) Answer {
	contentType := contentTypeSOAP11
	if c.Dialect == SOAP12 {
		contentType = contentTypeSOAP12
	}
	return c.answer(status, contentType, append(open, `</soap:Body></soap:Envelope>`...))
}
