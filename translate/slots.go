package translate

import (
	"context"
	"net/netip"
	"slices"
	"sync"
)

// slots bounds how many slow hashes are run at a time. Free ones go to users without recent failures first, then to the
// clients in turn, so that no client can fill the queue for the others.
type slots struct {
	mu      sync.Mutex
	free    int
	turn    uint64 // of the waiter that got a slot last
	waiting []*slotWaiter
}

type slotWaiter struct {
	client netip.Addr
	fresh  bool
	turn   uint64        // the lowest is next: one more than the client's one before it
	ready  chan struct{} // closed when the slot is this one's
}

func newSlots(n int) *slots { return &slots{free: n} }

// acquire waits for a slot; the error is ctx's.
func (s *slots) acquire(ctx context.Context, client netip.Addr, fresh bool) error {
	s.mu.Lock()
	if s.free > 0 {
		s.free--
		s.mu.Unlock()
		return nil
	}
	w := &slotWaiter{client: client, fresh: fresh, turn: s.turn, ready: make(chan struct{})}
	for _, o := range s.waiting {
		if o.client == client {
			w.turn = max(w.turn, o.turn)
		}
	}
	w.turn++
	s.waiting = append(s.waiting, w)
	s.mu.Unlock()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	i := slices.Index(s.waiting, w)
	if i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
	}
	s.mu.Unlock()
	if i < 0 { // the slot came at the same moment
		s.release()
	}
	return ctx.Err()
}

func (s *slots) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		s.free++
		return
	}
	next := 0
	for i, w := range s.waiting {
		if w.before(s.waiting[next]) {
			next = i
		}
	}
	w := s.waiting[next]
	s.turn = max(s.turn, w.turn)
	s.waiting = slices.Delete(s.waiting, next, next+1)
	close(w.ready)
}

func (w *slotWaiter) before(o *slotWaiter) bool {
	if w.fresh != o.fresh {
		return w.fresh
	}
	return w.turn < o.turn
}
