package capture

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"regexp"
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

type field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// exchangeOverhead is about what an exchange takes in memory beside its texts.
const exchangeOverhead = 4 << 10

func (e *exchange) size() int64 { return int64(len(e.text(0))) + exchangeOverhead }

// Done masks what was heard and gives it to the captures that wait for it. Calls to other hosts than DocuSign's are
// never kept.
func (t *tap) Done(e *call.Event, c call.Carried) {
	for _, b := range t.buffers {
		b.close()
		defer b.release()
	}
	runs := t.capture.running(e.Integration)
	if c.Listed || len(runs) == 0 {
		return
	}
	m := t.learn(c)
	for _, r := range runs {
		t.capture.add(r, t.record(m, e, c, r.MaxBody))
	}
}

// learn gathers the secrets that this call carried.
func (t *tap) learn(c call.Carried) *mask {
	m := &mask{page: c.Page}
	m.knowHeader(t.asked.header)
	for _, a := range t.attempts {
		m.knowHeader(a.request.header)
	}
	for _, s := range c.Secrets {
		m.know(s)
	}
	if c.Form {
		readings, _ := legacy.ParseTokenForm(t.asked.body.kept) // nothing to learn from one that cannot be read
		for _, f := range readings {
			m.know(f.Password.Reveal())
		}
	}
	return m
}

func (t *tap) record(m *mask, ev *call.Event, c call.Carried, limit int) *exchange {
	e := &exchange{Event: *ev, Edited: t.edited()}
	m.event(&e.Event)
	e.Asked = m.message(t.asked, limit, place{request: true, password: c.Password, form: c.Form})
	// The envelope that leaves has a password only where an App Password or the caller's own credential goes upstream.
	sent := place{request: true, password: c.Password && (c.Native || ev.AppPassword), form: c.Form && c.Native}
	for _, a := range t.attempts {
		one := attempt{
			Started: a.started, Answered: a.answered, Request: m.message(a.request, limit, sent),
			Answer: m.message(a.answer, limit, place{}),
		}
		if a.err != nil { // it is about names, addresses and certificates
			one.Error = shown.Printable(shown.Cut(shown.Text(a.err.Error()), textLimit))
		}
		e.Attempts = append(e.Attempts, one)
	}
	if e.Edited {
		e.Got = m.message(t.got, limit, place{})
	} else { // its body is kept once; headers may have been taken out
		e.Got = e.Attempts[len(e.Attempts)-1].Answer
		e.Got.Proto, e.Got.Header = t.got.proto, m.header(t.got.header)
	}
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

func (m *mask) message(h heard, limit int, p place) message {
	out := message{Proto: h.proto, Status: h.status, Header: m.header(h.header), Body: m.body(h, limit, p)}
	if p.request {
		out.Method, out.URL = shown.Method(h.method), m.url(h.url)
	}
	return out
}

// edited reports whether the program got another status, body or head than DocuSign's last answer had.
func (t *tap) edited() bool {
	if len(t.attempts) == 0 || t.got.status == 0 {
		return true
	}
	last, got := t.attempts[len(t.attempts)-1].answer, t.got
	if last.status != got.status || !bytes.Equal(last.body.sum.Sum(nil), got.body.sum.Sum(nil)) {
		return true
	}
	kept := http.Header{}
	for name := range got.header {
		kept[name] = last.header[name]
	}
	return !maps.EqualFunc(got.header, kept, slices.Equal)
}

var notInFileNames = regexp.MustCompile(`[^A-Za-z0-9_.-]`)

// fileName is as DocuSign's own request logs have it.
func (e *exchange) fileName(n int) string {
	what := e.Event.Operation
	if what == "" {
		path := strings.Split(strings.Trim(e.Event.Path, "/"), "/")
		what = path[len(path)-1]
		if shown.Key(what) == what && len(path) > 1 {
			what = path[len(path)-2]
		}
	}
	what = notInFileNames.ReplaceAllString(shown.Cut(what, 48), "_")
	if strings.Trim(what, "._") == "" {
		what = "root"
	}
	return fmt.Sprintf("%02d_%s_%s.txt", n, shown.Method(e.Event.Method), what)
}
