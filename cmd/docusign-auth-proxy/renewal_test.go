package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/sandbox"
)

func TestAPersonsRepairIsSeenWithTheNextCall(t *testing.T) {
	t.Parallel()
	refused := func(t *testing.T, r *rig, cause string) {
		t.Helper()
		for range 3 {
			if got := r.get(t, listPath, signIn); got.status != 401 || got.header.Get("X-DocuSign-Auth-Proxy-Cause") != cause {
				t.Fatalf("status %d, %v", got.status, got.header)
			}
		}
		if c := r.sandbox.Counts(); c.Grants != 0 || len(c.GrantErrors) != 1 {
			t.Errorf("%d grants, %v", c.Grants, c.GrantErrors)
		}
		for _, n := range r.sandbox.Counts().GrantErrors {
			if n != 1 {
				t.Errorf("asked %d times within the pause", n)
			}
		}
	}
	repaired := func(t *testing.T, r *rig) {
		t.Helper()
		if got := r.get(t, listPath, signIn); got.status != 200 {
			t.Errorf("after the repair: status %d, %v\n%s", got.status, got.header, r.log)
		}
	}
	consent := func(r *rig) {
		r.sandbox.Consent(sandbox.GUIDKey, sandbox.AnnaID, "signature", "impersonation")
	}
	for name, tell := range map[string]func(*testing.T, *rig){
		"the operations listener is told": func(t *testing.T, r *rig) {
			if got := r.do(nil, request(t, "POST", r.adminURL()+"/-/retry", nil)); got.status != 200 {
				t.Errorf("status %d %s", got.status, got.body)
			}
		},
		"the browser comes back to the status page": func(t *testing.T, r *rig) {
			c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			got := r.do(c, request(t, "GET", r.adminURL()+"/consent?code=abc&state=x", nil))
			if got.status != 303 || got.header.Get("Location") != "/" {
				t.Errorf("status %d %v", got.status, got.header)
			}
		},
		"the doctor gets a token":                 func(t *testing.T, r *rig) { r.beside(t).run() },
		"the doctor gets a token, behind a login": func(t *testing.T, r *rig) { r.beside(t).run() },
	} {
		t.Run("consent: "+name, func(t *testing.T) {
			r := newRigEdited(t, sandbox.Options{}, nil, func(s section) {
				s.at("admin")["redirect_uri"] = "http://localhost:9090/consent"
				if strings.HasSuffix(name, "behind a login") {
					login := section{"username": "ops", "password": section{"bcrypt": bcryptOf(t, "c4n4ry-ops")}}
					s.at("admin")["basic_auth"] = login
				}
			})
			r.sandbox.Revoke(sandbox.GUIDKey, sandbox.AnnaID)
			refused(t, r, "consent_required")
			consent(r)
			tell(t, r)
			repaired(t, r)
		})
	}
	t.Run("consent: consent wait proves it", func(t *testing.T) {
		r := newRig(t, nil)
		r.sandbox.Revoke(sandbox.GUIDKey, sandbox.AnnaID)
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
		file := filepath.Join(r.dir, "keys", "nightly-billing.pem")
		right, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r.halt()
		if err := os.WriteFile(file, sharedKeys().integrations["spare"], 0o600); err != nil {
			t.Fatal(err)
		}
		r.start()
		refused(t, r, "invalid_key")
		if err := os.WriteFile(file, right, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := r.program.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		repaired(t, r)
	})
}

// beside is a clinic with the rig's configuration, which names the port that the operations listener got.
func (r *rig) beside(t *testing.T) *clinic {
	t.Helper()
	text, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(r.dir, "beside.yaml")
	text = []byte(strings.Replace(string(text), "admin: 127.0.0.1:0", "admin: "+r.program.AdminAddress(), 1))
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return &clinic{T: t, sandbox: r.sandbox, world: r.world, dir: r.dir, path: path}
}

func TestEachLoginCostsOneExchange(t *testing.T) {
	t.Parallel()
	c := newLoginClinic(t)
	j := c.wait(newLogin())
	j.approve(sandbox.AnnaID)
	if text, err := j.end(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	r := &rig{t: t, dir: c.dir, path: c.path, sandbox: c.sandbox, world: c.world, log: &syncBuffer{}}
	r.start()
	for i := range 3 {
		if i > 0 {
			r.restart()
		}
		c.sandbox.ResetCounts()
		for range 3 {
			if got := r.get(t, listPath, signIn); got.status != 200 {
				t.Fatalf("start %d: status %d %s\n%s", i+1, got.status, got.body, r.log)
			}
		}
		if err := r.program.RenewOnce(t.Context()); err != nil {
			t.Error(err)
		}
		if n := c.sandbox.Counts().Grants; n != 1 {
			t.Errorf("start %d: %d exchanges", i+1, n)
		}
	}
}
