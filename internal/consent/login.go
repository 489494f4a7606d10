package consent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/oauth"
)

const (
	storeProbe = 200 * time.Millisecond
	storeWait  = 5 * time.Minute
)

// Login lets one user log in in a browser and keeps the refresh token.
func Login(ctx context.Context, f BrowserOptions) error {
	cfg, err := config.Load(f.Config)
	if err != nil {
		return withNext(err, "docusign-auth-proxy doctor --config "+f.Config)
	}
	in, who, err := f.pick(cfg, integration.AuthorizationCode)
	if err != nil {
		return err
	}
	locked, err := probeStore(cfg.Store)
	if err != nil {
		return err
	}
	transport := app.Transport(cfg)
	defer transport.CloseIdleConnections()
	l := &loginRun{BrowserOptions: f, cfg: cfg, in: in, who: who, locked: locked}
	l.granter = oauth.NewCodeGranter(oauth.CodeConfig{
		AccountServer: cfg.AccountServer.String(), ClientID: in.OAuth.ClientID, ClientSecret: in.OAuth.ClientSecret,
		HTTP: &http.Client{Transport: transport, Timeout: 20 * time.Second}, Tokens: nowhere{},
	})
	return l.run(ctx)
}

// nowhere is the store of a login that is not known to be the right one yet.
type nowhere struct{}

func (nowhere) Refresh(string) (secret.Text, time.Time, bool, error) {
	return secret.Text{}, time.Time{}, false, nil
}

func (nowhere) PutRefresh(string, secret.Text) error {
	return errors.New("the login has not been checked")
}

// probeStore tells early whether a login could be kept at all, and whether a proxy holds the store.
func probeStore(path string) (locked bool, err error) {
	if path == "" {
		return false, errors.New("the configuration has no store, so a login could not be kept\nnext: add store: " +
			"state.db to it")
	}
	s, err := store.Open(path, store.Options{Timeout: storeProbe})
	if errors.Is(err, store.ErrLocked) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, s.Close()
}

// loginRun is one login.
type loginRun struct {
	BrowserOptions
	cfg     *config.Config
	in      *integration.Integration
	who     integration.User
	granter *oauth.CodeGranter
	locked  bool
}

func (l *loginRun) run(ctx context.Context) error {
	b, err := newBrowserWait(l.in.OAuth.RedirectURI, l.Listen, l.ListenChosen)
	if err != nil {
		return err
	}
	defer b.close()
	request := oauth.LoginRequest{Scopes: oauth.CodeScopes(l.in.OAuth.Scopes.String()), RedirectURI: b.URI,
		State: b.State, Verifier: oauth2.GenerateVerifier()}
	if strings.Contains(l.who.Username, "@") {
		request.LoginHint = l.who.Username
	}
	if l.locked {
		l.say("note: the proxy runs and holds the store %s. Log in now; at the end you will be asked to stop "+
			"it for a moment.\n", l.cfg.Store)
	}
	l.say("redirect URI, to be registered with key %s letter for letter (DocuSign, Admin, Apps and Keys):\n  "+
		"%s\nopen this page in a browser on this machine and log in as %s:\n  %s\nwaiting for the browser, at most %s\n",
		l.in.OAuth.ClientID, b.URI, l.who.Username, l.granter.AuthCodeURL(request), l.Timeout)
	back, err := l.await(ctx, b)
	if err != nil {
		return err
	}
	result := browserResult{Integration: l.in.Name, User: l.who.Username, UserID: l.who.UserID, Text: back.failed}
	var got *oauth.Login
	if back.failed == "" {
		got, result = l.check(ctx, back.code, request, result)
	}
	if got != nil && l.locked {
		result = l.keepLater(ctx, got, result)
	} else if got != nil {
		result = l.keep(got, result, store.Options{})
	}
	return l.finish(back, result, "You are logged in")
}

// check exchanges the code and makes sure who it is. The login is nil unless it is the configured user's.
func (l *loginRun) check(ctx context.Context, code secret.Text, request oauth.LoginRequest,
	r browserResult) (*oauth.Login, browserResult) {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout-10*time.Second)
	defer cancel()
	got, err := l.granter.Exchange(ctx, code, request)
	if ge, ok := errors.AsType[*oauth.GrantError](err); ok {
		r.Text, r.Next = "DocuSign does not take the code of the login: "+ge.Error(), ge.NextStep()
		return nil, r
	}
	if err != nil {
		r.Text = err.Error()
		return nil, r
	}
	info, err := l.granter.UserInfo(ctx, got)
	if err != nil {
		r.Text, r.Next = "DocuSign does not say who logged in, so nothing was kept: "+err.Error(), "run this again"
		return nil, r
	}
	if !l.isConfigured(info) {
		r.Text = fmt.Sprintf("%s (%s, %s) logged in, but the user in the configuration is %s %s; nothing was kept",
			info.Email, info.Name, info.Sub, l.who.Username, l.who.UserID)
		r.Next = "run this again and open the page in a private window, logged in as " + l.who.Username +
			"; or correct user_id in " + l.Config
		return nil, r
	}
	r.UserID, r.Email = info.Sub, info.Email
	return got, r
}

// isConfigured goes by the GUID, which nobody can choose; by the e-mail address only where no GUID is configured.
func (l *loginRun) isConfigured(info *oauth.UserInfo) bool {
	if l.who.UserID != "" {
		return legacy.SameName(l.who.UserID, info.Sub)
	}
	return info.Sub != "" && legacy.SameName(l.who.Username, info.Email)
}

// keepLater waits until the running proxy lets go of the store.
func (l *loginRun) keepLater(ctx context.Context, got *oauth.Login, r browserResult) browserResult {
	l.say("%s has logged in. Now stop the proxy (as in: systemctl stop docusign-auth-proxy), within %s; the "+
		"login is kept at once, then start it again.\n", r.Email, storeWait)
	deadline := time.Now().Add(storeWait)
	for ctx.Err() == nil && time.Now().Before(deadline) {
		kept := l.keep(got, r, store.Options{Timeout: time.Second})
		if kept.Good || kept.Next != lockedNext {
			return kept
		}
	}
	r.Text, r.Next = "the proxy still holds the store "+l.cfg.Store+", so the login was not kept", lockedNext
	return r
}

const lockedNext = "stop the proxy, run this command again, start the proxy"

func (l *loginRun) keep(got *oauth.Login, r browserResult, o store.Options) browserResult {
	s, err := store.Open(l.cfg.Store, o)
	if err != nil {
		r.Text, r.Next = "the login could not be kept: "+err.Error(), "mend the store and run this again"
		if errors.Is(err, store.ErrLocked) {
			r.Next = lockedNext
		}
		return r
	}
	id := oauth.Identity{Issuer: l.in.OAuth.ClientID, Subject: r.UserID}
	if got.Refresh.Empty() {
		err = errors.New("DocuSign gave no refresh token")
	} else {
		err = s.PutRefresh(oauth.RefreshName(id), got.Refresh)
	}
	if err = errors.Join(err, s.Close()); err != nil {
		r.Text, r.Next = "the login could not be kept: "+err.Error(), "mend the store and run this again"
		return r
	}
	r.Good = true
	r.Text = fmt.Sprintf("%s (%s) is logged in; the login is kept, encrypted, in %s", r.Email, r.UserID, l.cfg.Store)
	r.Next = "docusign-auth-proxy run --config " + l.Config +
		" (it renews the login by itself; stopped for 30 days it would lapse)"
	if l.cfg.StoreImplicit {
		r.Next = "make sure the proxy uses the same file: write store: " + l.cfg.Store + " into " + l.Config +
			" (a service may have a $STATE_DIRECTORY of its own); then " + r.Next
	}
	if l.who.UserID == "" {
		r.Next = "add user_id: " + r.UserID + " to " + l.who.Username + " in " + l.Config + ", then " + r.Next
	}
	return r
}
