// Package sandbox is a strict stand-in for DocuSign on loopback: account server, REST and SOAP sites that behave by
// PROTOCOL.md and remember what reached them. It must never accept a legacy credential (header, UsernameToken, password
// grant, act-as, old bearer): each is refused and counted. The demo and sandbox commands and all tests start it.
package sandbox

import (
	"bytes"
	"cmp"
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

	// MaxBody bounds a request body in bytes; default 1 GiB.
	MaxBody int64
}

func (o Options) withDefaults() Options {
	o.Listen = cmp.Or(o.Listen, "127.0.0.1:0")
	o.AccountHost = strings.ToLower(cmp.Or(o.AccountHost, "account-d.docusign.com"))
	o.MaxBody = cmp.Or(o.MaxBody, 1<<30)
	if o.Now == nil {
		o.Now = time.Now
	}
	if len(o.Sites) == 0 {
		o.Sites = []string{"demo.docusign.net", "na3.docusign.net", "eu.docusign.net"}
	}
	o.Sites = slices.Clone(o.Sites)
	for i, site := range o.Sites {
		o.Sites[i] = strings.ToLower(site)
	}
	return o
}

// core is what the account server and the sites work on.
type core struct {
	*directory
	*record
	*settings
	envelopes              *store[Envelope]
	access, refresh, codes *store[grant] // by the text that was given out
	spent                  *store[spending]

	accountHost string
	maxBody     int64
	addr        string            // of the listener that serves every host by name
	addresses   map[string]string // host name -> address of its own listener; empty without ByPort
}

// origin is where a host is found; the empty host is the listener itself.
func (c *core) origin(host string) string {
	if host == "" {
		return "https://" + c.addr
	}
	if own, ok := c.addresses[host]; ok {
		return "https://" + own
	}
	return "https://" + host
}

// Sandbox is a running stand-in. Its methods may be called at any time from any goroutine.
type Sandbox struct {
	core
	*failures
	opts      Options
	authority *authority
	servers   []*http.Server
	serving   sync.WaitGroup
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
		core: core{
			directory: newDirectory(), record: &record{counts: newCounts()}, settings: newSettings(o.Now),
			envelopes: newStore[Envelope](5000), spent: newStore[spending](5000),
			access: newStore[grant](20000), refresh: newStore[grant](5000), codes: newStore[grant](1000),
			accountHost: o.AccountHost, maxBody: o.MaxBody, addresses: map[string]string{},
		},
		failures: &failures{}, opts: o, authority: ca,
	}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func loopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("listen address: %w", err)
	}
	if host != "localhost" && !isLoopback(host) {
		return fmt.Errorf("listen address %s: only loopback is allowed", address)
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// open listens on every address before it serves any, so that no request sees the addresses half known.
func (s *Sandbox) open() error {
	hosts := []string{""}
	if s.opts.ByPort {
		hosts = append(append(hosts, s.opts.AccountHost), s.opts.Sites...)
	}
	address := s.opts.Listen
	var listeners []net.Listener
	for _, host := range hosts {
		ln, err := net.Listen("tcp", address)
		if err != nil {
			for _, ln := range listeners {
				_ = ln.Close()
			}
			return fmt.Errorf("listen: %w", err)
		}
		listeners = append(listeners, ln)
		if host == "" {
			s.addr = ln.Addr().String()
			ip, _, _ := net.SplitHostPort(s.addr)
			address = net.JoinHostPort(ip, "0")
		} else {
			s.addresses[host] = ln.Addr().String()
		}
	}
	for i, ln := range listeners {
		s.serve(ln, hosts[i])
	}
	return nil
}

// serve answers on ln; identity is the host it stands for, or empty for every host.
func (s *Sandbox) serve(ln net.Listener, identity string) {
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

// Dial connects to the sandbox whatever the address says, so that a client may use DocuSign's host names.
func (s *Sandbox) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if !isLoopback(host) {
		address = s.addr
	}
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

// CACert is the sandbox's certificate authority in PEM.
func (s *Sandbox) CACert() []byte { return pemOf("CERTIFICATE", s.authority.cert.Raw) }

// AuthorityPEM is the sandbox's certificate authority with its private key, for Options.Authority of a later run.
func (s *Sandbox) AuthorityPEM() []byte { return slices.Clone(s.authority.pem) }

// CertPool holds the sandbox's certificate authority alone.
func (s *Sandbox) CertPool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.authority.cert)
	return pool
}

// handler serves one listener. Every request is recorded before it is judged.
func (s *Sandbox) handler(identity string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, known := s.addressed(identity, r)
		entry := s.begin(r, host, s.opts.Now())
		// On a copy: net/http looks at its own request's Body to tell a client that waits for 100 Continue.
		r = r.WithContext(r.Context())
		r.Body = &recordedBody{http.MaxBytesReader(w, r.Body, s.maxBody), entry}
		w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
		var a answer
		if s.opts.Logger != nil {
			defer func() {
				s.opts.Logger.Info("sandbox request",
					"method", r.Method, "host", host, "path", r.URL.Path, "status", a.status)
			}()
		}
		if known {
			a = s.answer(request{r, host, w.Header()})
		} else {
			a = empty(http.StatusMisdirectedRequest)
		}
		entry.setStatus(a.status)
		a.write(w, r)
	})
}

func (s *Sandbox) answer(r request) answer {
	pause(r.Context(), s.opts.Latency)
	failure, planned := s.next(r)
	if !planned {
		return s.dispatch(r)
	}
	pause(r.Context(), failure.Delay)
	switch failure.Drop {
	case DropAfterWork:
		s.dispatch(r)
		panic(http.ErrAbortHandler)
	case DropBefore:
		panic(http.ErrAbortHandler)
	}
	return failure.answer(r.header)
}

func (s *Sandbox) dispatch(r request) answer {
	switch {
	case r.host == s.opts.AccountHost, r.host == "" && hasPathPrefix(r.URL.Path, "/oauth"):
		return accountServer{&s.core}.answer(r)
	case hasPathPrefix(r.URL.Path, "/api/3.0"):
		return soapSite{&s.core}.answer(r)
	}
	return restSite{&s.core}.answer(r)
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
	if name == "localhost" || isLoopback(strings.Trim(name, "[]")) {
		return identity, true
	}
	if identity != "" && name != identity {
		return name, false
	}
	return name, name == s.opts.AccountHost || slices.Contains(s.opts.Sites, name)
}

func hasPathPrefix(path, prefix string) bool {
	rest, ok := strings.CutPrefix(strings.ToLower(path), prefix)
	return ok && (rest == "" || rest[0] == '/')
}

// pause waits; a client that leaves meanwhile gets no answer.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
		panic(http.ErrAbortHandler)
	}
}
