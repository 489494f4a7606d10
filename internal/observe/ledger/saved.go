package ledger

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/shown"
)

// Keys of rows in the store begin with what they are.
const (
	rowPrefix         = "k"
	unknownPrefix     = "u"
	integrationPrefix = "i"
)

// savedVersion is the version of the JSON of rows and integrations.
const savedVersion = 1

// stored is a *row or an *integration.
type stored interface{ copied() stored }

func (r *row) copied() stored {
	c := *r
	c.Counts = maps.Clone(r.Counts)
	return &c
}

func (i *integrationTally) copied() stored {
	c := *i
	c.Counts, c.Hours, c.Operations = maps.Clone(i.Counts), slices.Clone(i.Hours), maps.Clone(i.Operations)
	if i.Rehearsals != nil {
		r := *i.Rehearsals
		r.Bad = slices.Clone(r.Bad)
		c.Rehearsals = &r
	}
	return &c
}

// Flush writes, or sends, what changed since the last one. What fails is tried again by the next.
func (l *Ledger) Flush() error {
	l.flushing.Lock()
	defer l.flushing.Unlock()
	if l.o.Shared != nil {
		return l.send()
	}
	if l.o.Store == nil {
		return nil
	}
	l.mu.Lock()
	changed := l.changed
	l.changed = map[string]stored{}
	copies, drop := map[string]stored{}, []string(nil)
	for key, s := range changed {
		if s == nil {
			drop = append(drop, key)
		} else {
			copies[key] = s.copied()
		}
	}
	l.mu.Unlock()
	if len(changed) == 0 {
		return nil
	}
	put := make(map[string][]byte, len(copies))
	for key, s := range copies {
		put[key], _ = json.Marshal(s) // texts and numbers always encode
	}
	err := l.o.Store.WriteLedger(put, drop)
	if err == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.Copy(changed, l.changed)
	l.changed = changed
	return fmt.Errorf("write ledger: %w", err)
}

// load reads integrations before rows, for a row belongs to one.
func (l *book) load() error {
	var rows []*row
	err := l.o.Store.LedgerRows(func(key string, value []byte) error {
		r, err := l.loadOne(key, value)
		if err != nil {
			l.o.OnError(fmt.Errorf("ledger: a row is left out: %w", err))
		} else if r != nil {
			rows = append(rows, r)
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(rows, func(a, b *row) int { return cmp.Compare(b.Last, a.Last) }) // the latest have the right of way
	for _, r := range rows {
		l.restore(r)
	}
	return nil
}

// tableOf gives the table of a row by its key in the store.
func (l *book) tableOf(key string) *table {
	if strings.HasPrefix(key, unknownPrefix) {
		return &l.unknown
	}
	return &l.rows
}

// loadOne gives a row, or nil for an integration.
func (l *book) loadOne(key string, value []byte) (*row, error) {
	if name, ok := strings.CutPrefix(key, integrationPrefix); ok {
		return nil, l.loadIntegration(name, value)
	}
	t := l.tableOf(key)
	number, err := strconv.ParseUint(strings.TrimPrefix(key, t.prefix), 16, 31)
	if err != nil || t.keyOf(uint32(number)) != key {
		return nil, errors.New("its key is not as it should be")
	}
	t.next = max(t.next, uint32(number)+1)
	r := &row{storeKey: key}
	if err := json.Unmarshal(value, r); err != nil {
		return nil, err
	}
	r.LastDoor, r.LastAPI = clean(r.LastDoor, maxName), clean(r.LastAPI, maxName)
	return r, r.check()
}

func (l *book) loadIntegration(name string, value []byte) error {
	i := &integrationTally{storeKey: integrationPrefix + name}
	if err := json.Unmarshal(value, i); err != nil {
		return err
	}
	if err := i.check(); err != nil {
		return err
	}
	if name != i.Name || clean(name, maxName) != name {
		return errors.New("its name is not its key")
	}
	l.integrations[name] = i
	if len(l.integrations) > l.o.MaxIntegrations {
		l.forgetOldest()
	}
	return nil
}

// check also cleans the texts again: a file can be edited.
func (t *tally) check() error {
	if t.Version != savedVersion {
		return fmt.Errorf("it has version %d, this program knows %d", t.Version, savedVersion)
	}
	if t.First <= 0 || t.Last < t.First || t.FailureAt < 0 {
		return errors.New("its times are wrong")
	}
	counts := map[string]uint64{}
	for name, n := range t.Counts {
		counts[outcomeName(call.Outcome(name))] += n
	}
	t.Counts = counts
	// Earlier versions kept the next step behind the error, and cut both together at 300 bytes.
	if before, next, ok := strings.Cut(t.Failure, " \u2192 "); ok {
		if len(t.Failure) < 297 {
			t.Next = cmp.Or(t.Next, next)
		}
		t.Failure = before
	}
	t.Failure, t.Client, t.Agent = clean(t.Failure, maxError), clean(t.Client, maxName), clean(t.Agent, maxAgent)
	t.Cause, t.Next = clean(t.Cause, maxName), clean(t.Next, maxError)
	return nil
}

func (i *integrationTally) check() error {
	if err := i.tally.check(); err != nil {
		return err
	}
	if min(i.Forwarded, i.Translated, i.Native, i.NativeSince, i.BearerRefused) < 0 || i.RecentCount < 0 ||
		i.RecentCount > FailingSample || i.RecentBits>>i.RecentCount != 0 {
		return errors.New("its numbers are wrong")
	}
	for _, h := range i.Hours {
		if h[hourNumber] <= 0 || slices.Min(h[1:]) < 0 || slices.Max(h[1:]) > 1<<32-1 {
			return errors.New("its hours are wrong")
		}
	}
	if err := i.Rehearsals.check(); err != nil {
		return err
	}
	// A later version may know more operations.
	maps.DeleteFunc(i.Operations, func(k operationKey, u used) bool { return !k.known() || u.Last <= 0 })
	slices.SortFunc(i.Hours, func(a, b hour) int { return cmp.Compare(a[hourNumber], b[hourNumber]) })
	i.Hours = slices.CompactFunc(i.Hours, func(a, b hour) bool { return a[hourNumber] == b[hourNumber] })
	i.Hours = slices.Clone(i.within(when(i.Last), hoursKept))
	return nil
}

// restore brings a row back, or gives its place free: when the bound is lower now, when its integration was dropped for
// a lower bound, or when another row has its key.
func (l *book) restore(r *row) {
	t := l.tableOf(r.storeKey)
	r.rowKey = r.rowKey.clean()
	if l.integrations[r.Integration] == nil && len(l.integrations) < l.o.MaxIntegrations {
		l.integration(r.Integration, r.First)
	}
	// An earlier version kept names as they came, among them secrets in the wrong field.
	hidden := t == &l.unknown && (shown.Key(r.Key) != r.Key || shown.Name(r.Authenticator) != r.Authenticator ||
		shown.Name(r.Principal) != r.Principal)
	if hidden || l.integrations[r.Integration] == nil || len(t.rows) >= t.max || t.rows[r.rowKey] != nil {
		l.release(t, r.storeKey)
		return
	}
	t.rows[r.rowKey] = r
}
