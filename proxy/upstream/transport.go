package upstream

import (
	"context"
	"net/http"
	"sync"
)

// Transport is an http.RoundTripper. It serves https calls that have no body, or a small one that GetBody shows to be
// kept, and passes all others to Base: upgrades, Expect, trailers, large bodies, http. Systems on which an idle
// connection cannot be asked whether it is still good (all but Unix) pass every call. Of httptrace it calls what
// Request.Write calls, and Got1xxResponse. It is not changed while in use. Safe for concurrent use.
type Transport struct {
	// Base serves what Transport does not.
	Base http.RoundTripper
	// Like has the settings, all of which must be set: DialContext, whose connections are used more than once only if
	// they are a syscall.Conn; TLSClientConfig, copied for each of them, of which an empty ServerName becomes the URL's
	// host; TLSHandshakeTimeout; ResponseHeaderTimeout, which bounds writing the request as well; IdleConnTimeout;
	// MaxIdleConnsPerHost; MaxResponseHeaderBytes, which bounds a head with the interim answers before it.
	Like *http.Transport

	pool     pool
	readers  sync.Pool // *bufio.Reader
	messages sync.Pool // *bytes.Buffer
}

// RoundTrip sends a call and returns when the head of the answer is there. A call on a connection that was used before
// and turns out to be closed is sent once more on a new one, if it is a GET, HEAD or OPTIONS without body or if no byte
// of it has left.
//
// Errors: the context's cause when it ends; what DialContext returns; those of crypto/tls for a handshake; a net.Error
// with Timeout for a limit of this Transport; otherwise the connection's, wrapped. Reading the body fails with
// io.ErrUnexpectedEOF when the answer is cut.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !supported || !takes(req) {
		return t.Base.RoundTrip(req)
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
	if c := t.pool.take(req.URL.Host); c != nil {
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
	if b, ok := t.Base.(interface{ CloseIdleConnections() }); ok {
		b.CloseIdleConnections()
	}
}
