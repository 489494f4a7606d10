package app_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/sandbox"
)

const namespaceCredential = "http://www.docusign.net/API/Credential"

// credentialCall is an operation of credential.asmx; email and password are XML text.
func credentialCall(operation, email, password, more string) string {
	return soapEnvelope(
		"",
		`<`+operation+` xmlns="`+namespaceCredential+`"><Email>`+email+`</Email>`+
			`<Password>`+password+`</Password>`+more+`</`+operation+`>`,
	)
}

const annaName = "[" + sandbox.GUIDKey + "]anna@example.com"

var loginURLs = regexp.MustCompile(`<BaseUrl>([^<]*)</BaseUrl>`)

func TestCredentialPing(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"bearer", "app_password"} {
		r := newRig(t, soapMode(mode))
		got := r.Do(
			nil,
			soapPost(t, r.Sidecar()+"/api/3.0/Credential.asmx", soapEnvelope("", `<Ping xmlns="`+namespaceCredential+`"/>`)),
		)
		if got.Status != 200 || !strings.Contains(got.Body, "<PingResult>true</PingResult>") {
			t.Errorf("%s: status %d, %s", mode, got.Status, got.Body)
		}
	}
}

func TestCredentialLogin(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"bearer", "app_password"} {
		r := newRig(t, soapMode(mode))
		for _, c := range []struct {
			name, email, password, more string
			want                        []string // BaseUrls at the sidecar's origin, or the error code
		}{
			{
				"with ReturnBaseUrl", annaName, "anna-legacy-1", "<ReturnBaseUrl>true</ReturnBaseUrl>",
				[]string{"/api/3.0", "/api/3.0"},
			},
			{"from an old program without ReturnBaseUrl", annaName, "anna-legacy-1", "", nil},
			{
				"with ReturnBaseUrl as a number", annaName, "anna-legacy-1", "<ReturnBaseUrl>1</ReturnBaseUrl>",
				[]string{"/api/3.0", "/api/3.0"},
			},
			{"by GUID", "[" + sandbox.GUIDKey + "]" + strings.ToUpper(sandbox.AnnaID), "anna-legacy-1", "", nil},
			{
				"with markup in the password", "[" + sandbox.LegacyKey + "]legacy.user@example.com", "p@ss&lt;w&amp;rd&gt;&#233;1",
				"<ReturnBaseUrl>true</ReturnBaseUrl>", []string{"/api/3.0"},
			},
			{
				"with the password in CDATA", "[" + sandbox.LegacyKey + "]legacy.user@example.com", "<![CDATA[p@ss<w&rd>é1]]>", "",
				nil,
			},
		} {
			t.Run(mode+", "+c.name, func(t *testing.T) {
				r.Sandbox.ResetCounts()
				got := r.Do(
					nil, soapPost(t, r.Sidecar()+"/api/3.0/credential.asmx", credentialCall("Login", c.email, c.password, c.more)),
				)
				r.NoLeak()
				if got.Status != 200 || !strings.Contains(got.Body, "<Success>true</Success>") ||
					!strings.Contains(got.Body, "<ErrorCode>Success</ErrorCode>") {
					t.Fatalf("status %d, %s\n%s", got.Status, got.Body, r.lastLines())
				}
				urls := loginURLs.FindAllStringSubmatch(got.Body, -1)
				if len(urls) != len(c.want) {
					t.Fatalf("%d BaseUrls, want %d: %s", len(urls), len(c.want), got.Body)
				}
				for i, want := range c.want {
					if urls[i][1] != r.Sidecar()+want {
						t.Errorf("BaseUrl %s, want %s", urls[i][1], r.Sidecar()+want)
					}
				}
				if n, passedOn := len(r.soapRequests()), mode == "app_password"; passedOn != (n == 1) {
					t.Errorf("%d SOAP calls upstream", n)
				}
			})
		}
	}
}

func TestLoginThroughTheForwardProxyNamesTheRealSitesUnderTheSchemeInUse(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"bearer", "app_password"} {
		r := newRig(t, soapMode(mode))
		envelope := credentialCall("Login", annaName, "anna-legacy-1", "<ReturnBaseUrl>true</ReturnBaseUrl>")
		for _, origin := range []string{"http://demo.docusign.net", "https://demo.docusign.net"} {
			got := r.Do(r.ForwardClient(), soapPost(t, origin+"/api/3.0/credential.asmx", envelope))
			scheme, _, _ := strings.Cut(origin, ":")
			at := func(site string) bool { return strings.Contains(got.Body, "<BaseUrl>"+site+"/api/3.0</BaseUrl>") }
			if !at(scheme+"://na3.docusign.net") || !at(origin) {
				t.Errorf("%s, %s: status %d, %s", mode, origin, got.Status, got.Body)
			}
		}
		r.NoLeak()
	}
}

// A login that fails is HTTP 200 with Success=false: programs test for that and show the ErrorCode.
func TestLoginFailures(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"bearer", "app_password"} {
		r := newRig(t, soapMode(mode))
		for _, c := range []struct{ name, email, password, code string }{
			{"wrong password", annaName, "wrong", "User_Authentication_Failed"},
			{"empty password", annaName, "", "User_Authentication_Failed"},
			{"unknown user", "[" + sandbox.GUIDKey + "]nobody@example.com", "anna-legacy-1", "User_Authentication_Failed"},
			{
				"unknown key", "[c0ffee00-0000-4000-8000-000000000001]anna@example.com", "anna-legacy-1",
				"User_Authentication_Failed",
			},
			{"no key at all", "anna@example.com", "anna-legacy-1", "User_Authentication_Failed"},
			{"no user name", "", "anna-legacy-1", "User_Authentication_Failed"},
			{
				"a bracket that is not closed", "[" + sandbox.GUIDKey + "anna@example.com", "anna-legacy-1",
				"User_Authentication_Failed",
			},
			{
				"acting for somebody it may not", "[" + sandbox.GUIDKey + "][bob@example.com]anna@example.com", "anna-legacy-1",
				"User_Lacks_Permissions",
			},
		} {
			t.Run(mode+", "+c.name, func(t *testing.T) {
				got := r.Do(
					nil, soapPost(t, r.Sidecar()+"/api/3.0/credential.asmx", credentialCall("Login", c.email, c.password, "")),
				)
				if got.Status != 200 || !strings.Contains(
					got.Body, "<Success>false</Success><ErrorCode>"+c.code+"</ErrorCode><AuthenticationMessage>",
				) {
					t.Errorf("status %d, %s\n%s", got.Status, got.Body, r.lastLines())
				}
			})
		}
		if n := len(r.soapRequests()); n != 0 {
			t.Errorf("%d calls went upstream", n)
		}
		r.NoLeak()
	}
}

func TestLoginWhileDocuSignIsInTrouble(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	t.Run("a user who has not consented looks like a wrong password", func(t *testing.T) {
		r.Sandbox.Revoke(sandbox.GUIDKey, sandbox.BobID)
		got := r.Do(
			nil,
			soapPost(
				t, r.Sidecar()+"/api/3.0/credential.asmx",
				credentialCall("Login", "["+sandbox.GUIDKey+"]bob@example.com", "bob-legacy-2", ""),
			),
		)
		if got.Status != 200 || !strings.Contains(got.Body, "<ErrorCode>User_Authentication_Failed</ErrorCode>") {
			t.Errorf("status %d, %s", got.Status, got.Body)
		}
	})
	t.Run("an account server that fails is a fault of the server, not a wrong password", func(t *testing.T) {
		r.Sandbox.FailNext(sandbox.FailureSpec{Path: "/oauth/token", Status: http.StatusServiceUnavailable, Times: 100})
		got := r.Do(
			nil, soapPost(t, r.Sidecar()+"/api/3.0/credential.asmx", credentialCall("Login", annaName, "anna-legacy-1", "")),
		)
		if got.Status != 500 || !strings.Contains(got.Body, "<faultcode>soap:Server</faultcode>") {
			t.Errorf("status %d, %s", got.Status, got.Body)
		}
	})
}

func TestViewsOverREST(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	envelope := func(id string) string { return "<EnvelopeID>" + id + "</EnvelopeID>" }
	account := "<AccountID>" + sandbox.CaptureAccountID + "</AccountID>"
	back := "<ReturnURL>https://erp.example.com/back?a=1&amp;b=2</ReturnURL>"
	for _, c := range []struct {
		name, operation, more string
		path, host            string // of the REST call
		json                  string // its body
	}{
		{"the console", "GetAuthenticationToken", account, "/views/console", "demo.docusign.net", `{}`},
		{"the console without an account", "GetAuthenticationToken", "", "/views/console", "na3.docusign.net", `{}`},
		{
			"the console at an envelope", "GetAuthenticationToken",
			"<GoToEnvelopeID>" + sandbox.CaptureEnvelopeID + "</GoToEnvelopeID>" + account, "/views/console",
			"demo.docusign.net", `{"envelopeId":"` + sandbox.CaptureEnvelopeID + `"}`,
		},
		{
			"the console of an account named by its number", "GetAuthenticationToken", "<AccountID>1703061</AccountID>",
			"/views/console", "demo.docusign.net", `{}`,
		},
		{
			"the sender's view", "RequestSenderToken", account + envelope(sandbox.DraftEnvelopeID) + back,
			"/envelopes/" + sandbox.DraftEnvelopeID + "/views/sender", "demo.docusign.net",
			`{"returnUrl":"https://erp.example.com/back?a=1\u0026b=2"}`,
		},
		{
			"the sender's view without an envelope", "RequestSenderToken", account + back, "/views/console", "demo.docusign.net",
			`{"returnUrl":"https://erp.example.com/back?a=1\u0026b=2"}`,
		},
		{
			"the correct view", "RequestCorrectToken",
			envelope(sandbox.CaptureEnvelopeID) + "<SuppressNavigation>true</SuppressNavigation>" + back,
			"/envelopes/" + sandbox.CaptureEnvelopeID + "/views/correct", "demo.docusign.net",
			`{"returnUrl":"https://erp.example.com/back?a=1\u0026b=2","suppressNavigation":"true"}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := r.Do(
				nil,
				soapPost(t, r.Sidecar()+"/api/3.0/credential.asmx", credentialCall(c.operation, annaName, "anna-legacy-1", c.more)),
			)
			if got.Status != 200 || !strings.Contains(got.Body, "<"+c.operation+"Result>https://") {
				t.Fatalf("status %d, %s\n%s", got.Status, got.Body, r.lastLines())
			}
			all := r.Sandbox.Requests()
			rec := all[len(all)-1]
			if !strings.HasSuffix(rec.Path, c.path) || rec.Host != c.host || string(rec.Body) != c.json {
				t.Errorf("REST call to %s%s with %s, want %s at %s with %s", rec.Host, rec.Path, rec.Body, c.path, c.host, c.json)
			}
			if cache := got.Header.Get("Cache-Control"); !strings.Contains(cache, "no-store") {
				t.Errorf("a one-time login may be cached: %q", cache)
			}
			r.NoLeak()
		})
	}
}

func TestViewsThatFail(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, c := range []struct{ name, more, want string }{
		{
			"an envelope that does not exist", "<EnvelopeID>c0ffee00-0000-4000-8000-000000000001</EnvelopeID>",
			"<ErrorCode>Envelope_Does_Not_Exist</ErrorCode>",
		},
		{
			"an envelope id with a path in it", "<EnvelopeID>../../users</EnvelopeID>",
			"<ErrorCode>Invalid_Request_Body</ErrorCode>",
		},
		{"an envelope id that is a step up", "<EnvelopeID>..</EnvelopeID>", "<ErrorCode>Invalid_Request_Body</ErrorCode>"},
		{"no envelope id", "", "<ErrorCode>Invalid_Request_Body</ErrorCode>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := r.Do(
				nil,
				soapPost(
					t, r.Sidecar()+"/api/3.0/credential.asmx",
					credentialCall("RequestCorrectToken", annaName, "anna-legacy-1", c.more),
				),
			)
			if got.Status != 500 || !strings.Contains(got.Body, c.want) {
				t.Errorf("status %d, %s\n%s", got.Status, got.Body, r.lastLines())
			}
		})
	}
	for _, rec := range r.Sandbox.Requests() {
		if strings.Contains(rec.Path, "/../") || strings.Contains(rec.Path, "/users") {
			t.Errorf("an envelope id reached another path: %s", rec.Path)
		}
	}
}

func TestViewWhoseTokenWasRevoked(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	ask := func() apptest.Answer {
		return r.Do(
			nil,
			soapPost(
				t, r.Sidecar()+"/api/3.0/credential.asmx", credentialCall("GetAuthenticationToken", annaName, "anna-legacy-1", ""),
			),
		)
	}
	ask()
	r.Sandbox.RevokeTokens(sandbox.AnnaID)
	if got := ask(); got.Status != 200 || !strings.Contains(got.Body, "Result>https://") {
		t.Errorf("status %d, %s\n%s", got.Status, got.Body, r.lastLines())
	}
}

// The three operations exist on api.asmx and dsapi.asmx as well; there they go upstream like any other.
func TestViewsOfTheEnvelopeServices(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	body := `<RequestSenderToken xmlns="` + namespaceAPI + `"><EnvelopeID>` + sandbox.DraftEnvelopeID +
		`</EnvelopeID><AccountID>` + sandbox.CaptureAccountID +
		`</AccountID><ReturnURL>https://erp.example.com</ReturnURL></RequestSenderToken>`
	for _, path := range []string{"/api/3.0/api.asmx", "/api/3.0/dsapi.asmx"} {
		req := soapPost(t, r.Sidecar()+path, soapEnvelope(security(annaToken), body))
		if strings.HasSuffix(path, "dsapi.asmx") { // reads the header (PROTOCOL.md §4.3)
			req = soapPost(t, r.Sidecar()+path, soapEnvelope("", body), "X-DocuSign-Authentication", annaHeaderXML)
		}
		got := r.Do(nil, req)
		if got.Status != 200 || !strings.Contains(got.Body, "<RequestSenderTokenResult>https://demo.docusign.net/") {
			t.Errorf("%s: status %d, %s", path, got.Status, got.Body)
		}
	}
}

// The encrypted password works as a password from then on, in SOAP and REST, and is not the real one.
func TestEncryptedPassword(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"bearer", "app_password"} {
		t.Run(mode, func(t *testing.T) {
			r := newRig(t, soapMode(mode))
			ask := soapEnvelope("", `<GetEncryptedPassword xmlns="http://www.docusign.net/API/AccountManagement"/>`)
			got := r.Do(
				nil, soapPost(t, r.Sidecar()+"/api/3.0/accountmanagement.asmx", ask, "X-DocuSign-Authentication", annaHeaderXML),
			)
			m := regexp.MustCompile(`<GetEncryptedPasswordResult><EncryptedPassword>([^<]+)</EncryptedPassword>` +
				`<Success>true</Success></GetEncryptedPasswordResult>`).FindStringSubmatch(got.Body)
			if got.Status != 200 || m == nil {
				t.Fatalf("status %d, %s", got.Status, got.Body)
			}
			if len(m[1]) != 28 || strings.Contains(m[1], "anna") {
				t.Errorf("encrypted password %q", m[1])
			}
			again := r.Do(
				nil,
				soapPost(
					t, r.Sidecar()+"/api/3.0/api.asmx",
					soapEnvelope(security(strings.Replace(annaToken, "anna-legacy-1", m[1], 1)), listFeatures),
				),
			)
			if again.Status != 200 || !strings.Contains(again.Body, "anna@example.com") {
				t.Errorf("as a password of SOAP: status %d, %s\n%s", again.Status, again.Body, r.lastLines())
			}
			rest := r.Do(
				nil,
				apptest.Request(
					t, "GET", r.Sidecar()+"/restapi/v2/login_information?api_password=true", nil, "X-DocuSign-Authentication",
					strings.Replace(apptest.AnnaJSON, "anna-legacy-1", m[1], 1),
				),
			)
			if rest.Status != 200 || !strings.Contains(rest.Body, `"apiPassword"`) ||
				strings.Contains(rest.Body, "anna-legacy-1") || strings.Contains(rest.Body, "anna-app-1") {
				t.Errorf("as a password of REST: status %d, %s", rest.Status, rest.Body)
			}
			other := strings.Replace(
				strings.Replace(annaToken, "anna-legacy-1", m[1], 1), "anna@example.com", "bob@example.com", 1,
			)
			if stolen := r.Do(
				nil, soapPost(t, r.Sidecar()+"/api/3.0/api.asmx", soapEnvelope(security(other), listFeatures)),
			); stolen.Status != 500 {
				t.Errorf("it works for another user: status %d, %s", stolen.Status, stolen.Body)
			}
			for _, rec := range r.Sandbox.Requests() {
				if strings.Contains(string(rec.Body)+strings.Join(rec.Header.Values("X-DocuSign-Authentication"), ""), m[1]) {
					t.Errorf("the proxy's own password went upstream to %s", rec.Path)
				}
			}
			r.NoLeak()
		})
	}
}

func TestEncryptedPasswordSurvivesARestart(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	got := r.Do(
		nil,
		apptest.Request(
			t, "GET", r.Sidecar()+"/restapi/v2/login_information?api_password=true", nil, "X-DocuSign-Authentication",
			apptest.AnnaJSON,
		),
	)
	m := regexp.MustCompile(`"apiPassword": "([^"]{28})"`).FindStringSubmatch(got.Body)
	if m == nil {
		t.Fatalf("status %d, %s", got.Status, got.Body)
	}
	r.Halt()
	r.Start()
	again := r.Do(
		nil,
		soapPost(
			t, r.Sidecar()+"/api/3.0/credential.asmx",
			credentialCall("Login", annaName, strings.ReplaceAll(m[1], "&", "&amp;"), ""),
		),
	)
	if again.Status != 200 || !strings.Contains(again.Body, "<Success>true</Success>") {
		t.Errorf("status %d, %s", again.Status, again.Body)
	}
}

func TestWSDLNamesTheDoorThatAsked(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	address := regexp.MustCompile(`address location="([^"]*)"`)
	for _, c := range []struct {
		name, origin string
		client       *http.Client
	}{
		{"sidecar", r.Sidecar(), nil},
		{"forward, plain", "http://demo.docusign.net", r.ForwardClient()},
		{"forward, CONNECT", "https://demo.docusign.net", r.ForwardClient()},
		{"forward, CONNECT to another site", "https://na3.docusign.net", r.ForwardClient()},
	} {
		for _, path := range []string{"api.asmx", "dsapi.asmx", "credential.asmx", "AccountManagement.asmx"} {
			t.Run(c.name+" "+path, func(t *testing.T) {
				r.Sandbox.ResetCounts()
				got := r.Do(
					c.client,
					apptest.Request(
						t, "GET", c.origin+"/api/3.0/"+path+"?WSDL", nil, "Accept-Encoding", "gzip", "X-DocuSign-Authentication",
						apptest.AnnaJSON,
					),
				)
				found := address.FindAllStringSubmatch(got.Body, -1)
				if got.Status != 200 || len(found) < 2 {
					t.Fatalf("status %d, %d addresses", got.Status, len(found))
				}
				for _, a := range found {
					if want := c.origin + "/api/3.0/"; !strings.HasPrefix(a[1], want) {
						t.Errorf("address %s, want %s", a[1], want)
					}
				}
				if got.Header.Get("Content-Length") == "" {
					t.Error("no Content-Length")
				}
				rec := r.Sandbox.Requests()[0]
				if rec.Header.Get("X-DocuSign-Authentication") != "" || rec.Header.Get("Authorization") != "" {
					t.Error("a WSDL was asked for with a credential")
				}
			})
		}
	}
	r.NoLeak()
}

func TestWSDLThroughTheHostsListener(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	conn := r.dialHosts(t, "demo.docusign.net")
	resp, body := rawExchange(t, conn, "GET", []byte("GET /api/3.0/dsapi.asmx?wsdl HTTP/1.1\r\n"+
		"Host: demo.docusign.net\r\n\r\n"))
	if resp.StatusCode != 200 || !strings.Contains(body, `location="https://demo.docusign.net/api/3.0/dsapi.asmx"`) {
		t.Errorf("status %d", resp.StatusCode)
	}
}
