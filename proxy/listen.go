package proxy

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"docusign-auth-proxy/proxy/egress"
)

// binding is what a connection was opened for. It is fixed before the first request on it is read, so no request can change it.
type binding struct {
	door   Door
	target egress.Host // zero for the sidecar and for plain forward requests, which name theirs in each request
	client netip.AddrPort
	local  netip.AddrPort
}

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
}

func (c *boundConn) Read(p []byte) (int, error) {
	if n, ok := c.ahead.give(p); ok {
		return n, nil
	}
	return c.Conn.Read(p)
}

func (c *boundConn) Close() error {
	if c.closed != nil {
		c.once.Do(func() { close(c.closed) })
	}
	return c.Conn.Close()
}

// CloseWrite ends one direction: half-closed tunnels need it, and net/http ends a refused upload with it.
func (c *boundConn) CloseWrite() error { return closeWrite(c.Conn) }

// CloseRead is the counterpart of CloseWrite.
func (c *boundConn) CloseRead() error { return closeRead(c.Conn) }

// bindingOf finds the binding of a connection that the inner server was given.
func bindingOf(c net.Conn) (binding, bool) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	b, ok := c.(*boundConn)
	if !ok {
		return binding{}, false
	}
	return b.binding, true
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

const tlsHandshakeRecord = 0x16 // RFC 8446 §5.1: first byte of a ClientHello

// sort looks at the first byte of a fresh connection and delivers it to the inner server, as TLS or as it is.
// One port thus serves http and https alike.
func (s *Server) sort(c *boundConn, tlsConfig func() *tls.Config) {
	if !s.track(c) {
		_ = c.Close()
		return
	}
	defer s.untrack(c)
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
	s.untrack(c) // from here on net/http knows it, and Shutdown must not close it under a call
	if c.ahead[0] != tlsHandshakeRecord {
		s.inner.deliver(c)
		return
	}
	cfg := tlsConfig()
	if cfg == nil {
		_ = c.Close() // TLS to a proxy without a CA; the start-up log says how to make one
		return
	}
	s.inner.deliver(tls.Server(c, cfg))
}

// accept serves one listener until it is closed.
func (s *Server) accept(l net.Listener, door Door) error {
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
		if door == DoorHosts {
			go s.sort(&boundConn{Conn: c, binding: b}, s.hostsTLS)
			continue
		}
		go s.sort(&boundConn{Conn: c, binding: b}, s.sidecarTLS)
	}
}

func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
