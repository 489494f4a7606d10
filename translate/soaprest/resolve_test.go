package soaprest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/translate/soaprest/journal"
)

// leftOpen is an entry of a process that ended during a creation.
func leftOpen(t *testing.T, c *store.Creations, id, digest string) journal.Entry {
	t.Helper()
	e := journal.Entry{
		TransactionID: id, Digest: digest, Operation: "CreateAndSendEnvelope", State: journal.Intended, At: time.Now(),
		Owner:   integration.TokenOwner{Integration: "billing", Authenticator: "anna@example.com"},
		Account: firstGUID, Site: "https://na3.docusign.net", Own: true,
	}
	if err := c.Put(e); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestWhatACrashLeftOpenIsSettled(t *testing.T) {
	other := strings.NewReplacer("tx-1", "tx-2", envelopeOne, secondGUID)
	lookUpTwo, isThereTwo := other.Replace(lookUpOne), other.Replace(isThere)
	for _, tc := range []struct {
		name    string
		ids     []string
		steps   []step
		state   string
		seconds float64 // without the spacing
	}{
		{"nothing was left open", nil, nil, "", 0},
		{"the envelope is there", []string{"tx-1"}, []step{{want: lookUpOne, answer: isThere}},
			"tx-1 done " + envelopeOne, 5},
		{"it comes late", []string{"tx-1"},
			[]step{{want: lookUpOne, answer: isNowhere}, {want: lookUpOne, answer: isNowhere},
				{want: lookUpOne, answer: isThere}},
			"tx-1 done " + envelopeOne, 45},
		{"it is nowhere", []string{"tx-1"},
			[]step{{want: lookUpOne, answer: isNowhere}, {want: lookUpOne, answer: isNowhere},
				{want: lookUpOne, answer: isNowhere}},
			"tx-1 not_created", 45},
		{"two, of which one is there", []string{"tx-2", "tx-1"},
			[]step{{want: lookUpOne, answer: isNowhere}, {want: lookUpTwo, answer: isThereTwo},
				{want: lookUpOne, answer: isNowhere}, {want: lookUpOne, answer: isNowhere}},
			"tx-1 not_created, tx-2 done " + secondGUID, 45},
		{"DocuSign is not there at first", []string{"tx-1"},
			[]step{{want: lookUpOne, status: 503}, {want: lookUpOne, err: errors.New("no connection")},
				{want: lookUpOne, status: 429}, {want: lookUpOne, answer: isThere}},
			"tx-1 done " + envelopeOne, 45 + 60 + 5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, creations := newEngine()
				for i, id := range tc.ids {
					leftOpen(t, creations, id, strings.Repeat("a", i+1))
					time.Sleep(time.Second)
				}
				u := &script{t: t, steps: tc.steps}
				began := time.Now()
				e.Resolve(t.Context(), func(entry journal.Entry) (User, error) {
					if entry.Owner.Authenticator != "anna@example.com" {
						t.Errorf("the owner is %v", entry.Owner)
					}
					return u, nil
				})
				u.done()
				if got := entries(creations); got != tc.state {
					t.Errorf("the journal says %q", got)
				}
				if took := time.Since(began).Seconds(); took < tc.seconds || took > tc.seconds+1 {
					t.Errorf("it took %v s", took)
				}
			})
		})
	}
}

func TestAnOwnerWhoIsNotKnownIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, creations := newEngine()
		leftOpen(t, creations, "tx-1", "a")
		ctx, stop := context.WithTimeout(t.Context(), 3*time.Hour)
		defer stop()
		asked := 0
		e.Resolve(ctx, func(journal.Entry) (User, error) { asked++; return nil, errors.New("no such integration") })
		if got := entries(creations); got != "tx-1 intended" || asked < 10 || asked > 40 {
			t.Errorf("asked %d times, the journal says %q", asked, got)
		}
	})
}

// The program comes again before the journal was settled: it waits, or looks itself, and there is one envelope.
func TestAMessageThatACrashLeftOpenComesAgain(t *testing.T) {
	for _, tc := range []struct {
		name    string
		resolve bool
		steps   []step
		status  int
		answer  string
		state   string
		notes   string
	}{
		{"it is there", false, []step{{want: lookUpOne, answer: isThere}},
			200, envelopeOne, "tx-1 done " + envelopeOne, "repeated"},
		{"it is there, and the journal is being settled", true, []step{{want: lookUpOne, answer: isThere}},
			200, envelopeOne, "tx-1 done " + envelopeOne, "repeated"},
		{"it is nowhere, so it is made with the same id", false, []step{
			{want: lookUpOne, answer: isNowhere}, {want: lookUpOne, answer: isNowhere},
			{want: lookUpOne, answer: isNowhere}, {want: creationPOST, status: 201, answer: wasMade},
		}, 200, envelopeOne, "tx-1 done " + envelopeOne, "done"},
		{"DocuSign does not say", false, []step{
			{want: lookUpOne, answer: isNowhere}, {want: lookUpOne, answer: isNowhere}, {want: lookUpOne, status: 500},
		}, 500, "transaction id tx-1", "tx-1 intended", "unknown"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, creations := newEngine()
				first := &script{t: t, steps: []step{{want: creationPOST, unsent: true, err: errors.New("never sent")}}}
				serve(t.Context(), e, first, "CreateAndSendEnvelope", envelopeOf(""))
				open := creations.Find(func(journal.Entry) bool { return true })[0]
				open.TransactionID = "tx-1"
				e, creations = newEngine() // a new process
				leftOpen(t, creations, "tx-1", open.Digest)
				u := &script{t: t, steps: tc.steps}
				var all sync.WaitGroup
				if tc.resolve {
					all.Go(func() { e.Resolve(t.Context(), func(journal.Entry) (User, error) { return u, nil }) })
					time.Sleep(5*time.Second + spacing/2)
				}
				got := serve(t.Context(), e, u, "CreateAndSendEnvelope", envelopeOf(""))
				all.Wait()
				u.done()
				if got.status != tc.status || !got.has(tc.answer) || got.notes.Journal != tc.notes {
					t.Errorf("got %d, %q: %s", got.status, got.notes.Journal, got.text)
				}
				if is := entries(creations); is != tc.state {
					t.Errorf("the journal says %q", is)
				}
			})
		})
	}
}
