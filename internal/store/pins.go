package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"docusign-auth-proxy/translate/legacy"
)

// Pin is a user whose password was taken from its first use.
type Pin struct {
	Integration, Username string
	Hash                  string // bcrypt
	At                    time.Time
}

// pin is the record. It never gives way to a newer one: whoever could push one out could then pin a password of his
// own.
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
	defer wrap(&err, "pin password")
	if username == "" || hash == "" || len(integration)+len(username) > maxText || len(hash) > maxText {
		return "", ErrSize
	}
	key := pinKey(integration, username)
	s.writing.Lock()
	defer s.writing.Unlock()
	if old, ok := s.pins.get(key); ok {
		return old.Hash, nil
	}
	if s.pins.len() >= s.o.MaxPins {
		return "", ErrFull
	}
	c := s.pins.put(key, pin{integration, username, hash, s.o.Now().UnixNano()})
	c.If = Absent
	err = s.commit(c)
	if s.feed != nil && errors.Is(err, ErrConflict) { // another replica was quicker
		old, _, err := ask(context.Background(), s.core, s.pins, key)
		return old.Hash, err
	}
	if err != nil {
		return "", err
	}
	return hash, nil
}

// Pinned returns the pinned hash of a user. It touches no disk. The error is that a store that replicas share is away,
// and for so long that nothing is known, a *call.Error.
func (s *Store) Pinned(integration, username string) (hash string, ok bool, err error) {
	p, ok := s.pins.get(pinKey(integration, username))
	if !s.isFresh() {
		err = ErrUnreachable
		wrap(&err, "pinned password")
		return "", false, err
	}
	return p.Hash, ok, nil
}

// ForgetPins forgets the hashes that match, and returns them. With an error all are kept.
func (s *Store) ForgetPins(match func(Pin) bool) (_ []Pin, err error) {
	defer wrap(&err, "forget pins")
	if err := s.catchUp(context.Background()); err != nil {
		return nil, err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	gone := slices.DeleteFunc(s.Pins(), func(p Pin) bool { return !match(p) })
	var changes []Change
	for _, p := range gone {
		changes = append(changes, s.pins.drop(pinKey(p.Integration, p.Username)))
	}
	if err := s.commit(changes...); err != nil {
		return nil, err
	}
	s.forgotten.Add(uint64(len(gone))) // last: who sees it grow finds the hash gone
	return gone, nil
}

// Unpinned grows with each hash that is forgotten, and whenever one may have been.
func (s *Store) Unpinned() uint64 { return s.forgotten.Load() }

// Pins lists the pinned users by integration and name.
func (s *Store) Pins() []Pin {
	list := []Pin{}
	for _, p := range s.pins.all(nil) {
		list = append(list, Pin{p.Integration, p.Username, p.Hash, time.Unix(0, p.At)})
	}
	slices.SortFunc(list, func(a, b Pin) int {
		return cmp.Or(cmp.Compare(a.Integration, b.Integration), cmp.Compare(a.Username, b.Username))
	})
	return list
}

// foldPins brings the pins of earlier versions to the keys of today.
func (s *Store) foldPins() error {
	var changes []Change
	for key, p := range s.pins.all(nil) {
		if today := pinKey(p.Integration, p.Username); today != key {
			changes = append(changes, s.pins.drop(key), s.pins.put(today, p))
		}
	}
	return s.commit(changes...)
}
