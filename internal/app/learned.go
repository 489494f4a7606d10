package app

import (
	"net/url"
	"strings"

	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/translate/oauth"
)

// scopeSeparator stands in no GUID, origin or scope.
const scopeSeparator = "\x1f"

// learnedFrom gives the look-ups that earlier runs have paid for.
func learnedFrom(s *store.Store) (facts []oauth.Fact) {
	for _, l := range []*store.Learned{s.Users(), s.Accounts()} {
		l.Each(func(scope, name, guid string) {
			if p := strings.Split(scope, scopeSeparator); len(p) == 4 {
				id := oauth.Identity{Issuer: p[1], Subject: p[2], Scopes: p[3]}
				facts = append(facts, oauth.Fact{AccountServer: p[0], Identity: id, Name: name, GUID: guid})
			}
		})
	}
	return facts
}

// siteScope is where the sites of accounts are kept among the learned accounts: programs that are only observed name an
// account and no site, and keep the address of their next calls over a restart of the proxy.
func siteScope(accountServer string) string { return accountServer + scopeSeparator + "site" }

// learnedSites gives the sites that observed log-in answers named in earlier runs, as far as they are still believed.
func learnedSites(s *store.Store, scope string, trusted func(*url.URL) error) map[string]*url.URL {
	sites := map[string]*url.URL{}
	s.Accounts().Each(func(in, account, host string) {
		if base := (&url.URL{Scheme: "https", Host: host}); in == scope && trusted(base) == nil {
			sites[account] = base
		}
	})
	return sites
}

// remember writes down what a look-up has taught. The store flushes it in its own time.
func remember(s *store.Store, f oauth.Fact) error {
	to := s.Accounts()
	if strings.Contains(f.Name, "@") {
		to = s.Users()
	}
	scope := strings.Join([]string{f.AccountServer, f.Issuer, f.Subject, f.Scopes}, scopeSeparator)
	return to.Learn(scope, f.Name, f.GUID)
}
