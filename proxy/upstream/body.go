package upstream

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// maxDrain bounds what Close reads of an answer nobody wants, to keep its connection.
const maxDrain = 64 << 10

// body is the rest of an answer. At its end the connection goes back to the pool.
type body struct {
	transport *Transport
	conn      *conn
	ctx       context.Context
	stop      func() bool
	keep      bool

	reading sync.Mutex    // held while the connection is read
	inner   io.ReadCloser // its Close would wait for the rest, so it is never called
	err     error         // set once the connection is given up

	ending sync.Mutex // held while the connection is given up or broken off
	ended  bool
}

// Read fails with io.ErrUnexpectedEOF when the answer is cut, and with the context's cause when it has ended.
func (b *body) Read(p []byte) (int, error) {
	b.reading.Lock()
	defer b.reading.Unlock()
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.inner.Read(p)
	if err == nil {
		return n, nil
	}
	if err != io.EOF {
		err = causeOr(b.ctx, err)
	}
	b.end(err, err == io.EOF)
	return n, b.err
}

// Close gives the connection up; a Read that waits ends at once.
func (b *body) Close() error {
	if !b.reading.TryLock() {
		b.breakOff()
		b.reading.Lock()
	}
	defer b.reading.Unlock()
	if b.err == nil {
		b.end(http.ErrBodyReadAfterClose, b.keep && b.drained())
	}
	b.err = http.ErrBodyReadAfterClose
	return nil
}

// end gives the connection up, with reading held.
func (b *body) end(err error, whole bool) {
	b.ending.Lock()
	b.ended = true
	b.ending.Unlock()
	b.err, b.inner = err, nil
	b.transport.finish(b.conn, b.stop, b.keep && whole)
}

// breakOff wakes a Read, unless the connection is no longer this answer's.
func (b *body) breakOff() {
	b.ending.Lock()
	defer b.ending.Unlock()
	if !b.ended {
		b.conn.abort()
	}
}

// drained reads what has already come in, without waiting for more, and reports whether that was all.
func (b *body) drained() bool {
	if b.conn.wire.SetReadDeadline(time.Unix(1, 0)) != nil {
		return false
	}
	_, err := io.CopyN(io.Discard, b.inner, maxDrain+1)
	return err == io.EOF && b.conn.wire.SetReadDeadline(time.Time{}) == nil
}
