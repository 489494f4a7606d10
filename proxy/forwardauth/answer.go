package forwardauth

import (
	"bytes"
	"maps"
	"net/http"
	"slices"
	"strings"

	"docusign-auth-proxy/translate/reply"
)

// answer takes what the pipeline answers to the program, until end says what the gateway is told.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header is that of the pipeline's answer.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader notes the status; informational ones are not for the gateway.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK {
		a.status = status
	}
}

// Write takes a part of the body, which is one of the proxy's own.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// end answers the gateway: the call as it is to be sent, or the pipeline's refusal in the program's dialect, or that
// the proxy must have the call.
func (a *answer) end(w http.ResponseWriter, q *Question) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	switch {
	case q.sent != nil && !(q.keepsPath && q.sent.URL.RequestURI() != q.Call.RequestURI):
		h.Set(reply.RequestIDHeader, q.RequestID)
		q.describe(h)
		w.WriteHeader(http.StatusOK)
	case q.sent == nil && a.status >= http.StatusBadRequest:
		maps.Copy(h, a.header)
		h.Del("Content-Length") // an answer to HEAD tells that of a body which is not there
		h.Set("Cache-Control", "no-store")
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body.Bytes()) // a gateway that has gone is told nothing
	default:
		toProxy(w)
	}
}

// toProxy tells the gateway to send the whole call to the proxy.
func toProxy(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set(routeHeader, "proxy")
	http.Error(w, "send this call to the proxy itself", http.StatusConflict)
}

// describe writes what the gateway sends: site, path and credentials. Those that are not here it takes out.
func (q *Question) describe(h http.Header) {
	h.Set(siteHeader, q.sent.URL.Host)
	h.Set(pathHeader, q.sent.URL.RequestURI())
	for name, values := range q.sent.Header {
		if isCredential(name) {
			h[name] = values
		}
	}
	var gone []string
	for name := range q.Call.Header {
		if isCredential(name) && len(q.sent.Header[name]) == 0 {
			gone = append(gone, strings.ToLower(name))
		}
	}
	if len(gone) > 0 {
		slices.Sort(gone)
		h[removeHeader], h[removeAtEnvoy] = []string{strings.Join(gone, ", ")}, []string{strings.Join(gone, ", ")}
	}
}

// isCredential knows the headers that say who calls, also in a form that some servers read as the same.
func isCredential(name string) bool {
	switch http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-")) {
	case "Authorization", "X-Docusign-Authentication", "X-Docusign-Act-As-User":
		return true
	}
	return false
}
