package capture

import (
	"crypto/sha256"
	"hash"
	"io"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
)

// budget counts the bytes that captures may still take.
type budget struct{ left atomic.Int64 }

func (b *budget) take(n int64) bool {
	if b.left.Add(-n) < 0 {
		b.left.Add(n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.left.Add(n) }

// base64Run is the longest run of base64 that is kept. Longer ones are documents; only their length is kept, so that
// what follows fits.
const base64Run = 256

// buffer keeps the beginning of a body, and of a run of base64 that goes beyond the limit up to base64Run more.
type buffer struct {
	budget *budget // nil = the limit is enough
	limit  int
	shrink bool // whether runs of base64 are looked for

	mu     sync.Mutex
	kept   []byte // its capacity was taken from the budget
	size   int64
	sum    hash.Hash
	run    int64 // length of the run of base64 under way
	cut    bool
	full   bool // no more memory
	closed bool
}

func newBuffer(budget *budget, limit int, shrink bool) *buffer {
	return &buffer{budget: budget, limit: limit, shrink: shrink, sum: sha256.New()}
}

// shrunk is a closed buffer of a text that was heard already.
func shrunk(text []byte, limit int) *buffer {
	b := newBuffer(nil, limit, true)
	b.write(text)
	b.close()
	return b
}

func (b *buffer) write(p []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.size += int64(len(p))
	_, _ = b.sum.Write(p) // documented never to fail
	for i := 0; i < len(p) && !b.cut; i++ {
		b.add(p[i])
	}
}

func (b *buffer) add(c byte) {
	letter := b.shrink && base64Letter(c)
	if !letter {
		b.endRun()
	}
	if b.run == 0 && len(b.kept) >= b.limit {
		b.cut = true
		return
	}
	if letter {
		b.run++
	}
	if b.run > base64Run {
		return
	}
	if len(b.kept) == cap(b.kept) && !b.grow() {
		b.cut, b.full = true, true
		return
	}
	b.kept = append(b.kept, c)
}

func (b *buffer) grow() bool {
	size := min(max(2*cap(b.kept), 1<<10), b.limit+base64Run)
	if b.budget != nil && !b.budget.take(int64(size-cap(b.kept))) {
		return false
	}
	b.kept = append(make([]byte, 0, size), b.kept...)
	return true
}

// base64Letter tells what base64 looks like in JSON, XML and forms: both alphabets, padding, line ends and escapes.
func base64Letter(c byte) bool {
	switch c {
	case '+', '/', '=', '-', '_', '\r', '\n', '\\', '%':
		return true
	}
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
}

func (b *buffer) endRun() {
	if b.run > base64Run {
		b.kept = append(b.kept[:len(b.kept)-base64Run], base64Note(b.run)...)
	}
	b.run = 0
}

var base64Noted = regexp.MustCompile(`^\[[0-9]{1,20} bytes of base64\]$`)

func base64Note(n int64) string { return "[" + strconv.FormatInt(n, 10) + " bytes of base64]" }

// close ends the listening: a transport may go on reading when the call is over.
func (b *buffer) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.endRun()
	b.closed = true
}

// release gives the memory of a closed buffer back.
func (b *buffer) release() {
	b.budget.give(int64(cap(b.kept)))
	b.kept = nil
}

// reader shows a buffer what is read through it, and reads no byte more than its reader asks for.
type reader struct {
	io.ReadCloser
	to *buffer
}

func (r reader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.to.write(p[:n])
	return n, err
}
