package admin

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"docusign-auth-proxy/internal/secret"
)

const (
	healthyPath = "/-/healthy"
	readyPath   = "/-/ready"

	loginsAtOnce = 2 // a slow hash each
)

// contentPolicy lets a page use the listener's own style sheet and send its own form, and nothing else.
const contentPolicy = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// guard stands before every route.
type guard struct {
	next   http.Handler
	log    *slog.Logger
	auth   func(string, secret.Text) bool
	hosts  map[string]bool
	origin *http.CrossOriginProtection
	logins chan struct{}
}

func newGuard(cfg Config, next http.Handler) *guard {
	g := &guard{
		next: next, log: cfg.Log, auth: cfg.Auth, hosts: map[string]bool{"localhost": true}, origin: http.NewCrossOriginProtection(),
		logins: make(chan struct{}, loginsAtOnce),
	}
	for _, h := range cfg.Hosts {
		g.hosts[hostName(h)] = true
	}
	return g
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setHeaders(w.Header())
	if r.URL.Path == healthyPath {
		g.next.ServeHTTP(w, r)
		return
	}
	if g.auth == nil && !g.knownHost(r.Host) {
		writeText(w, http.StatusMisdirectedRequest, fmt.Sprintf("this listener does not answer to the name %q; use localhost, an IP address or a configured name", clean(r.Host)))
		return
	}
	if g.auth != nil && r.URL.Path != readyPath && !g.loggedIn(r) {
		w.Header().Set("WWW-Authenticate", `Basic realm="docusign-auth-proxy", charset="UTF-8"`)
		writeText(w, http.StatusUnauthorized, "user name and password, please")
		return
	}
	if err := g.origin.Check(r); err != nil {
		writeText(w, http.StatusForbidden, "refused: the request comes from another site's page")
		return
	}
	g.next.ServeHTTP(w, r)
}

func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Embedder-Policy", "require-corp")
}

// knownHost refuses foreign names: a web page whose name is made to point here (DNS rebinding) still sends its own name.
func (g *guard) knownHost(host string) bool {
	name := hostName(host)
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return g.hosts[name] || strings.HasSuffix(name, ".localhost")
}

// hostName strips port, brackets, the final dot and case.
func hostName(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func (g *guard) loggedIn(r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	if !ok || !g.enter(r.Context()) {
		return false
	}
	defer func() { <-g.logins }()
	if g.auth(user, secret.New(password)) {
		return true
	}
	g.log.Warn("login to the operations listener refused", "client", r.RemoteAddr, "path", clean(r.URL.Path))
	return false
}

func (g *guard) enter(ctx context.Context) bool {
	select {
	case g.logins <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}
