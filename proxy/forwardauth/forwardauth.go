// Package forwardauth lets a gateway that sends calls to DocuSign itself ask what becomes of one: with which token and
// to which site it goes, or how it is refused. It decides nothing and must never see a body: package proxy runs the
// call that a Question describes through its pipeline, up to where it would be sent.
package forwardauth

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/proxy/body"
	"docusign-auth-proxy/proxy/conn"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/proxy/route"
	"docusign-auth-proxy/proxy/upstream"
)

// path is where gateways ask.
const path = "/auth"

// Names of the headers between gateway and proxy.
const (
	secretHeader  = "X-Docusign-Auth-Proxy-Secret"
	siteHeader    = "X-Docusign-Auth-Proxy-Upstream"
	pathHeader    = "X-Docusign-Auth-Proxy-Path"
	removeHeader  = "X-Docusign-Auth-Proxy-Remove"
	routeHeader   = "X-Docusign-Auth-Proxy-Route"
	removeAtEnvoy = "X-Envoy-Auth-Headers-To-Remove"
)

// Where a gateway says method and target of the program's call.
const (
	forwarded = "x_forwarded" // X-Forwarded-Method and -Uri: Traefik, Caddy
	original  = "x_original"  // X-Original-Method and -URI: nginx, by its configuration
	inPath    = "path"        // the method of the question, and its path behind path: Envoy
)

// ErrHandedOver ends the way of a call through the pipeline where it would be sent.
var ErrHandedOver = errors.New("the gateway sends this call")

// Config says who may ask, and how.
type Config struct {
	Gateways  []netip.Prefix // that may ask over TLS, besides this machine
	Secret    secret.Text    // what they send in secretHeader; empty = nothing
	Target    string         // x_forwarded, x_original or path
	KeepsPath bool           // the gateway sends a call to the path that it came with, and no other
}

// Serve answers a question that came on a connection with the binding b. pipeline decides about the call; refuse tells
// a gateway that may not ask, or whose question cannot be read.
func (c *Config) Serve(
	w http.ResponseWriter, r *http.Request, b *conn.Binding, pipeline func(http.ResponseWriter, *Question),
	refuse func(status int, why cause.ID, fill ...string),
) {
	if r.ContentLength != 0 {
		w.Header().Set("Connection", "close") // else net/http would wait for the body, which is none of a question's
	}
	if lacks := c.lacks(r, b.AdmittedAs().Addr()); lacks != "" {
		refuse(http.StatusForbidden, cause.GatewayRefused, "client", b.Client.Addr().String(), "detail", lacks)
		return
	}
	q, err := c.read(r)
	if err != nil {
		refuse(http.StatusBadRequest, cause.QuestionUnreadable, "detail", err.Error())
		return
	}
	if q.needsProxy() {
		toProxy(w)
		return
	}
	a := &answer{header: http.Header{}}
	pipeline(a, q)
	a.end(w, q)
}

// lacks says what a gateway lacks that may not ask; "" = it may.
func (c *Config) lacks(r *http.Request, gateway netip.Addr) string {
	switch {
	case !gateway.IsLoopback() && !egress.Holds(c.Gateways, gateway):
		return "an address of forward_auth.clients"
	case !gateway.IsLoopback() && r.TLS == nil:
		return "TLS"
	case !c.Secret.Empty() && !c.Secret.Equal(secret.New(r.Header.Get(secretHeader))):
		return "the secret of forward_auth.secret"
	}
	return ""
}

// Question is a call that a gateway describes. It is the http.RoundTripper of the call's way through the pipeline.
type Question struct {
	Call      *http.Request // without a body
	RequestID string        // of the call, in the log

	client    netip.Addr // of the program; invalid = the gateway names itself, or this machine
	keepsPath bool
	sent      *http.Request // as DocuSign would have got it; nil = it would not have
}

// Binding is that of the call, whose question came on a connection with the binding b.
func (q *Question) Binding(b *conn.Binding) *conn.Binding {
	own := &conn.Binding{Door: b.Door, Client: netip.AddrPortFrom(q.client, 0), Local: b.Local}
	if own.Unnamed = !q.client.IsValid(); own.Unnamed {
		own.Client = b.Client
	}
	return own
}

// read reads a question.
func (c *Config) read(r *http.Request) (*Question, error) {
	method, target, err := c.target(r)
	if err != nil {
		return nil, err
	}
	u, err := url.ParseRequestURI(target)
	if err != nil || !strings.HasPrefix(target, "/") {
		return nil, errors.New("the target of the call cannot be read")
	}
	this := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	client, err := conn.LastUnlisted(r.Header["X-Forwarded-For"], append(this, c.Gateways...))
	if err != nil {
		return nil, fmt.Errorf("X-Forwarded-For: %w", err)
	}
	own, err := http.NewRequestWithContext(r.Context(), method, "/", http.NoBody)
	if err != nil {
		return nil, errors.New("the method of the call cannot be read")
	}
	own.URL, own.RequestURI, own.RemoteAddr = u, target, r.RemoteAddr
	own.Header = r.Header.Clone()
	upstream.DropForwarded(own.Header)
	for _, name := range [...]string{
		secretHeader, "X-Original-Method", "X-Original-Uri", "Content-Length", "Expect", "Connection", "Proxy-Authorization",
	} {
		delete(own.Header, name)
	}
	return &Question{Call: own, client: client, keepsPath: c.KeepsPath}, nil
}

// target gives method and target of the call from the one place that the configuration names: what a program writes
// into the other places says nothing.
func (c *Config) target(r *http.Request) (method, target string, err error) {
	rest, ok := strings.CutPrefix(r.RequestURI, path)
	switch {
	case !ok || c.Target != inPath && rest != "":
		return "", "", errors.New("questions are asked at " + path)
	case c.Target == inPath:
		return r.Method, rest, nil
	}
	first, second := "X-Forwarded-Method", "X-Forwarded-Uri"
	if c.Target == original {
		first, second = "X-Original-Method", "X-Original-Uri"
	}
	if len(r.Header[first]) != 1 || len(r.Header[second]) != 1 {
		return "", "", errors.New(first + " and " + second + " are not there, once each")
	}
	return r.Header[first][0], r.Header[second][0], nil
}

// needsProxy reports whether a gateway cannot send the call by itself: all but REST proper is answered or rewritten by
// the proxy, and a body in which a password may stand must be looked at. A path that cannot be read is refused later.
func (q *Question) needsProxy() bool {
	clean, err := route.Clean(q.Call.URL)
	if err != nil {
		return false
	}
	to := route.Classify(q.Call.Method, clean.Path, clean.RawQuery)
	rest := to.API == call.APIRest2 || to.API == call.APIRest21 || to.API == call.APIRestOther
	silent := route.Reads(q.Call.Method) || q.Call.Method == http.MethodDelete && q.Call.Header.Get("Content-Type") == ""
	return !rest || to.Local != route.None || to.Open || q.Call.Method == http.MethodOptions ||
		len(q.Call.Header["Soapaction"]) > 0 || !silent && body.LooksInside(q.Call.Header, to)
}

// RoundTrip keeps the request that the gateway is to send.
func (q *Question) RoundTrip(r *http.Request) (*http.Response, error) {
	q.sent = r
	return nil, ErrHandedOver
}
