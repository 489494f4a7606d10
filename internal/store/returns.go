package store

import (
	"context"
	"time"
)

// returned is where signers come back to: a value that only its user can read.
type returned struct {
	Value []byte    `json:"value"`
	Until time.Time `json:"until"`
}

const maxReturned = 32 << 10

// ReturnKey is the key that the addresses for signers are sealed with.
func (s *Store) ReturnKey() ([]byte, error) { return s.keys.key("return addresses", true) }

// PutReturn keeps a value until then, or longer if it is already. With Options.MaxReturns others in their time it is
// ErrFull. It is durable when PutReturn returns.
func (s *Store) PutReturn(_ context.Context, key string, value []byte, until time.Time) (err error) {
	defer wrap(&err, "keep return address")
	if key == "" || len(key) > maxText || len(value) > maxReturned {
		return ErrSize
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	known, ok := s.returns.get(key)
	if ok && !known.Until.Before(until) {
		return nil
	}
	var changes []Change
	if !ok && s.returns.len() >= s.o.MaxReturns {
		now := s.o.Now()
		for old := range s.returns.all(func(r returned) bool { return !now.Before(r.Until) }) {
			changes = append(changes, s.returns.drop(old))
		}
		if len(changes) == 0 {
			return ErrFull
		}
	}
	// Twice as long as asked: the next one to ask for the same need not write.
	until = until.Add(until.Sub(s.o.Now()))
	return s.commit(append(changes, s.returns.put(key, returned{value, until}))...)
}

// Return gives a value whose time is not over.
func (s *Store) Return(key string) (value []byte, ok bool) {
	r, ok := s.returns.get(key)
	return r.Value, ok && s.o.Now().Before(r.Until)
}
