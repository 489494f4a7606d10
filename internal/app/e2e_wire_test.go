package app

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/sandbox"
)

const wireLimit = 10 * time.Second

// wire is a bare connection to the proxy, for what no Go client would send.
type wire struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func newWire(t *testing.T, c net.Conn) *wire {
	t.Helper()
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(wireLimit))
	return &wire{t: t, Conn: c, in: bufio.NewReader(c)}
}

func (r *rig) dial(t *testing.T, door call.Door) *wire {
	t.Helper()
	c, err := net.Dial("tcp", r.addr(door))
	if err != nil {
		t.Fatal(err)
	}
	return newWire(t, c)
}

// dialTLS speaks TLS to a listener; name "" sends no SNI.
func (r *rig) dialTLS(t *testing.T, door call.Door, name string, protocols ...string) *wire {
	t.Helper()
	return r.dial(t, door).secure(r, name, protocols...)
}

// secure starts TLS on the connection and checks the proxy's certificate for name, or for the address where name is
// empty.
func (w *wire) secure(r *rig, name string, protocols ...string) *wire {
	w.t.Helper()
	cfg := &tls.Config{RootCAs: r.proxyCA(), ServerName: name, NextProtos: protocols}
	if name == "" {
		cfg.ServerName = "127.0.0.1" // an address is never sent as SNI (RFC 6066 §3)
	}
	c := tls.Client(w.buffered(), cfg)
	if err := c.Handshake(); err != nil {
		w.t.Fatalf("TLS handshake: %v\n%s", err, r.log)
	}
	return newWire(w.t, c)
}

// buffered gives the connection with what was read ahead of it.
func (w *wire) buffered() net.Conn { return &readAhead{Conn: w.Conn, in: w.in} }

type readAhead struct {
	net.Conn
	in *bufio.Reader
}

func (c *readAhead) Read(p []byte) (int, error) { return c.in.Read(p) }

func (w *wire) send(text string) {
	w.t.Helper()
	if _, err := io.WriteString(w.Conn, text); err != nil {
		w.t.Fatalf("send: %v", err)
	}
}

// heard is one answer as it stood on the wire.
type heard struct {
	answer
	proto    string
	encoding []string // Transfer-Encoding
	length   int64
	close    bool
	err      error // of reading the body
}

// read takes one answer off the wire; 100 Continue is reported as an answer of its own.
func (w *wire) read(method string) heard {
	w.t.Helper()
	got, err := w.hear(method)
	if err != nil {
		w.t.Fatalf("read answer: %v", err)
	}
	return got
}

// hear is read for answers that may break off before they begin.
func (w *wire) hear(method string) (heard, error) {
	resp, err := http.ReadResponse(w.in, &http.Request{Method: method})
	if err != nil {
		return heard{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return heard{
		answer{resp.StatusCode, resp.Header, string(body)}, resp.Proto, resp.TransferEncoding, resp.ContentLength, resp.Close,
		err,
	}, nil
}

// ended reports whether the proxy has closed the connection and sent nothing more.
func (w *wire) ended() bool {
	n, err := w.in.Read(make([]byte, 1))
	return n == 0 && (errors.Is(err, io.EOF) || isReset(err))
}

func isReset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout()
}

// tunnel opens a CONNECT tunnel with the given bytes and starts TLS in it.
func (r *rig) tunnel(t *testing.T, connect string, protocols ...string) *wire {
	t.Helper()
	return r.opened(t, connect).secure(r, "demo.docusign.net", protocols...)
}

// opened sends a CONNECT and takes its 200 off the wire.
func (r *rig) opened(t *testing.T, connect string) *wire {
	t.Helper()
	w := r.dial(t, call.DoorSidecar)
	w.send(connect)
	w.established()
	return w
}

func (w *wire) established() {
	w.t.Helper()
	status, err := w.in.ReadString('\n')
	if err != nil || !strings.Contains(status, " 200 ") {
		w.t.Fatalf("CONNECT answered %q, %v", status, err)
	}
	for {
		line, err := w.in.ReadString('\n')
		if err != nil {
			w.t.Fatal(err)
		}
		if strings.TrimSpace(line) == "" {
			return
		}
	}
}

const connectDemo = "CONNECT demo.docusign.net:443 HTTP/1.1\r\nHost: demo.docusign.net:443\r\n\r\n"

// recordedRequest reads the recorded request of a real client.
func recordedRequest(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/captures/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// last gives the newest request that reached a REST site.
func (r *rig) last(t *testing.T) sandbox.Recorded {
	t.Helper()
	all := r.atSites()
	if len(all) == 0 {
		t.Fatalf("nothing reached DocuSign\n%s", r.log)
	}
	return all[len(all)-1]
}

// atSites gives the requests that reached a site, without those at the account server.
func (r *rig) atSites() []sandbox.Recorded {
	var out []sandbox.Recorded
	for _, q := range r.sandbox.Requests() {
		if q.Site != "account-d.docusign.com" {
			out = append(out, q)
		}
	}
	return out
}

// eventually waits for what happens beside the answer, such as the log line of a call.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(wireLimit)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func chunked(body []byte, size int, format string) string {
	var b bytes.Buffer
	for len(body) > 0 {
		n := min(size, len(body))
		fmt.Fprintf(&b, format+"\r\n", n)
		b.Write(body[:n])
		b.WriteString("\r\n")
		body = body[n:]
	}
	b.WriteString("0\r\n\r\n")
	return b.String()
}

// tokenUser gives the claims of a token of the sandbox, which name its user.
func tokenUser(t *testing.T, authorization string) string {
	t.Helper()
	parts := strings.Split(strings.TrimPrefix(authorization, "Bearer "), ".")
	if len(parts) != 3 {
		return "no access token"
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	return string(claims)
}
