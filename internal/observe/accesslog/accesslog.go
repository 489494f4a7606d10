package accesslog

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/netip"
	"sync"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/shown"
)

// Longest texts of a log line, in bytes. Callers choose most of them.
const (
	logUserAgent = 100
	logKey       = 64
	logName      = 128 // operation, user, account, site, trace token
	logPath      = 512
	logText      = 1024 // error and next step; a consent URL must fit
)

// Log writes one line per call. Keys, in this order, empty ones left out: request_id, integration, scheme, door, api, operation,
// method, path, status, outcome, cause, error, next_step, key, authenticator, principal, account, site, client, user_agent, duration_ms,
// upstream_ms, translate_ms, bytes_in, bytes_out, replayed, conflict, trace_token, rehearsal.
type Log struct {
	handler slog.Handler
	lines   sync.Pool // of *requestLine
}

// New makes a Log that writes to log.
func New(log *slog.Logger) *Log {
	l := &Log{handler: log.Handler()}
	l.lines.New = func() any { return &requestLine{attrs: make([]slog.Attr, 0, 32)} }
	return l
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

// Record writes the line. Its time is the call's end, so that a log is in order.
func (l *Log) Record(e *call.Event) {
	ctx, level := context.Background(), levelOf(e)
	if !l.handler.Enabled(ctx, level) {
		return
	}
	at := e.Time
	if !at.IsZero() {
		at = at.Add(e.Total)
	}
	r := slog.NewRecord(at, level, "request", 0)
	line := l.lines.Get().(*requestLine)
	describeLine(line, e)
	r.AddAttrs(line.attrs...) // copies them: a handler may keep the record
	line.reset()
	l.lines.Put(line)
	// Like slog.Logger: a log that cannot be written must not fail the call, and there is nowhere left to say so.
	_ = l.handler.Handle(ctx, r)
}

// levelOf says how much an operator must care.
func levelOf(e *call.Event) slog.Level {
	switch e.Outcome {
	case call.OutcomeServerError, call.OutcomeToken, call.OutcomeUnreachable, call.OutcomeInternal:
		return slog.LevelError
	case call.OutcomeOK:
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

// requestLine gathers the attributes of a line.
type requestLine struct{ attrs []slog.Attr }

func (l *requestLine) reset() {
	clear(l.attrs)
	l.attrs = l.attrs[:0]
}

// lineWriter takes the fields of a line: as attributes for a slog.Handler, or as JSON. Empty ones are left out.
type lineWriter interface {
	text(key, value string, limit int)
	number(key string, n int64)
	duration(key string, d time.Duration)
	flag(key string)
	address(key string, a netip.Addr)
}

func describeLine(l lineWriter, e *call.Event) {
	l.text("request_id", e.RequestID, logName)
	l.text("integration", e.Integration, logName)
	l.text("scheme", e.Scheme, logName)
	l.text("door", string(e.Door), logName)
	l.text("api", string(e.API), logName)
	l.text("operation", e.Operation, logName)
	l.text("method", e.Method, logName)
	l.text("path", e.Path, logPath)
	l.number("status", int64(e.Status))
	l.text("outcome", string(e.Outcome), logName)
	l.text("cause", e.Cause, logName)
	l.text("error", e.Detail, logText)
	l.text("next_step", e.NextStep, logText)
	describeCaller(l, e)
	l.duration("duration_ms", e.Total)
	if e.Upstream > 0 {
		l.duration("upstream_ms", e.Upstream)
	}
	if e.Translate > 0 {
		l.duration("translate_ms", e.Translate)
	}
	l.number("bytes_in", e.BytesIn)
	l.number("bytes_out", e.BytesOut)
	l.text("replayed", e.Replayed, logName)
	if e.Conflict {
		l.flag("conflict")
	}
	l.text("trace_token", e.TraceToken, logName)
	l.text("rehearsal", e.Rehearsal, logName)
}

func describeCaller(l lineWriter, e *call.Event) {
	l.text("key", keyOf(e), logKey)
	l.text("authenticator", e.Authenticator, logName)
	if e.OnBehalf() {
		l.text("principal", e.Principal, logName)
	}
	l.text("account", e.Account, logName)
	l.text("site", e.Site, logName)
	l.address("client", e.Client)
	l.text("user_agent", e.UserAgent, logUserAgent)
}

// keyOf masks a key that the configuration does not list.
func keyOf(e *call.Event) string {
	if e.Integration == call.UnknownIntegration {
		return shown.UnknownKey(e.Key)
	}
	return e.Key
}

func (l *requestLine) text(key, value string, limit int) {
	if value != "" {
		l.attrs = append(l.attrs, slog.String(key, fitted(value, limit)))
	}
}

// fitted is what a line has of a text.
func fitted(value string, limit int) string {
	if len(value) > limit {
		value = shown.Cut(value, limit) + "…"
	}
	return shown.Printable(value)
}

func (l *requestLine) flag(key string) { l.attrs = append(l.attrs, slog.Bool(key, true)) }

func (l *requestLine) address(key string, a netip.Addr) {
	if a.IsValid() {
		l.attrs = append(l.attrs, slog.String(key, a.String()))
	}
}

func (l *requestLine) number(key string, n int64) {
	if n != 0 {
		l.attrs = append(l.attrs, slog.Int64(key, n))
	}
}

// duration writes milliseconds: whole ones from 100 ms on, since fractions are slow to format, else to the microsecond.
func (l *requestLine) duration(key string, d time.Duration) {
	if d >= 100*time.Millisecond || d == 0 {
		l.attrs = append(l.attrs, slog.Int64(key, d.Round(time.Millisecond).Milliseconds()))
		return
	}
	l.attrs = append(l.attrs, slog.Float64(key, math.Round(float64(d)/float64(time.Microsecond))/1000))
}
