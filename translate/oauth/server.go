package oauth

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"docusign-auth-proxy/internal/secret"
)

const (
	userAgent       = "docusign-auth-proxy"
	maxConcurrent   = 32 // requests of this package on the wire at once, over all identities
	ignoredOffset   = 2 * time.Second
	suspiciousSkew  = time.Minute
	maxAnswer       = 256 << 10
	maxLookupAnswer = 4 << 20
)

// server is the account server as it is reached, and the clock that it keeps. It carries the calls to the sites too.
type server struct {
	origin   string
	audience string // claim aud
	http     http.Client
	now      func() time.Time
	onClock  func(time.Duration) // may be nil
	wire     chan struct{}
	clock    atomic.Pointer[reading] // the last; nil = none yet
}

// reading is what the Date of an answer told of the account server's clock.
type reading struct {
	offset time.Duration // server time minus local time, small values included
	at     time.Time
}

func newServer(origin string, way *http.Client, now func() time.Time) *server {
	s := &server{origin: origin, http: *way, now: now, wire: make(chan struct{}, maxConcurrent)}
	_, s.audience, _ = strings.Cut(origin, "://")
	if now == nil {
		s.now = time.Now
	}
	// A redirect would carry the assertion, the refresh token or the bearer to a host nobody vetted.
	s.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return s
}

// acquire takes one of the places on the wire; release gives it back.
func (s *server) acquire(ctx context.Context) error {
	select {
	case s.wire <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *server) release() { <-s.wire }

func (s *server) offset() time.Duration {
	if r := s.clock.Load(); r != nil {
		return r.offset
	}
	return 0
}

// time is local by the account server's clock, as far as it is known.
func (s *server) time(local time.Time) time.Time {
	if off := s.offset(); off.Abs() > ignoredOffset {
		return local.Add(off)
	}
	return local
}

// learnClock takes the offset from the Date of an answer, which is cut to whole seconds and about as old as half the
// round trip.
func (s *server) learnClock(r *reply, sent time.Time) {
	at, err := http.ParseTime(r.header.Get("Date"))
	if err != nil || r.received.Sub(sent) > 10*time.Second {
		return
	}
	off := at.Add(500 * time.Millisecond).Sub(r.received.Add(-r.received.Sub(sent) / 2))
	s.clock.Store(&reading{off, r.received})
	if s.onClock != nil {
		s.onClock(off)
	}
}

// reply is an answer as it came, up to the byte after the most that is wanted.
type reply struct {
	status   int // 0 = no answer
	header   http.Header
	body     []byte
	received time.Time
}

// send carries out one call. An answer that could not be read to its end comes with the error.
func (s *server) send(req *http.Request, most int64) (r reply, err error) {
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", userAgent)
	resp, err := s.http.Do(req)
	if err != nil {
		return r, err
	}
	defer resp.Body.Close()
	r = reply{status: resp.StatusCode, header: resp.Header, received: s.now()}
	r.body, err = io.ReadAll(io.LimitReader(resp.Body, most+1))
	return r, err
}

func (s *server) retryAfter(r *reply) time.Duration {
	return retryAfter(r.header.Get("Retry-After"), s.time(r.received))
}

// describe says what an answer is that is not JSON.
func (r *reply) describe() string {
	what := "an answer"
	if r.status != 0 {
		what = strings.TrimSpace(fmt.Sprintf("HTTP %d %s", r.status, http.StatusText(r.status)))
	}
	if len(bytes.TrimSpace(r.body)) == 0 {
		return what + " with an empty body"
	}
	mediaType, _, _ := mime.ParseMediaType(r.header.Get("Content-Type")) // unreadable counts as absent
	return what + " with " + clean(cmp.Or(mediaType, "no content type"), 60) + ", not the JSON expected: " +
		clean(string(r.body), 160)
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip sends a call.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// token posts a form to the token end point. x/oauth2 keeps neither status nor headers of a good answer, so they are
// noted on their way. repeatable lets net/http send the form again when an idle connection turns out to be dead.
func (s *server) token(
	ctx context.Context, id Identity, repeatable bool, form clientcredentials.Config,
) (Login, *GrantError) {
	if err := s.acquire(ctx); err != nil {
		return Login{}, s.grantError(Network, id, "too many requests under way", err)
	}
	defer s.release()
	var r reply
	var broken error
	through := roundTripper(func(req *http.Request) (*http.Response, error) {
		if repeatable {
			req.Header["Idempotency-Key"] = nil // known to net/http, never sent
		}
		if r, broken = s.send(req, maxAnswer); broken != nil {
			return nil, broken
		}
		return &http.Response{
			StatusCode: r.status, Body: io.NopCloser(bytes.NewReader(r.body)), Request: req,
			Header: http.Header{"Content-Type": {"application/json"}}, // text/plain would be read as a form
		}, nil
	})
	form.TokenURL = s.origin + "/oauth/token"
	sent := s.now()
	_, err := form.Token(context.WithValue(ctx, oauth2.HTTPClient, &http.Client{
		Transport: through, CheckRedirect: s.http.CheckRedirect,
	}))
	s.learnClock(&r, sent)
	l, failed := s.readToken(id, sent, &r, broken, err)
	if failed != nil {
		failed.HTTPStatus, failed.RetryAfter = r.status, s.retryAfter(&r)
	}
	return l, failed
}

// readToken turns what the account server said into a token or an error. broken is why there is no whole answer; err is
// what x/oauth2 says, which also fails on an odd expires_in: that alone does not make a token worthless.
func (s *server) readToken(id Identity, sent time.Time, r *reply, broken, err error) (Login, *GrantError) {
	fail := func(kind Kind, text string) (Login, *GrantError) {
		return Login{}, s.grantError(kind, id, text, broken)
	}
	var a struct {
		AccessToken string          `json:"access_token"`
		TokenType   string          `json:"token_type"`
		ExpiresIn   json.RawMessage `json:"expires_in"`
		Refresh     laxText         `json:"refresh_token"`
		Error       laxText         `json:"error"` // x/oauth2 loses it where the description is no text
		Description laxText         `json:"error_description"`
	}
	noJSON := json.Unmarshal(r.body, &a) != nil
	code, description := string(a.Error), string(a.Description)
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refused.ErrorCode != "" {
		code, description = refused.ErrorCode, refused.ErrorDescription
	}
	switch {
	case r.status == 0:
		return fail(Network, networkText(cmp.Or(broken, err)))
	case broken != nil:
		return fail(Network, "read the answer: "+networkText(broken))
	case len(r.body) > maxAnswer:
		return fail(BadAnswer, fmt.Sprintf("an answer of more than %d bytes", maxAnswer))
	case code != "":
		l, e := fail(classify(r.status, code, description), clean(description, 300))
		e.OAuthError = clean(code, 80)
		return l, e
	case noJSON || r.status/100 != 2:
		return fail(classify(r.status, "", ""), r.describe())
	case a.AccessToken == "":
		return fail(BadAnswer, "the answer holds no access_token")
	case a.TokenType != "" && !strings.EqualFold(a.TokenType, "bearer"):
		return fail(BadAnswer, fmt.Sprintf("token type %q is not Bearer", clean(a.TokenType, 40)))
	}
	t := &Token{AccessToken: secret.New(a.AccessToken), Obtained: sent}
	if life, known := expiresIn(a.ExpiresIn); known {
		t.Expires = sent.Add(life)
	}
	return Login{t, secret.New(string(a.Refresh))}, nil
}

func (s *server) grantError(kind Kind, id Identity, text string, err error) *GrantError {
	return &GrantError{Kind: kind, Identity: id, Description: text, audience: s.audience, err: err}
}

// expiresIn reads a number of seconds, also in quotes, also beyond the range of an int. known is false for nothing,
// zero and what is no number; a negative number stays negative.
func expiresIn(raw json.RawMessage) (life time.Duration, known bool) {
	text := strings.Trim(strings.TrimSpace(string(raw)), `"`)
	seconds, err := strconv.ParseFloat(text, 64)
	if (err != nil && !errors.Is(err, strconv.ErrRange)) || seconds != seconds || (seconds >= 0 && seconds < 1) {
		return 0, false
	}
	seconds = max(-1, min(seconds, maxLife.Seconds()))
	return time.Duration(seconds * float64(time.Second)), true
}

// get makes one call with a token and decodes a good answer. The error is a *RequestError.
func (s *server) get(ctx context.Context, t *Token, operation, target string, into any) error {
	if err := s.acquire(ctx); err != nil {
		return requestError(operation, target, err)
	}
	defer s.release()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return requestError(operation, target, err)
	}
	req.Header["Authorization"] = t.Header()
	r, err := s.send(req, maxLookupAnswer)
	switch {
	case err != nil:
		return requestError(operation, target, err)
	case len(r.body) > maxLookupAnswer:
		return badAnswer(operation, target, fmt.Errorf("the answer is longer than %d bytes", maxLookupAnswer))
	case r.status != http.StatusOK:
		return s.refusal(operation, target, &r)
	case json.Unmarshal(r.body, into) != nil:
		return badAnswer(operation, target, errors.New((&reply{body: r.body}).describe()))
	}
	return nil
}

func (s *server) refusal(operation, target string, r *reply) *RequestError {
	e := requestError(operation, target, nil)
	e.HTTPStatus, e.RetryAfter = r.status, s.retryAfter(r)
	var a struct {
		ErrorCode   string `json:"errorCode"`
		Message     string `json:"message"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(r.body, &a) != nil {
		e.Message = r.describe()
		return e
	}
	e.Code, e.Message = clean(a.ErrorCode, 80), clean(a.Message, 300)
	if a.ErrorCode == "" {
		e.Code, e.Message = clean(a.Error, 80), clean(a.Description, 300)
	}
	return e
}

func requestError(operation, target string, err error) *RequestError {
	e := &RequestError{Operation: operation, err: err}
	if u, bad := url.Parse(target); bad == nil {
		e.Host = u.Host
	}
	if err != nil {
		e.Message = networkText(err)
	}
	return e
}

// badAnswer is a requestError about the contents of a 200.
func badAnswer(operation, target string, err error) *RequestError {
	e := requestError(operation, target, err)
	e.HTTPStatus = http.StatusOK
	return e
}

// networkText is the cause without the "Post URL" that net/http puts before it.
func networkText(err error) string {
	if err == nil {
		return "no answer"
	}
	if ue, ok := errors.AsType[*url.Error](err); ok {
		err = ue.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	return clean(err.Error(), 300)
}
