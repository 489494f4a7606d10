package redis_test

import (
	"errors"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"docusign-auth-proxy/internal/store/redis"
	"docusign-auth-proxy/internal/store/redis/redistest"
	"docusign-auth-proxy/translate/oauth"
)

func wanted(life time.Duration) oauth.Wanted {
	return oauth.Wanted{Kind: "at", Name: "anna", Life: life}
}

func mustClaim(t *testing.T, c redis.Claims, life time.Duration, refused string) oauth.Claim {
	t.Helper()
	claim, err := c.Claim(t.Context(), wanted(life), refused)
	if err != nil {
		t.Fatal(err)
	}
	return claim
}

func mustTurn(t *testing.T, c redis.Claims) oauth.Turn {
	t.Helper()
	claim := mustClaim(t, c, time.Second, "")
	if claim.Turn.Fence == 0 || claim.Value != nil || claim.Failure != nil || claim.Busy != 0 {
		t.Fatalf("no turn: %+v", claim)
	}
	return claim.Turn
}

func value(text, fingerprint string, life time.Duration) oauth.Result {
	return oauth.Result{Value: []byte(text), Fingerprint: fingerprint, Life: life}
}

func TestAClaimGivesOneThing(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		a, b := connect(t, options(addr)).Claims(), connect(t, options(addr)).Claims()
		turn := mustTurn(t, a)
		if c := mustClaim(t, b, time.Second, ""); c.Busy <= 30*time.Second || c.Busy > 35*time.Second {
			t.Errorf("while another has the turn: %+v", c)
		}
		if err := a.Settle(t.Context(), turn, value("one", "f1", time.Minute)); err != nil {
			t.Fatal(err)
		}
		c := mustClaim(t, b, 30*time.Second, "")
		if string(c.Value) != "one" || c.Fingerprint != "f1" || c.Life <= 50*time.Second || c.Life > time.Minute {
			t.Errorf("the value: %+v", c)
		}
		if c := mustClaim(t, b, 30*time.Second, "another"); string(c.Value) != "one" {
			t.Errorf("the refusal of another value: %+v", c)
		}
		c = mustClaim(t, b, 2*time.Minute, "")
		if c.Turn.Fence <= turn.Fence {
			t.Errorf("a value with too little life left: %+v", c)
		}
		if err := b.Settle(t.Context(), c.Turn, oauth.Result{}); err != nil {
			t.Fatal(err)
		}
		if c := mustClaim(t, a, time.Second, ""); string(c.Value) != "one" {
			t.Errorf("a turn of which nothing came: %+v", c)
		}
		if c := mustClaim(t, a, time.Second, "f1"); c.Turn.Fence == 0 {
			t.Errorf("the value was refused: %+v", c)
		}
	})
}

func TestAFailureIsRememberedUntilItIsForgotten(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		a, b := connect(t, options(addr)).Claims(), connect(t, options(addr)).Claims()
		failure := oauth.Result{Failure: []byte("no consent"), Pause: time.Minute}
		settle := func(turn oauth.Turn) {
			t.Helper()
			if err := a.Settle(t.Context(), turn, failure); err != nil {
				t.Fatal(err)
			}
		}
		settle(mustTurn(t, a))
		c := mustClaim(t, b, time.Second, "")
		if string(c.Failure) != "no consent" || c.Pause <= 50*time.Second || c.Pause > time.Minute {
			t.Errorf("%+v", c)
		}
		if err := b.Forget(t.Context()); err != nil {
			t.Fatal(err)
		}
		turn := mustTurn(t, b)
		if err := a.Forget(t.Context()); err != nil { // while the account server is asked
			t.Fatal(err)
		}
		settle(turn)
		turn = mustTurn(t, a)
		settle(turn)
		if c := mustClaim(t, a, time.Second, ""); c.Failure == nil {
			t.Errorf("a failure after the repair: %+v", c)
		}
		settle(turn)
	})
}

func TestARefusedValueGoesAFewTimes(t *testing.T) {
	m := miniredis.RunT(t)
	now := time.Now()
	m.SetTime(now)
	a := connect(t, options(m.Addr())).Claims()
	if err := a.Settle(t.Context(), mustTurn(t, a), value("v", "f", time.Hour)); err != nil {
		t.Fatal(err)
	}
	refusals := func() (n int) {
		for range 20 {
			c := mustClaim(t, a, time.Second, "f")
			if c.Turn.Fence == 0 {
				continue
			}
			n++
			if err := a.Settle(t.Context(), c.Turn, value("v", "f", time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		return n
	}
	if n := refusals(); n != 5 {
		t.Errorf("%d at once, want 5", n)
	}
	m.SetTime(now.Add(61 * time.Second))
	if n := refusals(); n != 2 {
		t.Errorf("%d after a minute, want 2", n)
	}
}

func TestALateHolderWritesNothing(t *testing.T) {
	m := miniredis.RunT(t)
	now := time.Now()
	m.SetTime(now)
	a, b := connect(t, options(m.Addr())).Claims(), connect(t, options(m.Addr())).Claims()
	late := mustTurn(t, a)
	m.SetTime(now.Add(36 * time.Second))
	newer := mustTurn(t, b)
	if err := a.Settle(t.Context(), late, oauth.Result{Failure: []byte("no"), Pause: time.Minute}); err != nil {
		t.Fatal(err)
	}
	if c := mustClaim(t, a, time.Second, ""); c.Busy == 0 {
		t.Errorf("the late one told its failure, or ended the turn of the next: %+v", c)
	}
	if err := b.Settle(t.Context(), newer, value("newer", "f", time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := a.Settle(t.Context(), late, value("late", "g", time.Hour)); !errors.Is(err, oauth.ErrStale) {
		t.Errorf("the error is %v", err)
	}
	if c := mustClaim(t, a, time.Second, ""); string(c.Value) != "newer" {
		t.Errorf("%+v", c)
	}
	m.SetTime(now.Add(2 * time.Hour)) // though no key has expired
	mustTurn(t, a)
}

func TestATurnWhoseAnswerWasLostIsGivenAgain(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		server := connect(t, options(addr))
		a, b := server.Claims(), server.Claims() // b is that of the configuration after a reload
		lost := mustTurn(t, a)
		if c := mustClaim(t, b, time.Second, ""); c.Busy == 0 {
			t.Errorf("another owner: %+v", c)
		}
		turn := mustTurn(t, a)
		if turn.Fence <= lost.Fence {
			t.Errorf("fence %d after %d", turn.Fence, lost.Fence)
		}
		if err := a.Settle(t.Context(), turn, value("v", "f", time.Minute)); err != nil {
			t.Error(err)
		}
		if c := mustClaim(t, b, time.Second, ""); string(c.Value) != "v" {
			t.Errorf("%+v", c)
		}
	})
}
