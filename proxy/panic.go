package proxy

import (
	"bytes"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/panics"
)

func (s *Server) panicked(where string, p *panics.Error, args ...any) {
	panics.Report(s.cfg.Log, s.cfg.Recorders, where, p, args...)
}

// errorLog takes what net/http says of a connection. It says the value of a panic too, which is left out here.
type errorLog struct{ *Server }

// Write takes one message.
func (l errorLog) Write(p []byte) (int, error) {
	if !bytes.Contains(p, []byte("panic serving ")) {
		l.cfg.Log.Debug(string(bytes.TrimSpace(p))) //nolint:sloglint // the text is that of net/http
		return len(p), nil
	}
	stack := ""
	if i := bytes.LastIndex(p, []byte("\ngoroutine ")); i >= 0 {
		stack = string(p[i+1:])
	}
	l.panicked(call.PanicConnect, panics.Elsewhere("in net/http", stack))
	return len(p), nil
}

// record tells those who observe.
func (s *Server) record(e *call.Event) {
	for _, r := range s.cfg.Recorders {
		s.observed(e, func() { r.Record(e) })
	}
}

// observed lets one of those who observe look at a call. A fault of one costs its record, never the call nor the
// records of the others.
func (s *Server) observed(e *call.Event, look func()) {
	if p := panics.Caught(look); p != nil {
		s.panicked(call.PanicRecord, p, "request_id", e.RequestID)
	}
}
