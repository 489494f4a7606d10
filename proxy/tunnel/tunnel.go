// Package tunnel holds raw tunnels to the hosts of egress.tunnel: how many there are, their idle time, and their end.
// It must never decide where a tunnel may go, and reads nothing of what passes through one.
// Package proxy lets goproxy dial through its Pool.
package tunnel

import (
	"bufio"
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/proxy/conn"
)

const dialTime = 30 * time.Second

// tooManyError says that there is no room for another tunnel.
type tooManyError struct{}

func (tooManyError) Error() string { return cause.TooManyTunnels.Means() }

// Row tells what the operator does about it.
func (tooManyError) Row() (cause.ID, []string) { return cause.TooManyTunnels, nil }

// Pool bounds raw tunnels.
type Pool struct {
	Log     *slog.Logger
	Places  *conn.Places
	Idle    time.Duration   // a tunnel without traffic is closed after this
	Open    context.Context // its end closes all tunnels
	Connect func(ctx context.Context, network, addr string) (net.Conn, error)
}

// farConn is the far side of a raw tunnel. Both directions pass through it, so one idle clock serves both.
type farConn struct {
	net.Conn
	idle    time.Duration
	place   *conn.Place
	release func() bool // from the end of the pool
}

// Dial opens a tunnel for a CONNECT on a connection with that binding.
func (t *Pool) Dial(r *http.Request, b *conn.Binding, network, addr string) (net.Conn, error) {
	reserved, _ := t.Places.Take(b.Client.Addr(), nil)
	if reserved == nil {
		t.Log.Warn("tunnel refused", "target", addr, "client", b.Client.String(), "reason", tooManyError{})
		return nil, tooManyError{}
	}
	ctx, cancel := context.WithTimeout(r.Context(), dialTime)
	defer cancel()
	c, err := t.Connect(ctx, network, addr)
	if err != nil {
		reserved.Leave()
		t.Log.Warn("tunnel failed", "target", addr, "client", b.Client.String(), "error", err)
		return nil, err
	}
	b.Conn.Proven()
	release := context.AfterFunc(t.Open, func() { _ = c.Close() })
	far := &farConn{Conn: c, idle: t.Idle, place: reserved, release: release}
	far.touch()
	return far, nil
}

func (t *farConn) touch() { _ = t.Conn.SetDeadline(time.Now().Add(t.idle)) }

func (t *farConn) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	if n > 0 {
		t.touch()
	}
	return n, err
}

func (t *farConn) Write(p []byte) (int, error) {
	t.touch()
	return t.Conn.Write(p)
}

// CloseWrite lets one direction end while the other goes on.
func (t *farConn) CloseWrite() error { return conn.CloseWrite(t.Conn) }

// CloseRead has nothing to do: the read side ends with Close.
func (t *farConn) CloseRead() error { return nil }

// Close ends the tunnel.
func (t *farConn) Close() error {
	t.release()
	t.place.Leave()
	return t.Conn.Close()
}

// Near prepares the answer to a CONNECT, so that the caller's end of the tunnel has its idle time.
func (t *Pool) Near(w http.ResponseWriter) http.ResponseWriter {
	if hj, ok := w.(http.Hijacker); ok {
		return replayHijacker{ResponseWriter: w, Hijacker: hj, idle: t.Idle}
	}
	return w
}

// replayHijacker gives goproxy a connection that still holds what net/http had read ahead: a ClientHello may travel
// with the CONNECT.
type replayHijacker struct {
	http.ResponseWriter
	http.Hijacker
	idle time.Duration
}

// Hijack takes the connection over.
func (h replayHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := h.Hijacker.Hijack()
	if err != nil {
		return nil, nil, err
	}
	_ = c.SetDeadline(time.Time{})
	ahead, _ := rw.Reader.Peek(rw.Reader.Buffered())
	return &nearConn{Conn: c, idle: h.idle, ahead: bytes.Clone(ahead)}, rw, nil
}

// nearConn is the near side of a tunnel. It gives bytes back that were read too early.
type nearConn struct {
	net.Conn
	ahead conn.ReadAhead
	idle  time.Duration
	alone atomic.Bool // the far side has finished, so its idle clock no longer serves both
}

func (c *nearConn) Read(p []byte) (int, error) {
	if n, ok := c.ahead.Give(p); ok {
		return n, nil
	}
	if c.alone.Load() {
		_ = c.Conn.SetReadDeadline(time.Now().Add(c.idle))
	}
	return c.Conn.Read(p)
}

// CloseWrite tells the caller that the far side has finished, while the caller may still send.
func (c *nearConn) CloseWrite() error {
	c.alone.Store(true)
	_ = c.Conn.SetReadDeadline(time.Now().Add(c.idle))
	return conn.CloseWrite(c.Conn)
}

// CloseRead has nothing to do: the read side ends with Close.
func (c *nearConn) CloseRead() error { return nil }
