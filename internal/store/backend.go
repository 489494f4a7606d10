package store

import (
	"bytes"
	"context"
	"sync"
	"time"

	"docusign-auth-proxy/internal/lease"
)

// Backend keeps the records of a Store. It never sees a secret in clear, and it alone decides where they lie.
// Package storetest has the tests that every backend passes.
type Backend interface {
	// Load calls add for every record of a bucket. The value is add's to keep; an error of add ends it.
	Load(ctx context.Context, bucket string, add func(key string, value []byte) error) error
	// Commit applies all changes or none, and they are durable when it returns. ErrConflict: a condition failed.
	// A change whose outcome is already there counts as applied, so that a Commit may be repeated.
	// The mark is its place in the feed of a Shared, else zero.
	Commit(ctx context.Context, changes []Change) (Mark, error)
	// Lease takes the turn of that name for at most life. ErrBusy: another has it.
	Lease(ctx context.Context, name string, life time.Duration) (*Lease, error)
	Close() error
}

// Change puts a value, or deletes the key when Value is nil.
type Change struct {
	Bucket, Key string
	Value       []byte
	If          Condition
	Was         []byte // with Unchanged: the value that the key still has to have
}

// Condition says when a Change may be applied.
type Condition uint8

// The conditions there are.
const (
	Always    Condition = iota
	Absent              // only if the key has no value, or this one
	Unchanged           // only if the key has the value Was, or already the one to come
	Present             // where the key has no value, this change is left out, and the others are made
)

// holds tells whether the condition lets c follow the value there is, nil for none.
func (c Change) holds(old []byte) bool {
	switch c.If {
	case Absent:
		return old == nil || bytes.Equal(old, c.Value)
	case Unchanged:
		return old != nil && (bytes.Equal(old, c.Was) || bytes.Equal(old, c.Value))
	}
	return true
}

// skips tells whether c is left out.
func (c Change) skips(old []byte) bool { return c.If == Present && old == nil }

// memory is the backend of a store without a file.
type memory struct {
	lease.Local
	mu      sync.Mutex
	records map[place][]byte
}

type place struct{ bucket, key string }

func newMemory() *memory { return &memory{records: map[place][]byte{}} }

func (m *memory) Commit(_ context.Context, changes []Change) (Mark, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range changes {
		if !c.holds(m.records[place{c.Bucket, c.Key}]) {
			return Mark{}, ErrConflict
		}
	}
	for _, c := range changes {
		if c.skips(m.records[place{c.Bucket, c.Key}]) {
			continue
		}
		if c.Value == nil {
			delete(m.records, place{c.Bucket, c.Key})
		} else {
			m.records[place{c.Bucket, c.Key}] = bytes.Clone(c.Value)
		}
	}
	return Mark{}, nil
}

func (m *memory) Load(_ context.Context, bucket string, add func(string, []byte) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for at, value := range m.records {
		if at.bucket != bucket {
			continue
		}
		if err := add(at.key, bytes.Clone(value)); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Close() error { return nil }
