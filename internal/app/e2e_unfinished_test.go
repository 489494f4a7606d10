package app_test

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

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/sandbox"
)

// wrongJSON is a credential that is refused as soon as the head of the call is there.
var wrongJSON = strings.Replace(apptest.AnnaJSON, "anna-legacy-1", "wrong", 1)

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
	r := newRigChanged(t, func(doc apptest.Section) { doc.At("egress")["tunnel"] = []string{listed} })
	const size = 8 << 20
	doors := map[string]func(*testing.T) *apptest.Wire{
		"sidecar":          func(t *testing.T) *apptest.Wire { return r.Dial(t, call.DoorSidecar) },
		"sidecar over TLS": func(t *testing.T) *apptest.Wire { return r.DialTLS(t, call.DoorSidecar, "") },
		"CONNECT":          func(t *testing.T) *apptest.Wire { return r.Tunnel(t, apptest.ConnectDemo) },
	}
	refused := "X-DocuSign-Authentication: " + wrongJSON + "\r\n"
	for _, c := range []struct {
		name, target, headers string
		door                  string // "" = all
		want                  int
	}{
		{"a wrong password", apptest.CreatePath, refused, "", 401},
		{"no credential", apptest.CreatePath, "", "", 401},
		{"an old protocol", apptest.CreatePath, refused + "X-Odd: 1\r\n", "", 401},
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
						body = apptest.Chunked([]byte(body), 64<<10, "%x")
					case "HTTP/1.0":
						head = strings.Replace(head, "HTTP/1.1", "HTTP/1.0", 1)
						fallthrough
					default:
						head += fmt.Sprintf("Content-Length: %d\r\n\r\n", size)
					}
					w.Send(head)
					w.Send(body)
					if got := w.Read("POST"); got.Status != c.want || got.Err != nil {
						t.Errorf("status %d, want %d, %v", got.Status, c.want, got.Err)
					}
					if !w.Ended() {
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
		{"a coding that nobody knows", "POST " + apptest.CreatePath +
			" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
		{"a blank in the target", "POST /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	} {
		for _, door := range []string{"sidecar", "sidecar over TLS"} {
			t.Run("net/http's own: "+c.name+", "+door, func(t *testing.T) {
				w := doors[door](t)
				w.Send(c.head)
				w.Send(strings.Repeat("x", size))
				if got := w.Read("POST"); got.Status != c.want {
					t.Errorf("status %d, want %d", got.Status, c.want)
				}
			})
		}
	}
	t.Run("a program that reads at once need not send the rest", func(t *testing.T) {
		w := r.Dial(t, call.DoorSidecar)
		w.Send("POST " + apptest.CreatePath + " HTTP/1.1\r\nHost: x\r\n" + refused +
			fmt.Sprintf("Content-Length: %d\r\n\r\n{", size))
		if got := w.Read("POST"); got.Status != 401 || !got.Close {
			t.Errorf("status %d, close %v", got.Status, got.Close)
		}
		_ = w.Close()
		apptest.Eventually(t, "the call ends", func() bool { return r.Program.Server.Active() == 0 })
	})
	t.Run("over HTTP/2 the stream ends and the connection goes on", func(t *testing.T) {
		c := r.protocolClient(r.Addr(call.DoorSidecar), func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) })
		for range 2 {
			body := io.MultiReader(bytes.NewReader(make([]byte, size)))
			got := r.Do(c, apptest.Request(t, "POST", r.Sidecar()+apptest.CreatePath, body, "X-DocuSign-Authentication",
				wrongJSON))
			if got.Status != 401 {
				t.Errorf("status %d", got.Status)
			}
		}
	})
}

func TestWhatIsDrainedIsBounded(t *testing.T) {
	t.Parallel()
	r := newRigChanged(t, func(doc apptest.Section) {
		doc.At("limits")["drain_body"] = "64KiB"
		doc.At("limits")["header_timeout"] = "200ms"
	})
	head := "POST " + apptest.CreatePath + " HTTP/1.1\r\nHost: x\r\nX-DocuSign-Authentication: " + wrongJSON +
		"\r\nContent-Length: 1000000000\r\n\r\n"
	for name, send := range map[string]func(*apptest.Wire){
		"bytes":   func(w *apptest.Wire) { _, _ = io.Copy(w.Conn, letters{}) },
		"silence": func(*apptest.Wire) {},
		"a few now and then": func(w *apptest.Wire) {
			for _, err := w.Write([]byte("x")); err == nil; _, err = w.Write([]byte("x")) {
				<-time.After(20 * time.Millisecond)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := r.Dial(t, call.DoorSidecar)
			w.Send(head)
			if got := w.Read("POST"); got.Status != 401 {
				t.Errorf("status %d", got.Status)
			}
			go send(w)
			began := time.Now()
			if !w.Ended() || time.Since(began) > usualHeaderTimeout {
				t.Errorf("the connection was held for %v", time.Since(began))
			}
		})
	}
}

func TestABodyThatStopsComingIsGivenUp(t *testing.T) {
	t.Parallel()
	r := newRigChanged(t, func(doc apptest.Section) {
		doc.At("limits")["header_timeout"] = "300ms"
		doc.At("limits")["body_timeout"] = "600ms"
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
				w := r.Dial(t, call.DoorSidecar)
				w.Send(c.text)
				if drip && !strings.Contains(c.text, "chunked") {
					go func() {
						for _, err := w.Write([]byte(" ")); err == nil; _, err = w.Write([]byte(" ")) {
							<-time.After(20 * time.Millisecond)
						}
					}()
				}
				got := w.Read("POST")
				if got.Status == 100 {
					got = w.Read("POST")
				}
				want := 408
				if strings.Contains(c.text, "<soap:") {
					want = 500 // faults travel with it (SOAP 1.1 §6.2)
				}
				if got.Status != want || !got.Close || got.Header.Get("X-DocuSign-Auth-Proxy-Cause") != "body_timeout" {
					t.Errorf("status %d, close %v, %v", got.Status, got.Close, got.Header)
				}
				if !w.Ended() {
					t.Error("the connection stays open")
				}
			})
		}
	}
	for _, q := range r.AtSites() {
		if q.Complete {
			t.Errorf("DocuSign took %s %s for the whole", q.Method, q.Path)
		}
	}
}

func TestASlowBodyThatGetsOnIsNotGivenUp(t *testing.T) {
	t.Parallel()
	r := newRigChanged(t, func(doc apptest.Section) {
		doc.At("limits")["header_timeout"] = "1s"
		doc.At("limits")["body_timeout"] = "1s"
	})
	for _, size := range []int{40 << 10, 3 << 20} {
		t.Run(fmt.Sprintf("%d bytes, more slowly than the limit", size), func(t *testing.T) {
			w := r.Dial(t, call.DoorSidecar)
			text := post("HTTP/1.1", fmt.Sprintf("Content-Length: %d\r\n", size), string(apptest.BigEnvelope(size)))
			for len(text) > 0 {
				n := min(len(text), max(size/20, 2<<10))
				w.Send(text[:n])
				text = text[n:]
				<-time.After(100 * time.Millisecond)
			}
			if got := w.Read("POST"); got.Status != 201 || got.Close {
				t.Errorf("status %d, close %v", got.Status, got.Close)
			}
			w.Send("GET /restapi HTTP/1.1\r\nHost: x\r\n\r\n")
			if got := w.Read("GET"); got.Status != 200 {
				t.Errorf("the next call on the connection: status %d", got.Status)
			}
		})
	}
	t.Run("DocuSign takes longer than the limit to answer", func(t *testing.T) {
		r.Sandbox.FailNext(sandbox.FailureSpec{Path: apptest.CreatePath, Status: 418, Delay: 1500 * time.Millisecond})
		w := r.Dial(t, call.DoorSidecar)
		w.Send(post("HTTP/1.1", fmt.Sprintf("Content-Length: %d\r\n", len(envelopeJSON)), envelopeJSON))
		if got := w.Read("POST"); got.Status != 418 {
			t.Errorf("status %d", got.Status)
		}
	})
}

func TestOneClientNeverKeepsTheOthersOut(t *testing.T) {
	t.Parallel()
	r := newRigChanged(t, func(doc apptest.Section) {
		doc.At("limits")["connections"] = 8
		doc.At("limits")["client_share"] = 50
	})
	get := "GET " + apptest.ListPath + " HTTP/1.1\r\nHost: x\r\nX-DocuSign-Authentication: " + apptest.AnnaJSON +
		"\r\n\r\n"
	// A call keeps its connection until net/http has seen its end, a moment after the caller has the whole answer. Until
	// then a caller with as many calls as its share is refused.
	answered := func(t *testing.T) {
		t.Helper()
		apptest.Eventually(t, "a call on a new connection is answered", func() bool {
			w := r.Dial(t, call.DoorSidecar)
			if _, err := io.WriteString(w.Conn, get); err != nil {
				return false
			}
			got, err := w.Hear("GET")
			return err == nil && got.Status == 200
		})
	}
	noneLeft := func(t *testing.T) {
		t.Helper()
		apptest.Eventually(t, "earlier connections are gone", func() bool { return r.Program.Server.OpenConnections() == 0 })
	}
	for _, c := range []struct{ name, text string }{
		{"silent connections", ""},
		{"unfinished heads", "POST /x HTTP/1.1\r\nHost: x\r\nX-"},
		{
			"unfinished envelopes",
			"POST /api/3.0/dsapi.asmx HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: 5000\r\n\r\n<soap:",
		},
		{
			"unfinished calls without a credential",
			"POST " + apptest.CreatePath + " HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n{",
		},
		{"idle connections after a call", get},
		{"tunnels without a call", apptest.ConnectDemo},
		{"TLS handshakes that never end", "\x16\x03\x01\x02\x00\x01"},
	} {
		t.Run(c.name, func(t *testing.T) {
			noneLeft(t)
			for range 20 {
				if c.text == get {
					answered(t)
					continue
				}
				r.Dial(t, call.DoorSidecar).Send(c.text)
			}
			for range 3 {
				answered(t)
			}
			if n := r.Program.Server.OpenConnections(); n > 4 {
				t.Errorf("%d connections of one client, whose share is 4", n)
			}
		})
	}
	t.Run("calls under way keep their connections, and the other listener its own", func(t *testing.T) {
		noneLeft(t)
		var begun []*apptest.Wire
		for n := range 4 {
			w := r.Dial(t, call.DoorSidecar)
			w.Send(post("HTTP/1.1", fmt.Sprintf("Content-Length: %d\r\n", len(envelopeJSON)), envelopeJSON[:10]))
			begun = append(begun, w)
			apptest.Eventually(t, "the call is under way", func() bool { return r.Program.Server.Active() == int64(n+1) })
		}
		if w := r.Dial(t, call.DoorSidecar); !w.Ended() {
			t.Error("a fifth connection is taken")
		}
		w := r.DialTLS(t, call.DoorHosts, "demo.docusign.net")
		w.Send(strings.Replace(get, "Host: x", "Host: demo.docusign.net", 1))
		if got := w.Read("GET"); got.Status != 200 {
			t.Errorf("the other listener: status %d", got.Status)
		}
		for _, w := range begun {
			w.Send(envelopeJSON[10:])
			if got := w.Read("POST"); got.Status != 201 {
				t.Errorf("status %d", got.Status)
			}
		}
	})
	apptest.Eventually(t, "what happened is shown", func() bool {
		causes := map[string]bool{}
		for _, f := range r.Program.Server.ConnFailures() {
			causes[f.Cause] = true
		}
		return causes["connection_displaced"] && causes["too_many_connections"]
	})
}

func TestCallsOverHTTP2CountAsConnections(t *testing.T) {
	t.Parallel()
	r := newRigChanged(t, func(doc apptest.Section) {
		doc.At("limits")["connections"] = 10
		doc.At("limits")["client_share"] = 60
	})
	c := r.protocolClient(r.Addr(call.DoorSidecar), func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) })
	// Of calls that begin together net/http's client may make a connection each, which would take their places.
	signIn := func() apptest.Answer {
		return r.Do(c, apptest.Request(t, "GET", r.Sidecar()+apptest.ListPath, nil, "X-DocuSign-Authentication",
			apptest.AnnaJSON))
	}
	if got := signIn(); got.Status != 200 {
		t.Fatalf("status %d", got.Status)
	}
	before := len(r.AtSites())
	ctx, cancel := context.WithTimeout(t.Context(), apptest.WireLimit)
	defer cancel()
	var calls sync.WaitGroup
	for range 5 {
		unfinished, _ := io.Pipe()
		body := struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(make([]byte, 64<<10)), unfinished), unfinished}
		req := apptest.Request(t, "POST", r.Sidecar()+apptest.CreatePath, body, "X-DocuSign-Authentication",
			apptest.AnnaJSON).WithContext(ctx)
		req.ContentLength = large
		calls.Go(func() {
			if resp, err := c.Do(req); err == nil {
				_ = resp.Body.Close()
			}
		})
	}
	// Before they are proven their connection may be closed for another one.
	apptest.Eventually(t, "the calls are proven and under way", func() bool { return len(r.AtSites()) == before+5 })
	got := signIn()
	if got.Status != 503 || got.Header.Get("X-DocuSign-Auth-Proxy-Cause") != "overloaded" {
		t.Errorf("status %d, %v", got.Status, got.Header)
	}
	cancel()
	calls.Wait()
	apptest.Eventually(t, "the places are given back", func() bool { return r.Program.Server.OpenConnections() <= 1 })
	if got := signIn(); got.Status != 200 {
		t.Errorf("status %d", got.Status)
	}
}

func TestFramingThatNetHTTPDoesNotTellOf(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	length := fmt.Sprintf("Content-Length: %d\r\n", len(envelopeJSON))
	inChunks := apptest.Chunked([]byte(envelopeJSON), 50, "%x")
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
		for door, open := range map[string]func(*testing.T) *apptest.Wire{
			"plain": func(t *testing.T) *apptest.Wire { return r.Dial(t, call.DoorSidecar) },
			"TLS":   func(t *testing.T) *apptest.Wire { return r.DialTLS(t, call.DoorSidecar, "") },
			"second call": func(t *testing.T) *apptest.Wire {
				w := r.Dial(t, call.DoorSidecar)
				w.Send(post("HTTP/1.1", length, envelopeJSON))
				w.Read("POST")
				return w
			},
		} {
			t.Run(c.name+", "+door, func(t *testing.T) {
				r.Sandbox.ResetCounts()
				w := open(t)
				w.Send(c.text)
				got := w.Read("POST")
				if got.Status != c.want {
					t.Fatalf("status %d, want %d: %s", got.Status, c.want, got.Body)
				}
				if got.Status == 201 && string(r.Last(t).Body) != envelopeJSON {
					t.Errorf("DocuSign read %q", r.Last(t).Body)
				}
				if closes := w.ClosesOrAnswers(t); closes != c.closes {
					t.Errorf("the connection closes: %v, want %v", closes, c.closes)
				}
			})
		}
	}
	t.Run("a body that looks like a head is left alone", func(t *testing.T) {
		body := `{"status":"sent","emailSubject":"x",` + "\n\nTransfer-Encoding: identity\r\nA: b\r\n" +
			`"documents":[{"documentId":1,"name":"s"}]}`
		w := r.Dial(t, call.DoorSidecar)
		w.Send(post("HTTP/1.1", fmt.Sprintf("Content-Length: %d\r\n", len(body)), body))
		w.Read("POST")
		if string(r.Last(t).Body) != body {
			t.Errorf("DocuSign read %q", r.Last(t).Body)
		}
	})
}

// A pipelined head of which all but its empty line came with the request before it.
func TestABodyIsNeverTakenForTheHeadBeforeIt(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	body := "AAAA\nTransfer-Encoding: identity\n" + envelopeJSON
	head, _, _ := strings.Cut(post("HTTP/1.1", fmt.Sprintf("Content-Length: %d\r\n", len(body)), ""), "\r\n\r\n")
	for door, w := range map[string]*apptest.Wire{
		"plain": r.Dial(t, call.DoorSidecar), "TLS": r.DialTLS(t, call.DoorSidecar, ""),
	} {
		w.Send("GET /restapi HTTP/1.1\r\nHost: x\r\n\r\n" + head + "\r\n")
		w.Read("GET")
		w.Send("\r\n" + body)
		w.Read("POST")
		if got := string(r.Last(t).Body); got != body {
			t.Errorf("%s: DocuSign read %q", door, got)
		}
		w.Send("GET /restapi HTTP/1.1\r\nHost: x\r\n\r\n")
		if got := w.Read("GET"); got.Status != 200 {
			t.Errorf("%s: the next call: status %d", door, got.Status)
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
	r := newRigChanged(t, func(doc apptest.Section) { doc.At("egress")["tunnel"] = []string{addr} })
	for version, want := range map[string]int{"HTTP/1.1": 103, "HTTP/1.0": 200} {
		w := r.Dial(t, call.DoorSidecar)
		w.Send("GET http://" + addr + "/ " + version + "\r\nHost: " + addr + "\r\n\r\n")
		if got := w.Read("GET"); got.Status != want {
			t.Errorf("%s: status %d, want %d", version, got.Status, want)
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
			w := r.Dial(t, call.DoorSidecar)
			w.Send("CONNECT " + target + " HTTP/1.1\r\nHost: demo.docusign.net:443\r\n\r\n")
			if got := w.Read("CONNECT"); got.Status != 400 {
				t.Errorf("status %d", got.Status)
			}
		})
	}
	if strings.Contains(r.Log.String(), "anna-legacy-1") {
		t.Error("the log shows a password of a CONNECT target")
	}
}
