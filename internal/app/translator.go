package app

import (
	"log/slog"
	"net/netip"
	"net/url"
	"slices"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/oauth"
)

func translatorOf(cfg *config.Config, env deps, client *oauth.Client, previous *assembled) *translate.Translator {
	tc := translate.Config{
		ObserveUnknown: cfg.Unknown == config.Observe, OAuth: client, Issued: env.store,
		OnUnknown:   env.onUnknown,
		RememberFor: cfg.Credentials.RememberFor, RememberMax: cfg.Credentials.RememberMax, Prover: env.prover,
		Integrations: cfg.Integrations,
	}
	scope := siteScope(cfg.AccountServer.String())
	tc.OnSite = func(account string, base *url.URL) {
		_ = env.store.Accounts().Learn(scope, account, base.Host) // refuses only what is longer than any id and host
	}
	if previous != nil {
		tc.Previous = previous.state.Translator
	} else {
		tc.Sites = learnedSites(env.store, scope, trustedBase(cfg))
	}
	if cfg.PinPassword == config.FirstUse {
		tc.Pins, tc.OnPin = env.store, env.onPin
		tc.MayPin = func(client netip.Addr) bool { return client.IsLoopback() || Contains(cfg.Egress.Clients, client) }
	}
	return translate.New(tc)
}

// Contains reports whether one of the networks holds the address.
func Contains(networks []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(a.Unmap()) })
}

// clientsOf says who may use the listeners. This machine always may; the doors that cannot ask for proxy credentials
// are open to listed networks only. With proxy_users the forward proxy asks everybody for a login, this machine too.
func clientsOf(cfg *config.Config, prover *translate.Prover) (forward, local *egress.Clients) {
	allow := append([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
		cfg.Egress.Clients...)
	forward, local = &egress.Clients{Allow: allow}, &egress.Clients{Allow: allow}
	if len(cfg.Egress.ProxyUsers) > 0 {
		forward.Verify = translate.NewLogins(prover, "egress.proxy_users", cfg.Egress.ProxyUsers).Verify
		if len(cfg.Egress.Clients) == 0 {
			forward.Allow = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
		}
	}
	return forward, local
}

// takeOver lets the passwords in force vouch for what earlier versions issued, which did not keep what vouched for it.
func takeOver(s *store.Store, log *slog.Logger, a *assembled) {
	err := s.TakeOver(func(o store.TokenOwner) ([32]byte, bool) {
		return a.state.Translator.InForce(o.Integration, o.Authenticator)
	})
	if err != nil {
		advised(log, cause.TokensNotTakenOver).Error("tokens issued by an earlier version are refused", "error", err)
	}
}
