// Package accesslog writes one line for each call, in text or JSON, through a writer that works in the background. It
// must never make a call wait for the log's reader, nor write what could be a line, a colour or a secret of a caller's
// making. internal/app calls it.
package accesslog

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/shown"
)

// Longest texts of a line, in bytes. Callers choose most of them.
const (
	agentLimit = 100
	keyLimit   = 64
	nameLimit  = 128 // operation, user, account, site, trace token
	pathLimit  = 512
	textLimit  = 1024 // error and next step; a consent URL must fit
)

// Log writes one line per call.
type Log struct {
	trouble, well slog.Handler
	json          *Writer // nil = lines go through the handlers
}

// New makes a Log. Lines of calls that went well go to well, all others to trouble.
func New(trouble, well slog.Handler) *Log { return &Log{trouble: trouble, well: well} }

// NewGathering makes a Log in a format and from a level as NewHandler takes them; lines of calls that went well are
// gathered. JSON is written without slog's handler, see jsonLine.
func NewGathering(w *Writer, format, level string) (*Log, error) {
	trouble, err := NewHandler(w, format, level)
	if err != nil {
		return nil, err
	}
	well, err := NewHandler(w.Gathering(), format, level)
	l := New(trouble, well)
	if format == "json" {
		l.json = w
	}
	return l, err
}

// NewHandler makes the handler for a log in format "text" or "json" from level debug, info, warn or error upwards.
func NewHandler(w io.Writer, format, level string) (slog.Handler, error) {
	var o slog.HandlerOptions
	var from slog.Level
	if err := from.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level %q is not one of debug, info, warn, error", level)
	}
	o.Level = from
	switch format {
	case "text":
		return slog.NewTextHandler(w, &o), nil
	case "json":
		return slog.NewJSONHandler(w, &o), nil
	}
	return nil, fmt.Errorf("log format %q is not one of text, json", format)
}

// Record writes the line. Its time is the call's end, so that a log is in order. Like slog.Logger it ignores errors: a
// log that cannot be written must not fail the call, and there is nowhere left to say so.
func (l *Log) Record(e *call.Event) {
	ctx, level, h := context.Background(), levelOf(e), l.trouble
	if level == slog.LevelInfo {
		h = l.well
	}
	at := e.Time
	if !at.IsZero() {
		at = at.Add(e.Total)
	}
	switch {
	case !h.Enabled(ctx, level):
	case l.json == nil:
		a := make(attrs, 0, usualFields)
		tell(e, &a)
		r := slog.NewRecord(at, level, message, 0)
		r.AddAttrs(a...)
		_ = h.Handle(ctx, r)
	default:
		line := jsonLines.Get().(*jsonLine)
		line.begin(at, level)
		tell(e, line)
		line.end(l.json, level == slog.LevelInfo)
		jsonLines.Put(line)
	}
}

// levelOf says how much an operator must care.
func levelOf(e *call.Event) slog.Level {
	switch e.Outcome {
	case call.OutcomeServerError, call.OutcomeToken, call.OutcomeUnreachable, call.OutcomeInternal:
		return slog.LevelError
	case call.OutcomeOK, call.OutcomeHandedOver:
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

const message = "request"

// fields takes the fields of a line in their order. What is empty is left out; texts are shortened to limit bytes and
// made fit for a terminal.
type fields interface {
	text(key, value string, limit int)
	number(key string, n int64)
	// milliseconds are whole ones from 100 ms on, else to the microsecond. Zero is written too.
	milliseconds(key string, ms float64)
	truth(key string)
}

// tell says what the log has of a call.
func tell(e *call.Event, to fields) {
	name := func(key, value string) { to.text(key, value, nameLimit) }
	took := func(key string, d time.Duration) {
		if d > 0 {
			to.milliseconds(key, millisecondsOf(d))
		}
	}
	name("request_id", e.RequestID)
	name("integration", e.Integration)
	name("scheme", e.Scheme)
	name("door", string(e.Door))
	name("api", string(e.API))
	name("operation", e.Operation)
	name("class", e.Class)
	name("method", e.Method)
	to.text("path", e.Path, pathLimit)
	to.number("status", int64(e.Status))
	name("outcome", string(e.Outcome))
	name("cause", e.Cause)
	to.text("error", e.Detail, textLimit)
	to.text("next_step", e.NextStep, textLimit)
	if key := e.Key; e.Integration == call.UnknownIntegration {
		to.text("key", shown.UnknownKey(key), keyLimit)
	} else {
		to.text("key", key, keyLimit)
	}
	name("authenticator", e.Authenticator)
	if e.OnBehalf() {
		name("principal", e.Principal)
	}
	name("account", e.Account)
	name("site", e.Site)
	name("envelope", e.Envelope)
	if e.Client.IsValid() {
		name("client", e.Client.String())
	}
	to.text("user_agent", e.UserAgent, agentLimit)
	to.milliseconds("duration_ms", millisecondsOf(e.Total))
	took("upstream_ms", e.Upstream)
	took("translate_ms", e.Translate)
	to.number("bytes_in", e.BytesIn)
	to.number("bytes_out", e.BytesOut)
	name("replayed", e.Replayed)
	to.number("rest_calls", int64(e.RESTCalls))
	name("journal", e.Journal)
	to.text("dropped", strings.Join(e.Dropped, ", "), textLimit)
	if e.Cached {
		to.truth("cached")
	}
	if e.Conflict {
		to.truth("conflict")
	}
	name("trace_token", e.TraceToken)
	name("rehearsal", e.Rehearsal)
}

func millisecondsOf(d time.Duration) float64 {
	if d >= 100*time.Millisecond {
		return float64(d.Round(time.Millisecond).Milliseconds())
	}
	return math.Round(float64(d)/float64(time.Microsecond)) / 1000
}

func fitted(value string, limit int) string {
	if len(value) > limit {
		value = shown.Cut(value, limit) + "…"
	}
	return shown.Printable(value)
}

const usualFields = 32

// attrs are the fields for a handler of slog.
type attrs []slog.Attr

func (a *attrs) text(key, value string, limit int) {
	if value != "" {
		*a = append(*a, slog.String(key, fitted(value, limit)))
	}
}

func (a *attrs) number(key string, n int64) {
	if n != 0 {
		*a = append(*a, slog.Int64(key, n))
	}
}

func (a *attrs) milliseconds(key string, ms float64) {
	if ms == math.Trunc(ms) { // of a large float slog writes the exponent
		*a = append(*a, slog.Int64(key, int64(ms)))
		return
	}
	*a = append(*a, slog.Float64(key, ms))
}

func (a *attrs) truth(key string) { *a = append(*a, slog.Bool(key, true)) }
