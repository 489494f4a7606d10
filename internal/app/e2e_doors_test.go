package app_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/sandbox"
)

// protocolClient speaks one HTTP version only; every connection goes to addr.
func (r *rig) protocolClient(addr string, set func(*http.Protocols)) *http.Client {
	tr := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, addr)
		},
		TLSClientConfig: &tls.Config{RootCAs: r.ProxyCA()}, Protocols: new(http.Protocols), DisableCompression: true,
	}
	set(tr.Protocols)
	r.T.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func TestEveryDoorSpeaksEveryVersionOfHTTP(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	http1 := func(p *http.Protocols) { p.SetHTTP1(true) }
	http2 := func(p *http.Protocols) { p.SetHTTP2(true) }
	h2c := func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }
	sidecar, hosts := r.Addr(call.DoorSidecar), r.Addr(call.DoorHosts)
	port := sidecar[strings.LastIndexByte(sidecar, ':'):]
	for _, c := range []struct {
		name, url, addr, proto string
		set                    func(*http.Protocols)
	}{
		{"sidecar in clear, HTTP/1.1", "http://" + sidecar, sidecar, "HTTP/1.1", http1},
		{"sidecar in clear, HTTP/2 with prior knowledge", "http://" + sidecar, sidecar, "HTTP/2.0", h2c},
		{"sidecar over TLS by address, so without SNI", "https://" + sidecar, sidecar, "HTTP/1.1", http1},
		{"sidecar over TLS as localhost", "https://localhost" + port, sidecar, "HTTP/1.1", http1},
		{"sidecar over TLS, HTTP/2", "https://" + sidecar, sidecar, "HTTP/2.0", http2},
		{"hosts-file listener, HTTP/1.1", "https://demo.docusign.net", hosts, "HTTP/1.1", http1},
		{"hosts-file listener, HTTP/2", "https://demo.docusign.net", hosts, "HTTP/2.0", http2},
		{"hosts-file listener, another site", "https://na3.docusign.net", hosts, "HTTP/1.1", http1},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, err := r.protocolClient(c.addr, c.set).Do(apptest.Request(
				t, "GET", c.url+apptest.ListPath, nil, "X-DocuSign-Authentication", apptest.AnnaJSON,
			))
			if err != nil {
				t.Fatalf("%v\n%s", err, r.Log)
			}
			defer resp.Body.Close()
			if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 || resp.Proto != c.proto ||
				!strings.Contains(string(body), "resultSetSize") {
				t.Errorf("%s %d %q", resp.Proto, resp.StatusCode, body)
			}
		})
	}
	for _, protocol := range []string{"http/1.1", "h2"} {
		t.Run("inside a CONNECT tunnel, "+protocol, func(t *testing.T) {
			w := r.Tunnel(t, apptest.ConnectDemo, protocol)
			if got := w.Conn.(*tls.Conn).ConnectionState().NegotiatedProtocol; got != protocol {
				t.Fatalf("negotiated %q", got)
			}
			c := http.Client{Transport: &http.Transport{
				DialTLSContext:    func(context.Context, string, string) (net.Conn, error) { return w.Conn, nil },
				ForceAttemptHTTP2: protocol == "h2",
			}}
			got := r.Do(&c, apptest.Request(t, "GET", "https://demo.docusign.net"+apptest.ListPath, nil,
				"X-DocuSign-Authentication", apptest.AnnaJSON))
			if got.Status != 200 {
				t.Errorf("status %d, body %q", got.Status, got.Body)
			}
		})
	}
	r.NoLeak()
}

func TestHTTP10ThroughEachDoor(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	get := func(target, host string) string {
		return "GET " + target + " HTTP/1.0\r\n" + host + "X-DocuSign-Authentication: " + apptest.AnnaJSON + "\r\n\r\n"
	}
	for _, c := range []struct {
		name string
		open func(*testing.T) *apptest.Wire
		text string
	}{
		{"sidecar", func(t *testing.T) *apptest.Wire { return r.Dial(t, call.DoorSidecar) },
			get(apptest.ListPath, "Host: 127.0.0.1\r\n")},
		{"sidecar without Host", func(t *testing.T) *apptest.Wire { return r.Dial(t, call.DoorSidecar) },
			get(apptest.ListPath, "")},
		{"sidecar over TLS without Host", func(t *testing.T) *apptest.Wire {
			return r.DialTLS(t, call.DoorSidecar, "")
		}, get(apptest.ListPath, "")},
		{"forward, absolute-form without Host", func(t *testing.T) *apptest.Wire {
			return r.Dial(t, call.DoorSidecar)
		}, get("http://demo.docusign.net"+apptest.ListPath, "")},
		{"tunnel", func(t *testing.T) *apptest.Wire {
			return r.Tunnel(t, apptest.ConnectDemo)
		}, get(apptest.ListPath, "Host: demo.docusign.net\r\n")},
		{"tunnel without Host", func(t *testing.T) *apptest.Wire { return r.Tunnel(t, apptest.ConnectDemo) },
			get(apptest.ListPath, "")},
		{"hosts-file listener", func(t *testing.T) *apptest.Wire {
			return r.DialTLS(t, call.DoorHosts, "demo.docusign.net")
		}, get(apptest.ListPath, "Host: demo.docusign.net\r\n")},
		{"hosts-file listener without Host", func(t *testing.T) *apptest.Wire {
			return r.DialTLS(t, call.DoorHosts, "demo.docusign.net")
		}, get(apptest.ListPath, "")},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := c.open(t)
			w.Send(c.text)
			got := w.Read("GET")
			if got.Status != 200 || len(got.Encoding) > 0 || got.Err != nil {
				t.Errorf("status %d, encoding %v, %v, body %q\n%s", got.Status, got.Encoding, got.Err, got.Body, r.Log)
			}
			if !w.Ended() {
				t.Error("HTTP/1.0 without keep-alive: the connection stays open")
			}
		})
	}
}

func TestTheHostsListenerServesNothingButBoundTLS(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	get := "GET " + apptest.ListPath + " HTTP/1.1\r\nHost: demo.docusign.net\r\nX-DocuSign-Authentication: " +
		apptest.AnnaJSON +
		"\r\n\r\n"
	t.Run("plain HTTP is refused", func(t *testing.T) {
		w := r.Dial(t, call.DoorHosts)
		w.Send(get)
		if got := w.Read("GET"); got.Status != 421 {
			t.Errorf("status %d, body %q\n%s", got.Status, got.Body, r.Log)
		}
	})
	t.Run("a name that is not DocuSign's gets no certificate", func(t *testing.T) {
		c, err := net.Dial("tcp", r.Addr(call.DoorHosts))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := tls.Client(c, &tls.Config{
			InsecureSkipVerify: true, ServerName: "www.example.com",
		}).Handshake(); err == nil {
			t.Error("the handshake succeeded")
		}
	})
	t.Run("another Host than the SNI is misdirected", func(t *testing.T) {
		w := r.DialTLS(t, call.DoorHosts, "demo.docusign.net")
		w.Send(strings.Replace(get, "Host: demo", "Host: na3", 1))
		if got := w.Read("GET"); got.Status != 421 {
			t.Errorf("status %d", got.Status)
		}
	})
	if n := len(r.AtSites()); n != 0 {
		t.Errorf("%d requests reached DocuSign", n)
	}
	if strings.Contains(r.Log.String(), "panic") {
		t.Errorf("a handler panicked:\n%s", r.Log)
	}
}

func TestOnlyTheTargetOfTheConnectionDecidesWhereACallGoes(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	call := func(target, host string) string {
		return "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\nX-DocuSign-Authentication: " + apptest.AnnaJSON +
			"\r\n\r\n"
	}
	for _, c := range []struct {
		name, text string
		want       int
	}{
		{"the same host", call(apptest.ListPath, "demo.docusign.net"), 200},
		{"the same host in capitals, with its port and a final dot", call(apptest.ListPath, "DEMO.DocuSign.net.:443"), 200},
		{"another DocuSign site", call(apptest.ListPath, "na3.docusign.net"), 421},
		{"a foreign host", call(apptest.ListPath, "evil.example.com"), 421},
		{"a host with user info", call(apptest.ListPath, "demo.docusign.net@evil.example.com"), 421},
		{"absolute-form with the same host (gSOAP)", call("https://demo.docusign.net"+apptest.ListPath, "demo.docusign.net"),
			200},
		{
			"absolute-form with the same host, other Host header",
			call("https://demo.docusign.net"+apptest.ListPath, "evil.example.com"), 200,
		},
		{"absolute-form with a foreign host", call("https://evil.example.com"+apptest.ListPath, "demo.docusign.net"), 421},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := r.Tunnel(t, apptest.ConnectDemo)
			w.Send(c.text)
			got := w.Read("GET")
			if got.Status != c.want && !(c.want == 421 && got.Status == 400) {
				t.Errorf("status %d, want %d; body %q", got.Status, c.want, got.Body)
			}
		})
	}
	for _, q := range r.AtSites() {
		if q.Site == "" || q.Host != q.Site {
			t.Errorf("a request reached %q as %q", q.Site, q.Host)
		}
	}
	t.Run("CONNECT inside a tunnel", func(t *testing.T) {
		w := r.Tunnel(t, apptest.ConnectDemo)
		w.Send(apptest.ConnectDemo)
		if got := w.Read("CONNECT"); got.Status != 405 {
			t.Errorf("status %d", got.Status)
		}
	})
}

// echoServer answers each line, and says goodbye when the caller has finished sending.
func echoServer(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				in := bufio.NewScanner(c)
				for in.Scan() {
					fmt.Fprintf(c, "echo %s\n", in.Text())
				}
				fmt.Fprint(c, "goodbye\n")
			}()
		}
	}()
	return l
}

// newRigChanged starts a rig with a changed configuration file.
func newRigChanged(t *testing.T, change func(apptest.Section)) *rig {
	t.Helper()
	return newRigEdited(t, sandbox.Options{}, nil, change)
}

func TestListedTunnels(t *testing.T) {
	t.Parallel()
	echo := echoServer(t)
	r := newRigChanged(t, func(doc apptest.Section) {
		doc.At("egress")["tunnel"] = []string{echo.Addr().String(), "169.254.169.254:80", "10.11.12.13:443"}
	})
	connect := func(target string) string { return "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n\r\n" }
	for _, c := range []struct{ name, text string }{
		{"half-close: what the far side still says arrives", connect(echo.Addr().String()) + ""},
		{"bytes sent along with the CONNECT are not lost", connect(echo.Addr().String()) + "early\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := r.Opened(t, c.text)
			if strings.HasSuffix(c.text, "early\n") {
				if line, _ := w.In.ReadString('\n'); line != "echo early\n" {
					t.Errorf("got %q", line)
				}
			}
			w.Send("hello\n")
			if line, _ := w.In.ReadString('\n'); line != "echo hello\n" {
				t.Errorf("got %q", line)
			}
			if n := r.Program.Server.OpenTunnels(); n != 1 {
				t.Errorf("%d tunnels open, want 1", n)
			}
			if err := w.Conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if line, err := w.In.ReadString('\n'); line != "goodbye\n" {
				t.Errorf("after half-close got %q, %v", line, err)
			}
			if !w.Ended() {
				t.Error("the tunnel stays open after both sides finished")
			}
			apptest.Eventually(t, "the tunnel is counted out", func() bool { return r.Program.Server.OpenTunnels() == 0 })
		})
	}
	for _, c := range []struct {
		name, target string
		want         int
	}{
		{"a host nobody listed", "www.example.com:443", 403},
		{"a listed host on another port", "127.0.0.1:1", 403},
		{"DocuSign on a port that is not intercepted", "demo.docusign.net:8443", 403},
		{"the metadata service, though listed", "169.254.169.254:80", 403},
		{"an inner address, though listed", "10.11.12.13:443", 403},
		{"a name in disguise", "0x7f.1:443", 400},
	} {
		t.Run("refused: "+c.name, func(t *testing.T) {
			w := r.Dial(t, call.DoorSidecar)
			w.Send(connect(c.target))
			line, _ := w.In.ReadString('\n')
			rest, _ := io.ReadAll(w.In)
			if !strings.Contains(line, fmt.Sprint(c.want)) &&
				!(strings.Contains(line, " 200 ") && strings.Contains(string(rest), fmt.Sprint(c.want))) {
				t.Errorf("answered %q %q", line, rest)
			}
			if strings.Contains(line, " 200 ") || !strings.Contains(string(rest), "docusign-auth-proxy: ") {
				t.Errorf("no reason: %q %q", line, rest)
			}
		})
	}
}

func TestTheProxyDoesNotConnectToItself(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	self := l.Addr().String()
	_ = l.Close()
	r := newRigChanged(t, func(doc apptest.Section) {
		doc.At("listen")["proxy"] = self
		doc.At("egress")["tunnel"] = []string{self}
	})
	w := r.Dial(t, call.DoorSidecar)
	w.Send("CONNECT " + self + " HTTP/1.1\r\nHost: " + self + "\r\n\r\n")
	if line, _ := w.In.ReadString('\n'); !strings.Contains(line, " 403 ") {
		t.Errorf("CONNECT to the proxy itself answered %q", line)
	}
}

func TestHTTP2Tunnels(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	// An HTTP/2 client waits for the 200 before it sends its ClientHello (RFC 9113 §8.5).
	pr, pw := io.Pipe()
	req := &http.Request{
		Method: "CONNECT", URL: &url.URL{Scheme: "http", Host: r.Addr(call.DoorSidecar)}, Host: "demo.docusign.net:443",
		Header: http.Header{}, Body: pr, ContentLength: -1,
	}
	ctx, cancel := context.WithTimeout(context.Background(), apptest.WireLimit)
	defer cancel()
	resp, err := r.protocolClient(r.Addr(call.DoorSidecar), func(p *http.Protocols) {
		p.SetUnencryptedHTTP2(true)
	}).Do(req.WithContext(ctx))
	if err != nil {
		t.Fatalf("%v\n%s", err, r.Log)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Fatalf("status %d", resp.StatusCode)
	}
	near, far := net.Pipe()
	go func() { _, _ = io.Copy(pw, far); _ = pw.Close() }()
	go func() { _, _ = io.Copy(far, resp.Body); _ = far.Close() }()
	w := apptest.NewWire(t, near).Secure(r.Rig, "demo.docusign.net")
	w.Send(
		"GET " + apptest.ListPath + " HTTP/1.1\r\nHost: demo.docusign.net\r\nConnection: close\r\nX-DocuSign-Authentication: " +
			apptest.AnnaJSON + "\r\n\r\n",
	)
	if got := w.Read("GET"); got.Status != 200 {
		t.Errorf("status %d", got.Status)
	}
}
