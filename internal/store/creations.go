package store

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

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
	err = c.core.commit(append(changes, c.entries.put(e.Key(), e))...)
	if IsAway(err) && e.State != journal.Intended {
		// An outcome is known all the same, and the next flush writes it.
		c.entries.update(e.Key(), func(known *journal.Entry) bool { *known = e; return true })
	}
	return err
}

const (
	// turnLife is how long a turn outlives a process that was killed.
	turnLife = 30 * time.Second
	// turnPause is between two questions for a turn that somebody else has.
	turnPause = 100 * time.Millisecond
)

// Turn takes the turn at a message among the replicas that share the store, and keeps it until release is called. The
// journal has then what those wrote who had it before. waited: somebody else had it; without wait that is ErrBusy. The
// zero message is the turn at what was left open. In a process alone nobody else has it.
func (c *Creations) Turn(ctx context.Context, m journal.Message, wait bool) (release func(), waited bool, err error) {
	if c.core.feed == nil {
		return func() {}, false, nil
	}
	defer wrap(&err, "turn at a creation")
	name := "creation\x00" + m.Name()
	l, err := c.core.Lease(ctx, name, turnLife)
	for errors.Is(err, ErrBusy) && wait {
		waited = true
		select {
		case <-ctx.Done():
			return nil, true, ctx.Err()
		case <-time.After(turnPause/2 + rand.N(turnPause)):
		}
		l, err = c.core.Lease(ctx, name, turnLife)
	}
	if err != nil {
		return nil, waited, err
	}
	release = c.core.hold(l)
	if err := c.core.catchUp(ctx); err != nil {
		release()
		return nil, waited, err
	}
	return release, waited, nil
}

// hold keeps a lease of turnLife from ending, until release is called.
func (c *core) hold(l *Lease) (release func()) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(turnLife / 4)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			// While the store is away nobody can take it; what came of it is told by the next try.
			if _, err := l.Extend(ctx, turnLife); errors.Is(err, ErrBusy) {
				return
			}
		}
	}()
	return func() {
		stop()
		<-ended
		l.Release()
	}
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
