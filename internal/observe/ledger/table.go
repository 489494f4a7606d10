package ledger

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

const shards = 32

// rowKey tells rows apart. Unknown ones have no door nor API, so that a stranger fills one row and not a dozen.
type rowKey struct {
	integration, key, authenticator, principal, scheme, door, api string
}

// clean also copies the texts: they must not keep a request's buffers alive.
func (k rowKey) clean() rowKey {
	for _, s := range []*string{&k.integration, &k.key, &k.authenticator, &k.principal, &k.scheme, &k.door, &k.api} {
		*s = strings.Clone(clean(*s, maxName))
	}
	return k
}

// row is one line of the ledger.
type row struct {
	id          uint32
	key         rowKey
	integration *integration
	dirty       atomic.Bool // changed since the last flush

	mu   sync.Mutex
	gone bool // no longer in the table
	tally
}

// record reports false if the row has left its table meanwhile.
func (r *row) record(e *Event, at int64, outcome int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return false
	}
	r.add(e, at, outcome)
	mark(&r.dirty)
	return true
}

func (r *row) lastSeen() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// mark writes only if it must: a cache line that is only read stays with every core.
func mark(b *atomic.Bool) {
	if !b.Load() {
		b.Store(true)
	}
}

// table is a bounded set of rows. A row's id is its key in the store; ids of rows that went are used again, so that the
// store holds no more rows than the table, whatever comes by. All but find is called with Ledger.growing held.
type table struct {
	prefix string
	max    int
	shards [shards]struct {
		sync.RWMutex
		rows map[rowKey]*row
	}
	count int
	next  uint32              // the first id never used
	free  []uint32            // ids below next that no row has
	drop  map[uint32]struct{} // free ids that the store may still have
}

func newTable(prefix string, limit int) *table {
	t := &table{prefix: prefix, max: limit, drop: map[uint32]struct{}{}}
	for i := range t.shards {
		t.shards[i].rows = map[rowKey]*row{}
	}
	return t
}

func (t *table) find(shard int, key rowKey) *row {
	s := &t.shards[shard]
	s.RLock()
	defer s.RUnlock()
	return s.rows[key]
}

func (t *table) add(shard int, key rowKey, i *integration, at int64) *row {
	if t.count >= t.max {
		t.shed()
	}
	r := &row{id: t.takeID(), key: key, integration: i, tally: tally{first: at, last: at}}
	t.put(shard, r)
	return r
}

func (t *table) put(shard int, r *row) {
	s := &t.shards[shard]
	s.Lock()
	defer s.Unlock()
	s.rows[r.key] = r
	t.count++
}

func (t *table) takeID() uint32 {
	if n := len(t.free); n > 0 {
		id := t.free[n-1]
		t.free = t.free[:n-1]
		delete(t.drop, id)
		return id
	}
	t.next++
	return t.next - 1
}

func (t *table) reserve(id uint32) { t.next = max(t.next, id+1) }

func (t *table) release(id uint32) {
	t.free = append(t.free, id)
	t.drop[id] = struct{}{}
}

// shed removes the sixteenth not seen for longest, so that a flood of strangers does not sort the table for each.
func (t *table) shed() {
	ages := make([]int64, 0, t.count)
	t.each(func(r *row) { ages = append(ages, r.lastSeen()) })
	slices.Sort(ages)
	limit := ages[t.max/16]
	surplus := t.max/16 + 1
	t.removeIf(func(r *row) bool {
		old := surplus > 0 && r.lastSeen() <= limit
		if old {
			surplus--
		}
		return old
	})
}

func (t *table) removeIf(f func(*row) bool) {
	for i := range t.shards {
		s := &t.shards[i]
		s.Lock()
		for key, r := range s.rows {
			if f(r) {
				delete(s.rows, key)
				t.retire(r)
			}
		}
		s.Unlock()
	}
}

func (t *table) retire(r *row) {
	r.mu.Lock()
	r.gone = true
	r.mu.Unlock()
	t.count--
	t.release(r.id)
}

func (t *table) each(f func(*row)) {
	for i := range t.shards {
		s := &t.shards[i]
		s.RLock()
		for _, r := range s.rows {
			f(r)
		}
		s.RUnlock()
	}
}

func (t *table) storeKey(id uint32) string { return fmt.Sprintf("%s%08x", t.prefix, id) }

func (t *table) parseID(key string) (uint32, bool) {
	hex, ok := strings.CutPrefix(key, t.prefix)
	if !ok || len(hex) != 8 {
		return 0, false
	}
	id, err := strconv.ParseUint(hex, 16, 31)
	return uint32(id), err == nil && t.storeKey(uint32(id)) == key
}
