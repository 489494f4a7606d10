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
	c.Issuers = map[string][]*oauth.Key{}
	for _, in := range cfg.Integrations {
		id := in.OAuth.ClientID
		if c.Issuers[id] != nil {
			continue
		}
		for _, k := range in.OAuth.PrivateKeys {
			key, err := oauth.NewKey(k.Source, k.Key)
			if err != nil {
				return nil, nil, fmt.Errorf("integration %s: %w", in.Name, err)
			}
			c.Issuers[id] = append(c.Issuers[id], key)
		}
	}
	c.Learned = learnedFrom(env.Store, c.AccountServer)
	granters := codeGrantersOf(cfg, env.Store, c.HTTP)
	c.Granters = granters.find
	return oauth.New(c), granters, nil
}
