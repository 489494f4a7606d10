package app_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
)

const (
	annaXML = `<DocuSignCredentials><Username>anna@example.com</Username><Password>anna-legacy-1</Password>` +
		`<IntegratorKey>` + sandbox.GUIDKey + `</IntegratorKey></DocuSignCredentials>`
	badUser = `{"Username":"anna@example.com","Password":"%s","IntegratorKey":"` + sandbox.GUIDKey + `"}`
)

// oauthToken has DocuSign's account server issue a token, as a migrated program would get one.
func (r *rig) oauthToken(t *testing.T) string {
	t.Helper()
	r.Get(t, apptest.ListPath, "X-DocuSign-Authentication: "+apptest.AnnaJSON+"\r\n")
	return strings.TrimPrefix(r.Last(t).Header.Get("Authorization"), "Bearer ")
}

// writtenForm is a credential as a program writes it, and what becomes of it.
type writtenForm struct {
	name, lines string
	want        int
	code        string
}

// path is one of the user's integration.
func (f *writtenForm) path() string {
	if strings.Contains(f.lines, "legacy.user") || strings.Contains(f.lines, sandbox.LegacyKey) {
		return "/restapi/v2/accounts/1703061/envelopes?from_date=2026-01-01"
	}
	return apptest.ListPath
}

func writtenForms() []writtenForm {
	const key = sandbox.GUIDKey
	const wild = `p@ss<w&rd>é1` // the legacy user's password
	json := func(user, password string) string {
		return `{"Username":"` + user + `","Password":"` + password + `","IntegratorKey":"` + sandbox.LegacyKey + `"}`
	}
	xml := func(password string) string {
		return `<DocuSignCredentials><Username>legacy.user@example.com</Username><Password>` + password +
			`</Password><IntegratorKey>` + sandbox.LegacyKey + `</IntegratorKey></DocuSignCredentials>`
	}
	header := "X-DocuSign-Authentication: "
	return []writtenForm{
		{"V1 compact JSON", header + apptest.AnnaJSON, 200, ""},
		{"V2 json.dumps", header + strings.NewReplacer(`":"`, `": "`, `","`, `", "`).Replace(apptest.AnnaJSON), 200, ""},
		{
			"V3 blanks and tabs",
			header + "{ " + strings.NewReplacer(`":"`, "\":\t \"", `","`,
				`",   "`).Replace(strings.Trim(apptest.AnnaJSON, "{}")) + " }",
			200, "",
		},
		{"V4 no blank after the header's colon", strings.TrimSpace(header) + apptest.AnnaJSON, 200, ""},
		{"V5 closing brace missing", header + strings.TrimSuffix(apptest.AnnaJSON, "}"), 200, ""},
		{
			"V6 values not quoted", header + "{Username:anna@example.com,Password:anna-legacy-1,IntegratorKey:" + key + "}", 200,
			"",
		},
		{
			"V6 names quoted, values not",
			header + `{"Username":anna@example.com,"Password":anna-legacy-1,"IntegratorKey":` + key + "}", 200, "",
		},
		{"V7 trailing blank inside an element", header + strings.Replace(annaXML, key+"<", key+" <", 1), 200, ""},
		{
			"V8 folded lines",
			header + "{\"Username\":\"anna@example.com\",\r\n   \"Password\":\"anna-legacy-1\",\r\n\t\"IntegratorKey\":\"" +
				key + "\"}",
			200, "",
		},
		{
			"V8 folded with bare LF",
			header + "<DocuSignCredentials>\n <Username>anna@example.com</Username>\n <Password>anna-legacy-1</Password>\n " +
				"<IntegratorKey>" + key + "</IntegratorKey>\n </DocuSignCredentials>",
			200, "",
		},
		{
			"V9 namespaced XML, other order",
			header + `<n:DocuSignCredentials xmlns:n="http://www.docusign.com/restapi"><n:IntegratorKey>` + key +
				`</n:IntegratorKey><n:Password>anna-legacy-1</n:Password><n:Username>anna@example.com</n:Username>` +
				`</n:DocuSignCredentials>`,
			200, "",
		},
		{
			"V10 SendOnBehalfOf first",
			header + strings.Replace(
				strings.NewReplacer("anna@", "admin@", "anna-legacy-1", "admin-legacy-3").Replace(annaXML), "<Username>",
				"<SendOnBehalfOf>bob@example.com</SendOnBehalfOf><Username>", 1,
			),
			200, "",
		},
		{
			"V11 principal in brackets",
			header + strings.NewReplacer("anna@", "[bob@example.com]admin@", "anna-legacy-1", "admin-legacy-3").Replace(annaXML),
			200, "",
		},
		{"V12 nothing escaped, JSON", header + json("legacy.user@example.com", wild), 200, ""},
		{"V12 nothing escaped, XML", header + xml(wild), 200, ""},
		{"V13 entities", header + xml(`p@ss&lt;w&amp;rd&gt;&#233;1`), 200, ""},
		{"V13 hexadecimal entities", header + xml(`p@ss&#x3C;w&#x26;rd&#x3E;&#xE9;1`), 200, ""},
		{"JSON escapes", header + json("legacy.user@example.com", `p@ss\u003cw\u0026rd\u003e\u00e91`), 200, ""},
		{"raw Latin-1 bytes, JSON (node)", header + json("legacy.user@example.com", "p@ss<w&rd>\xe91"), 200, ""},
		{"raw Latin-1 bytes, XML", header + xml("p@ss&lt;w&amp;rd&gt;\xe91"), 200, ""},
		{"V14 an integrator key alone", header + key, 401, "INVALID_TOKEN_FORMAT"},
		{
			"V19 Authorization with nothing but a token that nobody knows", "Authorization: c29tZXRoaW5nLW9sZC1hbmQtb3BhcXVl",
			401, "AUTHORIZATION_INVALID_TOKEN",
		},
		{"user name in other case", header + strings.Replace(apptest.AnnaJSON, "anna@example.com", "Anna@Example.COM", 1),
			200, ""},
		{
			"user name as GUID", header + strings.Replace(apptest.AnnaJSON, "anna@example.com", strings.ToUpper(sandbox.AnnaID),
				1), 200,
			"",
		},
		{"key in other case", header + strings.Replace(apptest.AnnaJSON, key, strings.ToUpper(key), 1), 200, ""},
		{
			"lower-case field names",
			header + strings.NewReplacer(
				"Username", "username", "Password", "password", "IntegratorKey", "integratorKey",
			).Replace(apptest.AnnaJSON),
			200, "",
		},
		{"header name in lower case", strings.ToLower(header) + apptest.AnnaJSON, 200, ""},
		{"header name as urllib writes it", "X-Docusign-authentication: " + apptest.AnnaJSON, 200, ""},
		{"header name in capitals", strings.ToUpper(header) + apptest.AnnaJSON, 200, ""},
		{"the same header twice", header + apptest.AnnaJSON + "\r\n" + header + apptest.AnnaJSON, 200, ""},
		{"two headers that differ", header + apptest.AnnaJSON + "\r\n" + header + apptest.LegacyJSON, 401,
			"INVALID_TOKEN_FORMAT"},
		{
			"two headers that differ, one of them wrong", header + fmt.Sprintf(badUser, "guess") + "\r\n" + header +
				apptest.AnnaJSON,
			401, "INVALID_TOKEN_FORMAT",
		},
		{"garbage", header + "Zm9vOmJhcg==", 401, "INVALID_TOKEN_FORMAT"},
		{"empty", strings.TrimSpace(header), 401, "INVALID_TOKEN_FORMAT"},
		{"nothing at all", "Accept: */*", 401, "PARTNER_AUTHENTICATION_FAILED"},
		{"Basic", "Authorization: Basic YW5uYTp4", 401, "PARTNER_AUTHENTICATION_FAILED"},
		{
			"unknown key", header + strings.Replace(apptest.AnnaJSON, key, "a1b2c3d4-9999-4000-8000-000000000001", 1), 401,
			"PARTNER_AUTHENTICATION_FAILED",
		},
		{"unknown user", header + strings.Replace(apptest.AnnaJSON, "anna@", "nobody@", 1), 401,
			"USER_AUTHENTICATION_FAILED"},
		{"wrong password", header + fmt.Sprintf(badUser, "Anna-legacy-1"), 401, "USER_AUTHENTICATION_FAILED"},
		{"empty password", header + fmt.Sprintf(badUser, ""), 401, "USER_AUTHENTICATION_FAILED"},
		// its users are listed there as well
		{
			"the other integration's key with a right password", header +
				strings.Replace(apptest.AnnaJSON, key, sandbox.LegacyKey, 1),
			200, "",
		},
	}
}

func TestEveryWrittenFormOfTheHeader(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, c := range writtenForms() {
		t.Run(c.name, func(t *testing.T) {
			got := r.Get(t, c.path(), c.lines+"\r\n")
			if got.Status != c.want || !strings.Contains(got.Body, c.code) {
				t.Errorf("status %d, want %d %s: %s", got.Status, c.want, c.code, got.Body)
			}
		})
	}
	t.Run("V17 several lines that are no fold cannot be a header", func(t *testing.T) {
		w := r.Dial(t, call.DoorSidecar)
		w.Send(
			"GET " + apptest.ListPath + " HTTP/1.1\r\nHost: x\r\nX-DocuSign-Authentication: " +
				"{\"Username\":\n\"anna@example.com\"}\r\n\r\n",
		)
		if got := w.Read("GET"); got.Status != 400 {
			t.Errorf("status %d", got.Status)
		}
	})
	t.Run("V18 a browser's preflight needs no credential", func(t *testing.T) {
		w := r.Dial(t, call.DoorSidecar)
		w.Send(
			"OPTIONS " + apptest.ListPath + " HTTP/1.1\r\nHost: x\r\nOrigin: http://x\r\nAccess-Control-Request-Method: " +
				"GET\r\nAccess-Control-Request-Headers: x-docusign-authentication\r\n\r\n",
		)
		if got := w.Read("OPTIONS"); got.Status == 401 || r.Last(t).Method != "OPTIONS" {
			t.Errorf("status %d", got.Status)
		}
	})
	r.NoLeak()
}

func TestSeveralCredentialsInOneCall(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte("b2xkLXRva2VuLWZyb20tMjAxNA=="))
	r := newRig(t, func(w *fixture.Config) {
		w.Edit = func(in []map[string]any) {
			in[1]["tokens"] = []map[string]any{{"sha256": hex.EncodeToString(sum[:]), "username": "admin@example.com"}}
		}
	})
	const old = "b2xkLXRva2VuLWZyb20tMjAxNA=="
	legacy := "X-DocuSign-Authentication: " + apptest.AnnaJSON + "\r\n"
	native := r.oauthToken(t)
	for _, c := range []struct {
		name, lines string
		want        int
		user        string // whose token went upstream
		log         string
	}{
		{
			"V15 the legacy header wins over an unknown bearer", legacy + "Authorization: Bearer abcdef\r\n", 200,
			sandbox.AnnaID, "conflict=true",
		},
		{
			"V15 the legacy header wins over the program's own OAuth token", legacy + "Authorization: Bearer " + native + "\r\n",
			200, sandbox.AnnaID, "conflict=true",
		},
		{
			"V16 the token inside the header", `X-DocuSign-Authentication: {"Bearer ":"` + old + `"}` + "\r\n", 200,
			sandbox.AdminID, "scheme=legacy_bearer",
		},
		{
			"an imported token, lower-case scheme", "Authorization: bearer " + old + "\r\n", 200, sandbox.AdminID,
			"scheme=legacy_bearer",
		},
		{
			"V19 an imported token without a scheme", "Authorization: " + old + "\r\n", 200, sandbox.AdminID,
			"scheme=legacy_bearer",
		},
		{
			"an imported token acts for another user",
			"Authorization: bearer " + old + "\r\nX-DocuSign-Act-As-User: bob@example.com\r\n", 200, sandbox.BobID,
			"principal=bob@example.com",
		},
		{
			"an imported token may not act for everybody",
			"Authorization: bearer " + old + "\r\nX-DocuSign-Act-As-User: legacy.user@example.com\r\n", 401, "",
			"cause=principal_not_allowed",
		},
		{
			"the program's own OAuth token passes as it is", "Authorization: Bearer " + native + "\r\n", 200, sandbox.AnnaID,
			"scheme=oauth_bearer",
		},
		{
			"two Authorization headers", "Authorization: bearer " + old + "\r\nAuthorization: bearer x\r\n", 401, "",
			"cause=no_credential",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.Sandbox.ResetCounts()
			logged := len(r.Log.String())
			got := r.Get(t, apptest.ListPath, c.lines)
			if got.Status != c.want {
				t.Fatalf("status %d, want %d: %s", got.Status, c.want, got.Body)
			}
			if c.user != "" {
				if sent := r.Last(t); sent.Header["X-Docusign-Act-As-User"] != nil ||
					sent.Header["X-Docusign-Authentication"] != nil ||
					!strings.Contains(apptest.TokenUser(t, sent.Header.Get("Authorization")), c.user) {
					t.Errorf("went upstream with %v", apptest.TokenUser(t, sent.Header.Get("Authorization")))
				}
			}
			apptest.Eventually(t, "the log says "+c.log, func() bool { return strings.Contains(r.Log.String()[logged:], c.log) })
		})
	}
	if c := r.Sandbox.Counts(); c.Legacy.Total() != 0 {
		t.Errorf("%+v reached DocuSign", c.Legacy)
	}
}

func TestActingForSomebodyElse(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(w *fixture.Config) {
		w.Edit = func(in []map[string]any) {
			users := in[1]["users"].([]map[string]any)
			for _, u := range users {
				if u["username"] == "admin@example.com" {
					u["may_act_for"] = []string{"bob@example.com", "carol@example.com"}
				}
			}
			in[1]["oauth"].(map[string]any)["admin_user_id"] = sandbox.AdminID
		}
	})
	const carolID = "a1b2c3d4-0000-4000-8000-0000000000c0"
	r.Sandbox.AddUser(sandbox.User{
		ID: carolID, Email: "carol@example.com", Name: "Carol", Accounts: []string{sandbox.ExampleAccountID},
	})
	r.Sandbox.Consent(sandbox.GUIDKey, carolID, "signature", "impersonation")
	admin := strings.NewReplacer("anna@", "admin@", "anna-legacy-1", "admin-legacy-3").Replace(apptest.AnnaJSON)
	behalf := func(who string) string {
		return "X-DocuSign-Authentication: " + strings.TrimSuffix(admin, "}") + `,"SendOnBehalfOf":"` + who + "\"}\r\n"
	}
	for _, c := range []struct {
		name, lines string
		want        int
		user        string
	}{
		{"SendOnBehalfOf a listed principal", behalf("bob@example.com"), 200, sandbox.BobID},
		{"SendOnBehalfOf by GUID", behalf(sandbox.BobID), 200, sandbox.BobID},
		{"SendOnBehalfOf in other case", behalf("BOB@example.com"), 200, sandbox.BobID},
		{"SendOnBehalfOf oneself", behalf("admin@example.com"), 200, sandbox.AdminID},
		{"a principal looked up by e-mail through the administrator", behalf("carol@example.com"), 200, carolID},
		{"SendOnBehalfOf somebody who is not listed", behalf("anna@example.com"), 401, ""},
		{"SendOnBehalfOf somebody nobody knows", behalf("nobody@example.com"), 401, ""},
		{
			"act-as header", "X-DocuSign-Authentication: " + admin + "\r\nX-DocuSign-Act-As-User: bob@example.com\r\n", 200,
			sandbox.BobID,
		},
		{
			"act-as header, not listed",
			"X-DocuSign-Authentication: " + admin + "\r\nX-DocuSign-Act-As-User: anna@example.com\r\n", 401, "",
		},
		{
			"a user without the right",
			"X-DocuSign-Authentication: " + apptest.AnnaJSON + "\r\nX-DocuSign-Act-As-User: bob@example.com\r\n", 401, "",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.Sandbox.ResetCounts()
			got := r.Get(t, apptest.ListPath, c.lines)
			if got.Status != c.want || c.want == 401 && !strings.Contains(got.Body, "USER_LACKS_PERMISSIONS") {
				t.Fatalf("status %d, want %d: %s", got.Status, c.want, got.Body)
			}
			if c.user != "" && !strings.Contains(apptest.TokenUser(t, r.Last(t).Header.Get("Authorization")), c.user) {
				t.Errorf("the call was made as %s, want %s", apptest.TokenUser(t, r.Last(t).Header.Get("Authorization")), c.user)
			}
			if c.want == 401 && len(r.AtSites()) > 0 && strings.Contains(r.Last(t).Path, "/envelopes") {
				t.Error("a refused call reached DocuSign")
			}
		})
	}
}

func TestModesOfAnIntegration(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(w *fixture.Config) {
		w.Edit = func(in []map[string]any) { in[0]["mode"], in[1]["mode"] = "observe", "block" }
		w.Extra = map[string]any{"unknown": "observe"}
	})
	path := "/restapi/v2/accounts/1703061/envelopes"
	for _, c := range []struct {
		name, lines, log string
		forwarded        bool
		want             int
	}{
		{"block refuses like an unknown key", "X-DocuSign-Authentication: " + apptest.AnnaJSON + "\r\n", "cause=blocked",
			false, 401},
		{
			"observe forwards the call as it came",
			"X-DocuSign-Authentication: " + apptest.LegacyJSON + "\r\nX-DocuSign-Act-As-User: a@b\r\n", "scheme=header_json",
			true, 401,
		},
		{
			"unknown: observe forwards unknown keys",
			"X-DocuSign-Authentication: " + strings.Replace(apptest.AnnaJSON, "000000000001", "000000000009", 1) + "\r\n",
			"integration=unknown", true, 401,
		},
		{"unknown: observe forwards unknown tokens", "Authorization: bearer b3BhcXVl\r\n", "scheme=legacy_bearer", true, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.Sandbox.ResetCounts()
			got := r.Get(t, path, c.lines+"X-Other: 1\r\n")
			if got.Status != c.want || (len(r.AtSites()) > 0) != c.forwarded {
				t.Fatalf("status %d, reached DocuSign %d times: %s", got.Status, len(r.AtSites()), got.Body)
			}
			if c.forwarded {
				var same strings.Builder
				for _, name := range []string{"X-DocuSign-Authentication", "X-DocuSign-Act-As-User", "Authorization"} {
					if v := r.Last(t).Header[http.CanonicalHeaderKey(name)]; v != nil {
						same.WriteString(name + ": " + v[0] + "\r\n")
					}
				}
				if same.String() != c.lines {
					t.Errorf("went upstream as %q", same.String())
				}
			}
			apptest.Eventually(t, "the call is logged with "+c.log,
				func() bool { return strings.Contains(r.Log.String(), c.log) })
		})
	}
	t.Run("an observed call is rehearsed beside it", func(t *testing.T) {
		apptest.Eventually(t, "a grant for the observed user", func() bool {
			r.Get(t, path, "X-DocuSign-Authentication: "+apptest.LegacyJSON+"\r\n")
			return r.Sandbox.Counts().Grants > 0
		})
		r.Get(t, path, "X-DocuSign-Authentication: "+strings.Replace(apptest.LegacyJSON, "p@ss", "pass", 1)+"\r\n")
		apptest.Eventually(t, "the failed rehearsal is logged", func() bool {
			return strings.Contains(r.Log.String(), "result=bad_login")
		})
	})
	t.Run("many observed calls at once", func(t *testing.T) {
		var all sync.WaitGroup
		for range 32 {
			all.Go(func() {
				req, _ := http.NewRequest("GET", r.Sidecar()+path, nil)
				req.Header.Set("X-DocuSign-Authentication", apptest.LegacyJSON)
				if resp, err := http.DefaultClient.Do(req); err == nil {
					_ = resp.Body.Close()
				}
			})
		}
		all.Wait()
	})
}

func TestGuessingIsSlowedDownWithoutLockingTheOwnerOut(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	if got := r.Get(t, apptest.ListPath, "X-DocuSign-Authentication: "+apptest.AnnaJSON+"\r\n"); got.Status != 200 {
		t.Fatal(got.Status)
	}
	var wrong sync.WaitGroup
	for i := range 60 {
		wrong.Go(func() {
			got := r.Do(
				nil,
				apptest.Request(
					t, "GET", r.Sidecar()+apptest.ListPath, nil, "X-DocuSign-Authentication",
					fmt.Sprintf(badUser, fmt.Sprint("guess-", i)),
				),
			)
			if got.Status != 401 || !strings.Contains(got.Body, "USER_AUTHENTICATION_FAILED") {
				t.Errorf("a guess got %d %s", got.Status, got.Body)
			}
		})
	}
	wrong.Wait()
	if !strings.Contains(r.Log.String(), "cause=throttled") {
		t.Error("no guess was throttled")
	}
	if got := r.Get(t, apptest.ListPath, "X-DocuSign-Authentication: "+apptest.AnnaJSON+"\r\n"); got.Status != 200 {
		t.Errorf("the program that knows the password is locked out: %d", got.Status)
	}
	r.NoLeak()
}

func TestAPinnedPasswordProvesTheUserAndNothingMore(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(w *fixture.Config) {
		w.Extra = map[string]any{"pin_password": "first_use"}
		w.Edit = func(in []map[string]any) {
			for _, u := range in[1]["users"].([]map[string]any) {
				delete(u, "password")
			}
		}
	})
	call := func(password, more string) string {
		return "X-DocuSign-Authentication: " + fmt.Sprintf(badUser, password) + "\r\n" + more
	}
	for _, c := range []struct {
		name, lines string
		want        int
	}{
		{
			"the first call may not act for everybody either", call("first", "X-DocuSign-Act-As-User: bob@example.com\r\n"), 401,
		},
		{"the first password is the password", call("first", ""), 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := r.Get(t, apptest.ListPath, c.lines); got.Status != c.want {
				t.Errorf("status %d, want %d: %s", got.Status, c.want, got.Body)
			}
		})
	}
}

func TestEscapesInAPathSurviveInEveryMode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		edit  func(map[string]any)
		lines func(*rig) string
		id    string // of the account, upstream
	}{
		{"translated", func(map[string]any) {}, nil, "1703061"},
		{"translated, with the account's GUID", func(in map[string]any) {
			in["account_ids"] = "guid"
		}, nil, sandbox.CaptureAccountID},
		{"observed", func(in map[string]any) { in["mode"] = "observe" }, nil, "1703061"},
		{"with an OAuth token of its own", func(map[string]any) {}, func(r *rig) string {
			return "Authorization: Bearer " + r.oauthToken(t) + "\r\n"
		}, "1703061"},
	} {
		r := newRig(t, func(w *fixture.Config) { w.Edit = func(in []map[string]any) { c.edit(in[1]) } })
		lines := "X-DocuSign-Authentication: " + apptest.AnnaJSON + "\r\n"
		if c.lines != nil {
			lines = c.lines(r)
		}
		for _, path := range []struct{ came, want string }{
			{"a%2Bb%20c%2bd+e", "a%2Bb%20c%2bd+e"},
			{"%41;v=%3B:@!$&'()*,=[1]~", "%41;v=%3B:@!$&'()*,=[1]~"},
			{"%2B|\"<>^`{}", "%2B%7C%22%3C%3E%5E%60%7B%7D"},
			{"%2B\u00fc", "%2B%C3%BC"},
		} {
			t.Run(c.name+" "+path.came, func(t *testing.T) {
				r.Get(t, "/restapi/v2/accounts/1703061/envelopes/"+path.came, lines)
				if got, want := r.Last(t).Path, "/restapi/v2/accounts/"+c.id+"/envelopes/"+path.want; got != want {
					t.Errorf("DocuSign was asked for %s, want %s", got, want)
				}
			})
		}
	}
}

func TestAccountsByNumber(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(w *fixture.Config) {
		w.Edit = func(in []map[string]any) {
			for _, u := range in[1]["users"].([]map[string]any) {
				u["accounts"] = map[string]string{"77": sandbox.CaptureAccountID}
			}
			in[1]["account_ids"] = "guid"
		}
	})
	for _, c := range []struct{ name, account, host, path string }{
		{"a configured number goes to its site, written as GUID", "77", "demo.docusign.net", "/restapi/v2/accounts/" + sandbox.CaptureAccountID + "/envelopes"},
		{"a GUID goes to its site", sandbox.ExampleAccountID, "na3.docusign.net", "/restapi/v2/accounts/" + sandbox.ExampleAccountID + "/envelopes"},
		{"a GUID in capitals", strings.ToUpper(sandbox.CaptureAccountID), "demo.docusign.net", ""},
		{"a number that can be learnt", "1703061", "demo.docusign.net", ""},
		{"what stands escaped beside it stays escaped", "77/a%2Bb%20c%7Cd/%C3%BC;p=%3B", "demo.docusign.net",
			"/restapi/v2/accounts/" + sandbox.CaptureAccountID + "/a%2Bb%20c%7Cd/%C3%BC;p=%3B/envelopes"},
		{"a number that is escaped itself", "%377", "demo.docusign.net", "/restapi/v2/accounts/" + sandbox.CaptureAccountID + "/envelopes"},
		{"a number that stands twice", "77/77", "demo.docusign.net", "/restapi/v2/accounts/" + sandbox.CaptureAccountID + "/77/envelopes"},
		{"a number nobody knows goes to the default account's site", "999", "na3.docusign.net", "/restapi/v2/accounts/999/envelopes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.Get(t, "/restapi/v2/accounts/"+c.account+"/envelopes", "X-DocuSign-Authentication: "+apptest.AnnaJSON+"\r\n")
			sent := r.Last(t)
			if sent.Host != c.host || c.path != "" && sent.Path != c.path {
				t.Errorf("went to %s %s, want %s %s", sent.Host, sent.Path, c.host, c.path)
			}
		})
	}
	for _, off := range []int{0, 401} {
		r.Sandbox.SetLoginInformation(off)
		a := apptest.ParseLogin(t, r.Get(t, "/restapi/v2/login_information", "X-DocuSign-Authentication: "+apptest.AnnaJSON+"\r\n"+
			"").Body).LoginAccounts
		ids := a[0].AccountID + " " + a[1].AccountID
		// Programs compare accountId with a number of their own; DocuSign's number is kept, and without DocuSign the
		// configured one.
		if want := map[int]string{0: "1234567 1703061", 401: sandbox.ExampleAccountID + " 77"}[off]; ids != want {
			t.Errorf("DocuSign answers %d: the program reads the accounts %s, want %s", off, ids, want)
		}
	}
}
