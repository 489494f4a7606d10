package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"time"
)

const (
	recordHeader = 5 // RFC 8446 §5.1: type, version, two bytes of length
	// answerAfterBreak is how long an answer may be read once writing has failed. It has come already, if there is one.
	answerAfterBreak = 2 * time.Second
)

// wire is the connection below TLS. It counts what has left, follows the records that come in, and can be asked whether
// anything more has come.
//
// A server may answer, and close, before it has read the whole call (RFC 9112 §9.6). What it wrote can still be read
// when writing fails, so a broken write does not end the call: what follows is thrown away, and reading gives the
// answer or says what is wrong.
type wire struct {
	net.Conn
	raw     syscall.RawConn // nil = cannot be asked
	written int64           // bytes the system has taken
	// something of the call has left; before that a broken write is an error, and the call may be sent anew
	begun  bool
	broken error // why writing failed; nil as long as it works
	asking bool  // Read reports instead of reading
	silent bool  // the last answer
	head   [recordHeader]byte
	have   int // bytes of head known
	rest   int // bytes until the record ends
	look   func(fd uintptr) bool
}

func newWire(c net.Conn) *wire {
	w := &wire{Conn: c}
	w.look = func(fd uintptr) bool {
		w.silent = nothingThere(fd)
		return true
	}
	if s, ok := c.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil { // else it is used once
			w.raw = raw
		}
	}
	return w
}

// silence is not an end: crypto/tls stays usable after a temporary error.
type silence struct{}

func (silence) Error() string   { return "upstream: nothing has come" }
func (silence) Timeout() bool   { return true }
func (silence) Temporary() bool { return true }

func (w *wire) Read(p []byte) (int, error) {
	if w.asking {
		return 0, w.ask()
	}
	n, err := w.Conn.Read(p)
	w.follow(p[:n])
	return n, err
}

func (w *wire) ask() error {
	w.silent = false
	if w.raw == nil {
		return io.EOF
	}
	if err := w.raw.Read(w.look); err != nil {
		return err
	}
	if !w.silent || w.have != 0 {
		return io.EOF // something has come, if only the beginning of a record
	}
	return silence{}
}

// follow keeps track of where records end.
func (w *wire) follow(p []byte) {
	for len(p) > 0 {
		if w.have < recordHeader {
			n := copy(w.head[w.have:], p)
			w.have += n
			p = p[n:]
			w.rest = int(w.head[3])<<8 | int(w.head[4])
		}
		n := 0
		if w.have == recordHeader {
			n = min(w.rest, len(p))
			w.rest -= n
		}
		if w.have == recordHeader && w.rest == 0 {
			w.have = 0
		}
		p = p[n:]
	}
}

func (w *wire) Write(p []byte) (int, error) {
	if w.broken != nil {
		return len(p), nil
	}
	n, err := w.Conn.Write(p)
	w.written += int64(n)
	w.begun = w.begun || n > 0
	if err != nil && w.begun && isBroken(err) {
		w.broken = err
		_ = w.Conn.SetReadDeadline(time.Now().Add(answerAfterBreak)) // else reading could wait for ever
		return len(p), nil
	}
	return n, err
}

// isBroken tells a connection that is gone. Windows has numbers of its own (winsock2.h).
func isBroken(err error) bool {
	const aborted, reset = syscall.Errno(10053), syscall.Errno(10054)
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, aborted) ||
		errors.Is(err, reset)
}

// DialFunc opens a connection, as net.Dialer.DialContext does.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// KeepAnswers makes dial's connections fit for a transport that gives up a call when writing it fails, as net/http's
// does: the answer to a call that the server did not read to its end is not lost. Errors are those of dial.
func KeepAnswers(dial DialFunc) DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return newWire(c), nil
	}
}
