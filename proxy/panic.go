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
	if caught := panics.OfServer(p); caught != nil {
		l.panicked(call.PanicConnect, caught)
	} else {
		l.cfg.Log.Debug(string(bytes.TrimSpace(p))) //nolint:sloglint // the text is that of net/http
	}
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
