package app

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/translate"
)

// small and large are calls that make one envelope; only the small one can be sent again.
func (r *rig) create(t *testing.T, size int) answer {
	t.Helper()
	return r.do(
		nil,
		request(
			t, "POST", r.sidecar()+createPath, bytes.NewReader(bigEnvelope(size)), "X-DocuSign-Authentication", annaJSON,
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
			if got := r.do(
				nil, request(t, "GET", r.sidecar()+listPath, nil, "X-DocuSign-Authentication", annaJSON),
			); got.status != 200 {
				t.Errorf("status %d: %s", got.status, got.body)
			}
		})
	}
	callers.Wait()
	translator := r.program.Server.State().Translator
	for range 10_000 {
		d, err := translator.Decide(context.Background(), &translate.Call{Legacy: []string{annaJSON}})
		if err == nil {
			_, err = translator.Token(context.Background(), d)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if c := r.sandbox.Counts(); c.Grants != 1 || c.UserInfo != 1 || c.API != 64 {
		t.Errorf("%d grants, %d UserInfo, %d calls; want 1, 1, 64", c.Grants, c.UserInfo, c.API)
	}
}

func TestARefusedTokenIsRenewedOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, code := range []string{"AUTHORIZATION_INVALID_TOKEN", "USER_AUTHENTICATION_FAILED"} {
		t.Run(code, func(t *testing.T) {
			r.restart()
			r.sandbox.SetBadToken(code)
			fresh := func() {
				r.get(t, listPath, "X-DocuSign-Authentication: "+annaJSON+"\r\n")
				r.sandbox.RevokeTokens(sandbox.AnnaID)
				r.sandbox.ResetCounts()
			}
			t.Run("a small call is sent once more with another token", func(t *testing.T) {
				fresh()
				got := r.create(t, small)
				if c := r.sandbox.Counts(); got.status != 201 || c.Grants != 1 || c.Envelopes != 1 || c.Refused[code] != 1 {
					t.Errorf("status %d, %d grants, %d envelopes, refused %v", got.status, c.Grants, c.Envelopes, c.Refused)
				}
				eventually(t, "the replay is logged", func() bool {
					return strings.Contains(r.log.String(), "replayed=token_refused")
				})
			})
			t.Run("many calls at once share the new token", func(t *testing.T) {
				fresh()
				var callers sync.WaitGroup
				for range 16 {
					callers.Go(func() {
						if got := r.create(t, small); got.status != 201 {
							t.Errorf("status %d", got.status)
						}
					})
				}
				callers.Wait()
				if c := r.sandbox.Counts(); c.Grants != 1 || c.Envelopes != 16 {
					t.Errorf("%d grants, %d envelopes", c.Grants, c.Envelopes)
				}
			})
			t.Run("a large call is not sent again, but the next one has a good token", func(t *testing.T) {
				fresh()
				if got := r.create(t, large); got.status != 503 || got.header.Get("Retry-After") == "" ||
					strings.Contains(got.body, code) {
					t.Errorf("status %d: %s", got.status, got.body)
				}
				if got := r.create(t, large); got.status != 201 {
					t.Errorf("the next one: status %d: %s", got.status, got.body)
				}
				if c := r.sandbox.Counts(); c.Grants != 1 || c.Envelopes != 1 {
					t.Errorf("%d grants, %d envelopes", c.Grants, c.Envelopes)
				}
			})
			t.Run("a token that is refused again is not renewed for ever", func(t *testing.T) {
				fresh()
				r.sandbox.FailNext(sandbox.FailureSpec{
					Path: createPath, Method: "POST", Times: 2, Status: 401,
					Body: `{"errorCode":"AUTHORIZATION_INVALID_TOKEN","message":"no"}`,
				})
				got := r.create(t, small)
				if n := len(r.atSites()); got.status != 401 || n != 2 {
					t.Errorf("status %d after %d calls", got.status, n)
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
			r.sandbox.MoveAccount(sandbox.ExampleAccountID, "na3.docusign.net")
			r.restart()
			r.sandbox.SetWrongSite(code)
			r.get(t, listPath, "X-DocuSign-Authentication: "+annaJSON+"\r\n")
			r.sandbox.MoveAccount(sandbox.ExampleAccountID, "eu.docusign.net")
			r.sandbox.ResetCounts()
			if got := r.create(t, small); got.status != 201 {
				t.Fatalf("status %d: %s", got.status, got.body)
			}
			if c := r.sandbox.Counts(); c.UserInfo != 1 || c.Envelopes != 1 || c.Grants != 0 ||
				r.last(t).Host != "eu.docusign.net" {
				t.Errorf("%d UserInfo, %d envelopes, %d grants, at %s", c.UserInfo, c.Envelopes, c.Grants, r.last(t).Host)
			}
			r.sandbox.ResetCounts()
			r.create(t, small)
			if c := r.sandbox.Counts(); c.UserInfo != 0 || c.API != 1 {
				t.Errorf("the new site was not remembered: %d UserInfo, %d calls", c.UserInfo, c.API)
			}
			r.sandbox.MoveAccount(sandbox.ExampleAccountID, "demo.docusign.net")
			if got := r.create(t, large); got.status != 503 {
				t.Errorf("a large call after another move: status %d", got.status)
			}
			if got := r.create(t, large); got.status != 201 {
				t.Errorf("the large call after that: status %d: %s", got.status, got.body)
			}
		})
	}
	t.Run("an account that is really not the user's costs no more than one look", func(t *testing.T) {
		r.restart()
		r.get(t, listPath, "X-DocuSign-Authentication: "+annaJSON+"\r\n")
		r.sandbox.ResetCounts()
		got := r.get(
			t, "/restapi/v2/accounts/a1b2c3d4-0000-4000-8000-0000000000ff/envelopes",
			"X-DocuSign-Authentication: "+annaJSON+"\r\n",
		)
		if n := len(r.atSites()); got.status != 401 || n != 1 || r.sandbox.Counts().UserInfo != 1 {
			t.Errorf("status %d, %d calls, %d UserInfo", got.status, n, r.sandbox.Counts().UserInfo)
		}
	})
}

func TestTroubleAtTheAccountServer(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	restart := func() { // a proxy that remembers nothing, in front of an account server that is well
		r.sandbox.ClearFailures()
		r.sandbox.SetThrottle(false)
		r.sandbox.SetClockOffset(0)
		r.sandbox.Consent(sandbox.GUIDKey, sandbox.AnnaID, "signature", "impersonation")
		r.sandbox.ResetCounts()
		r.restart()
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
		{"nobody has consented", func(r *rig) { r.sandbox.Revoke(sandbox.GUIDKey, sandbox.AnnaID) }, 401,
			"{\r\n  \"errorCode\": \"USER_AUTHENTICATION_FAILED\",\r\n  \"message\": \"One or both of Username and Password " +
				"are invalid.\"\r\n}", "consent_required",
			[]string{
				"https://account-d.docusign.com/oauth/auth?response_type=code&scope=signature%20impersonation&client_id=" +
					sandbox.GUIDKey,
				"outcome=token_error",
			}},
		{"the token end point answers 503", func(r *rig) {
			r.sandbox.FailNext(token(sandbox.FailureSpec{Status: 503, Header: http.Header{"Retry-After": {"7"}}}))
		}, 503,
			"{\r\n  \"errorCode\": \"UNSPECIFIED_ERROR\",\r\n  \"message\": \"The authentication service is not available. " +
				"Try again later.\"\r\n}", "", []string{"outcome=token_error"}},
		{"the token end point throttles", func(r *rig) {
			r.sandbox.SetThrottle(true)
		}, 503, "", "", []string{"outcome=token_error"}},
		{"the account server breaks off", func(r *rig) {
			r.sandbox.FailNext(token(sandbox.FailureSpec{Drop: sandbox.DropBefore}))
		}, 503, "", "", []string{"outcome=token_error"}},
		{"the account server answers HTML", func(r *rig) {
			r.sandbox.FailNext(token(sandbox.FailureSpec{Status: 200, Body: "<html>", ContentType: "text/html"}))
		}, 503, "", "", nil},
		{"UserInfo answers 500", func(r *rig) {
			r.sandbox.FailNext(sandbox.FailureSpec{
				Host: "account-d.docusign.com", Path: "/oauth/userinfo", Times: 100, Status: 500,
			})
		}, 503, "", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			restart()
			c.set(r)
			got := r.get(t, listPath, "X-DocuSign-Authentication: "+annaJSON+"\r\n")
			if got.status != c.want || c.body != "" && got.body != c.body {
				t.Errorf("status %d, want %d: %q", got.status, c.want, got.body)
			}
			if c.want == 503 && got.header.Get("Retry-After") == "" {
				t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
			}
			if c.cause != "" && got.header.Get("X-DocuSign-Auth-Proxy-Cause") != c.cause {
				t.Errorf("cause %q", got.header.Get("X-DocuSign-Auth-Proxy-Cause"))
			}
			for _, text := range c.log {
				eventually(t, "the log says "+text, func() bool { return strings.Contains(r.log.String(), text) })
			}
			r.noLeak()
		})
	}
	t.Run("an expired token is not served while the account server is away", func(t *testing.T) {
		restart()
		r.sandbox.SetTokenLife(2 * time.Second)
		defer r.sandbox.SetTokenLife(time.Hour)
		r.get(t, listPath, "X-DocuSign-Authentication: "+annaJSON+"\r\n")
		r.sandbox.RevokeTokens(sandbox.AnnaID)
		r.sandbox.FailNext(token(sandbox.FailureSpec{Status: 503}))
		if got := r.get(t, listPath, "X-DocuSign-Authentication: "+annaJSON+"\r\n"); got.status != 401 && got.status != 503 {
			t.Errorf("status %d", got.status)
		}
	})
	for _, off := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(fmt.Sprintf("this machine's clock is off by %v", -off), func(t *testing.T) {
			restart()
			r.sandbox.SetClockOffset(off)
			for range 2 {
				if got := r.get(t, listPath, "X-DocuSign-Authentication: "+annaJSON+"\r\n"); got.status != 200 {
					t.Errorf("status %d: %s\n%s", got.status, got.body, r.log)
				}
			}
			if n := r.sandbox.Counts().Grants; n != 1 {
				t.Errorf("%d grants", n)
			}
		})
	}
	t.Run("a base_uri under a foreign domain is not believed", func(t *testing.T) {
		restart()
		info := `{"sub":"` + sandbox.AnnaID + `","name":"A","email":"anna@example.com",` +
			`"accounts":[{"account_id":"` + sandbox.ExampleAccountID + `","is_default":true,"account_name":"X",` +
			`"base_uri":"https://docusign.net.evil.example.com"}]}`
		r.sandbox.FailNext(sandbox.FailureSpec{
			Host: "account-d.docusign.com", Path: "/oauth/userinfo", Status: 200, Body: info,
		})
		got := r.get(t, listPath, "X-DocuSign-Authentication: "+annaJSON+"\r\n")
		if got.status != 503 || len(r.atSites()) != 0 {
			t.Errorf("status %d, %d calls: %s", got.status, len(r.atSites()), got.body)
		}
		eventually(t, "the log names the address", func() bool {
			return strings.Contains(r.log.String(), "evil.example.com")
		})
	})
	t.Run("the whole of DocuSign is gone", func(t *testing.T) {
		restart()
		_ = r.sandbox.Close()
		got := r.get(t, listPath, "X-DocuSign-Authentication: "+annaJSON+"\r\n")
		if got.status != 503 || got.header.Get("Retry-After") == "" {
			t.Errorf("status %d, %v", got.status, got.header)
		}
	})
}
