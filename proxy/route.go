package proxy

import (
	"net/http"
	"strings"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/services"
)

// route is what the path of a call says.
type route struct {
	api     call.API
	service *services.Service // nil = none of DocuSign's SOAP services
	account string            // account id in the path as it stands there; "" = none
	// at and end delimit the account id in the path.
	at, end int
	local   localCall
	open    bool // needs no credential (PROTOCOL.md §2.6)
}

// soap reports whether the caller speaks SOAP.
func (r route) soap() bool {
	return r.api.SOAP() || r.local == localUnknownService || r.local == localFormBinding
}

// readsFrom reports whether the service reads a credential of that kind.
func (r route) readsFrom(kind services.Credential) bool {
	return r.service != nil && r.service.Reads == kind
}

// localCall is a call that the proxy answers or at least rewrites itself.
type localCall uint8

const (
	localNone localCall = iota
	localLogin
	localPassword
	localToken
	localRevoke
	localWSDL
	localUnknownService // *.asmx that is none of the services
	localFormBinding    // x.asmx/Operation (PROTOCOL.md §4.1)
	localHelp           // anything but POST and ?WSDL of a service
)

// classify reads a path that cleanURL has made. It is matched without regard to case as ASP.NET does it (PROTOCOL.md §4.1). What is
// open is an exact list, for GET only (§2.6); HEAD counts as GET, since it asks for the same and gets less.
func classify(method, path, query string) route {
	if r, ok := classifySOAP(method, path, query); ok {
		return r
	}
	if rest, ok := cutPrefixFold(path, "/restapi"); ok && (rest == "" || rest[0] == '/') {
		return classifyREST(method, path, len(path)-len(rest))
	}
	if services.ByWSDLPath(path) != nil && query == "" && reads(method) {
		return route{api: call.APIOther, open: true, local: localWSDL}
	}
	return route{api: call.APIOther}
}

// reads reports whether a call only reads.
func reads(method string) bool { return method == http.MethodGet || method == http.MethodHead }

func classifyREST(method, path string, pos int) route {
	version, pos := segment(path, pos)
	first, pos := segment(path, pos)
	second, after := segment(path, pos)
	r := route{api: call.APIRestOther}
	switch {
	case equalFold(version, "v2"):
		r.api = call.APIRest2
	case equalFold(version, "v2.1"):
		r.api = call.APIRest21
	case equalFold(bareName(version), "oauth2"), equalFold(bareName(version), "login_information") && first != "": // without a version
		first, second = version, first
	}
	switch {
	case first == "":
		r.open = reads(method) && (r.api != call.APIRestOther || version == "" || equalFold(version, "service_information") || equalFold(version, "help"))
	case equalFold(first, "accounts") && second != "":
		r.account, r.at, r.end = second, after-len(second), after
	case equalFold(bareName(first), "oauth2") && equalFold(bareName(second), "token"):
		r.api, r.local = call.APILegacyOAuth, localToken
	case equalFold(bareName(first), "oauth2") && equalFold(bareName(second), "revoke"):
		r.api, r.local = call.APILegacyOAuth, localRevoke
	case equalFold(bareName(first), "login_information") && second != "" && (!reads(method) || equalFold(bareName(second), "password")):
		r.local = localPassword // what may be put below it is a part of the log-in, and the password is the one part there is
	case equalFold(first, "login_information") && second == "" && method == http.MethodGet:
		r.local = localLogin
	}
	return r
}

// bareName is a segment without its parameters: a server that ignores them takes the call for one that the proxy answers itself.
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
func classifySOAP(method, path, query string) (route, bool) {
	at := indexFold(path, ".asmx")
	if at < 0 {
		return route{}, false
	}
	r := route{api: call.APIOther, local: localUnknownService}
	if slash := strings.IndexByte(path[at:], '/'); slash >= 0 && strings.Trim(path[at+slash:], "/") != "" {
		r.local = localFormBinding
		return r, true
	}
	if r.service = services.ByPath(strings.TrimSuffix(path, "/")); r.service == nil {
		return r, true
	}
	r.api = r.service.API
	switch {
	case method == http.MethodPost:
		r.local = localNone // also with ?WSDL behind it, which some programs leave in the address
	case reads(method) && asksWSDL(query):
		r.open, r.local = true, localWSDL
	default:
		r.local = localHelp
	}
	return r, true
}

func asksWSDL(query string) bool {
	name, value, _ := strings.Cut(query, "=")
	return equalFold(name, "wsdl") && plainID(value)
}

func indexFold(s, part string) int {
	for i := range len(s) {
		if s[i] == part[0] && len(s)-i >= len(part) && strings.EqualFold(s[i:i+len(part)], part) {
			return i
		}
	}
	return -1
}

func equalFold(a, b string) bool { return len(a) == len(b) && strings.EqualFold(a, b) }

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}
