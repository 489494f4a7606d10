package redis

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/store"
)

const (
	probeEvery = time.Second      // while the store is away
	lookEvery  = 30 * time.Second // while it is there: who copies it may change
)

// breaker keeps everybody from waiting for a store that is away: after one failure all are told at once, until a probe
// finds that it is back.
type breaker struct {
	mu    sync.Mutex
	err   error     // why it is open; nil = closed
	turns uint64    // how often it was opened and closed
	last  time.Time // of the last answer
	since time.Time // when it opened
}

// state gives the error while the store is away, and the turn to give to note.
func (b *breaker) state() (turn uint64, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.turns, b.err
}

// note takes how a question ended that was asked in a turn, and tells whether it opened the breaker. What was asked
// before the last probe says nothing new.
func (b *breaker) note(turn uint64, err error) (opened bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !store.IsAway(err):
		b.last = time.Now()
	case turn == b.turns:
		opened = b.err == nil
		b.set(err)
	}
	return opened
}

// probed takes how a probe ended, and gives why the breaker was open.
func (b *breaker) probed(err error) (before error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		b.last = time.Now()
	}
	before = b.err
	b.set(err)
	return before
}

func (b *breaker) set(err error) {
	if (b.err == nil) != (err == nil) {
		b.turns++
		b.since = time.Now()
	}
	b.err = err
}

// State is how the store is seen from here.
type State struct {
	Err         error     // why it is away, mostly a *Fault; nil = it is not
	Since       time.Time // when it went away, or came back
	LastContact time.Time // the last answer; zero = none yet
}

// State tells how the store is seen from here.
func (s *link) State() State {
	b := &s.breaker
	b.mu.Lock()
	defer b.mu.Unlock()
	return State{b.err, b.since, b.last}
}

// Watch asks a store that is away, once a second, whether it is back, until ctx ends. Connect has to have found it
// before. While there is a key before, it sees to what was sealed with it.
func (s *Server) Watch(ctx context.Context) {
	looked, reseal := time.Now(), time.Now().Add(probeEvery)
	for {
		pause := time.Duration((0.75 + rand.Float64()/2) * float64(probeEvery)) // not all replicas at once
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		_, away := s.breaker.state()
		if _, err := s.known(); err == nil && (away != nil || time.Since(looked) > lookEvery) {
			s.probe(ctx)
			looked = time.Now()
		} else if err == nil {
			reseal = s.resealBy(ctx, reseal)
		}
	}
}

// probe closes the breaker if the store answers, takes changes, and is the one that it was. Else it opens it.
func (s *identity) probe(ctx context.Context) {
	asked, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	began := time.Now()
	n, err := s.look(asked)
	if err == nil {
		err = s.recognise(n)
	}
	if _, away := s.breaker.state(); err == nil && refuses(away) {
		err = s.fault(trying().Run(asked, s.client(), []string{s.key("probe")}).Err())
	}
	s.o.Observe("probe", err, time.Since(began))
	if ctx.Err() != nil {
		return
	}
	if errors.Is(err, store.ErrEmptied) {
		s.miss(ctx)
	}
	if before := s.breaker.probed(err); err == nil && refuses(before) {
		s.o.OnRefused(nil)
	}
	if wrongServer(err) {
		s.renew()
	}
}

// missedFor is how long after the last replica that knows it nobody takes an emptied store for a new one.
const missedFor = time.Minute

// miss leaves a note in an emptied server, so that a replica that starts now does not make a new store there: then the
// one that was could not be restored. That it cannot be left changes nothing.
func (s *identity) miss(ctx context.Context) {
	asked, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	s.o.Observe("miss", s.fault(s.client().Set(asked, s.key("missed"), "", missedFor).Err()), 0)
}

// refuses tells the error of a server that answers, and takes no changes: one that only reads does not notice.
func refuses(err error) bool {
	f, ok := errors.AsType[*Fault](err)
	return ok && slices.Contains([]cause.ID{cause.StoreFull, cause.StoreDisk, cause.StoreRight}, f.row)
}

// wrongServer tells whether a server that answers has to be looked for anew, as another one may have the name by now.
func wrongServer(err error) bool {
	var said goredis.Error
	var f *Fault
	return errors.As(err, &said) || errors.As(err, &f) && f.row == cause.StoreReplica
}

// renew ends all connections.
func (s *link) renew() {
	fresh := s.o.client(s.o.Connections)
	s.mu.Lock()
	before := s.pool
	s.pool = fresh
	s.mu.Unlock()
	_ = before.Close() // what was asked over it fails
}
