package app_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/sandbox"
)

const balanced = "PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\n"

// behind runs a proxy with a balancer on this machine, which passes on what comes from 203.0.113.0/24.
func behind(t *testing.T, key string) *rig {
	t.Helper()
	return newRigEdited(t, sandbox.Options{}, nil, func(s apptest.Section) {
		s.At("listen")[key] = []string{"127.0.0.0/8"}
		s.At("egress")["clients"] = []string{"203.0.113.0/24"}
	})
}

// login is a call of the log-in service with more header lines.
func login(user string, more ...string) string {
	return "GET /restapi/v2/login_information HTTP/1.1\r\nHost: demo.docusign.net\r\nX-DocuSign-Authentication: " + user +
		"\r\n" + strings.Join(append(more, ""), "\r\n") + "\r\n"
}

// clients are those of the lines of calls, in order.
func (r *rig) clients() (all []string) {
	for line := range strings.Lines(r.Log.String()) {
		if _, after, ok := strings.Cut(line, " client="); ok && strings.Contains(line, " msg=request ") {
			client, _, _ := strings.Cut(after, " ")
			all = append(all, client)
		}
	}
	return all
}

func (r *rig) wantClients(t *testing.T, want ...string) {
	t.Helper()
	if got := r.clients(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("clients %v, want %v\n%s", got, want, r.Log)
	}
	for _, in := range r.Program.Status().Integrations {
		for _, c := range in.Callers {
			if len(want) > 0 && c.Client != want[len(want)-1] {
				t.Errorf("the ledger has client %s", c.Client)
			}
		}
	}
}

func TestEveryDoorBehindABalancerOfConnections(t *testing.T) {
	t.Parallel()
	r := behind(t, "proxy_protocol")
	doors := map[string]func(w *apptest.Wire) *apptest.Wire{
		"sidecar": func(w *apptest.Wire) *apptest.Wire { return w },
		"hosts file, TLS behind the header": func(w *apptest.Wire) *apptest.Wire {
			return w.Secure(r.Rig, "demo.docusign.net")
		},
		"CONNECT": func(w *apptest.Wire) *apptest.Wire {
			w.Send(apptest.ConnectDemo)
			w.Established()
			return w.Secure(r.Rig, "demo.docusign.net")
		},
	}
	var want []string
	for name, open := range doors {
		door := call.DoorSidecar
		if strings.HasPrefix(name, "hosts") {
			door = call.DoorHosts
		}
		w := r.DialSettled(t, door)
		w.Send(balanced)
		w = open(w)
		for range 2 {
			w.Send(login(apptest.AnnaJSON, "X-Forwarded-For: 198.51.100.1")) // the program's own, which says nothing
			if got := w.Read("GET"); got.Status != 200 {
				t.Errorf("%s: %d %s", name, got.Status, got.Body)
			}
			want = append(want, "203.0.113.7")
		}
	}
	r.wantClients(t, want...)
	if log := r.Log.String(); !strings.Contains(log, `client=203.0.113.7:56324`) {
		t.Errorf("the line of the CONNECT has another client\n%s", log)
	}
}

func TestWhomABalancerDoesNotNameIsNotAdmitted(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, key, header, field string
		status                   int
	}{
		{"a client of egress.clients", "proxy_protocol", balanced, "", 200},
		{"a stranger", "proxy_protocol", strings.Replace(balanced, "203.", "198.", 1), "", 403},
		{"a check of the balancer's own", "proxy_protocol", "PROXY UNKNOWN\r\n", "", 403},
		{"a program on the balancer's machine", "proxy_protocol", "PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n", "", 403},
		{"a client of egress.clients, by HTTP", "forwarded_for", "", "203.0.113.7", 200},
		{"a stranger, by HTTP", "forwarded_for", "", "203.0.113.7, 198.51.100.1", 403},
		{"a program on the balancer's machine, by HTTP", "forwarded_for", "", "127.0.0.1", 403},
		{"no address, by HTTP", "forwarded_for", "", "unknown", 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := behind(t, tt.key)
			for _, head := range []string{login(apptest.AnnaJSON, "X-Forwarded-For: "+tt.field), apptest.ConnectDemo} {
				w := r.DialSettled(t, call.DoorSidecar)
				head = strings.Replace(head, "443\r\n\r\n", "443\r\nX-Forwarded-For: "+tt.field+"\r\n\r\n", 1)
				w.Send(tt.header + head)
				if strings.HasPrefix(head, "CONNECT") && tt.status == 200 {
					w.Established()
					continue
				}
				if got := w.Read("GET"); got.Status != tt.status {
					t.Errorf("%.8s: %d %s", head, got.Status, got.Body)
				}
			}
		})
	}
}

func TestEachCallOfAConnectionHasItsOwnClient(t *testing.T) {
	t.Parallel()
	r := behind(t, "forwarded_for")
	w := r.DialSettled(t, call.DoorSidecar)
	for _, client := range []string{"203.0.113.7", "203.0.113.8", "198.51.100.1, 203.0.113.9"} {
		w.Send(login(apptest.AnnaJSON, "X-Forwarded-For: "+client))
		if got := w.Read("GET"); got.Status != 200 {
			t.Errorf("%s: %d %s", client, got.Status, got.Body)
		}
	}
	r.wantClients(t, "203.0.113.7", "203.0.113.8", "203.0.113.9")
}

func TestXForwardedForInsideATunnelSaysNothing(t *testing.T) {
	t.Parallel()
	r := behind(t, "forwarded_for")
	w := r.DialSettled(t, call.DoorSidecar)
	w.Send(strings.Replace(apptest.ConnectDemo, "443\r\n\r\n", "443\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n", 1))
	w.Established()
	w = w.Secure(r.Rig, "demo.docusign.net")
	for _, more := range []string{"X-Forwarded-For: 203.0.113.9", "X-A: none"} {
		w.Send(login(apptest.AnnaJSON, more))
		if got := w.Read("GET"); got.Status != 200 {
			t.Errorf("%s: %d %s", more, got.Status, got.Body)
		}
	}
	r.wantClients(t, "203.0.113.7", "203.0.113.7")
}

func TestAMissingXForwardedForIsRefusedInTheCallersDialect(t *testing.T) {
	t.Parallel()
	r := behind(t, "forwarded_for")
	post := "POST /api/3.0/dsapi.asmx HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nSOAPAction: \"x\"\r\n" +
		"Content-Length: 4\r\n\r\n<a/>"
	for dialect, c := range map[string]struct{ head, body string }{
		"REST": {login(apptest.AnnaJSON), `"errorCode"`},
		"SOAP": {post, "Fault>"},
	} {
		w := r.DialSettled(t, call.DoorSidecar)
		w.Send(c.head)
		got := w.Read("GET")
		if got.Status != 400 && (dialect != "SOAP" || got.Status != 500) || !strings.Contains(got.Body, c.body) ||
			got.Header.Get("X-DocuSign-Auth-Proxy-Cause") != "bad_request" {
			t.Errorf("%s: %d %v %s", dialect, got.Status, got.Header, got.Body)
		}
	}
	if log := r.Log.String(); !strings.Contains(log, "listen.forwarded_for") || !strings.Contains(log, "there is none") {
		t.Errorf("the log does not say what is missing\n%s", log)
	}
}

func TestGuessesOfOneClientSlowNoOtherBehindTheSameBalancer(t *testing.T) {
	t.Parallel()
	r := behind(t, "forwarded_for")
	guess := func(client string, n int) {
		user := strings.Replace(apptest.AnnaJSON, "anna-legacy-1", fmt.Sprint("guess-", n), 1)
		r.Do(nil, apptest.Request(t, "GET", r.Sidecar()+apptest.ListPath, nil, "X-DocuSign-Authentication", user,
			"X-Forwarded-For", client))
	}
	var wrong sync.WaitGroup
	for n := range 60 {
		wrong.Go(func() { guess("203.0.113.7", n) })
	}
	wrong.Wait()
	guess("203.0.113.8", 99)
	lines := strings.SplitAfter(r.Log.String(), "\n")
	causes := func(client string) (all string) {
		for _, line := range lines {
			if strings.Contains(line, " client="+client+" ") {
				_, cause, _ := strings.Cut(line, " cause=")
				cause, _, _ = strings.Cut(cause, " ")
				all += cause + " "
			}
		}
		return all
	}
	one, other := causes("203.0.113.7"), causes("203.0.113.8")
	if !strings.Contains(one, "throttled") || other != "bad_login " {
		t.Errorf("causes %q, and of the other client %q", one, other)
	}
}

func TestTheOperationsListenerTakesNoHeaderOfABalancer(t *testing.T) {
	t.Parallel()
	r := behind(t, "proxy_protocol")
	for _, path := range []string{"/-/healthy", "/-/ready"} {
		for head, want := range map[string]int{"": 200, balanced: 400} {
			c, err := net.Dial("tcp", r.Program.AdminAddress())
			if err != nil {
				t.Fatal(err)
			}
			w := apptest.NewWire(t, c)
			w.Send(head + "GET " + path + " HTTP/1.0\r\n\r\n") // as HAProxy checks, without Host
			if got := w.Read("GET"); got.Status != want {
				t.Errorf("%s behind %q: %d %s", path, head, got.Status, got.Body)
			}
		}
	}
}
