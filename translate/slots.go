package translate

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// slots bounds how much is done at a time. Free ones go by rank first, then to the clients in turn, so that no client
// can fill the queue for the others.
type slots struct {
	mu      sync.Mutex
	free    int
	resting int    // given back after a wrong password: for now only ranks that need no rest get them
	cutOff  int    // rests that one of those has cut short
	turn    uint64 // of the place that got a slot last
	waiting []*place
}

// rank says who is served first.
type rank uint8

const (
	provenHere  rank = iota // was right before, from the same address
	usualFresh              // from a usual address, for a user without recent failures
	usualSource             // from a usual address
	chosenFresh             // from a chosen address (see usual), for a user without recent failures
	chosenSource
)

func rankOf(client netip.Addr, fresh bool) rank {
	switch {
	case usual(client) && fresh:
		return usualFresh
	case usual(client):
		return usualSource
	case fresh:
		return chosenFresh
	}
	return chosenSource
}

// rests reports whether the rank waits until a slot has rested.
func (r rank) rests() bool { return r > usualFresh }

// place is one place in the queue for a slot, or a slot.
type place struct {
	client netip.Addr
	rank   rank
	turn   uint64        // the lowest is next: one more than the client's one before it
	ready  chan struct{} // closed when it is a slot
	since  time.Time     // when it became one, zero until then
}

func newSlots(n int) *slots { return &slots{free: n} }

// join takes a place. It must be left.
func (s *slots) join(client netip.Addr, r rank) *place {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &place{client: client, rank: r, turn: s.turn, ready: make(chan struct{})}
	for _, o := range s.waiting {
		if o.client == client {
			p.turn = max(p.turn, o.turn)
		}
	}
	p.turn++
	s.waiting = append(s.waiting, p)
	s.serve()
	return p
}

// wait waits until the place is a slot; the error is ctx's.
func (p *place) wait(ctx context.Context) error {
	select {
	case <-p.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leave gives the place up. A slot goes to the next in line after rest, or before it to a rank that needs none.
func (s *slots) leave(p *place, rest time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.since.IsZero() {
		s.drop(p)
		return
	}
	if rest <= 0 {
		s.free++
	} else {
		s.resting++
		time.AfterFunc(rest, s.rested)
	}
	s.serve()
}

func (s *slots) rested() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cutOff > 0 {
		s.cutOff--
		return
	}
	s.resting--
	s.free++
	s.serve()
}

func (s *slots) serve() {
	for len(s.waiting) > 0 && s.free+s.resting > 0 {
		p := slices.MinFunc(s.waiting, (*place).compare)
		switch {
		case s.free > 0:
			s.free--
		case p.rank.rests():
			return
		default:
			s.resting--
			s.cutOff++
		}
		s.turn = max(s.turn, p.turn)
		s.drop(p)
		p.since = time.Now()
		close(p.ready)
	}
}

func (s *slots) drop(p *place) {
	s.waiting = slices.DeleteFunc(s.waiting, func(o *place) bool { return o == p })
}

func (p *place) compare(o *place) int {
	return cmp.Or(cmp.Compare(p.rank, o.rank), cmp.Compare(p.turn, o.turn))
}
