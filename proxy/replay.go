package proxy

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strings"

	"docusign-auth-proxy/translate/reply"
)

const (
	maxErrorBody = 64 << 10
	firstBuffer  = 32 << 10 // for a body of known length
)

// replayBody is a request body of which the beginning, or the whole, is kept.
type replayBody struct {
	kept      []byte
	whole     bool
	callerErr error
}

// replayable reports whether the call can be sent again as it was.
func (b *replayBody) replayable() bool { return b == nil || b.whole }

func (b *replayBody) reader() io.ReadCloser {
	if b == nil || len(b.kept) == 0 {
		return http.NoBody
	}
	return io.NopCloser(bytes.NewReader(b.kept))
}

// keepBody reads a small body whole before the call is sent. A body that is too large streams, and the call is then never sent twice.
func (x *exchange) keepBody(r *http.Request) error {
	limit := x.server.cfg.ReplayBody
	if r.Body == nil || r.ContentLength == 0 {
		return nil
	}
	b := &replayBody{}
	x.body = b
	if r.ContentLength > limit {
		r.Body = &streamedBody{Reader: r.Body, Closer: r.Body}
		return nil
	}
	if err := b.read(r, limit); err != nil {
		b.callerErr = err
		return err
	}
	if b.whole && r.ContentLength < 0 && x.soap != nil {
		r.ContentLength = int64(len(b.kept)) // old SOAP stacks expect Content-Length end to end (PROTOCOL.md §4.2)
		r.TransferEncoding = nil
	}
	if !b.whole {
		r.Body = &streamedBody{Reader: io.MultiReader(bytes.NewReader(b.kept), r.Body), Closer: r.Body}
		return nil
	}
	r.Body = b.reader()
	r.GetBody = func() (io.ReadCloser, error) { return b.reader(), nil }
	return nil
}

// streamedBody marks read errors as the caller's, so that they are not taken for DocuSign's.
type streamedBody struct {
	io.Reader
	io.Closer
}

func (b *streamedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &callerError{err}
	}
	return n, err
}

// read keeps up to limit bytes, and one more where the length is not known. The buffer grows with what comes, not with what is announced.
func (b *replayBody) read(r *http.Request, limit int64) error {
	most, buf := limit+1, &bytes.Buffer{}
	if r.ContentLength > 0 {
		most = r.ContentLength
		buf.Grow(int(min(most, firstBuffer)) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(io.LimitReader(r.Body, most))
	if err == nil && n < r.ContentLength {
		err = io.ErrUnexpectedEOF
	}
	b.kept = buf.Bytes()
	b.whole = err == nil && n <= limit
	return err
}

// refusedUpstream says whether DocuSign refused the call for its token or its site, before doing any work.
func (x *exchange) refusedUpstream(resp *http.Response) reply.Upstream {
	switch resp.StatusCode {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
	case http.StatusInternalServerError:
		if !x.route.api.SOAP() {
			return reply.Other
		}
	default:
		return reply.Other
	}
	switch why := reply.ClassifyUpstream(resp.StatusCode, resp.Header, peekBody(resp)); why {
	case reply.TokenRefused, reply.WrongSite:
		return why
	}
	return reply.Other
}

// peekBody reads the beginning of an answer's body, decoded, and leaves the body as it was.
func peekBody(resp *http.Response) []byte {
	if resp.Body == nil || resp.Body == http.NoBody {
		return nil
	}
	if p, ok := resp.Body.(*peekedBody); ok {
		return p.text
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	rest := io.Reader(resp.Body)
	if err != nil {
		rest = failingReader{err} // the caller sees the break where it happened
	}
	p := &peekedBody{Reader: io.MultiReader(bytes.NewReader(raw), rest), Closer: resp.Body, text: decoded(raw, resp.Header.Get("Content-Encoding"))}
	resp.Body = p
	return p.text
}

type peekedBody struct {
	io.Reader
	io.Closer
	text []byte
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

// decoded undoes gzip and deflate; what it cannot undo it gives back as nothing, since it could only be misread.
func decoded(raw []byte, encoding string) []byte {
	var d io.Reader
	var err error
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return raw
	case "gzip", "x-gzip":
		d, err = gzip.NewReader(bytes.NewReader(raw))
	case "deflate":
		d, err = zlib.NewReader(bytes.NewReader(raw))
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(d, maxErrorBody))
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return text
}

// drain lets the connection be used again.
func drain(resp *http.Response) {
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxErrorBody))
	_ = resp.Body.Close()
}
