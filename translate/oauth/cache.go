package oauth

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"docusign-auth-proxy/internal/panics"
)

// ErrClosed is returned where a fetch would be needed after Close.
var ErrClosed = errors.New("oauth client is closed")

var errTooShort = errors.New("oauth: what is fetched expires before it can be used")

// flights owns the fetches of all cells: their clock, their time limit, their common end.
type flights struct {
	ctx     context.Context
	cancel  context.CancelFunc
	now     func() time.Time
	timeout time.Duration
	mu      sync.Mutex
	closed  bool
	wg      sync.WaitGroup
}

func newFlights(now func() time.Time, timeout time.Duration) *flights {
	ctx, cancel := context.WithCancel(context.Background())
	return &flights{ctx: ctx, cancel: cancel, now: now, timeout: timeout}
}

func (f *flights) begin() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.wg.Add(1)
	return true
}

func (f *flights) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.cancel()
	f.wg.Wait()
}

// slot is a value with its times, immutable.
type slot[T any] struct {
	val  T
	soft time.Time // from here on a refresh is due; zero = never
	edge time.Time // from here on the value is not served; zero = never
	wall int64     // edge by the wall clock: the monotonic clock stands still while a machine sleeps
}

func newSlot[T any](val T, soft, edge time.Time) slot[T] {
	return slot[T]{val: val, soft: soft, edge: edge, wall: edge.UnixNano()}
}

func (s *slot[T]) usable(now time.Time) bool {
	return s.edge.IsZero() || (now.Before(s.edge) && now.UnixNano() < s.wall)
}

func (s *slot[T]) due(now time.Time) bool { return !s.soft.IsZero() && !now.Before(s.soft) }

func (s *slot[T]) withSoft(soft time.Time) *slot[T] {
	c := *s
	c.soft = soft
	return &c
}

// flight is one fetch under way and what came of it, to be read after done is closed.
type flight[T any] struct {
	done chan struct{}
	slot slot[T]
	err  error
}

// failure is the memory of fetches that failed. The zero value remembers nothing.
type failure struct {
	err                error
	since, last, until time.Time
	count              int
}

// dated is an error that tells its caller when asking again makes sense.
type dated interface {
	error
	withRetryAfter(time.Duration) error
}

func (f *failure) report(now time.Time) error {
	if d, ok := f.err.(dated); ok {
		return d.withRetryAfter(max(0, f.until.Sub(now)))
	}
	return f.err
}

// cell keeps one value fresh: served from memory, refreshed in the background once it is due, fetched by one flight at a
// time that no single waiter can end.
type cell[T any] struct {
	flights *flights
	fetch   func(context.Context) (slot[T], error)
	pause   func(err error, count int) time.Duration // after the count-th failure of its sort in a row
	landed  func(T)                                  // after a fetch that brought a value; may be nil

	cur    atomic.Pointer[slot[T]]
	flying atomic.Bool
	mu     sync.Mutex // guards the fields below and every change of cur
	flight *flight[T]
	fail   failure
}

// get is the hot path: two atomic loads and a comparison of times while the value is fresh. hit is false if it had to wait.
func (l *cell[T]) get(ctx context.Context, now time.Time) (val T, hit bool, err error) {
	if s := l.cur.Load(); s != nil && s.usable(now) {
		if s.due(now) {
			l.refresh()
		}
		return s.val, true, nil
	}
	val, err = l.wait(ctx)
	return val, false, err
}

// refresh starts a background fetch if none is under way and leaves.
func (l *cell[T]) refresh() {
	if !l.mu.TryLock() {
		return
	}
	defer l.mu.Unlock()
	now := l.flights.now()
	s := l.cur.Load()
	if s == nil || !s.due(now) {
		return
	}
	// Meanwhile the value counts as fresh, so that its readers stay off the mutex.
	l.cur.Store(s.withSoft(now.Add(2 * l.flights.timeout)))
	if l.flight == nil {
		_ = l.start() // closed: the value is served to its edge
	}
}

// wait returns the value once there is one, joining the flight under way or starting it.
func (l *cell[T]) wait(ctx context.Context) (T, error) {
	var none T
	for range 3 {
		if err := ctx.Err(); err != nil {
			return none, err
		}
		f, val, err := l.board(nil)
		if f == nil {
			return val, err
		}
		if err := f.wait(ctx); err != nil {
			return none, err
		}
		if f.slot.usable(l.flights.now()) {
			return f.slot.val, nil
		}
	}
	return none, errTooShort
}

// renew fetches even though there is a value. admit may refuse a new flight; one under way is joined without asking.
func (l *cell[T]) renew(ctx context.Context, admit func(time.Time) error) (T, error) {
	var none T
	f, val, err := l.board(admit)
	if f == nil {
		return val, err
	}
	if err := f.wait(ctx); err != nil {
		return none, err
	}
	return f.slot.val, nil
}

// board returns a flight to wait for, or else the answer: the value, or why there is none. With admit, a value at hand does
// not count.
func (l *cell[T]) board(admit func(time.Time) error) (*flight[T], T, error) {
	var none T
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.flights.now()
	if s := l.cur.Load(); admit == nil && s != nil && s.usable(now) {
		return nil, s.val, nil
	}
	if l.flight != nil {
		return l.flight, none, nil
	}
	if l.fail.err != nil && now.Before(l.fail.until) {
		return nil, none, l.fail.report(now)
	}
	if admit != nil {
		if err := admit(now); err != nil {
			return nil, none, err
		}
	}
	if err := l.start(); err != nil {
		return nil, none, err
	}
	return l.flight, none, nil
}

// start begins a flight; the mutex is held.
func (l *cell[T]) start() error {
	if !l.flights.begin() {
		return ErrClosed
	}
	l.flight = &flight[T]{done: make(chan struct{})}
	l.flying.Store(true)
	go l.fly(l.flight)
	return nil
}

func (l *cell[T]) fly(f *flight[T]) {
	defer l.flights.wg.Done()
	ctx, cancel := context.WithTimeout(l.flights.ctx, l.flights.timeout)
	defer cancel()
	f.slot, f.err = guarded(ctx, l.fetch)
	l.land(f)
	if f.err == nil && l.landed != nil {
		l.landed(f.slot.val)
	}
	close(f.done)
}

func (l *cell[T]) land(f *flight[T]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flight = nil
	l.flying.Store(false)
	if f.err == nil {
		l.fail = failure{}
		l.cur.Store(&f.slot)
		return
	}
	now := l.flights.now()
	l.record(f.err, now)
	f.err = l.fail.report(now)
}

// record remembers a failure and puts off the next attempt; the mutex is held.
func (l *cell[T]) record(err error, now time.Time) {
	if l.fail.err == nil || temporary(l.fail.err) != temporary(err) {
		l.fail = failure{since: now}
	}
	l.fail.err, l.fail.last = err, now
	l.fail.count++
	pause := l.pause(err, l.fail.count)
	l.fail.until = now.Add(pause)
	s := l.cur.Load()
	if s == nil {
		return
	}
	l.cur.Store(s.withSoft(now.Add(max(pause, minTemporary))))
	// When the old value runs out, an attempt is worth more than a pause nobody but us asked for.
	if s.usable(now) && !s.edge.IsZero() && l.fail.until.After(s.edge) && temporary(err) && askedToWait(err) == 0 {
		l.fail.until = s.edge
	}
}

// drop forgets the value if match says it is the one meant.
func (l *cell[T]) drop(match func(T) bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.cur.Load(); s == nil || !match(s.val) {
		return false
	}
	l.cur.Store(nil)
	return true
}

// retry lifts the pause after failures, but not one that the server asked for because of its own trouble.
func (l *cell[T]) retry() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail.err == nil || temporary(l.fail.err) && askedToWait(l.fail.err) > 0 {
		return
	}
	l.fail = failure{}
	if s := l.cur.Load(); s != nil {
		l.cur.Store(s.withSoft(l.flights.now()))
	}
}

// doubt makes a refresh due now, unless the value has more than left until then.
func (l *cell[T]) doubt(now time.Time, left time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.cur.Load(); s != nil && s.soft.Sub(now) <= left {
		l.cur.Store(s.withSoft(now))
	}
}

// adopt takes a value of another cell over unless there is one.
func (l *cell[T]) adopt(s *slot[T], now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := s != nil && s.usable(now) && l.cur.Load() == nil
	if taken {
		l.cur.Store(s)
	}
	return taken
}

func (l *cell[T]) peek() (val T, ok bool) {
	if s := l.cur.Load(); s != nil {
		return s.val, true
	}
	return val, false
}

func (l *cell[T]) failure() failure {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fail
}

func (l *cell[T]) busy() bool { return l.flying.Load() }

func (f *flight[T]) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return f.err
	default:
	}
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// guarded keeps a panic in a fetch, above all in a foreign Granter, from ending the process and stranding the waiters.
func guarded[T any](ctx context.Context, fetch func(context.Context) (slot[T], error)) (s slot[T], err error) {
	defer panics.Into(&err)
	return fetch(ctx)
}

const (
	minTemporary    = time.Second
	maxTemporary    = time.Minute
	temporaryJitter = 0.2
	maxAsked        = time.Hour // of Retry-After
)

// backoff says how long a failure is remembered: Config.TerminalPause for what only a person can change, what the
// server asked for, a second and more for the rest. A refusal that comes out of another cell's memory is not
// remembered for longer than there.
func (c *Client) backoff(err error, count int) time.Duration {
	asked := askedToWait(err)
	if !temporary(err) {
		return min(cmp.Or(asked, c.cfg.TerminalPause), c.cfg.TerminalPause)
	}
	if asked > 0 {
		return min(asked, maxAsked)
	}
	d := doubled(minTemporary, count, maxTemporary)
	return d + time.Duration(temporaryJitter*c.cfg.Jitter()*float64(d))
}

// doubled returns d times two to the power count-1, at most limit.
func doubled(d time.Duration, count int, limit time.Duration) time.Duration {
	for i := 1; i < count && d < limit; i++ {
		d *= 2
	}
	return min(d, limit)
}
