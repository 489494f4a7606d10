package translate

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"

	"docusign-auth-proxy/internal/cache"
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

// newMemo remembers a bounded number of values for a bounded time, none when that is 0.
func newMemo[V any](most int, life time.Duration, now func() time.Time) *cache.Cache[digest, V] {
	if life == 0 {
		life = -1
	}
	return cache.New[digest, V](most, life, now)
}
