package main

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// headerCredential tells in each answer what credential the call brought, so that a figure never stands for an
// untranslated call.
const (
	headerCredential = "X-Bench-Credential"
	bearerSeen       = "bearer"
	legacySeen       = "legacy"
)

const (
	answerSize   = 2 << 10
	tokenPadding = 640 // with it a token is as long as DocuSign's
)

// serveUpstream is the account server and the site in one, on TLS.
func serveUpstream(l net.Listener, dir string) error {
	leaves, err := loadLeaves(dir, upstreamCert, upstreamKey)
	if err != nil {
		return err
	}
	cfg := leaves.ServerConfig(nil, nil)
	cfg.NextProtos = []string{"http/1.1"}
	s := &http.Server{Handler: newDocuSign(), ReadHeaderTimeout: time.Minute}
	return s.Serve(tls.NewListener(l, cfg))
}

// docuSign answers as fast as it can and checks nothing.
type docuSign struct {
	answer  []byte
	large   large
	buffers sync.Pool
}

func newDocuSign() *docuSign {
	const head, tail = `{"status":"completed","emailSubject":"`, `"}`
	body := head + strings.Repeat("x", answerSize-len(head)-len(tail)) + tail
	return &docuSign{
		answer: []byte(body), large: newLarge(), buffers: sync.Pool{New: func() any { return new([64 << 10]byte) }},
	}
}

func (d *docuSign) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/oauth/token":
		d.token(w, r)
	case r.URL.Path == "/oauth/userinfo":
		d.userInfo(w, r)
	case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/documents/combined"):
		d.write(w, r, "application/pdf", d.large.pdf(), nil)
	case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/envelopes"):
		d.write(w, r, "application/json; charset=utf-8", d.large.envelopes(), nil)
	case r.Method == http.MethodGet:
		d.write(w, r, "application/json; charset=utf-8", d.answer, nil)
	default:
		d.sink(w, r)
	}
}

// token answers any JWT grant with a token that names the assertion's subject.
func (d *docuSign) token(w http.ResponseWriter, r *http.Request) {
	subject, err := subjectOf(r.PostFormValue("assertion"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(
		w, `{"access_token":"bench.%s.%s","token_type":"Bearer","expires_in":28800}`, subject,
		strings.Repeat("t", tokenPadding),
	)
}

func subjectOf(assertion string) (string, error) {
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return "", fmt.Errorf("the assertion has %d parts", len(parts))
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", err
	}
	var claims struct{ Sub string }
	if err := json.Unmarshal(raw, &claims); err != nil {
		return "", err
	}
	return claims.Sub, nil
}

func (d *docuSign) userInfo(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(r.Header.Get("Authorization"), ".")
	if len(parts) != 3 {
		http.Error(w, "not a token of this server", http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"sub":%q,"name":"Bench","email":"bench@example.com","accounts":[{"account_id":%q,"is_default":true,`+
		`"account_name":"Bench","base_uri":"https://%s"}]}`,
		parts[1], accountGUID, site)
}

var soapAnswer = []byte(`<?xml version="1.0" encoding="utf-8"?><soap:Envelope ` +
	`xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>` +
	`<CreateAndSendEnvelopeResponse ` +
	`xmlns="http://www.docusign.net/API/3.0"><CreateAndSendEnvelopeResult><Status>Sent</Status>` +
	`</CreateAndSendEnvelopeResult></CreateAndSendEnvelopeResponse></soap:Body></soap:Envelope>`)

// envelopeSummary is what REST answers to a creation.
var envelopeSummary = []byte(`{"envelopeId":"` + envelopeID + `","status":"sent","uri":"/envelopes/` + envelopeID +
	`","statusDateTime":"2026-11-26T08:00:00.1230000Z"}`)

// sink reads a body to its end and answers with its length.
func (d *docuSign) sink(w http.ResponseWriter, r *http.Request) {
	buf := d.buffers.Get().(*[64 << 10]byte)
	defer d.buffers.Put(buf)
	n, err := io.ReadFull(r.Body, buf[:4<<10])
	token := bytes.Contains(buf[:n], []byte("UsernameToken"))
	if err == nil {
		_, err = io.CopyBuffer(io.Discard, struct{ io.Reader }{r.Body}, buf[:])
	}
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if strings.HasSuffix(r.URL.Path, ".asmx") {
		body := soapAnswer
		if bytes.Contains(buf[:n], []byte(":RequestPDF>")) {
			body = d.large.soapPDF()
		}
		d.write(w, r, "text/xml; charset=utf-8", body, &token)
		return
	}
	d.write(w, r, "application/json; charset=utf-8", envelopeSummary, nil)
}

// write answers with the headers that DocuSign sends with every call.
func (d *docuSign) write(w http.ResponseWriter, r *http.Request, contentType string, body []byte, usernameToken *bool) {
	h := w.Header()
	seen := "none"
	switch {
	case len(r.Header["X-Docusign-Authentication"]) > 0, usernameToken != nil && *usernameToken:
		seen = legacySeen
	case strings.HasPrefix(r.Header.Get("Authorization"), "Bearer bench."):
		seen = bearerSeen
	}
	h[headerCredential] = []string{seen}
	h["Cache-Control"] = []string{"no-cache"}
	h["Content-Type"] = []string{contentType}
	h["X-Ratelimit-Reset"] = []string{"1790000000"}
	h["X-Ratelimit-Limit"] = []string{"3000"}
	h["X-Ratelimit-Remaining"] = []string{"2999"}
	h["X-Burstlimit-Limit"] = []string{"500"}
	h["X-Burstlimit-Remaining"] = []string{"499"}
	h["X-Docusign-Tracetoken"] = []string{"9f0e6a1e-6d2f-4b42-a1b5-3d5c0d4f5a11"}
	h["Strict-Transport-Security"] = []string{"max-age=31536000; includeSubDomains"}
	h["Content-Length"] = []string{fmt.Sprint(len(body))}
	if r.Method == http.MethodPost && usernameToken == nil {
		w.WriteHeader(http.StatusCreated)
	}
	_, _ = w.Write(body) // a caller that has gone is the load generator's to report
}
