package main

import (
	"context"
	"encoding/base64"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/integration"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// startPeers serves the upstream and one peer within the test.
func startPeers(t *testing.T, name string) (dir, addr string) {
	t.Helper()
	dir = t.TempDir()
	if err := writeAuthorities(dir); err != nil {
		t.Fatal(err)
	}
	upstream, peer := listen(t), listen(t)
	go serveUpstream(upstream, dir)
	go servePeer(name, peer, dir, upstream.Addr().String())
	return dir, peer.Addr().String()
}

func TestPeersAnswerTheLoad(t *testing.T) {
	for _, tt := range []struct {
		name, peer      string
		connect, resume bool
		fresh           bool
		message         message
	}{
		{name: "the reverse proxy forwards a GET", peer: peerReverse, message: getMessage(userName(1), password)},
		{name: "the reverse proxy forwards an upload", peer: peerReverse, message: uploadOf(1<<20, 0)},
		{name: "the reverse proxy forwards an envelope", peer: peerReverse, message: soapOf(1<<20, 0)},
		{
			name: "the reverse proxy behind CONNECT forwards a GET", peer: peerReverseConnect, connect: true,
			message: getMessage(userName(1), password),
		},
		{
			name: "the reverse proxy behind CONNECT takes sessions up again", peer: peerReverseConnect, connect: true,
			resume: true, fresh: true, message: getMessage(userName(1), password),
		},
		{name: "goproxy forwards a GET", peer: peerGoproxy, connect: true, message: getMessage(userName(1), password)},
		{
			name: "goproxy with kept leaves forwards a GET on each connection", peer: peerGoproxyCached, connect: true,
			fresh: true, message: getMessage(userName(1), password),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, addr := startPeers(t, tt.peer)
			to := target{addr: addr}
			if tt.connect {
				roots, err := loadRoots(dir, proxyCert)
				if err != nil {
					t.Fatal(err)
				}
				to.tls = programTLS(roots, tt.resume)
			}
			l := &load{to: to, fresh: tt.fresh, want: legacySeen}
			workers := []*worker{{load: l, m: tt.message}, {load: l, m: tt.message}}
			for _, w := range workers {
				defer w.close()
			}
			if _, err := all(t.Context(), workers, 6, true); err != nil {
				t.Fatal(err)
			}
			if n := len(workers[0].taken) + len(workers[1].taken); n != 6 {
				t.Errorf("%d requests were timed, want 6", n)
			}
		})
	}
}

func TestWorkerRefusesFiguresThatStandForSomethingElse(t *testing.T) {
	_, addr := startPeers(t, peerReverse)
	w := &worker{load: &load{to: target{addr: addr}, want: bearerSeen}, m: getMessage(userName(1), password)}
	defer w.close()
	if err := w.once(t.Context()); err == nil || !strings.Contains(err.Error(), legacySeen) {
		t.Errorf("an untranslated call was taken for a translated one: %v", err)
	}
}

func TestShareEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var left atomic.Int64
	left.Store(5)
	if err := (&worker{}).share(ctx, &left, false); err == nil {
		t.Error("it went on")
	}
}

func TestUnknownPeer(t *testing.T) {
	dir := t.TempDir()
	if err := writeAuthorities(dir); err != nil {
		t.Fatal(err)
	}
	if err := servePeer("nobody", listen(t), dir, "127.0.0.1:1"); err == nil {
		t.Error("no error")
	}
}

func TestUpstreamGivesTokensThatNameTheirUser(t *testing.T) {
	s := httptest.NewServer(newDocuSign())
	defer s.Close()
	assertion := "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"`+userGUID(3)+`"}`)) + ".c2ln"
	resp, err := http.PostForm(s.URL+"/oauth/token", url.Values{"assertion": {assertion}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Fatalf("token: status %d", resp.StatusCode)
	}
	req := httptest.NewRequest("GET", "/oauth/userinfo", nil)
	req.Header.Set("Authorization", "Bearer bench."+userGUID(3)+".ttt")
	rec := httptest.NewRecorder()
	newDocuSign().ServeHTTP(rec, req)
	if !strings.Contains(rec.Body.String(), userGUID(3)) || !strings.Contains(rec.Body.String(), "https://"+site) {
		t.Errorf("userinfo: %s", rec.Body)
	}
}

func TestSubjectOf(t *testing.T) {
	for _, tt := range []struct{ name, assertion, want string }{
		{"an assertion", "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"x"}`)) + ".c2ln", "x"},
		{"two parts", "e30.e30", ""},
		{"claims that are no base64", "e30.%%%.c2ln", ""},
		{"claims that are no JSON", "e30.e30x.c2ln", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := subjectOf(tt.assertion); got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestConfigsAreThoseTheProxyTakes(t *testing.T) {
	dir := t.TempDir()
	if err := writeAuthorities(dir); err != nil {
		t.Fatal(err)
	}
	if err := writeConfigs(dir, "127.0.0.1:4433"); err != nil {
		t.Fatal(err)
	}
	for peer, soap := range map[string]integration.SOAP{peerProxy: integration.Bearer, peerREST: integration.OverREST} {
		path := filepath.Join(dir, configFile(peer))
		c, err := config.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if in := c.Integrations[0]; len(in.Users) != users || in.SOAP != soap {
			t.Errorf("%s: %d users, want %d; soap: %s", peer, len(in.Users), users, in.SOAP)
		}
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v", st.Mode(), err)
		}
	}
}

func TestAddressIn(t *testing.T) {
	const listening = `{"msg":"listening","door":"sidecar","address":"127.0.0.1:4711"}` + "\n"
	for _, tt := range []struct {
		name, log, addr string
		started         bool
	}{
		{"a proxy that has started", listening + `{"msg":"started"}` + "\n", "127.0.0.1:4711", true},
		{"one that is about to", listening, "127.0.0.1:4711", false},
		{
			"one that has only its admin door",
			`{"msg":"listening","door":"admin","address":"127.0.0.1:1"}` + "\n" + `{"msg":"started"}`, "", false,
		},
		{"something else than a log", "panic: oh\n", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addr, started := addressIn(strings.NewReader(tt.log))
			if addr != tt.addr || started != tt.started {
				t.Errorf("got %q, %v", addr, started)
			}
		})
	}
}
