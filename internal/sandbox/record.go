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
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	keepBody    = 64 << 10 // bytes of a body
	maxRequests = 1000
)

// Counts is what the sandbox saw.
type Counts struct {
	Grants      int            // access tokens issued
	GrantErrors map[string]int // refused grants by "error" or "error/error_description"
	UserInfo    int            // userinfo answered
	API         int            // REST calls let in
	Refused     map[string]int // REST calls refused, by error code
	Envelopes   int            // created, by REST and SOAP
	Changes     map[string]int // of envelopes, by REST and SOAP: send (of a draft), void, purge, correct, notify
	Mails       int            // to recipients, that would have gone out
	SOAP        int            // SOAP operations let in
	SOAPRefused map[string]int // SOAP operations refused, by error code
	Legacy      Legacy
}

// Legacy counts refused legacy credentials by shape.
type Legacy struct {
	Header        int // X-DocuSign-Authentication
	WSSecurity    int // UsernameToken with a password that is no App Password
	Body          int // Credential operations with a password that is no App Password
	PasswordGrant int // grant_type=password, at a site or at the account server
	ActAs         int // X-DocuSign-Act-As-User
	Bearer        int // lower-case scheme, bare token, or a token that OAuth never issues
}

func (l Legacy) Total() int {
	return l.Header + l.WSSecurity + l.Body + l.PasswordGrant + l.ActAs + l.Bearer
}

func (c Counts) clone() Counts {
	c.GrantErrors, c.Refused, c.SOAPRefused = maps.Clone(c.GrantErrors), maps.Clone(c.Refused), maps.Clone(c.SOAPRefused)
	c.Changes = maps.Clone(c.Changes)
	return c
}

// increase counts one in a map that may be missing yet.
func increase(counts *map[string]int, name string) {
	if *counts == nil {
		*counts = map[string]int{}
	}
	(*counts)[name]++
}

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
	Counted          Counts // what it added to the counts
}

// record is what reached the sandbox: the newest requests, and counts of everything.
type record struct {
	mu      sync.Mutex
	counts  Counts
	entries []*entry
}

type entry struct {
	record   *record
	sum      hash.Hash
	recorded Recorded
}

// Counts returns a copy of the counters.
func (rec *record) Counts() Counts {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return rec.counts.clone()
}

// ResetCounts sets every counter to zero and forgets the recorded requests.
func (rec *record) ResetCounts() {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.counts, rec.entries = Counts{}, nil
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

// begin records a request at once, so that it is there before its answer is.
func (rec *record) begin(r *http.Request, site string, now time.Time) *entry {
	e := &entry{record: rec, sum: sha256.New(), recorded: Recorded{
		Time: now, Proto: r.Proto, Method: r.Method, Host: r.Host, Site: site,
		Path: r.URL.EscapedPath(), RawQuery: r.URL.RawQuery, Header: r.Header.Clone(),
		ContentLength: r.ContentLength, TransferEncoding: slices.Clone(r.TransferEncoding),
		Complete: r.Body == nil || r.Body == http.NoBody,
	}}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.entries = append(rec.entries, e)
	if len(rec.entries) > maxRequests {
		rec.entries = slices.Delete(rec.entries, 0, 1)
	}
	return e
}

func (e *entry) change(edit func(*Recorded)) {
	e.record.mu.Lock()
	defer e.record.mu.Unlock()
	edit(&e.recorded)
}

// count counts in the request and in the whole.
func (e *entry) count(edit func(*Counts)) {
	e.change(func(r *Recorded) {
		edit(&r.Counted)
		edit(&e.record.counts)
	})
}

func (e *entry) snapshot() (r Recorded) {
	e.change(func(now *Recorded) {
		r = *now
		r.BodySHA256 = hex.EncodeToString(e.sum.Sum(nil))
		r.Counted = r.Counted.clone()
	})
	r.Header = r.Header.Clone()
	r.Body = slices.Clone(r.Body)
	return r
}

// countLegacyHeaders counts the legacy headers of any request and tells whether there were any.
func (e *entry) countLegacyHeaders() bool {
	h := e.recorded.Header
	header, actAs := min(len(h["X-Docusign-Authentication"]), 1), min(len(h["X-Docusign-Act-As-User"]), 1)
	e.count(func(c *Counts) {
		c.Legacy.Header += header
		c.Legacy.ActAs += actAs
	})
	return header+actAs > 0
}

type recordedBody struct {
	io.ReadCloser
	entry *entry
}

func (b *recordedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.entry.change(func(r *Recorded) {
		b.entry.sum.Write(p[:n])
		r.BodyLength += int64(n)
		r.Body = append(r.Body, p[:min(n, keepBody-len(r.Body))]...)
		r.Complete = r.Complete || err == io.EOF
	})
	return n, err
}

// Leaks names the recorded requests that carry the legacy password of a known user, in clear or in a usual encoding.
// It looks at the kept part of each body. The password itself is not in the text.
func (s *Sandbox) Leaks() []string {
	users := slices.DeleteFunc(s.everybody(), func(u User) bool { return u.Password == "" })
	var leaks []string
	for _, r := range s.Requests() {
		text := r.text()
		text += html.UnescapeString(text) // XML references, however they are written
		carried := func(form string) bool { return strings.Contains(text, form) }
		for _, u := range users {
			if slices.ContainsFunc(Spellings(u.Password), carried) {
				leaks = append(leaks, fmt.Sprintf("%s %s%s: password of %s", r.Method, r.Host, r.Path, u.Email))
			}
		}
	}
	return leaks
}

// Spellings are the usual ones of a secret in JSON, forms, headers and Latin-1.
func Spellings(secret string) []string {
	quoted, _ := json.Marshal(secret) // a string always marshals
	var latin1 []byte
	for _, r := range secret {
		latin1 = append(latin1, byte(r))
	}
	return []string{
		secret, strings.Trim(string(quoted), `"`), html.EscapeString(secret), url.QueryEscape(secret),
		url.PathEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret)), string(latin1),
	}
}

// text is all that the client chose but the path: query, headers, and the kept part of the body, decompressed.
func (r Recorded) text() string {
	var text bytes.Buffer
	fmt.Fprintln(&text, r.RawQuery)
	_ = r.Header.Write(&text) // a bytes.Buffer takes everything
	z, err := gzip.NewReader(bytes.NewReader(r.Body))
	if err != nil {
		text.Write(r.Body)
		return text.String()
	}
	_, _ = io.Copy(&text, io.LimitReader(z, 16*keepBody)) // a body that was cut ends with an error
	return text.String()
}
