package store

import (
	"bytes"
	"context"
	"sync"
)

// Backend keeps the records of a Store. It never sees a secret in clear, and it alone decides where they lie.
// Package storetest has the tests that every backend passes.
type Backend interface {
	// Load calls add for every record of a bucket. The value is add's to keep; an error of add ends it.
	Load(ctx context.Context, bucket string, add func(key string, value []byte) error) error
	// Commit applies all changes or none, and they are durable when it returns. ErrConflict: a condition failed.
	// A change whose outcome is already there counts as applied, so that a Commit may be repeated.
	Commit(ctx context.Context, changes []Change) error
	Close() error
}

// Change puts a value, or deletes the key when Value is nil.
type Change struct {
	Bucket, Key string
	Value       []byte
	If          Condition
}

// Condition says when a Change may be applied.
type Condition uint8

// The conditions there are.
const (
	Always Condition = iota
	Absent           // only if the key has no value, or this one
)

// holds tells whether the condition lets c follow the value there is, nil for none.
func (c Change) holds(old []byte) bool {
	return c.If == Always || old == nil || bytes.Equal(old, c.Value)
}

// memory is the backend of a store without a file.
type memory struct {
	mu      sync.Mutex
	records map[place][]byte
}

type place struct{ bucket, key string }

func newMemory() *memory { return &memory{records: map[place][]byte{}} }

func (m *memory) Commit(_ context.Context, changes []Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range changes {
		if !c.holds(m.records[place{c.Bucket, c.Key}]) {
			return ErrConflict
		}
	}
	for _, c := range changes {
		if c.Value == nil {
			delete(m.records, place{c.Bucket, c.Key})
		} else {
			m.records[place{c.Bucket, c.Key}] = bytes.Clone(c.Value)
		}
	}
	return nil
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
