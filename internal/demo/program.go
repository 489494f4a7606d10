package demo

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"docusign-auth-proxy/internal/sandbox"
)

const (
	callLimit   = 10 * time.Second
	answerLimit = 1 << 20
	oldHost     = "demo.docusign.net" // compiled into the old program
	listPath    = "/restapi/v2/accounts/1234567/envelopes?from_date=2026-01-01"
	loginPath   = "/restapi/v2/login_information"

	// oldEnvelopeID was sent before the demo begins, so that there is something to list.
	oldEnvelopeID = "5a0c1e4d-0000-4000-8000-000000004710"
)

// legacyHeader is the credential that DocuSign no longer takes.
func legacyHeader(u sandbox.User, password string) string {
	return `X-DocuSign-Authentication: {"Username":"` + u.Email + `","Password":"` + password + `","IntegratorKey":"` +
		sandbox.LegacyKey + `"}`
}

func passwordGrant(u sandbox.User) string {
	return "grant_type=password&client_id=" + sandbox.LegacyKey + "&username=" + u.Email + "&password=" + u.Password +
		"&scope=api"
}

// oldRequest is a call of the old program: a GET, or a POST where there is a body. Headers are lines as it spells them.
func oldRequest(target, body string, headers ...string) *http.Request {
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	r, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		panic(err) // the demo's own URLs
	}
	for _, line := range append(headers, "User-Agent: OldERP/4.2") {
		name, value, _ := strings.Cut(line, ": ")
		r.Header[name] = []string{value}
	}
	return r
}

// head is a request without its body, as it goes over the wire.
func head(r *http.Request) string {
	var text strings.Builder
	_ = r.Clone(context.Background()).Write(&text) // a strings.Builder takes everything
	lines, _, _ := strings.Cut(text.String(), "\r\n\r\n")
	return strings.ReplaceAll(lines, "\r\n", "\n")
}

// route is how the old program reaches somebody.
type route struct {
	address string         // instead of the URL's, if not empty
	proxy   string         // address of a forward proxy; "" = none
	trust   *x509.CertPool // for TLS
}

// oldAnswer is an answer as the old program gets it.
type oldAnswer struct {
	status  int
	line    string // first line of the head
	body    string
	connect string // first line of the answer to CONNECT
}

// send makes one call on a connection of its own, within callLimit.
func (t route) send(r *http.Request) (got oldAnswer, err error) {
	ctx, cancel := context.WithTimeout(r.Context(), callLimit)
	defer cancel()
	transport := &http.Transport{
		DisableCompression: true,
		TLSClientConfig:    &tls.Config{RootCAs: t.trust, MinVersion: tls.VersionTLS12},
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
			got.connect = resp.Proto + " " + resp.Status
			return nil
		},
	}
	defer transport.CloseIdleConnections()
	if t.proxy != "" {
		transport.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: t.proxy})
	}
	if t.address != "" {
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, t.address)
		}
	}
	resp, err := transport.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return got, err
	}
	defer resp.Body.Close()
	got.status, got.line = resp.StatusCode, resp.Proto+" "+resp.Status
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	if err != nil {
		return got, fmt.Errorf("read the answer: %w", err)
	}
	got.body = string(body)
	return got, nil
}
