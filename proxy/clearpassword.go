package proxy

import (
	"bytes"
	"io"
	"net/http"
	"strings"

	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/reply"
)

// holdsBack refuses a call with a password where no API of DocuSign reads one, so that translating the call would leave it there: in
// the query, in a form, in a SOAP message sent to a path that is no service. What an observed integration sends passes as it is.
func (x *exchange) holdsBack(r *http.Request) bool {
	if x.listed || x.event.Mode == "observe" && x.decision.Attributed() {
		return false
	}
	what := ""
	switch {
	case legacy.FormHasPassword(r.URL.RawQuery):
		what = "a password in the query"
	case !x.route.soap() && sendsSOAP(r.Header):
		what = "a SOAP message to a path that is no SOAP service"
	case x.sendsForm(r):
		form, err := peekForm(r)
		if err != nil {
			x.callerFailed(r, err)
			return true
		}
		switch {
		case x.route.api != APIAccountServer && !isForm(form):
		case legacy.FormHasPassword(string(form)):
			what = "a form with a password"
		case len(form) > maxForm || r.Header.Get("Content-Encoding") != "":
			what = "a form that cannot be looked through for passwords"
		}
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

func sendsSOAP(h http.Header) bool {
	return len(h["Soapaction"]) > 0 || mediaType(h) == "application/soap+xml"
}

// sendsForm tells which bodies may be forms: at the account server's own end points whatever the Content-Type says, since that is
// where grant_type=password would go.
func (x *exchange) sendsForm(r *http.Request) bool {
	if r.Body == nil || r.Body == http.NoBody || x.route.soap() {
		return false
	}
	if x.route.api == APIAccountServer {
		_, own := cutPrefixFold(r.URL.Path, "/oauth/")
		return own
	}
	return mediaType(r.Header) == "application/x-www-form-urlencoded"
}

func mediaType(h http.Header) string {
	media, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(media))
}

// peekForm gives the beginning of a body and leaves the body as it was.
func peekForm(r *http.Request) ([]byte, error) {
	body := r.Body
	began, err := io.ReadAll(io.LimitReader(body, maxForm+1))
	if err != nil {
		return nil, err
	}
	r.Body = &joinedBody{Reader: io.MultiReader(bytes.NewReader(began), body), Closer: body}
	return began, nil
}

// isForm tells a form from JSON and XML, which curl calls a form as well.
func isForm(text []byte) bool {
	text = bytes.TrimLeft(bytes.TrimPrefix(text, []byte("\ufeff")), " \t\r\n")
	return len(text) > 0 && !bytes.ContainsAny(text[:1], "{[<")
}
