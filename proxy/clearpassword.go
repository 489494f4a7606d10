package proxy

import (
	"bytes"
	"io"
	"net/http"
	"strings"

	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/reply"
	"docusign-auth-proxy/translate/soap"
)

// holdsBack refuses a call with a password where no API of DocuSign reads one, so that translating the call would leave it there: in
// the query, in a form, in a SOAP message sent to a path that is no service. What an observed integration sends passes as it is.
func (x *exchange) holdsBack(r *http.Request) bool {
	if x.listed || x.event.Mode == "observe" && x.decision.Attributed() {
		return false
	}
	what := ""
	if legacy.FormHasPassword(r.URL.RawQuery) {
		what = "a password in the query"
	} else if r.Body != nil && r.Body != http.NoBody && !x.route.soap() {
		body, err := x.peek(r)
		if err != nil {
			x.callerFailed(r, err)
			return true
		}
		what = x.exposed(r, body)
	}
	if what == "" {
		return false
	}
	x.refuse(r, &translate.Error{
		Detail:   what + ", which would reach DocuSign in clear",
		NextStep: "the program has to send its credential in X-DocuSign-Authentication, in the SOAP message to its service, or to oauth2/token",
	}, reply.ClearPassword)
	return true
}

// exposed says what in the beginning of a body must not leave.
func (x *exchange) exposed(r *http.Request, body []byte) string {
	media := mediaType(r.Header)
	_, ownEndPoint := cutPrefixFold(r.URL.Path, "/oauth")
	switch {
	case len(r.Header["Soapaction"]) > 0, media == "application/soap+xml", bytes.Contains(body, []byte(soap.NamespaceSOAP11)), bytes.Contains(body, []byte(soap.NamespaceSOAP12)):
		return "a SOAP message to a path that is no SOAP service"
	case x.route.api == APIAccountServer && !ownEndPoint:
		// The pages on which people log in to DocuSign take passwords; programs cannot use them.
		if strings.EqualFold(legacy.GrantType(body), "password") {
			return "grant_type=password"
		}
	case x.route.api != APIAccountServer && (media != formType || !isForm(body)):
	case legacy.FormHasPassword(string(body)):
		return "a form with a password"
	case len(body) > maxForm || r.Header.Get("Content-Encoding") != "":
		return "a form that cannot be looked through for passwords"
	}
	return ""
}

const formType = "application/x-www-form-urlencoded"

// peek gives the beginning of a body that may be a form or a SOAP message, and leaves the body as it was. At the account server that
// is any body, since the Content-Type may be wrong.
func (x *exchange) peek(r *http.Request) ([]byte, error) {
	media := mediaType(r.Header)
	if x.route.api != APIAccountServer && media != "" && media != formType && !strings.Contains(media, "xml") {
		return nil, nil
	}
	body := r.Body
	began, err := io.ReadAll(io.LimitReader(body, maxForm+1))
	if err != nil {
		return nil, err
	}
	r.Body = &joinedBody{Reader: io.MultiReader(bytes.NewReader(began), body), Closer: body}
	return began, nil
}

func mediaType(h http.Header) string {
	media, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(media))
}

// isForm tells a form from JSON and XML, which curl calls a form as well.
func isForm(text []byte) bool {
	text = bytes.TrimLeft(bytes.TrimPrefix(text, []byte("\ufeff")), " \t\r\n")
	return len(text) > 0 && !bytes.ContainsAny(text[:1], "{[<")
}
