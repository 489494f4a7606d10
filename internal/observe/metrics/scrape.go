package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/translate/oauth"
)

// scrapeDescs are the descriptors of the gauges, which are read when Prometheus asks.
type scrapeDescs struct {
	liveTokens, tokenExpiry, tokenObtained, consent, failing, clock    *prometheus.Desc
	limit, limitRemaining, limitReset, goLive, lastLegacy, integration *prometheus.Desc
	active, connections, tunnels, ca, leaf, reloadOK, reloadAt, build  *prometheus.Desc
	logDropped, logStuck                                               *prometheus.Desc
}

func newScrapeDescs(mk metricMaker) scrapeDescs {
	return scrapeDescs{
		liveTokens: mk.desc(metricLiveTokens), tokenExpiry: mk.desc(metricTokenExpiry), tokenObtained: mk.desc(metricTokenObtained),
		consent: mk.desc(metricConsent), failing: mk.desc(metricFailing), clock: mk.desc(metricClock),
		limit: mk.desc(metricLimit), limitRemaining: mk.desc(metricLimitRemaining), limitReset: mk.desc(metricLimitReset),
		goLive: mk.desc(metricGoLive), lastLegacy: mk.desc(metricLastLegacy), integration: mk.desc(metricIntegration),
		active: mk.desc(metricActive), connections: mk.desc(metricConnections), tunnels: mk.desc(metricTunnels),
		ca: mk.desc(metricCA), leaf: mk.desc(metricLeaf), reloadOK: mk.desc(metricReloadOK), reloadAt: mk.desc(metricReloadAt), build: mk.desc(metricBuild),
		logDropped: mk.desc(metricLogDropped), logStuck: mk.desc(metricLogStuck),
	}
}

// scrape is the prometheus.Collector of the gauges.
type scrape struct{ m *Metrics }

// Describe lists the descriptors.
func (c scrape) Describe(ch chan<- *prometheus.Desc) {
	d := &c.m.descs
	for _, desc := range [...]*prometheus.Desc{
		d.liveTokens, d.tokenExpiry, d.tokenObtained, d.consent, d.failing, d.clock, d.limit, d.limitRemaining, d.limitReset, d.goLive,
		d.lastLegacy, d.integration, d.active, d.connections, d.tunnels, d.ca, d.leaf, d.reloadOK, d.reloadAt, d.build,
		d.logDropped, d.logStuck,
	} {
		ch <- desc
	}
}

// Collect reads the gauges.
func (c scrape) Collect(ch chan<- prometheus.Metric) {
	g := gauges{ch}
	m, d, now := c.m, &c.m.descs, c.m.o.Now()
	g.set(d.build, 1, m.o.Version, m.o.Commit, m.o.GoVersion)
	c.program(g)
	for name, s := range *m.names.Load() {
		c.integration(g, name, s, now)
	}
	c.tokens(g, now)
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

func (c scrape) program(g gauges) {
	m, d := c.m, &c.m.descs
	if s := m.server.Load(); s != nil {
		g.set(d.active, float64(s.Active()))
		g.set(d.connections, float64(s.OpenConnections()))
		g.set(d.tunnels, float64(s.OpenTunnels()))
	}
	var dropped, stuck float64
	if m.o.LogDropped != nil {
		dropped, stuck = float64(m.o.LogDropped()), m.o.LogStuck().Seconds()
	}
	g.ch <- prometheus.MustNewConstMetric(d.logDropped, prometheus.CounterValue, dropped)
	g.set(d.logStuck, stuck)
	if m.o.CAExpires != nil {
		g.time(d.ca, m.o.CAExpires())
	}
	if m.o.LeafExpires != nil {
		g.time(d.leaf, m.o.LeafExpires())
	}
	ok := 0.0
	if m.reloadOK.Load() {
		ok = 1
	}
	g.set(d.reloadOK, ok)
	g.time(d.reloadAt, fromNano(m.reloadedAt.Load()))
	if offset := m.clock.Load(); offset != nil {
		g.set(d.clock, offset.Seconds())
	}
}

func (c scrape) integration(g gauges, name string, s *integrationSeries, now time.Time) {
	m, d := c.m, &c.m.descs
	var past History
	if m.o.History != nil {
		past = m.o.History(name)
	}
	g.time(d.lastLegacy, laterOf(fromNano(s.lastLegacy.Load()), past.LastLegacy), s.label)
	g.set(d.goLive, max(float64(s.goLive.sum(now)), float64(past.GoLiveCalls)), s.label)
	if info := s.info.Load(); info.mode != "" {
		g.set(d.integration, 1, s.label, info.mode, info.soap)
	}
	if l, ok := s.limits.current(now); ok {
		c.limits(g, l, s.label)
	}
}

func (c scrape) limits(g gauges, l call.RateLimits, label string) {
	d := &c.m.descs
	known := func(desc *prometheus.Desc, v int64, labels ...string) {
		if v >= 0 {
			g.set(desc, float64(v), labels...)
		}
	}
	if l.HourlyLimit > 0 {
		known(d.limit, l.HourlyLimit, label, "hour")
		known(d.limitRemaining, l.HourlyRemaining, label, "hour")
	}
	if l.BurstLimit > 0 {
		known(d.limit, l.BurstLimit, label, "burst")
		known(d.limitRemaining, l.BurstRemaining, label, "burst")
	}
	if l.Reset > 0 {
		g.set(d.limitReset, float64(l.Reset), label)
	}
}

// tokenTally sums up the identities of one integration.
type tokenTally struct {
	live, failing           int
	expires, obtained       time.Time
	given, missing, unclear int
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
	switch st.Consent {
	case oauth.ConsentGiven:
		t.given++
	case oauth.ConsentMissing:
		t.missing++
	default:
		t.unclear++
	}
}

// tokens reads the token cache; integrations that have asked for no token yet are shown with zeros.
func (c scrape) tokens(g gauges, now time.Time) {
	m, d := c.m, &c.m.descs
	if m.o.Tokens == nil {
		return
	}
	tallies := map[*integrationSeries]*tokenTally{}
	for _, s := range *m.names.Load() {
		tallies[s] = &tokenTally{}
	}
	states := m.o.Tokens()
	for i := range states {
		t := tallies[m.owner(states[i].Identity)]
		if t == nil {
			t = tallies[m.unknown] // the configuration changed between the two look-ups
		}
		t.add(&states[i], now)
	}
	for s, t := range tallies {
		g.set(d.liveTokens, float64(t.live), s.label)
		g.time(d.tokenExpiry, t.expires, s.label)
		g.time(d.tokenObtained, t.obtained, s.label)
		g.set(d.failing, float64(t.failing), s.label)
		g.set(d.consent, float64(t.given), s.label, string(oauth.ConsentGiven))
		g.set(d.consent, float64(t.missing), s.label, string(oauth.ConsentMissing))
		g.set(d.consent, float64(t.unclear), s.label, string(oauth.ConsentUnknown))
	}
}

func fromNano(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n)
}

// earlierOf ignores a time that is not set.
func earlierOf(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func laterOf(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
