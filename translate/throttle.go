package translate

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"docusign-auth-proxy/internal/cache"
)

// How fast passwords may be guessed. Only failures use up an allowance, so a program that knows its password never
// meets it.
const (
	allUsers     = "\x00" // as the user of a bucketKey: whatever the client fails at
	userBurst    = 5
	userRefill   = time.Second // one further guess at one user by one client
	clientBurst  = 20
	clientRefill = 2 * time.Second
	maxLine      = 8                // guesses at one user that wait for their turn, for one client
	freshAfter   = 10 * time.Minute // a user's failures count as recent for so long
	maxBuckets   = 20_000
)

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1}) //nolint:gochecknoglobals // a constant

// ClientOf gives what counts as one client: this machine with all its loopback addresses, an IPv6 /64 (one host may
// use any address of it, RFC 4291 §2.5.1), or one IPv4 address.
func ClientOf(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	switch {
	case a.IsLoopback():
		return loopback
	case a.Is6():
		p, _ := a.Prefix(64)
		return p.Addr()
	}
	return a
}

// sourceOf is like clientOf, but tells the addresses of this machine apart.
func sourceOf(a netip.Addr) netip.Addr {
	if a = a.Unmap().WithZone(""); a.IsLoopback() {
		return a
	}
	return ClientOf(a)
}

// usual reports whether a program comes from such an address without choosing to: any address but 127.0.0.1 and ::1 of
// the loopback networks is chosen, as by somebody who wants to look like many.
func usual(a netip.Addr) bool {
	a = a.Unmap()
	return !a.IsLoopback() || a == loopback || a == netip.IPv6Loopback()
}

// throttle slows guessing down. Guesses of one client at one user take turns, one at a time; a waiter that leaves
// frees its place. What one client does at one user has no effect on another client or another user, so guessing keeps
// nobody else out. It is bounded: the bucket longest unused goes.
type throttle struct {
	mu      sync.Mutex
	buckets *cache.Cache[bucketKey, *bucket]
}

type bucketKey struct {
	client      netip.Addr
	realm, user string
}

type bucket struct {
	tokens  float64
	burst   float64
	refill  time.Duration
	last    time.Time
	failed  time.Time     // of the last wrong password
	rest    time.Time     // no turn before it
	checked map[bool]bool // whether a guess from a usual address, and one from a chosen, has its turn
	line    []*waiter
	changed chan struct{} // closed when a waiter should look again
}

type waiter struct{ usual bool }

func newThrottle() *throttle {
	return &throttle{buckets: cache.New[bucketKey, *bucket](maxBuckets, 0, nil)}
}

func sleepContext(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-ctx.Done()
}

// admit waits for a turn to check one password of the user, and takes it. The holder of a turn must call done. nil
// means that the guess must be refused unchecked: too many wait already, or ctx has ended.
func (t *throttle) admit(ctx context.Context, k bucketKey, usual bool) *bucket {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.bucket(k)
	w := &waiter{usual: usual}
	if !b.join(w) {
		return nil
	}
	defer b.leave(w)
	for {
		if ctx.Err() != nil || !slices.Contains(b.line, w) {
			return nil
		}
		wait := b.wait(usual)
		if b.line[0] == w && wait == 0 {
			b.tokens--
			b.checked[usual] = true
			return b
		}
		t.pause(ctx, b.changed, wait)
	}
}

// pause gives up the lock until changed is closed, d has passed (0 = never) or ctx has ended.
func (t *throttle) pause(ctx context.Context, changed <-chan struct{}, d time.Duration) {
	t.mu.Unlock()
	defer t.mu.Lock()
	if d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	select {
	case <-changed:
	case <-ctx.Done():
	}
}

// done ends a turn. A guess that proved right, or was not checked, costs nothing; after a wrong one the next turn
// begins after rest.
func (t *throttle) done(b *bucket, usual, wrong bool, rest time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b.fill()
	b.checked[usual] = false
	if wrong {
		b.failed, b.rest = b.last, b.last.Add(rest)
	} else {
		b.tokens = min(b.burst, b.tokens+1)
	}
	b.signal()
}

// spend notes a failure of the client and reports whether there have been too many.
func (t *throttle) spend(client netip.Addr) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.bucket(bucketKey{client: client, user: allUsers})
	spent := b.tokens < 1
	b.tokens = max(0, b.tokens-1)
	return spent
}

// look reports whether a guess would be checked without a wait, and whether the user has not failed recently at this
// client.
func (t *throttle) look(k bucketKey) (free, fresh bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b, ok := t.buckets.Get(k)
	if !ok {
		return true, true
	}
	b.fill()
	return b.tokens >= 1 && len(b.line) == 0, b.last.Sub(b.failed) > freshAfter
}

func (t *throttle) bucket(k bucketKey) *bucket {
	b := t.buckets.GetOrAdd(k, func(k bucketKey) *bucket {
		b := &bucket{
			tokens: userBurst, burst: userBurst, refill: userRefill, last: time.Now(), checked: map[bool]bool{},
			changed: make(chan struct{}),
		}
		if k.user == allUsers {
			b.tokens, b.burst, b.refill = clientBurst, clientBurst, clientRefill
		}
		return b
	})
	b.fill()
	return b
}

func (b *bucket) fill() {
	now := time.Now()
	b.tokens = min(b.burst, b.tokens+float64(now.Sub(b.last))/float64(b.refill))
	b.last = now
}

// wait says how long the first in line has to wait: 0 = its turn is now, negative = until somebody signals. A guess
// from a chosen address may be long in the queue for a slot: a caller from a usual one does not wait for it.
func (b *bucket) wait(usual bool) time.Duration {
	b.fill()
	if b.checked[true] || b.checked[false] && !usual {
		return -1
	}
	var wait time.Duration
	if b.tokens < 1 {
		wait = time.Duration((1-b.tokens)*float64(b.refill)) + 1
	}
	return max(wait, b.rest.Sub(b.last))
}

// join finds a place in the line. Callers from usual addresses go before those from chosen ones, which give way when
// it is full.
func (b *bucket) join(w *waiter) bool {
	at := len(b.line)
	if w.usual {
		if i := slices.IndexFunc(b.line, func(o *waiter) bool { return !o.usual }); i >= 0 {
			at = i
		}
	}
	if len(b.line) >= maxLine {
		if at == len(b.line) {
			return false
		}
		b.line = b.line[:maxLine-1] // its last sees that it has lost its place
		b.signal()
	}
	b.line = slices.Insert(b.line, at, w)
	return true
}

func (b *bucket) leave(w *waiter) {
	if i := slices.Index(b.line, w); i >= 0 {
		b.line = slices.Delete(b.line, i, i+1)
		b.signal()
	}
}

func (b *bucket) signal() {
	close(b.changed)
	b.changed = make(chan struct{})
}
