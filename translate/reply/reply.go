// Package reply holds what the proxy says itself, in the words and bytes the caller expects of DocuSign: errors, SOAP
// faults, login information, Credential.Login and OAuth answers; and it reads the same words in what DocuSign
// answers. It must never put a credential, a token or an internal error text into an answer, except the secret that
// an answer exists to carry. The translate package calls it whenever a request ends in the proxy, and before deciding
// whether an upstream answer is final.
package reply

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"time"
)

const (
	contentTypeJSON   = "application/json; charset=utf-8"
	contentTypeXML    = "application/xml; charset=utf-8"
	contentTypeSOAP11 = "text/xml; charset=utf-8"
	contentTypeSOAP12 = "application/soap+xml; charset=utf-8"
	contentTypeText   = "text/plain; charset=utf-8"
)

// Answer is a whole response made by the proxy. It is a plain value: it may be kept, compared and written more than
// once.
type Answer struct {
	Status int // 0 means 200
	Header http.Header
	Body   []byte
}

// WriteTo sends a in answer to r. Content-Length is always set, so that nothing is chunked and HTTP/1.0 callers see
// where the body ends; a HEAD request gets the headers alone. Headers already in w stay unless a has them too;
// Connection is left alone.
func (a Answer) WriteTo(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	for k, v := range a.Header {
		h[k] = slices.Clone(v)
	}
	h.Set("Content-Length", strconv.Itoa(len(a.Body)))
	h.Del("Transfer-Encoding")
	w.WriteHeader(cmp.Or(a.Status, http.StatusOK))
	if r.Method == http.MethodHead || len(a.Body) == 0 {
		return
	}
	// A failed write means that the caller has gone; net/http drops the connection and there is nobody left to tell.
	_, _ = w.Write(a.Body)
}

// Caller says how one request wants to be answered.
type Caller struct {
	Dialect   Dialect
	RequestID string // X-DocuSign-Auth-Proxy-Request-Id; empty: no such header
	Actor     string // URL the caller dialled, shown as faultactor (SOAP 1.1) or Node (SOAP 1.2); empty: left out

	// Timestamp is the present time if the request carried a WS-Security Timestamp, else zero. WCF expects one back, and
	// Axis 1.4 refuses one that must be understood (CLIENTS.md "Answers"), so it is answered only to those that sent
	// one.
	Timestamp time.Time
}

// Text returns a plain-text answer, for callers whose dialect is not known yet, such as a refused CONNECT.
func (c Caller) Text(status int, text string) Answer {
	return c.answer(status, contentTypeText, text+"\n")
}

// Page is for the eyes of a signer. Nobody keeps it, and the next server is not told where the browser comes from.
func Page(status int, text string) Answer {
	return Answer{Status: status, Body: []byte(text + "\n"), Header: http.Header{
		"Content-Type": {contentTypeText}, "Cache-Control": {"no-store"},
		"Referrer-Policy": {"no-referrer"}, "X-Content-Type-Options": {"nosniff"},
	}}
}

func (c Caller) answer(status int, contentType, body string) Answer {
	h := make(http.Header, 6)
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	h.Set("Cache-Control", "no-cache")
	if id := token(c.RequestID); id != "" {
		h.Set(RequestIDHeader, id)
	}
	return Answer{Status: status, Header: h, Body: []byte(body)}
}

// confidential marks an answer that carries a secret.
func confidential(a Answer) Answer {
	a.Header.Set("Cache-Control", "no-store")
	a.Header.Set("Pragma", "no-cache")
	return a
}
