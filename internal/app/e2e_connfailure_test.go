package app_test

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/call"
)

// TestConnectionsThatNeverBecomeACallAreExplained shows that what net/http refuses by itself, and what fails in the TLS
// handshake, leaves one log line, a counter and an entry on the status page.
func TestConnectionsThatNeverBecomeACallAreExplained(t *testing.T) {
	t.Parallel()
	get := func(target, headers string) string {
		return "GET " + target + " HTTP/1.1\r\nHost: demo.docusign.net\r\nX-DocuSign-Authentication: " + apptest.AnnaJSON +
			"\r\n" +
			headers + "\r\n"
	}
	const blank = "/restapi/v2/accounts/1/envelopes?from_date=10/1/2013 12:00 AM"
	distrust := func(t *testing.T, c net.Conn) {
		cfg := &tls.Config{ServerName: "demo.docusign.net"} // knows no CA that signed the proxy's certificate
		if err := tls.Client(c, cfg).Handshake(); err == nil {
			t.Error("the handshake succeeded")
		}
	}
	for _, c := range []struct {
		name  string
		door  call.Door
		act   func(t *testing.T, r *rig, w *apptest.Wire)
		cause string
		next  string
	}{
		{"a blank in the URL", call.DoorSidecar, func(t *testing.T, _ *rig, w *apptest.Wire) {
			w.Send(get(blank, ""))
			if got := w.Read("GET"); got.Status != 400 {
				t.Errorf("status %d", got.Status)
			}
		}, "unreadable_request", "%20"},
		{"a blank in the URL of a call over TLS", call.DoorHosts, func(t *testing.T, r *rig, w *apptest.Wire) {
			s := w.Secure(r.Rig, "demo.docusign.net", "http/1.1")
			s.Send(get(blank, ""))
			if got := s.Read("GET"); got.Status != 400 {
				t.Errorf("status %d", got.Status)
			}
		}, "unreadable_request", "%20"},
		{"a blank in the URL of the second call on a connection", call.DoorSidecar,
			func(t *testing.T, _ *rig, w *apptest.Wire) {
				w.Send(get("/", ""))
				w.Read("GET")
				w.Send(get(blank, ""))
				if got := w.Read("GET"); got.Status != 400 {
					t.Errorf("status %d", got.Status)
				}
			}, "unreadable_request", "%20"},
		{"a head that is too large", call.DoorSidecar, func(t *testing.T, _ *rig, w *apptest.Wire) {
			go func() { _, _ = io.WriteString(w.Conn, get("/", "X-Large: "+strings.Repeat("x", 200<<10)+"\r\n")) }()
			if got := w.Read("GET"); got.Status != 431 {
				t.Errorf("status %d", got.Status)
			}
		}, "head_too_large", "limits.header_bytes"},
		{"a transfer coding that HTTP does not have", call.DoorSidecar, func(t *testing.T, _ *rig, w *apptest.Wire) {
			w.Send(get("/", "Transfer-Encoding: zstd\r\n"))
			if got := w.Read("GET"); got.Status != 501 {
				t.Errorf("status %d", got.Status)
			}
		}, "unsupported_coding", "chunked"},
		{"half a head", call.DoorSidecar, func(_ *testing.T, _ *rig, w *apptest.Wire) {
			w.Send("GET / HTTP/1.1\r\nHo")
			_ = w.Conn.Close()
		}, "head_unfinished", "limits.header_timeout"},
		{"a program that does not trust the CA", call.DoorHosts, func(t *testing.T, _ *rig, w *apptest.Wire) {
			distrust(t, w.Conn)
		}, "tls_not_trusted", "ca trust"},
		{"a program that does not trust the CA, inside CONNECT", call.DoorSidecar,
			func(t *testing.T, r *rig, w *apptest.Wire) {
				w.Send(apptest.ConnectDemo)
				w.Established()
				distrust(t, w.Buffered())
			}, "tls_not_trusted", "ca trust"},
		{"OpenSSL, which refuses the certificate in clear with TLS 1.3", call.DoorHosts,
			func(_ *testing.T, _ *rig, w *apptest.Wire) {
				cfg := &tls.Config{InsecureSkipVerify: true, ServerName: "demo.docusign.net"}
				cfg.VerifyConnection = func(tls.ConnectionState) error {
					w.Send("\x15\x03\x03\x00\x02\x02\x30")
					return w.Conn.(*net.TCPConn).CloseWrite() // the alert of crypto/tls would come behind it
				}
				_ = tls.Client(w.Conn, cfg).Handshake()
			}, "tls_not_trusted", "ca trust"},
		{"half a head over TLS, without close_notify", call.DoorHosts, func(_ *testing.T, r *rig, w *apptest.Wire) {
			w.Secure(r.Rig, "demo.docusign.net").Send("GET / HTTP/1.1\r\nHo")
			_ = w.Conn.Close()
		}, "head_unfinished", "limits.header_timeout"},
		{"a program that hangs up after the certificate", call.DoorHosts, func(_ *testing.T, _ *rig, w *apptest.Wire) {
			cfg := &tls.Config{InsecureSkipVerify: true, ServerName: "demo.docusign.net"}
			cfg.VerifyConnection = func(tls.ConnectionState) error { return w.Conn.Close() }
			_ = tls.Client(w.Conn, cfg).Handshake()
		}, "tls_hung_up", "ca trust"},
		{"a program that looks at the certificate after the handshake", call.DoorHosts,
			func(t *testing.T, _ *rig, w *apptest.Wire) {
				s := tls.Client(w.Conn, &tls.Config{InsecureSkipVerify: true, ServerName: "demo.docusign.net"})
				if err := s.Handshake(); err != nil {
					t.Error(err)
				}
				_ = s.Close()
			}, "tls_no_call", "ca trust"},
		{"TLS 1.0", call.DoorHosts, func(t *testing.T, _ *rig, w *apptest.Wire) {
			cfg := &tls.Config{
				InsecureSkipVerify: true, ServerName: "demo.docusign.net", MinVersion: tls.VersionTLS10,
				MaxVersion: tls.VersionTLS10,
			}
			if err := tls.Client(w.Conn, cfg).Handshake(); err == nil {
				t.Error("the handshake succeeded")
			}
		}, "tls_version", "interception.tls: legacy"},
		{"a name that is not DocuSign's", call.DoorHosts, func(t *testing.T, _ *rig, w *apptest.Wire) {
			if err := tls.Client(w.Conn, &tls.Config{
				InsecureSkipVerify: true, ServerName: "www.example.com",
			}).Handshake(); err == nil {
				t.Error("the handshake succeeded")
			}
		}, "tls_name", "hosts file"},
		{"a greeting in the form of SSLv2", call.DoorHosts, func(_ *testing.T, _ *rig, w *apptest.Wire) {
			w.Send("\x80\x4c\x01\x03\x00\x00\x33\x00\x00\x00\x10")
		}, "tls_sslv2", "https.protocols=TLSv1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			failed := r.connFailures()
			c.act(t, r, r.Dial(t, c.door))
			f := failed.next(t)
			if f.Cause != c.cause || f.RequestID == "" || f.Client.String() != "127.0.0.1" ||
				!strings.Contains(f.NextStep, c.next) {
				t.Errorf("got %+v", f)
			}
			_, line, _ := strings.Cut(r.Log.String(), `level=WARN msg="connection without a call"`)
			line, _, _ = strings.Cut(line, "\n")
			for _, part := range []string{"cause=" + c.cause, "client=127.0.0.1", "request_id=" + f.RequestID} {
				if !strings.Contains(line, part) {
					t.Errorf("the log line %q lacks %s", line, part)
				}
			}
			if strings.Contains(r.Log.String(), "anna-legacy-1") {
				t.Error("the log has the password")
			}
			want := `docusign_auth_proxy_connection_failures_total{cause="` + c.cause + `",door="` + string(f.Door) + `"} 1`
			if m := r.adminGet(t, "/metrics"); !strings.Contains(m, want) {
				t.Errorf("the metrics lack %s", want)
			}
			if page := r.adminGet(t, "/"); !strings.Contains(page, "Client 127.0.0.1") {
				t.Errorf("the status page has no entry:\n%s", page)
			}
		})
	}
}

// connFailureHook passes on what is recorded last, after the log line and the metrics.
type connFailureHook chan call.ConnFailure

func (connFailureHook) Record(*call.Event) {}

func (h connFailureHook) RecordConnFailure(f *call.ConnFailure) { h <- *f }

func (h connFailureHook) next(t *testing.T) call.ConnFailure {
	t.Helper()
	select {
	case f := <-h:
		return f
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was recorded")
		return call.ConnFailure{}
	}
}

func (r *rig) connFailures() connFailureHook {
	h := make(connFailureHook, 64)
	r.Hooks.Recorder = h
	r.Restart()
	return h
}

func (r *rig) adminGet(t *testing.T, path string) string {
	t.Helper()
	return r.Do(nil, apptest.Request(t, "GET", "http://"+r.Program.AdminAddress()+path, nil)).Body
}

// TestConnectionFailuresOfOneClientAreLoggedOnceAMinute keeps a program that retries from filling the log.
func TestConnectionFailuresOfOneClientAreLoggedOnceAMinute(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	failed := r.connFailures()
	for range 20 {
		w := r.Dial(t, call.DoorSidecar)
		w.Send("GET /a b HTTP/1.1\r\nHost: x\r\n\r\n")
		w.Read("GET")
		failed.next(t)
	}
	if n := strings.Count(r.Log.String(), "connection without a call"); n != 1 {
		t.Errorf("%d lines", n)
	}
	list := r.Program.Server.ConnFailures()
	if len(list) != 1 || list[0].Count != 20 || time.Since(list[0].First) > time.Minute {
		t.Errorf("got %+v", list)
	}
}

func TestAHeadThatStandsStillIsNoUnreadableOne(t *testing.T) {
	t.Parallel()
	r := newRigChanged(t, func(doc apptest.Section) { doc.At("limits")["header_timeout"] = "200ms" })
	failed := r.connFailures()
	for _, open := range []func() *apptest.Wire{
		func() *apptest.Wire { return r.Dial(t, call.DoorSidecar) },
		func() *apptest.Wire { return r.DialTLS(t, call.DoorHosts, "demo.docusign.net") },
	} {
		open().Send("GET / HTTP/1.1\r\nHo")
		if f := failed.next(t); f.Cause != "head_unfinished" || f.Door == "" {
			t.Errorf("got %+v", f)
		}
	}
}

func TestHealthyConnectionsAreNoConnectionFailures(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	failed := r.connFailures()
	for _, text := range []string{
		"OPTIONS * HTTP/1.0\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /restapi HTTP/1.1\r\nHost: demo.docusign.net\r\n\r\n",
		"POST /restapi/v2/oauth2/revoke HTTP/1.1\r\nHost: demo.docusign.net\r\nContent-Length: 0\r\n\r\n",
	} {
		plain := r.Dial(t, call.DoorSidecar)
		for _, w := range []*apptest.Wire{plain, r.DialTLS(t, call.DoorHosts, "demo.docusign.net")} {
			w.Send(text)
			w.Read("GET")
			w.Send("\r\n") // of a body that a program of old takes for a line (RFC 9112 §2.2)
			_ = w.Conn.Close()
		}
	}
	w := r.Dial(t, call.DoorSidecar)
	w.Send("GET /a b HTTP/1.1\r\nHost: x\r\n\r\n")
	for f := failed.next(t); f.Cause != "unreadable_request"; f = failed.next(t) {
		t.Errorf("got %+v", f)
	}
}
