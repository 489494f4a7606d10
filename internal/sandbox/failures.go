package sandbox

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Drop says when a planned failure cuts the connection instead of answering.
type Drop int

const (
	NoDrop        Drop = iota
	DropBefore         // at once, the body unread
	DropAfterWork      // after the request was carried out: the client cannot know that it was
	DropMidBody        // after half of Body was sent under the full Content-Length
)

// FailureSpec plans failures. Empty conditions match everything.
type FailureSpec struct {
	Host   string // host name
	Path   string // prefix, without regard to case
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
	return strings.HasPrefix(strings.ToLower(r.URL.Path), strings.ToLower(f.Path))
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

// ClearFailures forgets every planned failure.
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
