package capture

import (
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"docusign-auth-proxy/internal/call"
)

// tap is a call.Tap for one exchange. What it gathers is raw and lives no longer than the call; Done masks it.
type tap struct {
	capture  *Captures
	limit    int
	buffers  []*buffer
	asked    heard
	attempts []*tapAttempt
	got      heard
}

// heard is a message as it passed.
type heard struct {
	method, url string // of a request
	proto       string
	status      int // 0 = a request, or no answer
	header      http.Header
	body        *buffer // nil = nothing came
}

type tapAttempt struct {
	started         time.Time
	answered        time.Duration
	request, answer heard
	err             error
}

// Tap begins to listen to a call when a capture runs, else it gives nil.
func (c *Captures) Tap(r *http.Request) call.Tap {
	if !c.on() {
		return nil
	}
	t := &tap{capture: c, limit: c.bodyLimit()}
	t.asked = heard{method: r.Method, url: askedURL(r), proto: r.Proto, header: r.Header.Clone(), body: t.buffer(r.Header)}
	return t
}

// askedURL writes what the program asked for as one URL with its query, whichever door it came through.
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

// buffer looks for runs of base64 where they can be told in the bytes as they pass: not when these are compressed, nor
// between boundaries, which look like base64 themselves.
func (t *tap) buffer(h http.Header) *buffer {
	mediaType, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	b := newBuffer(&t.capture.budget, t.limit, codingOf(h) == "" && !strings.HasPrefix(mediaType, "multipart/"))
	t.buffers = append(t.buffers, b)
	return b
}

// Asked listens to the request's body.
func (t *tap) Asked(body io.ReadCloser) io.ReadCloser { return reader{body, t.asked.body} }

// Answer listens to what the program gets.
func (t *tap) Answer(w http.ResponseWriter) http.ResponseWriter { return &tapWriter{w, t} }

// Upstream listens to what goes to DocuSign and what comes back.
func (t *tap) Upstream(next http.RoundTripper) http.RoundTripper { return &tapTransport{next, t} }

type tapTransport struct {
	next http.RoundTripper
	tap  *tap
}

// RoundTrip works on a copy of the request, as a RoundTripper must.
func (tt *tapTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	t, a := tt.tap, &tapAttempt{started: time.Now()}
	a.request = heard{method: req.Method, url: req.URL.String(), header: req.Header.Clone(), body: t.buffer(req.Header)}
	t.attempts = append(t.attempts, a)
	resp, err := tt.next.RoundTrip(t.listened(req, &a.request))
	a.answered, a.err = time.Since(a.started), err
	if err != nil {
		return resp, err
	}
	a.request.proto = resp.Proto
	a.answer = heard{proto: resp.Proto, status: resp.StatusCode, header: resp.Header.Clone(), body: t.buffer(resp.Header)}
	if resp.Body != nil && resp.Body != http.NoBody && resp.StatusCode != http.StatusSwitchingProtocols {
		resp.Body = reader{resp.Body, a.answer.body}
	}
	return resp, nil
}

// listened hears only the last of the bodies when the transport takes it anew for another connection.
func (t *tap) listened(req *http.Request, to *heard) *http.Request {
	if req.Body == nil || req.Body == http.NoBody {
		return req
	}
	out := req.WithContext(req.Context())
	out.Body = reader{req.Body, to.body}
	if req.GetBody != nil {
		out.GetBody = func() (io.ReadCloser, error) {
			body, err := req.GetBody()
			if err != nil {
				return nil, err
			}
			to.body = t.buffer(req.Header)
			return reader{body, to.body}, nil
		}
	}
	return out
}

// tapWriter notes what the program gets.
type tapWriter struct {
	http.ResponseWriter
	tap *tap
}

// Unwrap lets http.ResponseController reach the writer below, for streamed answers too.
func (w *tapWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader copies the final head; informational ones pass by.
func (w *tapWriter) WriteHeader(status int) {
	if w.tap.got.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		h := w.Header().Clone()
		w.tap.got = heard{proto: w.tap.asked.proto, status: status, header: h, body: w.tap.buffer(h)}
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *tapWriter) Write(p []byte) (int, error) {
	if w.tap.got.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	n, err := w.ResponseWriter.Write(p)
	w.tap.got.body.write(p[:n])
	return n, err
}
