package call

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"sync/atomic"
)

// IDs numbers the calls of one process: eight random digits and a counter.
type IDs struct {
	prefix string
	n      *atomic.Uint64
}

// NewIDs begins with other digits in every process.
func NewIDs() IDs {
	var b [4]byte
	_, _ = rand.Read(b[:]) // documented never to fail
	return IDs{prefix: hex.EncodeToString(b[:]), n: new(atomic.Uint64)}
}

// Next gives the id of one more call.
func (r IDs) Next() string {
	var b [28]byte
	buf := append(b[:0], r.prefix...)
	buf = append(buf, '-')
	return string(strconv.AppendUint(buf, r.n.Add(1), 36))
}
