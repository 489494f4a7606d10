package main

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/doctor"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
)

// loggedNextStep starts a proxy, lets anna call, and gives what the log tells the operator to do.
func (c *clinic) loggedNextStep() string {
	c.Helper()
	r := &rig{&apptest.Rig{T: c.T, Dir: c.dir, Path: c.path, Sandbox: c.sandbox, Seed: c.seed, Log: &apptest.SyncBuffer{}}}
	r.Start()
	r.Do(nil, apptest.Request(c.T, http.MethodGet, r.Sidecar()+apptest.ListPath, nil, "X-DocuSign-Authentication",
		apptest.AnnaJSON))
	r.Halt()
	said := regexp.MustCompile(`msg=request .* next_step=("(?:[^"\\]|\\.)*")`).FindStringSubmatch(r.Log.String())
	if said == nil {
		c.Fatalf("no next step of a call in the log:\n%s", r.Log)
	}
	next, err := strconv.Unquote(said[1])
	if err != nil {
		c.Fatal(err)
	}
	return next
}

// TestTheDoctorSaysWhatTheRunningProxySays holds doctor to the log, word for word.
func TestTheDoctorSaysWhatTheRunningProxySays(t *testing.T) {
	t.Parallel()
	refusing := func(code, description string) func(*clinic) {
		return func(c *clinic) {
			c.sandbox.FailNext(sandbox.FailureSpec{Path: "/oauth/token", Status: 400, Times: 50,
				Body: fmt.Sprintf(`{"error":%q,"error_description":%q}`, code, description)})
		}
	}
	answering := func(f sandbox.FailureSpec) func(*clinic) {
		f.Path, f.Times = "/oauth/token", 50
		return func(c *clinic) { c.sandbox.FailNext(f) }
	}
	tests := []struct {
		name  string
		edit  func(*fixture.Config)
		spoil func(c *clinic)
		check string
	}{
		{"consent_required", nil, func(c *clinic) { c.sandbox.Revoke(sandbox.GUIDKey, sandbox.AnnaID) }, "grant"},
		{"consent_required, with a redirect URI of its own", func(w *fixture.Config) {
			w.Edit = func(list []map[string]any) {
				list[0]["oauth"].(map[string]any)["redirect_uri"] = "http://localhost:8765/"
			}
		}, func(c *clinic) { c.sandbox.Revoke(sandbox.GUIDKey, sandbox.AnnaID) }, "grant"},
		{"invalid_key", nil, func(c *clinic) { c.put(grantKey, apptest.SharedKeys().Integrations["spare"], 0o600) }, "grant"},
		{"issuer_not_found", nil, func(c *clinic) {
			c.change("oauth:", "oauth:\n        client_id: 99999999-0000-4000-8000-000000000001")
		}, "grant"},
		{"issuer_not_found of a key with a prefix", nil, func(c *clinic) {
			c.change("oauth:", "oauth:\n        client_id: TEST-99999999-0000-4000-8000-000000000001")
		}, "grant"},
		{"user_not_found", nil, func(c *clinic) {
			c.change("user_id: "+sandbox.AnnaID, "user_id: 99999999-0000-4000-8000-000000000020")
		}, "grant"},
		{"expired_grant", nil, refusing("invalid_grant", "expired_grant"), "grant"},
		{"invalid_subject", nil, refusing("invalid_subject", ""), "grant"},
		{"invalid_scope", nil, refusing("invalid_scope", ""), "grant"},
		{"invalid_request", nil, refusing("invalid_request", ""), "grant"},
		{"unsupported_grant_type", nil, refusing("unsupported_grant_type", ""), "grant"},
		{"an error nobody knows", nil, refusing("something_new", ""), "grant"},
		{"too many tokens", nil, answering(sandbox.FailureSpec{Status: 429}), "grant"},
		{"a server in trouble", nil, answering(sandbox.FailureSpec{Status: 503}), "grant"},
		{"an answer that is none", nil, answering(sandbox.FailureSpec{Status: 200, Body: "<html>", ContentType: "text/html"}),
			"grant"},
		{"a user without an account", nil, func(c *clinic) {
			c.sandbox.AddUser(sandbox.User{ID: sandbox.AnnaID, Email: "anna@example.com", Name: "Anna"})
		}, "account"},
		{"a site that is not believed", nil, func(c *clinic) {
			c.sandbox.FailNext(sandbox.FailureSpec{Path: "/oauth/userinfo", Status: 200, Times: 50, Body: `{"sub":"` +
				sandbox.AnnaID + `","email":"anna@example.com","accounts":[{"account_id":"` + sandbox.ExampleAccountID +
				`","is_default":true,"account_name":"x","base_uri":"https://docusign.example.com"}]}`})
		}, "account"},
		{"an account server that refuses connections", nil, func(c *clinic) {
			c.change("account-d.docusign.com: "+c.sandbox.Addr(), "account-d.docusign.com: "+closedPort(c.T))
		}, "tcp"},
		{"an address inside", nil, func(c *clinic) { c.change("- 127.0.0.0/8", "- 10.0.0.0/8") }, "tcp"},
		{"a company's proxy that wants a log-in", nil, func(c *clinic) {
			c.change("upstream:", "upstream:\n    proxy: http://"+answeringProxy(c.T, "407 Proxy Authentication Required"))
		}, "tcp"},
		{"a company's proxy that refuses", nil, func(c *clinic) {
			c.change("upstream:", "upstream:\n    proxy: http://"+answeringProxy(c.T, "403 Forbidden"))
		}, "tcp"},
		{"a company's proxy that is down", nil, func(c *clinic) {
			c.change("upstream:", "upstream:\n    proxy: http://"+closedPort(c.T))
		}, "upstream"},
		{"a certificate by nobody who is known", func(w *fixture.Config) {
			w.Extra = map[string]any{"upstream": map[string]any{"dial_timeout": "5s"}}
		}, nil, "tls"},
		{"something that speaks no TLS", nil, func(c *clinic) {
			c.change("account-d.docusign.com: "+c.sandbox.Addr(), "account-d.docusign.com: "+
				answeringProxy(c.T, "400 Bad Request"))
		}, "tls"},
		{"a DNS server that does not answer", nil, func(c *clinic) {
			c.change("resolve:", "resolver: "+closedPort(c.T)+"\n    resolve:")
			c.change("account-d.docusign.com: "+c.sandbox.Addr(), "account-x.docusign.com: "+c.sandbox.Addr())
		}, "dns"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newClinic(t, sandbox.Options{}, tt.edit)
			if tt.spoil != nil {
				tt.spoil(c)
			}
			r, _ := c.doctor()
			f := find(r, tt.check, doctor.Fail)
			if f == nil {
				t.Fatalf("no fault of %s in\n%s", tt.check, r.Ticket())
			}
			if logged := c.loggedNextStep(); logged != f.Next || logged == "" {
				t.Errorf("the log says %q\ndoctor says  %q", logged, f.Next)
			}
		})
	}
}

// answeringProxy gives every connection the same answer.
func answeringProxy(t *testing.T, status string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
				_, _ = conn.Read(make([]byte, 4096))
				_, _ = fmt.Fprintf(conn, "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status)
			}()
		}
	}()
	return netip.MustParseAddrPort(l.Addr().String()).String()
}

// TestOneFaultIsOneFinding is about faults that several integrations, users or hosts have in common.
func TestOneFaultIsOneFinding(t *testing.T) {
	t.Parallel()
	const coraID = "a1b2c3d4-0000-4000-8000-0000000000c0"
	people := []string{"anna@example.com", "bob@example.com", "admin@example.com", "legacy.user@example.com"}
	tests := []struct {
		name  string
		two   bool // integrations
		all   bool // users
		spoil func(c *clinic)
		check string
		found []string // in the one finding
		pages int
	}{
		{"many users have not consented", false, true, func(c *clinic) {
			for _, u := range c.seed.Users {
				c.sandbox.Revoke(sandbox.GUIDKey, u.ID)
			}
		}, "grant", people[1:], 4},
		{"neither a user nor the one who is acted for has consented", false, false, func(c *clinic) {
			c.sandbox.AddUser(sandbox.User{ID: coraID, Email: "cora@example.com", Name: "Cora Example"})
			c.sandbox.Revoke(sandbox.GUIDKey, sandbox.AnnaID)
			c.change("oauth:", "principals: [{username: cora@example.com, user_id: "+coraID+"}]\n      oauth:")
			c.change("user_id: "+sandbox.AnnaID, "user_id: "+sandbox.AnnaID+"\n          may_act_for: [cora@example.com]")
		}, "grant", []string{"the same for cora@example.com"}, 2},
		{"no user of an unknown key gets a token", false, true, func(c *clinic) {
			c.change("oauth:", "oauth:\n        client_id: 99999999-0000-4000-8000-000000000001")
		}, "grant", []string{"3 other users not asked for"}, 0},
		{"two integrations whose keys are unknown, as in the wrong environment", true, false, func(c *clinic) {
			c.change("private_keys:", "client_id: 99999999-0000-4000-8000-000000000001\n        private_keys:")
			c.change("oauth:\n        private_keys:",
				"oauth:\n        client_id: 99999999-0000-4000-8000-000000000002\n        private_keys:")
		}, "grant", []string{"issuer_not_found"}, 0},
		{"two integrations with the same missing key file", true, false, func(c *clinic) {
			c.change("keys/old-erp.pem", "keys/nowhere.pem")
			c.change("keys/nightly-billing.pem", "keys/nowhere.pem")
		}, "key", []string{"the same in line"}, 0},
		{"users without a GUID", false, true, func(c *clinic) {
			for _, u := range c.seed.Users {
				c.change("          user_id: "+u.ID+"\n", "")
			}
		}, "config", people[1:], 0},
		{"an account server in trouble", true, true, func(c *clinic) {
			c.sandbox.FailNext(sandbox.FailureSpec{Path: "/oauth/token", Status: 503, Times: 99})
		}, "grant", []string{"server_error"}, 0},
		{"DNS is away", true, true, func(c *clinic) {
			c.change("resolve:", "resolver: "+closedPort(c.T)+"\n    resolve:")
			for _, host := range []string{"account-d.docusign.com: ", "demo.docusign.net: "} {
				c.change(host+c.sandbox.Addr(), "x"+host+c.sandbox.Addr())
			}
		}, "dns", []string{"account-d.docusign.com"}, 0},
		{"a company's proxy that wants a log-in", true, true, func(c *clinic) {
			c.change("upstream:", "upstream:\n    proxy: http://"+answeringProxy(c.T, "407 Proxy Authentication Required"))
		}, "tcp", []string{"407"}, 0},
		{"REST is not in the account's plan", false, true, func(c *clinic) {
			c.sandbox.FailNext(sandbox.FailureSpec{Path: "/restapi/v2.1/accounts/", Status: 401, Times: 50,
				Body: `{"errorCode":"ACCOUNT_LACKS_PERMISSIONS","message":"This Account lacks sufficient permissions."}`})
		}, "rest", []string{"ACCOUNT_LACKS_PERMISSIONS"}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newHouse(t, tt.two, tt.all)
			tt.spoil(c)
			r, code := c.doctor()
			f := find(r, tt.check, doctor.Fail)
			if r.Count(doctor.Fail) != 1 || f == nil || code != 2 {
				t.Fatalf("%d failures\n%s", r.Count(doctor.Fail), r.Ticket())
			}
			for _, want := range tt.found {
				if !strings.Contains(f.Name()+f.Found, want) {
					t.Errorf("no %q in %s", want, f)
				}
			}
			if len(f.Pages) != tt.pages {
				t.Errorf("%d pages in\n%s", len(f.Pages), f)
			}
			for _, page := range f.Pages {
				if !strings.Contains(f.String(), page.URL+"\n") {
					t.Errorf("%s is not one whole line in\n%s", page.URL, f)
				}
			}
		})
	}
}

// newHouse has one or two integrations, and one or all users of the sandbox.
func newHouse(t *testing.T, two, all bool) *clinic {
	c := newClinic(t, sandbox.Options{}, nil)
	seed, err := c.sandbox.SeedWith(apptest.SharedKeys().Integrations)
	if err != nil {
		t.Fatal(err)
	}
	if !two {
		seed.Integrations = seed.Integrations[1:]
	}
	if !all {
		seed.Users = seed.Users[:1]
	}
	c.seed = seed
	w := fixture.Config{Proxy: "127.0.0.1:0", Admin: "127.0.0.1:0", Cost: 4, Extra: map[string]any{"interception": nil}}
	if err := os.Remove(filepath.Join(c.dir, "proxy.yaml")); err != nil {
		t.Fatal(err)
	}
	if c.path, err = w.Write(c.dir, c.sandbox, seed); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestAKeyIsTriedWithAndWithoutItsPrefix also says which integration has the other form.
func TestAKeyIsTriedWithAndWithoutItsPrefix(t *testing.T) {
	t.Parallel()
	const known = "client_id " + sandbox.GUIDKey + " works: the same key without its prefix"
	c := newClinic(t, sandbox.Options{}, nil)
	c.change("oauth:", "oauth:\n        client_id: TEST-"+sandbox.GUIDKey)
	r, _ := c.doctor()
	if f := find(r, "grant", doctor.Fail); f == nil || !strings.Contains(f.Found, known) ||
		!strings.Contains(f.Next, "write the key without its prefix into oauth.client_id of old-erp") {
		t.Errorf("%s", r.Ticket())
	}

	c = newHouse(t, true, false)
	c.change("oauth:", "oauth:\n        client_id: TEST-"+sandbox.GUIDKey)
	r, _ = c.doctor()
	if f := find(r, "grant", doctor.Fail); f == nil || !strings.Contains(f.Found, known) ||
		!strings.Contains(f.Found, "the same key without its prefix is configured as nightly-billing") {
		t.Errorf("%s", r.Ticket())
	}
}
