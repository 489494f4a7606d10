package sandbox

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"html"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// keepBody is how many bytes of a body are kept.
const keepBody = 64 << 10

// Recorded is one request as it reached the sandbox.
type Recorded struct {
	Time             time.Time
	Proto            string
	Method           string
	Host             string // the Host header
	Site             string // the host it was taken for; empty for a loopback address
	Path             string // escaped, as sent
	RawQuery         string
	Header           http.Header
	ContentLength    int64 // -1 if unknown
	TransferEncoding []string
	BodyLength       int64  // bytes read
	BodySHA256       string // hex, of the bytes read
	Body             []byte // the first 64 KiB
	Complete         bool   // the body was read to its end
	Status           int    // 0 while unanswered, or when the connection was dropped
}

// Requests returns the newest recorded requests, oldest first.
func (s *Sandbox) Requests() []Recorded {
	s.recorder.mu.Lock()
	entries := slices.Clone(s.recorder.entries)
	s.recorder.mu.Unlock()
	out := make([]Recorded, len(entries))
	for i, e := range entries {
		out[i] = e.snapshot()
	}
	return out
}

// Leaks names the recorded requests that carry the legacy password of a known user, in clear or in a usual encoding.
// It looks at the kept part of each body. The password itself is not in the text.
func (s *Sandbox) Leaks() []string {
	s.mu.Lock()
	needles := map[string][][]byte{}
	for _, u := range s.dir.users {
		if u.Password != "" {
			needles[u.Email] = spellings(u.Password)
		}
	}
	s.mu.Unlock()
	var leaks []string
	for _, r := range s.Requests() {
		for email, forms := range needles {
			if where := r.holds(forms); where != "" {
				leaks = append(leaks, fmt.Sprintf("%s %s%s: password of %s in %s", r.Method, r.Host, r.Path, email, where))
			}
		}
	}
	return leaks
}

func spellings(password string) [][]byte {
	quoted, err := json.Marshal(password)
	if err != nil {
		panic(err) // a string always marshals
	}
	latin1 := make([]byte, 0, len(password))
	for _, r := range password {
		latin1 = append(latin1, byte(r))
	}
	return [][]byte{
		[]byte(password), bytes.Trim(quoted, `"`), []byte(url.QueryEscape(password)), []byte(url.PathEscape(password)),
		[]byte(base64.StdEncoding.EncodeToString([]byte(password))), latin1,
	}
}

func (r Recorded) holds(forms [][]byte) string {
	body := string(r.plain())
	for _, form := range forms {
		if appears(body, string(form)) {
			return "body"
		}
		if strings.Contains(r.RawQuery, string(form)) {
			return "query"
		}
		for name, values := range r.Header {
			if appears(strings.Join(values, "\n"), string(form)) {
				return "header " + name
			}
		}
	}
	return ""
}

// appears looks at text as it is and with its XML references resolved, however they are written.
func appears(text, form string) bool {
	return strings.Contains(text, form) || strings.Contains(html.UnescapeString(text), form)
}

// plain is the kept part of the body, decompressed as far as it goes.
func (r Recorded) plain() []byte {
	if !strings.EqualFold(r.Header.Get("Content-Encoding"), "gzip") {
		return r.Body
	}
	z, err := gzip.NewReader(bytes.NewReader(r.Body))
	if err != nil {
		return r.Body
	}
	body, _ := io.ReadAll(io.LimitReader(z, 16*keepBody)) // a body that was cut ends with an error
	return body
}

// recorder keeps the newest requests.
type recorder struct {
	mu      sync.Mutex
	max     int
	entries []*entry
}

func newRecorder(limit int) *recorder { return &recorder{max: limit} }

// begin records a request at once, so that it is there before its answer is.
func (rec *recorder) begin(r *http.Request, site string, now time.Time) *entry {
	if rec.max < 0 {
		return &entry{}
	}
	e := &entry{sum: sha256.New(), rec: Recorded{
		Time: now, Proto: r.Proto, Method: r.Method, Host: r.Host, Site: site, Path: r.URL.EscapedPath(), RawQuery: r.URL.RawQuery,
		Header: r.Header.Clone(), ContentLength: r.ContentLength, TransferEncoding: slices.Clone(r.TransferEncoding),
		Complete: r.Body == nil || r.Body == http.NoBody,
	}}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.entries = append(rec.entries, e)
	if len(rec.entries) > rec.max {
		rec.entries[0] = nil
		rec.entries = rec.entries[1:]
	}
	return e
}

func (rec *recorder) reset() {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.entries = nil
}

// entry is a request being recorded. Without a sum it keeps only the status.
type entry struct {
	mu  sync.Mutex
	sum hash.Hash
	rec Recorded
}

func (e *entry) setStatus(status int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.rec.Status == 0 {
		e.rec.Status = status
	}
}

func (e *entry) status() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.rec.Status
}

func (e *entry) note(p []byte, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.sum == nil {
		return
	}
	e.sum.Write(p)
	e.rec.BodyLength += int64(len(p))
	if room := keepBody - len(e.rec.Body); room > 0 {
		e.rec.Body = append(e.rec.Body, p[:min(room, len(p))]...)
	}
	if err == io.EOF {
		e.rec.Complete = true
	}
}

func (e *entry) snapshot() Recorded {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.rec
	r.Body = slices.Clone(r.Body)
	r.Header = r.Header.Clone()
	r.BodySHA256 = hex.EncodeToString(e.sum.Sum(nil))
	return r
}

// tee records what is read from body.
func (e *entry) tee(body io.ReadCloser) io.ReadCloser { return &recordedBody{body, e} }

type recordedBody struct {
	io.ReadCloser
	entry *entry
}

func (b *recordedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.entry.note(p[:n], err)
	return n, err
}
