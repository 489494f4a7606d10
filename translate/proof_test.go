package translate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/password"
	"docusign-auth-proxy/internal/secret"
)

const hashTime = 70 * time.Millisecond

// inBubble runs a test under a clock of its own, and lets the checks that nobody waits for end.
func inBubble(t *testing.T, test func(*testing.T)) {
	synctest.Test(t, func(t *testing.T) {
		test(t)
		time.Sleep(time.Minute)
	})
}

// slowProver is a prover whose slow hashes take hashTime of the test's clock, or four times as long with bcrypt's cost
// 12.
func slowProver() (*Prover, *atomic.Int64) {
	p := testProver()
	p.slots, p.refusals = newSlots(1), newSlots(1)
	var hashes atomic.Int64
	p.verify = func(against password.Password, candidate secret.Text) bool {
		if against.Slow() {
			hashes.Add(1)
			time.Sleep(hashTime)
			if against.Cost() == "$2a$12$" {
				time.Sleep(3 * hashTime)
			}
			return candidate.Reveal() == "right"
		}
		return against.Verify(candidate)
	}
	return p, &hashes
}

func slowPassword(cost int) password.Password {
	p, err := password.Bcrypt(fmt.Sprintf("$2a$%d$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy", cost))
	if err != nil {
		panic(err)
	}
	return p
}

func slowGuess(client, user, given string, known bool) attempt {
	a := guess(client, user, given, known)
	a.slowest = slowPassword(10)
	if a.password = (password.Password{}); known {
		a.password = a.slowest
	}
	return a
}

// anyLoopback is an address of 127.0.0.0/8 other than the usual one.
func anyLoopback() string {
	return fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(255), rand.IntN(256), 1+rand.IntN(254))
}

func TestOneClientIsThisMachineOrAnIPv6NetworkOrOneIPv4Address(t *testing.T) {
	for _, c := range []struct{ name, a, b string }{
		{"all addresses of 127.0.0.0/8", "127.0.0.1", "127.254.3.9"},
		{"both loopback families", "127.0.0.1", "::1"},
		{"a mapped loopback address", "127.0.0.1", "::ffff:127.8.8.8"},
		{"a mapped address", "192.0.2.1", "::ffff:192.0.2.1"},
		{"one /64", "2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"},
		{"an address with and without zone", "fe80::1%eth0", "fe80::2"},
	} {
		if a, b := ClientOf(netip.MustParseAddr(c.a)), ClientOf(netip.MustParseAddr(c.b)); a != b {
			t.Errorf("%s: %s and %s differ", c.name, a, b)
		}
	}
	for _, c := range []struct{ name, a, b string }{
		{"two IPv4 addresses", "192.0.2.1", "192.0.2.2"},
		{"two /64", "2001:db8:1:2::1", "2001:db8:1:3::1"},
		{"this machine and another", "127.0.0.1", "10.0.0.1"},
	} {
		if ClientOf(netip.MustParseAddr(c.a)) == ClientOf(netip.MustParseAddr(c.b)) {
			t.Errorf("%s count as one", c.name)
		}
	}
}

// guessers send wrong passwords of the user for some time, from loopback addresses of their own, and say how many were
// checked.
func guessers(p *Prover, n int, until time.Duration, make func(password string) attempt) (wait func() int64) {
	var wg sync.WaitGroup
	var checked, turn atomic.Int64
	ctx, cancel := context.WithTimeout(context.Background(), until)
	for range n {
		wg.Go(func() {
			for ctx.Err() == nil {
				_, _, err := p.prove(ctx, make(fmt.Sprint("wrong", turn.Add(1))))
				if errors.As(err, new(*call.Error)) && call.KindOf(err) == call.KindBadLogin {
					checked.Add(1)
				}
			}
		})
	}
	return func() int64 { wg.Wait(); cancel(); return checked.Load() }
}

func TestOneMachineGuessesAtOneUserOnceASecondFromWhateverAddresses(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(client, user, password string, known bool) attempt
	}{{"a plain password", guess}, {"a slow hash", slowGuess}} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				p, _ := slowProver()
				var checks atomic.Int64
				verify := p.verify
				p.verify = func(against password.Password, candidate secret.Text) bool {
					checks.Add(1)
					return verify(against, candidate)
				}
				guessers(p, 200, 30*time.Second, func(password string) attempt {
					return c.make(anyLoopback(), "anna", password, true)
				})()
				if n := checks.Load(); n > userBurst+31 || n < 20 {
					t.Errorf("%d passwords were checked in 30 s", n)
				}
			})
		})
	}
}

func TestAProvenPasswordDoesNotAnswerGuessesFromOtherAddresses(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p, _ := slowProver()
		if err := ask(p, slowGuess("127.0.0.1", "anna", "right", true)); err != nil {
			t.Fatal(err)
		}
		wait := guessers(p, 50, 20*time.Second, func(password string) attempt {
			return slowGuess(anyLoopback(), "anna", password, true)
		})
		time.Sleep(2 * time.Second)
		ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
		defer cancel()
		if _, _, err := p.prove(ctx, slowGuess("127.9.9.9", "anna", "right", true)); err == nil {
			t.Error("the right password among guesses is answered faster than guesses may be checked")
		}
		start := time.Now()
		if err := ask(p, slowGuess("127.0.0.1", "anna", "right", true)); err != nil || time.Since(start) > 0 {
			t.Errorf("the program that has logged in before waits %v: %v", time.Since(start), err)
		}
		wait()
	})
}

func guessAtAnyOf200(from func() string) func(password string) attempt {
	return func(password string) attempt {
		return slowGuess(from(), fmt.Sprint("user", rand.IntN(200)), password, true)
	}
}

func TestGuessingKeepsNobodyOut(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(p *Prover)
		attack  func(password string) attempt
		good    attempt
		within  time.Duration
	}{
		{
			"first log-in of the same user, guesses from random loopback addresses", nil,
			func(pw string) attempt { return slowGuess(anyLoopback(), "anna", pw, true) },
			slowGuess("127.0.0.1", "anna", "right", true), 3 * time.Second,
		},
		{
			"the same with a plain password", nil,
			func(pw string) attempt { return guess(anyLoopback(), "anna", pw, true) },
			guess("127.0.0.1", "anna", "right", true), 3 * time.Second,
		},
		{
			"first log-in of another user at the same address", nil,
			func(pw string) attempt { return slowGuess("127.0.0.1", "anna", pw, true) },
			slowGuess("127.0.0.1", "bob", "right", true), time.Second,
		},
		{
			"first log-in beside made-up names", nil,
			func(pw string) attempt { return slowGuess("127.0.0.1", pw, pw, false) },
			slowGuess("127.0.0.1", "bob", "right", true), time.Second,
		},
		{
			"first log-in of the same user from another machine", nil,
			func(pw string) attempt { return slowGuess("127.0.0.1", "anna", pw, true) },
			slowGuess("192.0.2.7", "anna", "right", true), time.Second,
		},
		{
			"another log-in from the same address when nothing is remembered",
			func(p *Prover) {
				p.Remember(0, 100)
				if err := ask(p, slowGuess("127.0.0.1", "anna", "right", true)); err != nil {
					panic(err)
				}
			},
			func(pw string) attempt { return slowGuess("127.0.0.1", "anna", pw, true) },
			slowGuess("127.0.0.1", "anna", "right", true), time.Second,
		},
		{
			"first log-in beside guesses at 200 others from random loopback addresses", nil, guessAtAnyOf200(anyLoopback),
			slowGuess("127.0.0.1", "bob", "right", true), time.Second,
		},
		{
			"first log-in of one of 200 users, guesses from random loopback addresses at all of them",
			nil, guessAtAnyOf200(anyLoopback),
			slowGuess("127.0.0.1", "user7", "right", true), 3 * time.Second,
		},
		{
			"first log-in beside guesses at 200 others from the same address, once each has failed", nil,
			guessAtAnyOf200(func() string { return "127.0.0.1" }), slowGuess("127.0.0.1", "bob", "right", true), time.Second,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				p, _ := slowProver()
				if c.prepare != nil {
					c.prepare(p)
				}
				wait := guessers(p, 270, 60*time.Second, c.attack)
				time.Sleep(40 * time.Second)
				start := time.Now()
				if err := ask(p, c.good); err != nil || time.Since(start) > c.within {
					t.Errorf("%v after %v, want at most %v", err, time.Since(start), c.within)
				}
				wait()
			})
		})
	}
}

func TestCallersThatHangUpFreeTheirPlaces(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(i int) attempt
	}{
		{"guesses at one user", func(i int) attempt { return slowGuess(anyLoopback(), "anna", fmt.Sprint(i), true) }},
		{"guesses at many users", func(i int) attempt { return slowGuess("127.0.0.1", fmt.Sprint("user", i), "x", true) }},
		{"guesses at made-up names", func(i int) attempt {
			return slowGuess(anyLoopback(), fmt.Sprint("user", i), "x", false)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				p, hashes := slowProver()
				ctx, cancel := context.WithCancel(context.Background())
				var wg sync.WaitGroup
				for i := range 270 {
					wg.Go(func() { _, _, _ = p.prove(ctx, c.make(i)) })
				}
				synctest.Wait()
				cancel()
				wg.Wait()
				start := time.Now()
				if err := ask(p, slowGuess("127.0.0.1", "anna", "right", true)); err != nil || time.Since(start) > time.Second {
					t.Errorf("%v after %v", err, time.Since(start))
				}
				if n := hashes.Load(); n > 2 {
					t.Errorf("%d hashes, want the one under way and the good one", n)
				}
				synctest.Wait()
				p.mu.Lock()
				defer p.mu.Unlock()
				if len(p.inFlight) != 0 {
					t.Errorf("%d checks are left", len(p.inFlight))
				}
			})
		})
	}
}

func TestAPlainPasswordNeverQueues(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p, _ := slowProver()
		p.slots.join(loopback, provenHere)
		start := time.Now()
		a := guess("127.0.0.1", "anna", "right", true)
		a.slowest = slowPassword(10)
		if err := ask(p, a); err != nil || time.Since(start) > 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestSlotsGoByRankAndThenToClientsInTurn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newSlots(1)
		held := s.join(loopback, chosenSource)
		var order []string
		for _, w := range []struct {
			name, client string
			rank         rank
		}{
			{"a1", "10.0.0.1", usualSource}, {"a2", "10.0.0.1", usualSource}, {"a3", "10.0.0.1", usualSource},
			{"b1", "10.0.0.2", usualSource},
			{"chosen", "127.0.0.1", chosenFresh}, {"fresh", "10.0.0.1", usualFresh}, {"c1", "10.0.0.3", usualSource},
			{"proven", "127.0.0.1", provenHere},
		} {
			go func() {
				p := s.join(netip.MustParseAddr(w.client), w.rank)
				_ = p.wait(context.Background())
				order = append(order, fmt.Sprint(w.name, " ", time.Since(held.since)))
				s.leave(p, 0)
			}()
			synctest.Wait()
		}
		s.leave(held, 0)
		synctest.Wait()
		if got, want := fmt.Sprint(order), "[proven 0s fresh 0s a1 0s b1 0s c1 0s a2 0s a3 0s chosen 0s]"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

func TestASlotRestsAfterAWrongPasswordButNotForThoseWhoHardlyGuess(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newSlots(1)
		start := time.Now()
		s.leave(s.join(loopback, chosenSource), time.Second)
		guess := s.join(loopback, chosenSource)
		good := s.join(loopback, usualFresh)
		_ = good.wait(context.Background())
		if took := good.since.Sub(start); took > 0 {
			t.Errorf("a fresh user waits %v for the rest after somebody else's guess", took)
		}
		time.Sleep(100 * time.Millisecond)
		s.leave(good, 10*time.Second) // was wrong too
		_ = guess.wait(context.Background())
		if took := guess.since.Sub(start); took != 10*time.Second+100*time.Millisecond {
			t.Errorf("the next guess after %v, want once the later rest is over", took)
		}
		s.leave(guess, 0)
		if s.free != 1 || s.resting != 0 || s.cutOff != 0 {
			t.Errorf("%d free, %d resting, %d rests cut off", s.free, s.resting, s.cutOff)
		}
	})
}

func TestARefusalTakesAsLongWhoeverIsRefused(t *testing.T) {
	plain := password.Plain(secret.New("another"))
	for _, c := range []struct {
		name     string
		known    bool
		password password.Password
	}{
		{"a user nobody knows", false, password.Password{}},
		{"a user with a plain password", true, plain},
		{"a user without a password", true, password.Password{}},
		{"a user with a cheap hash", true, slowPassword(10)},
		{"a user with the slowest hash", true, slowPassword(12)},
	} {
		for _, parallel := range []int{1, 4} {
			t.Run(fmt.Sprintf("%s, %d at a time", c.name, parallel), func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					p, _ := slowProver()
					p.costs[slowPassword(12).Cost()] = 4 * hashTime
					var took []time.Duration
					var mu sync.Mutex
					var wg sync.WaitGroup
					for i := range parallel {
						wg.Go(func() {
							start := time.Now()
							a := guess("192.0.2.1", "anna", fmt.Sprint("wrong", i), c.known)
							a.password, a.slowest = c.password, slowPassword(12)
							_ = ask(p, a)
							mu.Lock()
							defer mu.Unlock()
							took = append(took, time.Since(start).Round(10*time.Millisecond))
						})
					}
					wg.Wait()
					for i, got := range took { // each waits for the one before it and for the pause after that
						hashed, rested := time.Duration(i+1), time.Duration(i)*restAfterWrong
						if want := (hashed + rested) * 350 * time.Millisecond; got != want {
							t.Errorf("refusal %d after %v, want %v", i, got, want)
						}
					}
				})
			})
		}
	}
}

func TestGuessesElsewhereDelayTheRefusalOfAUserNobodyKnowsAsMuch(t *testing.T) {
	for _, c := range []struct {
		name   string
		others int
		first  bool // the others' guesses are answered before
	}{{"right after a guess at another user", 1, true}, {"beside one", 1, false}, {"beside many", 5, false}} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				var took []time.Duration
				for _, known := range []bool{true, false} {
					p, _ := slowProver()
					p.costs[slowPassword(10).Cost()] = hashTime
					var wg sync.WaitGroup
					for i := range c.others {
						wg.Go(func() {
							_ = ask(p, slowGuess("127.0.0.1", fmt.Sprint("other", i), "wrong", true))
						})
					}
					if synctest.Wait(); c.first {
						wg.Wait()
					}
					start := time.Now()
					if err := ask(p, slowGuess("127.0.0.1", "anna", "wrong", known)); call.KindOf(err) != call.KindBadLogin {
						t.Error(err)
					}
					took = append(took, time.Since(start))
					wg.Wait()
					time.Sleep(time.Minute)
				}
				if took[0] != took[1] {
					t.Errorf("a known user is refused after %v, one nobody knows after %v", took[0], took[1])
				}
			})
		})
	}
}

func TestThatAPasswordIsWrongIsToldNoSoonerToASecondCaller(t *testing.T) {
	for _, known := range []bool{true, false} {
		inBubble(t, func(t *testing.T) {
			p, _ := slowProver()
			p.costs[slowPassword(10).Cost()] = hashTime
			var wg sync.WaitGroup
			wg.Go(func() { _ = ask(p, slowGuess("127.0.0.1", "anna", "wrong", known)) })
			time.Sleep(hashTime / 10)
			ctx, cancel := context.WithTimeout(context.Background(), hashTime)
			defer cancel()
			if _, _, err := p.prove(ctx, slowGuess("127.1.1.1", "anna", "wrong", known)); call.KindOf(err) == call.KindBadLogin {
				t.Errorf("known: %v: told before the first was", known)
			}
			wg.Wait()
		})
	}
}

func TestAWrongPasswordFromAUsualAddressIsRefusedSoonBesideGuessesFromChosenOnes(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p, _ := slowProver()
		wait := guessers(p, 270, 20*time.Second, func(password string) attempt {
			return slowGuess(anyLoopback(), password, password, false)
		})
		time.Sleep(5 * time.Second)
		start := time.Now()
		_, _, err := p.prove(context.Background(), slowGuess("127.0.0.1", "anna", "wrong", true))
		if took := time.Since(start); call.KindOf(err) != call.KindBadLogin || took > 2*time.Second {
			t.Errorf("%v after %v", err, took)
		}
		wait()
	})
}

func TestWhatARefusalTakesIsFoundOutByTheFirst(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p, hashes := slowProver()
		for i := range 3 {
			start := time.Now()
			_ = ask(p, slowGuess("192.0.2.1", fmt.Sprint("nobody", i), "x", false))
			if took := time.Since(start); took != hashTime*5/4 {
				t.Errorf("refusal %d after %v", i, took)
			}
			time.Sleep(time.Second)
		}
		if hashes.Load() != 1 {
			t.Errorf("%d hashes for users nobody knows, want one in all", hashes.Load())
		}
	})
}

func TestNewBoundsOfTheMemoryTakeEffect(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p, hashes := slowProver()
		prove := func() {
			t.Helper()
			if err := ask(p, slowGuess("127.0.0.1", "anna", "right", true)); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			name   string
			life   time.Duration
			hashes int64
		}{
			{"an hour", time.Hour, 1},
			{"the same again", time.Hour, 0},
			{"none: each call is checked", 0, 2},
			{"a second", time.Second, 1},
		} {
			before := hashes.Load()
			p.Remember(c.life, 100)
			prove()
			prove()
			if n := hashes.Load() - before; n != c.hashes {
				t.Errorf("%s: %d hashes for two calls, want %d", c.name, n, c.hashes)
			}
		}
		before := hashes.Load()
		time.Sleep(2 * time.Second)
		if prove(); hashes.Load() == before {
			t.Error("a proof outlived its second")
		}
	})
}

func TestAPanicWhileAPasswordIsCheckedIsAnErrorAndHoldsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p, _ := slowProver()
		verify := p.verify
		p.verify = func(password.Password, secret.Text) bool { panic("c4n4ry") }
		if err := ask(p, slowGuess("127.0.0.1", "anna", "right", true)); call.KindOf(err) != call.KindInternal {
			t.Errorf("%v", err)
		}
		p.verify = verify
		start := time.Now()
		if err := ask(p, slowGuess("127.0.0.1", "anna", "right", true)); err != nil || time.Since(start) > time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestLoginsOfTheProxysOwn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p, hashes := slowProver()
		l := NewLogins(p, "egress.proxy_users", []integration.Login{{Username: "erp", Password: slowPassword(10)}})
		client := netip.MustParseAddr("127.0.0.1")
		verify := func(user, password string) (time.Duration, error) {
			start := time.Now()
			err := l.Verify(context.Background(), client, user, secret.New(password))
			return time.Since(start), err
		}
		if _, err := verify("erp", "right"); err != nil {
			t.Error(err)
		}
		if _, err := verify("erp", "right"); err != nil || hashes.Load() != 1 {
			t.Errorf("a proven login: %v, %d hashes", err, hashes.Load())
		}
		known, _ := verify("erp", "wrong")
		time.Sleep(time.Second)
		if unknown, err := verify("nobody", "wrong"); err == nil || unknown != known {
			t.Errorf("a name nobody knows is refused after %v, a known one after %v", unknown, known)
		}
		if _, err := verify("nobody", "right"); err == nil {
			t.Error("a name nobody knows is let in")
		}
		wait := guessers(p, 270, 20*time.Second, func(password string) attempt {
			return attempt{
				client: client, realm: "egress.proxy_users", username: "erp", password: slowPassword(10), known: true,
				candidates: []secret.Text{secret.New(password)}, slowest: slowPassword(10),
			}
		})
		time.Sleep(5 * time.Second)
		if took, err := verify("erp", "right"); err != nil || took > 0 {
			t.Errorf("a good login beside guesses: %v after %v", err, took)
		}
		throttled := func(password string) bool { // the line has a free place for a moment each time that a turn ends
			_, err := verify("erp", password)
			return call.KindOf(err) == call.KindThrottled
		}
		if !throttled("one more") && !throttled("another") {
			t.Error("one more guess, and again, is checked at once")
		}
		wait()
	})
}
