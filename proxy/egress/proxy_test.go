package egress_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/proxy/egress"
)

// companyProxy tunnels every CONNECT to target, whatever name was asked for, and tells what it was asked.
func companyProxy(t *testing.T, secure bool, target netip.AddrPort) (*httptest.Server, chan *http.Request) {
	t.Helper()
	asked := make(chan *http.Request, 8)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r
		if r.Header.Get("Proxy-Authorization") != basicHeader("svc", "c4n4ry") {
			w.Header().Set("Proxy-Authenticate", "Basic realm=corp")
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		far, err := net.Dial("tcp", target.String())
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer far.Close()
		near, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer near.Close()
		_, _ = io.WriteString(near, "HTTP/1.1 200 Connection established\r\nVia: 1.1 corp\r\n\r\n")
		_, _ = io.Copy(near, far)
	}))
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s, asked
}

func addressOf(t *testing.T, s *httptest.Server) egress.Host {
	t.Helper()
	return host(t, s.Listener.Addr().String())
}

func newProxy(address egress.Host) *egress.Proxy {
	return &egress.Proxy{Address: address, User: "svc", Password: secret.New("c4n4ry"), Dialer: &egress.Dialer{}}
}

func TestProxyDial(t *testing.T) {
	server := greeter(t)
	for _, secure := range []bool{false, true} {
		s, asked := companyProxy(t, secure, server)
		p := newProxy(addressOf(t, s))
		if secure {
			p.TLS = s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
			p.TLS.ServerName = "127.0.0.1"
		}
		conn, err := p.DialContext(t.Context(), "tcp", "Demo.DocuSign.net:443")
		if err != nil {
			t.Fatal(err)
		}
		if got := greeting(t, conn); !strings.HasPrefix(got, "127.0.0.1:") {
			t.Errorf("greeted with %q", got)
		}
		if r := <-asked; r.Method != http.MethodConnect || r.Host != "demo.docusign.net:443" ||
			r.RequestURI != "demo.docusign.net:443" {
			t.Errorf("asked %s %s, Host %s", r.Method, r.RequestURI, r.Host)
		}
	}
}

func TestProxyDialRefuses(t *testing.T) {
	server := greeter(t)
	s, asked := companyProxy(t, false, server)
	self := func() []netip.AddrPort { return []netip.AddrPort{netip.MustParseAddrPort(s.Listener.Addr().String())} }
	tests := []struct {
		name   string
		change func(*egress.Proxy)
		addr   string
		check  func(error) bool
	}{
		{"a wrong password", func(p *egress.Proxy) {
			p.Password = secret.New("c4n4ry2")
		}, "demo.docusign.net:443", status(407)},
		{"no user", func(p *egress.Proxy) { p.User = "" }, "demo.docusign.net:443", status(407)},
		{"an inner address", nil, "10.0.0.1:443", refusedBy(egress.RulePrivate)},
		{"a proxy that is this proxy", func(p *egress.Proxy) {
			p.Dialer = &egress.Dialer{Self: self}
		}, "demo.docusign.net:443", refusedBy(egress.RuleSelf)},
		{"a proxy that does not exist", func(p *egress.Proxy) {
			p.Address = egress.Host{}
		}, "demo.docusign.net:443", status(0)},
		{"a proxy that speaks no TLS", func(p *egress.Proxy) {
			p.TLS = &tls.Config{ServerName: "proxy"}
		}, "demo.docusign.net:443", status(0)},
		{"a malformed target", nil, "demo.docusign.net", func(err error) bool {
			var h *egress.HostError
			return errors.As(err, &h)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newProxy(addressOf(t, s))
			if tt.change != nil {
				tt.change(p)
			}
			_, err := p.DialContext(t.Context(), "tcp", tt.addr)
			if err == nil || !tt.check(err) || strings.Contains(err.Error(), "c4n4ry") {
				t.Errorf("error %v (%T)", err, err)
			}
		})
	}
	for len(asked) > 0 {
		<-asked
	}
	p := newProxy(addressOf(t, s))
	p.Dialer.Allow = loopback
	conn, err := p.DialContext(t.Context(), "tcp", "127.0.0.1:443")
	if err != nil {
		t.Fatal(err)
	}
	greeting(t, conn)
}

func status(want int) func(error) bool {
	return func(err error) bool {
		p, ok := errors.AsType[*egress.ProxyError](err)
		return ok && p.Status == want && p.Target.Name() == "demo.docusign.net"
	}
}

func refusedBy(rule string) func(error) bool {
	return func(err error) bool {
		r, ok := errors.AsType[*egress.RefusedError](err)
		return ok && r.Rule == rule
	}
}

// scripted accepts one connection, reads the request's head and then does what the script says.
func scripted(t *testing.T, script func(net.Conn)) egress.Host {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		r := bufio.NewReader(c)
		for line := "x"; strings.TrimSpace(line) != ""; {
			if line, err = r.ReadString('\n'); err != nil {
				return
			}
		}
		script(c)
	}()
	return host(t, l.Addr().String())
}

func says(text string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = io.WriteString(c, text)
		_ = c.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	}
}

func TestProxyAnswers(t *testing.T) {
	tests := []struct{ name, answer, want, failure string }{
		{"the far side's first bytes come with the answer", "HTTP/1.1 200 OK\r\n\r\n220 hello", "220 hello", ""},
		{"an old proxy", "HTTP/1.0 200 Connection established\r\n\r\nx", "x", ""},
		{
			"another good status, with a length that means nothing", "HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\nx",
			"x", "",
		},
		{"an interim answer first", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nx", "x", ""},
		{"interim answers without end", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 9999), "", "a head over 65536 bytes"},
		{"a refusal", "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", "", "answers 403 Forbidden"},
		{"a redirect is no tunnel", "HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\n\r\n", "", "answers 302"},
		{"no HTTP", "SSH-2.0-OpenSSH\r\n\r\n", "", "malformed HTTP"},
		{"nothing", "", "", "ended before"},
		{"a head without end", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 20000), "", "a head over 65536 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newProxy(scripted(t, says(tt.answer)))
			conn, err := p.DialContext(t.Context(), "tcp", "demo.docusign.net:443")
			if tt.failure != "" {
				if err == nil || !strings.Contains(err.Error(), tt.failure) {
					t.Errorf("error %v, want %q", err, tt.failure)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := greeting(t, conn); got != tt.want {
				t.Errorf("read %q", got)
			}
		})
	}
}

func TestProxyDialEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	silent := func(c net.Conn) {
		cancel()
		_, _ = io.Copy(io.Discard, c)
	}
	p := newProxy(scripted(t, silent))
	if _, err := p.DialContext(ctx, "tcp", "demo.docusign.net:443"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestProxyDialTimesOutAndTheConnectionDoesNot(t *testing.T) {
	p := newProxy(scripted(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }))
	p.Dialer.Timeout = 20 * time.Millisecond
	_, err := p.DialContext(t.Context(), "tcp", "demo.docusign.net:443")
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error %v", err)
	}

	// Once open, neither the time-out nor the context of the dial may end the connection.
	release := make(chan struct{})
	p = newProxy(scripted(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		<-release
		_, _ = io.WriteString(c, "late")
	}))
	ctx, cancel := context.WithCancel(t.Context())
	conn, err := p.DialContext(ctx, "tcp", "demo.docusign.net:443")
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	close(release)
	if got := greeting(t, conn); got != "late" {
		t.Errorf("read %q", got)
	}
}
