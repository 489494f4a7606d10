package app_test

import (
	"strings"
	"testing"

	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
)

// TestTheLogTellsWhatDocuSignRefusedAtSOAP by what was sent for the log-in, and whose matter it is.
func TestTheLogTellsWhatDocuSignRefusedAtSOAP(t *testing.T) {
	t.Parallel()
	inEnvelope := soapEnvelope(security(annaToken), listFeatures)
	with := func(mode string, edit func(user map[string]any)) func(*fixture.Config) {
		return func(c *fixture.Config) {
			c.Edit = func(integrations []map[string]any) {
				for _, in := range integrations {
					in["soap"] = mode
					for _, u := range in["users"].([]map[string]any) {
						edit(u)
					}
				}
			}
		}
	}
	wrong := func(user map[string]any) {
		user["app_password"] = map[string]any{"file": "keys/bob.example.com.app-password"}
	}
	none := func(user map[string]any) { delete(user, "app_password") }
	as := func(map[string]any) {}
	const another = `next_step="let anna@example.com make a new App Password`
	for _, c := range []struct {
		name                string
		edit                func(*fixture.Config)
		path, came, headers string
		spoil               func(*sandbox.Sandbox)
		want                []string
	}{
		{name: "an App Password that is not anna's, in the token", edit: with("app_password", wrong), came: inEnvelope,
			want: []string{"cause=app_password_refused", "outcome=client_error", another}},
		{name: "the same in the header", edit: with("app_password", wrong), path: "dsapi.asmx", headers: annaHeaderXML,
			came: soapEnvelope("", listFeatures), want: []string{"cause=app_password_refused", another}},
		{name: "the same in a Login, which is answered 200", edit: with("app_password", wrong), path: "credential.asmx",
			came: credentialCall("Login", annaName, "anna-legacy-1", ""),
			want: []string{"status=200", "outcome=client_error", "cause=app_password_refused", another}},
		{name: "the same at accountmanagement.asmx, which answers 200", edit: with("app_password", wrong),
			path: "accountmanagement.asmx", headers: annaHeaderXML, came: soapEnvelope("", summary),
			want: []string{"status=200", "outcome=client_error", "cause=app_password_refused", another}},
		{name: "a token, of a user with an App Password", edit: with("bearer", as), came: inEnvelope,
			spoil: func(s *sandbox.Sandbox) { s.SetSOAPBearer(false) },
			want:  []string{"cause=bearer_refused", "has an App Password of anna@example.com", "or soap: rest"}},
		{name: "a token, of a user without", edit: with("bearer", none), came: inEnvelope,
			spoil: func(s *sandbox.Sandbox) { s.SetSOAPBearer(false) },
			want:  []string{"cause=bearer_refused", `next_step="set soap: rest, which needs nothing more`}},
		{name: "the content of the message", edit: with("app_password", as),
			came: soapEnvelope(security(annaToken), strings.Replace(requestStatus, "RequestStatus", "RequestNothing", 2)),
			want: []string{"status=500", "outcome=client_error", "cause=soap_fault", "next_step=\"the program's own matter"}},
		{name: "DocuSign itself", edit: with("app_password", as), came: inEnvelope,
			spoil: func(s *sandbox.Sandbox) {
				s.FailNext(sandbox.FailureSpec{Path: "/api/3.0", Status: 500, Body: "<html>down</html>"})
			},
			want: []string{"outcome=upstream_error", "cause=docusign_500", "next_step=\"quote trace_token"}},
		{name: "a call that goes well", edit: with("app_password", as), came: inEnvelope, want: []string{"outcome=ok"}},
		{name: "a Login that goes well", edit: with("app_password", as), path: "credential.asmx",
			came: credentialCall("Login", annaName, "anna-legacy-1", ""), want: []string{"outcome=ok"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, c.edit)
			if c.spoil != nil {
				c.spoil(r.Sandbox)
			}
			if c.path == "" {
				c.path = "api.asmx"
			}
			req := soapPost(t, r.Sidecar()+"/api/3.0/"+c.path, c.came)
			if c.headers != "" {
				req.Header.Set("X-DocuSign-Authentication", c.headers)
			}
			got := r.Do(nil, req)
			lines := strings.Split(strings.TrimSpace(r.Log.String()), "\n")
			last := lines[len(lines)-1]
			for _, want := range c.want {
				if !strings.Contains(last, want) {
					t.Errorf("no %s; the program reads %d\n%s", want, got.Status, last)
				}
			}
			if (len(c.want) > 1) != strings.Contains(last, "cause=") {
				t.Errorf("the log is %s", last)
			}
			r.NoLeak()
		})
	}
}
