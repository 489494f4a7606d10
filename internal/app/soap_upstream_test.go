package app_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
)

const (
	annaHeaderXML = `<DocuSignCredentials><Username>anna@example.com</Username><Password>anna-legacy-1</Password>` +
		`<IntegratorKey>` + sandbox.GUIDKey + `</IntegratorKey></DocuSignCredentials>`
	adminName = "[" + sandbox.GUIDKey + "]admin@example.com"
	summary   = `<GetMembershipSummary ` +
		`xmlns="http://www.docusign.net/API/AccountManagement"></GetMembershipSummary>`
)

// soapServices are the end points that take a credential beside the operation, and whether they read it in the HTTP
// header or in the envelope (PROTOCOL.md §4.3).
var soapServices = []struct {
	path, operation, answer string
	header                  bool
}{
	{"/api/3.0/api.asmx", listFeatures, "<Email>anna@example.com</Email>", false},
	{"/api/3.0/dsapi.asmx", listFeatures, "<Email>anna@example.com</Email>", true},
	{"/API/3.0/AccountManagement.asmx", summary, sandbox.AnnaID, true},
}

func TestWhereTheCredentialOfASOAPCallStands(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, header   string // header blocks of the envelope
		http           string // X-DocuSign-Authentication
		bearer         string // header blocks upstream, bearer mode
		app, appHeader string // the same and X-DocuSign-Authentication, App Password mode
	}{
		{
			name:   "UsernameToken in the envelope",
			header: security(annaToken), bearer: "<s:Header></s:Header>",
			app: security(strings.Replace(annaToken, "anna-legacy-1", "anna-app-1", 1)),
		},
		{
			name:   "UsernameToken behind a Timestamp, which stays",
			header: security(timestamp + annaToken), bearer: "<s:Header>" + security(timestamp) + "</s:Header>",
			app: security(timestamp + strings.Replace(annaToken, "anna-legacy-1", "anna-app-1", 1)),
		},
		{
			name: "JSON in the HTTP header",
			http: apptest.AnnaJSON, appHeader: strings.Replace(apptest.AnnaJSON, "anna-legacy-1", "anna-app-1", 1),
		},
		{
			name: "XML in the HTTP header",
			http: annaHeaderXML, appHeader: strings.Replace(annaHeaderXML, "anna-legacy-1", "anna-app-1", 1),
		},
	}
	for _, mode := range []string{"bearer", "app_password"} {
		r := newRig(t, soapMode(mode))
		for _, c := range cases {
			t.Run(mode+", "+c.name, func(t *testing.T) {
				for _, service := range soapServices {
					if service.header != (c.http != "") {
						continue
					}
					for _, version := range []string{envelope11, envelope12} {
						r.Sandbox.ResetCounts()
						body := soapEnvelopeOf(version, c.header, service.operation)
						req := soapPost(t, r.Sidecar()+service.path, body)
						if c.http != "" {
							req.Header.Set("X-DocuSign-Authentication", c.http)
						}
						if version == envelope12 {
							req.Header.Set("Content-Type", "application/soap+xml; charset=utf-8; action="+req.Header.Get("SOAPAction"))
							req.Header.Del("SOAPAction")
						}
						got := r.Do(nil, req)
						if got.Status != 200 || !strings.Contains(got.Body, service.answer) || !strings.Contains(got.Body, version) {
							t.Fatalf("%s: status %d, %s\n%s", service.path, got.Status, got.Body, r.lastLines())
						}
						checkSOAPUpstream(t, r, mode, version, c.bearer, c.app, c.appHeader, service.operation)
						// Answers of api.asmx always have one (SOAP-REST.md §2.0).
						want := strings.Contains(body, ":Timestamp") || strings.HasSuffix(service.path, "/api.asmx")
						if timed := strings.Contains(got.Body, ":Timestamp"); timed != want {
							t.Errorf("Timestamp in the answer: %t: %s", timed, got.Body)
						}
					}
				}
				r.NoLeak()
			})
		}
	}
}

// checkSOAPUpstream compares the one call at the sandbox with what the mode leaves of it.
func checkSOAPUpstream(t *testing.T, r *rig, mode, version, bearer, app, appHeader, operation string) {
	t.Helper()
	rec := r.lastSOAP()
	want := soapEnvelopeOf(version, "", operation)
	blocks, header, authorized := bearer, "", true
	if mode == "app_password" {
		header, authorized = appHeader, false
		if blocks = app; app != "" && !strings.HasPrefix(app, "<s:Header>") {
			blocks = "<s:Header>" + app + "</s:Header>"
		}
	}
	want = strings.Replace(want, "<s:Body>", blocks+"<s:Body>", 1)
	if string(rec.Body) != want {
		t.Errorf("upstream\n got %s\nwant %s", rec.Body, want)
	}
	if got := rec.Header.Get("X-DocuSign-Authentication"); got != header {
		t.Errorf("X-DocuSign-Authentication upstream is %q, want %q", got, header)
	}
	if got := strings.HasPrefix(rec.Header.Get("Authorization"), "Bearer ey"); got != authorized {
		t.Errorf("a bearer token went upstream: %t, want %t", got, authorized)
	}
	if rec.Host != "na3.docusign.net" {
		t.Errorf("the call went to %s, but the account is at na3.docusign.net", rec.Host)
	}
}

func TestSendOnBehalfOfInSOAP(t *testing.T) {
	t.Parallel()
	key := sandbox.GUIDKey
	adminXML := func(name, more string) string {
		return `<DocuSignCredentials><Username>` + name + `</Username><Password>admin-legacy-3</Password><IntegratorKey>` +
			key + `</IntegratorKey>` + more + `</DocuSignCredentials>`
	}
	cases := []struct {
		name     string
		username string // in the envelope
		http     string
		actAs    string
		odd      bool
	}{
		{name: "brackets in the envelope", username: "[" + key + "][bob@example.com]admin@example.com"},
		{
			name: "brackets in the envelope, the principal first", username: "[bob@example.com][" + key + "]admin@example.com",
			odd: true,
		},
		{name: "the principal's GUID in brackets", username: "[" + key + "][" + sandbox.BobID + "]" + sandbox.AdminID},
		{name: "blanks around the brackets", username: " [ " + key + " ] [ bob@example.com ] admin@example.com "},
		{name: "one bracket beside a key in the HTTP header", http: adminXML("[bob@example.com]admin@example.com", "")},
		{
			name: "SendOnBehalfOf in XML",
			http: adminXML("admin@example.com", "<SendOnBehalfOf>bob@example.com</SendOnBehalfOf>"),
		},
		{
			name: "SendOnBehalfOf in JSON",
			http: `{"SendOnBehalfOf":"bob@example.com","Username":"admin@example.com","Password":"admin-legacy-3",` +
				`"IntegratorKey":"` + key + `"}`,
		},
		{
			name: "X-DocuSign-Act-As-User beside the HTTP header", http: adminXML("admin@example.com", ""),
			actAs: "bob@example.com",
		},
		{name: "X-DocuSign-Act-As-User beside the envelope", username: adminName, actAs: "bob@example.com"},
	}
	for _, mode := range []string{"bearer", "app_password"} {
		r := newRig(t, soapMode(mode))
		for _, c := range cases {
			t.Run(mode+", "+c.name, func(t *testing.T) {
				r.Sandbox.ResetCounts()
				header := ""
				if c.username != "" {
					header = security(usernameToken(c.username, "admin-legacy-3"))
				}
				path := "/api/3.0/api.asmx"
				if c.http != "" {
					path = "/api/3.0/dsapi.asmx"
				}
				req := soapPost(t, r.Sidecar()+path, soapEnvelope(header, listFeatures))
				if c.http != "" {
					req.Header.Set("X-DocuSign-Authentication", c.http)
				}
				if c.actAs != "" {
					req.Header.Set("X-DocuSign-Act-As-User", c.actAs)
				}
				got := r.Do(nil, req)
				r.NoLeak()
				if c.odd && mode == "app_password" {
					return // it stays as it is, and whether DocuSign reads it is DocuSign's affair
				}
				if got.Status != 200 || !strings.Contains(got.Body, "<Email>bob@example.com</Email>") {
					t.Fatalf("status %d, %s\n%s", got.Status, got.Body, r.lastLines())
				}
				rec := r.lastSOAP()
				if mode == "app_password" && c.actAs == "" {
					want := soapEnvelope(strings.Replace(header, "admin-legacy-3", "admin-app-3", 1), listFeatures)
					if string(rec.Body) != want {
						t.Errorf("upstream\n got %s\nwant %s", rec.Body, want)
					}
				}
				if rec.Header.Get("X-DocuSign-Act-As-User") != "" {
					t.Error("X-DocuSign-Act-As-User went upstream")
				}
			})
		}
	}
}

func TestPrincipalsThatMayNotBeActedFor(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, name := range []string{
		"[" + sandbox.GUIDKey + "][admin@example.com]anna@example.com",
		"[" + sandbox.GUIDKey + "][nobody@example.com]anna@example.com",
	} {
		got := r.Do(
			nil,
			soapPost(
				t, r.Sidecar()+"/api/3.0/api.asmx", soapEnvelope(security(usernameToken(name, "anna-legacy-1")), listFeatures),
			),
		)
		if got.Status != 500 || !strings.Contains(got.Body, "User_Lacks_Permissions") ||
			!strings.Contains(got.Body, "<faultstring>This user lacks") &&
				!strings.Contains(got.Body, "<faultstring>This User lacks") {
			t.Errorf("%s: status %d, %s", name, got.Status, got.Body)
		}
	}
	if n := len(r.soapRequests()); n != 0 {
		t.Errorf("%d calls went upstream", n)
	}
}

func TestAddressingNamesTheUpstream(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	host := strings.TrimPrefix(r.Sidecar(), "http://")
	to := func(namespace, url string) string {
		return `<wsa:To xmlns:wsa="` + namespace + `" s:mustUnderstand="0">` + url + `</wsa:To>`
	}
	for _, c := range []struct{ name, came, want string }{
		{"the sidecar's URL", "http://" + host + "/api/3.0/api.asmx", "https://na3.docusign.net/api/3.0/api.asmx"},
		{"with white space", "\n  http://" + host + "/api/3.0/api.asmx ", "https://na3.docusign.net/api/3.0/api.asmx"},
		{
			"with a query to be escaped", "http://" + host + "/api/3.0/api.asmx?a=1&amp;b=2",
			"https://na3.docusign.net/api/3.0/api.asmx?a=1&amp;b=2",
		},
		{
			"another host is left alone", "http://elsewhere.example.com/api/3.0/api.asmx",
			"http://elsewhere.example.com/api/3.0/api.asmx",
		},
		{"no URL at all is left alone", "urn:docusign", "urn:docusign"},
	} {
		for _, namespace := range []string{
			"http://schemas.xmlsoap.org/ws/2004/08/addressing", "http://schemas.xmlsoap.org/ws/2004/03/addressing",
			"http://www.w3.org/2005/08/addressing",
		} {
			t.Run(c.name, func(t *testing.T) {
				r.Sandbox.ResetCounts()
				got := r.Do(
					nil,
					soapPost(
						t, r.Sidecar()+"/api/3.0/api.asmx", soapEnvelope(to(namespace, c.came)+security(annaToken), listFeatures),
					),
				)
				if got.Status != 200 {
					t.Fatalf("status %d, %s", got.Status, got.Body)
				}
				want := soapEnvelope(to(namespace, c.want), listFeatures)
				if rec := r.lastSOAP(); string(rec.Body) != want {
					t.Errorf("upstream\n got %s\nwant %s", rec.Body, want)
				}
			})
		}
	}
}

func TestAddressingBehindAPublicName(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *fixture.Config) {
		c.Extra = map[string]any{"sidecar": map[string]any{"public_url": "https://docusign.intranet.example.com"}}
	})
	block := `<wsa:To xmlns:wsa="http://www.w3.org/2005/08/addressing">%s</wsa:To>`
	for _, came := range []string{
		"https://docusign.intranet.example.com/api/3.0/api.asmx",
		"https://docusign.intranet.example.com:443/api/3.0/api.asmx",
	} {
		r.Sandbox.ResetCounts()
		r.Do(
			nil,
			soapPost(
				t, r.Sidecar()+"/api/3.0/api.asmx",
				soapEnvelope(strings.Replace(block, "%s", came, 1)+security(annaToken), listFeatures),
			),
		)
		if rec := r.lastSOAP(); !bytes.Contains(rec.Body, []byte(">https://na3.docusign.net/api/3.0/api.asmx<")) {
			t.Errorf("wsa:To upstream: %s", rec.Body)
		}
	}
}

func TestAppPasswordUnderAnotherIntegrationKey(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *fixture.Config) {
		c.Edit = func(integrations []map[string]any) {
			in := integrations[1]
			in["soap"] = "app_password"
			in["integrator_key"] = "c0ffee00-0000-4000-8000-000000000001"
			in["oauth"].(map[string]any)["client_id"] = sandbox.GUIDKey
		}
	})
	old := "C0FFEE00-0000-4000-8000-000000000001"
	t.Run("in the envelope", func(t *testing.T) {
		header := security(usernameToken("["+old+"]anna@example.com", "anna-legacy-1"))
		got := r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/api.asmx", soapEnvelope(header, listFeatures)))
		want := soapEnvelope(strings.Replace(security(annaToken), "anna-legacy-1", "anna-app-1", 1), listFeatures)
		if rec := r.lastSOAP(); got.Status != 200 || string(rec.Body) != want {
			t.Errorf("status %d, upstream\n got %s\nwant %s", got.Status, rec.Body, want)
		}
	})
	t.Run("in the header", func(t *testing.T) {
		r.Sandbox.ResetCounts()
		req := soapPost(t, r.Sidecar()+"/api/3.0/dsapi.asmx", soapEnvelope("", listFeatures))
		req.Header.Set("X-DocuSign-Authentication", strings.Replace(apptest.AnnaJSON, sandbox.GUIDKey, old, 1))
		got := r.Do(nil, req)
		if rec := r.lastSOAP(); got.Status != 200 ||
			rec.Header.Get("X-DocuSign-Authentication") != strings.Replace(apptest.AnnaJSON, "anna-legacy-1", "anna-app-1", 1) {
			t.Errorf("status %d, upstream %q", got.Status, rec.Header.Get("X-DocuSign-Authentication"))
		}
	})
	t.Run("with letters that change their length in lower case before the key", func(t *testing.T) {
		header := security(usernameToken(
			"["+strings.Repeat("\u0130", 40)+"@example.com]["+old+"]anna@example.com", "anna-legacy-1",
		))
		got := r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/api.asmx", soapEnvelope(header, listFeatures)))
		if got.Status != 500 || strings.Contains(got.Body, "internal") {
			t.Errorf("status %d, %s", got.Status, got.Body)
		}
	})
	r.NoLeak()
}

func TestUsersWithoutAnAppPassword(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *fixture.Config) {
		soapMode("app_password")(c)
		edit := c.Edit
		c.Edit = func(integrations []map[string]any) {
			edit(integrations)
			for _, u := range integrations[1]["users"].([]map[string]any) {
				if u["username"] == "anna@example.com" {
					delete(u, "app_password")
				}
			}
		}
	})
	got := r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/api.asmx", soapEnvelope(security(annaToken), listFeatures)))
	if got.Status != 500 || !strings.Contains(r.Log.String(), "no App Password is configured for anna@example.com") {
		t.Errorf("status %d, %s\n%s", got.Status, got.Body, r.lastLines())
	}
	if n := len(r.soapRequests()); n != 0 {
		t.Errorf("%d calls went upstream", n)
	}
}

func TestTokensOnSOAPCalls(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"bearer", "app_password"} {
		r := newRig(t, soapMode(mode))
		token := r.LegacyLogin(t, "anna@example.com", "anna-legacy-1", sandbox.GUIDKey)
		for _, service := range soapServices {
			r.Sandbox.ResetCounts()
			got := r.Do(
				nil, soapPost(t, r.Sidecar()+service.path, soapEnvelope("", service.operation), "Authorization", "bearer "+token),
			)
			if got.Status != 200 || !strings.Contains(got.Body, service.answer) {
				t.Errorf("%s, %s: status %d, %s", mode, service.path, got.Status, got.Body)
			}
			rec := r.lastSOAP()
			block, wantHeader := "", ""
			switch {
			case mode == "app_password" && service.header:
				wantHeader = strings.Replace(annaHeaderXML, "anna-legacy-1", "anna-app-1", 1)
			case mode == "app_password":
				block = `<s:Header><wsse:Security xmlns:wsse="` + namespaceWSS + `">` +
					strings.Replace(
						strings.Replace(annaToken, "anna-legacy-1", "anna-app-1", 1), "<wsse:UsernameToken>",
						`<wsse:UsernameToken xmlns:wsse="`+namespaceWSS+`">`, 1,
					) +
					`</wsse:Security></s:Header>`
			}
			want := strings.Replace(soapEnvelope("", service.operation), "<s:Body>", block+"<s:Body>", 1)
			if string(rec.Body) != want || strings.Contains(rec.Header.Get("Authorization"), token) {
				t.Errorf("%s, %s upstream: %v %s", mode, service.path, rec.Header, rec.Body)
			}
			if header := rec.Header.Get("X-DocuSign-Authentication"); header != wantHeader {
				t.Errorf("%s: X-DocuSign-Authentication upstream is %q, want %q", service.path, header, wantHeader)
			}
		}
		got := r.Do(
			nil,
			soapPost(
				t, r.Sidecar()+"/api/3.0/api.asmx", soapEnvelope("", listFeatures), "Authorization",
				"bearer "+r.LegacyLogin(t, "admin@example.com", "admin-legacy-3", sandbox.GUIDKey), "X-DocuSign-Act-As-User",
				"bob@example.com",
			),
		)
		if got.Status != 200 || !strings.Contains(got.Body, "bob@example.com") {
			t.Errorf("%s, acting for somebody: status %d, %s", mode, got.Status, got.Body)
		}
	}
}

func TestChangePasswordIsRefusedHere(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"bearer", "app_password"} {
		r := newRig(t, soapMode(mode))
		change := `<ChangePassword ` +
			`xmlns="http://www.docusign.net/API/AccountManagement"><ChangePasswordArg><EmailAddress>` +
			`anna@example.com</EmailAddress><OldPassword>anna-legacy-1</OldPassword><NewPassword>x</NewPassword>` +
			`</ChangePasswordArg></ChangePassword>`
		got := r.Do(
			nil,
			soapPost(
				t, r.Sidecar()+"/api/3.0/accountmanagement.asmx", soapEnvelope("", change), "X-DocuSign-Authentication",
				annaHeaderXML,
			),
		)
		if got.Status != 200 || !strings.Contains(
			got.Body, "<ChangePasswordResult><Success>false</Success><Error><ErrorCode>Not_Authorized</ErrorCode>",
		) {
			t.Errorf("status %d, %s", got.Status, got.Body)
		}
		if n := len(r.soapRequests()); n != 0 {
			t.Errorf("%d calls went upstream", n)
		}
		r.NoLeak()
	}
}

// A call that DocuSign refused for its token is sent once more with another one.
func TestSOAPCallWhoseTokenWasRevoked(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	send := func() apptest.Answer {
		return r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/api.asmx", soapEnvelope(security(annaToken), listFeatures)))
	}
	send()
	r.Sandbox.RevokeTokens(sandbox.AnnaID)
	r.Sandbox.ResetCounts()
	if got := send(); got.Status != 200 || !strings.Contains(got.Body, "anna@example.com") {
		t.Errorf("status %d, %s\n%s", got.Status, got.Body, r.lastLines())
	}
	if all := r.soapRequests(); len(all) != 2 || !bytes.Equal(all[0].Body, all[1].Body) ||
		all[0].Header.Get("Authorization") == all[1].Header.Get("Authorization") {
		t.Errorf("%d calls went upstream, want 2 that differ only in the token", len(all))
	}
}

func TestOldStatusCodesInSOAP(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		old  bool
		want int
	}{{"as DocuSign answers now", false, 429}, {"as it answered before April 2026", true, 400}} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, func(w *fixture.Config) {
				w.Edit = func(integrations []map[string]any) { integrations[1]["old_status_codes"] = c.old }
			})
			fault := soapEnvelope(
				"",
				`<s:Fault><faultcode>s:Client</faultcode><faultstring>Limit</faultstring><detail><ErrorCode>`+
					`Hourly_APIInvocation_Limit_Exceeded</ErrorCode><Reason>Limit</Reason></detail></s:Fault>`,
			)
			r.Sandbox.FailNext(sandbox.FailureSpec{
				Path: "/api/3.0/", Status: http.StatusTooManyRequests, Body: fault, ContentType: "text/xml; charset=utf-8",
			})
			got := r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/api.asmx", soapEnvelope(security(annaToken), listFeatures)))
			if got.Status != c.want || got.Body != fault {
				t.Errorf("status %d, want %d; body %s", got.Status, c.want, got.Body)
			}
			if n := len(r.soapRequests()); n != 1 {
				t.Errorf("a limited call was sent %d times", n)
			}
		})
	}
}
