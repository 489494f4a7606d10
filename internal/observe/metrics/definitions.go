package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const metricPrefix = "docusign_auth_proxy_"

// nativeResetAfter lets a native histogram that has filled its buckets start anew instead of losing precision for ever.
const nativeResetAfter = time.Hour

// Doc describes one metric, for documentation and for tests of dashboards.
type Doc struct {
	Name   string
	Type   string // counter, gauge or histogram
	Help   string
	Labels []string // in the order of the descriptor
}

// Names lists every metric of Metrics. They are described in this file alone.
func Names() []Doc {
	var d definitions
	newCounters(&d)
	newHistograms(&d)
	newRead(&d)
	return d.docs
}

// counters count events.
type counters struct {
	requests, failures, callerTLS, onBehalf, conflicts, replays, rewrites *prometheus.CounterVec
	polling, rehearsals, refused, connFailures, grants, grantErrors       *prometheus.CounterVec
	cacheHits, userInfo, moves, lookups, sites, panics                    *prometheus.CounterVec
	soapCounters
	sharedCounters
}

func newCounters(d *definitions) counters {
	return counters{
		requests: d.counter("requests_total",
			"Calls that ended: by integration, form of the credential, way in, part of DocuSign's API, outcome "+
				"and class of the status answered.", "integration", "scheme", "door", "api", "outcome", "code"),
		failures: d.counter("request_failures_total",
			"Calls that did not end well, by cause: what the proxy found wrong, or docusign_ and the status "+
				"DocuSign answered.", "integration", "cause"),
		callerTLS: d.counter("caller_tls_requests_total",
			"Calls by the TLS version the program speaks to the proxy; none means plain HTTP.", "integration", "version"),
		onBehalf: d.counter("on_behalf_requests_total",
			"Calls in which a user acted for another one (send on behalf of, act as).", "integration"),
		conflicts: d.counter("credential_conflicts_total", "Calls that carried more than one credential.", "integration"),
		replays: d.counter("replays_total",
			"Calls sent to DocuSign a second time, after it had refused the token or named another site.",
			"integration", "reason"),
		rewrites: d.counter("base_uri_rewrites_total",
			"Base URLs rewritten in log-in answers, so that the program keeps coming through the proxy.", "integration"),
		polling: d.counter("polling_violations_total",
			"Reads of a path that the same integration had read less than 15 minutes before, which DocuSign's "+
				"polling rule forbids. Counted, not blocked; the least number, as only the paths used last are "+
				"remembered.", "integration", "resource"),
		rehearsals: d.counter("rehearsals_total",
			"Observed calls for which translation was tried beside the call: would_work, or the cause why it "+
				"would have failed.", "integration", "result"),
		refused: d.counter("connects_refused_total",
			"CONNECT requests refused, by reason. They are not among the requests.", "reason"),
		connFailures: d.counter("connection_failures_total",
			"Connections that ended before they became a call: the TLS handshake failed, or the request head "+
				"could not be read. They are not among the requests.", "door", "cause"),
		grants: d.counter("token_grants_total",
			"Exchanges with the token end point of DocuSign's account server (JWT grant), by result ok or error.",
			"integration", "result"),
		grantErrors: d.counter("token_grant_errors_total",
			"Failed exchanges with the token end point, by OAuth error, such as consent_required.", "integration", "error"),
		cacheHits: d.counter("token_cache_hits_total",
			"Access tokens served from memory, without asking the account server.", "integration"),
		userInfo: d.counter("userinfo_fetches_total",
			"Fetches of UserInfo, which tells where a user's accounts live, by result ok or error.", "integration", "result"),
		moves: d.counter("site_moves_total", "Accounts found at another DocuSign site than before.", "integration"),
		lookups: d.counter("lookups_total",
			"Look-ups of a user's GUID by e-mail or of an account's GUID by number, by result ok or error.",
			"integration", "what", "result"),
		sites: d.counter("site_requests_total",
			"Calls sent to DocuSign by the site where the account lives, as UserInfo names it, and class of the "+
				"status answered; none means no answer. Sites that UserInfo did not name are other.", "site", "code"),
		panics: d.counter("panics_total",
			"Faults of the proxy that were caught: in a call, connect, proof of a password, rehearsal, record of "+
				"a call, background work or on the operations listener.", "where"),
		soapCounters:   newSOAPCounters(d),
		sharedCounters: newSharedCounters(d),
	}
}

// soapCounters count what SOAP calls ask for.
type soapCounters struct{ operations, statusHits, dropped, creations *prometheus.CounterVec }

func newSOAPCounters(d *definitions) soapCounters {
	return soapCounters{
		operations: d.counter("soap_operations_total",
			"SOAP calls by operation, outcome, and how well REST carries the operation out: whole, approximate or "+
				"impossible. Calls that go to DocuSign as SOAP count too.", "integration", "operation", "class", "outcome"),
		statusHits: d.counter("soap_status_cache_hits_total",
			"SOAP calls for the status of envelopes that were answered from memory.", "integration"),
		dropped: d.counter("soap_dropped_elements_total",
			"Elements of SOAP calls that were left out, because REST has no place for them and nobody sees them.",
			"integration"),
		creations: d.counter("soap_creations_total",
			"Envelopes that SOAP calls asked REST for: done, refused by DocuSign, not_created (it was not sent, or DocuSign "+
				"knows nothing of it), unknown (nobody knows yet whether it was made) or repeated (the call came again and "+
				"was given the same envelope).", "integration", "result"),
	}
}

// histograms measure events.
type histograms struct {
	duration, upstream, grantTime, translation, bytesIn, bytesOut, restCalls *prometheus.HistogramVec
}

func newHistograms(d *definitions) histograms {
	// Translation takes a microsecond from memory, 0.1 s for a slow hash, a second or more for a grant.
	proof := []float64{.000005, .00005, .0005, .005, .025, .1, .25, .5, 1, 2.5, 5, 10, 30}
	network := []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120}
	// 256 B to 64 MiB; DocuSign takes 34 MiB at a time (PROTOCOL.md §11).
	size := prometheus.ExponentialBuckets(256, 4, 10)
	return histograms{
		duration: d.histogram("request_duration_seconds",
			network, "Time from a call's arrival until its answer was written.", "integration", "api"),
		upstream: d.histogram("upstream_duration_seconds",
			network, "Time until DocuSign's answer began, a second attempt included.", "integration", "api"),
		grantTime: d.histogram("token_grant_duration_seconds",
			network, "Time of one exchange with the token end point.", "integration"),
		translation: d.histogram("translation_duration_seconds",
			proof, "Time the proxy itself adds before a call goes out: checking the credential, getting the "+
				"token, finding the site.", "integration"),
		bytesIn: d.histogram("request_body_size_bytes",
			size, "Size of the bodies that programs sent.", "integration"),
		bytesOut: d.histogram("response_body_size_bytes",
			size, "Size of the bodies that programs were answered with.", "integration"),
		restCalls: d.histogram("soap_rest_calls",
			[]float64{0, 1, 2, 3, 5, 10, 20, 50, 100, 200},
			"REST calls that one SOAP call took.", "integration"),
	}
}

// read are the metrics whose values are read when Prometheus asks.
type read struct {
	logDropped, liveTokens, tokenExpiry, tokenObtained, consent, failing *prometheus.Desc
	clock, limit, limitRemaining, limitReset, goLive, lastLegacy         *prometheus.Desc
	integration, active, connections, tunnels, ca, leaf, reloadOK        *prometheus.Desc
	reloadAt, logStuck, build, spool, journal, unresolved                *prometheus.Desc
	sharedRead
}

func newRead(d *definitions) read {
	return read{
		logDropped: d.desc("counter", "log_lines_dropped_total",
			"Lines of the log that were dropped, because nobody read the log or it could not be written."),
		liveTokens: d.gauge("live_tokens", "Access tokens held that have not expired.", "integration"),
		tokenExpiry: d.gauge("token_earliest_expiry_timestamp_seconds",
			"When the first of the live access tokens expires, as Unix time. Absent without a live token.", "integration"),
		tokenObtained: d.gauge("token_oldest_obtained_timestamp_seconds",
			"When the oldest of the live access tokens was obtained, as Unix time. Absent without a live token.",
			"integration"),
		consent: d.gauge("consent_identities",
			"Users by what is known of their consent: given, required (they, or an administrator, must consent "+
				"before their calls can work) or unknown.", "integration", "state"),
		failing: d.gauge("failing_identities", "Users whose last exchange with the token end point failed.", "integration"),
		clock: d.gauge("account_server_clock_offset_seconds",
			"Time of the account server minus time of this machine. JWT grants fail when it is large. Absent "+
				"until learnt."),
		limit: d.gauge("api_limit_calls",
			"DocuSign's limit of API calls as it last told it: per hour, or per burst of 30 seconds. Absent "+
				"until told.", "integration", "window"),
		limitRemaining: d.gauge("api_limit_remaining_calls",
			"Calls left under DocuSign's limit as it last told it; the whole limit once the window is over.",
			"integration", "window"),
		limitReset: d.gauge("api_limit_reset_timestamp_seconds",
			"When the hourly limit starts anew, as Unix time, as DocuSign last told it.", "integration"),
		goLive: d.gauge("go_live_calls",
			"Successful calls with an OAuth token in the last 24 hours, in steps of an hour. DocuSign wants 20 "+
				"before a key may go live.", "integration"),
		lastLegacy: d.gauge("last_legacy_call_timestamp_seconds",
			"When a program last called with a legacy credential, as Unix time. Absent if none has.", "integration"),
		integration: d.gauge("integration_info",
			"The integrations of the configuration; always 1.", "integration", "mode", "soap"),
		active:      d.gauge("active_requests", "Calls under way."),
		connections: d.gauge("open_connections", "Open connections of programs to the proxy, and their calls over HTTP/2."),
		tunnels:     d.gauge("open_tunnels", "Open tunnels to hosts that are passed through as they are."),
		ca: d.gauge("ca_expiry_timestamp_seconds",
			"When the CA certificate of the interception expires, as Unix time. Absent without a CA."),
		leaf: d.gauge("leaf_expiry_timestamp_seconds",
			"When the first of the certificates signed by that CA expires, as Unix time. Absent without one; "+
				"they are renewed by themselves."),
		reloadOK: d.gauge("config_last_reload_successful",
			"Whether the configuration was good when it was last read: 1, or 0 while an earlier one stays in "+
				"force."),
		reloadAt: d.gauge("config_last_reload_success_timestamp_seconds",
			"When a good configuration was last read, as Unix time."),
		logStuck: d.gauge("log_stuck_seconds",
			"How long the log has not taken what the proxy writes, because nobody reads it or it cannot be "+
				"written; near 0 when it does."),
		spool: d.gauge("soap_spool_bytes",
			"Bytes of documents that SOAP calls under way hold in memory and on disk."),
		journal: d.gauge("soap_journal_entries",
			"Creations of envelopes in the journal, by what is known of them: intended and unknown wait for an answer.",
			"state"),
		unresolved: d.gauge("soap_journal_oldest_unresolved_timestamp_seconds",
			"When the oldest creation began of which nobody knows whether the envelope was made, as Unix time. Absent if "+
				"there is none."),
		build:      d.gauge("build_info", "The program that runs; always 1.", "version", "commit", "goversion"),
		sharedRead: newSharedRead(d),
	}
}

// definitions gathers what is defined.
type definitions struct {
	docs  []Doc
	vecs  []vec
	descs []*prometheus.Desc
}

// vec is a CounterVec or a HistogramVec.
type vec interface {
	prometheus.Collector
	DeletePartialMatch(prometheus.Labels) int
}

func (d *definitions) counter(name, help string, labels ...string) *prometheus.CounterVec {
	name = d.doc(name, "counter", help, labels)
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	d.vecs = append(d.vecs, v)
	return v
}

func (d *definitions) histogram(
	name string, buckets []float64, help string, labels ...string,
) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: d.doc(name, "histogram", help, labels), Help: help, Buckets: buckets,
		NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 160,
		NativeHistogramMinResetDuration: nativeResetAfter,
	}, labels)
	d.vecs = append(d.vecs, v)
	return v
}

func (d *definitions) gauge(name, help string, labels ...string) *prometheus.Desc {
	return d.desc("gauge", name, help, labels...)
}

func (d *definitions) desc(kind, name, help string, labels ...string) *prometheus.Desc {
	desc := prometheus.NewDesc(d.doc(name, kind, help, labels), help, labels, nil)
	d.descs = append(d.descs, desc)
	return desc
}

func (d *definitions) doc(name, kind, help string, labels []string) string {
	name = metricPrefix + name
	d.docs = append(d.docs, Doc{Name: name, Type: kind, Help: help, Labels: labels})
	return name
}
