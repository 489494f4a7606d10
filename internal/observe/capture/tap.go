package capture

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"sync"
	"time"

	"docusign-auth-proxy/internal/call"
)

const maxAttempts = 8

// tap is a call.Tap for one exchange. What it gathers is raw and lives no longer than the call; Done masks it.
type tap struct {
	capture  *Captures
	limit    int
	url      string // with its query, as it came
	method   string
	proto    string
	header   http.Header
	asked    *tapBuffer
	attempts []*tapAttempt
	got      *tapWriter
}

type tapAttempt struct {
	started    time.Time
	answered   time.Duration
	method     string
	url        url.URL
	header     http.Header
	mu         sync.Mutex
	body       *tapBuffer
	status     int
	proto      string
	respHeader http.Header
	respBody   *tapBuffer
	err        error
}

// Tap begins to listen to a call when a capture runs, else it gives nil.
func (c *Captures) Tap(r *http.Request) call.Tap {
	if !c.on() {
		return nil
	}
	t := &tap{capture: c, limit: c.bodyLimit(), url: askedURL(r), method: r.Method, proto: r.Proto, header: r.Header.Clone()}
	t.asked = t.buffer(r.Header)
	return t
}

// Asked listens to the request's body.
func (t *tap) Asked(body io.ReadCloser) io.ReadCloser {
	return &tapReader{ReadCloser: body, to: t.asked}
}

// Answer listens to what the program gets.
func (t *tap) Answer(w http.ResponseWriter) http.ResponseWriter {
	t.got = &tapWriter{ResponseWriter: w, tap: t}
	return t.got
}

// Upstream listens to what goes to DocuSign and what comes back.
func (t *tap) Upstream(next http.RoundTripper) http.RoundTripper {
	return &tapTransport{next: next, tap: t}
}

// askedURL writes what the program asked for as one URL, whichever door it came through.
func askedURL(r *http.Request) string {
	u := *r.URL
	if u.User = nil; u.Host == "" {
		u.Scheme, u.Host = "http", r.Host
		if r.TLS != nil {
			u.Scheme = "https"
		}
	}
	return u.String()
}

func (t *tap) buffer(h http.Header) *tapBuffer {
	return &tapBuffer{budget: &t.capture.budget, max: t.limit, shrink: shrinkable(h), sum: sha256.New()}
}

// release gives back the memory of the raw bytes.
func (t *tap) release() {
	t.asked.close()
	if t.got.body != nil {
		t.got.body.close()
	}
	for _, a := range t.attempts {
		a.mu.Lock()
		a.body.close()
		a.mu.Unlock()
		if a.respBody != nil {
			a.respBody.close()
		}
	}
}

// tapTransport notes what goes to DocuSign and what comes back.
type tapTransport struct {
	next http.RoundTripper
	tap  *tap
}

// RoundTrip works on a copy of the request, as a RoundTripper must.
func (tt *tapTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	t := tt.tap
	if len(t.attempts) >= maxAttempts {
		return tt.next.RoundTrip(req)
	}
	a := &tapAttempt{started: t.capture.now(), method: req.Method, url: *req.URL, header: req.Header.Clone(), body: t.buffer(req.Header)}
	t.attempts = append(t.attempts, a)
	resp, err := tt.next.RoundTrip(a.listen(t, req))
	a.answered, a.err = t.capture.now().Sub(a.started), err
	if err != nil {
		return resp, err
	}
	a.status, a.proto, a.respHeader, a.respBody = resp.StatusCode, resp.Proto, resp.Header.Clone(), t.buffer(resp.Header)
	if resp.Body != nil && resp.Body != http.NoBody && resp.StatusCode != http.StatusSwitchingProtocols {
		resp.Body = &tapReader{ReadCloser: resp.Body, to: a.respBody}
	}
	return resp, nil
}

// listen follows the transport when it takes the body anew for another connection.
func (a *tapAttempt) listen(t *tap, req *http.Request) *http.Request {
	if req.Body == nil || req.Body == http.NoBody {
		return req
	}
	out := req.WithContext(req.Context())
	out.Body = &tapReader{ReadCloser: req.Body, to: a.body}
	if again := req.GetBody; again != nil {
		out.GetBody = func() (io.ReadCloser, error) {
			b, err := again()
			if err != nil {
				return nil, err
			}
			fresh := t.buffer(req.Header)
			a.mu.Lock()
			defer a.mu.Unlock()
			if !a.body.close() {
				return b, nil // the call is over
			}
			a.body = fresh
			return &tapReader{ReadCloser: b, to: fresh}, nil
		}
	}
	return out
}

// tapWriter notes what the program gets.
type tapWriter struct {
	http.ResponseWriter
	tap    *tap
	status int
	header http.Header
	body   *tapBuffer
}

// Unwrap lets http.ResponseController reach the writer below.
func (w *tapWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader copies the final head; informational ones pass by.
func (w *tapWriter) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status, w.header = status, w.Header().Clone()
		w.body = w.tap.buffer(w.header)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *tapWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	n, err := w.ResponseWriter.Write(p)
	w.body.write(p[:n])
	return n, err
}

// Flush sends what is buffered, for streamed answers.
func (w *tapWriter) Flush() {
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// tapReader shows a buffer what is read through it, and reads no byte more than its reader asks for.
type tapReader struct {
	io.ReadCloser
	to *tapBuffer
}

func (r *tapReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.to.write(p[:n])
	return n, err
}

// tapBuffer keeps the beginning of a body. Long runs of base64 are documents; only their length is kept, so that what follows fits.
type tapBuffer struct {
	budget *budget
	max    int
	shrink bool

	mu      sync.Mutex
	closed  bool
	cut     bool
	full    bool // no more memory
	kept    []byte
	taken   int64 // from the budget
	size    int64
	sum     hash.Hash
	run     int64 // length of the run of base64 under way
	runKept int   // how much of it is in kept
}

// base64Run is the shortest run that is taken for a document.
const base64Run = 256

// base64Letter tells what base64 looks like in JSON, XML and forms: both alphabets, padding, line ends and escapes.
func base64Letter(c byte) bool {
	switch {
	case c|0x20 >= 'a' && c|0x20 <= 'z', c >= '0' && c <= '9':
		return true
	}
	switch c {
	case '+', '/', '=', '-', '_', '\r', '\n', '\\', '%':
		return true
	}
	return false
}

func (b *tapBuffer) write(p []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || len(p) == 0 {
		return
	}
	b.size += int64(len(p))
	_, _ = b.sum.Write(p) // documented never to fail
	if !b.shrink {
		b.keep(p)
		return
	}
	b.scan(p)
}

func (b *tapBuffer) scan(p []byte) {
	for len(p) > 0 {
		if b.run == 0 && len(b.kept) >= b.max {
			b.cut = true
			return
		}
		n := leading(p, base64Letter)
		if n > 0 {
			if room := base64Run - b.run; room > 0 {
				b.runKept += b.keep(p[:min(int64(n), room)])
			}
			b.run += int64(n)
			p = p[n:]
			if len(p) == 0 {
				return // the run may go on
			}
		}
		b.endRun()
		n = leading(p, func(c byte) bool { return !base64Letter(c) })
		b.keep(p[:n])
		p = p[n:]
	}
}

func leading(p []byte, is func(byte) bool) int {
	for i, c := range p {
		if !is(c) {
			return i
		}
	}
	return len(p)
}

func (b *tapBuffer) endRun() {
	if b.run > base64Run {
		b.kept = append(b.kept[:len(b.kept)-b.runKept], base64Note(b.run)...)
	}
	b.run, b.runKept = 0, 0
}

var base64Noted = regexp.MustCompile(`^\[[0-9]{1,20} bytes of base64\]$`)

func base64Note(n int64) string { return "[" + strconv.FormatInt(n, 10) + " bytes of base64]" }

// keep appends what there is room for, and tells how much that was.
func (b *tapBuffer) keep(p []byte) int {
	if len(b.kept) > b.max { // a note may have gone beyond
		b.cut = true
		return 0
	}
	if n := b.max - len(b.kept); len(p) > n {
		b.cut = true
		p = p[:n]
	}
	if need := len(b.kept) + len(p); need > cap(b.kept) && !b.grow(need) {
		b.cut, b.full = true, true
		return 0
	}
	b.kept = append(b.kept, p...)
	return len(p)
}

// noteRoom is what a note may take beyond the limit.
const noteRoom = 64

func (b *tapBuffer) grow(need int) bool {
	size := min(max(need, 2*cap(b.kept), 1<<10), b.max) + noteRoom
	if b.full || !b.budget.take(int64(size)-b.taken) {
		return false
	}
	b.taken = int64(size)
	b.kept = append(make([]byte, 0, size), b.kept...)
	return true
}

// tapped is what a tapBuffer has seen.
type tapped struct {
	kept []byte
	size int64
	sum  string
	cut  bool
	full bool
}

// take gives what was seen and ends the listening: a transport may go on reading when the call is over.
func (b *tapBuffer) take() tapped {
	if b == nil {
		return tapped{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.endRun()
	b.closed = true
	return tapped{kept: b.kept, size: b.size, sum: hex.EncodeToString(b.sum.Sum(nil)), cut: b.cut, full: b.full}
}

// close gives the memory back; false when that was done before.
func (b *tapBuffer) close() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	open := b.sum != nil
	b.budget.give(b.taken)
	b.closed, b.kept, b.sum, b.taken = true, nil, nil, 0
	return open
}
