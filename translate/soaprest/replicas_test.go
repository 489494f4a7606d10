package soaprest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/internal/store/storetest"
	"docusign-auth-proxy/translate/soaprest/journal"
)

// replica is an engine whose journal others write too.
type replica struct {
	*Engine
	creations *store.Creations
	handle    *storetest.Handle
	stop      func()
}

// replicas are several, in the bubble of a test, which ends them.
func replicas(t *testing.T, n int) (all []*replica, stop func()) {
	t.Helper()
	m := storetest.NewMemory()
	for range n {
		h := m.Open()
		s := store.Share(h, bytes.Repeat([]byte{1}, 32), nil, store.Options{})
		ctx, end := context.WithCancel(t.Context())
		var work sync.WaitGroup
		work.Go(func() {
			if err := s.Follow(ctx); err != nil {
				t.Error(err)
			}
		})
		work.Go(func() { _ = s.Run(ctx) }) // a last flush that the store is away for is none of the test's
		all = append(all, &replica{
			New(Options{Journal: s.Creations(), Shared: true}), s.Creations(), h, func() { end(); work.Wait() },
		})
	}
	synctest.Wait()
	return all, func() {
		for _, r := range all {
			r.stop()
		}
	}
}

// nobody is a user for whom DocuSign is asked nothing but who he is.
func nobody(t *testing.T) *script { return &script{t: t} }

func TestAMessageThatReachesAnotherReplicaMeanwhileMakesNoSecondEnvelope(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, stop := replicas(t, 3)
		defer stop()
		u := &script{t: t, steps: []step{{
			want: creationPOST, status: 201, answer: wasMade, before: func() { time.Sleep(2 * time.Minute) },
		}}}
		var calls sync.WaitGroup
		for i, r := range all {
			for range 2 {
				calls.Go(func() {
					time.Sleep(time.Duration(i) * time.Second)
					got := serve(t.Context(), r.Engine, u, "CreateAndSendEnvelope", envelopeOf(""))
					if got.status != 200 || !got.has(envelopeOne) || got.err != nil {
						t.Errorf("replica %d answers %d %s, %v", i, got.status, got.text, got.err)
					}
					if i > 0 && got.notes.Journal != "repeated" {
						t.Errorf("replica %d says %s", i, got.notes.Journal)
					}
				})
			}
		}
		calls.Wait()
		u.done()
	})
}

func TestTheSameMessageAfterItsAnswerMakesAnotherEnvelopeEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, stop := replicas(t, 2)
		defer stop()
		for i, r := range all {
			made := strings.ReplaceAll(wasMade, envelopeOne, []string{envelopeOne, secondGUID}[i])
			u := &script{t: t, steps: []step{{want: creationPOST, status: 201, answer: made}}}
			if got := serve(t.Context(), r.Engine, u, "CreateAndSendEnvelope", envelopeOf("")); got.status != 200 {
				t.Errorf("%d %s, %v", got.status, got.text, got.err)
			}
			u.done()
			synctest.Wait() // that the program was told is on its way
		}
	})
}

func TestAReplicaThatIsKilledLeavesItsCreationToTheOthers(t *testing.T) {
	for _, tc := range []struct {
		name   string
		again  bool // the message comes again, else what was left open is looked up
		answer string
		state  string
	}{
		{"the message comes again, and there is an envelope", true, isThere, "done " + envelopeOne},
		{"nobody comes again, and there is an envelope", false, isThere, "done " + envelopeOne},
		{"nobody comes again, and there is none", false, isNowhere, "not_created"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				all, stop := replicas(t, 3)
				defer stop()
				dead, other := all[0], all[1]
				held := make(chan struct{})
				started := make(chan struct{})
				var calls sync.WaitGroup
				calls.Go(func() {
					u := &script{t: t, steps: []step{{
						want: creationPOST, err: errors.New("killed"), unsent: true, before: func() { close(started); <-held },
					}}}
					serve(t.Context(), dead.Engine, u, "CreateAndSendEnvelope", envelopeOf(transactionOne))
				})
				<-started
				ctx, end := context.WithCancel(t.Context())
				u := &script{t: t}
				for _, r := range all[1:] {
					calls.Go(func() { r.Resolve(ctx, func(journal.Entry) (User, error) { return u, nil }) })
				}
				time.Sleep(20 * time.Minute) // it lives, so it is not looked up
				if got := entries(other.creations); got != "tx-1 intended" {
					t.Errorf("the journal says %q", got)
				}
				dead.handle.Cut(store.ErrUnreachable) // as good as dead: its lease ends
				u.mu.Lock()
				for range 3 {
					u.steps = append(u.steps, step{want: lookUpOne, answer: tc.answer})
				}
				if tc.answer == isThere {
					u.steps = u.steps[:1]
				}
				u.mu.Unlock()
				if tc.again {
					end()
					got := serve(t.Context(), other.Engine, u, "CreateAndSendEnvelope", envelopeOf(transactionOne))
					if got.status != 200 || !got.has(envelopeOne) || got.notes.Journal != "repeated" {
						t.Errorf("%d %s, %v, %s", got.status, got.text, got.err, got.notes.Journal)
					}
				}
				time.Sleep(10 * time.Minute)
				if got := entries(other.creations); got != "tx-1 "+tc.state {
					t.Errorf("the journal says %q", got)
				}
				u.done()
				end()
				close(held)
				calls.Wait()
			})
		})
	}
}

func TestWithoutItsStoreAReplicaMakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, stop := replicas(t, 1)
		defer stop()
		r := all[0]
		r.handle.Cut(store.ErrUnreachable)
		got := serve(t.Context(), r.Engine, nobody(t), "CreateAndSendEnvelope", envelopeOf(""))
		if call.KindOf(got.err) != call.KindStoreUnreachable || call.RetryAfterOf(got.err) != 5*time.Second {
			t.Errorf("%d %s, %v", got.status, got.text, got.err)
		}
		r.handle.Cut(nil)
		time.Sleep(10 * time.Second)
		// The store goes away while DocuSign makes the envelope: the program gets its answer, and the journal later.
		u := &script{t: t, steps: []step{{
			want: creationPOST, status: 201, answer: wasMade, before: func() { r.handle.Cut(store.ErrUnreachable) },
		}}}
		got = serve(t.Context(), r.Engine, u, "CreateAndSendEnvelope", envelopeOf(transactionOne))
		if got.status != 200 || !got.has(envelopeOne) {
			t.Errorf("%d %s, %v", got.status, got.text, got.err)
		}
		r.handle.Cut(nil)
		time.Sleep(2 * time.Minute)
		s := store.Share(r.handle.Open(), bytes.Repeat([]byte{1}, 32), nil, store.Options{})
		if err := s.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := entries(s.Creations()); got != "tx-1 done "+envelopeOne {
			t.Errorf("the journal says %q", got)
		}
	})
}
