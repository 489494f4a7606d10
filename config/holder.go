package config

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// Holder keeps the configuration in force, and replaces it only by another that is good. Path must be set; the other
// exported fields may be left out. None may change after the first call.
type Holder struct {
	// Path is the configuration file.
	Path string
	// Environment is where files and variables come from; its zero value is the machine itself.
	Environment Environment
	// Accept, if non-nil, is asked before next takes the place of old, which is nil at first. An error keeps old. It must
	// not call the Holder's methods other than Current.
	Accept func(old, next *Config) error

	outcome atomic.Pointer[outcome]
	asked   atomic.Int64 // calls of Reload so far

	reload sync.Mutex // guards what follows
	served int64      // calls of Reload that have an outcome
	seen   digests    // what the files held at the last attempt
}

// outcome is what the last Reload left behind.
type outcome struct {
	current *Config   // the last good one
	success time.Time // when it was read
	err     error
}

// Current returns the configuration in force, or nil before the first good Reload.
func (h *Holder) Current() *Config { return h.last().current }

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
// counts as a success. Those who ask while one reading is under way share the outcome of the next.
func (h *Holder) Reload() (*Config, error) {
	turn := h.asked.Add(1)
	h.reload.Lock()
	defer h.reload.Unlock()
	if h.served < turn {
		until := h.asked.Load()
		h.outcome.Store(h.read())
		h.served = until
	}
	o := h.last()
	if o.err != nil {
		return nil, o.err
	}
	return o.current, nil
}

func (h *Holder) read() *outcome {
	before := h.last()
	if before.current != nil && before.err == nil && !h.differs() {
		return &outcome{before.current, time.Now(), nil}
	}
	next, files, err := load(h.Path, h.Environment)
	h.seen = files
	if err == nil && h.Accept != nil {
		err = h.Accept(before.current, next)
	}
	if err != nil {
		return &outcome{before.current, before.success, err}
	}
	return &outcome{next, time.Now(), nil}
}

// Changed tells whether the file, or one that it names, holds something else than at the last Reload, good or not.
// Contents are compared, not times, so that a touched file is no change and a change within one tick of the clock is.
func (h *Holder) Changed() bool {
	h.reload.Lock()
	defer h.reload.Unlock()
	return h.differs()
}

func (h *Holder) differs() bool {
	now, env := digests{}, h.Environment.withDefaults()
	for name := range h.seen {
		_, _ = now.read(env, name) // an error is in its digest
	}
	return !maps.Equal(now, h.seen)
}
