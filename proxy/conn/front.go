package conn

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/panics"
	"docusign-auth-proxy/proxy/egress"
)

// Options of a Front; none has a default but Balancers.
type Options struct {
	Balancers
	Log           *slog.Logger
	Recorders     call.Recorders // those with RecordConnFailure are told of connections without a call
	NextID        func() string
	Panicked      func(where string, p *panics.Error, args ...any)
	HeaderTimeout time.Duration // for the first byte and for a handshake
	DrainBody     int64         // read, and thrown away, behind a head that net/http has refused
	Most          int           // connections at a time, for each listener
	SharePercent  int           // of Most that one client may take
}

// Front takes callers' connections, sorts them into TLS and plain, and is the listener that delivers them to net/http.
type Front struct {
	Options
	failures  failures
	sorted    chan net.Conn
	accepting context.Context // net/http accepts until its end
	endAccept context.CancelFunc
	running   context.Context // until Stop
	endRun    context.CancelFunc

	mu        sync.Mutex
	listeners []net.Listener
	fresh     map[*Conn]struct{} // not yet sorted, not yet known to net/http
	places    []*Places          // of the listeners
}

// NewFront makes a Front without listeners.
func NewFront(o Options) *Front {
	f := &Front{Options: o, sorted: make(chan net.Conn), fresh: map[*Conn]struct{}{}}
	f.accepting, f.endAccept = context.WithCancel(context.Background())
	f.running, f.endRun = context.WithCancel(context.Background())
	return f
}

// Accept waits for the next connection.
func (f *Front) Accept() (net.Conn, error) {
	select {
	case c := <-f.sorted:
		return c, nil
	case <-f.accepting.Done():
		return nil, net.ErrClosed
	}
}

// Close ends Accept; connections that are sorted later are closed.
func (f *Front) Close() error {
	f.endAccept()
	return nil
}

// Addr is no address of a listener.
func (f *Front) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// Running ends with Stop.
func (f *Front) Running() context.Context { return f.running }

// Open gives the number of connections, and of their calls over HTTP/2.
func (f *Front) Open() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	var n int64
	for _, p := range f.places {
		n += p.Count()
	}
	return n
}

// lastWord is how long a silent connection has to show a call when the server stops.
const lastWord = 50 * time.Millisecond

// Stop closes the listeners, lets the connections that still are to be sorted reach net/http, and closes those that
// do not.
func (f *Front) Stop() {
	f.mu.Lock()
	f.endRun()
	for _, l := range f.listeners {
		_ = l.Close()
	}
	// Connections whose first byte has not been read are not known to net/http yet, but a call may lie in the machine's
	// buffer.
	for c := range f.fresh {
		_ = c.Conn.SetReadDeadline(time.Now().Add(lastWord))
	}
	f.mu.Unlock()
	for end := time.Now().Add(2 * lastWord); f.unsorted() > 0 && time.Now().Before(end); {
		time.Sleep(lastWord / 10)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.fresh {
		_ = c.Conn.Close()
	}
}

func (f *Front) unsorted() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.fresh)
}

func (f *Front) track(c *Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.running.Err() != nil {
		return false
	}
	f.fresh[c] = struct{}{}
	return true
}

func (f *Front) untrack(c *Conn) {
	f.mu.Lock()
	delete(f.fresh, c)
	f.mu.Unlock()
}

// Inside serves the calls in the tunnel that was asked for on a connection with the binding b. over is the stream of a
// tunnel over HTTP/2, which lives as long as this call; nil = client is the whole connection.
func (f *Front) Inside(
	client net.Conn, b *Binding, target egress.Host, over http.ResponseWriter, tls func() *tls.Config,
) {
	c := &Conn{Conn: client, Binding: Binding{
		Door: call.DoorConnect, Target: target, Client: b.Client, Local: b.Local,
	}}
	if b.Conn != nil {
		c.place = b.Conn.place
	}
	if over == nil {
		f.sort(c, tls)
		return
	}
	open, closed := context.WithCancel(context.Background())
	c.closed = closed
	if !f.takePlace(c.place.of, c) {
		over.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	over.WriteHeader(http.StatusOK) // the client sends nothing before it
	_ = http.NewResponseController(over).Flush()
	f.sort(c, tls)
	<-open.Done()
}

// TakePlace lets a call count for its client. Over HTTP/2 it gets a place of its own among the connections, since one
// connection carries many; on a balancer's connection the client has the connection's place for as long as the call
// takes. ok is false when there is none; leave is to be called at the end of the call.
func (f *Front) TakePlace(r *http.Request, b *Binding) (leave func(), ok bool) {
	switch none := func() {}; {
	case b.Conn == nil || b.Conn.place == nil:
		return none, true
	case r.ProtoMajor == 2:
		taken, displaced := b.Conn.place.of.Take(b.Client.Addr(), nil)
		f.displace(displaced)
		return taken.Leave, taken != nil
	case b.Client == b.Conn.Binding.Client:
		return none, true
	}
	place := b.Conn.place
	displaced, ok := place.lend(b.Client.Addr())
	f.displace(displaced)
	return place.giveBack, ok
}

// AddrPort is the address of a TCP connection's end; the zero value for others.
func AddrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

const (
	tlsHandshakeRecord = 0x16 // RFC 8446 §5.1: first byte of a ClientHello
	firstByteSSL2      = 0x80 // RFC 5246 appendix E.2; a method of HTTP is ASCII
)

// sort looks at the first byte of a fresh connection and delivers it to the inner server, as TLS or as it is.
// One port thus serves http and https alike.
func (f *Front) sort(c *Conn, tlsConfig func() *tls.Config) {
	if !f.track(c) {
		_ = c.Close()
		return
	}
	defer f.untrack(c)
	c.front, c.Binding.Conn = f, c
	if !f.begin(c) {
		_ = c.Close()
		return
	}
	conn := f.secure(c, tlsConfig)
	f.untrack(c) // from here on net/http knows it, and Shutdown must not close it under a call
	if conn == nil {
		_ = c.Close()
		return
	}
	select {
	case f.sorted <- conn:
	case <-f.accepting.Done():
		_ = conn.Close()
	}
}

// secure makes a TLS connection of one that begins with a ClientHello; nil = it cannot.
func (f *Front) secure(c *Conn, tlsConfig func() *tls.Config) net.Conn {
	if c.ahead[0] >= firstByteSSL2 {
		f.failed(c, 0, cause.TLSSSLv2, "the program greets in the form of SSLv2, which no TLS server of today reads")
		return nil
	}
	if c.ahead[0] != tlsHandshakeRecord {
		return c
	}
	cfg := tlsConfig()
	if cfg == nil {
		f.failed(c, 0, cause.NoCA, "TLS to a proxy that has no CA")
		return nil
	}
	return f.handshake(c, cfg)
}

// linger lets a program whose request head net/http has refused, and which may not have read that yet, send the rest
// of its call. It is the counterpart of Body.Finish.
func (f *Front) linger(c *Conn) {
	end := time.Now().Add(f.HeaderTimeout)
	if f.running.Err() == nil && CloseWrite(c.Conn) == nil && c.Conn.SetReadDeadline(end) == nil {
		_, _ = io.CopyN(io.Discard, c.Conn, f.DrainBody)
	}
}

// Serve takes connections from the listener until Stop. tls gives its certificates; it gives nil when there are none.
func (f *Front) Serve(l net.Listener, door call.Door, tls func() *tls.Config) error {
	f.mu.Lock()
	if f.running.Err() != nil { // Stop was quicker and did not see this listener
		f.mu.Unlock()
		return l.Close()
	}
	f.listeners = append(f.listeners, l)
	places, unread := NewPlaces(f.Most, f.SharePercent), NewPlaces(f.Most, 100)
	places.shared = f.ForwardedFor
	f.places = append(f.places, places, unread)
	f.mu.Unlock()
	return f.accept(l, door, places, unread, tls)
}

// accept takes connections. Those of balancers have a place of unread until their PROXY header says whose they are.
func (f *Front) accept(l net.Listener, door call.Door, places, unread *Places, tls func() *tls.Config) error {
	var delay time.Duration
	for {
		c, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			// Out of file descriptors or a passing fault: wait and go on, as net/http does.
			delay = min(max(2*delay, 5*time.Millisecond), time.Second)
			f.Log.Warn("accept failed", "listener", l.Addr().String(), "error", err, "retry_in", delay)
			select {
			case <-time.After(delay):
				continue
			case <-f.running.Done():
				return nil
			}
		}
		delay = 0
		if t, ok := c.(*net.TCPConn); ok {
			_ = t.SetKeepAlivePeriod(30 * time.Second)
		}
		b := Binding{Door: door, Client: AddrPort(c.RemoteAddr()), Local: AddrPort(c.LocalAddr())}
		bound, first := &Conn{Conn: c, Binding: b}, places
		if egress.Holds(f.ProxyProtocol, b.Client.Addr()) {
			bound.then, first = places, unread
		}
		if !f.takePlace(first, bound) {
			_ = c.Close()
			continue
		}
		go func() {
			if p := panics.Caught(func() { f.sort(bound, tls) }); p != nil {
				_ = bound.Close()
				f.Panicked(call.PanicConnect, p, "client", b.Client.String())
			}
		}()
	}
}

// takePlace gives a connection its place, if there is one. It may be taken away again until a call on the connection
// is proven.
func (f *Front) takePlace(places *Places, c *Conn) bool {
	taken, displaced := places.Take(c.Binding.Client.Addr(), c)
	f.displace(displaced)
	if taken == nil {
		const full = "limits.connections, or the client's share of it, is reached by calls under way"
		f.failed(c, 0, cause.TooManyConnections, full)
		return false
	}
	c.place = taken
	taken.setIdle(true)
	return true
}

// displace closes the connection that made room for another.
func (f *Front) displace(p *Place) {
	if p == nil {
		return
	}
	const newer = "closed for a newer one: limits.connections, or the client's share of it, is reached"
	f.failed(p.conn, 0, cause.ConnectionDisplaced, newer)
	_ = p.conn.Close()
}
