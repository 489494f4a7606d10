package app_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
)

// accountServerDown makes every exchange fail until ClearFailures.
func (r *rig) accountServerDown() {
	r.Sandbox.FailNext(sandbox.FailureSpec{
		Host: "account-d.docusign.com", Times: 1000, Status: 503, Header: http.Header{"Retry-After": {"7"}},
	})
}

// PROTOCOL.md §8.3: 401 is about the caller's credential, and the token is not the caller's.
func TestATokenRevokedWhileNoOtherCanBeHad(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(w *fixture.Config) {
		w.Edit = func(in []map[string]any) { in[1]["soap"] = "bearer" }
	})
	soapCall := func() apptest.Answer {
		return r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/api.asmx", soapEnvelope(security(annaToken), listFeatures)))
	}
	view := `<GetAuthenticationToken xmlns="http://www.docusign.net/API/Credential"><Email>[` + sandbox.GUIDKey +
		`]anna@example.com</Email><Password>anna-legacy-1</Password></GetAuthenticationToken>`
	r.Sandbox.SetSOAPBearer(true)
	for _, c := range []struct {
		name string
		call func() apptest.Answer
		good int // status when all is well
		soap bool
	}{
		{"a call that could be sent again", func() apptest.Answer { return r.create(t, small) }, 201, false},
		{"a call that could not", func() apptest.Answer { return r.create(t, large) }, 201, false},
		{"SOAP with a bearer", soapCall, 200, true},
		{"a view that SOAP asks for", func() apptest.Answer {
			return r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/credential.asmx", soapEnvelope("", view)))
		}, 200, true},
	} {
		unavailable, denied := 503, 401
		if c.soap {
			denied = 500 // a fault
		}
		t.Run(c.name+", the account server is down", func(t *testing.T) {
			r.Restart()
			if got := c.call(); got.Status != c.good {
				t.Fatalf("status %d: %s", got.Status, got.Body)
			}
			r.Sandbox.RevokeTokens(sandbox.AnnaID)
			r.accountServerDown()
			got := c.call()
			if wait, _ := strconv.Atoi(got.Header.Get("Retry-After")); !c.soap && got.Status != unavailable || wait < 1 ||
				wait > 7 ||
				got.Header.Get("X-DocuSign-Auth-Proxy-Cause") != "server_error" {
				t.Errorf("status %d, %v: %s", got.Status, got.Header, got.Body)
			}
			r.Sandbox.ClearFailures()
			r.Program.Retry()
		})
		t.Run(c.name+", the consent is withdrawn", func(t *testing.T) {
			r.Restart()
			c.call()
			r.Sandbox.RevokeTokens(sandbox.AnnaID)
			r.Sandbox.Revoke(sandbox.GUIDKey, sandbox.AnnaID)
			defer r.Sandbox.Consent(sandbox.GUIDKey, sandbox.AnnaID, "signature", "impersonation")
			got := c.call()
			if got.Status != denied || !strings.Contains(strings.ToUpper(got.Body), "USER_AUTHENTICATION_FAILED") ||
				got.Header.Get("X-DocuSign-Auth-Proxy-Cause") != "consent_required" {
				t.Errorf("status %d, %v: %s", got.Status, got.Header, got.Body)
			}
		})
	}
	r.NoLeak()
}

func TestEveryRevocationIsMended(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Get(t, apptest.ListPath, apptest.SignIn)
	r.Sandbox.ResetCounts()
	const times = 12
	for i := range times {
		r.Sandbox.RevokeTokens(sandbox.AnnaID)
		if got := r.create(t, small); got.Status != 201 {
			t.Fatalf("revocation %d: status %d %s", i+1, got.Status, got.Body)
		}
	}
	if c := r.Sandbox.Counts(); c.Grants != times || c.Envelopes != times {
		t.Errorf("%d grants and %d envelopes for %d revocations", c.Grants, c.Envelopes, times)
	}
}

func TestASiteThatRefusesEveryTokenCostsFewGrants(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(w *fixture.Config) {
		w.Edit = func(in []map[string]any) { in[1]["soap"] = "bearer" }
	})
	r.Get(t, apptest.ListPath, apptest.SignIn)
	r.Sandbox.ResetCounts()
	for range 20 { // the sandbox takes no bearer for SOAP unless told to
		r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/api.asmx", soapEnvelope(security(annaToken), listFeatures)))
		if got := r.Get(t, apptest.ListPath, apptest.SignIn); got.Status != 200 {
			t.Fatalf("REST beside it: status %d", got.Status)
		}
	}
	if n := r.Sandbox.Counts().Grants; n > 5 {
		t.Errorf("%d grants for 20 refused SOAP calls", n)
	}
	r.Sandbox.RevokeTokens(sandbox.AnnaID)
	if got := r.Get(t, apptest.ListPath, apptest.SignIn); got.Status != 200 {
		t.Errorf("REST after a revocation: status %d: SOAP has used up its renewals", got.Status)
	}
}

// PROTOCOL.md §14.4: whether login_information takes bearers today is not known.
func TestLoginInformationThatRefusesBearersCostsNoGrants(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	login := func(t *testing.T) {
		t.Helper()
		got := r.Get(t, "/restapi/v2/login_information", apptest.SignIn)
		if got.Status != 200 || apptest.ParseLogin(t, got.Body).LoginAccounts[0].UserID != sandbox.AnnaID {
			t.Fatalf("status %d %s", got.Status, got.Body)
		}
	}
	check := func(t *testing.T, grants, calls, userInfo int) {
		t.Helper()
		if c := r.Sandbox.Counts(); c.Grants != grants || len(r.AtSites()) != calls || c.UserInfo != userInfo {
			t.Errorf(
				"%d grants, %d calls, %d UserInfo; want %d, %d, %d", c.Grants, len(r.AtSites()), c.UserInfo, grants, calls,
				userInfo,
			)
		}
	}
	for _, c := range []struct {
		name                    string
		before                  func()
		grants, calls, userInfo int // of 20 logins
	}{
		{"a program that begins with it", func() {}, 1, 1, 1},
		{"a token that works elsewhere", func() { r.Get(t, apptest.ListPath, apptest.SignIn); r.Sandbox.ResetCounts() }, 0, 1,
			1},
		{"a token that was revoked", func() {
			r.Get(t, apptest.ListPath, apptest.SignIn)
			r.Sandbox.RevokeTokens(sandbox.AnnaID)
			r.Sandbox.ResetCounts()
		}, 1, 2, 1},
		{"a token that was revoked while the account server is down", func() {
			r.Get(t, apptest.ListPath, apptest.SignIn)
			r.Sandbox.RevokeTokens(sandbox.AnnaID)
			r.Sandbox.ResetCounts()
			r.accountServerDown()
		}, 0, -1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.Sandbox.ClearFailures()
			r.Restart()
			r.Sandbox.SetLoginInformation(401)
			r.Sandbox.ResetCounts()
			c.before()
			for range 20 {
				login(t)
			}
			if c.calls >= 0 {
				check(t, c.grants, c.calls, c.userInfo)
			} else if n := r.Sandbox.Counts().Grants; n != 0 {
				t.Errorf("%d grants", n)
			}
			if got := r.Get(t, apptest.ListPath, apptest.SignIn); c.calls >= 0 && got.Status != 200 {
				t.Errorf("another call: status %d", got.Status)
			}
		})
	}
	t.Run("a token that was revoked while login_information takes bearers", func(t *testing.T) {
		r.Sandbox.ClearFailures()
		r.Restart()
		r.Sandbox.SetLoginInformation(0)
		for i := range 12 {
			login(t)
			r.Sandbox.RevokeTokens(sandbox.AnnaID)
			r.Sandbox.ResetCounts()
			login(t)
			if c := r.Sandbox.Counts(); c.Grants != 1 || c.API != 1 {
				t.Errorf("revocation %d: %d grants, answered %d times by DocuSign", i+1, c.Grants, c.API)
			}
		}
	})
	t.Run("a number that is looked up by it", func(t *testing.T) {
		r.EditConfig("\"1234567\": "+sandbox.ExampleAccountID, "\"7777777\": "+sandbox.ExampleAccountID)
		r.Restart()
		r.Sandbox.SetLoginInformation(401)
		r.Sandbox.ResetCounts()
		if got := r.Get(t, "/restapi/v2/accounts/1234567/envelopes", apptest.SignIn); got.Status != 200 ||
			r.Sandbox.Counts().Grants != 1 {
			t.Errorf("status %d, %d grants", got.Status, r.Sandbox.Counts().Grants)
		}
	})
	r.NoLeak()
}

func TestAnAccountIsFoundHoweverOftenItMoves(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Sandbox.SetWrongSite("USER_LACKS_MEMBERSHIP")
	r.Get(t, apptest.ListPath, apptest.SignIn)
	const stranger = "/restapi/v2/accounts/a1b2c3d4-0000-4000-8000-0000000000ff/envelopes"
	r.Sandbox.ResetCounts()
	for range 20 {
		if got := r.Get(t, stranger, apptest.SignIn); got.Status != 401 {
			t.Errorf("a foreign account: status %d", got.Status)
		}
	}
	if n := r.Sandbox.Counts().UserInfo; n > 3 {
		t.Errorf("%d looks at UserInfo for an account that is not the user's", n)
	}
	for i := range 8 {
		r.Sandbox.MoveAccount(sandbox.ExampleAccountID, []string{"eu.docusign.net", "na3.docusign.net"}[i%2])
		if got := r.create(t, small); got.Status != 201 {
			t.Fatalf("move %d: status %d %s", i+1, got.Status, got.Body)
		}
	}
}

func TestTheStatusPageOffersToAskAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Get(t, apptest.ListPath, apptest.SignIn)
	page := r.Do(nil, apptest.Request(t, "GET", r.AdminURL()+"/", nil))
	if !strings.Contains(page.Body, `<form method="post" action="/-/retry">`) {
		t.Errorf("%s", page.Body)
	}
}
