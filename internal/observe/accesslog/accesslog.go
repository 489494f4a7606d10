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

// Log writes one line per call. Keys, in this order, empty ones left out: request_id, integration, scheme, door, api,
// operation, method, path, status, outcome, cause, error, next_step, key, authenticator, principal, account, site,
// client, user_agent, duration_ms, upstream_ms, translate_ms, bytes_in, bytes_out, replayed, conflict, trace_token,
// rehearsal.
type Log struct{ trouble, well slog.Handler }

// New makes a Log. Lines of calls that went well go to well, all others to trouble.
func New(trouble, well slog.Handler) *Log { return &Log{trouble: trouble, well: well} }

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
	ctx, level, h := context.Background(), levelOf(e), l.trouble
	if level == slog.LevelInfo {
		h = l.well
	}
	if !h.Enabled(ctx, level) {
		return
	}
	at := e.Time
	if !at.IsZero() {
		at = at.Add(e.Total)
	}
	r := slog.NewRecord(at, level, "request", 0)
	var room [32]slog.Attr
	r.AddAttrs(fields(room[:0], e)...)
	// Like slog.Logger: a log that cannot be written must not fail the call, and there is nowhere left to say so.
	_ = h.Handle(ctx, r)
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

// line gathers the fields of a line. Empty ones are left out.
type line []slog.Attr

func fields(l line, e *call.Event) line {
	l.text("request_id", e.RequestID, nameLimit)
	l.text("integration", e.Integration, nameLimit)
	l.text("scheme", e.Scheme, nameLimit)
	l.text("door", string(e.Door), nameLimit)
	l.text("api", string(e.API), nameLimit)
	l.text("operation", e.Operation, nameLimit)
	l.text("method", e.Method, nameLimit)
	l.text("path", e.Path, pathLimit)
	l.number("status", int64(e.Status))
	l.text("outcome", string(e.Outcome), nameLimit)
	l.text("cause", e.Cause, nameLimit)
	l.text("error", e.Detail, textLimit)
	l.text("next_step", e.NextStep, textLimit)
	l.caller(e)
	l.duration("duration_ms", e.Total)
	if e.Upstream > 0 {
		l.duration("upstream_ms", e.Upstream)
	}
	if e.Translate > 0 {
		l.duration("translate_ms", e.Translate)
	}
	l.number("bytes_in", e.BytesIn)
	l.number("bytes_out", e.BytesOut)
	l.text("replayed", e.Replayed, nameLimit)
	if e.Conflict {
		l = append(l, slog.Bool("conflict", true))
	}
	l.text("trace_token", e.TraceToken, nameLimit)
	l.text("rehearsal", e.Rehearsal, nameLimit)
	return l
}

func (l *line) caller(e *call.Event) {
	key := e.Key
	if e.Integration == call.UnknownIntegration {
		key = shown.UnknownKey(key)
	}
	l.text("key", key, keyLimit)
	l.text("authenticator", e.Authenticator, nameLimit)
	if e.OnBehalf() {
		l.text("principal", e.Principal, nameLimit)
	}
	l.text("account", e.Account, nameLimit)
	l.text("site", e.Site, nameLimit)
	if e.Client.IsValid() {
		l.text("client", e.Client.String(), nameLimit)
	}
	l.text("user_agent", e.UserAgent, agentLimit)
}

func (l *line) text(key, value string, limit int) {
	if value == "" {
		return
	}
	if len(value) > limit {
		value = shown.Cut(value, limit) + "…"
	}
	*l = append(*l, slog.String(key, shown.Printable(value)))
}

func (l *line) number(key string, n int64) {
	if n != 0 {
		*l = append(*l, slog.Int64(key, n))
	}
}

// duration writes milliseconds: whole ones from 100 ms on, else to the microsecond.
func (l *line) duration(key string, d time.Duration) {
	if d >= 100*time.Millisecond || d == 0 {
		*l = append(*l, slog.Int64(key, d.Round(time.Millisecond).Milliseconds()))
		return
	}
	*l = append(*l, slog.Float64(key, math.Round(float64(d)/float64(time.Microsecond))/1000))
}
