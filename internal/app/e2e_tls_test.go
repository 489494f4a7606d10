package app_test

import (
	"crypto/tls"
	"fmt"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/call"
)

// RFC 9113 §9.2: old stacks offer HTTP/2 with versions and suites that it forbids; others offer what nobody serves.
func TestOldTLSStacksAreAnsweredAtEveryDoor(t *testing.T) {
	t.Parallel()
	const cbc = tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA
	for _, tt := range []struct {
		name, profile, version, want string
		client                       *tls.Config
	}{
		{"curl -0 and PHP", "modern", "1.0", "", &tls.Config{NextProtos: []string{"http/1.0"}}},
		{"a CBC suite", "modern", "1.1", "http/1.1", &tls.Config{
			NextProtos: []string{"h2", "http/1.1"}, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{cbc},
		}},
		{"TLS 1.1", "legacy", "1.1", "http/1.1", &tls.Config{
			NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11,
		}},
		{"TLS 1.0 without a protocol in common", "legacy", "1.0", "", &tls.Config{
			NextProtos: []string{"h2", "http/1.0"}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10,
		}},
		{"RSA key exchange", "legacy", "1.1", "http/1.1", &tls.Config{
			NextProtos: []string{"h2", "http/1.1"}, MaxVersion: tls.VersionTLS12,
			CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256},
		}},
	} {
		r := newRigChanged(t, func(doc apptest.Section) { doc.At("interception")["tls"] = tt.profile })
		for door, open := range map[string]func() (w *apptest.Wire, host string){
			"tunnel":     func() (*apptest.Wire, string) { return r.Opened(t, apptest.ConnectDemo), "demo.docusign.net" },
			"hosts file": func() (*apptest.Wire, string) { return r.Dial(t, call.DoorHosts), "demo.docusign.net" },
			"sidecar":    func() (*apptest.Wire, string) { return r.Dial(t, call.DoorSidecar), "localhost" },
		} {
			t.Run(tt.name+", "+door, func(t *testing.T) {
				w, host := open()
				cfg := tt.client.Clone()
				cfg.RootCAs, cfg.ServerName = r.ProxyCA(), host
				c := tls.Client(w.Buffered(), cfg)
				inner := apptest.NewWire(t, c)
				inner.Send(fmt.Sprintf("GET %s HTTP/%s\r\nHost: %s\r\nX-DocuSign-Authentication: %s\r\n\r\n",
					apptest.ListPath, tt.version, host, apptest.AnnaJSON))
				if got := inner.Read("GET"); got.Status != 200 || c.ConnectionState().NegotiatedProtocol != tt.want {
					t.Errorf("status %d, protocol %q\n%s", got.Status, c.ConnectionState().NegotiatedProtocol, r.Log)
				}
			})
		}
	}
}

func TestTheSidecarsCertificateHasTheNameThatWasAskedFor(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for sni, want := range map[string]string{"localhost": "[localhost] []", "": "[localhost] [127.0.0.1]"} {
		c := r.DialTLS(t, call.DoorSidecar, sni).Conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
		if got := fmt.Sprint(c.DNSNames, c.IPAddresses); got != want {
			t.Errorf("SNI %q: %s, want %s", sni, got, want)
		}
	}
}
