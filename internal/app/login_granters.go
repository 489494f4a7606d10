package app

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/translate/oauth"
)

// codeGranters are who obtains tokens for integrations with grant: authorization_code.
type codeGranters map[codeGrant]*oauth.CodeGranter

// codeGrant tells identities apart: a key can be used with logins in one integration and with a private key in another.
type codeGrant struct{ clientID, scopes string }

// codeGrantersOf makes one for each client_id and scopes; several integrations may share it.
func codeGrantersOf(cfg *config.Config, tokens oauth.RefreshStore, client *http.Client) codeGranters {
	wanted := map[codeGrant]*oauth.CodeConfig{}
	for _, in := range cfg.Integrations {
		if in.Mode != integration.Translate || in.Grant != integration.AuthorizationCode {
			continue
		}
		at := codeGrant{in.OAuth.ClientID, in.OAuth.Scopes.String()}
		if wanted[at] == nil {
			wanted[at] = &oauth.CodeConfig{AccountServer: cfg.AccountServer.String(), ClientID: at.clientID,
				ClientSecret: in.OAuth.ClientSecret, HTTP: client, Tokens: tokens}
		}
		for _, m := range in.People() {
			if m.UserID != "" {
				id := oauth.Identity{Issuer: at.clientID, Subject: strings.ToLower(m.UserID), Scopes: at.scopes}
				wanted[at].Identities = append(wanted[at].Identities, id)
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

// renew keeps logins alive that nobody uses; the error joins those that are lost.
func (c codeGranters) renew(ctx context.Context, through *oauth.Client) error {
	var problems []error
	for _, g := range c {
		problems = append(problems, g.Renew(ctx, through))
	}
	return errors.Join(problems...)
}
