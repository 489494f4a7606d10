package metrics

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"docusign-auth-proxy/internal/call"
)

// metricVecs are the metrics that count events.
type metricVecs struct {
	requests, failures, callerTLS, onBehalf, conflicts, replays, rewrites, polling, rehearsals, refused *prometheus.CounterVec
	grants, grantErrors, cacheHits, userInfo, moves, lookups, sites, connFailures, panics               *prometheus.CounterVec

	duration, upstream, grantTime, translation, bytesIn, bytesOut *prometheus.HistogramVec
}

func newMetricVecs(mk metricMaker) metricVecs {
	return metricVecs{
		requests: mk.counter(metricRequests), failures: mk.counter(metricFailures), callerTLS: mk.counter(metricCallerTLS),
		onBehalf: mk.counter(metricOnBehalf), conflicts: mk.counter(metricConflicts), replays: mk.counter(metricReplays),
		rewrites: mk.counter(metricRewrites), polling: mk.counter(metricPolling), rehearsals: mk.counter(metricRehearsals), refused: mk.counter(metricRefused),
		grants: mk.counter(metricGrants), grantErrors: mk.counter(metricGrantErrors), cacheHits: mk.counter(metricCacheHits),
		userInfo: mk.counter(metricUserInfo), moves: mk.counter(metricMoves), lookups: mk.counter(metricLookups), sites: mk.counter(metricSites),
		connFailures: mk.counter(metricConnFailures), panics: mk.counter(metricPanics),
		duration: mk.histogram(metricDuration), upstream: mk.histogram(metricUpstream), grantTime: mk.histogram(metricGrantTime),
		translation: mk.histogram(metricTranslation), bytesIn: mk.histogram(metricBytesIn), bytesOut: mk.histogram(metricBytesOut),
	}
}

func (v *metricVecs) counters() []*prometheus.CounterVec {
	return []*prometheus.CounterVec{
		v.requests, v.failures, v.callerTLS, v.onBehalf, v.conflicts, v.replays, v.rewrites, v.polling, v.rehearsals, v.refused,
		v.grants, v.grantErrors, v.cacheHits, v.userInfo, v.moves, v.lookups, v.sites, v.connFailures, v.panics,
	}
}

func (v *metricVecs) histograms() []*prometheus.HistogramVec {
	return []*prometheus.HistogramVec{v.duration, v.upstream, v.grantTime, v.translation, v.bytesIn, v.bytesOut}
}

func (v *metricVecs) collectors() []prometheus.Collector {
	var all []prometheus.Collector
	for _, c := range v.counters() {
		all = append(all, c)
	}
	for _, h := range v.histograms() {
		all = append(all, h)
	}
	return all
}

// forget deletes all series of an integration.
func (v *metricVecs) forget(integration string) {
	label := prometheus.Labels{"integration": integration}
	for _, c := range v.counters() {
		c.DeletePartialMatch(label)
	}
	for _, h := range v.histograms() {
		h.DeletePartialMatch(label)
	}
}

// callKey is the kind of a call: indexes into the closed lists of labels.
type callKey struct{ scheme, door, api, outcome, class, cause uint8 }

// callSeries are the series that a kind of call counts in, found once.
type callSeries struct {
	requests, failures prometheus.Counter // failures is nil for calls that went well
	duration, upstream prometheus.Observer
}

// Indexes of integrationSeries.polling.
const (
	resourceEnvelope = iota
	resourceOther
)

// integrationInfo is what the configuration says and a reload may change.
type integrationInfo struct{ mode, soap string }

// integrationSeries is everything counted for one integration. What can be found in advance is, so that a call needs one look-up.
type integrationSeries struct {
	label   string
	info    atomic.Pointer[integrationInfo]
	removed bool                                    // guarded by Metrics.mu
	calls   atomic.Pointer[map[callKey]*callSeries] // replaced, never changed

	translation, bytesIn, bytesOut, grantTime       prometheus.Observer
	onBehalf, conflicts, rewrites, cacheHits, moves prometheus.Counter
	replays, tls, grantErrors                       []prometheus.Counter // by index of the vocabulary
	polling                                         [2]prometheus.Counter
	grants, userInfo                                okOrError

	lastLegacy atomic.Int64 // Unix nanoseconds; 0 = never
	goLive     hourRing
	limits     limitsTold
}

// okOrError are two series that differ in the label result.
type okOrError struct{ ok, failed prometheus.Counter }

func (c okOrError) count(err error) {
	if err == nil {
		c.ok.Inc()
		return
	}
	c.failed.Inc()
}

// newIntegrationSeries starts an integration's series at zero. The caller holds Metrics.mu, or nobody else knows m.
func (m *Metrics) newIntegrationSeries(name string) *integrationSeries {
	label := strings.ToValidUTF8(name, "�")
	v := &m.vecs
	s := &integrationSeries{
		label:       label,
		translation: v.translation.WithLabelValues(label), bytesIn: v.bytesIn.WithLabelValues(label), bytesOut: v.bytesOut.WithLabelValues(label),
		grantTime: v.grantTime.WithLabelValues(label), onBehalf: v.onBehalf.WithLabelValues(label), conflicts: v.conflicts.WithLabelValues(label),
		rewrites: v.rewrites.WithLabelValues(label), cacheHits: v.cacheHits.WithLabelValues(label), moves: v.moves.WithLabelValues(label),
		replays: children(v.replays, label, &m.words.replays), tls: children(v.callerTLS, label, &m.words.tls),
		grantErrors: children(v.grantErrors, label, &m.words.grantErrors),
		polling:     [2]prometheus.Counter{resourceEnvelope: v.polling.WithLabelValues(label, "envelope"), resourceOther: v.polling.WithLabelValues(label, "other")},
		grants:      okOrError{v.grants.WithLabelValues(label, "ok"), v.grants.WithLabelValues(label, "error")},
		userInfo:    okOrError{v.userInfo.WithLabelValues(label, "ok"), v.userInfo.WithLabelValues(label, "error")},
	}
	s.info.Store(&integrationInfo{})
	s.calls.Store(&map[callKey]*callSeries{})
	v.rehearsals.WithLabelValues(label, "would_work")
	m.startAtZero(label)
	return s
}

func children(v *prometheus.CounterVec, label string, words *vocabulary) []prometheus.Counter {
	var all []prometheus.Counter
	for _, w := range words.words {
		all = append(all, v.WithLabelValues(label, w))
	}
	return all
}

// startAtZero makes the series that dashboards and alerts are about exist before the first call: a rate is not seen otherwise.
func (m *Metrics) startAtZero(label string) {
	const door, api = string(call.DoorForward), string(call.APIRest2)
	for _, scheme := range m.words.schemes.words[1:] {
		m.vecs.requests.WithLabelValues(label, scheme, door, api, string(call.OutcomeOK), "2xx")
	}
	for outcome, class := range map[call.Outcome]string{
		call.OutcomeClientError: "4xx", call.OutcomeServerError: "5xx", call.OutcomeRefused: "4xx", call.OutcomeToken: "4xx",
		call.OutcomeUnreachable: "5xx", call.OutcomeAborted: "none", call.OutcomeInternal: "5xx",
	} {
		m.vecs.requests.WithLabelValues(label, "header_json", door, api, string(outcome), class)
	}
	for _, cause := range [...]string{
		"bad_login", "consent_required", "invalid_key", "user_not_found", "issuer_not_found", "network", "unreachable", "timeout", "docusign_401", "docusign_429", "panic",
	} {
		m.vecs.failures.WithLabelValues(label, cause)
	}
	for _, what := range [...]string{"user", "account"} {
		m.vecs.lookups.WithLabelValues(label, what, "ok")
		m.vecs.lookups.WithLabelValues(label, what, "error")
	}
}

func (m *Metrics) keyOf(e *call.Event) callKey {
	w := &m.words
	k := callKey{
		scheme: w.schemes.find(e.Scheme), door: w.doors.find(string(e.Door)), api: w.apis.find(string(e.API)),
		outcome: w.outcomes.find(string(e.Outcome)), class: w.class(e.Status),
	}
	if e.Outcome != call.OutcomeOK {
		k.cause = w.cause(e.Cause, e.Status)
	}
	return k
}

// callSeries finds the series of a kind of call. Only the first call of its kind takes the lock.
func (m *Metrics) callSeries(s *integrationSeries, k callKey) *callSeries {
	if c := (*s.calls.Load())[k]; c != nil {
		return c
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.removed {
		s = m.unknown // its series were deleted while the call was under way, and must not come back
	}
	known := *s.calls.Load()
	if c := known[k]; c != nil {
		return c
	}
	c := m.newCallSeries(s.label, k)
	next := maps.Clone(known)
	next[k] = c
	s.calls.Store(&next)
	return c
}

func (m *Metrics) newCallSeries(label string, k callKey) *callSeries {
	w, v := &m.words, &m.vecs
	outcome, api := w.outcomes.word(k.outcome), w.apis.word(k.api)
	c := &callSeries{
		requests: v.requests.WithLabelValues(label, w.schemes.word(k.scheme), w.doors.word(k.door), api, outcome, w.classes.word(k.class)),
		duration: v.duration.WithLabelValues(label, api),
		upstream: v.upstream.WithLabelValues(label, api),
	}
	if outcome != string(call.OutcomeOK) {
		c.failures = v.failures.WithLabelValues(label, w.causes.word(k.cause))
	}
	return c
}

// usedOAuth reports whether DocuSign saw an OAuth token in the call.
func (s *integrationSeries) usedOAuth(e *call.Event) bool {
	if e.Scheme == "oauth_bearer" {
		return true
	}
	return e.Mode == "translate" && isLegacyScheme(e.Scheme) && (!e.API.SOAP() || s.info.Load().soap != "app_password")
}

// hourRing counts per hour over the last day.
type hourRing struct {
	mu    sync.Mutex
	hours [24]struct{ hour, n int64 }
}

func (r *hourRing) add(at time.Time) {
	hour := at.Unix() / 3600
	r.mu.Lock()
	defer r.mu.Unlock()
	slot := &r.hours[uint64(hour)%24]
	if slot.hour != hour {
		if hour < slot.hour {
			return // a call that began more than a day ago, or a clock that was set back
		}
		slot.hour, slot.n = hour, 0
	}
	slot.n++
}

// sum counts the running hour and the 23 before it, so never more than the last 24 hours.
func (r *hourRing) sum(now time.Time) int64 {
	hour := now.Unix() / 3600
	r.mu.Lock()
	defer r.mu.Unlock()
	var n int64
	for _, s := range r.hours {
		if s.hour > hour-24 && s.hour <= hour {
			n += s.n
		}
	}
	return n
}

const burstWindow = 30 * time.Second // PROTOCOL.md §11

// limitsTold is what DocuSign last told of its limits.
type limitsTold struct {
	mu   sync.Mutex
	told call.RateLimits
	at   time.Time // zero = nothing yet
}

func (l *limitsTold) note(told call.RateLimits, at time.Time) {
	l.mu.Lock()
	l.told, l.at = told, at
	l.mu.Unlock()
}

// current gives the limits as they are now: when a window is over, the whole limit is left again.
func (l *limitsTold) current(now time.Time) (call.RateLimits, bool) {
	l.mu.Lock()
	told, at := l.told, l.at
	l.mu.Unlock()
	if told.Reset > 0 && now.Unix() >= told.Reset && told.HourlyRemaining >= 0 {
		told.HourlyRemaining = told.HourlyLimit
	}
	if now.Sub(at) >= burstWindow && told.BurstRemaining >= 0 {
		told.BurstRemaining = told.BurstLimit
	}
	return told, !at.IsZero()
}
