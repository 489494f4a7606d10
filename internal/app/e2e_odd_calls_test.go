package app_test

import (
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/sandbox"
)

func TestBasicBesideACompleteForm(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	const basic = "Basic YTFiMmMzZDQtMDAwMC00MDAwLTgwMDAtMDAwMDAwMDAwMDAxOg=="
	form := apptest.TokenForm("anna@example.com", "anna-legacy-1", sandbox.GUIDKey)
	if token := apptest.AccessToken(
		t, r.Do(nil, apptest.TokenRequest(t, r.Sidecar(), form, "Authorization", basic)),
	); r.WithToken(t, token).Status != 200 {
		t.Error("its token is not taken")
	}
	if got := r.Do(
		nil,
		apptest.TokenRequest(
			t, r.Sidecar(), "grant_type=password&username=anna%40example.com&client_id="+sandbox.GUIDKey, "Authorization", basic,
		),
	); got.Status != 400 {
		t.Errorf("a form without a password: status %d, %s", got.Status, got.Body)
	}
	r.NoLeak()
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
				got := r.Do(nil, apptest.TokenRequest(t, r.Sidecar(), c.form, "Accept", accept))
				if got.Status != 400 || !strings.Contains(got.Body, "unsupported_grant_type") ||
					!strings.Contains(got.Body, c.says) || strings.Contains(got.Body, "secret") {
					t.Errorf("status %d, %s", got.Status, got.Body)
				}
			})
		}
	}
	if n := len(r.Sandbox.Requests()); n != 0 {
		t.Errorf("%d calls went upstream", n)
	}
	r.Halt()
	if strings.Contains(r.Log.String(), "secret") || !strings.Contains(r.Log.String(), saml) {
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
			r.Sandbox.ResetCounts()
			got := r.doorways()[0].call(t, c.method, c.path, "X-DocuSign-Authentication: "+c.header+"\r\n"+c.more, "")
			sent := r.AtSites()
			if !c.passes {
				if got.Status != 401 || len(sent) != 0 {
					t.Errorf("status %d, %d calls upstream: %s", got.Status, len(sent), got.Body)
				}
				return
			}
			want := c.header
			if c.name == "with more than the key" {
				want = `{"IntegratorKey":"` + sandbox.GUIDKey + `"}`
			}
			if len(sent) != 1 || sent[0].Header.Get("X-DocuSign-Authentication") != want ||
				sent[0].Header.Get("X-DocuSign-AppToken") != "0123-token" || sent[0].Header["Authorization"] != nil {
				t.Errorf("status %d, %d calls upstream: %s", got.Status, len(sent), got.Body)
			}
		})
	}
	r.NoLeak()
}

// A valid token can lead to a UserInfo without accounts (PROTOCOL.md §6.4).
func TestAUserWithoutAccounts(t *testing.T) {
	t.Parallel()
	const legacy = "X-DocuSign-Authentication"
	for _, c := range []struct{ name, path string }{
		{"an account in the path", apptest.ListPath}, {"log-in", "/restapi/v2/login_information"},
		{"an account's GUID", "/restapi/v2/accounts/" + sandbox.ExampleAccountID},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, nil)
			r.Sandbox.FailNext(sandbox.FailureSpec{
				Host: "account-d.docusign.com", Path: "/oauth/userinfo", Status: 200, Times: 9,
				Body: `{"sub":"` + sandbox.AnnaID + `","name":"A","email":"anna@example.com","accounts":[]}`,
			})
			got := r.Do(nil, apptest.Request(t, "GET", r.Sidecar()+c.path, nil, legacy, apptest.AnnaJSON))
			if got.Status != 401 || !strings.Contains(got.Body, "USER_LACKS_MEMBERSHIP") ||
				got.Header.Get("X-DocuSign-Auth-Proxy-Cause") != "lacks_membership" {
				t.Errorf("status %d, %s", got.Status, got.Body)
			}
			if n := len(r.AtSites()); n != 0 {
				t.Errorf("%d calls reached a site", n)
			}
			apptest.Eventually(t, "the log says what to do", func() bool {
				return strings.Contains(r.Log.String(), "UserInfo lists no account") &&
					strings.Contains(r.Log.String(), "active member")
			})
		})
	}
	t.Run("Login of credential.asmx", func(t *testing.T) {
		r := newRig(t, nil)
		r.Sandbox.FailNext(sandbox.FailureSpec{
			Host: "account-d.docusign.com", Path: "/oauth/userinfo", Status: 200, Times: 9,
			Body: `{"sub":"` + sandbox.AnnaID + `","name":"A","email":"anna@example.com","accounts":[]}`,
		})
		got := r.Do(
			nil, soapPost(t, r.Sidecar()+"/api/3.0/credential.asmx", credentialCall("Login", annaName, "anna-legacy-1", "")),
		)
		if got.Status != 200 || !strings.Contains(
			got.Body, "<Success>false</Success><ErrorCode>User_Lacks_Permissions</ErrorCode>",
		) || !strings.Contains(got.Body, "valid membership") {
			t.Errorf("status %d, %s", got.Status, got.Body)
		}
	})
}
