package mistakes_test

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/doctor"
)

// fault is a mistake with which the proxy does not start, so that there is neither a call nor a page.
type fault struct {
	name   string
	config func(apptest.Section)
	before func(*place)

	says  string // config check, run and doctor
	next  string // the same
	check string // the doctor's check
}

func faults() []fault {
	return []fault{
		{name: "a key file that is not there", config: set("oauth", privateKey("none.pem")),
			says: "none.pem does not exist", check: "key"},
		{name: "a certificate in place of the private key", config: set("oauth", privateKey("ca.pem")),
			says: "holds a certificate and no private key", next: "name the file that holds the private key", check: "key"},
		{name: "a public key in place of the private key", config: set("oauth", privateKey("public.pem")),
			before: func(p *place) {
				p.put("public.pem", []byte("-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"))
			}, says: "public.pem", check: "key"},
		{name: "an e-mail address as user_id", config: setUser("user_id", "anna@example.com"), says: "must be a GUID",
			next: "API Username", check: "config"},
		{name: "no user_id, and no administrator to ask", config: func(s apptest.Section) { delete(userOf(s), "user_id") },
			says: "DocuSign gives tokens for GUIDs only", next: "admin_user_id", check: "config"},
		{name: "scopes without impersonation", config: func(s apptest.Section) {
			integrationOf(s).At("oauth")["scopes"] = []any{"signature"}
		}, says: "lacks impersonation", next: "write [signature, impersonation]", check: "config"},
		{name: "soap: app_password without an App Password", config: set("soap", "app_password"),
			says: "soap: app_password needs it", next: "app_password: {file:", check: "config"},
		{name: "a key at the wrong place", config: func(s apptest.Section) { s["pass_oauth_bearer"] = false },
			says: "pass_oauth_bearer: unknown key", next: "it belongs to integrations[]", check: "config"},
		{name: "a site of the other environment", config: func(s apptest.Section) {
			s["site"] = "https://na3.docusign.net"
		}, says: "production", check: "config"},
		{name: "no CA where the configuration names one", before: func(p *place) { p.remove("ca.pem") },
			says: "ca.pem does not exist", next: "docusign-auth-proxy ca init", check: "ca"},
		{name: "a password as text", config: setUser("password", "canary-clear"), says: "must be a mapping",
			next: "docusign-auth-proxy hash-password", check: "config"},
		{name: "a folder in place of the state file", config: func(s apptest.Section) { s["store"] = "." },
			says: "not a regular file", next: "name another one with store", check: "store"},
		{name: "a state file that everybody may read", before: func(p *place) {
			p.put("state.db", []byte("canary-state"))
			if err := os.Chmod(p.file("state.db"), 0o644); err != nil {
				p.T.Fatal(err)
			}
		}, says: "lets every user of the machine in", next: "name another one with store", check: "store"},
		{name: "a password in place of its hash", config: setUser("password", apptest.Section{"bcrypt": "canary-clear"}),
			says: "password.bcrypt", next: "docusign-auth-proxy hash-password", check: "config"},
	}
}

func TestEveryFaultIsToldBeforeTheProxyStarts(t *testing.T) {
	t.Parallel()
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			if f.config != nil {
				p.Change(f.config)
			}
			if f.before != nil {
				f.before(p)
			}
			cfg, err := (&config.Holder{Path: p.Path}).Reload()
			problems, faulty := errors.AsType[config.Problems](err)
			if !faulty {
				problems = app.Preflight(cfg)
			}
			if len(problems) != 1 {
				t.Fatalf("%v is not one problem", problems)
			}
			text := problems[0].String()
			if !strings.Contains(text, f.says) || problems[0].Line == 0 {
				t.Errorf("config check says %s", text)
			}
			p.keepsSecrets("config check", text)
			f.readDoctor(p, text)
		})
	}
}

// readDoctor wants one finding that says what config check says.
func (f fault) readDoctor(p *place, checked string) {
	t := p.T
	t.Helper()
	var found []doctor.Finding
	for _, one := range p.examine(0).Findings {
		if one.Status == doctor.Fail {
			found = append(found, one)
		}
	}
	if len(found) != 1 || found[0].Check != f.check || !strings.Contains(found[0].Found, f.says) {
		t.Fatalf("the doctor finds %+v", found)
	}
	checkSpecific(t, found[0].Next)
	if !strings.Contains(found[0].Next, f.next) {
		t.Errorf("the doctor's next step is %q, without %q", found[0].Next, f.next)
	}
	if !strings.Contains(checked, f.next) {
		t.Errorf("config check says %s, without %q", checked, f.next)
	}
}

func TestATakenPortIsToldBeforeTheProxyStarts(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	taken := p.serve(func(net.Conn) {})
	p.Change(func(s apptest.Section) { s.At("listen")["admin"] = taken })
	holder := &config.Holder{Path: p.Path}
	if _, err := holder.Reload(); err != nil {
		t.Fatal(err)
	}
	_, err := app.New(holder, slog.New(slog.DiscardHandler), app.Hooks{})
	e, ok := errors.AsType[*app.ListenError](err)
	if !ok {
		t.Fatalf("%v", err)
	}
	id, fill := e.Row()
	next := id.Next(fill...)
	checkSpecific(t, next)
	if id != cause.PortTaken || !strings.Contains(err.Error(), next) || !strings.Contains(next, p.Path) {
		t.Errorf("run says %v", err)
	}
	mistake{cause: id, check: "listener"}.readDoctor(p, next)
}

func (p *place) remove(name string) {
	p.T.Helper()
	if err := os.Remove(p.file(name)); err != nil {
		p.T.Fatal(err)
	}
}
