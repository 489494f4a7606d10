package app_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/call"
)

func TestHostileFramingNeverReachesDocuSign(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	head := "POST " + apptest.CreatePath + " HTTP/1.1\r\nHost: x\r\nX-DocuSign-Authentication: " + apptest.AnnaJSON +
		"\r\n"
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
			r.Sandbox.ResetCounts()
			w := r.Dial(t, call.DoorSidecar)
			w.Send(c.text)
			if got, err := w.Hear("POST"); err == nil && got.Status/100 != 4 && got.Status != 501 {
				t.Errorf("status %d", got.Status)
			}
			for _, q := range r.AtSites() {
				t.Errorf("%s %s reached DocuSign", q.Method, q.Path)
			}
		})
	}
	t.Run("a length beside chunks is dropped, as RFC 9112 §6.3 has it", func(t *testing.T) {
		r.Sandbox.ResetCounts()
		w := r.Dial(t, call.DoorSidecar)
		w.Send(head + "Content-Type: application/json\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n" +
			apptest.Chunked(
				[]byte(envelopeJSON), 50, "%x",
			))
		got, err := w.Hear("POST")
		if err == nil && got.Status == 201 && (r.Last(t).ContentLength == 3 || string(r.Last(t).Body) != envelopeJSON) {
			t.Errorf("DocuSign read %q", r.Last(t).Body)
		}
	})
	t.Run("a request to change the protocol is not passed on", func(t *testing.T) {
		for _, upgrade := range []string{
			"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n",
			"Connection: Upgrade\r\nUpgrade: websocket\r\n",
		} {
			got := r.Get(t, apptest.ListPath, "X-DocuSign-Authentication: "+apptest.AnnaJSON+"\r\n"+upgrade)
			if sent := r.Last(t); got.Status != 200 || sent.Header["Upgrade"] != nil || sent.Header["Connection"] != nil ||
				sent.Header["Http2-Settings"] != nil {
				t.Errorf("status %d, went upstream with %v", got.Status, sent.Header)
			}
		}
	})
}

func TestHTTP2InATunnelIsBoundToItsTarget(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	w := r.Tunnel(t, apptest.ConnectDemo, "h2")
	if w.Conn.(*tls.Conn).ConnectionState().NegotiatedProtocol != "h2" {
		t.Fatal("no h2")
	}
	c := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, DialTLSContext: func(
		context.Context, string, string,
	) (net.Conn, error) {
		return w.Conn, nil
	}}}
	for host, want := range map[string]int{"demo.docusign.net": 200, "na3.docusign.net": 421, "evil.example.com": 421} {
		req := apptest.Request(t, "GET", "https://demo.docusign.net"+apptest.ListPath, nil, "X-DocuSign-Authentication",
			apptest.AnnaJSON)
		req.Host = host
		if got := r.Do(c, req); got.Status != want {
			t.Errorf(":authority %s: status %d, want %d", host, got.Status, want)
		}
	}
	if got := r.Do(
		c,
		apptest.Request(
			t, "POST", "https://demo.docusign.net"+apptest.CreatePath, strings.NewReader(envelopeJSON),
			"X-DocuSign-Authentication",
			apptest.AnnaJSON, "Content-Type", "application/json",
		),
	); got.Status != 201 {
		t.Errorf("POST: status %d: %s", got.Status, got.Body)
	}
}

func TestTheProxyAsksForCredentialsOfItsOwn(t *testing.T) {
	t.Parallel()
	const hash = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$c29tZWhhc2hzb21laGFzaHNvbWVoYXNoc29tZWhhc2g"
	r := newRigChanged(t, func(doc apptest.Section) {
		doc.At("egress")["proxy_users"] = []any{apptest.Section{"username": "erp",
			"password": apptest.Section{"argon2id": hash}}}
	})
	for _, c := range []struct{ name, text string }{
		{"CONNECT", apptest.ConnectDemo},
		{
			"CONNECT with a wrong password",
			strings.Replace(apptest.ConnectDemo, "\r\n\r\n", "\r\nProxy-Authorization: Basic ZXJwOngK\r\n\r\n", 1),
		},
		{
			"plain",
			fmt.Sprintf(
				"GET http://demo.docusign.net%s HTTP/1.1\r\nHost: demo.docusign.net\r\nX-DocuSign-Authentication: %s\r\n\r\n",
				apptest.ListPath, apptest.AnnaJSON,
			),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := r.Dial(t, call.DoorSidecar)
			w.Send(c.text)
			got := w.Read("GET")
			if got.Status != 407 || !strings.HasPrefix(got.Header.Get("Proxy-Authenticate"), "Basic") {
				t.Errorf("status %d, %v", got.Status, got.Header)
			}
		})
	}
	if n := len(r.AtSites()); n != 0 {
		t.Errorf("%d calls reached DocuSign", n)
	}
}
