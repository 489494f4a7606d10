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
func learnedFrom(s *store.Store, accountServer string) oauth.Learned {
	out := oauth.Learned{AccountServer: accountServer}
	s.Users().Each(func(scope, name, guid string) {
		if p := strings.Split(scope, scopeSeparator); len(p) == 4 && p[0] == accountServer {
			out.Users = append(out.Users, oauth.LearnedUser{Issuer: p[1], Admin: p[2], Scopes: p[3], Email: name, UserID: guid})
		}
	})
	s.Accounts().Each(func(scope, name, guid string) {
		if p := strings.Split(scope, scopeSeparator); len(p) == 4 && p[0] == accountServer {
			out.Accounts = append(out.Accounts, oauth.LearnedNumber{Issuer: p[1], Subject: p[2], Scopes: p[3], Number: name, GUID: guid})
		}
	})
	return out
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
	for _, u := range l.Users {
		if err := s.Users().Learn(strings.Join([]string{l.AccountServer, u.Issuer, u.Admin, u.Scopes}, scopeSeparator), u.Email, u.UserID); err != nil {
			return err
		}
	}
	for _, a := range l.Accounts {
		if err := s.Accounts().Learn(strings.Join([]string{l.AccountServer, a.Issuer, a.Subject, a.Scopes}, scopeSeparator), a.Number, a.GUID); err != nil {
			return err
		}
	}
	return nil
}
