package sandbox

import (
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
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

// FailNext makes the next matching requests fail. Specs are tried in the order in which they were given.
func (s *Sandbox) FailNext(f FailureSpec) { s.failures.add(f) }

// ClearFailures forgets every planned failure.
func (s *Sandbox) ClearFailures() {
	s.failures.mu.Lock()
	defer s.failures.mu.Unlock()
	s.failures.list = nil
}

type failureQueue struct {
	mu   sync.Mutex
	list []FailureSpec
}

func (q *failureQueue) add(f FailureSpec) {
	f.Times = max(f.Times, 1)
	if f.Status == 0 {
		f.Status = http.StatusServiceUnavailable
	}
	if f.ContentType == "" {
		f.ContentType = "application/json; charset=utf-8"
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.list = append(q.list, f)
}

func (q *failureQueue) take(host string, r *http.Request) (FailureSpec, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range q.list {
		f := q.list[i]
		if !f.matches(host, r) {
			continue
		}
		q.list[i].Times--
		if q.list[i].Times == 0 {
			q.list = append(q.list[:i], q.list[i+1:]...)
		}
		return f, true
	}
	return FailureSpec{}, false
}

func (f FailureSpec) matches(host string, r *http.Request) bool {
	if f.Host != "" && !strings.EqualFold(f.Host, host) || f.Method != "" && f.Method != r.Method {
		return false
	}
	return strings.HasPrefix(strings.ToLower(r.URL.Path), strings.ToLower(f.Path))
}

// fail carries a planned failure out.
func (s *Sandbox) fail(w http.ResponseWriter, r *http.Request, f FailureSpec, host string) {
	if err := pause(r.Context(), f.Delay); err != nil {
		panic(http.ErrAbortHandler)
	}
	switch f.Drop {
	case DropBefore:
		panic(http.ErrAbortHandler)
	case DropAfterWork:
		s.dispatch(&unheard{header: http.Header{}}, r, host)
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), f.Header)
	w.Header().Set("Content-Type", f.ContentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(f.Body)))
	w.WriteHeader(f.Status)
	if f.Drop != DropMidBody {
		_, _ = w.Write([]byte(f.Body)) // a reader that left is its own affair
		return
	}
	_, _ = w.Write([]byte(f.Body[:len(f.Body)/2]))
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// unheard takes an answer that nobody will get.
type unheard struct{ header http.Header }

func (u *unheard) Header() http.Header         { return u.header }
func (u *unheard) WriteHeader(int)             {}
func (u *unheard) Write(p []byte) (int, error) { return len(p), nil }
