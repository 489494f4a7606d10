package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// load is a fixed number of requests over a fixed number of connections.
type load struct {
	to       target
	conns    int
	warm     int // requests before the measured ones, on the same connections
	requests int
	fresh    bool // a new connection for each request
	limit    time.Duration
	message  func(conn int) message
	want     string // credential that the upstream must have seen
}

// measure is what one turn of one peer came to.
type measure struct {
	requests int
	wall     time.Duration
	cpu      time.Duration
	p50, p99 time.Duration
	bytes    int64 // of request bodies
	before   memory
	after    memory
	extra    map[string]float64 // what only one scenario knows
}

func (m measure) perRequest() time.Duration { return m.cpu / time.Duration(max(1, m.requests)) }
func (m measure) rate() float64             { return float64(m.requests) / m.wall.Seconds() }
func (m measure) throughput() float64       { return float64(m.bytes) / 1e6 / m.wall.Seconds() }

// grown is by how much the resident set at its peak exceeded the one at the beginning.
func (m measure) grown() int64 { return max(0, m.after.peak-m.before.resident) }

// worker is one connection of a load.
type worker struct {
	load  *load
	m     message
	c     *client
	taken []time.Duration
}

func (w *worker) once(ctx context.Context) error {
	if w.c == nil {
		c, err := w.load.to.dial(ctx)
		if err != nil {
			return err
		}
		w.c = c
	}
	h, err := w.c.do(w.m)
	if err != nil {
		return err
	}
	if h.status/100 != 2 {
		return fmt.Errorf("status %d", h.status)
	}
	if h.credential != w.load.want {
		return fmt.Errorf("the upstream saw credential %q, not %q", h.credential, w.load.want)
	}
	if w.load.fresh {
		w.c.close()
		w.c = nil
	}
	return nil
}

// share does requests until all of them are taken.
func (w *worker) share(ctx context.Context, left *atomic.Int64, record bool) error {
	for left.Add(-1) >= 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		start := time.Now()
		if err := w.once(ctx); err != nil {
			return err
		}
		if record {
			w.taken = append(w.taken, time.Since(start))
		}
	}
	return nil
}

func (w *worker) close() {
	if w.c != nil {
		w.c.close()
	}
}

// run applies the load to a peer. Each connection sends at least one request before the measured ones begin.
func (l *load) run(ctx context.Context, c *child) (measure, error) {
	ctx, cancel := context.WithTimeout(ctx, l.limit)
	defer cancel()
	workers := make([]*worker, l.conns)
	for i := range workers {
		workers[i] = &worker{load: l, m: l.message(i), taken: make([]time.Duration, 0, 2*l.requests/l.conns+16)}
		defer workers[i].close()
	}
	for _, w := range workers {
		if err := w.once(ctx); err != nil {
			return measure{}, err
		}
	}
	if _, err := all(ctx, workers, l.warm, false); err != nil {
		return measure{}, err
	}
	m := measure{requests: l.requests, bytes: int64(l.requests) * int64(len(workers[0].m.body))}
	err := m.around(c, func() (err error) {
		m.wall, err = all(ctx, workers, l.requests, true)
		return err
	})
	if err != nil {
		return m, err
	}
	var taken []time.Duration
	for _, w := range workers {
		taken = append(taken, w.taken...)
	}
	m.p50, m.p99 = quantiles(taken)
	return m, nil
}

// all lets the workers share n requests and returns how long that took.
func all(ctx context.Context, workers []*worker, n int, record bool) (time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var left atomic.Int64
	left.Store(int64(n))
	errs := make([]error, len(workers))
	var wg sync.WaitGroup
	start := time.Now()
	for i, w := range workers {
		wg.Go(func() {
			if errs[i] = w.share(ctx, &left, record); errs[i] != nil {
				cancel()
			}
		})
	}
	wg.Wait()
	wall := time.Since(start)
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return wall, err
		}
	}
	return wall, errors.Join(errs...)
}

// around reads CPU time and memory of the measured process before and after f.
func (m *measure) around(c *child, f func() error) (err error) {
	pid := c.pid()
	if err := resetPeak(pid); err != nil {
		return err
	}
	if m.before, err = memoryOf(pid); err != nil {
		return err
	}
	cpu, err := cpuTime(pid)
	if err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	used, err := cpuTime(pid)
	if err != nil {
		return err
	}
	m.cpu = used - cpu
	m.after, err = memoryOf(pid)
	return err
}

// quantiles gives the median and the 99th percentile; it sorts what it is given.
func quantiles(d []time.Duration) (p50, p99 time.Duration) {
	if len(d) == 0 {
		return 0, 0
	}
	slices.Sort(d)
	return d[(len(d)-1)/2], d[(len(d)-1)*99/100]
}
