package config

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Holder keeps the configuration in force, and replaces it only by another that is good. Path must be set; the other
// exported fields may be nil. None may change after the first call.
type Holder struct {
	// Path is the configuration file.
	Path string
	// Environment is where files and variables come from; its zero value is the machine itself.
	Environment Environment
	// Accept, if non-nil, is asked before next takes the place of old, which is nil at first. An error keeps old. It must
	// not call the Holder's methods other than Current.
	Accept func(old, next *Config) error
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	current atomic.Pointer[Config]
	outcome atomic.Pointer[outcome]
	reload  sync.Mutex
	seen    digests // what the files held at the last attempt; guarded by reload

	joining sync.Mutex
	next    *attempt // waits for latest; nil = none
	latest  *attempt // that has begun, and perhaps ended
}

// attempt is one reading of the file, whose outcome all share that asked for it before it began.
type attempt struct {
	done chan struct{}
	cfg  *Config
	err  error
}

type outcome struct {
	err     error
	success time.Time
}

// Current returns the configuration in force, or nil before the first good Reload.
func (h *Holder) Current() *Config { return h.current.Load() }

// LastError returns why the last Reload failed, or nil if it did not.
func (h *Holder) LastError() error { return h.last().err }

// LastSuccess returns when the configuration in force was read; zero before the first good Reload.
func (h *Holder) LastSuccess() time.Time { return h.last().success }

func (h *Holder) last() outcome {
	if o := h.outcome.Load(); o != nil {
		return *o
	}
	return outcome{}
}

// Reload reads the file again and returns what it holds. With an error, which is a Problems or what Accept returned,
// the configuration in force stays. What is unchanged since a good Reload is not read again and changes nothing, but
// counts as a success. However many ask at the same time, one reading is under way and one waits, and they share its
// outcome.
func (h *Holder) Reload() (*Config, error) {
	h.joining.Lock()
	if a := h.next; a != nil {
		h.joining.Unlock()
		<-a.done
		return a.cfg, a.err
	}
	a := &attempt{done: make(chan struct{})}
	defer close(a.done)
	before := h.latest
	h.next = a
	h.joining.Unlock()
	if before != nil {
		<-before.done
	}
	h.joining.Lock()
	h.next, h.latest = nil, a // who asks from now on may know of a later change
	h.joining.Unlock()
	a.cfg, a.err = h.read()
	return a.cfg, a.err
}

func (h *Holder) read() (*Config, error) {
	h.reload.Lock()
	defer h.reload.Unlock()
	if current := h.current.Load(); current != nil && h.LastError() == nil && !h.differs() {
		h.outcome.Store(&outcome{nil, h.now()})
		return current, nil
	}
	next, files, err := load(h.Path, h.Environment)
	h.seen = files
	if err == nil && h.Accept != nil {
		err = h.Accept(h.current.Load(), next)
	}
	if err != nil {
		h.outcome.Store(&outcome{err, h.last().success})
		return nil, err
	}
	h.current.Store(next)
	h.outcome.Store(&outcome{nil, h.now()})
	return next, nil
}

func (h *Holder) now() time.Time {
	if h.Now != nil {
		return h.Now()
	}
	return time.Now()
}

// Changed tells whether the file, or one that it names, holds something else than at the last Reload, good or not.
// Contents are compared, not times, so that a touched file is no change and a change within one tick of the clock is.
func (h *Holder) Changed() bool {
	h.reload.Lock()
	defer h.reload.Unlock()
	return h.differs()
}

func (h *Holder) differs() bool {
	env := h.Environment.withDefaults()
	for name, before := range h.seen {
		if digestOf(env, name) != before {
			return true
		}
	}
	return false
}

// Watch looks for changes at each tick, and tells after, if non-nil, of each Reload they cause. It returns when ctx
// ends or ticks closes.
func (h *Holder) Watch(ctx context.Context, ticks <-chan time.Time, after func(*Config, error)) {
	for {
		select {
		case <-ctx.Done():
			return
		case _, open := <-ticks:
			if !open {
				return
			}
		}
		if !h.Changed() {
			continue
		}
		next, err := h.Reload()
		if after != nil {
			after(next, err)
		}
	}
}
