package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// SendEvery is the time between two batches, and so what a replica can lose that ends without a word.
const SendEvery = 10 * time.Second

const maxBatch = 200 // rows

// sharing is what a ledger among replicas knows of the others, and what it has not told them.
type sharing struct {
	sights map[string]*sight // by kind
	outbox []Delta           // its first maxBatch are the batch to send next, the same until it was sent
	sent   uint64            // number of the last batch that was
	shed   uint64            // calls whose rows were given up, since the batches could not be sent
}

// Sharing says how a ledger stands to the other replicas. Its JSON is part of the operations listener's.
type Sharing struct {
	AsOf time.Time `json:"as_of,omitzero"` // when the counts of all replicas were read; zero = never
	// UnknownAsOf is the same for the callers that the configuration does not list, which are read less often.
	UnknownAsOf time.Time `json:"unknown_as_of,omitzero"`
	Unsent      uint64    `json:"ledger_unsent_calls"`
	// Shed are those of which it is lost whose they were; they are counted with their integration.
	Shed uint64 `json:"ledger_shed_calls"`
}

// Sharing tells how this ledger stands to the other replicas; nil = it is its own.
func (l *replica) Sharing() *Sharing {
	if l.o.Shared == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	sights := l.sharing.sights
	s := &Sharing{AsOf: sights[kindIntegration].at, UnknownAsOf: sights[kindUnknown].at, Shed: l.sharing.shed}
	for _, i := range l.integrations {
		s.Unsent += i.calls()
	}
	for _, d := range l.sharing.outbox {
		s.Unsent += d.calls()
	}
	return s
}

// calls are those that only the row of an integration counts.
func (d Delta) calls() (n uint64) {
	for _, s := range d.Steps {
		if d.Kind == kindIntegration && strings.HasPrefix(s.Field, callsOf) {
			n += uint64(s.Number)
		}
	}
	return n
}

// head is the batch to send next.
func (s *sharing) head() []Delta { return s.outbox[:min(maxBatch, len(s.outbox))] }

// unseen are the deltas that were taken and are not in a sight with this batch as its last.
func (s *sharing) unseen(kind string, batch uint64) (list []Delta) {
	from := 0
	if batch > s.sent { // the head came there, and its answer did not come back
		from = len(s.head())
	}
	for _, d := range s.outbox[from:] {
		if d.Kind == kind {
			list = append(list, d)
		}
	}
	return list
}

// send sends all there is, in batches. flushing is held.
func (l *replica) send() error {
	for {
		more, err := l.pack()
		if err != nil || !more {
			return err
		}
		l.mu.Lock()
		b := Batch{Number: l.sharing.sent + 1, Deltas: l.sharing.head(), Bounds: l.bounds()}
		l.mu.Unlock()
		if err := l.o.Shared.Merge(context.Background(), b); err != nil {
			return fmt.Errorf("send ledger: %w", err)
		}
		l.mu.Lock()
		l.sharing.took(b)
		l.mu.Unlock()
	}
}

// took moves a batch from what is to be sent to what was read.
func (s *sharing) took(b Batch) {
	for _, d := range b.Deltas {
		if seen := s.sights[d.Kind]; seen.batch < b.Number {
			_ = seen.merge(d) // made here, so it can be read
		}
	}
	s.outbox = slices.Clone(s.outbox[len(b.Deltas):])
	s.sent = b.Number
}

// pack fills the outbox, if it is empty, and reports whether there is something to send.
func (l *replica) pack() (more bool, err error) {
	if l.rehearsed() { // what was mended is told by the name of its row
		if err := l.read(kindRehearsal, l.sharing.sights[kindRehearsal]); err != nil {
			return false, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	out := &l.sharing.outbox
	if len(*out) > 0 {
		return true, nil
	}
	for _, i := range l.integrations {
		if len(*out) >= maxBatch {
			return true, nil
		}
		*out = append(*out, l.deltasOf(i)...)
		delete(l.integrations, i.Name)
	}
	for _, t := range [...]*table{&l.rows, &l.unknown} {
		for _, r := range t.rows {
			if len(*out) >= maxBatch {
				return true, nil
			}
			*out = append(*out, l.deltaOf(t, r))
			l.remove(t, r)
		}
	}
	return len(*out) > 0, nil
}

func (l *replica) rehearsed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, i := range l.integrations {
		if i.Rehearsals != nil {
			return true
		}
	}
	return false
}

func deltaOf(kind string, key any, merge ...func(*sheet)) Delta {
	var s sheet
	for _, m := range merge {
		m(&s)
	}
	return Delta{kind, nameOf(key), s.steps}
}

func (l *replica) deltaOf(t *table, r *row) Delta {
	c := *r
	return deltaOf(t.prefix, r.rowKey, c.merge)
}

// deltasOf gives what is to be told of an integration.
func (l *replica) deltasOf(i *integrationTally) []Delta {
	c, ok := i.copied().(*integrationTally)
	if !ok {
		return nil
	}
	list := []Delta{deltaOf(kindIntegration, dayKey{Integration: i.Name}, c.merge)}
	days := map[int64][]func(*sheet){}
	for n := range c.Hours {
		day := c.Hours[n][hourNumber] / hoursOfDay
		days[day] = append(days[day], c.Hours[n].merge)
	}
	for day, hours := range days {
		list = append(list, deltaOf(kindHours, dayKey{i.Name, day}, hours...))
	}
	if c.Rehearsals != nil {
		list = append(list, l.rehearsalDeltas(i.Name, c.Rehearsals)...)
	}
	return list
}

// rehearsalDeltas also tells of what other replicas saw fail and works now, and counts further users as one where there
// are many.
func (l *replica) rehearsalDeltas(name string, r *rehearsals) []Delta {
	keyOf := func(k badKey) caseKey { return caseKey{name, r.Config, k} }
	list := []Delta{deltaOf(kindRehearsal, keyOf(badKey{}), r.merge)}
	known := &rehearsals{}
	if old := rehearsalsFrom(r.Config, l.sharing.sights[kindRehearsal].groups[name]); old != nil {
		known = old
	}
	stands := map[badKey]bool{}
	for n := range known.Bad {
		b := &known.Bad[n]
		if stands[b.badKey] = !r.mends(b); !stands[b.badKey] {
			gone := func(s *sheet) { s.forget("") }
			list = append(list, deltaOf(kindRehearsal, keyOf(b.badKey), gone))
		} else if b.User == "" && b.Operation == "" && r.Good > 0 {
			further := badCase{badKey: b.badKey, Good: int(min(r.Good, mendedAfter))}
			list = append(list, deltaOf(kindRehearsal, keyOf(b.badKey), further.merge))
		}
	}
	for n := range r.Bad {
		b := &r.Bad[n]
		if !stands[b.badKey] && len(stands) >= maxRehearsed {
			b.badKey = badKey{Cause: b.Cause}
		}
		list = append(list, deltaOf(kindRehearsal, keyOf(b.badKey), b.merge))
	}
	return list
}
