package app

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
			w := r.tunnel(t, c.text)
			for range 2 { // the tunnel stays, whatever Connection said about the CONNECT
				w.send(
					"GET " + listPath + " HTTP/1.1\r\nHost: demo.docusign.net\r\nX-DocuSign-Authentication: " + annaJSON + "\r\n\r\n",
				)
				if got := w.read("GET"); got.status != 200 {
					t.Fatalf("status %d, body %q", got.status, got.body)
				}
			}
		})
	}
	t.Run("the 200 names the client's version", func(t *testing.T) {
		for _, version := range []string{"HTTP/1.0", "HTTP/1.1"} {
			w := r.dial(t, call.DoorSidecar)
			w.send("CONNECT demo.docusign.net:443 " + version + "\r\nHost: x\r\n\r\n")
			if line, _ := w.in.ReadString('\n'); !strings.HasPrefix(line, version+" 200 ") {
				t.Errorf("answered %q", line)
			}
		}
	})
	t.Run("a ClientHello in the same segment as the CONNECT", func(t *testing.T) {
		w := r.dial(t, call.DoorSidecar)
		c := tls.Client(&helloWithConnect{Conn: w.Conn, in: w, connect: connectDemo}, &tls.Config{
			RootCAs: r.proxyCA(), ServerName: "demo.docusign.net",
		})
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		inner := newWire(t, c)
		inner.send(
			"GET " + listPath + " HTTP/1.1\r\nHost: demo.docusign.net\r\nX-DocuSign-Authentication: " + annaJSON + "\r\n\r\n",
		)
		if got := inner.read("GET"); got.status != 200 {
			t.Errorf("status %d", got.status)
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
			w := r.opened(t, c.connect)
			if c.secure {
				w = w.secure(r, "demo.docusign.net")
			}
			w.send(
				"GET " + listPath + " HTTP/1.1\r\nHost: demo.docusign.net\r\nX-DocuSign-Authentication: " + annaJSON + "\r\n\r\n",
			)
			got := w.read("GET")
			if got.status != 200 {
				t.Errorf("status %d, body %q", got.status, got.body)
			}
			if hsts := got.header.Get("Strict-Transport-Security") != ""; hsts != c.secure {
				t.Errorf("Strict-Transport-Security there: %v, want %v", hsts, c.secure)
			}
		})
	}
	r.noLeak()
}

// helloWithConnect puts the CONNECT in front of the first bytes of TLS, into one segment.
type helloWithConnect struct {
	net.Conn
	in      *wire
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
		c.in.established()
	}
	return c.in.in.Read(p)
}

const envelopeJSON = `{"status":"sent","emailSubject":"Please ` +
	`sign","documents":[{"documentId":"1","name":"a.pdf","documentBase64":"JVBERi0xLjQK"}],` +
	`"recipients":{"signers":[{"email":"s@example.com","name":"S","recipientId":"1"}]}}`

const createPath = "/restapi/v2/accounts/1234567/envelopes"

func post(version, headers, body string) string {
	return "POST " + createPath + " " + version + "\r\nHost: 127.0.0.1\r\nX-DocuSign-Authentication: " + annaJSON +
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
			post("HTTP/1.1", "Transfer-Encoding: chunked\r\n", chunked([]byte(envelopeJSON), 0xab, "%x")), false, false,
		},
		{
			"chunked, upper-case sizes",
			post("HTTP/1.1", "Transfer-Encoding: chunked\r\n", chunked([]byte(envelopeJSON), 0xab, "%X")), false, false,
		},
		{
			"chunked, leading zeros and an extension",
			post("HTTP/1.1", "transfer-encoding: Chunked\r\n", chunked([]byte(envelopeJSON), 0xab, "000%x;a=b")), false, false,
		},
		{
			"chunked, a byte at a time, with a trailer",
			post(
				"HTTP/1.1", "Transfer-Encoding: chunked\r\nTrailer: X-T\r\n",
				strings.TrimSuffix(chunked([]byte(envelopeJSON), 1, "%x"), "\r\n")+"X-T: 1\r\n\r\n",
			),
			false, false,
		},
		{
			"Expect: 100-continue on a small body (.NET)", post("HTTP/1.1", length+"Expect: 100-continue\r\n", envelopeJSON),
			true, false,
		},
		{
			"Expect: 100-Continue, chunked",
			post("HTTP/1.1", "Expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n", chunked([]byte(envelopeJSON), 99, "%x")),
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
			r.sandbox.ResetCounts()
			w := r.dial(t, call.DoorSidecar)
			w.send(c.text)
			got := w.read("POST")
			if c.informs {
				if got.status != 100 {
					t.Fatalf("status %d, want 100", got.status)
				}
				got = w.read("POST")
			}
			if got.status != 201 || got.err != nil {
				t.Fatalf("status %d, %v, body %q\n%s", got.status, got.err, got.body, r.log)
			}
			if strings.Contains(c.text, "HTTP/1.0") && (len(got.encoding) > 0 || got.length < 0) {
				t.Errorf("an HTTP/1.0 client is answered with %v, length %d", got.encoding, got.length)
			}
			sent := r.last(t)
			if n := r.sandbox.Counts().Envelopes; n != 1 || string(sent.Body) != envelopeJSON {
				t.Errorf("%d envelopes; DocuSign read %q", n, sent.Body)
			}
			for _, name := range []string{
				"Te", "Connection", "Expect", "Proxy-Connection", "Keep-Alive", "X-Docusign-Authentication",
			} {
				if v := sent.Header[name]; v != nil {
					t.Errorf("%s: %v went upstream", name, v)
				}
			}
			if c.closes != w.closesOrAnswers(t) {
				t.Errorf("the connection closes: %v, want %v", !c.closes, c.closes)
			}
		})
	}
	r.noLeak()
}

// closesOrAnswers tries another call on the connection and reports whether the proxy had closed it.
func (w *wire) closesOrAnswers(t *testing.T) bool {
	t.Helper()
	_, _ = io.WriteString(w.Conn, "GET /restapi HTTP/1.1\r\nHost: x\r\n\r\n")
	resp, err := http.ReadResponse(w.in, nil)
	if err != nil {
		return true
	}
	if resp.StatusCode != 200 {
		t.Errorf("the next call on the connection got %d", resp.StatusCode)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	return false
}

func TestExpectContinueOfABodyTooLargeToKeep(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	const size = 3 << 20
	head := func(version, credential string) string {
		return fmt.Sprintf(
			"POST %s %s\r\nHost: x\r\nX-DocuSign-Authentication: %s\r\nContent-Type: application/pdf\r\nContent-Length: "+
				"%d\r\nExpect: 100-continue\r\n\r\n",
			createPath+"/x/documents", version, credential, size,
		)
	}
	t.Run("the body is asked for and streamed", func(t *testing.T) {
		w := r.dial(t, call.DoorSidecar)
		w.send("POST " + createPath + " HTTP/1.1\r\nHost: x\r\nX-DocuSign-Authentication: " + annaJSON +
			"\r\nContent-Type: application/json\r\n" +
			fmt.Sprintf("Content-Length: %d\r\nExpect: 100-continue\r\n\r\n", size))
		if got := w.read("POST"); got.status != 100 {
			t.Fatalf("status %d, want 100", got.status)
		}
		body := bigEnvelope(size)
		if _, err := io.Copy(w.Conn, bytes.NewReader(body)); err != nil {
			t.Fatal(err)
		}
		if got := w.read("POST"); got.status != 201 {
			t.Errorf("status %d, body %q", got.status, got.body)
		}
		sum := sha256.Sum256(body)
		if sent := r.last(t); sent.BodySHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("DocuSign read %d other bytes", sent.BodyLength)
		}
	})
	t.Run("a refused call is answered at once, without 100, and the connection closed", func(t *testing.T) {
		w := r.dial(t, call.DoorSidecar)
		w.send(head("HTTP/1.1", strings.Replace(annaJSON, "anna-legacy-1", "wrong", 1)))
		if got := w.read("POST"); got.status != 401 || !got.close {
			t.Errorf("status %d, close %v", got.status, got.close)
		}
	})
	t.Run("what DocuSign refuses before the body comes back without the body", func(t *testing.T) {
		w := r.dial(t, call.DoorSidecar)
		w.send(head("HTTP/1.1", annaJSON)) // no such route there
		if got := w.read("POST"); got.status != 404 {
			t.Errorf("status %d", got.status)
		}
	})
}

// bigEnvelope is a well-formed envelope of exactly size bytes.
func bigEnvelope(size int) []byte {
	head, tail := `{"status":"sent","emailSubject":"big","documents":[{"documentId":"1","name":"a.pdf",`+
		`"documentBase64":"`, `"}]}`
	fill := size - len(head) - len(tail)
	b := append([]byte(head), bytes.Repeat([]byte("QUJD"), fill/4)...)
	b = append(b, tail...)
	return append(b, bytes.Repeat([]byte(" "), size-len(b))...)
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
			w := r.dial(t, call.DoorSidecar)
			w.send(
				"GET " + listPath + " HTTP/1.1\r\nHost: x\r\nX-DocuSign-Authentication: " + annaJSON + "\r\n" + c.headers + "\r\n",
			)
			got := w.read("GET")
			if got.status != 200 {
				t.Fatalf("status %d", got.status)
			}
			var sent strings.Builder
			for _, name := range []string{"Accept-Encoding", "Accept"} {
				for _, v := range r.last(t).Header[name] {
					sent.WriteString(name + ": " + v + "\r\n")
				}
			}
			if sent.String() != c.headers {
				t.Errorf("DocuSign read %q, want %q", sent.String(), c.headers)
			}
			if gz := strings.Contains(c.headers, "gzip"); gz != (got.header.Get("Content-Encoding") == "gzip") {
				t.Errorf("Content-Encoding %q", got.header.Get("Content-Encoding"))
			}
			if v := r.last(t).Header["User-Agent"]; v != nil {
				t.Errorf("a User-Agent was made up: %q", v)
			}
		})
	}
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	w := r.dial(t, call.DoorSidecar)
	get := func(id string) string {
		return "GET /restapi/v2/accounts/1234567/envelopes/" + id + " HTTP/1.1\r\nHost: x\r\nX-DocuSign-Authentication: " +
			annaJSON + "\r\n\r\n"
	}
	id := r.sandbox.AddEnvelope(sandbox.Envelope{AccountID: sandbox.ExampleAccountID, Status: "sent"})
	w.send(
		get(id) + post("HTTP/1.1", fmt.Sprintf("Content-Length: %d\r\n", len(envelopeJSON)), envelopeJSON) + get("unknown"),
	)
	for i, want := range []int{200, 201, 404} {
		if got := w.read("GET"); got.status != want {
			t.Errorf("answer %d: status %d, want %d; %q", i, got.status, want, got.body)
		}
	}
}

func TestLimitsOfTheRequestHead(t *testing.T) {
	t.Parallel()
	r := newRigChanged(t, func(doc section) {
		doc.at("limits")["header_timeout"] = "150ms"
		doc.at("limits")["header_bytes"] = "16KiB"
	})
	t.Run("a head that is too large is 431", func(t *testing.T) {
		w := r.dial(t, call.DoorSidecar)
		go func() {
			_, _ = io.WriteString(
				w.Conn,
				"GET "+listPath+" HTTP/1.1\r\nHost: x\r\n"+strings.Repeat("X-Fill: "+strings.Repeat("f", 1000)+"\r\n", 40)+"\r\n",
			)
		}()
		if got := w.read("GET"); got.status != 431 {
			t.Errorf("status %d", got.status)
		}
	})
	for _, c := range []struct {
		name string
		open func(*testing.T) *wire
		text string
	}{
		{"nothing is ever sent", func(t *testing.T) *wire { return r.dial(t, call.DoorSidecar) }, ""},
		{"a head that never ends", func(t *testing.T) *wire {
			return r.dial(t, call.DoorSidecar)
		}, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "},
		{"a TLS handshake that never ends", func(t *testing.T) *wire {
			return r.dial(t, call.DoorSidecar)
		}, "\x16\x03\x01\x02\x00\x01"},
		{"silence in a tunnel", func(t *testing.T) *wire { return r.opened(t, connectDemo) }, ""},
		{"a head that never ends in a tunnel", func(t *testing.T) *wire {
			return r.tunnel(t, connectDemo)
		}, "GET / HTTP/1.1\r\nX-Slow: "},
	} {
		t.Run("slow-loris: "+c.name, func(t *testing.T) {
			w := c.open(t)
			began := time.Now()
			w.send(c.text)
			_, _ = io.Copy(io.Discard, w.in)
			if took := time.Since(began); took > wireLimit/2 {
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
		text := string(recordedRequest(t, filepath.ToSlash(name)))
		connects, _ := fs.Glob(captureFS(), filepath.Dir(name)+"/*-connect*.http")
		t.Run(name, func(t *testing.T) {
			if strings.Contains(name, "-sidecar-") {
				w := r.dial(t, call.DoorSidecar)
				r.replay(t, w, text, "http://127.0.0.1:28080")
				return
			}
			for _, connect := range connects {
				r.replay(t, r.tunnel(t, string(recordedRequest(t, filepath.ToSlash(connect)))), text, "https://demo.docusign.net")
			}
		})
	}
	r.noLeak()
	if c := r.sandbox.Counts(); c.Legacy.Total() != 0 || c.Grants != 1 {
		t.Errorf("%d legacy credentials reached DocuSign, %d grants", c.Legacy.Total(), c.Grants)
	}
}

// replay sends a capture as it is and checks the answer that its program waits for.
func (r *rig) replay(t *testing.T, w *wire, text, origin string) {
	t.Helper()
	before := r.sandbox.Counts()
	w.send(text)
	line, _, _ := strings.Cut(text, "\r\n")
	got := w.read(strings.Fields(line)[0])
	if strings.Contains(text, "Expect:") {
		if got.status != 100 {
			t.Fatalf("status %d, want 100", got.status)
		}
		got = w.read("POST")
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
	body := got.body
	if got.header.Get("Content-Encoding") == "gzip" {
		body = gunzip(t, body)
	}
	if got.status != status || got.err != nil || !strings.Contains(body, want) {
		t.Errorf("status %d, %v, want %d with %q:\n%s", got.status, got.err, status, want, body)
	}
	if strings.HasPrefix(line, "POST") && status == 201 {
		if after := r.sandbox.Counts(); after.Envelopes != before.Envelopes+1 {
			t.Errorf("%d envelopes were made", after.Envelopes-before.Envelopes)
		}
		if sent := r.last(t); !strings.Contains(text, "chunked") && !strings.HasSuffix(text, string(sent.Body)) {
			t.Errorf("the body was changed: %q", sent.Body)
		}
	}
}
