package app_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/translate"
)

// small and large are calls that make one envelope; only the small one can be sent again.
func (r *rig) create(t *testing.T, size int) apptest.Answer {
	t.Helper()
	return r.Do(
		nil,
		apptest.Request(
			t, "POST", r.Sidecar()+apptest.CreatePath, bytes.NewReader(apptest.BigEnvelope(size)), "X-DocuSign-Authentication",
			apptest.AnnaJSON,
			"Content-Type", "application/json",
		),
	)
}

const (
	small = 500
	large = 2 << 20
)

func TestOneGrantServesEverybody(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	var callers sync.WaitGroup
	for range 64 {
		callers.Go(func() {
			if got := r.Do(
				nil, apptest.Request(t, "GET", r.Sidecar()+apptest.ListPath, nil, "X-DocuSign-Authentication", apptest.AnnaJSON),
			); got.Status != 200 {
				t.Errorf("status %d: %s", got.Status, got.Body)
			}
		})
	}
	callers.Wait()
	translator := r.Program.Translator()
	for range 10_000 {
		d, err := translator.Decide(context.Background(), &translate.Call{Legacy: []string{apptest.AnnaJSON}})
		if err == nil {
			_, err = translator.Token(context.Background(), d)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if c := r.Sandbox.Counts(); c.Grants != 1 || c.UserInfo != 1 || c.API != 64 {
		t.Errorf("%d grants, %d UserInfo, %d calls; want 1, 1, 64", c.Grants, c.UserInfo, c.API)
	}
}

func TestARefusedTokenIsRenewedOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, code := range []string{"AUTHORIZATION_INVALID_TOKEN", "USER_AUTHENTICATION_FAILED"} {
		t.Run(code, func(t *testing.T) {
			r.Restart()
			r.Sandbox.SetBadToken(code)
			fresh := func() {
				r.Get(t, apptest.ListPath, "X-DocuSign-Authentication: "+apptest.AnnaJSON+"\r\n")
				r.Sandbox.RevokeTokens(sandbox.AnnaID)
				r.Sandbox.ResetCounts()
			}
			t.Run("a small call is sent once more with another token", func(t *testing.T) {
				fresh()
				got := r.create(t, small)
				if c := r.Sandbox.Counts(); got.Status != 201 || c.Grants != 1 || c.Envelopes != 1 || c.Refused[code] != 1 {
					t.Errorf("status %d, %d grants, %d envelopes, refused %v", got.Status, c.Grants, c.Envelopes, c.Refused)
				}
				apptest.Eventually(t, "the replay is logged", func() bool {
					return strings.Contains(r.Log.String(), "replayed=token_refused")
				})
			})
			t.Run("many calls at once share the new token", func(t *testing.T) {
				fresh()
				var callers sync.WaitGroup
				for range 16 {
					callers.Go(func() {
						if got := r.create(t, small); got.Status != 201 {
							t.Errorf("status %d", got.Status)
						}
					})
				}
				callers.Wait()
				if c := r.Sandbox.Counts(); c.Grants != 1 || c.Envelopes != 16 {
					t.Errorf("%d grants, %d envelopes", c.Grants, c.Envelopes)
				}
			})
			t.Run("a large call is not sent again, but the next one has a good token", func(t *testing.T) {
				fresh()
				if got := r.create(t, large); got.Status != 503 || got.Header.Get("Retry-After") == "" ||
					strings.Contains(got.Body, code) {
					t.Errorf("status %d: %s", got.Status, got.Body)
				}
				if got := r.create(t, large); got.Status != 201 {
					t.Errorf("the next one: status %d: %s", got.Status, got.Body)
				}
				if c := r.Sandbox.Counts(); c.Grants != 1 || c.Envelopes != 1 {
					t.Errorf("%d grants, %d envelopes", c.Grants, c.Envelopes)
				}
			})
			t.Run("a token that is refused again is not renewed for ever", func(t *testing.T) {
				fresh()
				r.Sandbox.FailNext(sandbox.FailureSpec{
					Path: apptest.CreatePath, Method: "POST", Times: 2, Status: 401,
					Body: `{"errorCode":"AUTHORIZATION_INVALID_TOKEN","message":"no"}`,
				})
				got := r.create(t, small)
				if n := len(r.AtSites()); got.Status != 401 || n != 2 {
					t.Errorf("status %d after %d calls", got.Status, n)
				}
			})
		})
	}
}

func TestAnAccountThatMovedIsFound(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, code := range []string{"USER_LACKS_MEMBERSHIP", "PARTNER_AUTHENTICATION_FAILED"} {
		t.Run(code, func(t *testing.T) {
			r.Sandbox.MoveAccount(sandbox.ExampleAccountID, "na3.docusign.net")
			r.Restart()
			r.Sandbox.SetWrongSite(code)
			r.Get(t, apptest.ListPath, "X-DocuSign-Authentication: "+apptest.AnnaJSON+"\r\n")
			r.Sandbox.MoveAccount(sandbox.ExampleAccountID, "eu.docusign.net")
			r.Sandbox.ResetCounts()
			if got := r.create(t, small); got.Status != 201 {
				t.Fatalf("status %d: %s", got.Status, got.Body)
			}
			if c := r.Sandbox.Counts(); c.UserInfo != 1 || c.Envelopes != 1 || c.Grants != 0 ||
				r.Last(t).Host != "eu.docusign.net" {
				t.Errorf("%d UserInfo, %d envelopes, %d grants, at %s", c.UserInfo, c.Envelopes, c.Grants, r.Last(t).Host)
			}
			r.Sandbox.ResetCounts()
			r.create(t, small)
			if c := r.Sandbox.Counts(); c.UserInfo != 0 || c.API != 1 {
				t.Errorf("the new site was not remembered: %d UserInfo, %d calls", c.UserInfo, c.API)
			}
			r.Sandbox.MoveAccount(sandbox.ExampleAccountID, "demo.docusign.net")
			if got := r.create(t, large); got.Status != 503 {
				t.Errorf("a large call after another move: status %d", got.Status)
			}
			if got := r.create(t, large); got.Status != 201 {
				t.Errorf("the large call after that: status %d: %s", got.Status, got.Body)
			}
		})
	}
	t.Run("an account that is really not the user's costs no more than one look", func(t *testing.T) {
		r.Restart()
		r.Get(t, apptest.ListPath, "X-DocuSign-Authentication: "+apptest.AnnaJSON+"\r\n")
		r.Sandbox.ResetCounts()
		got := r.Get(
			t, "/restapi/v2/accounts/a1b2c3d4-0000-4000-8000-0000000000ff/envelopes",
			"X-DocuSign-Authentication: "+apptest.AnnaJSON+"\r\n",
		)
		if n := len(r.AtSites()); got.Status != 401 || n != 1 || r.Sandbox.Counts().UserInfo != 1 {
			t.Errorf("status %d, %d calls, %d UserInfo", got.Status, n, r.Sandbox.Counts().UserInfo)
		}
	})
}

func TestTroubleAtTheAccountServer(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	restart := func() { // a proxy that remembers nothing, in front of an account server that is well
		r.Sandbox.ClearFailures()
		r.Sandbox.SetThrottle(false)
		r.Sandbox.SetClockOffset(0)
		r.Sandbox.Consent(sandbox.GUIDKey, sandbox.AnnaID, "signature", "impersonation")
		r.Sandbox.ResetCounts()
		r.Restart()
	}
	token := func(f sandbox.FailureSpec) sandbox.FailureSpec {
		f.Host, f.Path, f.Times = "account-d.docusign.com", "/oauth/token", 100
		return f
	}
	for _, c := range []struct {
		name  string
		set   func(*rig)
		want  int
		body  string
		cause string
		log   []string
	}{
		{"nobody has consented", func(r *rig) { r.Sandbox.Revoke(sandbox.GUIDKey, sandbox.AnnaID) }, 401,
			"{\r\n  \"errorCode\": \"USER_AUTHENTICATION_FAILED\",\r\n  \"message\": \"One or both of Username and Password " +
				"are invalid.\"\r\n}", "consent_required",
			[]string{
				"https://account-d.docusign.com/oauth/auth?response_type=code&scope=signature%20impersonation&client_id=" +
					sandbox.GUIDKey,
				"outcome=token_error",
			}},
		{"the token end point answers 503", func(r *rig) {
			r.Sandbox.FailNext(token(sandbox.FailureSpec{Status: 503, Header: http.Header{"Retry-After": {"7"}}}))
		}, 503,
			"{\r\n  \"errorCode\": \"UNSPECIFIED_ERROR\",\r\n  \"message\": \"The authentication service is not available. " +
				"Try again later.\"\r\n}", "", []string{"outcome=token_error"}},
		{"the token end point throttles", func(r *rig) {
			r.Sandbox.SetThrottle(true)
		}, 503, "", "", []string{"outcome=token_error"}},
		{"the account server breaks off", func(r *rig) {
			r.Sandbox.FailNext(token(sandbox.FailureSpec{Drop: sandbox.DropBefore}))
		}, 503, "", "", []string{"outcome=token_error"}},
		{"the account server answers HTML", func(r *rig) {
			r.Sandbox.FailNext(token(sandbox.FailureSpec{Status: 200, Body: "<html>", ContentType: "text/html"}))
		}, 503, "", "", nil},
		{"UserInfo answers 500", func(r *rig) {
			r.Sandbox.FailNext(sandbox.FailureSpec{
				Host: "account-d.docusign.com", Path: "/oauth/userinfo", Times: 100, Status: 500,
			})
		}, 503, "", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			restart()
			c.set(r)
			got := r.Get(t, apptest.ListPath, "X-DocuSign-Authentication: "+apptest.AnnaJSON+"\r\n")
			if got.Status != c.want || c.body != "" && got.Body != c.body {
				t.Errorf("status %d, want %d: %q", got.Status, c.want, got.Body)
			}
			if c.want == 503 && got.Header.Get("Retry-After") == "" {
				t.Errorf("Retry-After %q", got.Header.Get("Retry-After"))
			}
			if c.cause != "" && got.Header.Get("X-DocuSign-Auth-Proxy-Cause") != c.cause {
				t.Errorf("cause %q", got.Header.Get("X-DocuSign-Auth-Proxy-Cause"))
			}
			for _, text := range c.log {
				apptest.Eventually(t, "the log says "+text, func() bool { return strings.Contains(r.Log.String(), text) })
			}
			r.NoLeak()
		})
	}
	t.Run("an expired token is not served while the account server is away", func(t *testing.T) {
		restart()
		r.Sandbox.SetTokenLife(2 * time.Second)
		defer r.Sandbox.SetTokenLife(time.Hour)
		r.Get(t, apptest.ListPath, "X-DocuSign-Authentication: "+apptest.AnnaJSON+"\r\n")
		r.Sandbox.RevokeTokens(sandbox.AnnaID)
		r.Sandbox.FailNext(token(sandbox.FailureSpec{Status: 503}))
		if got := r.Get(t, apptest.ListPath, "X-DocuSign-Authentication: "+apptest.AnnaJSON+"\r\n"); got.Status != 401 &&
			got.Status != 503 {
			t.Errorf("status %d", got.Status)
		}
	})
	for _, off := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(fmt.Sprintf("this machine's clock is off by %v", -off), func(t *testing.T) {
			restart()
			r.Sandbox.SetClockOffset(off)
			for range 2 {
				if got := r.Get(t, apptest.ListPath, "X-DocuSign-Authentication: "+apptest.AnnaJSON+"\r\n"); got.Status != 200 {
					t.Errorf("status %d: %s\n%s", got.Status, got.Body, r.Log)
				}
			}
			if n := r.Sandbox.Counts().Grants; n != 1 {
				t.Errorf("%d grants", n)
			}
		})
	}
	t.Run("a base_uri under a foreign domain is not believed", func(t *testing.T) {
		restart()
		info := `{"sub":"` + sandbox.AnnaID + `","name":"A","email":"anna@example.com",` +
			`"accounts":[{"account_id":"` + sandbox.ExampleAccountID + `","is_default":true,"account_name":"X",` +
			`"base_uri":"https://docusign.net.evil.example.com"}]}`
		r.Sandbox.FailNext(sandbox.FailureSpec{
			Host: "account-d.docusign.com", Path: "/oauth/userinfo", Status: 200, Body: info,
		})
		got := r.Get(t, apptest.ListPath, "X-DocuSign-Authentication: "+apptest.AnnaJSON+"\r\n")
		if got.Status != 503 || len(r.AtSites()) != 0 {
			t.Errorf("status %d, %d calls: %s", got.Status, len(r.AtSites()), got.Body)
		}
		apptest.Eventually(t, "the log names the address", func() bool {
			return strings.Contains(r.Log.String(), "evil.example.com")
		})
	})
	t.Run("the whole of DocuSign is gone", func(t *testing.T) {
		restart()
		_ = r.Sandbox.Close()
		got := r.Get(t, apptest.ListPath, "X-DocuSign-Authentication: "+apptest.AnnaJSON+"\r\n")
		if got.Status != 503 || got.Header.Get("Retry-After") == "" {
			t.Errorf("status %d, %v", got.Status, got.Header)
		}
	})
}
