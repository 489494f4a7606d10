package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/secret"
)

// renewAfter is how long a refresh token may lie unused before Renew exchanges it; DocuSign forgets it after 30
// days. renewPause keeps many that are due at once from being throttled (PROTOCOL.md §6.3).
const (
	renewAfter  = 3 * 24 * time.Hour
	renewPause  = 2 * time.Second
	codeTimeout = 20 * time.Second
)

// RefreshStore keeps refresh tokens, by RefreshName, so that a login survives a restart.
type RefreshStore interface {
	// Refresh also tells when the token was put there, zero if that is not known.
	Refresh(name string) (token secret.Text, at time.Time, ok bool, err error)
	PutRefresh(name string, token secret.Text) error
}

// CodeConfig is what a CodeGranter is made of. AccountServer, ClientID, HTTP and Tokens are required.
type CodeConfig struct {
	AccountServer string // origin, as in Config
	ClientID      string
	ClientSecret  secret.Text  // empty: a public client, which proves itself by PKCE alone
	HTTP          *http.Client // as in Config
	Tokens        RefreshStore
	Identities    []Identity       // whom Renew looks after
	Now           func() time.Time // nil = time.Now
}

// CodeGranter obtains tokens for users who logged in once in a browser (authorization code grant with PKCE): for
// accounts that do not allow impersonation. It serves one integration key.
type CodeGranter struct {
	cfg     CodeConfig
	server  *server
	pause   time.Duration // between two exchanges of Renew
	unsaved sync.Map      // RefreshName -> secret.Text that came with the last refresh and could not be stored yet
}

// NewCodeGranter makes a CodeGranter. It does no I/O.
func NewCodeGranter(cfg CodeConfig) *CodeGranter {
	return &CodeGranter{cfg: cfg, server: newServer(cfg.AccountServer, cfg.HTTP, cfg.Now), pause: renewPause}
}

// RefreshName is the name under which the refresh token of id is stored. Scopes do not count: one login serves them
// all.
func RefreshName(id Identity) string { return strings.ToLower(id.Issuer + "/" + id.Subject) }

// CodeScopes turns the scopes of a JWT grant into those of a login: without impersonation, which nobody does here, and
// with extended, without which the refresh token ends after 30 days however often it is used.
func CodeScopes(scopes string) string {
	list := slices.DeleteFunc(strings.Fields(scopes), func(s string) bool {
		return s == "impersonation" || s == "extended"
	})
	if len(list) == 0 {
		list = []string{"signature"}
	}
	return strings.Join(append(list, "extended"), " ")
}

// LoginRequest is one login in a browser.
type LoginRequest struct {
	Scopes      string // blank-separated; CodeScopes of an identity's
	RedirectURI string // must equal a registered one exactly
	State       string // fresh and unguessable; comes back with the code
	Verifier    string // PKCE (RFC 7636): oauth2.GenerateVerifier
	LoginHint   string // e-mail address to fill in; "" = none
}

// AuthCodeURL is the page on which the user logs in.
func (g *CodeGranter) AuthCodeURL(r LoginRequest) string {
	pairs := []string{"response_type", "code", "scope", r.Scopes,
		"code_challenge", oauth2.S256ChallengeFromVerifier(r.Verifier), "code_challenge_method", "S256"}
	if r.LoginHint != "" {
		pairs = append(pairs, "login_hint", r.LoginHint)
	}
	c := Consent{AccountServer: g.server.origin, ClientID: g.cfg.ClientID, RedirectURI: r.RedirectURI, State: r.State}
	return c.page(pairs...)
}

// Login is what the account server grants. After a login in a browser it belongs to whoever logged in, which need not
// be whom one expects: see UserInfo.
type Login struct {
	Token   *Token      // Expires is zero where expires_in is missing or no use
	Refresh secret.Text // empty if the account server gave none
}

// Exchange turns the code of a redirect into tokens. The error is a *GrantError.
func (g *CodeGranter) Exchange(ctx context.Context, code secret.Text, r LoginRequest) (*Login, error) {
	id := Identity{Issuer: g.cfg.ClientID, Scopes: r.Scopes}
	l, failed := g.post(ctx, id, url.Values{
		"grant_type": {"authorization_code"}, "code": {code.Reveal()}, "code_verifier": {r.Verifier},
		"redirect_uri": {r.RedirectURI},
	})
	if failed == nil {
		return &l, nil
	}
	if failed.OAuthError == "invalid_grant" {
		failed.finer = cause.CodeExpired
	}
	return nil, failed
}

// UserInfo tells who logged in. Errors as Client.UserInfo's.
func (g *CodeGranter) UserInfo(ctx context.Context, l *Login) (*UserInfo, error) {
	var given Granter = func(context.Context, Identity) (*Token, error) { return l.Token, nil }
	c := New(Config{
		AccountServer: g.server.origin, HTTP: g.cfg.HTTP, Now: g.cfg.Now,
		Granters: func(Identity) Granter { return given },
	})
	defer c.Close()
	return c.UserInfo(ctx, Identity{Issuer: g.cfg.ClientID})
}

// Grant is a Granter: it exchanges the stored refresh token. One that comes back is stored before the access token is
// handed out. A token that rotates must not be used twice, so a user's grants come one after the other.
func (g *CodeGranter) Grant(ctx context.Context, id Identity) (*Token, error) {
	name := RefreshName(id)
	if err := g.save(name); err != nil {
		return nil, err
	}
	token, failed := g.stored(id)
	if failed != nil {
		return nil, failed
	}
	l, failed := g.exchangeRefresh(ctx, id, token)
	if failed != nil && failed.Kind == LoginRequired {
		// The state that a reload replaced may have rotated the token meanwhile.
		if again, gone := g.stored(id); gone == nil && again != token {
			token = again
			l, failed = g.exchangeRefresh(ctx, id, token)
		}
	}
	if failed != nil {
		return nil, failed
	}
	if l.Refresh.Empty() || l.Refresh == token {
		_ = g.cfg.Tokens.PutRefresh(name, token) // only for its date: the login is kept already
		return l.Token, nil
	}
	g.unsaved.Store(name, l.Refresh)
	return l.Token, g.save(name)
}

func (g *CodeGranter) stored(id Identity) (secret.Text, *GrantError) {
	token, _, ok, err := g.cfg.Tokens.Refresh(RefreshName(id))
	text := "this user has not logged in yet"
	if err != nil {
		text = clean(err.Error(), 300)
	}
	if err != nil || !ok {
		return token, g.server.grantError(LoginRequired, id, text, err)
	}
	return token, nil
}

// save stores a refresh token that only this process knows.
func (g *CodeGranter) save(name string) error {
	token, ok := g.unsaved.Load(name)
	if !ok {
		return nil
	}
	if err := g.cfg.Tokens.PutRefresh(name, token.(secret.Text)); err != nil {
		return fmt.Errorf("the new refresh token could not be stored, and without it the login would be lost: %w", err)
	}
	g.unsaved.Delete(name)
	return nil
}

// exchangeRefresh does not end with its caller: an answer nobody reads may hold the only refresh token that still
// works.
func (g *CodeGranter) exchangeRefresh(ctx context.Context, id Identity, token secret.Text) (Login, *GrantError) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), codeTimeout)
	defer cancel()
	l, failed := g.post(ctx, id, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token.Reveal()}})
	if failed != nil && failed.OAuthError == "invalid_grant" {
		failed.Kind = LoginRequired
	}
	return l, failed
}

// Renew exchanges the refresh tokens of CodeConfig.Identities that were not exchanged for a while, so that they do not
// expire, one every few seconds. The access tokens that come of it are kept by through, a Client that grants with g.
// It is meant to be called daily. The error joins a *GrantError for each user whose login is lost; who never logged in
// is passed over.
func (g *CodeGranter) Renew(ctx context.Context, through *Client) error {
	var problems []error
	var turn <-chan time.Time // nil before the first
	for _, id := range g.cfg.Identities {
		if !g.due(RefreshName(id)) {
			continue
		}
		if turn != nil {
			select {
			case <-turn:
			case <-ctx.Done():
				return errors.Join(problems...)
			}
		}
		_, err := through.Token(ctx, id)
		problems = append(problems, err)
		turn = time.After(g.pause)
	}
	return errors.Join(problems...)
}

// due goes by the date in the store, which outlives the process.
func (g *CodeGranter) due(name string) bool {
	_, at, ok, err := g.cfg.Tokens.Refresh(name)
	return err != nil || ok && g.server.now().Sub(at) >= renewAfter // Token tells what the error is
}

// post is not repeatable: a refresh token that rotates must not be presented twice.
func (g *CodeGranter) post(ctx context.Context, id Identity, form url.Values) (Login, *GrantError) {
	client := clientcredentials.Config{
		ClientID: g.cfg.ClientID, AuthStyle: oauth2.AuthStyleInParams, EndpointParams: form,
	}
	if !g.cfg.ClientSecret.Empty() {
		client.ClientSecret, client.AuthStyle = g.cfg.ClientSecret.Reveal(), oauth2.AuthStyleInHeader // RFC 6749 §2.3.1
	}
	l, failed := g.server.token(ctx, id, false, client)
	if failed != nil && failed.OAuthError == "invalid_client" {
		failed.finer = cause.ClientSecret
	}
	return l, failed
}
