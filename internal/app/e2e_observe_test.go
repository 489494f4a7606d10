package app_test

import (
	"net/http"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
)

// What DocuSign answers to the old credential of an observed program; the sandbox itself takes none.
const (
	observedJSON = `{"apiPassword":"theirs/+=","loginAccounts":[` +
		`{"accountId":"1703061","isDefault":false,"baseUrl":"https://demo.docusign.net/restapi/v2/accounts/1703061"},` +
		`{"accountId":"7654321","accountIdGuid":"a1b2c3d4-0000-4000-8000-000000000099","isDefault":true,` +
		`"baseUrl":"https://eu.docusign.net/restapi/v2/accounts/7654321"}]}`
	observedXML = `<loginInformation ` +
		`xmlns="http://www.docusign.com/restapi"><apiPassword>theirs</apiPassword><loginAccounts><loginAccount>` +
		`<accountId>7654321</accountId><accountIdGuid>a1b2c3d4-0000-4000-8000-000000000099</accountIdGuid>` +
		`<baseUrl>https://eu.docusign.net/restapi/v2/accounts/7654321</baseUrl></loginAccount></loginAccounts>` +
		`</loginInformation>`
	observedSOAP = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>` +
		`<LoginResponse xmlns="http://www.docusign.net/API/Credential">` +
		`<LoginResult><Success>true</Success><Accounts><Account><AccountID>a1b2c3d4-0000-4000-8000-000000000099</AccountID>` +
		`<BaseUrl>https://eu.docusign.net/api/3.0</BaseUrl></Account></Accounts></LoginResult></LoginResponse></s:Body>` +
		`</s:Envelope>`
)

// A program that is only observed must stay observed: its log-in answer leads back here, and its next calls reach the
// right site.
func TestObservedProgramsComeBackAndReachTheirSite(t *testing.T) {
	t.Parallel()
	header := func(key string) []string {
		return []string{"X-DocuSign-Authentication", strings.Replace(apptest.AnnaJSON, sandbox.GUIDKey, key, 1)}
	}
	login := "/restapi/v2/login_information?api_password=true"
	for _, program := range []struct {
		name, mode string
		headers    func(*rig) []string
		soapName   string // of Credential.Login; "" = no SOAP program
	}{
		{"mode: observe", "observe", func(*rig) []string { return header(sandbox.GUIDKey) }, annaName},
		{"unknown: observe", "translate", func(*rig) []string { return header("c0ffee00-0000-4000-8000-000000000001") },
			strings.Replace(annaName, sandbox.GUIDKey, "c0ffee00-0000-4000-8000-000000000001", 1)},
		{"an old token that DocuSign issued", "observe", func(*rig) []string {
			return []string{"Authorization", "bearer b3BhcXVl"}
		}, ""},
		{"an OAuth token of its own", "translate", func(r *rig) []string {
			return []string{"Authorization", "Bearer " + r.oauthToken(r.T)}
		}, ""},
	} {
		for _, answer := range []struct{ name, contentType, body string }{
			{"JSON", "application/json; charset=utf-8", observedJSON}, {"XML", "application/xml; charset=utf-8", observedXML},
			{"SOAP", "text/xml; charset=utf-8", observedSOAP},
		} {
			if answer.name == "SOAP" && program.soapName == "" {
				continue
			}
			t.Run(program.name+", "+answer.name, func(t *testing.T) {
				r := newRig(t, func(w *fixture.Config) {
					w.Extra = map[string]any{"unknown": "observe"}
					w.Edit = func(in []map[string]any) { in[1]["mode"] = program.mode }
				})
				call := func(path string) *http.Request {
					return apptest.Request(t, "GET", r.Sidecar()+path, nil, program.headers(r)...)
				}
				first := call(login)
				if answer.name == "SOAP" {
					first = soapPost(t, r.Sidecar()+"/api/3.0/credential.asmx",
						credentialCall("Login", program.soapName, "anna-legacy-1", "<ReturnBaseUrl>true</ReturnBaseUrl>"))
				}
				r.Sandbox.FailNext(sandbox.FailureSpec{
					Path: first.URL.Path, Status: 200, Body: answer.body, ContentType: answer.contentType,
				})
				want := strings.NewReplacer(
					"https://eu.docusign.net", r.Sidecar(), "https://demo.docusign.net", r.Sidecar(),
				).Replace(answer.body)
				if got := r.Do(nil, first); got.Status != 200 || got.Body != want {
					t.Fatalf("status %d\n got %s\nwant %s", got.Status, got.Body, want)
				}
				ids := []string{"a1b2c3d4-0000-4000-8000-000000000099", "A1B2C3D4-0000-4000-8000-000000000099"}
				if answer.name != "SOAP" {
					ids = append(ids, "7654321")
				}
				for _, id := range ids {
					r.Do(nil, call("/restapi/v2/accounts/"+id+"/envelopes"))
					if sent := r.Last(t); sent.Host != "eu.docusign.net" {
						t.Errorf("a call for %s went to %s", id, sent.Host)
					}
				}
				r.Restart() // the program keeps the base URL that it has
				r.Do(nil, call("/restapi/v2/accounts/"+ids[0]+"/envelopes"))
				if sent := r.Last(t); sent.Host != "eu.docusign.net" {
					t.Errorf("after a restart of the proxy a call went to %s", sent.Host)
				}
				r.Do(nil, call("/restapi/v2/accounts/424242/envelopes"))
				if sent := r.Last(t); sent.Host != "demo.docusign.net" {
					t.Errorf("a call for an account nobody knows went to %s", sent.Host)
				}
			})
		}
	}
}

func TestObservedLoginAnswersElsewhere(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(w *fixture.Config) { w.Edit = func(in []map[string]any) { in[1]["mode"] = "observe" } })
	for _, c := range []struct{ name, came, want string }{
		{
			"a base URL that is not DocuSign's stays", strings.ReplaceAll(observedJSON, "eu.docusign.net", "eu.example.com"),
			"https://eu.example.com/restapi",
		},
		{
			"what is no log-in answer stays", `{"loginAccounts":"https://eu.docusign.net"}`,
			`{"loginAccounts":"https://eu.docusign.net"}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.Sandbox.FailNext(sandbox.FailureSpec{Path: "/restapi/v2/login_information", Status: 200, Body: c.came})
			got := r.Do(
				nil, apptest.Request(t, "GET", r.Sidecar()+"/restapi/v2/login_information", nil, "X-DocuSign-Authentication",
					apptest.AnnaJSON),
			)
			if got.Status != 200 || !strings.Contains(got.Body, c.want) {
				t.Errorf("status %d, %s", got.Status, got.Body)
			}
			r.Do(nil, apptest.Request(t, "GET", r.Sidecar()+"/restapi/v2/accounts/7654321", nil, "X-DocuSign-Authentication",
				apptest.AnnaJSON))
			if sent := r.Last(t); sent.Host != "demo.docusign.net" {
				t.Errorf("a call went to %s", sent.Host)
			}
		})
	}
	t.Run("a program on plain HTTP stays there", func(t *testing.T) {
		r.Sandbox.FailNext(sandbox.FailureSpec{Path: "/restapi/v2/login_information", Status: 200, Body: observedJSON})
		got := r.Do(
			r.ForwardClient(),
			apptest.Request(
				t, "GET", "http://demo.docusign.net/restapi/v2/login_information", nil, "X-DocuSign-Authentication",
				apptest.AnnaJSON,
			),
		)
		if !strings.Contains(got.Body, `"http://eu.docusign.net/restapi/v2/accounts/7654321"`) {
			t.Errorf("status %d, %s", got.Status, got.Body)
		}
	})
	t.Run("the host that the program dialled decides, not the account", func(t *testing.T) {
		got := r.Do(
			r.ForwardClient(),
			apptest.Request(
				t, "GET", "http://demo.docusign.net/restapi/v2/accounts/7654321", nil, "X-DocuSign-Authentication",
				apptest.AnnaJSON,
			),
		)
		if sent := r.Last(t); sent.Host != "demo.docusign.net" {
			t.Errorf("status %d, went to %s", got.Status, sent.Host)
		}
	})
}

func TestASiteOfAnotherEnvironmentIsNotLearnt(t *testing.T) {
	t.Parallel()
	r := newEnvironmentRig(t, "demo",
		func(doc apptest.Section) { doc["integrations"].([]any)[1].(apptest.Section)["mode"] = "observe" })
	r.Sandbox.FailNext(sandbox.FailureSpec{
		Path: "/restapi/v2/login_information", Status: 200,
		Body: strings.ReplaceAll(observedJSON, "eu.docusign.net", "www.docusign.net"),
	})
	r.Get(t, "/restapi/v2/login_information", "X-DocuSign-Authentication: "+apptest.AnnaJSON+"\r\n")
	r.Get(t, "/restapi/v2/accounts/7654321", "X-DocuSign-Authentication: "+apptest.AnnaJSON+"\r\n")
	if sent := r.Last(t); sent.Host != "demo.docusign.net" {
		t.Errorf("a call in demo went to %s", sent.Host)
	}
}

// A program that never logs in while the proxy watches is routed too: the rehearsal beside its first call asks
// UserInfo.
func TestObservedCallsAreRoutedByTheirRehearsal(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(w *fixture.Config) { w.Edit = func(in []map[string]any) { in[1]["mode"] = "observe" } })
	apptest.Eventually(t, "a call for the account at na3 goes there", func() bool {
		r.Get(t, apptest.ListPath, "X-DocuSign-Authentication: "+apptest.AnnaJSON+"\r\n")
		all := r.AtSites()
		return all[len(all)-1].Host == "na3.docusign.net"
	})
}
