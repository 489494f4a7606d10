package proxy

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/panics"
)

// witness is told of panics and rehearsals.
type witness struct {
	panics     chan string
	rehearsals chan string
}

func (witness) Record(*call.Event)              {}
func (w witness) RecordPanic(where string)      { w.panics <- where }
func (w witness) RecordRehearsal(e *call.Event) { w.rehearsals <- e.Rehearsal }

func newWitness() (witness, *Server, *bytes.Buffer) {
	w := witness{make(chan string, 8), make(chan string, 8)}
	var log bytes.Buffer
	cfg := UsualConfig(w)
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	return w, New(cfg, &State{}), &log
}

// UsualConfig has the limits that the configuration has by default, and a log that is not kept.
func UsualConfig(rs ...call.Recorder) Config {
	return Config{
		Log: slog.New(slog.DiscardHandler), Recorders: rs, HeaderBytes: 64 << 10, HeaderTimeout: 10 * time.Second,
		IdleTimeout: 2 * time.Minute, BodyTimeout: time.Minute, DrainBody: 64 << 20, ReplayBody: 1 << 20,
		SOAPHeader: 256 << 10, Tunnels: 256, TunnelIdle: 10 * time.Minute, Connections: 4096, ClientShare: 75,
	}
}

func TestAPanicInARehearsalIsCaughtAndCounted(t *testing.T) {
	w, s, log := newWitness()
	s.rehearsal(&call.Event{}, func() []string { return nil }, func() error { panic("Lgcy-Anna-11x") })
	if where, result := <-w.panics, <-w.rehearsals; where != call.PanicRehearsal || result != "panic" {
		t.Errorf("counted at %q with the result %q", where, result)
	}
	if strings.Contains(log.String(), "Lgcy") {
		t.Errorf("the log says %s", log)
	}
}

func TestAPanicInAConnectEndsThatConnectionOnly(t *testing.T) {
	w, s, log := newWitness()
	func() {
		defer func() {
			if v := recover(); v != http.ErrAbortHandler {
				t.Errorf("the handler ends with %v", v)
			}
		}()
		r := httptest.NewRequest(http.MethodConnect, "demo.docusign.net:443", nil)
		s.ServeHTTP(httptest.NewRecorder(), r) // the state has no list of clients
	}()
	if err := panics.Try(func() error {
		panic("Lgcy-Anna-11x")
	}); panics.In(err) == nil || strings.Contains(err.Error(), "Lgcy") {
		t.Errorf("a panic gives %v", err)
	}
	_, _ = errorLog{s}.Write([]byte("http: panic serving 127.0.0.1:9: Lgcy-Anna-11x\ngoroutine 7 [running]:\nmain.f()\n"))
	if a, b := <-w.panics, <-w.panics; a != call.PanicConnect || b != call.PanicConnect {
		t.Errorf("counted at %q and %q", a, b)
	}
	if text := log.String(); strings.Contains(text, "Lgcy") || !strings.Contains(text, "main.f()") {
		t.Errorf("the log says %s", text)
	}
}
