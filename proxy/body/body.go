// Package body holds, looks into and changes the bodies of calls and answers on their way.
// It must never read more of one than it was told, and never hide where a body broke off.
// Package proxy forwards calls with it.
package body

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"docusign-auth-proxy/translate/soap"
)

const (
	maxError    = 64 << 10 // of an error's body
	firstBuffer = 32 << 10 // for a body of known length
)

// Kept is a request body of which the beginning, or the whole, is kept.
type Kept struct {
	text  []byte
	open  func() io.Reader // nil = text
	Whole bool
}

// Replayable reports whether the call can be sent again as it was.
func (b *Kept) Replayable() bool { return b == nil || b.Whole }

// Reader reads what is kept.
func (b *Kept) Reader() io.ReadCloser {
	switch {
	case b != nil && b.open != nil:
		return io.NopCloser(b.open())
	case b == nil || len(b.text) == 0:
		return http.NoBody
	}
	return io.NopCloser(bytes.NewReader(b.text))
}

// Of keeps a text, whole.
func Of(text []byte) *Kept { return &Kept{text: text, Whole: true} }

// Opened is a body that is kept elsewhere, whole, and can be read from its beginning any number of times.
func Opened(open func() io.Reader) *Kept { return &Kept{open: open, Whole: true} }

// Keep reads a small body whole before the call is sent. A body that is larger than limit streams, and the call is
// then never sent twice. It returns nil when there is no body. withLength gives a body of unknown length its length.
func Keep(r *http.Request, limit int64, withLength bool) (*Kept, error) {
	if r.Body == nil || r.ContentLength == 0 {
		return nil, nil
	}
	b := &Kept{}
	if r.ContentLength > limit {
		r.Body = &Streamed{Reader: r.Body, Closer: r.Body}
		return b, nil
	}
	if err := b.read(r, limit); err != nil {
		return b, err
	}
	if !b.Whole {
		r.Body = &Streamed{Reader: io.MultiReader(bytes.NewReader(b.text), r.Body), Closer: r.Body}
		return b, nil
	}
	if r.ContentLength < 0 && withLength {
		r.ContentLength, r.TransferEncoding = int64(len(b.text)), nil
	}
	r.Body = b.Reader()
	r.GetBody = func() (io.ReadCloser, error) { return b.Reader(), nil }
	return b, nil
}

// read keeps up to limit bytes, and one more where the length is not known. The buffer grows with what comes, not
// with what is announced.
func (b *Kept) read(r *http.Request, limit int64) error {
	most, buf := limit+1, &bytes.Buffer{}
	if r.ContentLength > 0 {
		most = r.ContentLength
		buf.Grow(int(min(most, firstBuffer)) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(io.LimitReader(r.Body, most))
	if err == nil && n < r.ContentLength {
		err = io.ErrUnexpectedEOF
	}
	b.text = buf.Bytes()
	b.Whole = err == nil && n <= limit
	return err
}

// Streamed marks read errors as the caller's, so that they are not taken for DocuSign's.
type Streamed struct {
	io.Reader
	io.Closer
}

func (b *Streamed) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &callerError{err}
	}
	return n, err
}

// callerError is a fault of the caller's own body, found while it was being forwarded.
type callerError struct{ err error }

func (e *callerError) Error() string { return "request body: " + e.err.Error() }
func (e *callerError) Unwrap() error { return e.err }

// IsCallerError reports whether a body broke off at the caller.
func IsCallerError(err error) bool {
	var ce *callerError
	return errors.As(err, &ce)
}

// Edit edits the body of an answer, whole. One that is too large, or cannot be edited, passes as it is.
func Edit(resp *http.Response, most int64, edit func(body []byte) ([]byte, error)) error {
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Encoding") != "" {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if int64(len(body)) > most {
		resp.Body = &Joined{Reader: io.MultiReader(bytes.NewReader(body), resp.Body), Closer: resp.Body}
		return nil
	}
	if edited, err := edit(body); err == nil {
		body = edited
	}
	Replace(resp, body)
	return nil
}

// InsertTimestamp puts the Timestamp into the answer that a WCF client waits for, since DocuSign saw no Security header
// to answer.
func InsertTimestamp(resp *http.Response) error {
	if resp.Header.Get("Content-Encoding") != "" || !strings.Contains(resp.Header.Get("Content-Type"), "xml") {
		return nil
	}
	rest := resp.Body
	e, err := soap.InsertSecurityTimestamp(rest, time.Now())
	var refusal *soap.Error
	switch {
	case errors.As(err, &refusal):
		resp.Body = &Joined{Reader: e.Original(), Closer: rest}
		return nil
	case err != nil:
		return err
	}
	resp.Body = &Joined{Reader: e.Reader(), Closer: rest}
	if resp.ContentLength >= 0 {
		SetLength(resp, resp.ContentLength+e.Delta())
	}
	return nil
}

// Replace puts another body in the place of an answer's.
func Replace(resp *http.Response, body []byte) {
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	SetLength(resp, int64(len(body)))
	for _, stale := range [...]string{"Etag", "Content-Md5", "Digest", "Transfer-Encoding"} {
		resp.Header.Del(stale)
	}
}

// SetLength writes the length of an edited body into the head.
func SetLength(resp *http.Response, n int64) {
	resp.ContentLength, resp.TransferEncoding = n, nil
	resp.Header.Set("Content-Length", strconv.FormatInt(n, 10))
}

// Joined closes one thing and reads another.
type Joined struct {
	io.Reader
	io.Closer
}

// Peek reads the beginning of an answer's body, decoded, and leaves the body as it was.
func Peek(resp *http.Response) []byte {
	if resp.Body == nil || resp.Body == http.NoBody {
		return nil
	}
	if p, ok := resp.Body.(*peeked); ok {
		return p.text
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxError))
	rest := io.Reader(resp.Body)
	if err != nil {
		rest = failingReader{err} // the caller sees the break where it happened
	}
	p := &peeked{
		Joined: Joined{Reader: io.MultiReader(bytes.NewReader(raw), rest), Closer: resp.Body},
		text:   decoded(raw, resp.Header.Get("Content-Encoding")),
	}
	resp.Body = p
	return p.text
}

type peeked struct {
	Joined
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
	text, err := io.ReadAll(io.LimitReader(d, maxError))
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return text
}

// Drain lets the connection be used again.
func Drain(resp *http.Response) {
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxError))
	_ = resp.Body.Close()
}

// Buffers lends 32 KiB buffers for bodies.
type Buffers struct{ pool sync.Pool }

// Get lends a buffer.
func (p *Buffers) Get() []byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, 32<<10)
}

// Put takes a buffer back.
func (p *Buffers) Put(b []byte) { p.pool.Put(&b) }
