package translate

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
)

// digest is a keyed hash of something secret; it may be remembered, the thing itself may not.
type digest [32]byte

// hasher is the key of digests; it lives as long as the process.
type hasher [32]byte

func newHasher() (h hasher) {
	_, _ = rand.Read(h[:]) // documented never to fail
	return h
}

// sum hashes the parts; no two lists of parts look alike, since each is preceded by its length. It does not allocate
// for less than 1 KiB.
func (h *hasher) sum(parts ...string) digest {
	buf := append(make([]byte, 0, 1024), h[:]...)
	for _, p := range parts {
		buf = binary.LittleEndian.AppendUint32(buf, uint32(len(p)))
		buf = append(buf, p...)
	}
	defer clear(buf)
	return sha256.Sum256(buf)
}
