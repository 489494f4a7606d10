package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/elazarl/goproxy"

	"docusign-auth-proxy/proxy/authority"
)

// Names of the peers; the last two are the program itself, with soap: bearer and with soap: rest.
const (
	peerUpstream       = "upstream"
	peerReverse        = "reverse"
	peerReverseConnect = "reverse-connect"
	peerGoproxy        = "goproxy"
	peerGoproxyCached  = "goproxy-cached"
	peerProxy          = "proxy"
	peerREST           = "proxy-rest"
)

// runPeer serves as one of the peers until standard input ends, which it does at the latest with the parent.
func runPeer(args []string) error {
	fs := flag.NewFlagSet(peerMode, flag.ContinueOnError)
	name := fs.String("name", "", "")
	dir := fs.String("dir", "", "")
	upstream := fs.String("upstream", "", "")
	if err := fs.Parse(args); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- servePeer(*name, l, *dir, *upstream) }()
	fmt.Println(l.Addr())
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		failed <- err
	}()
	return <-failed
}

func servePeer(name string, l net.Listener, dir, upstream string) error {
	if name == peerUpstream {
		return serveUpstream(l, dir)
	}
	t, err := tunedTransport(dir, upstream)
	if err != nil {
		return err
	}
	var h http.Handler
	switch name {
	case peerReverse:
		h = newReverse(t)
	case peerReverseConnect:
		h, err = newConnectDoor(dir, newReverse(t))
	case peerGoproxy:
		h, err = newGoproxy(dir, t, nil)
	case peerGoproxyCached:
		h, err = newGoproxy(dir, t, &leafStore{leaves: map[string]*tls.Certificate{}})
	default:
		err = fmt.Errorf("no peer %q", name)
	}
	if err != nil {
		return err
	}
	return (&http.Server{Handler: h, ReadHeaderTimeout: time.Minute}).Serve(l)
}

// tunedTransport is the best known setting of http.Transport for one busy host; all peers get it.
func tunedTransport(dir, upstream string) (*http.Transport, error) {
	roots, err := loadRoots(dir, upstreamCert)
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	return &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return d.DialContext(ctx, network, upstream)
		},
		TLSClientConfig: &tls.Config{
			RootCAs: roots, MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(256),
		},
		MaxIdleConnsPerHost: 1024,
		IdleConnTimeout:     90 * time.Second,
		WriteBufferSize:     32 << 10,
		ReadBufferSize:      32 << 10,
		DisableCompression:  true,
	}, nil
}

// newReverse is the yardstick: a ReverseProxy with pooled copy buffers that sends everything to the site and changes
// nothing.
func newReverse(t http.RoundTripper) http.Handler {
	to := &url.URL{Scheme: "https", Host: site}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = site
		},
		Transport:  t,
		BufferPool: &copyBuffers{},
	}
}

type copyBuffers struct{ pool sync.Pool }

// Get lends a buffer.
func (p *copyBuffers) Get() []byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, 32<<10)
}

// Put takes a buffer back.
func (p *copyBuffers) Put(b []byte) { p.pool.Put(&b) }

// connectDoor answers CONNECT, takes TLS off with cached leaves and serves what is inside with one http.Server.
type connectDoor struct {
	leaves *authority.Leaves
	conns  chan net.Conn
	addr   net.Addr
}

func newConnectDoor(dir string, inner http.Handler) (http.Handler, error) {
	leaves, err := loadLeaves(dir, proxyCert, proxyKey)
	if err != nil {
		return nil, err
	}
	d := &connectDoor{leaves: leaves, conns: make(chan net.Conn), addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}}
	s := &http.Server{Handler: inner, ReadHeaderTimeout: time.Minute}
	go func() { log.Fatal(s.Serve(d)) }() // the peer has no use without it
	return d, nil
}

// Accept gives the inner server its next connection.
func (d *connectDoor) Accept() (net.Conn, error) { return <-d.conns, nil }

// Close does nothing: the peer ends as a whole.
func (d *connectDoor) Close() error { return nil }

// Addr is asked for by http.Server.
func (d *connectDoor) Addr() net.Addr { return d.addr }

func (d *connectDoor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.Host)
	if r.Method != http.MethodConnect || err != nil {
		http.Error(w, "CONNECT only", http.StatusBadRequest)
		return
	}
	c, rw, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	if err := established(c, rw); err != nil {
		_ = c.Close()
		return
	}
	d.conns <- tls.Server(c, d.leaves.Config(host))
}

func established(c net.Conn, rw *bufio.ReadWriter) error {
	if rw.Reader.Buffered() > 0 {
		return errors.New("the load generator waits for the answer to its CONNECT")
	}
	if err := c.SetDeadline(time.Time{}); err != nil {
		return err
	}
	_, err := io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
	return err
}

// newGoproxy is goproxy's own interception with an ECDSA CA, which makes it sign ECDSA leaves. Without a store, as it
// comes, it signs one for each CONNECT.
func newGoproxy(dir string, t *http.Transport, store goproxy.CertStorage) (http.Handler, error) {
	ca, err := tls.LoadX509KeyPair(filepath.Join(dir, proxyCert), filepath.Join(dir, proxyKey))
	if err != nil {
		return nil, err
	}
	p := goproxy.NewProxyHttpServer()
	p.Logger = log.New(io.Discard, "", 0)
	p.Tr = t
	p.CertStore = store
	mitm := &goproxy.ConnectAction{Action: goproxy.ConnectMitm, TLSConfig: goproxy.TLSConfigFromCA(&ca)}
	p.OnRequest().HandleConnectFunc(func(host string, _ *goproxy.ProxyCtx) (*goproxy.ConnectAction, string) {
		return mitm, host
	})
	return p, nil
}

// leafStore is a goproxy.CertStorage for the few hosts of a benchmark.
type leafStore struct {
	mu     sync.Mutex
	leaves map[string]*tls.Certificate
}

// Fetch gives the leaf of a host, made at its first use.
func (s *leafStore) Fetch(host string, gen func() (*tls.Certificate, error)) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.leaves[host]; ok {
		return c, nil
	}
	c, err := gen()
	if err == nil {
		s.leaves[host] = c
	}
	return c, err
}
