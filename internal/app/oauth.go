package app

import (
	"fmt"
	"net/http"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/translate/oauth"
)

// OAuthOf makes what gets tokens and asks UserInfo.
func OAuthOf(cfg *config.Config, env Deps, transport http.RoundTripper) (*oauth.Client, error) {
	client, _, err := oauthOf(cfg, env, transport)
	return client, err
}

// oauthOf also gives the log-ins of those who have granted access themselves.
func oauthOf(cfg *config.Config, env Deps, transport http.RoundTripper) (*oauth.Client, codeGranters, error) {
	c := oauth.Config{
		AccountServer: cfg.AccountServer.String(), Audience: cfg.Audience,
		HTTP:        &http.Client{Transport: transport, Timeout: 20 * time.Second},
		RedirectURI: cfg.Admin.RedirectURI, Observer: env.observer, TrustedBase: trustedBase(cfg),
	}
	seen := map[string]bool{}
	for _, in := range cfg.Integrations {
		id := in.OAuth.ClientID
		if seen[id] || len(in.OAuth.PrivateKeys) == 0 {
			continue
		}
		seen[id] = true
		issuer := oauth.Issuer{ClientID: id}
		for _, k := range in.OAuth.PrivateKeys {
			key, err := oauth.NewKey(k.Source, k.Key)
			if err != nil {
				return nil, nil, fmt.Errorf("integration %s: %w", in.Name, err)
			}
			issuer.Keys = append(issuer.Keys, key)
		}
		c.Issuers = append(c.Issuers, issuer)
	}
	c.Learned = learnedFrom(env.Store, c.AccountServer)
	granters, err := codeGrantersOf(cfg, env.Store, c.HTTP)
	if err != nil {
		return nil, nil, err
	}
	c.Granters = granters.find
	client, err := oauth.New(c)
	return client, granters, err
}
