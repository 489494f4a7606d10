package upstream

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

// conn is one connection. It belongs to one call at a time, or to the pool; abort alone may be called by others.
type conn struct {
	host   string // the key in the pool
	wire   *wire
	tls    *tls.Conn
	state  *tls.ConnectionState
	reader *bufio.Reader // lent while an answer is read
	abort  func()        // breaks off whatever waits; the connection is then good for nothing
	expiry *time.Timer   // ends the idle connection

	limit  int64 // bytes that may yet be read
	got    int64 // bytes read since the call began
	before int64 // bytes written before the call began
	failed bool  // reading has failed or ended
	one    [1]byte
}

// dial opens a connection and makes it secure.
func (t *Transport) dial(ctx context.Context, u *url.URL) (*conn, error) {
	name, port := u.Hostname(), u.Port()
	if port == "" {
		port = "443"
	}
	plain, err := t.Like.DialContext(ctx, "tcp", net.JoinHostPort(name, port))
	if err != nil {
		return nil, causeOr(ctx, err)
	}
	c := &conn{host: u.Host, wire: newWire(plain)}
	c.abort = func() { _ = plain.Close() } // nothing to be done about it, and nobody waits for it
	c.tls = tls.Client(c.wire, t.config(name))
	if err := t.handshake(ctx, c.tls); err != nil {
		c.abort()
		return nil, causeOr(ctx, err)
	}
	state := c.tls.ConnectionState()
	c.state = &state
	return c, nil
}

func (t *Transport) config(name string) *tls.Config {
	cfg := t.Like.TLSClientConfig.Clone()
	cfg.ServerName = cmp.Or(cfg.ServerName, name)
	cfg.NextProtos = []string{"http/1.1"}
	return cfg
}

func (t *Transport) handshake(ctx context.Context, c *tls.Conn) error {
	limited, cancel := context.WithTimeout(ctx, t.Like.TLSHandshakeTimeout)
	defer cancel()
	err := c.HandshakeContext(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return &timeoutError{"in the TLS handshake"}
	}
	return err
}

// Read gives the decrypted bytes, as many as may be read.
func (c *conn) Read(p []byte) (int, error) {
	if c.limit <= 0 {
		return 0, errLongHead
	}
	if int64(len(p)) > c.limit {
		p = p[:c.limit]
	}
	n, err := c.tls.Read(p)
	c.limit -= int64(n)
	c.got += int64(n)
	if err != nil {
		c.failed = true
	}
	return n, err
}

// quiet reports whether an idle connection is open and not one byte has come in since its last answer: not in the
// socket, not in the buffers of crypto/tls, not as part of a record.
func (c *conn) quiet() bool {
	c.wire.asking = true
	_, err := c.tls.Read(c.one[:])
	c.wire.asking = false
	return errors.Is(err, silence{})
}

// close ends the connection with TLS's close_notify, which the other side may not read.
func (c *conn) close() { _ = c.tls.Close() }

// begin readies the connection for a call.
func (c *conn) begin(head int64, timeout time.Duration) error {
	c.limit, c.got, c.before = head, 0, c.wire.written
	c.wire.begun = false
	return c.wire.SetDeadline(time.Now().Add(timeout))
}

// headRead lets the body take as long and be as large as it may.
func (c *conn) headRead() error {
	c.limit = math.MaxInt64
	return c.wire.SetDeadline(time.Time{})
}

// mayRepeat reports whether a call that failed on this connection may go over a new one: nothing of an answer has come,
// and either nothing of the call has left, or the other side closed an idle connection and the call has no effect.
func (c *conn) mayRepeat(req *http.Request, err error) bool {
	if req.Context().Err() != nil || c.got > 0 || isTimeout(err) {
		return false
	}
	return c.wire.written == c.before || effectFree(req) && hungUp(err)
}

func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || isBroken(err)
}

var (
	errLongHead  = errors.New("upstream: the head of the answer is too long")
	errInterims  = errors.New("upstream: interim answers without end")
	errSwitching = errors.New("upstream: the other side switches protocols unasked")
)

// timeoutError is a net.Error; like those of net/http it is also a context.DeadlineExceeded.
type timeoutError struct{ where string }

func (e *timeoutError) Error() string   { return "upstream: timeout " + e.where }
func (e *timeoutError) Timeout() bool   { return true }
func (e *timeoutError) Temporary() bool { return true }

// Is makes errors.Is(err, context.DeadlineExceeded) true.
func (e *timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

func isTimeout(err error) bool {
	var te *timeoutError
	return errors.As(err, &te)
}

// explain names what failed; a time limit becomes a timeoutError.
func explain(doing string, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &timeoutError{doing}
	}
	return fmt.Errorf("upstream: %s: %w", doing, err)
}

// causeOr prefers why the context ended to what that did to the connection.
func causeOr(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
