package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/secret"
)

func TestGrantOverTLS(t *testing.T) {
	d := newDocusign(t, 0)
	tls := httptest.NewTLSServer(http.HandlerFunc(d.serve))
	defer tls.Close()
	c := d.client(t, func(cfg *Config) {
		cfg.AccountServer, cfg.Audience, cfg.HTTP = tls.URL, strings.TrimPrefix(d.URL, "http://"), tls.Client()
	})
	tok := mustToken(t, c, anna())
	if h := tok.Header(); len(h) != 1 || h[0] != "Bearer "+tok.AccessToken.Reveal() {
		t.Errorf("header %q", h)
	}
	if got := tok.Expires.Sub(tok.Obtained); got != time.Hour {
		t.Errorf("life %v", got)
	}
}

func TestGrantErrors(t *testing.T) {
	oauthError := func(code, description string) string {
		b, _ := json.Marshal(map[string]string{"error": code, "error_description": description})
		return string(b)
	}
	for _, test := range []struct {
		name      string
		status    int
		header    http.Header
		body      string
		kind      Kind
		temporary bool
		text      string // part of Error
		next      string // part of NextStep
	}{
		{"consent missing in error", 400, nil, oauthError("consent_required", ""), ConsentRequired, false, "consent_required (HTTP 400)", "/oauth/auth?response_type=code&scope=signature%20impersonation&client_id=" + testIssuer + "&redirect_uri=https%3A%2F%2Fdevelopers.docusign.com%2Fplatform%2Fauth%2Fconsent"},
		{"consent missing in the description", 400, nil, oauthError("invalid_grant", "consent_required"), ConsentRequired, false, "consent_required", "accept"},
		{"user unknown", 400, nil, oauthError("invalid_grant", "user_not_found"), UserNotFound, false, "user_not_found: invalid_grant (HTTP 400)", testUser},
		{"an e-mail as subject", 400, nil, oauthError("invalid_grant", "invalid_subject"), InvalidSubject, false, "invalid_subject", "GUID"},
		{"integration key unknown", 400, nil, oauthError("invalid_grant", "issuer_not_found"), IssuerNotFound, false, "issuer_not_found", testIssuer},
		{"no key fits", 400, nil, oauthError("invalid_grant", "no_valid_keys_or_signatures"), InvalidKey, false, "invalid_key", "clock"},
		{"no key fits, said in error", 400, nil, oauthError("no_valid_keys_or_signatures", ""), InvalidKey, false, "no_valid_keys_or_signatures", "belongs to"},
		{"assertion expired", 400, nil, oauthError("invalid_grant", "expired_grant"), ExpiredGrant, false, "expired_grant", "clock"},
		{"grant type unsupported", 400, nil, oauthError("invalid_grant", "unsupported_grant_type"), UnsupportedGrantType, false, "unsupported_grant_type", "report"},
		{"malformed request", 400, nil, oauthError("invalid_request", "assertion missing"), InvalidRequest, false, "assertion missing", "report"},
		{"bad scope", 400, nil, oauthError("invalid_scope", ""), InvalidScope, false, "invalid_scope", "signature impersonation"},
		{"an error nobody knows", 400, nil, oauthError("unauthorized_client", "no"), Refused, false, "refused: unauthorized_client: no (HTTP 400)", "documentation"},
		{"an error inside a 200", 200, nil, oauthError("consent_required", ""), ConsentRequired, false, "consent_required", "accept"},
		{
			"an error beside a token, with a description that is no text", 200, nil,
			`{"access_token":"x","error":"consent_required","error_description":7}`, ConsentRequired, false,
			"consent_required", "accept",
		},
		{"throttled", 429, http.Header{"Retry-After": {"17"}}, ``, Throttled, true, "HTTP 429 Too Many Requests with an empty body", "wait"},
		{"out of order, with HTML", 503, http.Header{"Content-Type": {"text/html"}}, "<html>\r\n<h1>Down\x1b[31m</h1>", ServerError, true, "HTTP 503 Service Unavailable with text/html, not the JSON expected: <html> <h1>Down [31m</h1>", "wait"},
		{"out of order, with JSON", 500, nil, oauthError("consent_required", ""), ServerError, true, "server_error", "wait"},
		{"a firewall's refusal", 444, http.Header{"Content-Type": {"text/html"}}, "<h1>no</h1>", BadAnswer, true, "bad_answer", "between"},
		{"a page instead of a token", 200, http.Header{"Content-Type": {"text/html"}}, "<title>Wi-Fi log-in</title>", BadAnswer, true, "text/html, not the JSON expected: <title>Wi-Fi log-in</title>", "between"},
		{"nothing instead of a token", 200, nil, "", BadAnswer, true, "HTTP 200 OK with an empty body", "between"},
		{"no token in the answer", 200, http.Header{"Content-Type": {"application/json"}}, `{"expires_in":3600}`, BadAnswer, true, "no access_token", "between"},
		{"a token of another type", 200, http.Header{"Content-Type": {"application/json"}}, `{"access_token":"x","token_type":"mac","expires_in":3600}`, BadAnswer, true, `"mac" is not Bearer`, "between"},
		{"a token with a line end", 200, http.Header{"Content-Type": {"application/json"}}, `{"access_token":"x\r\nEvil: 1","expires_in":3600}`, BadAnswer, true, "no access token that could be sent", "between"},
		{"a token already expired", 200, http.Header{"Content-Type": {"application/json"}}, `{"access_token":"x","expires_in":-5}`, BadAnswer, true, "had expired", "between"},
		{"a redirect", 302, http.Header{"Location": {"/elsewhere"}}, ``, BadAnswer, true, "HTTP 302 Found", "between"},
		{"too much", 200, http.Header{"Content-Type": {"application/json"}}, `{"access_token":"` + strings.Repeat("x", maxAnswer) + `"}`, BadAnswer, true, "more than 262144 bytes", "between"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDocusign(t, 0)
			d.reply = refuse(test.status, test.header, test.body)
			var events []GrantEvent
			c := d.client(t, func(cfg *Config) { cfg.Observer.Grant = func(e GrantEvent) { events = append(events, e) } })
			_, err := c.Token(t.Context(), anna())
			var ge *GrantError
			if !errors.As(err, &ge) {
				t.Fatalf("%T %v", err, err)
			}
			if ge.Kind != test.kind || ge.Temporary() != test.temporary || ge.HTTPStatus != test.status && ge.HTTPStatus != 0 {
				t.Errorf("kind %v, temporary %v, status %d", ge.Kind, ge.Temporary(), ge.HTTPStatus)
			}
			if !strings.Contains(err.Error(), test.text) || strings.ContainsAny(err.Error(), "\r\n\x1b") {
				t.Errorf("text %q, want in it %q", err, test.text)
			}
			if !strings.Contains(ge.NextStep(), test.next) {
				t.Errorf("next step %q, want in it %q", ge.NextStep(), test.next)
			}
			if (ge.ConsentURL != "") != (test.kind == ConsentRequired) {
				t.Errorf("consent URL %q", ge.ConsentURL)
			}
			if strings.Contains(test.body, `"error"`) != (ge.OAuthError != "") || ge.OAuthError != "" && ge.Unwrap() != nil {
				t.Errorf("code %q, cause %v", ge.OAuthError, ge.Unwrap())
			}
			if len(events) == 0 || events[0].Duration < 0 {
				t.Errorf("events %+v", events)
			}
			_, calls := d.counts()
			if calls != 0 {
				t.Errorf("a redirect was followed: %v", d.calls)
			}
		})
	}
}

func TestEveryKindIsNamed(t *testing.T) {
	seen := map[string]bool{}
	for k := range kinds {
		e := &GrantError{Kind: k}
		if e.Label() == "" || seen[e.Label()] || e.NextStep() == "" {
			t.Errorf("kind %d: label %q, next step %q", k, e.Label(), e.NextStep())
		}
		seen[e.Label()] = true
	}
	if (kinds + 7).String() != "other" {
		t.Error("a number that is no kind has a label of its own")
	}
}

func TestNoAnswer(t *testing.T) {
	d := newDocusign(t, 0)
	c := d.client(t, nil)
	d.Server.Close()
	_, err := c.Token(t.Context(), anna())
	var ge *GrantError
	if !errors.As(err, &ge) || ge.Kind != Network || !ge.Temporary() || ge.HTTPStatus != 0 || strings.Contains(err.Error(), "oauth/token") {
		t.Errorf("%#v", err)
	}
	if _, ok := errors.AsType[*url.Error](err); !ok {
		t.Errorf("the cause is lost: %v", err)
	}
}

func TestFetchHasItsOwnTimeLimit(t *testing.T) {
	d := newDocusign(t, 0)
	d.gate = make(chan struct{}) // never opened
	c := d.client(t, nil)
	c.fetches.timeout = 20 * time.Millisecond
	_, err := c.Token(t.Context(), anna())
	var ge *GrantError
	if !errors.As(err, &ge) || ge.Kind != Network || !strings.Contains(err.Error(), "no answer in time") {
		t.Errorf("%v", err)
	}
}

func TestErrorsHoldNoAssertion(t *testing.T) {
	var assertion string
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		assertion = r.Form.Get("assertion")
		w.WriteHeader(http.StatusBadRequest)
		json.NewEncoder(w).Encode(map[string]string{"error": "bad " + assertion, "error_description": "you sent " + assertion})
	}))
	defer echo.Close()
	d := newDocusign(t, 0)
	c := d.client(t, func(cfg *Config) { cfg.AccountServer = echo.URL })
	_, err := c.Token(t.Context(), anna())
	for e := err; e != nil; e = errors.Unwrap(e) {
		text := fmt.Sprintf("%v %+v %#v", e, e, e)
		if assertion == "" || strings.Contains(text, assertion) || strings.Contains(text, strings.Split(assertion, ".")[2][:40]) {
			t.Errorf("%T prints the assertion", e)
		}
	}
}

func TestTokensDoNotPrint(t *testing.T) {
	d := newDocusign(t, 0)
	c := d.client(t, nil)
	tok := mustToken(t, c, anna())
	type holder struct {
		unexported *Token
		Pointer    *Token
	}
	j, err := json.Marshal(tok)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%v %+v %#v %s %x %v %+v %s", tok, tok, *tok, *tok, tok, holder{tok, tok}, c.Snapshot(), j)
	if strings.Contains(text, "token-1") {
		t.Errorf("the token shows in %s", text)
	}
}

func TestKeyRotation(t *testing.T) {
	two := func(cfg *Config) {
		cfg.Issuers[testIssuer] = []*Key{testKey(t, 0), testKey(t, 1)}
	}
	t.Run("the next key is tried and the one that works is remembered", func(t *testing.T) {
		d := newDocusign(t, 1)
		var refused []bool
		c := d.client(t, func(cfg *Config) {
			two(cfg)
			cfg.Observer.Grant = func(e GrantEvent) { refused = append(refused, e.Err != nil) }
		})
		tok := mustToken(t, c, anna())
		c.Invalidate(anna(), tok, UseREST)
		mustToken(t, c, anna())
		if want := []bool{true, false, false}; !slices.Equal(refused, want) {
			t.Errorf("attempts refused %v, want %v", refused, want)
		}
		keys := c.Keys()
		if len(keys) != 2 || keys[0].Works || !keys[1].Works {
			t.Errorf("key states %+v", keys)
		}
		d.set(func() { d.accepted = d.accepted[:0]; d.accepted = append(d.accepted, testKey(t, 0).Public()) })
		c.Invalidate(anna(), mustToken(t, c, anna()), UseREST)
		mustToken(t, c, anna()) // back to the first
	})
	t.Run("other refusals do not burn through the keys", func(t *testing.T) {
		d := newDocusign(t, 1)
		d.reply = refuse(400, nil, `{"error":"consent_required"}`)
		c := d.client(t, two)
		if _, err := c.Token(t.Context(), anna()); err == nil {
			t.Fatal("no error")
		}
		d.wantGrants(t, 1)
	})
	t.Run("when none fits all fingerprints are named", func(t *testing.T) {
		d := newDocusign(t, 2)
		c := d.client(t, two)
		_, err := c.Token(t.Context(), anna())
		var ge *GrantError
		if !errors.As(err, &ge) || len(ge.KeyIDs) != 2 || !strings.Contains(ge.NextStep(), testKey(t, 1).ID) {
			t.Errorf("%v, keys %v", err, ge)
		}
		d.wantGrants(t, 2)
	})
}

func TestClock(t *testing.T) {
	for _, test := range []struct {
		name   string
		skew   time.Duration // of the server
		grants int
	}{
		{"clocks agree", 0, 1},
		{"a second off is within the error", time.Second, 1},
		{"slow by two hours: expired_grant, repeated once with the right time", 2 * time.Hour, 2},
		{"fast by two hours: no_valid_keys_or_signatures, repeated once with the right time", -2 * time.Hour, 2},
		{"off by half an hour, which the server accepts", 30 * time.Minute, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDocusign(t, 0)
			d.skew = test.skew
			var heard time.Duration
			c := d.client(t, func(cfg *Config) { cfg.Observer.Clock = func(o time.Duration) { heard = o } })
			tok := mustToken(t, c, anna())
			d.wantGrants(t, test.grants)
			if (heard - test.skew).Abs() > time.Second {
				t.Errorf("heard an offset of %v", heard)
			}
			if off, at := c.ClockOffset(); off != heard || at.IsZero() {
				t.Errorf("offset %v at %v", off, at)
			}
			if !tok.Obtained.Equal(d.clock.Now()) || !tok.Expires.Equal(d.clock.Now().Add(time.Hour)) {
				t.Errorf("the token's times are not local: %v %v", tok.Obtained, tok.Expires)
			}
			c.Invalidate(anna(), tok, UseREST)
			mustToken(t, c, anna())
			d.wantGrants(t, test.grants+1)
		})
	}
	t.Run("a corrected clock with a wrong key goes on to the next key", func(t *testing.T) {
		d := newDocusign(t, 1)
		d.skew = 2 * time.Hour
		c := d.client(t, func(cfg *Config) {
			cfg.Issuers[testIssuer] = []*Key{testKey(t, 0), testKey(t, 1)}
		})
		mustToken(t, c, anna())
		d.wantGrants(t, 3)
	})
	t.Run("a server that always says expired is not asked without end", func(t *testing.T) {
		d := newDocusign(t, 0)
		d.skew = 2 * time.Hour
		d.reply = refuse(400, nil, `{"error":"invalid_grant","error_description":"expired_grant"}`)
		c := d.client(t, nil)
		if _, err := c.Token(t.Context(), anna()); err == nil {
			t.Fatal("no error")
		}
		d.wantGrants(t, 2)
	})
}

func TestExpiresIn(t *testing.T) {
	for _, test := range []struct {
		name string
		raw  string
		want time.Duration
	}{
		{"as DocuSign sends it", `3600`, time.Hour},
		{"in quotes", `"3600"`, time.Hour},
		{"with a fraction", `3600.5`, time.Hour + 500*time.Millisecond},
		{"missing", ``, unknownLife},
		{"null", `null`, unknownLife},
		{"zero", `0`, unknownLife},
		{"no number", `"soon"`, unknownLife},
		{"an object", `{"a":1}`, unknownLife},
		{"not a number", `"NaN"`, unknownLife},
		{"a year", `31536000`, maxLife},
		{"beyond an int", `99999999999999999999`, maxLife},
		{"beyond a float", `1e999`, maxLife},
		{"a few seconds", `5`, 5 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDocusign(t, 0)
			body := `{"access_token":"abc","token_type":"bearer"`
			if test.raw != "" {
				body += `,"expires_in":` + test.raw
			}
			d.reply = func(w http.ResponseWriter) bool {
				w.Header().Set("Content-Type", "text/plain") // harmless: it is JSON all the same
				io.WriteString(w, body+"}")
				return true
			}
			tok := mustToken(t, d.client(t, nil), anna())
			if got := tok.Expires.Sub(tok.Obtained); got != test.want {
				t.Errorf("life %v, want %v", got, test.want)
			}
		})
	}
}

func TestNotConfigured(t *testing.T) {
	d := newDocusign(t, 0)
	c := d.client(t, func(cfg *Config) { cfg.Issuers["keyless"] = nil })
	for _, test := range []struct {
		name string
		id   Identity
		kind Kind
	}{
		{"an integration key nobody configured", Identity{Issuer: "unknown", Subject: testUser}, NotConfigured},
		{"an integration key without private key", Identity{Issuer: "keyless", Subject: testUser}, NotConfigured},
		{"nobody to act for", Identity{Issuer: testIssuer}, InvalidSubject},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := c.Token(t.Context(), test.id)
			var ge *GrantError
			if !errors.As(err, &ge) || ge.Kind != test.kind {
				t.Errorf("%v", err)
			}
		})
	}
	d.wantGrants(t, 0)
}

func TestGranter(t *testing.T) {
	other := Identity{Issuer: "elsewhere", Subject: "bob", Scopes: "signature"}
	d := newDocusign(t, 0)
	for _, test := range []struct {
		name string
		g    Granter
		text string // of the error
	}{
		{"its token is used", func(context.Context, Identity) (*Token, error) {
			return &Token{AccessToken: secret.New("code-token"), Expires: d.clock.Now().Add(8 * time.Hour)}, nil
		}, ""},
		{"its error is wrapped", func(context.Context, Identity) (*Token, error) { return nil, io.ErrUnexpectedEOF }, "other: unexpected EOF"},
		{"no token at all is an error", func(context.Context, Identity) (*Token, error) { return nil, nil }, "bad_answer"},
		{"its panic ends neither the process nor the wait", func(context.Context, Identity) (*Token, error) { panic("s3cret") }, "panic: string"},
		{"its run-time error says which", func(context.Context, Identity) (*Token, error) {
			var none *Token
			return &Token{Expires: none.Expires}, nil
		}, "nil pointer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := d.client(t, func(cfg *Config) {
				cfg.Granters = func(id Identity) Granter {
					if id == other {
						return test.g
					}
					return nil
				}
			})
			tok, err := c.Token(t.Context(), other)
			if test.text != "" {
				if err == nil || !strings.Contains(err.Error(), test.text) || strings.Contains(err.Error(), "s3cret") {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil || tok.Header()[0] != "Bearer code-token" {
				t.Errorf("%v, %v", tok, err)
			}
			if s, _ := c.subject(other).token.state(); s.due(d.clock.Now().Add(6 * time.Hour)) {
				t.Errorf("due at %v", s.soft)
			}
			mustToken(t, c, anna()) // the others are granted as ever
		})
	}
}

func TestRetryAfterHeader(t *testing.T) {
	now := newClock().Now()
	for _, test := range []struct {
		name, value string
		want        time.Duration
	}{
		{"absent", "", 0},
		{"seconds", " 30 ", 30 * time.Second},
		{"a date", now.Add(time.Minute).Format(http.TimeFormat), time.Minute},
		{"a date gone by", now.Add(-time.Minute).Format(http.TimeFormat), 0},
		{"for ever", "2000000000", maxAsked},
		{"nonsense", "soon", 0},
		{"negative", "-1", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := retryAfter(test.value, now); got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

func FuzzTokenAnswer(f *testing.F) {
	f.Add([]byte(`{"access_token":"abc","token_type":"Bearer","expires_in":3600}`))
	f.Add([]byte(`{"access_token":"abc","expires_in":"-1e400"}`))
	f.Add([]byte(`<html>eyJabc</html>`))
	now := newClock().Now()
	f.Fuzz(func(t *testing.T, body []byte) {
		a, failed := (&server{}).readToken(anna(), now, &reply{status: 200, body: body}, nil, nil)
		if failed != nil {
			if len(failed.Error()) > 600 || strings.ContainsAny(failed.Error(), "\r\n") {
				t.Errorf("error unfit for a log line: %q", failed)
			}
			return
		}
		s, err := sealed(a.Token, now, 0.999)
		if err == nil && (!s.usable(now) || s.soft.After(s.edge) || s.val.Expires.Sub(now) > maxLife ||
			!s.edge.Before(s.val.Expires)) {
			t.Errorf("times out of order: %+v", s)
		}
	})
}
