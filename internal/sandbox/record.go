package sandbox

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"maps"
	"net/http"
	"slices"
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

// maxRequests bounds the requests that are kept.
const maxRequests = 1000

// record is what reached the sandbox: the newest requests, and counts of everything.
type record struct {
	mu      sync.Mutex
	counts  Counts
	entries []*entry
}

// Counts returns a copy of the counters.
func (rec *record) Counts() Counts {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	c := rec.counts
	c.GrantErrors, c.Refused = maps.Clone(c.GrantErrors), maps.Clone(c.Refused)
	c.SOAPRefused, c.Paths = maps.Clone(c.SOAPRefused), maps.Clone(c.Paths)
	return c
}

// ResetCounts sets every counter to zero and forgets the recorded requests.
func (rec *record) ResetCounts() {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.counts, rec.entries = newCounts(), nil
}

func (rec *record) count(change func(*Counts)) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	change(&rec.counts)
}

func (rec *record) countPath(method, host, pattern string) {
	host = cmp.Or(host, "loopback")
	rec.count(func(c *Counts) { c.Paths[method+" "+host+" "+pattern]++ })
}

// countLegacyHeaders counts the legacy headers of any request and tells whether there were any.
func (rec *record) countLegacyHeaders(h http.Header) bool {
	header, actAs := len(h["X-Docusign-Authentication"]) > 0, len(h["X-Docusign-Act-As-User"]) > 0
	rec.count(func(c *Counts) {
		if header {
			c.Legacy.Header++
		}
		if actAs {
			c.Legacy.ActAs++
		}
	})
	return header || actAs
}

// begin records a request at once, so that it is there before its answer is.
func (rec *record) begin(r *http.Request, site string, now time.Time) *entry {
	e := &entry{sum: sha256.New(), rec: Recorded{
		Time: now, Proto: r.Proto, Method: r.Method, Host: r.Host, Site: site,
		Path: r.URL.EscapedPath(), RawQuery: r.URL.RawQuery, Header: r.Header.Clone(),
		ContentLength: r.ContentLength, TransferEncoding: slices.Clone(r.TransferEncoding),
		Complete: r.Body == nil || r.Body == http.NoBody,
	}}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.entries = append(rec.entries, e)
	if len(rec.entries) > maxRequests {
		rec.entries[0] = nil
		rec.entries = rec.entries[1:]
	}
	return e
}

// Requests returns the newest recorded requests, oldest first.
func (rec *record) Requests() []Recorded {
	rec.mu.Lock()
	entries := slices.Clone(rec.entries)
	rec.mu.Unlock()
	out := make([]Recorded, len(entries))
	for i, e := range entries {
		out[i] = e.snapshot()
	}
	return out
}

// entry is a request being recorded.
type entry struct {
	mu  sync.Mutex
	sum hash.Hash
	rec Recorded
}

func (e *entry) setStatus(status int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rec.Status = status
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

// recordedBody records what is read from it.
type recordedBody struct {
	io.ReadCloser
	entry *entry
}

func (b *recordedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	e := b.entry
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sum.Write(p[:n])
	e.rec.BodyLength += int64(n)
	e.rec.Body = append(e.rec.Body, p[:min(n, keepBody-len(e.rec.Body))]...)
	e.rec.Complete = e.rec.Complete || err == io.EOF
	return n, err
}
