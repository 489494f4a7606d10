package metrics

import (
	"cmp"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/translate/oauth"
)

// nativeResetAfter lets a native histogram that has filled its buckets start anew instead of losing precision for ever.
const nativeResetAfter = time.Hour

// Options say what Metrics cannot see in the events. Every field may be zero; the functions are called when Prometheus scrapes.
type Options struct {
	Version, Commit, GoVersion string           // of the program; GoVersion "" = of the running one
	Now                        func() time.Time // nil = time.Now
	Tokens                     func() []oauth.State
	CAExpires                  func() time.Time // zero time = there is no CA
	LeafExpires                func() time.Time // of the leaf that expires first; zero time = there is none
	// History tells what was counted before a restart; what this process has seen itself counts when it is more.
	History        func(integration string) History
	LogDropped     func() uint64 // lines; nil = the log is not watched
	LogStuck       func() time.Duration
	PollingEntries int // paths remembered to find violations of the polling rule [10,000]
}

// History is what a lasting record knows of one integration.
type History struct {
	LastLegacy  time.Time // last call with a legacy credential; zero = none
	GoLiveCalls uint64    // successful calls with an OAuth token in the last 24 hours
}

// Integration is an integration of the configuration as the metrics know it.
type Integration struct {
	Name     string   // the label
	Key      string   // integrator key
	ClientID string   // whom tokens are issued to; "" = Key
	Users    []string // user GUIDs: they tell integrations with one ClientID apart. Else the first in the list is named
	Mode     string   // translate, observe or block
	SOAP     string   // bearer, app_password or rest
}

// Metrics counts calls and tokens for Prometheus. It is a Recorder, a RehearsalRecorder and a call.ConnRecorder. Every label is a word from a closed list
// or a name from the configuration; nothing a caller sends becomes one. Make it with New; it is safe for concurrent use.
type Metrics struct {
	o      Options
	words  labelWords
	vecs   metricVecs
	refuse []prometheus.Counter // by index of words.connects
	poll   *pollTable
	sites  *siteCounters
	descs  scrapeDescs
	server atomic.Pointer[Server]

	reloadOK   atomic.Bool
	reloadedAt atomic.Int64 // Unix nanoseconds; 0 = never
	clock      atomic.Pointer[time.Duration]

	mu      sync.Mutex // guards changes of what follows, and series
	names   atomic.Pointer[map[string]*integrationSeries]
	issuers atomic.Pointer[map[string]issuerSeries]
	unknown *integrationSeries
}

// New registers the collectors. An error says which of them the registry already has.
func New(reg prometheus.Registerer, o Options) (*Metrics, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.GoVersion = cmp.Or(o.GoVersion, runtime.Version())
	m := &Metrics{o: o, words: newLabelWords(), poll: newPollTable(cmp.Or(o.PollingEntries, 10_000))}
	mk := newMetricMaker()
	m.vecs = newMetricVecs(mk)
	m.descs = newScrapeDescs(mk)
	m.sites = newSiteCounters(m.vecs.sites)
	for _, reason := range m.words.connects.words {
		m.refuse = append(m.refuse, m.vecs.refused.WithLabelValues(reason))
	}
	for _, door := range [...]call.Door{call.DoorSidecar, call.DoorConnect, call.DoorHosts} {
		for _, cause := range call.ConnCauses() {
			m.vecs.connFailures.WithLabelValues(string(door), cause)
		}
	}
	for _, where := range m.words.panics.words[1:] {
		m.vecs.panics.WithLabelValues(where) // at zero, so that the first one shows as a rise
	}
	m.unknown = m.newIntegrationSeries(call.UnknownIntegration)
	m.names.Store(&map[string]*integrationSeries{call.UnknownIntegration: m.unknown})
	m.issuers.Store(&map[string]issuerSeries{})
	m.ConfigLoaded(nil) // the program does not start without a good one
	var problems []error
	for _, c := range append(m.vecs.collectors(), scrape{m}) {
		problems = append(problems, reg.Register(c))
	}
	return m, errors.Join(problems...)
}

// Server is what counts calls, connections and tunnels.
type Server struct{ Active, OpenConnections, OpenTunnels func() int64 }

// Watch tells whose calls, connections and tunnels are shown, for whoever makes the server after the Metrics.
func (m *Metrics) Watch(s Server) { m.server.Store(&s) }

// ConfigLoaded notes that the configuration was read again: nil when it is in force now, else why the earlier one stays.
func (m *Metrics) ConfigLoaded(err error) {
	m.reloadOK.Store(err == nil)
	if err == nil {
		m.reloadedAt.Store(m.o.Now().UnixNano())
	}
}

// Configure tells the integrations of the configuration, at start and after every reload. New ones begin at zero; the series of those
// that are gone are deleted, and calls of theirs that still end are counted as unknown.
func (m *Metrics) Configure(list []Integration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := *m.names.Load()
	next := map[string]*integrationSeries{call.UnknownIntegration: m.unknown}
	issuers := map[string]issuerSeries{}
	for i := range list {
		in := &list[i]
		if in.Name == "" || in.Name == call.UnknownIntegration {
			continue
		}
		s := old[in.Name]
		if s == nil {
			s = m.newIntegrationSeries(in.Name)
		}
		s.info.Store(&integrationInfo{mode: m.words.modes.known(in.Mode), soap: m.words.soap.known(in.SOAP)})
		next[in.Name] = s
		addIssuer(issuers, in, s)
	}
	m.names.Store(&next)
	m.issuers.Store(&issuers)
	for name, s := range old {
		if next[name] == nil {
			s.removed = true
			m.vecs.forget(s.label)
		}
	}
}

// series finds an integration's; whoever is not in the configuration is unknown.
func (m *Metrics) series(integration string) *integrationSeries {
	if s := (*m.names.Load())[integration]; s != nil {
		return s
	}
	return m.unknown
}

// Record counts a call. It allocates nothing once the same kind of call has been seen.
func (m *Metrics) Record(e *call.Event) {
	if e.Method == http.MethodConnect {
		m.refuse[m.words.connects.find(e.Cause)].Inc()
		return
	}
	s := m.series(e.Integration)
	key := m.keyOf(e)
	c := m.callSeries(s, key)
	c.requests.Inc()
	c.duration.Observe(e.Total.Seconds())
	if e.Outcome != call.OutcomeOK {
		c.failures.Inc()
	}
	if e.Translate > 0 {
		s.translation.Observe(e.Translate.Seconds())
	}
	s.tls[m.words.tlsVersion(e.TLSVersion)].Inc()
	s.bytesIn.Observe(float64(e.BytesIn))
	s.bytesOut.Observe(float64(e.BytesOut))
	m.recordRare(e, s)
	if e.Site == "" {
		return // DocuSign never saw the call
	}
	if e.Upstream > 0 {
		c.upstream.Observe(e.Upstream.Seconds())
	}
	m.sites.count(e, &m.words)
	m.recordSent(e, s)
}

func (m *Metrics) recordRare(e *call.Event, s *integrationSeries) {
	if e.OnBehalf() && e.Principal != "" {
		s.onBehalf.Inc()
	}
	if e.Conflict {
		s.conflicts.Inc()
	}
	if e.Replayed != "" {
		s.replays[m.words.replays.find(e.Replayed)].Inc()
	}
	if e.Rewritten > 0 {
		s.rewrites.Add(float64(e.Rewritten))
	}
	if isLegacyScheme(e.Scheme) {
		raise(&s.lastLegacy, m.at(e).UnixNano())
	}
}

// recordSent counts what matters only of calls that went to DocuSign.
func (m *Metrics) recordSent(e *call.Event, s *integrationSeries) {
	if e.Limits.Told() {
		s.limits.note(e.Limits, m.o.Now())
	}
	if e.Outcome == call.OutcomeOK && s.usedOAuth(e) {
		s.goLive.add(m.at(e))
	}
	if e.Method == http.MethodGet && e.Account != "" && m.poll.early(s, e.Path, m.at(e)) {
		s.polling[resourceOf(e.Path)].Inc()
	}
}

func (m *Metrics) at(e *call.Event) time.Time {
	if e.Time.IsZero() {
		return m.o.Now()
	}
	return e.Time
}

// RecordPanic counts a panic that was caught.
func (m *Metrics) RecordPanic(where string) {
	m.vecs.panics.WithLabelValues(m.words.panics.known(where)).Inc()
}

// RecordRehearsal counts whether an observed call could have been translated.
func (m *Metrics) RecordRehearsal(e *call.Event) {
	s := m.series(e.Integration)
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.removed {
		s = m.unknown
	}
	m.vecs.rehearsals.WithLabelValues(s.label, m.words.rehearsals.known(e.Rehearsal)).Inc()
}

// RecordConnFailure counts a connection that never became a call.
func (m *Metrics) RecordConnFailure(f *call.ConnFailure) {
	m.vecs.connFailures.WithLabelValues(m.words.doors.known(string(f.Door)), m.words.conns.known(f.Cause)).Inc()
}

// isLegacyScheme knows legacy.Scheme.Legacy by its label.
func isLegacyScheme(scheme string) bool {
	switch scheme {
	case "header_json", "header_xml", "ws_security", "soap_body", "password_grant", "legacy_bearer":
		return true
	}
	return false
}

// raise sets v to n unless it is later already.
func raise(v *atomic.Int64, n int64) {
	for {
		was := v.Load()
		if was >= n || v.CompareAndSwap(was, n) {
			return
		}
	}
}

// resourceOf tells a path inside an envelope, which DocuSign's rule is about, from lists, whose pages share a path.
func resourceOf(path string) int {
	const part = "/envelopes/"
	if i := strings.Index(path, part); i >= 0 && len(path) > i+len(part) {
		return resourceEnvelope
	}
	return resourceOther
}
