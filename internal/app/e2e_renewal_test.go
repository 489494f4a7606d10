package app

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
)

const signIn = "X-DocuSign-Authentication: " + annaJSON + "\r\n"

// accountServerDown makes every exchange fail until ClearFailures.
func (r *rig) accountServerDown() {
	r.sandbox.FailNext(sandbox.FailureSpec{
		Host: "account-d.docusign.com", Times: 1000, Status: 503, Header: http.Header{"Retry-After": {"7"}},
	})
}

// PROTOCOL.md §8.3: 401 is about the caller's credential, and the token is not the caller's.
func TestATokenRevokedWhileNoOtherCanBeHad(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(w *fixture.Config) {
		w.Edit = func(in []map[string]any) { in[1]["soap"] = "bearer" }
	})
	soapCall := func() answer {
		return r.do(nil, soapPost(t, r.sidecar()+"/api/3.0/api.asmx", soapEnvelope(security(annaToken), listFeatures)))
	}
	view := `<GetAuthenticationToken xmlns="http://www.docusign.net/API/Credential"><Email>[` + sandbox.GUIDKey +
		`]anna@example.com</Email><Password>anna-legacy-1</Password></GetAuthenticationToken>`
	r.sandbox.SetSOAPBearer(true)
	for _, c := range []struct {
		name string
		call func() answer
		good int // status when all is well
		soap bool
	}{
		{"a call that could be sent again", func() answer { return r.create(t, small) }, 201, false},
		{"a call that could not", func() answer { return r.create(t, large) }, 201, false},
		{"SOAP with a bearer", soapCall, 200, true},
		{"a view that SOAP asks for", func() answer {
			return r.do(nil, soapPost(t, r.sidecar()+"/api/3.0/credential.asmx", soapEnvelope("", view)))
		}, 200, true},
	} {
		unavailable, denied := 503, 401
		if c.soap {
			denied = 500 // a fault
		}
		t.Run(c.name+", the account server is down", func(t *testing.T) {
			r.restart()
			if got := c.call(); got.status != c.good {
				t.Fatalf("status %d: %s", got.status, got.body)
			}
			r.sandbox.RevokeTokens(sandbox.AnnaID)
			r.accountServerDown()
			got := c.call()
			if wait, _ := strconv.Atoi(got.header.Get("Retry-After")); !c.soap && got.status != unavailable || wait < 1 ||
				wait > 7 ||
				got.header.Get("X-DocuSign-Auth-Proxy-Cause") != "server_error" {
				t.Errorf("status %d, %v: %s", got.status, got.header, got.body)
			}
			r.sandbox.ClearFailures()
			r.program.current.retry()
		})
		t.Run(c.name+", the consent is withdrawn", func(t *testing.T) {
			r.restart()
			c.call()
			r.sandbox.RevokeTokens(sandbox.AnnaID)
			r.sandbox.Revoke(sandbox.GUIDKey, sandbox.AnnaID)
			defer r.sandbox.Consent(sandbox.GUIDKey, sandbox.AnnaID, "signature", "impersonation")
			got := c.call()
			if got.status != denied || !strings.Contains(strings.ToUpper(got.body), "USER_AUTHENTICATION_FAILED") ||
				got.header.Get("X-DocuSign-Auth-Proxy-Cause") != "consent_required" {
				t.Errorf("status %d, %v: %s", got.status, got.header, got.body)
			}
		})
	}
	r.noLeak()
}

func TestEveryRevocationIsMended(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.get(t, listPath, signIn)
	r.sandbox.ResetCounts()
	const times = 12
	for i := range times {
		r.sandbox.RevokeTokens(sandbox.AnnaID)
		if got := r.create(t, small); got.status != 201 {
			t.Fatalf("revocation %d: status %d %s", i+1, got.status, got.body)
		}
	}
	if c := r.sandbox.Counts(); c.Grants != times || c.Envelopes != times {
		t.Errorf("%d grants and %d envelopes for %d revocations", c.Grants, c.Envelopes, times)
	}
}

func TestASiteThatRefusesEveryTokenCostsFewGrants(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(w *fixture.Config) {
		w.Edit = func(in []map[string]any) { in[1]["soap"] = "bearer" }
	})
	r.get(t, listPath, signIn)
	r.sandbox.ResetCounts()
	for range 20 { // the sandbox takes no bearer for SOAP unless told to
		r.do(nil, soapPost(t, r.sidecar()+"/api/3.0/api.asmx", soapEnvelope(security(annaToken), listFeatures)))
		if got := r.get(t, listPath, signIn); got.status != 200 {
			t.Fatalf("REST beside it: status %d", got.status)
		}
	}
	if n := r.sandbox.Counts().Grants; n > 5 {
		t.Errorf("%d grants for 20 refused SOAP calls", n)
	}
	r.sandbox.RevokeTokens(sandbox.AnnaID)
	if got := r.get(t, listPath, signIn); got.status != 200 {
		t.Errorf("REST after a revocation: status %d: SOAP has used up its renewals", got.status)
	}
}

// PROTOCOL.md §14.4: whether login_information takes bearers today is not known.
func TestLoginInformationThatRefusesBearersCostsNoGrants(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	login := func(t *testing.T) {
		t.Helper()
		got := r.get(t, "/restapi/v2/login_information", signIn)
		if got.status != 200 || parseLogin(t, got.body).LoginAccounts[0].UserID != sandbox.AnnaID {
			t.Fatalf("status %d %s", got.status, got.body)
		}
	}
	check := func(t *testing.T, grants, calls, userInfo int) {
		t.Helper()
		if c := r.sandbox.Counts(); c.Grants != grants || len(r.atSites()) != calls || c.UserInfo != userInfo {
			t.Errorf(
				"%d grants, %d calls, %d UserInfo; want %d, %d, %d", c.Grants, len(r.atSites()), c.UserInfo, grants, calls,
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
		{"a token that works elsewhere", func() { r.get(t, listPath, signIn); r.sandbox.ResetCounts() }, 0, 1, 1},
		{"a token that was revoked", func() {
			r.get(t, listPath, signIn)
			r.sandbox.RevokeTokens(sandbox.AnnaID)
			r.sandbox.ResetCounts()
		}, 1, 2, 1},
		{"a token that was revoked while the account server is down", func() {
			r.get(t, listPath, signIn)
			r.sandbox.RevokeTokens(sandbox.AnnaID)
			r.sandbox.ResetCounts()
			r.accountServerDown()
		}, 0, -1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.sandbox.ClearFailures()
			r.restart()
			r.sandbox.SetLoginInformation(401)
			r.sandbox.ResetCounts()
			c.before()
			for range 20 {
				login(t)
			}
			if c.calls >= 0 {
				check(t, c.grants, c.calls, c.userInfo)
			} else if n := r.sandbox.Counts().Grants; n != 0 {
				t.Errorf("%d grants", n)
			}
			if got := r.get(t, listPath, signIn); c.calls >= 0 && got.status != 200 {
				t.Errorf("another call: status %d", got.status)
			}
		})
	}
	t.Run("a token that was revoked while login_information takes bearers", func(t *testing.T) {
		r.sandbox.ClearFailures()
		r.restart()
		r.sandbox.SetLoginInformation(0)
		for i := range 12 {
			login(t)
			r.sandbox.RevokeTokens(sandbox.AnnaID)
			r.sandbox.ResetCounts()
			login(t)
			if c := r.sandbox.Counts(); c.Grants != 1 || c.API != 1 {
				t.Errorf("revocation %d: %d grants, answered %d times by DocuSign", i+1, c.Grants, c.API)
			}
		}
	})
	t.Run("a number that is looked up by it", func(t *testing.T) {
		r.editConfig("\"1234567\": "+sandbox.ExampleAccountID, "\"7777777\": "+sandbox.ExampleAccountID)
		r.restart()
		r.sandbox.SetLoginInformation(401)
		r.sandbox.ResetCounts()
		if got := r.get(t, "/restapi/v2/accounts/1234567/envelopes", signIn); got.status != 200 ||
			r.sandbox.Counts().Grants != 1 {
			t.Errorf("status %d, %d grants", got.status, r.sandbox.Counts().Grants)
		}
	})
	r.noLeak()
}

func TestAnAccountIsFoundHoweverOftenItMoves(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.sandbox.SetWrongSite("USER_LACKS_MEMBERSHIP")
	r.get(t, listPath, signIn)
	const stranger = "/restapi/v2/accounts/a1b2c3d4-0000-4000-8000-0000000000ff/envelopes"
	r.sandbox.ResetCounts()
	for range 20 {
		if got := r.get(t, stranger, signIn); got.status != 401 {
			t.Errorf("a foreign account: status %d", got.status)
		}
	}
	if n := r.sandbox.Counts().UserInfo; n > 3 {
		t.Errorf("%d looks at UserInfo for an account that is not the user's", n)
	}
	for i := range 8 {
		r.sandbox.MoveAccount(sandbox.ExampleAccountID, []string{"eu.docusign.net", "na3.docusign.net"}[i%2])
		if got := r.create(t, small); got.status != 201 {
			t.Fatalf("move %d: status %d %s", i+1, got.status, got.body)
		}
	}
}

func TestTheStatusPageOffersToAskAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.get(t, listPath, signIn)
	page := r.do(nil, request(t, "GET", r.adminURL()+"/", nil))
	if !strings.Contains(page.body, `<form method="post" action="/-/retry">`) {
		t.Errorf("%s", page.body)
	}
}
