package store

import (
	"maps"
	"slices"

	"docusign-auth-proxy/translate/soaprest/journal"
)

// Creations is the journal of package soaprest. Entries go when they are over; in a full table the oldest of those
// whose outcome is known goes.
type Creations struct {
	core    *core
	entries *table[journal.Entry]
}

// Creations is the journal of creations.
func (s *Store) Creations() *Creations { return s.creations }

// Put writes an entry in place of the one with its key. It is durable when Put returns. When the outcome of none of
// Options.MaxCreations others is known, it is ErrFull.
func (c *Creations) Put(e journal.Entry) (err error) {
	defer wrap(&err, "write journal of creations")
	for _, text := range []string{
		e.TransactionID, e.Owner.Integration, e.Owner.Authenticator, e.Owner.Principal, e.EnvelopeID, e.Site,
	} {
		if len(text) > journal.MaxText {
			return ErrSize
		}
	}
	c.core.writing.Lock()
	defer c.core.writing.Unlock()
	changes, err := c.room(e.Key())
	if err != nil {
		return err
	}
	return c.core.commit(append(changes, c.entries.put(e.Key(), e))...)
}

// room drops what must go for the entry to come.
func (c *Creations) room(key string) (changes []Change, err error) {
	now := c.core.o.Now()
	for over := range c.entries.all(func(e journal.Entry) bool { return e.Over(now) }) {
		changes = append(changes, c.entries.drop(over))
	}
	surplus := c.entries.len() - len(changes) - c.core.o.MaxCreations + 1
	if _, known := c.entries.get(key); known || surplus <= 0 {
		return changes, nil
	}
	settled := c.entries.all(func(e journal.Entry) bool { return e.State != journal.Intended && !e.Over(now) })
	if len(settled) < surplus {
		return nil, ErrFull
	}
	for _, gone := range oldest(settled, len(settled)-surplus, func(e journal.Entry) int64 { return e.At.UnixNano() }) {
		changes = append(changes, c.entries.drop(gone))
	}
	return changes, nil
}

// Answered notes that the program was told the outcome. The next flush writes it; with a store that replicas share that
// is at once, since the program's next message may come to another one.
func (c *Creations) Answered(key string) {
	c.entries.update(key, func(e *journal.Entry) bool {
		e.Answered = true
		return true
	})
	if c.core.feed == nil {
		return
	}
	select {
	case c.core.hurry <- struct{}{}:
	default: // it flushes soon anyway
	}
}

// bothAnswered is the entry that came, of which one of the two says that the program was told.
func bothAnswered(known, came journal.Entry) journal.Entry {
	came.Answered = came.Answered || known.Answered
	return came
}

// Find gives the entries that match, the latest first.
func (c *Creations) Find(match func(journal.Entry) bool) []journal.Entry {
	now := c.core.o.Now()
	found := c.entries.all(func(e journal.Entry) bool { return !e.Over(now) && match(e) })
	return slices.SortedFunc(maps.Values(found), func(a, b journal.Entry) int { return b.At.Compare(a.At) })
}
