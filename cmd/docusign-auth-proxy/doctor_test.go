package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/doctor"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/proxy/authority"
)

// clinic is a sandbox and a configuration for it; no proxy runs.
type clinic struct {
	*testing.T
	sandbox *sandbox.Sandbox
	seed    sandbox.Seed
	dir     string
	path    string
}

func newClinic(t *testing.T, o sandbox.Options, edit func(*fixture.Config)) *clinic {
	t.Helper()
	c := &clinic{T: t, dir: t.TempDir()}
	var err error
	if c.sandbox, err = sandbox.Start(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.sandbox.Close() })
	if c.seed, err = c.sandbox.SeedWith(apptest.SharedKeys().Integrations); err != nil {
		t.Fatal(err)
	}
	c.seed.Integrations, c.seed.Users = c.seed.Integrations[1:], c.seed.Users[:1] // anna alone, by the new key
	if err := apptest.SharedKeys().Ca.Save(filepath.Join(c.dir, "ca.pem"), filepath.Join(c.dir, "ca-key.pem"),
		true); err != nil {
		t.Fatal(err)
	}
	wc := fixture.Config{Proxy: "127.0.0.1:0", Admin: "127.0.0.1:0", Cost: 4}
	if edit != nil {
		edit(&wc)
	}
	if c.path, err = wc.Write(c.dir, c.sandbox, c.seed); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *clinic) file(name string) string { return filepath.Join(c.dir, name) }

// change replaces text in the configuration.
func (c *clinic) change(from, to string) {
	c.Helper()
	data, err := os.ReadFile(c.path)
	if err != nil {
		c.Fatal(err)
	}
	if !strings.Contains(string(data), from) {
		c.Fatalf("%q is not in the configuration:\n%s", from, data)
	}
	if err := os.WriteFile(c.path, []byte(strings.Replace(string(data), from, to, 1)), 0o600); err != nil {
		c.Fatal(err)
	}
}

func (c *clinic) put(name string, data []byte, mode os.FileMode) {
	c.Helper()
	if err := os.WriteFile(c.file(name), data, mode); err != nil {
		c.Fatal(err)
	}
	if err := os.Chmod(c.file(name), mode); err != nil {
		c.Fatal(err)
	}
}

// doctor runs the command and returns its report and exit code.
func (c *clinic) doctor(args ...string) (doctor.Report, int) {
	c.Helper()
	out, code := c.run(append([]string{"--json"}, args...)...)
	var r doctor.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		c.Fatalf("%v: %s", err, out)
	}
	return r, code
}

func (c *clinic) run(args ...string) (string, int) {
	c.Helper()
	cmd := newDoctor()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(append([]string{"--config", c.path}, args...))
	err := cmd.ExecuteContext(c.Context())
	var exit app.ExitError
	if err != nil && !errors.As(err, &exit) {
		c.Fatal(err)
	}
	for _, s := range []string{"anna-legacy-1", "anna-app-1", "eyJ", "PRIVATE KEY-----", "canary-proxy-pw"} {
		if strings.Contains(out.String(), s) {
			c.Errorf("the output shows a secret (%s):\n%s", s, out.String())
		}
	}
	return out.String(), exit.Code
}

func find(r doctor.Report, check string, status doctor.Status) *doctor.Finding {
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Check == check && f.Status == status {
			return f
		}
	}
	return nil
}

const grantKey = "keys/old-erp.pem" // name of the first integration's key

func TestTheDoctorNamesTheFaultAndTheNextStep(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		options     sandbox.Options
		edit        func(*fixture.Config)
		spoil       func(c *clinic)
		check       string
		status      doctor.Status
		found, next string
	}{
		{
			name:  "a private key that belongs to another integration key",
			spoil: func(c *clinic) { c.put(grantKey, apptest.SharedKeys().Integrations["spare"], 0o600) },
			check: "grant", status: doctor.Fail, found: "no_valid_keys_or_signatures", next: "Apps and Keys",
		},
		{
			name: "the key of another environment", options: sandbox.Options{AccountHost: "account.docusign.com"},
			spoil: func(c *clinic) {
				c.change("environment: custom", "environment: production")
				c.change("account_server: https://account-d.docusign.com\n", "")
				c.change("site: https://demo.docusign.net\n", "")
				c.change("account-d.docusign.com:", "account.docusign.com:")
				c.change("resolve:", "resolve:\n        www.docusign.net: "+c.sandbox.Addr())
				c.sandbox.AddIntegration(sandbox.Integration{Key: sandbox.GUIDKey, Live: false})
			},
			check: "grant", status: doctor.Fail, found: "is unknown in production", next: "go-live",
		},
		{
			name:  "an integration key that DocuSign does not know",
			spoil: func(c *clinic) { c.change(sandbox.GUIDKey, "99999999-0000-4000-8000-000000000001") },
			check: "grant", status: doctor.Fail, found: "issuer_not_found", next: "environment:",
		},
		{
			name:  "no consent",
			spoil: func(c *clinic) { c.sandbox.Revoke(sandbox.GUIDKey, sandbox.AnnaID) },
			check: "grant", status: doctor.Fail, found: "consent_required",
			next: "https://account-d.docusign.com/oauth/auth?response_type=code&scope=signature%20impersonation&client_id=" +
				sandbox.GUIDKey,
		},
		{
			name:  "a clock that is an hour off",
			spoil: func(c *clinic) { c.sandbox.SetClockOffset(time.Hour) },
			check: "clock", status: doctor.Warn, found: "behind the account server", next: "NTP",
		},
		{
			name:  "an e-mail address in place of a GUID",
			spoil: func(c *clinic) { c.change("user_id: "+sandbox.AnnaID, "user_id: anna@example.com") },
			check: "config", status: doctor.Fail, found: "must be a GUID", next: "API Username",
		},
		{
			name: "an unknown user",
			spoil: func(c *clinic) {
				c.change("user_id: "+sandbox.AnnaID, "user_id: 99999999-0000-4000-8000-000000000020")
			},
			check: "grant", status: doctor.Fail, found: "user_not_found", next: "same environment",
		},
		{
			name:  "somebody else's GUID",
			spoil: func(c *clinic) { c.change("user_id: "+sandbox.AnnaID, "user_id: "+sandbox.BobID) },
			check: "user", status: doctor.Warn, found: "belongs to bob@example.com", next: "API Username",
		},
		{
			name: "a user without an account",
			spoil: func(c *clinic) {
				c.sandbox.AddUser(sandbox.User{ID: sandbox.AnnaID, Email: "anna@example.com", Name: "Anna"})
			},
			check: "account", status: doctor.Fail, found: "lists no account", next: "active member",
		},
		{
			name: "a number for the wrong account",
			spoil: func(c *clinic) {
				c.change("\"1234567\": "+sandbox.ExampleAccountID, "\"1234567\": "+sandbox.CaptureAccountID)
			},
			check: "numbers", status: doctor.Fail, found: "DocuSign says " + sandbox.ExampleAccountID, next: "into accounts",
		},
		{
			name: "a host that cannot be reached",
			spoil: func(c *clinic) {
				c.change("account-d.docusign.com: "+c.sandbox.Addr(), "account-d.docusign.com: "+closedPort(c.T))
			},
			check: "tcp", status: doctor.Fail, found: "refuses the connection", next: "firewall",
		},
		{
			name:  "an address inside that is not allowed",
			spoil: func(c *clinic) { c.change("- 127.0.0.0/8", "- 10.0.0.0/8") },
			check: "tcp", status: doctor.Fail, found: "leads to 127.0.0.1, which is inside", next: "egress.allow_addresses",
		},
		{
			name: "a company proxy that is down",
			spoil: func(c *clinic) {
				c.change("upstream:", "upstream:\n    proxy: http://anna:canary-proxy-pw@"+closedPort(c.T))
			},
			check: "upstream", status: doctor.Fail, found: "does not answer", next: "upstream.proxy",
		},
		{
			name:  "a certificate by nobody we trust",
			edit:  func(w *fixture.Config) { w.Extra = map[string]any{"upstream": map[string]any{"dial_timeout": "5s"}} },
			check: "tls", status: doctor.Fail, found: "DocuSign sandbox CA", next: "upstream.ca_file",
		},
		{
			name: "an expired CA",
			spoil: func(c *clinic) {
				old, err := authority.Create(authority.Spec{ECDSA: true, Life: 48 * time.Hour,
					Now: func() time.Time {
						return time.Now().Add(-30 * 24 * time.Hour)
					}})
				if err != nil {
					c.Fatal(err)
				}
				if err := old.Save(c.file("ca.pem"), c.file("ca-key.pem"), true); err != nil {
					c.Fatal(err)
				}
			},
			check: "ca", status: doctor.Fail, found: "expired on", next: "ca renew",
		},
		{
			name:  "a CA that this machine does not trust",
			check: "ca trust", status: doctor.Warn, found: "does not trust", next: "ca trust",
		},
		{
			name:  "a CA key that belongs to another certificate",
			spoil: func(c *clinic) { c.put("ca-key.pem", ecKey(c.T), 0o600) },
			check: "ca", status: doctor.Fail, found: "not the private key of ca_cert", next: "ca init",
		},
		{
			name: "a damaged PEM file",
			spoil: func(c *clinic) {
				c.put(grantKey, []byte("-----BEGIN RSA PRIVATE KEY-----\nMIIEow==\n-----END RSA PRIVATE KEY-----\n"), 0o600)
			},
			check: "key", status: doctor.Fail, found: "damaged, perhaps not copied whole", next: "copy it again, whole",
		},
		{
			name:  "a key that is not RSA",
			spoil: func(c *clinic) { c.put(grantKey, ecKey(c.T), 0o600) },
			check: "key", status: doctor.Fail, found: "an elliptic-curve key, and DocuSign takes RSA keys only",
			next: "Add RSA Keypair",
		},
		{
			name:  "a key that others can read",
			spoil: func(c *clinic) { c.put(grantKey, apptest.SharedKeys().Integrations[sandbox.GUIDKey], 0o644) },
			check: "permissions", status: doctor.Warn, found: "0644", next: "chmod 600",
		},
		{
			name:  "a slip of the pen in the configuration",
			spoil: func(c *clinic) { c.change("environment: custom", "environment: custom\nunknwon: observe") },
			check: "config", status: doctor.Fail, found: "unknwon", next: "unknown",
		},
		{
			name:  "a port that another program has",
			edit:  func(w *fixture.Config) { w.Proxy = takenPort(t) },
			check: "listener", status: doctor.Fail, found: " has 127.0.0.1:", next: "stop it",
		},
		{
			name:  "SOAP that takes no bearer",
			spoil: func(c *clinic) { c.sandbox.SetSOAPBearer(false) },
			check: "soap bearer", status: doctor.Warn, found: "Authorization_Invalid_Token", next: "soap: app_password",
		},
		{
			name: "an App Password that was withdrawn",
			edit: func(w *fixture.Config) {
				w.Edit = func(list []map[string]any) { list[0]["soap"] = "app_password" }
			},
			spoil: func(c *clinic) { c.put("keys/anna.example.com.app-password", []byte("anna-app-old\n"), 0o600) },
			check: "app password", status: doctor.Fail, found: "User_Authentication_Failed", next: "new App Password",
		},
		{
			name: "an App Password that was withdrawn, and no key for tokens",
			edit: func(w *fixture.Config) {
				w.Edit = func(list []map[string]any) { list[0]["soap"] = "app_password"; delete(list[0], "oauth") }
			},
			spoil: func(c *clinic) { c.put("keys/anna.example.com.app-password", []byte("anna-app-old\n"), 0o600) },
			check: "app password", status: doctor.Fail, found: "does not take the App Password: User_Authentication_Failed",
			next: "new App Password",
		},
		{
			name: "an account server in trouble",
			spoil: func(c *clinic) {
				c.sandbox.FailNext(sandbox.FailureSpec{Path: "/oauth/token", Status: 503, Times: 20})
			},
			check: "grant", status: doctor.Fail, found: "server_error", next: "status.docusign.com",
		},
		{
			name: "REST that is refused",
			spoil: func(c *clinic) {
				c.sandbox.FailNext(sandbox.FailureSpec{
					Path: "/restapi/v2.1/accounts/", Status: 401, Times: 20,
					Body: `{"errorCode":"ACCOUNT_LACKS_PERMISSIONS","message":"This Account lacks sufficient permissions."}`,
				})
			},
			check: "rest", status: doctor.Fail, found: "ACCOUNT_LACKS_PERMISSIONS", next: "switch the API on",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClinic(t, tt.options, tt.edit)
			if tt.spoil != nil {
				tt.spoil(c)
			}
			r, code := c.doctor()
			f := find(r, tt.check, tt.status)
			if f == nil {
				t.Fatalf("no %s finding of %s in\n%s", tt.status, tt.check, r.Ticket())
			}
			if !strings.Contains(f.Found, tt.found) || !strings.Contains(f.Next, tt.next) || f.Why == "" {
				t.Errorf("%+v", *f)
			}
			if want := map[doctor.Status]int{doctor.Warn: 1, doctor.Fail: 2}[tt.status]; code < want || code != r.ExitCode {
				t.Errorf("exit code %d, report %d", code, r.ExitCode)
			}
			for _, f := range r.Findings {
				if f.Status != doctor.OK && f.Status != doctor.Skipped && (f.Next == "" || f.Found == "") {
					t.Errorf("no next step: %+v", f)
				}
			}
			if leaks := c.sandbox.Leaks(); len(leaks) > 0 {
				t.Errorf("legacy passwords were sent: %v", leaks)
			}
		})
	}
}

func closedPort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func takenPort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

func ecKey(t *testing.T) []byte {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func TestADoctorWhoFindsNothingSaysSo(t *testing.T) {
	t.Parallel()
	c := newClinic(t, sandbox.Options{}, func(w *fixture.Config) {
		w.Extra, w.Cost = map[string]any{"interception": nil}, 10
	})
	r, code := c.doctor()
	if code != 0 || r.Status != doctor.OK || r.Count(doctor.OK) < 15 {
		t.Fatalf("code %d\n%s", code, r.Ticket())
	}
	text, code := c.run()
	if code != 0 || !strings.Contains(text, "0 warnings, 0 failures") || strings.Contains(text, "Begin with") {
		t.Errorf("code %d\n%s", code, text)
	}
}

func TestAnAppPasswordAloneIsProvenByALogin(t *testing.T) {
	t.Parallel()
	c := newClinic(t, sandbox.Options{}, func(w *fixture.Config) {
		w.Edit = func(list []map[string]any) { list[0]["soap"] = "app_password"; delete(list[0], "oauth") }
	})
	r, _ := c.doctor()
	if f := find(r, "app password", doctor.OK); f == nil || find(r, "grant", doctor.Skipped) != nil {
		t.Errorf("\n%s", r.Ticket())
	}
}

func TestAFaultOfTheConfigurationDoesNotEndTheExamination(t *testing.T) {
	t.Parallel()
	c := newClinic(t, sandbox.Options{}, func(w *fixture.Config) {
		w.Edit = func(list []map[string]any) {
			list[0]["name"] = "broken"
			list[0]["oauth"] = map[string]any{"private_keys": []map[string]any{{"file": "keys/nowhere.pem"}}}
		}
	})
	c.change("environment: custom", "environment: custom\nunknwon: observe")
	r, code := c.doctor()
	key := find(r, "key", doctor.Fail)
	if code != 2 || key == nil || find(r, "dns", doctor.OK) == nil || find(r, "clock", doctor.OK) == nil {
		t.Fatalf("code %d\n%s", code, r.Ticket())
	}
	if config := find(r, "config", doctor.Fail); config == nil || !strings.Contains(config.Found, "unknwon") {
		t.Errorf("%+v", config)
	}
	if !strings.HasSuffix(key.Subject, " broken") {
		t.Errorf("the integration is not named: %+v", key)
	}
	skipped := find(r, "grant", doctor.Skipped)
	if skipped == nil || skipped.Subject != "broken" || skipped.Because != key.Name() {
		t.Errorf("%+v", skipped)
	}
}

func TestOneFaultIsToldOnceAndTheRestIsSkipped(t *testing.T) {
	t.Parallel()
	c := newClinic(t, sandbox.Options{}, func(w *fixture.Config) { w.Extra = map[string]any{"interception": nil} })
	c.change("account-d.docusign.com: "+c.sandbox.Addr(), "account-d.docusign.com: "+closedPort(t))
	r, _ := c.doctor()
	if r.Count(doctor.Fail) != 1 {
		t.Errorf("\n%s", r.Ticket())
	}
	for _, check := range []string{"tls", "clock", "grant"} {
		if f := find(r, check, doctor.Skipped); f == nil || f.Because != "tcp account-d.docusign.com:443" {
			t.Errorf("%s: %+v", check, f)
		}
	}
}

func TestOfflineAsksNobody(t *testing.T) {
	t.Parallel()
	c := newClinic(t, sandbox.Options{}, nil)
	r, _ := c.doctor("--offline")
	if n := len(c.sandbox.Requests()); n != 0 || find(r, "key", doctor.OK) == nil || find(r, "dns", doctor.OK) != nil ||
		find(r, "online", doctor.Skipped) == nil {
		t.Errorf("%d requests\n%s", n, r.Ticket())
	}
}

func TestANotUsableConfigurationIsSaidToBeOne(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"not YAML": "a: [", "a list": "- a", "empty": "", "no environment": "listen: {proxy: 127.0.0.1:0}",
	} {
		t.Run(name, func(t *testing.T) {
			c := &clinic{T: t, dir: t.TempDir()}
			c.path = c.file("proxy.yaml")
			c.put("proxy.yaml", []byte(text), 0o600)
			r, code := c.doctor()
			if code != 2 || find(r, "everything else", doctor.Skipped) == nil || find(r, "config", doctor.Fail) == nil {
				t.Errorf("code %d\n%s", code, r.Ticket())
			}
		})
	}
	c := &clinic{T: t, path: filepath.Join(t.TempDir(), "missing.yaml")}
	r, code := c.doctor()
	if f := r.Findings[0]; code != 2 || !strings.Contains(f.Found, "does not exist") ||
		!strings.Contains(f.Next, "--config") {
		t.Errorf("code %d, %+v", code, r.Findings)
	}
}

func TestTheTicketHoldsNoSecret(t *testing.T) {
	t.Parallel()
	c := newClinic(t, sandbox.Options{}, nil)
	c.sandbox.FailNext(sandbox.FailureSpec{
		Path: "/oauth/token", Status: 400, Times: 20,
		Body: `{"error":"invalid_grant","error_description":"anna-app-1 and eyJ0eXAiOiJNVCIsImFsZyI6IlJTMjU2In0.payload"}`,
	})
	text, code := c.run("--ticket") // run looks for secrets
	if code != 2 || !strings.Contains(text, "environment     custom") || !strings.Contains(text, "FAIL  grant") {
		t.Errorf("code %d\n%s", code, text)
	}
}

func TestTheDoctorSeesTheRunningProxy(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c := &clinic{T: t, dir: r.Dir, path: r.Path, sandbox: r.Sandbox, seed: r.Seed}
	c.change("proxy: 127.0.0.1:0", "proxy: "+r.Sidecar()[len("http://"):])
	c.change("admin: 127.0.0.1:0", "admin: "+r.Program.AdminAddress())
	report, _ := c.doctor("--offline")
	served := 0
	for _, f := range report.Findings {
		if f.Check == "listener" && strings.Contains(f.Found, "served by the running proxy") {
			served++
		}
	}
	if served != 2 {
		t.Errorf("%d\n%s", served, report.Ticket())
	}
}
