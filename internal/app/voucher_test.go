package app

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/internal/store"
)

// integrationSection finds an integration of the configuration file by its name.
func integrationSection(s section, name string) section {
	for _, in := range s["integrations"].([]any) {
		if in.(section)["name"] == name {
			return in.(section)
		}
	}
	return nil
}

func userSection(s section, integration, username string) section {
	for _, u := range integrationSection(s, integration)["users"].([]any) {
		if u.(section)["username"] == username {
			return u.(section)
		}
	}
	return nil
}

// setPassword gives a user of nightly-billing another password.
func setPassword(username string, password section) func(section) {
	return func(s section) { userSection(s, "nightly-billing", username)["password"] = password }
}

func (r *rig) reloaded(t *testing.T, edit func(section)) {
	t.Helper()
	r.change(edit)
	if err := r.program.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func annaWith(password string) string {
	return strings.Replace(annaJSON, "anna-legacy-1", password, 1)
}

// apiPassword gets the password that the proxy issues for anna (PROTOCOL.md §2.5).
func (r *rig) apiPassword(t *testing.T, password string) string {
	t.Helper()
	got := r.do(
		nil,
		request(t, "GET", r.sidecar()+loginPath+"?api_password=true", nil, "X-DocuSign-Authentication", annaWith(password)),
	)
	if got.status != 200 {
		t.Fatalf("status %d: %s", got.status, got.body)
	}
	return parseLogin(t, got.body).APIPassword
}

func (r *rig) listWith(t *testing.T, credential string) int {
	t.Helper()
	return r.do(nil, request(t, "GET", r.sidecar()+listPath, nil, "X-DocuSign-Authentication", credential)).status
}

// issuedToAnna is everything that anna's password can have vouched for.
type issuedToAnna struct{ token, password, byIssued, behalf, bobs string }

func (r *rig) issueAll(t *testing.T, password string) issuedToAnna {
	t.Helper()
	all := issuedToAnna{
		token:    r.legacyLogin(t, "anna@example.com", password, sandbox.GUIDKey),
		password: r.apiPassword(t, password),
		bobs:     r.legacyLogin(t, "bob@example.com", "bob-legacy-2", sandbox.GUIDKey),
	}
	all.byIssued = r.legacyLogin(t, "anna@example.com", all.password, sandbox.GUIDKey)
	form := "grant_type=password&client_id=" + sandbox.GUIDKey + "&scope=api&username=bob%40example.com"
	all.behalf = accessToken(t, r.do(nil, tokenRequest(t, r.sidecar(), form, "Authorization", "bearer "+all.byIssued)))
	return all
}

func (r *rig) checkIssued(t *testing.T, all issuedToAnna, want int) {
	t.Helper()
	for name, got := range map[string]int{
		"a token":                           r.withToken(t, all.token).status,
		"an API password":                   r.listWith(t, annaWith(all.password)),
		"a token got with the API password": r.withToken(t, all.byIssued).status,
		"a token for somebody else, got with that token": r.withToken(t, all.behalf).status,
		"the API password in a body, for another API one": r.do(
			nil, tokenRequest(t, r.sidecar(), tokenForm("anna@example.com", all.password, sandbox.GUIDKey)),
		).status,
	} {
		if got != want && (want == 200 || got != 400) { // oauth2/token refuses with 400 (PROTOCOL.md §3.2)
			t.Errorf("%s: status %d, want %d", name, got, want)
		}
	}
	if got := r.withToken(t, all.bobs); got.status != 200 {
		t.Errorf("another user's token: status %d", got.status)
	}
}

func annaActsForBob(c *fixture.Config) {
	c.Edit = func(integrations []map[string]any) {
		for _, u := range integrations[1]["users"].([]map[string]any) {
			if u["username"] == "anna@example.com" {
				u["may_act_for"] = []string{"bob@example.com"}
			}
		}
	}
}

func TestWhatAPasswordVouchedForEndsWithIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		edit func(section)
		next string // the password from then on; "" = none
		want int
	}{
		{"another hash", setPassword("anna@example.com", section{"bcrypt": bcryptOf(t, "anna-new-1")}), "anna-new-1", 401},
		{"a new hash of the same password, which nobody can tell from another password's",
			setPassword("anna@example.com", section{"bcrypt": bcryptOf(t, "anna-legacy-1")}), "anna-legacy-1", 401},
		{
			"another user's password", setPassword("admin@example.com", section{"bcrypt": bcryptOf(t, "admin-new-3")}),
			"anna-legacy-1", 200,
		},
		{"a user taken out", func(s section) {
			in := integrationSection(s, "nightly-billing")
			var left []any
			for _, u := range in["users"].([]any) {
				if u.(section)["username"] != "anna@example.com" {
					left = append(left, u)
				}
			}
			in["users"] = left
			delete(userSection(s, "nightly-billing", "admin@example.com"), "may_act_for")
		}, "", 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, annaActsForBob)
			all := r.issueAll(t, "anna-legacy-1")
			r.checkIssued(t, all, 200)
			r.reloaded(t, c.edit)
			r.checkIssued(t, all, c.want)
			if c.want != 200 && !strings.Contains(r.log.String(), "the password that vouched for this token has changed") &&
				c.name != "a user taken out" {
				t.Error("the log does not say why the token is refused")
			}
			if got := r.listWith(t, annaJSON); got != 200 && c.next == "anna-legacy-1" || got == 200 &&
				c.next != "anna-legacy-1" {
				t.Errorf("the remembered first password: status %d", got)
			}
			if c.next == "" {
				return
			}
			if again := r.apiPassword(t, c.next); r.listWith(t, annaWith(again)) != 200 ||
				(again == all.password) != (c.want == 200) {
				t.Error("the API password that the new password vouches for does not work, or is the old one")
			}
			if got := r.withToken(t, r.legacyLogin(t, "anna@example.com", c.next, sandbox.GUIDKey)); got.status != 200 {
				t.Errorf("a token for the new password: status %d", got.status)
			}
			r.restart()
			r.checkIssued(t, all, c.want)
		})
	}
}

// The state file of an earlier version does not tell what vouched for a token: it is taken over, and ends with the next
// change.
func TestTokensOfAnEarlierVersionAreTakenOver(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.halt()
	s, err := store.Open(filepath.Join(r.dir, "state.db"), store.Options{})
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
		if got := r.withToken(t, token.Reveal()); got.status != want {
			t.Errorf("%s, the token: status %d, want %d", when, got.status, want)
		}
		if got := r.listWith(t, annaWith(password.Reveal())); got != want {
			t.Errorf("%s, the API password: status %d, want %d", when, got, want)
		}
	}
	r.start()
	check("after the update", 200)
	if r.apiPassword(t, "anna-legacy-1") != password.Reveal() {
		t.Error("the API password is another one")
	}
	r.restart()
	check("after a restart", 200)
	r.halt()
	r.change(setPassword("anna@example.com", section{"bcrypt": bcryptOf(t, "anna-new-1")}))
	r.start()
	check("after the password was changed while the proxy stood still", 401)
}

func TestATokenThatAnImportedTokenVouchedForEndsWithIt(t *testing.T) {
	t.Parallel()
	const imported = "bm90LWEtcmVhbC10b2tlbi0tLS0="
	sum := sha256.Sum256([]byte(imported))
	r := newRigEdited(t, sandbox.Options{}, nil, func(s section) {
		integrationSection(s, "nightly-billing")["tokens"] = []section{{
			"sha256": hex.EncodeToString(sum[:]), "username": "admin@example.com",
		}}
	})
	form := "grant_type=password&client_id=" + sandbox.GUIDKey + "&scope=api&username=bob%40example.com"
	token := accessToken(t, r.do(nil, tokenRequest(t, r.sidecar(), form, "Authorization", "bearer "+imported)))
	own := r.legacyLogin(t, "admin@example.com", "admin-legacy-3", sandbox.GUIDKey)
	check := func(when string, tokenStatus, ownStatus int) {
		t.Helper()
		if a, b := r.withToken(t, token).status, r.withToken(t, own).status; a != tokenStatus || b != ownStatus {
			t.Errorf(
				"%s: the token that the imported one vouched for %d, want %d; the one of the password %d, want %d", when, a,
				tokenStatus, b, ownStatus,
			)
		}
	}
	check("at first", 200, 200)
	r.reloaded(t, setPassword("admin@example.com", section{"bcrypt": bcryptOf(t, "admin-new-3")}))
	check("after the password was changed", 200, 401)
	r.reloaded(t, func(s section) { delete(integrationSection(s, "nightly-billing"), "tokens") })
	check("after the imported token was taken out", 401, 401)
}
