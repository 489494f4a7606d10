package reply

import (
	"cmp"
	"net/http"
	"strings"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/translate/soap"
)

const maxActor = 2048

// RefuseOperation answers f to a call of operation in the service with that namespace. Credential.Login and the
// operations of AccountManagement whose result has Success and Error report a caller's failure inside a 200 answer
// (PROTOCOL.md §4.7, §9). A failure of the services themselves is a fault everywhere: Success=false would look like a
// wrong password and lock people out.
func (c Caller) RefuseOperation(namespace, operation string, f Failure) Answer {
	e := f.in(c.Dialect)
	if e.transient() || e.code == "" {
		return c.Refuse(f)
	}
	result := failedResult(namespace, operation, e, f.message(e))
	if result == "" {
		return c.Refuse(f)
	}
	a := c.result(namespace, operation, result)
	f.headers(e, a.Header)
	return a
}

// failedResult is the result of an operation that has a place for a failure in it: ErrorCode or Error; "" = it has
// none. What else it requires has the value of an empty .NET object, because strict readers miss it otherwise.
func failedResult(namespace, operation string, e entry, message string) string {
	service := services.ByNamespace(namespace)
	if service == nil || !service.Has(operation) {
		return ""
	}
	result := service.Description().Operation(operation).Result()
	if result == nil || result.Element("ErrorCode") == nil && result.Element("Error") == nil {
		return ""
	}
	member, login := e.inResult()
	var b strings.Builder
	for _, part := range result.Elements {
		switch {
		case part.Name == "Success":
			b.WriteString(element("Success", "false"))
		case part.Name == "ErrorCode":
			b.WriteString(element("ErrorCode", login))
		case part.Name == "AuthenticationMessage":
			b.WriteString(element("AuthenticationMessage", message))
		case part.Name == "Error":
			b.WriteString("<Error>" + element("ErrorCode", member) + element("Description", message) + "</Error>")
		case part.Min > 0 && part.Type.Base == "dateTime":
			b.WriteString(element(part.Name, "0001-01-01T00:00:00"))
		case part.Min > 0 && part.Type.Base == "boolean":
			b.WriteString(element(part.Name, "false"))
		case part.Min > 0:
			b.WriteString(element(part.Name, "0"))
		}
	}
	return b.String()
}

// Relay answers a SOAP call that was carried out over REST with the error that REST gave, in a fault. body is its
// beginning. ok is false when there is no error code in it.
func (c Caller) Relay(status int, body []byte) (a Answer, ok bool) {
	e := readError(body)
	if e.code == "" {
		return a, false
	}
	return c.fault(entry{status: status, code: e.code}, cmp.Or(ErrorText(body), Symbol(e.code))), true
}

// Ping answers Ping, which needs no login, with true.
func (c Caller) Ping(namespace string) Answer { return c.result(namespace, "Ping", "true") }

// URLResult answers GetAuthenticationToken, RequestSenderToken or RequestCorrectToken with the URL they ask for. The
// URL is a one-time login, so the answer must not be kept.
func (c Caller) URLResult(namespace, operation string, url secret.Text) Answer {
	if !services.KnowsOperation(operation) {
		return c.Refuse(Failure{Kind: call.KindBadRequest})
	}
	return confidential(c.result(namespace, operation, xmlText(url.Reveal())))
}

// EncryptedPassword answers AccountManagement.GetEncryptedPassword (PROTOCOL.md §4.8). password must be the proxy's
// own.
func (c Caller) EncryptedPassword(password secret.Text) Answer {
	return confidential(c.result(services.NamespaceAccountManagement, "GetEncryptedPassword",
		element("EncryptedPassword", password.Reveal())+element("Success", "true")))
}

// result answers an operation with what its result holds, in XML.
func (c Caller) result(namespace, operation, result string) Answer {
	return c.envelope(http.StatusOK, `<`+operation+`Response xmlns="`+xmlText(namespace)+`"><`+operation+`Result>`+
		result+`</`+operation+`Result></`+operation+`Response>`)
}

// fault is laid out as ASP.NET does it (PROTOCOL.md §9): the readable sentence stands in faultstring, because that is
// what callers show, and again in Reason behind the symbolic ErrorCode.
func (c Caller) fault(e entry, message string) Answer {
	client, server, node := "soap:Client", "soap:Server", "faultactor"
	if c.Dialect == SOAP12 {
		client, server, node = "soap:Sender", "soap:Receiver", "soap:Node"
	}
	code, actor := client, ""
	if e.transient() {
		code = server
	}
	if c.Actor != "" && len(c.Actor) <= maxActor {
		actor = element(node, c.Actor)
	}
	detail := element("ErrorCode", Symbol(e.code)) + element("Reason", message)
	text := element("faultcode", code) + element("faultstring", message) + actor + `<detail>` + detail + `</detail>`
	if c.Dialect == SOAP12 {
		text = `<soap:Code>` + element("soap:Value", code) + `</soap:Code><soap:Reason><soap:Text xml:lang="en">` +
			xmlText(message) + `</soap:Text></soap:Reason>` + actor + `<soap:Detail>` + detail + `</soap:Detail>`
	}
	return c.envelope(http.StatusInternalServerError, `<soap:Fault>`+text+`</soap:Fault>`)
}

// Symbol turns a REST errorCode into the name that SOAP uses for it: USER_LACKS_MEMBERSHIP is User_Lacks_Membership
// there.
func Symbol(code string) string {
	words := strings.Split(strings.ToLower(code), "_")
	for i, word := range words {
		if word != "" {
			words[i] = strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return strings.Join(words, "_")
}

func (c Caller) envelope(status int, body string) Answer {
	namespace, contentType := soap.NamespaceSOAP11, contentTypeSOAP11
	if c.Dialect == SOAP12 {
		namespace, contentType = soap.NamespaceSOAP12, contentTypeSOAP12
	}
	header := ""
	if !c.Timestamp.IsZero() {
		header = `<soap:Header>` + soap.SecurityHeader("Timestamp-1", c.Timestamp) + `</soap:Header>`
	}
	return c.answer(status, contentType, `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="`+namespace+
		`">`+header+`<soap:Body>`+body+`</soap:Body></soap:Envelope>`)
}
