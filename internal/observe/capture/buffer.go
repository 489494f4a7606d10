package capture

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"regexp"
	"slices"
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

// tapBuffer keeps the beginning of a body. Long runs of base64 are documents; only their length is kept, so that what
// follows fits.
type tapBuffer struct {
	budget *budget
	max    int
	shrink bool

	mu sync.Mutex
	tapped
	reading int // counts the readers; only the last one is listened to
	closed  bool
	taken   int64 // from the budget
	sum     hash.Hash
	run     int64 // length of the run of base64 under way
	runKept int   // how much of it is in kept
}

// tapped is what a tapBuffer has seen.
type tapped struct {
	kept []byte
	size int64
	cut  bool
	full bool // no more memory
}

// tapReader shows a buffer what is read through it, and reads no byte more than its reader asks for.
type tapReader struct {
	io.ReadCloser
	to     *tapBuffer
	number int
}

func (r *tapReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.to.mu.Lock()
	defer r.to.mu.Unlock()
	if r.number == r.to.reading {
		r.to.add(p[:n])
	}
	return n, err
}

// reader listens to a body, from its beginning: a transport may take it anew, and go on with the earlier one for a
// while.
func (b *tapBuffer) reader(body io.ReadCloser) io.ReadCloser {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.restart()
	}
	b.reading++
	return &tapReader{body, b, b.reading}
}

func (b *tapBuffer) restart() {
	b.tapped = tapped{kept: b.kept[:0]}
	b.sum, b.run, b.runKept = sha256.New(), 0, 0
}

func (b *tapBuffer) write(p []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.add(p)
}

func (b *tapBuffer) add(p []byte) {
	if b.closed {
		return
	}
	b.size += int64(len(p))
	_, _ = b.sum.Write(p) // documented never to fail
	if !b.shrink {
		b.keep(p)
		return
	}
	for len(p) > 0 {
		if b.run == 0 && len(b.kept) >= b.max {
			b.cut = true
			return
		}
		p = b.shrunk(p)
	}
}

// base64Run is the shortest run that is taken for a document.
const base64Run = 256

// shrunk keeps the next run of base64, or what stands between two runs, and gives the rest.
func (b *tapBuffer) shrunk(p []byte) []byte {
	if n := leading(p, true); n > 0 {
		if room := base64Run - b.run; room > 0 {
			b.runKept += b.keep(p[:min(int64(n), room)])
		}
		b.run += int64(n)
		return p[n:] // the run may go on
	}
	b.endRun()
	n := leading(p, false)
	b.keep(p[:n])
	return p[n:]
}

func leading(p []byte, base64 bool) int {
	if i := slices.IndexFunc(p, func(c byte) bool { return base64Letter(c) != base64 }); i >= 0 {
		return i
	}
	return len(p)
}

// base64Letter tells what base64 looks like in JSON, XML and forms: both alphabets, padding, line ends and escapes.
func base64Letter(c byte) bool {
	switch c {
	case '+', '/', '=', '-', '_', '\r', '\n', '\\', '%':
		return true
	}
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
}

func (b *tapBuffer) endRun() {
	if b.run > base64Run {
		b.kept = append(b.kept[:len(b.kept)-b.runKept], base64Note(b.run)...)
	}
	b.run, b.runKept = 0, 0
}

var base64Noted = regexp.MustCompile(`^\[[0-9]{1,20} bytes of base64\]$`)

func base64Note(n int64) string { return "[" + strconv.FormatInt(n, 10) + " bytes of base64]" }

// keep appends what there is room for, and tells how much that was.
func (b *tapBuffer) keep(p []byte) int {
	if n := max(0, b.max-len(b.kept)); len(p) > n { // a note may have gone beyond
		b.cut = true
		p = p[:n]
	}
	if need := len(b.kept) + len(p); need > cap(b.kept) && !b.grow(need) {
		b.cut, b.full = true, true
		return 0
	}
	b.kept = append(b.kept, p...)
	return len(p)
}

// noteRoom is what a note may take beyond the limit.
const noteRoom = 64

func (b *tapBuffer) grow(need int) bool {
	size := min(max(need, 2*cap(b.kept), 1<<10), b.max) + noteRoom
	if b.full || !b.budget.take(int64(size)-b.taken) {
		return false
	}
	b.taken = int64(size)
	b.kept = append(make([]byte, 0, size), b.kept...)
	return true
}

// end gives what was seen and ends the listening: a transport may go on reading when the call is over. A nil buffer has
// seen nothing.
func (b *tapBuffer) end() tapped {
	if b == nil {
		return tapped{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.endRun()
	b.closed = true
	return b.tapped
}

// hash is that of the whole body.
func (b *tapBuffer) hash() string {
	if b == nil {
		return ""
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return hex.EncodeToString(b.sum.Sum(nil))
}

// release gives the memory back.
func (b *tapBuffer) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.budget.give(b.taken)
	b.closed, b.kept, b.taken = true, nil, 0
}

// shrunk puts the length in the place of long runs of base64, and tells whether something beyond the limit was cut. It
// counts for no budget: the text was heard already.
func shrunk(text []byte, limit int) (kept []byte, cut bool) {
	b := &tapBuffer{budget: &budget{}, max: limit, shrink: true}
	b.budget.left.Store(int64(limit) + 2*noteRoom + 4<<10)
	b.restart()
	b.write(text)
	seen := b.end()
	return seen.kept, seen.cut
}
