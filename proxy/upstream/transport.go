package upstream

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"
)

// Defaults of the fields of Transport.
const (
	DefaultMaxIdlePerHost    = 256
	DefaultIdleTimeout       = 90 * time.Second
	DefaultMaxResponseHeader = 256 << 10
)

// Transport is an http.RoundTripper. It serves https calls that have no body, or a small one that GetBody shows to be
// kept, and passes all others to Base: upgrades, Expect, trailers, large bodies, http. Systems on which an idle
// connection cannot be asked whether it is still good (all but Unix) pass every call. Of httptrace it calls what
// Request.Write calls, and Got1xxResponse. It is not changed while in use. Safe for concurrent use.
type Transport struct {
	// Base serves what Transport does not; nil means http.DefaultTransport.
	Base http.RoundTripper
	// Dial opens connections and heeds its context; nil means net.Dialer. Only a connection that is a syscall.Conn is used
	// more than once.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// TLS is copied for each connection; an empty ServerName becomes the URL's host, NextProtos becomes http/1.1. nil
	// means the zero Config.
	TLS *tls.Config
	// HandshakeTimeout bounds the TLS handshake; 0 = no limit.
	HandshakeTimeout time.Duration
	// ResponseTimeout bounds writing the request and waiting for the answer's head, together; 0 = no limit.
	ResponseTimeout time.Duration
	// IdleTimeout closes a connection that nobody used; default DefaultIdleTimeout.
	IdleTimeout time.Duration
	// MaxIdlePerHost bounds the connections kept for each host and port; default DefaultMaxIdlePerHost.
	MaxIdlePerHost int
	// MaxResponseHeader bounds the head of an answer with its interim answers, in bytes; default DefaultMaxResponseHeader.
	MaxResponseHeader int64
	// Now tells how long connections have been idle; nil means time.Now.
	Now func() time.Time

	pool     pool
	readers  sync.Pool // *bufio.Reader
	messages sync.Pool // *bytes.Buffer
}

// RoundTrip sends a call and returns when the head of the answer is there. A call on a connection that was used before
// and turns out to be closed is sent once more on a new one, if it is a GET, HEAD or OPTIONS without body or if no byte
// of it has left.
//
// Errors: the context's cause when it ends; what Dial returns; those of crypto/tls for a handshake; a net.Error with
// Timeout for a limit of this Transport; otherwise the connection's, wrapped. Reading the body fails with
// io.ErrUnexpectedEOF when the answer is cut.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !supported || !takes(req) {
		return t.base().RoundTrip(req)
	}
	message := t.message()
	defer t.returnMessage(message)
	if err := encode(message, req); err != nil {
		return nil, err
	}
	ctx := req.Context()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if c := t.pool.take(req.URL.Host, t.now(), t.idleTimeout()); c != nil {
		resp, err := t.exchange(c, req, message.Bytes())
		if err == nil || !c.mayRepeat(req, err) {
			return resp, err
		}
	}
	c, err := t.dial(ctx, req.URL)
	if err != nil {
		return nil, err
	}
	return t.exchange(c, req, message.Bytes())
}

// CloseIdleConnections closes the connections nobody uses, and those now in use when they become idle, unless a call
// comes in between.
func (t *Transport) CloseIdleConnections() {
	t.pool.shut()
	if b, ok := t.base().(interface{ CloseIdleConnections() }); ok {
		b.CloseIdleConnections()
	}
}

func (t *Transport) base() http.RoundTripper {
	if t.Base == nil {
		return http.DefaultTransport
	}
	return t.Base
}

func (t *Transport) now() time.Time {
	if t.Now == nil {
		return time.Now()
	}
	return t.Now()
}

func (t *Transport) idleTimeout() time.Duration { return cmp.Or(t.IdleTimeout, DefaultIdleTimeout) }
