package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/proxy/egress"
)

const (
	healthyPath = "/-/healthy"
	readyPath   = "/-/ready"
)

// contentPolicy lets a page use the listener's own style sheet and send its own form, and nothing else.
const contentPolicy = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'"

// ServeHTTP stands before every route.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := &answer{ResponseWriter: w}
	defer s.recovered(answer, r)
	s.serve(answer, r)
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	setHeaders(w.Header())
	if r.URL.Path == healthyPath {
		s.next.ServeHTTP(w, r)
		return
	}
	verify := s.verify()
	if verify == nil && !s.knownHost(r.Host) {
		writeText(w, http.StatusMisdirectedRequest, fmt.Sprintf("this listener does not answer to the name %q; "+
			"use localhost, an IP address or a configured name", clean(r.Host)))
		return
	}
	operator := s.hasToken(r)
	if verify != nil && !operator && !isProbe(r) {
		if operator = s.loggedIn(w, r, verify); !operator {
			return
		}
	}
	if err := s.origin.Check(r); err != nil {
		writeText(w, http.StatusForbidden, "refused: the request comes from another site's page")
		return
	}
	if operator {
		r = r.WithContext(context.WithValue(r.Context(), operatorKey{}, true))
	}
	s.next.ServeHTTP(w, r)
}

// isProbe recognises the questions that say nothing but whether the proxy is ready.
func isProbe(r *http.Request) bool {
	return r.URL.Path == readyPath || r.Method == http.MethodOptions && r.URL.Path == "/"
}

// answer knows whether it has begun.
type answer struct {
	http.ResponseWriter
	begun bool
}

func (a *answer) WriteHeader(code int) {
	a.begun = true
	a.ResponseWriter.WriteHeader(code)
}

func (a *answer) Write(b []byte) (int, error) {
	a.begun = true
	return a.ResponseWriter.Write(b)
}

// recovered catches a panic. Its value is not logged: it may quote what was being worked on.
func (s *server) recovered(w *answer, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if p != http.ErrAbortHandler {
		s.Log.Error("panic in the operations listener", "path", clean(r.URL.Path), "panic", fmt.Sprintf("%T", p),
			"stack", string(debug.Stack()))
		if s.OnPanic != nil {
			s.OnPanic()
		}
	}
	if w.begun || p == http.ErrAbortHandler {
		panic(http.ErrAbortHandler) // half an answer must not look like a whole one; net/http then closes the connection
	}
	writeText(w, http.StatusInternalServerError, "the operations listener failed; the stack is in the log")
}

// By names the operator who asks: the login if there is one, and the address.
func By(r *http.Request) string {
	user, _, ok := r.BasicAuth()
	if !ok {
		return r.RemoteAddr
	}
	return clean(user) + " at " + r.RemoteAddr
}

type operatorKey struct{}

// operatorOnly lets a handler be reached only by who has logged in or has read the token file, also where pages ask
// nobody: every user of the machine reaches a loopback address.
func (s *server) operatorOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Context().Value(operatorKey{}) != nil {
			next.ServeHTTP(w, r)
			return
		}
		if r.Header.Get("Authorization") != "" {
			s.Log.Warn("operator's token refused", "client", r.RemoteAddr, "path", clean(r.URL.Path))
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="docusign-auth-proxy"`)
		if s.Token.Empty() {
			writeText(w, http.StatusUnauthorized, "this is for the operator alone, and there is no token file: "+
				"set admin.basic_auth, or let the proxy write admin.token_file")
			return
		}
		writeText(w, http.StatusUnauthorized, "this is for the operator alone: send Authorization: Bearer "+
			"with the content of admin.token_file, as the commands do, or set admin.basic_auth")
	})
}

// hasToken compares hashes, so that the time tells nothing of how much was right.
func (s *server) hasToken(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return !s.Token.Empty() && strings.EqualFold(scheme, "Bearer") && s.Token.Equal(secret.New(strings.TrimSpace(token)))
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

// knownHost refuses foreign names: a web page whose name is made to point here (DNS rebinding) still sends its own
// name, and a browser always sends one. Health checks of HTTP/1.0 send none (RFC 9112 §3.2 demands it of HTTP/1.1
// alone).
func (s *server) knownHost(host string) bool {
	h, err := egress.ParseHost(host, 80)
	_, address := h.Addr()
	return host == "" || err == nil && (address || s.hosts[h.Name()] || strings.HasSuffix(h.Name(), ".localhost"))
}

// loggedIn checks the login. It answers the request itself when it returns false.
func (s *server) loggedIn(w http.ResponseWriter, r *http.Request, verify Verify) bool {
	user, password, ok := r.BasicAuth()
	if ok {
		client, _ := netip.ParseAddrPort(r.RemoteAddr)
		err := verify(r.Context(), client.Addr(), user, secret.New(password))
		if err == nil {
			return true
		}
		s.Log.Warn("login to the operations listener refused", "client", r.RemoteAddr, "path", clean(r.URL.Path))
		var unchecked interface {
			Later() (status int, after time.Duration)
		}
		if errors.As(err, &unchecked) {
			if status, after := unchecked.Later(); status != 0 {
				w.Header().Set("Retry-After", strconv.Itoa(int(after.Seconds())))
				writeText(w, status, "too many wrong passwords, or too many checks at once; try again later")
				return false
			}
		}
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="docusign-auth-proxy", charset="UTF-8"`)
	writeText(w, http.StatusUnauthorized, "user name and password, please")
	return false
}
