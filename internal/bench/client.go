package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// target is a way to reach a peer.
type target struct {
	addr string
	tls  *tls.Config // non-nil: through CONNECT, and TLS inside
	from net.IP      // source address; nil = the system's choice
}

// programTLS is the TLS of the programs that the proxy is for: they know of no post-quantum key exchange, and the
// oldest, which keep their sessions, of no TLS 1.3.
func programTLS(roots *x509.CertPool, resume bool) *tls.Config {
	c := &tls.Config{
		ServerName: site, RootCAs: roots, NextProtos: []string{"http/1.1"},
		CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256},
	}
	if resume {
		c.MaxVersion = tls.VersionTLS12
		c.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	}
	return c
}

// client is one raw connection: the load generator shares the machine with what it measures, so it does no more than it
// must.
type client struct {
	conn net.Conn
	r    *bufio.Reader
}

const exchangeLimit = time.Minute

func (t target) dial(ctx context.Context) (*client, error) {
	d := net.Dialer{Timeout: exchangeLimit}
	if t.from != nil {
		d.LocalAddr = &net.TCPAddr{IP: t.from}
	}
	conn, err := d.DialContext(ctx, "tcp", t.addr)
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn, r: bufio.NewReaderSize(conn, 4<<10)}
	if t.tls == nil {
		return c, nil
	}
	if err := c.connect(t.tls); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("CONNECT: %w", err)
	}
	return c, nil
}

var connectRequest = []byte("CONNECT " + site + ":443 HTTP/1.1\r\nHost: " + site + ":443\r\n\r\n")

func (c *client) connect(cfg *tls.Config) error {
	if err := c.conn.SetDeadline(time.Now().Add(exchangeLimit)); err != nil {
		return err
	}
	if _, err := c.conn.Write(connectRequest); err != nil {
		return err
	}
	h, err := readHead(c.r)
	if err != nil {
		return err
	}
	if h.status != 200 {
		return fmt.Errorf("status %d", h.status)
	}
	t := tls.Client(c.conn, cfg)
	if err := t.Handshake(); err != nil {
		return err
	}
	c.conn = t
	c.r.Reset(t)
	return nil
}

func (c *client) close() { _ = c.conn.Close() }

// message is a request: a head, and a body that many may share.
type message struct{ head, body []byte }

// do sends a request and reads the answer to its end.
func (c *client) do(m message) (head, error) {
	if err := c.conn.SetDeadline(time.Now().Add(exchangeLimit)); err != nil {
		return head{}, err
	}
	_, err := c.conn.Write(m.head)
	if err == nil && len(m.body) > 0 {
		_, err = c.conn.Write(m.body)
	}
	h, readErr := readHead(c.r) // a peer may refuse a body before its end
	if readErr != nil {
		return h, errors.Join(err, readErr)
	}
	if err != nil {
		return h, fmt.Errorf("status %d before the request was sent: %w", h.status, err)
	}
	return h, h.skipBody(c.r)
}

// head is what the load generator wants to know of an answer.
type head struct {
	status     int
	length     int64 // -1 = chunked
	credential string
}

var (
	nameLength     = []byte("content-length")
	nameEncoding   = []byte("transfer-encoding")
	nameCredential = []byte(headerCredential)
	errHead        = errors.New("the answer is not HTTP/1.1")
)

func readHead(r *bufio.Reader) (head, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return head{}, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return head{}, errHead
	}
	h := head{}
	if h.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return h, errHead
	}
	for {
		if line, err = r.ReadSlice('\n'); err != nil {
			return h, err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			return h, nil
		}
		if err := h.take(line); err != nil {
			return h, err
		}
	}
}

func (h *head) take(line []byte) error {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok {
		return errHead
	}
	value = bytes.TrimSpace(value)
	var err error
	switch {
	case bytes.EqualFold(name, nameLength):
		var n uint64
		n, err = strconv.ParseUint(string(value), 10, 31)
		h.length = int64(n)
	case bytes.EqualFold(name, nameEncoding):
		h.length = -1
	case bytes.EqualFold(name, nameCredential):
		h.credential = string(value)
	}
	return err
}

func (h head) skipBody(r *bufio.Reader) error {
	if h.length >= 0 {
		_, err := r.Discard(int(h.length))
		return err
	}
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 31)
		if err != nil {
			return errHead
		}
		if _, err := r.Discard(int(n) + len("\r\n")); err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
	}
}
