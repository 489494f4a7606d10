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
	"strconv"
	"strings"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/secret"
)

// maxConnectHead bounds the answer to CONNECT, interim answers included.
const maxConnectHead = 64 << 10

// Proxy opens connections through a company's proxy by CONNECT. The proxy's own address is not judged, since the
// operator named it (only a loop is refused); the target's name is resolved by the proxy, so only a target given as an
// address is judged here. Safe for concurrent use.
type Proxy struct {
	// Address of the proxy.
	Address Host
	// TLS speaks https to the proxy; nil speaks http.
	TLS *tls.Config
	// User and Password for Basic authentication; an empty User sends none. Without TLS they travel in clear.
	User     string
	Password secret.Text
	// Dialer resolves the proxy's own name, judges targets that are addresses, and has the Timeout.
	Dialer *Dialer
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
	return fmt.Sprintf(
		"egress: connect to %s: proxy %s answers %d %s", e.Target, e.Proxy, e.Status, http.StatusText(e.Status),
	)
}

func (e *ProxyError) Unwrap() error { return e.Err }

// Row tells what the operator does about the company's proxy.
func (e *ProxyError) Row() (cause.ID, []string) {
	fill := []string{"proxy", e.Proxy.String(), "host", e.Target.Name()}
	switch e.Status {
	case 0:
		if loop, ok := errors.AsType[*RefusedError](e.Err); ok {
			return loop.Row()
		}
		return cause.ProxyDown, fill
	case http.StatusProxyAuthRequired:
		return cause.ProxyLogin, fill
	}
	return cause.ProxyRefused, append(fill, "detail", strconv.Itoa(e.Status)+" "+http.StatusText(e.Status))
}

// DialContext connects to addr ("host:port") through the proxy. Errors: *HostError, *RefusedError or *ProxyError, which
// never holds the credentials.
func (p *Proxy) DialContext(ctx context.Context, _, addr string) (net.Conn, error) {
	target, err := ParseHost(addr, 0)
	if err != nil {
		return nil, err
	}
	if ip, ok := target.Addr(); ok {
		if err := p.Dialer.judge(target, false).check(netip.AddrPortFrom(ip, target.port)); err != nil {
			return nil, err
		}
	}
	ctx, cancel := p.Dialer.bound(ctx)
	defer cancel()
	conn, err := p.Dialer.dial(ctx, p.Address, true)
	if err != nil {
		return nil, &ProxyError{Proxy: p.Address, Target: target, Err: err}
	}
	if p.TLS != nil {
		conn = tls.Client(conn, p.TLS)
	}
	through, status, err := p.connect(ctx, conn, target)
	if through != nil {
		return through, nil
	}
	_ = conn.Close() // the first error is the one to tell
	return nil, &ProxyError{Proxy: p.Address, Target: target, Status: status, Err: cmp.Or(ctx.Err(), err)}
}

// connect returns no connection unless the proxy has opened it.
func (p *Proxy) connect(ctx context.Context, conn net.Conn, target Host) (through net.Conn, status int, err error) {
	stop := interrupt(ctx, conn)
	if _, err := conn.Write(p.request(target)); err != nil {
		return nil, 0, err
	}
	limited := &io.LimitedReader{R: conn, N: maxConnectHead}
	reader := bufio.NewReader(limited)
	status, err = readAnswer(reader)
	if err != nil && limited.N <= 0 {
		err = fmt.Errorf("an answer with a head over %d bytes", maxConnectHead)
	}
	if err != nil || status > 299 {
		return nil, status, err
	}
	if !stop() {
		return nil, 0, ctx.Err()
	}
	if early, _ := reader.Peek(reader.Buffered()); len(early) > 0 {
		conn = &headedConn{Conn: conn, r: io.MultiReader(bytes.NewReader(bytes.Clone(early)), conn)}
	}
	return conn, status, nil
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
	for {
		res, err := http.ReadResponse(r, &http.Request{Method: http.MethodConnect})
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("the connection ended before the answer did")
		}
		if err != nil {
			return 0, err
		}
		if res.StatusCode >= 200 {
			return res.StatusCode, nil
		}
	}
}

// headedConn first gives back what the far side sent right behind the proxy's answer.
type headedConn struct {
	net.Conn
	r io.Reader
}

func (c *headedConn) Read(b []byte) (int, error) { return c.r.Read(b) }
