package dashboards_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/observe/metrics"
	"docusign-auth-proxy/translate/oauth"
)

// The minutes of the story: something happens before one scrape, and is looked for before, soon after, and long after.
const (
	quiet, event, alarmed, over = 19, 20, 28, 38
)

func program(name string, mode integration.Mode) integration.Integration {
	return integration.Integration{Name: name, IntegratorKey: "key-of-" + name, Mode: mode, SOAP: integration.Bearer}
}

// failed is a call that did not end well.
func (g *scraped) failed(integration, word string) {
	g.Record(&call.Event{
		Door: call.DoorSidecar, API: call.APIRest2, Method: http.MethodGet, Integration: integration, Scheme: "header_json",
		Outcome: call.OutcomeRefused, Status: http.StatusUnauthorized, Cause: word, Limits: call.NotTold(),
	})
}

func (g *scraped) succeeded(integration string) {
	g.Record(&call.Event{
		Door: call.DoorConnect, API: call.APIRest21, Method: http.MethodGet, Integration: integration, Scheme: "header_json",
		Outcome: call.OutcomeOK, Status: http.StatusOK, Limits: call.NotTold(),
	})
}

// toldBy are the words of the rows that an alert tells of.
func toldBy(alert string) []string {
	var words []string
	for _, id := range cause.All() {
		if id.Of().Alert == alert && !slices.Contains(words, id.String()) {
			words = append(words, id.String())
		}
	}
	return words
}

// countedEvent is something that a counter counts, and the alert that tells of it.
type countedEvent struct {
	name   string
	happen func(g *scraped)
	alert  string
	from   int  // how many times it must happen
	call   bool // it is a failed call of erp, who fails then
}

// countedEvents are one for each word by which an alert selects.
func countedEvents() []countedEvent {
	var list []countedEvent
	failedCall := func(alert, word string, from int) {
		list = append(list, countedEvent{word, func(g *scraped) { g.failed("erp", word) }, alert, from, true})
	}
	for _, word := range toldBy("DocuSignUnreachable") {
		failedCall("DocuSignUnreachable", word, 4)
	}
	for _, word := range toldBy("DocuSignPasswordGuessing") {
		failedCall("DocuSignPasswordGuessing", word, 21)
	}
	for _, word := range toldBy("DocuSignProxyFault") {
		failedCall("DocuSignProxyFault", word, 1)
	}
	for _, word := range []string{"docusign_401", "docusign_503", "consent_required", "app_password_refused"} {
		failedCall("DocuSignIntegrationFailing", word, 1)
	}
	list = append(list, countedEvent{"a stranger's legacy call", func(g *scraped) { g.failed("unknown", "unknown_key") },
		"DocuSignLegacyFromUnknownKey", 1, false})
	for _, where := range call.PanicPlaces() {
		list = append(list, countedEvent{"a panic in " + where, func(g *scraped) { g.RecordPanic(where) },
			"DocuSignProxyFault", 1, false})
	}
	for _, word := range toldBy("DocuSignConnectionsFailing") {
		list = append(list, countedEvent{"a connection: " + word, func(g *scraped) {
			g.RecordConnFailure(&call.ConnFailure{Door: call.DoorConnect, Cause: word})
		}, "DocuSignConnectionsFailing", 1, false})
	}
	list = append(list, countedEvent{"a refresh token exchanged twice", func(g *scraped) {
		g.OAuthObserver().RefreshConflict(oauth.Identity{})
	}, "DocuSignRefreshConflict", 1, false})
	for _, word := range toldBy("DocuSignConnectsRefused") {
		list = append(list, countedEvent{"a CONNECT: " + word, func(g *scraped) {
			g.Record(&call.Event{Method: http.MethodConnect, Cause: word})
		}, "DocuSignConnectsRefused", 1, false})
	}
	return list
}

// fires lists the alerts after so many of the events.
func (e countedEvent) fires(times int) []string {
	var alerts []string
	if times >= e.from {
		alerts = append(alerts, e.alert)
	}
	if e.call && times > 0 && !slices.Contains(alerts, "DocuSignIntegrationFailing") {
		alerts = append(alerts, "DocuSignIntegrationFailing")
	}
	return alerts
}

// situation is when the events come. run makes the minutes until the end.
type situation struct {
	name string
	run  func(g *scraped, happen func())
}

func situations() []situation {
	erp := program("erp", integration.Translate)
	rest := func(g *scraped, seen bool, until int) {
		for g.minute < until {
			g.look(seen)
		}
	}
	return []situation{
		{"a proxy that has long been running", func(g *scraped, happen func()) {
			g.start(erp)
			rest(g, true, event)
			happen()
			rest(g, true, over+1)
		}},
		{"right after a start, before the first scrape", func(g *scraped, happen func()) {
			rest(g, true, event)
			g.start(erp)
			happen()
			rest(g, true, over+1)
		}},
		{"right after the start of a proxy that Prometheus did not know", func(g *scraped, happen func()) {
			rest(g, false, event)
			g.start(erp)
			happen()
			rest(g, true, over+1)
		}},
		{"after a start, as many times as before it", func(g *scraped, happen func()) {
			g.start(erp)
			rest(g, true, 1)
			happen()
			rest(g, true, event)
			g.start(erp)
			happen()
			rest(g, true, over+1)
		}},
		{"right after a reload that adds the integration", func(g *scraped, happen func()) {
			g.start(program("other", integration.Translate))
			rest(g, true, event)
			g.Configure([]integration.Integration{program("other", integration.Translate), erp})
			happen()
			rest(g, true, over+1)
		}},
	}
}

// TestEachAlertTellsOfTheFirstEventAndOfTheHundredth lets the real metrics count, and the rules look at what they show.
func TestEachAlertTellsOfTheFirstEventAndOfTheHundredth(t *testing.T) {
	var targets []*scraped
	soon := map[string][]string{}
	done := map[string]bool{} // alerts whose first word has gone through all situations
	for _, e := range countedEvents() {
		for i, s := range situations() {
			if i > 0 && done[e.alert+fmt.Sprint(e.call)] {
				continue
			}
			for _, times := range slices.Compact([]int{1, e.from - 1, e.from, 100}) {
				if times < 1 {
					continue
				}
				g := newScraped(t, fmt.Sprintf("%s, %d times, %s", e.name, times, s.name))
				s.run(g, func() {
					for range times {
						e.happen(g)
					}
				})
				targets = append(targets, g)
				soon[g.instance] = e.fires(times)
			}
		}
		done[e.alert+fmt.Sprint(e.call)] = true
	}
	promtoolTest(t, targets, []expectation{{minute: quiet}, {alarmed, soon}, {minute: over}})
}

// TestEveryCauseThatNeedsSomebodyPagesByTheIntegration goes through all that begins at zero, and what does not.
func TestEveryCauseThatNeedsSomebodyPagesByTheIntegration(t *testing.T) {
	g := newScraped(t, "a")
	counted, quietWords := wordsAtZero(t), excludedWords(t)
	var list []integration.Integration
	for _, word := range slices.Concat(counted, quietWords) {
		list = append(list, program("fails with "+word, integration.Translate))
	}
	g.start(list...)
	pages := map[string][]string{}
	for g.minute <= over {
		if g.minute == event {
			for _, word := range slices.Concat(counted, quietWords) {
				g.failed("fails with "+word, word)
			}
		}
		g.look(true)
	}
	var inputs []*scraped
	for _, word := range slices.Concat(counted, quietWords) {
		// One instance for each, so that the alerts that sum over an instance stay apart.
		one := &scraped{t: t, instance: word, samples: map[string][]string{}}
		for key, values := range g.samples {
			if strings.Contains(key, `integration="fails with `+word+`"`) || strings.HasPrefix(key, "up{") {
				one.samples[strings.Replace(key, `instance="a"`, fmt.Sprintf("instance=%q", word), 1)] = values
			}
		}
		inputs = append(inputs, one)
		if slices.Contains(counted, word) {
			pages[word] = append(pages[word], "DocuSignIntegrationFailing")
		}
		if slices.Contains(toldBy("DocuSignProxyFault"), word) {
			pages[word] = append(pages[word], "DocuSignProxyFault")
		}
	}
	promtoolTest(t, inputs, []expectation{{minute: quiet}, {alarmed, pages}, {minute: over}})
}

// wordsAtZero are the causes that an integration shows before its first call.
func wordsAtZero(t *testing.T) []string { return wordsAfter(t) }

// wordsAfter are the causes that an integration shows after it has failed for some.
func wordsAfter(t *testing.T, failures ...string) []string {
	t.Helper()
	reg := prometheus.NewRegistry()
	m, err := metrics.New(reg, metrics.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m.Configure([]integration.Integration{program("erp", integration.Translate)})
	for _, word := range failures {
		(&scraped{Metrics: m}).failed("erp", word)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, f := range families {
		for _, s := range f.GetMetric() {
			for _, l := range s.GetLabel() {
				if f.GetName() == "docusign_auth_proxy_request_failures_total" && l.GetName() == "cause" {
					found[l.GetValue()] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// TestNobodyIsCalledWithoutNeed has what must not raise an alert, or none that pages.
func TestNobodyIsCalledWithoutNeed(t *testing.T) {
	erp := program("erp", integration.Translate)
	everything := func(g *scraped) {
		for range 100 {
			for _, word := range wordsAtZero(t) {
				g.failed("erp", word)
			}
		}
	}
	tickets := []string{"DocuSignPasswordGuessing", "DocuSignProxyFault"}
	for _, tt := range []struct {
		name  string
		story func(g *scraped)
		want  []string
	}{
		{"Prometheus is new, and the proxy has counted for years", func(g *scraped) {
			g.start(erp)
			everything(g)
			for g.minute < event {
				g.look(false)
			}
		}, nil},
		{"one call of a hundred fails, all before the first scrape", func(g *scraped) {
			for g.minute < event {
				g.look(true)
			}
			g.start(erp)
			for range 99 {
				g.succeeded("erp")
			}
			g.failed("erp", "docusign_401")
		}, nil},
		{"everything fails of an observed program", func(g *scraped) {
			g.start(program("erp", integration.Observe))
			for g.minute < event {
				g.look(true)
			}
			everything(g)
		}, tickets},
		{"everything fails of a blocked program", func(g *scraped) {
			g.start(program("erp", integration.Block))
			for g.minute < event {
				g.look(true)
			}
			everything(g)
		}, append(tickets, "DocuSignBackToLegacy")},
		{"a blocked program calls once, right after a start", func(g *scraped) {
			for g.minute < event {
				g.look(true)
			}
			g.start(program("erp", integration.Block))
			g.failed("erp", "blocked")
		}, []string{"DocuSignBackToLegacy"}},
		{"an observed program that failed is translated from now on", func(g *scraped) {
			g.start(program("erp", integration.Observe))
			for g.minute < event-2 {
				g.look(true)
			}
			for range 100 {
				g.failed("erp", "docusign_401")
				g.failed("erp", "unreachable")
			}
			g.look(true)
			g.Configure([]integration.Integration{erp})
		}, nil},
		{"everything fails of strangers", func(g *scraped) {
			g.start(erp)
			for g.minute < event {
				g.look(true)
			}
			for range 100 {
				g.failed("unknown", "unreachable")
				g.failed("unknown", "unknown_key")
			}
		}, []string{"DocuSignLegacyFromUnknownKey"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newScraped(t, "a")
			tt.story(g)
			for g.minute <= alarmed {
				g.look(true)
			}
			promtoolTest(t, []*scraped{g}, []expectation{{alarmed, map[string][]string{"a": tt.want}}})
		})
	}
}

// TestConditionsRaiseTheirAlerts has those that gauges tell of, each with the integration translated and observed.
func TestConditionsRaiseTheirAlerts(t *testing.T) {
	failure, expires := &oauth.Failure{Label: "invalid_key"}, time.Unix(over*60*2, 0)
	state := func(s oauth.State) func(*scraped) {
		list := []metrics.Token{{Integration: "erp", State: s}}
		return func(g *scraped) { g.options.Tokens = func() []metrics.Token { return list } }
	}
	ca := func(left time.Duration) func(*scraped) {
		return func(g *scraped) {
			g.options.CAExpires = func() time.Time { return time.Unix(alarmed*60, 0).Add(left) }
		}
	}
	none := func(*scraped) {}
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name                 string
		options, later       func(*scraped)
		translated, observed []string
	}{
		{"no token", state(oauth.State{Failure: failure}), none, []string{"DocuSignNoToken"}, nil},
		{"a token that is not renewed", state(oauth.State{Failure: failure, Expires: expires}), none,
			[]string{"DocuSignTokenRefreshFailing"}, nil},
		{"no consent", state(oauth.State{Failure: failure, Consent: oauth.ConsentMissing}), none,
			[]string{"DocuSignConsentRequired"}, nil},
		{"a CA of yesterday", ca(-day), none, []string{"DocuSignCAExpired"}, []string{"DocuSignCAExpired"}},
		{"a CA until tomorrow", ca(day), none, []string{"DocuSignCAExpiring"}, []string{"DocuSignCAExpiring"}},
		{"a CA for 40 days", ca(40 * day), none, nil, nil},
		{"a log that nobody reads", func(g *scraped) {
			g.options.LogDropped = func() uint64 { return 0 }
			g.options.LogStuck = func() time.Duration { return 6 * time.Second }
		}, none, []string{"DocuSignLogStuck"}, []string{"DocuSignLogStuck"}},
		{"one line of the log is lost", func(g *scraped) {
			g.options.LogDropped = func() uint64 { return uint64(g.minute / event) }
			g.options.LogStuck = func() time.Duration { return 0 }
		}, none, []string{"DocuSignLogStuck"}, []string{"DocuSignLogStuck"}},
		{"a faulty configuration", none, func(g *scraped) { g.ConfigLoaded(errors.New("line 3")) },
			[]string{"DocuSignConfigNotLoaded"}, []string{"DocuSignConfigNotLoaded"}},
		{"a clock that is off", none, func(g *scraped) { g.OAuthObserver().Clock(-2 * time.Minute) },
			[]string{"DocuSignClockOff"}, []string{"DocuSignClockOff"}},
		{"a creation that nobody knows the end of", func(g *scraped) {
			g.options.Journal = func() metrics.Journal { return metrics.Journal{Unresolved: time.Unix(event*60, 0)} }
		}, none, []string{"DocuSignCreationUnresolved"}, []string{"DocuSignCreationUnresolved"}},
		{"a limit that is nearly used up", none, func(g *scraped) {
			limits := call.NotTold()
			limits.HourlyLimit, limits.HourlyRemaining = 3000, 20
			g.Record(&call.Event{Integration: "erp", Site: "demo.docusign.net", Outcome: call.OutcomeOK, Limits: limits})
		}, []string{"DocuSignRateLimitNear"}, []string{"DocuSignRateLimitNear"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var targets []*scraped
			for _, mode := range []integration.Mode{integration.Translate, integration.Observe} {
				g := newScraped(t, string(mode))
				tt.options(g)
				g.start(program("erp", mode))
				for g.minute <= alarmed {
					if g.minute == event {
						tt.later(g)
					}
					g.look(true)
				}
				targets = append(targets, g)
			}
			promtoolTest(t, targets, []expectation{{alarmed, map[string][]string{
				"translate": tt.translated, "observe": tt.observed,
			}}})
		})
	}
}

// TestReplicasRaiseTheirAlerts has the conditions of a store that two replicas share. What both read from it is told
// once, without an instance; what is wrong with one of them names it.
func TestReplicasRaiseTheirAlerts(t *testing.T) {
	well := metrics.Shared{
		Name: "docusign-demo", Up: true, LastContact: time.Unix(alarmed*60, 0), MaxStale: 24 * time.Hour, Replicas: 2,
	}
	longAgo := time.Unix(alarmed*60, 0).Add(-20 * time.Hour)
	for _, tt := range []struct {
		name     string
		first    func(*metrics.Shared)
		both     func(*scraped)
		alone    []string
		together []string
	}{
		{name: "nothing is wrong"},
		{name: "one of them cannot reach the store", first: func(s *metrics.Shared) { s.Up = false },
			alone: []string{"DocuSignStoreUnreachable"}},
		{name: "one of them has been cut off for long", first: func(s *metrics.Shared) { s.LastContact = longAgo },
			alone: []string{"DocuSignReplicaCutOff"}},
		{name: "one of them goes on for ever without the store", first: func(s *metrics.Shared) {
			s.LastContact, s.MaxStale = longAgo, 0
		}},
		{name: "one of them hears of changes late", first: func(s *metrics.Shared) { s.FeedLag = 2 * time.Minute },
			alone: []string{"DocuSignStoreFeedLate"}},
		{name: "one of them does not get its ledger there", first: func(s *metrics.Shared) { s.Unsent = 1000 },
			both: func(g *scraped) { g.succeeded("erp") }, alone: []string{"DocuSignLedgerUnsent"}},
		{name: "the server deletes keys", first: func(s *metrics.Shared) { s.Faults = []cause.ID{cause.StoreEvicts} },
			together: []string{"DocuSignStoreDoubtful"}},
		{name: "a stranger calls", both: func(g *scraped) { g.failed("unknown", "unknown_key") },
			together: []string{"DocuSignLegacyFromUnknownKey"}},
		{name: "eleven wrong passwords at each", both: func(g *scraped) {
			for range 11 {
				g.failed("erp", "bad_login")
				g.succeeded("erp")
			}
			for range 100 {
				g.succeeded("erp")
			}
		}, together: []string{"DocuSignPasswordGuessing"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var targets []*scraped
			for i, instance := range []string{"first", "second"} {
				g, shared := newScraped(t, instance), well
				if i == 0 && tt.first != nil {
					tt.first(&shared)
				}
				g.options.Shared = func() metrics.Shared { return shared }
				g.start(program("erp", integration.Translate))
				for g.minute <= over {
					if g.minute == event && tt.both != nil {
						tt.both(g)
					}
					g.look(true)
				}
				targets = append(targets, g)
			}
			promtoolTest(t, targets, []expectation{{alarmed, map[string][]string{"first": tt.alone, "": tt.together}}})
		})
	}
}

// selected are the words of a label that an expression selects by, or leaves out (not).
func selected(t *testing.T, expr, label string, not bool) []string {
	t.Helper()
	operator := "=~"
	if not {
		operator = "!~"
	}
	m := regexp.MustCompile(label + operator + `"([^"]*)"`).FindStringSubmatch(expr)
	if m == nil {
		return nil
	}
	whole := regexp.MustCompile(`(\w+)\(([^)]*)\)`).ReplaceAllStringFunc(m[1], func(s string) string {
		prefix, ends, _ := strings.Cut(strings.TrimSuffix(s, ")"), "(")
		return prefix + strings.ReplaceAll(ends, "|", "|"+prefix)
	})
	return slices.Sorted(slices.Values(strings.Split(whole, "|")))
}

// excludedWords are the causes that do not count as failing.
func excludedWords(t *testing.T) []string {
	t.Helper()
	for _, r := range allRules(t) {
		if r.Record == "docusign_auth_proxy:failing_requests:rate15m" {
			return selected(t, r.Expr, "cause", true)
		}
	}
	t.Fatal("nothing counts failing calls")
	return nil
}

// TestTheRulesAgreeWithTheTableOfCauses holds words, severities, next steps and sections against each other.
func TestTheRulesAgreeWithTheTableOfCauses(t *testing.T) {
	alerts := map[string]rule{}
	for _, r := range allRules(t) {
		alerts[r.Alert] = r
	}
	counted, excluded := wordsAtZero(t), excludedWords(t)
	for name, r := range alerts {
		want := slices.Sorted(slices.Values(toldBy(name)))
		for _, label := range []string{"cause", "reason"} {
			if words := selected(t, r.Expr, label, false); words != nil && !slices.Equal(words, want) {
				t.Errorf("%s is about %v, by the table %v", name, words, want)
			}
		}
	}
	sections := runbookSections(t)
	for _, id := range cause.All() {
		e := id.Of()
		if e.Anchor != "" && !sections[e.Anchor] {
			t.Errorf("%s: the runbook has no section %s", id, e.Anchor)
		}
		r, ok := alerts[e.Alert]
		if e.Alert == "" {
			continue
		}
		if !ok {
			t.Errorf("%s: there is no alert %s", id, e.Alert)
			continue
		}
		// A graver row than its alert: the failing integration pages as well. Who knocks at a port may be anybody, so that a
		// connection pages nobody, and the status page alone knows how grave it is.
		graver := e.Severity == cause.Page && (slices.Contains(counted, e.Word) || e.Alert == "DocuSignConnectionsFailing")
		if r.Labels["severity"] != e.Severity.String() && !graver && e.Alert != "DocuSignIntegrationFailing" {
			t.Errorf("%s is a %s, its alert %s a %s", id, e.Severity, e.Alert, r.Labels["severity"])
		}
		if e.Severity == cause.Note {
			t.Errorf("%s needs nobody, and %s calls somebody", id, e.Alert)
		}
		if slices.Contains(excluded, e.Word) {
			t.Errorf("%s is a %s, and does not count as failing", id, e.Severity)
		}
	}
	if notes := slices.DeleteFunc(wordsAfter(t, everyWord()...), func(word string) bool {
		id, ok := cause.Lookup(word)
		return !ok || id.Of().Severity > cause.Note
	}); !slices.Equal(excluded, notes) {
		t.Errorf("what does not count as failing is\n%v, by the table\n%v", excluded, notes)
	}
}

// everyWord are those of the table and DocuSign's statuses; what no call fails for is no label.
func everyWord() []string {
	var list []string
	for _, id := range cause.All() {
		list = append(list, id.String())
	}
	for status := 400; status < 600; status++ {
		list = append(list, fmt.Sprint("docusign_", status))
	}
	return list
}

// TestAlertsNameTheNextStep wants that of the table where an alert has only one, else the place that names it.
func TestAlertsNameTheNextStep(t *testing.T) {
	place := regexp.MustCompile(`status page|docusign-auth-proxy doctor|dashboard|log`)
	for _, r := range allRules(t) {
		var steps []string
		for _, word := range toldBy(r.Alert) {
			id, _ := cause.Lookup(word)
			steps = append(steps, regexp.MustCompile(` \(|; |\. `).Split(id.Of().Next, 2)[0])
		}
		steps = slices.Compact(steps)
		text := r.Annotations["description"]
		switch {
		case r.Alert == "":
		case len(steps) == 1:
			step := cause.Fill(
				steps[0], "user", "each of them", "consent", "their consent page (docusign-auth-proxy consent)", "key", "KEY",
			)
			if !strings.Contains(text, "Next: "+step) {
				t.Errorf("%s says %q, the table %q", r.Alert, text, step)
			}
		case !place.MatchString(text):
			t.Errorf("%s names neither a next step nor a place: %q", r.Alert, text)
		}
	}
}
