package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"testing"

	"docusign-auth-proxy/internal/files/filestest"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/observe/ledger/ledgertest"
	"docusign-auth-proxy/internal/store"
)

func stateFile(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(filepath.Join(filestest.TempDir(t), "state.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// busy is a ledger of a file that many programs have called, with more rows than a batch has.
func busy(t *testing.T, s *store.Store) *ledger.Ledger {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 7))
	l := newLedger(t, ledger.Options{Store: s})
	for n := range 1000 {
		e := randomEvent(random, n)
		e.Key = "a1b2c3d4-0000-4000-8000-0000000000ff" // of others nothing is kept
		e.Principal = fmt.Sprintf("user-%d@example.com", n%300)
		l.Record(e)
	}
	flush(t, l)
	return l
}

func TestALedgerMovesToReplicasAndBack(t *testing.T) {
	file := stateFile(t)
	before := exact(t, busy(t, file))
	m := ledgertest.NewMemory()
	random := rand.New(rand.NewPCG(2, 7))
	sometimes := func() bool { return random.IntN(3) == 0 }
	gone := 0
	for { // cut off again and again, and once more after all is there
		_, _, err := newLedger(t, ledger.Options{Store: file}).Give(t.Context(), &unsteady{m.Replica("file"), sometimes, sometimes})
		if err == nil {
			break
		}
		gone++
	}
	rows, again, err := newLedger(t, ledger.Options{Store: file}).Give(t.Context(), m.Replica("file"))
	if err != nil || gone == 0 || rows < 400 || again > 0 {
		t.Errorf("%d rows, %d of them again, cut off %d times, %v", rows, again, gone, err)
	}
	shared := newLedger(t, ledger.Options{Shared: m.Replica("other")})
	if after := exact(t, shared); !reflect.DeepEqual(after, before) {
		t.Errorf("in the file:\n%+v\nof all replicas:\n%+v", before, after)
	}
	back := stateFile(t)
	for _, first := range []bool{true, false} {
		found, added, err := newLedger(t, ledger.Options{Store: back}).Take(m.Replica("back"))
		if err != nil || found < 300 || first != (added == found) || !first && added > 0 {
			t.Errorf("%d of %d were added, %v", added, found, err)
		}
	}
	if after := exact(t, newLedger(t, ledger.Options{Store: back})); !reflect.DeepEqual(after, before) {
		t.Errorf("in the first file:\n%+v\nin the second:\n%+v", before, after)
	}
}

func TestWhatAFileKnowsStaysWhenRowsAreTaken(t *testing.T) {
	m := ledgertest.NewMemory()
	if _, _, err := busy(t, stateFile(t)).Give(t.Context(), m.Replica("file")); err != nil {
		t.Fatal(err)
	}
	back := stateFile(t)
	l := newLedger(t, ledger.Options{Store: back})
	e := event()
	e.Integration = "billing"
	l.Record(&e)
	flush(t, l)
	before := l.Summary("billing", "translate")
	if _, _, err := l.Take(m.Replica("back")); err != nil {
		t.Fatal(err)
	}
	if after := newLedger(t, ledger.Options{Store: back}).Summary("billing", "translate"); !reflect.DeepEqual(after, before) {
		t.Errorf("before:\n%+v\nafter:\n%+v", before, after)
	}
}

func TestALedgerIsNotTakenFromReplicasThatCannotBeRead(t *testing.T) {
	away := func() bool { return true }
	m := ledgertest.NewMemory()
	if _, _, err := newLedger(t, ledger.Options{Store: stateFile(t)}).Take(&unsteady{m.Replica("a"), away, nil}); err == nil {
		t.Error("no error")
	}
}
