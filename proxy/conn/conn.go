// Package conn holds callers' connections until a call on them reaches the pipeline: their places, the TLS handshake,
// the framing of a request's head and body, and what went wrong with those that never became a call. It must read no
// call's meaning and never close a connection under a call that is proven. Package proxy serves its Front.
package conn

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/proxy/egress"
)

// ReadAhead holds bytes that were read before their reader was there.
type ReadAhead []byte

// Give hands them out first; ok is false when none are left.
func (a *ReadAhead) Give(p []byte) (n int, ok bool) {
	if len(*a) == 0 {
		return 0, false
	}
	n = copy(p, *a)
	*a = (*a)[n:]
	return n, true
}

// Binding is what a connection was opened for. It is fixed before the first request on it is read, so no request can
// change it.
type Binding struct {
	Door   call.Door
	Target egress.Host // zero where each request names its own
	Client netip.AddrPort
	// Unnamed says that a balancer names no client: Client is the balancer itself, and gives nobody any right.
	Unnamed bool
	Local   netip.AddrPort // where the client has connected to
	Conn    *Conn          // that it belongs to; nil in tests of the handler alone
}

// AdmittedAs is the address by which the client is admitted; invalid where it is not known.
func (b *Binding) AdmittedAs() netip.AddrPort {
	if b.Unnamed {
		return netip.AddrPort{}
	}
	return b.Client
}

// Conn is a connection with its binding and with bytes that were read ahead of it.
type Conn struct {
	net.Conn
	Binding Binding
	ahead   ReadAhead
	closed  context.CancelFunc // nil unless somebody waits for the end
	place   *Place
	then    *Places // where its place is once the PROXY header that must come is read; nil = none must come
	front   *Front  // nil before it is sorted

	// What became of the request heads on it; see failure.go.
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

func (c *Conn) Read(p []byte) (int, error) {
	n, ok := c.ahead.Give(p)
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

func (c *Conn) Close() error {
	if c.closed != nil {
		c.closed()
	}
	if c.refused.Load() && !c.closing.Swap(true) {
		c.front.linger(c)
	}
	err := c.Conn.Close()
	c.place.Leave()
	return err
}

func (c *Conn) Write(p []byte) (int, error) {
	c.written.Store(true)
	c.lookAtAnswer(p)
	return c.Conn.Write(p)
}

// LocalAddr is where the client has connected to: the balancer's address, if one says so.
func (c *Conn) LocalAddr() net.Addr {
	if !c.Binding.Local.IsValid() {
		return c.Conn.LocalAddr()
	}
	return net.TCPAddrFromAddrPort(c.Binding.Local)
}

// CloseWrite ends one direction: half-closed tunnels need it, and net/http ends a refused upload with it.
func (c *Conn) CloseWrite() error { return CloseWrite(c.Conn) }

// Of finds the connection below one that the inner server was given; nil if there is none.
func Of(c net.Conn) *Conn {
	if t, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = t.NetConn()
	}
	b, _ := c.(*Conn)
	return b
}

// Proven keeps the connection when others want one. It returns false if another has got its place already.
func (c *Conn) Proven() bool { return c == nil || c.place.setIdle(false) }

// CloseWrite ends the writing direction of a connection that has one.
func CloseWrite(c net.Conn) error {
	if h, ok := c.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return nil
}
