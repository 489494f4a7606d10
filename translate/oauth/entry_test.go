package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"docusign-auth-proxy/internal/cache"
	"docusign-auth-proxy/internal/cause"
)

func TestColdCallersShareOneGrant(t *testing.T) {
	d := newDocusign(t, 0)
	d.gate = make(chan struct{})
	c := d.client(t, nil)
	var wg sync.WaitGroup
	tokens := make([]*Token, 64)
	for i := range tokens {
		wg.Go(func() {
			tok, err := c.Token(t.Context(), anna())
			if err != nil {
				t.Error(err)
			}
			tokens[i] = tok
		})
	}
	<-d.arrived
	if !fetching() {
		t.Error("the leak check does not see a fetch")
	}
	close(d.gate)
	wg.Wait()
	for _, tok := range tokens {
		if tok != tokens[0] {
			t.Error("different tokens")
		}
	}
	for range 10_000 {
		mustToken(t, c, anna())
	}
	d.wantGrants(t, 1)
}

func TestKeyOfTheCache(t *testing.T) {
	d := newDocusign(t, 0)
	c := d.client(t, nil)
	bob := anna()
	bob.Subject = "a1b2c3d4-0000-4000-8000-000000000021"
	if a, b := mustToken(t, c, anna()), mustToken(t, c, bob); a.AccessToken.Equal(b.AccessToken) {
		t.Error("two users share a token")
	}
	mustToken(t, c, anna())
	d.wantGrants(t, 2)
	more := anna()
	more.Scopes = "signature impersonation extended"
	if _, err := c.Token(t.Context(), more); err == nil {
		t.Error("other scopes were served from the cache")
	}
}

func TestWaitersLeaveOnTheirOwnContext(t *testing.T) {
	d := newDocusign(t, 0)
	d.gate = make(chan struct{})
	c := d.client(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() {
		_, err := c.Token(ctx, anna())
		first <- err
	}()
	<-d.arrived
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the first caller left with %v", err)
	}
	second := make(chan error)
	go func() {
		_, err := c.Token(t.Context(), anna())
		second <- err
	}()
	close(d.gate)
	if err := <-second; err != nil {
		t.Errorf("the fetch died with its first caller: %v", err)
	}
	if _, err := c.Token(ctx, Identity{
		Issuer: testIssuer, Subject: "x", Scopes: testScopes,
	}); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller whose context has ended got %v", err)
	}
	d.wantGrants(t, 1)
}

func TestLifeOfAToken(t *testing.T) {
	for _, test := range []struct {
		name   string
		life   int
		at     time.Duration
		served string // old: at once and no grant; background: at once and a grant; new: waits
	}{
		{"fresh", 3600, 0, "old"},
		{"just before the soft edge (85 % with this jitter)", 3600, 3059 * time.Second, "old"},
		{"at the soft edge", 3600, 3060 * time.Second, "background"},
		{"just before the hard edge", 3600, 3569 * time.Second, "background"},
		{"30 s before expiry", 3600, 3570 * time.Second, "new"},
		{"long expired", 3600, 48 * time.Hour, "new"},
		{"short-lived, before its last tenth", 60, 53 * time.Second, "background"},
		{"short-lived, in its last tenth", 60, 54 * time.Second, "new"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDocusign(t, 0)
			d.life = test.life
			c := d.client(t, nil)
			old := mustToken(t, c, anna())
			d.clock.Advance(test.at)
			got := mustToken(t, c, anna())
			for range 5 {
				mustToken(t, c, anna())
			}
			settle(c)
			after := mustToken(t, c, anna())
			want := map[string][3]bool{
				"old": {true, true, false}, "background": {true, false, true}, "new": {false, false, true},
			}[test.served]
			if (got == old) != want[0] || (after == old) != want[1] {
				t.Errorf("old token served: at once %v, afterwards %v", got == old, after == old)
			}
			if grants, _ := d.counts(); (grants == 2) != want[2] || grants > 2 {
				t.Errorf("%d grants", grants)
			}
		})
	}
}

func TestWallClockCountsToo(t *testing.T) {
	now := time.Now() // with a monotonic reading
	s := timed[int]{soft: now.Add(time.Minute), edge: now.Add(time.Hour)}
	// After two hours of sleep the monotonic clock has not moved: a wall clock without monotonic reading shows it.
	if s.usable(now.Round(0).Add(2*time.Hour)) || !s.usable(now.Add(time.Minute)) {
		t.Error("the edge is judged by one clock only")
	}
}

func TestRefreshFailureKeepsTheToken(t *testing.T) {
	d := newDocusign(t, 0)
	c := d.client(t, nil)
	old := mustToken(t, c, anna())
	d.set(func() { d.reply = refuse(503, nil, "") })
	d.clock.Advance(3100 * time.Second)
	for range 100 {
		if mustToken(t, c, anna()) != old {
			t.Fatal("another token")
		}
		settle(c)
	}
	d.wantGrants(t, 2)
	if st := c.Snapshot()[0]; st.Failure == nil || st.Failure.Label != "server_error" || st.Consent != ConsentGiven ||
		!st.Expires.Equal(old.Expires) {
		t.Errorf("state %+v, failure %+v", st, st.Failure)
	}
	d.clock.Advance(2 * time.Second) // past the first pause
	mustToken(t, c, anna())
	settle(c)
	d.wantGrants(t, 3)
	d.clock.Advance(3569*time.Second - 3102*time.Second)
	mustToken(t, c, anna())
	settle(c)
	d.wantGrants(t, 4)
	d.set(func() { d.reply = nil })
	d.clock.Advance(time.Second) // hard edge: the pause ends here rather than failing callers
	if mustToken(t, c, anna()) == old {
		t.Error("an expiring token was served")
	}
	if st := c.Snapshot()[0]; st.Failure != nil {
		t.Errorf("failure outlives success: %+v", st.Failure)
	}
}

func TestNegativeCache(t *testing.T) {
	for _, test := range []struct {
		name   string
		reply  func(http.ResponseWriter) bool
		pauses []time.Duration
	}{
		{"a server error pauses seconds", refuse(500, nil, ""), []time.Duration{
			1100 * time.Millisecond, 2200 * time.Millisecond, 4400 * time.Millisecond,
		}},
		{
			"throttling pauses as asked", refuse(429, http.Header{"Retry-After": {"120"}}, ""),
			[]time.Duration{2 * time.Minute, 2 * time.Minute},
		},
		{"consent_required pauses 15 s every time", refuse(400, nil, `{"error":"consent_required"}`),
			slices.Repeat([]time.Duration{15 * time.Second}, 6)},
		{"invalid_grant too", refuse(400, nil, `{"error":"invalid_grant","error_description":"user_not_found"}`),
			[]time.Duration{15 * time.Second, 15 * time.Second}},
		{"a refusal is not remembered for longer, whatever it asks for",
			refuse(400, http.Header{"Retry-After": {"3600"}}, `{"error":"consent_required"}`),
			[]time.Duration{15 * time.Second, 15 * time.Second}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDocusign(t, 0)
			d.reply = test.reply
			c := d.client(t, nil)
			ask := func() *GrantError {
				t.Helper()
				_, err := c.Token(t.Context(), anna())
				var ge *GrantError
				if !errors.As(err, &ge) {
					t.Fatalf("%v", err)
				}
				return ge
			}
			for i, pause := range test.pauses {
				for range 20 {
					if got := ask().RetryAfter; got != pause {
						t.Fatalf("retry after %v, want %v", got, pause)
					}
				}
				d.wantGrants(t, i+1)
				d.clock.Advance(pause - time.Millisecond)
				if got := ask().RetryAfter; got != time.Millisecond {
					t.Fatalf("retry after %v", got)
				}
				d.wantGrants(t, i+1)
				d.clock.Advance(time.Millisecond)
			}
			d.set(func() { d.reply = nil })
			mustToken(t, c, anna())
			d.wantGrants(t, len(test.pauses)+1)
		})
	}
}

func TestPausesOfPassingErrorsAreBounded(t *testing.T) {
	d := newDocusign(t, 0)
	c := d.client(t, nil)
	for count := range 200 {
		if got := c.backoff(errTooShort, count); got <= 0 || got > 72*time.Second {
			t.Fatalf("pause %v after %d failures", got, count)
		}
	}
}

func TestConsentGivenMeanwhile(t *testing.T) {
	for _, test := range []struct {
		name string
		lift func(*Client)
	}{
		{"Retry asks again at once", func(c *Client) { c.Retry(anna()) }},
		{"ForgetErrors asks again at once", func(c *Client) { c.ForgetErrors() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDocusign(t, 0)
			d.reply = refuse(400, nil, `{"error":"consent_required"}`)
			c := d.client(t, nil)
			if _, err := c.UserInfo(t.Context(), anna()); err == nil {
				t.Fatal("no error")
			}
			if st := c.Snapshot()[0]; st.Consent != ConsentMissing || st.Failure.Cause != cause.ConsentRequired ||
				st.Failure.Next.Sub(d.clock.Now()) != DefaultTerminalPause {
				t.Errorf("state %+v, failure %+v", st, st.Failure)
			}
			d.set(func() { d.reply = nil })
			if _, err := c.UserInfo(t.Context(), anna()); err == nil {
				t.Fatal("asked again before its time")
			}
			test.lift(c)
			if _, err := c.UserInfo(t.Context(), anna()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestInvalidate(t *testing.T) {
	d := newDocusign(t, 0)
	c := d.client(t, nil)
	first, err := c.Token(t.Context(), anna())
	if err != nil {
		t.Fatal(err)
	}
	if !c.Invalidate(anna(), first, UseREST) {
		t.Error("not dropped")
	}
	second := mustToken(t, c, anna())
	if second == first {
		t.Error("the refused token is served")
	}
	if !c.Invalidate(anna(), first, UseREST) || mustToken(t, c, anna()) != second {
		t.Error("a newer token did not survive")
	}
	if !c.Invalidate(anna(), nil, UseREST) || !c.Invalidate(Identity{Issuer: "unknown"}, first, UseREST) {
		t.Error("nothing to drop is not nothing to gain")
	}
	d.wantGrants(t, 2)
	for range 50 {
		c.Invalidate(anna(), mustToken(t, c, anna()), UseREST)
	}
	d.wantGrants(t, 1+invalidateBurst)
	if c.Invalidate(anna(), mustToken(t, c, anna()), UseREST) {
		t.Error("it does not say that the token is kept")
	}
	d.clock.Advance(invalidateEvery)
	if !c.Invalidate(anna(), mustToken(t, c, anna()), UseREST) {
		t.Error("the limit does not recover")
	}
}

func TestATokenThatWorkedIsAlwaysReplaced(t *testing.T) {
	d := newDocusign(t, 0)
	c := d.client(t, nil)
	for i := range 4 * invalidateBurst {
		tok := mustToken(t, c, anna())
		tok.Worked(UseREST)
		if !c.Invalidate(anna(), tok, UseREST) {
			t.Fatalf("revocation %d: the refused token is kept", i+1)
		}
	}
	d.wantGrants(t, 4*invalidateBurst)
}

func TestOneRefusedTokenCountsOnceHoweverManyCallsSentIt(t *testing.T) {
	d := newDocusign(t, 0)
	c := d.client(t, nil)
	for i := range invalidateBurst {
		tok := mustToken(t, c, anna())
		var calls sync.WaitGroup
		for range 64 {
			calls.Go(func() {
				if !c.Invalidate(anna(), tok, UseREST) {
					t.Errorf("token %d is kept", i+1)
				}
			})
		}
		calls.Wait()
	}
}

func TestAUseThatRefusesEveryTokenIsBoundedByItself(t *testing.T) {
	d := newDocusign(t, 0)
	c := d.client(t, nil)
	mustToken(t, c, anna())
	for range 50 { // SOAP refuses what REST takes, and the program does both in turn
		if c.Invalidate(anna(), mustToken(t, c, anna()), UseSOAP) {
			mustToken(t, c, anna()).Refused(UseSOAP)
		}
		mustToken(t, c, anna()).Worked(UseREST)
	}
	d.wantGrants(t, 1+invalidateBurst)
	if !c.Invalidate(anna(), mustToken(t, c, anna()), UseREST) {
		t.Error("what SOAP refuses keeps a revoked token alive for REST")
	}
}

func TestAnEndpointThatRefusesEveryTokenIsBounded(t *testing.T) {
	d := newDocusign(t, 0)
	c := d.client(t, nil)
	mustToken(t, c, anna()).Worked(UseREST)
	for range 50 { // one path refuses what another of the same API takes
		if c.Invalidate(anna(), mustToken(t, c, anna()), UseREST) {
			mustToken(t, c, anna()).Refused(UseREST) // the call sent again
		}
		mustToken(t, c, anna()).Worked(UseREST) // the other path
	}
	d.wantGrants(t, 2+invalidateBurst)
}

func TestTokensTooShortToUse(t *testing.T) {
	d := newDocusign(t, 0)
	c := d.client(t, func(cfg *Config) {
		// every look at the clock takes a minute
		cfg.Now = func() time.Time { d.clock.Advance(time.Minute); return d.clock.Now() }
	})
	d.life = 30
	if _, err := c.Token(t.Context(), anna()); !errors.Is(err, errTooShort) {
		t.Errorf("%v", err)
	}
}

func TestClose(t *testing.T) {
	d := newDocusign(t, 0)
	c := d.client(t, nil)
	tok := mustToken(t, c, anna())
	d.gate = make(chan struct{}) // never opened: the refresh hangs
	d.clock.Advance(3100 * time.Second)
	for range len(d.arrived) {
		<-d.arrived
	}
	mustToken(t, c, anna())
	<-d.arrived
	c.Close() // ends the refresh
	c.Close()
	if mustToken(t, c, anna()) != tok {
		t.Error("the live token is gone")
	}
	d.clock.Advance(time.Hour)
	if _, err := c.Token(t.Context(), anna()); err == nil {
		t.Error("an expired token")
	}
	if _, err := c.Token(t.Context(), Identity{Issuer: testIssuer, Subject: "b"}); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
}

func TestAdopt(t *testing.T) {
	keys := func(list ...int) func(*Config) {
		return func(cfg *Config) {
			cfg.Issuers[testIssuer] = nil
			for _, i := range list {
				cfg.Issuers[testIssuer] = append(cfg.Issuers[testIssuer], testKey(t, i))
			}
		}
	}
	for _, test := range []struct {
		name    string
		change  func(*Config)
		carried bool
	}{
		{"the same configuration", nil, true},
		{"a key is added in front", keys(1, 0), true},
		{"all keys are others", keys(1), false},
		{"the issuer is gone", func(cfg *Config) { cfg.Issuers = nil }, false},
		{"another audience", func(cfg *Config) { cfg.Audience = "elsewhere" }, false},
		{"granted otherwise now", func(cfg *Config) {
			cfg.Granters = func(Identity) Granter {
				return func(context.Context, Identity) (*Token, error) { return nil, errors.New("no") }
			}
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDocusign(t, 0)
			d.skew = time.Hour / 2
			old := d.client(t, nil)
			tok := mustToken(t, old, anna())
			info, err := old.UserInfo(t.Context(), anna())
			if err != nil {
				t.Fatal(err)
			}
			c := d.client(t, test.change)
			c.Adopt(old)
			c.Adopt(nil)
			old.Close()
			grants, calls := d.counts()
			got, _ := c.Token(t.Context(), anna())
			if (got == tok) != test.carried {
				t.Errorf("token carried over: %v", got == tok)
			}
			if !test.carried {
				return
			}
			u, err := c.UserInfo(t.Context(), anna())
			if err != nil || u.Fetched != info.Fetched || u.Default().BaseURI == nil {
				t.Errorf("user info %+v, %v", u, err)
			}
			if g, n := d.counts(); g != grants || n != calls {
				t.Errorf("%d grants and %d calls after adoption", g-grants, n-calls)
			}
			if off, _ := c.ClockOffset(); off < time.Minute {
				t.Errorf("clock offset %v", off)
			}
			if st := c.Keys(); !st[len(st)-1].Works {
				t.Errorf("the key that works is forgotten: %+v", st)
			}
		})
	}
	t.Run("errors are not carried over", func(t *testing.T) {
		d := newDocusign(t, 0)
		d.reply = refuse(400, nil, `{"error":"consent_required"}`)
		old := d.client(t, nil)
		if _, err := old.Token(t.Context(), anna()); err == nil {
			t.Fatal("no error")
		}
		d.reply = nil
		c := d.client(t, nil)
		c.Adopt(old)
		mustToken(t, c, anna())
	})
	t.Run("sites are judged anew", func(t *testing.T) {
		d := newDocusign(t, 0)
		old := d.client(t, nil)
		if u, err := old.UserInfo(t.Context(), anna()); err != nil || u.Default().BaseURI == nil {
			t.Fatal(u, err)
		}
		c := d.client(t, func(cfg *Config) { cfg.TrustedBase = nil })
		c.Adopt(old)
		if u, err := c.UserInfo(t.Context(), anna()); err != nil || u.Default().BaseURI != nil ||
			u.Default().Untrusted == nil {
			t.Errorf("%+v, %v", u.Default(), err)
		}
	})
}

func TestEntriesAreBounded(t *testing.T) {
	d := newDocusign(t, 0)
	c := d.client(t, nil)
	c.subjects = cache.New[Identity, *subject](4, 0, nil)
	user := func(i int) Identity { return Identity{testIssuer, fmt.Sprintf("user-%d", i), testScopes} }
	for i := range 4 {
		mustToken(t, c, user(i))
		d.clock.Advance(2 * time.Second)
	}
	kept := mustToken(t, c, user(0)) // is now the last used, user-1 the first to go
	mustToken(t, c, user(1))
	mustToken(t, c, user(4)) // user-2 goes
	if n := len(c.Snapshot()); n != 4 {
		t.Errorf("%d entries", n)
	}
	d.wantGrants(t, 5)
	if again := mustToken(t, c, user(0)); again != kept {
		t.Error("a used entry went")
	}
	mustToken(t, c, user(2))
	d.wantGrants(t, 6)
}

func TestWarmTokenDoesNotAllocate(t *testing.T) {
	d := newDocusign(t, 0)
	c := d.client(t, func(cfg *Config) { cfg.Observer.CacheHit = func(Identity) {} })
	ctx := t.Context()
	mustToken(t, c, anna())
	if _, err := c.UserInfo(ctx, anna()); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(1000, func() { tok, _ := c.Token(ctx, anna()); _ = tok.Header() }); n != 0 {
		t.Errorf("Client.Token allocates %v times", n)
	}
	if n := testing.AllocsPerRun(1000, func() { _, _ = c.UserInfo(ctx, anna()) }); n != 0 {
		t.Errorf("Client.UserInfo allocates %v times", n)
	}
}

func BenchmarkWarmToken(b *testing.B) {
	d := newDocusign(b, 0)
	c := d.client(b, func(cfg *Config) { cfg.Now = nil })
	mustToken(b, c, anna())
	ctx := b.Context()
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, _ = c.Token(ctx, anna())
		}
	})
}
