package redis

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"docusign-auth-proxy/internal/store"
)

// probeEvery is how often one question finds out whether the store is back.
const probeEvery = time.Second

// breaker keeps everybody from waiting for a store that is away: after one failure all are told at once.
type breaker struct {
	mu    sync.Mutex
	err   error     // why it is open; nil = closed
	last  time.Time // of the last answer
	since time.Time // when it opened
}

// open gives the error while the store is away.
func (b *breaker) open() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

func (b *breaker) note(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case errors.Is(err, store.ErrUnreachable), errors.Is(err, store.ErrEmptied), errors.Is(err, store.ErrReplaced):
		if b.err == nil {
			b.since = time.Now()
		}
		b.err = err
	case !errors.Is(err, context.Canceled):
		b.err, b.last = nil, time.Now()
	}
}

// State is how the store is seen from here.
type State struct {
	Err         error     // why it is away; nil = it is not
	Since       time.Time // when it went away
	LastContact time.Time // the last answer; zero = none yet
}

// State tells how the store is seen from here.
func (s *Server) State() State {
	s.breaker.mu.Lock()
	defer s.breaker.mu.Unlock()
	return State{s.breaker.err, s.breaker.since, s.breaker.last}
}

// Watch asks a store that is away, once a second, whether it is back, until ctx ends.
func (s *Server) Watch(ctx context.Context) {
	for {
		pause := time.Duration((0.75 + rand.Float64()/2) * float64(probeEvery))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		if s.breaker.open() != nil {
			s.probe(ctx)
		}
	}
}

// probe closes the breaker if the store answers and is the one that it was.
func (s *Server) probe(ctx context.Context) {
	s.mu.Lock()
	known := s.id
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	began := time.Now()
	id, err := s.pool.HGet(ctx, s.key("meta"), "id").Result()
	switch {
	case known == "" && err == nil:
	case errors.Is(err, goredis.Nil) && known == "":
		err = nil
	case errors.Is(err, goredis.Nil):
		err = store.ErrEmptied
	case err != nil:
		err = unreachable(err)
	case id != known:
		err = store.ErrReplaced
	}
	s.o.Observe("probe", err, time.Since(began))
	s.breaker.note(err)
}
