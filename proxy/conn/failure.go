package conn

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/proxy/authority"
)

const (
	maxFailures  = 64
	failureEvery = time.Minute // between two log lines about one client and cause
	failureKept  = time.Hour   // at least, since the last one; others need the place
	maxCalled    = 1024
)

type failureKey struct {
	client netip.Addr
	cause  string
}

// failures keeps one row for each client and cause.
type failures struct {
	mu     sync.Mutex
	rows   map[failureKey]*failureRow
	called map[netip.Addr]struct{} // clients of which a call came through TLS, at most maxCalled
}

type failureRow struct {
	call.ConnFailure
	logged time.Time
}

// Failures lists what happened to connections that never became a call, the latest first.
func (f *Front) Failures() []call.ConnFailure {
	f.failures.mu.Lock()
	defer f.failures.mu.Unlock()
	list := make([]call.ConnFailure, 0, len(f.failures.rows))
	for _, r := range f.failures.rows {
		one := r.ConnFailure
		_, one.Called = f.failures.called[one.Client]
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b call.ConnFailure) int { return b.Last.Compare(a.Last) })
	return list
}

// failed counts a connection that never became a call, and writes at most one line a minute for each client and cause.
func (f *Front) failed(c *Conn, status int, why cause.ID, detail string) {
	if f.running.Err() != nil { // the proxy itself ends connections now
		return
	}
	e := call.ConnFailure{
		Last: time.Now(), RequestID: f.NextID(), Door: c.Binding.Door, Client: c.Binding.Client.Addr(),
		Status: status, Cause: why.String(), Detail: detail,
	}
	e.NextStep = why.Next("client", e.Client.String())
	if !c.Binding.Target.IsZero() {
		e.Target = c.Binding.Target.String()
	}
	if times, log := f.failures.note(e); log {
		f.Log.Warn("connection without a call", "request_id", e.RequestID, "door", string(e.Door),
			"client", e.Client.String(), "target", e.Target, "status", status, "cause", e.Cause, "error", detail,
			"next_step", e.NextStep, "times", times)
	}
	call.Tell(f.Recorders, func(r interface{ RecordConnFailure(*call.ConnFailure) }) { r.RecordConnFailure(&e) })
}

// Refused notes a CONNECT that was refused for Failures. Its line and its metric are those of a call.
func (f *Front) Refused(e call.ConnFailure) { f.failures.note(e) }

// note adds to the row of the client and cause. log says that it is time for a line about it.
func (t *failures) note(f call.ConnFailure) (times uint64, log bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := failureKey{f.Client, f.Cause}
	r := t.rows[key]
	if r == nil && len(t.rows) >= maxFailures {
		maps.DeleteFunc(t.rows, func(_ failureKey, r *failureRow) bool { return f.Last.Sub(r.Last) > failureKept })
	}
	if r == nil && len(t.rows) >= maxFailures {
		key.client, f.Client = netip.Addr{}, netip.Addr{}
		r = t.rows[key]
	}
	if r == nil {
		if t.rows == nil {
			t.rows = map[failureKey]*failureRow{}
		}
		r = &failureRow{ConnFailure: call.ConnFailure{First: f.Last}}
		t.rows[key] = r
	}
	f.First, f.Count = r.First, r.Count+1
	r.ConnFailure = f
	if f.Last.Sub(r.logged) < failureEvery {
		return f.Count, false
	}
	r.logged = f.Last
	return f.Count, true
}

// cameThrough notes that a call of the client came through TLS. It is told of the first on a connection.
func (t *failures) cameThrough(client netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.called == nil || len(t.called) >= maxCalled { // those that still call come back at once
		t.called = map[netip.Addr]struct{}{}
	}
	t.called[client] = struct{}{}
}

// State follows what net/http does with a connection, to find what it refuses without calling the handler.
func (f *Front) State(conn net.Conn, cs http.ConnState) {
	c := Of(conn)
	if c == nil {
		return
	}
	switch cs {
	case http.StateIdle:
		c.place.setIdle(true)
		c.serving.Store(false)
	case http.StateClosed:
		switch {
		case c.refused.Load() || c.streams.Load() || c.serving.Load():
		case c.headRead.Load():
			f.failed(c, 0, cause.HeadUnfinished, "the connection ended, or stood still, in the middle of a request head")
		case c.secure && !c.called.Load():
			f.failed(c, 0, cause.TLSNoCall, "it closed the connection after the TLS handshake without sending a call")
		}
	}
}

// HandlerCalled notes that a request head was good, and gives what is wrong with its framing all the same.
func (c *Conn) HandlerCalled(r *http.Request) (refuse string, closes bool) {
	if r.ProtoMajor == 1 {
		refuse, closes = c.framing.faults(r)
		c.framing = framing{}
	}
	c.serving.Store(true)
	if !c.called.Swap(true) && c.secure {
		c.front.failures.cameThrough(c.Binding.Client.Addr())
	}
	c.headRead.Store(false)
	if r.ProtoMajor == 2 {
		c.streams.Store(true)
	}
	return refuse, closes
}

// lookAtRead notes that a request head has begun to come, and that nothing more comes of it. Old programs send a line
// end behind a body (RFC 9112 §2.2): it begins no head. It gives how much of p is left.
func (c *Conn) lookAtRead(p []byte, err error) int {
	if c.serving.Load() { // net/http then reads to see whether the caller hangs up, and cuts that short by a timeout
		return len(p)
	}
	if len(p) == 0 && err != nil {
		c.ended.Store(true)
	}
	if len(bytes.Trim(p, "\r\n")) > 0 {
		c.headRead.Store(true)
	}
	return c.framing.look(p)
}

// lookAtAnswer recognises an answer that net/http gives by itself: no handler has been called for it.
func (c *Conn) lookAtAnswer(p []byte) {
	if c.serving.Load() || c.front == nil || c.ended.Load() {
		return
	}
	version, rest, ok := bytes.Cut(p, []byte(" "))
	line, _, _ := bytes.Cut(rest, []byte("\r\n"))
	if !ok || !bytes.HasPrefix(version, []byte("HTTP/1.")) || len(line) < 3 {
		return
	}
	if line[0] < '4' { // OPTIONS *, which load balancers ask for
		c.called.Store(true)
		c.headRead.Store(false)
		c.framing = framing{}
		return
	}
	c.refused.Store(true)
	why, detail := cause.UnreadableRequest, string(line)
	status, _ := strconv.Atoi(string(line[:3]))
	switch status {
	case http.StatusRequestHeaderFieldsTooLarge:
		why = cause.HeadTooLarge
	case http.StatusNotImplemented:
		why = cause.UnsupportedCoding
	case http.StatusBadRequest:
		if !strings.Contains(detail, ":") {
			detail += ": the request line or a header cannot be read"
		}
	}
	c.front.failed(c, status, why, detail)
}

// answeringConn is a TLS connection for net/http that shows what is written before it is encrypted. Its ConnectionState
// makes net/http fill in Request.TLS.
type answeringConn struct {
	*tls.Conn
	bound *Conn
}

func (c *answeringConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		err = nil // it comes again; what net/http answers to the bytes is not confused with what it answers to their end
	}
	return c.bound.lookAtRead(p[:n], err), err
}

func (c *answeringConn) Write(p []byte) (int, error) {
	c.bound.lookAtAnswer(p)
	return c.Conn.Write(p)
}

// handshake finishes TLS before net/http sees the connection, so that a failure can be explained to the operator; nil =
// it failed.
func (f *Front) handshake(c *Conn, cfg *tls.Config) net.Conn {
	t := tls.Server(c, cfg)
	c.framing.ended = true // no head
	_ = c.SetDeadline(time.Now().Add(f.HeaderTimeout))
	if err := t.Handshake(); err != nil {
		why, detail := explainHandshake(err, c.written.Load(), c.lastRecord)
		f.failed(c, 0, why, detail)
		return nil
	}
	_ = c.SetDeadline(time.Time{})
	c.secure = true
	c.framing = framing{}
	c.headRead.Store(false)
	if t.ConnectionState().NegotiatedProtocol == "h2" {
		return t // net/http takes HTTP/2 from a *tls.Conn only, and answers there by frames
	}
	return &answeringConn{Conn: t, bound: c}
}

// explainHandshake finds the likely reason why a handshake failed. answered says that the proxy had sent its
// certificate; last is the record with which the program's bytes end.
func explainHandshake(err error, answered bool, last alertRecord) (why cause.ID, detail string) {
	var name *authority.NameError
	alert := alertOf(err)
	if sent := last.alert(); alert == 0 && sent != 0 {
		alert, err = sent, fmt.Errorf("remote error: %w", tls.AlertError(sent))
	}
	switch {
	case errors.As(err, &name):
		return cause.TLSName, strings.ReplaceAll(err.Error(), name.Host, shown.Host(name.Host))
	case alert >= 42 && alert <= 49 && alert != 47: // RFC 8446 §6.2: all about certificates but illegal_parameter
		return cause.TLSNotTrusted, "the program refuses the proxy's certificate: " + err.Error()
	case alert != 0:
		return cause.TLSHandshake, err.Error()
	case answered && wasCut(err):
		const hungUp = "the program hung up when it saw the proxy's certificate; most likely it does not trust the CA"
		return cause.TLSHungUp, hungUp
	case strings.Contains(err.Error(), "unsupported versions"), strings.Contains(err.Error(), "no cipher suite"):
		return cause.TLSVersion, err.Error() // crypto/tls has no types for these two
	}
	return cause.TLSHandshake, err.Error()
}

// wasCut tells whether the other side, or something on the way, ended the connection.
func wasCut(err error) bool {
	id, _ := cause.OfNetwork("", err)
	return id == cause.Reset
}

// alertRecord is a TLS record as long as an alert.
type alertRecord [7]byte

// alert gives the fatal alert in it; 0 = it is none. With TLS 1.3, OpenSSL (curl, Python, PHP) refuses a certificate
// in clear, before its own keys are in use, where crypto/tls expects a record with a MAC.
func (r alertRecord) alert() uint64 {
	if r[0] == 0x15 && r[1] == 3 && r[3] == 0 && r[4] == 2 && r[5] == 2 { // RFC 8446 §5.1 and §6
		return uint64(r[6])
	}
	return 0
}

// alertOf gives the TLS alert that the other side sent; 0 = none. crypto/tls keeps its type, a uint8, to itself.
func alertOf(err error) uint64 {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" || op.Err == nil {
		return 0
	}
	if v := reflect.ValueOf(op.Err); v.Kind() == reflect.Uint8 {
		return v.Uint()
	}
	return 0
}
