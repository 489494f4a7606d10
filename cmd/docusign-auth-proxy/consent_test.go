package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/consent"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
)

// command runs a command to its end.
func (c *clinic) command(cmd *cobra.Command, args ...string) (string, error) {
	c.Helper()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(append(args, "--config", c.path))
	err := cmd.ExecuteContext(c.Context())
	return out.String(), err
}

// waiting is a command that waits for a browser.
type waiting struct {
	c        *clinic
	page     *url.URL // what the operator opens
	redirect string
	lines    *bufio.Reader
	rest     chan string
	err      chan error
}

// wait starts a command and reads what it prints up to the point where it waits.
func (c *clinic) wait(cmd *cobra.Command, args ...string) *waiting {
	c.Helper()
	r, w := io.Pipe()
	cmd.SetOut(w)
	cmd.SetErr(w)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(append(args, "--config", c.path, "--listen", "127.0.0.1:0"))
	job := &waiting{c: c, lines: bufio.NewReader(r), err: make(chan error, 1), rest: make(chan string, 1)}
	go func() {
		err := cmd.ExecuteContext(c.Context())
		_ = w.Close()
		job.err <- err
	}()
	text := ""
	for !strings.Contains(text, "waiting for the browser") {
		line, err := job.lines.ReadString('\n')
		text += line
		if err != nil {
			c.Fatalf("%v after %s (%v)", err, text, <-job.err)
		}
	}
	go func() {
		rest, _ := io.ReadAll(job.lines)
		job.rest <- text + string(rest)
	}()
	job.redirect = regexp.MustCompile(`http://127\.0\.0\.1:\d+/callback`).FindString(text)
	page, err := url.Parse(regexp.MustCompile(`https://account\S+`).FindString(text))
	if err != nil || job.redirect == "" {
		c.Fatalf("no addresses in %s", text)
	}
	job.page = page
	for _, in := range c.seed.Integrations {
		c.sandbox.AddRedirectURI(in.Key, job.redirect)
	}
	return job
}

// approve opens the page, accepts as user, and returns what the browser shows in the end.
func (j *waiting) approve(user string) string {
	j.c.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: j.c.sandbox.CertPool()}, DisableKeepAlives: true}
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if strings.HasSuffix(address, ":443") {
			return j.c.sandbox.Dial(ctx, network, address)
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	resp, err := (&http.Client{Transport: transport}).Get(j.page.String() + "&approve=" + user)
	if err != nil {
		j.c.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		j.c.Fatal(err)
	}
	return string(body)
}

// callback is a browser that comes back with a query of its own.
func (j *waiting) callback(query string) (int, string) {
	j.c.Helper()
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(j.redirect + "?" + query)
	if err != nil {
		j.c.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		j.c.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func (j *waiting) end() (string, error) { return <-j.rest, <-j.err }

func TestPagesAreComplete(t *testing.T) {
	t.Parallel()
	c := newClinic(t, sandbox.Options{}, nil)
	page := "https://account-d.docusign.com/oauth/auth?response_type=code&scope=signature%20impersonation&client_id=" +
		sandbox.GUIDKey
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{"for everybody", nil, []string{
			page, "login_hint=anna%40example.com", "register this redirect URI",
			"https://developers.docusign.com/platform/auth/consent", "consent wait --config " + c.path,
		}},
		{"for one by GUID", []string{"--user", sandbox.AnnaID}, []string{page}},
		{"for an administrator", []string{"--admin"}, []string{
			"admin_consent_scope=signature%20impersonation", "claimed e-mail domains",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text, err := c.command(newConsent(), tt.args...)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range tt.want {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in\n%s", want, text)
				}
			}
		})
	}
	text, err := c.command(newConsent(), "--json")
	var pages []consent.Pages
	if err != nil || json.Unmarshal([]byte(text), &pages) != nil || len(pages) != 1 ||
		!strings.HasPrefix(pages[0].Individual, page) {
		t.Errorf("%v %s", err, text)
	}
	if _, err := c.command(newConsent(), "--user", "nobody@example.com"); err == nil ||
		!strings.Contains(err.Error(), "anna@example.com") {
		t.Errorf("%v", err)
	}
}

func TestConsentIsWaitedForAndProven(t *testing.T) {
	t.Parallel()
	c := newClinic(t, sandbox.Options{}, nil)
	c.sandbox.Revoke(sandbox.GUIDKey, sandbox.AnnaID)
	j := c.wait(newConsent(), "wait", "--user", "anna@example.com")
	if code, page := j.callback("code=stolen&state=guessed"); code != http.StatusBadRequest ||
		!strings.Contains(page, "state") {
		t.Errorf("a foreign state: %d %s", code, page)
	}
	if page := j.approve(sandbox.AnnaID); !strings.Contains(page, "Consent works") ||
		!strings.Contains(page, "Anna Example") {
		t.Errorf("page %s", page)
	}
	text, err := j.end()
	if err != nil || !strings.Contains(text, "ok: DocuSign gives a token for anna@example.com") {
		t.Errorf("%v\n%s", err, text)
	}
}

func TestConsentOfSomebodyElseIsNoConsent(t *testing.T) {
	t.Parallel()
	c := newClinic(t, sandbox.Options{}, nil)
	c.sandbox.Revoke(sandbox.GUIDKey, sandbox.AnnaID)
	j := c.wait(newConsent(), "wait", "--json")
	page := j.approve(sandbox.BobID)
	text, err := j.end()
	var exit app.ExitError
	if !errors.As(err, &exit) || exit.Code != 2 || !strings.Contains(page, "That did not work") ||
		!strings.Contains(text, "not anna@example.com") || !strings.Contains(text, "private window") {
		t.Errorf("%v\n%s\n%s", err, page, text)
	}
}

func TestARefusedConsentIsExplained(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"access_denied": "declined", "invalid_scope": "scopes", "unauthorized_client": "Apps and Keys",
		"something_new": "something_new", "": "neither a code nor an error",
	} {
		t.Run("error "+code, func(t *testing.T) {
			c := newClinic(t, sandbox.Options{}, nil)
			j := c.wait(newConsent(), "wait")
			_, page := j.callback(
				"error=" + code + "&error_description=%3Cscript%3E%1b[31m&state=" + j.page.Query().Get("state"),
			)
			text, err := j.end()
			if err == nil || !strings.Contains(text, want) || strings.Contains(page, "<script>") ||
				strings.Contains(text, "\x1b") {
				t.Errorf("%v\n%s\n%s", err, page, text)
			}
		})
	}
}

func TestNobodyWaitsForEver(t *testing.T) {
	t.Parallel()
	c := newClinic(t, sandbox.Options{}, nil)
	j := c.wait(newConsent(), "wait", "--timeout", "50ms")
	if _, err := j.end(); err == nil || !strings.Contains(err.Error(), "register "+j.redirect) {
		t.Errorf("%v", err)
	}
}

func TestOnlyThisMachineIsListenedOn(t *testing.T) {
	t.Parallel()
	c := newClinic(t, sandbox.Options{}, nil)
	if _, err := c.command(newConsent(), "wait", "--listen", "0.0.0.0:0"); err == nil ||
		!strings.Contains(err.Error(), "only addresses of this machine") {
		t.Errorf("%v", err)
	}
	if _, err := c.command(newConsent(), "wait", "--listen", takenPort(t)); err == nil ||
		!strings.Contains(err.Error(), "--listen 127.0.0.1:PORT") {
		t.Errorf("%v", err)
	}
}

func TestARegisteredLoopbackAddressIsServed(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, registered, uri, address string }{
		{"by name", "http://localhost:8080/callback", "http://localhost:8080/callback", "127.0.0.1:8080"},
		{"by address", "http://127.0.0.1:9090/consent", "http://127.0.0.1:9090/consent", "127.0.0.1:9090"},
		{"elsewhere", "https://www.docusign.com", "", "the default"},
		{"on another machine", "http://erp.example.com:8080/callback", "", "the default"},
		{"without port", "http://localhost/callback", "", "the default"},
		{"none", "", "", "the default"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if uri, address := consent.Servable(tt.registered, "the default"); uri != tt.uri || address != tt.address {
				t.Errorf("%q %q", uri, address)
			}
		})
	}
}

// authorizationCode makes the one integration of a clinic log in.
func authorizationCode(w *fixture.Config) {
	w.Edit = func(list []map[string]any) {
		list[0]["grant"] = "authorization_code"
		list[0]["oauth"] = map[string]any{
			"redirect_uri": "https://www.docusign.com", "client_secret": map[string]any{"file": "client-secret"},
		}
	}
}

func newLoginClinic(t *testing.T) *clinic {
	c := newClinic(t, sandbox.Options{}, authorizationCode)
	c.put("client-secret", []byte("canary-client-secret\n"), 0o600)
	c.sandbox.AddIntegration(sandbox.Integration{Key: sandbox.GUIDKey, Live: true, Secret: "canary-client-secret"})
	for _, u := range []string{sandbox.AnnaID, sandbox.BobID} {
		c.sandbox.Revoke(sandbox.GUIDKey, u)
	}
	return c
}

func (c *clinic) noSecretIn(text string) {
	c.Helper()
	for _, s := range []string{"canary-client-secret", "eyJ", "anna-legacy-1", "anna-app-1"} {
		if strings.Contains(text, s) {
			c.Errorf("the output shows a secret (%s):\n%s", s, text)
		}
	}
}

func TestALoginIsKeptAndUsed(t *testing.T) {
	t.Parallel()
	c := newLoginClinic(t)
	j := c.wait(newLogin(), "--user", "anna@example.com")
	if q := j.page.Query(); q.Get("code_challenge_method") != "S256" || q.Get("scope") != "signature extended" ||
		q.Get("state") == "" {
		t.Errorf("page %s", j.page)
	}
	if page := j.approve(sandbox.AnnaID); !strings.Contains(page, "You are logged in") {
		t.Errorf("page %s", page)
	}
	text, err := j.end()
	if err != nil || !strings.Contains(text, "ok: anna@example.com ("+sandbox.AnnaID+") is logged in") ||
		!strings.Contains(text, "next: docusign-auth-proxy run") {
		t.Fatalf("%v\n%s", err, text)
	}
	c.noSecretIn(text)
	report, _ := c.doctor()
	if f := find(report, "grant", "ok"); f == nil {
		t.Errorf("the doctor cannot use the login:\n%s", report.Ticket())
	}
	if report, _ = c.doctor(); find(report, "grant", "ok") == nil {
		t.Errorf("the rotated refresh token was lost:\n%s", report.Ticket())
	}
}

func TestALoginOfSomebodyElseIsRefused(t *testing.T) {
	t.Parallel()
	c := newLoginClinic(t)
	j := c.wait(newLogin())
	page := j.approve(sandbox.BobID)
	text, err := j.end()
	if err == nil || !strings.Contains(text, "bob@example.com (Bob Example, "+sandbox.BobID+") logged in") ||
		!strings.Contains(text, "nothing was kept") || !strings.Contains(page, "did not work") {
		t.Errorf("%v\n%s\n%s", err, page, text)
	}
	report, _ := c.doctor()
	if f := find(report, "grant", "fail"); f == nil ||
		!strings.Contains(f.Next, "login --integration old-erp --user anna@example.com --config "+c.path) {
		t.Errorf("%+v", f)
	}
}

func TestAWrongClientSecretIsExplained(t *testing.T) {
	t.Parallel()
	c := newLoginClinic(t)
	c.sandbox.AddIntegration(sandbox.Integration{Key: sandbox.GUIDKey, Live: true, Secret: "another-one"})
	j := c.wait(newLogin())
	j.approve(sandbox.AnnaID)
	text, err := j.end()
	if err == nil || !strings.Contains(text, "invalid_client") ||
		!strings.Contains(text, "next: check that "+sandbox.GUIDKey+" exists") {
		t.Errorf("%v\n%s", err, text)
	}
	c.noSecretIn(text)
}

func TestALoginNeedsAStoreAndTheRightGrant(t *testing.T) {
	t.Parallel()
	c := newLoginClinic(t)
	if _, err := c.command(newConsent(), "wait"); err == nil ||
		!strings.Contains(err.Error(), "docusign-auth-proxy login") {
		t.Errorf("%v", err)
	}
	if _, err := c.command(newConsent()); err == nil || !strings.Contains(err.Error(), "docusign-auth-proxy login") {
		t.Errorf("%v", err)
	}
	c.change("store: state.db", "store: memory")
	if _, err := c.command(newLogin()); err == nil || !strings.Contains(err.Error(), "add store: state.db") {
		t.Errorf("%v", err)
	}
	c = newClinic(t, sandbox.Options{}, nil)
	if _, err := c.command(newLogin()); err == nil || !strings.Contains(err.Error(), "consent wait") {
		t.Errorf("%v", err)
	}
}

func TestALoginBesideTheRunningProxyIsKeptOnceItStops(t *testing.T) {
	t.Parallel()
	c := newLoginClinic(t)
	r := &rig{&apptest.Rig{T: t, Dir: c.dir, Path: c.path, Sandbox: c.sandbox, Seed: c.seed, Log: &apptest.SyncBuffer{}}}
	r.Start()
	j := c.wait(newLogin())
	page := make(chan string, 1)
	go func() { page <- j.approve(sandbox.AnnaID) }()
	report, _ := c.doctor()
	if f := find(report, "grant", "skipped"); f == nil || !strings.Contains(f.Found, "held by the running proxy") {
		t.Errorf("doctor:\n%s", report.Ticket())
	}
	r.Halt()
	if got := <-page; !strings.Contains(got, "You are logged in") {
		t.Errorf("page %s", got)
	}
	text, err := j.end()
	if err != nil || !strings.Contains(text, "note: the proxy runs and holds the store") ||
		!strings.Contains(text, "Now stop the proxy") {
		t.Errorf("%v\n%s", err, text)
	}
}

// loggedIn logs a user in and starts a proxy that uses the login.
func (c *clinic) loggedIn() *rig {
	c.T.Helper()
	j := c.wait(newLogin())
	j.approve(sandbox.AnnaID)
	if text, err := j.end(); err != nil {
		c.T.Fatalf("%v\n%s", err, text)
	}
	r := &rig{&apptest.Rig{
		T: c.T, Dir: c.dir, Path: c.path, Sandbox: c.sandbox, Seed: c.seed, Log: &apptest.SyncBuffer{},
	}}
	r.Start()
	return r
}

func TestAProxyUsesALogin(t *testing.T) {
	t.Parallel()
	c := newLoginClinic(t)
	r := c.loggedIn()
	got := r.Do(
		nil,
		apptest.Request(
			t, http.MethodGet, r.Sidecar()+"/restapi/v2.1/accounts/"+sandbox.ExampleAccountID, nil, "X-DocuSign-Authentication",
			apptest.AnnaJSON,
		),
	)
	if got.Status != http.StatusOK {
		t.Errorf("%d %s\n%s", got.Status, got.Body, r.Log)
	}
	r.NoLeak()
}

func TestTheHelpOfEachCommandHasAnExample(t *testing.T) {
	t.Parallel()
	for _, cmd := range []*cobra.Command{newDoctor(), newConsent(), newConsentWait(), newLogin()} {
		if !strings.Contains(cmd.Example, "docusign-auth-proxy "+strings.Fields(cmd.Use)[0]) &&
			!strings.Contains(cmd.Example, "consent wait") || cmd.Short == "" || cmd.Long == "" {
			t.Errorf("%s", cmd.Use)
		}
		for line := range strings.SplitSeq(cmd.Example, "\n") {
			for _, flag := range regexp.MustCompile(`--[a-z-]+`).FindAllString(line, -1) {
				if cmd.Flags().Lookup(flag[2:]) == nil && !strings.Contains(line, "consent wait") {
					t.Errorf("%s: %s does not exist", line, flag)
				}
			}
		}
	}
}
