package capture

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"docusign-auth-proxy/internal/call"
)

func exchangeFor(integration string, size int) *exchange {
	return &exchange{
		Event: call.Event{Integration: integration, Method: "GET", Path: "/restapi/v2/accounts/1/envelopes", Status: 200},
		Asked: message{Method: "GET", URL: "http://h/p?a=b", Proto: "HTTP/1.1",
			Body: body{Text: strings.Repeat("x", size), Size: int64(size)}},
		Got: message{Proto: "HTTP/1.1", Status: 200},
	}
}

// newCaptures know every integration and have so many bytes.
func newCaptures(memory int64) *Captures {
	c := New(slog.New(slog.DiscardHandler), func(string) bool { return true })
	c.budget.left.Store(memory)
	return c
}

// give adds an exchange to all captures that take it.
func (c *Captures) give(integration string, e *exchange) {
	for _, r := range c.running(integration) {
		c.add(r, e)
	}
}

func started(t *testing.T, c *Captures, q Request) Info {
	t.Helper()
	info, err := c.Start(q)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestACaptureTakesWhatWasAskedForAndNoMore(t *testing.T) {
	c := New(slog.New(slog.DiscardHandler), func(name string) bool { return name == "billing" })
	if c.on() {
		t.Error("on before anybody asked")
	}
	billing := started(t, c, Request{Integration: "billing", Requests: 2, By: "ops"})
	all := started(t, c, Request{Integration: "*", Requests: 4, MaxBody: 100})
	for range 3 {
		for _, integration := range []string{"billing", "unknown"} {
			c.give(integration, exchangeFor(integration, 10))
		}
	}
	list := c.List()
	if c.on() || len(list) != 2 || list[0].ID != billing.ID || list[0].Captured != 2 || list[0].Running ||
		list[1].ID != all.ID || list[1].Captured != 4 || list[1].Ended == "" {
		t.Errorf("%+v", list)
	}
	for _, q := range []Request{{}, {Integration: "other"}, {Integration: "billing", Requests: 501},
		{Integration: "*", MaxBody: MaxBody + 1}, {Integration: "*", For: 2 * time.Hour}, {Integration: "*", Requests: -1}} {
		if _, err := c.Start(q); !errors.Is(err, ErrRequest) {
			t.Errorf("%+v: %v", q, err)
		}
	}
	again := started(t, c, Request{Integration: "billing"})
	if _, err := c.Start(Request{Integration: "billing"}); !errors.Is(err, ErrRunning) {
		t.Errorf("a second one: %v", err)
	}
	if info, err := c.Stop(again.ID, "eve"); err != nil || info.Running || c.on() {
		t.Errorf("%+v %v", info, err)
	}
	for _, i := range c.List() {
		if err := c.Delete(i.ID, "ops"); err != nil {
			t.Error(err)
		}
	}
	if err := c.Delete(again.ID, ""); !errors.Is(err, ErrNone) || c.budget.left.Load() != DefaultMemory {
		t.Errorf("%v; %d", err, c.budget.left.Load())
	}
}

func TestCapturesAreBoundedInMemoryAndNumber(t *testing.T) {
	c := newCaptures(64 << 10)
	started(t, c, Request{Integration: "*", Requests: 500})
	for range 100 {
		c.give("a", exchangeFor("a", 1<<10))
	}
	list := c.List()
	if list[0].Running || list[0].Ended != "its memory was full" || list[0].Bytes > 64<<10 || list[0].Captured == 0 {
		t.Errorf("%+v", list)
	}
	for i := range maxRuns - 1 {
		started(t, c, Request{Integration: fmt.Sprint("i", i)})
	}
	started(t, c, Request{Integration: "one more"}) // takes the place of the ended one
	if _, err := c.Start(Request{Integration: "and more"}); err == nil || len(c.List()) != maxRuns {
		t.Errorf("%v, %d", err, len(c.List()))
	}
	if left := c.budget.left.Load(); left != 64<<10 {
		t.Errorf("%d left", left)
	}
}

func TestATapTakesNoMoreThanThereIs(t *testing.T) {
	c := newCaptures(8 << 10)
	tap := &tap{capture: c, limit: MaxBody}
	b := tap.buffer(http.Header{})
	for range 100 {
		b.write([]byte(strings.Repeat("some words, ", 100)))
	}
	b.close()
	if !b.full || len(b.kept) > 8<<10 || b.size != 120000 || c.budget.left.Load() < 0 {
		t.Errorf("%+v", len(b.kept))
	}
	b.write([]byte("after the end"))
	if b.release(); c.budget.left.Load() != 8<<10 || b.size != 120000 {
		t.Error("memory is not given back")
	}
}

func TestCapturesEndByThemselvesAndAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCaptures(DefaultMemory)
		started(t, c, Request{Integration: "*", For: 10 * time.Minute})
		time.Sleep(10*time.Minute - time.Second)
		synctest.Wait()
		if !c.on() {
			t.Error("over too early")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if list := c.List(); c.on() || len(list) != 1 || list[0].Ended != "its time was over" {
			t.Errorf("%+v", list)
		}
		time.Sleep(keptFor)
		synctest.Wait()
		if list := c.List(); len(list) != 0 {
			t.Errorf("%+v", list)
		}
	})
}

func TestOffCostsNothing(t *testing.T) {
	c := newCaptures(DefaultMemory)
	if n := testing.AllocsPerRun(1000, func() {
		if c.on() {
			t.Error("on")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestStartAndEndAreLoggedWithWhoAsked(t *testing.T) {
	var log bytes.Buffer
	c := New(slog.New(slog.NewTextHandler(&log, nil)), func(string) bool { return true })
	info := started(t, c, Request{Integration: "billing", By: "anna at 10.0.0.1"})
	if _, err := c.Stop(info.ID, "bob"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"level=WARN msg=\"capture started\"", "integration=billing", "requests=50",
		`by="anna at 10.0.0.1"`, "capture ended", "by=bob", "captured=0"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %s in %s", want, log.String())
		}
	}
	if len(c.Warnings()) != 0 {
		t.Error(c.Warnings())
	}
	started(t, c, Request{Integration: "billing"})
	if w := c.Warnings(); len(w) != 1 || !strings.Contains(w[0], "billing") {
		t.Error(w)
	}
}

// withCapture is a capture with one exchange that has everything.
func withCapture(t *testing.T) (*Captures, Info) {
	t.Helper()
	c := newCaptures(DefaultMemory)
	info := started(t, c, Request{Integration: "*"})
	e := exchangeFor("billing", 20)
	e.Event.Time = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	e.Edited = true
	e.Got.Body = body{Size: 7, SHA256: "ab", Omitted: omittedBinary}
	e.Attempts = []attempt{
		{Started: e.Event.Time, Answered: time.Millisecond, Request: message{Method: "GET", URL: "https://d/p",
			Proto: "HTTP/1.1", Header: []field{{"Authorization", "Bearer [masked]"}}},
			Answer: message{Status: 401, Proto: "HTTP/1.1"}},
		{Started: e.Event.Time, Answered: time.Millisecond, Request: message{Method: "GET", URL: "https://d/p"},
			Error: "connection reset"},
	}
	c.give("billing", e)
	operation := exchangeFor("billing", 0)
	operation.Event.Operation, operation.Event.Method = "../../RequestStatus", "POST"
	c.give("billing", operation)
	return c, info
}

func TestTheArchiveHasAFileForEachExchange(t *testing.T) {
	c, info := withCapture(t)
	var b bytes.Buffer
	info, exchanges, err := c.read(info.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeZIP(&b, info, exchanges); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	var names []string
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(text)
		names = append(names, f.Name)
	}
	if got := strings.Join(names, " "); got != "index.txt 01_GET_envelopes.txt 02_POST_.._.._RequestStatus.txt" {
		t.Error(got)
	}
	for _, want := range []string{"=== the program asked ===", "GET http://h/p?a=b HTTP/1.1",
		"Authorization: Bearer [masked]", "HTTP/1.1 401 Unauthorized", "=== no answer after 1 ms: connection reset ===",
		"=== the program got ===", "[7 bytes, SHA-256 ab]"} {
		if !strings.Contains(files["01_GET_envelopes.txt"], want) {
			t.Errorf("no %q in %s", want, files["01_GET_envelopes.txt"])
		}
	}
	if !strings.Contains(files["index.txt"], "01_GET_envelopes.txt") ||
		!strings.Contains(files["index.txt"], "2 of 50 exchanges") {
		t.Error(files["index.txt"])
	}
}

func TestTheHARHasEveryFieldThatVersion12Requires(t *testing.T) {
	c, info := withCapture(t)
	var b bytes.Buffer
	info, exchanges, err := c.read(info.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeHAR(&b, info, exchanges, "1.0"); err != nil {
		t.Fatal(err)
	}
	checkHAR(t, b.Bytes(), 2, 4)
}

// checkHAR checks the fields that http://www.softwareishard.com/blog/har-12-spec/ does not call optional.
func checkHAR(t *testing.T, text []byte, pages, entries int) {
	t.Helper()
	var f map[string]any
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	log := f["log"].(map[string]any)
	require(t, "log", log, "version", "creator", "pages", "entries")
	require(t, "creator", log["creator"].(map[string]any), "name", "version")
	if log["version"] != "1.2" || len(log["pages"].([]any)) != pages || len(log["entries"].([]any)) != entries {
		t.Errorf("%s", text)
	}
	for _, p := range log["pages"].([]any) {
		require(t, "page", p.(map[string]any), "startedDateTime", "id", "title", "pageTimings")
	}
	for _, one := range log["entries"].([]any) {
		e := one.(map[string]any)
		require(t, "entry", e, "pageref", "startedDateTime", "time", "request", "response", "cache", "timings")
		if _, err := time.Parse(time.RFC3339, e["startedDateTime"].(string)); err != nil {
			t.Error(err)
		}
		q, a := e["request"].(map[string]any), e["response"].(map[string]any)
		require(t, "request", q, "method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize",
			"bodySize")
		require(t, "response", a, "status", "statusText", "httpVersion", "cookies", "headers", "content", "redirectURL",
			"headersSize", "bodySize")
		require(t, "content", a["content"].(map[string]any), "size", "mimeType")
		require(t, "timings", e["timings"].(map[string]any), "send", "wait", "receive")
		if posted, ok := q["postData"].(map[string]any); ok {
			require(t, "postData", posted, "mimeType", "params", "text")
		}
	}
}

func require(t *testing.T, what string, o map[string]any, fields ...string) {
	t.Helper()
	for _, f := range fields {
		if v, ok := o[f]; !ok || v == nil {
			t.Errorf("%s has no %s", what, f)
		}
	}
}

func TestTheRoutes(t *testing.T) {
	c := New(slog.New(slog.DiscardHandler), func(n string) bool { return n == "billing" })
	mux := http.NewServeMux()
	for pattern, h := range c.Routes("1.0", func(*http.Request) string { return "ops at 127.0.0.1" }) {
		mux.Handle(pattern, h)
	}
	do := func(method, target, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, target, strings.NewReader(body))
		r.SetBasicAuth("ops", canaryHead)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if holdsCanary(w.Body.String()) {
			t.Errorf("%s %s: %s", method, target, w.Body)
		}
		return w
	}
	for _, bad := range []string{
		`{`, `{"integration":"other"}`, `{"integration":"billing","what":1}`, `{"integration":"billing","requests":"x"}`,
		`{"integration":"billing","for":"soon"}`, "integration=billing", `{"a":"` + strings.Repeat("x", maxAsked) + `"}`,
	} {
		if w := do("POST", "/api/capture", bad); w.Code != http.StatusBadRequest {
			t.Errorf("%.60s: %d %s", bad, w.Code, w.Body)
		}
	}
	w := do("POST", "/api/capture", `{"integration":"billing","requests":3,"for":"10m"}`)
	var info Info
	if err := json.Unmarshal(w.Body.Bytes(), &info); err != nil || w.Code != http.StatusCreated || info.Requests != 3 ||
		!strings.HasPrefix(info.By, "ops at ") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := do("POST", "/api/capture", `{"integration":"billing"}`); w.Code != http.StatusConflict {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	c.give("billing", exchangeFor("billing", 1))
	for _, one := range []struct {
		method, path string
		want         int
		contains     string
	}{
		{"GET", "/api/capture", 200, `"captured": 1`}, {"GET", "/api/capture/" + info.ID + ".zip", 200, "PK"},
		{"GET", "/api/capture/" + info.ID + ".har", 200, `"version": "1.2"`},
		{"GET", "/api/capture/" + info.ID + ".exe", 404, "error"}, {"GET", "/api/capture/none.zip", 404, "error"},
		{"POST", "/api/capture/" + info.ID + "/stop", 200, `"running": false`},
		{"POST", "/api/capture/none/stop", 404, "error"}, {"DELETE", "/api/capture/" + info.ID, 204, ""},
		{"DELETE", "/api/capture/" + info.ID, 404, "error"},
	} {
		if w := do(one.method, one.path, ""); w.Code != one.want || !strings.Contains(w.Body.String(), one.contains) {
			t.Errorf("%s %s: %d %s", one.method, one.path, w.Code, w.Body)
		}
	}
}

func TestManyAtATime(t *testing.T) {
	c := newCaptures(1 << 20)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				info, err := c.Start(Request{Integration: "*", Requests: 3})
				if err == nil && info.ID == "" {
					t.Error("no id")
				}
				if c.on() {
					tap := &tap{capture: c, limit: c.bodyLimit()}
					b := tap.buffer(http.Header{})
					b.write([]byte("some words"))
					c.give("x", exchangeFor("x", 100))
					b.close()
					b.release()
				}
				for _, i := range c.List() {
					_, exchanges, err := c.read(i.ID)
					if err == nil {
						err = writeHAR(io.Discard, i, exchanges, "")
					}
					if err != nil && !errors.Is(err, ErrNone) {
						t.Error(err)
					}
					if !i.Running {
						_ = c.Delete(i.ID, "") // another one may have done it
					}
				}
			}
		})
	}
	all.Wait()
	for _, i := range c.List() {
		if err := c.Delete(i.ID, ""); err != nil {
			t.Error(err)
		}
	}
	if c.on() || c.budget.left.Load() != 1<<20 {
		t.Errorf("%v, %d left", c.on(), c.budget.left.Load())
	}
}

// failingTransport reads some of the body, then takes it anew, as net/http does for a connection that was closed under
// it.
type failingTransport struct{ t *testing.T }

func (f failingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, err := io.ReadFull(r.Body, make([]byte, 5)); err != nil {
		f.t.Error(err)
	}
	again, err := r.GetBody()
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(again)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: 200, Proto: "HTTP/1.1", Header: http.Header{},
		Body: io.NopCloser(bytes.NewReader(body))}, nil
}

func TestABodyThatTheTransportTakesAnewIsHeardOnce(t *testing.T) {
	c := newCaptures(DefaultMemory)
	tap := &tap{capture: c, limit: 100}
	r := httptest.NewRequest("POST", "https://h/p", strings.NewReader("hello, world"))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("hello, world")), nil }
	resp, err := (&tapTransport{next: failingTransport{t}, tap: tap}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	a := tap.attempts[0]
	sum := sha256.Sum256([]byte("hello, world"))
	if kept := a.request.body.kept; string(kept) != "hello, world" || !bytes.Equal(a.answer.body.sum.Sum(nil), sum[:]) {
		t.Errorf("%q", kept)
	}
}

type answeringTransport struct{ header http.Header }

func (a answeringTransport) RoundTrip(*http.Request) (*http.Response, error) {
	body := io.NopCloser(strings.NewReader("{}"))
	return &http.Response{StatusCode: 200, Proto: "HTTP/2.0", Header: a.header, Body: body}, nil
}

func TestAHeaderTakenOutOfAnAnswerIsNotShownAsGotByTheProgram(t *testing.T) {
	c := newCaptures(DefaultMemory)
	started(t, c, Request{Integration: "billing"})
	r := httptest.NewRequest("GET", "http://h/p", nil)
	tap := c.Tap(r).(*tap)
	from := answeringTransport{http.Header{"Strict-Transport-Security": {"max-age=1"}, "Vary": {"Accept"}}}
	resp, err := tap.Upstream(from).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	w := tap.Answer(httptest.NewRecorder())
	w.Header().Set("Vary", resp.Header.Get("Vary"))
	if _, err := io.Copy(w, resp.Body); err != nil {
		t.Fatal(err)
	}
	tap.Done(&call.Event{Integration: "billing"}, call.Carried{})
	e := c.runs[0].exchanges[0]
	if e.Edited || len(e.Attempts[0].Answer.Header) != 2 || len(e.Got.Header) != 1 || e.Got.Body.Text != "{}" {
		t.Errorf("%+v", e)
	}
}
