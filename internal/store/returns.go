package store

import (
	"context"
	"crypto/cipher"
	"time"
)

// returned is where signers come back to: a value that only its user can read.
type returned struct {
	Value []byte    `json:"value"`
	Until time.Time `json:"until"`
}

const maxReturned = 32 << 10

// Returns are the addresses to which browsers of signers go on.
type Returns struct {
	core    *core
	entries *table[returned]
}

// Returns are where signers come back to.
func (s *Store) Returns() *Returns { return s.returns }

// Cipher seals what is told of them.
func (r *Returns) Cipher() (cipher.AEAD, error) { return r.core.keys.cipher("return addresses", true) }

// Put keeps a value until then, or longer if it is already. With Options.MaxReturns others in their time it is ErrFull.
// It is durable when Put returns.
func (r *Returns) Put(_ context.Context, key string, value []byte, until time.Time) (err error) {
	defer wrap(&err, "keep return address")
	if key == "" || len(key) > maxText || len(value) > maxReturned {
		return ErrSize
	}
	r.core.writing.Lock()
	defer r.core.writing.Unlock()
	known, ok := r.entries.get(key)
	if ok && !known.Until.Before(until) {
		return nil
	}
	var changes []Change
	if !ok && r.entries.len() >= r.core.o.MaxReturns {
		now := r.core.o.Now()
		for old := range r.entries.all(func(old returned) bool { return !now.Before(old.Until) }) {
			changes = append(changes, r.entries.drop(old))
		}
		if len(changes) == 0 {
			return ErrFull
		}
	}
	// Twice as long as asked: the next one to ask for the same need not write.
	until = until.Add(until.Sub(r.core.o.Now()))
	return r.core.commit(append(changes, r.entries.put(key, returned{value, until}))...)
}

// Get gives a value whose time is not over. A store that replicas share is asked for what memory does not know; the
// error is that it is away, a *call.Error.
func (r *Returns) Get(ctx context.Context, key string) (value []byte, ok bool, err error) {
	kept, ok := r.entries.get(key)
	if !ok && r.core.feed != nil {
		kept, ok, err = ask(ctx, r.core, r.entries, key)
		wrap(&err, "find return address")
	}
	return kept.Value, ok && r.core.o.Now().Before(kept.Until), err
}
