package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"docusign-auth-proxy/translate/legacy"
)

// Pin is a user whose password was taken from its first use.
type Pin struct {
	Integration, Username string
	Hash                  string // bcrypt
	At                    time.Time
}

// pins holds the hash of the password first seen for a user. A pin never gives way to a newer one: whoever could push one
// out could then pin a password of his own.
type pins struct {
	mu        sync.RWMutex
	m         map[string]pin
	moved     []change // that bring pins of earlier versions to the keys of today
	forgotten atomic.Uint64
}

type pin struct {
	Integration string `json:"integration"`
	Username    string `json:"username"`
	Hash        string `json:"hash"`
	At          int64  `json:"at"` // Unix nanoseconds
}

// User names are e-mails, which do not differ by case (PROTOCOL.md §1.3).
func pinKey(integration, username string) string {
	return integration + "\x00" + legacy.Fold(username)
}

// Pin stores hash for the user unless one is stored, and returns the one that holds from then on. It is durable when
// Pin returns. With Options.MaxPins others stored it is ErrFull.
func (s *Store) Pin(integration, username, hash string) (pinned string, err error) {
	if username == "" || hash == "" || len(integration)+len(username) > maxText || len(hash) > maxText {
		return "", fmt.Errorf("pin password: %w", ErrSize)
	}
	key := pinKey(integration, username)
	s.writing.Lock()
	defer s.writing.Unlock()
	old, count, ok := s.pins.get(key)
	if ok {
		return old.Hash, nil
	}
	if count >= s.o.MaxPins {
		return "", fmt.Errorf("pin password: %w", ErrFull)
	}
	p := pin{integration, username, hash, s.o.Now().UnixNano()}
	if err := s.write(change{bucketPins, key, mustJSON(p)}); err != nil {
		return "", fmt.Errorf("pin password: %w", err)
	}
	s.pins.set(key, p)
	return hash, nil
}

// Pinned returns the pinned hash of a user. It touches no disk.
func (s *Store) Pinned(integration, username string) (hash string, ok bool) {
	p, _, ok := s.pins.get(pinKey(integration, username))
	return p.Hash, ok
}

// ForgetPins forgets the hashes that match, and returns them. With an error all are kept.
func (s *Store) ForgetPins(match func(Pin) bool) ([]Pin, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	var gone []Pin
	var changes []change
	for _, p := range s.Pins() {
		if match(p) {
			gone = append(gone, p)
			changes = append(changes, change{bucket: bucketPins, key: pinKey(p.Integration, p.Username)})
		}
	}
	if err := s.write(changes...); err != nil {
		return nil, fmt.Errorf("forget pins: %w", err)
	}
	s.pins.mu.Lock()
	defer s.pins.mu.Unlock()
	for _, c := range changes {
		delete(s.pins.m, c.key)
	}
	s.pins.forgotten.Add(uint64(len(gone))) // last: who sees it grow finds the hash gone
	return gone, nil
}

// Unpinned counts the hashes forgotten so far by this process.
func (s *Store) Unpinned() uint64 { return s.pins.forgotten.Load() }

// Pins lists the pinned users by integration and name.
func (s *Store) Pins() []Pin {
	s.pins.mu.RLock()
	defer s.pins.mu.RUnlock()
	list := make([]Pin, 0, len(s.pins.m))
	for _, p := range s.pins.m {
		list = append(list, Pin{p.Integration, p.Username, p.Hash, time.Unix(0, p.At)})
	}
	slices.SortFunc(list, func(a, b Pin) int {
		return cmp.Or(cmp.Compare(a.Integration, b.Integration), cmp.Compare(a.Username, b.Username))
	})
	return list
}

func (p *pins) get(key string) (found pin, count int, ok bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	found, ok = p.m[key]
	return found, len(p.m), ok
}

func (p *pins) set(key string, v pin) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.m[key] = v
}

func (p *pins) load(key string, value []byte) error {
	var v pin
	if err := json.Unmarshal(value, &v); err != nil {
		return err
	}
	now := pinKey(v.Integration, v.Username)
	if now != key {
		p.moved = append(p.moved, change{bucket: bucketPins, key: key}, change{bucketPins, now, slices.Clone(value)})
	}
	p.set(now, v)
	return nil
}
