package conn

import (
	"bytes"
	"net/http"
)

// framing looks at the lines of a request's head before net/http reads them, for what net/http keeps to itself:
// whether there were Content-Length and Transfer-Encoding (RFC 9112 §6.1). It takes out "Transfer-Encoding:
// identity", which RFC 2616 §3.6 had mean that there is no coding and which net/http refuses. What follows the head
// is never looked at.
type framing struct {
	kept     [64]byte // the beginning of the present line
	have     int
	line     int  // bytes of the present line, kept or not
	empty    bool // an empty line came first: what follows may be a body whose head was buffered but for its end
	begun    bool
	ended    bool
	length   bool
	coded    bool
	identity bool
}

// look reads p and gives how much of it is left.
func (f *framing) look(p []byte) int {
	n := len(p)
	for at := 0; at < n && !f.ended; {
		i := bytes.IndexByte(p[at:n], '\n')
		if i < 0 {
			f.add(p[at:n])
			break
		}
		next, whole := at+i+1, f.line == 0
		f.add(p[at:next])
		// A line that may be continued (RFC 9112 §5.2), or has left in part, stays as it is, for net/http to refuse.
		if !f.lineIsIdentity() || !whole || next == n || p[next] == ' ' || p[next] == '\t' {
			at = next
			continue
		}
		f.coded, f.identity = false, true
		n = at + copy(p[at:], p[next:n])
	}
	return n
}

func (f *framing) add(p []byte) {
	f.line += len(p)
	f.have += copy(f.kept[f.have:], p)
}

// lineIsIdentity notes what the line that has just ended says. It reports a first transfer coding that is identity.
func (f *framing) lineIsIdentity() bool {
	line, whole := bytes.TrimRight(f.kept[:f.have], "\r\n"), f.line <= len(f.kept)
	f.have, f.line = 0, 0
	if !f.begun || len(line) == 0 {
		f.ended = f.begun // empty lines before the request line are skipped (RFC 9112 §2.2)
		f.begun = f.begun || len(line) > 0
		f.empty = f.empty || !f.begun
		return false
	}
	name, value, _ := bytes.Cut(line, []byte(":"))
	switch {
	case bytes.EqualFold(name, []byte("Content-Length")):
		f.length = true
	case bytes.EqualFold(name, []byte("Transfer-Encoding")):
		first := !f.coded && !f.identity
		f.coded = true
		return first && whole && !f.empty && bytes.EqualFold(bytes.Trim(value, " \t"), []byte("identity")) // RFC 9110 §5.6.3
	}
	return false
}

// faults judges the head of r. refuse is why the end of its body cannot be told for certain; "" = it can. With closes
// the connection ends with the answer. A head that came together with the request before it has not been seen.
func (f *framing) faults(r *http.Request) (refuse string, closes bool) {
	switch {
	case f.coded && f.identity:
		return "Transfer-Encoding: identity beside another transfer coding", true
	case f.coded && !r.ProtoAtLeast(1, 1):
		return "Transfer-Encoding in HTTP/1.0", true
	case len(r.TransferEncoding) > 0:
		return "", f.length || !f.ended
	}
	return "", false
}
