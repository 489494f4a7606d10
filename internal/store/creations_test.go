package store_test

import (
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"docusign-auth-proxy/internal/files/filestest"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/translate/soaprest/journal"
)

func creation(id string, state journal.State) journal.Entry {
	return journal.Entry{
		TransactionID: id, Owner: anna(), Digest: strings.Repeat("ab", 32), Operation: "CreateEnvelope", State: state,
		At: time.Now(),
	}
}

func ids(s *store.Store) string {
	var found []string
	for _, e := range s.Creations().Find(func(journal.Entry) bool { return true }) {
		found = append(found, e.TransactionID)
	}
	return strings.Join(found, " ")
}

func putAll(t *testing.T, s *store.Store, entries ...journal.Entry) {
	t.Helper()
	for _, e := range entries {
		if err := s.Creations().Put(e); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCreationsSurvive(t *testing.T) {
	path := filepath.Join(filestest.TempDir(t), "state.db")
	s := open(t, path, store.Options{})
	first := creation("tx-1", journal.Intended)
	putAll(t, s, first)
	first.State, first.EnvelopeID = journal.Done, "e0000000-1111-4222-8333-000000000001"
	first.Settled = first.At.Add(time.Second).UTC().Round(0)
	putAll(t, s, first)
	s.Creations().Answered(first.Key())
	other := creation("tx-1", journal.Intended)
	other.Digest = "another message with the same transaction id"
	other.At = other.At.Add(time.Minute)
	putAll(t, s, other)
	for range 2 { // now, and from the file
		found := s.Creations().Find(func(e journal.Entry) bool { return e.TransactionID == "tx-1" })
		if len(found) != 2 || found[0].State != journal.Intended || found[1].State != journal.Done ||
			found[1].EnvelopeID != first.EnvelopeID || !found[1].Settled.Equal(first.Settled) || !found[1].Answered {
			t.Errorf("there is %+v", found)
		}
		closeStore(t, s)
		s = open(t, path, store.Options{})
	}
}

func TestTheVoucherDoesNotTellMessagesApart(t *testing.T) {
	a, b := creation("tx-1", journal.Done), creation("tx-1", journal.Done)
	b.Owner.Voucher = "of another password"
	if a.Key() != b.Key() || a.Message() != b.Message() {
		t.Error("they are two")
	}
}

func TestCreationsGoAfterAWeek(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, "", store.Options{})
		putAll(t, s, creation("old", journal.Intended))
		time.Sleep(journal.Kept)
		if got := ids(s); got != "old" {
			t.Errorf("after a week there is %q", got)
		}
		time.Sleep(time.Nanosecond)
		if got := ids(s); got != "" {
			t.Errorf("after more than a week there is %q", got)
		}
		putAll(t, s, creation("new", journal.Intended))
		if got := ids(s); got != "new" {
			t.Errorf("there is %q", got)
		}
	})
}

func TestCreationsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, "", store.Options{MaxCreations: 3})
		for i, state := range []journal.State{journal.Intended, journal.Done, journal.Unknown, journal.Refused} {
			putAll(t, s, creation(strconv.Itoa(i), state))
			time.Sleep(time.Second)
		}
		if got := ids(s); got != "3 2 0" { // the oldest that is not open
			t.Errorf("there is %q", got)
		}
		putAll(t, s, creation("4", journal.Intended), creation("5", journal.Intended))
		if err := s.Creations().Put(creation("6", journal.Intended)); !errors.Is(err, store.ErrFull) {
			t.Errorf("with nothing but open ones: %v", err)
		}
		putAll(t, s, creation("5", journal.Done), creation("6", journal.Intended))
	})
}

func TestAnEntryThatIsTooLongIsRefused(t *testing.T) {
	e := creation(strings.Repeat("x", journal.MaxText+1), journal.Intended)
	if err := store.Memory().Creations().Put(e); !errors.Is(err, store.ErrSize) {
		t.Errorf("the error is %v", err)
	}
}
