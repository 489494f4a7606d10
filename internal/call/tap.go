package call

import (
	"io"
	"net/http"
)

// Tap listens to the bytes of one call on their way; what is read and written passes through it unchanged. Each of its
// first three methods is called at most once, before anything is read or written.
type Tap interface {
	// Asked wraps the body of the caller's request.
	Asked(body io.ReadCloser) io.ReadCloser
	// Answer wraps what the caller is answered through.
	Answer(w http.ResponseWriter) http.ResponseWriter
	// Upstream wraps the way to DocuSign: each round trip is one attempt.
	Upstream(next http.RoundTripper) http.RoundTripper
	// Done ends the listening, after the answer. The event is not kept.
	Done(e *Event, c Carried)
}

// Carried says what the proxy found in a call whose bytes were listened to, so that no secret of it is shown.
type Carried struct {
	Secrets  []string // passwords and tokens that are known to be in it
	Password bool     // a password stands in the SOAP message that the caller sent
	Native   bool     // the caller's own credential went upstream
	Form     bool     // the body is a form by its path, whatever its type says
	Page     bool     // the path is none of an API
	Listed   bool     // the call went to a host that is not DocuSign's: nothing of it is shown
}
