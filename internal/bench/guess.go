package main

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	goodCallers  = 16
	goodRate     = 400 // calls a second, all together
	guessers     = 256
	guessRate    = 1000
	guessLeadIn  = 2 * time.Second // of guessing before the good callers are timed
	ownAddresses = 64              // of guessers who have one each
)

// Names of the extra figures of a guessing turn.
const (
	quietP99   = "quiet p99"
	guessedP99 = "p99 under guessing"
	guessesPer = "guesses answered per second"
)

// guessing times callers with warm credentials, first alone, then beside others who send wrong passwords.
type guessing struct {
	duration time.Duration // of each of the two
	spread   bool          // the guessers come from many addresses
	turn     *atomic.Int64 // makes each wrong password another one
}

func (g guessing) run(ctx context.Context, c *child) (measure, error) {
	ctx, cancel := context.WithTimeout(ctx, 4*g.duration+exchangeLimit)
	defer cancel()
	good, err := openGood(ctx, c)
	if err != nil {
		return measure{}, err
	}
	defer func() {
		for _, w := range good {
			w.close()
		}
	}()
	quiet, err := paced(ctx, good, g.duration)
	if err != nil {
		return measure{}, err
	}
	_, alone := quantiles(quiet)
	m := measure{extra: map[string]float64{quietP99: alone.Seconds() * 1e3}}
	err = m.around(c, func() error { return g.beside(ctx, c, good, &m) })
	return m, err
}

// beside times the good callers while others guess.
func (g guessing) beside(ctx context.Context, c *child, good []*worker, m *measure) error {
	guessing, stop := context.WithCancel(ctx)
	var answered atomic.Int64
	var wg sync.WaitGroup
	for i := range guessers {
		wg.Go(func() { g.guess(guessing, c, i, &answered) })
	}
	defer wg.Wait()
	defer stop()
	if err := pause(ctx, guessLeadIn); err != nil {
		return err
	}
	start, already := time.Now(), answered.Load()
	taken, err := paced(ctx, good, g.duration)
	if err != nil {
		return err
	}
	m.wall = time.Since(start)
	m.requests = len(taken)
	m.extra[guessesPer] = float64(answered.Load()-already) / m.wall.Seconds()
	m.p50, m.p99 = quantiles(taken)
	m.extra[guessedP99] = m.p99.Seconds() * 1e3
	return nil
}

func openGood(ctx context.Context, c *child) ([]*worker, error) {
	l := &load{to: target{addr: c.addr}, want: bearerSeen}
	good := make([]*worker, goodCallers)
	for i := range good {
		good[i] = &worker{load: l, m: getMessage(userName(i%warmUsers), password)}
		if err := good[i].once(ctx); err != nil {
			return good[:i+1], fmt.Errorf("good caller: %w", err)
		}
	}
	return good, nil
}

// paced lets the workers call at goodRate and returns how long the calls took. A call that was held up by the one
// before it is timed from when it was due.
func paced(ctx context.Context, workers []*worker, d time.Duration) ([]time.Duration, error) {
	interval := time.Second * time.Duration(len(workers)) / goodRate
	start := time.Now()
	errs := make([]error, len(workers))
	var wg sync.WaitGroup
	for i, w := range workers {
		w.taken = w.taken[:0]
		wg.Go(func() {
			first := start.Add(interval * time.Duration(i) / time.Duration(len(workers)))
			for due := first; due.Before(start.Add(d)); due = due.Add(interval) {
				began := due
				if time.Until(due) > 0 {
					if errs[i] = pause(ctx, time.Until(due)); errs[i] != nil {
						return
					}
					began = time.Now()
				}
				if errs[i] = w.once(ctx); errs[i] != nil {
					return
				}
				w.taken = append(w.taken, time.Since(began))
			}
		})
	}
	wg.Wait()
	var taken []time.Duration
	for i, w := range workers {
		if errs[i] != nil {
			return nil, errs[i]
		}
		taken = append(taken, w.taken...)
	}
	return taken, nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// guess sends wrong passwords at its part of guessRate until ctx ends. An answer may take long or the connection be
// dropped: both are the proxy's right, and show in the rate.
func (g guessing) guess(ctx context.Context, c *child, i int, answered *atomic.Int64) {
	to := target{addr: c.addr}
	if g.spread {
		to.from = net.IPv4(127, 0, 1, byte(1+i%ownAddresses))
	}
	if pause(ctx, time.Second*time.Duration(i)/guessRate) != nil { // one after the other, not all at a time
		return
	}
	tick := time.NewTicker(time.Second * guessers / guessRate)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		g.guessOn(ctx, to, tick, answered)
	}
}

// guessOn guesses over one connection until that breaks.
func (g guessing) guessOn(ctx context.Context, to target, tick *time.Ticker, answered *atomic.Int64) {
	conn, err := to.dial(ctx)
	if err != nil {
		return
	}
	closed := context.AfterFunc(ctx, conn.close)
	defer closed()
	defer conn.close()
	for {
		n := g.turn.Add(1)
		if _, err := conn.do(getMessage(userName(int(n)%users), fmt.Sprint("wrong-", n))); err != nil {
			return
		}
		answered.Add(1)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
