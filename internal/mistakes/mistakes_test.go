// Package mistakes makes the mistakes that operators and programs make, with the real parts, and reads what log, status
// page, caller and doctor say: one next step, that of the table of causes. It has tests alone.
package mistakes_test

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/doctor"
)

// mistake is one that somebody makes, and how it is told of.
type mistake struct {
	name   string
	config func(apptest.Section)       // what the operator writes
	before func(*place)                // what is wrong around the proxy before it starts
	call   func(*place) apptest.Answer // what the program does; nil = it lists envelopes

	cause cause.ID              // whose next step log, page and doctor tell
	word  string                // by which it is known, where that is not the row's own
	of    func(*place) []string // values of this row in that text; nil = the usual ones

	status int    // that the program reads; 0 = the connection ends
	says   string // in the words of the program's own interface
	line   string // message of the line in the log; "" = that of a call
	check  string // the doctor's check that says the same

	observed bool // the page tells it with the integration, since nobody need do anything at once

	noHeader, noLine, noPage, noCheck string // why there is none
}

const (
	itsOwn     = "it is DocuSign's own answer"
	wentWell   = "the call goes well"
	onlyInCall = "only the program's call shows it"
	onPurpose  = "the operator wants it so"
	passes     = "it passes by itself"
	noAnswer   = "no answer is possible"
	inLog      = "the log alone tells of it"

	withoutCall = "connection without a call" // a line's message
)

func TestEveryMistakeIsToldWithTheSameNextStep(t *testing.T) {
	t.Parallel()
	tellAlike(t, slices.Concat(
		grants(), people(), calls(), soapCalls(), network(), silence(), connections(), conditions(),
	))
}

// tellAlike makes the mistakes, and reads what everybody says.
func tellAlike(t *testing.T, all []mistake) {
	t.Helper()
	for _, m := range all {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			if m.config != nil {
				p.Change(m.config)
			}
			if m.before != nil {
				m.before(p)
			}
			p.Start()
			call := m.call
			if call == nil {
				call = (*place).list
			}
			got := call(p)
			m.read(p, got)
		})
	}
}

// named is the word by which log, metrics and caller know it.
func (m mistake) named() string {
	return cmp.Or(m.word, m.cause.String())
}

// read compares what everybody says.
func (m mistake) read(p *place, got apptest.Answer) {
	t := p.T
	t.Helper()
	var of []string
	if m.of != nil {
		of = m.of(p)
	}
	next := p.next(m.cause, of...)
	checkSpecific(t, next)
	m.readAnswer(p, got)
	m.readLog(p, next)
	m.readPage(p, next)
	m.readMetrics(p)
	m.readDoctor(p, next)
}

// checkSpecific fails for a text that helps nobody.
func checkSpecific(t *testing.T, next string) {
	t.Helper()
	general := regexp.MustCompile(`(?i:everything|follow the last error|see error of)|\{[a-z]+\}|FILE`)
	if len(next) < 8 || general.MatchString(next) {
		t.Errorf("the next step is general, or not filled in: %q", next)
	}
}

func (m mistake) readAnswer(p *place, got apptest.Answer) {
	t := p.T
	t.Helper()
	want := m.named()
	if m.noHeader != "" {
		want = ""
	}
	if got.Status != m.status || got.Header.Get(headerCause) != want || !strings.Contains(got.Body, m.says) {
		t.Errorf("the program reads %d, cause %q, %s\nwant %d, %q, %s",
			got.Status, got.Header.Get(headerCause), got.Body, m.status, want, m.says)
	}
	p.keepsSecrets("the answer", got.Body)
}

func (m mistake) readLog(p *place, next string) {
	t := p.T
	t.Helper()
	p.keepsSecrets("the log", p.Log.String())
	if m.noLine != "" {
		return
	}
	message := m.line
	if message == "" {
		message = "request"
	}
	var lines []map[string]any
	says := func(l map[string]any) bool {
		return (l["cause"] == m.named() || l["result"] == m.named()) && l["next_step"] == next
	}
	for began := time.Now(); time.Since(began) < apptest.WireLimit; time.Sleep(time.Millisecond) {
		if lines = p.lines(message); len(lines) > 0 { // that of a connection comes after its end
			break
		}
	}
	if !slices.ContainsFunc(lines, says) {
		t.Errorf("no line of the log says %s, next step %q:\n%+v", m.named(), next, lines)
	}
	for _, l := range lines {
		if text, _ := l["next_step"].(string); l["cause"] != nil {
			checkSpecific(t, text)
		}
	}
}

// plain is a text without what a sentence has.
func plain(s string) string {
	s = strings.TrimSuffix(s, ".")
	for i, r := range s {
		if i == 0 && unicode.IsUpper(r) {
			return string(unicode.ToLower(r)) + s[1:]
		}
	}
	return s
}

func (m mistake) readPage(p *place, next string) {
	t := p.T
	t.Helper()
	if m.observed {
		apptest.Eventually(t, "the page says of the integration: "+next, func() bool { // what is tried ends beside the call
			return strings.Contains(strings.ToLower(p.page().Integrations[0].NextStep), strings.ToLower(next))
		})
		return
	}
	list := p.page().Attention
	// The page has the consent page as a link, and a verdict on the operations seen may follow.
	says := func(a admin.Attention) bool {
		told := strings.ReplaceAll(a.NextStep, "the consent page", a.ConsentURL)
		return a.Cause == m.named() && strings.HasPrefix(plain(told), plain(next))
	}
	if m.noPage == "" && !slices.ContainsFunc(list, says) {
		t.Errorf("the page does not say %s, %q:\n%+v", m.named(), next, list)
	}
	if m.noPage == onPurpose && len(list) > 0 {
		t.Errorf("the page has %+v", list)
	}
	for _, a := range list {
		checkSpecific(t, a.NextStep)
	}
}

func (m mistake) readMetrics(p *place) {
	t := p.T
	t.Helper()
	text := p.metrics()
	p.keepsSecrets("metrics", text)
	counted := regexp.MustCompile(`(?m)^docusign_auth_proxy_\w+\{[^}]*(cause|reason)="` + m.named() + `"[^}]*\} [1-9]`)
	if call := m.line == "" || m.line == withoutCall; call && m.noLine == "" && !counted.MatchString(text) {
		t.Errorf("no metric counts %s", m.named())
	}
}

func (m mistake) readDoctor(p *place, next string) {
	t := p.T
	t.Helper()
	if m.noCheck != "" {
		return
	}
	r := p.examine(3 * time.Second)
	says := func(f doctor.Finding) bool {
		return f.Check == m.check && (f.Status == doctor.Fail || f.Status == doctor.Warn) && plain(f.Next) == plain(next)
	}
	if !slices.ContainsFunc(r.Findings, says) {
		t.Errorf("the doctor's %s does not say %q:", m.check, next)
		for _, f := range r.Findings {
			if f.Status == doctor.Fail || f.Status == doctor.Warn {
				t.Logf("%s %s: %s\n\tnext %s", f.Status, f.Name(), f.Found, f.Next)
			}
		}
	}
}

// integrationOf is the only integration of the configuration.
func integrationOf(s apptest.Section) apptest.Section {
	return s["integrations"].([]any)[0].(apptest.Section)
}

// userOf is its only user.
func userOf(s apptest.Section) apptest.Section {
	return integrationOf(s)["users"].([]any)[0].(apptest.Section)
}

// set writes a value of the integration.
func set(key string, value any) func(apptest.Section) {
	return func(s apptest.Section) { integrationOf(s)[key] = value }
}

// setUser writes a value of its user.
func setUser(key string, value any) func(apptest.Section) {
	return func(s apptest.Section) { userOf(s)[key] = value }
}

// values are some of a row.
func values(of ...string) func(*place) []string { return func(*place) []string { return of } }
