package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/files/filestest"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/store"
)

func start() time.Time { return time.Date(2026, 11, 22, 10, 30, 0, 0, time.UTC) }

func event() call.Event {
	return call.Event{
		Time: start(), Integration: "billing", Key: "key", Authenticator: "svc@example.com", Principal: "anna@example.com",
		Scheme: "header_json", Door: "connect", API: "rest_v2", Mode: "translate", Outcome: call.OutcomeOK, Status: 200,
		Client: netip.MustParseAddr("10.0.0.1"), UserAgent: "old/1.0", BytesIn: 10, BytesOut: 20,
	}
}

// send makes the credential of a call go a way.
func send(e *call.Event, way ledger.Way) {
	e.Scheme, e.Mode, e.AppPassword = "header_json", "translate", way == ledger.WayAppPassword
	switch way {
	case ledger.WayNone:
		e.Scheme = "none"
	case ledger.WayForwarded:
		e.Mode = "observe"
	case ledger.WayNative:
		e.Scheme = "oauth_bearer"
	}
}

func newLedger(t testing.TB, o ledger.Options) *ledger.Ledger {
	t.Helper()
	if o.Now == nil {
		o.Now = start
	}
	if o.OnError == nil {
		o.OnError = func(err error) { t.Errorf("told of %v", err) }
	}
	l, err := ledger.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func flush(t testing.TB, l *ledger.Ledger) {
	t.Helper()
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
}

func only(t *testing.T, l *ledger.Ledger, mode integration.Mode) ledger.Summary {
	t.Helper()
	return l.Integrations([]integration.Integration{{Name: "billing", Mode: mode}})[0]
}

func TestARowSaysWhoCallsWithWhat(t *testing.T) {
	l := newLedger(t, ledger.Options{})
	e := event()
	l.Record(&e)
	e.Time = start().Add(2 * time.Minute)
	e.Outcome, e.Status, e.Detail, e.UserAgent = "refused", 401, "the password is wrong", "old/1.1"
	e.Client = netip.MustParseAddr("10.0.0.2")
	l.Record(&e)
	e.Time = start().Add(time.Minute)
	e.API, e.Outcome, e.Status, e.Detail = "soap_api", call.OutcomeOK, 200, ""
	l.Record(&e)

	rows := l.Rows()
	if len(rows) != 2 {
		t.Fatalf("%d rows", len(rows))
	}
	want := ledger.Row{
		Integration: "billing", Authenticator: "svc@example.com", Principal: "anna@example.com", Scheme: "header_json",
		Door: "connect",
		API:  "rest_v2", Way: "translated", FirstSeen: start(), LastSeen: start().Add(2 * time.Minute), Calls: 2, Failed: 1,
		Outcomes: map[string]uint64{"ok": 1, "refused": 1}, LastStatus: 401, LastError: "the password is wrong",
		LastErrorAt: start().Add(2 * time.Minute), Client: "10.0.0.2", UserAgent: "old/1.1", BytesIn: 20, BytesOut: 40,
	}
	if fmt.Sprintf("%+v", rows[0]) != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %+v\nwant %+v", rows[0], want)
	}
	s := only(t, l, "translate")
	if s.Calls != 3 || s.Outcomes["ok"] != 2 || s.Outcomes["refused"] != 1 || s.LastError != "the password is wrong" ||
		s.BytesIn != 30 {
		t.Errorf("the summary is %+v", s)
	}
	if !slices.Equal(s.APIs, []string{"rest_v2", "soap_api"}) || fmt.Sprint(s.Callers) != fmt.Sprint(rows) ||
		!slices.Equal(s.Doors, []string{"connect"}) || !slices.Equal(s.Schemes, []string{"header_json"}) {
		t.Errorf("the summary is %+v", s)
	}
}

func TestStrangersAreKeptApart(t *testing.T) {
	l := newLedger(t, ledger.Options{})
	e := event()
	e.Integration, e.Key = call.UnknownIntegration, "foreign-key"
	l.Record(&e)
	e.API, e.Door = "soap_api", "sidecar" // the same stranger at another door is not another stranger
	l.Record(&e)
	e.Integration = ""
	l.Record(&e)
	e = event()
	e.UnknownUser, e.Authenticator, e.Outcome, e.Detail = true, "mallory@example.com", call.OutcomeRefused,
		"this user is not configured"
	l.Record(&e)
	if rows := l.Rows(); len(rows) != 0 {
		t.Errorf("strangers are among the known: %+v", rows)
	}
	unknown := l.Unknown()
	if len(unknown) != 2 || unknown[0].Authenticator != "mallory@example.com" || unknown[0].Integration != "billing" ||
		unknown[1].Key != "foreign-key" || unknown[1].Calls != 3 || unknown[1].Integration != call.UnknownIntegration {
		t.Errorf("the unknown are %+v", unknown)
	}
	if s := only(t, l, "translate"); s.State != ledger.StateNeverSeen || s.UnknownUsers != 1 || s.Calls != 1 {
		t.Errorf("a refused stranger makes the integration %+v", s)
	}
}

func TestTheLeastRecentlySeenGoesFirst(t *testing.T) {
	for _, max := range []int{1, 3, 64} {
		t.Run(strconv.Itoa(max), func(t *testing.T) {
			l := newLedger(t, ledger.Options{MaxRows: max, MaxUnknown: max})
			for _, integration := range []string{"billing", call.UnknownIntegration} {
				for i := range 5 * max {
					e := event()
					e.Integration, e.Authenticator, e.Time = integration, strconv.Itoa(i), start().Add(time.Duration(i)*time.Second)
					l.Record(&e)
				}
			}
			var names []string
			for _, r := range l.Rows() {
				names = append(names, r.Authenticator)
			}
			if len(names) > max || len(names) < max-max/16 || len(l.Unknown()) != len(names) {
				t.Fatalf("%d and %d rows", len(names), len(l.Unknown()))
			}
			for i, name := range names {
				if name != strconv.Itoa(5*max-1-i) {
					t.Errorf("place %d has %s", i, name)
				}
			}
			if s := only(t, l, "translate"); s.Calls != uint64(5*max) {
				t.Errorf("the summary lost calls: %d", s.Calls)
			}
		})
	}
}

func TestIntegrationsAreBounded(t *testing.T) {
	s := store.Memory()
	l := newLedger(t, ledger.Options{MaxIntegrations: 3, Store: s})
	for i := range 9 {
		e := event()
		e.Integration, e.Time = "integration-"+strconv.Itoa(i), start().Add(time.Duration(i)*time.Second)
		l.Record(&e)
		flush(t, l)
	}
	check := func(l *ledger.Ledger, want int) {
		t.Helper()
		if n := len(l.Rows()); n != want {
			t.Errorf("%d rows", n)
		}
		for i, s := range l.Integrations([]integration.Integration{{Name: "integration-5"}, {Name: "integration-8"}}) {
			if s.Calls != uint64(i) {
				t.Errorf("%s has %d calls", s.Name, s.Calls)
			}
		}
	}
	check(l, 3)
	check(newLedger(t, ledger.Options{Store: s}), 3)
	lower := newLedger(t, ledger.Options{Store: s, MaxIntegrations: 1})
	check(lower, 1)
	flush(t, lower)
	check(newLedger(t, ledger.Options{Store: s}), 1)
}

func TestOutcomesAreBounded(t *testing.T) {
	l := newLedger(t, ledger.Options{})
	for i := range 50 {
		e := event()
		e.Outcome = call.Outcome("outcome-" + strconv.Itoa(i))
		l.Record(&e)
	}
	e := event()
	e.Outcome = ""
	l.Record(&e)
	r := l.Rows()[0]
	var sum uint64
	for _, n := range r.Outcomes {
		sum += n
	}
	if len(r.Outcomes) > len(call.Outcomes()) || sum != 51 || r.Calls != 51 || r.Outcomes["other"] == 0 {
		t.Errorf("the counts are %v", r.Outcomes)
	}
}

func TestHostileTextIsOnlyData(t *testing.T) {
	hostile := "a\x1b[2J\r\nb\x00\u202e\xff" + strings.Repeat("é", 5000)
	s := store.Memory()
	l := newLedger(t, ledger.Options{Store: s})
	for range 2 {
		e := event()
		e.Integration, e.Key, e.Authenticator, e.Principal, e.Scheme = call.UnknownIntegration, hostile, hostile, hostile,
			hostile
		e.Door, e.API = call.Door(hostile), call.API(hostile)
		e.Outcome, e.Detail, e.UserAgent = call.Outcome(hostile), hostile, hostile
		l.Record(&e)
		e.Integration = hostile
		l.Record(&e)
	}
	flush(t, l)
	unknown := l.Unknown()
	// What may be a secret in the wrong field does not come back from the store.
	if again := newLedger(t, ledger.Options{Store: s}); len(unknown) != 1 || len(again.Unknown()) != 0 {
		t.Fatalf("%d unknown rows, %d after a restart", len(unknown), len(again.Unknown()))
	}
	for _, l := range []*ledger.Ledger{l, newLedger(t, ledger.Options{Store: s})} {
		rows := l.Rows()
		if len(rows) != 1 {
			t.Fatalf("%d rows", len(rows))
		}
		rows = append(rows, unknown[0].Row)
		for _, r := range rows {
			if r.Calls != 2 {
				t.Errorf("%d calls", r.Calls)
			}
			if text := fmt.Sprintf("%+v %+v", r, unknown[0].Key); len(text) > 4500 ||
				(strings.ContainsAny(text, "\x1b\r\n\x00\u202e") || !utf8.ValidString(text)) {
				t.Errorf("%d bytes: %q", len(text), text)
			}
			if !strings.HasPrefix(r.UserAgent, "a?[2J??b???é") {
				t.Errorf("the agent is %q", r.UserAgent)
			}
		}
	}
}

func TestRowsSurvive(t *testing.T) {
	path := filepath.Join(filestest.TempDir(t), "state.db")
	open := func() *store.Store {
		s, err := store.Open(path, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	l := newLedger(t, ledger.Options{Store: s})
	for i := range 30 {
		e := event()
		e.Time = start().Add(-time.Duration(i) * time.Hour)
		e.API = call.API("api-" + strconv.Itoa(i%3))
		send(&e, ledger.Way(1+i%4))
		if i%2 == 1 {
			e.Outcome, e.Detail = "refused", "the password is wrong"
		}
		l.Record(&e)
		e.Integration, e.Key = call.UnknownIntegration, "a1b2c3d4-0000-4000-8000-0000000000ff"
		l.Record(&e)
		flush(t, l)
	}
	view := func(l *ledger.Ledger) string {
		return fmt.Sprintf("%+v\n%+v\n%+v", l.Rows(), l.Unknown(), l.Integrations([]integration.Integration{{Name: "billing"},
			{Name: call.UnknownIntegration}}))
	}
	before := view(l)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open()
	defer s.Close()
	if after := view(newLedger(t, ledger.Options{Store: s})); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

func stored(t *testing.T, s *store.Store) (keys []string) {
	t.Helper()
	if err := s.LedgerRows(func(k string, _ []byte) error { keys = append(keys, k); return nil }); err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys)
	return keys
}

func TestTheStoreIsAsBoundedAsTheLedger(t *testing.T) {
	s := store.Memory()
	l := newLedger(t, ledger.Options{Store: s, MaxRows: 32})
	for i := range 500 {
		e := event()
		e.Authenticator, e.Time = strconv.Itoa(i), start().Add(time.Duration(i)*time.Second)
		l.Record(&e)
		if i%7 == 0 {
			flush(t, l)
		}
	}
	flush(t, l)
	if n := len(stored(t, s)); n != 1+len(l.Rows()) {
		t.Errorf("%d rows and an integration are stored as %d", len(l.Rows()), n)
	}
	again := newLedger(t, ledger.Options{Store: s, MaxRows: 32})
	if a, b := fmt.Sprint(l.Rows()), fmt.Sprint(again.Rows()); a != b {
		t.Errorf("before %s\nafter %s", a, b)
	}
	lower := newLedger(t, ledger.Options{Store: s, MaxRows: 4})
	flush(t, lower)
	if a, b := fmt.Sprint(l.Rows()[:4]), fmt.Sprint(lower.Rows()); a != b || len(stored(t, s)) != 5 {
		t.Errorf("with a lower bound the latest are not the ones kept: %s\n%s\n%v", a, b, stored(t, s))
	}
}

// failing is a store whose disk is full now and then.
type failing struct {
	*store.Store
	full bool
}

func (f *failing) WriteLedger(put map[string][]byte, drop []string) error {
	if f.full {
		return errors.New("no space left on device")
	}
	return f.Store.WriteLedger(put, drop)
}

func TestAFailedFlushIsMadeUpFor(t *testing.T) {
	s := &failing{Store: store.Memory()}
	l := newLedger(t, ledger.Options{Store: s, MaxRows: 8, MaxIntegrations: 2})
	for i := range 100 {
		e := event()
		e.Integration, e.Authenticator, e.Time = "integration-"+strconv.Itoa(i/20), strconv.Itoa(i),
			start().Add(time.Duration(i)*time.Second)
		l.Record(&e)
		s.full = i%3 != 0
		if err := l.Flush(); (err == nil) == s.full {
			t.Errorf("a flush gives %v", err)
		}
	}
	s.full = false
	flush(t, l)
	if a, b := fmt.Sprint(l.Rows()), fmt.Sprint(newLedger(t, ledger.Options{Store: s}).Rows()); a != b ||
		len(stored(t, s.Store)) != len(l.Rows())+2 {
		t.Errorf("before %s\nafter %s\n%v", a, b, stored(t, s.Store))
	}
}

func TestNothingIsWrittenWithoutAChange(t *testing.T) {
	s := &failing{Store: store.Memory()}
	l := newLedger(t, ledger.Options{Store: s})
	e := event()
	l.Record(&e)
	flush(t, l)
	s.full = true
	flush(t, l)
}

func TestUnreadableRowsAreToldAndLeftAlone(t *testing.T) {
	s := store.Memory()
	bad := map[string][]byte{
		"k00000000": []byte("no JSON"), "k00000001": []byte(`{"v":9,"first":1,"last":1}`),
		"u00000000": []byte(`{"v":1,"first":5,"last":1}`),
		"kxyz":      []byte(`{"v":1,"first":1,"last":1}`), "z": nil,
		"ibilling": []byte(`{"v":1,"first":1,"last":1,"name":"other"}`),
		"ia":       []byte(`{"v":1,"first":1,"last":1,"name":"a","recent_count":99}`),
		"ib":       []byte(`{"v":1,"first":1,"last":1,"name":"b","hours":[[0,1,2,3,4,5]]}`),
	}
	if err := s.WriteLedger(bad, nil); err != nil {
		t.Fatal(err)
	}
	told := 0
	l := newLedger(t, ledger.Options{Store: s, OnError: func(error) { told++ }})
	if told != len(bad) {
		t.Errorf("told of %d of %d", told, len(bad))
	}
	e := event()
	e.Integration = "new"
	l.Record(&e)
	flush(t, l)
	if keys := stored(t, s); len(keys) != len(bad)+2 || !slices.Contains(keys, "k00000002") {
		t.Errorf("stored are %v", keys)
	}
}

func TestAStoreThatCannotBeReadIsAnError(t *testing.T) {
	s := store.Memory()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.New(ledger.Options{Store: s}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("the error is %v", err)
	}
}

func TestRunWritesEveryFewSecondsAndAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &failing{Store: store.Memory()}
		var told []error
		l := newLedger(t, ledger.Options{Store: s, Now: time.Now, OnError: func(err error) { told = append(told, err) }})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- l.Run(ctx) }()
		record := func(user string) {
			e := event()
			e.Time, e.Authenticator = time.Time{}, user
			l.Record(&e)
		}
		record("a")
		time.Sleep(ledger.FlushEvery + time.Millisecond)
		synctest.Wait()
		if n := len(stored(t, s.Store)); n != 2 {
			t.Errorf("after a tick %d are stored", n)
		}
		s.full = true
		record("b")
		time.Sleep(ledger.FlushEvery)
		synctest.Wait()
		if len(told) != 1 {
			t.Errorf("told of %v", told)
		}
		s.full = false
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if n := len(stored(t, s.Store)); n != 3 {
			t.Errorf("at the end %d are stored", n)
		}
	})
}

func TestALedgerWithoutAStore(t *testing.T) {
	l := newLedger(t, ledger.Options{})
	e := event()
	l.Record(&e)
	flush(t, l)
	if len(l.Rows()) != 1 {
		t.Error("nothing is recorded")
	}
}

func TestManyCallersAtOnce(t *testing.T) {
	s := store.Memory()
	l := newLedger(t, ledger.Options{Store: s, MaxRows: 16, MaxUnknown: 16, MaxIntegrations: 4})
	var wait sync.WaitGroup
	const callers, calls = 4, 400
	for c := range callers {
		wait.Go(func() {
			for i := range calls {
				e := event()
				l.Record(&e)
				e.Authenticator = strconv.Itoa(i % 40)
				e.UnknownUser = i%3 == 0
				e.Outcome = call.Outcome("o" + strconv.Itoa(i%30))
				l.Record(&e)
				if i%50 == c {
					l.Rows()
					l.Unknown()
					l.Integrations([]integration.Integration{{Name: "billing"}})
					if err := l.Flush(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wait.Wait()
	if got := only(t, l, "translate").Calls; got != 2*callers*calls {
		t.Errorf("%d calls are counted", got)
	}
	if len(l.Rows()) > 16 || len(l.Unknown()) > 16 {
		t.Errorf("%d and %d rows", len(l.Rows()), len(l.Unknown()))
	}
}

func TestRecordOnAKnownRowDoesNotAllocate(t *testing.T) {
	l := newLedger(t, ledger.Options{})
	e := event()
	if n := testing.AllocsPerRun(100, func() { l.Record(&e) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	e.Outcome, e.Detail = call.OutcomeServerError, "DocuSign did not answer"
	if n := testing.AllocsPerRun(100, func() { l.Record(&e) }); n != 0 {
		t.Errorf("%v allocations for a failure", n)
	}
}

func BenchmarkRecord(b *testing.B) {
	l := newLedger(b, ledger.Options{})
	b.Run("one user", func(b *testing.B) {
		b.ReportAllocs()
		e := event()
		for b.Loop() {
			l.Record(&e)
		}
	})
	b.Run("in parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(p *testing.PB) {
			e := event()
			for p.Next() {
				l.Record(&e)
			}
		})
	})
	b.Run("strangers", func(b *testing.B) {
		e := event()
		e.Integration = call.UnknownIntegration
		for i := 0; b.Loop(); i++ {
			e.Key = strconv.Itoa(i)
			l.Record(&e)
		}
	})
}

const childVariable = "LEDGER_TEST_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		if err := child(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// child records and flushes until it is killed, and tells how many calls are flushed.
func child(path string) error {
	s, err := store.Open(path, store.Options{})
	if err != nil {
		return err
	}
	l, err := ledger.New(ledger.Options{Store: s})
	for n := 1; err == nil; n++ {
		e := event()
		e.API = call.API("api-" + strconv.Itoa(n%7))
		l.Record(&e)
		if err = l.Flush(); err == nil {
			_, err = fmt.Println(n)
		}
	}
	return err
}

func TestWhatWasFlushedSurvivesAKill(t *testing.T) {
	path := filepath.Join(filestest.TempDir(t), "state.db")
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	told := make([]byte, len("1\n2\n3\n4\n5\n"))
	if _, err := io.ReadFull(out, told); err != nil {
		t.Error(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(out)
	if err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the child ended by itself")
	}
	lines := strings.Split(string(told)+string(rest), "\n")
	flushed := len(lines) - 1 // the last is empty or cut off
	s, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l := newLedger(t, ledger.Options{Store: s})
	var calls uint64
	for _, r := range l.Rows() {
		calls += r.Calls
	}
	// One flush may have been made and not told.
	if flushed < 5 || calls < uint64(flushed) || calls > uint64(flushed)+1 || only(t, l, "").Calls != calls {
		t.Errorf("%d calls were flushed, %d are there", flushed, calls)
	}
}
