package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/sandbox"
)

func TestAPersonsRepairIsSeenWithTheNextCall(t *testing.T) {
	t.Parallel()
	refused := func(t *testing.T, r *rig, cause string) {
		t.Helper()
		for range 3 {
			if got := r.Get(t, apptest.ListPath, apptest.SignIn); got.Status != 401 ||
				got.Header.Get("X-DocuSign-Auth-Proxy-Cause") != cause {
				t.Fatalf("status %d, %v", got.Status, got.Header)
			}
		}
		if c := r.Sandbox.Counts(); c.Grants != 0 || len(c.GrantErrors) != 1 {
			t.Errorf("%d grants, %v", c.Grants, c.GrantErrors)
		}
		for _, n := range r.Sandbox.Counts().GrantErrors {
			if n != 1 {
				t.Errorf("asked %d times within the pause", n)
			}
		}
	}
	repaired := func(t *testing.T, r *rig) {
		t.Helper()
		if got := r.Get(t, apptest.ListPath, apptest.SignIn); got.Status != 200 {
			t.Errorf("after the repair: status %d, %v\n%s", got.Status, got.Header, r.Log)
		}
	}
	consent := func(r *rig) {
		r.Sandbox.Consent(sandbox.GUIDKey, sandbox.AnnaID, "signature", "impersonation")
	}
	for name, tell := range map[string]func(*testing.T, *rig){
		"the operations listener is told": func(t *testing.T, r *rig) {
			if got := r.Do(nil, apptest.Request(t, "POST", r.AdminURL()+"/-/retry", nil)); got.Status != 200 {
				t.Errorf("status %d %s", got.Status, got.Body)
			}
		},
		"the browser comes back to the status page": func(t *testing.T, r *rig) {
			c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			got := r.Do(c, apptest.Request(t, "GET", r.AdminURL()+"/consent?code=abc&state=x", nil))
			if got.Status != 303 || got.Header.Get("Location") != "/" {
				t.Errorf("status %d %v", got.Status, got.Header)
			}
		},
		"the doctor gets a token":                 func(t *testing.T, r *rig) { r.beside(t).run() },
		"the doctor gets a token, behind a login": func(t *testing.T, r *rig) { r.beside(t).run() },
	} {
		t.Run("consent: "+name, func(t *testing.T) {
			r := newRigEdited(t, sandbox.Options{}, nil, func(s apptest.Section) {
				s.At("admin")["redirect_uri"] = "http://localhost:9090/consent"
				if strings.HasSuffix(name, "behind a login") {
					login := apptest.Section{"username": "ops",
						"password": apptest.Section{"bcrypt": apptest.BcryptOf(t, "c4n4ry-ops")}}
					s.At("admin")["basic_auth"] = login
				}
			})
			r.Sandbox.Revoke(sandbox.GUIDKey, sandbox.AnnaID)
			refused(t, r, "consent_required")
			consent(r)
			tell(t, r)
			repaired(t, r)
		})
	}
	t.Run("consent: consent wait proves it", func(t *testing.T) {
		r := newRig(t, nil)
		r.Sandbox.Revoke(sandbox.GUIDKey, sandbox.AnnaID)
		refused(t, r, "consent_required")
		j := r.beside(t).wait(newConsent(), "wait", "--user", "anna@example.com", "--integration", "nightly-billing")
		j.approve(sandbox.AnnaID)
		if text, err := j.end(); err != nil || !strings.Contains(text, "the running proxy was told") {
			t.Errorf("%v\n%s", err, text)
		}
		repaired(t, r)
	})
	t.Run("a key replaced in its file", func(t *testing.T) {
		r := newRig(t, nil)
		file := filepath.Join(r.Dir, "keys", "nightly-billing.pem")
		right, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r.Halt()
		if err := os.WriteFile(file, apptest.SharedKeys().Integrations["spare"], 0o600); err != nil {
			t.Fatal(err)
		}
		r.Start()
		refused(t, r, "invalid_key")
		if err := os.WriteFile(file, right, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := r.Program.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		repaired(t, r)
	})
}

// beside is a clinic with the rig's configuration, which names the port that the operations listener got.
func (r *rig) beside(t *testing.T) *clinic {
	t.Helper()
	text, err := os.ReadFile(r.Path)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(r.Dir, "beside.yaml")
	text = []byte(strings.Replace(string(text), "admin: 127.0.0.1:0", "admin: "+r.Program.AdminAddress(), 1))
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return &clinic{T: t, sandbox: r.Sandbox, seed: r.Seed, dir: r.Dir, path: path}
}

func TestEachLoginCostsOneExchange(t *testing.T) {
	t.Parallel()
	c := newLoginClinic(t)
	r := c.loggedIn()
	for i := range 3 {
		if i > 0 {
			r.Restart()
		}
		c.sandbox.ResetCounts()
		for range 3 {
			if got := r.Get(t, apptest.ListPath, apptest.SignIn); got.Status != 200 {
				t.Fatalf("start %d: status %d %s\n%s", i+1, got.Status, got.Body, r.Log)
			}
		}
		if err := r.Program.RenewOnce(t.Context()); err != nil {
			t.Error(err)
		}
		if n := c.sandbox.Counts().Grants; n != 1 {
			t.Errorf("start %d: %d exchanges", i+1, n)
		}
	}
}
