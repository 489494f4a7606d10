package answer_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/services/servicestest"
	"docusign-auth-proxy/internal/spool"
	"docusign-auth-proxy/translate/soaprest/answer"
	"docusign-auth-proxy/translate/soaprest/fault"
)

// spooled is a page of that text, read from the pool's directory.
func spooled(t testing.TB, write func(io.Writer)) *spool.File {
	t.Helper()
	f := spool.New(t.TempDir(), 64<<10, 1<<30).New()
	t.Cleanup(f.Close)
	write(f)
	return f
}

func TestPagesAreJoinedToOneAnswer(t *testing.T) { // SOAP-REST.md §4.3
	one := `{"envelopeId":"%s","status":"sent","createdDateTime":"2026-07-01T17:00:00Z",` +
		`"statusChangedDateTime":"2026-07-01T17:00:01Z"}`
	list := func(ids ...string) string {
		var all []string
		for _, id := range ids {
			all = append(all, fmt.Sprintf(one, id))
		}
		return strings.Join(all, ",")
	}
	pages := []*answer.Page{
		page(t, `{"totalSetSize":"7","envelopes":[`+list("a", "b")+`],"endPosition":"1"}`),
		page(t, `{"resultSetSize":"0","totalSetSize":"0"}`),
		page(t, `{"envelopes":[`+list("c")+`],"totalSetSize":3,"folders":[{"envelopes":[]}]}`),
	}
	for i, want := range []struct{ total, count int }{{7, 2}, {0, 0}, {3, 1}} {
		if p := pages[i]; p.Total != want.total || p.Count != want.count {
			t.Errorf("page %d: %d of %d", i, p.Count, p.Total)
		}
	}
	w := writer(t, "api", "RequestStatuses")
	body := result(t, w, w.Statuses(answer.Fields{}, 10, pages))
	if strings.Count(body, "<EnvelopeStatus>") != 3 || inside(t, body, "ResultSetSize") != "10" {
		t.Error(body)
	}
	w = writer(t, "api", "RequestStatusChanges")
	body = inside(t, result(t, w, w.StatusChanges(10, pages[2:])), "RequestStatusChangesResult")
	const want = `<ResultSetSize>10</ResultSetSize><EnvelopeStatusChanges><EnvelopeStatusChange><EnvelopeID>c</EnvelopeID>` +
		`<Status>Sent</Status><StatusChanged>2026-07-01T10:00:01</StatusChanged></EnvelopeStatusChange></EnvelopeStatusChanges>`
	if body != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
}

func TestAPageThatIsNoListIsAFault(t *testing.T) {
	for _, text := range []string{
		``, `[]`, `{"envelopes":{}}`, `{"envelopes":[{}`, `{"envelopes":[{}]`, `{"envelopes":[1]}`, `{"a":}`, `<html>`, `null`,
	} {
		_, err := answer.ReadPage(spooled(t, func(w io.Writer) { _, _ = io.WriteString(w, text) }))
		if f := (*fault.Fault)(nil); !errors.As(err, &f) || f.Client {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAListWithAStatusThatSOAPHasNotIsAFaultBeforeTheFirstByte(t *testing.T) {
	p := page(t, `{"envelopes":[{"status":"sent","createdDateTime":"2026-07-01T17:00:00Z"},{"status":"new"}]}`)
	w := writer(t, "api", "RequestStatuses")
	_, err := w.Result(w.Statuses(answer.Fields{}, 2, []*answer.Page{p}))
	if f := (*fault.Fault)(nil); !errors.As(err, &f) || !strings.Contains(f.Reason, `"new"`) {
		t.Error(err)
	}
}

// measure counts bytes and looks how much memory lives on the way.
type measure struct {
	written, peak uint64
	next          uint64
}

func (m *measure) Write(b []byte) (int, error) {
	if m.written += uint64(len(b)); m.written >= m.next {
		m.next = m.written + 4<<20
		m.look()
	}
	return len(b), nil
}

func (m *measure) look() {
	runtime.GC()
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	m.peak = max(m.peak, now.HeapAlloc)
}

// A thousand envelopes with their tabs are as much as one call of SOAP gave (SOAP-REST.md §4.3).
func TestAThousandStatusesNeedTheMemoryOfOne(t *testing.T) {
	const envelopes, tabs = 1000, 40
	e := envelope(t)
	signer := e["recipients"].(map[string]any)["signers"].([]any)[0].(map[string]any)
	all := signer["tabs"].(map[string]any)
	text := all["textTabs"].([]any)[0]
	for range tabs {
		all["textTabs"] = append(all["textTabs"].([]any), text)
	}
	one, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	f := spooled(t, func(w io.Writer) {
		io.WriteString(w, `{"totalSetSize":"1000","envelopes":[`)
		for i := range envelopes {
			if i > 0 {
				io.WriteString(w, ",")
			}
			w.Write(one)
		}
		io.WriteString(w, "]}")
	})
	var before, got measure
	before.look()
	p, err := answer.ReadPage(f)
	if err != nil {
		t.Fatal(err)
	}
	w := writer(t, "api", "RequestStatusesEx")
	a, err := w.Result(w.Statuses(answer.Fields{}, p.Total, []*answer.Page{p}))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Write(&got); err != nil {
		t.Fatal(err)
	}
	if got.written < envelopes*tabs*200 || got.written != uint64(a.Length) {
		t.Errorf("%d bytes, %d were promised", got.written, a.Length)
	}
	if grown := int64(got.peak) - int64(before.peak); grown > 4<<20 {
		t.Errorf("%d bytes live on the way, of an answer of %d", grown, got.written)
	}
	t.Logf("%d bytes of JSON, %d of XML, %d live", f.Size(), got.written, int64(got.peak)-int64(before.peak))
}

// change puts other values in the place of some in a JSON value.
func change(r *rand.Rand, v any) any {
	others := []any{
		nil, "", "x", " 1", "-1", "0", "99999999999", "1e9", "NaN", "true", false, 1.5, -1.0, 1e300, "\x00\v\ufffe<&>\r",
		[]any{}, []any{nil, "a", map[string]any{}}, map[string]any{}, map[string]any{"a": []any{1.0}},
		"0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z", "2026-02-30T00:00:00Z", "2026-11-01T09:30:00+14:00",
		"sent", "Completed", "correct", "autoresponded", "na", "X", "AA==", strings.Repeat("9", 400),
	}
	if r.IntN(12) == 0 {
		return others[r.IntN(len(others))]
	}
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			v[name] = change(r, v[name])
		}
	case []any:
		for i := range v {
			v[i] = change(r, v[i])
		}
	}
	return v
}

// FuzzStatus: whatever REST answers, the answer is a fault, or what the service's description allows.
func FuzzStatus(f *testing.F) {
	for seed := range uint64(60) {
		f.Add(string(read(f, "testdata/envelope.json")), uint8(seed), seed/5)
		f.Add(string(read(f, "testdata/template.json")), uint8(seed), seed/5)
	}
	f.Add("null", uint8(4), uint64(0))
	f.Add(`{"status":"correct","createdDateTime":"9999-12-31T23:59:59Z","recipients":{"signers":[{"status":"sent"}]}}`,
		uint8(1), uint64(0))
	f.Add(`{"envelopeTemplates":[{"pageCount":"-1","lastModified":"0001-01-01T00:00:00Z"}],"status":"sent"}`,
		uint8(2), uint64(0))
	kinds := []struct {
		operation string
		result    func(*answer.Writer, map[string]any) any
	}{
		{"RequestStatusEx", func(w *answer.Writer, o map[string]any) any { return w.Status(o) }},
		{"RequestStatus", func(w *answer.Writer, o map[string]any) any { return w.Status(o) }},
		{"RequestTemplates", func(_ *answer.Writer, o map[string]any) any { return answer.Templates(o) }},
		{"RequestTemplate", func(w *answer.Writer, o map[string]any) any { return w.Template(o, "1", nil) }},
		{"SendEnvelope", func(w *answer.Writer, o map[string]any) any { return w.Sent(o, now) }},
	}
	f.Fuzz(func(t *testing.T, text string, kind uint8, seed uint64) {
		var o map[string]any
		if json.Unmarshal([]byte(text), &o) != nil {
			return
		}
		if seed > 0 {
			o, _ = change(rand.New(rand.NewPCG(seed, 0)), o).(map[string]any)
		}
		k := kinds[int(kind)%len(kinds)]
		for _, service := range []string{"api", "dsapi"} {
			w := writer(t, service, k.operation)
			a, err := w.Result(k.result(w, o))
			if err != nil {
				if f := (*fault.Fault)(nil); !errors.As(err, &f) {
					t.Errorf("%s on %s: %v", k.operation, service, err)
				}
				continue
			}
			var b strings.Builder
			if err := a.Write(&b); err != nil {
				t.Error(err)
			}
			if err := servicestest.Check(w.Service, b.String()); err != nil {
				t.Errorf("%s on %s: %v\n%s", k.operation, service, err, b.String())
			}
		}
	})
}

// FuzzPage: a list that is read gives the same envelopes when it is written.
func FuzzPage(f *testing.F) {
	f.Add(`{"envelopes":[{"status":"sent","createdDateTime":"2026-07-01T17:00:00Z"}],"totalSetSize":"1"}`)
	f.Add(`{"envelopes":[null,{}],"envelopes":[],"totalSetSize":[{"a":[1]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := answer.ReadPage(spooled(t, func(w io.Writer) { _, _ = io.WriteString(w, text) }))
		if err != nil {
			return
		}
		w := writer(t, "api", "RequestStatuses")
		a, err := w.Result(w.Statuses(answer.Fields{}, p.Total, []*answer.Page{p}))
		if err != nil {
			return
		}
		var b strings.Builder
		if err := a.Write(&b); err != nil || strings.Count(b.String(), "<EnvelopeStatus>") != p.Count {
			t.Errorf("%v, %d envelopes of %d", err, strings.Count(b.String(), "<EnvelopeStatus>"), p.Count)
		}
	})
}
