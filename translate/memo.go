package translate

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

// digest is a keyed hash of something secret; it may be remembered, the thing itself may not.
type digest [32]byte

// hasher makes digests under a key that lives as long as the process.
type hasher struct {
	key     [32]byte
	buffers sync.Pool
}

func newHasher() *hasher {
	h := &hasher{buffers: sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}}
	_, _ = rand.Read(h.key[:]) // documented never to fail
	return h
}

// sum hashes the parts; no two lists of parts look alike, since each is preceded by its length. It does not allocate.
func (h *hasher) sum(parts ...string) digest {
	b := h.buffers.Get().(*[]byte)
	buf := append((*b)[:0], h.key[:]...)
	for _, p := range parts {
		buf = binary.LittleEndian.AppendUint32(buf, uint32(len(p)))
		buf = append(buf, p...)
	}
	d := digest(sha256.Sum256(buf))
	clear(buf)
	*b = buf
	h.buffers.Put(b)
	return d
}

const memoShards = 16

// memo remembers a bounded number of values for a bounded time, none when that is 0. The oldest entries go first.
type memo[V any] struct {
	life   time.Duration
	max    int // per shard
	now    func() time.Time
	shards [memoShards]memoShard[V]
}

type memoShard[V any] struct {
	mu      sync.RWMutex
	entries map[digest]memoEntry[V]
	order   []digest // ring of insertion order
	next    int
	_       [24]byte // keeps neighbouring locks off one cache line
}

type memoEntry[V any] struct {
	value V
	until time.Time
}

func newMemo[V any](max int, life time.Duration, now func() time.Time) *memo[V] {
	m := &memo[V]{life: life, max: max/memoShards + 1, now: now}
	for i := range m.shards {
		m.shards[i].entries = map[digest]memoEntry[V]{}
	}
	return m
}

func (m *memo[V]) get(d digest) (V, bool) {
	s := &m.shards[d[0]%memoShards]
	s.mu.RLock()
	e, ok := s.entries[d]
	s.mu.RUnlock()
	if !ok || m.now().After(e.until) {
		var zero V
		return zero, false
	}
	return e.value, true
}

func (m *memo[V]) put(d digest, v V) {
	if m.life <= 0 {
		return
	}
	s := &m.shards[d[0]%memoShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.entries[d]; !known {
		switch {
		case len(s.order) < m.max:
			s.order = append(s.order, d)
		default:
			delete(s.entries, s.order[s.next])
			s.order[s.next] = d
			s.next = (s.next + 1) % m.max
		}
	}
	s.entries[d] = memoEntry[V]{value: v, until: m.now().Add(m.life)}
}
