package ledger_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/observe/ledger/ledgertest"
)

func TestSharedInMemory(t *testing.T) {
	ledgertest.Run(t, func(*testing.T) (a, b ledger.Shared) {
		m := ledgertest.NewMemory()
		return m.Replica("a"), m.Replica("b")
	})
}

var errAway = errors.New("away")

// unsteady is a store that is away, or whose answer does not come back.
type unsteady struct {
	ledger.Shared
	away, mute func() bool // nil = never
}

func (u *unsteady) Merge(ctx context.Context, b ledger.Batch) error {
	if u.away != nil && u.away() {
		return errAway
	}
	err := u.Shared.Merge(ctx, b)
	if u.mute != nil && u.mute() {
		return errAway
	}
	return err
}

func (u *unsteady) Rows(
	ctx context.Context, kind string, since uint64, f func(ledger.Fields) error,
) (ledger.Sight, error) {
	if u.away != nil && u.away() {
		return ledger.Sight{}, errAway
	}
	return u.Shared.Rows(ctx, kind, since, f)
}

// clock is a time that tests set.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

// replica makes a ledger of a store that replicas share.
func replica(t *testing.T, c *clock, s ledger.Shared) *ledger.Ledger {
	t.Helper()
	l := newLedger(t, ledger.Options{Shared: s, Now: c.Now, OnError: func(err error) {
		if !errors.Is(err, errAway) {
			t.Errorf("told of %v", err)
		}
	}})
	l.Configure(configured())
	return l
}

func configured() []integration.Integration {
	return []integration.Integration{
		{Name: "billing", Mode: integration.Observe}, {Name: "archive", Mode: integration.Translate},
	}
}

// randomEvent is the n-th call of many: any kind, at its own time.
func randomEvent(random *rand.Rand, n int) *call.Event {
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	e := event()
	e.Time = start().Add(-300*time.Hour + time.Duration(n)*11*time.Minute)
	e.Integration = pick("billing", "archive", call.UnknownIntegration)
	e.Authenticator, e.UnknownUser = pick("anna@example.com", "ben@example.com"), random.IntN(9) == 0
	const key = "c0ffee00-0000-4000-8000-00000000000"
	e.Key, e.UserAgent = key+pick("1", "2"), pick("old/1.0", "old/1.1")
	send(&e, ledger.Way(random.IntN(5)))
	e.API = call.API(pick("rest_v2", "soap_api", "soap_dsapi"))
	e.Operation = pick("CreateEnvelope", "RequestStatus", "Odd")
	e.Client = netip.AddrFrom4([4]byte{10, 0, 0, byte(random.IntN(3))})
	if random.IntN(3) == 0 {
		e.Outcome, e.Status = call.Outcomes()[random.IntN(len(call.Outcomes()))], 400+random.IntN(9)
		e.Cause, e.NextStep = pick("bearer_refused", "bad_login"), fmt.Sprint("step ", n)
	}
	e.BytesIn, e.BytesOut = random.Int64N(1000), random.Int64N(1000)
	return &e
}

// exact is what does not depend on the order in which batches come: all but which of the last calls failed, and whose
// first call of its own came before a legacy call of the same ten seconds.
func exact(t *testing.T, l *ledger.Ledger) any {
	t.Helper()
	list := l.Integrations(configured())
	for n := range list {
		s := &list[n]
		if s.State = ""; !s.NativeSince.IsZero() && !s.NativeSince.After(s.LegacyLast) {
			t.Errorf("%s: native since %v, but legacy at %v", s.Name, s.NativeSince, s.LegacyLast)
		}
		if s.NativeSince.IsZero() != (s.NativeLast.IsZero() || s.LegacyLast.After(s.NativeLast)) {
			t.Errorf("%s: native since %v, last %v, legacy at %v", s.Name, s.NativeSince, s.NativeLast, s.LegacyLast)
		}
		s.NativeSince = time.Time{}
		if s.Rehearsals != nil { // as many calls: in any order
			slices.SortFunc(s.Rehearsals.Not, func(a, b ledger.Rehearsed) int { return cmp.Compare(a.User, b.User) })
		}
	}
	return []any{list, l.Rows(), l.Unknown()}
}

func TestReplicasTogetherKnowWhatOneWouldKnow(t *testing.T) {
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 7))
		m, c := ledgertest.NewMemory(), &clock{start()}
		sometimes := func() bool { return random.IntN(4) == 0 }
		one := newLedger(t, ledger.Options{Now: c.Now})
		one.Configure(configured())
		var replicas []*ledger.Ledger
		for _, name := range []string{"a", "b", "c"} {
			replicas = append(replicas, replica(t, c, &unsteady{m.Replica(name), sometimes, sometimes}))
		}
		for n := range 1500 {
			e := randomEvent(random, n)
			one.Record(e)
			l := replicas[random.IntN(3)]
			l.Record(e)
			if random.IntN(20) == 0 {
				_ = l.Flush() // what fails is sent by a later one
				c.now = c.now.Add(time.Second)
			}
		}
		for _, l := range replicas {
			for l.Flush() != nil || l.Sharing().Unsent > 0 {
			}
		}
		want := exact(t, one)
		c.now = c.now.Add(time.Minute)
		for n, l := range append(replicas, replica(t, c, m.Replica("new"))) {
			for l.Look() != nil {
			}
			if got := exact(t, l); !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d: replica %d knows\n%+v, want\n%+v", seed, n, got, want)
			}
		}
	}
}

func TestWhatIsNotSentYetIsSeenByTheReplicaThatHasIt(t *testing.T) {
	m, c, away, mute := ledgertest.NewMemory(), &clock{start()}, true, false
	a := replica(t, c, &unsteady{m.Replica("a"), func() bool { return away }, func() bool { return mute }})
	b := replica(t, c, m.Replica("b"))
	e := event()
	calls := func(l *ledger.Ledger) uint64 { return l.Summary("billing", integration.Observe).Calls }
	check := func(name string, wantA, wantB, unsent uint64) {
		t.Helper()
		c.now = c.now.Add(6 * time.Second)
		if calls(a) != wantA || calls(b) != wantB || len(a.Rows()) == 0 || a.Rows()[0].Calls != wantA ||
			a.Sharing().Unsent != unsent {
			t.Errorf("%s: a has %d, b %d, rows %v, unsent %d", name, calls(a), calls(b), a.Rows(), a.Sharing().Unsent)
		}
	}
	a.Record(&e)
	check("before the first batch", 1, 0, 1)
	if err := a.Flush(); !errors.Is(err, errAway) {
		t.Fatal(err)
	}
	a.Record(&e)
	check("the store is away", 2, 0, 2)
	away, mute = false, true
	if err := a.Flush(); !errors.Is(err, errAway) {
		t.Fatal(err)
	}
	check("a batch came there, and no answer came back", 2, 1, 2)
	mute = false
	if err := a.Flush(); err != nil {
		t.Fatal(err)
	}
	check("all came there", 2, 2, 0)
	b.Record(&e)
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
	check("another replica counted one", 3, 3, 0)
	if as := a.Sharing().AsOf; !as.Equal(c.now) {
		t.Errorf("as of %v, want %v", as, c.now)
	}
	if as := a.Sharing().UnknownAsOf; !as.IsZero() {
		t.Errorf("nobody read the unknown callers, and they are as of %v", as)
	}
	a.Unknown()
	if as := a.Sharing().UnknownAsOf; !as.Equal(c.now) {
		t.Errorf("unknown callers as of %v, want %v", as, c.now)
	}
}

func TestWhatCannotBeSentStaysWithinBounds(t *testing.T) {
	c := &clock{start()}
	away := true
	m := ledgertest.NewMemory()
	l := newLedger(t, ledger.Options{
		Shared: &unsteady{m.Replica("a"), func() bool { return away }, nil}, MaxRows: 32, Now: c.Now,
		OnError: func(error) {},
	})
	e := event()
	for n := range 500 {
		e.Authenticator = fmt.Sprint("user ", n)
		l.Record(&e)
		if n%50 == 0 {
			_ = l.Flush()
		}
	}
	s := l.Sharing()
	if s.Unsent != 500 || s.Shed < 400 || len(l.Rows()) > 32+1 {
		t.Errorf("%+v, %d rows", s, len(l.Rows()))
	}
	away = false
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	if s := l.Summary("billing", integration.Translate); s.Calls != 500 || l.Sharing().Unsent != 0 {
		t.Errorf("%d calls, %+v", s.Calls, l.Sharing())
	}
}

func TestAStateComesFromTheLastCallsOfAllReplicas(t *testing.T) {
	m, c := ledgertest.NewMemory(), &clock{start()}
	a, b := replica(t, c, m.Replica("a")), replica(t, c, m.Replica("b"))
	e := event()
	tell := func(l *ledger.Ledger, outcome call.Outcome, n int) ledger.State {
		t.Helper()
		for e.Outcome = outcome; n > 0; n-- {
			e.Time = e.Time.Add(time.Second)
			l.Record(&e)
		}
		if err := l.Flush(); err != nil {
			t.Fatal(err)
		}
		c.now = c.now.Add(10 * time.Second)
		stateA := a.Summary("billing", integration.Translate).State
		if stateB := b.Summary("billing", integration.Translate).State; stateA != stateB {
			t.Errorf("one says %s, the other %s", stateA, stateB)
		}
		return stateA
	}
	for _, step := range []struct {
		name    string
		l       *ledger.Ledger
		outcome call.Outcome
		n       int
		want    ledger.State
	}{
		{"two good ones", a, call.OutcomeOK, 2, ledger.StateTranslated},
		{"seven bad ones at the other", b, call.OutcomeRefused, 7, ledger.StateTranslated},
		{"an eighth at this one", a, call.OutcomeRefused, 1, ledger.StateFailing},
		{"three good ones at the other", b, call.OutcomeOK, 3, ledger.StateTranslated},
	} {
		if got := tell(step.l, step.outcome, step.n); got != step.want {
			t.Errorf("after %s it is %s, want %s", step.name, got, step.want)
		}
	}
}

func TestRehearsalsOfReplicas(t *testing.T) {
	m, c := ledgertest.NewMemory(), &clock{start()}
	a, b := replica(t, c, m.Replica("a")), replica(t, c, m.Replica("b"))
	rehearse := func(l *ledger.Ledger, user, rehearsal string, n int) {
		t.Helper()
		for ; n > 0; n-- {
			c.now = c.now.Add(time.Second)
			e := event()
			e.Time, e.Authenticator, e.Principal, e.Rehearsal = c.now, user, user, rehearsal
			e.NextStep = "give consent"
			l.RecordRehearsal(&e)
		}
	}
	seen := func(l *ledger.Ledger) (text string) {
		t.Helper()
		for _, l := range []*ledger.Ledger{a, b} {
			if err := l.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		c.now = c.now.Add(10 * time.Second)
		r := l.Integrations(configured())[0].Rehearsals
		text = fmt.Sprintf("%d of %d", r.WouldWork, r.Calls)
		for _, n := range r.Not {
			text += fmt.Sprintf("; %s %s %d %s", n.Cause, n.User, n.Count, n.NextStep)
		}
		return text
	}
	check := func(name, want string) {
		t.Helper()
		for _, l := range []*ledger.Ledger{a, b} {
			if got := seen(l); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
	}
	const anna, ben, consent, would = "anna@example.com", "ben@example.com", "consent_required", "would_work"
	rehearse(a, anna, consent, 2)
	rehearse(b, anna, consent, 1)
	rehearse(b, ben, would, 4)
	check("both replicas saw the user fail", "4 of 7; consent_required anna@example.com 3 give consent")
	rehearse(b, anna, would, 1)
	check("one saw that it works now", "5 of 5")
	rehearse(a, anna, consent, 1)
	check("it fails again", "5 of 6; consent_required anna@example.com 1 give consent")
	for n := range 25 {
		rehearse([]*ledger.Ledger{a, b}[n%2], fmt.Sprint("user ", n), "bad_login", 1)
		_ = seen(a)
	}
	further := "bad_login  "
	if got := seen(b); len(got) < 10 || !strings.Contains(got, further) {
		t.Errorf("further users are not one: %s", got)
	}
	rehearse(a, ben, would, 60)
	if got := seen(b); !strings.Contains(got, further) {
		t.Errorf("after 60 good ones: %s", got)
	}
	rehearse(b, ben, would, 60)
	if got := seen(a); strings.Contains(got, further) {
		t.Errorf("after 120 good ones: %s", got)
	}
}
