package admin

import (
	"cmp"
	"slices"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/translate/oauth"
)

// IntegrationOf gives what configuration and ledger know of an integration.
func IntegrationOf(in *integration.Integration, s ledger.Summary) Integration {
	i := Integration{
		Name: in.Name, Mode: string(in.Mode), SOAP: string(in.SOAP), SOAPChosen: !in.SOAPUnset, Grant: string(in.Grant),
		Scopes: in.OAuth.Scopes, AdminUserID: in.OAuth.AdminUserID,
		IntegratorKey: in.IntegratorKey, ClientID: in.OAuth.ClientID, State: string(s.State), Summary: s,
	}
	for _, u := range in.Users {
		i.Users = append(i.Users, User{
			Username: u.Username, UserID: u.UserID, Password: u.Password.Kind().String(), App: !u.AppPassword.Empty(),
			MayActFor: u.MayActFor,
		})
	}
	for _, p := range in.Principals {
		i.Principals = append(i.Principals, Principal(p))
	}
	return i
}

// UnknownOf groups the ledger's unknown callers: by integrator key, and the users of a known integration by its name.
// The last seen come first.
func UnknownOf(rows []ledger.UnknownRow) []Unknown {
	type place struct{ integration, key string }
	at := map[place]int{}
	list := []Unknown{}
	for _, r := range rows {
		p := place{integration: r.Integration}
		if r.Integration == call.UnknownIntegration {
			p = place{key: r.Key}
		}
		i, found := at[p]
		if !found {
			i, at[p] = len(list), len(list)
			list = append(list, Unknown{Integration: p.integration, FirstSeen: r.FirstSeen})
		}
		list[i].add(r)
	}
	slices.SortStableFunc(list, func(a, b Unknown) int { return b.LastSeen.Compare(a.LastSeen) })
	return list
}

func (u *Unknown) add(r ledger.UnknownRow) {
	u.IntegratorKey = cmp.Or(u.IntegratorKey, r.Key)
	if r.FirstSeen.Before(u.FirstSeen) {
		u.FirstSeen = r.FirstSeen
	}
	if r.LastSeen.After(u.LastSeen) {
		u.LastSeen = r.LastSeen
	}
	u.Calls += r.Calls
	u.Callers = append(u.Callers, r.Row)
}

// TokenOf tells of one identity. user is its name in the configuration; consentURL is shown as long as consent is not
// given; fill are values for the text of the next step.
func TokenOf(s oauth.State, user, consentURL string, fill ...string) Token {
	t := Token{
		User: cmp.Or(user, s.Identity.Subject), UserID: s.Identity.Subject, Scopes: s.Identity.Scopes,
		Obtained: s.Obtained, Expires: s.Expires, Consent: string(s.Consent),
	}
	if s.Consent != oauth.ConsentGiven {
		t.ConsentURL = consentURL
	}
	f := s.Failure
	if f == nil {
		f = s.UserInfoFailure
	}
	if f != nil {
		t.Error, t.ErrorLabel, t.ErrorSince = f.Text, f.Label, f.Since
		t.NextTry, t.Temporary = f.Next, f.Temporary
		t.NextStep = f.Cause.Next(slices.Concat(fill, f.Fill, []string{"user", t.User, "consent", "the consent page"})...)
	}
	for _, a := range s.Accounts {
		site := Site{AccountID: a.AccountID, Name: a.Name, Default: a.IsDefault}
		if a.Untrusted != nil {
			site.Problem = a.Untrusted.Error()
		} else {
			site.Origin = a.BaseURI.String()
		}
		t.Sites = append(t.Sites, site)
	}
	return t
}
