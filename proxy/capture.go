package proxy

import (
	"cmp"
	"crypto/rand"
	"docusign-auth-proxy/internal/call"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds and defaults of a capture.
const (
	CaptureRequests    = 50
	MaxCaptureRequests = 500
	CaptureBody        = 16 << 10
	MaxCaptureBody     = 256 << 10
	MaxCaptureTime     = time.Hour
	// CaptureMemory is what all captures may hold together, and what they may hold of calls under way.
	CaptureMemory = 32 << 20

	captureKept = time.Hour // how long a finished capture can be fetched
	maxCaptures = 16
	captureAll  = "*"
)

// Errors of Capture that a caller can do something about.
var (
	ErrNoCapture      = errors.New("there is no such capture: it was deleted, or it ended more than an hour ago")
	ErrCaptureRunning = errors.New("a capture of this integration is running already")
	ErrCaptureRequest = errors.New("this cannot be captured")
)

// CaptureRequest says what to capture.
type CaptureRequest struct {
	Integration string        // name from the configuration, "unknown", or "*" for every call to DocuSign
	Requests    int           // exchanges to keep, at most MaxCaptureRequests; 0 = CaptureRequests
	MaxBody     int           // bytes kept of a body's beginning, at most MaxCaptureBody; 0 = CaptureBody
	For         time.Duration // ends then at the latest; 0 = MaxCaptureTime, which is also the most
	By          string        // who asked, for the log and the list
}

// CaptureInfo describes a capture. It holds nothing of what was captured.
type CaptureInfo struct {
	ID          string    `json:"id"`
	Integration string    `json:"integration"`
	Running     bool      `json:"running"`
	Requests    int       `json:"requests"` // wanted
	Captured    int       `json:"captured"`
	MaxBody     int       `json:"max_body"`
	Bytes       int64     `json:"bytes"` // held in memory
	By          string    `json:"by"`
	Started     time.Time `json:"started"`
	Until       time.Time `json:"until"` // running: when it ends at the latest; ended: when it is forgotten
	Ended       string    `json:"ended,omitempty"`
}

// CaptureOptions are the surroundings of a Capture. Zero values mean the default in brackets.
type CaptureOptions struct {
	Log    *slog.Logger
	Now    func() time.Time       // [time.Now]
	Memory int64                  // bytes for everything together [CaptureMemory]
	Known  func(name string) bool // whether an integration of that name is configured [every name is]
}

// Capture keeps the next exchanges of an integration in memory when an operator asks for it, with secrets masked before they are kept.
// It never writes to disk. A nil *Capture captures nothing.
type Capture struct {
	log    *slog.Logger
	now    func() time.Time
	known  func(string) bool
	budget captureBudget
	active atomic.Int32 // running captures; all that a call looks at while there is none

	mu   sync.Mutex
	runs []*captureRun // oldest first
}

// captureRun is one capture. Its fields change under the Capture's lock; an exchange is not changed once it is in.
type captureRun struct {
	CaptureInfo
	exchanges []*capturedExchange
	timer     *time.Timer
}

// NewCapture makes a Capture that is off.
func NewCapture(o CaptureOptions) *Capture {
	c := &Capture{log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)), now: o.Now, known: o.Known}
	if c.now == nil {
		c.now = time.Now
	}
	if c.known == nil {
		c.known = func(string) bool { return true }
	}
	c.budget.left.Store(cmp.Or(o.Memory, CaptureMemory))
	return c
}

// on reports whether any capture is running.
func (c *Capture) on() bool { return c != nil && c.active.Load() > 0 }

// Start begins to capture. Errors are ErrCaptureRequest and ErrCaptureRunning, with the reason.
func (c *Capture) Start(q CaptureRequest) (CaptureInfo, error) {
	q.Requests, q.MaxBody, q.For = cmp.Or(q.Requests, CaptureRequests), cmp.Or(q.MaxBody, CaptureBody), cmp.Or(q.For, MaxCaptureTime)
	if err := c.check(q); err != nil {
		return CaptureInfo{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.runs {
		if r.Running && r.Integration == q.Integration {
			return r.CaptureInfo, fmt.Errorf("%w: %s; stop it first", ErrCaptureRunning, r.ID)
		}
	}
	if !c.makeRoom() {
		return CaptureInfo{}, fmt.Errorf("%w: %d captures are running", ErrCaptureRequest, maxCaptures)
	}
	now := c.now()
	r := &captureRun{CaptureInfo: CaptureInfo{
		ID: newCaptureID(), Integration: q.Integration, Running: true, Requests: q.Requests, MaxBody: q.MaxBody, By: printable(cut(q.By, logName)),
		Started: now, Until: now.Add(q.For),
	}}
	r.timer = time.AfterFunc(q.For, func() { c.timeout(r) })
	c.runs = append(c.runs, r)
	c.active.Add(1)
	c.log.Warn("capture started", "capture", r.ID, "integration", r.Integration, "requests", r.Requests, "max_body", r.MaxBody, "until", r.Until, "by", r.By,
		"next_step", "calls are kept in memory, with secrets masked; they may hold personal data: docusign-auth-proxy capture stop")
	return r.CaptureInfo, nil
}

func (c *Capture) check(q CaptureRequest) error {
	refuse := func(format string, a ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrCaptureRequest}, a...)...)
	}
	switch {
	case q.Integration == "":
		return refuse("name the integration, or %q for calls of none, or %q for all", unknownIntegration, captureAll)
	case q.Integration != captureAll && q.Integration != unknownIntegration && !c.known(q.Integration):
		return refuse("the configuration has no integration %q", printable(cut(q.Integration, logName)))
	case q.Requests < 1 || q.Requests > MaxCaptureRequests:
		return refuse("requests must be 1 to %d", MaxCaptureRequests)
	case q.MaxBody < 1 || q.MaxBody > MaxCaptureBody:
		return refuse("max_body must be 1 to %d bytes", MaxCaptureBody)
	case q.For < time.Second || q.For > MaxCaptureTime:
		return refuse("for must be 1s to %v", MaxCaptureTime)
	}
	return nil
}

// makeRoom forgets the oldest ended capture when there are too many.
func (c *Capture) makeRoom() bool {
	if len(c.runs) < maxCaptures {
		return true
	}
	for _, r := range c.runs {
		if !r.Running {
			c.forget(r)
			return true
		}
	}
	return false
}

func newCaptureID() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // documented never to fail
	return hex.EncodeToString(b[:])
}

// Stop ends a capture; what it has can be fetched for an hour. Stopping one that has ended does nothing.
func (c *Capture) Stop(id, by string) (CaptureInfo, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.find(id)
	if r == nil {
		return CaptureInfo{}, ErrNoCapture
	}
	c.end(r, "stopped", by)
	return r.CaptureInfo, nil
}

// Delete ends a capture and forgets what it has.
func (c *Capture) Delete(id, by string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.find(id)
	if r == nil {
		return ErrNoCapture
	}
	c.end(r, "deleted", by)
	c.forget(r)
	c.log.Warn("capture deleted", "capture", r.ID, "integration", r.Integration, "by", printable(cut(by, logName)))
	return nil
}

// List describes the captures, oldest first.
func (c *Capture) List() []CaptureInfo {
	out := []CaptureInfo{}
	if c == nil {
		return out
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.runs {
		out = append(out, r.CaptureInfo)
	}
	return out
}

// Warnings says in words which captures are running, for a status page.
func (c *Capture) Warnings() []string {
	var out []string
	for _, i := range c.List() {
		if i.Running {
			out = append(out, fmt.Sprintf("capture %s keeps the calls of %s: %d of %d so far, until %s, started by %s", i.ID, i.Integration, i.Captured, i.Requests, i.Until.UTC().Format(time.TimeOnly+"Z"), i.By))
		}
	}
	return out
}

// read gives what a capture has so far.
func (c *Capture) read(id string) (CaptureInfo, []*capturedExchange, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.find(id)
	if r == nil {
		return CaptureInfo{}, nil, ErrNoCapture
	}
	return r.CaptureInfo, slices.Clone(r.exchanges), nil
}

func (c *Capture) find(id string) *captureRun {
	for _, r := range c.runs {
		if r.ID == id {
			return r
		}
	}
	return nil
}

// timeout ends a running capture, and forgets an ended one.
func (c *Capture) timeout(r *captureRun) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Running {
		c.end(r, "its time was over", "")
		return
	}
	c.forget(r)
}

// end is called under the lock.
func (c *Capture) end(r *captureRun, why, by string) {
	if !r.Running {
		return
	}
	r.Running, r.Ended, r.Until = false, why, c.now().Add(captureKept)
	r.timer.Stop()
	r.timer = time.AfterFunc(captureKept, func() { c.timeout(r) })
	c.active.Add(-1)
	c.log.Warn("capture ended", "capture", r.ID, "integration", r.Integration, "captured", r.Captured, "reason", why, "by", cmp.Or(printable(cut(by, logName)), r.By))
}

// forget is called under the lock.
func (c *Capture) forget(r *captureRun) {
	r.timer.Stop()
	c.runs = slices.DeleteFunc(c.runs, func(o *captureRun) bool { return o == r })
	c.budget.give(r.Bytes)
	r.exchanges, r.Bytes = nil, 0
}

// bodyLimit is the most that a running capture keeps of a body.
func (c *Capture) bodyLimit() (limit int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.runs {
		if r.Running {
			limit = max(limit, r.MaxBody)
		}
	}
	return limit
}

// wants lists the body limits of the running captures that take calls of this integration.
func (c *Capture) wants(integration string) (limits []int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.runs {
		if r.takes(integration) && !slices.Contains(limits, r.MaxBody) {
			limits = append(limits, r.MaxBody)
		}
	}
	return limits
}

func (r *captureRun) takes(integration string) bool {
	return r.Running && (r.Integration == captureAll || r.Integration == integration)
}

// add puts an exchange into the captures that wait for it with this body limit.
func (c *Capture) add(integration string, limit int, e *capturedExchange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range slices.Clone(c.runs) {
		if !r.takes(integration) || r.MaxBody != limit {
			continue
		}
		size := e.size()
		if !c.budget.take(size) {
			c.end(r, "its memory was full", "")
			continue
		}
		r.Bytes += size
		r.Captured++
		r.exchanges = append(r.exchanges, e)
		if r.Captured == r.Requests {
			c.end(r, "it has what was asked for", "")
		}
	}
}

// captureBudget counts the bytes that captures may still take.
type captureBudget struct{ left atomic.Int64 }

func (b *captureBudget) take(n int64) bool {
	if b.left.Add(-n) < 0 {
		b.left.Add(n)
		return false
	}
	return true
}

func (b *captureBudget) give(n int64) { b.left.Add(n) }

// capturedExchange is a call as it is kept: masked, cut, and complete in the sense that every message of it is there.
type capturedExchange struct {
	Event    call.Event
	Asked    capturedMessage   // by the program
	Attempts []capturedAttempt // what went to DocuSign
	Got      capturedMessage   // by the program
	Edited   bool              // the program got another answer than DocuSign's last one
}

type capturedAttempt struct {
	Started  time.Time
	Answered time.Duration // until the answer's head
	Request  capturedMessage
	Answer   capturedMessage // Status 0 = none
	Error    string
}

// capturedMessage is a request or an answer.
type capturedMessage struct {
	Method, URL, Proto string
	Status             int
	Header             []capturedField
	Body               capturedBody
}

type capturedField struct{ Name, Value string }

// capturedBody has a text, or the reason why not.
type capturedBody struct {
	Text    string
	MIME    string
	Size    int64  // as it passed, in bytes
	SHA256  string // of binary bodies that passed whole; never of one that could hold a password
	Cut     bool
	Omitted string
}

const exchangeOverhead = 1 << 10

func (e *capturedExchange) size() int64 {
	n := exchangeOverhead + len(e.Event.Path) + len(e.Event.Detail) + len(e.Event.UserAgent) + e.Asked.size() + e.Got.size()
	for i := range e.Attempts {
		n += e.Attempts[i].Request.size() + e.Attempts[i].Answer.size() + len(e.Attempts[i].Error)
	}
	return int64(n)
}

func (m *capturedMessage) size() int {
	n := len(m.URL) + len(m.Body.Text) + len(m.Body.Omitted)
	for _, f := range m.Header {
		n += len(f.Name) + len(f.Value) + 32
	}
	return n
}

// field gives the first value of a header field.
func (m *capturedMessage) field(name string) string {
	for _, f := range m.Header {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}
