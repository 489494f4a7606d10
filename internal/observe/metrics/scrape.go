package metrics

import (
	"maps"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/translate/oauth"
)

// scrape is the prometheus.Collector of what is read when Prometheus asks.
type scrape struct{ *Metrics }

// Describe lists the descriptors.
func (m scrape) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range m.descs {
		ch <- desc
	}
}

// Collect reads the values.
func (m scrape) Collect(ch chan<- prometheus.Metric) {
	g, now := gauges{ch}, m.o.Now()
	m.program(g)
	m.soap(g)
	m.shared(g)
	m.mu.RLock()
	integrations := maps.Clone(m.integrations)
	for _, in := range integrations {
		if in.mode != "" {
			g.set(m.read.integration, 1, in.label, in.mode, in.soap)
		}
	}
	m.mu.RUnlock()
	for name, in := range integrations {
		m.integration(g, name, in, now)
	}
	if m.o.Tokens != nil {
		m.tokens(g, now)
	}
}

// gauges sends values of gauges.
type gauges struct{ ch chan<- prometheus.Metric }

func (g gauges) set(d *prometheus.Desc, v float64, labels ...string) {
	g.ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

// time leaves a moment out that never was.
func (g gauges) time(d *prometheus.Desc, t time.Time, labels ...string) {
	if !t.IsZero() {
		g.set(d, float64(t.UnixMilli())/1000, labels...)
	}
}

func (m scrape) program(g gauges) {
	g.set(m.build, 1, m.o.Version, m.o.Commit, m.o.GoVersion)
	var dropped, stuck float64
	if m.o.LogDropped != nil {
		dropped, stuck = float64(m.o.LogDropped()), m.o.LogStuck().Seconds()
	}
	g.ch <- prometheus.MustNewConstMetric(m.logDropped, prometheus.CounterValue, dropped)
	g.set(m.logStuck, stuck)
	if m.o.CAExpires != nil {
		g.time(m.ca, m.o.CAExpires())
	}
	if m.o.LeafExpires != nil {
		g.time(m.leaf, m.o.LeafExpires())
	}
	m.state.Lock()
	defer m.state.Unlock()
	if s := m.state.server; s != nil {
		g.set(m.active, float64(s.Active()))
		g.set(m.connections, float64(s.OpenConnections()))
		g.set(m.tunnels, float64(s.OpenTunnels()))
	}
	ok := 0.0
	if m.state.reloadErr == nil {
		ok = 1
	}
	g.set(m.reloadOK, ok)
	g.time(m.reloadAt, m.state.reloadedAt)
	if offset := m.state.clock; offset != nil {
		g.set(m.clock, offset.Seconds())
	}
}

func (m scrape) integration(g gauges, name string, in *integrationState, now time.Time) {
	var past History
	if m.o.History != nil {
		past = m.o.History(name)
	}
	seen := in.history(now)
	g.time(m.lastLegacy, laterOf(seen.LastLegacy, past.LastLegacy), in.label)
	g.set(m.goLive, float64(max(seen.GoLiveCalls, past.GoLiveCalls)), in.label)
	if l, told := in.currentLimits(now); told {
		m.limits(g, l, in.label)
	}
}

func (m scrape) limits(g gauges, l call.RateLimits, label string) {
	window := func(name string, limit, remaining int64) {
		if limit <= 0 {
			return
		}
		g.set(m.limit, float64(limit), label, name)
		if remaining >= 0 {
			g.set(m.limitRemaining, float64(remaining), label, name)
		}
	}
	window("hour", l.HourlyLimit, l.HourlyRemaining)
	window("burst", l.BurstLimit, l.BurstRemaining)
	if l.Reset > 0 {
		g.set(m.limitReset, float64(l.Reset), label)
	}
}

// tokenTally sums up the identities of one integration.
type tokenTally struct {
	live, failing     int
	expires, obtained time.Time
	consent           map[oauth.ConsentState]int
}

func (t *tokenTally) add(st *oauth.State, now time.Time) {
	if st.Expires.After(now) {
		t.live++
		t.expires = earlierOf(t.expires, st.Expires)
		t.obtained = earlierOf(t.obtained, st.Obtained)
	}
	if st.Failure != nil {
		t.failing++
	}
	consent := st.Consent
	if consent != oauth.ConsentGiven && consent != oauth.ConsentMissing {
		consent = oauth.ConsentUnknown
	}
	t.consent[consent]++
}

// tokens reads the token cache; integrations that have asked for no token yet are shown with zeros.
func (m scrape) tokens(g gauges, now time.Time) {
	states := m.o.Tokens()
	tallies := map[string]*tokenTally{}
	m.mu.RLock()
	for _, in := range m.integrations {
		tallies[in.label] = &tokenTally{consent: map[oauth.ConsentState]int{}}
	}
	for i := range states {
		tallies[m.of(states[i].Integration).label].add(&states[i].State, now)
	}
	m.mu.RUnlock()
	for label, t := range tallies {
		g.set(m.liveTokens, float64(t.live), label)
		g.time(m.tokenExpiry, t.expires, label)
		g.time(m.tokenObtained, t.obtained, label)
		g.set(m.failing, float64(t.failing), label)
		for _, state := range [...]oauth.ConsentState{oauth.ConsentGiven, oauth.ConsentMissing, oauth.ConsentUnknown} {
			g.set(m.consent, float64(t.consent[state]), label, string(state))
		}
	}
}
