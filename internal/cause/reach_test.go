package cause_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"docusign-auth-proxy/internal/cause"
)

// certificate is signed by itself.
func certificate(t *testing.T, c *x509.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber = big.NewInt(1)
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// serving answers every connection with talk.
func serving(t *testing.T, talk func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); talk(c) }()
		}
	}()
	return l.Addr().String()
}

func speakingTLS(cfg *tls.Config) func(net.Conn) {
	return func(c net.Conn) { _ = tls.Server(c, cfg).Handshake() }
}

func get(address string, trusted *x509.Certificate) error {
	cfg := &tls.Config{ServerName: "na3.docusign.net", RootCAs: x509.NewCertPool()}
	if trusted != nil {
		cfg.RootCAs.AddCert(trusted)
	}
	tr := &http.Transport{TLSClientConfig: cfg}
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr, Timeout: 5 * time.Second}).Get("https://" + address)
	if err == nil {
		resp.Body.Close()
	}
	return err
}

func TestRealConnectionsSayWhichStepFailed(t *testing.T) {
	now := time.Now()
	valid := func(c x509.Certificate) *x509.Certificate {
		c.NotBefore, c.NotAfter = now.Add(-time.Hour), now.Add(time.Hour)
		return &c
	}
	here := []string{"na3.docusign.net"}
	inspecting := certificate(t, valid(x509.Certificate{
		Subject: pkix.Name{CommonName: "Example Ltd inspection\nCA"}, DNSNames: here}))
	other := certificate(t, valid(x509.Certificate{DNSNames: []string{"portal.example.com"}}))
	old := certificate(t, &x509.Certificate{
		DNSNames: here, NotBefore: now.Add(-2 * time.Hour), NotAfter: now.Add(-time.Hour)})
	only := func(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }
	refusing := only(inspecting)
	refusing.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, errors.New("no") }

	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()

	for name, row := range map[string]struct {
		err   error
		want  cause.ID
		means string
	}{
		"nobody listens": {get(closed.Addr().String(), nil), cause.ConnectionRefused,
			closed.Addr().String() + " refuses the connection for na3.docusign.net"},
		"a company's proxy reads TLS, and its CA is not known": {
			get(serving(t, speakingTLS(only(inspecting))), nil), cause.UntrustedCertificate,
			`the certificate of na3.docusign.net is signed by a CA that this machine does not know: ` +
				`Example Ltd inspection\nCA`},
		"the certificate is for another host": {
			get(serving(t, speakingTLS(only(other))), other.Leaf), cause.OtherCertificate, "portal.example.com"},
		"the certificate is too old": {get(serving(t, speakingTLS(only(old))), old.Leaf), cause.ExpiredCertificate, ""},
		"what answers speaks plain HTTP": {
			get(serving(t, func(c net.Conn) {
				_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
				_, _ = io.Copy(io.Discard, c)
			}), nil), cause.NoTLS, ""},
		"what answers refuses the handshake": {
			get(serving(t, speakingTLS(refusing)), nil), cause.TLSRefused, "tls: internal error"},
		"a firewall resets the connection": {
			get(serving(t, func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }), nil), cause.Reset, ""},
		"the other side closes at once": {
			get(serving(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 4096)) }), nil), cause.Reset, ""},
	} {
		id, fill := cause.OfNetwork("na3.docusign.net", row.err)
		if id != row.want || !strings.Contains(id.Means(fill...), row.means) {
			t.Errorf("%s: %v is %q", name, row.err, id.Means(fill...))
		}
		if next := id.Next(fill...); strings.ContainsAny(next+id.Means(fill...), "\n{}") {
			t.Errorf("%s: %q", name, next)
		}
	}
}

type explained struct{ error }

func (explained) Row() (cause.ID, []string) {
	return cause.ProxyLogin, []string{"proxy", "proxy.example.com:3128"}
}

func TestErrorsSayWhichStepFailed(t *testing.T) {
	at := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443}
	dial := func(err error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Addr: at, Err: err}
	}
	refused := dial(os.NewSyscallError("connect", syscall.ECONNREFUSED))
	unreachable := dial(os.NewSyscallError("connect", syscall.ENETUNREACH))
	for name, row := range map[string]struct {
		err  error
		want cause.ID
	}{
		"DNS does not know the name":           {&net.DNSError{Err: "no such host", IsNotFound: true}, cause.NoName},
		"the DNS server does not answer":       {&net.DNSError{Err: "i/o timeout", IsTimeout: true}, cause.NoDNS},
		"the DNS server refuses":               {&net.DNSError{UnwrapErr: syscall.ECONNREFUSED}, cause.NoDNS},
		"no route":                             {unreachable, cause.NoRoute},
		"a refusal, on Windows":                {dial(syscall.Errno(10061)), cause.ConnectionRefused},
		"no route, on Windows":                 {dial(syscall.Errno(10065)), cause.NoRoute},
		"nobody answers, on Windows":           {dial(syscall.Errno(10060)), cause.ConnectTimeout},
		"a reset, on Windows":                  {&net.OpError{Op: "read", Err: syscall.Errno(10054)}, cause.Reset},
		"Windows' own firewall":                {dial(syscall.Errno(10013)), cause.LocalFirewall},
		"the firewall of this machine":         {dial(os.NewSyscallError("connect", syscall.EACCES)), cause.LocalFirewall},
		"no IPv6, and a refusal over IPv4":     {errors.Join(unreachable, refused), cause.ConnectionRefused},
		"no route over either family":          {errors.Join(unreachable, unreachable), cause.NoRoute},
		"a connection that nobody answers":     {dial(context.DeadlineExceeded), cause.ConnectTimeout},
		"the system gave up":                   {dial(syscall.ETIMEDOUT), cause.ConnectTimeout},
		"an answer that does not come":         {os.ErrDeadlineExceeded, cause.Timeout},
		"the call's own limit":                 {&url.Error{Op: "Post", Err: context.DeadlineExceeded}, cause.Timeout},
		"an error that knows its row":          {dial(explained{errors.New("407")}), cause.ProxyLogin},
		"something of which nothing is known":  {errors.New("odd"), cause.Unreachable},
		"the end of the connection in between": {&url.Error{Op: "Get", Err: io.ErrUnexpectedEOF}, cause.Reset},
	} {
		id, fill := cause.OfNetwork("demo.docusign.net", row.err)
		if id != row.want || strings.Contains(id.Means(fill...), "the host") {
			t.Errorf("%s is %q", name, id.Means(fill...))
		}
	}
	id, fill := cause.OfNetwork("demo.docusign.net", refused)
	if got := id.Means(fill...); got != "192.0.2.1:443 refuses the connection for demo.docusign.net" {
		t.Errorf("got %q", got)
	}
}
