package store_test

import (
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"docusign-auth-proxy/internal/files/filestest"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/internal/store/storetest"
	"docusign-auth-proxy/translate/soaprest/journal"
)

func TestFileIsABackend(t *testing.T) {
	storetest.Run(t, store.Buckets(), func(t *testing.T) func() store.Backend {
		path := filepath.Join(filestest.TempDir(t), "state.db")
		return func() store.Backend { return must[store.Backend](t)(store.OpenFile(path)) }
	})
}

func TestMemoryIsABackend(t *testing.T) {
	storetest.Run(t, store.Buckets(), func(*testing.T) func() store.Backend {
		m := store.NewMemory()
		return func() store.Backend { return m }
	})
}

// testdata/schema1.db.gz was written by the program that came before the seam of backends.
func TestAFileOfAnEarlierVersionIsTakenOver(t *testing.T) {
	path := filepath.Join(filestest.TempDir(t), "state.db")
	packed := must[*os.File](t)(os.Open("testdata/schema1.db.gz"))
	defer packed.Close()
	b := must[[]byte](t)(io.ReadAll(must[*gzip.Reader](t)(gzip.NewReader(packed))))
	key := fileBytes(t, "testdata/schema1.db.key")
	if err := errors.Join(os.WriteFile(path, b, 0o600), os.WriteFile(path+".key", key, 0o600)); err != nil {
		t.Fatal(err)
	}
	const voucher = "qdOTIcg6cojXkQPi9qWRhDl/T9/lriAJGXaA+A64Vz8"
	owner := anna()
	owner.Voucher = voucher
	token, password := secret.New("b1NGfWU2apqLyL3gEtNtlBdyE1k="), secret.New("MRfiVZv7CsmxunbIXm7+mSrLP/U=")
	if err := store.Check(path); err != nil {
		t.Error(err)
	}
	for range 2 { // as it was written, and after this version wrote it
		s := open(t, path, store.Options{})
		unvouched := secret.New("6V9jA25lfTKFkiLDCiwanseJiiM=")
		if o, ok := found(s.Lookup(t.Context(), unvouched)); !ok || o != anna() {
			t.Errorf("the token without voucher is of %v, %v", o, ok)
		}
		if o, ok := found(s.Lookup(t.Context(), token)); !ok || o != owner {
			t.Errorf("the token is of %v, %v", o, ok)
		}
		if o, ok := found(s.LookupPassword(t.Context(), password)); !ok || o != owner {
			t.Errorf("the password is of %v, %v", o, ok)
		}
		if again := must[secret.Text](t)(s.IssuePassword(owner)); !again.Equal(password) {
			t.Error("the password of the same owner is another one")
		}
		if got := must[string](t)(s.Voucher(anna(), [32]byte{1})); got != voucher {
			t.Errorf("the voucher is %s", got)
		}
		if hash, ok := found(s.Pinned("billing", "anna@EXAMPLE.com")); !ok || hash != "$2a$10$hash" {
			t.Errorf("the pin is %q, %v", hash, ok)
		}
		if u, a := learned(s.Users(), "demo", "anna@example.com"), learned(s.Accounts(), "demo", "1234567"); u !=
			"a1b2c3d4-0000-4000-8000-000000000021" || a != "a1b2c3d4-0000-4000-8000-000000000031" {
			t.Errorf("learned are %q, %q", u, a)
		}
		if got, at, ok, err := s.Refresh("billing anna"); !ok || err != nil || at.IsZero() ||
			got.Reveal() != "refresh-token-of-anna" {
			t.Errorf("the refresh token: %v, %v, %v", at, ok, err)
		}
		rows := map[string]string{}
		if err := s.LedgerRows(func(k string, v []byte) error { rows[k] = string(v); return nil }); err != nil {
			t.Error(err)
		}
		if len(rows) != 2 || rows["row 1"] != `{"calls":7}` || rows["row 2"] != "" {
			t.Errorf("the ledger is %v", rows)
		}
		if n := len(s.List()); n != 3 {
			t.Errorf("%d tokens and passwords", n)
		}
		if got := ids(s); got != "" && got != "later" {
			t.Errorf("the journal has %q", got)
		}
		putAll(t, s, creation("later", journal.Done))
		closeStore(t, s)
	}
}

func TestMemoryOfTheTestsIsShared(t *testing.T) {
	storetest.Run(t, store.Buckets(), func(*testing.T) func() store.Backend {
		m := storetest.NewMemory()
		return func() store.Backend { return m.Open() }
	})
	storetest.RunShared(t, func(*testing.T) func() store.Shared {
		m := storetest.NewMemory()
		return func() store.Shared { return m.Open() }
	})
}
