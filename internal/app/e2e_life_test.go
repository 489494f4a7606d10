package app

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
)

func TestShutdownLosesNoCall(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, sandbox.Options{Latency: 20 * time.Millisecond}, nil)
	r.get(t, listPath, "X-DocuSign-Authentication: "+annaJSON+"\r\n")
	r.sandbox.ResetCounts()
	request := post("HTTP/1.1", "Content-Length: 207\r\nConnection: close\r\n", string(bigEnvelope(207)))
	var callers sync.WaitGroup
	var sent, lost atomic.Int64
	addr := r.addr(call.DoorSidecar)
	for range 16 {
		callers.Go(func() {
			for range 200 {
				c, err := net.Dial("tcp", addr)
				if err != nil {
					return // the proxy has gone, and the program knows that nothing was sent
				}
				_ = c.SetDeadline(time.Now().Add(wireLimit))
				w := newWire(t, c)
				if _, err := io.WriteString(c, request); err != nil {
					return
				}
				got, err := w.hear("POST")
				if err != nil {
					lost.Add(1) // taken by this machine's backlog, never by the proxy: nothing may have been done for it
					return
				}
				sent.Add(1)
				if got.status != 201 || got.err != nil {
					t.Errorf("status %d, %v: %s", got.status, got.err, got.body)
				}
			}
		})
	}
	eventually(t, "the proxy is busy", func() bool { return sent.Load() > 20 && r.program.Server.Active() > 4 })
	r.halt()
	callers.Wait()
	if made := int64(r.sandbox.Counts().Envelopes); made != sent.Load() {
		t.Errorf(
			"%d envelopes were made, but %d callers heard of one; %d connections were never taken", made, sent.Load(),
			lost.Load(),
		)
	}
}

func TestShutdownEndsWhatWaits(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	idle := r.dial(t, call.DoorSidecar) // has said nothing yet
	kept := r.dial(t, call.DoorSidecar) // keep-alive
	tunnel := r.tunnel(t, connectDemo)  // intercepted, idle
	fresh := r.opened(t, connectDemo)   // intercepted, no handshake yet
	kept.send("GET " + listPath + " HTTP/1.1\r\nHost: x\r\nX-DocuSign-Authentication: " + annaJSON + "\r\n\r\n")
	kept.read("GET")
	tunnel.send(
		"GET " + listPath + " HTTP/1.1\r\nHost: demo.docusign.net\r\nX-DocuSign-Authentication: " + annaJSON + "\r\n\r\n",
	)
	tunnel.read("GET")
	began := time.Now()
	r.halt()
	if took := time.Since(began); took > wireLimit {
		t.Errorf("it took %v", took)
	}
	for name, w := range map[string]*wire{"idle": idle, "kept": kept, "tunnel": tunnel, "fresh": fresh} {
		if !w.ended() {
			t.Errorf("%s is still open", name)
		}
	}
}

// secretsOf gathers everything that must never be seen outside: what was configured, and what was issued meanwhile.
func (r *rig) secretsOf(t *testing.T) map[string]string {
	t.Helper()
	needles := map[string]string{}
	for _, u := range r.world.Users {
		needles[u.Email+"'s password"] = u.Password
		needles[u.Email+"'s App Password"] = u.AppPassword
		quoted, _ := json.Marshal(u.Password)
		needles[u.Email+"'s password in JSON"] = strings.Trim(string(quoted), `"`)
		needles[u.Email+"'s password in a form"] = url.QueryEscape(u.Password)
	}
	files, err := filepath.Glob(filepath.Join(r.dir, "keys", "*.pem"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no keys: %v", err)
	}
	for _, file := range append(files, filepath.Join(r.dir, "ca-key.pem")) {
		pem, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(pem)) {
			if line = strings.TrimSpace(line); len(line) > 30 && !strings.HasPrefix(line, "-----") {
				needles["a line of "+filepath.Base(file)+" "+line[:4]] = line
			}
		}
	}
	for _, q := range r.sandbox.Requests() {
		if bearer, ok := strings.CutPrefix(q.Header.Get("Authorization"), "Bearer "); ok {
			needles["an access token "+bearer[len(bearer)-4:]] = bearer[len(bearer)-30:]
			needles["the start of an access token "+bearer[len(bearer)-4:]] = bearer[:150]
		}
		if form, err := url.ParseQuery(string(q.Body)); err == nil && form.Get("assertion") != "" {
			a := form.Get("assertion")
			needles["an assertion "+a[len(a)-4:]] = a[len(a)-30:]
		}
	}
	return needles
}

func TestNoSecretIsEverSeen(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(w *fixture.Config) {
		w.Edit = func(in []map[string]any) { in[0]["soap"] = "app_password" }
	})
	var seen strings.Builder // everything that was said to somebody who has no right to a secret
	hear := func(lines string) heard {
		got := r.get(t, listPath, lines)
		_ = got.header.Write(&seen)
		seen.WriteString(got.body)
		return got
	}
	ok := "X-DocuSign-Authentication: " + annaJSON + "\r\n"
	wild := "X-DocuSign-Authentication: " + legacyJSON + "\r\n"
	hear(ok)
	hear(wild)
	hear("X-DocuSign-Authentication: anna-legacy-1\r\n")
	hear("X-DocuSign-Authentication: {anna-legacy-1\r\n")
	hear("X-DocuSign-Authentication: <DocuSignCredentials><Password>anna-legacy-1</Password>\r\n")
	hear("Authorization: Basic anna-legacy-1\r\n")
	hear("Authorization: bearer anna-legacy-1\r\n")
	hear(ok + "X-DocuSign-Act-As-User: bob@example.com\r\n")
	r.sandbox.RevokeTokens(sandbox.AnnaID)
	hear(ok)
	r.sandbox.FailNext(sandbox.FailureSpec{
		Path: "/restapi", Drop: sandbox.DropMidBody, Body: strings.Repeat("x", 9999), Status: 200,
	})
	w := r.dial(t, call.DoorSidecar)
	w.send("GET " + listPath + " HTTP/1.1\r\nHost: x\r\n" + ok + "\r\n")
	_, _ = w.hear("GET")
	r.sandbox.FailNext(sandbox.FailureSpec{Path: "/restapi", Drop: sandbox.DropBefore, Times: 5})
	hear(ok)
	r.sandbox.ClearFailures()
	form := func(password string) answer {
		return r.do(nil, request(t, "POST", r.sidecar()+"/restapi/v2/oauth2/token", strings.NewReader(url.Values{"grant_type": {"password"}, "client_id": {sandbox.GUIDKey},
			"username": {"bob@example.com"}, "password": {password}, "scope": {"api"}}.Encode()), "Content-Type", "application/x-www-form-urlencoded"))
	}
	var issued struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(form("bob-legacy-2").body), &issued); err != nil || issued.Token == "" {
		t.Fatalf("no token: %v", err)
	}
	seen.WriteString(form("bob-legacy-2x").body)
	hear("Authorization: bearer " + issued.Token + "\r\n")
	api := parseLogin(t, r.get(t, "/restapi/v2/login_information?api_password=true", ok).body).APIPassword
	soap := `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><Login ` +
		`xmlns="http://www.docusign.net/API/Credential"><Email>[` + sandbox.LegacyKey +
		`]bob@example.com</Email><Password>%</Password></Login></s:Body></s:Envelope>`
	for _, password := range []string{"bob-legacy-2", "bob-legacy-2&", "wrong"} {
		got := r.do(
			nil,
			request(
				t, "POST", r.sidecar()+"/api/3.0/credential.asmx", strings.NewReader(strings.Replace(soap, "%", password, 1)),
				"Content-Type", "text/xml", "SOAPAction", `"http://www.docusign.net/API/Credential/Login"`,
			),
		)
		seen.WriteString(got.body)
	}
	r.sandbox.Revoke(sandbox.GUIDKey, sandbox.AdminID)
	hear(
		"X-DocuSign-Authentication: " + strings.NewReplacer(
			"anna@", "admin@", "anna-legacy-1", "admin-legacy-3",
		).Replace(annaJSON) + "\r\n",
	)

	needles := r.secretsOf(t)
	needles["the issued token"], needles["the API password"] = issued.Token, api
	for _, page := range []string{"/metrics", "/", "/status", "/health", "/healthz"} {
		resp, err := http.Get("http://" + r.program.AdminAddress() + page)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if page == "/metrics" && len(body) < 1000 {
			t.Errorf("metrics: %q", body)
		}
		seen.Write(body)
	}
	r.halt()
	for _, where := range []struct{ name, text string }{{"the log", r.log.String()}, {
		"what callers and operators are shown", seen.String(),
	}} {
		for what, needle := range needles {
			if i := strings.Index(where.text, needle); needle != "" && i >= 0 {
				t.Errorf("%s is in %s: …%s…", what, where.name, where.text[max(0, i-150):min(len(where.text), i+20)])
			}
		}
	}
	state, err := os.ReadFile(filepath.Join(r.dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	for what, needle := range needles {
		if needle != "" && strings.Contains(string(state), needle) {
			t.Errorf("%s is in the store", what)
		}
	}
}

func TestThePlainForwardDoorGoesOutOverTLSAlways(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, target := range []string{
		"http://demo.docusign.net", "http://demo.docusign.net:80", "http://demo.docusign.net:443", "HTTP://DEMO.DocuSign.NET",
	} {
		w := r.dial(t, call.DoorSidecar)
		w.send(
			"GET " + target + listPath + " HTTP/1.1\r\nHost: evil.example.com\r\nX-DocuSign-Authentication: " + annaJSON +
				"\r\n\r\n",
		)
		got := w.read("GET") // the sandbox speaks nothing but TLS
		if got.status != 200 || got.header.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s: status %d, %v", target, got.status, got.header)
		}
	}
	for _, c := range []struct {
		target string
		want   int
	}{
		{"http://www.example.com", 403}, {"http://demo.docusign.net:8080", 403},
		{"http://demo.docusign.net.example.com", 403}, {"http://169.254.169.254", 403},
		{"http://demo.docusign.net@www.example.com", 403}, {"http://127.0.0.1:1", 403}, {"ftp://demo.docusign.net", 403},
	} {
		w := r.dial(t, call.DoorSidecar)
		w.send(
			"GET " + c.target + listPath + " HTTP/1.1\r\nHost: demo.docusign.net\r\nX-DocuSign-Authentication: " + annaJSON +
				"\r\n\r\n",
		)
		if got := w.read("GET"); got.status != c.want && got.status != 400 {
			t.Errorf("%s: status %d, want %d: %s", c.target, got.status, c.want, got.body)
		}
	}
	t.Run("the proxy's own address is the sidecar", func(t *testing.T) {
		w := r.dial(t, call.DoorSidecar)
		w.send(
			"GET " + r.sidecar() + listPath + " HTTP/1.1\r\nHost: x\r\nX-DocuSign-Authentication: " + annaJSON + "\r\n\r\n",
		)
		if got := w.read("GET"); got.status != 200 {
			t.Errorf("status %d: %s", got.status, got.body)
		}
	})
}

func TestAProxyToldToStopWhileItStartsDoesSo(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for range 5 {
		r.restart()
	}
}
