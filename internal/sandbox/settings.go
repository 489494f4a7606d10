package sandbox

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// settings are what can be changed while the sandbox runs. The zero value has the defaults.
type settings struct {
	mu       sync.Mutex
	current  setting
	failures []FailureSpec // planned and still to come
}

type setting struct {
	offset          time.Duration
	tokenLife       time.Duration
	throttle        bool
	wrongSite       string
	badToken        string
	loginInfoStatus int
	noSOAPBearer    bool
	hourly, burst   int
	processing      time.Duration
}

func (s *settings) setting() setting {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

func (s *settings) set(change func(*setting)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.current)
}

// SetClockOffset moves the sandbox's clock away from Options.Now.
func (s *settings) SetClockOffset(d time.Duration) { s.set(func(v *setting) { v.offset = d }) }

// SetTokenLife sets how long access tokens issued from now on live; default one hour.
func (s *settings) SetTokenLife(d time.Duration) { s.set(func(v *setting) { v.tokenLife = d }) }

// SetThrottle makes the token end point answer 429 (PROTOCOL.md §6.4) until it is switched off.
func (s *settings) SetThrottle(on bool) { s.set(func(v *setting) { v.throttle = on }) }

// SetWrongSite chooses the code for a call at a site where the account does not live: USER_LACKS_MEMBERSHIP (default)
// or PARTNER_AUTHENTICATION_FAILED with "Invalid account specified for user." (PROTOCOL.md §8.2).
func (s *settings) SetWrongSite(code string) { s.set(func(v *setting) { v.wrongSite = code }) }

// SetBadToken chooses the code for an expired, revoked or unknown access token: AUTHORIZATION_INVALID_TOKEN (default)
// or USER_AUTHENTICATION_FAILED with "Invalid access token" (PROTOCOL.md §8.2).
func (s *settings) SetBadToken(code string) { s.set(func(v *setting) { v.badToken = code }) }

// SetLoginInformation switches login_information off with a status (401 or 404), or on again with 0.
func (s *settings) SetLoginInformation(status int) {
	s.set(func(v *setting) { v.loginInfoStatus = status })
}

// SetSOAPBearer tells whether the SOAP services take an access token; at first they do. Nothing public says that the
// real ones do (PROTOCOL.md §4.10).
func (s *settings) SetSOAPBearer(on bool) { s.set(func(v *setting) { v.noSOAPBearer = !on }) }

// SetProcessing sets how long creations that are asynchronous take; at first they are done at once.
func (s *settings) SetProcessing(d time.Duration) { s.set(func(v *setting) { v.processing = d }) }

// SetLimits enforces the hourly and burst limits of PROTOCOL.md §11 per account; 0 counts without enforcing.
func (s *settings) SetLimits(hourly, burst int) {
	s.set(func(v *setting) { v.hourly, v.burst = hourly, burst })
}

// Drop says when a planned failure cuts the connection instead of answering.
type Drop int

const (
	NoDrop        Drop = iota
	DropBefore         // at once, the body unread
	DropAfterWork      // after the request was carried out: the client cannot know that it was
	DropMidBody        // after half of Body was sent under the full Content-Length
	DropMidAnswer      // after the request was carried out and half of its answer sent
)

// FailureSpec plans failures. Empty conditions match everything.
type FailureSpec struct {
	Host   string // host name
	Path   string // prefix, without regard to case
	Suffix string // of the path, without regard to case
	Method string
	Times  int // default 1

	Status      int // default 503
	Body        string
	ContentType string // default application/json; charset=utf-8
	Header      http.Header
	Delay       time.Duration // before the answer or the drop
	Drop        Drop
}

func (f FailureSpec) matches(r request) bool {
	if f.Host != "" && !strings.EqualFold(f.Host, r.host) || f.Method != "" && f.Method != r.Method {
		return false
	}
	path := strings.ToLower(r.URL.Path)
	return strings.HasPrefix(path, strings.ToLower(f.Path)) && strings.HasSuffix(path, strings.ToLower(f.Suffix))
}

func (f FailureSpec) answer(h http.Header) answer {
	maps.Copy(h, f.Header)
	return answer{
		status: f.Status, contentType: f.ContentType, body: []byte(f.Body), plain: true, cut: f.Drop == DropMidBody,
	}
}

// FailNext makes the next matching requests fail. Specs are tried in the order in which they were given.
func (s *settings) FailNext(f FailureSpec) {
	f.Times = max(f.Times, 1)
	f.Status = cmp.Or(f.Status, http.StatusServiceUnavailable)
	f.ContentType = cmp.Or(f.ContentType, typeJSON)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, f)
}

func (s *settings) ClearFailures() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = nil
}

func (s *settings) next(r request) (FailureSpec, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.failures, func(f FailureSpec) bool { return f.matches(r) })
	if i < 0 {
		return FailureSpec{}, false
	}
	f := s.failures[i]
	s.failures[i].Times--
	if s.failures[i].Times == 0 {
		s.failures = slices.Delete(s.failures, i, i+1)
	}
	return f, true
}
