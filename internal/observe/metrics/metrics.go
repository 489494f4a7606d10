// Package metrics counts calls, tokens and faults for Prometheus. Every label is a word from a closed list or a name
// from the configuration: it must never make one of what a caller sends. internal/app makes it; it learns of calls as a
// call.Recorder.
package metrics

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/translate/oauth"
)

// maxSites bounds the label site. DocuSign has about ten; what comes beyond the bound counts as other.
const maxSites = 32

// Options say what Metrics cannot see in the events. Every field may be zero; the functions are called when Prometheus
// scrapes.
type Options struct {
	Version, Commit, GoVersion string           // of the program
	Now                        func() time.Time // nil = time.Now
	Tokens                     func() []Token
	CAExpires                  func() time.Time // zero time = there is no CA
	LeafExpires                func() time.Time // of the leaf that expires first; zero time = there is none
	// History tells what was counted before a restart; what this process has seen itself counts when it is more.
	History        func(integration string) History
	LogDropped     func() uint64 // lines; nil = the log is not watched
	LogStuck       func() time.Duration
	Journal        func() Journal // nil = nothing is carried out over REST
	SpoolBytes     func() int64
	Shared         func() Shared // nil = the store is of this process alone
	PollingEntries int           // paths remembered to find violations of the polling rule [10,000]
}

// Token is where the tokens of one user of an integration stand; one that several integrations share is there for each.
type Token struct {
	Integration string // "" = none that is configured
	oauth.State
}

// History is what a lasting record knows of one integration.
type History struct {
	LastLegacy  time.Time // last call with a legacy credential; zero = none
	GoLiveCalls uint64    // successful calls with an OAuth token in the last 24 hours
}

// Metrics is a call.Recorder that is told of rehearsals, connections without a call and panics as well. Make it with
// New; it is safe for concurrent use.
type Metrics struct {
	o     Options
	words labelWords
	vecs  []vec
	counters
	histograms
	read
	descs []*prometheus.Desc
	poll  pollTable

	// mu is held shared while a call is counted, so that no series of an integration comes back after Configure has
	// deleted it.
	mu           sync.RWMutex
	integrations map[string]*integrationState
	owners       map[identity]*integrationState // of tokens

	state struct {
		sync.Mutex
		sites      words
		server     *Server
		reloadErr  error
		reloadedAt time.Time
		clock      *time.Duration // nil = not learnt
	}
}

// New registers the collectors. An error says which of them the registry already has.
func New(reg prometheus.Registerer, o Options) (*Metrics, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	var d definitions
	m := &Metrics{
		o: o, words: newLabelWords(), counters: newCounters(&d), histograms: newHistograms(&d), read: newRead(&d),
	}
	m.vecs, m.descs, m.state.sites = d.vecs, d.descs, words{}
	m.poll = newPollTable(cmp.Or(o.PollingEntries, 10_000))
	m.startAtZero()
	m.Configure(nil)
	m.ConfigLoaded(nil) // the program does not start without a good one
	problems := []error{reg.Register(scrape{m})}
	for _, v := range m.vecs {
		problems = append(problems, reg.Register(v))
	}
	return m, errors.Join(problems...)
}

// Server is what counts calls, connections and tunnels.
type Server struct{ Active, OpenConnections, OpenTunnels func() int64 }

// Watch tells whose calls, connections and tunnels are shown, for whoever makes the server after the Metrics.
func (m *Metrics) Watch(s Server) {
	m.state.Lock()
	defer m.state.Unlock()
	m.state.server = &s
}

// ConfigLoaded notes that the configuration was read again: nil when it is in force now, else why the earlier one
// stays.
func (m *Metrics) ConfigLoaded(err error) {
	m.state.Lock()
	defer m.state.Unlock()
	if m.state.reloadErr = err; err == nil {
		m.state.reloadedAt = m.o.Now()
	}
}

// Configure tells the integrations of the configuration, at start and after every reload. New ones begin at zero; the
// series of those that are gone are deleted, and calls of theirs that still end are counted as unknown.
func (m *Metrics) Configure(list []integration.Integration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.integrations
	m.integrations, m.owners = map[string]*integrationState{}, map[identity]*integrationState{}
	for _, in := range slices.Concat([]integration.Integration{{Name: call.UnknownIntegration}}, list) {
		if in.Name == "" || m.integrations[in.Name] != nil {
			continue
		}
		one := old[in.Name]
		if one == nil {
			one = &integrationState{label: strings.ToValidUTF8(in.Name, "�")}
			m.startIntegrationAtZero(one.label)
		}
		m.integrations[in.Name] = one
		if in.Name != call.UnknownIntegration {
			one.mode, one.soap = string(in.Mode), string(in.SOAP)
			if in.SOAP == integration.OverREST {
				m.startSOAPAtZero(one.label)
			}
			m.addIssuer(&in, one)
		}
	}
	for name, one := range old {
		if m.integrations[name] == nil {
			for _, v := range m.vecs {
				v.DeletePartialMatch(prometheus.Labels{"integration": one.label})
			}
		}
	}
}

// of finds an integration; whoever is not in the configuration is unknown. The caller holds mu.
func (m *Metrics) of(name string) *integrationState {
	if in := m.integrations[name]; in != nil {
		return in
	}
	return m.integrations[call.UnknownIntegration]
}

// startAtZero makes the series exist that dashboards and alerts are about: without a zero, a rate does not show the
// first one.
func (m *Metrics) startAtZero() {
	for _, reason := range m.words.connects.andOther() {
		m.refused.WithLabelValues(reason)
	}
	for _, door := range call.Doors() {
		if door == call.DoorForward {
			continue // its connections count as the sidecar's
		}
		for cause := range m.words.conns {
			m.connFailures.WithLabelValues(string(door), cause)
		}
	}
	for where := range m.words.panics {
		m.panics.WithLabelValues(where)
	}
	m.startSharedAtZero()
}

func (m *Metrics) startIntegrationAtZero(label string) {
	const door, api = string(call.DoorForward), string(call.APIRest2)
	for scheme := range m.words.schemes {
		m.requests.WithLabelValues(label, scheme, door, api, string(call.OutcomeOK), "2xx")
	}
	for outcome, class := range map[call.Outcome]string{
		call.OutcomeClientError: "4xx", call.OutcomeServerError: "5xx", call.OutcomeRefused: "4xx", call.OutcomeToken: "4xx",
		call.OutcomeUnreachable: "5xx", call.OutcomeAborted: "none", call.OutcomeInternal: "5xx",
	} {
		m.requests.WithLabelValues(label, "header_json", door, api, string(outcome), class)
	}
	for vec, values := range map[*prometheus.CounterVec][]string{
		m.failures:    m.words.needed,
		m.rehearsals:  {"would_work"},
		m.polling:     {"envelope", other},
		m.grants:      {"ok", "error"},
		m.userInfo:    {"ok", "error"},
		m.replays:     m.words.replays.andOther(),
		m.callerTLS:   m.words.tls.andOther(),
		m.grantErrors: m.words.grantErrors.andOther(),
	} {
		for _, value := range values {
			vec.WithLabelValues(label, value)
		}
	}
	for _, what := range [...]string{"user", "account"} {
		m.lookups.WithLabelValues(label, what, "ok")
		m.lookups.WithLabelValues(label, what, "error")
	}
	for _, vec := range [...]*prometheus.CounterVec{
		m.onBehalf, m.conflicts, m.rewrites, m.cacheHits, m.moves,
	} {
		vec.WithLabelValues(label)
	}
	for _, vec := range [...]*prometheus.HistogramVec{m.translation, m.bytesIn, m.bytesOut, m.grantTime} {
		vec.WithLabelValues(label)
	}
}

// Record counts a call.
func (m *Metrics) Record(e *call.Event) {
	w := &m.words
	if e.Method == http.MethodConnect {
		m.refused.WithLabelValues(w.connects.known(e.Cause)).Inc()
		return
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	in := m.of(e.Integration)
	label, api, outcome := in.label, w.apis.known(string(e.API)), w.outcomes.known(string(e.Outcome))
	scheme, door := w.schemes.known(e.Scheme), w.doors.known(string(e.Door))
	m.requests.WithLabelValues(label, scheme, door, api, outcome, classLabel(e.Status)).Inc()
	if !e.Outcome.Good() {
		m.failures.WithLabelValues(label, w.cause(e.Cause, e.Status)).Inc()
	}
	m.duration.WithLabelValues(label, api).Observe(e.Total.Seconds())
	if upstream := m.upstream.WithLabelValues(label, api); e.Site != "" && e.Upstream > 0 {
		upstream.Observe(e.Upstream.Seconds())
	}
	if e.Translate > 0 {
		m.translation.WithLabelValues(label).Observe(e.Translate.Seconds())
	}
	m.callerTLS.WithLabelValues(label, tlsLabel(e.TLSVersion)).Inc()
	m.bytesIn.WithLabelValues(label).Observe(float64(e.BytesIn))
	m.bytesOut.WithLabelValues(label).Observe(float64(e.BytesOut))
	m.recordRare(e, label)
	m.recordSOAP(e, label, outcome)
	at, now := e.Time, m.o.Now()
	if at.IsZero() {
		at = now
	}
	in.note(e, at, now, w.legacySchemes[e.Scheme])
	if e.Site != "" {
		m.recordSent(e, label, at)
	}
}

func (m *Metrics) recordRare(e *call.Event, label string) {
	if e.OnBehalf() {
		m.onBehalf.WithLabelValues(label).Inc()
	}
	if e.Conflict {
		m.conflicts.WithLabelValues(label).Inc()
	}
	if e.Replayed != "" {
		m.replays.WithLabelValues(label, m.words.replays.known(e.Replayed)).Inc()
	}
	if e.Rewritten > 0 {
		m.rewrites.WithLabelValues(label).Add(float64(e.Rewritten))
	}
}

// recordSent counts what matters only of calls that went to DocuSign.
func (m *Metrics) recordSent(e *call.Event, label string, at time.Time) {
	status := e.Status
	if e.Outcome == call.OutcomeUnreachable || e.Outcome == call.OutcomeAborted {
		status = 0 // what the caller got was not DocuSign's
	}
	m.sites.WithLabelValues(m.siteOf(e), classLabel(status)).Inc()
	if e.Method == http.MethodGet && e.Account != "" && m.poll.early(label, e.Path, at) {
		m.polling.WithLabelValues(label, resourceOf(e.Path)).Inc()
	}
}

// siteOf gives the label of the site. Only sites that UserInfo named become labels: a host that a program named is its
// own choice.
func (m *Metrics) siteOf(e *call.Event) string {
	site := e.Site
	if e.Mode != "translate" {
		site = other
	}
	m.state.Lock()
	defer m.state.Unlock()
	if !m.state.sites[site] && len(m.state.sites) >= maxSites {
		site = other
	}
	if !m.state.sites[site] {
		m.state.sites[site] = true
		m.sites.WithLabelValues(site, other)
		for class := range m.words.classes {
			m.sites.WithLabelValues(site, class)
		}
	}
	return site
}

// RecordPanic counts a panic that was caught.
func (m *Metrics) RecordPanic(where string) {
	m.panics.WithLabelValues(m.words.panics.known(where)).Inc()
}

// RecordRehearsal counts whether an observed call could have been translated.
func (m *Metrics) RecordRehearsal(e *call.Event) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	m.rehearsals.WithLabelValues(m.of(e.Integration).label, m.words.rehearsals.known(e.Rehearsal)).Inc()
}

// RecordConnFailure counts a connection that never became a call.
func (m *Metrics) RecordConnFailure(f *call.ConnFailure) {
	m.connFailures.WithLabelValues(m.words.doors.known(string(f.Door)), m.words.conns.known(f.Cause)).Inc()
}
