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
	"docusign-auth-proxy/internal/words"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/oauth"
)

const (
	storeProbe = 200 * time.Millisecond
	storeWait  = 5 * time.Minute
)

// Login lets one user log in in a browser and keeps the refresh token.
func Login(ctx context.Context, f BrowserOptions) error {
	cfg, c, err := f.pick(integration.AuthorizationCode)
	if err != nil {
		return err
	}
	locked, err := probeStore(ctx, cfg)
	if err != nil {
		return err
	}
	transport := app.Transport(cfg)
	defer transport.CloseIdleConnections()
	l := &loginRun{BrowserOptions: f, choice: c, cfg: cfg, locked: locked}
	l.granter = oauth.NewCodeGranter(oauth.CodeConfig{
		AccountServer: cfg.AccountServer.String(), ClientID: c.in.OAuth.ClientID, ClientSecret: c.in.OAuth.ClientSecret,
		HTTP:   &http.Client{Transport: transport, Timeout: 20 * time.Second},
		Tokens: store.Memory(), // it is not known yet whether the login is the right one
	})
	return f.run(ctx, c, steps{
		ask: " and log in as " + c.Username, page: l.page, prove: l.prove, done: "You are logged in",
	})
}

// probeStore tells early whether a login could be kept at all, and whether a proxy holds the store.
func probeStore(ctx context.Context, cfg *config.Config) (locked bool, err error) {
	if cfg.Store.Redis != nil {
		server, s := app.ShareState(cfg)
		return false, errors.Join(server.Connect(ctx), s.Close())
	}
	if !cfg.Store.Lasting() {
		return false, errors.New("the configuration has no store, so a login could not be kept\nnext: add store: state.db " +
			"to it")
	}
	s, err := store.Open(cfg.Store.File, store.Options{Timeout: storeProbe})
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
	choice
	cfg     *config.Config
	granter *oauth.CodeGranter
	request oauth.LoginRequest
	locked  bool
}

func (l *loginRun) page(uri, state string) string {
	l.request = oauth.LoginRequest{Scopes: oauth.CodeScopes(l.in.OAuth.Scopes.String()), RedirectURI: uri,
		State: state, Verifier: oauth2.GenerateVerifier()}
	if strings.Contains(l.Username, "@") {
		l.request.LoginHint = l.Username
	}
	if l.locked {
		l.say("note: the proxy runs and holds the store %s. Log in now; at the end you will be asked to stop "+
			"it for a moment.\n", l.cfg.Store.File)
	}
	return l.granter.AuthCodeURL(l.request)
}

func (l *loginRun) prove(ctx context.Context, code secret.Text, r *browserResult) {
	got := l.check(ctx, code, r)
	switch {
	case got == nil:
	case l.locked:
		l.keepLater(ctx, got, r)
	case l.cfg.Store.Redis != nil:
		l.keepForAll(ctx, got, r)
	default:
		l.keep(got, r, store.Options{})
	}
}

// check exchanges the code and makes sure who it is. The login is nil unless it is the configured user's.
func (l *loginRun) check(ctx context.Context, code secret.Text, r *browserResult) *oauth.Login {
	ctx, cancel := context.WithTimeout(ctx, proofTimeout)
	defer cancel()
	got, err := l.granter.Exchange(ctx, code, l.request)
	if err != nil {
		r.Text = "DocuSign does not take the code of the login: " + err.Error()
		r.Next = l.nextStep(err, l.choice)
		return nil
	}
	info, err := l.granter.UserInfo(ctx, got)
	if err != nil {
		r.Text = "DocuSign does not say who logged in, so nothing was kept: " + err.Error()
		r.Next = l.nextStep(err, l.choice) + "; then run this again"
		return nil
	}
	if !l.isConfigured(info) {
		r.Text = fmt.Sprintf("%s (%s, %s) logged in, but the user in the configuration is %s %s; nothing was kept",
			info.Email, info.Name, info.Sub, l.Username, l.UserID)
		r.Next = "run this again and open the page in a private window, logged in as " + l.Username +
			"; or correct user_id in " + l.Config
		return nil
	}
	r.UserID, r.Email = info.Sub, info.Email
	return got
}

// isConfigured goes by the GUID, which nobody can choose; by the e-mail address only where no GUID is configured.
func (l *loginRun) isConfigured(info *oauth.UserInfo) bool {
	if l.UserID != "" {
		return legacy.SameName(l.UserID, info.Sub)
	}
	return info.Sub != "" && legacy.SameName(l.Username, info.Email)
}

const lockedNext = "stop the proxy, run this command again, start the proxy"

// keepLater waits until the running proxy lets go of the store.
func (l *loginRun) keepLater(ctx context.Context, got *oauth.Login, r *browserResult) {
	l.say("%s has logged in. Now stop the proxy (as in: docusign-auth-proxy service stop), within %s; the "+
		"login is kept at once, then start it again.\n", r.Email, storeWait)
	deadline := time.Now().Add(storeWait)
	for ctx.Err() == nil && time.Now().Before(deadline) {
		l.keep(got, r, store.Options{Timeout: time.Second})
		if r.Good || r.Next != lockedNext {
			return
		}
	}
	r.Text, r.Next = "the proxy still holds the store "+l.cfg.Store.File+", so the login was not kept", lockedNext
}

func (l *loginRun) keep(got *oauth.Login, r *browserResult, o store.Options) {
	r.Next = "mend the store and run this again"
	s, err := store.Open(l.cfg.Store.File, o)
	if err != nil {
		r.Text = "the login could not be kept: " + err.Error()
		if errors.Is(err, store.ErrLocked) {
			r.Next = lockedNext
		}
		return
	}
	if err = errors.Join(l.put(s, r.UserID, got), s.Close()); err != nil {
		r.Text = "the login could not be kept: " + err.Error()
		return
	}
	l.kept(r, l.cfg.Store.File)
	if l.cfg.Store.Implicit {
		r.Next = "make sure the proxy uses the same file: write store: " + l.cfg.Store.File + " into " + l.Config +
			" (a service may have a $STATE_DIRECTORY of its own); then " + r.Next
	}
	l.nameUser(r)
}

// nameUser has the GUID put into the configuration, where it is not yet.
func (l *loginRun) nameUser(r *browserResult) {
	if l.UserID == "" {
		r.Next = "add user_id: " + r.UserID + " to " + l.Username + " in " + l.Config + ", then " + r.Next
	}
}

// keepForAll brings the login to the store that replicas share, beside those that run.
func (l *loginRun) keepForAll(ctx context.Context, got *oauth.Login, r *browserResult) {
	err := app.WithSharedState(ctx, l.cfg, func(s *store.Store) error { return l.put(s, r.UserID, got) })
	if err != nil {
		r.Text = "the login could not be kept: " + err.Error()
		r.Next = "docusign-auth-proxy doctor --config " + words.Argument(l.Config) +
			" tells more of the store; then run this again"
		return
	}
	l.kept(r, l.cfg.Store.Redis.Namespace)
	if app.AskRetry(ctx, l.cfg) {
		r.Next = "nothing; all replicas were told, and renew the login as long as one of them runs"
	}
	l.nameUser(r)
}

func (l *loginRun) put(s *store.Store, userID string, got *oauth.Login) error {
	if got.Refresh.Empty() {
		return errors.New("DocuSign gave no refresh token")
	}
	return s.PutRefresh(oauth.RefreshName(oauth.Identity{Issuer: l.in.OAuth.ClientID, Subject: userID}), got.Refresh)
}

func (l *loginRun) kept(r *browserResult, in string) {
	r.Good = true
	r.Text = fmt.Sprintf("%s (%s) is logged in; the login is kept, encrypted, in %s", r.Email, r.UserID, in)
	r.Next = "docusign-auth-proxy run --config " + words.Argument(l.Config) +
		" (it renews the login by itself; stopped for 30 days it would lapse)"
}
