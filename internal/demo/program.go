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

	"docusign-auth-proxy/internal/call"
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
}

// request joins lines and body to the bytes of a request. Lines end with CRLF, as the program wrote them before OAuth
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

func (s *setup) anna() sandbox.User { return s.world.User("anna@example.com") }

// listEnvelopes is the old program's call: target is what its kind of connection puts into the request line.
func (s *setup) listEnvelopes(target, host string, credential string) string {
	return request11([]string{
		"GET " + target + "/restapi/v2/accounts/" + oldAccount + "/envelopes?from_date=2026-01-01 HTTP/1.1",
		"Host: " + host, "User-Agent: " + oldAgent, "Accept: application/json", credential,
	}, "")
}

// dial connects a socket of the old program, which gets callLimit for all it does.
func dial(address string) (net.Conn, error) {
	conn, err := net.DialTimeout("tcp", address, callLimit)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Now().Add(callLimit))
}

func overTLS(conn net.Conn, host string, trust *x509.CertPool) net.Conn {
	return tls.Client(conn, &tls.Config{ServerName: host, RootCAs: trust, MinVersion: tls.VersionTLS12})
}

// say writes the bytes and reads one answer.
func say(conn net.Conn, request string) (oldAnswer, error) {
	if _, err := io.WriteString(conn, request); err != nil {
		return oldAnswer{}, fmt.Errorf("send: %w", err)
	}
	var raw bytes.Buffer
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(bufio.NewReader(io.TeeReader(conn, &raw)), &http.Request{Method: method})
	if err != nil {
		return oldAnswer{}, fmt.Errorf("read the answer: %w", err)
	}
	defer resp.Body.Close()
	head, _, _ := strings.Cut(raw.String(), "\r\n\r\n")
	if method == http.MethodConnect {
		return oldAnswer{resp.StatusCode, head, ""}, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	if err != nil {
		return oldAnswer{}, fmt.Errorf("read the answer: %w", err)
	}
	return oldAnswer{resp.StatusCode, head, string(body)}, nil
}

// straight sends to DocuSign itself, as programs did.
func (s *setup) straight(host, request string) (oldAnswer, error) {
	conn, err := dial(s.sandbox.Addr())
	if err != nil {
		return oldAnswer{}, err
	}
	defer conn.Close()
	return say(overTLS(conn, host, s.sandbox.CertPool()), request)
}

// plain sends to the proxy without TLS: as sidecar, or as forward proxy with an absolute request target.
func (s *setup) plain(request string) (oldAnswer, error) {
	conn, err := dial(s.address(call.DoorSidecar))
	if err != nil {
		return oldAnswer{}, err
	}
	defer conn.Close()
	s.calls++
	return say(conn, request)
}

// tunnelled asks the proxy for a tunnel and sends within it.
func (s *setup) tunnelled(connect, request string) (opened, answered oldAnswer, err error) {
	conn, err := dial(s.address(call.DoorSidecar))
	if err != nil {
		return opened, answered, err
	}
	defer conn.Close()
	if opened, err = say(conn, connect); err != nil {
		return opened, answered, err
	}
	if opened.status != http.StatusOK {
		return opened, answered, errors.New("the tunnel was refused: " + opened.head)
	}
	s.calls++
	answered, err = say(overTLS(conn, oldHost, s.trust), request)
	return opened, answered, err
}

// byHostsFile is what happens when the machine's hosts file points DocuSign's name at the proxy: TLS, at once, by that
// name.
func (s *setup) byHostsFile(request string) (oldAnswer, error) {
	conn, err := dial(s.address(call.DoorHosts))
	if err != nil {
		return oldAnswer{}, err
	}
	defer conn.Close()
	s.calls++
	return say(overTLS(conn, oldHost, s.trust), request)
}
