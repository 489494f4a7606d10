package store

import (
	"context"
	"errors"
	"fmt"

	"docusign-auth-proxy/internal/lease"
)

// What errors.Is finds in the errors of a store that replicas share.
var (
	ErrUnreachable = errors.New("the store of all replicas cannot be reached")
	ErrGap         = errors.New("the feed of changes no longer has what comes next")
	ErrBusy        = lease.ErrBusy
	// ErrEmptied and ErrReplaced: the server lost all, or is another one. Nothing of it is believed.
	ErrEmptied  = errors.New("the store that was full is empty")
	ErrReplaced = errors.New("another store stands in the place of the one before")
)

// Mark is a place in the feed of changes. Those of one store can be compared; zero is before the first.
type Mark struct{ Time, Number uint64 }

// Before reports whether m comes before o.
func (m Mark) Before(o Mark) bool { return m.Time < o.Time || m.Time == o.Time && m.Number < o.Number }

func (m Mark) String() string { return fmt.Sprintf("%d-%d", m.Time, m.Number) }

// Shared is a Backend that other processes write too. Package storetest has its promises as tests.
type Shared interface {
	Backend
	// Connect finds the store. An error that is none of ErrUnreachable, ErrEmptied and ErrReplaced does not end by
	// itself: a wrong key, or a store that is not for this process.
	Connect(ctx context.Context) error
	// Get reads one record from the store itself.
	Get(ctx context.Context, bucket, key string) (value []byte, ok bool, err error)
	// End is the end of the feed: what is loaded after it was asked for holds all changes up to it.
	End(ctx context.Context) (Mark, error)
	// Follow calls apply for every commit after from, in order, those of this process too, until ctx ends or the feed
	// cannot be read. A change that a commit left out is not among them. Whenever the store has said that there is
	// nothing new, and at least every ten seconds, apply is called without changes and with the mark of before: so the
	// caller knows that it hears of everything. ErrGap: load everything again. Buckets that this version does not know
	// are passed on as they are.
	Follow(ctx context.Context, from Mark, apply func(changes []Change, at Mark)) error
}

// Lease is a turn among all who use the backend.
type Lease = lease.Lease
