package translate

import (
	"container/list"
	"context"
	"net/netip"
	"sync"
	"time"
)

// How fast passwords may be guessed. Only failures use up an allowance, so a program that knows its password never meets it.
const (
	userBurst   = 5
	userRefill  = time.Second // one further guess for one user from one address
	clientBurst = 20
	clientRate  = time.Second / 2
	slowLane    = 250 * time.Millisecond // between first tries of known users from an address that sprays
	maxSlowWait = 10 * time.Second
	maxBuckets  = 20_000
)

// throttle slows guessing down, per address and user, and per address. It is bounded: the bucket longest unused goes.
type throttle struct {
	now   func() time.Time
	sleep func(context.Context, time.Duration) error

	mu       sync.Mutex
	buckets  map[bucketKey]*list.Element
	recent   *list.List // of *bucket, most recently used first
	nextSlow time.Time
}

type bucketKey struct {
	client netip.Addr
	user   string // "" = all users of the address
}

type bucket struct {
	key     bucketKey
	tokens  float64
	burst   float64
	refill  time.Duration
	last    time.Time
	waiting bool
}

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, sleep: sleepContext, buckets: map[bucketKey]*list.Element{}, recent: list.New()}
}

func sleepContext(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// admit waits for, and takes, the allowance to check one password. known says that the user exists: an address that sprays
// made-up names is refused at once, while a real user behind the same address still gets its turn, slowly.
// It returns false when the guess must be refused unchecked. A guess that proves right is given back with refund.
func (t *throttle) admit(ctx context.Context, client netip.Addr, user string, known bool) bool {
	t.mu.Lock()
	now := t.now()
	all := t.bucket(bucketKey{client, ""}, clientBurst, clientRate, now)
	one := t.bucket(bucketKey{client, user}, userBurst, userRefill, now)
	var wait time.Duration
	switch {
	case one.tokens >= 1:
	case one.waiting:
		t.mu.Unlock()
		return false
	default:
		wait = time.Duration((1 - one.tokens) * float64(one.refill))
		one.waiting = true
	}
	if all.tokens < 1 {
		// Only a user without a recent failure of its own gets a turn here, or guessing at many known users would take them all.
		if !known || one.tokens < one.burst || t.nextSlow.Sub(now) > maxSlowWait {
			one.waiting = false
			t.mu.Unlock()
			return false
		}
		start := t.nextSlow
		if start.Before(now) {
			start = now
		}
		t.nextSlow = start.Add(slowLane)
		wait = max(wait, start.Sub(now))
	}
	one.tokens--
	all.tokens = max(0, all.tokens-1)
	t.mu.Unlock()
	if wait == 0 {
		return true
	}
	err := t.sleep(ctx, wait)
	t.mu.Lock()
	one.waiting = false
	t.mu.Unlock()
	return err == nil
}

// refund gives the allowance of a guess back that was no guess.
func (t *throttle) refund(client netip.Addr, user string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for _, b := range []*bucket{t.bucket(bucketKey{client, ""}, clientBurst, clientRate, now), t.bucket(bucketKey{client, user}, userBurst, userRefill, now)} {
		b.tokens = min(b.burst, b.tokens+1)
	}
}

func (t *throttle) bucket(k bucketKey, burst float64, refill time.Duration, now time.Time) *bucket {
	if e, ok := t.buckets[k]; ok {
		t.recent.MoveToFront(e)
		b := e.Value.(*bucket)
		b.tokens = min(b.burst, b.tokens+float64(now.Sub(b.last))/float64(b.refill))
		b.last = now
		return b
	}
	if t.recent.Len() >= maxBuckets {
		oldest := t.recent.Back()
		delete(t.buckets, oldest.Value.(*bucket).key)
		t.recent.Remove(oldest)
	}
	b := &bucket{key: k, tokens: burst, burst: burst, refill: refill, last: now}
	t.buckets[k] = t.recent.PushFront(b)
	return b
}
