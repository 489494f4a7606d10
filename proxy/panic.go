package proxy

import (
	"bytes"
	"log/slog"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/panics"
)

// ReportPanic logs a panic that was caught, without its value, and counts it.
func ReportPanic(log *slog.Logger, r call.Recorder, where string, p *panics.Error, args ...any) {
	log.Error("panic", append([]any{"where", where, "panic", p.Error(), "stack", p.Stack}, args...)...)
	if pr, ok := r.(call.PanicRecorder); ok {
		pr.RecordPanic(where)
	}
}

func (s *Server) panicked(where string, p *panics.Error, args ...any) {
	ReportPanic(s.cfg.Log, s.cfg.Recorder, where, p, args...)
}

// errorLog takes what net/http says of a connection. It says the value of a panic too, which is left out here.
type errorLog struct{ *Server }

// Write takes one message.
func (l errorLog) Write(p []byte) (int, error) {
	if !bytes.Contains(p, []byte("panic serving ")) {
		l.cfg.Log.Debug(string(bytes.TrimSpace(p)))
		return len(p), nil
	}
	stack := ""
	if i := bytes.LastIndex(p, []byte("\ngoroutine ")); i >= 0 {
		stack = string(p[i+1:])
	}
	l.panicked(call.PanicConnect, panics.Elsewhere("in net/http", stack))
	return len(p), nil
}

// record tells those who observe. A fault of one costs its record, never the call nor the records of the others.
func (s *Server) record(e *call.Event) {
	all, ok := s.cfg.Recorder.(call.Recorders)
	if !ok {
		all = call.Recorders{s.cfg.Recorder}
	}
	for _, r := range all {
		if p := panics.In(safely(func() error { r.Record(e); return nil })); p != nil {
			s.panicked(call.PanicRecord, p, "request_id", e.RequestID)
		}
	}
}

// safely makes an error of a panic in f.
func safely(f func() error) (err error) {
	defer panics.Into(&err)
	return f()
}
