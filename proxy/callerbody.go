package proxy

import (
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
	// afterRefusal is how long a caller that asked for 100 Continue, and was refused instead, may take to begin its body all the same.
	afterRefusal = time.Second
)

var errSlowBody = errors.New("the request body stopped coming")

// callerBody is the body of a caller's request. It counts what comes and bounds how long it may stand still; only time in which
// somebody waits for it counts. Close ends reading for those who forward it, but leaves the rest to be drained.
type callerBody struct {
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

func newCallerBody(w http.ResponseWriter, r *http.Request, limit time.Duration) *callerBody {
	b := &callerBody{ReadCloser: r.Body, conn: http.NewResponseController(w), http1: r.ProtoMajor == 1}
	b.limit.Store(int64(limit))
	b.whole.Store(r.Body == nil || r.Body == http.NoBody)
	if b.http1 && !b.whole.Load() {
		// Else net/http would read the body away before it writes an answer: from the program, which may wait for it, or from the
		// transport that is still forwarding it.
		_ = b.conn.EnableFullDuplex()
	}
	return b
}

// Read fails with errSlowBody once the body has stood still for too long, and with http.ErrBodyReadAfterClose after Close.
func (b *callerBody) Read(p []byte) (int, error) {
	if b.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.read(p)
}

// Close does not wait for a Read.
func (b *callerBody) Close() error {
	b.closed.Store(true)
	return nil
}

func (b *callerBody) read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.slow.Load() {
		return 0, errSlowBody
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
		err = errSlowBody
	}
	return n, err
}

// giveUp wakes the Read that waits.
func (b *callerBody) giveUp() {
	if b.whole.Load() {
		return
	}
	b.slow.Store(true)
	_ = b.conn.SetReadDeadline(time.Unix(1, 0))
}

// drain reads what the caller still sends, up to most bytes.
func (b *callerBody) drain(most int64, stopping <-chan struct{}) {
	buf := make([]byte, 16<<10)
	for left := most; left > 0; {
		select {
		case <-stopping:
			return
		default:
		}
		n, err := b.read(buf)
		if err != nil {
			return
		}
		left -= int64(n)
	}
}

// end keeps net/http from reading on at the end of the call, which it would do without a limit.
func (b *callerBody) end() {
	if b.http1 && !b.whole.Load() {
		_ = b.conn.SetReadDeadline(time.Unix(1, 0))
	}
}
