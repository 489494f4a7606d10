// Package apptest runs a proxy in front of a sandbox for tests, and speaks to it as old programs do. It must be
// imported by tests alone. The tests of internal/app, of the commands and of the demo call it.
package apptest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
)

// AdminURL is asked after calls, so it waits until they are recorded.
func (r *Rig) AdminURL() string {
	r.Settled()
	return "http://" + r.Program.AdminAddress()
}

// TokenFile is where the operator's token stands.
func (r *Rig) TokenFile() string { return filepath.Join(r.Dir, "state.db.admin-token") }

// OperatorToken reads the operator's token.
func (r *Rig) OperatorToken(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(r.TokenFile())
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// Rig is a running proxy in front of a running sandbox.
type Rig struct {
	T       *testing.T
	Dir     string
	Path    string
	Sandbox *sandbox.Sandbox
	Seed    sandbox.Seed
	Program *app.App
	Log     *SyncBuffer
	Hooks   app.Hooks // of the next start
	JSON    bool      // the log's form from the next start on; false = text, with what only debugging needs
	stop    context.CancelFunc
	done    chan error
}

// SyncBuffer is a log that is read while it is written.
type SyncBuffer struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	settled func() // waits for what is still to be written; nil = nothing
}

// Write adds to the log.
func (b *SyncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String gives what was written so far.
func (b *SyncBuffer) String() string {
	if b.settled != nil {
		b.settled()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// NewRig starts both; edit may change the configuration before it is written.
func NewRig(t *testing.T, edit func(*fixture.Config)) *Rig {
	t.Helper()
	return NewRigWith(t, sandbox.Options{}, edit)
}

// NewRigWith starts both, the sandbox with these options.
func NewRigWith(t *testing.T, o sandbox.Options, edit func(*fixture.Config)) *Rig {
	t.Helper()
	return NewRigEdited(t, o, edit, nil)
}

// NewRigEdited also lets the whole written configuration be changed before the proxy reads it.
func NewRigEdited(t *testing.T, o sandbox.Options, edit func(*fixture.Config), change func(Section)) *Rig {
	t.Helper()
	sb, err := sandbox.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sb.Close() })
	seed, err := sb.SeedWith(SharedKeys().Integrations)
	if err != nil {
		t.Fatal(err)
	}
	r := &Rig{T: t, Dir: t.TempDir(), Sandbox: sb, Seed: seed, Log: &SyncBuffer{}}
	if err := SharedKeys().Ca.Save(filepath.Join(r.Dir, "ca.pem"), filepath.Join(r.Dir, "ca-key.pem"), true); err != nil {
		t.Fatal(err)
	}
	wc := fixture.Config{Proxy: "127.0.0.1:0", Admin: "127.0.0.1:0", Hosts: "127.0.0.1:0", Cost: 4}
	if edit != nil {
		edit(&wc)
	}
	if r.Path, err = wc.Write(r.Dir, sb, seed); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		r.Change(change)
	}
	r.Start()
	return r
}

// Section is a part of the configuration file.
type Section map[string]any

// At gives the section below name, made if it is missing.
func (s Section) At(name string) Section {
	below, ok := s[name].(Section)
	if !ok {
		below = Section{}
		s[name] = below
	}
	return below
}

// Change rewrites the configuration file.
func (r *Rig) Change(edit func(Section)) {
	r.T.Helper()
	text, err := os.ReadFile(r.Path)
	if err != nil {
		r.T.Fatal(err)
	}
	doc := Section{}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		r.T.Fatal(err)
	}
	edit(doc)
	if text, err = yaml.Marshal(doc); err != nil {
		r.T.Fatal(err)
	}
	if err := os.WriteFile(r.Path, text, 0o600); err != nil {
		r.T.Fatal(err)
	}
}

// Start starts the proxy and stops it with the test.
func (r *Rig) Start() {
	r.T.Helper()
	holder := &config.Holder{Path: r.Path}
	if _, err := holder.Reload(); err != nil {
		r.T.Fatal(err)
	}
	var err error
	r.Hooks.LeafKey = SharedKeys().leaf
	var handler slog.Handler = slog.NewTextHandler(r.Log, &slog.HandlerOptions{Level: slog.LevelDebug})
	if r.JSON {
		handler = slog.NewJSONHandler(r.Log, nil)
	}
	log := slog.New(handler)
	if r.Program, err = app.New(holder, log, r.Hooks); err != nil {
		r.T.Fatal(err)
	}
	r.Log.settled = r.Settled
	ctx, cancel := context.WithCancel(context.Background())
	r.stop, r.done = cancel, make(chan error, 1)
	go func() { r.done <- r.Program.Run(ctx) }()
	<-r.Program.Ready()
	r.T.Cleanup(r.Halt)
}

// Settled waits until the calls that were answered are recorded, which happens after the answer. A call that goes on is
// not waited for.
func (r *Rig) Settled() {
	for began := time.Now(); r.Program.Server.Active() > 0 && time.Since(began) < time.Second; {
		time.Sleep(time.Millisecond)
	}
}

// DialSettled connects when all earlier calls are recorded, so that the lines of the log are in order.
func (r *Rig) DialSettled(t *testing.T, door call.Door) *Wire {
	t.Helper()
	r.Settled()
	return r.Dial(t, door)
}

// Halt stops the proxy and waits for it; it may be called twice.
func (r *Rig) Halt() {
	r.stop()
	select {
	case err := <-r.done:
		if err != nil {
			r.T.Errorf("run: %v", err)
		}
		r.done <- nil
	case <-time.After(30 * time.Second):
		r.T.Error("the proxy did not stop")
	}
}

// Restart replaces the proxy by one that remembers only what its store holds, with an empty log.
func (r *Rig) Restart() {
	r.T.Helper()
	r.Halt()
	r.Log = &SyncBuffer{}
	r.Start()
}

// Addr is where a door listens.
func (r *Rig) Addr(door call.Door) string {
	at := r.Program.Address(door)
	if at == "" {
		r.T.Fatalf("no listener for %s", door)
	}
	return at
}

// Sidecar is the base URL of the sidecar.
func (r *Rig) Sidecar() string { return "http://" + r.Addr(call.DoorSidecar) }

// ProxyCA is what an old program is told to trust.
func (r *Rig) ProxyCA() *x509.CertPool {
	pem, err := os.ReadFile(filepath.Join(r.Dir, "ca.pem"))
	if err != nil {
		r.T.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return pool
}

// ForwardClient is an HTTP client with HTTP_PROXY set.
func (r *Rig) ForwardClient() *http.Client {
	u := &url.URL{Scheme: "http", Host: r.Addr(call.DoorSidecar)}
	tr := &http.Transport{
		Proxy: http.ProxyURL(u), TLSClientConfig: &tls.Config{RootCAs: r.ProxyCA()}, DisableCompression: true,
	}
	r.T.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

// Headers of two users, as programs send them.
const (
	AnnaJSON   = `{"Username":"anna@example.com","Password":"anna-legacy-1","IntegratorKey":"` + sandbox.GUIDKey + `"}`
	LegacyJSON = `{"Username":"legacy.user@example.com","Password":"p@ss<w&rd>é1","IntegratorKey":"` + sandbox.LegacyKey +
		`"}`
)

// Answer is an answer that was read whole.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Do sends a request; a nil client is the usual one.
func (r *Rig) Do(c *http.Client, req *http.Request) Answer {
	r.T.Helper()
	if c == nil {
		c = http.DefaultClient
	}
	resp, err := c.Do(req)
	if err != nil {
		r.T.Fatalf("%s %s: %v\n%s", req.Method, req.URL, err, r.Log)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.T.Fatalf("%s %s: read: %v", req.Method, req.URL, err)
	}
	return Answer{resp.StatusCode, resp.Header, string(body)}
}

// Request makes one with headers given as name, value, name, value.
func Request(t *testing.T, method, target string, body io.Reader, headers ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req
}

// NoLeak fails when a legacy credential reached the sandbox.
func (r *Rig) NoLeak() {
	r.T.Helper()
	if leaks := r.Sandbox.Leaks(); len(leaks) > 0 {
		r.T.Errorf("legacy secrets reached DocuSign: %v", leaks)
	}
}
