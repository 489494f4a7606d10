package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// Types of a Doc.
const (
	metricCounter   = "counter"
	metricGauge     = "gauge"
	metricHistogram = "histogram"
)

// Doc describes one metric, for documentation and for tests of dashboards.
type Doc struct {
	Name   string
	Type   string // counter, gauge or histogram
	Help   string
	Labels []string // in the order of the descriptor

	buckets []float64
}

const metricPrefix = "docusign_auth_proxy_"

// The names without their prefix.
const (
	metricRequests       = "requests_total"
	metricFailures       = "request_failures_total"
	metricCallerTLS      = "caller_tls_requests_total"
	metricOnBehalf       = "on_behalf_requests_total"
	metricConflicts      = "credential_conflicts_total"
	metricReplays        = "replays_total"
	metricRewrites       = "base_uri_rewrites_total"
	metricPolling        = "polling_violations_total"
	metricRehearsals     = "rehearsals_total"
	metricRefused        = "connects_refused_total"
	metricConnFailures   = "connection_failures_total"
	metricGrants         = "token_grants_total"
	metricGrantErrors    = "token_grant_errors_total"
	metricCacheHits      = "token_cache_hits_total"
	metricUserInfo       = "userinfo_fetches_total"
	metricMoves          = "site_moves_total"
	metricLookups        = "lookups_total"
	metricSites          = "site_requests_total"
	metricLogDropped     = "log_lines_dropped_total"
	metricPanics         = "panics_total"
	metricDuration       = "request_duration_seconds"
	metricTranslation    = "translation_duration_seconds"
	metricUpstream       = "upstream_duration_seconds"
	metricBytesIn        = "request_body_size_bytes"
	metricBytesOut       = "response_body_size_bytes"
	metricGrantTime      = "token_grant_duration_seconds"
	metricLiveTokens     = "live_tokens"
	metricTokenExpiry    = "token_earliest_expiry_timestamp_seconds"
	metricTokenObtained  = "token_oldest_obtained_timestamp_seconds"
	metricConsent        = "consent_identities"
	metricFailing        = "failing_identities"
	metricClock          = "account_server_clock_offset_seconds"
	metricLimit          = "api_limit_calls"
	metricLimitRemaining = "api_limit_remaining_calls"
	metricLimitReset     = "api_limit_reset_timestamp_seconds"
	metricGoLive         = "go_live_calls"
	metricLastLegacy     = "last_legacy_call_timestamp_seconds"
	metricIntegration    = "integration_info"
	metricActive         = "active_requests"
	metricConnections    = "open_connections"
	metricTunnels        = "open_tunnels"
	metricCA             = "ca_expiry_timestamp_seconds"
	metricLeaf           = "leaf_expiry_timestamp_seconds"
	metricReloadOK       = "config_last_reload_successful"
	metricReloadAt       = "config_last_reload_success_timestamp_seconds"
	metricBuild          = "build_info"
	metricLogStuck       = "log_stuck_seconds"
)

// Names lists every metric of Metrics, the counters first. It is the only place where they are described.
func Names() []Doc {
	docs := slices.Concat(counterDocs(), histogramDocs(), gaugeDocs())
	for i := range docs {
		docs[i].Name = metricPrefix + docs[i].Name
	}
	return docs
}

func counterDocs() []Doc {
	docs := []Doc{
		{Name: metricRequests, Labels: []string{"integration", "scheme", "door", "api", "outcome", "code"},
			Help: "Calls that ended: by integration, form of the credential, way in, part of DocuSign's API, outcome and class of the status answered."},
		{Name: metricFailures, Labels: []string{"integration", "cause"},
			Help: "Calls that did not end well, by cause: what the proxy found wrong, or docusign_ and the status DocuSign answered."},
		{Name: metricCallerTLS, Labels: []string{"integration", "version"},
			Help: "Calls by the TLS version the program speaks to the proxy; none means plain HTTP."},
		{Name: metricOnBehalf, Labels: []string{"integration"},
			Help: "Calls in which a user acted for another one (send on behalf of, act as)."},
		{Name: metricConflicts, Labels: []string{"integration"},
			Help: "Calls that carried more than one credential."},
		{Name: metricReplays, Labels: []string{"integration", "reason"},
			Help: "Calls sent to DocuSign a second time, after it had refused the token or named another site."},
		{Name: metricRewrites, Labels: []string{"integration"},
			Help: "Base URLs rewritten in log-in answers, so that the program keeps coming through the proxy."},
		{Name: metricPolling, Labels: []string{"integration", "resource"},
			Help: "Reads of a path that the same integration had read less than 15 minutes before, which DocuSign's polling rule forbids. Counted, not blocked; the least number, as only the paths used last are remembered."},
		{Name: metricRehearsals, Labels: []string{"integration", "result"},
			Help: "Observed calls for which translation was tried beside the call: would_work, or the cause why it would have failed."},
		{Name: metricRefused, Labels: []string{"reason"},
			Help: "CONNECT requests refused, by reason. They are not among the requests."},
		{Name: metricConnFailures, Labels: []string{"door", "cause"},
			Help: "Connections that ended before they became a call: the TLS handshake failed, or the request head could not be read. " +
				"They are not among the requests."},
		{Name: metricGrants, Labels: []string{"integration", "result"},
			Help: "Exchanges with the token end point of DocuSign's account server (JWT grant), by result ok or error."},
		{Name: metricGrantErrors, Labels: []string{"integration", "error"},
			Help: "Failed exchanges with the token end point, by OAuth error, such as consent_required."},
		{Name: metricCacheHits, Labels: []string{"integration"},
			Help: "Access tokens served from memory, without asking the account server."},
		{Name: metricUserInfo, Labels: []string{"integration", "result"},
			Help: "Fetches of UserInfo, which tells where a user's accounts live, by result ok or error."},
		{Name: metricMoves, Labels: []string{"integration"},
			Help: "Accounts found at another DocuSign site than before."},
		{Name: metricLookups, Labels: []string{"integration", "what", "result"},
			Help: "Look-ups of a user's GUID by e-mail or of an account's GUID by number, by result ok or error."},
		{Name: metricSites, Labels: []string{"site", "code"},
			Help: "Calls sent to DocuSign by the site where the account lives, as UserInfo names it, and class of the status answered; none means no answer. Sites that UserInfo did not name are other."},
		{Name: metricPanics, Labels: []string{"where"},
			Help: "Faults of the proxy that were caught: in a call, connect, proof of a password, rehearsal, record of a call, background work or on the operations listener."},
		{Name: metricLogDropped,
			Help: "Lines of the log that were dropped, because nobody read the log or it could not be written."},
	}
	return typed(docs, metricCounter, nil)
}

func histogramDocs() []Doc {
	// Translation takes a microsecond from memory, 0.1 s for a slow hash, a second or more for a grant.
	proof := []float64{.000005, .00005, .0005, .005, .025, .1, .25, .5, 1, 2.5, 5, 10, 30}
	network := []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120}
	size := prometheus.ExponentialBuckets(256, 4, 10) // 256 B to 64 MiB; DocuSign takes 34 MiB at a time (PROTOCOL.md §11)
	return slices.Concat(
		typed([]Doc{
			{Name: metricDuration, Labels: []string{"integration", "api"}, Help: "Time from a call's arrival until its answer was written."},
			{Name: metricUpstream, Labels: []string{"integration", "api"}, Help: "Time until DocuSign's answer began, a second attempt included."},
			{Name: metricGrantTime, Labels: []string{"integration"}, Help: "Time of one exchange with the token end point."},
		}, metricHistogram, network),
		typed([]Doc{
			{Name: metricTranslation, Labels: []string{"integration"}, Help: "Time the proxy itself adds before a call goes out: checking the credential, getting the token, finding the site."},
		}, metricHistogram, proof),
		typed([]Doc{
			{Name: metricBytesIn, Labels: []string{"integration"}, Help: "Size of the bodies that programs sent."},
			{Name: metricBytesOut, Labels: []string{"integration"}, Help: "Size of the bodies that programs were answered with."},
		}, metricHistogram, size),
	)
}

func gaugeDocs() []Doc {
	docs := []Doc{
		{Name: metricLiveTokens, Labels: []string{"integration"}, Help: "Access tokens held that have not expired."},
		{Name: metricTokenExpiry, Labels: []string{"integration"}, Help: "When the first of the live access tokens expires, as Unix time. Absent without a live token."},
		{Name: metricTokenObtained, Labels: []string{"integration"}, Help: "When the oldest of the live access tokens was obtained, as Unix time. Absent without a live token."},
		{Name: metricConsent, Labels: []string{"integration", "state"}, Help: "Users by what is known of their consent: given, required (they, or an administrator, must consent before their calls can work) or unknown."},
		{Name: metricFailing, Labels: []string{"integration"}, Help: "Users whose last exchange with the token end point failed."},
		{Name: metricClock, Help: "Time of the account server minus time of this machine. JWT grants fail when it is large. Absent until learnt."},
		{Name: metricLimit, Labels: []string{"integration", "window"}, Help: "DocuSign's limit of API calls as it last told it: per hour, or per burst of 30 seconds. Absent until told."},
		{Name: metricLimitRemaining, Labels: []string{"integration", "window"}, Help: "Calls left under DocuSign's limit as it last told it; the whole limit once the window is over."},
		{Name: metricLimitReset, Labels: []string{"integration"}, Help: "When the hourly limit starts anew, as Unix time, as DocuSign last told it."},
		{Name: metricGoLive, Labels: []string{"integration"}, Help: "Successful calls with an OAuth token in the last 24 hours, in steps of an hour. DocuSign wants 20 before a key may go live."},
		{Name: metricLastLegacy, Labels: []string{"integration"}, Help: "When a program last called with a legacy credential, as Unix time. Absent if none has."},
		{Name: metricIntegration, Labels: []string{"integration", "mode", "soap"}, Help: "The integrations of the configuration; always 1."},
		{Name: metricActive, Help: "Calls under way."},
		{Name: metricConnections, Help: "Open connections of programs to the proxy, and their calls over HTTP/2."},
		{Name: metricTunnels, Help: "Open tunnels to hosts that are passed through as they are."},
		{Name: metricCA, Help: "When the CA certificate of the interception expires, as Unix time. Absent without a CA."},
		{Name: metricLeaf, Help: "When the first of the certificates signed by that CA expires, as Unix time. Absent without one; they are renewed by themselves."},
		{Name: metricReloadOK, Help: "Whether the configuration was good when it was last read: 1, or 0 while an earlier one stays in force."},
		{Name: metricReloadAt, Help: "When a good configuration was last read, as Unix time."},
		{Name: metricLogStuck, Help: "How long the log has not taken what the proxy writes, because nobody reads it or it cannot be written; near 0 when it does."},
		{Name: metricBuild, Labels: []string{"version", "commit", "goversion"}, Help: "The program that runs; always 1."},
	}
	return typed(docs, metricGauge, nil)
}

func typed(docs []Doc, kind string, buckets []float64) []Doc {
	for i := range docs {
		docs[i].Type, docs[i].buckets = kind, buckets
	}
	return docs
}

// metricMaker makes collectors from their descriptions.
type metricMaker map[string]Doc

func newMetricMaker() metricMaker {
	mk := metricMaker{}
	for _, d := range Names() {
		mk[d.Name] = d
	}
	return mk
}

func (mk metricMaker) counter(name string) *prometheus.CounterVec {
	d := mk[metricPrefix+name]
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: d.Name, Help: d.Help}, d.Labels)
}

func (mk metricMaker) histogram(name string) *prometheus.HistogramVec {
	d := mk[metricPrefix+name]
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: d.Name, Help: d.Help, Buckets: d.buckets,
		NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 160, NativeHistogramMinResetDuration: nativeResetAfter,
	}, d.Labels)
}

func (mk metricMaker) desc(name string) *prometheus.Desc {
	d := mk[metricPrefix+name]
	return prometheus.NewDesc(d.Name, d.Help, d.Labels, nil)
}
