package redis

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strconv"
	"syscall"
	"time"
)

// What a server may say in one answer. The client takes it at its word, and makes room for whatever it announces.
const (
	maxText     = 32 << 20 // bytes of one text
	maxAnswer   = 64 << 20 // bytes of all texts
	maxLine     = 64 << 10 // bytes of an error or a number
	maxElements = 4 << 20  // of all lists
	maxDepth    = 16       // lists in lists
)

var errTooMuch = errors.New("the server's answer is too large, or none of Redis")

// guard is a connection that ends when a server announces more than a replica can hold. It reads along: RESP, both
// versions.
type guard struct {
	net.Conn
	open     []int64 // elements that are still to come, of each list that has begun
	line     []byte  // that is not complete
	text     int64   // bytes of a text that are still to come
	elements int64   // of this answer so far
	size     int64
}

// checked is a guard whose socket can be looked at: the client finds out that a server has ended the connection.
type checked struct {
	*guard
	syscall.Conn
}

// dialer connects as the client would, with the caller's deadline for the handshake too.
func (o Options) dialer() func(context.Context, string, string) (net.Conn, error) {
	plain := &net.Dialer{Timeout: o.Timeout, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 30 * time.Second, Interval: 5 * time.Second, Count: 3,
	}}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if o.TLS != nil {
			c, err := (&tls.Dialer{NetDialer: plain, Config: o.TLS}).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &guard{Conn: c}, nil
		}
		c, err := plain.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		if socket, ok := c.(syscall.Conn); ok {
			return checked{&guard{Conn: c}, socket}, nil
		}
		return &guard{Conn: c}, nil
	}
}

func (g *guard) Read(b []byte) (int, error) {
	n, err := g.Conn.Read(b)
	if bad := g.follow(b[:n]); bad != nil {
		return 0, errors.Join(bad, g.Close())
	}
	return n, err
}

func (g *guard) follow(b []byte) error {
	for len(b) > 0 {
		if g.text > 0 {
			n := min(g.text, int64(len(b)))
			b, g.text = b[n:], g.text-n
			if g.text == 0 {
				g.complete()
			}
			continue
		}
		end := bytes.IndexByte(b, '\n') + 1
		if end == 0 {
			end = len(b)
		}
		g.line, b = append(g.line, b[:end]...), b[end:]
		if len(g.line) > maxLine {
			return errTooMuch
		}
		if g.line[len(g.line)-1] != '\n' {
			return nil
		}
		if err := g.header(); err != nil {
			return err
		}
		g.line = g.line[:0]
	}
	return nil
}

// header takes a complete line: what begins, or all of something small.
func (g *guard) header() error {
	line := bytes.TrimSpace(g.line)
	if len(line) == 0 {
		return errTooMuch
	}
	isText, isList := bytes.IndexByte([]byte("$!="), line[0]) >= 0, bytes.IndexByte([]byte("*~>%|"), line[0]) >= 0
	if !isText && !isList {
		g.complete()
		return nil
	}
	n, err := strconv.ParseInt(string(line[1:]), 10, 64)
	if err != nil || n < -1 || n > maxText {
		return errTooMuch
	}
	if isText && n >= 0 {
		g.text = n + 2 // and the end of the line
		g.size += g.text
	}
	if isList && (line[0] == '%' || line[0] == '|') {
		n *= 2
	}
	if isList && n > 0 {
		g.open = append(g.open, n)
		g.elements += n
	}
	if g.size > maxAnswer || g.elements > maxElements || len(g.open) > maxDepth {
		return errTooMuch
	}
	if n < 0 || isList && n == 0 {
		g.complete()
	}
	return nil
}

// complete notes the end of an element, and of each list that ends with it.
func (g *guard) complete() {
	for last := len(g.open) - 1; last >= 0; last-- {
		if g.open[last]--; g.open[last] > 0 {
			return
		}
		g.open = g.open[:last]
	}
	g.size, g.elements = 0, 0
}
