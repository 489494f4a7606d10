package oauth

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/secret"
)

// CodeConfig is what a CodeGranter is made of. AccountServer, ClientID, HTTP and Tokens are required.
type CodeConfig struct {
	AccountServer string // origin, as in Config
	ClientID      string
	ClientSecret  secret.Text  // empty: a public client, which proves itself by PKCE alone
	HTTP          *http.Client // as in Config
	Tokens        RefreshStore
	Identities    []Identity       // whom Renew looks after
	Unsaved       *Unsaved         // outlives the CodeGranter; nil = its own
	Now           func() time.Time // nil = time.Now
	Conflict      func(Identity)   // told of a refresh token that somebody else replaced during its exchange; nil = nobody
}

// CodeGranter obtains tokens for users who logged in once in a browser (authorization code grant with PKCE): for
// accounts that do not allow impersonation. It serves one integration key.
type CodeGranter struct {
	cfg    CodeConfig
	server *server
	pause  time.Duration  // between two exchanges of Renew
	jitter func() float64 // [0,1), of Renew
}

// NewCodeGranter makes a CodeGranter. It does no I/O.
func NewCodeGranter(cfg CodeConfig) *CodeGranter {
	if cfg.Unsaved == nil {
		cfg.Unsaved = &Unsaved{}
	}
	if cfg.Conflict == nil {
		cfg.Conflict = func(Identity) {}
	}
	return &CodeGranter{
		cfg: cfg, server: newServer(cfg.AccountServer, cfg.HTTP, cfg.Now), pause: renewPause, jitter: rand.Float64,
	}
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
