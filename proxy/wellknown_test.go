package proxy_test

import (
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/proxy"
	"docusign-auth-proxy/proxy/authority"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/translate"
)

func TestTheSidecarServesItsCertificateAndAHint(t *testing.T) {
	ca, err := authority.Create(authority.Spec{ECDSA: true})
	if err != nil {
		t.Fatal(err)
	}
	state := &proxy.State{
		Translator: translate.New(translate.Config{}),
		Policy:     &egress.Policy{}, Clients: &egress.Clients{},
		LocalClients: &egress.Clients{Allow: []netip.Prefix{
			netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0"),
		}},
		DefaultSite: &url.URL{Scheme: "https", Host: "demo.docusign.net"}, Authority: ca,
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := proxy.New(proxy.UsualConfig(), state)
	go func() { _ = s.Run() }()
	go func() { _ = s.Serve(l, call.DoorSidecar) }()
	t.Cleanup(func() { _ = s.Shutdown(t.Context()) })
	t.Cleanup(func() { _ = l.Close() })
	for _, c := range []struct {
		name, path string
		status     int
		check      func(string) bool
	}{
		{"the root says what to set", "/", 200, func(b string) bool {
			return strings.Contains(b, "http://"+l.Addr().String()+"/restapi") && strings.Contains(b, "/.well-known/")
		}},
		{"the PEM is the certificate and nothing else", "/.well-known/docusign-auth-proxy-ca.pem", 200, func(b string) bool {
			block, rest := pem.Decode([]byte(b))
			return block != nil && block.Type == "CERTIFICATE" && len(rest) == 0
		}},
		{"the DER is the certificate", "/.well-known/docusign-auth-proxy-ca.crt", 200, func(b string) bool {
			cert, err := x509.ParseCertificate([]byte(b))
			return err == nil && cert.Equal(ca.Certificate())
		}},
		{"anything else is not there", "/.well-known/other", 404, func(b string) bool { return b == "" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, err := http.Get("http://" + l.Addr().String() + c.path)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			rec := httptest.NewRecorder()
			if _, err := rec.Body.ReadFrom(resp.Body); err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != c.status || !c.check(rec.Body.String()) {
				t.Errorf("status %d, body %q", resp.StatusCode, rec.Body)
			}
			if strings.Contains(rec.Body.String(), "PRIVATE KEY") {
				t.Error("the private key is served")
			}
		})
	}
}
