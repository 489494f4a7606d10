package store_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"docusign-auth-proxy/internal/files/filestest"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/store"
)

func TestTokensAreOpaqueAndFound(t *testing.T) {
	each(t, store.Options{}, func(t *testing.T, s *store.Store) {
		token := must[secret.Text](t)(s.Issue(anna()))
		if raw, err := base64.StdEncoding.DecodeString(token.Reveal()); err != nil || len(raw) != 20 ||
			len(token.Reveal()) != 28 {
			t.Errorf("the token has %d bytes: %v", len(raw), err)
		}
		if again := must[secret.Text](t)(s.Issue(anna())); again.Equal(token) {
			t.Error("two tokens are the same")
		}
		for _, wrong := range []string{"", "x", strings.Repeat("A", 28), strings.Repeat("A", 1000), token.Reveal() + " "} {
			if _, ok := found(s.Lookup(t.Context(), secret.New(wrong))); ok {
				t.Errorf("%q is taken for a token", wrong)
			}
		}
		if _, ok := found(s.LookupPassword(t.Context(), token)); ok {
			t.Error("a token passes for a password")
		}
		if o, ok := found(s.Lookup(t.Context(), token)); !ok || o != anna() {
			t.Errorf("the owner is %v, %v", o, ok)
		}
	})
}

func TestIssueRefusesHugeNames(t *testing.T) {
	o := anna()
	o.Authenticator = strings.Repeat("a", 10_000)
	s := store.Memory()
	if _, err := s.Issue(o); !errors.Is(err, store.ErrSize) {
		t.Errorf("the error is %v", err)
	}
	if _, err := s.IssuePassword(o); !errors.Is(err, store.ErrSize) {
		t.Errorf("the error is %v", err)
	}
}

func TestTheLeastRecentlyUsedTokenGoes(t *testing.T) {
	each(t, store.Options{Now: newClock().now, PerOwner: 3}, func(t *testing.T, s *store.Store) {
		bob := anna()
		bob.Principal = "bob@example.com"
		others := must[secret.Text](t)(s.Issue(bob))
		var tokens []secret.Text
		for range 3 {
			tokens = append(tokens, must[secret.Text](t)(s.Issue(anna())))
		}
		s.Lookup(t.Context(), tokens[0])
		tokens = append(tokens, must[secret.Text](t)(s.Issue(anna())))
		for i, want := range []bool{true, false, true, true} {
			if _, ok := found(s.Lookup(t.Context(), tokens[i])); ok != want {
				t.Errorf("token %d is live: %v", i, ok)
			}
		}
		if _, ok := found(s.Lookup(t.Context(), others)); !ok {
			t.Error("the limit of one principal took another's token")
		}
	})
}

func TestTokensAreBoundedInAll(t *testing.T) {
	each(t, store.Options{Now: newClock().now, MaxIssued: 5}, func(t *testing.T, s *store.Store) {
		for i := range 12 {
			o := anna()
			o.Principal = strconv.Itoa(i)
			must[secret.Text](t)(s.Issue(o))
		}
		var left []string
		for _, i := range s.List() {
			left = append(left, i.Owner.Principal)
		}
		if !slices.Equal(left, []string{"11", "10", "9", "8", "7"}) {
			t.Errorf("left are %v", left)
		}
	})
}

func TestALowerLimitAppliesToTheNextIssue(t *testing.T) {
	path := filepath.Join(filestest.TempDir(t), "state.db")
	s := open(t, path, store.Options{})
	for range 8 {
		must[secret.Text](t)(s.Issue(anna()))
	}
	closeStore(t, s)
	s = open(t, path, store.Options{PerOwner: 2})
	must[secret.Text](t)(s.Issue(anna()))
	if n := len(s.List()); n != 2 {
		t.Errorf("%d tokens are live", n)
	}
}

func TestTokensSurviveARestartAsHashes(t *testing.T) {
	path := filepath.Join(filestest.TempDir(t), "state.db")
	c := newClock()
	s := open(t, path, store.Options{Now: c.now})
	token := must[secret.Text](t)(s.Issue(anna()))
	gone := must[secret.Text](t)(s.Issue(anna()))
	if ok := must[bool](t)(s.Revoke(t.Context(), gone)); !ok {
		t.Error("a live token was not revoked")
	}
	s.Lookup(t.Context(), token)
	before := s.List()
	closeStore(t, s)
	raw := must[[]byte](t)(base64.StdEncoding.DecodeString(token.Reveal()))
	if b := fileBytes(t, path); bytes.Contains(b, []byte(token.Reveal())) || bytes.Contains(b, raw) {
		t.Error("the file holds the token")
	}
	s = open(t, path, store.Options{Now: c.now})
	if o, ok := found(s.Lookup(t.Context(), token)); !ok || o != anna() {
		t.Errorf("the owner is %v, %v", o, ok)
	}
	if _, ok := found(s.Lookup(t.Context(), gone)); ok {
		t.Error("a revoked token came back")
	}
	after := s.List()
	if len(before) != 1 || len(after) != 1 {
		t.Fatalf("live before and after: %v, %v", before, after)
	}
	if !after[0].Issued.Equal(before[0].Issued) || before[0].LastUsed.IsZero() ||
		after[0].LastUsed.Before(before[0].LastUsed) {
		t.Errorf("the times changed from %v to %v", before, after)
	}
}

func TestRevoke(t *testing.T) {
	each(t, store.Options{}, func(t *testing.T, s *store.Store) {
		bob := anna()
		bob.Principal = "bob@example.com"
		other := anna()
		other.Integration = "other"
		mine, bobs := must[secret.Text](t)(s.Issue(anna())), must[secret.Text](t)(s.Issue(bob))
		others := must[secret.Text](t)(s.Issue(other))
		password := must[secret.Text](t)(s.IssuePassword(anna()))
		for _, wrong := range []secret.Text{{}, secret.New(strings.Repeat("A", 28)), password} {
			if must[bool](t)(s.Revoke(t.Context(), wrong)) {
				t.Error("something that is no token was revoked")
			}
		}
		of := func(o store.TokenOwner) func(store.Issued) bool {
			return func(i store.Issued) bool { return i.Owner == o }
		}
		if gone := must[[]store.Issued](t)(s.RevokeWhere(of(anna()))); len(gone) != 2 || gone[0].Owner != anna() {
			t.Errorf("%v went", gone)
		}
		if _, ok := found(s.Lookup(t.Context(), mine)); ok {
			t.Error("the token is live")
		}
		if _, ok := found(s.LookupPassword(t.Context(), password)); ok {
			t.Error("the password is live")
		}
		if gone := must[[]store.Issued](t)(s.RevokeWhere(of(anna()))); len(gone) != 0 {
			t.Errorf("%v went twice", gone)
		}
		if gone := must[[]store.Issued](t)(s.RevokeWhere(of(bob))); len(gone) != 1 {
			t.Errorf("%v went", gone)
		}
		if _, ok := found(s.Lookup(t.Context(), bobs)); ok {
			t.Error("the other principal's token is live")
		}
		if _, ok := found(s.Lookup(t.Context(), others)); !ok {
			t.Error("the other integration's token is gone")
		}
		if again := must[secret.Text](t)(s.IssuePassword(anna())); again.Equal(password) {
			t.Error("a revoked password was issued again")
		}
	})
}

func TestThePasswordOfAnOwnerStaysTheSame(t *testing.T) {
	path := filepath.Join(filestest.TempDir(t), "state.db")
	s := open(t, path, store.Options{})
	first := must[secret.Text](t)(s.IssuePassword(anna()))
	if len(first.Reveal()) != 28 {
		t.Errorf("it has %d characters", len(first.Reveal()))
	}
	bob := anna()
	bob.Authenticator = "bob@example.com"
	if must[secret.Text](t)(s.IssuePassword(bob)).Equal(first) {
		t.Error("two owners have the same password")
	}
	closeStore(t, s)
	s = open(t, path, store.Options{})
	if again := must[secret.Text](t)(s.IssuePassword(anna())); !again.Equal(first) {
		t.Error("it changed with the restart")
	}
	if o, ok := found(s.LookupPassword(t.Context(), first)); !ok || o != anna() {
		t.Errorf("the owner is %v, %v", o, ok)
	}
	closeStore(t, s)

	if err := os.Remove(path + ".key"); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, store.Options{})
	if again := must[secret.Text](t)(s.IssuePassword(anna())); again.Equal(first) {
		t.Error("a new key gives the old password")
	}
	if _, ok := found(s.LookupPassword(t.Context(), first)); !ok {
		t.Error("the password given out before the key was lost does not work any more")
	}
}

func TestAnotherVoucherGivesAnotherPassword(t *testing.T) {
	each(t, store.Options{}, func(t *testing.T, s *store.Store) {
		before, after := anna(), anna()
		before.Voucher, after.Voucher = "the first password", "the second password"
		first := must[secret.Text](t)(s.IssuePassword(before))
		second := must[secret.Text](t)(s.IssuePassword(after))
		if first.Equal(second) {
			t.Error("the password is the same")
		}
		if o, ok := found(s.LookupPassword(t.Context(), first)); !ok || o != before {
			t.Errorf("the owner of the first is %v, %v", o, ok)
		}
		if again := must[secret.Text](t)(s.IssuePassword(before)); !again.Equal(first) {
			t.Error("with the first voucher again it is another one")
		}
	})
}

func TestVouchersDifferByOwnerPasswordAndKey(t *testing.T) {
	path := filepath.Join(filestest.TempDir(t), "state.db")
	s := open(t, path, store.Options{})
	voucher := func(o store.TokenOwner, fingerprint byte) string {
		t.Helper()
		return must[string](t)(s.Voucher(o, [32]byte{fingerprint}))
	}
	bob, other := anna(), anna()
	bob.Authenticator, other.Integration = "bob@example.com", "other"
	first := voucher(anna(), 1)
	for name, v := range map[string]string{
		"another password": voucher(anna(), 2), "another user": voucher(bob, 1), "another integration": voucher(other, 1),
	} {
		if v == first {
			t.Errorf("%s has the same voucher", name)
		}
	}
	closeStore(t, s)
	s = open(t, path, store.Options{})
	if voucher(anna(), 1) != first {
		t.Error("it changed with the restart")
	}
	closeStore(t, s)
	if err := os.Remove(path + ".key"); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, store.Options{})
	if voucher(anna(), 1) == first {
		t.Error("it does not depend on the key file")
	}
}

func TestRecordsWithoutAVoucherAreTakenOver(t *testing.T) {
	path := filepath.Join(filestest.TempDir(t), "state.db")
	s := open(t, path, store.Options{})
	token, password := must[secret.Text](t)(s.Issue(anna())), must[secret.Text](t)(s.IssuePassword(anna()))
	stranger := anna()
	stranger.Authenticator = "gone@example.com"
	unknown := must[secret.Text](t)(s.Issue(stranger))
	has := anna()
	has.Voucher = "another"
	kept := must[secret.Text](t)(s.Issue(has))
	s.Lookup(t.Context(), token)
	closeStore(t, s)
	if b := fileBytes(t, path); !bytes.Contains(b, []byte(`"Principal":"anna@example.com"},"issued"`)) {
		t.Fatal("a record without voucher does not look like one of an earlier version")
	}

	s = open(t, path, store.Options{})
	if err := s.TakeOver(func(o store.TokenOwner) ([32]byte, bool) {
		return [32]byte{1}, o.Authenticator == anna().Authenticator
	}); err != nil {
		t.Fatal(err)
	}
	voucher := must[string](t)(s.Voucher(anna(), [32]byte{1}))
	closeStore(t, s)
	s = open(t, path, store.Options{})
	owner := func(o store.TokenOwner, _ bool) string { return o.Authenticator + " " + o.Voucher }
	for want, got := range map[string]string{
		"svc@example.com " + voucher: owner(found(s.Lookup(t.Context(), token))),
		"svc@example.com another":    owner(found(s.Lookup(t.Context(), kept))),
		"gone@example.com ":          owner(found(s.Lookup(t.Context(), unknown))),
	} {
		if got != want {
			t.Errorf("the owner is %q, want %q", got, want)
		}
	}
	if got := owner(found(s.LookupPassword(t.Context(), password))); got != "svc@example.com "+voucher {
		t.Errorf("the password's owner is %q", got)
	}
	taken := anna()
	taken.Voucher = voucher
	if again := must[secret.Text](t)(s.IssuePassword(taken)); !again.Equal(password) {
		t.Error("the password taken over is not given out again")
	}
	for _, i := range s.List() {
		if i.Kind == "token" && i.Owner == taken && i.LastUsed.IsZero() {
			t.Error("the time of the last use is lost")
		}
	}
}

func TestManyCallersAtOnce(t *testing.T) {
	each(t, store.Options{PerOwner: 4}, func(t *testing.T, s *store.Store) {
		var wait sync.WaitGroup
		for range 4 {
			wait.Go(func() {
				for range 5 {
					token, err := s.Issue(anna())
					if err != nil {
						t.Error(err)
					}
					s.Lookup(t.Context(), token)
					if p, err := s.IssuePassword(anna()); err != nil || p.Empty() {
						t.Error(err)
					}
					if err := errors.Join(s.Users().Learn("demo", "anna@example.com", "guid"), s.Flush()); err != nil {
						t.Error(err)
					}
					learned(s.Users(), "demo", "anna@example.com")
				}
			})
		}
		wait.Wait()
		kinds := map[string]int{}
		for _, i := range s.List() {
			kinds[i.Kind]++
		}
		if kinds["token"] != 4 || kinds["password"] != 1 {
			t.Errorf("live are %v", kinds)
		}
	})
}

func TestLookupDoesNotAllocate(t *testing.T) {
	s := store.Memory()
	token := must[secret.Text](t)(s.Issue(anna()))
	if n := testing.AllocsPerRun(100, func() { s.Lookup(t.Context(), token) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkLookup(b *testing.B) {
	s := store.Memory()
	token, err := s.Issue(anna())
	if err != nil {
		b.Fatal(err)
	}
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			s.Lookup(b.Context(), token)
		}
	})
}
