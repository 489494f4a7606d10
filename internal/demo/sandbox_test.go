package demo

import (
	"bytes"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/files/filestest"
	"docusign-auth-proxy/internal/sandbox"
)

// servedSandbox is a sandbox command that runs beside a test.
type servedSandbox struct {
	t       *testing.T
	dir     string
	out     *apptest.SyncBuffer
	sandbox *sandbox.Sandbox
	stop    context.CancelFunc
	done    chan error
}

// keptDir is the folder of a sandbox that ran before.
func keptDir(t *testing.T) string {
	t.Helper()
	sb, err := sandbox.Start(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer sb.Close()
	dir := filestest.TempDir(t)
	if err := (&SandboxCommand{Dir: dir}).keep(sb, sandbox.Seed{PrivateKeys: demoKeys(t)}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func serveSandbox(t *testing.T, dir string, edit func(*SandboxCommand)) *servedSandbox {
	t.Helper()
	s := &servedSandbox{t: t, dir: dir, out: &apptest.SyncBuffer{}, done: make(chan error, 1)}
	ready := make(chan *sandbox.Sandbox, 1)
	c := &SandboxCommand{Listen: "127.0.0.1:0", Dir: dir, Proxy: "127.0.0.1:0", Admin: "127.0.0.1:0", Hosts: "127.0.0.1:0",
		cost: 4, Out: s.out}
	c.serving = func(sb *sandbox.Sandbox) { ready <- sb }
	if edit != nil {
		edit(c)
	}
	ctx, stop := context.WithCancel(t.Context())
	s.stop = stop
	go func() { s.done <- c.Run(ctx) }()
	select {
	case s.sandbox = <-ready:
	case err := <-s.done:
		t.Fatalf("the sandbox ended: %v\n%s", err, s.out)
	}
	t.Cleanup(s.halt)
	return s
}

// halt stops the command and waits for it; it may be called twice.
func (s *servedSandbox) halt() {
	s.stop()
	if err := <-s.done; err != nil {
		s.t.Errorf("the sandbox ended: %v", err)
	}
	s.done <- nil
}

// run starts the proxy with the configuration in the folder and gives its address.
func (s *servedSandbox) run() *app.App {
	s.t.Helper()
	holder := &config.Holder{Path: filepath.Join(s.dir, "proxy.yaml")}
	if _, err := holder.Reload(); err != nil {
		s.t.Fatal(err)
	}
	p, err := app.New(holder, slog.New(slog.DiscardHandler), app.Hooks{})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	s.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			s.t.Errorf("the proxy ended: %v", err)
		}
	})
	<-p.Ready()
	return p
}

// status makes a call with a legacy header through the proxy.
func (s *servedSandbox) status(p *app.App, path, credential string) int {
	s.t.Helper()
	got, err := route{}.send(oldRequest("http://"+p.Address(call.DoorSidecar)+path, "", credential))
	if err != nil {
		s.t.Fatal(err)
	}
	return got.status
}

func TestSandboxServesAnOldProgramThroughTheProxy(t *testing.T) {
	t.Parallel()
	s := serveSandbox(t, keptDir(t), nil)
	header, err := os.ReadFile(filepath.Join(s.dir, "anna.header"))
	if err != nil {
		t.Fatal(err)
	}
	credential := strings.TrimSpace(string(header))
	if got := s.status(s.run(), "/restapi/v2/login_information", credential); got != http.StatusOK {
		t.Errorf("through the proxy: %d\n%s", got, s.out)
	}
	direct := &http.Client{Transport: &http.Transport{
		DialContext: s.sandbox.Dial, TLSClientConfig: &tls.Config{RootCAs: s.sandbox.CertPool()}, DisableKeepAlives: true,
	}}
	name, value, _ := strings.Cut(credential, ": ")
	resp, err := direct.Do(apptest.Request(t, "GET",
		s.sandbox.SiteURL("demo.docusign.net")+"/restapi/v2/login_information", nil, name, value))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without the proxy: %d", resp.StatusCode)
	}
	s.halt()
	text := s.out.String()
	for _, want := range []string{
		"docusign-auth-proxy run --config " + filepath.Join(s.dir, "proxy.yaml"), "--cacert ca.pem",
		"accepted 200  POST account-d.docusign.com/oauth/token\n",
		"accepted 200  GET na3.docusign.net/restapi/v2/login_information\n",
		"REFUSED  401  GET demo.docusign.net/restapi/v2/login_information  USER_AUTHENTICATION_FAILED  LEGACY CREDENTIAL: 1 X-DocuSign-Authentication; 1 so far\n",
		"\n     1  legacy credentials: 1 X-DocuSign-Authentication\n     1  tokens issued\n     1  REST calls let in; refused: 1 USER_AUTHENTICATION_FAILED\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the output lacks %q", want)
		}
	}
	if strings.Contains(text, "anna-legacy-1") || strings.Contains(text, "eyJ") {
		t.Error("the output holds a secret")
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestSandboxKeepsItsIdentityBetweenRuns(t *testing.T) {
	t.Parallel()
	dir := filestest.TempDir(t)
	names := []string{"sandbox-ca.pem", "ca.pem", "ca-key.pem", "keys/old-erp.pem", "keys/nightly-billing.pem",
		identityFile}
	own := func(c *SandboxCommand) { c.Own = ownProgram{Key: "ACME-230546a7-9c55-40ad-8fbf-af205d5494ad"} }
	read := func() (all [][]byte) {
		for _, name := range names {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b)
		}
		return all
	}
	serveSandbox(t, dir, own).halt()
	before := read()
	serveSandbox(t, dir, own).halt()
	for i, after := range read() {
		if !bytes.Equal(before[i], after) {
			t.Errorf("%s is another one", names[i])
		}
	}
}

func TestSandboxLeavesAChangedConfigurationAlone(t *testing.T) {
	t.Parallel()
	dir := keptDir(t)
	path := filepath.Join(dir, "proxy.yaml")
	s := serveSandbox(t, dir, nil)
	s.halt()
	read := func() string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	changed := read() + "log: {level: debug}\n"
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}

	s = serveSandbox(t, dir, nil)
	s.halt()
	if read() != changed {
		t.Error("the changed file was overwritten")
	}
	for _, want := range []string{"was changed since it was written here", "--force", "will not reach this stand-in"} {
		if !strings.Contains(s.out.String(), want) {
			t.Errorf("nothing says %q:\n%s", want, s.out)
		}
	}

	serveSandbox(t, dir, func(c *SandboxCommand) { c.Force = true }).halt()
	if strings.Contains(read(), "log:") {
		t.Error("--force left the file")
	}

	if err := os.WriteFile(path, []byte("environment: nowhere\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = serveSandbox(t, dir, nil)
	s.halt()
	if !strings.Contains(s.out.String(), "cannot be loaded") {
		t.Errorf("a file that is no configuration: %s", s.out)
	}
}

func TestSandboxWritesTheSameConfigurationOnce(t *testing.T) {
	t.Parallel()
	sb, err := sandbox.Start(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sb.Close() })
	seed, err := sb.SeedWith(demoKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	c := &SandboxCommand{Dir: filestest.TempDir(t), Proxy: "127.0.0.1:0", Admin: "127.0.0.1:0", cost: 4}
	var texts []string
	for range 2 {
		if written, err := c.configure(sb, seed); !written || err != nil {
			t.Fatalf("%v %v", written, err)
		}
		b, err := os.ReadFile(c.path("proxy.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(b))
	}
	if texts[0] != texts[1] {
		t.Error("a second run with nothing new wrote another file, which makes a running proxy reload")
	}
}

func TestSandboxKnowsAProgramOfOnesOwn(t *testing.T) {
	t.Parallel()
	const path = "/restapi/v2/accounts/7654321/envelopes?from_date=2026-01-01"
	s := serveSandbox(t, keptDir(t), func(c *SandboxCommand) {
		c.Own = ownProgram{Key: "ACME-230546a7-9c55-40ad-8fbf-af205d5494ad", User: "billing@example.com", Account: "7654321"}
	})
	p := s.run()
	credential := func(password string) string {
		return `X-DocuSign-Authentication: {"Username":"billing@example.com","Password":"` + password +
			`","IntegratorKey":"ACME-230546a7-9c55-40ad-8fbf-af205d5494ad"}`
	}
	for _, call := range []struct {
		name, password string
		want           int
	}{{"the first password", "compiled-in", 200}, {"another one", "guessed", 401},
		{"the first again", "compiled-in", 200}} {
		if got := s.status(p, path, credential(call.password)); got != call.want {
			t.Errorf("%s: %d\n%s", call.name, got, s.out)
		}
	}
	if leaks := s.sandbox.Counts().Legacy.Total(); leaks != 0 {
		t.Errorf("%d legacy credentials reached DocuSign", leaks)
	}
}

func TestSandboxRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	tests := map[string]struct {
		edit func(*SandboxCommand)
		want string
	}{
		"a taken address":              {func(c *SandboxCommand) { c.Listen = taken.Addr().String() }, "--listen"},
		"an address that others reach": {func(c *SandboxCommand) { c.Listen = "0.0.0.0:0" }, "only loopback"},
		"a key that is none":           {func(c *SandboxCommand) { c.Own.Key = "1234" }, "--integrator-key"},
		"a user that is no address":    {func(c *SandboxCommand) { c.Own.User = "anna" }, "--user"},
		"an account that is none":      {func(c *SandboxCommand) { c.Own.Account = "../1" }, "--account"},
		"an identity file of nothing": {func(c *SandboxCommand) {
			if err := os.WriteFile(filepath.Join(c.Dir, identityFile), []byte("nothing"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, identityFile},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := &SandboxCommand{Listen: "127.0.0.1:0", Dir: filestest.TempDir(t), Out: &apptest.SyncBuffer{}}
			tt.edit(c)
			if err := c.Run(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v lacks %q", err, tt.want)
			}
		})
	}
}
