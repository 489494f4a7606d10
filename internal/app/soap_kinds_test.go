package app_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
)

const (
	otherToken = `<wsse:UsernameToken><wsse:Username>nobody</wsse:Username><wsse:Password>not-read-1</wsse:Password>` +
		`</wsse:UsernameToken>`
	otherXML = `<DocuSignCredentials><Username>nobody@example.com</Username><Password>not-read-1</Password>` +
		`<IntegratorKey>x</IntegratorKey></DocuSignCredentials>`
)

// The service's own kind decides; the other kind leaves the call unread and is counted (PROTOCOL.md §4.3, §16 row 5).
func TestEachServiceReadsItsOwnKindOfCredential(t *testing.T) {
	t.Parallel()
	annaApp := strings.Replace(annaToken, "anna-legacy-1", "anna-app-1", 1)
	for _, mode := range []string{"bearer", "app_password"} {
		r := newRig(t, soapMode(mode))
		for _, c := range []struct {
			name, path, operation, token, header string
			app, appHeader                       string // upstream in App Password mode
		}{
			{
				"api.asmx with the same credential twice", "/api/3.0/api.asmx", listFeatures, annaToken, annaHeaderXML, annaApp, "",
			},
			{"api.asmx beside a header of somebody else", "/api/3.0/api.asmx", listFeatures, annaToken, otherXML, annaApp, ""},
			{"api.asmx beside a header that is none", "/api/3.0/api.asmx", listFeatures, annaToken, "?", annaApp, ""},
			{
				"dsapi.asmx with the same credential twice", "/api/3.0/dsapi.asmx", listFeatures, annaToken, annaHeaderXML, "",
				strings.Replace(annaHeaderXML, "anna-legacy-1", "anna-app-1", 1),
			},
			{
				"dsapi.asmx beside a token of somebody else", "/api/3.0/dsapi.asmx", listFeatures, otherToken, annaHeaderXML, "",
				strings.Replace(annaHeaderXML, "anna-legacy-1", "anna-app-1", 1),
			},
			{
				"accountmanagement.asmx with both", "/api/3.0/accountmanagement.asmx", summary, otherToken, annaHeaderXML, "",
				strings.Replace(annaHeaderXML, "anna-legacy-1", "anna-app-1", 1),
			},
		} {
			t.Run(mode+", "+c.name, func(t *testing.T) {
				r.Sandbox.ResetCounts()
				got := r.Do(
					nil,
					soapPost(
						t, r.Sidecar()+c.path, soapEnvelope(security(c.token), c.operation), "X-DocuSign-Authentication", c.header,
					),
				)
				if got.Status != 200 || strings.Contains(got.Body, "Fault") {
					t.Fatalf("status %d, %s\n%s", got.Status, got.Body, r.lastLines())
				}
				rec := r.lastSOAP()
				token, header := "", ""
				if mode == "app_password" {
					token, header = c.app, c.appHeader
				}
				want := strings.Replace(soapEnvelope("x", c.operation), "<s:Header>x", "<s:Header>", 1)
				if token != "" {
					want = soapEnvelope(security(token), c.operation)
				}
				if string(rec.Body) != want || rec.Header.Get("X-DocuSign-Authentication") != header {
					t.Errorf("upstream with header %q\n got %s\nwant %s", rec.Header.Get("X-DocuSign-Authentication"), rec.Body, want)
				}
			})
		}
		t.Run(mode+", credential.asmx beside both", func(t *testing.T) {
			r.Sandbox.ResetCounts()
			login := strings.Replace(
				credentialCall("Login", annaName, "anna-legacy-1", ""), "<s:Body>",
				"<s:Header>"+security(otherToken)+"</s:Header><s:Body>", 1,
			)
			got := r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/credential.asmx", login, "X-DocuSign-Authentication", otherXML))
			if got.Status != 200 || !strings.Contains(got.Body, "<Success>true</Success>") {
				t.Errorf("status %d, %s\n%s", got.Status, got.Body, r.lastLines())
			}
			for _, rec := range r.soapRequests() {
				if strings.Contains(string(rec.Body), "UsernameToken") || rec.Header["X-Docusign-Authentication"] != nil {
					t.Errorf("upstream %v %s", rec.Header, rec.Body)
				}
			}
		})
		if c := r.Sandbox.Counts(); c.Legacy.Total() != 0 {
			t.Errorf("%+v reached DocuSign", c.Legacy)
		}
		if !strings.Contains(
			r.metrics(t), `docusign_auth_proxy_credential_conflicts_total{integration="nightly-billing"} 7`,
		) {
			t.Error("the seven conflicts are not counted")
		}
		r.Halt()
		if n := strings.Count(r.Log.String(), "several credentials in one call"); n != 1 {
			t.Errorf("%d lines warn of them, want one for the integration", n)
		}
		if strings.Contains(r.Log.String(), "not-read-1") {
			t.Error("the log has what was not to be read")
		}
	}
}

func TestAServiceDoesNotFallBackToTheOtherKind(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"bearer", "app_password"} {
		r := newRig(t, soapMode(mode))
		for _, c := range []struct{ name, path, operation, token, header, says string }{
			{
				"api.asmx with a header alone", "/api/3.0/api.asmx", listFeatures, "", annaHeaderXML,
				"An Integrator key was not specified",
			},
			{
				"accountmanagement.asmx with a token alone", "/api/3.0/accountmanagement.asmx", summary, annaToken, "",
				"An Integrator key was not specified",
			},
			{
				"credential.asmx with a header alone", "/api/3.0/credential.asmx", `<Login xmlns="` + namespaceCredential + `"/>`,
				"", annaHeaderXML, "<Success>false</Success>",
			},
			{
				"credential.asmx with a password and no name", "/api/3.0/credential.asmx",
				`<Login xmlns="` + namespaceCredential + `"><Password>anna-legacy-1</Password></Login>`, annaToken, annaHeaderXML,
				"<Success>false</Success>",
			},
			{
				"api.asmx with a wrong token", "/api/3.0/api.asmx", listFeatures,
				strings.Replace(annaToken, "anna-legacy-1", "x", 1), annaHeaderXML,
				"One or both of Username and Password are invalid",
			},
			{
				"dsapi.asmx with a wrong header", "/api/3.0/dsapi.asmx", listFeatures, annaToken,
				strings.Replace(annaHeaderXML, "anna-legacy-1", "x", 1), "One or both of Username and Password are invalid",
			},
		} {
			t.Run(mode+", "+c.name, func(t *testing.T) {
				header := ""
				if c.token != "" {
					header = security(c.token)
				}
				req := soapPost(t, r.Sidecar()+c.path, soapEnvelope(header, c.operation))
				if c.header != "" {
					req.Header.Set("X-DocuSign-Authentication", c.header)
				}
				if got := r.Do(nil, req); !strings.Contains(got.Body, c.says) {
					t.Errorf("status %d, want %q in %s", got.Status, c.says, got.Body)
				}
			})
		}
		if n := len(r.soapRequests()); n != 0 {
			t.Errorf("%d calls went upstream", n)
		}
	}
}

// Programs made from dsapi's WSDL send a UsernameToken and no header (SOAP-REST.md §11.12). One that worked was read
// there, so an App Password takes the password's place in it.
func TestATokenAloneIsTakenAtDSAPI(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]string{
		"bearer":       strings.Replace(soapEnvelope("x", listFeatures), "<s:Header>x", "<s:Header>", 1),
		"app_password": soapEnvelope(security(strings.Replace(annaToken, "anna-legacy-1", "anna-app-1", 1)), listFeatures),
	} {
		t.Run(mode, func(t *testing.T) {
			r := newRig(t, soapMode(mode))
			got := r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/dsapi.asmx", soapEnvelope(security(annaToken), listFeatures)))
			if got.Status != 200 || strings.Contains(got.Body, "Fault") {
				t.Fatalf("status %d, %s\n%s", got.Status, got.Body, r.lastLines())
			}
			rec := r.lastSOAP()
			if string(rec.Body) != want || rec.Header["X-Docusign-Authentication"] != nil {
				t.Errorf("upstream with %v\n got %s\nwant %s", rec.Header, rec.Body, want)
			}
			if m := r.metrics(t); !strings.Contains(
				m, `docusign_auth_proxy_credential_conflicts_total{integration="nightly-billing"} 0`,
			) {
				t.Error("one credential alone counts as a conflict")
			}
			wrong := strings.Replace(annaToken, "anna-legacy-1", "x", 1)
			got = r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/dsapi.asmx", soapEnvelope(security(wrong), listFeatures)))
			if !strings.Contains(got.Body, "One or both of Username and Password are invalid") {
				t.Errorf("with a wrong password: status %d, %s", got.Status, got.Body)
			}
			r.NoLeak()
		})
	}
}

// Ping needs no log-in: the proxy lives, and that is what is asked (PROTOCOL.md §16 row 5).
func TestPingWithoutACredentialIsAnsweredHere(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for path, namespace := range map[string]string{
		"/api/3.0/api.asmx": namespaceAPI, "/api/3.0/dsapi.asmx": namespaceAPI,
		"/api/3.0/credential.asmx":        namespaceCredential,
		"/api/3.0/accountmanagement.asmx": "http://www.docusign.net/API/AccountManagement",
	} {
		for _, version := range []string{envelope11, envelope12} {
			got := r.Do(nil, soapPost(t, r.Sidecar()+path, soapEnvelopeOf(version, "", `<Ping xmlns="`+namespace+`"/>`)))
			if want := `<PingResponse xmlns="` + namespace +
				`"><PingResult>true</PingResult></PingResponse>`; got.Status != 200 || !strings.Contains(got.Body, want) ||
				!strings.Contains(got.Body, version) {
				t.Errorf("%s: status %d, %s", path, got.Status, got.Body)
			}
		}
	}
	if n := len(r.Sandbox.Requests()); n != 0 {
		t.Errorf("%d calls went upstream", n)
	}
}

// Only WS-Security has legacy credentials in a header block; what a block of another namespace calls a password is its
// own affair (PROTOCOL.md §4.4).
func TestHeaderBlocksOfOtherNamespacesAreLeftAlone(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"bearer", "app_password"} {
		r := newRig(t, soapMode(mode))
		block := `<a:Gateway xmlns:a="urn:example:gateway"><a:Username>u</a:Username><a:Password>of the ` +
			`gateway</a:Password><a:UsernameToken/></a:Gateway>`
		got := r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/api.asmx", soapEnvelope(block+security(annaToken), listFeatures)))
		if rec := r.lastSOAP(); got.Status != 200 || !strings.Contains(string(rec.Body), block) {
			t.Errorf("status %d, %s, upstream %s", got.Status, got.Body, rec.Body)
		}
		r.NoLeak()
	}
}

// Only one integration lists anna; bob is listed by both.
func plainNames(c *fixture.Config) {
	c.Edit = func(integrations []map[string]any) {
		var others []map[string]any
		for _, u := range integrations[0]["users"].([]map[string]any) {
			if u["username"] != "anna@example.com" {
				others = append(others, u)
			}
		}
		integrations[0]["users"] = others
	}
}

// PROTOCOL.md §4.7: the e-mail may come without the integrator key.
func TestLoginWithAPlainEmail(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"bearer", "app_password"} {
		r := newRig(t, func(c *fixture.Config) {
			soapMode(mode)(c)
			all, plain := c.Edit, fixture.Config{}
			plainNames(&plain)
			c.Edit = func(in []map[string]any) { all(in); plain.Edit(in) }
		})
		url := r.Sidecar() + "/api/3.0/credential.asmx"
		t.Run(mode+", one user has that name", func(t *testing.T) {
			for _, headers := range [][]string{nil, {
				"X-DocuSign-Authentication",
				"<DocuSignCredentials><IntegratorKey>" + sandbox.GUIDKey + "</IntegratorKey></DocuSignCredentials>",
			}} {
				got := r.Do(
					nil,
					soapPost(
						t, url, credentialCall("Login", "Anna@Example.com", "anna-legacy-1", "<ReturnBaseUrl>true</ReturnBaseUrl>"),
						headers...,
					),
				)
				if mode == "app_password" { // it goes on as it came, and the stand-in wants a key
					if rec := r.soapRequests(); len(rec) == 0 ||
						!strings.Contains(
							string(rec[len(rec)-1].Body), "<Email>Anna@Example.com</Email><Password>anna-app-1</Password>",
						) {
						t.Errorf("status %d, %s", got.Status, got.Body)
					}
					continue
				}
				if got.Status != 200 || !strings.Contains(got.Body, "<Success>true</Success>") {
					t.Errorf("status %d, %s\n%s", got.Status, got.Body, r.lastLines())
				}
			}
		})
		t.Run(mode+", nobody can tell who has", func(t *testing.T) {
			answers := map[string]bool{}
			for _, login := range [][2]string{
				{"anna@example.com", "wrong"}, {"bob@example.com", "bob-legacy-2"}, {"nobody@example.com", "x"},
			} {
				got := r.Do(nil, soapPost(t, url, credentialCall("Login", login[0], login[1], "")))
				answers[got.Body+got.Header.Get("X-DocuSign-Auth-Proxy-Cause")] = true
				if got.Status != 200 || !strings.Contains(
					got.Body, "<Success>false</Success><ErrorCode>User_Authentication_Failed</ErrorCode>",
				) {
					t.Errorf("%s: status %d, %s", login[0], got.Status, got.Body)
				}
			}
			if len(answers) != 1 {
				t.Errorf("the answers differ: %v", answers)
			}
		})
		t.Run(mode+", guessing is throttled", func(t *testing.T) {
			var guesses sync.WaitGroup
			for i := range 60 {
				guesses.Go(func() {
					r.Do(nil, soapPost(t, url, credentialCall("Login", "nobody@example.com", fmt.Sprint("guess", i), "")))
				})
			}
			guesses.Wait()
			if !strings.Contains(r.Log.String(), "cause=throttled") {
				t.Error("it is not")
			}
		})
		r.NoLeak()
	}
}
