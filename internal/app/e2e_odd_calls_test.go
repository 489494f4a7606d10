package app

import (
	"strings"
	"testing"

	"docusign-auth-proxy/internal/sandbox"
)

func TestBasicBesideACompleteForm(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	const basic = "Basic YTFiMmMzZDQtMDAwMC00MDAwLTgwMDAtMDAwMDAwMDAwMDAxOg=="
	form := tokenForm("anna@example.com", "anna-legacy-1", sandbox.GUIDKey)
	if token := accessToken(
		t, r.do(nil, tokenRequest(t, r.sidecar(), form, "Authorization", basic)),
	); r.withToken(t, token).status != 200 {
		t.Error("its token is not taken")
	}
	if got := r.do(
		nil,
		tokenRequest(
			t, r.sidecar(), "grant_type=password&username=anna%40example.com&client_id="+sandbox.GUIDKey, "Authorization", basic,
		),
	); got.status != 400 {
		t.Errorf("a form without a password: status %d, %s", got.status, got.body)
	}
	r.noLeak()
}

// PROTOCOL.md §3.1: one public program posts a SAML assertion to the legacy end point.
func TestOtherGrantsAreRefusedInWords(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	const saml = "urn:ietf:params:oauth:grant-type:saml2-bearer"
	for _, c := range []struct{ name, form, says string }{
		{
			"SAML", "grant_type=" + saml + "&assertion=PHNhbWw-secret",
			"docusign-auth-proxy takes grant_type=password here, not " + saml + ".",
		},
		{
			"SAML, encoded and long",
			"assertion=secret" + strings.Repeat("A", 12<<10) + "&grant_type=" + strings.ReplaceAll(saml, ":", "%3A"),
			"not " + saml + ".",
		},
		{
			"SAML, longer than is read", "grant_type=" + saml + "&assertion=secret" + strings.Repeat("A", 40<<10),
			"not " + saml + ".",
		},
		{"a grant of OAuth", "grant_type=refresh_token&refresh_token=secret", "not refresh_token."},
		{"a grant that is none", "grant_type=secret&assertion=x", "not another one."},
	} {
		for _, accept := range []string{"application/json", "application/xml"} {
			t.Run(c.name+", "+accept, func(t *testing.T) {
				got := r.do(nil, tokenRequest(t, r.sidecar(), c.form, "Accept", accept))
				if got.status != 400 || !strings.Contains(got.body, "unsupported_grant_type") ||
					!strings.Contains(got.body, c.says) || strings.Contains(got.body, "secret") {
					t.Errorf("status %d, %s", got.status, got.body)
				}
			})
		}
	}
	if n := len(r.sandbox.Requests()); n != 0 {
		t.Errorf("%d calls went upstream", n)
	}
	r.halt()
	if strings.Contains(r.log.String(), "secret") || !strings.Contains(r.log.String(), saml) {
		t.Errorf("the log has the assertion, or not the grant:\n%s", r.lastLines())
	}
}

// PROTOCOL.md §1.2: the one call whose legacy header has an integrator key and nothing else.
func TestProvisioningWithTheKeyAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	const path = "/restapi/v2/accounts/provisioning"
	key := func(k string) string {
		return "<DocuSignCredentials><IntegratorKey>" + k + "</IntegratorKey></DocuSignCredentials>"
	}
	const app = "X-DocuSign-AppToken: 0123-token\r\n"
	for _, c := range []struct {
		name, method, path, header, more string
		passes                           bool
	}{
		{"XML", "GET", path, key(sandbox.GUIDKey), app, true},
		{"JSON", "GET", path, `{"IntegratorKey":"` + sandbox.GUIDKey + `"}`, app, true},
		{"v2.1", "GET", "/restapi/v2.1/accounts/provisioning/", key(sandbox.GUIDKey), app, true},
		{
			"with more than the key", "GET", path,
			`{"IntegratorKey":"` + sandbox.GUIDKey + `","Pasword":"anna-legacy-1","SendOnBehalfOf":"anna-legacy-1"}`, app, true,
		},
		{"without X-DocuSign-AppToken", "GET", path, key(sandbox.GUIDKey), "", false},
		{
			"with a password", "GET", path,
			strings.Replace(key(sandbox.GUIDKey), "<IntegratorKey>", "<Password>anna-legacy-1</Password><IntegratorKey>", 1),
			app, false,
		},
		{
			"with a user", "GET", path,
			strings.Replace(key(sandbox.GUIDKey), "<IntegratorKey>", "<Username>anna@example.com</Username><IntegratorKey>", 1),
			app, false,
		},
		{"with a key that nobody knows", "GET", path, key("c0ffee00-0000-4000-8000-000000000001"), app, false},
		{"by another method", "POST", path, key(sandbox.GUIDKey), app, false},
		{"at another path", "GET", "/restapi/v2/accounts/1234567", key(sandbox.GUIDKey), app, false},
		{"below it", "GET", path + "/x", key(sandbox.GUIDKey), app, false},
		{"with another credential", "GET", path, key(sandbox.GUIDKey), app + "Authorization: bearer abc\r\n", false},
		{"with a second header", "GET", path, key(sandbox.GUIDKey), app + annaLine, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.sandbox.ResetCounts()
			got := r.doorways()[0].call(t, c.method, c.path, "X-DocuSign-Authentication: "+c.header+"\r\n"+c.more, "")
			sent := r.atSites()
			if !c.passes {
				if got.status != 401 || len(sent) != 0 {
					t.Errorf("status %d, %d calls upstream: %s", got.status, len(sent), got.body)
				}
				return
			}
			want := c.header
			if c.name == "with more than the key" {
				want = `{"IntegratorKey":"` + sandbox.GUIDKey + `"}`
			}
			if len(sent) != 1 || sent[0].Header.Get("X-DocuSign-Authentication") != want ||
				sent[0].Header.Get("X-DocuSign-AppToken") != "0123-token" || sent[0].Header["Authorization"] != nil {
				t.Errorf("status %d, %d calls upstream: %s", got.status, len(sent), got.body)
			}
		})
	}
	r.noLeak()
}

// A valid token can lead to a UserInfo without accounts (PROTOCOL.md §6.4).
func TestAUserWithoutAccounts(t *testing.T) {
	t.Parallel()
	const legacy = "X-DocuSign-Authentication"
	for _, c := range []struct{ name, path string }{
		{"an account in the path", listPath}, {"log-in", "/restapi/v2/login_information"},
		{"an account's GUID", "/restapi/v2/accounts/" + sandbox.ExampleAccountID},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, nil)
			r.sandbox.FailNext(sandbox.FailureSpec{
				Host: "account-d.docusign.com", Path: "/oauth/userinfo", Status: 200, Times: 9,
				Body: `{"sub":"` + sandbox.AnnaID + `","name":"A","email":"anna@example.com","accounts":[]}`,
			})
			got := r.do(nil, request(t, "GET", r.sidecar()+c.path, nil, legacy, annaJSON))
			if got.status != 401 || !strings.Contains(got.body, "USER_LACKS_MEMBERSHIP") ||
				got.header.Get("X-DocuSign-Auth-Proxy-Cause") != "lacks_membership" {
				t.Errorf("status %d, %s", got.status, got.body)
			}
			if n := len(r.atSites()); n != 0 {
				t.Errorf("%d calls reached a site", n)
			}
			eventually(t, "the log says what to do", func() bool {
				return strings.Contains(r.log.String(), "UserInfo lists no account") &&
					strings.Contains(r.log.String(), "active member")
			})
		})
	}
	t.Run("Login of credential.asmx", func(t *testing.T) {
		r := newRig(t, nil)
		r.sandbox.FailNext(sandbox.FailureSpec{
			Host: "account-d.docusign.com", Path: "/oauth/userinfo", Status: 200, Times: 9,
			Body: `{"sub":"` + sandbox.AnnaID + `","name":"A","email":"anna@example.com","accounts":[]}`,
		})
		got := r.do(
			nil, soapPost(t, r.sidecar()+"/api/3.0/credential.asmx", credentialCall("Login", annaName, "anna-legacy-1", "")),
		)
		if got.status != 200 || !strings.Contains(
			got.body, "<Success>false</Success><ErrorCode>User_Lacks_Permissions</ErrorCode>",
		) || !strings.Contains(got.body, "valid membership") {
			t.Errorf("status %d, %s", got.status, got.body)
		}
	})
}
