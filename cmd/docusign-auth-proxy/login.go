package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/oauth2"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/oauth"
)

const (
	storeProbe = 200 * time.Millisecond
	storeWait  = 5 * time.Minute
)

func newLogin() *cobra.Command {
	var f browserFlags
	cmd := &cobra.Command{
		Use: "login", Short: "Log a user in once in a browser, for accounts that do not allow impersonation",
		Long: `For integrations with grant: authorization_code. The user logs in to DocuSign once, in a browser on this machine; the proxy keeps a
refresh token, encrypted, in its store and renews it as long as it runs. Nothing is kept when somebody else than the configured user
logs in.

A running proxy holds the store. The login can be done beside it; at the end this command asks you to stop the proxy for a moment.`,
		Example: `  docusign-auth-proxy login --config proxy.yaml --user anna@example.com
  docusign-auth-proxy login --config proxy.yaml --user anna@example.com --listen 127.0.0.1:8765`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.listenChosen = cmd.Flags().Changed("listen")
			return login(cmd, f)
		},
	}
	f.register(cmd)
	return cmd
}

func login(cmd *cobra.Command, f browserFlags) error {
	cfg, err := config.Load(f.config)
	if err != nil {
		return withNext(err, "docusign-auth-proxy doctor --config "+f.config)
	}
	in, who, err := f.pick(cfg, config.AuthorizationCode)
	if err != nil {
		return err
	}
	locked, err := probeStore(cfg.Store)
	if err != nil {
		return err
	}
	transport, err := wayOut(cfg)
	if err != nil {
		return err
	}
	defer transport.CloseIdleConnections()
	l := &loginRun{browserFlags: f, cmd: cmd, cfg: cfg, in: in, who: who, locked: locked}
	l.granter, err = oauth.NewCodeGranter(oauth.CodeConfig{
		AccountServer: accountServerOf(cfg), ClientID: clientIDOf(*in), ClientSecret: in.OAuth.ClientSecret.Text, HTTP: &http.Client{Transport: transport, Timeout: 20 * time.Second}, Tokens: nowhere{},
	})
	if err != nil {
		return err
	}
	return l.run(cmd.Context())
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
		return false, errors.New("the configuration has no store, so a login could not be kept\nnext: add store: state.db to it")
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
	browserFlags
	cmd     *cobra.Command
	cfg     *config.Config
	in      *config.Integration
	who     member
	granter *oauth.CodeGranter
	locked  bool
}

func (l *loginRun) run(ctx context.Context) error {
	b, err := newBrowserWait(l.in.OAuth.RedirectURI, l.listen, l.listenChosen)
	if err != nil {
		return err
	}
	defer b.close()
	request := oauth.LoginRequest{Scopes: oauth.CodeScopes(strings.Join(l.in.OAuth.Scopes, " ")), RedirectURI: b.URI, State: b.State, Verifier: oauth2.GenerateVerifier()}
	if strings.Contains(l.who.name, "@") {
		request.LoginHint = l.who.name
	}
	if l.locked {
		l.say(l.cmd, "note: the proxy runs and holds the store %s. Log in now; at the end you will be asked to stop it for a moment.\n", l.cfg.Store)
	}
	l.say(l.cmd, "redirect URI, to be registered with key %s letter for letter (DocuSign, Admin, Apps and Keys):\n  %s\nopen this page in a browser on this machine and log in as %s:\n  %s\nwaiting for the browser, at most %s\n",
		clientIDOf(*l.in), b.URI, l.who.name, l.granter.AuthCodeURL(request), l.timeout)
	back, err := l.await(ctx, b)
	if err != nil {
		return err
	}
	result := browserResult{Integration: l.in.Name, User: l.who.name, UserID: l.who.id, Text: back.failed}
	var got *oauth.Login
	if back.failed == "" {
		got, result = l.check(ctx, back.code, request, result)
	}
	if got != nil && l.locked {
		result = l.keepLater(ctx, got, result)
	} else if got != nil {
		result = l.keep(got, result, store.Options{})
	}
	return l.finish(l.cmd, back, result, "You are logged in")
}

// check exchanges the code and makes sure who it is. The login is nil unless it is the configured user's.
func (l *loginRun) check(ctx context.Context, code secret.Text, request oauth.LoginRequest, r browserResult) (*oauth.Login, browserResult) {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout-10*time.Second)
	defer cancel()
	got, err := l.granter.Exchange(ctx, code, request)
	var ge *oauth.GrantError
	if errors.As(err, &ge) {
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
		r.Text = fmt.Sprintf("%s (%s, %s) logged in, but the user in the configuration is %s %s; nothing was kept", info.Email, info.Name, info.Sub, l.who.name, l.who.id)
		r.Next = "run this again and open the page in a private window, logged in as " + l.who.name + "; or correct user_id in " + l.config
		return nil, r
	}
	r.UserID, r.Email = info.Sub, info.Email
	return got, r
}

// isConfigured goes by the GUID, which nobody can choose; by the e-mail address only where no GUID is configured.
func (l *loginRun) isConfigured(info *oauth.UserInfo) bool {
	if l.who.id != "" {
		return legacy.SameName(l.who.id, info.Sub)
	}
	return info.Sub != "" && legacy.SameName(l.who.name, info.Email)
}

// keepLater waits until the running proxy lets go of the store.
func (l *loginRun) keepLater(ctx context.Context, got *oauth.Login, r browserResult) browserResult {
	l.say(l.cmd, "%s has logged in. Now stop the proxy (as in: systemctl stop docusign-auth-proxy), within %s; the login is kept at once, then start it again.\n", r.Email, storeWait)
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
	id := oauth.Identity{Issuer: clientIDOf(*l.in), Subject: r.UserID}
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
	r.Next = "docusign-auth-proxy run --config " + l.config + " (it renews the login by itself; stopped for 30 days it would lapse)"
	if l.cfg.StoreImplicit {
		r.Next = "make sure the proxy uses the same file: write store: " + l.cfg.Store + " into " + l.config + " (a service may have a $STATE_DIRECTORY of its own); then " + r.Next
	}
	if l.who.id == "" {
		r.Next = "add user_id: " + r.UserID + " to " + l.who.name + " in " + l.config + ", then " + r.Next
	}
	return r
}
