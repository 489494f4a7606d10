package app_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
)

func TestConnectAsRealClientsWriteIt(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, c := range []struct{ name, text string }{
		{"HTTP/1.0 with no header at all (Python)", "CONNECT demo.docusign.net:443 HTTP/1.0\r\n\r\n"},
		{
			"HTTP/1.0 with bare LF and Content-Length: 0 (Axis)",
			"CONNECT demo.docusign.net:443 HTTP/1.0\nUser-Agent: AxisJava\nContent-Length: 0\nPragma: no-cache\n\n",
		},
		{
			"Host without port (Java, Mono)",
			"CONNECT demo.docusign.net:443 HTTP/1.1\r\nHost: demo.docusign.net\r\nProxy-Connection: keep-alive\r\n\r\n",
		},
		{
			"Connection: close (npm request, LWP)",
			"CONNECT demo.docusign.net:443 HTTP/1.1\r\nhost: demo.docusign.net:443\r\nConnection: close\r\n\r\n",
		},
		{
			"with the inner Content-Type (npm request)",
			"CONNECT demo.docusign.net:443 HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=x\r\nhost: " +
				"demo.docusign.net:443\r\nConnection: close\r\n\r\n",
		},
		{"target in capitals with a final dot", "CONNECT DEMO.docusign.NET.:443 HTTP/1.1\r\nHost: demo.docusign.net\r\n\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := r.Tunnel(t, c.text)
			for range 2 { // the tunnel stays, whatever Connection said about the CONNECT
				w.Send(
					"GET " + apptest.ListPath + " HTTP/1.1\r\nHost: demo.docusign.net\r\nX-DocuSign-Authentication: " +
						apptest.AnnaJSON + "\r\n\r\n",
				)
				if got := w.Read("GET"); got.Status != 200 {
					t.Fatalf("status %d, body %q", got.Status, got.Body)
				}
			}
		})
	}
	t.Run("the 200 names the client's version", func(t *testing.T) {
		for _, version := range []string{"HTTP/1.0", "HTTP/1.1"} {
			w := r.Dial(t, call.DoorSidecar)
			w.Send("CONNECT demo.docusign.net:443 " + version + "\r\nHost: x\r\n\r\n")
			if line, _ := w.In.ReadString('\n'); !strings.HasPrefix(line, version+" 200 ") {
				t.Errorf("answered %q", line)
			}
		}
	})
	t.Run("a ClientHello in the same segment as the CONNECT", func(t *testing.T) {
		w := r.Dial(t, call.DoorSidecar)
		c := tls.Client(&helloWithConnect{Conn: w.Conn, in: w, connect: apptest.ConnectDemo}, &tls.Config{
			RootCAs: r.ProxyCA(), ServerName: "demo.docusign.net",
		})
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		inner := apptest.NewWire(t, c)
		inner.Send(
			"GET " + apptest.ListPath + " HTTP/1.1\r\nHost: demo.docusign.net\r\nX-DocuSign-Authentication: " +
				apptest.AnnaJSON + "\r\n\r\n",
		)
		if got := inner.Read("GET"); got.Status != 200 {
			t.Errorf("status %d", got.Status)
		}
	})
	for _, c := range []struct {
		name, connect string
		secure        bool
	}{
		{
			"plain HTTP inside CONNECT to port 80",
			"CONNECT demo.docusign.net:80 HTTP/1.1\r\nHost: demo.docusign.net:80\r\n\r\n", false,
		},
		{
			"TLS inside CONNECT to port 80", "CONNECT demo.docusign.net:80 HTTP/1.1\r\nHost: demo.docusign.net:80\r\n\r\n", true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := r.Opened(t, c.connect)
			if c.secure {
				w = w.Secure(r.Rig, "demo.docusign.net")
			}
			w.Send(
				"GET " + apptest.ListPath + " HTTP/1.1\r\nHost: demo.docusign.net\r\nX-DocuSign-Authentication: " +
					apptest.AnnaJSON + "\r\n\r\n",
			)
			got := w.Read("GET")
			if got.Status != 200 {
				t.Errorf("status %d, body %q", got.Status, got.Body)
			}
			if hsts := got.Header.Get("Strict-Transport-Security") != ""; hsts != c.secure {
				t.Errorf("Strict-Transport-Security there: %v, want %v", hsts, c.secure)
			}
		})
	}
	r.NoLeak()
}

// helloWithConnect puts the CONNECT in front of the first bytes of TLS, into one segment.
type helloWithConnect struct {
	net.Conn
	in      *apptest.Wire
	connect string
	heard   bool
}

func (c *helloWithConnect) Write(p []byte) (int, error) {
	if c.connect == "" {
		return c.Conn.Write(p)
	}
	_, err := c.Conn.Write(append([]byte(c.connect), p...))
	c.connect = ""
	return len(p), err
}

func (c *helloWithConnect) Read(p []byte) (int, error) {
	if !c.heard {
		c.heard = true
		c.in.Established()
	}
	return c.in.In.Read(p)
}

const envelopeJSON = `{"status":"sent","emailSubject":"Please ` +
	`sign","documents":[{"documentId":"1","name":"a.pdf","documentBase64":"JVBERi0xLjQK"}],` +
	`"recipients":{"signers":[{"email":"s@example.com","name":"S","recipientId":"1"}]}}`

func post(version, headers, body string) string {
	return "POST " + apptest.CreatePath + " " + version + "\r\nHost: 127.0.0.1\r\nX-DocuSign-Authentication: " +
		apptest.AnnaJSON +
		"\r\nContent-Type: application/json\r\n" + headers + "\r\n" + body
}

func TestRequestBodiesAsRealClientsFrameThem(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	length := fmt.Sprintf("Content-Length: %d\r\n", len(envelopeJSON))
	for _, c := range []struct {
		name, text string
		informs    bool // 100 Continue is due
		closes     bool
	}{
		{"fixed length", post("HTTP/1.1", length, envelopeJSON), false, false},
		{
			"chunked, lower-case sizes",
			post("HTTP/1.1", "Transfer-Encoding: chunked\r\n", apptest.Chunked([]byte(envelopeJSON), 0xab, "%x")), false, false,
		},
		{
			"chunked, upper-case sizes",
			post("HTTP/1.1", "Transfer-Encoding: chunked\r\n", apptest.Chunked([]byte(envelopeJSON), 0xab, "%X")), false, false,
		},
		{
			"chunked, leading zeros and an extension",
			post("HTTP/1.1", "transfer-encoding: Chunked\r\n", apptest.Chunked([]byte(envelopeJSON), 0xab, "000%x;a=b")), false,
			false,
		},
		{
			"chunked, a byte at a time, with a trailer",
			post(
				"HTTP/1.1", "Transfer-Encoding: chunked\r\nTrailer: X-T\r\n",
				strings.TrimSuffix(apptest.Chunked([]byte(envelopeJSON), 1, "%x"), "\r\n")+"X-T: 1\r\n\r\n",
			),
			false, false,
		},
		{
			"Expect: 100-continue on a small body (.NET)", post("HTTP/1.1", length+"Expect: 100-continue\r\n", envelopeJSON),
			true, false,
		},
		{
			"Expect: 100-Continue, chunked",
			post("HTTP/1.1", "Expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n",
				apptest.Chunked([]byte(envelopeJSON), 99, "%x")),
			true, false,
		},
		{"HTTP/1.0", post("HTTP/1.0", length, envelopeJSON), false, true},
		{
			"HTTP/1.0 with Expect, which it does not know", post("HTTP/1.0", length+"Expect: 100-continue\r\n", envelopeJSON),
			false, true,
		},
		{"HTTP/1.0 with keep-alive", post("HTTP/1.0", length+"Connection: Keep-Alive\r\n", envelopeJSON), false, false},
		{"Connection: close", post("HTTP/1.1", length+"Connection: close\r\n", envelopeJSON), false, true},
		{
			"TE, close (LWP)", post("HTTP/1.1", length+"TE: deflate,gzip;q=0.3\r\nConnection: TE, close\r\n", envelopeJSON),
			false, true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.Sandbox.ResetCounts()
			w := r.Dial(t, call.DoorSidecar)
			w.Send(c.text)
			got := w.Read("POST")
			if c.informs {
				if got.Status != 100 {
					t.Fatalf("status %d, want 100", got.Status)
				}
				got = w.Read("POST")
			}
			if got.Status != 201 || got.Err != nil {
				t.Fatalf("status %d, %v, body %q\n%s", got.Status, got.Err, got.Body, r.Log)
			}
			if strings.Contains(c.text, "HTTP/1.0") && (len(got.Encoding) > 0 || got.Length < 0) {
				t.Errorf("an HTTP/1.0 client is answered with %v, length %d", got.Encoding, got.Length)
			}
			sent := r.Last(t)
			if n := r.Sandbox.Counts().Envelopes; n != 1 || string(sent.Body) != envelopeJSON {
				t.Errorf("%d envelopes; DocuSign read %q", n, sent.Body)
			}
			for _, name := range []string{
				"Te", "Connection", "Expect", "Proxy-Connection", "Keep-Alive", "X-Docusign-Authentication",
			} {
				if v := sent.Header[name]; v != nil {
					t.Errorf("%s: %v went upstream", name, v)
				}
			}
			if c.closes != w.ClosesOrAnswers(t) {
				t.Errorf("the connection closes: %v, want %v", !c.closes, c.closes)
			}
		})
	}
	r.NoLeak()
}

func TestExpectContinueOfABodyTooLargeToKeep(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	const size = 3 << 20
	head := func(version, credential string) string {
		return fmt.Sprintf(
			"POST %s %s\r\nHost: x\r\nX-DocuSign-Authentication: %s\r\nContent-Type: application/pdf\r\nContent-Length: "+
				"%d\r\nExpect: 100-continue\r\n\r\n",
			apptest.CreatePath+"/x/documents", version, credential, size,
		)
	}
	t.Run("the body is asked for and streamed", func(t *testing.T) {
		w := r.Dial(t, call.DoorSidecar)
		w.Send("POST " + apptest.CreatePath + " HTTP/1.1\r\nHost: x\r\nX-DocuSign-Authentication: " + apptest.AnnaJSON +
			"\r\nContent-Type: application/json\r\n" +
			fmt.Sprintf("Content-Length: %d\r\nExpect: 100-continue\r\n\r\n", size))
		if got := w.Read("POST"); got.Status != 100 {
			t.Fatalf("status %d, want 100", got.Status)
		}
		body := apptest.BigEnvelope(size)
		if _, err := io.Copy(w.Conn, bytes.NewReader(body)); err != nil {
			t.Fatal(err)
		}
		if got := w.Read("POST"); got.Status != 201 {
			t.Errorf("status %d, body %q", got.Status, got.Body)
		}
		sum := sha256.Sum256(body)
		if sent := r.Last(t); sent.BodySHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("DocuSign read %d other bytes", sent.BodyLength)
		}
	})
	t.Run("a refused call is answered at once, without 100, and the connection closed", func(t *testing.T) {
		w := r.Dial(t, call.DoorSidecar)
		w.Send(head("HTTP/1.1", strings.Replace(apptest.AnnaJSON, "anna-legacy-1", "wrong", 1)))
		if got := w.Read("POST"); got.Status != 401 || !got.Close {
			t.Errorf("status %d, close %v", got.Status, got.Close)
		}
	})
	t.Run("what DocuSign refuses before the body comes back without the body", func(t *testing.T) {
		w := r.Dial(t, call.DoorSidecar)
		w.Send(head("HTTP/1.1", apptest.AnnaJSON)) // no such route there
		if got := w.Read("POST"); got.Status != 404 {
			t.Errorf("status %d", got.Status)
		}
	})
}

func TestAcceptHeadersTravelAsTheyCame(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, c := range []struct{ name, headers string }{
		{"node-soap's none", "Accept-Encoding: none\r\n"},
		{"identity", "Accept-Encoding: identity\r\n"},
		{"Ruby's list", "Accept-Encoding: gzip;q=1.0,deflate;q=0.6,identity;q=0.3\r\n"},
		{"requests' br", "Accept-Encoding: gzip, deflate, br\r\nAccept: */*\r\n"},
		{"none given, none added", ""},
		{"several Accept lines (SOAP::Lite)", "Accept: text/xml\r\nAccept: multipart/*\r\nAccept: application/soap\r\n"},
		{"the bare word json (Ruby gem)", "Accept: json\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := r.Dial(t, call.DoorSidecar)
			w.Send(
				"GET " + apptest.ListPath + " HTTP/1.1\r\nHost: x\r\nX-DocuSign-Authentication: " + apptest.AnnaJSON + "\r\n" +
					c.headers + "\r\n",
			)
			got := w.Read("GET")
			if got.Status != 200 {
				t.Fatalf("status %d", got.Status)
			}
			var sent strings.Builder
			for _, name := range []string{"Accept-Encoding", "Accept"} {
				for _, v := range r.Last(t).Header[name] {
					sent.WriteString(name + ": " + v + "\r\n")
				}
			}
			if sent.String() != c.headers {
				t.Errorf("DocuSign read %q, want %q", sent.String(), c.headers)
			}
			if gz := strings.Contains(c.headers, "gzip"); gz != (got.Header.Get("Content-Encoding") == "gzip") {
				t.Errorf("Content-Encoding %q", got.Header.Get("Content-Encoding"))
			}
			if v := r.Last(t).Header["User-Agent"]; v != nil {
				t.Errorf("a User-Agent was made up: %q", v)
			}
		})
	}
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	w := r.Dial(t, call.DoorSidecar)
	get := func(id string) string {
		return "GET /restapi/v2/accounts/1234567/envelopes/" + id + " HTTP/1.1\r\nHost: x\r\nX-DocuSign-Authentication: " +
			apptest.AnnaJSON + "\r\n\r\n"
	}
	id := r.Sandbox.AddEnvelope(sandbox.Envelope{AccountID: sandbox.ExampleAccountID, Status: "sent"})
	w.Send(
		get(id) + post("HTTP/1.1", fmt.Sprintf("Content-Length: %d\r\n", len(envelopeJSON)), envelopeJSON) + get("unknown"),
	)
	for i, want := range []int{200, 201, 404} {
		if got := w.Read("GET"); got.Status != want {
			t.Errorf("answer %d: status %d, want %d; %q", i, got.Status, want, got.Body)
		}
	}
}

// usualHeaderTimeout is what header_timeout is where nobody sets it, far above what these tests set.
const usualHeaderTimeout = 10 * time.Second

func TestLimitsOfTheRequestHead(t *testing.T) {
	t.Parallel()
	r := newRigChanged(t, func(doc apptest.Section) { doc.At("limits")["header_timeout"] = "150ms" })
	t.Run("a head that is too large is 431", func(t *testing.T) {
		patient := newRigChanged(t, func(doc apptest.Section) { doc.At("limits")["header_bytes"] = "16KiB" })
		w := patient.Dial(t, call.DoorSidecar)
		go func() {
			_, _ = io.WriteString(
				w.Conn,
				"GET "+apptest.ListPath+" HTTP/1.1\r\nHost: x\r\n"+strings.Repeat("X-Fill: "+strings.Repeat("f", 1000)+"\r\n",
					40)+"\r\n",
			)
		}()
		if got := w.Read("GET"); got.Status != 431 {
			t.Errorf("status %d", got.Status)
		}
	})
	for _, c := range []struct {
		name string
		open func(*testing.T) *apptest.Wire
		text string
	}{
		{"nothing is ever sent", func(t *testing.T) *apptest.Wire { return r.Dial(t, call.DoorSidecar) }, ""},
		{"a head that never ends", func(t *testing.T) *apptest.Wire {
			return r.Dial(t, call.DoorSidecar)
		}, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "},
		{"a TLS handshake that never ends", func(t *testing.T) *apptest.Wire {
			return r.Dial(t, call.DoorSidecar)
		}, "\x16\x03\x01\x02\x00\x01"},
		{"silence in a tunnel", func(t *testing.T) *apptest.Wire { return r.Opened(t, apptest.ConnectDemo) }, ""},
		{"a head that never ends in a tunnel", func(t *testing.T) *apptest.Wire {
			return r.Tunnel(t, apptest.ConnectDemo)
		}, "GET / HTTP/1.1\r\nX-Slow: "},
	} {
		t.Run("slow-loris: "+c.name, func(t *testing.T) {
			w := c.open(t)
			began := time.Now()
			w.Send(c.text)
			_, _ = io.Copy(io.Discard, w.In)
			if took := time.Since(began); took > usualHeaderTimeout {
				t.Errorf("the connection was held for %v", took)
			}
		})
	}
}

func TestEveryCaptureOfARealClient(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(w *fixture.Config) {
		w.Edit = func(in []map[string]any) {
			sum := sha256.Sum256([]byte("stub-token"))
			in[0]["tokens"] = []map[string]any{{"sha256": hex.EncodeToString(sum[:]), "username": "legacy.user@example.com"}}
		}
	})
	files, err := filepath.Glob("testdata/captures/*/*.http")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d captures, %v", len(files), err)
	}
	for _, file := range files {
		name, _ := filepath.Rel("testdata/captures", file)
		if strings.Contains(name, "-connect") || strings.Contains(name, "asmx") {
			continue
		}
		text := string(apptest.RecordedRequest(t, filepath.ToSlash(name)))
		connects, _ := fs.Glob(captureFS(), filepath.Dir(name)+"/*-connect*.http")
		t.Run(name, func(t *testing.T) {
			if strings.Contains(name, "-sidecar-") {
				w := r.Dial(t, call.DoorSidecar)
				r.replay(t, w, text, "http://127.0.0.1:28080")
				return
			}
			for _, connect := range connects {
				r.replay(t, r.Tunnel(t, string(apptest.RecordedRequest(t, filepath.ToSlash(connect)))), text,
					"https://demo.docusign.net")
			}
		})
	}
	r.NoLeak()
	if c := r.Sandbox.Counts(); c.Legacy.Total() != 0 || c.Grants != 1 {
		t.Errorf("%d legacy credentials reached DocuSign, %d grants", c.Legacy.Total(), c.Grants)
	}
}

// replay sends a capture as it is and checks the answer that its program waits for.
func (r *rig) replay(t *testing.T, w *apptest.Wire, text, origin string) {
	t.Helper()
	before := r.Sandbox.Counts()
	w.Send(text)
	line, _, _ := strings.Cut(text, "\r\n")
	got := w.Read(strings.Fields(line)[0])
	if strings.Contains(text, "Expect:") {
		if got.Status != 100 {
			t.Fatalf("status %d, want 100", got.Status)
		}
		got = w.Read("POST")
	}
	status := 200
	var want string
	switch {
	case strings.Contains(line, "login_information"):
		want = origin + "/restapi/v2/accounts/1703061"
	case strings.Contains(line, "oauth2/token"):
		want = `"access_token"`
	case strings.HasPrefix(line, "POST"):
		want, status = "envelopeId", 201
	case strings.Contains(line, "/documents/"):
		want = "%PDF-1.4"
	default:
		want = "envelopeId"
	}
	body := got.Body
	if got.Header.Get("Content-Encoding") == "gzip" {
		body = gunzip(t, body)
	}
	if got.Status != status || got.Err != nil || !strings.Contains(body, want) {
		t.Errorf("status %d, %v, want %d with %q:\n%s", got.Status, got.Err, status, want, body)
	}
	if strings.HasPrefix(line, "POST") && status == 201 {
		if after := r.Sandbox.Counts(); after.Envelopes != before.Envelopes+1 {
			t.Errorf("%d envelopes were made", after.Envelopes-before.Envelopes)
		}
		if sent := r.Last(t); !strings.Contains(text, "chunked") && !strings.HasSuffix(text, string(sent.Body)) {
			t.Errorf("the body was changed: %q", sent.Body)
		}
	}
}
