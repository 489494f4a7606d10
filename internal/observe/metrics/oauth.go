package metrics

import (
	"cmp"
	"errors"
	"time"

	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/oauth"
)

// issuerSeries tells to which integration the tokens of a client ID belong.
type issuerSeries struct {
	first *integrationSeries            // in the order of the configuration
	users map[string]*integrationSeries // by folded user GUID
}

func addIssuer(issuers map[string]issuerSeries, in *Integration, s *integrationSeries) {
	id := legacy.Fold(cmp.Or(in.ClientID, in.Key))
	known, ok := issuers[id]
	if !ok {
		known = issuerSeries{first: s, users: map[string]*integrationSeries{}}
	}
	for _, u := range in.Users {
		u = legacy.Fold(u)
		if u != "" && known.users[u] == nil {
			known.users[u] = s
		}
	}
	issuers[id] = known
}

// owner finds the integration that an identity belongs to.
func (m *Metrics) owner(id oauth.Identity) *integrationSeries {
	i, ok := (*m.issuers.Load())[legacy.Fold(id.Issuer)]
	if !ok {
		return m.unknown
	}
	if s := i.users[legacy.Fold(id.Subject)]; s != nil {
		return s
	}
	return i.first
}

// OAuthObserver gives the hooks that count what an oauth.Client does. Its field Learned is left to the caller.
func (m *Metrics) OAuthObserver() oauth.Observer {
	return oauth.Observer{
		Grant:    m.countGrant,
		CacheHit: func(id oauth.Identity) { m.owner(id).cacheHits.Inc() },
		UserInfo: m.countUserInfo,
		Lookup:   m.countLookup,
		Clock:    func(d time.Duration) { m.clock.Store(&d) },
	}
}

func (m *Metrics) countGrant(e oauth.GrantEvent) {
	s := m.owner(e.Identity)
	s.grants.count(e.Err)
	s.grantTime.Observe(e.Duration.Seconds())
	if e.Err != nil {
		s.grantErrors[m.words.grantErrors.find(labelOf(e.Err))].Inc()
	}
}

func labelOf(err error) string {
	var labelled interface{ Label() string }
	if errors.As(err, &labelled) {
		return labelled.Label()
	}
	return ""
}

func (m *Metrics) countUserInfo(e oauth.UserInfoEvent) {
	s := m.owner(e.Identity)
	s.userInfo.count(e.Err)
	s.moves.Add(float64(max(0, e.Moved)))
}

func (m *Metrics) countLookup(e oauth.LookupEvent) {
	s := m.owner(e.Identity)
	what := "account"
	if e.What == "user" {
		what = e.What
	}
	result := "ok"
	if e.Err != nil {
		result = "error"
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !s.removed {
		m.vecs.lookups.WithLabelValues(s.label, what, result).Inc()
	}
}
