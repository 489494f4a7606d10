package app_test

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
)

// old-erp and nightly-billing ask for tokens with one client id: bob calls the first, whose GUID an administrator looks
// up, and anna the second, who has not consented.
func TestATroubleIsThatOfTheIntegrationThatNamesTheUser(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(w *fixture.Config) {
		w.Edit = func(in []map[string]any) {
			first, second := in[0], in[1]
			first["oauth"] = map[string]any{
				"client_id": sandbox.GUIDKey, "admin_user_id": sandbox.AdminID,
				"private_keys": []map[string]any{{"file": "keys/old-erp.pem"}, {"file": "keys/nightly-billing.pem"}},
			}
			users := first["users"].([]map[string]any)
			bob := users[slices.IndexFunc(users, func(u map[string]any) bool { return u["username"] == "bob@example.com" })]
			delete(bob, "user_id")
			first["users"] = []map[string]any{bob}
			second["users"] = second["users"].([]map[string]any)[:1]
		}
	})
	r.Sandbox.Revoke(sandbox.GUIDKey, sandbox.AnnaID)
	bob := `{"Username":"bob@example.com","Password":"bob-legacy-2","IntegratorKey":"` + sandbox.LegacyKey + `"}`
	for credential, want := range map[string]int{bob: 200, apptest.AnnaJSON: 401} {
		if got := r.ListWith(t, credential); got != want {
			t.Fatalf("status %d, want %d, for %s", got, want, credential)
		}
	}
	var got, troubles []string
	s := r.status(t)
	for _, i := range s.Integrations {
		for _, token := range i.Tokens {
			got = append(got, i.Name+" "+token.User+" "+token.Consent)
		}
		for _, key := range i.Keys {
			got = append(got, i.Name+" "+filepath.Base(key.Source))
		}
	}
	want := []string{
		"old-erp bob@example.com given", "old-erp " + sandbox.AdminID + " given", "old-erp old-erp.pem",
		"old-erp nightly-billing.pem",
		"nightly-billing anna@example.com required", "nightly-billing nightly-billing.pem",
	}
	if !slices.Equal(got, want) {
		t.Errorf("tokens and keys: %q", got)
	}
	metrics := r.Do(nil, apptest.Request(t, "GET", r.AdminURL()+"/metrics", nil)).Body
	for _, line := range []string{
		`failing_identities{integration="old-erp"} 0`, `failing_identities{integration="nightly-billing"} 1`,
		`live_tokens{integration="old-erp"} 2`, `live_tokens{integration="nightly-billing"} 0`,
		`consent_identities{integration="nightly-billing",state="required"} 1`,
		`consent_identities{integration="old-erp",state="required"} 0`,
	} {
		if !strings.Contains(metrics, "docusign_auth_proxy_"+line+"\n") {
			t.Errorf("no %s", line)
		}
	}
	for _, a := range s.Attention {
		troubles = append(troubles, a.Integration+" "+a.User+" "+a.Cause)
	}
	if want := []string{"nightly-billing anna@example.com consent_required"}; !slices.Equal(troubles, want) {
		t.Errorf("entries: %q", troubles)
	}
}

func TestTheConsentPageIsShownBeforeTheNextCallToo(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Sandbox.Revoke(sandbox.GUIDKey, sandbox.AnnaID)
	for _, after := range []struct {
		name string
		do   func()
	}{
		{"the call", func() { r.ListWith(t, apptest.AnnaJSON) }},
		{"a reload", func() { r.Reloaded(t, func(s apptest.Section) { s["unknown"] = "observe" }) }},
		{"a restart", r.Restart},
	} {
		after.do()
		var pages []string
		for _, a := range r.status(t).Attention {
			pages = append(pages, a.User+" "+a.Cause+" "+a.ConsentURL)
		}
		const want = "anna@example.com consent_required https://account-d.docusign.com/"
		if len(pages) != 1 || !strings.HasPrefix(pages[0], want) {
			t.Errorf("entries after %s: %q", after.name, pages)
		}
	}
}

// status is what the status page tells, with all that follows from the rest.
func (r *rig) status(t *testing.T) (s admin.Status) {
	t.Helper()
	got := r.Do(nil, apptest.Request(t, "GET", r.AdminURL()+"/api/status", nil))
	if err := json.Unmarshal([]byte(got.Body), &s); err != nil {
		t.Fatal(err)
	}
	return s
}
