package lean

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
)

const (
	readerSize  = 4 << 10
	maxInterims = 5
)

// exchange sends a message and reads the head of the answer. The connection is then the body's, the pool's, or closed.
func (t *Transport) exchange(c *conn, req *http.Request, message []byte) (*http.Response, error) {
	ctx := req.Context()
	stop := context.AfterFunc(ctx, c.abort)
	resp, err := t.converse(c, req, message)
	if err != nil {
		stop()
		c.abort()
		t.returnReader(c)
		return nil, causeOr(ctx, err)
	}
	resp.TLS = c.state
	if resp.Body == http.NoBody {
		t.finish(c, stop, !resp.Close)
		return resp, nil
	}
	resp.Body = &body{transport: t, conn: c, ctx: ctx, stop: stop, inner: resp.Body, keep: !resp.Close}
	return resp, nil
}

func (t *Transport) converse(c *conn, req *http.Request, message []byte) (*http.Response, error) {
	if err := c.begin(t.maxHead(), t.ResponseTimeout); err != nil {
		return nil, explain("set a time limit", err)
	}
	if _, err := c.tls.Write(message); err != nil {
		return nil, explain("send the request", err)
	}
	t.lendReader(c)
	resp, err := readHead(c, req)
	if err != nil {
		return nil, err
	}
	if err := c.headRead(t.ResponseTimeout); err != nil {
		return nil, explain("lift a time limit", err)
	}
	return resp, nil
}

// readHead reads the head of the final answer, and shows those before it to whoever asked for them.
func readHead(c *conn, req *http.Request) (*http.Response, error) {
	for range maxInterims + 1 {
		resp, err := http.ReadResponse(c.reader, req)
		switch {
		case err != nil && c.limit <= 0:
			return nil, errLongHead
		case err != nil:
			return nil, explain("await the answer", err)
		case resp.StatusCode == http.StatusSwitchingProtocols:
			return nil, errSwitching
		case resp.StatusCode < 100 || resp.StatusCode > 199:
			return resp, nil
		}
		if err := interim(req.Context(), resp); err != nil {
			return nil, err
		}
	}
	return nil, errInterims
}

func interim(ctx context.Context, resp *http.Response) error {
	trace := httptrace.ContextClientTrace(ctx)
	if trace == nil || trace.Got1xxResponse == nil {
		return nil
	}
	return trace.Got1xxResponse(resp.StatusCode, textproto.MIMEHeader(resp.Header))
}

// finish gives a connection back, or closes it: if nobody may use it again, if more has come than the answer, or if the context has ended
// and is about to break it off.
func (t *Transport) finish(c *conn, stop func() bool, keep bool) {
	keep = stop() && keep && !c.failed && c.wire.raw != nil && c.reader.Buffered() == 0
	t.returnReader(c)
	if !keep || !t.pool.put(c, t.maxIdle(), t.idleTimeout(), t.now) {
		c.close()
	}
}

func (t *Transport) lendReader(c *conn) {
	r, ok := t.readers.Get().(*bufio.Reader)
	if !ok {
		r = bufio.NewReaderSize(nil, readerSize)
	}
	r.Reset(c)
	c.reader = r
}

func (t *Transport) returnReader(c *conn) {
	if c.reader == nil {
		return
	}
	c.reader.Reset(io.Reader(nil))
	t.readers.Put(c.reader)
	c.reader = nil
}
