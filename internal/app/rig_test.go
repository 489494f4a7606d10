package app

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
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
)

// adminURL is asked after calls, so it waits until they are recorded.
func (r *rig) adminURL() string {
	r.settled()
	return "http://" + r.program.AdminAddress()
}

func (r *rig) tokenFile() string { return filepath.Join(r.dir, "state.db.admin-token") }

func (r *rig) operatorToken(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(r.tokenFile())
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// rig is a running proxy in front of a running sandbox.
type rig struct {
	t       *testing.T
	dir     string
	path    string
	sandbox *sandbox.Sandbox
	world   sandbox.Seed
	program *App
	log     *syncBuffer
	hooks   Hooks // of the next start
	stop    context.CancelFunc
	done    chan error
}

type syncBuffer struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	settled func() // waits for what is still to be written; nil = nothing
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	if b.settled != nil {
		b.settled()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// newRig starts both; edit may change the configuration before it is written.
func newRig(t *testing.T, edit func(*fixture.Config)) *rig {
	t.Helper()
	return newRigWith(t, sandbox.Options{}, edit)
}

func newRigWith(t *testing.T, o sandbox.Options, edit func(*fixture.Config)) *rig {
	t.Helper()
	return newRigEdited(t, o, edit, nil)
}

// newRigEdited also lets the whole written configuration be changed before the proxy reads it.
func newRigEdited(t *testing.T, o sandbox.Options, edit func(*fixture.Config), change func(section)) *rig {
	t.Helper()
	sb, err := sandbox.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sb.Close() })
	world, err := sb.SeedWith(sharedKeys().integrations)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, dir: t.TempDir(), sandbox: sb, world: world, log: &syncBuffer{}}
	if err := sharedKeys().ca.Save(filepath.Join(r.dir, "ca.pem"), filepath.Join(r.dir, "ca-key.pem"), true); err != nil {
		t.Fatal(err)
	}
	wc := fixture.Config{Proxy: "127.0.0.1:0", Admin: "127.0.0.1:0", Hosts: "127.0.0.1:0", Cost: 4}
	if edit != nil {
		edit(&wc)
	}
	if r.path, err = wc.Write(r.dir, sb, world); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		r.change(change)
	}
	r.start()
	return r
}

// section is a part of the configuration file.
type section map[string]any

// at gives the section below name, made if it is missing.
func (s section) at(name string) section {
	below, ok := s[name].(section)
	if !ok {
		below = section{}
		s[name] = below
	}
	return below
}

// change rewrites the configuration file.
func (r *rig) change(edit func(section)) {
	r.t.Helper()
	text, err := os.ReadFile(r.path)
	if err != nil {
		r.t.Fatal(err)
	}
	doc := section{}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		r.t.Fatal(err)
	}
	edit(doc)
	if text, err = yaml.Marshal(doc); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(r.path, text, 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) start() {
	r.t.Helper()
	holder := &config.Holder{Path: r.path}
	if _, err := holder.Reload(); err != nil {
		r.t.Fatal(err)
	}
	var err error
	r.hooks.LeafKey = sharedKeys().leaf
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if r.program, err = New(holder, log, r.hooks); err != nil {
		r.t.Fatal(err)
	}
	r.log.settled = r.settled
	ctx, cancel := context.WithCancel(context.Background())
	r.stop, r.done = cancel, make(chan error, 1)
	go func() { r.done <- r.program.Run(ctx) }()
	<-r.program.Ready()
	r.t.Cleanup(r.halt)
}

// settled waits until the calls that were answered are recorded, which happens after the answer. A call that goes on is
// not waited for.
func (r *rig) settled() {
	for began := time.Now(); r.program.Server.Active() > 0 && time.Since(began) < time.Second; {
		time.Sleep(time.Millisecond)
	}
}

// dialSettled connects when all earlier calls are recorded, so that the lines of the log are in order.
func (r *rig) dialSettled(t *testing.T, door call.Door) *wire {
	t.Helper()
	r.settled()
	return r.dial(t, door)
}

// halt stops the proxy and waits for it; it may be called twice.
func (r *rig) halt() {
	r.stop()
	select {
	case err := <-r.done:
		if err != nil {
			r.t.Errorf("run: %v", err)
		}
		r.done <- nil
	case <-time.After(30 * time.Second):
		r.t.Error("the proxy did not stop")
	}
}

// restart replaces the proxy by one that remembers only what its store holds, with an empty log.
func (r *rig) restart() {
	r.t.Helper()
	r.halt()
	r.log = &syncBuffer{}
	r.start()
}

func (r *rig) addr(door call.Door) string {
	at := r.program.Address(door)
	if at == "" {
		r.t.Fatalf("no listener for %s", door)
	}
	return at
}

func (r *rig) sidecar() string { return "http://" + r.addr(call.DoorSidecar) }

// proxyCA is what an old program is told to trust.
func (r *rig) proxyCA() *x509.CertPool {
	pem, err := os.ReadFile(filepath.Join(r.dir, "ca.pem"))
	if err != nil {
		r.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return pool
}

// forwardClient is an HTTP client with HTTP_PROXY set.
func (r *rig) forwardClient() *http.Client {
	u := &url.URL{Scheme: "http", Host: r.addr(call.DoorSidecar)}
	tr := &http.Transport{
		Proxy: http.ProxyURL(u), TLSClientConfig: &tls.Config{RootCAs: r.proxyCA()}, DisableCompression: true,
	}
	r.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

const (
	annaJSON   = `{"Username":"anna@example.com","Password":"anna-legacy-1","IntegratorKey":"` + sandbox.GUIDKey + `"}`
	legacyJSON = `{"Username":"legacy.user@example.com","Password":"p@ss<w&rd>é1","IntegratorKey":"` + sandbox.LegacyKey +
		`"}`
)

type answer struct {
	status int
	header http.Header
	body   string
}

func (r *rig) do(c *http.Client, req *http.Request) answer {
	r.t.Helper()
	if c == nil {
		c = http.DefaultClient
	}
	resp, err := c.Do(req)
	if err != nil {
		r.t.Fatalf("%s %s: %v\n%s", req.Method, req.URL, err, r.log)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatalf("%s %s: read: %v", req.Method, req.URL, err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

func request(t *testing.T, method, target string, body io.Reader, headers ...string) *http.Request {
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

// noLeak fails when a legacy credential reached the sandbox.
func (r *rig) noLeak() {
	r.t.Helper()
	if leaks := r.sandbox.Leaks(); len(leaks) > 0 {
		r.t.Errorf("legacy secrets reached DocuSign: %v", leaks)
	}
}
