// Package route reads the path of a call: which API it is for, which account it names, and whether it needs a
// credential. It must know no host and no header. Everything behind Clean sees one reading of a path. Package proxy
// chooses the kind of call by it.
package route

import (
	"net/http"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/services"
)

// Route is what the path of a call says.
type Route struct {
	API     call.API
	Service *services.Service // nil = none of DocuSign's SOAP services
	Account string            // account id in the path as it stands there; "" = none
	// At and End delimit the account id in the path.
	At, End int
	Local   Local
	Open    bool // needs no credential (PROTOCOL.md §2.6)
}

// SOAP reports whether the caller speaks SOAP.
func (r Route) SOAP() bool {
	return r.API.SOAP() || r.Local == UnknownService || r.Local == FormBinding
}

// ReadsFrom reports whether the service reads a credential of one of those kinds.
func (r Route) ReadsFrom(kinds ...services.Credential) bool {
	return r.Service != nil && slices.Contains(kinds, r.Service.Reads)
}

// Local is a call that the proxy answers or at least rewrites itself.
type Local uint8

const (
	None Local = iota
	Login
	Password
	Token
	Revoke
	WSDL
	UnknownService // *.asmx that is none of the services
	FormBinding    // x.asmx/Operation (PROTOCOL.md §4.1)
	Help           // anything but POST and ?WSDL of a service
)

// Classify reads a path that Clean has made. It is matched without regard to case as ASP.NET does it (PROTOCOL.md
// §4.1). What is open is an exact list, for GET only (§2.6); HEAD counts as GET, since it asks for the same and gets
// less.
func Classify(method, path, query string) Route {
	if r, ok := classifySOAP(method, path, query); ok {
		return r
	}
	if rest, ok := CutPrefixFold(path, "/restapi"); ok && (rest == "" || rest[0] == '/') {
		return classifyREST(method, path, len(path)-len(rest))
	}
	if services.ByWSDLPath(path) != nil && query == "" && Reads(method) {
		return Route{API: call.APIOther, Open: true, Local: WSDL}
	}
	return Route{API: call.APIOther}
}

// Reads reports whether a call only reads.
func Reads(method string) bool { return method == http.MethodGet || method == http.MethodHead }

func classifyREST(method, path string, pos int) Route {
	version, pos := segment(path, pos)
	first, pos := segment(path, pos)
	second, after := segment(path, pos)
	r := Route{API: call.APIRestOther}
	switch {
	case EqualFold(version, "v2"):
		r.API = call.APIRest2
	case EqualFold(version, "v2.1"):
		r.API = call.APIRest21
	case EqualFold(bareName(version), "oauth2"), // without a version
		EqualFold(bareName(version), "login_information") && first != "":
		first, second = version, first
	}
	switch {
	case first == "":
		r.Open = Reads(method) && (r.API != call.APIRestOther || version == "" ||
			EqualFold(version, "service_information") || EqualFold(version, "help"))
	case EqualFold(first, "accounts") && second != "":
		r.Account, r.At, r.End = second, after-len(second), after
	case EqualFold(bareName(first), "oauth2") && EqualFold(bareName(second), "token"):
		r.API, r.Local = call.APILegacyOAuth, Token
	case EqualFold(bareName(first), "oauth2") && EqualFold(bareName(second), "revoke"):
		r.API, r.Local = call.APILegacyOAuth, Revoke
	case EqualFold(bareName(first), "login_information") && second != "" &&
		(!Reads(method) || EqualFold(bareName(second), "password")):
		r.Local = Password // what may be put below it is a part of the log-in, and the password is the one part there is
	case EqualFold(first, "login_information") && second == "" && method == http.MethodGet:
		r.Local = Login
	}
	return r
}

// bareName is a segment without its parameters: a server that ignores them takes the call for one that the proxy
// answers itself.
func bareName(segment string) string {
	name, _, _ := strings.Cut(segment, ";")
	return name
}

// segment gives the path segment that begins at the slash at pos, and the position after it.
func segment(path string, pos int) (string, int) {
	for pos < len(path) && path[pos] == '/' {
		pos++
	}
	end := pos
	for end < len(path) && path[end] != '/' {
		end++
	}
	return path[pos:end], end
}

// classifySOAP takes every path with a segment like *.asmx.
func classifySOAP(method, path, query string) (Route, bool) {
	at := indexFold(path, ".asmx")
	if at < 0 {
		return Route{}, false
	}
	r := Route{API: call.APIOther, Local: UnknownService}
	if slash := strings.IndexByte(path[at:], '/'); slash >= 0 && strings.Trim(path[at+slash:], "/") != "" {
		r.Local = FormBinding
		return r, true
	}
	if r.Service = services.ByPath(strings.TrimSuffix(path, "/")); r.Service == nil {
		return r, true
	}
	r.API = r.Service.API
	switch {
	case method == http.MethodPost:
		r.Local = None // also with ?WSDL behind it, which some programs leave in the address
	case Reads(method) && asksWSDL(query):
		r.Open, r.Local = true, WSDL
	default:
		r.Local = Help
	}
	return r, true
}

func asksWSDL(query string) bool {
	name, value, _ := strings.Cut(query, "=")
	return EqualFold(name, "wsdl") && PlainID(value)
}

func indexFold(s, part string) int {
	for i := range len(s) {
		if s[i] == part[0] && len(s)-i >= len(part) && strings.EqualFold(s[i:i+len(part)], part) {
			return i
		}
	}
	return -1
}

// EqualFold compares ASCII without case.
func EqualFold(a, b string) bool { return len(a) == len(b) && strings.EqualFold(a, b) }

// CutPrefixFold is strings.CutPrefix without case.
func CutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// IsAPI reports whether a path is one of DocuSign's APIs, and no page for a browser.
func IsAPI(path string) bool {
	for _, prefix := range [...]string{"/restapi", "/api/3.0"} {
		if rest, ok := CutPrefixFold(path, prefix); ok && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	return false
}
