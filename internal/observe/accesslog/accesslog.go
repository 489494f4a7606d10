// Package accesslog writes one line for each call, in text or JSON, through a writer that works in the background. It
// must never make a call wait for the log's reader, nor write what could be a line, a colour or a secret of a caller's
// making. internal/app calls it.
package accesslog

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"reflect"
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
	keys          []string
	json          *Writer // nil = lines go through the handlers
}

// New makes a Log. Lines of calls that went well go to well, all others to trouble.
func New(trouble, well slog.Handler) *Log {
	return &Log{trouble: trouble, well: well, keys: lineKeys()}
}

// NewGathering makes a Log in a format and from a level as NewHandler takes them; lines of calls that went well are
// gathered. JSON is written without slog, whose handler takes 7 % of the processor's time for a small call.
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
	switch {
	case !h.Enabled(ctx, level):
	case l.json == nil:
		_ = h.Handle(ctx, lineOf(e, level).record(level, l.keys))
	default:
		var w io.Writer = l.json
		if level == slog.LevelInfo {
			w = l.json.Gathering()
		}
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(lineOf(e, level))
	}
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

// line is a call as the log has it, in this order, empty values left out.
type line struct {
	Time          time.Time    `json:"time,omitzero"`
	Level         slog.Level   `json:"level"`
	Message       string       `json:"msg"`
	RequestID     string       `json:"request_id,omitempty"`
	Integration   string       `json:"integration,omitempty"`
	Scheme        string       `json:"scheme,omitempty"`
	Door          string       `json:"door,omitempty"`
	API           string       `json:"api,omitempty"`
	Operation     string       `json:"operation,omitempty"`
	Method        string       `json:"method,omitempty"`
	Path          string       `json:"path,omitempty"`
	Status        int          `json:"status,omitempty"`
	Outcome       string       `json:"outcome,omitempty"`
	Cause         string       `json:"cause,omitempty"`
	Error         string       `json:"error,omitempty"`
	NextStep      string       `json:"next_step,omitempty"`
	Key           string       `json:"key,omitempty"`
	Authenticator string       `json:"authenticator,omitempty"`
	Principal     string       `json:"principal,omitempty"`
	Account       string       `json:"account,omitempty"`
	Site          string       `json:"site,omitempty"`
	Client        string       `json:"client,omitempty"`
	UserAgent     string       `json:"user_agent,omitempty"`
	Duration      milliseconds `json:"duration_ms"`
	Upstream      milliseconds `json:"upstream_ms,omitempty"`
	Translate     milliseconds `json:"translate_ms,omitempty"`
	BytesIn       int64        `json:"bytes_in,omitempty"`
	BytesOut      int64        `json:"bytes_out,omitempty"`
	Replayed      string       `json:"replayed,omitempty"`
	Conflict      bool         `json:"conflict,omitempty"`
	TraceToken    string       `json:"trace_token,omitempty"`
	Rehearsal     string       `json:"rehearsal,omitempty"`
}

// milliseconds are whole ones from 100 ms on, else to the microsecond.
type milliseconds float64

func millisecondsOf(d time.Duration) milliseconds {
	if d >= 100*time.Millisecond {
		return milliseconds(d.Round(time.Millisecond).Milliseconds())
	}
	return milliseconds(math.Round(float64(d)/float64(time.Microsecond)) / 1000)
}

func lineOf(e *call.Event, level slog.Level) *line {
	l := &line{
		Time: e.Time, Level: level, Message: "request", RequestID: name(e.RequestID), Integration: name(e.Integration),
		Scheme: name(e.Scheme), Door: name(string(e.Door)), API: name(string(e.API)), Operation: name(e.Operation),
		Method: name(e.Method), Path: fitted(e.Path, pathLimit), Status: e.Status, Outcome: name(string(e.Outcome)),
		Cause: name(e.Cause), Error: fitted(e.Detail, textLimit), NextStep: fitted(e.NextStep, textLimit),
		Authenticator: name(e.Authenticator), Account: name(e.Account), Site: name(e.Site),
		UserAgent: fitted(e.UserAgent, agentLimit), Duration: millisecondsOf(e.Total),
		Upstream: millisecondsOf(max(e.Upstream, 0)), Translate: millisecondsOf(max(e.Translate, 0)), BytesIn: e.BytesIn,
		BytesOut: e.BytesOut, Replayed: name(e.Replayed), Conflict: e.Conflict, TraceToken: name(e.TraceToken),
		Rehearsal: name(e.Rehearsal),
	}
	if !e.Time.IsZero() {
		l.Time = e.Time.Add(e.Total)
	}
	key := e.Key
	if e.Integration == call.UnknownIntegration {
		key = shown.UnknownKey(key)
	}
	l.Key = fitted(key, keyLimit)
	if e.OnBehalf() {
		l.Principal = name(e.Principal)
	}
	if e.Client.IsValid() {
		l.Client = e.Client.String()
	}
	return l
}

func name(s string) string { return fitted(s, nameLimit) }

func fitted(value string, limit int) string {
	if len(value) > limit {
		value = shown.Cut(value, limit) + "…"
	}
	return shown.Printable(value)
}

// firstField is the first one that slog does not write by itself.
const firstField = 3

// lineKeys are the names of the fields.
func lineKeys() (keys []string) {
	for f := range reflect.TypeFor[line]().Fields() {
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		keys = append(keys, key)
	}
	return keys
}

// record is the line for slog, with the same names and values.
func (l *line) record(level slog.Level, keys []string) slog.Record {
	r := slog.NewRecord(l.Time, level, l.Message, 0)
	v := reflect.ValueOf(l).Elem()
	attrs := make([]slog.Attr, 0, len(keys))
	for i, key := range keys[firstField:] {
		f := v.Field(firstField + i)
		switch {
		case f.IsZero() && key != "duration_ms":
		case f.Kind() == reflect.String:
			attrs = append(attrs, slog.String(key, f.String()))
		case f.Kind() == reflect.Bool:
			attrs = append(attrs, slog.Bool(key, true))
		case f.CanInt():
			attrs = append(attrs, slog.Int64(key, f.Int()))
		case f.Float() == math.Trunc(f.Float()): // of a large float slog writes the exponent
			attrs = append(attrs, slog.Int64(key, int64(f.Float())))
		default:
			attrs = append(attrs, slog.Float64(key, f.Float()))
		}
	}
	r.AddAttrs(attrs...)
	return r
}
