package store_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/files/filestest"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/store"
)

func TestLearnedIdsSurvive(t *testing.T) {
	path := filepath.Join(filestest.TempDir(t), "state.db")
	c := newClock()
	s := open(t, path, store.Options{Now: c.now})
	for _, err := range []error{
		s.Users().Learn("demo", "Anna@Example.com", "guid-1"),
		s.Users().Learn("production", "anna@example.com", "guid-2"),
		s.Flush(),
		s.Accounts().Learn("demo", "1234567", "guid-4"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	closeStore(t, s)
	s = open(t, path, store.Options{Now: c.now})
	for _, test := range []struct {
		name       string
		table      *store.Learned
		scope, key string
		want       string
	}{
		{"names do not differ by case", s.Users(), "demo", "anna@example.com", "guid-1"},
		{"scopes are apart", s.Users(), "production", "anna@example.com", "guid-2"},
		{"accounts are learned too", s.Accounts(), "demo", "1234567", "guid-4"},
		{"accounts and users are apart", s.Users(), "demo", "1234567", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if guid := learned(test.table, test.scope, test.key); guid != test.want {
				t.Errorf("got %q", guid)
			}
		})
	}
}

func learned(l *store.Learned, scope, name string) (found string) {
	l.Each(func(s, n, guid string) {
		if s == scope && n == name {
			found = guid
		}
	})
	return found
}

func count(l *store.Learned) (n int) {
	l.Each(func(string, string, string) { n++ })
	return n
}

func TestLearnedIdsAreBounded(t *testing.T) {
	each(t, store.Options{Now: newClock().now, MaxLearned: 32}, func(t *testing.T, s *store.Store) {
		for i := range 100 {
			if err := s.Users().Learn("demo", strconv.Itoa(i), "guid"); err != nil {
				t.Fatal(err)
			}
			if n := count(s.Users()); n > 32 {
				t.Fatalf("%d are known", n)
			}
		}
		if learned(s.Users(), "demo", "99") == "" {
			t.Error("the latest is gone")
		}
		if learned(s.Users(), "demo", "0") != "" {
			t.Error("the oldest is still there")
		}
		if err := s.Users().Learn("demo", strings.Repeat("x", 5000), "guid"); !errors.Is(err, store.ErrSize) {
			t.Errorf("the error is %v", err)
		}
	})
}

func TestTheFirstPinHolds(t *testing.T) {
	path := filepath.Join(filestest.TempDir(t), "state.db")
	s := open(t, path, store.Options{MaxPins: 2})
	pin := func(integration, user, hash string) string {
		t.Helper()
		return must[string](t)(s.Pin(integration, user, hash))
	}
	if got := pin("billing", "Anna@example.com", "$1"); got != "$1" {
		t.Errorf("the first pin gives %q", got)
	}
	if got := pin("billing", "anna@EXAMPLE.com", "$2"); got != "$1" {
		t.Errorf("a second pin takes the place of the first: %q", got)
	}
	if got := pin("other", "anna@example.com", "$3"); got != "$3" {
		t.Errorf("another integration gets %q", got)
	}
	if _, err := s.Pin("third", "anna@example.com", "$4"); !errors.Is(err, store.ErrFull) {
		t.Errorf("a full table gives %v", err)
	}
	for _, bad := range [][2]string{
		{"", "$1"}, {"bob", ""}, {strings.Repeat("b", 1000), "$1"}, {"bob", strings.Repeat("$", 1000)},
	} {
		if _, err := s.Pin("billing", bad[0], bad[1]); !errors.Is(err, store.ErrSize) {
			t.Errorf("the error is %v", err)
		}
	}
	closeStore(t, s)
	s = open(t, path, store.Options{MaxPins: 2})
	if hash, ok := found(s.Pinned("billing", "anna@example.com")); !ok || hash != "$1" {
		t.Errorf("after a restart it is %q, %v", hash, ok)
	}
	if pins := s.Pins(); len(pins) != 2 || pins[0].Integration != "billing" || pins[0].Username != "Anna@example.com" ||
		pins[0].At.IsZero() {
		t.Errorf("the list is %v", pins)
	}
	billing := func(p store.Pin) bool { return p.Integration == "billing" }
	if gone := must[[]store.Pin](t)(s.ForgetPins(billing)); len(gone) != 1 || gone[0].Hash != "$1" {
		t.Errorf("forgotten are %v", gone)
	}
	if gone := must[[]store.Pin](t)(s.ForgetPins(billing)); len(gone) != 0 {
		t.Errorf("forgotten twice: %v", gone)
	}
	closeStore(t, s)
	s = open(t, path, store.Options{MaxPins: 2})
	if pins := s.Pins(); len(pins) != 1 || pins[0].Integration != "other" {
		t.Errorf("left are %v", pins)
	}
	if got := pin("billing", "anna@example.com", "$5"); got != "$5" {
		t.Errorf("after it was forgotten it is %q", got)
	}
}

func TestRefreshTokensAreEncrypted(t *testing.T) {
	path := filepath.Join(filestest.TempDir(t), "state.db")
	const canary = "c4n4ry-refresh-token"
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	s := open(t, path, store.Options{MaxRefresh: 2, Now: func() time.Time { return noon }})
	for _, err := range []error{
		s.PutRefresh("anna", secret.New("old")),
		s.PutRefresh("anna", secret.New(canary)),
		s.PutRefresh("bob", secret.New("other")),
		s.PutRefresh("bob", secret.New("other")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.PutRefresh("third", secret.New("x")); !errors.Is(err, store.ErrFull) {
		t.Errorf("a full table gives %v", err)
	}
	for _, err := range []error{s.PutRefresh("", secret.New("x")), s.PutRefresh("x", secret.Text{}),
		s.PutRefresh("x", secret.New(strings.Repeat("x", 1<<20)))} {
		if !errors.Is(err, store.ErrSize) {
			t.Errorf("the error is %v", err)
		}
	}
	closeStore(t, s)
	if bytes.Contains(fileBytes(t, path), []byte(canary)) {
		t.Error("the file holds the token in clear")
	}
	s = open(t, path, store.Options{})
	if got, at, ok, err := s.Refresh("anna"); err != nil || !ok || got.Reveal() != canary || !at.Equal(noon) {
		t.Errorf("after a restart: %v, %v, %v", at, ok, err)
	}
	if _, _, ok, err := s.Refresh("third"); ok || err != nil {
		t.Errorf("one for which there was no room: %v, %v", ok, err)
	}
}

func TestRefreshTokensWithoutTheirKey(t *testing.T) {
	for _, test := range []struct {
		name    string
		damage  func(t *testing.T, key string)
		want    string
		mayPut  bool
		samekey bool
	}{
		{"a lost key makes them unreadable, and the next put makes a new key", func(t *testing.T, key string) {
			if err := os.Remove(key); err != nil {
				t.Fatal(err)
			}
		}, "consent again", true, false},
		{"another key makes them unreadable", func(t *testing.T, key string) {
			if err := os.WriteFile(key, []byte("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "consent again", true, true},
		{"half a key is an error and is not replaced", func(t *testing.T, key string) {
			if err := os.WriteFile(key, []byte("MDEyMzQ1"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "not a key", false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(filestest.TempDir(t), "state.db")
			s := open(t, path, store.Options{})
			if err := s.PutRefresh("anna", secret.New("token")); err != nil {
				t.Fatal(err)
			}
			closeStore(t, s)
			test.damage(t, path+".key")
			s = open(t, path, store.Options{})
			if _, _, ok, err := s.Refresh("anna"); ok || err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("reading gives %v, %v", ok, err)
			}
			if err := s.PutRefresh("anna", secret.New("again")); (err == nil) != test.mayPut {
				t.Errorf("putting gives %v", err)
			}
			if got, _, ok, err := s.Refresh("anna"); test.mayPut && (err != nil || !ok || got.Reveal() != "again") {
				t.Errorf("reading what was put gives %v, %v", ok, err)
			}
		})
	}
}
