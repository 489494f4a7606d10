package egress

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"docusign-auth-proxy/internal/secret"
)

// DefaultConnectTimeout bounds one connection through a company proxy, the CONNECT answer included.
const DefaultConnectTimeout = 20 * time.Second

const (
	maxConnectHead    = 64 << 10
	maxInterimAnswers = 5
)

// Proxy opens connections through a company's proxy by CONNECT. The proxy's own address is not judged, since the
// operator named it (only a loop is refused); the target's name is resolved by the proxy, so only a target given as an
// address is judged here. Safe for concurrent use.
type Proxy struct {
	// Address of the proxy.
	Address Host
	// TLS speaks https to the proxy; nil speaks http. An empty ServerName becomes the proxy's name.
	TLS *tls.Config
	// User and Password for Basic authentication; an empty User sends none. Without TLS they travel in clear.
	User     string
	Password secret.Text
	// Dialer gives name resolution for the proxy's own name, Allow for targets that are addresses, Self and Interfaces.
	// nil means the zero Dialer.
	Dialer *Dialer
	// Permit may refuse a target by its name, if non-nil.
	Permit func(target Host) error
	// Timeout of one DialContext; default DefaultConnectTimeout.
	Timeout time.Duration
}

// ProxyError says that the company's proxy did not open the connection.
type ProxyError struct {
	Proxy, Target Host
	// Status is the proxy's answer to CONNECT; 0 if there was none, and then Err says why.
	Status int
	Err    error
}

func (e *ProxyError) Error() string {
	if e.Status == 0 {
		return fmt.Sprintf("egress: connect to %s through proxy %s: %v", e.Target, e.Proxy, e.Err)
	}
	text := fmt.Sprintf(
		"egress: connect to %s: proxy %s answers %d %s", e.Target, e.Proxy, e.Status, http.StatusText(e.Status),
	)
	if e.Status == http.StatusProxyAuthRequired {
		text += ": check its user and password"
	}
	return text
}

func (e *ProxyError) Unwrap() error { return e.Err }

// DialContext connects to addr ("host:port") through the proxy; network is tcp. Errors: *HostError, *RefusedError, what
// Permit returns, or *ProxyError, which never holds the credentials.
func (p *Proxy) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if network != "tcp" && network != "tcp4" && network != "tcp6" {
		return nil, net.UnknownNetworkError(network)
	}
	target, err := ParseHost(addr, 0)
	if err != nil {
		return nil, err
	}
	if err := p.permits(target); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(p.Timeout, DefaultConnectTimeout))
	defer cancel()
	conn, err := p.open(ctx)
	if err != nil {
		return nil, &ProxyError{Proxy: p.Address, Target: target, Err: err}
	}
	through, err := p.connect(ctx, conn, target)
	if err != nil {
		_ = conn.Close() // the first error is the one to tell
		return nil, err
	}
	return through, nil
}

func (p *Proxy) dialer() *Dialer {
	if p.Dialer == nil {
		return &Dialer{}
	}
	return p.Dialer
}

func (p *Proxy) permits(target Host) error {
	if ip, ok := target.Addr(); ok {
		d := p.dialer()
		g := &judge{host: target, allow: d.Allow, self: d.Self, interfaces: d.Interfaces}
		if err := g.check(netip.AddrPortFrom(ip, target.port)); err != nil {
			return err
		}
	}
	if p.Permit == nil {
		return nil
	}
	return p.Permit(target)
}

func (p *Proxy) open(ctx context.Context) (net.Conn, error) {
	conn, err := p.dialer().dial(ctx, "tcp", p.Address, true)
	if err != nil || p.TLS == nil {
		return conn, err
	}
	config := p.TLS
	if config.ServerName == "" {
		config = config.Clone()
		config.ServerName = p.Address.Name()
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // the first error is the one to tell
		return nil, err
	}
	return secure, nil
}

func (p *Proxy) connect(ctx context.Context, conn net.Conn, target Host) (net.Conn, error) {
	release := bind(ctx, conn)
	fail := func(status int, err error) (net.Conn, error) {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, &ProxyError{Proxy: p.Address, Target: target, Status: status, Err: err}
	}
	if _, err := conn.Write(p.request(target)); err != nil {
		return fail(0, err)
	}
	limited := &io.LimitedReader{R: conn, N: maxConnectHead}
	reader := bufio.NewReader(limited)
	status, err := readAnswer(reader)
	if err != nil {
		if limited.N <= 0 {
			err = fmt.Errorf("an answer with a head over %d bytes", maxConnectHead)
		}
		return fail(0, err)
	}
	if status < 200 || status > 299 {
		return fail(status, nil)
	}
	if !release() {
		return fail(0, ctx.Err())
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return fail(0, err)
	}
	early, err := reader.Peek(reader.Buffered())
	if err != nil || len(early) == 0 {
		return conn, err
	}
	return &headedConn{Conn: conn, r: io.MultiReader(bytes.NewReader(bytes.Clone(early)), conn)}, nil
}

func (p *Proxy) request(target Host) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", target, target)
	if p.User != "" {
		credentials := base64.StdEncoding.EncodeToString([]byte(p.User + ":" + p.Password.Reveal()))
		b.WriteString("Proxy-Authorization: Basic " + credentials + "\r\n")
	}
	b.WriteString("\r\n")
	return []byte(b.String())
}

func readAnswer(r *bufio.Reader) (status int, err error) {
	for range maxInterimAnswers {
		res, err := http.ReadResponse(r, &http.Request{Method: http.MethodConnect})
		if err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				err = errors.New("the connection ended before the answer did")
			}
			return 0, err
		}
		if res.StatusCode >= 200 {
			return res.StatusCode, nil
		}
	}
	return 0, errors.New("interim answers without end")
}

// headedConn first gives back what the far side sent right behind the proxy's answer.
type headedConn struct {
	net.Conn
	r io.Reader
}

func (c *headedConn) Read(b []byte) (int, error) { return c.r.Read(b) }
