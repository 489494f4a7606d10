package app_test

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/internal/store"
)

func TestWhatAPasswordVouchedForEndsWithIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		edit func(apptest.Section)
		next string // the password from then on; "" = none
		want int
	}{
		{"another hash", apptest.SetPassword("anna@example.com",
			apptest.Section{"bcrypt": apptest.BcryptOf(t, "anna-new-1")}), "anna-new-1", 401},
		{"a new hash of the same password, which nobody can tell from another password's",
			apptest.SetPassword("anna@example.com", apptest.Section{"bcrypt": apptest.BcryptOf(t, "anna-legacy-1")}),
			"anna-legacy-1", 401},
		{
			"another user's password", apptest.SetPassword("admin@example.com",
				apptest.Section{"bcrypt": apptest.BcryptOf(t, "admin-new-3")}),
			"anna-legacy-1", 200,
		},
		{"a user taken out", func(s apptest.Section) {
			in := apptest.IntegrationSection(s, "nightly-billing")
			var left []any
			for _, u := range in["users"].([]any) {
				if u.(apptest.Section)["username"] != "anna@example.com" {
					left = append(left, u)
				}
			}
			in["users"] = left
			delete(apptest.UserSection(s, "nightly-billing", "admin@example.com"), "may_act_for")
		}, "", 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, apptest.AnnaActsForBob)
			all := r.IssueAll(t, "anna-legacy-1")
			r.CheckIssued(t, all, 200)
			r.Reloaded(t, c.edit)
			r.CheckIssued(t, all, c.want)
			if c.want != 200 && !strings.Contains(r.Log.String(), "the password that vouched for this token has changed") &&
				c.name != "a user taken out" {
				t.Error("the log does not say why the token is refused")
			}
			if got := r.ListWith(t, apptest.AnnaJSON); got != 200 && c.next == "anna-legacy-1" || got == 200 &&
				c.next != "anna-legacy-1" {
				t.Errorf("the remembered first password: status %d", got)
			}
			if c.next == "" {
				return
			}
			if again := r.APIPassword(t, c.next); r.ListWith(t, apptest.AnnaWith(again)) != 200 ||
				(again == all.Password) != (c.want == 200) {
				t.Error("the API password that the new password vouches for does not work, or is the old one")
			}
			if got := r.WithToken(t, r.LegacyLogin(t, "anna@example.com", c.next, sandbox.GUIDKey)); got.Status != 200 {
				t.Errorf("a token for the new password: status %d", got.Status)
			}
			r.Restart()
			r.CheckIssued(t, all, c.want)
		})
	}
}

// The state file of an earlier version does not tell what vouched for a token: it is taken over, and ends with the next
// change.
func TestTokensOfAnEarlierVersionAreTakenOver(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Halt()
	s, err := store.Open(filepath.Join(r.Dir, "state.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	old := store.TokenOwner{Integration: "nightly-billing", Authenticator: "anna@example.com"}
	token, err := s.Issue(old)
	if err != nil {
		t.Fatal(err)
	}
	password, err := s.IssuePassword(old)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	check := func(when string, want int) {
		t.Helper()
		if got := r.WithToken(t, token.Reveal()); got.Status != want {
			t.Errorf("%s, the token: status %d, want %d", when, got.Status, want)
		}
		if got := r.ListWith(t, apptest.AnnaWith(password.Reveal())); got != want {
			t.Errorf("%s, the API password: status %d, want %d", when, got, want)
		}
	}
	r.Start()
	check("after the update", 200)
	if r.APIPassword(t, "anna-legacy-1") != password.Reveal() {
		t.Error("the API password is another one")
	}
	r.Restart()
	check("after a restart", 200)
	r.Halt()
	r.Change(apptest.SetPassword("anna@example.com", apptest.Section{"bcrypt": apptest.BcryptOf(t, "anna-new-1")}))
	r.Start()
	check("after the password was changed while the proxy stood still", 401)
}

func TestATokenThatAnImportedTokenVouchedForEndsWithIt(t *testing.T) {
	t.Parallel()
	const imported = "bm90LWEtcmVhbC10b2tlbi0tLS0="
	sum := sha256.Sum256([]byte(imported))
	r := newRigEdited(t, sandbox.Options{}, nil, func(s apptest.Section) {
		apptest.IntegrationSection(s, "nightly-billing")["tokens"] = []apptest.Section{{
			"sha256": hex.EncodeToString(sum[:]), "username": "admin@example.com",
		}}
	})
	form := "grant_type=password&client_id=" + sandbox.GUIDKey + "&scope=api&username=bob%40example.com"
	token := apptest.AccessToken(t,
		r.Do(nil, apptest.TokenRequest(t, r.Sidecar(), form, "Authorization", "bearer "+imported)))
	own := r.LegacyLogin(t, "admin@example.com", "admin-legacy-3", sandbox.GUIDKey)
	check := func(when string, tokenStatus, ownStatus int) {
		t.Helper()
		if a, b := r.WithToken(t, token).Status, r.WithToken(t, own).Status; a != tokenStatus || b != ownStatus {
			t.Errorf(
				"%s: the token that the imported one vouched for %d, want %d; the one of the password %d, want %d", when, a,
				tokenStatus, b, ownStatus,
			)
		}
	}
	check("at first", 200, 200)
	r.Reloaded(t, apptest.SetPassword("admin@example.com", apptest.Section{"bcrypt": apptest.BcryptOf(t, "admin-new-3")}))
	check("after the password was changed", 200, 401)
	r.Reloaded(t, func(s apptest.Section) { delete(apptest.IntegrationSection(s, "nightly-billing"), "tokens") })
	check("after the imported token was taken out", 401, 401)
}
