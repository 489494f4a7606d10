package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/sandbox"
)

// wrongJSON is a credential that is refused as soon as the head of the call is there.
var wrongJSON = strings.Replace(annaJSON, "anna-legacy-1", "wrong", 1)

// unread answers 413 and closes without reading the body.
func unread(t *testing.T) (addr string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// Python's http.client, .NET and Java send the whole call before they read (RFC 9112 §9.6).
func TestARefusalReachesAProgramThatSendsAllBeforeItReads(t *testing.T) {
	t.Parallel()
	listed := unread(t)
	r := newRigChanged(t, func(doc section) { doc.at("egress")["tunnel"] = []string{listed} })
	const size = 8 << 20
	doors := map[string]func(*testing.T) *wire{
		"sidecar":          func(t *testing.T) *wire { return r.dial(t, call.DoorSidecar) },
		"sidecar over TLS": func(t *testing.T) *wire { return r.dialTLS(t, call.DoorSidecar, "") },
		"CONNECT":          func(t *testing.T) *wire { return r.tunnel(t, connectDemo) },
	}
	refused := "X-DocuSign-Authentication: " + wrongJSON + "\r\n"
	for _, c := range []struct {
		name, target, headers string
		door                  string // "" = all
		want                  int
	}{
		{"a wrong password", createPath, refused, "", 401},
		{"no credential", createPath, "", "", 401},
		{"an old protocol", createPath, refused + "X-Odd: 1\r\n", "", 401},
		{"an OAuth form that is too large", "/restapi/v2/oauth2/token", "", "", 413},
		{"an address that there is not", "/ca.pem", "", "sidecar", 404},
		{"another host that answers before it has read the call", "http://" + listed + "/", "", "sidecar", 413},
	} {
		for door, open := range doors {
			if c.door != "" && c.door != door {
				continue
			}
			for _, framing := range []string{"fixed length", "chunked", "HTTP/1.0"} {
				t.Run(c.name+", "+door+", "+framing, func(t *testing.T) {
					w, host := open(t), "demo.docusign.net"
					if strings.HasPrefix(door, "sidecar") {
						host = "127.0.0.1"
					}
					head := "POST " + c.target + " HTTP/1.1\r\nHost: " + host + "\r\n" + c.headers
					body := strings.Repeat("x", size)
					switch framing {
					case "chunked":
						head += "Transfer-Encoding: chunked\r\n\r\n"
						body = chunked([]byte(body), 64<<10, "%x")
					case "HTTP/1.0":
						head = strings.Replace(head, "HTTP/1.1", "HTTP/1.0", 1)
						fallthrough
					default:
						head += fmt.Sprintf("Content-Length: %d\r\n\r\n", size)
					}
					w.send(head)
					w.send(body)
					if got := w.read("POST"); got.status != c.want || got.err != nil {
						t.Errorf("status %d, want %d, %v", got.status, c.want, got.err)
					}
					if !w.ended() {
						t.Error("the connection stays open")
					}
				})
			}
		}
	}
	for _, c := range []struct {
		name, head string
		want       int
	}{
		{"a coding that nobody knows", "POST " + createPath + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
		{"a blank in the target", "POST /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	} {
		for _, door := range []string{"sidecar", "sidecar over TLS"} {
			t.Run("net/http's own: "+c.name+", "+door, func(t *testing.T) {
				w := doors[door](t)
				w.send(c.head)
				w.send(strings.Repeat("x", size))
				if got := w.read("POST"); got.status != c.want {
					t.Errorf("status %d, want %d", got.status, c.want)
				}
			})
		}
	}
	t.Run("a program that reads at once need not send the rest", func(t *testing.T) {
		w := r.dial(t, call.DoorSidecar)
		w.send("POST " + createPath + " HTTP/1.1\r\nHost: x\r\n" + refused + fmt.Sprintf("Content-Length: %d\r\n\r\n{", size))
		if got := w.read("POST"); got.status != 401 || !got.close {
			t.Errorf("status %d, close %v", got.status, got.close)
		}
		_ = w.Close()
		eventually(t, "the call ends", func() bool { return r.program.Server.Active() == 0 })
	})
	t.Run("over HTTP/2 the stream ends and the connection goes on", func(t *testing.T) {
		c := r.protocolClient(r.addr(call.DoorSidecar), func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) })
		for range 2 {
			body := io.MultiReader(bytes.NewReader(make([]byte, size)))
			got := r.do(c, request(t, "POST", r.sidecar()+createPath, body, "X-DocuSign-Authentication", wrongJSON))
			if got.status != 401 {
				t.Errorf("status %d", got.status)
			}
		}
	})
}

func TestWhatIsDrainedIsBounded(t *testing.T) {
	t.Parallel()
	r := newRigChanged(t, func(doc section) {
		doc.at("limits")["drain_body"] = "64KiB"
		doc.at("limits")["header_timeout"] = "200ms"
	})
	head := "POST " + createPath + " HTTP/1.1\r\nHost: x\r\nX-DocuSign-Authentication: " + wrongJSON +
		"\r\nContent-Length: 1000000000\r\n\r\n"
	for name, send := range map[string]func(*wire){
		"bytes":   func(w *wire) { _, _ = io.Copy(w.Conn, letters{}) },
		"silence": func(*wire) {},
		"a few now and then": func(w *wire) {
			for _, err := w.Write([]byte("x")); err == nil; _, err = w.Write([]byte("x")) {
				<-time.After(20 * time.Millisecond)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := r.dial(t, call.DoorSidecar)
			w.send(head)
			if got := w.read("POST"); got.status != 401 {
				t.Errorf("status %d", got.status)
			}
			go send(w)
			began := time.Now()
			if !w.ended() || time.Since(began) > wireLimit/2 {
				t.Errorf("the connection was held for %v", time.Since(began))
			}
		})
	}
}

func TestABodyThatStopsComingIsGivenUp(t *testing.T) {
	t.Parallel()
	r := newRigChanged(t, func(doc section) {
		doc.at("limits")["header_timeout"] = "300ms"
		doc.at("limits")["body_timeout"] = "600ms"
	})
	soapHead := "POST /api/3.0/dsapi.asmx HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml; " +
		"charset=utf-8\r\nContent-Length: 5000\r\n\r\n<soap:Envelope "
	for _, c := range []struct{ name, text string }{
		{"before proof: an envelope", soapHead},
		{
			"before proof: a form",
			"POST /restapi/v2/oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\ngrant_type=",
		},
		{"after proof: fixed length", post("HTTP/1.1", "Content-Length: 5000\r\n", `{"status":`)},
		{"after proof: chunked", post("HTTP/1.1", "Transfer-Encoding: chunked\r\n", "4\r\n{\"st\r\n")},
		{"after proof: too large to keep", post("HTTP/1.1", "Content-Length: 50000000\r\n", `{"status":`)},
		{"after proof: after 100 Continue", post("HTTP/1.1", "Expect: 100-continue\r\nContent-Length: 5000\r\n", "")},
	} {
		for _, drip := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, a byte now and then: %v", c.name, drip), func(t *testing.T) {
				w := r.dial(t, call.DoorSidecar)
				w.send(c.text)
				if drip && !strings.Contains(c.text, "chunked") {
					go func() {
						for _, err := w.Write([]byte(" ")); err == nil; _, err = w.Write([]byte(" ")) {
							<-time.After(20 * time.Millisecond)
						}
					}()
				}
				got := w.read("POST")
				if got.status == 100 {
					got = w.read("POST")
				}
				want := 408
				if strings.Contains(c.text, "<soap:") {
					want = 500 // faults travel with it (SOAP 1.1 §6.2)
				}
				if got.status != want || !got.close || got.header.Get("X-DocuSign-Auth-Proxy-Cause") != "body_timeout" {
					t.Errorf("status %d, close %v, %v", got.status, got.close, got.header)
				}
				if !w.ended() {
					t.Error("the connection stays open")
				}
			})
		}
	}
	for _, q := range r.atSites() {
		if q.Complete {
			t.Errorf("DocuSign took %s %s for the whole", q.Method, q.Path)
		}
	}
}

func TestASlowBodyThatGetsOnIsNotGivenUp(t *testing.T) {
	t.Parallel()
	r := newRigChanged(t, func(doc section) {
		doc.at("limits")["header_timeout"] = "1s"
		doc.at("limits")["body_timeout"] = "1s"
	})
	for _, size := range []int{40 << 10, 3 << 20} {
		t.Run(fmt.Sprintf("%d bytes, more slowly than the limit", size), func(t *testing.T) {
			w := r.dial(t, call.DoorSidecar)
			text := post("HTTP/1.1", fmt.Sprintf("Content-Length: %d\r\n", size), string(bigEnvelope(size)))
			for len(text) > 0 {
				n := min(len(text), max(size/20, 2<<10))
				w.send(text[:n])
				text = text[n:]
				<-time.After(100 * time.Millisecond)
			}
			if got := w.read("POST"); got.status != 201 || got.close {
				t.Errorf("status %d, close %v", got.status, got.close)
			}
			w.send("GET /restapi HTTP/1.1\r\nHost: x\r\n\r\n")
			if got := w.read("GET"); got.status != 200 {
				t.Errorf("the next call on the connection: status %d", got.status)
			}
		})
	}
	t.Run("DocuSign takes longer than the limit to answer", func(t *testing.T) {
		r.sandbox.FailNext(sandbox.FailureSpec{Path: createPath, Status: 418, Delay: 1500 * time.Millisecond})
		w := r.dial(t, call.DoorSidecar)
		w.send(post("HTTP/1.1", fmt.Sprintf("Content-Length: %d\r\n", len(envelopeJSON)), envelopeJSON))
		if got := w.read("POST"); got.status != 418 {
			t.Errorf("status %d", got.status)
		}
	})
}

func TestOneClientNeverKeepsTheOthersOut(t *testing.T) {
	t.Parallel()
	r := newRigChanged(t, func(doc section) {
		doc.at("limits")["connections"] = 8
		doc.at("limits")["client_share"] = 50
	})
	get := "GET " + listPath + " HTTP/1.1\r\nHost: x\r\nX-DocuSign-Authentication: " + annaJSON + "\r\n\r\n"
	for _, c := range []struct{ name, text string }{
		{"silent connections", ""},
		{"unfinished heads", "POST /x HTTP/1.1\r\nHost: x\r\nX-"},
		{
			"unfinished envelopes",
			"POST /api/3.0/dsapi.asmx HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: 5000\r\n\r\n<soap:",
		},
		{
			"unfinished calls without a credential",
			"POST " + createPath + " HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n{",
		},
		{"idle connections after a call", get},
		{"tunnels without a call", connectDemo},
		{"TLS handshakes that never end", "\x16\x03\x01\x02\x00\x01"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 20 {
				w := r.dial(t, call.DoorSidecar)
				w.send(c.text)
				if c.text == get {
					w.read("GET") // a call under way would keep its connection
				}
			}
			for range 3 {
				w := r.dial(t, call.DoorSidecar)
				w.send(get)
				if got := w.read("GET"); got.status != 200 {
					t.Errorf("status %d", got.status)
				}
			}
			if n := r.program.Server.OpenConnections(); n > 4 {
				t.Errorf("%d connections of one client, whose share is 4", n)
			}
		})
	}
	t.Run("calls under way keep their connections, and the other listener its own", func(t *testing.T) {
		var begun []*wire
		for n := range 4 {
			w := r.dial(t, call.DoorSidecar)
			w.send(post("HTTP/1.1", fmt.Sprintf("Content-Length: %d\r\n", len(envelopeJSON)), envelopeJSON[:10]))
			begun = append(begun, w)
			eventually(t, "the call is under way", func() bool { return r.program.Server.Active() == int64(n+1) })
		}
		if w := r.dial(t, call.DoorSidecar); !w.ended() {
			t.Error("a fifth connection is taken")
		}
		w := r.dialTLS(t, call.DoorHosts, "demo.docusign.net")
		w.send(strings.Replace(get, "Host: x", "Host: demo.docusign.net", 1))
		if got := w.read("GET"); got.status != 200 {
			t.Errorf("the other listener: status %d", got.status)
		}
		for _, w := range begun {
			w.send(envelopeJSON[10:])
			if got := w.read("POST"); got.status != 201 {
				t.Errorf("status %d", got.status)
			}
		}
	})
	eventually(t, "what happened is shown", func() bool {
		causes := map[string]bool{}
		for _, f := range r.program.Server.ConnFailures() {
			causes[f.Cause] = true
		}
		return causes["connection_displaced"] && causes["too_many_connections"]
	})
}

func TestCallsOverHTTP2CountAsConnections(t *testing.T) {
	t.Parallel()
	r := newRigChanged(t, func(doc section) {
		doc.at("limits")["connections"] = 10
		doc.at("limits")["client_share"] = 60
	})
	c := r.protocolClient(r.addr(call.DoorSidecar), func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) })
	ctx, cancel := context.WithTimeout(t.Context(), wireLimit)
	defer cancel()
	var calls sync.WaitGroup
	for range 5 {
		unfinished, _ := io.Pipe()
		body := struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(make([]byte, 64<<10)), unfinished), unfinished}
		req := request(t, "POST", r.sidecar()+createPath, body, "X-DocuSign-Authentication", annaJSON).WithContext(ctx)
		req.ContentLength = large
		calls.Go(func() {
			if resp, err := c.Do(req); err == nil {
				_ = resp.Body.Close()
			}
		})
	}
	// Before they are proven their connection may be closed for another one.
	eventually(t, "the calls are proven and under way", func() bool { return len(r.atSites()) == 5 })
	got := r.do(c, request(t, "GET", r.sidecar()+listPath, nil, "X-DocuSign-Authentication", annaJSON))
	if got.status != 503 || got.header.Get("X-DocuSign-Auth-Proxy-Cause") != "overloaded" {
		t.Errorf("status %d, %v", got.status, got.header)
	}
	cancel()
	calls.Wait()
	eventually(t, "the places are given back", func() bool { return r.program.Server.OpenConnections() <= 1 })
	if got := r.do(
		c, request(t, "GET", r.sidecar()+listPath, nil, "X-DocuSign-Authentication", annaJSON),
	); got.status != 200 {
		t.Errorf("status %d", got.status)
	}
}

func TestFramingThatNetHTTPDoesNotTellOf(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	length := fmt.Sprintf("Content-Length: %d\r\n", len(envelopeJSON))
	inChunks := chunked([]byte(envelopeJSON), 50, "%x")
	for _, c := range []struct {
		name, text string
		want       int
		closes     bool
	}{
		{"identity is no coding", post("HTTP/1.1", "Transfer-Encoding: identity\r\n"+length, envelopeJSON), 201, false},
		{"identity after the length", post("HTTP/1.1", length+"transfer-encoding:Identity  \r\n", envelopeJSON), 201, false},
		{
			"identity beside chunked",
			post("HTTP/1.1", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", inChunks), 400, true,
		},
		{
			"chunked beside identity",
			post("HTTP/1.1", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", inChunks), 501, true,
		},
		{"identity in a list", post("HTTP/1.1", "Transfer-Encoding: identity, chunked\r\n", inChunks), 501, true},
		{
			"identity, continued", post("HTTP/1.1", "Transfer-Encoding: identity\r\n , chunked\r\n"+length, envelopeJSON), 501,
			true,
		},
		{"identity, and far behind it chunked", post(
			"HTTP/1.1", "Transfer-Encoding: identity"+strings.Repeat(" ", 50)+", chunked\r\n"+length, envelopeJSON,
		),
			501, true},
		{
			"identity and what is no blank", post("HTTP/1.1", "Transfer-Encoding: identity\v\r\n"+length, envelopeJSON), 400,
			true,
		},
		{
			"identity and a blank of Unicode", post("HTTP/1.1", "Transfer-Encoding: identity\u00a0\r\n"+length, envelopeJSON),
			501, true,
		},
		{"another coding", post("HTTP/1.1", "Transfer-Encoding: gzip\r\n"+length, envelopeJSON), 501, true},
		{"length and chunks", post("HTTP/1.1", "Transfer-Encoding: chunked\r\n"+length, inChunks), 201, true},
		{"chunks alone", post("HTTP/1.1", "Transfer-Encoding: chunked\r\n", inChunks), 201, false},
		{"length alone", post("HTTP/1.1", length, envelopeJSON), 201, false},
		{
			"chunks in HTTP/1.0",
			post("HTTP/1.0", "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n"+length, envelopeJSON), 400, true,
		},
	} {
		for door, open := range map[string]func(*testing.T) *wire{
			"plain": func(t *testing.T) *wire { return r.dial(t, call.DoorSidecar) },
			"TLS":   func(t *testing.T) *wire { return r.dialTLS(t, call.DoorSidecar, "") },
			"second call": func(t *testing.T) *wire {
				w := r.dial(t, call.DoorSidecar)
				w.send(post("HTTP/1.1", length, envelopeJSON))
				w.read("POST")
				return w
			},
		} {
			t.Run(c.name+", "+door, func(t *testing.T) {
				r.sandbox.ResetCounts()
				w := open(t)
				w.send(c.text)
				got := w.read("POST")
				if got.status != c.want {
					t.Fatalf("status %d, want %d: %s", got.status, c.want, got.body)
				}
				if got.status == 201 && string(r.last(t).Body) != envelopeJSON {
					t.Errorf("DocuSign read %q", r.last(t).Body)
				}
				if closes := w.closesOrAnswers(t); closes != c.closes {
					t.Errorf("the connection closes: %v, want %v", closes, c.closes)
				}
			})
		}
	}
	t.Run("a body that looks like a head is left alone", func(t *testing.T) {
		body := `{"status":"sent","emailSubject":"x",` + "\n\nTransfer-Encoding: identity\r\nA: b\r\n" +
			`"documents":[{"documentId":1,"name":"s"}]}`
		w := r.dial(t, call.DoorSidecar)
		w.send(post("HTTP/1.1", fmt.Sprintf("Content-Length: %d\r\n", len(body)), body))
		w.read("POST")
		if string(r.last(t).Body) != body {
			t.Errorf("DocuSign read %q", r.last(t).Body)
		}
	})
}

// A pipelined head of which all but its empty line came with the request before it.
func TestABodyIsNeverTakenForTheHeadBeforeIt(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	body := "AAAA\nTransfer-Encoding: identity\n" + envelopeJSON
	head, _, _ := strings.Cut(post("HTTP/1.1", fmt.Sprintf("Content-Length: %d\r\n", len(body)), ""), "\r\n\r\n")
	for door, w := range map[string]*wire{
		"plain": r.dial(t, call.DoorSidecar), "TLS": r.dialTLS(t, call.DoorSidecar, ""),
	} {
		w.send("GET /restapi HTTP/1.1\r\nHost: x\r\n\r\n" + head + "\r\n")
		w.read("GET")
		w.send("\r\n" + body)
		w.read("POST")
		if got := string(r.last(t).Body); got != body {
			t.Errorf("%s: DocuSign read %q", door, got)
		}
		w.send("GET /restapi HTTP/1.1\r\nHost: x\r\n\r\n")
		if got := w.read("GET"); got.status != 200 {
			t.Errorf("%s: the next call: status %d", door, got.status)
		}
	}
}

// RFC 9110 §15.2: an HTTP/1.0 client must not be sent an informational answer.
func TestInformationalAnswersAreKeptFromHTTP10(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</x>")
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = io.WriteString(w, "ok")
	}))
	t.Cleanup(s.Close)
	addr := s.Listener.Addr().String()
	r := newRigChanged(t, func(doc section) { doc.at("egress")["tunnel"] = []string{addr} })
	for version, want := range map[string]int{"HTTP/1.1": 103, "HTTP/1.0": 200} {
		w := r.dial(t, call.DoorSidecar)
		w.send("GET http://" + addr + "/ " + version + "\r\nHost: " + addr + "\r\n\r\n")
		if got := w.read("GET"); got.status != want {
			t.Errorf("%s: status %d, want %d", version, got.status, want)
		}
	}
}

// RFC 9110 §9.3.6, RFC 9112 §3.2.3: the target of CONNECT is a host and a port, and nothing else says where the tunnel
// goes.
func TestTheTargetOfCONNECTIsAHostAndAPort(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, target := range []string{
		"", "/", "*", "demo.docusign.net", "demo.docusign.net:", ":443", "user@demo.docusign.net:443",
		"user:anna-legacy-1@demo.docusign.net:443",
		"demo.docusign.net/../", "demo.docusign.net:443/", "demo.docusign.net:443/../x", "demo.docusign.net:443?x",
		"demo.docusign.net:443#x",
		"http://demo.docusign.net:443", "demo.docusign.net:0", "demo.docusign.net:99999", "demo.docusign.net:+443",
		"demo%2edocusign.net:443",
	} {
		t.Run(target, func(t *testing.T) {
			w := r.dial(t, call.DoorSidecar)
			w.send("CONNECT " + target + " HTTP/1.1\r\nHost: demo.docusign.net:443\r\n\r\n")
			if got := w.read("CONNECT"); got.status != 400 {
				t.Errorf("status %d", got.status)
			}
		})
	}
	if strings.Contains(r.log.String(), "anna-legacy-1") {
		t.Error("the log shows a password of a CONNECT target")
	}
}
