package oauth

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"
)

// ErrClosed is returned where a fetch would be needed after Close.
var ErrClosed = errors.New("oauth client is closed")

var errTooShort = errors.New("oauth: what is fetched expires before it can be used")

// fetches owns the fetches of all entries: their clock, their time limit, their common end.
type fetches struct {
	ctx     context.Context // ends with close
	cancel  context.CancelFunc
	now     func() time.Time
	pause   func(err error, count int) time.Duration // after the count-th failure of its sort in a row
	timeout time.Duration
	mu      sync.Mutex // so that no fetch starts while close waits
	wg      sync.WaitGroup
}

func (f *fetches) start(run func(context.Context)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ctx.Err() != nil {
		return ErrClosed
	}
	f.wg.Go(func() { run(f.ctx) })
	return nil
}

func (f *fetches) close() {
	f.mu.Lock()
	f.cancel()
	f.mu.Unlock()
	f.wg.Wait()
}

// timed is a value with its times.
type timed[T any] struct {
	val  T
	soft time.Time // from here on a refresh is due; zero = never
	edge time.Time // from here on the value is not served; zero = never

	// Among replicas only:
	print string    // its fingerprint
	renew time.Time // soft of a value that the others may not have, which is due before that; zero = they have it
}

// usable looks at the wall clock as well: the monotonic clock stands still while a machine sleeps.
func (s *timed[T]) usable(now time.Time) bool {
	return s != nil && (s.edge.IsZero() || now.Before(s.edge) && now.UnixNano() < s.edge.UnixNano())
}

func (s *timed[T]) due(now time.Time) bool { return !s.soft.IsZero() && !now.Before(s.soft) }

// fetch is one under way and what came of it, to be read after done is closed.
type fetch[T any] struct {
	done  chan struct{}
	value timed[T]
	err   error
}

// failure is the memory of fetches that failed. The zero value remembers nothing.
type failure struct {
	err          error
	since, until time.Time
	count        int
}

func (f *failure) report(now time.Time) error { return withRetryAfter(f.err, max(0, f.until.Sub(now))) }

// entry keeps one value fresh: served from memory, refreshed in the background once it is due, fetched by one fetch at
// a time that no single waiter can end.
type entry[T any] struct {
	fetches *fetches
	ask     func(context.Context) (timed[T], error)
	share   *sharing[T] // nil = this process is alone

	mu      sync.Mutex // guards the fields below
	cur     *timed[T]  // nil = no value
	fetch   *fetch[T]  // nil = none under way
	fail    failure
	refused string // the fingerprint of a value that is no good, until the other replicas know of it
}

// get returns the value, from memory if there is one that may be served; hit is false if it had to wait. With admit, a
// value in memory does not count; admit may refuse a new fetch, but one under way is joined without asking.
func (e *entry[T]) get(ctx context.Context, admit func() error) (val T, hit bool, err error) {
	f, val, err := e.join(ctx, admit)
	if f == nil {
		return val, err == nil, err
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		return val, false, ctx.Err()
	}
	if f.err == nil && !f.value.usable(e.fetches.now()) {
		return val, false, errTooShort
	}
	return f.value.val, false, f.err
}

// join returns a fetch to wait for, or else the answer: the value, or why there is none.
func (e *entry[T]) join(ctx context.Context, admit func() error) (f *fetch[T], val T, err error) {
	now := e.fetches.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	if admit == nil && e.cur.usable(now) {
		if e.cur.due(now) && e.fetch == nil {
			_ = e.start() // after Close the value is served to its edge
		}
		return nil, e.cur.val, nil
	}
	switch {
	case ctx.Err() != nil:
		return nil, val, ctx.Err()
	case e.fetch != nil:
		return e.fetch, val, nil
	case e.fail.err != nil && now.Before(e.fail.until):
		return nil, val, e.fail.report(now)
	case admit != nil:
		if err := admit(); err != nil {
			return nil, val, err
		}
		e.refuse()
	}
	err = e.start()
	return e.fetch, val, err
}

// start begins a fetch; the mutex is held.
func (e *entry[T]) start() error {
	f := &fetch[T]{done: make(chan struct{})}
	err := e.fetches.start(func(ctx context.Context) { e.run(ctx, f) })
	if err == nil {
		e.fetch = f
	}
	return err
}

func (e *entry[T]) run(ctx context.Context, f *fetch[T]) {
	defer close(f.done)
	f.value, f.err = e.obtain(ctx)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fetch = nil
	if f.err == nil {
		value := f.value // the waiters read f's without the mutex
		e.fail, e.cur = failure{}, &value
		return
	}
	now := e.fetches.now()
	e.record(f.err, now)
	f.err = e.fail.report(now)
}

// record remembers a failure and puts off the next attempt; the mutex is held.
func (e *entry[T]) record(err error, now time.Time) {
	known, isKnown := err.(paused)
	if isKnown {
		err = known.error
	}
	if e.fail.err == nil || temporary(e.fail.err) != temporary(err) {
		e.fail = failure{since: now}
	}
	e.fail.err = err
	e.fail.count++
	pause := known.pause
	if !isKnown {
		pause = e.fetches.pause(err, e.fail.count)
	}
	e.fail.until = now.Add(pause)
	s := e.cur
	if s == nil {
		return
	}
	s.soft = now.Add(max(pause, minTemporary))
	// When the old value runs out, an attempt is worth more than a pause nobody but us asked for.
	if s.usable(now) && !s.edge.IsZero() && e.fail.until.After(s.edge) && temporary(err) && askedToWait(err) == 0 {
		e.fail.until = s.edge
	}
}

// drop forgets the value if match says it is the one meant.
func (e *entry[T]) drop(match func(T) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cur != nil && match(e.cur.val) {
		e.refuse()
		e.cur = nil
	}
}

// refuse notes that the value is no good; the mutex is held.
func (e *entry[T]) refuse() {
	if e.cur != nil {
		e.refused = e.cur.print
	}
}

// retry lifts the pause after failures, but not one that the server asked for because of its own trouble.
func (e *entry[T]) retry() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fail.err == nil || temporary(e.fail.err) && askedToWait(e.fail.err) > 0 {
		return
	}
	e.fail = failure{}
	if e.cur != nil {
		e.cur.soft = e.fetches.now()
	}
}

// doubt makes a refresh due now, unless the value has more than left until then.
func (e *entry[T]) doubt(left time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if now := e.fetches.now(); e.cur != nil && e.cur.soft.Sub(now) <= left {
		e.refuse()
		e.cur.soft = now
	}
}

// adopt takes a value over unless there is one, and reports whether it did.
func (e *entry[T]) adopt(s *timed[T]) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	taken := s.usable(e.fetches.now()) && e.cur == nil
	if taken {
		e.cur = s
	}
	return taken
}

// state is a copy of the value, nil if there is none, and what failed last.
func (e *entry[T]) state() (*timed[T], failure) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cur == nil {
		return nil, e.fail
	}
	copied := *e.cur
	return &copied, e.fail
}

// peek is the value whether or not it may still be served, the zero value if there is none.
func (e *entry[T]) peek() (val T) {
	if s, _ := e.state(); s != nil {
		return s.val
	}
	return val
}

func (e *entry[T]) busy() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.fetch != nil
}

const (
	minTemporary     = time.Second
	maxTemporary     = time.Minute
	temporaryJitter  = 0.2
	maxAsked         = time.Hour // of Retry-After
	notFoundEvery    = 5 * time.Second
	notFoundBurst    = 12
	maxNotFoundPause = 10 * time.Minute
)

// backoff says how long a failure is remembered: Config.TerminalPause for what only a person can change, what the
// server asked for, a second and more for the rest. A refusal that comes out of another entry's memory is not
// remembered for longer than there.
func (c *Client) backoff(err error, count int) time.Duration {
	if _, ok := errors.AsType[*LookupError](err); ok {
		return c.notFoundPause()
	}
	asked := askedToWait(err)
	if !temporary(err) {
		return min(cmp.Or(asked, c.cfg.TerminalPause), c.cfg.TerminalPause)
	}
	if asked > 0 {
		return min(asked, maxAsked)
	}
	d := min(minTemporary<<min(max(count-1, 0), 10), maxTemporary)
	return d + time.Duration(temporaryJitter*c.cfg.Jitter()*float64(d))
}

// notFoundPause lets an administrator's repair be seen soon. Many names that are not found wait longer, since their
// look-ups use up the account's hourly limit (PROTOCOL.md §11).
func (c *Client) notFoundPause() time.Duration {
	now := c.cfg.Now()
	turn := c.notFound.ReserveN(now, 1)
	if turn.DelayFrom(now) > maxNotFoundPause {
		turn.CancelAt(now)
		return maxNotFoundPause
	}
	return max(c.cfg.TerminalPause, turn.DelayFrom(now))
}
