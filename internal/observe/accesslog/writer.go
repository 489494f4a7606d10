package accesslog

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"docusign-auth-proxy/internal/words"
)

const (
	logDelay  = 100 * time.Millisecond
	logGather = 64 << 10 // bytes of lines about calls that went well that are written together
	// logBuffer is how many bytes of lines wait while a write is under way. What comes beyond it is dropped.
	logBuffer = 1 << 20
	// logRetry is the pause after a write that failed: a full disk may have room later, a closed pipe never has.
	logRetry = time.Second
	// logPatience is how long one write may last until the log counts as stuck.
	logPatience = 5 * time.Second
	logFlush    = time.Second // Flush waits no longer
)

var errLogUnread = errors.New("the log was not read to its end")

// Writer writes the lines of a log in the background, so that whoever logs never waits for the log's reader. What is
// written through Gathering waits for a tenth of a second, since one system call per line costs more than the line
// itself; all else goes out at once, after what was gathered before it. Lines that find no room, and those of a write
// that failed, are dropped and counted, whole.
type Writer struct {
	// Note makes the line that tells how many lines were dropped; nil = none is written. It must not write to the
	// Writer.
	Note func(dropped uint64) []byte
	// Behind is what an operator looks at when nothing is taken; "" = what reads standard error.
	Behind string

	out io.Writer

	mu      sync.Mutex
	buf     []byte // whole lines
	lines   int    // how many
	spare   []byte // becomes buf when buf is being written
	timer   *time.Timer
	armed   bool          // the timer runs
	idle    chan struct{} // closed when all is written; nil = nothing is being written
	began   time.Time     // of the write under way; zero = none
	failed  time.Time     // when the last write failed; zero = it did not
	failing time.Time     // when the first of the failures in a row happened; zero = the last write did not fail
	err     error         // of the last write
	torn    bool          // the last write ended within a line

	dropped, told uint64 // lines; those that Note has told of
}

// NewWriter makes a Writer. Flush it before the process ends.
func NewWriter(out io.Writer) *Writer { return &Writer{out: out} }

// Write takes one or several whole lines. It never fails and never waits.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.add(p) {
		w.start()
	}
	return len(p), nil
}

// Gathering is the Writer for lines that may wait a tenth of a second.
func (w *Writer) Gathering() io.Writer { return gathering{w} }

type gathering struct{ *Writer }

func (w gathering) Write(p []byte) (int, error) {
	w.gather(p)
	return len(p), nil
}

func (w *Writer) gather(p []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case !w.add(p):
	case len(w.buf) >= logGather:
		w.start()
	default:
		w.startAfter(logDelay)
	}
}

// add takes a line if there is room for it.
func (w *Writer) add(p []byte) bool {
	if len(w.buf) >= logBuffer {
		w.dropped++
		return false
	}
	w.lines++
	w.buf = append(w.buf, p...)
	return true
}

// pending reports whether there is something to write. After a failure Note's line is tried by itself, so that it shows
// without a further call when the log can be written again.
func (w *Writer) pending() bool { return len(w.buf) > 0 || w.Note != nil && w.dropped > w.told }

// start begins to write what is pending, unless a write is under way or has just failed.
func (w *Writer) start() {
	switch {
	case w.idle != nil || !w.pending():
	case !w.failed.IsZero() && time.Since(w.failed) < logRetry:
		w.startAfter(logRetry)
	default:
		w.idle = make(chan struct{})
		go w.writeAll()
	}
}

func (w *Writer) startAfter(d time.Duration) {
	if w.armed || w.idle != nil { // writeAll ends when nothing is pending
		return
	}
	w.armed = true
	if w.timer != nil {
		w.timer.Reset(d)
		return
	}
	w.timer = time.AfterFunc(d, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.armed = false
		w.start()
	})
}

// writeAll writes until nothing is pending or a write fails.
func (w *Writer) writeAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.pending() && w.writeBatch() {
	}
	close(w.idle)
	w.idle = nil
	if w.pending() {
		w.startAfter(logRetry)
	}
}

// writeBatch lets go of the lock while it writes. It returns false when the write failed.
func (w *Writer) writeBatch() bool {
	batch, lines, told := w.buf, w.lines, w.told
	w.buf, w.lines = w.spare[:0], 0
	if w.Note != nil && w.dropped > told {
		batch, w.told = append(batch, w.Note(w.dropped-told)...), w.dropped
	}
	if w.torn {
		batch = slices.Insert(batch, 0, '\n')
	}
	w.began = time.Now()
	w.mu.Unlock()
	n, err := w.out.Write(batch)
	w.mu.Lock()
	w.spare, w.began, w.err, w.failed = batch, time.Time{}, err, time.Time{}
	if err == nil {
		w.torn, w.failing = false, time.Time{}
		return true
	}
	w.failed, w.told = time.Now(), told
	if w.failing.IsZero() {
		w.failing = w.failed
	}
	written := bytes.Count(batch[:n], []byte{'\n'})
	if w.torn && n > 0 {
		written--
	}
	w.dropped += uint64(lines - min(written, lines))
	if n > 0 {
		w.torn = batch[n-1] != '\n'
	}
	return false
}

// Flush writes what is gathered. It waits a second at most, for nobody may read the log.
func (w *Writer) Flush() error {
	w.mu.Lock()
	w.failed = time.Time{} // one more attempt
	w.start()
	idle := w.idle
	w.mu.Unlock()
	if idle == nil {
		return nil
	}
	select {
	case <-idle:
	case <-time.After(logFlush):
		return errLogUnread
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Dropped gives the number of lines that were dropped.
func (w *Writer) Dropped() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dropped
}

// Trouble says why the log cannot be written; nil = it can. A log that is read slowly is no trouble.
func (w *Writer) Trouble() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	dropped := words.Count(int(w.dropped), "line was dropped", "lines were dropped")
	switch stuck := w.stuck(); {
	case w.err != nil:
		return fmt.Errorf("the log cannot be written, and %s: %w", dropped, w.err)
	case stuck >= logPatience:
		return fmt.Errorf("nobody has read the log for %s, and %s: look at %s", stuck.Round(time.Second), dropped,
			cmp.Or(w.Behind, "the program that reads standard error"))
	}
	return nil
}

// Stuck is how long the log has taken nothing of what it was given.
func (w *Writer) Stuck() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stuck()
}

func (w *Writer) stuck() time.Duration {
	switch {
	case !w.failing.IsZero():
		return time.Since(w.failing)
	case !w.began.IsZero():
		return time.Since(w.began)
	}
	return 0
}
