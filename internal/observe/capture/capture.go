// Package capture keeps the next calls of an integration in memory when an operator asks for it: what the program
// asked, what went to DocuSign and what came back. It must never write to disk, keep what may be a secret, or change a
// byte that passes. internal/app hands its Tap to the proxy and mounts its Routes.
package capture

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
)

// Bounds and defaults of a capture.
const (
	DefaultRequests = 50
	MaxRequests     = 500
	DefaultBody     = 16 << 10
	MaxBody         = 256 << 10
	MaxTime         = time.Hour
	// DefaultMemory is what all captures may hold together, and what they may hold of calls under way.
	DefaultMemory = 32 << 20

	nameLimit = 128 // bytes of a name or an address
	textLimit = 1024

	keptFor    = time.Hour // how long a finished capture can be fetched
	maxRuns    = 16
	everything = "*"
)

// Errors of Capture that a caller can do something about.
var (
	ErrNone    = errors.New("there is no such capture: it was deleted, or it ended more than an hour ago")
	ErrRunning = errors.New("a capture of this integration is running already")
	ErrRequest = errors.New("this cannot be captured")
)

// Request says what to capture.
type Request struct {
	Integration string        // name from the configuration, "unknown", or "*" for every call to DocuSign
	Requests    int           // exchanges to keep, at most MaxRequests; 0 = DefaultRequests
	MaxBody     int           // bytes kept of a body's beginning, at most MaxBody; 0 = DefaultBody
	For         time.Duration // ends then at the latest; 0 = MaxTime, which is also the most
	By          string        // who asked, for the log and the list
}

// Info describes a capture. It holds nothing of what was captured.
type Info struct {
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

// Captures mask secrets before anything is kept.
type Captures struct {
	log    *slog.Logger
	known  func(string) bool
	budget budget
	active atomic.Int32 // running captures; all that a call looks at while there is none

	mu   sync.Mutex
	runs []*run // oldest first
}

// run is one capture. Its fields change under the Captures' lock; an exchange is not changed once it is in.
type run struct {
	Info
	exchanges []*exchange
	timer     *time.Timer
}

// New makes Captures that are off; known tells which integrations are configured.
func New(log *slog.Logger, known func(name string) bool) *Captures {
	c := &Captures{log: log, known: known}
	c.budget.left.Store(DefaultMemory)
	return c
}

// on reports whether any capture is running.
func (c *Captures) on() bool { return c.active.Load() > 0 }

// Start begins to capture. Errors are ErrRequest and ErrRunning, with the reason.
func (c *Captures) Start(q Request) (Info, error) {
	q.Requests, q.MaxBody = cmp.Or(q.Requests, DefaultRequests), cmp.Or(q.MaxBody, DefaultBody)
	q.For = cmp.Or(q.For, MaxTime)
	if err := c.check(q); err != nil {
		return Info{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.runs {
		if r.Running && r.Integration == q.Integration {
			return r.Info, fmt.Errorf("%w: %s; stop it first", ErrRunning, r.ID)
		}
	}
	if !c.makeRoom() {
		return Info{}, fmt.Errorf("%w: %d captures are running", ErrRequest, maxRuns)
	}
	var id [6]byte
	_, _ = rand.Read(id[:]) // documented never to fail
	now := time.Now()
	r := &run{Info: Info{
		ID: hex.EncodeToString(id[:]), Integration: q.Integration, Running: true, Requests: q.Requests, MaxBody: q.MaxBody,
		By: name(q.By), Started: now, Until: now.Add(q.For),
	}}
	r.timer = time.AfterFunc(q.For, func() { c.timeout(r) })
	c.runs = append(c.runs, r)
	c.active.Add(1)
	c.log.Warn("capture started", "capture", r.ID, "integration", r.Integration, "requests", r.Requests,
		"max_body", r.MaxBody, "until", r.Until, "by", r.By,
		"effect", cause.CaptureStarted.Means("integration", r.Integration), "next_step", cause.CaptureStarted.Next())
	return r.Info, nil
}

func (c *Captures) check(q Request) error {
	refuse := func(format string, a ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrRequest}, a...)...)
	}
	switch {
	case q.Integration == "":
		return refuse("name the integration, or %q for calls of none, or %q for all", call.UnknownIntegration, everything)
	case q.Integration != everything && q.Integration != call.UnknownIntegration && !c.known(q.Integration):
		return refuse("the configuration has no integration %q", name(q.Integration))
	case q.Requests < 1 || q.Requests > MaxRequests:
		return refuse("requests must be 1 to %d", MaxRequests)
	case q.MaxBody < 1 || q.MaxBody > MaxBody:
		return refuse("max_body must be 1 to %d bytes", MaxBody)
	case q.For < time.Second || q.For > MaxTime:
		return refuse("for must be 1s to %v", MaxTime)
	}
	return nil
}

// makeRoom forgets the oldest ended capture when there are too many.
func (c *Captures) makeRoom() bool {
	if len(c.runs) < maxRuns {
		return true
	}
	i := slices.IndexFunc(c.runs, func(r *run) bool { return !r.Running })
	if i >= 0 {
		c.forget(c.runs[i])
	}
	return i >= 0
}

// Stop ends a capture; what it has can be fetched for an hour. Stopping one that has ended does nothing.
func (c *Captures) Stop(id, by string) (Info, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, err := c.find(id)
	if err == nil {
		c.end(r, "stopped", by)
	}
	return r.Info, err
}

// Delete ends a capture and forgets what it has.
func (c *Captures) Delete(id, by string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, err := c.find(id)
	if err != nil {
		return err
	}
	c.end(r, "deleted", by)
	c.forget(r)
	c.log.Warn("capture deleted", "capture", r.ID, "integration", r.Integration, "by", name(by))
	return nil
}

// List describes the captures, oldest first.
func (c *Captures) List() []Info {
	out := []Info{}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.runs {
		out = append(out, r.Info)
	}
	return out
}

// Warnings says in words which captures are running, for a status page.
func (c *Captures) Warnings() []string {
	var out []string
	for _, i := range c.List() {
		if i.Running {
			out = append(out, fmt.Sprintf("capture %s keeps the calls of %s: %d of %d so far, until %s, started by %s",
				i.ID, i.Integration, i.Captured, i.Requests, i.Until.UTC().Format(time.TimeOnly+"Z"), i.By))
		}
	}
	return out
}

// read gives what a capture has so far.
func (c *Captures) read(id string) (Info, []*exchange, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, err := c.find(id)
	return r.Info, slices.Clone(r.exchanges), err
}

// find gives an empty run with ErrNone.
func (c *Captures) find(id string) (*run, error) {
	if i := slices.IndexFunc(c.runs, func(r *run) bool { return r.ID == id }); i >= 0 {
		return c.runs[i], nil
	}
	return &run{}, ErrNone
}

// timeout ends a running capture, and forgets an ended one.
func (c *Captures) timeout(r *run) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Running {
		c.end(r, "its time was over", "")
		return
	}
	c.forget(r)
}

// end is called under the lock.
func (c *Captures) end(r *run, why, by string) {
	if !r.Running {
		return
	}
	r.Running, r.Ended, r.Until = false, why, time.Now().Add(keptFor)
	r.timer.Stop()
	r.timer = time.AfterFunc(keptFor, func() { c.timeout(r) })
	c.active.Add(-1)
	c.log.Warn("capture ended", "capture", r.ID, "integration", r.Integration, "captured", r.Captured, "reason", why,
		"by", cmp.Or(name(by), r.By))
}

// forget is called under the lock.
func (c *Captures) forget(r *run) {
	r.timer.Stop()
	c.runs = slices.DeleteFunc(c.runs, func(o *run) bool { return o == r })
	c.budget.give(r.Bytes)
	r.exchanges, r.Bytes = nil, 0
}

// bodyLimit is the most that a running capture keeps of a body.
func (c *Captures) bodyLimit() (limit int) {
	for _, r := range c.running(everything) {
		limit = max(limit, r.MaxBody)
	}
	return limit
}

// running lists the running captures that take calls of an integration, or all of them.
func (c *Captures) running(integration string) (list []*run) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.runs {
		if r.Running && (r.Integration == everything || integration == everything || r.Integration == integration) {
			list = append(list, r)
		}
	}
	return list
}

// add puts an exchange into a capture that still runs.
func (c *Captures) add(r *run, e *exchange) {
	size := e.size()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !r.Running:
	case !c.budget.take(size):
		c.end(r, "its memory was full", "")
	default:
		r.Bytes += size
		r.Captured++
		r.exchanges = append(r.exchanges, e)
		if r.Captured == r.Requests {
			c.end(r, "it has what was asked for", "")
		}
	}
}
