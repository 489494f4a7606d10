package soapcompare

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"docusign-auth-proxy/internal/services"
)

const (
	// callTimeout is above what SynchEnvelope and large documents take.
	callTimeout = 5 * time.Minute
	// maxAnswer bounds what one answer may take of memory.
	maxAnswer = 256 << 20
)

// request is one SOAP call.
type request struct {
	base      string // of the service's path
	operation string
	// body makes the operation's elements; only credential.asmx has the caller among them.
	body func(caller) string
}

func login() request {
	return request{"credential.asmx", "Login", func(c caller) string {
		return el("Email", c.tokenName()) + el("Password", c.password) + el("ReturnBaseUrl", "true")
	}}
}

// tokenName is the user beside the integrator key (PROTOCOL.md §4.3).
func (c caller) tokenName() string { return "[" + c.key + "]" + c.user }

// el is one element with a text.
func el(name, text string) string { return wrap(name, escape(text)) }

// wrap is one element around others.
func wrap(name string, inner ...string) string {
	return "<" + name + ">" + strings.Join(inner, "") + "</" + name + ">"
}

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // writes to memory
	return b.String()
}

// call makes a SOAP call and gives the content of the answer's Body. A fault is an answer too.
func (w *way) call(ctx context.Context, r request) (*node, error) {
	service := services.ByBase(r.base)
	message := `<?xml version="1.0" encoding="utf-8"?>` +
		`<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Header>` + w.token(service) +
		`</soap:Header><soap:Body><` + r.operation + ` xmlns="` + service.Namespace + `">` + r.body(w.caller) +
		`</` + r.operation + `></soap:Body></soap:Envelope>`
	header := http.Header{
		"Content-Type": {"text/xml; charset=utf-8"}, "Soapaction": {`"` + service.Action(r.operation) + `"`},
	}
	answer, err := w.send(ctx, http.MethodPost, service.Path, header, strings.NewReader(message))
	if err != nil {
		return nil, err
	}
	root, err := parse(answer.body)
	if err != nil {
		return nil, fmt.Errorf("HTTP %d without a SOAP answer: %w", answer.status, err)
	}
	body := root.child("Body")
	if body == nil || len(body.children) == 0 {
		return nil, fmt.Errorf("HTTP %d with an empty SOAP answer", answer.status)
	}
	return body.children[0], nil
}

const wss = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"

func (w *way) token(s *services.Service) string {
	if s.Reads == services.Body {
		return ""
	}
	return `<wsse:Security xmlns:wsse="` + wss + `"><wsse:UsernameToken><wsse:Username>` + escape(w.tokenName()) +
		`</wsse:Username><wsse:Password>` + escape(w.password) + `</wsse:Password></wsse:UsernameToken></wsse:Security>`
}

// get reads a REST resource below an account.
func (w *way) get(ctx context.Context, account, path string, query url.Values, into any) error {
	credential, err := json.Marshal(map[string]string{
		"Username": w.user, "Password": w.password, "IntegratorKey": w.key,
	})
	if err != nil {
		return err
	}
	header := http.Header{"X-Docusign-Authentication": {string(credential)}, "Accept": {"application/json"}}
	path = "/restapi/v2.1/accounts/" + url.PathEscape(account) + path
	answer, err := w.send(ctx, http.MethodGet, path+"?"+query.Encode(), header, nil)
	if err != nil {
		return err
	}
	if answer.status != http.StatusOK {
		return fmt.Errorf("GET %s: HTTP %d: %s", path, answer.status, answer.body)
	}
	return json.Unmarshal(answer.body, into)
}

// received is an HTTP answer.
type received struct {
	status int
	body   []byte
}

func (w *way) send(ctx context.Context, method, target string, h http.Header, body io.Reader) (received, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, w.origin+target, body)
	if err != nil {
		return received{}, err
	}
	r.Header = h
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // past HTTP_PROXY
	answer, err := client.Do(r)
	if err != nil {
		return received{}, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err == nil && len(text) > maxAnswer {
		err = fmt.Errorf("the answer is over %d MiB", maxAnswer>>20)
	}
	return received{answer.StatusCode, bytes.TrimSpace(text)}, err
}

// isPDF knows the base64 of a PDF by its beginning.
func isPDF(text string) bool {
	return strings.HasPrefix(text, base64.StdEncoding.EncodeToString([]byte("%PDF-1."))[:8])
}
