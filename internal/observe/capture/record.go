package capture

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/translate/legacy"
)

// heard is everything a tap knows when the call is over.
type heard struct {
	asked, got tapped
	gotHeader  http.Header
	gotStatus  int
	attempts   []heardAttempt
}

type heardAttempt struct {
	*tapAttempt
	request, answer tapped
}

// Done masks what was heard and gives it to the captures that wait for it. Calls to other hosts than DocuSign's are never kept.
func (t *tap) Done(e *call.Event, c call.Carried) {
	defer t.release()
	if c.Listed {
		return
	}
	limits := t.capture.wants(e.Integration)
	if len(limits) == 0 {
		return
	}
	h, m := t.hear(), &mask{}
	t.learn(m, c, &h)
	for _, limit := range limits {
		t.capture.add(e.Integration, limit, t.record(m, e, c, &h, limit))
	}
}

func (t *tap) hear() heard {
	h := heard{asked: t.asked.take(), got: t.got.body.take(), gotHeader: t.got.header, gotStatus: t.got.status}
	for _, a := range t.attempts {
		a.mu.Lock()
		one := heardAttempt{tapAttempt: a, request: a.body.take(), answer: a.respBody.take()}
		a.mu.Unlock()
		h.attempts = append(h.attempts, one)
	}
	return h
}

// learn gathers the secrets that this call carried.
func (t *tap) learn(m *mask, c call.Carried, h *heard) {
	m.knowHeader(t.header)
	for _, a := range h.attempts {
		m.knowHeader(a.header)
	}
	if c.Secrets != nil {
		c.Secrets(func(s string) bool { m.know(s); return true })
	}
	if c.Form {
		readings, _ := legacy.ParseTokenForm(h.asked.kept) // nothing to learn from one that cannot be read
		for _, f := range readings {
			m.know(f.Password.Reveal())
		}
	}
}

func (t *tap) record(m *mask, ev *call.Event, c call.Carried, h *heard, limit int) *exchange {
	password := c.Password
	e := &exchange{Event: *ev}
	if ev.Integration == call.UnknownIntegration {
		e.Event.Key = shown.UnknownKey(ev.Key)
	}
	e.Event.Detail = shown.Text(ev.Detail)
	for _, name := range [...]*string{&e.Event.Authenticator, &e.Event.Principal} {
		if m.holds(*name) {
			*name = masked // a secret in the field of a name
		}
	}
	if m.holds(e.Event.Path) {
		e.Event.Path = masked
	}
	e.Asked = message{
		Method: shown.Method(t.method), URL: m.url(t.url, c.Page), Proto: t.proto, Header: m.header(t.header),
		Body: m.body(h.asked, t.header, limit, bodyPlace{request: true, password: password, form: c.Form}),
	}
	// The envelope that leaves has a password only where an App Password or the caller's own credential goes upstream.
	password = password && (c.Native || ev.AppPassword)
	for _, a := range h.attempts {
		e.Attempts = append(e.Attempts, attempt{
			Started: a.started, Answered: a.answered, Error: attemptError(a.err),
			Request: message{
				Method: shown.Method(a.method), URL: m.url(a.url.String(), c.Page), Header: m.header(a.header), Proto: a.proto,
				Body: m.body(a.request, a.header, limit, bodyPlace{request: true, password: password, form: c.Form && c.Native}),
			},
			Answer: m.answer(a.proto, a.status, a.respHeader, a.answer, limit),
		})
	}
	e.Got = m.answer(t.proto, h.gotStatus, h.gotHeader, h.got, limit)
	e.Edited = edited(h)
	return e
}

func (m *mask) answer(proto string, status int, h http.Header, t tapped, limit int) message {
	if status == 0 {
		return message{}
	}
	return message{Proto: proto, Status: status, Header: m.header(h), Body: m.body(t, h, limit, bodyPlace{})}
}

// edited reports whether the program got another status, body or head than DocuSign's last answer had.
func edited(h *heard) bool {
	if len(h.attempts) == 0 {
		return true
	}
	last := h.attempts[len(h.attempts)-1]
	if last.status != h.gotStatus || last.answer.size != h.got.size || last.answer.sum != h.got.sum {
		return true
	}
	for name, values := range h.gotHeader {
		if !slices.Equal(values, last.respHeader[name]) {
			return true
		}
	}
	return false
}

// attemptError keeps what a transport says, which is about names, addresses and certificates.
func attemptError(err error) string {
	if err == nil {
		return ""
	}
	return shown.Printable(shown.Cut(shown.Text(err.Error()), textLimit))
}

// name is a file name for the exchange, as DocuSign's own request logs have it.
func (e *exchange) name(n int) string {
	what := e.Event.Operation
	if what == "" {
		path := strings.Split(strings.Trim(e.Event.Path, "/"), "/")
		what = path[len(path)-1]
		if plainKey.MatchString(what) && len(path) > 1 {
			what = path[len(path)-2]
		}
	}
	what = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '.' && what != ".." {
			return r
		}
		return '_'
	}, shown.Cut(what, 48))
	if what == "" || strings.Trim(what, "._") == "" {
		what = "root"
	}
	method := strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, shown.Cut(e.Event.Method, 16))
	number := strconv.Itoa(n)
	if len(number) < 2 {
		number = "0" + number
	}
	return number + "_" + method + "_" + what + ".txt"
}

func milliseconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', -1, 64) + " ms"
}
