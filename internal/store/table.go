package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"sync"
)

// table keeps the records of one bucket in memory. Look-ups ask it alone. A change comes through core.commit when it
// has to be durable at once; else it is made by update or set, and the next flush writes it. With a store that
// replicas share it also follows the feed of changes.
type table[V any] struct {
	bucket string
	// merge is what a record becomes that the feed brings while a change of this process waits for the flush; nil =
	// none ever waits.
	merge func(known, came V) V
	// group gives what records are looked up by beside their keys; nil = by keys alone.
	group func(V) uint64

	mu     sync.RWMutex
	m      map[string]*V
	groups map[uint64][]string
	late   map[string]Condition // keys that the next flush puts, or deletes if they are no longer in m
	fresh  map[string]*V        // what was read so far of all, while all is read anew
}

// newTable makes the table of a bucket: its records are bytes as they are, or plain structs of texts and numbers.
func newTable[V any](c *core, bucket string) *table[V] {
	t := &table[V]{bucket: bucket, m: map[string]*V{}, groups: map[uint64][]string{}, late: map[string]Condition{}}
	c.tables[bucket] = t
	return t
}

func (t *table[V]) put(key string, v V) Change {
	value, raw := any(v).([]byte)
	if !raw {
		var err error
		if value, err = json.Marshal(v); err != nil {
			panic(err) // such structs cannot fail to be encoded
		}
	}
	return Change{Bucket: t.bucket, Key: key, Value: value}
}

func (t *table[V]) drop(key string) Change { return Change{Bucket: t.bucket, Key: key} }

// parse reads what put has written.
func (t *table[V]) parse(value []byte) (*V, error) {
	v := new(V)
	if raw, ok := any(v).(*[]byte); ok {
		*raw = value
	} else if err := json.Unmarshal(value, v); err != nil {
		return nil, fmt.Errorf("%w: a record in %s: %w", ErrCorrupt, t.bucket, err)
	}
	return v, nil
}

// apply follows what this process has loaded or committed.
func (t *table[V]) apply(c Change) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.Value == nil {
		t.forget(c.Key)
		return nil
	}
	v, err := t.parse(c.Value)
	if err == nil {
		t.keep(c.Key, v)
	}
	return err
}

// follow applies a change of any replica, as the feed brings it.
func (t *table[V]) follow(c Change) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.Value == nil {
		t.forget(c.Key)
		delete(t.late, c.Key)
		return nil
	}
	v, err := t.parse(c.Value)
	if err == nil {
		t.keep(c.Key, t.merged(c.Key, v))
	}
	return err
}

// merged is a record that came, with the change of this process that waits for the flush.
func (t *table[V]) merged(key string, came *V) *V {
	known := t.m[key]
	if _, waits := t.late[key]; !waits || known == nil {
		return came
	}
	v := t.merge(*known, *came)
	return &v
}

// keep and forget are called with mu held.
func (t *table[V]) keep(key string, v *V) {
	t.forget(key)
	t.m[key] = v
	t.enter(key, v)
}

func (t *table[V]) enter(key string, v *V) {
	if t.group != nil {
		t.groups[t.group(*v)] = append(t.groups[t.group(*v)], key)
	}
}

func (t *table[V]) forget(key string) {
	v := t.m[key]
	delete(t.m, key)
	if v == nil || t.group == nil {
		return
	}
	g := t.group(*v)
	if t.groups[g] = slices.DeleteFunc(t.groups[g], func(k string) bool { return k == key }); len(t.groups[g]) == 0 {
		delete(t.groups, g)
	}
}

// begin, load and swap read all records anew, while look-ups go on with those of before.
func (t *table[V]) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fresh = map[string]*V{}
}

func (t *table[V]) load(c Change) error {
	v, err := t.parse(c.Value)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.fresh[c.Key] = v
	}
	return err
}

// swap puts what was loaded in force. What waits for the flush stays, and so do own changes that may be newer than
// what was loaded.
func (t *table[V]) swap(own func(key string) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, v := range t.m {
		condition, waits := t.late[key]
		came := t.fresh[key]
		switch {
		case own(key):
			t.fresh[key] = v
		case waits && came != nil:
			t.fresh[key] = t.merged(key, came)
		case waits && condition == Present: // it is gone
			delete(t.late, key)
		case waits:
			t.fresh[key] = v
		}
	}
	for key := range t.fresh {
		if own(key) && t.m[key] == nil {
			delete(t.fresh, key)
		}
	}
	t.m, t.fresh = t.fresh, nil
	clear(t.groups)
	for key, v := range t.m {
		t.enter(key, v)
	}
}

func (t *table[V]) get(key string) (v V, ok bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if p := t.m[key]; p != nil {
		return *p, true
	}
	return v, false
}

// dump gives every record as a change that puts it.
func (t *table[V]) dump() (list []Change) {
	for key, v := range t.all(nil) {
		list = append(list, t.put(key, v))
	}
	return list
}

// all is a copy of the records that match; nil matches all.
func (t *table[V]) all(match func(V) bool) map[string]V {
	t.mu.RLock()
	defer t.mu.RUnlock()
	found := map[string]V{}
	for key, v := range t.m {
		if match == nil || match(*v) {
			found[key] = *v
		}
	}
	return found
}

// among is all, but looks at the records of one group alone.
func (t *table[V]) among(group uint64, match func(V) bool) map[string]V {
	t.mu.RLock()
	defer t.mu.RUnlock()
	found := map[string]V{}
	for _, key := range t.groups[group] {
		if v := *t.m[key]; match(v) {
			found[key] = v
		}
	}
	return found
}

func (t *table[V]) len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.m)
}

// update changes a record that is there; change reports whether it did. It must not change its group. It allocates
// nothing once the key waits for the flush.
func (t *table[V]) update(key string, change func(*V) bool) (v V, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.m[key]
	if p == nil {
		return v, false
	}
	if change(p) {
		if _, waits := t.late[key]; !waits {
			t.late[strings.Clone(key)] = Present
		}
	}
	return *p, true
}

// set puts a record. In a full table the oldest sixteenth goes, so that a flood of keys does not sort it for each.
func (t *table[V]) set(key string, v V, bound int, age func(V) int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.m[key]; !known && len(t.m) >= bound {
		for _, gone := range oldest(t.m, bound-1-bound/16, func(p *V) int64 { return age(*p) }) {
			t.forget(gone)
			t.late[gone] = Always
		}
	}
	t.keep(key, &v)
	t.late[key] = Always
}

// take gives what a flush has to write; retry has it written by the next one.
func (t *table[V]) take() []Change {
	t.mu.Lock()
	defer t.mu.Unlock()
	var changes []Change
	for key, condition := range t.late {
		v, ok := t.m[key]
		if !ok && condition == Present {
			continue
		}
		c := t.drop(key)
		if ok {
			c = t.put(key, *v)
		}
		c.If = condition
		changes = append(changes, c)
	}
	clear(t.late)
	return changes
}

func (t *table[V]) retry(c Change) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, waits := t.late[c.Key]; !waits {
		t.late[c.Key] = c.If
	}
}

// grouping makes what records are grouped by of what they have in common.
func grouping[V any, K comparable](of func(V) K) func(V) uint64 {
	seed := maphash.MakeSeed()
	return func(v V) uint64 { return maphash.Comparable(seed, of(v)) }
}

// oldest gives the keys that must go, the oldest first, to leave keep of them.
func oldest[V any](m map[string]V, keep int, age func(V) int64) []string {
	if len(m) <= keep {
		return nil
	}
	keys := slices.AppendSeq(make([]string, 0, len(m)), maps.Keys(m))
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(cmp.Compare(age(m[a]), age(m[b])), cmp.Compare(a, b)) })
	return keys[:len(keys)-max(keep, 0)]
}
