package demo

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"docusign-auth-proxy/internal/sandbox"
)

const (
	callLimit   = 10 * time.Second
	answerLimit = 1 << 20
	oldHost     = "demo.docusign.net" // compiled into the old program
	oldAccount  = "1234567"
	oldAgent    = "OldERP/4.2"

	// oldEnvelopeID was sent before the demo begins, so that there is something to list.
	oldEnvelopeID = "5a0c1e4d-0000-4000-8000-000000004710"
)

// oldAnswer is an answer as the old program gets it.
type oldAnswer struct {
	status int
	head   string
	body   string
	tunnel string // head of the answer to CONNECT
}

// request11 joins lines and body to the bytes of a request. Lines end with CRLF, as the program wrote them before OAuth
// came up.
func request11(lines []string, body string) string {
	if body != "" {
		lines = append(lines, "Content-Length: "+strconv.Itoa(len(body)))
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + body
}

// legacyHeader is the credential that DocuSign no longer takes.
func legacyHeader(u sandbox.User, password string) string {
	return `X-DocuSign-Authentication: {"Username":"` + u.Email + `","Password":"` + password + `","IntegratorKey":"` +
		sandbox.LegacyKey + `"}`
}

// listEnvelopes is the old program's call: target is what its kind of connection puts into the request line.
func listEnvelopes(target, host, credential string) string {
	return request11([]string{
		"GET " + target + "/restapi/v2/accounts/" + oldAccount + "/envelopes?from_date=2026-01-01 HTTP/1.1",
		"Host: " + host, "User-Agent: " + oldAgent, "Accept: application/json", credential,
	}, "")
}

// connection is how the old program reaches somebody: to an address, within a tunnel or not, over TLS or not.
type connection struct {
	address string
	tunnel  string      // the request that opens it; "" = none
	tls     *tls.Config // nil = none
}

func oldTLS(host string, trust *x509.CertPool) *tls.Config {
	return &tls.Config{ServerName: host, RootCAs: trust, MinVersion: tls.VersionTLS12}
}

// send makes one call on a connection of its own, within callLimit.
func (c connection) send(request string) (got oldAnswer, err error) {
	conn, err := net.DialTimeout("tcp", c.address, callLimit)
	if err != nil {
		return got, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(callLimit)); err != nil {
		return got, err
	}
	var opened oldAnswer
	if c.tunnel != "" {
		if opened, err = say(conn, c.tunnel); err == nil && opened.status != http.StatusOK {
			err = errors.New("the tunnel was refused: " + opened.head)
		}
		if err != nil {
			return oldAnswer{tunnel: opened.head}, err
		}
	}
	if c.tls != nil {
		conn = tls.Client(conn, c.tls)
	}
	got, err = say(conn, request)
	got.tunnel = opened.head
	return got, err
}

// say writes the bytes and reads one answer.
func say(conn net.Conn, request string) (got oldAnswer, err error) {
	if _, err := io.WriteString(conn, request); err != nil {
		return got, fmt.Errorf("send: %w", err)
	}
	var raw bytes.Buffer
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(bufio.NewReader(io.TeeReader(conn, &raw)), &http.Request{Method: method})
	if err != nil {
		return got, fmt.Errorf("read the answer: %w", err)
	}
	defer resp.Body.Close()
	got.status = resp.StatusCode
	got.head, _, _ = strings.Cut(raw.String(), "\r\n\r\n")
	if method == http.MethodConnect {
		return got, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	if err != nil {
		return got, fmt.Errorf("read the answer: %w", err)
	}
	got.body = string(body)
	return got, nil
}
