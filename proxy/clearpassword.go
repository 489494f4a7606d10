package proxy

import (
	"bytes"
	"io"
	"net/http"
	"regexp"
	"strings"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/proxy/body"
	"docusign-auth-proxy/proxy/route"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/soap"
)

// holdsBack refuses a call with a password where no API of DocuSign reads one, so that translating the call would
// leave it there: in the query, in a form, in a SOAP message sent to a path that is no service. What an observed
// integration sends passes as it is.
func (f *forward) holdsBack() error {
	if f.listed || f.event.Mode == "observe" && f.decision.Attributed() {
		return nil
	}
	r, what := f.r, ""
	_, parameters, _ := strings.Cut(r.URL.Path, ";")
	switch {
	case legacy.FormHasPassword(r.URL.RawQuery):
		what = "a password in the query"
	case legacy.FormHasPassword(parameters):
		what = "a password in the path"
	case r.ContentLength != 0 && !f.route.SOAP():
		body, err := f.peek()
		if err != nil {
			return f.bodyError(err)
		}
		what = f.exposed(body)
	}
	if what == "" {
		return nil
	}
	return &call.Error{
		Kind:   call.KindClearPassword,
		Detail: what + ", which would reach DocuSign in clear",
		NextStep: "the program has to send its credential in X-DocuSign-Authentication, in the SOAP message to its " +
			"service, or to oauth2/token",
	}
}

// exposed says what in the beginning of a body must not leave.
func (f *forward) exposed(body []byte) string {
	r := f.r
	media := mediaType(r.Header)
	_, ownEndPoint := route.CutPrefixFold(r.URL.Path, "/oauth")
	switch {
	case len(r.Header["Soapaction"]) > 0 && !beginsWith(body, "{["), media == "application/soap+xml",
		bytes.Contains(body, []byte(soap.NamespaceSOAP11)), bytes.Contains(body, []byte(soap.NamespaceSOAP12)):
		return "a SOAP message to a path that is no SOAP service"
	case f.route.API == call.APIAccountServer && !ownEndPoint:
		// The pages on which people log in to DocuSign take passwords; programs cannot use them.
		if strings.EqualFold(legacy.GrantType(body), "password") {
			return "grant_type=password"
		}
	case f.route.API != call.APIAccountServer && (media != formType || beginsWith(body, "{[<")):
	case legacy.FormHasPassword(string(body)):
		return "a form with a password"
	case len(body) > maxForm && formBegins.Match(body), r.Header.Get("Content-Encoding") != "",
		strings.HasPrefix(media, "multipart/"):
		return "a form that cannot be looked through for passwords"
	}
	return ""
}

const formType = "application/x-www-form-urlencoded"

// formBegins tells a form from a document, which curl --data-binary calls a form as well.
var formBegins = regexp.MustCompile(`^\x{FEFF}?[\s&]*[!-%'-<>-~]{1,64}=`)

// peek gives the beginning of a body that may be a form or a SOAP message, and leaves the body as it was. At the
// account server, and beside a SOAPAction, that is any body, since the Content-Type may be wrong.
func (f *forward) peek() ([]byte, error) {
	r := f.r
	if f.route.API != call.APIAccountServer && len(r.Header["Soapaction"]) == 0 {
		switch media := mediaType(r.Header); {
		case media == "", media == formType, media == "multipart/related", strings.Contains(media, "xml"):
		default:
			return nil, nil
		}
	}
	rest := r.Body
	began, err := io.ReadAll(io.LimitReader(rest, maxForm+1))
	if err != nil {
		return nil, err
	}
	r.Body = &body.Joined{Reader: io.MultiReader(bytes.NewReader(began), rest), Closer: rest}
	return began, nil
}

func mediaType(h http.Header) string {
	media, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(media))
}

// beginsWith reports whether a text is empty or begins with one of the characters: curl calls JSON and XML a form as
// well.
func beginsWith(text []byte, one string) bool {
	text = bytes.TrimLeft(bytes.TrimPrefix(text, []byte("\ufeff")), " \t\r\n")
	return len(text) == 0 || bytes.ContainsAny(text[:1], one)
}
