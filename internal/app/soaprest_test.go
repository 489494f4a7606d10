package app_test

import (
	"net/http"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/fixture"
)

// overREST is a rig whose SOAP goes over REST.
func overREST(t *testing.T, edit func(*fixture.Config)) *rig {
	t.Helper()
	return newRig(t, func(c *fixture.Config) {
		soapMode("rest")(c)
		if edit != nil {
			edit(c)
		}
	})
}

// noSOAP fails when anything reached DocuSign's SOAP services, or a legacy credential anything of DocuSign's.
func (r *rig) noSOAP() {
	r.T.Helper()
	for _, rec := range r.Sandbox.Requests() {
		if strings.Contains(strings.ToLower(rec.Path), ".asmx") || strings.Contains(strings.ToLower(rec.Path), ".wsdl") {
			r.T.Errorf("%s %s reached DocuSign", rec.Method, rec.Path)
		}
	}
	r.NoLeak()
}

func TestTheWSDLOverRESTIsTheProxysOwn(t *testing.T) {
	t.Parallel()
	r := overREST(t, nil)
	for _, c := range []struct {
		name, origin string
		client       *http.Client
	}{
		{"sidecar", r.Sidecar(), nil},
		{"forward, plain", "http://demo.docusign.net", r.ForwardClient()},
		{"forward, CONNECT to another site", "https://na3.docusign.net", r.ForwardClient()},
	} {
		for path, service := range map[string]string{
			"/api/3.0/api.asmx?WSDL": "api.asmx", "/API/3.0/dsapi.asmx?wsdl": "dsapi.asmx",
			"/api/3.0/credential.asmx?WSDL": "credential.asmx", "/api/3.0/schema/dsapi.wsdl": "dsapi.asmx",
		} {
			got := r.Do(c.client, apptest.Request(t, "GET", c.origin+path, nil))
			if got.Status != 200 || strings.Count(got.Body, `location="`+c.origin+"/api/3.0/"+service+`"`) != 2 {
				t.Errorf("%s, %s: status %d: %.300s", c.name, path, got.Status, got.Body)
			}
		}
		if got := r.Do(c.client, apptest.Request(t, "GET", c.origin+"/api/3.0/api.asmx", nil)); got.Status != 404 {
			t.Errorf("%s: the help page has status %d", c.name, got.Status)
		}
	}
	r.noSOAP()
}

// TestTheWSDLIsDocuSignsWhereOneProgramSpeaksSOAPToIt keeps the operations that only DocuSign's newer WSDL has.
func TestTheWSDLIsDocuSignsWhereOneProgramSpeaksSOAPToIt(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *fixture.Config) {
		c.Edit = func(integrations []map[string]any) {
			integrations[0]["soap"], integrations[1]["soap"] = "rest", "bearer"
		}
	})
	r.Do(nil, apptest.Request(t, "GET", r.Sidecar()+"/api/3.0/api.asmx?WSDL", nil))
	if all := r.Sandbox.Requests(); len(all) != 1 {
		t.Errorf("%d requests reached DocuSign, want 1", len(all))
	}
}

func TestAccountManagementOverREST(t *testing.T) {
	t.Parallel()
	r := overREST(t, nil)
	const ns = `xmlns="http://www.docusign.net/API/AccountManagement"`
	for _, c := range []struct {
		name, operation string
		status          int
		wants           []string
	}{
		{"Ping", `<Ping ` + ns + `/>`, 200, []string{"<PingResult>true</PingResult>"}},
		{"GetEncryptedPassword", `<GetEncryptedPassword ` + ns + `/>`, 200, []string{"<Success>true</Success>"}},
		{
			"what has a place for a refusal in its result", `<CloseMembers ` + ns + `><AccountId>x</AccountId></CloseMembers>`,
			200, []string{"<Success>false</Success>", "CloseMembers cannot be carried out over REST (proxy). Nothing was sent."},
		},
		{"a change of password", `<ChangePassword ` + ns + `/>`, 200, []string{"<Success>false</Success>"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/accountmanagement.asmx", soapEnvelope("", c.operation),
				"X-DocuSign-Authentication", apptest.AnnaJSON))
			for _, want := range c.wants {
				if got.Status != c.status || !strings.Contains(got.Body, want) {
					t.Errorf("status %d, no %q in %s", got.Status, want, got.Body)
				}
			}
		})
	}
	r.noSOAP()
	if n := len(r.AtSites()); n != 0 {
		t.Errorf("%d calls reached a site", n)
	}
}

func TestAReturnAddressThatTheProxyDidNotMake(t *testing.T) {
	t.Parallel()
	r := overREST(t, nil)
	const state = "AAAAc4n4ryc4n4ryc4n4ryc4n4ryc4n4ryc4n4ry"
	for _, method := range []string{"GET", "HEAD", "POST"} {
		req := apptest.Request(t, method, r.Sidecar()+"/ds-return/"+state+"?event=signing_complete&code=c4n4ry", nil)
		got := r.Do(nil, req)
		if got.Status != 404 || got.Header.Get("Location") != "" {
			t.Errorf("%s: status %d, Location %q", method, got.Status, got.Header.Get("Location"))
		}
		if method == "GET" && (got.Header.Get("Cache-Control") != "no-store" ||
			got.Header.Get("Referrer-Policy") != "no-referrer" || !strings.Contains(got.Body, "You can close this window")) {
			t.Errorf("%v %q", got.Header, got.Body)
		}
	}
	if log := r.Log.String(); strings.Contains(log, "c4n4ry") || !strings.Contains(log, "path=/ds-return/ ") {
		t.Errorf("the log is %s", log)
	}
	r.noSOAP()
}

// TestRehearsalOverREST tells of an observed program what would be refused.
func TestRehearsalOverREST(t *testing.T) {
	t.Parallel()
	r := overREST(t, func(c *fixture.Config) {
		edit := c.Edit
		c.Edit = func(integrations []map[string]any) {
			edit(integrations)
			integrations[1]["mode"] = "observe"
		}
	})
	for operation, result := range map[string]string{"TransferEnvelope": "soap_refused"} {
		message := soapEnvelope(security(annaToken), "<"+operation+` xmlns="`+namespaceAPI+`"/>`)
		r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/api.asmx", message))
		apptest.Eventually(t, result, func() bool {
			metrics := r.Do(nil, apptest.Request(t, "GET", r.AdminURL()+"/metrics", nil)).Body
			return strings.Contains(metrics,
				`docusign_auth_proxy_rehearsals_total{integration="nightly-billing",result="`+result+`"} 1`)
		})
	}
}

// TestABearerThatDocuSignRefusesOnSOAP names the two ways that work, wherever an operator looks.
func TestABearerThatDocuSignRefusesOnSOAP(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Sandbox.SetSOAPBearer(false)
	got := r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/api.asmx", soapEnvelope(security(annaToken), requestStatus)))
	if got.Status < 400 {
		t.Fatalf("status %d", got.Status)
	}
	status := r.Do(nil, apptest.Request(t, "GET", r.AdminURL()+"/api/status", nil)).Body
	log := r.Log.String()
	for _, words := range []string{"soap: rest", "soap: app_password"} {
		if !strings.Contains(log, words) || !strings.Contains(status, words) {
			t.Errorf("no %q in the log and the status", words)
		}
	}
	if !strings.Contains(log, "cause=bearer_refused") || !strings.Contains(log, "class=") {
		t.Errorf("the log is %s", r.lastLines())
	}
	r.NoLeak()
}

// TestAStartSaysThatNobodyChoseHowSOAPGoes once SOAP calls were seen.
func TestAStartSaysThatNobodyChoseHowSOAPGoes(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	const words = "nightly-billing calls SOAP"
	if strings.Contains(r.Log.String(), words) {
		t.Error("it is said before any SOAP call")
	}
	r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/api.asmx", soapEnvelope(security(annaToken), requestStatus)))
	r.Restart()
	if !strings.Contains(r.Log.String(), words) {
		t.Errorf("the log is %s", r.Log.String())
	}
	r.Change(func(s apptest.Section) { apptest.IntegrationSection(s, "nightly-billing")["soap"] = "bearer" })
	r.Restart()
	if strings.Contains(r.Log.String(), words) {
		t.Error("it is said although soap is set")
	}
}
