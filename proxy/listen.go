package proxy

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/panics"
)

// readAhead holds bytes that were read before their reader was there.
type readAhead []byte

// give hands them out first; ok is false when none are left.
func (a *readAhead) give(p []byte) (n int, ok bool) {
	if len(*a) == 0 {
		return 0, false
	}
	n = copy(p, *a)
	*a = (*a)[n:]
	return n, true
}

// boundConn is a connection with its binding and with bytes that were read ahead of it.
type boundConn struct {
	net.Conn
	binding binding
	ahead   readAhead
	closed  chan struct{} // nil unless somebody waits for the end
	once    sync.Once
	place   *place

	// What became of the request heads on it; see connfailure.go.
	report   func(c *boundConn, status int, cause, detail string)
	linger   func(*boundConn)
	secure   bool        // TLS, and its handshake is over
	written  atomic.Bool // something was sent to the caller
	serving  atomic.Bool // a handler runs, or its answer is being sent
	headRead atomic.Bool // something came since the last answer, and no handler has been called for it
	called   atomic.Bool // the handler has been called
	refused  atomic.Bool // net/http has answered by itself
	closing  atomic.Bool // after that
	streams  atomic.Bool // HTTP/2
	ended    atomic.Bool // the caller sends no more of a head
	framing  framing     // of the head that is being read

	lastRecord alertRecord // the end of what was last read before the handshake was over
}

func (c *boundConn) Read(p []byte) (int, error) {
	n, ok := c.ahead.give(p)
	var err error
	if !ok {
		n, err = c.Conn.Read(p)
	}
	if !c.secure {
		copy(c.lastRecord[:], p[max(0, n-len(c.lastRecord)):n])
		n = c.lookAtRead(p[:n], err)
	}
	return n, err
}

func (c *boundConn) Close() error {
	if c.closed != nil {
		c.once.Do(func() { close(c.closed) })
	}
	if c.refused.Load() && !c.closing.Swap(true) {
		c.linger(c)
	}
	err := c.Conn.Close()
	c.place.leave()
	return err
}

func (c *boundConn) Write(p []byte) (int, error) {
	c.written.Store(true)
	c.lookAtAnswer(p)
	return c.Conn.Write(p)
}

// CloseWrite ends one direction: half-closed tunnels need it, and net/http ends a refused upload with it.
func (c *boundConn) CloseWrite() error { return closeWrite(c.Conn) }

// CloseRead is the counterpart of CloseWrite.
func (c *boundConn) CloseRead() error { return closeRead(c.Conn) }

// boundOf finds the connection below one that the inner server was given; nil if there is none.
func boundOf(c net.Conn) *boundConn {
	if t, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = t.NetConn()
	}
	b, _ := c.(*boundConn)
	return b
}

// handoff is a net.Listener to which other code delivers connections.
type handoff struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
	addr  net.Addr
}

func newHandoff(addr net.Addr) *handoff {
	return &handoff{conns: make(chan net.Conn), done: make(chan struct{}), addr: addr}
}

// Accept waits for the next connection.
func (h *handoff) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept; connections delivered later are closed.
func (h *handoff) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

// Addr gives the address of the listener behind it.
func (h *handoff) Addr() net.Addr { return h.addr }

func (h *handoff) deliver(c net.Conn) {
	select {
	case h.conns <- c:
	case <-h.done:
		_ = c.Close()
	}
}

const (
	tlsHandshakeRecord = 0x16 // RFC 8446 §5.1: first byte of a ClientHello
	firstByteSSL2      = 0x80 // RFC 5246 appendix E.2; a method of HTTP is ASCII
)

// sort looks at the first byte of a fresh connection and delivers it to the inner server, as TLS or as it is.
// One port thus serves http and https alike.
func (s *Server) sort(c *boundConn, tlsConfig func() *tls.Config) {
	if !s.track(c) {
		_ = c.Close()
		return
	}
	defer s.untrack(c)
	c.report, c.linger, c.binding.conn = s.connFailed, s.linger, c
	if len(c.ahead) == 0 {
		_ = c.SetReadDeadline(time.Now().Add(s.cfg.HeaderTimeout))
		first := make([]byte, 1)
		if _, err := io.ReadFull(c.Conn, first); err != nil {
			_ = c.Close()
			return
		}
		_ = c.SetReadDeadline(time.Time{})
		c.ahead = first
	}
	conn, ok := s.secure(c, tlsConfig)
	s.untrack(c) // from here on net/http knows it, and Shutdown must not close it under a call
	if !ok {
		_ = c.Close()
		return
	}
	s.inner.deliver(conn)
}

// secure makes a TLS connection of one that begins with a ClientHello.
func (s *Server) secure(c *boundConn, tlsConfig func() *tls.Config) (net.Conn, bool) {
	if c.ahead[0] >= firstByteSSL2 {
		s.connFailed(c, 0, call.ConnSSL2, "the program greets in the form of SSLv2, which no TLS server of today reads")
		return nil, false
	}
	if c.ahead[0] != tlsHandshakeRecord {
		return c, true
	}
	cfg := tlsConfig()
	if cfg == nil {
		s.connFailed(c, 0, call.ConnNoCA, "TLS to a proxy that has no CA")
		return nil, false
	}
	conn, err := s.handshake(c, cfg)
	return conn, err == nil
}

// linger lets a program whose request head net/http has refused, and which may not have read that yet, send the rest of its call.
// It is the counterpart of drainBody.
func (s *Server) linger(c *boundConn) {
	select {
	case <-s.stopping:
		return
	default:
	}
	if closeWrite(c.Conn) != nil || c.Conn.SetReadDeadline(time.Now().Add(s.cfg.HeaderTimeout)) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, c.Conn, s.cfg.DrainBody)
}

// accept serves one listener until it is closed.
func (s *Server) accept(l net.Listener, door door, conns *places) error {
	var delay time.Duration
	for {
		c, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			// Out of file descriptors or a passing fault: wait and go on, as net/http does.
			delay = min(max(2*delay, 5*time.Millisecond), time.Second)
			s.cfg.Log.Warn("accept failed", "listener", l.Addr().String(), "error", err, "retry_in", delay)
			select {
			case <-time.After(delay):
				continue
			case <-s.stopping:
				return nil
			}
		}
		delay = 0
		if t, ok := c.(*net.TCPConn); ok {
			_ = t.SetKeepAlivePeriod(30 * time.Second)
		}
		b := binding{door: door, client: addrPort(c.RemoteAddr()), local: addrPort(c.LocalAddr())}
		bound := &boundConn{Conn: c, binding: b}
		if !s.takePlace(conns, bound) {
			_ = c.Close()
			continue
		}
		tlsConfig := func() *tls.Config { return door.tls(s.state.Load()) }
		go func() {
			p := panics.In(safely(func() error { s.sort(bound, tlsConfig); return nil }))
			if p != nil {
				_ = bound.Close()
				s.panicked(call.PanicConnect, p, "client", b.client.String())
			}
		}()
	}
}

// takePlace gives a connection its place, if there is one. It may be taken away again until a call on the connection is proven.
func (s *Server) takePlace(conns *places, c *boundConn) bool {
	taken, displaced := conns.take(c.binding.client.Addr(), c)
	s.displace(displaced)
	if taken == nil {
		s.connFailed(c, 0, call.ConnTooMany, "limits.connections, or the client's share of it, is reached by calls under way")
		return false
	}
	c.place = taken
	taken.setIdle(true)
	return true
}

// displace closes the connection that made room for another.
func (s *Server) displace(p *place) {
	if p == nil {
		return
	}
	s.connFailed(p.conn, 0, call.ConnDisplaced, "closed for a newer one: limits.connections, or the client's share of it, is reached")
	_ = p.conn.Close()
}
