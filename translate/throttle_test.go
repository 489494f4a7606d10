package translate

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/password"
	"docusign-auth-proxy/internal/secret"
)

func testProver() *Prover {
	p := NewProver()
	p.Remember(time.Hour, 100)
	return p
}

// ask lets the prover check one attempt.
func ask(p *Prover, a attempt) error {
	_, _, err := p.prove(context.Background(), a)
	return err
}

func guess(client, user, given string, known bool) attempt {
	return attempt{
		client: netip.MustParseAddr(client), realm: "k", username: user, password: password.Plain(secret.New("right")),
		known: known, candidates: []secret.Text{secret.New(given)},
	}
}

func TestGuessingOneUserIsSlowedToOneASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := testProver()
		checked, start := 0, time.Now()
		for i := range 200 {
			_, _, err := p.prove(context.Background(), guess("192.0.2.1", "anna", fmt.Sprint("wrong", i), true))
			if call.KindOf(err) == call.KindBadLogin {
				checked++
			}
			time.Sleep(50 * time.Millisecond)
		}
		seconds := time.Since(start).Seconds()
		if limit := userBurst + int(seconds) + 1; checked > limit || checked < userBurst {
			t.Errorf("%d guesses were checked in %.0f s, want at most %d", checked, seconds, limit)
		}
	})
}

func TestTheRightPasswordStillWorksAmongGuesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := testProver()
		for i := range 50 {
			_ = ask(p, guess("192.0.2.1", "anna", fmt.Sprint("wrong", i), true))
		}
		if err := ask(p, guess("192.0.2.1", "anna", "right", true)); err != nil {
			t.Errorf("the right password is refused after guesses: %v", err)
		}
		for i := range 50 {
			_ = ask(p, guess("192.0.2.1", "anna", fmt.Sprint("wrong again", i), true))
		}
		start := time.Now()
		if err := ask(p, guess("192.0.2.1", "anna", "right", true)); err != nil || time.Since(start) > 0 {
			t.Errorf("a proven password waits %v behind guesses: %v", time.Since(start), err)
		}
	})
}

func TestAnAddressThatSpraysNamesIsRefusedUncheckedButRealUsersBehindItAreNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := testProver()
		throttled := 0
		for i := range 100 {
			if err := ask(p, guess("192.0.2.1", fmt.Sprint("made-up-", i), "x", false)); call.KindOf(err) == call.KindThrottled {
				throttled++
			}
		}
		if throttled < 100-clientBurst {
			t.Errorf("only %d of 100 made-up names were throttled", throttled)
		}
		if err := ask(p, guess("192.0.2.1", "anna", "right", true)); err != nil {
			t.Errorf("a real user behind the same address is refused: %v", err)
		}
		if err := ask(p, guess("192.0.2.2", "bob", "right", true)); err != nil {
			t.Errorf("a user from another address is refused: %v", err)
		}
	})
}

func TestTheSameWrongPasswordIsNotCheckedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := testProver()
		for range 1000 {
			_, _, err := p.prove(context.Background(), guess("192.0.2.1", "anna", "outdated", true))
			if call.KindOf(err) != call.KindBadLogin {
				t.Fatal(err)
			}
		}
		start := time.Now()
		if err := ask(p, guess("192.0.2.1", "anna", "right", true)); err != nil || time.Since(start) > 0 {
			t.Errorf("an old server with an outdated password used up the allowance: %v after %v", err, time.Since(start))
		}
	})
}

func TestAWaiterLeavesOnItsOwnContextAndTheCheckGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := testProver()
		for i := range 10 {
			_ = ask(p, guess("192.0.2.1", "anna", fmt.Sprint("wrong", i), true))
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := ask(p, guess("192.0.2.1", "anna", "right", true)); err != nil {
				t.Errorf("the patient caller: %v", err)
			}
		})
		if _, _, err := p.prove(ctx, guess("192.0.2.1", "anna", "right", true)); err == nil {
			t.Error("the impatient caller was not let go")
		}
		wg.Wait()
	})
}

func TestBucketsAreBounded(t *testing.T) {
	th := newThrottle()
	for i := range 3 * maxBuckets {
		client := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		th.done(th.admit(context.Background(), bucketKey{client, "k", "u"}, true), true, true, 0)
	}
	if n := th.buckets.Len(); n != maxBuckets {
		t.Errorf("%d buckets, want %d", n, maxBuckets)
	}
}

func TestAPasswordProvenInOneFormIsProvenInAllAlsoUnderAttack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := testProver()
		if err := ask(p, guess("192.0.2.1", "anna", "right", true)); err != nil {
			t.Fatal(err)
		}
		for i := range 500 {
			_ = ask(p, guess("192.0.2.1", fmt.Sprint("made-up-", i), "x", false))
		}
		a := guess("192.0.2.1", "anna", "another reading", true)
		a.candidates = append(a.candidates, secret.New("right"))
		start := time.Now()
		if err := ask(p, a); err != nil || time.Since(start) > 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestGuessingAtManyKnownUsersLeavesATurnForOneWhoHasNotFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := testProver()
		var wg sync.WaitGroup
		for i := range 300 {
			wg.Go(func() {
				_ = ask(p, guess("192.0.2.1", fmt.Sprint("known-", i%10), fmt.Sprint("wrong", i), true))
			})
		}
		wg.Wait()
		if err := ask(p, guess("192.0.2.1", "anna", "right", true)); err != nil {
			t.Errorf("somebody who has not failed is refused: %v", err)
		}
	})
}
