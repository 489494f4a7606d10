package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/call"
)

func TestHostileFramingNeverReachesDocuSign(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	head := "POST " + createPath + " HTTP/1.1\r\nHost: x\r\nX-DocuSign-Authentication: " + annaJSON + "\r\n"
	smuggled := "GET /restapi/v2/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, c := range []struct{ name, text string }{
		{"two lengths that differ", head + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello" + smuggled},
		{"a length with a sign", head + "Content-Length: +5\r\n\r\nhello" + smuggled},
		{"an unknown transfer coding", head + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + smuggled},
		{"a blank before the colon", head + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + smuggled},
		{"a chunk size that overflows", head + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx\r\n0\r\n\r\n"},
		{"a chunk without its end", head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcXX0\r\n\r\n" + smuggled},
		{"a control character in a header", head + "X-Odd: a\x00b\r\nContent-Length: 0\r\n\r\n"},
		{"two Host lines", strings.Replace(head, "Host: x", "Host: x\r\nHost: y", 1) + "Content-Length: 0\r\n\r\n"},
		{"a Host with a path", strings.Replace(head, "Host: x", "Host: x/y", 1) + "Content-Length: 0\r\n\r\n"},
		{"a request line with blanks in the target", "GET /restapi/v2 /x HTTP/1.1\r\nHost: x\r\n\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.sandbox.ResetCounts()
			w := r.dial(t, call.DoorSidecar)
			w.send(c.text)
			if got, err := w.hear("POST"); err == nil && got.status/100 != 4 && got.status != 501 {
				t.Errorf("status %d", got.status)
			}
			for _, q := range r.atSites() {
				t.Errorf("%s %s reached DocuSign", q.Method, q.Path)
			}
		})
	}
	t.Run("a length beside chunks is dropped, as RFC 9112 §6.3 has it", func(t *testing.T) {
		r.sandbox.ResetCounts()
		w := r.dial(t, call.DoorSidecar)
		w.send(head + "Content-Type: application/json\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(
			[]byte(envelopeJSON), 50, "%x",
		))
		got, err := w.hear("POST")
		if err == nil && got.status == 201 && (r.last(t).ContentLength == 3 || string(r.last(t).Body) != envelopeJSON) {
			t.Errorf("DocuSign read %q", r.last(t).Body)
		}
	})
	t.Run("a request to change the protocol is not passed on", func(t *testing.T) {
		for _, upgrade := range []string{
			"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n",
			"Connection: Upgrade\r\nUpgrade: websocket\r\n",
		} {
			got := r.get(t, listPath, "X-DocuSign-Authentication: "+annaJSON+"\r\n"+upgrade)
			if sent := r.last(t); got.status != 200 || sent.Header["Upgrade"] != nil || sent.Header["Connection"] != nil ||
				sent.Header["Http2-Settings"] != nil {
				t.Errorf("status %d, went upstream with %v", got.status, sent.Header)
			}
		}
	})
}

func TestHTTP2InATunnelIsBoundToItsTarget(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	w := r.tunnel(t, connectDemo, "h2")
	if w.Conn.(*tls.Conn).ConnectionState().NegotiatedProtocol != "h2" {
		t.Fatal("no h2")
	}
	c := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, DialTLSContext: func(
		context.Context, string, string,
	) (net.Conn, error) {
		return w.Conn, nil
	}}}
	for host, want := range map[string]int{"demo.docusign.net": 200, "na3.docusign.net": 421, "evil.example.com": 421} {
		req := request(t, "GET", "https://demo.docusign.net"+listPath, nil, "X-DocuSign-Authentication", annaJSON)
		req.Host = host
		if got := r.do(c, req); got.status != want {
			t.Errorf(":authority %s: status %d, want %d", host, got.status, want)
		}
	}
	if got := r.do(
		c,
		request(
			t, "POST", "https://demo.docusign.net"+createPath, strings.NewReader(envelopeJSON), "X-DocuSign-Authentication",
			annaJSON, "Content-Type", "application/json",
		),
	); got.status != 201 {
		t.Errorf("POST: status %d: %s", got.status, got.body)
	}
}

func TestTheProxyAsksForCredentialsOfItsOwn(t *testing.T) {
	t.Parallel()
	const hash = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$c29tZWhhc2hzb21laGFzaHNvbWVoYXNoc29tZWhhc2g"
	r := newRigChanged(t, func(doc section) {
		doc.at("egress")["proxy_users"] = []any{section{"username": "erp", "password": section{"argon2id": hash}}}
	})
	for _, c := range []struct{ name, text string }{
		{"CONNECT", connectDemo},
		{
			"CONNECT with a wrong password",
			strings.Replace(connectDemo, "\r\n\r\n", "\r\nProxy-Authorization: Basic ZXJwOngK\r\n\r\n", 1),
		},
		{
			"plain",
			fmt.Sprintf(
				"GET http://demo.docusign.net%s HTTP/1.1\r\nHost: demo.docusign.net\r\nX-DocuSign-Authentication: %s\r\n\r\n",
				listPath, annaJSON,
			),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := r.dial(t, call.DoorSidecar)
			w.send(c.text)
			got := w.read("GET")
			if got.status != 407 || !strings.HasPrefix(got.header.Get("Proxy-Authenticate"), "Basic") {
				t.Errorf("status %d, %v", got.status, got.header)
			}
		})
	}
	if n := len(r.atSites()); n != 0 {
		t.Errorf("%d calls reached DocuSign", n)
	}
}
