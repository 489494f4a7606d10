package app

import (
	"errors"
	"net/url"
	"strings"

	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/translate/oauth"
)

// scopeSeparator stands in no GUID, origin or scope.
const scopeSeparator = "\x1f"

// learnedFrom gives the look-ups that earlier runs have paid for.
func learnedFrom(s *store.Store, accountServer string) oauth.Learned {
	facts := func(l *store.Learned) (found []oauth.Fact) {
		l.Each(func(scope, name, guid string) {
			if p := strings.Split(scope, scopeSeparator); len(p) == 4 && p[0] == accountServer {
				id := oauth.Identity{Issuer: p[1], Subject: p[2], Scopes: p[3]}
				found = append(found, oauth.Fact{Identity: id, Name: name, GUID: guid})
			}
		})
		return found
	}
	return oauth.Learned{AccountServer: accountServer, Users: facts(s.Users()), Accounts: facts(s.Accounts())}
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

// remember writes down what look-ups have taught. The store flushes it in its own time.
func remember(s *store.Store, l oauth.Learned) error {
	learn := func(to *store.Learned, facts []oauth.Fact) (err error) {
		for _, f := range facts {
			scope := strings.Join([]string{l.AccountServer, f.Issuer, f.Subject, f.Scopes}, scopeSeparator)
			err = errors.Join(err, to.Learn(scope, f.Name, f.GUID))
		}
		return err
	}
	return errors.Join(learn(s.Users(), l.Users), learn(s.Accounts(), l.Accounts))
}
