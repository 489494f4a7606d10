package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// table keeps the records of one bucket in memory. Look-ups ask it alone. A change comes through core.commit when it
// has to be durable at once; else it is made by update or set, and the next flush writes it.
type table[V any] struct {
	bucket string

	mu   sync.RWMutex
	m    map[string]*V
	late map[string]struct{} // keys that the next flush puts, or deletes if they are no longer in m
}

// newTable makes the table of a bucket: its records are bytes as they are, or plain structs of texts and numbers.
func newTable[V any](c *core, bucket string) *table[V] {
	t := &table[V]{bucket: bucket, m: map[string]*V{}, late: map[string]struct{}{}}
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

// apply follows what the backend has: a record that was loaded or committed.
func (t *table[V]) apply(c Change) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.Value == nil {
		delete(t.m, c.Key)
		return nil
	}
	v := new(V)
	if raw, ok := any(v).(*[]byte); ok {
		*raw = c.Value
	} else if err := json.Unmarshal(c.Value, v); err != nil {
		return fmt.Errorf("%w: a record in %s: %w", ErrCorrupt, t.bucket, err)
	}
	t.m[c.Key] = v
	return nil
}

func (t *table[V]) get(key string) (v V, ok bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if p := t.m[key]; p != nil {
		return *p, true
	}
	return v, false
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

func (t *table[V]) len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.m)
}

// update changes a record that is there. It allocates nothing once the key waits for the flush.
func (t *table[V]) update(key string, change func(V) V) (v V, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.m[key]
	if p == nil {
		return v, false
	}
	*p = change(*p)
	if _, waits := t.late[key]; !waits {
		t.late[strings.Clone(key)] = struct{}{}
	}
	return *p, true
}

// set puts a record. In a full table the oldest sixteenth goes, so that a flood of keys does not sort it for each.
func (t *table[V]) set(key string, v V, bound int, age func(V) int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.m[key]; !known && len(t.m) >= bound {
		for _, gone := range oldest(t.m, bound-1-bound/16, func(p *V) int64 { return age(*p) }) {
			delete(t.m, gone)
			t.late[gone] = struct{}{}
		}
	}
	t.m[key] = &v
	t.late[key] = struct{}{}
}

// take gives what a flush has to write; retry has it written by the next one.
func (t *table[V]) take() []Change {
	t.mu.Lock()
	defer t.mu.Unlock()
	var changes []Change
	for key := range t.late {
		c := t.drop(key)
		if v, ok := t.m[key]; ok {
			c = t.put(key, *v)
		}
		changes = append(changes, c)
	}
	clear(t.late)
	return changes
}

func (t *table[V]) retry(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.late[key] = struct{}{}
}

// oldest gives the keys that must go, the oldest first, to leave keep of them.
func oldest[V any](m map[string]V, keep int, age func(V) int64) []string {
	if len(m) <= keep {
		return nil
	}
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(cmp.Compare(age(m[a]), age(m[b])), cmp.Compare(a, b)) })
	return keys[:len(keys)-max(keep, 0)]
}
