package proxy

import "strings"

// route is what the path of a call says.
type route struct {
	api     API
	account string // account id in the path as it stands there; "" = none
	// at and end delimit the account id in the path.
	at, end int
	local   localCall
	open    bool // needs no credential (PROTOCOL.md §2.6)
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
)

// classify reads the path. REST paths are matched without regard to case as ASP.NET does it, and so are .asmx paths (PROTOCOL.md §4.1).
func classify(method, path string) route {
	if rest, ok := cutPrefixFold(path, "/restapi"); ok && (rest == "" || rest[0] == '/') {
		return classifyREST(method, path, len(path)-len(rest))
	}
	if api, ok := soapService(path); ok {
		r := route{api: api}
		if method != "POST" {
			r.open = true
			r.local = localWSDL
		}
		return r
	}
	if _, ok := cutPrefixFold(path, "/api/3.0/schema/"); ok && method == "GET" {
		return route{api: APIOther, open: true, local: localWSDL}
	}
	return route{api: APIOther, open: true}
}

func classifyREST(method, path string, pos int) route {
	version, pos := segment(path, pos)
	r := route{api: APIRestOther}
	switch {
	case equalFold(version, "v2"):
		r.api = APIRest2
	case equalFold(version, "v2.1"):
		r.api = APIRest21
	case version == "" || equalFold(version, "service_information") || equalFold(version, "help"):
		r.open = method == "GET" || method == "HEAD" || method == "OPTIONS"
		return r
	}
	first, pos := segment(path, pos)
	second, after := segment(path, pos)
	switch {
	case first == "":
		r.open = r.api != APIRestOther && (method == "GET" || method == "HEAD")
	case equalFold(first, "accounts") && second != "":
		r.account, r.at, r.end = second, after-len(second), after
	case equalFold(first, "oauth2") && equalFold(second, "token"):
		r.api, r.local = APILegacyOAuth, localToken
	case equalFold(first, "oauth2") && equalFold(second, "revoke"):
		r.api, r.local = APILegacyOAuth, localRevoke
	case equalFold(first, "login_information") && second == "" && method == "GET":
		r.local = localLogin
	case equalFold(first, "login_information") && equalFold(second, "password"):
		r.local = localPassword
	}
	if method == "OPTIONS" {
		r.open = true // a browser's preflight carries no credential (variant V18)
	}
	return r
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

// soapService knows the services by their path, since two of them share a namespace (PROTOCOL.md §16 row 5).
func soapService(path string) (API, bool) {
	i := strings.LastIndexByte(strings.TrimRight(path, "/"), '/')
	name := strings.TrimRight(path[i+1:], "/")
	switch {
	case equalFold(name, "api.asmx"):
		return APISoapAPI, true
	case equalFold(name, "dsapi.asmx"):
		return APISoapDSAPI, true
	case equalFold(name, "credential.asmx"):
		return APISoapCredential, true
	case equalFold(name, "accountmanagement.asmx"):
		return APISoapAccount, true
	}
	return "", false
}

func equalFold(a, b string) bool { return len(a) == len(b) && strings.EqualFold(a, b) }

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}
