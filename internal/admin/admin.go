// Package admin is the operations listener: metrics, health, readiness, reload, and the status page with its JSON twin.
// It must never show a secret, trust a text that a caller of the proxy sent, or need anything but its own bytes to be
// read. internal/app assembles a Status and serves the handler; the command report writes the same Status.
package admin

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/proxy/egress"
)

//go:embed templates
var files embed.FS

//go:embed static/style.css
var styleSheet []byte

// Config is what the listener shows and does. Status is required; every other zero value means what its comment says.
type Config struct {
	Log     *slog.Logger     // nil = none
	Now     func() time.Time // nil = time.Now
	Metrics http.Handler     // nil = 404
	Ready   func() error     // the error's text is shown to anybody who asks; nil = always ready
	// Reload takes the configuration anew; its error is shown. nil = 501.
	Reload func(ctx context.Context) error
	// Retry makes the proxy ask DocuSign again for what was refused until a person changes something. nil = 404.
	Retry func()
	// ConsentPath is where browsers come back from DocuSign's consent page with ?code=; it means Retry too. "" =
	// nowhere.
	ConsentPath string
	// Status returns what is known now. It is called for each page; it and what it points to are only read.
	Status func() Status
	// Auth gives the check of logins that is in force; it is asked for each request. nil, or a nil Verify, asks for no
	// login.
	Auth func() Verify
	// Token is what commands on the same machine prove the operator by, as Authorization: Bearer. Empty = there is
	// none.
	Token secret.Text
	// OnPanic is told of each panic of a handler that was caught; nil = nobody.
	OnPanic func()
	// Hosts are the names besides localhost and addresses that a request may be addressed to. With Auth every name will
	// do.
	Hosts []string
	// Extra are further routes, by pattern of http.ServeMux, for the operator alone: by Auth or Token.
	Extra map[string]http.Handler
}

// verify is nil when no login is asked for.
func (c *Config) verify() Verify {
	if c.Auth == nil {
		return nil
	}
	return c.Auth()
}

// Verify checks a login from client. It should remember a proven password, since every scrape asks, and throttle
// failures. An error with a method Later, as translate.Error has, may say that the password was not checked.
type Verify func(ctx context.Context, client netip.Addr, user string, password secret.Text) error

// Refresh periods that a page can be asked for with ?refresh=, in seconds.
const (
	minRefresh = 5
	maxRefresh = 3600
)

// Retries cost DocuSign's token end point something, so they are bounded: anybody who reaches the listener may ask for
// them.
const (
	retryEvery = 3 * time.Second
	retryBurst = 10
)

type server struct {
	Config
	pages   pages
	retries *rate.Limiter
	next    http.Handler // the routes
	hosts   map[string]bool
	origin  *http.CrossOriginProtection
}

// NewHandler returns the whole listener: routes, security headers, and the checks of host, login and origin.
func NewHandler(cfg Config) http.Handler {
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &server{
		Config: cfg, pages: newPages(), retries: rate.NewLimiter(rate.Every(retryEvery), retryBurst),
		hosts: map[string]bool{"localhost": true}, origin: http.NewCrossOriginProtection(),
	}
	for _, text := range cfg.Hosts {
		h, _ := egress.ParseHost(text, 80) // addresses need no name
		s.hosts[h.Name()] = true
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.named("overview"))
	mux.HandleFunc("GET /integration/{name}", s.integration)
	mux.HandleFunc("GET /integration/{name}/user/{user}", s.user)
	for _, name := range []string{"attention", "users", "unknown", "security", "causes"} {
		mux.HandleFunc("GET /"+name, s.named(name))
	}
	mux.HandleFunc("GET /api/status", s.apiStatus)
	mux.HandleFunc("GET /static/style.css", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, "text/css; charset=utf-8", styleSheet)
	})
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	})
	healthy := func(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "healthy") }
	// HAProxy's plain check is OPTIONS, of / or of a path given to it.
	for _, method := range []string{"GET ", "OPTIONS "} {
		mux.HandleFunc(method+healthyPath, healthy)
		mux.HandleFunc(method+readyPath, s.ready)
	}
	mux.HandleFunc("OPTIONS /{$}", s.ready)
	mux.Handle("POST /-/reload", s.operatorOnly(http.HandlerFunc(s.reload)))
	mux.Handle("PUT /-/reload", s.operatorOnly(http.HandlerFunc(s.reload)))
	if cfg.Retry != nil {
		mux.HandleFunc("POST /-/retry", s.retry)
	}
	if cfg.Metrics != nil {
		mux.Handle("GET /metrics", cfg.Metrics)
	}
	for pattern, h := range cfg.Extra {
		mux.Handle(pattern, s.operatorOnly(h))
	}
	s.next = s.consented(mux)
	return s
}

func (s *server) page(r *http.Request, nav string) *page {
	q := r.URL.Query()
	p := &page{
		lists: lists{Status: complete(s.Status(), s.Now()), query: query{
			Path: r.URL.EscapedPath(), State: q.Get("state"), Search: strings.TrimSpace(clean(q.Get("q"))),
			From: max(0, atoi(q.Get("from"))), Refresh: refreshOf(q.Get("refresh")),
		}},
		Nav: nav, CanReload: s.Reload != nil && s.verify() != nil, CanRetry: s.Retry != nil,
	}
	// A day that is none, or that the ledger does not know any more, is the last 24 hours.
	day, err := time.Parse(isoDay, q.Get("day"))
	if age := p.Now().Sub(day); err == nil && age >= 0 && age < chartDays*24*time.Hour {
		p.Day = day
	}
	return p
}

// named serves a page of the navigation.
func (s *server) named(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { s.render(w, http.StatusOK, name, s.page(r, name)) }
}

func (s *server) integration(w http.ResponseWriter, r *http.Request) {
	p := s.page(r, "")
	i := p.index(r.PathValue("name"))
	if i < 0 {
		s.missing(w, p)
		return
	}
	p.Integration = &p.Status.Integrations[i]
	s.render(w, http.StatusOK, "integration", p)
}

func (s *server) missing(w http.ResponseWriter, p *page) {
	p.Refresh = 0
	s.render(w, http.StatusNotFound, "missing", p)
}

func (s *server) render(w http.ResponseWriter, code int, name string, p *page) {
	var b bytes.Buffer
	if err := s.pages.execute(&b, name, p); err != nil {
		s.Log.Error("status page", "page", name, "error", err)
		writeText(w, http.StatusInternalServerError, "the page could not be made; the log says why")
		return
	}
	if p.Refresh > 0 {
		w.Header().Set("Refresh", strconv.Itoa(p.Refresh))
	}
	write(w, code, "text/html; charset=utf-8", b.Bytes())
}

func (s *server) apiStatus(w http.ResponseWriter, _ *http.Request) {
	var b bytes.Buffer
	if err := WriteReport(&b, "json", s.Status(), s.Now()); err != nil {
		s.Log.Error("status as JSON", "error", err)
		writeText(w, http.StatusInternalServerError, "the status could not be encoded; the log says why")
		return
	}
	write(w, http.StatusOK, "application/json", b.Bytes())
}

func (s *server) ready(w http.ResponseWriter, _ *http.Request) {
	if s.Ready != nil {
		if err := s.Ready(); err != nil {
			writeText(w, http.StatusServiceUnavailable, "not ready: "+clean(err.Error()))
			return
		}
	}
	writeText(w, http.StatusOK, "ready")
}

func (s *server) reload(w http.ResponseWriter, r *http.Request) {
	if s.Reload == nil {
		writeText(w, http.StatusNotImplemented, "this process cannot reload its configuration")
		return
	}
	if err := s.Reload(r.Context()); err != nil {
		s.Log.Warn("reload asked for", "client", By(r), "error", err)
		text := "not reloaded, the old configuration stays in force:\n" + clean(err.Error())
		writeText(w, http.StatusInternalServerError, text)
		return
	}
	s.Log.Info("reload asked for", "client", By(r))
	writeDone(w, r, "reloaded")
}

// writeDone answers a browser's form with the overview, a program with a line of text.
func writeDone(w http.ResponseWriter, r *http.Request, text string) {
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	writeText(w, http.StatusOK, text)
}

// retry shows nothing and changes only when DocuSign is asked next, so it is no secret of the
// operator's: where pages need no login, it needs none either.
func (s *server) retry(w http.ResponseWriter, r *http.Request) {
	if !s.retries.AllowN(s.Now(), 1) {
		w.Header().Set("Retry-After", strconv.Itoa(int(retryEvery.Seconds())))
		writeText(w, http.StatusTooManyRequests, "asked for too often")
		return
	}
	s.Retry()
	s.Log.Info("retry asked for", "client", r.RemoteAddr)
	writeDone(w, r, "what was refused is asked for again with the next call")
}

// consented takes a browser that comes back from the consent page to the overview, where its address holds no code.
func (s *server) consented(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		back := r.Method == http.MethodGet && r.URL.Path == s.ConsentPath && (q.Has("code") || q.Has("error"))
		if s.Retry == nil || !back {
			next.ServeHTTP(w, r)
			return
		}
		if q.Has("code") && s.retries.AllowN(s.Now(), 1) {
			s.Retry()
			s.Log.Info("a browser came back from the consent page", "client", r.RemoteAddr)
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
}

func refreshOf(seconds string) int {
	n := atoi(seconds)
	if n <= 0 {
		return 0
	}
	return min(max(n, minRefresh), maxRefresh)
}

// atoi is 0 for what is no number.
func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

func writeText(w http.ResponseWriter, code int, text string) {
	write(w, code, "text/plain; charset=utf-8", []byte(text+"\n"))
}

// write leaves the body of a HEAD to net/http, which drops it. A reader who left is nobody to tell of an error.
func write(w http.ResponseWriter, code int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	_, _ = w.Write(body)
}
