package accesslog_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/observe/accesslog"
)

// logged gives the lines that format makes of an event.
func logged(t *testing.T, format string, e call.Event) string {
	t.Helper()
	var out bytes.Buffer
	if format == "json" {
		w := accesslog.NewWriter(&out)
		jsonLog(t, w).Record(&e)
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	h, err := accesslog.NewHandler(&out, format, "debug")
	if err != nil {
		t.Fatal(err)
	}
	accesslog.New(h, h).Record(&e)
	return out.String()
}

func fields(t *testing.T, e call.Event) map[string]any {
	t.Helper()
	var f map[string]any
	if err := json.Unmarshal([]byte(logged(t, "json", e)), &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestRequestLogLine(t *testing.T) {
	full := call.Event{
		Time: noon, RequestID: "0badcafe-1", Door: call.DoorSidecar, API: "soap_dsapi", Operation: "RequestStatus",
		Method: "POST", Path: "/api/3.0/dsapi.asmx",
		Client: netip.MustParseAddr("10.1.2.3"), UserAgent: "Example/1.0", Integration: "nightly", Key: nightlyKey,
		Authenticator: "anna@example.com",
		Principal:     "bob@example.com", Scheme: "ws_security", Mode: "translate", Account: "1234567",
		Site:    "demo.docusign.net",
		Status:  500,
		Outcome: call.OutcomeServerError, Cause: "docusign_500", Detail: "DocuSign answered Unspecified_Error",
		NextStep:   "wait",
		TraceToken: "5b9f5d2e-0000-4000-8000-000000000030", Total: 1234567 * time.Microsecond,
		Translate: 1500 * time.Nanosecond, Upstream: time.Second,
		BytesIn: 10, BytesOut: 20, Replayed: "token_refused", Conflict: true, Rehearsal: "would_work",
	}
	tests := []struct {
		name  string
		event call.Event
		want  string
	}{
		{"a call with everything", full,
			`time=2026-05-04T12:00:01.234Z level=ERROR msg=request request_id=0badcafe-1 integration=nightly ` +
				`scheme=ws_security door=sidecar ` +
				`api=soap_dsapi operation=RequestStatus method=POST path=/api/3.0/dsapi.asmx status=500 outcome=upstream_error ` +
				`cause=docusign_500 ` +
				`error="DocuSign answered Unspecified_Error" next_step=wait key=` + nightlyKey +
				` authenticator=anna@example.com principal=bob@example.com account=1234567 ` +
				`site=demo.docusign.net client=10.1.2.3 user_agent=Example/1.0 duration_ms=1235 upstream_ms=1000 ` +
				`translate_ms=0.002 bytes_in=10 bytes_out=20 ` +
				`replayed=token_refused conflict=true trace_token=5b9f5d2e-0000-4000-8000-000000000030 rehearsal=would_work` +
				"\n"},
		{"empty values are left out", call.Event{Time: noon, Integration: "unknown", Scheme: "none", Outcome: call.OutcomeOK,
			Status: 200},
			"time=2026-05-04T12:00:00.000Z level=INFO msg=request integration=unknown scheme=none status=200 outcome=ok " +
				"duration_ms=0\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := logged(t, "text", tt.event); got != tt.want {
				t.Errorf("got  %swant %s", got, tt.want)
			}
		})
	}
}

func TestRequestLogKeys(t *testing.T) {
	tests := []struct {
		name             string
		integration, key string
		want             any
	}{
		{"a key of the configuration is shown", "nightly", nightlyKey, nightlyKey},
		{"an unknown key is masked", "unknown", nightlyKey, "230546a7…"},
		{"an unknown key that is no GUID may be a password", "unknown", "secret!", "unshown (7 characters)"},
		{"a long unknown key tells its length", "unknown", strings.Repeat("k", 5000), "unshown (5000 characters)"},
		{"a long prefixed key is cut", "nightly", strings.Repeat("k", 100), strings.Repeat("k", 64) + "…"},
		{"no key", "unknown", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := goodCall()
			e.Integration, e.Key = tt.integration, tt.key
			if got := fields(t, e)["key"]; got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestRequestLogNamesThePrincipalOnlyOnBehalf(t *testing.T) {
	tests := []struct {
		name                     string
		authenticator, principal string
		want                     any
	}{
		{"a user for itself", "anna@example.com", "anna@example.com", nil},
		{"a user for another", "anna@example.com", "bob@example.com", "bob@example.com"},
		{"a refused login", "anna@example.com", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := goodCall()
			e.Authenticator, e.Principal = tt.authenticator, tt.principal
			if got := fields(t, e)["principal"]; got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestRequestLogLevels(t *testing.T) {
	for outcome, want := range map[call.Outcome]string{
		call.OutcomeOK: "INFO", call.OutcomeRefused: "WARN", call.OutcomeClientError: "WARN", call.OutcomeAborted: "WARN",
		call.OutcomeServerError: "ERROR", call.OutcomeUnreachable: "ERROR", call.OutcomeToken: "ERROR",
		call.OutcomeInternal: "ERROR",
	} {
		e := goodCall()
		e.Outcome = outcome
		if got := fields(t, e)["level"]; got != want {
			t.Errorf("%s is logged at %v, want %s", outcome, got, want)
		}
	}
	e := goodCall()
	e.Conflict = true // such a program sends them on every call; one line for each integration warns of it
	if got := fields(t, e)["level"]; got != "INFO" {
		t.Errorf("several credentials are logged at %v", got)
	}
}

func TestRequestLogBelowTheLevelWritesNothing(t *testing.T) {
	var out bytes.Buffer
	h, err := accesslog.NewHandler(&out, "text", "warn")
	if err != nil {
		t.Fatal(err)
	}
	e := goodCall()
	accesslog.New(h, h).Record(&e)
	if out.Len() > 0 {
		t.Errorf("wrote %s", out.String())
	}
}

func TestRequestLogKeepsWhatItsLoggerWasGiven(t *testing.T) {
	var out bytes.Buffer
	e := goodCall()
	h := slog.NewTextHandler(&out, nil).WithAttrs([]slog.Attr{slog.String("instance", "a")})
	accesslog.New(h, h).Record(&e)
	if !strings.Contains(out.String(), " instance=a ") {
		t.Errorf("wrote %s", out.String())
	}
}

func TestRequestLogIsOneCleanLineWhateverTheCallerSends(t *testing.T) {
	hostile := []struct{ name, text string }{
		{"a line of its own", "x\nlevel=ERROR msg=forged\r\n"},
		{"terminal escapes", "\x1b[2J\x1b]0;title\x07\x9b31m\u009b31m\u0085"},
		{"text that runs backwards", "user\u202etxt.exe\u2066\u200f"},
		{"line separators of JavaScript", "a\u2028b\u2029c"},
		{"broken UTF-8 and NUL", "a\xff\xfe\x00\xc3"},
		{"an end of the field", `a" x="` + "\n"},
		{"a very long text", strings.Repeat("ä", 100_000)},
	}
	for _, tt := range hostile {
		for _, format := range []string{"text", "json"} {
			t.Run(tt.name+" in "+format, func(t *testing.T) {
				e := hostileEvent(tt.text)
				e.Method = tt.text
				line := logged(t, format, e)
				checkCleanLine(t, line)
				if len(line) > 16<<10 {
					t.Errorf("the line has %d bytes", len(line))
				}
				if format == "json" && !json.Valid([]byte(line)) {
					t.Errorf("not JSON: %s", line)
				}
				if format == "text" && strings.Count(line, " user_agent=") != 1 {
					t.Errorf("a forged or a lost field: %s", line)
				}
			})
		}
	}
}

func checkCleanLine(t *testing.T, line string) {
	t.Helper()
	line, ended := strings.CutSuffix(line, "\n")
	if !ended || !utf8.ValidString(line) {
		t.Errorf("not a line of UTF-8: %q", line)
	}
	for _, r := range line {
		if !unicode.IsPrint(r) {
			t.Errorf("%U in %q", r, line)
			return
		}
	}
}

// bySlog gives the line that slog's own JSON handler makes of an event.
func bySlog(t *testing.T, e call.Event) string {
	t.Helper()
	var out bytes.Buffer
	h, err := accesslog.NewHandler(&out, "json", "debug")
	if err != nil {
		t.Fatal(err)
	}
	accesslog.New(h, h).Record(&e)
	return out.String()
}

func TestJSONLineIsTheOneOfSlog(t *testing.T) {
	slow, none := goodCall(), call.Event{}
	slow.Total, slow.Upstream, slow.Translate = 100*time.Hour, 1234567*time.Nanosecond, 400*time.Nanosecond
	for name, e := range map[string]call.Event{
		"a usual call": goodCall(), "a slow call": slow, "an empty event": none,
		"quotes and tags": hostileEvent(`<a href="x">&\</a>`), "controls": hostileEvent("\x00\x1b[1m\u2028\u202e\xff\n"),
		"more than fits": hostileEvent(strings.Repeat("\"é", 2000)),
	} {
		if got, want := logged(t, "json", e), bySlog(t, e); got != want {
			t.Errorf("%s:\ngot  %swant %s", name, got, want)
		}
	}
}

func FuzzRequestLogText(f *testing.F) {
	f.Add("Example/1.0", "unknown")
	f.Add("\x1b\u202e\n\xff", "nightly")
	f.Fuzz(func(t *testing.T, text, integration string) {
		e := hostileEvent(text)
		e.Integration = integration
		for _, format := range []string{"text", "json"} {
			checkCleanLine(t, logged(t, format, e))
		}
		if got, want := logged(t, "json", e), bySlog(t, e); got != want {
			t.Errorf("got  %swant %s", got, want)
		}
		if key, _ := fields(t, e)["key"].(string); integration == "unknown" && utf8.RuneCountInString(key) > 9 &&
			!strings.HasPrefix(key, "unshown (") {
			t.Errorf("the key is not masked: %v", key)
		}
	})
}

func TestNewHandlerRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, tt := range []struct{ name, format, level string }{
		{"a format", "xml", "info"}, {"a level", "json", "loud"}, {"no level", "json", ""},
	} {
		if h, err := accesslog.NewHandler(io.Discard, tt.format, tt.level); err == nil {
			t.Errorf("%s: got %v", tt.name, h)
		}
	}
}

func TestRequestLogAllocatesLittle(t *testing.T) {
	h := slog.DiscardHandler
	l := accesslog.New(h, h)
	e := goodCall()
	if n := testing.AllocsPerRun(100,
		func() { l.Record(&e) }); n > 12 { // pools are emptied at random under the race detector
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRequestLog(b *testing.B) {
	e := goodCall()
	e.TraceToken = "5b9f5d2e-0000-4000-8000-000000000030"
	for _, format := range []string{"json", "text"} {
		b.Run(format, func(b *testing.B) {
			l, err := accesslog.NewGathering(accesslog.NewWriter(io.Discard), format, "info")
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				l.Record(&e)
			}
		})
	}
}
