package oauth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
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
	origin    string
	audience  string // claim aud
	http      http.Client
	now       func() time.Time
	onClock   func(time.Duration) // may be nil
	wire      chan struct{}
	offset    atomic.Int64 // server time minus local time, ns; as learnt, small values included
	lastClock atomic.Pointer[time.Time]
}

func newServer(origin string, given *http.Client, now func() time.Time) (*server, error) {
	origin, host, err := accountServer(origin)
	if err == nil && given == nil {
		err = errors.New("no HTTP client is given")
	}
	if err != nil {
		return nil, err
	}
	s := &server{origin: origin, audience: host, now: now, wire: make(chan struct{}, maxConcurrent)}
	if s.now == nil {
		s.now = time.Now
	}
	s.http = http.Client{
		Transport: given.Transport,
		Timeout:   given.Timeout,
		// A redirect would carry the assertion, the refresh token or the bearer to a host nobody vetted.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if s.http.Transport == nil {
		s.http.Transport = http.DefaultTransport
	}
	return s, nil
}

// accountServer normalises an origin and returns it with its host[:port].
func accountServer(s string) (origin, host string, err error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return "", "", fmt.Errorf("account server %q is not an origin such as https://account-d.docusign.com", s)
	}
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return "", "", fmt.Errorf("account server %q must be https", s)
	case !isOrigin(u):
		return "", "", fmt.Errorf("account server %q must be an origin: scheme and host only", u.Redacted())
	}
	host = strings.ToLower(u.Host)
	return u.Scheme + "://" + host, host, nil
}

// isOrigin reports whether a URL with a host has nothing but a scheme besides.
func isOrigin(u *url.URL) bool {
	bare := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return *u == bare && (u.Path == "" || u.Path == "/")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
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

// time is local by the account server's clock, as far as it is known.
func (s *server) time(local time.Time) time.Time {
	off := time.Duration(s.offset.Load())
	if off.Abs() <= ignoredOffset {
		return local
	}
	return local.Add(off)
}

// learnClock takes the offset from the Date of an answer, which is cut to whole seconds and about as old as half the
// round trip.
func (s *server) learnClock(date string, sent, received time.Time) {
	at, err := http.ParseTime(date)
	if err != nil || received.Sub(sent) > 10*time.Second {
		return
	}
	off := at.Add(500 * time.Millisecond).Sub(received.Add(-received.Sub(sent) / 2))
	s.offset.Store(int64(off))
	s.lastClock.Store(&received)
	if s.onClock != nil {
		s.onClock(off)
	}
}

// answer is a good one of the token end point. Without a usable expires_in the token's Expires stays zero.
type answer struct {
	token   *Token
	refresh secret.Text // empty: none came
}

// token posts a form to the token end point. repeatable lets net/http send it again over a new connection when an idle
// one turns out to be dead.
func (s *server) token(
	ctx context.Context, id Identity, repeatable bool, form clientcredentials.Config,
) (answer, *GrantError) {
	if err := s.acquire(ctx); err != nil {
		return answer{}, s.grantError(Network, id, "too many requests under way", err)
	}
	defer s.release()
	rec := &recorder{server: s, repeatable: repeatable}
	form.TokenURL = s.origin + "/oauth/token"
	through := &http.Client{Transport: rec, Timeout: s.http.Timeout, CheckRedirect: s.http.CheckRedirect}
	_, err := form.Token(context.WithValue(ctx, oauth2.HTTPClient, through))
	return s.readAnswer(id, rec, err)
}

// readAnswer turns what the account server said into a token or an error; err is what x/oauth2 made of it.
func (s *server) readAnswer(id Identity, rec *recorder, err error) (answer, *GrantError) {
	fail := func(kind Kind, text string, err error) (answer, *GrantError) {
		e := s.grantError(kind, id, text, err)
		e.HTTPStatus, e.RetryAfter = rec.status, rec.wait
		return answer{}, e
	}
	var refused *oauth2.RetrieveError
	switch {
	case rec.status == 0:
		return fail(Network, networkText(err), err)
	case rec.readErr != nil:
		return fail(Network, "read the answer: "+networkText(rec.readErr), rec.readErr)
	case len(rec.body) > maxAnswer:
		return fail(BadAnswer, fmt.Sprintf("an answer of more than %d bytes", maxAnswer), nil)
	case errors.As(err, &refused):
		kind := classify(rec.status, refused.ErrorCode, refused.ErrorDescription)
		_, e := fail(kind, clean(refused.ErrorDescription, 300), rec.redacted(refused))
		e.OAuthError = clean(refused.ErrorCode, 80)
		if refused.ErrorCode == "" {
			e.Description = describe(rec.status, rec.mediaType, rec.body)
		}
		return answer{}, e
	}
	// x/oauth2 also fails on an odd expires_in; that alone does not make the token worthless.
	a, err := rec.answer()
	if err != nil {
		return fail(BadAnswer, err.Error(), nil)
	}
	return a, nil
}

func (s *server) grantError(kind Kind, id Identity, text string, err error) *GrantError {
	return &GrantError{Kind: kind, Identity: id, Description: text, audience: s.audience, err: err}
}

// recorder is the round tripper of one post. x/oauth2 keeps neither status nor headers of a good answer, so they are
// noted here.
type recorder struct {
	server     *server
	repeatable bool
	sent       time.Time
	status     int
	mediaType  string
	wait       time.Duration
	body       []byte
	readErr    error
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	out.Header.Set("User-Agent", userAgent)
	out.Header.Set("Accept", "application/json")
	if r.repeatable {
		out.Header["Idempotency-Key"] = nil // never sent; this is how net/http is told
	}
	r.sent = r.server.now()
	resp, err := r.server.http.Transport.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	received := r.server.now()
	r.server.learnClock(resp.Header.Get("Date"), r.sent, received)
	r.body, r.readErr = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	_ = resp.Body.Close() // the answer has been read; closing cannot change it
	r.status = resp.StatusCode
	r.wait = retryAfter(resp.Header.Get("Retry-After"), r.server.time(received))
	r.mediaType, _, _ = mime.ParseMediaType(resp.Header.Get("Content-Type")) // unreadable counts as absent
	if bytes.HasPrefix(bytes.TrimSpace(r.body), []byte("{")) {
		resp.Header.Set("Content-Type", "application/json") // x/oauth2 would take text/plain for a form
	}
	resp.Body = io.NopCloser(bytes.NewReader(r.body))
	return resp, nil
}

func (r *recorder) answer() (answer, error) {
	var a struct {
		AccessToken string          `json:"access_token"`
		TokenType   string          `json:"token_type"`
		ExpiresIn   json.RawMessage `json:"expires_in"`
		Refresh     laxText         `json:"refresh_token"`
	}
	switch err := json.Unmarshal(r.body, &a); {
	case err != nil:
		return answer{}, errors.New(describe(r.status, r.mediaType, r.body))
	case a.AccessToken == "":
		return answer{}, errors.New("the answer holds no access_token")
	case a.TokenType != "" && !strings.EqualFold(a.TokenType, "bearer"):
		return answer{}, fmt.Errorf("token type %q is not Bearer", clean(a.TokenType, 40))
	}
	t := &Token{AccessToken: secret.New(a.AccessToken), Obtained: r.sent}
	if life, known := expiresIn(a.ExpiresIn); known {
		t.Expires = r.sent.Add(life)
	}
	return answer{token: t, refresh: secret.New(string(a.Refresh))}, nil
}

// redacted is the refusal without the request and the body, so that printing it shows no assertion.
func (r *recorder) redacted(e *oauth2.RetrieveError) error {
	status := fmt.Sprintf("%d %s", r.status, http.StatusText(r.status))
	return &oauth2.RetrieveError{
		Response:         &http.Response{Status: status, StatusCode: r.status},
		Body:             []byte(clean(string(r.body), 160)),
		ErrorCode:        clean(e.ErrorCode, 80),
		ErrorDescription: clean(e.ErrorDescription, 300),
	}
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

// get makes one call with a token and returns the body of a good answer. The error is a *RequestError.
func (s *server) get(ctx context.Context, t *Token, operation, target string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, requestError(operation, target, err)
	}
	req.Header["Authorization"] = t.Header()
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", userAgent)
	if err := s.acquire(ctx); err != nil {
		return nil, requestError(operation, target, err)
	}
	defer s.release()
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, requestError(operation, target, err)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxLookupAnswer+1))
	_ = resp.Body.Close() // the answer has been read; closing cannot change it
	switch {
	case err != nil:
		return nil, requestError(operation, target, err)
	case len(body) > maxLookupAnswer:
		return nil, badAnswer(operation, target, fmt.Errorf("the answer is longer than %d bytes", maxLookupAnswer))
	case resp.StatusCode != http.StatusOK:
		return nil, s.refusal(operation, target, resp, body)
	}
	return body, nil
}

func (s *server) refusal(operation, target string, resp *http.Response, body []byte) *RequestError {
	e := requestError(operation, target, nil)
	e.HTTPStatus = resp.StatusCode
	e.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), s.time(s.now()))
	var a struct {
		ErrorCode   string `json:"errorCode"`
		Message     string `json:"message"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &a) != nil {
		mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")) // unreadable counts as absent
		e.Message = describe(resp.StatusCode, mediaType, body)
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
