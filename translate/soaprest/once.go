package soaprest

import (
	"context"
	"errors"
	"sync"

	"docusign-auth-proxy/translate/soaprest/journal"
)

// errAgain means that an outcome is none for those who waited for it: they have to look for themselves.
var errAgain = errors.New("whoever was asked for it has gone")

// onces lets those who come with the same message wait for the one who came first (SOAP-REST.md §6.2). It holds no more
// than there are calls under way.
type onces struct {
	mu   sync.Mutex
	open map[journal.Message]*once
}

// once is a message under way.
type once struct {
	done  chan struct{}
	entry journal.Entry
	err   error
}

// do calls f, unless a call for the same message is under way: then it gives the outcome of that one. Who waits leaves
// when ctx is done.
func (o *onces) do(
	ctx context.Context, m journal.Message, f func() (journal.Entry, error),
) (e journal.Entry, waited bool, err error) {
	for {
		mine := &once{done: make(chan struct{}), err: errAgain} // that of an f that panics
		o.mu.Lock()
		other := o.open[m]
		if other == nil {
			o.open[m] = mine
		}
		o.mu.Unlock()
		if other == nil {
			defer o.end(m, mine)
			mine.entry, mine.err = f()
			return mine.entry, false, mine.err
		}
		select {
		case <-ctx.Done():
			return journal.Entry{}, true, ctx.Err()
		case <-other.done:
		}
		if !errors.Is(other.err, errAgain) && !errors.Is(other.err, context.Canceled) {
			return other.entry, true, other.err
		}
	}
}

func (o *onces) end(m journal.Message, mine *once) {
	o.mu.Lock()
	delete(o.open, m)
	o.mu.Unlock()
	close(mine.done)
}
