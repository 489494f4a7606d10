package service

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// kind is what an event of the machine's log tells. Its number is the id of the event, which operators filter by: a
// number is never used again for something else. EventCreate.exe, which shows them, knows 1 to 1000.
type kind uint32

const (
	started   kind = 1
	stopped   kind = 2
	failed    kind = 3 // it could not start
	broken    kind = 4 // it ended by a fault
	errorLine kind = 5 // a line of level error
)

const (
	maxEvent  = 8 << 10 // characters; the system's limit is 31,839
	sameAgain = 10 * time.Minute
)

// events writes to the machine's own log, where an administrator looks first. Lines of the proxy's log come here in the
// background, so that it holds up no call.
type events struct {
	write func(kind, string) error
	now   func() time.Time

	mu   sync.Mutex
	last map[string]*told // by cause, else by message
}

// told is when a cause was told last, and how often it came since.
type told struct {
	at   time.Time
	more int
}

func newEvents(write func(kind, string) error) *events {
	return &events{write: write, now: time.Now, last: map[string]*told{}}
}

func (e *events) tell(k kind, text string) {
	if len(text) > maxEvent {
		text = strings.ToValidUTF8(text[:maxEvent], "") + " …"
	}
	_ = e.write(k, text) // there is no better place to tell that it failed; the log has the line too
}

// due reports whether a cause is told now, and how often it came untold since it was told last.
func (e *events) due(key string) (more int, now bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	at := e.now()
	t := e.last[key]
	if t != nil && at.Sub(t.at) < sameAgain {
		t.more++
		return 0, false
	}
	if t != nil {
		more = t.more
	}
	if len(e.last) > 1000 { // causes are few, messages of libraries need not be
		clear(e.last)
	}
	e.last[key] = &told{at: at}
	return more, true
}

// eventHandler makes events of the log's lines of level error.
type eventHandler struct {
	events *events
	group  string
	attrs  []slog.Attr
}

// Enabled implements slog.Handler.
func (eventHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelError
}

// WithAttrs implements slog.Handler.
func (h eventHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.attrs = slices.Clip(h.attrs)
	for _, a := range attrs {
		h.attrs = append(h.attrs, slog.Attr{Key: h.group + a.Key, Value: a.Value})
	}
	return h
}

// WithGroup implements slog.Handler.
func (h eventHandler) WithGroup(name string) slog.Handler {
	h.group += name + "."
	return h
}

// Handle implements slog.Handler.
func (h eventHandler) Handle(_ context.Context, r slog.Record) error {
	attrs := slices.Clip(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, slog.Attr{Key: h.group + a.Key, Value: a.Value})
		return true
	})
	key, text := r.Message, r.Message+"\n"
	for _, a := range attrs {
		value := a.Value.Resolve().String()
		if a.Key == "cause" {
			key = value
		}
		text += "\n" + a.Key + ": " + value
	}
	more, now := h.events.due(key)
	if !now {
		return nil
	}
	if more > 0 {
		text += fmt.Sprintf("\n\nThis came %d more times since it was told here last. The log has each.", more)
	}
	h.events.tell(errorLine, text)
	return nil
}
