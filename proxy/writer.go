package proxy

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strconv"
	"sync/atomic"

	"docusign-auth-proxy/proxy/conn"
)

// countingWriter notes what the caller was answered.
type countingWriter struct {
	http.ResponseWriter
	body   *conn.Body // of the request
	http10 bool       // the caller cannot read informational answers (RFC 9110 §15.2)
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
	if w.body != nil && w.body.Remains() {
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
