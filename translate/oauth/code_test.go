package oauth

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"docusign-auth-proxy/internal/lease"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/internal/secret"
)

const codeRedirect = "http://127.0.0.1:8765/callback"

// heldTokens is a RefreshStore in memory that notes the order of things.
type heldTokens struct {
	lease.Local
	mu     sync.Mutex
	m      map[string]secret.Text
	dates  map[string]time.Time
	now    func() time.Time
	puts   int
	refuse error
}

func (h *heldTokens) FreshRefresh(_ context.Context, name string) (secret.Text, time.Time, string, bool, error) {
	t, at, ok, err := h.Refresh(name)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuse != nil {
		return t, at, "", false, h.refuse
	}
	return t, at, t.Reveal() + at.String(), ok, err
}

func (h *heldTokens) ReplaceRefresh(_ context.Context, name string, t secret.Text, version string) (bool, error) {
	h.mu.Lock()
	unchanged := h.m[name].Reveal()+h.dates[name].String() == version
	h.mu.Unlock()
	if !unchanged && h.refuse == nil {
		return false, nil
	}
	err := h.PutRefresh(name, t)
	return err == nil, err
}

func (h *heldTokens) Refresh(name string) (secret.Text, time.Time, bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t, ok := h.m[name]
	return t, h.dates[name], ok, nil
}

func (h *heldTokens) PutRefresh(name string, t secret.Text) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuse != nil {
		return h.refuse
	}
	h.m[name], h.dates[name] = t, h.now()
	h.puts++
	return nil
}

func (h *heldTokens) all() map[string]secret.Text {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.m)
}

// codeWorld is a sandbox whose integration takes logins.
type codeWorld struct {
	*testing.T
	sandbox *sandbox.Sandbox
	clock   *clock
	tokens  *heldTokens
	http    *http.Client
}

func newCodeWorld(t *testing.T, clientSecret string) *codeWorld {
	t.Helper()
	w := &codeWorld{T: t, clock: &clock{now: time.Now()}}
	w.tokens = &heldTokens{m: map[string]secret.Text{}, dates: map[string]time.Time{}, now: w.clock.Now}
	var err error
	if w.sandbox, err = sandbox.Start(sandbox.Options{ByPort: true, Now: w.clock.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.sandbox.Close() })
	w.sandbox.AddAccount(sandbox.Account{ID: testAccount, Number: "1", Name: "Example", Site: w.sandbox.Sites()[0]})
	w.sandbox.AddUser(sandbox.User{
		ID: testUser, Email: "anna@example.com", Name: "Anna Example", Accounts: []string{testAccount},
	})
	w.sandbox.AddUser(sandbox.User{
		ID: sandbox.BobID, Email: "bob@example.com", Name: "Bob Example", Accounts: []string{testAccount},
	})
	w.sandbox.AddIntegration(sandbox.Integration{
		Key: testIssuer, Live: true, Secret: clientSecret, RedirectURIs: []string{codeRedirect},
	})
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: w.sandbox.CertPool()}}
	t.Cleanup(transport.CloseIdleConnections)
	w.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	return w
}

func (w *codeWorld) granter(change func(*CodeConfig)) *CodeGranter {
	w.Helper()
	cfg := CodeConfig{
		AccountServer: w.sandbox.AccountServer(), ClientID: testIssuer, HTTP: w.http, Tokens: w.tokens, Now: w.clock.Now,
		Identities: []Identity{anna()},
	}
	if change != nil {
		change(&cfg)
	}
	g := NewCodeGranter(cfg)
	g.jitter = func() float64 { return 0 }
	return g
}

func (w *codeWorld) client(g *CodeGranter, observer Observer) *Client {
	w.Helper()
	c := New(Config{
		AccountServer: w.sandbox.AccountServer(), HTTP: w.http, Now: w.clock.Now,
		Granters: func(Identity) Granter { return g.Grant }, Observer: observer,
	})
	w.Cleanup(c.Close)
	return c
}

func loginRequest() LoginRequest {
	return LoginRequest{
		Scopes: CodeScopes(testScopes), RedirectURI: codeRedirect, State: "the-state", Verifier: oauth2.GenerateVerifier(),
		LoginHint: "anna@example.com",
	}
}

// browser follows the page's link as the user and returns what the redirect carries.
func (w *codeWorld) browser(page, user string) url.Values {
	w.Helper()
	resp, err := w.http.Get(page + "&approve=" + user)
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	to, err := resp.Location()
	if err != nil {
		w.Fatalf("%d: %v", resp.StatusCode, err)
	}
	return to.Query()
}

// login runs the flow as user and keeps the result as anna's.
func (w *codeWorld) login(g *CodeGranter, user string) *Login {
	w.Helper()
	r := loginRequest()
	back := w.browser(g.AuthCodeURL(r), user)
	if back.Get("state") != r.State {
		w.Fatalf("state %q", back.Get("state"))
	}
	l, err := g.Exchange(w.Context(), secret.New(back.Get("code")), r)
	if err != nil {
		w.Fatal(err)
	}
	if err := w.tokens.PutRefresh(RefreshName(anna()), l.Refresh); err != nil {
		w.Fatal(err)
	}
	return l
}

func TestALoginGivesTokensWithoutImpersonation(t *testing.T) {
	for name, clientSecret := range map[string]string{
		"a public client proves itself by PKCE": "", "a confidential client also by its secret": "s3cret-of-client",
	} {
		t.Run(name, func(t *testing.T) {
			w := newCodeWorld(t, clientSecret)
			g := w.granter(func(c *CodeConfig) { c.ClientSecret = secret.New(clientSecret) })
			l := w.login(g, testUser)
			who, err := g.UserInfo(t.Context(), l)
			if err != nil || who.Sub != testUser || who.Email != "anna@example.com" {
				t.Fatalf("%+v, %v", who, err)
			}
			c := w.client(g, Observer{})
			before := w.tokens.all()
			if _, err := c.Token(t.Context(), anna()); err != nil {
				t.Fatal(err)
			}
			if after := w.tokens.all(); after[RefreshName(anna())] == before[RefreshName(anna())] {
				t.Error("the rotated refresh token was not stored")
			}
			if info, err := c.UserInfo(t.Context(), anna()); err != nil || info.Sub != testUser {
				t.Errorf("%+v, %v", info, err)
			}
		})
	}
}

func TestTheLoginPageIsAskedForWithPKCE(t *testing.T) {
	g := newCodeWorld(t, "").granter(nil)
	u, err := url.Parse(g.AuthCodeURL(loginRequest()))
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	for name, want := range map[string]string{
		"response_type": "code", "scope": "signature extended", "client_id": testIssuer, "redirect_uri": codeRedirect,
		"state":                 "the-state",
		"code_challenge_method": "S256", "login_hint": "anna@example.com",
	} {
		if q.Get(name) != want {
			t.Errorf("%s = %q, want %q", name, q.Get(name), want)
		}
	}
	if len(q.Get("code_challenge")) != 43 || strings.Contains(u.RawQuery, "+") {
		t.Errorf("query %s", u.RawQuery)
	}
}

func TestCodeScopes(t *testing.T) {
	for from, want := range map[string]string{
		"signature impersonation": "signature extended", "": "signature extended", "extended signature": "signature extended",
		"a b": "a b extended",
	} {
		if got := CodeScopes(from); got != want {
			t.Errorf("%q: %q, want %q", from, got, want)
		}
	}
}

func TestWhoeverCannotGetATokenIsToldToLogIn(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(w *codeWorld)
	}{
		{"nobody ever logged in", func(w *codeWorld) { clear(w.tokens.m) }},
		{"the user withdrew the consent", func(w *codeWorld) { w.sandbox.Revoke(testIssuer, testUser) }},
		{"the refresh token expired unused", func(w *codeWorld) { w.clock.Advance(31 * 24 * time.Hour) }},
		{"the stored token is not one", func(w *codeWorld) { w.tokens.m[RefreshName(anna())] = secret.New("canary-token") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newCodeWorld(t, "")
			w.login(w.granter(nil), testUser)
			tt.spoil(w)
			_, err := w.granter(nil).Grant(t.Context(), anna())
			var ge *GrantError
			if !errors.As(err, &ge) || ge.Kind != LoginRequired || ge.Temporary() ||
				!strings.Contains(ge.NextStep(), "docusign-auth-proxy login --user "+testUser) {
				t.Fatalf("%v", err)
			}
			if text := fmt.Sprintf("%v %+v %#v", err, ge, ge.Unwrap()); strings.Contains(text, "canary-token") {
				t.Errorf("the error shows the refresh token: %s", text)
			}
		})
	}
}

func TestAnAccountServerInTroubleDoesNotEndALogin(t *testing.T) {
	w := newCodeWorld(t, "")
	g := w.granter(nil)
	w.login(g, testUser)
	w.sandbox.FailNext(sandbox.FailureSpec{Path: "/oauth/token", Status: 503})
	_, err := g.Grant(t.Context(), anna())
	var ge *GrantError
	if !errors.As(err, &ge) || ge.Kind != ServerError || !ge.Temporary() {
		t.Fatalf("%v", err)
	}
	if _, err := g.Grant(t.Context(), anna()); err != nil {
		t.Errorf("the next attempt: %v", err)
	}
}

func TestAWrongClientSecretIsNamed(t *testing.T) {
	w := newCodeWorld(t, "right-secret")
	g := w.granter(func(c *CodeConfig) { c.ClientSecret = secret.New("wrong-secret") })
	_, err := g.Exchange(t.Context(), secret.New("some-code"), loginRequest())
	var ge *GrantError
	if !errors.As(err, &ge) || ge.OAuthError != "invalid_client" || !strings.Contains(ge.NextStep(), "client_secret") ||
		strings.Contains(err.Error()+ge.NextStep(), "wrong-secret") {
		t.Fatalf("%v", err)
	}
}

func TestACodeThatWasUsedIsExplained(t *testing.T) {
	w := newCodeWorld(t, "")
	_, err := w.granter(nil).Exchange(t.Context(), secret.New("some-code"), loginRequest())
	var ge *GrantError
	if !errors.As(err, &ge) || !strings.Contains(ge.NextStep(), "log in again") ||
		strings.Contains(err.Error(), "some-code") {
		t.Fatalf("%v", err)
	}
}

func TestARotatedTokenSurvivesAStoreThatFails(t *testing.T) {
	w := newCodeWorld(t, "")
	g := w.granter(nil)
	w.login(g, testUser)
	w.tokens.refuse = errors.New("disk full")
	if _, err := g.Grant(t.Context(), anna()); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Fatalf("a token was handed out although its refresh token was not stored: %v", err)
	}
	w.tokens.mu.Lock()
	w.tokens.refuse = nil
	w.tokens.mu.Unlock()
	if _, err := g.Grant(t.Context(), anna()); err != nil {
		t.Errorf("the login was lost: %v", err)
	}
}

func TestATokenRotatedByAReplacedStateIsPickedUp(t *testing.T) {
	w := newCodeWorld(t, "")
	first := w.granter(nil)
	w.login(first, testUser)
	stale := &lateStore{heldTokens: w.tokens}
	stale.before = func() {
		if _, err := first.Grant(t.Context(), anna()); err != nil {
			t.Error(err)
		}
	}
	second := w.granter(func(c *CodeConfig) { c.Tokens = stale })
	if _, err := second.Grant(t.Context(), anna()); err != nil {
		t.Errorf("%v", err)
	}
}

// lateStore lets something happen between reading a token and using it.
type lateStore struct {
	*heldTokens
	reads  int
	before func()
}

func (l *lateStore) FreshRefresh(ctx context.Context, name string) (secret.Text, time.Time, string, bool, error) {
	t, at, version, ok, err := l.heldTokens.FreshRefresh(ctx, name)
	if l.reads++; l.reads == 1 {
		l.before()
	}
	return t, at, version, ok, err
}

// Lease gives the turn although somebody else has it: it has ended meanwhile.
func (l *lateStore) Lease(context.Context, string, time.Duration) (*lease.Lease, error) {
	return new(lease.Local).Lease(context.Background(), "", time.Minute)
}

func TestRenewKeepsAnUnusedLoginAlive(t *testing.T) {
	w := newCodeWorld(t, "")
	g := w.granter(func(c *CodeConfig) {
		// never logged in
		c.Identities = append(c.Identities, Identity{Issuer: testIssuer, Subject: sandbox.BobID, Scopes: testScopes})
	})
	w.login(g, testUser)
	c := w.client(g, Observer{})
	for range 40 {
		if err := g.Renew(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(24 * time.Hour)
	}
	if _, err := g.Grant(t.Context(), anna()); err != nil {
		t.Errorf("after 40 days: %v", err)
	}
	if n := w.tokens.puts; n < 5 || n > 8 {
		t.Errorf("%d refresh tokens stored in 40 days", n)
	}
	w.sandbox.Revoke(testIssuer, testUser)
	w.clock.Advance(8 * 24 * time.Hour)
	var ge *GrantError
	if err := g.Renew(t.Context(), c); !errors.As(err, &ge) || ge.Kind != LoginRequired {
		t.Errorf("%v", err)
	}
}

func TestAStartExchangesOnlyRefreshTokensThatAreOld(t *testing.T) {
	for name, c := range map[string]struct {
		age  time.Duration
		want int // exchanges at the start, and after the first calls
		then int
	}{
		"logged in seconds ago: the first call exchanges": {5 * time.Second, 0, 1},
		"two days ago": {48 * time.Hour, 0, 1},
		"unused for days: kept alive, and the first call has its token":       {renewAfter, 1, 1},
		"stored by a version that noted no time: as if unused for long":       {-1, 1, 1},
		"a clock that was set back since is no reason to exchange at a start": {-time.Hour, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCodeWorld(t, "")
			w.login(w.granter(nil), testUser)
			w.clock.Advance(c.age)
			if c.age == -1 {
				clear(w.tokens.dates)
			}
			w.sandbox.ResetCounts()
			restarted := w.granter(nil)
			client := w.client(restarted, Observer{})
			if err := restarted.Renew(t.Context(), client); err != nil {
				t.Fatal(err)
			}
			if n := w.sandbox.Counts().Grants; n != c.want {
				t.Errorf("%d exchanges at the start, want %d", n, c.want)
			}
			var calls sync.WaitGroup
			for range 8 {
				calls.Go(func() {
					if _, err := client.Token(t.Context(), anna()); err != nil {
						t.Error(err)
					}
				})
			}
			calls.Wait()
			if n := w.sandbox.Counts().Grants; n != c.then {
				t.Errorf("%d exchanges after the first calls, want %d", n, c.then)
			}
		})
	}
}

func TestRenewTakesItsTime(t *testing.T) {
	w := newCodeWorld(t, "")
	bob := Identity{Issuer: testIssuer, Subject: sandbox.BobID, Scopes: testScopes}
	g := w.granter(func(c *CodeConfig) {
		c.Identities = append(c.Identities, bob)
	})
	g.pause = time.Hour
	w.login(g, testUser)
	w.tokens.m[RefreshName(bob)] = secret.New("canary-token")
	w.clock.Advance(renewAfter)
	w.sandbox.ResetCounts()
	ctx, cancel := context.WithCancel(t.Context())
	exchanged := make(chan struct{}, 2)
	c := w.client(g, Observer{Grant: func(GrantEvent) { exchanged <- struct{}{} }})
	done := make(chan error)
	go func() { done <- g.Renew(ctx, c) }()
	<-exchanged
	cancel() // while it waits for bob's turn
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := w.sandbox.Counts(); n.Grants != 1 || len(n.GrantErrors) != 0 {
		t.Errorf("%d exchanges, %v", n.Grants, n.GrantErrors)
	}
}

func TestARefreshTokenThatDoesNotRotateGetsANewDate(t *testing.T) {
	w := newCodeWorld(t, "")
	g := w.granter(nil)
	w.login(g, testUser)
	before := w.tokens.all()
	const noRefresh = `{"access_token":"eyJ.a.b","token_type":"Bearer","expires_in":3600}`
	w.sandbox.FailNext(sandbox.FailureSpec{Path: "/oauth/token", Status: 200, Body: noRefresh})
	w.clock.Advance(renewAfter)
	if _, err := g.Grant(t.Context(), anna()); err != nil {
		t.Fatal(err)
	}
	if g.due(RefreshName(anna())) || w.tokens.all()[RefreshName(anna())] != before[RefreshName(anna())] {
		t.Error("it counts as unused")
	}
}

func TestManyCallersUseARefreshTokenOneAfterTheOther(t *testing.T) {
	w := newCodeWorld(t, "")
	g := w.granter(nil)
	w.login(g, testUser)
	c := w.client(g, Observer{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				tok, err := c.Token(t.Context(), anna())
				if err != nil {
					t.Error(err)
					return
				}
				tok.Worked(UseREST)
				c.Invalidate(anna(), tok, UseREST)
			}
		})
	}
	wg.Wait()
}

func TestACallerWhoLeavesDoesNotLoseTheRotatedToken(t *testing.T) {
	w := newCodeWorld(t, "")
	g := w.granter(nil)
	w.login(g, testUser)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.Grant(ctx, anna()); err != nil {
		t.Error(err)
	}
	if _, err := g.Grant(t.Context(), anna()); err != nil {
		t.Error(err)
	}
}

func TestALoginNeverPrints(t *testing.T) {
	l := Login{Token: &Token{AccessToken: secret.New("canary-access")}, Refresh: secret.New("canary-refresh")}
	if text := fmt.Sprintf("%v %+v %#v %s", l, l, &l, l); strings.Contains(text, "canary") {
		t.Error(text)
	}
}
