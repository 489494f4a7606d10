package upstream

import (
	"bytes"
	"io"
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"
)

const (
	// maxBody is what a peer's system takes before its program has read anything: writing it cannot wait for an answer
	// that waits to be read.
	maxBody = 16 << 10
	// maxKeptMessage bounds the buffers that are lent again.
	maxKeptMessage = 32 << 10
)

// takes reports whether Transport serves a call itself. What is malformed goes to Base as well, which says so in
// net/http's words.
func takes(req *http.Request) bool {
	//nolint:staticcheck // http.Client still uses Cancel with a transport it does not know
	if req.Close || req.Cancel != nil || len(req.TransferEncoding) > 0 || len(req.Trailer) > 0 {
		return false
	}
	return plainURL(req) && plainMethod(req.Method) && plainBody(req) && plainHeader(req.Header)
}

func plainURL(req *http.Request) bool {
	u := req.URL
	return u != nil && u.Scheme == "https" && u.Opaque == "" && u.Host != "" && plainHost(u.Host) &&
		!strings.ContainsRune(u.RawQuery, ' ')
}

// plainHost is one that needs no punycode and names no IPv6 zone.
func plainHost(host string) bool {
	return !strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '%' })
}

func plainMethod(method string) bool {
	// both are tokens (RFC 9110 §9.1)
	return method == "" || method != http.MethodConnect && httpguts.ValidHeaderFieldName(method)
}

func plainBody(req *http.Request) bool {
	if req.Body == nil {
		return req.ContentLength == 0
	}
	return req.Body == http.NoBody || req.GetBody != nil && req.ContentLength > 0 && req.ContentLength <= maxBody
}

func plainHeader(h http.Header) bool {
	if h == nil {
		return false
	}
	for name, values := range h {
		if !httpguts.ValidHeaderFieldName(name) || special(name) {
			return false
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldValue(v) {
				return false
			}
		}
	}
	return true
}

// special tells fields that ask for more than a call and its answer, and framing that Request.Write would not leave out
// for its odd case.
func special(name string) bool {
	switch canonical := http.CanonicalHeaderKey(name); canonical {
	case "Connection", "Expect", "Keep-Alive", "Proxy-Connection", "Upgrade":
		return true
	case "Content-Length", "Host", "Trailer", "Transfer-Encoding":
		return name != canonical
	}
	return false
}

// encode writes the whole message down before a connection is touched, so that a bad request spoils none and a message
// can be sent anew. It closes the request's body. A bytes.Buffer spares the packet that Request.Write sends early on a
// bufio.Writer.
func encode(to *bytes.Buffer, req *http.Request) error {
	if req.Body == nil || req.Body == http.NoBody {
		return req.Write(to)
	}
	body := &watchedBody{ReadCloser: req.Body}
	out := *req
	out.Body = body
	err := out.Write(to)
	if body.err != nil {
		return body.err // Request.Write hides the caller's own error
	}
	return err
}

// watchedBody remembers why reading the caller's body failed.
type watchedBody struct {
	io.ReadCloser
	err error
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

func (t *Transport) message() *bytes.Buffer {
	if b, ok := t.messages.Get().(*bytes.Buffer); ok {
		return b
	}
	return new(bytes.Buffer)
}

func (t *Transport) returnMessage(b *bytes.Buffer) {
	if b.Cap() > maxKeptMessage {
		return
	}
	clear(b.Bytes()) // a bearer is in it
	b.Reset()
	t.messages.Put(b)
}

// effectFree reports whether a call may reach the other side twice (RFC 9110 §9.2.1).
func effectFree(req *http.Request) bool {
	if req.Body != nil && req.Body != http.NoBody {
		return false
	}
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions:
		return true
	}
	return false
}
