package proxy

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/oauth"
)

// exchange is one call on its way through the pipeline.
type exchange struct {
	server  *Server
	state   *State
	binding *binding
	route   route
	event   call.Event
	start   time.Time
	w       countingWriter
	caller  *callerBody
	stream  *place // of a call over HTTP/2; nil = none

	decision *translate.Decision
	token    *oauth.Token
	site     translate.Site
	listed   bool          // the call goes to a host of egress.tunnel, as it is
	native   bool          // the call's own credential goes upstream
	ownToken secret.Text   // the program's OAuth token, where it stood in the legacy header; sent as Authorization
	askedFor *url.URL      // as it came, for hosts of egress.tunnel
	badPath  error         // why the path is refused
	inbound  *http.Request // as it is forwarded, for what edits the answer; nil before
	body     *replayBody
	edit     answerEdit // changes to the answer; nil = none
	soap     *soapCall  // nil for REST
	// legacyHeader is sent as X-DocuSign-Authentication, with an App Password in it; "" = the header is removed.
	legacyHeader string
	tap          call.Tap // nil when nothing listens
}

type exchangeKey struct{}

func exchangeOf(r *http.Request) *exchange {
	x, _ := r.Context().Value(exchangeKey{}).(*exchange)
	return x
}

// countingWriter notes what the caller was answered.
type countingWriter struct {
	http.ResponseWriter
	body   *callerBody // of the request
	http10 bool        // the caller cannot read informational answers (RFC 9110 §15.2)
	status int
	bytes  int64
}

// Unwrap lets http.ResponseController reach the writer below.
func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader notes the final status; informational ones pass by.
func (w *countingWriter) WriteHeader(status int) {
	switch {
	case status >= 200 && w.status == 0:
		w.status = status
		w.closeUnlessRead()
	case status < 200 && w.http10 && status != http.StatusSwitchingProtocols:
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

// closeUnlessRead says that the connection closes after this answer if the request has not been read to its end by now: what of it
// may remain must never be taken for the next request.
func (w *countingWriter) closeUnlessRead() {
	if w.body != nil && w.body.http1 && !w.body.whole.Load() {
		w.Header().Set("Connection", "close")
	}
}

func (w *countingWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
		w.closeUnlessRead()
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Flush sends what is buffered, for streamed answers.
func (w *countingWriter) Flush() {
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// sendWhole sends an answer that is complete, before the call is recorded: nobody waits for what observes. Without a length net/http
// finds it at the end of the handler, and sends the answer then.
func (w *countingWriter) sendWhole() {
	if w.status != 0 && w.Header().Get("Content-Length") != "" {
		_ = http.NewResponseController(w.ResponseWriter).Flush() // a caller who left is nobody to tell
	}
}

// requestIDs numbers the calls of one process: eight random digits and a counter.
type requestIDs struct {
	prefix string
	n      *atomic.Uint64
}

func newRequestIDs() requestIDs {
	var b [4]byte
	_, _ = rand.Read(b[:]) // documented never to fail
	return requestIDs{prefix: hex.EncodeToString(b[:]), n: new(atomic.Uint64)}
}

func (r requestIDs) next() string {
	var b [28]byte
	buf := append(b[:0], r.prefix...)
	buf = append(buf, '-')
	return string(strconv.AppendUint(buf, r.n.Add(1), 36))
}

// finish fills in the event and records it.
func (x *exchange) finish() {
	e := &x.event
	e.Total = x.server.cfg.Now().Sub(x.start)
	if e.Status == 0 {
		e.Status = x.w.status
	}
	e.BytesOut = x.w.bytes
	x.describe()
	if e.Outcome == "" {
		e.Outcome = outcomeOf(e.Status)
	}
	x.endTap()
	x.server.tellConflict(e)
	x.server.record(e)
}

// tellConflict warns once for each integration: its program sends several credentials on every call (PROTOCOL.md §4.3). The metric
// counts them all.
func (s *Server) tellConflict(e *call.Event) {
	if !e.Conflict {
		return
	}
	if _, told := s.conflicts.LoadOrStore(e.Integration, struct{}{}); !told {
		s.cfg.Log.Warn("several credentials in one call; told once for this integration", "integration", e.Integration, "api", e.API,
			"request_id", e.RequestID, "scheme", e.Scheme, "next_step", "find out which one is meant; the others are taken out, unread")
	}
}

func (x *exchange) describe() {
	e := &x.event
	d := x.decision
	e.Integration = d.IntegrationName()
	if d == nil {
		e.Scheme = "none"
		return
	}
	e.Key, e.Authenticator, e.Principal = d.Shown()
	e.Scheme, e.Conflict = d.Scheme.String(), d.Conflict
	e.UnknownUser = d.Integration != nil && d.Scheme.Legacy() && !d.Listed()
	if d.Integration == nil {
		return
	}
	if e.Mode == "" {
		e.Mode = string(d.Integration.Mode)
	}
	e.AppPassword = e.API.SOAP() && d.Integration.SOAP == integration.AppPassword
}

func outcomeOf(status int) call.Outcome {
	switch {
	case status == 0:
		return call.OutcomeAborted
	case status < 400:
		return call.OutcomeOK
	case status < 500:
		return call.OutcomeClientError
	}
	return call.OutcomeServerError
}

// refused notes why the proxy itself answers with an error.
func (x *exchange) refused(o call.Outcome, cause, detail, next string) {
	x.event.Outcome, x.event.Cause, x.event.Detail, x.event.NextStep = o, cause, detail, next
}
