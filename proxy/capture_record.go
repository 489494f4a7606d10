package proxy

import (
	"docusign-auth-proxy/internal/call"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"docusign-auth-proxy/internal/panics"
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

// finish masks what was heard and gives it to the captures that wait for it. Calls to other hosts than DocuSign's are never kept.
// A fault in here costs the record, never the call.
func (t *captureTap) finish(x *exchange) {
	defer t.release()
	defer func() {
		if p := recover(); p != nil {
			x.server.panicked(PanicRecord, panics.Of(p), "request_id", x.event.RequestID)
		}
	}()
	if x.listed {
		return
	}
	limits := t.capture.wants(x.event.Integration)
	if len(limits) == 0 {
		return
	}
	h, m := t.hear(), &captureMask{}
	t.learn(m, x, &h)
	for _, limit := range limits {
		t.capture.add(x.event.Integration, limit, t.record(m, x, &h, limit))
	}
}

func (t *captureTap) hear() heard {
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
func (t *captureTap) learn(m *captureMask, x *exchange, h *heard) {
	m.knowHeader(t.header)
	for _, a := range h.attempts {
		m.knowHeader(a.header)
	}
	if x.soap != nil {
		m.knowCredential(x.soap.read)
	}
	if x.token != nil {
		m.know(x.token.AccessToken.Reveal())
	}
	if x.decision != nil {
		if p, ok := x.decision.AppPassword(); ok {
			m.know(p.Reveal())
		}
	}
	if x.route.local == localToken || x.route.local == localRevoke {
		readings, _ := legacy.ParseTokenForm(h.asked.kept) // nothing to learn from one that cannot be read
		for _, f := range readings {
			m.know(f.Password.Reveal())
		}
	}
}

func (t *captureTap) record(m *captureMask, x *exchange, h *heard, limit int) *capturedExchange {
	form := x.route.local == localToken || x.route.local == localRevoke
	password := x.soap.holdsPassword()
	page := x.route.api == call.APIOther
	e := &capturedExchange{Event: x.event}
	e.Event.Key = loggedKey(&x.event)
	e.Event.Detail = maskText(x.event.Detail)
	for _, name := range [...]*string{&e.Event.Authenticator, &e.Event.Principal} {
		if m.holds(*name) {
			*name = masked // a secret in the field of a name
		}
	}
	if m.holds(e.Event.Path) {
		e.Event.Path = masked
	}
	e.Asked = capturedMessage{
		Method: shown.Method(t.method), URL: m.url(t.url, page), Proto: t.proto, Header: m.header(t.header),
		Body: m.body(h.asked, t.header, limit, bodyPlace{request: true, password: password, form: form}),
	}
	// The envelope that leaves has a password only where an App Password or the caller's own credential goes upstream.
	password = password && (x.native || x.event.AppPassword)
	for _, a := range h.attempts {
		e.Attempts = append(e.Attempts, capturedAttempt{
			Started: a.started, Answered: a.answered, Error: attemptError(a.err),
			Request: capturedMessage{
				Method: shown.Method(a.method), URL: m.url(a.url.String(), page), Header: m.header(a.header), Proto: a.proto,
				Body: m.body(a.request, a.header, limit, bodyPlace{request: true, password: password, form: form && x.native}),
			},
			Answer: m.answer(a.proto, a.status, a.respHeader, a.answer, limit),
		})
	}
	e.Got = m.answer(t.proto, h.gotStatus, h.gotHeader, h.got, limit)
	e.Edited = edited(h)
	return e
}

func (m *captureMask) answer(proto string, status int, h http.Header, t tapped, limit int) capturedMessage {
	if status == 0 {
		return capturedMessage{}
	}
	return capturedMessage{Proto: proto, Status: status, Header: m.header(h), Body: m.body(t, h, limit, bodyPlace{})}
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
	return printable(cut(maskText(err.Error()), logText))
}

// name is a file name for the exchange, as DocuSign's own request logs have it.
func (e *capturedExchange) name(n int) string {
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
	}, cut(what, 48))
	if what == "" || strings.Trim(what, "._") == "" {
		what = "root"
	}
	method := strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, cut(e.Event.Method, 16))
	number := strconv.Itoa(n)
	if len(number) < 2 {
		number = "0" + number
	}
	return number + "_" + method + "_" + what + ".txt"
}

func milliseconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', -1, 64) + " ms"
}
