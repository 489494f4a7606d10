package soaprest

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/internal/spool"
	"docusign-auth-proxy/internal/store"
)

const (
	envelopeOne = "e0000000-1111-4222-8333-000000000001"
	firstGUID   = "a1b2c3d4-0000-4000-8000-000000000010"
	secondGUID  = "a1b2c3d4-0000-4000-8000-000000000020"
	thirdGUID   = "a1b2c3d4-0000-4000-8000-000000000030"
)

func accountOf(id string) Account {
	return Account{ID: id, Site: &url.URL{Scheme: "https", Host: "na3.docusign.net"}}
}

// script is a User for whom DocuSign gives answers one after the other: each call must be the next one.
type script struct {
	t          *testing.T
	accounts   []Account // the first account alone, if there are none
	configured *Account

	mu     sync.Mutex
	steps  []step
	bodies []string
}

// step is one call of REST and its answer.
type step struct {
	want   string // as in "GET /envelopes?transaction_ids=tx-1"; * at the end is anything
	in     string // the account; "" = the first
	status int    // 0 = 200
	answer string
	err    error
	// unsent = the error comes before anything of the body was read.
	unsent bool
	// before runs before the answer comes.
	before func()
	// pdf = the answer is a document; unsized = nobody tells how long it is; cut = it breaks off.
	pdf, unsized, cut bool
	// header is added to that of the answer.
	header map[string]string
}

func (s *script) Me(context.Context) (Person, error) {
	return Person{ID: "a1b2c3d4-0000-4000-8000-000000000021", Name: "Anna Example", Email: "anna@example.com"}, nil
}

func (s *script) Accounts(context.Context) ([]Account, error) {
	if len(s.accounts) > 0 {
		return s.accounts, nil
	}
	a := accountOf(firstGUID)
	a.Default = true
	return []Account{a}, nil
}

func (s *script) Named(ctx context.Context, id string) (Account, error) {
	all, _ := s.Accounts(ctx)
	for _, a := range all {
		if a.ID == id || id == "1234567" {
			return a, nil
		}
	}
	return Account{}, &call.Error{Kind: call.KindNotAllowed, Detail: "no member of " + id}
}

func (s *script) Configured(context.Context) (Account, bool, error) {
	if s.configured == nil {
		return Account{}, false, nil
	}
	return *s.configured, true, nil
}

func (s *script) Do(ctx context.Context, r *Request) (*http.Response, error) {
	next := s.next(r)
	if r.Body != nil && !next.unsent {
		body, err := io.ReadAll(r.Body.Open())
		if err != nil || int64(len(body)) != r.Body.Len() {
			s.t.Errorf("%d bytes of %d, %v", len(body), r.Body.Len(), err)
		}
		s.mu.Lock()
		s.bodies = append(s.bodies, string(body))
		s.mu.Unlock()
	}
	if next.before != nil {
		next.before()
	}
	if err := cmp.Or(next.err, ctx.Err()); err != nil {
		return nil, err
	}
	return next.response(), nil
}

func (s step) response() *http.Response {
	resp := &http.Response{
		StatusCode: cmp.Or(s.status, http.StatusOK), Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(s.answer)), ContentLength: int64(len(s.answer)),
	}
	if s.pdf {
		resp.Header.Set("Content-Type", "application/pdf")
	}
	for name, value := range s.header {
		resp.Header.Set(name, value)
	}
	if s.cut {
		resp.ContentLength *= 2
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(s.answer), iotest.ErrReader(io.ErrUnexpectedEOF)))
	}
	if s.unsized {
		resp.ContentLength = -1
	}
	return resp
}

func (s *script) next(r *Request) step {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := r.Method + " " + r.Path
	if len(r.Query) > 0 {
		got += "?" + r.Query.Encode()
	}
	if len(s.steps) == 0 {
		s.t.Errorf("more than was expected: %s", got)
		return step{err: &call.Error{Kind: call.KindUnreachable}, unsent: true}
	}
	next := s.steps[0]
	s.steps = s.steps[1:]
	if prefix, any := strings.CutSuffix(next.want, "*"); any && strings.HasPrefix(got, prefix) {
		got = next.want
	}
	if got != next.want || r.Account.ID != cmp.Or(next.in, firstGUID) {
		s.t.Errorf("got %s in %s, want %s in %s", got, r.Account.ID, next.want, cmp.Or(next.in, firstGUID))
	}
	return next
}

// done checks that every step was taken.
func (s *script) done() {
	s.t.Helper()
	for _, left := range s.steps {
		s.t.Errorf("did not come: %s", left.want)
	}
}

// served is an answer with its notes.
type served struct {
	status int
	text   string
	notes  Notes
	err    error
}

// has reports whether all texts are in the answer.
func (s served) has(texts ...string) bool {
	for _, text := range texts {
		if !strings.Contains(s.text, text) {
			return false
		}
	}
	return true
}

// serve carries out an operation of api.asmx; body is the content of its element.
func serve(ctx context.Context, e *Engine, u User, operation, body string) (got served) {
	return serveCall(ctx, e, newCall(u, operation, body))
}

func serveCall(ctx context.Context, e *Engine, c *Call) (got served) {
	a, err := e.Serve(ctx, c)
	if err != nil {
		return served{err: err, notes: *c.Notes}
	}
	defer a.Close()
	var text bytes.Buffer
	err = a.Write(&text)
	return served{a.Status, text.String(), *c.Notes, err}
}

func newCall(u User, operation, body string) *Call {
	in := &integration.Integration{Name: "billing", SOAP: integration.OverREST}
	in.SOAPREST.TimeZone.Location = time.UTC
	in.SOAPREST.AnswerHeader = integration.HeaderNever
	return &Call{
		Service: services.ByBase("api.asmx"), Operation: operation, ContentType: "text/xml; charset=utf-8",
		Message: strings.NewReader(`<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" ` +
			`xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soap:Body><` + operation +
			` xmlns="http://www.docusign.net/API/3.0">` + body + `</` + operation + `></soap:Body></soap:Envelope>`),
		Owner:       integration.TokenOwner{Integration: "billing", Authenticator: "anna@example.com", Voucher: "v"},
		Integration: in, User: u, Spools: spool.New("", spool.MaxMemory, 64<<20), Notes: &Notes{},
	}
}

// newEngine makes one with a journal in memory.
func newEngine() (*Engine, *store.Creations) {
	creations := store.Memory().Creations()
	return New(Options{Journal: creations}), creations
}
