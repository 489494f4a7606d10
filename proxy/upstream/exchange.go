package upstream

import (
	"bufio"
	"bytes"
	"context"
	"errors"
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
	if err := c.begin(t.Like.MaxResponseHeaderBytes, t.Like.ResponseHeaderTimeout); err != nil {
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
	if err := c.headRead(); err != nil {
		return nil, explain("lift a time limit", err)
	}
	return resp, nil
}

// readHead reads the head of the final answer, and shows those before it to whoever asked for them.
func readHead(c *conn, req *http.Request) (*http.Response, error) {
	for range maxInterims + 1 {
		head := withoutIdentity(c.reader)
		resp, err := http.ReadResponse(head, req)
		switch {
		case err != nil && c.limit <= 0:
			return nil, errLongHead
		case err != nil && c.wire.broken != nil:
			return nil, explain("send the request", errors.Join(c.wire.broken, err))
		case err != nil:
			return nil, explain("await the answer", err)
		case resp.StatusCode == http.StatusSwitchingProtocols:
			return nil, errSwitching
		case resp.StatusCode < 100 || resp.StatusCode > 199:
			resp.Close = resp.Close || head != c.reader // what head has read ahead is not seen by finish
			return resp, nil
		}
		if err := interim(req.Context(), resp); err != nil {
			return nil, err
		}
	}
	return nil, errInterims
}

// withoutIdentity takes "Transfer-Encoding: identity" out of a head that fits the buffer. RFC 2616 §3.6 meant by it
// that there is no coding, so length or end of the connection count; http.ReadResponse refuses the word. Beside another
// coding it stays, and is refused.
func withoutIdentity(r *bufio.Reader) *bufio.Reader {
	head := peekHead(r)
	var at, end, codings int
	for line := 0; line < len(head); {
		next := line + bytes.IndexByte(head[line:], '\n') + 1
		name, value, _ := bytes.Cut(head[line:next], []byte(":"))
		if len(name) == len("Transfer-Encoding") && bytes.EqualFold(name, []byte("Transfer-Encoding")) {
			codings++
			if bytes.EqualFold(bytes.Trim(value, " \t\r\n"), []byte("identity")) {
				at, end = line, next
			}
		}
		line = next
	}
	if end == 0 || codings > 1 {
		return r
	}
	kept := append(bytes.Clone(head[:at]), head[end:]...)
	_, _ = r.Discard(len(head))
	return bufio.NewReader(io.MultiReader(bytes.NewReader(kept), r))
}

// peekHead gives the head with its empty line, or nothing if it is larger than the buffer, breaks off or is not HTTP.
func peekHead(r *bufio.Reader) []byte {
	for n := 1; ; {
		if _, err := r.Peek(n); err != nil {
			return nil
		}
		seen, _ := r.Peek(r.Buffered())
		if proto := []byte("HTTP/"); !bytes.HasPrefix(seen, proto[:min(len(proto), len(seen))]) {
			return nil
		}
		if i := bytes.Index(seen, []byte("\n\r\n")); i >= 0 {
			return seen[:i+3]
		}
		if i := bytes.Index(seen, []byte("\n\n")); i >= 0 {
			return seen[:i+2]
		}
		n = len(seen) + 1
	}
}

func interim(ctx context.Context, resp *http.Response) error {
	trace := httptrace.ContextClientTrace(ctx)
	if trace == nil || trace.Got1xxResponse == nil {
		return nil
	}
	return trace.Got1xxResponse(resp.StatusCode, textproto.MIMEHeader(resp.Header))
}

// finish gives a connection back, or closes it: if nobody may use it again, if more has come than the answer, or if the
// context has ended and is about to break it off.
func (t *Transport) finish(c *conn, stop func() bool, keep bool) {
	keep = stop() && keep && !c.failed && c.wire.broken == nil && c.wire.raw != nil && c.reader.Buffered() == 0
	t.returnReader(c)
	if !keep || !t.pool.put(c, t.Like.MaxIdleConnsPerHost, t.Like.IdleConnTimeout) {
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
