package apptest

import (
	"archive/zip"
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

// WireLimit is how long a bare connection waits, on a machine with much else to do.
const WireLimit = 30 * time.Second

// Wire is a bare connection to the proxy, for what no Go client would send.
type Wire struct {
	T *testing.T
	net.Conn
	In *bufio.Reader
}

// NewWire takes a connection over.
func NewWire(t *testing.T, c net.Conn) *Wire {
	t.Helper()
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(WireLimit))
	return &Wire{T: t, Conn: c, In: bufio.NewReader(c)}
}

// Dial connects to a door.
func (r *Rig) Dial(t *testing.T, door call.Door) *Wire {
	t.Helper()
	c, err := net.Dial("tcp", r.Addr(door))
	if err != nil {
		t.Fatal(err)
	}
	return NewWire(t, c)
}

// DialTLS speaks TLS to a listener; name "" sends no SNI.
func (r *Rig) DialTLS(t *testing.T, door call.Door, name string, protocols ...string) *Wire {
	t.Helper()
	return r.Dial(t, door).Secure(r, name, protocols...)
}

// Secure starts TLS on the connection and checks the proxy's certificate for name, or for the address where name is
// empty.
func (w *Wire) Secure(r *Rig, name string, protocols ...string) *Wire {
	w.T.Helper()
	cfg := &tls.Config{RootCAs: r.ProxyCA(), ServerName: name, NextProtos: protocols}
	if name == "" {
		cfg.ServerName = "127.0.0.1" // an address is never sent as SNI (RFC 6066 §3)
	}
	c := tls.Client(w.Buffered(), cfg)
	if err := c.Handshake(); err != nil {
		w.T.Fatalf("TLS handshake: %v\n%s", err, r.Log)
	}
	return NewWire(w.T, c)
}

// Buffered gives the connection with what was read ahead of it.
func (w *Wire) Buffered() net.Conn { return &readAhead{Conn: w.Conn, in: w.In} }

type readAhead struct {
	net.Conn
	in *bufio.Reader
}

func (c *readAhead) Read(p []byte) (int, error) { return c.in.Read(p) }

// Send writes bytes as they are.
func (w *Wire) Send(text string) {
	w.T.Helper()
	if _, err := io.WriteString(w.Conn, text); err != nil {
		w.T.Fatalf("send: %v", err)
	}
}

// Heard is one answer as it stood on the wire.
type Heard struct {
	Answer
	proto    string
	Encoding []string // Transfer-Encoding
	Length   int64
	Close    bool
	Err      error // of reading the body
}

// Read takes one answer off the wire; 100 Continue is reported as an answer of its own.
func (w *Wire) Read(method string) Heard {
	w.T.Helper()
	got, err := w.Hear(method)
	if err != nil {
		w.T.Fatalf("read answer: %v", err)
	}
	return got
}

// Hear is read for answers that may break off before they begin.
func (w *Wire) Hear(method string) (Heard, error) {
	resp, err := http.ReadResponse(w.In, &http.Request{Method: method})
	if err != nil {
		return Heard{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return Heard{
		Answer{resp.StatusCode, resp.Header, string(body)}, resp.Proto, resp.TransferEncoding, resp.ContentLength, resp.Close,
		err,
	}, nil
}

// Ended reports whether the proxy has closed the connection and sent nothing more.
func (w *Wire) Ended() bool {
	n, err := w.In.Read(make([]byte, 1))
	return n == 0 && (errors.Is(err, io.EOF) || isReset(err))
}

func isReset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout()
}

// Tunnel opens a CONNECT tunnel with the given bytes and starts TLS in it.
func (r *Rig) Tunnel(t *testing.T, connect string, protocols ...string) *Wire {
	t.Helper()
	return r.Opened(t, connect).Secure(r, "demo.docusign.net", protocols...)
}

// Opened sends a CONNECT and takes its 200 off the wire.
func (r *Rig) Opened(t *testing.T, connect string) *Wire {
	t.Helper()
	w := r.Dial(t, call.DoorSidecar)
	w.Send(connect)
	w.Established()
	return w
}

// Established takes the 200 of a CONNECT off the wire.
func (w *Wire) Established() {
	w.T.Helper()
	status, err := w.In.ReadString('\n')
	if err != nil || !strings.Contains(status, " 200 ") {
		w.T.Fatalf("CONNECT answered %q, %v", status, err)
	}
	for {
		line, err := w.In.ReadString('\n')
		if err != nil {
			w.T.Fatal(err)
		}
		if strings.TrimSpace(line) == "" {
			return
		}
	}
}

// ConnectDemo opens a tunnel to the demo site.
const ConnectDemo = "CONNECT demo.docusign.net:443 HTTP/1.1\r\nHost: demo.docusign.net:443\r\n\r\n"

// RecordedRequest reads the recorded request of a real client.
func RecordedRequest(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/captures/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Last gives the newest request that reached a REST site.
func (r *Rig) Last(t *testing.T) sandbox.Recorded {
	t.Helper()
	all := r.AtSites()
	if len(all) == 0 {
		t.Fatalf("nothing reached DocuSign\n%s", r.Log)
	}
	return all[len(all)-1]
}

// AtSites gives the requests that reached a site, without those at the account server.
func (r *Rig) AtSites() []sandbox.Recorded {
	var out []sandbox.Recorded
	for _, q := range r.Sandbox.Requests() {
		if q.Site != "account-d.docusign.com" {
			out = append(out, q)
		}
	}
	return out
}

// Unzipped gives the texts of an archive by their names.
func Unzipped(t *testing.T, z *zip.Reader) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, f := range z.File {
		opened, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(opened)
		if err != nil {
			t.Fatal(err)
		}
		texts[f.Name] = string(text)
	}
	return texts
}

// Eventually waits for what happens beside the answer, such as the log line of a call.
func Eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(WireLimit)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// Chunked splits a body into chunks whose heads have this format.
func Chunked(body []byte, size int, format string) string {
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

// TokenUser gives the claims of a token of the sandbox, which name its user.
func TokenUser(t *testing.T, authorization string) string {
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
