package conn

import "net/http"

// Writer notes what the caller was answered.
type Writer struct {
	http.ResponseWriter
	Body   *Body // of the request
	HTTP10 bool  // the caller cannot read informational answers (RFC 9110 §15.2)
	Status int   // 0 = nothing was answered
	Bytes  int64
}

// Unwrap lets http.ResponseController reach the writer below.
func (w *Writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader notes the final status; informational ones pass by.
func (w *Writer) WriteHeader(status int) {
	switch {
	case status >= 200 && w.Status == 0:
		w.Status = status
		w.closeUnlessRead()
	case status < 200 && w.HTTP10 && status != http.StatusSwitchingProtocols:
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

// closeUnlessRead says that the connection closes after this answer if the request has not been read to its end by
// now: what of it may remain must never be taken for the next request.
func (w *Writer) closeUnlessRead() {
	if w.Body != nil && w.Body.Remains() {
		w.Header().Set("Connection", "close")
	}
}

// Write counts.
func (w *Writer) Write(p []byte) (int, error) {
	if w.Status == 0 {
		w.Status = http.StatusOK
		w.closeUnlessRead()
	}
	n, err := w.ResponseWriter.Write(p)
	w.Bytes += int64(n)
	return n, err
}

// SendWhole sends an answer that is complete, before the call is recorded: nobody waits for what observes. Without a
// length net/http finds it at the end of the handler, and sends the answer then.
func (w *Writer) SendWhole() {
	if w.Status != 0 && w.Header().Get("Content-Length") != "" {
		_ = http.NewResponseController(w.ResponseWriter).Flush() // a caller who left is nobody to tell
	}
}
