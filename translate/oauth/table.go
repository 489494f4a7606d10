package oauth

import (
	"cmp"
	"hash/maphash"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const shards = 64

// table is a bounded map whose readers neither lock nor allocate: each shard is an immutable map that a writer replaces.
// When it is full the least recently used go, those with a fetch under way last.
type table[K comparable, V any] struct {
	limit  int
	busy   func(V) bool
	seed   maphash.Seed
	shards [shards]atomic.Pointer[map[K]*node[K, V]]
	mu     sync.Mutex // one writer at a time
	count  int
}

type node[K comparable, V any] struct {
	key  K
	val  V
	used atomic.Int64 // Unix seconds: so coarse that a busy node is written once a second
	gone atomic.Bool
}

func newTable[K comparable, V any](limit int, busy func(V) bool) *table[K, V] {
	return &table[K, V]{limit: limit, busy: busy, seed: maphash.MakeSeed()}
}

func (n *node[K, V]) touch(now time.Time) {
	if s := now.Unix(); n.used.Load() != s {
		n.used.Store(s)
	}
}

func (t *table[K, V]) shard(k K) *atomic.Pointer[map[K]*node[K, V]] {
	return &t.shards[maphash.Comparable(t.seed, k)%shards]
}

func (t *table[K, V]) find(k K) *node[K, V] {
	if m := t.shard(k).Load(); m != nil {
		return (*m)[k]
	}
	return nil
}

func (t *table[K, V]) findOrAdd(k K, now time.Time, build func(K) V) *node[K, V] {
	if n := t.find(k); n != nil {
		return n
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := t.find(k); n != nil {
		return n
	}
	if t.count >= t.limit {
		t.evict()
	}
	n := &node[K, V]{key: k, val: build(k)}
	n.touch(now)
	t.change(k, func(m map[K]*node[K, V]) { m[k] = n })
	t.count++
	return n
}

func (t *table[K, V]) remove(k K) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := t.find(k); n != nil {
		t.unlink(n)
	}
}

func (t *table[K, V]) each(visit func(K, V)) {
	for i := range t.shards {
		if m := t.shards[i].Load(); m != nil {
			for k, n := range *m {
				visit(k, n.val)
			}
		}
	}
}

func (t *table[K, V]) change(k K, edit func(map[K]*node[K, V])) {
	at := t.shard(k)
	m := make(map[K]*node[K, V])
	if old := at.Load(); old != nil {
		m = maps.Clone(*old)
	}
	edit(m)
	at.Store(&m)
}

func (t *table[K, V]) unlink(n *node[K, V]) {
	t.change(n.key, func(m map[K]*node[K, V]) { delete(m, n.key) })
	n.gone.Store(true)
	t.count--
}

// evict makes room, a little more than asked for so that a full table does not sort at every insertion.
func (t *table[K, V]) evict() {
	type candidate struct {
		n    *node[K, V]
		busy bool
		used int64
	}
	all := make([]candidate, 0, t.count)
	for i := range t.shards {
		if m := t.shards[i].Load(); m != nil {
			for _, n := range *m {
				all = append(all, candidate{n, t.busy(n.val), n.used.Load()})
			}
		}
	}
	slices.SortFunc(all, func(a, b candidate) int {
		if a.busy != b.busy {
			if a.busy {
				return 1
			}
			return -1
		}
		return cmp.Compare(a.used, b.used)
	})
	for _, c := range all[:min(len(all), 1+t.limit/64)] {
		t.unlink(c.n)
	}
}
