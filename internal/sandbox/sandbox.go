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
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"docusign-auth-proxy/internal/sandbox/certs"
	"docusign-auth-proxy/internal/template"
)

// Options configure a Sandbox. The zero value works. Names of hosts are in lower case.
type Options struct {
	Listen string           // address of the listener, which must be loopback; default 127.0.0.1:0
	Now    func() time.Time // the true time; default time.Now. SetClockOffset moves the sandbox away from it

	// AccountHost is the account server's name; default account-d.docusign.com. With account.docusign.com only
	// integrations that are Live are known.
	AccountHost string
	Sites       []string // of REST and SOAP; default demo.docusign.net, na3.docusign.net, eu.docusign.net

	// ByPort opens one more listener for the account server and one per site and answers with their addresses
	// (https://127.0.0.1:PORT) instead of names, for callers that cannot map names.
	ByPort bool

	// Authority is what AuthorityPEM gave in an earlier run, so that whoever trusts that certificate still does. Empty
	// makes a new authority.
	Authority []byte

	Latency time.Duration  // delays every answer
	Served  func(Recorded) // if non-nil, told of every request when it has been answered or dropped
	maxBody int64          // bounds a request body in bytes; default 1 GiB
}

func (o Options) withDefaults() Options {
	o.Listen = cmp.Or(o.Listen, "127.0.0.1:0")
	o.AccountHost = cmp.Or(o.AccountHost, "account-d.docusign.com")
	o.maxBody = cmp.Or(o.maxBody, 1<<30)
	if o.Now == nil {
		o.Now = time.Now
	}
	if len(o.Sites) == 0 {
		o.Sites = []string{"demo.docusign.net", "na3.docusign.net", "eu.docusign.net"}
	}
	return o
}

// Sandbox is a running stand-in. Its methods may be called at any time from any goroutine.
type Sandbox struct {
	registry
	record
	settings
	archive
	access, refresh, codes store[grant] // by the text that was given out
	spent                  store[int]   // calls by account and period

	opts      Options
	authority *certs.Authority
	forms     *template.Set
	addresses map[string]string // of the listeners by host name; the empty name is the one that serves every host
	server    *http.Server
	ended     []chan error // of the listeners
}

// Start opens the listeners and serves until Close.
func Start(o Options) (*Sandbox, error) {
	o = o.withDefaults()
	if err := loopback(o.Listen); err != nil {
		return nil, err
	}
	ca, err := certs.New(o.Now(), append([]string{o.AccountHost}, o.Sites...), o.Authority)
	if err != nil {
		return nil, fmt.Errorf("make certificates: %w", err)
	}
	s := &Sandbox{opts: o, authority: ca, addresses: map[string]string{}}
	s.clock, s.forms = s.now, s.texts()
	s.server = &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{ca.Leaf}, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: 20 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          log.New(panicsOnly{os.Stderr}, "", 0),
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
	if !isLoopback(host) {
		return fmt.Errorf("listen address %s: only loopback is allowed", address)
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// open begins with the listener that serves every host; nobody knows the others before Start returns.
func (s *Sandbox) open() error {
	hosts := []string{""}
	if s.opts.ByPort {
		hosts = append(append(hosts, s.opts.AccountHost), s.opts.Sites...)
	}
	address := s.opts.Listen
	for _, host := range hosts {
		ln, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		s.addresses[host], address = ln.Addr().String(), "127.0.0.1:0"
		ended := make(chan error, 1)
		s.ended = append(s.ended, ended)
		go func() { ended <- s.server.ServeTLS(ln, "", "") }()
	}
	return nil
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
	errs := []error{s.server.Close()}
	for _, ended := range s.ended {
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			errs = append(errs, err)
		}
	}
	s.ended = nil
	return errors.Join(errs...)
}

// origin is where a host is found; the empty host is the listener itself.
func (s *Sandbox) origin(host string) string {
	return "https://" + cmp.Or(s.addresses[host], host)
}

// Addr is the address of the listener that serves every host by name.
func (s *Sandbox) Addr() string { return s.addresses[""] }

func (s *Sandbox) AccountServer() string { return s.origin(s.opts.AccountHost) }

func (s *Sandbox) SiteURL(site string) string { return s.origin(site) }

func (s *Sandbox) Sites() []string { return slices.Clone(s.opts.Sites) }

// Dial connects to the sandbox whatever the address says, so that a client may use DocuSign's host names.
func (s *Sandbox) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if !isLoopback(host) {
		address = s.Addr()
	}
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

// CACert is the sandbox's certificate authority in PEM.
func (s *Sandbox) CACert() []byte { return certs.PEM("CERTIFICATE", s.authority.Cert.Raw) }

// AuthorityPEM is the sandbox's certificate authority with its private key, for Options.Authority of a later run.
func (s *Sandbox) AuthorityPEM() []byte { return slices.Clone(s.authority.PEM) }

// CertPool holds the sandbox's certificate authority alone.
func (s *Sandbox) CertPool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.authority.Cert)
	return pool
}

// serve records every request before it is judged.
func (s *Sandbox) serve(w http.ResponseWriter, r *http.Request) {
	host, known := s.addressed(r)
	entry := s.begin(r, host, s.opts.Now())
	if s.opts.Served != nil {
		defer func() { s.opts.Served(entry.snapshot()) }()
	}
	// On a copy: net/http looks at its own request's Body to tell a client that waits for 100 Continue.
	r = r.WithContext(r.Context())
	r.Body = &recordedBody{http.MaxBytesReader(w, r.Body, s.opts.maxBody), entry}
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	a := empty(http.StatusMisdirectedRequest)
	if known {
		a = request{r, s, entry, host, w.Header()}.answer()
	}
	entry.change(func(r *Recorded) { r.Status = a.status })
	a.write(w, r)
}

// addressed tells which host a request is for. An empty host is a loopback address: the path decides there.
// A Host that differs from the SNI, or that nobody here has, is misdirected.
func (s *Sandbox) addressed(r *http.Request) (string, bool) {
	name := strings.ToLower(r.Host)
	if host, _, err := net.SplitHostPort(name); err == nil {
		name = host
	}
	if r.TLS != nil && r.TLS.ServerName != "" && !strings.EqualFold(r.TLS.ServerName, name) {
		return name, false
	}
	if !isLoopback(name) {
		return name, name == s.opts.AccountHost || slices.Contains(s.opts.Sites, name)
	}
	for host, address := range s.addresses {
		if address == r.Host {
			return host, true
		}
	}
	return "", true
}

func (s *Sandbox) now() time.Time { return s.opts.Now().Add(s.setting().offset) }

// request is one request with the host it is for; an empty host is a loopback address, where the path decides.
type request struct {
	*http.Request
	*Sandbox
	*entry
	host   string
	header http.Header // of the answer
}

func (r request) answer() answer {
	pause(r.Context(), r.opts.Latency)
	failure, planned := r.next(r)
	if !planned {
		return r.dispatch()
	}
	pause(r.Context(), failure.Delay)
	switch failure.Drop {
	case DropMidAnswer:
		a := r.dispatch()
		a.cut = true
		return a
	case DropAfterWork:
		r.dispatch()
		panic(http.ErrAbortHandler)
	case DropBefore:
		panic(http.ErrAbortHandler)
	}
	return failure.answer(r.header)
}

func (r request) dispatch() answer {
	switch {
	case r.host == r.opts.AccountHost, r.host == "" && hasPathPrefix(r.URL.Path, "/oauth"):
		return r.account()
	case hasPathPrefix(r.URL.Path, "/api/3.0"):
		return r.soap()
	}
	return r.rest()
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
