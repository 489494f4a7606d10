package app_test

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
)

func TestLegacyTokenIsAnsweredHere(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	form := apptest.TokenForm("anna@example.com", "anna-legacy-1", sandbox.GUIDKey)
	for _, c := range []struct{ name, accept, contentType, body string }{
		{
			"JSON", "application/json", "application/json; charset=utf-8",
			`^\{\r\n  "access_token": "[A-Za-z0-9+/]{27}=",\r\n  "scope": "api",\r\n  "token_type": "bearer"\r\n\}$`,
		},
		{"nothing asked for", "", "application/json; charset=utf-8", `"access_token": "[A-Za-z0-9+/]{27}="`},
		{"the bare word json", "json", "application/json; charset=utf-8", `"access_token"`},
		{
			"XML", "application/xml", "application/xml; charset=utf-8",
			`^<oauthAccess xmlns="http://www.docusign.com/restapi" ` +
				`xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><access_token>[A-Za-z0-9+/]{27}=</access_token><scope>` +
				`api</scope><token_type>bearer</token_type></oauthAccess>$`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := apptest.TokenRequest(t, r.Sidecar(), form)
			if req.Header.Del("Accept"); c.accept != "" {
				req.Header.Set("Accept", c.accept)
			}
			got := r.Do(nil, req)
			if got.Status != 200 || !regexp.MustCompile(c.body).MatchString(got.Body) ||
				got.Header.Get("Content-Type") != c.contentType {
				t.Errorf("status %d, %q, %s", got.Status, got.Header.Get("Content-Type"), got.Body)
			}
			if got.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("a token may be cached: %v", got.Header)
			}
		})
	}
	for _, rec := range r.Sandbox.Requests() {
		if strings.Contains(rec.Path, "oauth2") {
			t.Errorf("%s went upstream", rec.Path)
		}
	}
	r.NoLeak()
}

func TestLegacyTokenForms(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *fixture.Config) {
		c.Edit = func(integrations []map[string]any) {
			for _, u := range integrations[1]["users"].([]map[string]any) {
				if u["username"] == "legacy.user@example.com" {
					u["username"], u["password"] = "anna+erp@example.com",
						map[string]any{"bcrypt": apptest.BcryptOf(t, "100%&more=+x")}
				}
			}
		}
	})
	for _, c := range []struct{ name, form, contentType string }{
		{name: "encoded as it should be", form: apptest.TokenForm("anna+erp@example.com", "100%&more=+x", sandbox.GUIDKey)},
		{
			name: "nothing encoded",
			form: "grant_type=password&client_id=" + sandbox.GUIDKey +
				"&username=anna+erp@example.com&password=100%&more=+x&scope=api",
		},
		{
			name: "only the name encoded",
			form: "grant_type=password&username=anna%2Berp%40example.com&password=100%&more=+x&client_id=" + sandbox.GUIDKey,
		},
		{
			name: "the password last and nothing encoded",
			form: "grant_type=password&client_id=" + sandbox.GUIDKey +
				"&scope=api&username=anna+erp@example.com&password=100%&more=+x",
		},
		{name: "a line end after the form", form: apptest.TokenForm("anna@example.com", "anna-legacy-1", sandbox.GUIDKey) +
			"\r\n"},
		{
			name: "another content type", form: apptest.TokenForm("anna@example.com", "anna-legacy-1", sandbox.GUIDKey),
			contentType: "text/plain",
		},
		{
			name: "GRANT_TYPE in capitals",
			form: strings.Replace(
				apptest.TokenForm("anna@example.com", "anna-legacy-1", sandbox.GUIDKey), "grant_type=password",
				"GRANT_TYPE=Password", 1,
			),
		},
		{name: "the user's GUID", form: apptest.TokenForm(sandbox.AnnaID, "anna-legacy-1", sandbox.GUIDKey)},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := apptest.TokenRequest(t, r.Sidecar(), c.form)
			if c.contentType != "" {
				req.Header.Set("Content-Type", c.contentType)
			}
			token := apptest.AccessToken(t, r.Do(nil, req))
			if got := r.WithToken(t, token); got.Status != 200 {
				t.Errorf("its token: status %d, %s", got.Status, got.Body)
			}
		})
	}
	r.NoLeak()
}

func TestLegacyTokenRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *fixture.Config) {
		c.Edit = func(integrations []map[string]any) { integrations[0]["mode"] = "block" }
	})
	for _, c := range []struct {
		name, form string
		status     int
		err        string
	}{
		{"wrong password", apptest.TokenForm("anna@example.com", "wrong", sandbox.GUIDKey), 400, "invalid_client"},
		{"unknown user", apptest.TokenForm("nobody@example.com", "wrong", sandbox.GUIDKey), 400, "invalid_client"},
		{
			"unknown key", apptest.TokenForm("anna@example.com", "anna-legacy-1", "c0ffee00-0000-4000-8000-000000000001"), 400,
			"invalid_client",
		},
		{
			"an integration that is cut over", apptest.TokenForm("anna@example.com", "anna-legacy-1", sandbox.LegacyKey), 400,
			"invalid_client",
		},
		{"another grant", "grant_type=refresh_token&refresh_token=x", 400, "unsupported_grant_type"},
		{"no grant", "client_id=x&username=y&password=z", 400, "invalid_request"},
		{"JSON", `{"grant_type":"password"}`, 400, "invalid_request"},
		{"nothing", "", 400, "invalid_request"},
		{
			"two passwords", apptest.TokenForm("anna@example.com", "anna-legacy-1", sandbox.GUIDKey) + "&password=other", 400,
			"invalid_request",
		},
		{"more than a form can be", "grant_type=password&username=" + strings.Repeat("x", 20<<10), 413, "invalid_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := r.Do(nil, apptest.TokenRequest(t, r.Sidecar(), c.form))
			if got.Status != c.status || !strings.Contains(got.Body, `"error": "`+c.err+`"`) ||
				!strings.Contains(got.Body, `"error_description": "`) {
				t.Errorf("status %d, %s", got.Status, got.Body)
			}
			asXML := r.Do(nil, apptest.TokenRequest(t, r.Sidecar(), c.form, "Accept", "application/xml"))
			if asXML.Status != c.status || !strings.HasPrefix(asXML.Body, `<oauthErr xmlns="http://www.docusign.com/restapi"`) ||
				!strings.Contains(asXML.Body, "<error>"+c.err+"</error>") {
				t.Errorf("as XML: status %d, %s", asXML.Status, asXML.Body)
			}
		})
	}
	if n := len(r.Sandbox.Requests()); n != 0 {
		t.Errorf("%d calls went upstream", n)
	}
}

// A user for whom no grant will work is told when the program logs in, not at its first call.
func TestLegacyTokenForAUserWithoutConsent(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Sandbox.Revoke(sandbox.GUIDKey, sandbox.BobID)
	got := r.Do(nil, apptest.TokenRequest(t, r.Sidecar(),
		apptest.TokenForm("bob@example.com", "bob-legacy-2", sandbox.GUIDKey)))
	if got.Status != 400 || !strings.Contains(got.Body, "invalid_client") ||
		got.Header.Get("X-DocuSign-Auth-Proxy-Cause") != "consent_required" {
		t.Errorf("status %d, %v %s", got.Status, got.Header, got.Body)
	}
}

func TestLifeOfALegacyToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	token := r.LegacyLogin(t, "anna@example.com", "anna-legacy-1", sandbox.GUIDKey)
	if got := r.WithToken(t, token); got.Status != 200 || !strings.Contains(got.Body, sandbox.AnnaID) {
		t.Fatalf("a new token: status %d, %s", got.Status, got.Body)
	}
	for _, spelling := range []string{"Bearer " + token, "BEARER " + token, token} {
		if got := r.Do(nil, apptest.Request(t, "GET", r.Sidecar()+apptest.LoginPath, nil, "Authorization",
			spelling)); got.Status != 200 {
			t.Errorf("Authorization in another spelling: status %d, %s", got.Status, got.Body)
		}
	}
	r.Halt()
	stored, err := os.ReadFile(filepath.Join(r.Dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(stored), token) {
		t.Error("the token stands in the store in clear")
	}
	r.Start()
	if got := r.WithToken(t, token); got.Status != 200 || !strings.Contains(got.Body, sandbox.AnnaID) {
		t.Errorf("after a restart: status %d, %s", got.Status, got.Body)
	}
	other := r.LegacyLogin(t, "anna@example.com", "anna-legacy-1", sandbox.GUIDKey)
	revoke := func(form string, headers ...string) apptest.Answer {
		headers = append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)
		return r.Do(nil, apptest.Request(t, "POST", r.Sidecar()+"/restapi/v2/oauth2/revoke", strings.NewReader(form),
			headers...))
	}
	if got := revoke("token=" + url.QueryEscape(token)); got.Status != 200 || got.Body != "" {
		t.Errorf("revoke: status %d, %q", got.Status, got.Body)
	}
	if got := r.WithToken(t, token); got.Status != 401 || !strings.Contains(got.Body, "AUTHORIZATION_INVALID_TOKEN") {
		t.Errorf("a revoked token: status %d, %s", got.Status, got.Body)
	}
	if got := revoke("token=" + token); got.Status != 200 {
		t.Errorf("revoke again: status %d", got.Status)
	}
	if got := r.WithToken(t, other); got.Status != 200 {
		t.Errorf("the other token after the first was revoked: status %d", got.Status)
	}
	r.Halt()
	r.Start()
	if got := r.WithToken(t, token); got.Status != 401 {
		t.Errorf("a revoked token after a restart: status %d", got.Status)
	}
	if got := revoke("token="+other, "Authorization", "bearer "+other); got.Status != 200 {
		t.Errorf("revoke with Authorization and without encoding: status %d", got.Status)
	}
	if got := r.WithToken(t, other); got.Status != 401 {
		t.Errorf("the other token after it was revoked: status %d", got.Status)
	}
	for _, form := range []string{"", "token=", "tok=en"} {
		if got := revoke(form); got.Status != 400 || !strings.Contains(got.Body, "invalid_request") {
			t.Errorf("revoke with %q: status %d, %s", form, got.Status, got.Body)
		}
	}
	for _, rec := range r.Sandbox.Requests() {
		if strings.Contains(strings.Join(rec.Header.Values("Authorization"), ""), token) ||
			strings.Contains(string(rec.Body), token) {
			t.Errorf("the proxy's own token went upstream to %s", rec.Path)
		}
	}
	if n := r.Sandbox.Counts().Legacy.Total(); n != 0 {
		t.Errorf("%d legacy credentials reached DocuSign", n)
	}
}

func TestLegacyTokensPerUserAreLimited(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	var tokens []string
	for range 12 {
		tokens = append(tokens, r.LegacyLogin(t, "anna@example.com", "anna-legacy-1", sandbox.GUIDKey))
	}
	bob := r.LegacyLogin(t, "bob@example.com", "bob-legacy-2", sandbox.GUIDKey)
	for i, token := range tokens {
		want := 200
		if i < 2 {
			want = 401
		}
		if got := r.WithToken(t, token); got.Status != want {
			t.Errorf("token %d of 12: status %d, want %d", i+1, got.Status, want)
		}
	}
	if got := r.WithToken(t, bob); got.Status != 200 {
		t.Errorf("another user's token: status %d", got.Status)
	}
}

func TestSendOnBehalfOfWithLegacyTokens(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *fixture.Config) {
		c.Edit = func(integrations []map[string]any) {
			integrations[1]["principals"] = []map[string]any{{"username": "bob+sales@example.com", "user_id": sandbox.BobID}}
			for _, u := range integrations[1]["users"].([]map[string]any) {
				if u["username"] == "admin@example.com" {
					u["may_act_for"] = []string{"bob@example.com", "bob+sales@example.com"}
				}
			}
		}
	})
	admin := r.LegacyLogin(t, "admin@example.com", "admin-legacy-3", sandbox.GUIDKey)
	second := func(t *testing.T, form string, headers ...string) apptest.Answer {
		return r.Do(
			nil, apptest.TokenRequest(t, r.Sidecar(), form, append([]string{"Authorization", "bearer " + admin}, headers...)...),
		)
	}
	isBob := func(t *testing.T, got apptest.Answer) {
		t.Helper()
		if got.Status != 200 || !strings.Contains(got.Body, sandbox.BobID) {
			t.Errorf("status %d, %s\n%s", got.Status, got.Body, r.lastLines())
		}
	}
	base := "grant_type=password&client_id=" + sandbox.GUIDKey + "&scope=api&username="
	for _, c := range []struct{ name, form string }{
		{"without a password", base + "bob%40example.com"},
		{"with an empty password", base + "bob%40example.com&password="},
		{"with the administrator's password", base + "bob%40example.com&password=admin-legacy-3"},
		{"by GUID", base + sandbox.BobID},
		{"with an address that is not encoded", base + "bob+sales@example.com"},
	} {
		t.Run(c.name, func(t *testing.T) {
			token := apptest.AccessToken(t, second(t, c.form))
			isBob(t, r.WithToken(t, token))
			isBob(t, r.WithToken(t, token, "X-DocuSign-Act-As-User", "bob@example.com"))
		})
	}
	t.Run("without a second token, by X-DocuSign-Act-As-User alone", func(t *testing.T) {
		isBob(t, r.WithToken(t, admin, "X-DocuSign-Act-As-User", "bob@example.com"))
	})
	t.Run("for somebody who is not listed", func(t *testing.T) {
		if got := second(t, base+"legacy.user%40example.com"); got.Status != 400 ||
			!strings.Contains(got.Body, "invalid_client") {
			t.Errorf("status %d, %s", got.Status, got.Body)
		}
		if got := r.WithToken(t, admin, "X-DocuSign-Act-As-User", "legacy.user@example.com"); got.Status != 401 ||
			!strings.Contains(got.Body, "USER_LACKS_PERMISSIONS") {
			t.Errorf("act-as: status %d, %s", got.Status, got.Body)
		}
	})
	t.Run("with a token that nobody knows", func(t *testing.T) {
		if got := r.Do(
			nil, apptest.TokenRequest(t, r.Sidecar(), base+"bob%40example.com", "Authorization",
				"bearer bm90LWEtcmVhbC10b2tlbi0tLS0="),
		); got.Status != 400 || !strings.Contains(got.Body, "invalid_client") {
			t.Errorf("status %d, %s", got.Status, got.Body)
		}
	})
	t.Run("a token that nobody knows beside a password that is right", func(t *testing.T) {
		token := apptest.AccessToken(
			t,
			r.Do(
				nil,
				apptest.TokenRequest(
					t, r.Sidecar(), apptest.TokenForm("bob@example.com", "bob-legacy-2", sandbox.GUIDKey), "Authorization",
					"bearer bm90LWEtcmVhbC10b2tlbi0tLS0=",
				),
			),
		)
		isBob(t, r.WithToken(t, token))
	})
	t.Run("a token for somebody does not speak for anybody else", func(t *testing.T) {
		token := apptest.AccessToken(t, second(t, base+"bob%40example.com"))
		if got := r.WithToken(t, token, "X-DocuSign-Act-As-User", "legacy.user@example.com"); got.Status != 401 {
			t.Errorf("status %d, %s", got.Status, got.Body)
		}
	})
	for _, rec := range r.Sandbox.Requests() {
		if rec.Header.Get("X-DocuSign-Act-As-User") != "" {
			t.Errorf("X-DocuSign-Act-As-User went upstream to %s", rec.Path)
		}
	}
	r.NoLeak()
}

// A token that a program stored years ago is listed by its hash.
func TestImportedLegacyToken(t *testing.T) {
	t.Parallel()
	const own, behalf = "bm90LWEtcmVhbC10b2tlbi0tLS0=", "c29tZS1vdGhlci1vbGQtdG9rZW4="
	hash := func(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }
	r := newRig(t, func(c *fixture.Config) {
		c.Edit = func(integrations []map[string]any) {
			integrations[1]["tokens"] = []map[string]any{
				{"sha256": hash(own), "username": "anna@example.com"},
				{"sha256": hash(behalf), "username": "admin@example.com", "acts_as": "bob@example.com"},
			}
		}
	})
	if got := r.WithToken(t, own); got.Status != 200 || !strings.Contains(got.Body, sandbox.AnnaID) {
		t.Errorf("an imported token: status %d, %s", got.Status, got.Body)
	}
	if got := r.WithToken(t, behalf); got.Status != 200 || !strings.Contains(got.Body, sandbox.BobID) {
		t.Errorf("an imported token for somebody else: status %d, %s", got.Status, got.Body)
	}
	if got := r.Do(
		nil, soapPost(t, r.Sidecar()+"/api/3.0/dsapi.asmx", soapEnvelope("", listFeatures), "Authorization", "bearer "+own),
	); got.Status != 200 || !strings.Contains(got.Body, "anna@example.com") {
		t.Errorf("an imported token on SOAP: status %d, %s", got.Status, got.Body)
	}
	if got := r.WithToken(t, strings.ToLower(own)); got.Status != 401 {
		t.Errorf("the token in another case: status %d", got.Status)
	}
}

// What DocuSign said to an observed program, it says to it through the proxy as well; here that is a refusal.
func TestObservedLegacyTokens(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *fixture.Config) {
		c.Edit = func(integrations []map[string]any) { integrations[1]["mode"] = "observe" }
	})
	form := apptest.TokenForm("anna@example.com", "anna-legacy-1", sandbox.GUIDKey)
	got := r.Do(nil, apptest.TokenRequest(t, r.Sidecar(), form))
	all := r.Sandbox.Requests()
	if i := slices.IndexFunc(all, func(rec sandbox.Recorded) bool {
		return strings.HasSuffix(rec.Path, "oauth2/token")
	}); i < 0 || string(all[i].Body) != form || all[i].Status != got.Status {
		t.Errorf("status %d; the form did not go upstream as it came", got.Status)
	}
	r.Sandbox.ResetCounts()
	const token = "bm90LWEtcmVhbC10b2tlbi0tLS0="
	r.WithToken(t, token)
	r.Do(
		nil,
		apptest.Request(
			t, "POST", r.Sidecar()+"/restapi/v2/oauth2/revoke", strings.NewReader("token="+token), "Content-Type",
			"application/x-www-form-urlencoded",
		),
	)
	all = r.AtSites()
	if len(all) != 2 || all[0].Header.Get("Authorization") != "bearer "+token || string(all[1].Body) != "token="+token {
		t.Errorf("%d calls went upstream, want the call and the revocation as they came", len(all))
	}
}
