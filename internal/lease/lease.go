// Package lease is the turn that one of several has at a piece of work. It must never give the same turn to two at a
// time within a process; between processes that is for the store that they share.
// The backends of package store give turns, translate/oauth and translate/soaprest take them.
package lease

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ErrBusy means that somebody else has the turn.
var ErrBusy = errors.New("somebody else has the lease")

// Lease is a turn. It ends by itself: what must not be done twice is also guarded by a condition of what is written.
type Lease struct {
	Until time.Time // by this process's monotonic clock
	// Extend takes it for life from now on. ErrBusy: it ended meanwhile, and somebody else took it.
	Extend func(ctx context.Context, life time.Duration) (until time.Time, err error)
	// Release gives it back. A second call does nothing, and one that comes too late takes it from nobody.
	Release func()
}

// OfRefresh is the name of the turn at the refresh token of that name.
func OfRefresh(name string) string { return "refresh " + name }

// Local gives turns among those of this process. The zero value is ready for use.
type Local struct {
	mu   sync.Mutex
	held map[string]*turn
}

type turn struct{ until time.Time }

// Lease takes the turn of that name for at most life. ErrBusy: somebody else has it.
func (l *Local) Lease(_ context.Context, name string, life time.Duration) (*Lease, error) {
	mine := &turn{}
	until, err := l.take(name, mine, life)
	if err != nil {
		return nil, err
	}
	return &Lease{
		Until:   until,
		Extend:  func(_ context.Context, life time.Duration) (time.Time, error) { return l.take(name, mine, life) },
		Release: func() { l.release(name, mine) },
	}, nil
}

func (l *Local) take(name string, mine *turn, life time.Duration) (until time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if other := l.held[name]; other != nil && other != mine && now.Before(other.until) {
		return until, ErrBusy
	}
	if l.held == nil {
		l.held = map[string]*turn{}
	}
	mine.until = now.Add(life)
	l.held[name] = mine
	return mine.until, nil
}

func (l *Local) release(name string, mine *turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[name] == mine {
		delete(l.held, name)
	}
}
