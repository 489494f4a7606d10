package translate

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/store/redis"
	"docusign-auth-proxy/internal/store/redis/redistest"
)

// shares gives provers that count their guesses together, and what they count with.
func shares(t *testing.T, addr string, n int) (all []*Prover, one redis.Allowance) {
	for range n {
		server := redis.Open(redis.Options{
			Addresses: []string{addr}, Namespace: "test", Key: bytes.Repeat([]byte{7}, 32),
			AccountServer: "https://account-d.docusign.com", Replica: rand.Text(), Timeout: 20 * time.Second,
		})
		t.Cleanup(func() { _ = server.Close() })
		if err := server.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		one = server.Allowance(redis.Rate{Burst: UserBurst, Refill: UserRefill},
			redis.Rate{Burst: ClientBurst, Refill: ClientRefill}, LongestWait)
		p := testProver()
		p.allowanceTime = time.Minute // a busy machine is late; who counts alone meanwhile is another test's
		p.Share(one)
		all = append(all, p)
	}
	return all, one
}

// admitted guesses at all provers in turn for a while, and counts what was checked.
func admitted(t *testing.T, all []*Prover, d time.Duration, user func(i int) string) (n int, took time.Duration) {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var checked atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for i := 0; ctx.Err() == nil; i++ {
		wg.Go(func() {
			_, _, err := all[i%len(all)].prove(ctx, guess("192.0.2.1", user(i), fmt.Sprint("wrong", i), true))
			if call.KindOf(err) == call.KindBadLogin {
				checked.Add(1)
			}
		})
		time.Sleep(20 * time.Millisecond)
	}
	wg.Wait()
	return int(checked.Load()), time.Since(began)
}

func TestThreeReplicasLetThroughAsManyGuessesAsOne(t *testing.T) {
	for _, test := range []struct {
		name   string
		user   func(int) string
		burst  int
		refill time.Duration
	}{
		{"at one user", func(int) string { return "anna" }, userBurst, userRefill},
		{"at many users", func(i int) string { return fmt.Sprint("user", i) }, clientBurst, clientRefill},
	} {
		t.Run(test.name, func(t *testing.T) {
			redistest.Each(t, func(t *testing.T, addr string) {
				all, _ := shares(t, addr, 3)
				n, took := admitted(t, all, 3*time.Second, test.user)
				if most := test.burst + int(took/test.refill) + 1; n > most || n < test.burst {
					t.Errorf("%d guesses were checked in %v, want %d to %d", n, took, test.burst, most)
				}
			})
		})
	}
}

func TestRightPasswordsUseUpNothing(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		_, one := shares(t, addr, 1)
		for range 4 * clientBurst {
			p := testProver() // which has not seen it yet
			p.Share(one)
			if err := ask(p, guess("192.0.2.1", "anna", "right", true)); err != nil {
				t.Fatal(err)
			}
		}
		client := netip.MustParseAddr("192.0.2.1")
		for range userBurst {
			if wait, spent, err := one.Take(t.Context(), client, "k", "anna"); wait != 0 || spent || err != nil {
				t.Errorf("wait %v, spent %v, %v", wait, spent, err)
			}
		}
	})
}

func TestAGuessWaitsNoLongerThanInTheLineOfOneProcess(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		_, one := shares(t, addr, 1)
		client := netip.MustParseAddr("192.0.2.1")
		refused, longest := 0, time.Duration(0)
		for range userBurst + 2*maxLine {
			wait, _, err := one.Take(t.Context(), client, "k", "anna")
			if err != nil {
				t.Fatal(err)
			}
			if wait < 0 {
				refused++
			}
			longest = max(longest, wait)
		}
		if longest > LongestWait || longest < LongestWait-2*userRefill || refused < maxLine-2 || refused > maxLine {
			t.Errorf("the longest wait is %v, %d are refused", longest, refused)
		}
		if wait, spent, err := one.Take(t.Context(), client, "k", "ben"); wait != 0 || spent || err != nil {
			t.Errorf("another user waits %v, %v", wait, err)
		}
	})
}

func TestWithoutTheStoreEachReplicaCountsForItself(t *testing.T) {
	all, _ := shares(t, redistest.Start(t).Addr, 1)
	gone := redis.Open(redis.Options{Addresses: []string{"127.0.0.1:1"}, Timeout: time.Second})
	defer gone.Close()
	all[0].Share(gone.Allowance(redis.Rate{Burst: 1, Refill: time.Hour}, redis.Rate{Burst: 1, Refill: time.Hour}, 0))
	for i := range userBurst {
		if err := ask(all[0], guess("192.0.2.1", "anna", fmt.Sprint("wrong", i), true)); call.KindOf(err) != call.KindBadLogin {
			t.Errorf("guess %d: %v", i, err)
		}
	}
	if err := ask(all[0], guess("192.0.2.1", "anna", "right", true)); err != nil {
		t.Error(err)
	}
}

// late is a store that never answers one of the two questions.
type late struct{ take, give bool }

func (l late) Take(ctx context.Context, _ netip.Addr, _, _ string) (time.Duration, bool, error) {
	return 0, false, lateIf(ctx, l.take)
}

func (l late) Give(ctx context.Context, _ netip.Addr, _, _ string, _ bool) error {
	return lateIf(ctx, l.give)
}

func lateIf(ctx context.Context, late bool) error {
	if late {
		<-ctx.Done()
	}
	return ctx.Err()
}

func TestAGuessDoesNotWaitForALateStore(t *testing.T) {
	for name, c := range map[string]struct {
		store        late
		right, wrong time.Duration // until the answer
	}{
		"late in taking": {late{take: true}, allowanceTime, allowanceTime},
		"late in giving": {late{give: true}, allowanceTime, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := testProver()
				p.Share(c.store)
				began := time.Now()
				if err := ask(p, guess("192.0.2.1", "anna", "right", true)); err != nil || time.Since(began) != c.right {
					t.Errorf("right: %v after %v, want %v", err, time.Since(began), c.right)
				}
				began = time.Now()
				err := ask(p, guess("192.0.2.1", "anna", "wrong", true))
				if call.KindOf(err) != call.KindBadLogin || time.Since(began) != c.wrong {
					t.Errorf("wrong: %v after %v, want %v", err, time.Since(began), c.wrong)
				}
			})
		})
	}
}

// never fails the test of which a guess is counted.
type never struct{ *testing.T }

func (n never) Take(context.Context, netip.Addr, string, string) (time.Duration, bool, error) {
	n.Error("the replicas were asked")
	return 0, false, nil
}

func (n never) Give(context.Context, netip.Addr, string, string, bool) error { return nil }

func TestWhatTheProxyKnowsIsNoGuess(t *testing.T) {
	p := testProver()
	if err := ask(p, guess("192.0.2.1", "anna", "right", true)); err != nil {
		t.Fatal(err)
	}
	p.Share(never{t})
	if err := ask(p, guess("192.0.2.1", "anna", "right", true)); err != nil {
		t.Error(err)
	}
	issued := guess("192.0.2.1", "anna", "issued", true)
	issued.accept = func(_ context.Context, c secret.Text) (bool, error) { return c.Reveal() == "issued", nil }
	if err := ask(p, issued); err != nil {
		t.Error(err)
	}
}
