package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/oauth"
)

const (
	renewEvery = 24 * time.Hour
	saveEvery  = 2 * time.Second // refresh tokens that the store could not take
)

// OAuthOf makes what gets tokens and asks UserInfo, with the logins in s.
func OAuthOf(cfg *config.Config, s *store.Store, transport http.RoundTripper) *oauth.Client {
	client, _ := oauthOf(cfg, deps{store: s}, transport)
	return client
}

// TokensOnly makes the client for tokens as the proxy does, without the rest of the proxy.
func TokensOnly(cfg *config.Config) (*oauth.Client, func()) {
	transport := Transport(cfg)
	client := OAuthOf(cfg, store.Memory(), transport)
	return client, func() { client.Close(); transport.CloseIdleConnections() }
}

// oauthOf also gives the log-ins of those who have granted access themselves.
func oauthOf(cfg *config.Config, env deps, transport http.RoundTripper) (*oauth.Client, codeGranters) {
	c := oauth.Config{
		AccountServer: cfg.AccountServer.String(), Audience: cfg.Audience,
		HTTP:        &http.Client{Transport: transport, Timeout: 20 * time.Second},
		RedirectURI: cfg.Admin.RedirectURI, Observer: env.observer, TrustedBase: trustedBase(cfg),
	}
	c.Issuers, c.RedirectURIs = map[string][]*oauth.Key{}, map[string]string{}
	for _, in := range cfg.Integrations {
		id := in.OAuth.ClientID
		c.RedirectURIs[id] = cmp.Or(c.RedirectURIs[id], in.OAuth.RedirectURI)
		for _, k := range in.OAuth.PrivateKeys { // those of all integrations that share the client id
			key := oauth.NewKey(k.Source, k.Key)
			if !slices.ContainsFunc(c.Issuers[id], func(known *oauth.Key) bool { return known.ID == key.ID }) {
				c.Issuers[id] = append(c.Issuers[id], key)
			}
		}
	}
	c.Learned = learnedFrom(env.store)
	if env.shared != nil {
		c.Shared = env.shared.server.Claims()
	}
	granters := codeGrantersOf(cfg, env, c.HTTP)
	c.Granters = granters.find
	return oauth.New(c), granters
}

// trustedBase believes a base_uri under DocuSign's domains and, in a custom environment, at addresses the operator
// listed.
func trustedBase(cfg *config.Config) func(*url.URL) error {
	policy := cfg.Egress.Policy
	return func(u *url.URL) error {
		if u.Scheme != "https" {
			return errors.New("it is not https")
		}
		h, err := egress.ParseHost(u.Host, 443)
		if err != nil {
			return err
		}
		if err := policy.CheckEnvironment(h); err != nil {
			return err
		}
		ip, address := h.Addr()
		if policy.DocuSign(h) || cfg.Environment == config.Custom &&
			(h.Name() == cfg.AccountServer.Host.Name() || address && Contains(cfg.Egress.AllowAddresses, ip)) {
			return nil
		}
		return fmt.Errorf("%s is not under egress.hosts", h.Name())
	}
}

// codeGranters are who obtains tokens for integrations with grant: authorization_code.
type codeGranters map[codeGrant]*oauth.CodeGranter

// codeGrant tells identities apart: a key can be used with logins in one integration and with a private key in another.
type codeGrant struct{ clientID, scopes string }

// codeGrantersOf makes one for each client_id and scopes; several integrations may share it.
func codeGrantersOf(cfg *config.Config, env deps, client *http.Client) codeGranters {
	wanted := map[codeGrant]*oauth.CodeConfig{}
	for _, in := range cfg.Integrations {
		if in.Mode != integration.Translate || in.Grant != integration.AuthorizationCode {
			continue
		}
		at := codeGrant{in.OAuth.ClientID, in.OAuth.Scopes.String()}
		if wanted[at] == nil {
			wanted[at] = &oauth.CodeConfig{AccountServer: cfg.AccountServer.String(), ClientID: at.clientID,
				ClientSecret: in.OAuth.ClientSecret, HTTP: client, Tokens: env.store, Unsaved: env.unsaved,
				Conflict: env.observer.RefreshConflict}
		}
		for _, m := range in.People() {
			if m.UserID != "" {
				wanted[at].Identities = append(wanted[at].Identities, translate.Identity(&in, m.UserID))
			}
		}
	}
	out := codeGranters{}
	for at, cc := range wanted {
		out[at] = oauth.NewCodeGranter(*cc)
	}
	return out
}

// find is oauth.Config.Granters.
func (c codeGranters) find(id oauth.Identity) oauth.Granter {
	if g := c[codeGrant{id.Issuer, id.Scopes}]; g != nil {
		return g.Grant
	}
	return nil
}

// RenewOnce renews every login that is due; the error joins those that are lost.
func (p *App) RenewOnce(ctx context.Context) error {
	a := p.current.Load()
	var problems []error
	for _, g := range a.granters {
		problems = append(problems, g.Renew(ctx, a.oauth))
	}
	return errors.Join(problems...)
}

// saveLogins stores refresh tokens as soon as the store takes them, a last time at the end.
func saveLogins(ctx context.Context, p *App) error {
	for sleep(ctx, saveEvery) {
		p.env.unsaved.Save(ctx, p.store)
	}
	p.env.unsaved.Save(context.WithoutCancel(ctx), p.store)
	return nil
}

// renewLogins keeps refresh tokens alive that no call has used for a while: they expire after 30 days.
func (p *App) renewLogins(ctx context.Context) error {
	ticker := time.NewTicker(renewEvery)
	defer ticker.Stop()
	for {
		if err := p.RenewOnce(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, oauth.ErrClosed) {
			advised(p.log, cause.LoginNotRenewed, "config", p.path).Error("a refresh token could not be renewed", "error", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Is reports whether somebody goes by that e-mail address or GUID.
func Is(u integration.User, name string) bool {
	return legacy.SameName(u.Username, name) || u.UserID != "" && legacy.SameName(u.UserID, name)
}

// RedirectURI is where the browser returns to after a consent.
func RedirectURI(in *integration.Integration) string {
	return cmp.Or(in.OAuth.RedirectURI, oauth.DefaultRedirectURI)
}
