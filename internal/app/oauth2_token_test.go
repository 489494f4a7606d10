package app

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/password"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/internal/secret"
)

// tokenForm is the body of a legacy oauth2/token, properly encoded.
func tokenForm(username, password, key string) string {
	return url.Values{
		"grant_type": {"password"}, "client_id": {key}, "username": {username}, "password": {password}, "scope": {"api"},
	}.Encode()
}

func tokenRequest(t *testing.T, origin, form string, headers ...string) *http.Request {
	t.Helper()
	all := append([]string{"Content-Type", "application/x-www-form-urlencoded", "Accept", "application/json"}, headers...)
	return request(t, "POST", origin+"/restapi/v2/oauth2/token", strings.NewReader(form), all...)
}

func accessToken(t *testing.T, got answer) string {
	t.Helper()
	var a struct {
		Token string `json:"access_token"`
		Scope string `json:"scope"`
		Type  string `json:"token_type"`
	}
	if err := json.Unmarshal([]byte(got.body), &a); err != nil || got.status != 200 || a.Token == "" || a.Scope != "api" ||
		a.Type != "bearer" {
		t.Fatalf("status %d, body %s (%v)", got.status, got.body, err)
	}
	return a.Token
}

// legacyLogin gets a legacy token as old programs do.
func (r *rig) legacyLogin(t *testing.T, username, password, key string) string {
	t.Helper()
	return accessToken(t, r.do(nil, tokenRequest(t, r.sidecar(), tokenForm(username, password, key))))
}

const loginPath = "/restapi/v2/login_information"

func (r *rig) withToken(t *testing.T, token string, headers ...string) answer {
	t.Helper()
	return r.do(
		nil,
		request(t, "GET", r.sidecar()+loginPath, nil, append([]string{"Authorization", "bearer " + token}, headers...)...),
	)
}

func TestLegacyTokenIsAnsweredHere(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	form := tokenForm("anna@example.com", "anna-legacy-1", sandbox.GUIDKey)
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
			req := tokenRequest(t, r.sidecar(), form)
			if req.Header.Del("Accept"); c.accept != "" {
				req.Header.Set("Accept", c.accept)
			}
			got := r.do(nil, req)
			if got.status != 200 || !regexp.MustCompile(c.body).MatchString(got.body) ||
				got.header.Get("Content-Type") != c.contentType {
				t.Errorf("status %d, %q, %s", got.status, got.header.Get("Content-Type"), got.body)
			}
			if got.header.Get("Cache-Control") != "no-store" {
				t.Errorf("a token may be cached: %v", got.header)
			}
		})
	}
	for _, rec := range r.sandbox.Requests() {
		if strings.Contains(rec.Path, "oauth2") {
			t.Errorf("%s went upstream", rec.Path)
		}
	}
	r.noLeak()
}

func TestLegacyTokenForms(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *fixture.Config) {
		c.Edit = func(integrations []map[string]any) {
			for _, u := range integrations[1]["users"].([]map[string]any) {
				if u["username"] == "legacy.user@example.com" {
					u["username"], u["password"] = "anna+erp@example.com", map[string]any{"bcrypt": bcryptOf(t, "100%&more=+x")}
				}
			}
		}
	})
	for _, c := range []struct{ name, form, contentType string }{
		{name: "encoded as it should be", form: tokenForm("anna+erp@example.com", "100%&more=+x", sandbox.GUIDKey)},
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
		{name: "a line end after the form", form: tokenForm("anna@example.com", "anna-legacy-1", sandbox.GUIDKey) + "\r\n"},
		{
			name: "another content type", form: tokenForm("anna@example.com", "anna-legacy-1", sandbox.GUIDKey),
			contentType: "text/plain",
		},
		{
			name: "GRANT_TYPE in capitals",
			form: strings.Replace(
				tokenForm("anna@example.com", "anna-legacy-1", sandbox.GUIDKey), "grant_type=password", "GRANT_TYPE=Password", 1,
			),
		},
		{name: "the user's GUID", form: tokenForm(sandbox.AnnaID, "anna-legacy-1", sandbox.GUIDKey)},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := tokenRequest(t, r.sidecar(), c.form)
			if c.contentType != "" {
				req.Header.Set("Content-Type", c.contentType)
			}
			token := accessToken(t, r.do(nil, req))
			if got := r.withToken(t, token); got.status != 200 {
				t.Errorf("its token: status %d, %s", got.status, got.body)
			}
		})
	}
	r.noLeak()
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
		{"wrong password", tokenForm("anna@example.com", "wrong", sandbox.GUIDKey), 400, "invalid_client"},
		{"unknown user", tokenForm("nobody@example.com", "wrong", sandbox.GUIDKey), 400, "invalid_client"},
		{
			"unknown key", tokenForm("anna@example.com", "anna-legacy-1", "c0ffee00-0000-4000-8000-000000000001"), 400,
			"invalid_client",
		},
		{
			"an integration that is cut over", tokenForm("anna@example.com", "anna-legacy-1", sandbox.LegacyKey), 400,
			"invalid_client",
		},
		{"another grant", "grant_type=refresh_token&refresh_token=x", 400, "unsupported_grant_type"},
		{"no grant", "client_id=x&username=y&password=z", 400, "invalid_request"},
		{"JSON", `{"grant_type":"password"}`, 400, "invalid_request"},
		{"nothing", "", 400, "invalid_request"},
		{
			"two passwords", tokenForm("anna@example.com", "anna-legacy-1", sandbox.GUIDKey) + "&password=other", 400,
			"invalid_request",
		},
		{"more than a form can be", "grant_type=password&username=" + strings.Repeat("x", 20<<10), 413, "invalid_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := r.do(nil, tokenRequest(t, r.sidecar(), c.form))
			if got.status != c.status || !strings.Contains(got.body, `"error": "`+c.err+`"`) ||
				!strings.Contains(got.body, `"error_description": "`) {
				t.Errorf("status %d, %s", got.status, got.body)
			}
			asXML := r.do(nil, tokenRequest(t, r.sidecar(), c.form, "Accept", "application/xml"))
			if asXML.status != c.status || !strings.HasPrefix(asXML.body, `<oauthErr xmlns="http://www.docusign.com/restapi"`) ||
				!strings.Contains(asXML.body, "<error>"+c.err+"</error>") {
				t.Errorf("as XML: status %d, %s", asXML.status, asXML.body)
			}
		})
	}
	if n := len(r.sandbox.Requests()); n != 0 {
		t.Errorf("%d calls went upstream", n)
	}
}

// A user for whom no grant will work is told when the program logs in, not at its first call.
func TestLegacyTokenForAUserWithoutConsent(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.sandbox.Revoke(sandbox.GUIDKey, sandbox.BobID)
	got := r.do(nil, tokenRequest(t, r.sidecar(), tokenForm("bob@example.com", "bob-legacy-2", sandbox.GUIDKey)))
	if got.status != 400 || !strings.Contains(got.body, "invalid_client") ||
		got.header.Get("X-DocuSign-Auth-Proxy-Cause") != "consent_required" {
		t.Errorf("status %d, %v %s", got.status, got.header, got.body)
	}
}

func TestLifeOfALegacyToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	token := r.legacyLogin(t, "anna@example.com", "anna-legacy-1", sandbox.GUIDKey)
	if got := r.withToken(t, token); got.status != 200 || !strings.Contains(got.body, sandbox.AnnaID) {
		t.Fatalf("a new token: status %d, %s", got.status, got.body)
	}
	for _, spelling := range []string{"Bearer " + token, "BEARER " + token, token} {
		if got := r.do(nil, request(t, "GET", r.sidecar()+loginPath, nil, "Authorization", spelling)); got.status != 200 {
			t.Errorf("Authorization in another spelling: status %d, %s", got.status, got.body)
		}
	}
	r.halt()
	stored, err := os.ReadFile(filepath.Join(r.dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(stored), token) {
		t.Error("the token stands in the store in clear")
	}
	r.start()
	if got := r.withToken(t, token); got.status != 200 || !strings.Contains(got.body, sandbox.AnnaID) {
		t.Errorf("after a restart: status %d, %s", got.status, got.body)
	}
	other := r.legacyLogin(t, "anna@example.com", "anna-legacy-1", sandbox.GUIDKey)
	revoke := func(form string, headers ...string) answer {
		headers = append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)
		return r.do(nil, request(t, "POST", r.sidecar()+"/restapi/v2/oauth2/revoke", strings.NewReader(form), headers...))
	}
	if got := revoke("token=" + url.QueryEscape(token)); got.status != 200 || got.body != "" {
		t.Errorf("revoke: status %d, %q", got.status, got.body)
	}
	if got := r.withToken(t, token); got.status != 401 || !strings.Contains(got.body, "AUTHORIZATION_INVALID_TOKEN") {
		t.Errorf("a revoked token: status %d, %s", got.status, got.body)
	}
	if got := revoke("token=" + token); got.status != 200 {
		t.Errorf("revoke again: status %d", got.status)
	}
	if got := r.withToken(t, other); got.status != 200 {
		t.Errorf("the other token after the first was revoked: status %d", got.status)
	}
	r.halt()
	r.start()
	if got := r.withToken(t, token); got.status != 401 {
		t.Errorf("a revoked token after a restart: status %d", got.status)
	}
	if got := revoke("token="+other, "Authorization", "bearer "+other); got.status != 200 {
		t.Errorf("revoke with Authorization and without encoding: status %d", got.status)
	}
	if got := r.withToken(t, other); got.status != 401 {
		t.Errorf("the other token after it was revoked: status %d", got.status)
	}
	for _, form := range []string{"", "token=", "tok=en"} {
		if got := revoke(form); got.status != 400 || !strings.Contains(got.body, "invalid_request") {
			t.Errorf("revoke with %q: status %d, %s", form, got.status, got.body)
		}
	}
	for _, rec := range r.sandbox.Requests() {
		if strings.Contains(strings.Join(rec.Header.Values("Authorization"), ""), token) ||
			strings.Contains(string(rec.Body), token) {
			t.Errorf("the proxy's own token went upstream to %s", rec.Path)
		}
	}
	if n := r.sandbox.Counts().Legacy.Total(); n != 0 {
		t.Errorf("%d legacy credentials reached DocuSign", n)
	}
}

func TestLegacyTokensPerUserAreLimited(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	var tokens []string
	for range 12 {
		tokens = append(tokens, r.legacyLogin(t, "anna@example.com", "anna-legacy-1", sandbox.GUIDKey))
	}
	bob := r.legacyLogin(t, "bob@example.com", "bob-legacy-2", sandbox.GUIDKey)
	for i, token := range tokens {
		want := 200
		if i < 2 {
			want = 401
		}
		if got := r.withToken(t, token); got.status != want {
			t.Errorf("token %d of 12: status %d, want %d", i+1, got.status, want)
		}
	}
	if got := r.withToken(t, bob); got.status != 200 {
		t.Errorf("another user's token: status %d", got.status)
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
	admin := r.legacyLogin(t, "admin@example.com", "admin-legacy-3", sandbox.GUIDKey)
	second := func(t *testing.T, form string, headers ...string) answer {
		return r.do(
			nil, tokenRequest(t, r.sidecar(), form, append([]string{"Authorization", "bearer " + admin}, headers...)...),
		)
	}
	isBob := func(t *testing.T, got answer) {
		t.Helper()
		if got.status != 200 || !strings.Contains(got.body, sandbox.BobID) {
			t.Errorf("status %d, %s\n%s", got.status, got.body, r.lastLines())
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
			token := accessToken(t, second(t, c.form))
			isBob(t, r.withToken(t, token))
			isBob(t, r.withToken(t, token, "X-DocuSign-Act-As-User", "bob@example.com"))
		})
	}
	t.Run("without a second token, by X-DocuSign-Act-As-User alone", func(t *testing.T) {
		isBob(t, r.withToken(t, admin, "X-DocuSign-Act-As-User", "bob@example.com"))
	})
	t.Run("for somebody who is not listed", func(t *testing.T) {
		if got := second(t, base+"legacy.user%40example.com"); got.status != 400 ||
			!strings.Contains(got.body, "invalid_client") {
			t.Errorf("status %d, %s", got.status, got.body)
		}
		if got := r.withToken(t, admin, "X-DocuSign-Act-As-User", "legacy.user@example.com"); got.status != 401 ||
			!strings.Contains(got.body, "USER_LACKS_PERMISSIONS") {
			t.Errorf("act-as: status %d, %s", got.status, got.body)
		}
	})
	t.Run("with a token that nobody knows", func(t *testing.T) {
		if got := r.do(
			nil, tokenRequest(t, r.sidecar(), base+"bob%40example.com", "Authorization", "bearer bm90LWEtcmVhbC10b2tlbi0tLS0="),
		); got.status != 400 || !strings.Contains(got.body, "invalid_client") {
			t.Errorf("status %d, %s", got.status, got.body)
		}
	})
	t.Run("a token that nobody knows beside a password that is right", func(t *testing.T) {
		token := accessToken(
			t,
			r.do(
				nil,
				tokenRequest(
					t, r.sidecar(), tokenForm("bob@example.com", "bob-legacy-2", sandbox.GUIDKey), "Authorization",
					"bearer bm90LWEtcmVhbC10b2tlbi0tLS0=",
				),
			),
		)
		isBob(t, r.withToken(t, token))
	})
	t.Run("a token for somebody does not speak for anybody else", func(t *testing.T) {
		token := accessToken(t, second(t, base+"bob%40example.com"))
		if got := r.withToken(t, token, "X-DocuSign-Act-As-User", "legacy.user@example.com"); got.status != 401 {
			t.Errorf("status %d, %s", got.status, got.body)
		}
	})
	for _, rec := range r.sandbox.Requests() {
		if rec.Header.Get("X-DocuSign-Act-As-User") != "" {
			t.Errorf("X-DocuSign-Act-As-User went upstream to %s", rec.Path)
		}
	}
	r.noLeak()
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
	if got := r.withToken(t, own); got.status != 200 || !strings.Contains(got.body, sandbox.AnnaID) {
		t.Errorf("an imported token: status %d, %s", got.status, got.body)
	}
	if got := r.withToken(t, behalf); got.status != 200 || !strings.Contains(got.body, sandbox.BobID) {
		t.Errorf("an imported token for somebody else: status %d, %s", got.status, got.body)
	}
	if got := r.do(
		nil, soapPost(t, r.sidecar()+"/api/3.0/dsapi.asmx", soapEnvelope("", listFeatures), "Authorization", "bearer "+own),
	); got.status != 200 || !strings.Contains(got.body, "anna@example.com") {
		t.Errorf("an imported token on SOAP: status %d, %s", got.status, got.body)
	}
	if got := r.withToken(t, strings.ToLower(own)); got.status != 401 {
		t.Errorf("the token in another case: status %d", got.status)
	}
}

// What DocuSign said to an observed program, it says to it through the proxy as well; here that is a refusal.
func TestObservedLegacyTokens(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *fixture.Config) {
		c.Edit = func(integrations []map[string]any) { integrations[1]["mode"] = "observe" }
	})
	form := tokenForm("anna@example.com", "anna-legacy-1", sandbox.GUIDKey)
	got := r.do(nil, tokenRequest(t, r.sidecar(), form))
	all := r.sandbox.Requests()
	if i := slices.IndexFunc(all, func(rec sandbox.Recorded) bool {
		return strings.HasSuffix(rec.Path, "oauth2/token")
	}); i < 0 || string(all[i].Body) != form || all[i].Status != got.status {
		t.Errorf("status %d; the form did not go upstream as it came", got.status)
	}
	r.sandbox.ResetCounts()
	const token = "bm90LWEtcmVhbC10b2tlbi0tLS0="
	r.withToken(t, token)
	r.do(
		nil,
		request(
			t, "POST", r.sidecar()+"/restapi/v2/oauth2/revoke", strings.NewReader("token="+token), "Content-Type",
			"application/x-www-form-urlencoded",
		),
	)
	all = r.atSites()
	if len(all) != 2 || all[0].Header.Get("Authorization") != "bearer "+token || string(all[1].Body) != "token="+token {
		t.Errorf("%d calls went upstream, want the call and the revocation as they came", len(all))
	}
}

func bcryptOf(t *testing.T, text string) string {
	t.Helper()
	hash, err := password.HashBcrypt(secret.New(text), 4)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}
