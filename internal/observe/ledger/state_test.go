package ledger_test

import (
	"testing"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/observe/ledger"
)

func TestState(t *testing.T) {
	const day = 24 * time.Hour
	ago := func(d time.Duration) time.Time { return start().Add(-d) }
	for _, test := range []struct {
		name string
		e    ledger.Evidence
		want ledger.State
	}{
		{"a blocked integration is blocked though nobody ever called", ledger.Evidence{Mode: "block"}, ledger.StateBlocked},
		{"a blocked integration is blocked though it fails", ledger.Evidence{Mode: "block", Forwarded: ago(day), Recent: 10,
			Failed: 10}, ledger.StateBlocked},
		{"without a call it was never seen", ledger.Evidence{Mode: "translate"}, ledger.StateNeverSeen},
		{"without a call for the idle time it is idle", ledger.Evidence{Translated: ago(14 * day)}, ledger.StateIdle},
		{"just within the idle time it is not", ledger.Evidence{Translated: ago(14*day - 1)}, ledger.StateTranslated},
		{"idle wins over failing", ledger.Evidence{Translated: ago(20 * day), Recent: 10, Failed: 10}, ledger.StateIdle},
		{"idle wins over native", ledger.Evidence{Native: ago(20 * day)}, ledger.StateIdle},
		{"any kind of call keeps it from being idle", ledger.Evidence{Translated: ago(20 * day), Native: ago(day)},
			ledger.StateNative},
		{"a single call that failed is failing", ledger.Evidence{Translated: ago(day), Recent: 1, Failed: 1},
			ledger.StateFailing},
		{"eight of ten failed is failing", ledger.Evidence{Translated: ago(day), Recent: 10, Failed: 8}, ledger.StateFailing},
		{"seven of ten is not", ledger.Evidence{Translated: ago(day), Recent: 10, Failed: 7}, ledger.StateTranslated},
		{"failing wins over mixed", ledger.Evidence{Translated: ago(day), Native: ago(day), Recent: 10, Failed: 10},
			ledger.StateFailing},
		{"legacy and native within the window is mixed", ledger.Evidence{Translated: ago(10 * day), Native: ago(day)},
			ledger.StateMixed},
		{"forwarded and native within the window is mixed too", ledger.Evidence{Forwarded: ago(day), Native: ago(10 * day)},
			ledger.StateMixed},
		{"native alone within the window is native", ledger.Evidence{Native: ago(day)}, ledger.StateNative},
		{"legacy before the window does not count", ledger.Evidence{Forwarded: ago(15 * day), Translated: ago(16 * day),
			Native: ago(day)}, ledger.StateNative},
		{"native before the window does not count", ledger.Evidence{Native: ago(15 * day), Translated: ago(day)},
			ledger.StateTranslated},
		{"forwarded legacy credentials are legacy", ledger.Evidence{Mode: "observe", Forwarded: ago(day)},
			ledger.StateLegacy},
		{"translated legacy credentials are translated", ledger.Evidence{Mode: "translate", Translated: ago(day)},
			ledger.StateTranslated},
		{"of forwarded and translated the latest decides: translated", ledger.Evidence{Forwarded: ago(2 * day),
			Translated: ago(day)}, ledger.StateTranslated},
		{"of forwarded and translated the latest decides: forwarded", ledger.Evidence{Forwarded: ago(day),
			Translated: ago(2 * day)}, ledger.StateLegacy},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.e.State(start()); got != test.want {
				t.Errorf("it is %s, not %s", got, test.want)
			}
		})
	}
}

// step is some calls of a kind, after a pause.
type step struct {
	after   time.Duration
	calls   int
	way     ledger.Way
	outcome call.Outcome
}

func TestAMigrationAsTheLedgerSeesIt(t *testing.T) {
	const day = 24 * time.Hour
	ok := call.OutcomeOK
	steps := []struct {
		name string
		step step
		mode integration.Mode
		want ledger.State
	}{
		{"before anything", step{}, "observe", ledger.StateNeverSeen},
		{"the program fetches a WSDL", step{0, 1, ledger.WayNone, ok}, "observe", ledger.StateNeverSeen},
		{"it calls with its old credential", step{time.Hour, 5, ledger.WayForwarded, ok}, "observe", ledger.StateLegacy},
		{"DocuSign refuses the old credential", step{day, 9, ledger.WayForwarded, call.OutcomeClientError}, "observe",
			ledger.StateFailing},
		{"the proxy translates; the first good calls", step{time.Hour, 2, ledger.WayTranslated, ok}, "translate",
			ledger.StateFailing},
		{"the third good call", step{time.Hour, 1, ledger.WayTranslated, ok}, "translate", ledger.StateTranslated},
		{"SOAP goes on with an App Password", step{time.Hour, 1, ledger.WayAppPassword, ok}, "translate",
			ledger.StateTranslated},
		{"the new release speaks OAuth in one place", step{day, 4, ledger.WayNative, ok}, "translate", ledger.StateMixed},
		{"two weeks later it does so everywhere", step{14 * day, 4, ledger.WayNative, ok}, "translate", ledger.StateNative},
		{"a forgotten script wakes up", step{day, 1, ledger.WayTranslated, ok}, "translate", ledger.StateMixed},
		{"everything goes past the proxy", step{20 * day, 0, ledger.WayNone, ok}, "translate", ledger.StateIdle},
		{"the operator blocks it", step{}, "block", ledger.StateBlocked},
	}
	now := start()
	l := newLedger(t, ledger.Options{Now: func() time.Time { return now }})
	for _, s := range steps {
		now = now.Add(s.step.after)
		for range s.step.calls {
			e := event()
			e.Time, e.Outcome = now, s.step.outcome
			send(&e, s.step.way)
			l.Record(&e)
		}
		if got := only(t, l, s.mode).State; got != s.want {
			t.Errorf("%s: it is %s, not %s", s.name, got, s.want)
		}
	}
}

func TestNativeSinceIsTheFirstNativeCallAfterTheLastLegacyOne(t *testing.T) {
	now := start()
	l := newLedger(t, ledger.Options{Now: func() time.Time { return now }})
	var since []time.Time
	for _, way := range []ledger.Way{ledger.WayNative, ledger.WayNative, ledger.WayForwarded, ledger.WayNative,
		ledger.WayNative} {
		now = now.Add(time.Hour)
		e := event()
		e.Time = now
		send(&e, way)
		l.Record(&e)
		since = append(since, only(t, l, "").NativeSince)
	}
	first, second := start().Add(time.Hour), start().Add(4*time.Hour)
	for i, want := range []time.Time{first, first, {}, second, second} {
		if !since[i].Equal(want) {
			t.Errorf("after call %d it is %v, not %v", i, since[i], want)
		}
	}
	if s := only(t, l, ""); !s.LegacyLast.Equal(start().Add(3*time.Hour)) || !s.NativeLast.Equal(now) {
		t.Errorf("the last ones are %v and %v", s.LegacyLast, s.NativeLast)
	}
}

func TestTheHourlySeries(t *testing.T) {
	now := start()
	l := newLedger(t, ledger.Options{Now: func() time.Time { return now }})
	record := func(at time.Time, way ledger.Way, outcome call.Outcome) {
		e := event()
		e.Time, e.Outcome = at, outcome
		send(&e, way)
		l.Record(&e)
	}
	for h := range 24 * 30 { // more hours than are kept
		now = start().Add(time.Duration(h) * time.Hour)
		record(now, ledger.WayTranslated, call.OutcomeOK)
		record(now, ledger.WayNative, call.OutcomeOK)
		record(now, ledger.WayAppPassword, call.OutcomeOK)
		record(now, ledger.WayForwarded, call.OutcomeServerError)
	}
	record(now.Add(-24*14*time.Hour), ledger.WayNative, call.OutcomeOK) // a clock that was set back
	s := only(t, l, "translate")
	if len(s.Hours) != 24*14 {
		t.Fatalf("%d hours", len(s.Hours))
	}
	want := ledger.Hour{Start: now.Truncate(time.Hour), Calls: 4, Failed: 1, Legacy: 3, Native: 1}
	if got := s.Hours[len(s.Hours)-1]; got != want {
		t.Errorf("the last hour is %+v", got)
	}
	if got := s.Hours[0].Start; !got.Equal(now.Truncate(time.Hour).Add(-(24*14 - 1) * time.Hour)) {
		t.Errorf("the first hour is %v", got)
	}
	if s.CallsLast24h != 96 || s.OAuthLast24h != 48 {
		t.Errorf("in 24 hours there were %d and %d", s.CallsLast24h, s.OAuthLast24h)
	}
	now = now.Add(24 * time.Hour)
	if s = only(t, l, "translate"); s.CallsLast24h != 0 || len(s.Hours) != 24*13 {
		t.Errorf("a day later there are %d calls, %d hours", s.CallsLast24h, len(s.Hours))
	}
}

func TestWaysHaveNames(t *testing.T) {
	for way, want := range map[ledger.Way]string{ledger.WayNone: "none", ledger.WayForwarded: "forwarded",
		ledger.WayTranslated:  "translated",
		ledger.WayAppPassword: "app_password", ledger.WayNative: "native", 99: "none"} {
		if got := way.String(); got != want {
			t.Errorf("%d is %q", way, got)
		}
	}
}
