package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// MAC is the HMAC-SHA-256 of several values, each after its length, so that no two lists give the same.
func MAC[T ~string | ~[]byte](key []byte, parts ...T) []byte {
	h := hmac.New(sha256.New, key)
	for _, part := range parts {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	return h.Sum(nil)
}
