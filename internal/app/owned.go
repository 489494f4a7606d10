package app

import (
	"cmp"
	"slices"

	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/observe/metrics"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/oauth"
)

// ownedToken is where the tokens of one identity stand, for an integration whose calls are made as that user.
type ownedToken struct {
	owner int    // place of the integration in the configuration; -1 = it belongs to none
	user  string // name in the configuration
	oauth.State
}

// ownedTokens gives the tokens by integration. Several may share a client id: each has those of its own users and
// principals, so that a user's trouble is that of the integrations that name the user.
func ownedTokens(list []integration.Integration, tokens *oauth.Client) (owned []ownedToken) {
	names := make([]map[oauth.Identity]string, len(list))
	for i := range list {
		names[i] = identitiesOf(&list[i], tokens)
	}
	for _, st := range tokens.Snapshot() {
		before := len(owned)
		for i := range list {
			if user, ok := names[i][st.Identity]; ok {
				owned = append(owned, ownedToken{i, user, st})
			}
		}
		if len(owned) == before {
			owned = append(owned, ownedToken{owner: -1, State: st})
		}
	}
	return owned
}

// identitiesOf gives the names of all whom calls of the integration may be made as and whose GUID is known, from the
// configuration or by a look-up.
func identitiesOf(in *integration.Integration, tokens *oauth.Client) map[oauth.Identity]string {
	names := map[oauth.Identity]string{}
	add := func(name, guid string) {
		switch {
		case guid == "" && shown.GUID(name):
			guid = name
		case guid == "" && in.OAuth.AdminUserID != "":
			guid = tokens.Found(translate.Identity(in, in.OAuth.AdminUserID), name)
		}
		if id := translate.Identity(in, guid); guid != "" {
			names[id] = cmp.Or(names[id], name)
		}
	}
	for _, p := range in.People() {
		add(p.Username, p.UserID)
	}
	for _, u := range in.Users {
		for _, name := range u.MayActFor {
			add(name, "")
		}
	}
	for _, t := range in.Tokens {
		add(t.ActsAs, "")
	}
	return names
}

// tokens is what the metrics count: what several integrations share counts for each of them.
func (c *current) tokens() (list []metrics.Token) {
	a := c.Load()
	for _, t := range ownedTokens(a.cfg.Integrations, a.oauth) {
		one := metrics.Token{State: t.State}
		if t.owner >= 0 {
			one.Integration = a.cfg.Integrations[t.owner].Name
		}
		list = append(list, one)
	}
	return list
}

// refusedBefore are the users whose last call wanted a consent and for whom nothing was asked since the last start or
// reload: the page of that consent is shown all the same. known is what callers did.
func refusedBefore(
	list []integration.Integration, known []admin.Integration, tokens *oauth.Client,
) (more []ownedToken) {
	asked := map[oauth.Identity]bool{}
	for _, st := range tokens.Snapshot() {
		asked[st.Identity] = true
	}
	for i := range list {
		wants := map[string]bool{}
		for _, c := range known[i].Callers {
			if c.LastFailed() && c.LastCause == cause.ConsentRequired.String() {
				wants[cmp.Or(c.Principal, c.Authenticator)] = true
			}
		}
		for id, user := range identitiesOf(&list[i], tokens) {
			if wants[user] && !asked[id] {
				more = append(more, ownedToken{i, user, oauth.State{Identity: id, Consent: oauth.ConsentUnknown}})
			}
		}
	}
	slices.SortFunc(more, func(a, b ownedToken) int { return cmp.Compare(a.user, b.user) })
	return more
}
