package metrics

import (
	"cmp"
	"errors"
	"time"

	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/oauth"
)

// identity is a client ID and a user's GUID, both folded; no GUID stands for every user that no integration names.
type identity struct{ issuer, subject string }

// addIssuer notes whose tokens belong to an integration. The first in the order of the configuration has them.
func (m *Metrics) addIssuer(in *integration.Integration, one *integrationState) {
	subjects := []string{""}
	for _, p := range in.People() {
		subjects = append(subjects, p.UserID)
	}
	issuer := legacy.Fold(cmp.Or(in.OAuth.ClientID, in.IntegratorKey))
	for _, subject := range subjects {
		if id := (identity{issuer, legacy.Fold(subject)}); m.owners[id] == nil {
			m.owners[id] = one
		}
	}
}

// owner finds the integration that an identity belongs to. The caller holds mu.
func (m *Metrics) owner(id oauth.Identity) *integrationState {
	issuer := legacy.Fold(id.Issuer)
	if in := m.owners[identity{issuer, legacy.Fold(id.Subject)}]; in != nil {
		return in
	}
	if in := m.owners[identity{issuer, ""}]; in != nil {
		return in
	}
	return m.of("")
}

// OAuthObserver gives the hooks that count what an oauth.Client does. Its field Learned is left to the caller.
func (m *Metrics) OAuthObserver() oauth.Observer {
	return oauth.Observer{
		Grant: m.countGrant,
		CacheHit: func(id oauth.Identity) {
			m.owned(id, func(label string) { m.cacheHits.WithLabelValues(label).Inc() })
		},
		UserInfo: func(e oauth.UserInfoEvent) {
			m.owned(e.Identity, func(label string) {
				m.userInfo.WithLabelValues(label, result(e.Err)).Inc()
				m.moves.WithLabelValues(label).Add(float64(max(0, e.Moved)))
			})
		},
		Lookup: func(e oauth.LookupEvent) {
			what := "account"
			if e.What == "user" {
				what = e.What
			}
			m.owned(e.Identity, func(label string) { m.lookups.WithLabelValues(label, what, result(e.Err)).Inc() })
		},
		Clock: func(d time.Duration) {
			m.state.Lock()
			defer m.state.Unlock()
			m.state.clock = &d
		},
		Shared: func(e oauth.SharedEvent) {
			m.claims.WithLabelValues(kindOf(e.Kind), m.words.claims.known(e.Result)).Inc()
		},
		RefreshConflict: func(oauth.Identity) { m.refreshConflicts.WithLabelValues().Inc() },
	}
}

// owned counts for the integration that an identity belongs to.
func (m *Metrics) owned(id oauth.Identity, count func(label string)) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	count(m.owner(id).label)
}

func (m *Metrics) countGrant(e oauth.GrantEvent) {
	m.owned(e.Identity, func(label string) {
		m.grants.WithLabelValues(label, result(e.Err)).Inc()
		m.grantTime.WithLabelValues(label).Observe(e.Duration.Seconds())
		if e.Err == nil {
			return
		}
		var labelled interface{ Label() string }
		word := ""
		if errors.As(e.Err, &labelled) {
			word = labelled.Label()
		}
		m.grantErrors.WithLabelValues(label, m.words.grantErrors.known(word)).Inc()
	})
}
