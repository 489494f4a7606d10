package accesslog_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/observe/accesslog"
)

// jsonLogged gives the line that the JSON log makes of an event.
func jsonLogged(t testing.TB, e *call.Event) string {
	t.Helper()
	var out bytes.Buffer
	w := accesslog.NewWriter(&out)
	accesslog.NewJSON(w, slog.LevelDebug).Record(e)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// sameAsSlog holds the line against the one that slog writes.
func sameAsSlog(t *testing.T, e *call.Event) {
	t.Helper()
	var out bytes.Buffer
	h, err := accesslog.NewHandler(&out, "json", "debug")
	if err != nil {
		t.Fatal(err)
	}
	accesslog.New(slog.New(h)).Record(e)
	line := jsonLogged(t, e)
	if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") {
		t.Fatalf("not one line: %q", line)
	}
	var got, want map[string]any
	if err := json.Unmarshal([]byte(line), &got); err != nil {
		t.Fatalf("%v in %q", err, line)
	}
	if err := json.Unmarshal(out.Bytes(), &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("line %s\nslog %s", line, out.String())
	}
}

func TestTheJSONLogSaysWhatSlogSays(t *testing.T) {
	for _, hostile := range []string{"", "plain", `quote " and \ slash`, "line\nbreak\r\ttab", "\x00\x1b[31m\x7f", "é€𝄞", "\xff\xfe", "\u2028\u202e", strings.Repeat("ü", 3000)} {
		for _, d := range []time.Duration{0, time.Nanosecond, 1500 * time.Nanosecond, 999 * time.Microsecond, 1010 * time.Microsecond, 99999 * time.Microsecond, time.Hour} {
			sameAsSlog(t, &call.Event{
				Time: noon, RequestID: "x-1", Method: "GET", Path: hostile, UserAgent: hostile, Integration: "unknown", Key: hostile, Authenticator: hostile, Principal: hostile + "x",
				Account: hostile, Detail: hostile, NextStep: hostile, Scheme: "none", Status: 401, Outcome: call.OutcomeRefused, Cause: "bad_login", Total: d, Upstream: d, Translate: d,
				BytesIn: 1, BytesOut: -1, Conflict: hostile != "", Client: netip.MustParseAddr("::1"), Operation: hostile,
			})
		}
	}
}

func FuzzJSONLog(f *testing.F) {
	f.Add("a", "b", int64(1500))
	f.Fuzz(func(t *testing.T, path, agent string, d int64) {
		sameAsSlog(t, &call.Event{Time: noon, Path: path, UserAgent: agent, Integration: "nightly", Scheme: "none", Status: 200, Outcome: call.OutcomeOK, Upstream: time.Duration(d & (1<<40 - 1))})
	})
}

// lockedBuffer is written to by the timer as well.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestGatheredLinesGoOutInTimeAndTroubleAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &lockedBuffer{}
		w := accesslog.NewWriter(out)
		log := accesslog.NewJSON(w, slog.LevelInfo)
		log.Record(&call.Event{Time: noon, Status: 200, Outcome: call.OutcomeOK})
		if out.String() != "" {
			t.Error("a line about a good call was written by itself")
		}
		time.Sleep(150 * time.Millisecond)
		synctest.Wait()
		if strings.Count(out.String(), "\n") != 1 {
			t.Errorf("after a tenth of a second: %q", out.String())
		}
		log.Record(&call.Event{Time: noon, Status: 200, Outcome: call.OutcomeOK})
		log.Record(&call.Event{Time: noon, Status: 401, Outcome: call.OutcomeRefused})
		synctest.Wait()
		if strings.Count(out.String(), "\n") != 3 {
			t.Errorf("trouble does not go out at once, after what came before it: %q", out.String())
		}
		for range 1000 {
			log.Record(&call.Event{Time: noon, Status: 200, Outcome: call.OutcomeOK})
		}
		synctest.Wait()
		if n := strings.Count(out.String(), "\n"); n < 500 {
			t.Errorf("only %d lines are out although the buffer is full", n)
		}
		if err := w.Flush(); err != nil || strings.Count(out.String(), "\n") != 1003 {
			t.Errorf("%d lines after Flush, %v", strings.Count(out.String(), "\n"), err)
		}
	})
}

func BenchmarkJSONLog(b *testing.B) {
	log := accesslog.NewJSON(accesslog.NewWriter(io.Discard), slog.LevelInfo)
	e := &call.Event{Time: noon, RequestID: "0badcafe-1", Door: call.DoorSidecar, API: call.APIRest2, Method: "GET", Path: "/restapi/v2/accounts/1234567/envelopes", Client: netip.MustParseAddr("127.0.0.1"),
		UserAgent: "Example/1.0", Integration: "nightly", Key: nightlyKey, Authenticator: "anna@example.com", Principal: "anna@example.com", Scheme: "header_json", Account: "1234567", Site: "demo.docusign.net",
		Status: 200, Outcome: call.OutcomeOK, Total: 1234 * time.Microsecond, Upstream: time.Millisecond, Translate: 900 * time.Nanosecond, BytesOut: 2048}
	b.ReportAllocs()
	for b.Loop() {
		log.Record(e)
	}
}
