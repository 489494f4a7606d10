// Package cache holds a bounded number of values for a bounded time.
// It must never grow beyond its bound, hand out a value past its life, or look at any clock but the one it was given.
// Whoever keeps something for later in memory uses it: tokens, look-ups, proofs, sites, leaf certificates.
package cache

import (
	"cmp"
	"container/list"
	"iter"
	"sync"
	"time"
)

// Cache is a map of at most max entries. When it is full, the entry that was not used for the longest time goes.
// It is safe for concurrent use.
type Cache[K comparable, V any] struct {
	max  int
	life time.Duration
	now  func() time.Time
	busy func(V) bool // may be nil

	mu      sync.Mutex
	entries map[K]*list.Element // of *entry
	recent  *list.List          // front: used last
}

type entry[K comparable, V any] struct {
	key   K
	value V
	until time.Time // zero: for ever
}

// New makes a cache of at least one entry. A life of 0 is without end; then now may be nil. With a negative life
// nothing is kept.
func New[K comparable, V any](most int, life time.Duration, now func() time.Time) *Cache[K, V] {
	return &Cache[K, V]{max: max(1, most), life: life, now: now, entries: map[K]*list.Element{}, recent: list.New()}
}

// Spare has the values that are busy go last when there is no room. Call it before the cache is used.
func (c *Cache[K, V]) Spare(busy func(V) bool) *Cache[K, V] {
	c.busy = busy
	return c
}

// Get returns the value of a key and counts as a use.
func (c *Cache[K, V]) Get(key K) (value V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.live(key); e != nil {
		return e.value, true
	}
	return value, false
}

// Put sets the value of a key, with a new life.
func (c *Cache[K, V]) Put(key K, value V) {
	if c.life < 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.live(key)
	if e == nil {
		e = c.add(key)
	}
	e.value, e.until = value, c.end()
}

// GetOrAdd returns the value of a key, and makes it if there is none. create runs under the lock: it must be quick, and
// not use the cache.
func (c *Cache[K, V]) GetOrAdd(key K, create func(K) V) V {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.live(key)
	if e == nil {
		e = c.add(key)
		e.value, e.until = create(key), c.end()
	}
	return e.value
}

// All goes through a copy of the live entries, the least recently used first. It does not count as a use.
func (c *Cache[K, V]) All() iter.Seq2[K, V] {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []entry[K, V]
	for at := c.recent.Back(); at != nil; at = at.Prev() {
		if e := at.Value.(*entry[K, V]); !c.over(e) {
			all = append(all, *e)
		}
	}
	return func(yield func(K, V) bool) {
		for _, e := range all {
			if !yield(e.key, e.value) {
				return
			}
		}
	}
}

// Drop removes the entries whose keys match.
func (c *Cache[K, V]) Drop(match func(K) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, at := range c.entries {
		if match(key) {
			c.remove(at)
		}
	}
}

// Len is the number of entries, those whose life is over included.
func (c *Cache[K, V]) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.recent.Len()
}

func (c *Cache[K, V]) live(key K) *entry[K, V] {
	at := c.entries[key]
	if at == nil {
		return nil
	}
	e := at.Value.(*entry[K, V])
	if c.over(e) {
		c.remove(at)
		return nil
	}
	c.recent.MoveToFront(at)
	return e
}

func (c *Cache[K, V]) over(e *entry[K, V]) bool { return !e.until.IsZero() && !c.now().Before(e.until) }

func (c *Cache[K, V]) end() time.Time {
	if c.life == 0 {
		return time.Time{}
	}
	return c.now().Add(c.life)
}

func (c *Cache[K, V]) add(key K) *entry[K, V] {
	if c.recent.Len() >= c.max {
		victim := c.recent.Back()
		for c.busy != nil && victim != nil && c.busy(victim.Value.(*entry[K, V]).value) {
			victim = victim.Prev()
		}
		c.remove(cmp.Or(victim, c.recent.Back()))
	}
	e := &entry[K, V]{key: key}
	c.entries[key] = c.recent.PushFront(e)
	return e
}

func (c *Cache[K, V]) remove(at *list.Element) {
	delete(c.entries, at.Value.(*entry[K, V]).key)
	c.recent.Remove(at)
}
