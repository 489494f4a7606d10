package app_test

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

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
)

func TestShutdownLosesNoCall(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, sandbox.Options{Latency: 20 * time.Millisecond}, nil)
	r.Get(t, apptest.ListPath, "X-DocuSign-Authentication: "+apptest.AnnaJSON+"\r\n")
	r.Sandbox.ResetCounts()
	request := post("HTTP/1.1", "Content-Length: 207\r\nConnection: close\r\n", string(apptest.BigEnvelope(207)))
	var callers sync.WaitGroup
	var sent, lost atomic.Int64
	addr := r.Addr(call.DoorSidecar)
	for range 16 {
		callers.Go(func() {
			for range 200 {
				c, err := net.Dial("tcp", addr)
				if err != nil {
					return // the proxy has gone, and the program knows that nothing was sent
				}
				_ = c.SetDeadline(time.Now().Add(apptest.WireLimit))
				w := apptest.NewWire(t, c)
				if _, err := io.WriteString(c, request); err != nil {
					return
				}
				got, err := w.Hear("POST")
				if err != nil {
					lost.Add(1) // taken by this machine's backlog, never by the proxy: nothing may have been done for it
					return
				}
				sent.Add(1)
				if got.Status != 201 || got.Err != nil {
					t.Errorf("status %d, %v: %s", got.Status, got.Err, got.Body)
				}
			}
		})
	}
	apptest.Eventually(t, "the proxy is busy", func() bool { return sent.Load() > 20 && r.Program.Server.Active() > 4 })
	r.Halt()
	callers.Wait()
	if made := int64(r.Sandbox.Counts().Envelopes); made != sent.Load() {
		t.Errorf(
			"%d envelopes were made, but %d callers heard of one; %d connections were never taken", made, sent.Load(),
			lost.Load(),
		)
	}
}

func TestShutdownEndsWhatWaits(t *testing.T) {
	t.Parallel()
	// If it waited for them it would not end within Halt's patience.
	r := newRigChanged(t, func(doc apptest.Section) { doc.At("limits")["shutdown"] = "1h" })
	idle := r.Dial(t, call.DoorSidecar)        // has said nothing yet
	kept := r.Dial(t, call.DoorSidecar)        // keep-alive
	tunnel := r.Tunnel(t, apptest.ConnectDemo) // intercepted, idle
	fresh := r.Opened(t, apptest.ConnectDemo)  // intercepted, no handshake yet
	kept.Send("GET " + apptest.ListPath + " HTTP/1.1\r\nHost: x\r\nX-DocuSign-Authentication: " + apptest.AnnaJSON +
		"\r\n\r\n")
	kept.Read("GET")
	tunnel.Send(
		"GET " + apptest.ListPath + " HTTP/1.1\r\nHost: demo.docusign.net\r\nX-DocuSign-Authentication: " + apptest.AnnaJSON +
			"\r\n\r\n",
	)
	tunnel.Read("GET")
	r.Halt()
	for name, w := range map[string]*apptest.Wire{"idle": idle, "kept": kept, "tunnel": tunnel, "fresh": fresh} {
		if !w.Ended() {
			t.Errorf("%s is still open", name)
		}
	}
}

// secretsOf gathers everything that must never be seen outside: what was configured, and what was issued meanwhile.
func (r *rig) secretsOf(t *testing.T) map[string]string {
	t.Helper()
	needles := map[string]string{}
	for _, u := range r.Seed.Users {
		needles[u.Email+"'s password"] = u.Password
		needles[u.Email+"'s App Password"] = u.AppPassword
		quoted, _ := json.Marshal(u.Password)
		needles[u.Email+"'s password in JSON"] = strings.Trim(string(quoted), `"`)
		needles[u.Email+"'s password in a form"] = url.QueryEscape(u.Password)
	}
	files, err := filepath.Glob(filepath.Join(r.Dir, "keys", "*.pem"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no keys: %v", err)
	}
	for _, file := range append(files, filepath.Join(r.Dir, "ca-key.pem")) {
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
	for _, q := range r.Sandbox.Requests() {
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
	hear := func(lines string) apptest.Heard {
		got := r.Get(t, apptest.ListPath, lines)
		_ = got.Header.Write(&seen)
		seen.WriteString(got.Body)
		return got
	}
	ok := "X-DocuSign-Authentication: " + apptest.AnnaJSON + "\r\n"
	wild := "X-DocuSign-Authentication: " + apptest.LegacyJSON + "\r\n"
	hear(ok)
	hear(wild)
	hear("X-DocuSign-Authentication: anna-legacy-1\r\n")
	hear("X-DocuSign-Authentication: {anna-legacy-1\r\n")
	hear("X-DocuSign-Authentication: <DocuSignCredentials><Password>anna-legacy-1</Password>\r\n")
	hear("Authorization: Basic anna-legacy-1\r\n")
	hear("Authorization: bearer anna-legacy-1\r\n")
	hear(ok + "X-DocuSign-Act-As-User: bob@example.com\r\n")
	r.Sandbox.RevokeTokens(sandbox.AnnaID)
	hear(ok)
	r.Sandbox.FailNext(sandbox.FailureSpec{
		Path: "/restapi", Drop: sandbox.DropMidBody, Body: strings.Repeat("x", 9999), Status: 200,
	})
	w := r.Dial(t, call.DoorSidecar)
	w.Send("GET " + apptest.ListPath + " HTTP/1.1\r\nHost: x\r\n" + ok + "\r\n")
	_, _ = w.Hear("GET")
	r.Sandbox.FailNext(sandbox.FailureSpec{Path: "/restapi", Drop: sandbox.DropBefore, Times: 5})
	hear(ok)
	r.Sandbox.ClearFailures()
	form := func(password string) apptest.Answer {
		return r.Do(nil, apptest.Request(t, "POST", r.Sidecar()+"/restapi/v2/oauth2/token",
			strings.NewReader(url.Values{"grant_type": {"password"}, "client_id": {sandbox.GUIDKey},
				"username": {"bob@example.com"}, "password": {password}, "scope": {"api"}}.Encode()), "Content-Type",
			"application/x-www-form-urlencoded"))
	}
	var issued struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(form("bob-legacy-2").Body), &issued); err != nil || issued.Token == "" {
		t.Fatalf("no token: %v", err)
	}
	seen.WriteString(form("bob-legacy-2x").Body)
	hear("Authorization: bearer " + issued.Token + "\r\n")
	api := apptest.ParseLogin(t, r.Get(t, "/restapi/v2/login_information?api_password=true", ok).Body).APIPassword
	soap := `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><Login ` +
		`xmlns="http://www.docusign.net/API/Credential"><Email>[` + sandbox.LegacyKey +
		`]bob@example.com</Email><Password>%</Password></Login></s:Body></s:Envelope>`
	for _, password := range []string{"bob-legacy-2", "bob-legacy-2&", "wrong"} {
		got := r.Do(
			nil,
			apptest.Request(
				t, "POST", r.Sidecar()+"/api/3.0/credential.asmx", strings.NewReader(strings.Replace(soap, "%", password, 1)),
				"Content-Type", "text/xml", "SOAPAction", `"http://www.docusign.net/API/Credential/Login"`,
			),
		)
		seen.WriteString(got.Body)
	}
	r.Sandbox.Revoke(sandbox.GUIDKey, sandbox.AdminID)
	hear(
		"X-DocuSign-Authentication: " + strings.NewReplacer(
			"anna@", "admin@", "anna-legacy-1", "admin-legacy-3",
		).Replace(apptest.AnnaJSON) + "\r\n",
	)

	needles := r.secretsOf(t)
	needles["the issued token"], needles["the API password"] = issued.Token, api
	for _, page := range []string{"/metrics", "/", "/status", "/health", "/healthz"} {
		resp, err := http.Get("http://" + r.Program.AdminAddress() + page)
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
	r.Halt()
	for _, where := range []struct{ name, text string }{{"the log", r.Log.String()}, {
		"what callers and operators are shown", seen.String(),
	}} {
		for what, needle := range needles {
			if i := strings.Index(where.text, needle); needle != "" && i >= 0 {
				t.Errorf("%s is in %s: …%s…", what, where.name, where.text[max(0, i-150):min(len(where.text), i+20)])
			}
		}
	}
	state, err := os.ReadFile(filepath.Join(r.Dir, "state.db"))
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
		w := r.Dial(t, call.DoorSidecar)
		w.Send(
			"GET " + target + apptest.ListPath + " HTTP/1.1\r\nHost: evil.example.com\r\nX-DocuSign-Authentication: " +
				apptest.AnnaJSON +
				"\r\n\r\n",
		)
		got := w.Read("GET") // the sandbox speaks nothing but TLS
		if got.Status != 200 || got.Header.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s: status %d, %v", target, got.Status, got.Header)
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
		w := r.Dial(t, call.DoorSidecar)
		w.Send(
			"GET " + c.target + apptest.ListPath + " HTTP/1.1\r\nHost: demo.docusign.net\r\nX-DocuSign-Authentication: " +
				apptest.AnnaJSON +
				"\r\n\r\n",
		)
		if got := w.Read("GET"); got.Status != c.want && got.Status != 400 {
			t.Errorf("%s: status %d, want %d: %s", c.target, got.Status, c.want, got.Body)
		}
	}
	t.Run("the proxy's own address is the sidecar", func(t *testing.T) {
		w := r.Dial(t, call.DoorSidecar)
		w.Send(
			"GET " + r.Sidecar() + apptest.ListPath + " HTTP/1.1\r\nHost: x\r\nX-DocuSign-Authentication: " + apptest.AnnaJSON +
				"\r\n\r\n",
		)
		if got := w.Read("GET"); got.Status != 200 {
			t.Errorf("status %d: %s", got.Status, got.Body)
		}
	})
}

func TestAProxyToldToStopWhileItStartsDoesSo(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for range 5 {
		r.Restart()
	}
}
