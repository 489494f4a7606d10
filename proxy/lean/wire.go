package lean

import (
	"io"
	"net"
	"syscall"
)

const recordHeader = 5 // RFC 8446 §5.1: type, version, two bytes of length

// wire is the connection below TLS. It counts what has left, follows the records that come in, and can be asked whether anything more has come.
type wire struct {
	net.Conn
	raw     syscall.RawConn // nil = cannot be asked
	written int64           // bytes the system has taken
	asking  bool            // Read reports instead of reading
	silent  bool            // the last answer
	head    [recordHeader]byte
	have    int // bytes of head known
	rest    int // bytes until the record ends
	look    func(fd uintptr) bool
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

func (silence) Error() string   { return "lean: nothing has come" }
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
	n, err := w.Conn.Write(p)
	w.written += int64(n)
	return n, err
}
