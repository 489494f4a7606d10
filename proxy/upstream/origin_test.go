//go:build unix

package upstream

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// origin is a server on loopback that does with each TLS connection what a test says, n counting from 1.
type origin struct {
	t     testing.TB
	l     net.Listener
	cert  tls.Certificate
	roots *x509.CertPool
	serve func(c *peer, n int)

	mu    sync.Mutex
	plain func(c net.Conn) // serves instead of TLS, if non-nil
	conns []net.Conn
	wg    sync.WaitGroup
}

// peer is the server's end of a connection.
type peer struct {
	*tls.Conn
	raw      *corked
	r        *bufio.Reader
	received bytes.Buffer // all the client sent
}

// corked holds back what TLS writes, so that several records arrive at once.
type corked struct {
	net.Conn
	hold bool
	held []byte
}

func (c *corked) Write(p []byte) (int, error) {
	if !c.hold {
		return c.Conn.Write(p)
	}
	c.held = append(c.held, p...)
	return len(p), nil
}

func (c *corked) release() {
	c.hold = false
	_ = c.SetWriteDeadline(time.Time{}) // TLS forbids writing after its farewell
	_, _ = c.Conn.Write(c.held)
	c.held = nil
}

func newOrigin(t testing.TB, serve func(c *peer, n int)) *origin {
	t.Helper()
	o := &origin{t: t, serve: serve}
	o.cert, o.roots = certificate(t)
	var err error
	if o.l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	o.wg.Go(o.accept)
	t.Cleanup(o.close)
	return o
}

func certificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "origin"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"origin.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

func (o *origin) accept() {
	cfg := &tls.Config{Certificates: []tls.Certificate{o.cert}, NextProtos: []string{"h2", "http/1.1"}}
	for n := 1; ; n++ {
		c, err := o.l.Accept()
		if err != nil {
			return
		}
		o.mu.Lock()
		o.conns = append(o.conns, c)
		plain := o.plain
		o.mu.Unlock()
		o.wg.Go(func() {
			defer c.Close()
			if plain != nil {
				plain(c)
				return
			}
			raw := &corked{Conn: c}
			p := &peer{Conn: tls.Server(raw, cfg), raw: raw}
			p.r = bufio.NewReader(io.TeeReader(p.Conn, &p.received))
			o.serve(p, n)
		})
	}
}

func (o *origin) close() {
	_ = o.l.Close()
	o.mu.Lock()
	for _, c := range o.conns {
		_ = c.Close()
	}
	o.mu.Unlock()
	o.wg.Wait()
}

// speak lets further connections be served without TLS.
func (o *origin) speak(plain func(net.Conn)) *origin {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.plain = plain
	return o
}

func (o *origin) dialed() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.conns)
}

func (o *origin) url(path string) string { return "https://" + o.l.Addr().String() + path }

// request reads one request; nil at the end.
func (p *peer) request() *http.Request {
	r, err := http.ReadRequest(p.r)
	if err != nil {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return r
}

func (p *peer) say(s string) { _, _ = io.WriteString(p.Conn, s) }

// reset ends the connection with a RST.
func (p *peer) reset() {
	_ = p.raw.Conn.(*net.TCPConn).SetLinger(0)
	_ = p.raw.Conn.Close()
}

const ok2 = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// always answers each request with the same.
func always(answer string) func(*peer, int) {
	return func(p *peer, _ int) {
		for p.request() != nil {
			p.say(answer)
		}
	}
}

func (o *origin) transport() *Transport {
	t := &Transport{Base: refusing{o.t}, Like: o.settings()}
	o.t.Cleanup(t.CloseIdleConnections)
	return t
}

// settings are the usual ones.
func (o *origin) settings() *http.Transport {
	return &http.Transport{
		DialContext: (&net.Dialer{}).DialContext, TLSClientConfig: &tls.Config{RootCAs: o.roots},
		TLSHandshakeTimeout: time.Minute, ResponseHeaderTimeout: time.Minute, IdleConnTimeout: 90 * time.Second,
		MaxIdleConnsPerHost: 256, MaxResponseHeaderBytes: 256 << 10, DisableCompression: true,
	}
}

// refusing is a Base for tests in which nothing may reach it.
type refusing struct{ t testing.TB }

func (r refusing) RoundTrip(req *http.Request) (*http.Response, error) {
	r.t.Errorf("%s %s went to Base", req.Method, req.URL)
	return nil, io.ErrClosedPipe
}

func call(ctx context.Context, t testing.TB, method, url, body string) *http.Request {
	t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, r)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// get makes a GET and reads the answer to its end.
func get(t testing.TB, rt http.RoundTripper, url string) string {
	t.Helper()
	resp, err := rt.RoundTrip(call(t.Context(), t, http.MethodGet, url, ""))
	if err != nil {
		t.Fatal(err)
	}
	return text(t, resp)
}

func text(t testing.TB, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// idle gives the connections of the pool.
func (t *Transport) idle() []*conn {
	t.pool.mu.Lock()
	defer t.pool.mu.Unlock()
	var all []*conn
	for _, list := range t.pool.idle {
		all = append(all, list...)
	}
	return all
}

// arrived waits until something, an end included, has come in on the only idle connection.
func (t *Transport) arrived(tb testing.TB) {
	tb.Helper()
	idle := t.idle()
	if len(idle) != 1 {
		tb.Fatalf("%d idle connections", len(idle))
	}
	err := idle[0].wire.raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
		return err != syscall.EAGAIN
	})
	if err != nil {
		tb.Fatal(err)
	}
}
