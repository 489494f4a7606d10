package conn

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// bodyStep is how much of a body must come within the time limit, or its end: one byte now and then is no progress.
	bodyStep = 1 << 10
	// afterRefusal is how long a caller that asked for 100 Continue, and was refused instead, may take to begin its body
	// all the same.
	afterRefusal = time.Second
)

// ErrSlowBody says that the time limit was passed.
var ErrSlowBody = errors.New("the request body stopped coming")

// Body is the body of a caller's request. It counts what comes and bounds how long it may stand still; only time in
// which somebody waits for it counts. Close ends reading for those who forward it, but leaves the rest to be drained.
type Body struct {
	io.ReadCloser
	conn   *http.ResponseController
	http1  bool
	n      atomic.Int64 // the transport may still be reading when the call is over
	limit  atomic.Int64 // time.Duration
	closed atomic.Bool
	whole  atomic.Bool // read to its end
	slow   atomic.Bool // the time limit was passed

	mu     sync.Mutex // one reader at a time
	timer  *time.Timer
	step   int           // bytes of the present step
	waited time.Duration // for the present step
}

// NewBody bounds the body of r, which is answered through w.
func NewBody(w http.ResponseWriter, r *http.Request, limit time.Duration) *Body {
	b := &Body{ReadCloser: r.Body, conn: http.NewResponseController(w), http1: r.ProtoMajor == 1}
	b.limit.Store(int64(limit))
	b.whole.Store(r.Body == nil || r.Body == http.NoBody)
	if b.http1 && !b.whole.Load() {
		// Else net/http would read the body away before it writes an answer: from the program, which may wait for it, or
		// from the transport that is still forwarding it.
		_ = b.conn.EnableFullDuplex()
	}
	return b
}

// Read fails with ErrSlowBody once the body has stood still for too long, and with http.ErrBodyReadAfterClose after
// Close.
func (b *Body) Read(p []byte) (int, error) {
	if b.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.read(p)
}

// Close does not wait for a Read.
func (b *Body) Close() error {
	b.closed.Store(true)
	return nil
}

func (b *Body) read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.slow.Load() {
		return 0, ErrSlowBody
	}
	began, left := time.Now(), max(time.Duration(b.limit.Load())-b.waited, time.Millisecond)
	if b.timer == nil {
		b.timer = time.AfterFunc(left, b.giveUp)
	} else {
		b.timer.Reset(left)
	}
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.whole.Store(true)
	}
	b.timer.Stop()
	b.n.Add(int64(n))
	b.waited += time.Since(began)
	if b.step += n; b.step >= bodyStep {
		b.step, b.waited = 0, 0
	}
	if err != nil && err != io.EOF && b.slow.Load() {
		err = ErrSlowBody
	}
	return n, err
}

// giveUp wakes the Read that waits.
func (b *Body) giveUp() {
	if b.whole.Load() {
		return
	}
	b.slow.Store(true)
	_ = b.conn.SetReadDeadline(time.Unix(1, 0))
}

// End keeps net/http from reading on at the end of the call, which it would do without a limit.
func (b *Body) End() {
	if b.http1 && !b.whole.Load() {
		_ = b.conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// Count gives the bytes that have come.
func (b *Body) Count() int64 { return b.n.Load() }

// SetLimit changes how long the body may stand still.
func (b *Body) SetLimit(d time.Duration) { b.limit.Store(int64(d)) }

// Slow reports whether the time limit was passed. A nil Body, of a call that has none of its own, is never slow.
func (b *Body) Slow() bool { return b != nil && b.slow.Load() }

// Remains reports whether something of the body may come as if it were the next request.
func (b *Body) Remains() bool { return b.http1 && !b.whole.Load() }

// Finish keeps the connection of an answered call open until the program has sent its whole request, up to most
// bytes. Old programs send before they read, and never see the answer if their connection is closed meanwhile (RFC 9112
// §9.6). HTTP/2 needs none of this (RFC 9113 §8.1). expects says that the caller asked for 100 Continue.
func (b *Body) Finish(running context.Context, most int64, expects bool) {
	_ = b.conn.Flush()
	if expects && b.n.Load() == 0 {
		b.limit.Store(min(b.limit.Load(), int64(afterRefusal)))
	}
	buf := make([]byte, 16<<10)
	for most > 0 && running.Err() == nil {
		n, err := b.read(buf)
		if err != nil {
			return
		}
		most -= int64(n)
	}
}
