package soaprest

import (
	"context"
	"sync"
)

// locks lets one change after the other be made to an envelope by a user (SOAP-REST.md §6.3). It holds no more than
// there are calls under way.
type locks struct {
	mu   sync.Mutex
	held map[place]*lock
}

type lock struct {
	free chan struct{} // holds one while nobody has the lock
	want int           // who have it or wait
}

// acquire waits until nobody else has the lock of p.
func (l *locks) acquire(ctx context.Context, p place) (release func(), err error) {
	l.mu.Lock()
	k := l.held[p]
	if k == nil {
		k = &lock{free: make(chan struct{}, 1)}
		k.free <- struct{}{}
		l.held[p] = k
	}
	k.want++
	l.mu.Unlock()
	select {
	case <-k.free:
		return func() { k.free <- struct{}{}; l.leave(p, k) }, nil
	case <-ctx.Done():
		l.leave(p, k)
		return nil, context.Cause(ctx)
	}
}

func (l *locks) leave(p place, k *lock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k.want--; k.want == 0 {
		delete(l.held, p)
	}
}
