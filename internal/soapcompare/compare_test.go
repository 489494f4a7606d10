package soapcompare

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/files/filestest"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
)

// place is a sandbox with a configuration for it.
type place struct {
	sandbox *sandbox.Sandbox
	config  string
	dir     string
}

func newPlace(t *testing.T, edit func(integration map[string]any)) *place {
	t.Helper()
	sb, err := sandbox.Start(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sb.Close() })
	seed, err := sb.Seed()
	if err != nil {
		t.Fatal(err)
	}
	p := &place{sandbox: sb, dir: filestest.TempDir(t)}
	c := fixture.Config{Proxy: "127.0.0.1:8080", Admin: "127.0.0.1:9090", Cost: 4}
	c.Edit = func(integrations []map[string]any) {
		for _, in := range integrations {
			if edit != nil {
				edit(in)
			}
		}
	}
	if p.config, err = c.Write(p.dir, sb, seed); err != nil {
		t.Fatal(err)
	}
	return p
}

// said is what a command wrote, and the code with which it ends.
type said struct {
	out, log string
	code     int
}

func ended(t *testing.T, out, log *strings.Builder, err error) said {
	t.Helper()
	var exit app.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return said{out.String(), log.String(), exit.Code}
}

func (p *place) compare(t *testing.T, o CompareOptions) said {
	t.Helper()
	var out, log strings.Builder
	if o.Config == "" {
		o.Config = p.config
	}
	o.Out, o.Log = &out, &log
	return ended(t, &out, &log, Compare(t.Context(), o))
}

func (p *place) testEnvelope(t *testing.T, send bool) said {
	t.Helper()
	var out, log strings.Builder
	o := EnvelopeOptions{Options: Options{Config: p.config, Out: &out, Log: &log}, To: "anna@example.com", Send: send}
	return ended(t, &out, &log, TestEnvelope(t.Context(), o))
}

// reads are operations that both ways of the sandbox answer alike.
func reads() []string {
	return []string{"Ping", "RequestStatus", "RequestStatusEx", "RequestStatuses", "RequestPDF",
		"RequestPDFWithOptions", "RequestDocumentPDFs"}
}

func TestBothWaysAnswerAlike(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	before := len(p.sandbox.Envelopes())
	got := p.compare(t, CompareOptions{Operations: reads()})
	if got.code != 0 || !strings.Contains(got.out, "7 operations compared") ||
		!strings.Contains(got.out, " 0 that are not") ||
		!strings.Contains(got.out, "next: docusign-auth-proxy soap test-envelope") {
		t.Errorf("%+v", got)
	}
	for _, name := range reads() {
		if !regexp.MustCompile(`(?m)^[=~] ` + name + `\b`).MatchString(got.out) {
			t.Errorf("%s is not told of:\n%s", name, got.out)
		}
	}
	if after := len(p.sandbox.Envelopes()); after != before {
		t.Errorf("%d envelopes were made", after-before)
	}
	if leaks := p.sandbox.Leaks(); len(leaks) > 0 {
		t.Errorf("legacy secrets reached DocuSign: %v", leaks)
	}
	if _, err := os.Stat(filepath.Join(p.dir, "state.db")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the operator's store was touched: %v", err)
	}
}

func TestAnotherZoneIsADifferenceThatNamesTheSwitch(t *testing.T) {
	t.Parallel()
	p := newPlace(t, func(in map[string]any) { in["soap_rest"] = map[string]any{"time_zone": "Europe/Berlin"} })
	got := p.compare(t, CompareOptions{Operations: []string{"RequestStatus"}})
	line := regexp.MustCompile(`! RequestStatus .*/Created: SOAP .* h later: soap_rest.time_zone`)
	if got.code != codeDifferent || !line.MatchString(got.out) || !strings.Contains(got.out, "next: docs/soap.md") {
		t.Errorf("%+v", got)
	}
}

func TestWhatCannotRunSaysWhatToDo(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	without := newPlace(t, func(in map[string]any) {
		for _, u := range in["users"].([]map[string]any) {
			delete(u, "app_password")
		}
	})
	wrong := newPlace(t, func(in map[string]any) {
		for _, u := range in["users"].([]map[string]any) {
			u["app_password"] = map[string]any{"file": "proxy.yaml"}
		}
	})
	for _, tc := range []struct {
		name  string
		place *place
		o     CompareOptions
		want  string
	}{
		{"an operation that is none of the list", p, CompareOptions{Operations: []string{"VoidEnvelope"}},
			"next: choose from Ping, "},
		{"no App Password", without, CompareOptions{}, "next: make one in DocuSign"},
		{"an integration that there is not", p, CompareOptions{Options: Options{Integration: "x"}},
			"next: make one in DocuSign"},
		{"a user whom there is not", p, CompareOptions{Options: Options{User: "x@example.com"}},
			"next: make one in DocuSign"},
		{"an App Password that DocuSign refuses", wrong, CompareOptions{}, "app_password: the log-in was refused"},
		{"no configuration", p, CompareOptions{Options: Options{Config: filepath.Join(p.dir, "none.yaml")}}, "config check"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.place.compare(t, tc.o); got.code != codeNotRun || !strings.Contains(got.log, tc.want) {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestAnEnvelopeThatThereIsNotIsRefusedBothWays(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	got := p.compare(t, CompareOptions{
		Operations: []string{"Ping", "RequestStatus"}, Envelope: "c0ffee00-0000-4000-8000-000000000001",
	})
	if !strings.Contains(got.out, "- RequestStatus: not compared, refused both ways: (fault Envelope_Does_Not_Exist") {
		t.Errorf("%+v", got)
	}
}

func TestTheTestEnvelopeIsMadeBothWays(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		offset map[string]any
		send   bool
		code   int
		status string
		want   []string
	}{
		{"as drafts, with the right offset", nil, false, 0, "created", []string{
			"soap_rest.tab_offset: {sign_here: 21, initial_here: 16}, as configured, fits this account",
			"0 tabs lie elsewhere", "next: open both drafts",
		}},
		{"as drafts, with a wrong offset", map[string]any{"sign_here": 0, "initial_here": 3}, false, codeDifferent, "created",
			[]string{"soap_rest.tab_offset: {sign_here: 21, initial_here: 16}\n", "off by +0, -21", "off by +0, -13"}},
		{"sent", nil, true, 0, "sent", []string{"next: open both from your mail"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, func(in map[string]any) {
				if tc.offset != nil {
					in["soap_rest"] = map[string]any{"tab_offset": tc.offset}
				}
			})
			before := map[string]bool{}
			for _, e := range p.sandbox.Envelopes() {
				before[e.ID] = true
			}
			got := p.testEnvelope(t, tc.send)
			if got.code != tc.code {
				t.Errorf("%+v", got)
			}
			for _, want := range tc.want {
				if !strings.Contains(got.out, want) {
					t.Errorf("%q is missing:\n%s", want, got.out)
				}
			}
			made := 0
			for _, e := range p.sandbox.Envelopes() {
				if before[e.ID] {
					continue
				}
				made++
				if e.Status != tc.status || !strings.HasPrefix(e.Subject, "Test of soap: ") {
					t.Errorf("at DocuSign: %+v", e)
				}
			}
			if made != 2 {
				t.Errorf("%d envelopes were made, want one each way", made)
			}
		})
	}
}

// The page is read by programs that draw it, so its table of places must be right (ISO 32000-1 §7.5.4).
func TestThePageIsAPDFWhoseTableHolds(t *testing.T) {
	pdf := page([]mark{{72, 54, "sign"}}, []mark{{342, 54, "/sign/"}})
	for i, m := range regexp.MustCompile(`(?m)^(\d{10}) 00000 n $`).FindAllSubmatch(pdf, -1) {
		at := 0
		for _, digit := range m[1] {
			at = 10*at + int(digit-'0')
		}
		if want := string(rune('1'+i)) + " 0 obj"; !strings.HasPrefix(string(pdf[at:]), want) {
			t.Errorf("at %d stands %q, want %q", at, pdf[at:at+10], want)
		}
	}
	if !strings.HasPrefix(string(pdf), "%PDF-1.4") || !strings.Contains(string(pdf), "(/sign/) Tj") {
		t.Errorf("%s", pdf)
	}
}
