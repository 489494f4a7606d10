package store_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"docusign-auth-proxy/internal/files/filestest"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/translate/soaprest/journal"
)

// filled is a file with a record of every kind, and what of it can be seen in use.
type filled struct {
	path            string
	token, password secret.Text
	owner           store.TokenOwner
}

func fill(t *testing.T, path string) filled {
	t.Helper()
	f := filled{path: path, owner: store.TokenOwner{Integration: "billing", Authenticator: "anna@example.com",
		Principal: "anna@example.com"}}
	s, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f.token, err = s.Issue(f.owner)
	errs := []error{err}
	f.password, err = s.IssuePassword(f.owner)
	_, pinErr := s.Pin("billing", "Anna@example.com", "hash")
	errs = append(errs, err, pinErr, s.PutRefresh("anna", secret.New("refresh")),
		s.Users().Learn("demo", "anna@example.com", "guid"), s.Accounts().Learn("demo", "1", "guid"),
		s.Returns().Put(context.Background(), "here", []byte("there"), time.Now().Add(time.Hour)),
		s.Creations().Put(journal.Entry{TransactionID: "t", At: time.Now(), State: journal.Unknown}),
		s.WriteLedger(map[string][]byte{"i/billing": []byte("row")}, nil), s.Close())
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return f
}

// holds looks whether a store can be used in place of the one that was filled.
func (f filled) holds(t *testing.T, s *store.Store) {
	t.Helper()
	owner, _ := found(s.Lookup(context.Background(), f.token))
	byPassword, _ := found(s.LookupPassword(context.Background(), f.password))
	same, err := s.IssuePassword(f.owner)
	pinned, _ := found(s.Pinned("billing", "anna@example.com"))
	refresh, _, _, refreshErr := s.Refresh("anna")
	back, _ := found(s.Returns().Get(context.Background(), "here"))
	rows := 0
	ledgerErr := s.LedgerRows(func(string, []byte) error { rows++; return nil })
	if err := errors.Join(err, refreshErr, ledgerErr); err != nil {
		t.Fatal(err)
	}
	for name, held := range map[string]bool{
		"the token": owner == f.owner, "the password": byPassword == f.owner,
		"the password that is issued again": same == f.password, "the pin": pinned == "hash",
		"the login": refresh.Reveal() == "refresh", "the return address": string(back) == "there",
		"the user":     learned(s.Users(), "demo", "anna@example.com") == "guid",
		"the account":  learned(s.Accounts(), "demo", "1") == "guid",
		"the creation": len(s.Creations().Find(func(journal.Entry) bool { return true })) == 1, "the ledger": rows == 1,
	} {
		if !held {
			t.Errorf("%s is not there", name)
		}
	}
}

func copied(t *testing.T, from, to string) (found, added int, err error) {
	t.Helper()
	source, err := store.Read(from)
	if err != nil {
		return 0, 0, err
	}
	defer closeStore(t, source)
	target, err := store.Open(to, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	all, err := store.Copy(t.Context(), source, target)
	closeStore(t, target)
	for _, c := range all {
		found, added = found+c.Found, added+c.Added
	}
	return found, added, err
}

func TestACopyHoldsAllThatTheFileHeld(t *testing.T) {
	dir := filestest.TempDir(t)
	f := fill(t, filepath.Join(dir, "state.db"))
	before := contents(t, dir)
	to := filepath.Join(filestest.TempDir(t), "copy.db")
	kinds := len(store.Buckets())
	for _, step := range []struct {
		name  string
		added int
	}{{"the first copy brings all", kinds}, {"the second brings nothing", 0}} {
		found, added, err := copied(t, f.path, to)
		if err != nil || found != kinds || added != step.added {
			t.Errorf("%s: %d found, %d added, %v", step.name, found, added, err)
		}
	}
	if after := contents(t, dir); !bytes.Equal(before, after) {
		t.Error("what was copied from has changed")
	}
	f.holds(t, open(t, to, store.Options{}))
}

// contents are all files of a folder.
func contents(t *testing.T, dir string) []byte {
	t.Helper()
	var all []byte
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		all = append(append(all, name...), text...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// ending is a context that is over after a number of looks at it.
type ending struct {
	context.Context //nolint:containedctx // it is one itself
	looks           int
}

func (e *ending) Err() error {
	if e.looks--; e.looks < 0 {
		return context.Canceled
	}
	return nil
}

func TestACopyGoesOnWhereItWasInterrupted(t *testing.T) {
	f := fill(t, filepath.Join(filestest.TempDir(t), "state.db"))
	source, err := store.Read(f.path)
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, source)
	to := filepath.Join(filestest.TempDir(t), "copy.db")
	added, interrupted := 0, 0
	for looks := 0; ; looks++ {
		target := must[*store.Store](t)(store.Open(to, store.Options{}))
		all, err := store.Copy(&ending{t.Context(), looks}, source, target)
		closeStore(t, target)
		for _, c := range all {
			added += c.Added
		}
		if err == nil {
			break
		}
		interrupted++
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if kinds := len(store.Buckets()); interrupted < kinds || added > kinds {
		t.Errorf("interrupted %d times, %d added", interrupted, added)
	}
	f.holds(t, open(t, to, store.Options{}))
}

func TestACopyChangesNothingThatIsThere(t *testing.T) {
	from := filepath.Join(filestest.TempDir(t), "state.db")
	fill(t, from)
	to := filepath.Join(filestest.TempDir(t), "copy.db")
	key, err := os.ReadFile(from + ".key")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to+".key", key, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, to, store.Options{})
	if _, err := s.Pin("billing", "anna@example.com", "newer"); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	found, added, err := copied(t, from, to)
	if err != nil || added != found-1 {
		t.Errorf("%d of %d added, %v", added, found, err)
	}
	if hash, _, _ := open(t, to, store.Options{}).Pinned("billing", "anna@example.com"); hash != "newer" {
		t.Errorf("the pin is %q", hash)
	}
}

func TestACopyThatCannotBeRightIsRefused(t *testing.T) {
	dir := filestest.TempDir(t)
	full, other, empty := filepath.Join(dir, "a.db"), filepath.Join(dir, "b.db"), filepath.Join(dir, "c.db")
	fill(t, full)
	fill(t, other)
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	running := filepath.Join(filestest.TempDir(t), "d.db")
	open(t, running, store.Options{})
	for _, tt := range []struct {
		name, from, to string
		want           error
	}{
		{"another key", full, other, store.ErrOtherKey},
		{"a file that a proxy has open", running, filepath.Join(filestest.TempDir(t), "new.db"), store.ErrLocked},
		{"a file that is not there", full + ".no", other, fs.ErrNotExist},
		{"an empty file", empty, other, store.ErrForeign},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, added, err := copied(t, tt.from, tt.to); !errors.Is(err, tt.want) || added > 0 {
				t.Errorf("%d added, %v", added, err)
			}
		})
	}
}
