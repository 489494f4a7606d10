package body

import (
	"bytes"
	"io"
	"net/http"
	"regexp"
	"strings"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/proxy/route"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/soap"
)

// MaxForm is how long a form may be, in bytes.
const MaxForm = 16 << 10

// ClearPassword says what password a call has where no API of DocuSign reads one: in the query, in a form, in a SOAP
// message sent to a path that is no service; "" = none. Translating the call would leave it there.
func ClearPassword(r *http.Request, to route.Route) (what string, err error) {
	_, parameters, _ := strings.Cut(r.URL.Path, ";")
	switch {
	case legacy.FormHasPassword(r.URL.RawQuery):
		return "a password in the query", nil
	case legacy.FormHasPassword(parameters):
		return "a password in the path", nil
	case r.ContentLength == 0 || to.SOAP():
		return "", nil
	}
	began, err := beginning(r, to)
	if err != nil {
		return "", err
	}
	return exposed(r, to, began), nil
}

// exposed says what in the beginning of a body must not leave.
func exposed(r *http.Request, to route.Route, body []byte) string {
	media := mediaType(r.Header)
	_, ownEndPoint := route.CutPrefixFold(r.URL.Path, "/oauth")
	switch {
	case len(r.Header["Soapaction"]) > 0 && !beginsWith(body, "{["), media == "application/soap+xml",
		bytes.Contains(body, []byte(soap.NamespaceSOAP11)), bytes.Contains(body, []byte(soap.NamespaceSOAP12)):
		return "a SOAP message to a path that is no SOAP service"
	case to.API == call.APIAccountServer && !ownEndPoint:
		// The pages on which people log in to DocuSign take passwords; programs cannot use them.
		if strings.EqualFold(legacy.GrantType(body), "password") {
			return "grant_type=password"
		}
	case to.API != call.APIAccountServer && (media != formType || beginsWith(body, "{[<")):
	case legacy.FormHasPassword(string(body)):
		return "a form with a password"
	case len(body) > MaxForm && formBegins.Match(body), r.Header.Get("Content-Encoding") != "",
		strings.HasPrefix(media, "multipart/"):
		return "a form that cannot be looked through for passwords"
	}
	return ""
}

const formType = "application/x-www-form-urlencoded"

// formBegins tells a form from a document, which curl --data-binary calls a form as well.
var formBegins = regexp.MustCompile(`^\x{FEFF}?[\s&]*[!-%'-<>-~]{1,64}=`)

// LooksInside reports whether the body of a call with that header is looked through for passwords.
func LooksInside(h http.Header, to route.Route) bool {
	media := mediaType(h)
	return to.API == call.APIAccountServer || len(h["Soapaction"]) > 0 || media == "" || media == formType ||
		media == "multipart/related" || strings.Contains(media, "xml")
}

// beginning gives the beginning of a body that may be a form or a SOAP message, and leaves the body as it was. At the
// account server, and beside a SOAPAction, that is any body, since the Content-Type may be wrong.
func beginning(r *http.Request, to route.Route) ([]byte, error) {
	if !LooksInside(r.Header, to) {
		return nil, nil
	}
	rest := r.Body
	began, err := io.ReadAll(io.LimitReader(rest, MaxForm+1))
	if err != nil {
		return nil, err
	}
	r.Body = &Joined{Reader: io.MultiReader(bytes.NewReader(began), rest), Closer: rest}
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
