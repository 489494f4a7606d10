package capture

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/translate/legacy"
)

// exchange is a call as it is kept: masked, cut, and complete in the sense that every message of it is there.
type exchange struct {
	Event    call.Event
	Asked    message   // by the program
	Attempts []attempt // what went to DocuSign
	Got      message   // by the program
	Edited   bool      // the program got another answer than DocuSign's last one
}

type attempt struct {
	Started  time.Time
	Answered time.Duration // until the answer's head
	Request  message
	Answer   message // Status 0 = none
	Error    string
}

// message is a request or an answer.
type message struct {
	Method, URL, Proto string
	Status             int
	Header             []field
	Body               body
}

type field struct{ Name, Value string }

const exchangeOverhead = 1 << 10

// size is about what an exchange takes in memory.
func (e *exchange) size() int64 {
	n := exchangeOverhead + len(e.Event.Path) + len(e.Event.Detail) + len(e.Event.UserAgent)
	n += e.Asked.size() + e.Got.size()
	for _, a := range e.Attempts {
		n += a.Request.size() + a.Answer.size() + len(a.Error)
	}
	return int64(n)
}

func (m *message) size() int {
	n := len(m.URL) + len(m.Body.Text) + len(m.Body.Omitted)
	for _, f := range m.Header {
		n += len(f.Name) + len(f.Value) + 32
	}
	return n
}

// Done masks what was heard and gives it to the captures that wait for it. Calls to other hosts than DocuSign's are
// never kept.
func (t *tap) Done(e *call.Event, c call.Carried) {
	defer func() {
		for _, b := range t.buffers {
			b.release()
		}
	}()
	limits := t.capture.wants(e.Integration)
	if c.Listed || len(limits) == 0 {
		return
	}
	m := t.learn(c)
	for _, limit := range limits {
		t.capture.add(e.Integration, limit, t.record(m, e, c, limit))
	}
}

// learn gathers the secrets that this call carried.
func (t *tap) learn(c call.Carried) *mask {
	m := &mask{}
	m.knowHeader(t.asked.header)
	for _, a := range t.attempts {
		m.knowHeader(a.request.header)
	}
	if c.Secrets != nil {
		for s := range c.Secrets {
			m.know(s)
		}
	}
	if c.Form {
		readings, _ := legacy.ParseTokenForm(t.asked.body.end().kept) // nothing to learn from one that cannot be read
		for _, f := range readings {
			m.know(f.Password.Reveal())
		}
	}
	return m
}

func (t *tap) record(m *mask, ev *call.Event, c call.Carried, limit int) *exchange {
	e := &exchange{Event: *ev, Edited: t.edited()}
	m.event(&e.Event)
	e.Asked = m.message(t.asked, limit, bodyPlace{request: true, password: c.Password, form: c.Form})
	e.Asked.Method, e.Asked.URL = shown.Method(t.method), m.url(t.url, c.Page)
	// The envelope that leaves has a password only where an App Password or the caller's own credential goes upstream.
	sent := bodyPlace{request: true, password: c.Password && (c.Native || ev.AppPassword), form: c.Form && c.Native}
	for _, a := range t.attempts {
		one := attempt{
			Started: a.started, Answered: a.answered, Request: m.message(a.request, limit, sent),
			Answer: m.message(a.answer, limit, bodyPlace{}),
		}
		one.Request.Method, one.Request.URL = shown.Method(a.method), m.url(a.url.String(), c.Page)
		if a.err != nil { // it is about names, addresses and certificates
			one.Error = shown.Printable(shown.Cut(shown.Text(a.err.Error()), textLimit))
		}
		e.Attempts = append(e.Attempts, one)
	}
	e.Got = m.message(t.got.heard, limit, bodyPlace{})
	return e
}

// event masks a secret that a program has put into the field of a name.
func (m *mask) event(e *call.Event) {
	if e.Integration == call.UnknownIntegration {
		e.Key = shown.UnknownKey(e.Key)
	}
	e.Detail = shown.Text(e.Detail)
	for _, name := range [...]*string{&e.Authenticator, &e.Principal, &e.Path} {
		if m.holds(*name) {
			*name = masked
		}
	}
}

func (m *mask) message(h heard, limit int, p bodyPlace) message {
	return message{Proto: h.proto, Status: h.status, Header: m.header(h.header), Body: m.body(h, limit, p)}
}

// edited reports whether the program got another status, body or head than DocuSign's last answer had.
func (t *tap) edited() bool {
	if len(t.attempts) == 0 {
		return true
	}
	last, got := t.attempts[len(t.attempts)-1].answer, t.got.heard
	if last.status != got.status || last.body.hash() != got.body.hash() {
		return true
	}
	kept := http.Header{}
	for name := range got.header {
		kept[name] = last.header[name]
	}
	return !maps.EqualFunc(got.header, kept, slices.Equal)
}

// fileName is as DocuSign's own request logs have it.
func (e *exchange) fileName(n int) string {
	what := e.Event.Operation
	if what == "" {
		path := strings.Split(strings.Trim(e.Event.Path, "/"), "/")
		what = path[len(path)-1]
		if plainKey.MatchString(what) && len(path) > 1 {
			what = path[len(path)-2]
		}
	}
	what = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-.", r) {
			return r
		}
		return '_'
	}, shown.Cut(what, 48))
	if strings.Trim(what, "._") == "" {
		what = "root"
	}
	return fmt.Sprintf("%02d_%s_%s.txt", n, shown.Method(e.Event.Method), what)
}
