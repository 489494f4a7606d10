// Package sandbox is a strict stand-in for DocuSign on loopback: account server, REST and SOAP sites that behave
// by PROTOCOL.md and remember what reached them. It must never accept a legacy credential (header, UsernameToken, password
// grant, act-as, old bearer): each is refused and counted. The demo and sandbox commands and all tests start it.
package sandbox

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options configure a Sandbox. The zero value works.
type Options struct {
	// Listen is the address of the listener; default 127.0.0.1:0. It must be loopback.
	Listen string

	// Now is the true time; default time.Now. SetClockOffset moves the sandbox away from it.
	Now func() time.Time

	// AccountHost is the account server's name; default account-d.docusign.com. With account.docusign.com only
	// integrations that are Live are known.
	AccountHost string

	// Sites are the names of the REST and SOAP sites; default demo.docusign.net, na3.docusign.net, eu.docusign.net.
	Sites []string

	// ByPort opens one more listener for the account server and one per site and answers with their addresses
	// (https://127.0.0.1:PORT) instead of names, for callers that cannot map names.
	ByPort bool

	// Authority is what AuthorityPEM gave in an earlier run, so that whoever trusts that certificate still does. Empty
	// makes a new authority.
	Authority []byte

	// Latency delays every answer.
	Latency time.Duration

	// Logger, if non-nil, gets one line per request. Nothing secret is logged.
	Logger *slog.Logger

	// KeepRequests bounds the requests that Requests returns; default 1000, negative keeps none.
	KeepRequests int

	// MaxBody bounds a request body in bytes; default 1 GiB.
	MaxBody int64
}

// Sandbox is a running stand-in. Its methods may be called at any time from any goroutine.
type Sandbox struct {
	opts      Options
	authority *authority
	servers   []*http.Server
	serving   sync.WaitGroup
	addr      string
	addresses map[string]string // host name -> address of its own listener; empty without ByPort
	routes    []route
	services  []*soapService

	counts   *counter
	recorder *recorder
	tokens   *tokenStore
	failures *failureQueue
	limits   *limiter

	mu        sync.Mutex
	dir       directory
	envelopes envelopeStore
	codes     codeStore
	knobs     knobs
}

// knobs are the switches of a running sandbox.
type knobs struct {
	offset       time.Duration
	tokenLife    time.Duration
	throttle     bool
	wrongSite    string
	badToken     string
	loginInfoOff int
	noSOAPBearer bool
}

// Start opens the listeners and serves until Close.
func Start(o Options) (*Sandbox, error) {
	o = o.withDefaults()
	if err := loopback(o.Listen); err != nil {
		return nil, err
	}
	ca, err := newAuthority(o.Now(), append([]string{o.AccountHost}, o.Sites...), o.Authority)
	if err != nil {
		return nil, fmt.Errorf("make certificates: %w", err)
	}
	s := &Sandbox{
		opts: o, authority: ca, addresses: map[string]string{},
		counts: newCounter(), recorder: newRecorder(o.KeepRequests), failures: &failureQueue{}, limits: newLimiter(),
		dir: newDirectory(), envelopes: newEnvelopeStore(), codes: newCodeStore(),
		knobs: knobs{tokenLife: time.Hour, wrongSite: "USER_LACKS_MEMBERSHIP", badToken: "AUTHORIZATION_INVALID_TOKEN"},
	}
	s.tokens = newTokenStore()
	s.routes, s.services = restRoutes(), soapServices()
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (o Options) withDefaults() Options {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.AccountHost == "" {
		o.AccountHost = "account-d.docusign.com"
	}
	if len(o.Sites) == 0 {
		o.Sites = []string{"demo.docusign.net", "na3.docusign.net", "eu.docusign.net"}
	}
	if o.KeepRequests == 0 {
		o.KeepRequests = 1000
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 1 << 30
	}
	o.Sites = slices.Clone(o.Sites)
	for i, site := range o.Sites {
		o.Sites[i] = strings.ToLower(site)
	}
	o.AccountHost = strings.ToLower(o.AccountHost)
	return o
}

func loopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("listen address: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("listen address %s: only loopback is allowed", address)
	}
	return nil
}

func (s *Sandbox) open() error {
	addr, err := s.listen(s.opts.Listen, "")
	if err != nil {
		return err
	}
	s.addr = addr
	if !s.opts.ByPort {
		return nil
	}
	host, _, _ := net.SplitHostPort(addr)
	for _, name := range append([]string{s.opts.AccountHost}, s.opts.Sites...) {
		own, err := s.listen(net.JoinHostPort(host, "0"), name)
		if err != nil {
			return err
		}
		s.addresses[name] = own
	}
	return nil
}

// listen serves address; identity is the host it stands for, or empty for every host.
func (s *Sandbox) listen(address, identity string) (string, error) {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("listen: %w", err)
	}
	srv := &http.Server{
		Handler:           s.handler(identity),
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{s.authority.leaf}, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: 20 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          log.New(panicsOnly{os.Stderr}, "", 0),
	}
	s.servers = append(s.servers, srv)
	s.serving.Go(func() {
		if err := srv.ServeTLS(ln, "", ""); !errors.Is(err, http.ErrServerClosed) && s.opts.Logger != nil {
			s.opts.Logger.Error("sandbox listener", "err", err)
		}
	})
	return ln.Addr().String(), nil
}

// panicsOnly passes a panic's report on; what clients do wrong in TLS is no news.
type panicsOnly struct{ io.Writer }

func (p panicsOnly) Write(line []byte) (int, error) {
	if !bytes.Contains(line, []byte("panic")) {
		return len(line), nil
	}
	return p.Writer.Write(line)
}

// Close ends every listener and connection and waits for the listeners' goroutines.
func (s *Sandbox) Close() error {
	var errs []error
	for _, srv := range s.servers {
		errs = append(errs, srv.Close())
	}
	s.serving.Wait()
	return errors.Join(errs...)
}

// Addr is the address of the listener that serves every host by name.
func (s *Sandbox) Addr() string { return s.addr }

// AccountServer is the account server's origin.
func (s *Sandbox) AccountServer() string { return s.origin(s.opts.AccountHost) }

// SiteURL is the origin of a site.
func (s *Sandbox) SiteURL(site string) string { return s.origin(strings.ToLower(site)) }

// Sites are the names of the sites.
func (s *Sandbox) Sites() []string { return slices.Clone(s.opts.Sites) }

// origin is where a host is found; the empty host is the listener itself.
func (s *Sandbox) origin(host string) string {
	if host == "" {
		return "https://" + s.addr
	}
	if own, ok := s.addresses[host]; ok {
		return "https://" + own
	}
	return "https://" + host
}

// Dial connects to the sandbox whatever the address says, so that a client may use DocuSign's host names.
func (s *Sandbox) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		return d.DialContext(ctx, network, address)
	}
	return d.DialContext(ctx, network, s.addr)
}

// CACert is the sandbox's certificate authority in PEM.
func (s *Sandbox) CACert() []byte { return slices.Clone(s.authority.pem) }

// AuthorityPEM is the sandbox's certificate authority with its private key, for Options.Authority of a later run.
func (s *Sandbox) AuthorityPEM() []byte { return slices.Concat(s.authority.pem, s.authority.key) }

// CertPool holds the sandbox's certificate authority alone.
func (s *Sandbox) CertPool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.authority.cert)
	return pool
}

// SetClockOffset moves the sandbox's clock away from Options.Now.
func (s *Sandbox) SetClockOffset(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.knobs.offset = d
}

// SetTokenLife sets how long access tokens issued from now on live; default one hour.
func (s *Sandbox) SetTokenLife(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.knobs.tokenLife = d
}

// SetThrottle makes the token end point answer 429 (PROTOCOL.md §6.4) until it is switched off.
func (s *Sandbox) SetThrottle(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.knobs.throttle = on
}

// SetWrongSite chooses the code for a call at a site where the account does not live: USER_LACKS_MEMBERSHIP (default)
// or PARTNER_AUTHENTICATION_FAILED with "Invalid account specified for user." (PROTOCOL.md §8.2).
func (s *Sandbox) SetWrongSite(code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.knobs.wrongSite = code
}

// SetBadToken chooses the code for an expired, revoked or unknown access token: AUTHORIZATION_INVALID_TOKEN (default) or
// USER_AUTHENTICATION_FAILED with "Invalid access token" (PROTOCOL.md §8.2).
func (s *Sandbox) SetBadToken(code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.knobs.badToken = code
}

// SetLoginInformation switches login_information off with a status (401 or 404), or on again with 0.
func (s *Sandbox) SetLoginInformation(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.knobs.loginInfoOff = status
}

// SetSOAPBearer tells whether the SOAP services take an access token; at first they do. Nothing public says that the
// real ones do (PROTOCOL.md §4.10).
func (s *Sandbox) SetSOAPBearer(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.knobs.noSOAPBearer = !on
}

// SetLimits enforces the hourly and burst limits of PROTOCOL.md §11 per account; 0 counts without enforcing.
func (s *Sandbox) SetLimits(hourly, burst int) { s.limits.enforce(hourly, burst) }

func (s *Sandbox) settings() knobs {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.knobs
}

func (s *Sandbox) now() time.Time { return s.opts.Now().Add(s.settings().offset) }

// handler serves one listener. Every request is recorded before it is judged.
func (s *Sandbox) handler(identity string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, ok := s.addressed(identity, r)
		entry := s.recorder.begin(r, host, s.opts.Now())
		// On a copy: net/http looks at its own request's Body to tell a client that waits for 100 Continue.
		r = r.WithContext(r.Context())
		r.Body = entry.tee(http.MaxBytesReader(w, r.Body, s.opts.MaxBody))
		out := &answer{ResponseWriter: w, entry: entry}
		out.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
		defer s.log(r, host, entry)
		if !ok {
			out.WriteHeader(http.StatusMisdirectedRequest)
			return
		}
		if err := pause(r.Context(), s.opts.Latency); err != nil {
			panic(http.ErrAbortHandler)
		}
		if failure, planned := s.failures.take(host, r); planned {
			s.fail(out, r, failure, host)
			return
		}
		s.dispatch(out, r, host)
	})
}

func (s *Sandbox) dispatch(w http.ResponseWriter, r *http.Request, host string) {
	switch {
	case host == s.opts.AccountHost, host == "" && hasPathPrefix(r.URL.Path, "/oauth"):
		s.serveAccount(w, r, host)
	case hasPathPrefix(r.URL.Path, "/api/3.0"):
		s.serveSOAP(w, r, host)
	default:
		s.serveREST(w, r, host)
	}
}

// addressed tells which host a request is for. An empty host is a loopback address: the path decides there.
// A Host that differs from the SNI, or that nobody here has, is misdirected.
func (s *Sandbox) addressed(identity string, r *http.Request) (string, bool) {
	name := strings.ToLower(r.Host)
	if host, _, err := net.SplitHostPort(name); err == nil {
		name = host
	}
	if r.TLS != nil && r.TLS.ServerName != "" && !strings.EqualFold(r.TLS.ServerName, name) {
		return name, false
	}
	if ip := net.ParseIP(strings.Trim(name, "[]")); name == "localhost" || ip != nil && ip.IsLoopback() {
		return identity, true
	}
	if identity != "" && name != identity {
		return name, false
	}
	return name, name == s.opts.AccountHost || slices.Contains(s.opts.Sites, name)
}

func (s *Sandbox) log(r *http.Request, host string, entry *entry) {
	if s.opts.Logger == nil {
		return
	}
	s.opts.Logger.Info("sandbox request", "method", r.Method, "host", host, "path", r.URL.Path, "status", entry.status())
}

func hasPathPrefix(path, prefix string) bool {
	rest, ok := strings.CutPrefix(strings.ToLower(path), prefix)
	return ok && (rest == "" || rest[0] == '/')
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// answer notes the status of what is written.
type answer struct {
	http.ResponseWriter
	entry *entry
}

func (a *answer) WriteHeader(status int) {
	a.entry.setStatus(status)
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap serves http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
