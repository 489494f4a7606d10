package storetest

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"docusign-auth-proxy/internal/lease"
	"docusign-auth-proxy/internal/store"
)

// Memory is a store in memory that several processes could share. It is for the tests of what is built on one.
type Memory struct {
	leases lease.Local

	mu      sync.Mutex
	records map[place][]byte
	feed    []entry
	last    uint64        // mark of the last commit
	moved   chan struct{} // closed with the next commit or failure
}

type place struct{ bucket, key string }

type entry struct {
	at      uint64
	changes []store.Change
}

// NewMemory makes an empty one.
func NewMemory() *Memory { return &Memory{records: map[place][]byte{}, moved: make(chan struct{})} }

// Handle is how one process reaches a Memory.
type Handle struct {
	*Memory
	// Pause, if non-nil, is called before a commit returns and before a change comes by the feed.
	Pause func()

	err error // guarded by Memory.mu
}

// Open gives a handle, as another process would have one.
func (m *Memory) Open() *Handle { return &Handle{Memory: m} }

// Trim has the feed forget all that it has.
func (m *Memory) Trim() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.feed = nil
	m.wake()
}

// Cut has every question of this handle end with that error from now on; nil = no more.
func (h *Handle) Cut(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err = err
	h.wake()
}

func (m *Memory) wake() {
	close(m.moved)
	m.moved = make(chan struct{})
}

// Close does nothing: the records stay for the other handles.
func (h *Handle) Close() error { return nil }

// Connect is that of store.Shared.
func (h *Handle) Connect(context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

// End is that of store.Shared.
func (h *Handle) End(context.Context) (store.Mark, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return store.Mark{Number: h.last}, h.err
}

// Get is that of store.Shared.
func (h *Handle) Get(_ context.Context, bucket, key string) (value []byte, ok bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	value, ok = h.records[place{bucket, key}]
	return bytes.Clone(value), ok && h.err == nil, h.err
}

// Lease is that of store.Backend.
func (h *Handle) Lease(ctx context.Context, name string, life time.Duration) (*store.Lease, error) {
	if err := h.Connect(ctx); err != nil {
		return nil, err
	}
	l, err := h.leases.Lease(ctx, name, life)
	if err != nil {
		return nil, err
	}
	extend := l.Extend
	l.Extend = func(ctx context.Context, life time.Duration) (time.Time, error) {
		if err := h.Connect(ctx); err != nil {
			return time.Time{}, err
		}
		return extend(ctx, life)
	}
	return l, nil
}

// Load is that of store.Backend.
func (h *Handle) Load(_ context.Context, bucket string, add func(string, []byte) error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for at, value := range h.records {
		if at.bucket != bucket || h.err != nil {
			continue
		}
		if err := add(at.key, bytes.Clone(value)); err != nil {
			return err
		}
	}
	return h.err
}

// Commit is that of store.Backend.
func (h *Handle) Commit(_ context.Context, changes []store.Change) (store.Mark, error) {
	mark, err := h.commit(changes)
	if h.Pause != nil {
		h.Pause()
	}
	return mark, err
}

func (h *Handle) commit(changes []store.Change) (store.Mark, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err != nil {
		return store.Mark{}, h.err
	}
	for _, c := range changes {
		old := h.records[place{c.Bucket, c.Key}]
		done := old != nil && bytes.Equal(old, c.Value)
		if c.If == store.Absent && old != nil && !done ||
			c.If == store.Unchanged && !done && (old == nil || !bytes.Equal(old, c.Was)) {
			return store.Mark{}, store.ErrConflict
		}
	}
	made := entry{at: h.last + 1}
	for _, c := range changes {
		at := place{c.Bucket, c.Key}
		if c.If == store.Present && h.records[at] == nil {
			continue
		}
		c = store.Change{Bucket: c.Bucket, Key: c.Key, Value: bytes.Clone(c.Value)}
		if h.records[at] = c.Value; c.Value == nil {
			delete(h.records, at)
		}
		made.changes = append(made.changes, c)
	}
	if len(made.changes) > 0 {
		h.last = made.at
		h.feed = append(h.feed, made)
		h.wake()
	}
	return store.Mark{Number: h.last}, nil
}

// Follow is that of store.Shared.
func (h *Handle) Follow(ctx context.Context, from store.Mark, apply func([]store.Change, store.Mark)) error {
	for {
		next, moved, err := h.after(from)
		switch {
		case errors.Is(err, errNothing):
			apply(nil, from)
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-moved:
			}
			continue
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		}
		if h.Pause != nil {
			h.Pause()
		}
		from.Number = next.at
		apply(next.changes, from)
	}
}

var errNothing = errors.New("there is nothing new")

// after gives the commit that follows a mark, and what is closed when there may be one.
func (h *Handle) after(from store.Mark) (next entry, moved <-chan struct{}, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err != nil {
		return next, nil, h.err
	}
	if from.Number == h.last {
		return next, h.moved, errNothing
	}
	for _, e := range h.feed {
		if e.at == from.Number+1 {
			return e, nil, nil
		}
	}
	return next, nil, store.ErrGap
}
