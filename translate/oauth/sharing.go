package oauth

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"time"

	"docusign-auth-proxy/internal/panics"
)

const (
	firstLook   = 50 * time.Millisecond // after which a caller looks whether another replica has fetched the value
	longestLook = 200 * time.Millisecond
	busyPause   = time.Second     // before a renewal that another replica has begun is looked for
	offerAfter  = 3 * time.Second // a value that the others may not have is offered to them so often
)

// sharing is how an entry shares its value with other replicas.
type sharing[T any] struct {
	client *Client
	id     Identity
	kind   string        // as in Wanted
	name   string        // as in Wanted
	cold   time.Duration // the life that a value must have left for a caller who has none
	whole  func(*timed[T]) time.Duration
	left   func(*timed[T]) time.Duration
	encode func(T) any
	decode func(value []byte, left time.Duration) (timed[T], error)
}

// SharedEvent describes one claim: its kind, and what came of it.
type SharedEvent struct {
	Kind   string // one of ClaimKinds
	Result string // one of ClaimResults
}

// The kinds of what replicas share.
const (
	claimToken    = "at"
	claimUserInfo = "ui"
	claimLookup   = "lk"
)

// ClaimKinds are all values of SharedEvent.Kind.
func ClaimKinds() []string { return []string{claimToken, claimUserInfo, claimLookup} }

const (
	claimedValue   = "value"
	claimedFailure = "failure"
	claimedTurn    = "turn"
	claimedBusy    = "busy"
	claimedStale   = "stale"
	claimedNothing = "unshared"
)

// ClaimResults are all values of SharedEvent.Result: another replica's value, or its failure; this one had the turn;
// another one had it all the time; what came of the turn was too late; the others could not be asked.
func ClaimResults() []string {
	return []string{claimedValue, claimedFailure, claimedTurn, claimedBusy, claimedStale, claimedNothing}
}

func (s *sharing[T]) count(result string) {
	if observe := s.client.cfg.Observer.Shared; observe != nil {
		observe(SharedEvent{s.kind, result})
	}
}

// paused is a failure whose pause is known already.
type paused struct {
	error
	pause time.Duration
}

// obtain fetches a value, or takes the one that another replica has fetched.
func (e *entry[T]) obtain(ctx context.Context) (timed[T], error) {
	if e.share == nil {
		return e.alone(ctx)
	}
	waiting, cancel := context.WithTimeout(ctx, e.fetches.timeout)
	defer cancel()
	var busy time.Duration
	for look := firstLook; ; look = min(2*look, longestLook) {
		w, refused, old := e.wanted()
		c, err := e.share.client.cfg.Shared.Claim(waiting, w, refused)
		switch {
		case ctx.Err() != nil:
			return timed[T]{}, ErrClosed
		case err != nil && waiting.Err() == nil:
			return e.unshared(ctx, old)
		case err == nil:
			e.told(refused)
			busy = c.Busy
		}
		switch {
		case c.Turn.Fence != 0:
			return e.inTurn(ctx, c.Turn, old)
		case c.Value != nil || c.Failure != nil:
			return e.take(ctx, c, old)
		case refused == "" && old != nil:
			e.share.count(claimedBusy)
			return e.postponed(old, busyPause), nil
		}
		if !sleep(waiting, e.share.jittered(look)) {
			e.share.count(claimedBusy)
			return timed[T]{}, e.share.late(busy)
		}
	}
}

// wanted says what to claim, which value was refused, and the one that may still be served, if there is one.
func (e *entry[T]) wanted() (w Wanted, refused string, old *timed[T]) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w = Wanted{Kind: e.share.kind, Name: e.share.name, Life: e.share.cold}
	if !e.cur.usable(e.fetches.now()) {
		return w, e.refused, nil
	}
	copied := *e.cur
	if e.refused == "" {
		w.Life = max(w.Life, e.share.whole(&copied)/4)
	}
	return w, e.refused, &copied
}

// told notes that the others know of the refusal.
func (e *entry[T]) told(refused string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.refused == refused {
		e.refused = ""
	}
}

// take takes what another replica has found out.
func (e *entry[T]) take(ctx context.Context, c Claim, old *timed[T]) (s timed[T], err error) {
	if c.Failure != nil {
		failed, err := e.share.client.readFailure(c.Failure)
		if err != nil {
			return e.unshared(ctx, old)
		}
		e.share.count(claimedFailure)
		return s, paused{failed, c.Pause}
	}
	if s, err = e.share.decode(c.Value, c.Life); err != nil {
		return e.unshared(ctx, old)
	}
	e.share.count(claimedValue)
	s.print = c.Fingerprint
	return s, nil
}

// inTurn fetches the value for all, or gives them the one that only this process has.
func (e *entry[T]) inTurn(ctx context.Context, t Turn, old *timed[T]) (s timed[T], err error) {
	if old != nil && !old.renew.IsZero() && e.share.left(old) > t.Life {
		s = *old
		s.soft, s.renew = s.renew, time.Time{}
	} else {
		s, err = e.alone(ctx)
	}
	e.share.count(claimedTurn)
	r, err := e.result(&s, err)
	settled := e.share.client.cfg.Shared.Settle(context.WithoutCancel(ctx), t, r)
	stale := errors.Is(settled, ErrStale)
	if settled != nil && !stale {
		e.settleLater(t, r)
	}
	if err != nil || settled == nil {
		return s, err
	}
	s = e.kept(s)
	if stale {
		e.share.count(claimedStale)
		newer, failed := e.share.client.cfg.Shared.Claim(ctx, Wanted{t.Kind, t.Name, e.share.cold}, "")
		if failed == nil && newer.Value != nil {
			return e.take(ctx, newer, &s)
		}
	}
	return s, nil
}

// settleLater tells the others what came of a turn as soon as they can be reached: they wait for it until its end.
func (e *entry[T]) settleLater(t Turn, r Result) {
	began := e.fetches.now()
	_ = e.fetches.start(func(ctx context.Context) { // after Close the turn ends by itself
		ctx, cancel := context.WithTimeout(ctx, e.fetches.timeout)
		defer cancel()
		for sleep(ctx, e.share.jittered(busyPause)) {
			later, passed := r, e.fetches.now().Sub(began)
			later.Life, later.Pause = max(0, r.Life-passed), max(0, r.Pause-passed)
			if later.Life+later.Pause == 0 {
				later = Result{} // only the turn is given back
			}
			err := e.share.client.cfg.Shared.Settle(ctx, t, later)
			if err == nil || errors.Is(err, ErrStale) {
				return
			}
		}
	})
}

// result is what the others learn of a fetch.
func (e *entry[T]) result(s *timed[T], failed error) (Result, error) {
	if failed == nil {
		return Result{Value: inJSON(e.share.encode(s.val)), Fingerprint: s.print, Life: e.share.left(s)}, nil
	}
	text := writeFailure(failed)
	if text == nil {
		return Result{}, failed
	}
	_, f := e.state()
	if temporary(f.err) != temporary(failed) {
		f.count = 0
	}
	pause := e.fetches.pause(failed, f.count+1)
	return Result{Failure: text, Pause: pause}, paused{failed, pause}
}

// unshared does without the others. A value that may still be served is not renewed before its end.
func (e *entry[T]) unshared(ctx context.Context, old *timed[T]) (timed[T], error) {
	e.share.count(claimedNothing)
	if old != nil {
		return e.postponed(old, offerAfter), nil
	}
	s, err := e.alone(ctx)
	return e.kept(s), err
}

// kept is a value that only this process has: soon it is looked whether the others want it.
func (e *entry[T]) kept(s timed[T]) timed[T] {
	s.renew = cmp.Or(s.renew, s.soft)
	if soon := e.postponed(&s, offerAfter); s.soft.IsZero() || soon.soft.Before(s.soft) {
		return soon
	}
	return s
}

// postponed is a value that stays, to be looked at again soon.
func (e *entry[T]) postponed(s *timed[T], by time.Duration) timed[T] {
	later := *s
	later.soft = e.fetches.now().Add(e.share.jittered(by))
	return later
}

// late says that another replica has had the turn for longer than a caller waits.
func (s *sharing[T]) late(rest time.Duration) error {
	failed := s.client.server.grantError(Network, s.id,
		"another replica asks the account server and has not told its answer", context.DeadlineExceeded)
	failed.RetryAfter = rest
	return failed
}

// jittered is between three and five quarters of d.
func (s *sharing[T]) jittered(d time.Duration) time.Duration {
	return time.Duration((0.75 + s.client.cfg.Jitter()/2) * float64(d))
}

// alone asks the account server. It keeps a panic in a fetch, above all in a foreign Granter, from ending the process
// and stranding the waiters.
func (e *entry[T]) alone(ctx context.Context) (s timed[T], err error) {
	defer panics.Into(&err)
	ctx, cancel := context.WithTimeout(ctx, e.fetches.timeout)
	defer cancel()
	if s, err = e.ask(ctx); e.share != nil {
		s.print = cmp.Or(s.print, rand.Text())
	}
	return s, err
}

// sleep reports whether it lasted its time.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
