package capture

import (
	"io"
	"net/http"
	"net/url"
	"time"

	"docusign-auth-proxy/internal/call"
)

const maxAttempts = 8

// tap is a call.Tap for one exchange. What it gathers is raw and lives no longer than the call; Done masks it.
type tap struct {
	capture  *Captures
	limit    int
	buffers  []*tapBuffer
	method   string
	url      string // with its query, as it came
	asked    heard
	attempts []*tapAttempt
	got      *tapWriter
}

// heard is a message as it passed.
type heard struct {
	proto  string
	status int // 0 = a request, or no answer
	header http.Header
	body   *tapBuffer
}

type tapAttempt struct {
	started         time.Time
	answered        time.Duration
	method          string
	url             url.URL
	request, answer heard
	err             error
}

// Tap begins to listen to a call when a capture runs, else it gives nil.
func (c *Captures) Tap(r *http.Request) call.Tap {
	if !c.on() {
		return nil
	}
	t := &tap{capture: c, limit: c.bodyLimit(), url: askedURL(r), method: r.Method}
	t.asked = heard{proto: r.Proto, header: r.Header.Clone(), body: t.buffer(r.Header)}
	return t
}

// askedURL writes what the program asked for as one URL, whichever door it came through.
func askedURL(r *http.Request) string {
	u := *r.URL
	if u.User = nil; u.Host == "" {
		u.Scheme, u.Host = "http", r.Host
		if r.TLS != nil {
			u.Scheme = "https"
		}
	}
	return u.String()
}

func (t *tap) buffer(h http.Header) *tapBuffer {
	b := &tapBuffer{budget: &t.capture.budget, max: t.limit, shrink: shrinkable(h)}
	b.restart()
	t.buffers = append(t.buffers, b)
	return b
}

// Asked listens to the request's body.
func (t *tap) Asked(body io.ReadCloser) io.ReadCloser { return t.asked.body.reader(body) }

// Answer listens to what the program gets.
func (t *tap) Answer(w http.ResponseWriter) http.ResponseWriter {
	t.got = &tapWriter{ResponseWriter: w, tap: t}
	return t.got
}

// Upstream listens to what goes to DocuSign and what comes back.
func (t *tap) Upstream(next http.RoundTripper) http.RoundTripper {
	return &tapTransport{next: next, tap: t}
}

type tapTransport struct {
	next http.RoundTripper
	tap  *tap
}

// RoundTrip works on a copy of the request, as a RoundTripper must.
func (tt *tapTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	t := tt.tap
	if len(t.attempts) >= maxAttempts {
		return tt.next.RoundTrip(req)
	}
	a := &tapAttempt{started: t.capture.now(), method: req.Method, url: *req.URL}
	a.request = heard{header: req.Header.Clone(), body: t.buffer(req.Header)}
	t.attempts = append(t.attempts, a)
	resp, err := tt.next.RoundTrip(listened(req, a.request.body))
	a.answered, a.err = t.capture.now().Sub(a.started), err
	if err != nil {
		return resp, err
	}
	a.request.proto = resp.Proto
	a.answer = heard{proto: resp.Proto, status: resp.StatusCode, header: resp.Header.Clone(), body: t.buffer(resp.Header)}
	if resp.Body != nil && resp.Body != http.NoBody && resp.StatusCode != http.StatusSwitchingProtocols {
		resp.Body = a.answer.body.reader(resp.Body)
	}
	return resp, nil
}

// listened follows the transport also when it takes the body anew for another connection.
func listened(req *http.Request, to *tapBuffer) *http.Request {
	if req.Body == nil || req.Body == http.NoBody {
		return req
	}
	out := req.WithContext(req.Context())
	out.Body = to.reader(req.Body)
	if again := req.GetBody; again != nil {
		out.GetBody = func() (io.ReadCloser, error) {
			b, err := again()
			if err != nil {
				return nil, err
			}
			return to.reader(b), nil
		}
	}
	return out
}

// tapWriter notes what the program gets.
type tapWriter struct {
	http.ResponseWriter
	tap   *tap
	heard heard
}

// Unwrap lets http.ResponseController reach the writer below.
func (w *tapWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader copies the final head; informational ones pass by.
func (w *tapWriter) WriteHeader(status int) {
	if w.heard.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		h := w.Header().Clone()
		w.heard = heard{proto: w.tap.asked.proto, status: status, header: h, body: w.tap.buffer(h)}
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *tapWriter) Write(p []byte) (int, error) {
	if w.heard.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	n, err := w.ResponseWriter.Write(p)
	w.heard.body.write(p[:n])
	return n, err
}

// Flush sends what is buffered, for streamed answers.
func (w *tapWriter) Flush() {
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}
