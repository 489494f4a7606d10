package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/observe/metrics"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/translate/oauth"
)

const (
	nightlyKey  = "230546a7-9c55-40ad-8fbf-af205d5494ad"
	nightlyUser = "a1b2c3d4-0000-4000-8000-000000000020"
	envelope    = "/restapi/v2/accounts/1234567/envelopes/93be49ab-0000-4000-8000-000000000001"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// meter is a Metrics under test with its clock.
type meter struct {
	*metrics.Metrics
	t   *testing.T
	reg *prometheus.Registry
	now time.Time
}

func newMeter(t *testing.T, o metrics.Options) *meter {
	t.Helper()
	m := &meter{t: t, reg: prometheus.NewPedanticRegistry(), now: noon}
	o.Now = func() time.Time { return m.now }
	made, err := metrics.New(m.reg, o)
	if err != nil {
		t.Fatal(err)
	}
	m.Metrics = made
	m.Configure(twoIntegrations())
	return m
}

func twoIntegrations() []integration.Integration {
	return []integration.Integration{
		{
			Name: "nightly", IntegratorKey: nightlyKey, Users: []integration.User{{UserID: nightlyUser}},
			Mode: integration.Translate, SOAP: integration.Bearer,
		},
		{
			Name: "crm", IntegratorKey: "crm-key", OAuth: integration.OAuth{ClientID: "shared-client"},
			Mode: integration.Observe, SOAP: integration.AppPassword,
		},
	}
}

func (m *meter) families() []*dto.MetricFamily {
	m.t.Helper()
	all, err := m.reg.Gather()
	if err != nil {
		m.t.Fatal(err)
	}
	return all
}

// series gives all samples as name{label="value",...} without the common prefix. A histogram gives its count.
func (m *meter) series() map[string]float64 {
	m.t.Helper()
	all := map[string]float64{}
	for _, f := range m.families() {
		name := strings.TrimPrefix(f.GetName(), "docusign_auth_proxy_")
		for _, s := range f.GetMetric() {
			var labels []string
			for _, l := range s.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			key := name
			if labels != nil {
				key += "{" + strings.Join(labels, ",") + "}"
			}
			all[key] = sample(s)
		}
	}
	return all
}

func sample(s *dto.Metric) float64 {
	switch {
	case s.Counter != nil:
		return s.Counter.GetValue()
	case s.Gauge != nil:
		return s.Gauge.GetValue()
	}
	return float64(s.Histogram.GetSampleCount())
}

func (m *meter) want(want map[string]float64) {
	m.t.Helper()
	got := m.series()
	for key, v := range want {
		if g, ok := got[key]; !ok || g != v {
			m.t.Errorf("%s = %v (present: %t), want %v", key, g, ok, v)
		}
	}
}

func (m *meter) absent(parts ...string) {
	m.t.Helper()
	for key := range m.series() {
		for _, part := range parts {
			if strings.Contains(key, part) {
				m.t.Errorf("there is %s", key)
			}
		}
	}
}

// goodCall is a translated call that went well.
func goodCall() call.Event {
	return call.Event{
		Time: noon, RequestID: "0badcafe-1", Door: call.DoorConnect, API: call.APIRest2, Method: http.MethodGet,
		Path:   envelope,
		Client: netip.MustParseAddr("127.0.0.1"), UserAgent: "Example/1.0", Integration: "nightly", Key: nightlyKey,
		Authenticator: "anna@example.com", Principal: "anna@example.com", Scheme: "header_json", Mode: "translate",
		Account: "1234567",
		Site:    "demo.docusign.net", Status: 200, Outcome: call.OutcomeOK, Total: 120 * time.Millisecond,
		Translate: 40 * time.Microsecond,
		Upstream:  110 * time.Millisecond, BytesIn: 10, BytesOut: 2048, TLSVersion: 0x0301, Limits: call.NotTold(),
	}
}

func TestMetricsNamesFollowConventions(t *testing.T) {
	m := newMeter(t, everyOption())
	m.Configure(overREST())
	m.Watch(noServer())
	e := goodCall()
	e.Limits = call.RateLimits{HourlyLimit: 3000, HourlyRemaining: 2999, BurstLimit: 500, BurstRemaining: 499,
		Reset: noon.Unix() + 60}
	m.Record(&e)
	e = soapCall()
	m.Record(&e)
	o := m.OAuthObserver()
	o.Clock(time.Second)
	problems, err := promlint.NewWithMetricFamilies(m.families()).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func everyOption() metrics.Options {
	return metrics.Options{
		Version: "1.2.3", Commit: "abcdef", GoVersion: "go1.26",
		Tokens: func() []metrics.Token {
			return []metrics.Token{{Integration: "nightly", State: oauth.State{Obtained: noon, Expires: noon.Add(time.Hour),
				Consent: oauth.ConsentGiven}}}
		},
		CAExpires: func() time.Time { return noon }, LeafExpires: func() time.Time { return noon },
		History:    func(string) metrics.History { return metrics.History{LastLegacy: noon} },
		SpoolBytes: func() int64 { return 4096 },
		Journal: func() metrics.Journal {
			return metrics.Journal{Entries: map[string]int{"done": 7, "unknown": 1}, Unresolved: noon}
		},
		Shared: func() metrics.Shared {
			return metrics.Shared{
				Name: "docusign-demo", Up: true, LastContact: noon, MaxStale: 24 * time.Hour, FeedLag: 2 * time.Second, Replicas: 3, Unsent: 7,
				Faults: []cause.ID{cause.StoreEvicts, cause.ReplicaDiffers, cause.ReplicaVersions},
			}
		},
	}
}

func soapCall() call.Event {
	e := goodCall()
	e.API, e.Method, e.Operation, e.Path = "soap_dsapi", http.MethodPost, "CreateAndSendEnvelope", "/api/3.0/dsapi.asmx"
	e.SOAPCall = call.SOAPCall{
		Class: "whole", OverREST: true, RESTCalls: 1, Envelope: "a1b2c3d4-0000-4000-8000-0000000000e1", Journal: "done",
		Dropped: []string{"Envelope/a", "Envelope/b"},
	}
	return e
}

// overREST are two integrations of which the first carries SOAP out over REST.
func overREST() []integration.Integration {
	list := twoIntegrations()
	list[0].SOAP = integration.OverREST
	return list
}

func TestSOAPCallsOverREST(t *testing.T) {
	m := newMeter(t, everyOption())
	m.Configure(overREST())
	e := soapCall()
	m.Record(&e)
	e.Operation, e.Journal, e.Cached, e.Dropped, e.RESTCalls = "RequestStatus", "", true, nil, 0
	m.Record(&e)
	e.Operation, e.Class, e.OverREST, e.Cached = "TransferEnvelope", "impossible", false, false
	m.Record(&e)
	e.Operation, e.Class, e.Outcome = "Nobody's", "wonderful", call.OutcomeRefused
	m.Record(&e)
	const one = `soap_operations_total{class="`
	m.want(map[string]float64{
		one + `whole",integration="nightly",operation="CreateAndSendEnvelope",outcome="ok"}`: 1,
		one + `whole",integration="nightly",operation="RequestStatus",outcome="ok"}`:         1,
		one + `impossible",integration="nightly",operation="TransferEnvelope",outcome="ok"}`: 1,
		one + `other",integration="nightly",operation="other",outcome="refused"}`:            1,
		`soap_rest_calls{integration="nightly"}`:                                             2,
		`soap_status_cache_hits_total{integration="nightly"}`:                                1,
		`soap_dropped_elements_total{integration="nightly"}`:                                 2,
		`soap_creations_total{integration="nightly",result="done"}`:                          1,
		`soap_creations_total{integration="nightly",result="unknown"}`:                       0,
		`soap_spool_bytes`:                                 4096,
		`soap_journal_entries{state="done"}`:               7,
		`soap_journal_entries{state="intended"}`:           0,
		`soap_journal_oldest_unresolved_timestamp_seconds`: float64(noon.Unix()),
	})
	m.absent(`soap_creations_total{integration="crm"`, `soap_rest_calls{integration="crm"`) // its SOAP goes as it is
}

func TestAStoreThatReplicasShare(t *testing.T) {
	m := newMeter(t, everyOption())
	m.ObserveStore("commit", nil, 2*time.Millisecond)
	m.ObserveStore("commit", store.ErrConflict, time.Millisecond)
	m.ObserveStore("commit", fmt.Errorf("%w: refused", store.ErrUnreachable), time.Millisecond)
	m.ObserveStore("probe", store.ErrEmptied, time.Millisecond)
	m.ObserveStore("get", context.Canceled, time.Millisecond)
	o := m.OAuthObserver()
	o.Shared(oauth.SharedEvent{Kind: "at", Result: "turn"})
	o.Shared(oauth.SharedEvent{Kind: "ui", Result: "something else"})
	o.RefreshConflict(oauth.Identity{})
	m.CountUnreadable()
	const took = `store_operation_duration_seconds{operation="`
	m.want(map[string]float64{
		`store_info{store="docusign-demo"}`: 1,
		`store_up`:                          1, `store_last_contact_timestamp_seconds`: float64(noon.Unix()), `store_max_stale_seconds`: 86400,
		`store_feed_lag_seconds`: 2, `replicas`: 3, `ledger_unsent_calls`: 7,
		`store_fault{cause="store_evicts"}`: 1, `store_fault{cause="replicas_differ"}`: 1,
		`shared_claims_total{kind="token",result="turn"}`:     1,
		`shared_claims_total{kind="token",result="unshared"}`: 0,
		`shared_claims_total{kind="userinfo",result="other"}`: 1,
		`refresh_conflicts_total`:                             1, `store_unreadable_records_total`: 1,
		took + `commit",outcome="ok"}`: 1, took + `commit",outcome="refused"}`: 1, took + `commit",outcome="unreachable"}`: 1,
		took + `probe",outcome="unreachable"}`: 1, took + `get",outcome="aborted"}`: 1,
	})
}

func TestAProxyAloneShowsNothingOfAStoreThatIsShared(t *testing.T) {
	newMeter(t, metrics.Options{}).absent(
		`store_up`, `store_operation`, `store_feed`, `store_fault`, `replicas`, `ledger_unsent_calls`, `shared_claims_total`, `refresh_conflicts_total`,
	)
}

func TestEveryKindOfClaimHasAWord(t *testing.T) {
	m := newMeter(t, everyOption())
	for _, kind := range oauth.ClaimKinds() {
		m.OAuthObserver().Shared(oauth.SharedEvent{Kind: kind, Result: "value"})
	}
	m.absent(`shared_claims_total{kind="other"`)
}

func TestAStoreThatWasNeverReached(t *testing.T) {
	m := newMeter(t, metrics.Options{Shared: func() metrics.Shared { return metrics.Shared{} }})
	m.want(map[string]float64{`store_up`: 0, `refresh_conflicts_total`: 0})
	m.absent(`store_last_contact`, `store_max_stale`, `store_fault`)
}

func TestNamesDescribesExactlyWhatIsExposed(t *testing.T) {
	m := newMeter(t, everyOption())
	m.Configure(overREST())
	m.Watch(noServer())
	e := goodCall()
	e.Limits = call.RateLimits{HourlyLimit: 3000, HourlyRemaining: 2999, BurstLimit: 500, BurstRemaining: 499,
		Reset: noon.Unix() + 60}
	m.Record(&e)
	e = soapCall()
	m.Record(&e)
	m.ObserveStore("commit", nil, time.Millisecond)
	o := m.OAuthObserver()
	o.Clock(time.Second)
	exposed := map[string]*dto.MetricFamily{}
	for _, f := range m.families() {
		exposed[f.GetName()] = f
	}
	for _, d := range metrics.Names() {
		f := exposed[d.Name]
		if f == nil {
			t.Errorf("%s is described but not exposed", d.Name)
			continue
		}
		delete(exposed, d.Name)
		if got := strings.ToLower(f.GetType().String()); got != d.Type || f.GetHelp() != d.Help {
			t.Errorf("%s is a %s %q, described as %s %q", d.Name, got, f.GetHelp(), d.Type, d.Help)
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		if want := slices.Sorted(slices.Values(d.Labels)); !slices.Equal(labels, want) {
			t.Errorf("%s has labels %v, described with %v", d.Name, labels, want)
		}
	}
	for name := range exposed {
		t.Errorf("%s is exposed but not described", name)
	}
}

func TestMetricsRegisteredTwiceAreAnError(t *testing.T) {
	m := newMeter(t, metrics.Options{})
	if _, err := metrics.New(m.reg, metrics.Options{}); err == nil {
		t.Error("no error")
	}
}

func TestMetricsStartAtZero(t *testing.T) {
	m := newMeter(t, metrics.Options{})
	m.want(map[string]float64{
		`requests_total{api="rest_v2",code="2xx",door="forward",integration="nightly",outcome="ok",scheme="header_json"}`: 0,
		`requests_total{api="rest_v2",code="2xx",door="forward",integration="crm",outcome="ok",scheme="oauth_bearer"}`:    0,
		`requests_total{api="rest_v2",code="5xx",door="forward",integration="unknown",outcome="unreachable",` +
			`scheme="header_json"}`: 0,
		`request_failures_total{cause="consent_required",integration="nightly"}`:   0,
		`token_grants_total{integration="crm",result="error"}`:                     0,
		`token_grant_errors_total{error="consent_required",integration="nightly"}`: 0,
		`connects_refused_total{reason="not_listed"}`:                              0,
		`polling_violations_total{integration="nightly",resource="envelope"}`:      0,
		`caller_tls_requests_total{integration="nightly",version="1.0"}`:           0,
		`go_live_calls{integration="nightly"}`:                                     0,
		`integration_info{integration="crm",mode="observe",soap="app_password"}`:   1,
		`config_last_reload_successful`:                                            1,
		`config_last_reload_success_timestamp_seconds`:                             float64(noon.Unix()),
	})
	m.absent("last_legacy_call", "api_limit", "live_tokens", "clock_offset", "ca_expiry")
}

// TestCausesThatNeedSomebodyStartAtZero looks at the integrations of the start, at strangers, and at one that a reload
// adds.
func TestCausesThatNeedSomebodyStartAtZero(t *testing.T) {
	m := newMeter(t, metrics.Options{})
	m.Configure(append(twoIntegrations(), integration.Integration{Name: "new", IntegratorKey: "new-key"}))
	got := m.series()
	for _, word := range []string{
		"bad_login", "token_timeout", "internal", "panic", "app_password_refused", "bearer_refused", "docusign_503",
	} {
		for _, name := range []string{"nightly", "crm", "unknown", "new"} {
			key := fmt.Sprintf("request_failures_total{cause=%q,integration=%q}", word, name)
			if v, ok := got[key]; !ok || v != 0 {
				t.Errorf("%s = %v (present: %t)", key, v, ok)
			}
		}
	}
	for _, id := range cause.All() {
		key := fmt.Sprintf("request_failures_total{cause=%q,integration=\"new\"}", id)
		if _, ok := got[key]; ok && id.Of().Severity == cause.Note {
			t.Errorf("%s needs nobody, and costs a series", key)
		}
	}
	m.absent(`cause="client_gone"`, `cause="docusign_404"`, `cause="ca_expired"`)
}

// TestSeriesOfAnIntegrationAreBounded holds the size of a scrape: DocuSign's largest customers have some 60 programs.
func TestSeriesOfAnIntegrationAreBounded(t *testing.T) {
	m := newMeter(t, metrics.Options{})
	lines := func(integrations int) (n int) {
		var list []integration.Integration
		for i := range integrations {
			list = append(list, integration.Integration{Name: fmt.Sprint("program-", i), IntegratorKey: fmt.Sprint(i)})
		}
		m.Configure(list)
		for _, f := range m.families() {
			for _, s := range f.GetMetric() {
				n++
				if h := s.GetHistogram(); h != nil {
					n += len(h.GetBucket()) + 2 // +Inf, sum and count
				}
			}
		}
		return n
	}
	if each := (lines(60) - lines(0)) / 60; each > 190 {
		t.Errorf("an integration without a call costs %d lines of a scrape", each)
	}
}

func TestMetricsCountCalls(t *testing.T) {
	const good = `requests_total{api="rest_v2",code="2xx",door="connect",integration="nightly",outcome="ok",` +
		`scheme="header_json"}`
	tests := []struct {
		name   string
		change func(*call.Event)
		want   map[string]float64
	}{
		{"a translated call", func(*call.Event) {}, map[string]float64{
			good: 1,
			`request_duration_seconds{api="rest_v2",integration="nightly"}`:  1,
			`upstream_duration_seconds{api="rest_v2",integration="nightly"}`: 1,
			`translation_duration_seconds{integration="nightly"}`:            1,
			`request_body_size_bytes{integration="nightly"}`:                 1,
			`response_body_size_bytes{integration="nightly"}`:                1,
			`caller_tls_requests_total{integration="nightly",version="1.0"}`: 1,
			`last_legacy_call_timestamp_seconds{integration="nightly"}`:      float64(noon.Unix()),
			`go_live_calls{integration="nightly"}`:                           1,
			`on_behalf_requests_total{integration="nightly"}`:                0,
		}},
		{"a call with the program's own token", func(e *call.Event) {
			e.Scheme, e.Mode, e.TLSVersion = "oauth_bearer", "pass",
				0
		}, map[string]float64{
			`requests_total{api="rest_v2",code="2xx",door="connect",integration="nightly",outcome="ok",` +
				`scheme="oauth_bearer"}`: 1,
			`caller_tls_requests_total{integration="nightly",version="none"}`: 1,
			`go_live_calls{integration="nightly"}`:                            1,
		}},
		{"a SOAP call with an App Password is no OAuth call", func(e *call.Event) {
			e.Integration, e.API, e.Scheme, e.AppPassword = "crm", "soap_dsapi", "ws_security", true
		}, map[string]float64{
			`go_live_calls{integration="crm"}`: 0,
		}},
		{"an observed call is no OAuth call", func(e *call.Event) { e.Mode = "observe" }, map[string]float64{
			good: 1, `go_live_calls{integration="nightly"}`: 0,
		}},
		{"a call that the proxy answered itself", func(e *call.Event) { e.Site, e.Upstream = "", 0 }, map[string]float64{
			good: 1, `go_live_calls{integration="nightly"}`: 0,
			`upstream_duration_seconds{api="rest_v2",integration="nightly"}`: 0,
		}},
		{"a user who acts for another", func(e *call.Event) { e.Principal = "bob@example.com" }, map[string]float64{
			good: 1, `on_behalf_requests_total{integration="nightly"}`: 1,
		}},
		{"a refused login names no principal", func(e *call.Event) {
			e.Principal, e.Site, e.Status, e.Outcome, e.Cause = "", "", 401, call.OutcomeRefused, "bad_login"
		}, map[string]float64{
			`requests_total{api="rest_v2",code="4xx",door="connect",integration="nightly",outcome="refused",` +
				`scheme="header_json"}`: 1,
			`request_failures_total{cause="bad_login",integration="nightly"}`: 1,
			`on_behalf_requests_total{integration="nightly"}`:                 0,
		}},
		{"a replayed call with two credentials and rewritten URLs", func(e *call.Event) {
			e.Replayed, e.Conflict,
				e.Rewritten = "wrong_site", true, 3
		}, map[string]float64{
			`replays_total{integration="nightly",reason="wrong_site"}`: 1,
			`credential_conflicts_total{integration="nightly"}`:        1,
			`base_uri_rewrites_total{integration="nightly"}`:           3,
		}},
		{"a status DocuSign seldom answers", func(e *call.Event) {
			e.Status, e.Outcome, e.Cause = 418,
				call.OutcomeClientError, "docusign_418"
		}, map[string]float64{
			`request_failures_total{cause="docusign_4xx",integration="nightly"}`: 1,
		}},
		{"a refused CONNECT is no call", func(e *call.Event) {
			*e = call.Event{Method: http.MethodConnect, Path: "evil.example:443", Integration: "unknown", Scheme: "none",
				Status: 403, Outcome: call.OutcomeRefused, Cause: "not_listed"}
		}, map[string]float64{
			`connects_refused_total{reason="not_listed"}`: 1,
		}},
		{"an integration that a reload has removed", func(e *call.Event) { e.Integration = "gone" }, map[string]float64{
			`requests_total{api="rest_v2",code="2xx",door="connect",integration="unknown",outcome="ok",scheme="header_json"}`: 1,
		}},
		{"limits that DocuSign told", func(e *call.Event) {
			e.Limits = call.RateLimits{HourlyLimit: 3000, HourlyRemaining: 17, BurstLimit: 500, BurstRemaining: 499,
				Reset: noon.Unix() + 60}
		}, map[string]float64{
			`api_limit_calls{integration="nightly",window="hour"}`:            3000,
			`api_limit_remaining_calls{integration="nightly",window="hour"}`:  17,
			`api_limit_calls{integration="nightly",window="burst"}`:           500,
			`api_limit_remaining_calls{integration="nightly",window="burst"}`: 499,
			`api_limit_reset_timestamp_seconds{integration="nightly"}`:        float64(noon.Unix() + 60),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMeter(t, metrics.Options{})
			e := goodCall()
			tt.change(&e)
			m.Record(&e)
			m.want(tt.want)
		})
	}
}

func TestLimitsAreWholeAgainWhenTheirWindowIsOver(t *testing.T) {
	m := newMeter(t, metrics.Options{})
	e := goodCall()
	e.Limits = call.RateLimits{HourlyLimit: 3000, HourlyRemaining: 0, BurstLimit: 500, BurstRemaining: 1,
		Reset: noon.Unix() + 60}
	m.Record(&e)
	m.now = noon.Add(31 * time.Second)
	m.want(map[string]float64{
		`api_limit_remaining_calls{integration="nightly",window="hour"}`:  0,
		`api_limit_remaining_calls{integration="nightly",window="burst"}`: 500,
	})
	m.now = noon.Add(time.Minute)
	m.want(map[string]float64{`api_limit_remaining_calls{integration="nightly",window="hour"}`: 3000})
}

func TestGoLiveCallsAreForgottenAfterADay(t *testing.T) {
	m := newMeter(t, metrics.Options{})
	for i := range 3 {
		e := goodCall()
		e.Time = noon.Add(time.Duration(i) * time.Hour)
		m.Record(&e)
	}
	const key = `go_live_calls{integration="nightly"}`
	for _, step := range []struct {
		at   time.Duration
		want float64
	}{{2 * time.Hour, 3}, {23*time.Hour + 59*time.Minute, 3}, {24 * time.Hour, 2}, {26 * time.Hour, 0}} {
		m.now = noon.Add(step.at)
		m.want(map[string]float64{key: step.want})
	}
}

func TestHistoryCountsWhenItKnowsMore(t *testing.T) {
	m := newMeter(t, metrics.Options{History: func(name string) metrics.History {
		if name != "nightly" {
			return metrics.History{}
		}
		return metrics.History{LastLegacy: noon.Add(-time.Hour), GoLiveCalls: 19}
	}})
	m.want(map[string]float64{
		`last_legacy_call_timestamp_seconds{integration="nightly"}`: float64(noon.Add(-time.Hour).Unix()),
		`go_live_calls{integration="nightly"}`:                      19,
		`go_live_calls{integration="crm"}`:                          0,
	})
	e := goodCall()
	m.Record(&e)
	m.want(map[string]float64{`last_legacy_call_timestamp_seconds{integration="nightly"}`: float64(noon.Unix())})
}

func TestPollingRule(t *testing.T) {
	const envelopes, others = `polling_violations_total{integration="nightly",resource="envelope"}`,
		`polling_violations_total{integration="nightly",resource="other"}`
	m := newMeter(t, metrics.Options{PollingEntries: 3})
	read := func(path string, after time.Duration, change ...func(*call.Event)) {
		e := goodCall()
		e.Path, e.Time = path, noon.Add(after)
		for _, c := range change {
			c(&e)
		}
		m.Record(&e)
	}
	read(envelope, 0)
	m.want(map[string]float64{envelopes: 0})
	read(envelope, time.Minute)
	read(envelope, 14*time.Minute)
	m.want(map[string]float64{envelopes: 2})
	read(envelope, 15*time.Minute)
	m.want(map[string]float64{envelopes: 2})
	read(envelope, 16*time.Minute, func(e *call.Event) { e.Integration = "crm" })
	read(envelope, 16*time.Minute, func(e *call.Event) { e.Method = http.MethodPut })
	read(envelope, 16*time.Minute, func(e *call.Event) { e.Site = "" })
	m.want(map[string]float64{envelopes: 2, `polling_violations_total{integration="crm",resource="envelope"}`: 0})
	read("/restapi/v2/accounts/1234567/envelopes", 16*time.Minute)
	read("/restapi/v2/accounts/1234567/envelopes", 17*time.Minute)
	m.want(map[string]float64{envelopes: 2, others: 1})
	for i := range 3 {
		read(fmt.Sprint(envelope, i), 17*time.Minute)
	}
	read(envelope, 18*time.Minute)
	m.want(map[string]float64{envelopes: 2}) // the table is small, and the path was forgotten
}

func TestConfigureDeletesWhatIsGone(t *testing.T) {
	m := newMeter(t, everyOption())
	m.Configure(overREST())
	m.Watch(noServer())
	e := goodCall()
	e.Limits = call.RateLimits{HourlyLimit: 3000, HourlyRemaining: 2999, BurstLimit: -1, BurstRemaining: -1, Reset: -1}
	m.Record(&e)
	m.Configure([]integration.Integration{{Name: "crm", IntegratorKey: "crm-key", Mode: "translate", SOAP: "bearer"}})
	m.Record(&e)
	r := e
	r.Rehearsal = "would_work"
	m.RecordRehearsal(&r)
	m.absent("nightly", `mode="observe"`)
	m.want(map[string]float64{
		`integration_info{integration="crm",mode="translate",soap="bearer"}`:                                              1,
		`requests_total{api="rest_v2",code="2xx",door="connect",integration="unknown",outcome="ok",scheme="header_json"}`: 1,
	})
	m.Configure(twoIntegrations())
	m.want(map[string]float64{
		`requests_total{api="rest_v2",code="2xx",door="forward",integration="nightly",outcome="ok",scheme="header_json"}`: 0,
	})
}

func TestConfigureBesideCallsBringsNothingBack(t *testing.T) {
	m := newMeter(t, metrics.Options{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 200 {
				e := goodCall()
				e.Status = 200 + i
				m.Record(&e)
				m.RecordRehearsal(&e)
			}
		})
	}
	wg.Go(func() {
		for range 20 {
			m.Configure(nil)
			m.Configure(twoIntegrations())
			_ = m.series()
		}
		m.Configure(nil)
	})
	wg.Wait()
	m.absent("nightly")
}

func TestOAuthEventsBelongToTheIntegrationOfTheirClientID(t *testing.T) {
	m := newMeter(t, metrics.Options{})
	m.Configure(append(twoIntegrations(), integration.Integration{
		Name: "second", IntegratorKey: "second-key", OAuth: integration.OAuth{ClientID: "Shared-Client"},
		Users: []integration.User{{}, {UserID: "B0B"}},
	}))
	o := m.OAuthObserver()
	nightly := oauth.Identity{Issuer: strings.ToUpper(nightlyKey), Subject: nightlyUser}
	o.Grant(oauth.GrantEvent{Identity: nightly, Duration: time.Second})
	o.Grant(oauth.GrantEvent{Identity: nightly, Duration: time.Second,
		Err: fmt.Errorf("grant: %w", &oauth.GrantError{Kind: oauth.ConsentRequired})})
	o.Grant(oauth.GrantEvent{Identity: oauth.Identity{Issuer: "shared-client", Subject: "b0b"}, Err: io.ErrUnexpectedEOF})
	o.CacheHit(oauth.Identity{Issuer: "shared-client", Subject: ""})
	o.CacheHit(oauth.Identity{Issuer: "nobody's"})
	o.UserInfo(oauth.UserInfoEvent{Identity: nightly, Moved: 2})
	o.UserInfo(oauth.UserInfoEvent{Identity: nightly, Err: errors.New("no")})
	o.Lookup(oauth.LookupEvent{Identity: nightly, What: "user"})
	o.Clock(-90 * time.Second)
	m.want(map[string]float64{
		`token_grants_total{integration="nightly",result="ok"}`:                    1,
		`token_grants_total{integration="nightly",result="error"}`:                 1,
		`token_grant_errors_total{error="consent_required",integration="nightly"}`: 1,
		`token_grant_duration_seconds{integration="nightly"}`:                      2,
		`token_grant_errors_total{error="other",integration="second"}`:             1,
		`token_cache_hits_total{integration="crm"}`:                                1,
		`token_cache_hits_total{integration="unknown"}`:                            1,
		`userinfo_fetches_total{integration="nightly",result="ok"}`:                1,
		`userinfo_fetches_total{integration="nightly",result="error"}`:             1,
		`site_moves_total{integration="nightly"}`:                                  2,
		`lookups_total{integration="nightly",result="ok",what="user"}`:             1,
		`account_server_clock_offset_seconds`:                                      -90,
	})
}

func TestTokensAreSummedUpPerIntegration(t *testing.T) {
	m := newMeter(t, metrics.Options{Tokens: func() []metrics.Token {
		nightly := func(st oauth.State) metrics.Token { return metrics.Token{Integration: "nightly", State: st} }
		return []metrics.Token{
			nightly(oauth.State{Obtained: noon.Add(-time.Hour), Expires: noon.Add(time.Minute), Consent: oauth.ConsentGiven}),
			nightly(oauth.State{Obtained: noon.Add(-time.Minute), Expires: noon.Add(time.Hour), Consent: oauth.ConsentGiven}),
			nightly(oauth.State{Consent: oauth.ConsentMissing, Failure: &oauth.Failure{}}),
			nightly(oauth.State{Consent: oauth.ConsentUnknown, Obtained: noon.Add(-2 * time.Hour), Expires: noon}),
			{State: oauth.State{Consent: oauth.ConsentMissing}},
		}
	}})
	m.want(map[string]float64{
		`live_tokens{integration="nightly"}`:                             2,
		`token_earliest_expiry_timestamp_seconds{integration="nightly"}`: float64(noon.Unix() + 60),
		`token_oldest_obtained_timestamp_seconds{integration="nightly"}`: float64(noon.Unix() - 3600),
		`failing_identities{integration="nightly"}`:                      1,
		`consent_identities{integration="nightly",state="given"}`:        2,
		`consent_identities{integration="nightly",state="required"}`:     1,
		`consent_identities{integration="nightly",state="unknown"}`:      1,
		`consent_identities{integration="unknown",state="required"}`:     1,
		`live_tokens{integration="crm"}`:                                 0,
	})
	m.absent(`expiry_timestamp_seconds{integration="crm"}`)
}

func TestProgramGauges(t *testing.T) {
	m := newMeter(t, metrics.Options{
		Version: "1.2.3", Commit: "abcdef", GoVersion: "go1.26",
		CAExpires: func() time.Time { return noon.Add(time.Hour) }, LeafExpires: func() time.Time { return time.Time{} },
	})
	m.absent("active_requests", "leaf_expiry")
	m.Watch(noServer())
	m.now = noon.Add(time.Minute)
	m.ConfigLoaded(errors.New("line 3: unknown key"))
	m.want(map[string]float64{
		`build_info{commit="abcdef",goversion="go1.26",version="1.2.3"}`: 1,
		`ca_expiry_timestamp_seconds`:                                    float64(noon.Unix() + 3600),
		`active_requests`:                                                0,
		`open_connections`:                                               0,
		`open_tunnels`:                                                   0,
		`config_last_reload_successful`:                                  0,
		`config_last_reload_success_timestamp_seconds`:                   float64(noon.Unix()),
	})
	m.ConfigLoaded(nil)
	m.want(map[string]float64{`config_last_reload_successful`: 1,
		`config_last_reload_success_timestamp_seconds`: float64(noon.Unix() + 60)})
}

func TestRehearsalsAreCounted(t *testing.T) {
	m := newMeter(t, metrics.Options{})
	for _, result := range []string{"would_work", "would_work", "consent_required", "something new"} {
		m.RecordRehearsal(&call.Event{Integration: "crm", Rehearsal: result})
	}
	m.want(map[string]float64{
		`rehearsals_total{integration="crm",result="would_work"}`:       2,
		`rehearsals_total{integration="crm",result="consent_required"}`: 1,
		`rehearsals_total{integration="crm",result="other"}`:            1,
	})
}

// hostileEvent carries the canary in every text that a caller could reach, and beyond.
func hostileEvent(canary string) call.Event {
	e := goodCall()
	e.RequestID, e.Operation, e.Path, e.UserAgent, e.Integration, e.Key = canary, canary, "/"+canary, canary, canary,
		canary
	e.Door, e.API, e.Outcome = call.Door(canary), call.API(canary), call.Outcome(canary)
	e.Authenticator, e.Principal, e.Scheme, e.Mode, e.Account, e.Site = canary, canary+"x", canary, canary, canary, canary
	e.Cause, e.Detail, e.NextStep, e.TraceToken, e.Replayed, e.Rehearsal = canary, canary, canary, canary, canary, canary
	e.Status, e.TLSVersion, e.Conflict, e.Rewritten = -7, 0xffff, true, 1
	return e
}

func TestNoCallerTextBecomesALabel(t *testing.T) {
	const canary = "cAnArY\"\n\x1b[31m{}\xff"
	m := newMeter(t, metrics.Options{Tokens: func() []metrics.Token {
		return []metrics.Token{{Integration: canary, State: oauth.State{Consent: canary,
			Failure: &oauth.Failure{Label: canary}, Expires: noon.Add(time.Hour)}}}
	}})
	e := hostileEvent(canary)
	m.Record(&e)
	m.RecordRehearsal(&e)
	e.Method = http.MethodConnect
	m.Record(&e)
	id := oauth.Identity{Issuer: canary, Subject: canary, Scopes: canary}
	o := m.OAuthObserver()
	o.Grant(oauth.GrantEvent{Identity: id, Err: &labelledError{canary}})
	o.CacheHit(id)
	o.UserInfo(oauth.UserInfoEvent{Identity: id, Err: errors.New(canary)})
	o.Lookup(oauth.LookupEvent{Identity: id, What: canary, Err: errors.New(canary)})

	m.absent("cAnArY", "anna@example.com", "93be49ab")
	integrations := []string{"nightly", "crm", "unknown"}
	for _, f := range m.families() {
		for _, s := range f.GetMetric() {
			for _, l := range s.GetLabel() {
				if l.GetName() == "integration" && !slices.Contains(integrations, l.GetValue()) {
					t.Errorf("%s has the integration %q", f.GetName(), l.GetValue())
				}
			}
		}
	}
	m.want(map[string]float64{
		`requests_total{api="other",code="other",door="other",integration="unknown",outcome="other",scheme="other"}`: 1,
		`request_failures_total{cause="other",integration="unknown"}`:                                                1,
		`caller_tls_requests_total{integration="unknown",version="other"}`:                                           1,
		`connects_refused_total{reason="other"}`:                                                                     1,
		`token_grant_errors_total{error="other",integration="unknown"}`:                                              1,
	})
}

type labelledError struct{ text string }

func (e *labelledError) Error() string { return e.text }
func (e *labelledError) Label() string { return e.text }

func TestRecordAllocatesNothingWhenWarm(t *testing.T) {
	m := newMeter(t, metrics.Options{})
	e := goodCall()
	e.Principal, e.Conflict, e.Replayed, e.Rewritten = "bob@example.com", true, "token_refused", 1
	e.Limits = call.RateLimits{HourlyLimit: 3000, HourlyRemaining: 17, BurstLimit: 500, BurstRemaining: 499,
		Reset: noon.Unix() + 60}
	failed := e
	failed.Outcome, failed.Status, failed.Cause = call.OutcomeClientError, 404, "docusign_404"
	hit := m.OAuthObserver().CacheHit
	id := oauth.Identity{Issuer: nightlyKey, Subject: nightlyUser}
	if n := testing.AllocsPerRun(200, func() {
		m.Record(&e)
		m.Record(&failed)
		hit(id)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMetricsRecord(b *testing.B) {
	m, err := metrics.New(prometheus.NewRegistry(), metrics.Options{})
	if err != nil {
		b.Fatal(err)
	}
	m.Configure(twoIntegrations())
	e := goodCall()
	b.ReportAllocs()
	for b.Loop() {
		m.Record(&e)
	}
}

func BenchmarkMetricsRecordParallel(b *testing.B) {
	m, err := metrics.New(prometheus.NewRegistry(), metrics.Options{})
	if err != nil {
		b.Fatal(err)
	}
	m.Configure(twoIntegrations())
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		e := goodCall()
		for pb.Next() {
			m.Record(&e)
		}
	})
}

func noServer() metrics.Server {
	none := func() int64 { return 0 }
	return metrics.Server{Active: none, OpenConnections: none, OpenTunnels: none}
}
