package app_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/internal/shown"
)

// doorway is one way to send the same call.
type doorway struct {
	name, prefix, host string
	open               func(*testing.T) *apptest.Wire
}

func (r *rig) doorways() []doorway {
	sidecar := r.Addr(call.DoorSidecar)
	return []doorway{
		{"sidecar", "", sidecar, func(t *testing.T) *apptest.Wire { return r.DialSettled(t, call.DoorSidecar) }},
		{"forward", "http://demo.docusign.net", "demo.docusign.net", func(t *testing.T) *apptest.Wire {
			return r.DialSettled(t, call.DoorSidecar)
		}},
		{"tunnel", "", "demo.docusign.net",
			func(t *testing.T) *apptest.Wire { r.Settled(); return r.Tunnel(t, apptest.ConnectDemo) }},
		{"hosts", "", "demo.docusign.net", func(t *testing.T) *apptest.Wire {
			r.Settled()
			return r.DialTLS(t, call.DoorHosts, "demo.docusign.net")
		}},
	}
}

// call sends one request through the door; lines are header lines.
func (d doorway) call(t *testing.T, method, target, lines, body string) apptest.Heard {
	t.Helper()
	w := d.open(t)
	if body != "" {
		lines += fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	w.Send(
		method + " " + d.prefix + target + " HTTP/1.1\r\nHost: " + d.host + "\r\nConnection: close\r\n" + lines + "\r\n" +
			body,
	)
	return w.Read(method)
}

const (
	annaLine  = "X-DocuSign-Authentication: " + apptest.AnnaJSON + "\r\n"
	xmlLine   = "Content-Type: text/xml; charset=utf-8\r\n"
	formLine  = "Content-Type: application/x-www-form-urlencoded\r\n"
	knownPath = "/restapi/v2/accounts/1234567/envelopes"
)

// PROTOCOL.md §2.6, §4.1, §16 rows 0, 1 and 9.
func TestWhatMayCarryALegacyPasswordIsRefusedHere(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	envelope := soapEnvelope(security(annaToken), listFeatures)
	form := "Email=" + url.QueryEscape(annaName) + "&Password=anna-legacy-1"
	token := apptest.TokenForm("anna@example.com", "anna-legacy-1", sandbox.GUIDKey)
	const unknown, binding, clear = "docusign-auth-proxy knows no such SOAP service; it knows /api/3.0/api.asmx",
		"calls by query or form, service.asmx/Operation, are not passed on", "passes no password on in a query"
	for _, c := range []struct {
		name, method, target, lines, body string
		status                            int
		says                              string
	}{
		{"an unknown SOAP service", "POST", "/api/3.0/EnvelopeManagement.asmx", xmlLine, envelope, 500, unknown},
		{
			"an unknown SOAP service beside a header", "POST", "/api/3.0/EnvelopeManagement.asmx", xmlLine + annaLine, envelope,
			500, unknown,
		},
		{"a service below another prefix", "POST", "/x/api/3.0/api.asmx", xmlLine, envelope, 500, unknown},
		{"a service with parameters", "POST", "/api/3.0/api.ASMX;a=b", xmlLine, envelope, 500, unknown},
		{"a service with a dot behind it", "POST", "/api/3.0/api.asmx.", xmlLine, envelope, 500, unknown},
		{"the WSDL of an unknown service", "GET", "/api/3.0/EnvelopeManagement.asmx?WSDL", "", "", 500, unknown},
		{"form binding by POST", "POST", "/api/3.0/credential.asmx/Login", formLine, form, 500, binding},
		{"form binding by GET", "GET", "/api/3.0/credential.asmx/Login?" + form, "", "", 500, binding},
		{
			"form binding in capitals behind two slashes", "GET", "//API/3.0//CREDENTIAL.ASMX/Login?" + form, "", "", 500,
			binding,
		},
		{"form binding beside a header", "POST", "/api/3.0/credential.asmx/Login", annaLine + formLine, form, 500, binding},
		{"a help page", "GET", "/api/3.0/credential.asmx", annaLine, "", 404, ""},
		{"the help page of an operation", "GET", "/api/3.0/credential.asmx?op=Login", annaLine, "", 404, ""},
		{"discovery", "GET", "/api/3.0/credential.asmx?disco", annaLine, "", 404, ""},
		{"a service that is put to", "PUT", "/api/3.0/api.asmx", xmlLine, envelope, 404, ""},
		{"a service that is asked with a body", "GET", "/api/3.0/api.asmx", xmlLine, envelope, 404, ""},
		{
			"an open path that is posted to", "POST", "/restapi/v2", formLine, token, 401, "An Integrator key was not specified",
		},
		{
			"an open path that is put to", "PUT", "/restapi/service_information", formLine, token, 401,
			"An Integrator key was not specified",
		},
		{"below an open path", "GET", "/restapi/service_information/x", "", "", 401, "An Integrator key was not specified"},
		{"a version nobody has", "GET", "/restapi/v1", "", "", 401, "An Integrator key was not specified"},
		{"OPTIONS that is no preflight", "OPTIONS", knownPath, "", "", 401, "An Integrator key was not specified"},
		{"a path that nobody knows", "POST", "/Signing/x", formLine, token, 404, ""},
		{"a path that nobody knows, with a header", "POST", "/Signing/x", annaLine + formLine, token, 404, ""},
		{
			"a preflight of such a path", "OPTIONS", "/x?password=anna-legacy-1",
			"Origin: http://x\r\nAccess-Control-Request-Method: GET\r\n", "", 404, "",
		},
		{"a SOAP message at the root", "POST", "/", xmlLine + "SOAPAction: \"\"\r\n", envelope, 404, ""},
		{
			"a SOAP message at a REST path", "POST", knownPath, annaLine + xmlLine + "SOAPAction: \"\"\r\n", envelope, 400,
			clear,
		},
		{"a SOAP message at a REST path without its action", "POST", knownPath, annaLine + xmlLine, envelope, 400, clear},
		{"a SOAP message at a REST path without any type", "POST", knownPath, annaLine, envelope, 400, clear},
		{
			"a SOAP 1.2 message at a REST path", "POST", knownPath, annaLine + "Content-Type: application/soap+xml\r\n",
			envelope, 400, clear,
		},
		{"a password in the query", "GET", knownPath + "?Username=a&Password=anna-legacy-1", annaLine, "", 400, clear},
		{"a password in the query in disguise", "GET", knownPath + "?a=b;p%61ssword=anna-legacy-1", annaLine, "", 400, clear},
		{
			"a password in the path", "GET", "/restapi/v2/accounts/1234567;a=b;password=in-the-path/envelopes", annaLine, "",
			400, clear,
		},
		{
			"a change of the password without a version", "PUT", "/restapi/login_information/password", annaLine,
			`{"currentPassword":"anna-legacy-1"}`, 401, "USER_LACKS_PERMISSIONS",
		},
		{
			"a SOAP message at a REST path that says it is JSON", "POST", knownPath,
			annaLine + "Content-Type: application/json\r\nSOAPAction: \"\"\r\n", envelope, 400, clear,
		},
		{
			"a SOAP message at a REST path as MTOM", "POST", knownPath,
			annaLine + "Content-Type: multipart/related; boundary=b\r\n", "--b\r\n\r\n" + envelope + "\r\n--b--\r\n", 400, clear,
		},
		{
			"a legacy header in the query", "GET", knownPath + "?X-DocuSign-Authentication=" + url.QueryEscape(apptest.AnnaJSON),
			annaLine, "", 400, clear,
		},
		{"a password in the query of an open path", "GET", "/restapi?password=anna-legacy-1", "", "", 400, clear},
		{"a form with a password at a REST path", "POST", knownPath, annaLine + formLine, token, 400, clear},
		{
			"a form too large to look through", "POST", knownPath, annaLine + formLine,
			"a=" + strings.Repeat("x", 17<<10) + "&" + token, 400, clear,
		},
		{"an encoded slash", "GET", "/restapi%2fv2/login_information", annaLine, "", 400, "encoded slash"},
		{
			"an encoded slash in an account", "GET", "/restapi/v2/accounts/12%2F34/envelopes", annaLine, "", 400,
			"encoded slash",
		},
		{"an encoded backslash", "POST", "/restapi/v2/x%5c..%5coauth2/token", formLine, token, 400, "encoded slash"},
		{"a backslash", "POST", `/restapi\v2\oauth2\token`, formLine, token, 400, "encoded slash"},
		{"a NUL", "POST", "/api/3.0/x%00.asmx", xmlLine, envelope, 500, "encoded slash"},
		{"a dot segment with parameters", "POST", "/restapi/v2/..;/oauth2/token", formLine, token, 400, "encoded slash"},
	} {
		for _, door := range r.doorways() {
			t.Run(door.name+", "+c.name, func(t *testing.T) {
				r.Sandbox.ResetCounts()
				got := door.call(t, c.method, c.target, c.lines, c.body)
				if got.Status != c.status || !strings.Contains(got.Body, c.says) || strings.Contains(got.Body, "anna-legacy-1") {
					t.Errorf("status %d, want %d and %q: %s\n%s", got.Status, c.status, c.says, got.Body, r.lastLines())
				}
				for _, rec := range r.Sandbox.Requests() {
					if rec.Path != "/oauth/token" && rec.Path != "/oauth/userinfo" {
						t.Errorf("%s %s%s reached DocuSign", rec.Method, rec.Host, rec.Path)
					}
				}
			})
		}
	}
	r.Halt()
	if strings.Contains(r.Log.String(), "anna-legacy-1") {
		t.Error("a password is in the log")
	}
}

// curl -d and --data-binary call every body a form, and old programs leave SOAPAction in the head of every call.
func TestWhatOnlyLooksLikeAPasswordPasses(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	const document = "/restapi/v2/accounts/1234567/envelopes/e/documents/1"
	pdf := "%PDF-1.4\n%\xe2\xe3\xcf\xd3\n" + strings.Repeat("1 0 obj <</a=b>>\n", 2<<10)
	users := `{"newUsers":[{"email":"new@example.com","password":"new=1&password=2"}]}`
	for _, c := range []struct{ name, method, target, lines, body string }{
		{"a document as a form", "PUT", document, formLine, pdf},
		{"a packed document as a form", "PUT", document, formLine, "PK\x03\x04\x14\x00\x06=" + strings.Repeat("x", 17<<10)},
		{"base64 as a form", "PUT", document, formLine, strings.Repeat("JVBERi0x", 3<<10)},
		{"a long text without a type", "PUT", document, "", strings.Repeat("password=abc&", 2<<10)},
		{"JSON with SOAPAction", "POST", "/restapi/v2.1/accounts/1234567/users", "Content-Type: application/json\r\nSOAPAction: \"\"\r\n", users},
		{"no body with SOAPAction", "GET", knownPath, "SOAPAction: \"\"\r\n", ""},
		{"new users", "POST", "/restapi/v2.1/accounts/1234567/users", formLine, users},
		{"words in the query", "GET", "/restapi/v2/login_information?search_text=password%3Dabc&password_rules=1&password=", "", ""},
		{"parameters in the path", "GET", "/restapi/v2/accounts/1234567/folders/a;passwordless=1;b", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.Sandbox.ResetCounts()
			got := r.doorways()[0].call(t, c.method, c.target, annaLine+c.lines, c.body)
			if sent := r.Last(t); got.Status == 400 || sent.Method != c.method || sent.BodyLength != int64(len(c.body)) {
				t.Errorf("status %d; %s with %d bytes went upstream: %s", got.Status, sent.Method, sent.BodyLength, got.Body)
			}
		})
	}
	r.NoLeak()
}

// More than ten public programs send doubled slashes (PROTOCOL.md §1.6).
func TestDoubledSlashesAndDotSegments(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, door := range r.doorways() {
		for _, c := range []struct{ name, target, lines, upstream string }{
			{"log-in", "//restapi/v2/login_information?a=//b", annaLine, "/restapi/v2/login_information?a=//b"},
			{
				"an account's resource", "//restapi//v2///accounts//1234567/./envelopes/?from_date=2026-01-01", annaLine,
				"/restapi/v2/accounts/1234567/envelopes/?from_date=2026-01-01",
			},
			{
				"dots in disguise", "/x/%2e%2e/restapi/v2/accounts/1234567/envelopes?x=%2F..", annaLine,
				"/restapi/v2/accounts/1234567/envelopes?x=%2F..",
			},
			{
				"other escapes stay", "//restapi/v2/accounts/1234567/folders/a%20b%2bc", annaLine,
				"/restapi/v2/accounts/1234567/folders/a%20b%2bc",
			},
			{"an open call", "//restapi/", "", "/restapi/"},
			{"a WSDL", "//api//3.0/api.asmx?wsdl", "", "/api/3.0/api.asmx?wsdl"},
		} {
			t.Run(door.name+", "+c.name, func(t *testing.T) {
				r.Sandbox.ResetCounts()
				logged := len(r.Log.String())
				got := door.call(t, "GET", c.target, c.lines, "")
				sent := r.Last(t)
				if path := sent.Path + "?" + sent.RawQuery; got.Status >= 500 || strings.TrimSuffix(path, "?") != c.upstream {
					t.Errorf("status %d; went upstream as %s, want %s", got.Status, path, c.upstream)
				}
				if sent.Header.Get("X-DocuSign-Authentication") != "" ||
					(c.lines == "") != (sent.Header.Get("Authorization") == "") {
					t.Errorf("went upstream with %v", sent.Header)
				}
				clean, _, _ := strings.Cut(c.upstream, "?")
				clean, _ = url.PathUnescape(clean)
				want := shown.Path(clean)
				apptest.Eventually(t, "the log has the path "+want,
					func() bool { return strings.Contains(r.Log.String()[logged:], want) })
			})
		}
		t.Run(door.name+", the token end point", func(t *testing.T) {
			for _, path := range []string{
				"//restapi/v2/oauth2/token", "/restapi/v2/./oauth2//token/", "/restapi/oauth2/token", "/restapi/v1/oauth2/token",
				"/restapi/v2.1/oauth2/token;a=b",
			} {
				r.Sandbox.ResetCounts()
				got := door.call(t, "POST", path, formLine, apptest.TokenForm("anna@example.com", "anna-legacy-1", sandbox.GUIDKey))
				if got.Status != 200 || !strings.Contains(got.Body, "access_token") || len(r.AtSites()) != 0 {
					t.Errorf("%s: status %d, %d calls upstream: %s", path, got.Status, len(r.AtSites()), got.Body)
				}
			}
		})
		t.Run(door.name+", SOAP", func(t *testing.T) {
			r.Sandbox.ResetCounts()
			got := door.call(
				t, "POST", "//api/3.0//api.asmx", xmlLine+"SOAPAction: \""+namespaceAPI+"/GetAccountMembershipFeaturesList\"\r\n",
				soapEnvelope(security(annaToken), listFeatures),
			)
			if sent := r.Last(t); got.Status != 200 || sent.Path != "/api/3.0/api.asmx" ||
				strings.Contains(string(sent.Body), "UsernameToken") {
				t.Errorf("status %d, went upstream to %s: %s", got.Status, sent.Path, sent.Body)
			}
		})
	}
	r.NoLeak()
}

func TestHTTP2IsReadLikeHTTP1(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c := r.protocolClient(r.Addr(call.DoorSidecar), func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) })
	for target, want := range map[string]int{
		"//restapi/v2/login_information": 200, "/restapi%2Fv2": 400,
		"/api/3.0/credential.asmx/Login?Password=anna-legacy-1": 500, "/x": 404,
	} {
		req := apptest.Request(t, "GET", r.Sidecar(), nil, "X-DocuSign-Authentication", apptest.AnnaJSON)
		req.URL.Opaque = target
		if strings.HasPrefix(target, "//") {
			req.URL.Opaque, req.URL.Path, req.URL.RawPath = "", target, target
		}
		if got := r.Do(c, req); got.Status != want {
			t.Errorf("%s: status %d, want %d: %s", target, got.Status, want, got.Body)
		}
	}
	r.NoLeak()
}

func TestOpenCallsCarryNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	const secrets = annaLine + "Authorization: Basic YW5uYTphbm5hLWxlZ2FjeS0x\r\nX-DocuSign-Act-As-User: " +
		"bob@example.com\r\nX_DocuSign_Authentication: " + apptest.AnnaJSON +
		"\r\nCookie: a=anna-legacy-1\r\nX-HTTP-Method-Override: DELETE\r\n"
	preflight := "Origin: http://x\r\nAccess-Control-Request-Method: GET\r\n"
	for _, c := range []struct{ name, method, target, lines, upstream string }{
		{"the root", "GET", "/restapi", "", "/restapi?"},
		{"a version", "GET", "/restapi/v2.1/", "", "/restapi/v2.1/?"},
		{"service information", "HEAD", "/restapi/service_information?a=b", "", "/restapi/service_information?a=b"},
		{"a WSDL", "GET", "/api/3.0/dsapi.asmx?WSDL", "", "/api/3.0/dsapi.asmx?WSDL"},
		{"the other address of a WSDL", "GET", "/api/3.0/schema/dsapi.wsdl", "", "/api/3.0/schema/dsapi.wsdl?"},
		{"a preflight, whose query stays here", "OPTIONS", knownPath + "?password=anna-legacy-1", preflight, knownPath + "?"},
	} {
		for _, door := range r.doorways() {
			t.Run(door.name+", "+c.name, func(t *testing.T) {
				r.Sandbox.ResetCounts()
				got := door.call(t, c.method, c.target, secrets+c.lines+xmlLine, soapEnvelope(security(annaToken), listFeatures))
				sent := r.Last(t)
				if path := sent.Path + "?" + sent.RawQuery; path != c.upstream || sent.Method != c.method || sent.BodyLength != 0 {
					t.Errorf(
						"status %d; %s %s with %d bytes went upstream, want %s", got.Status, sent.Method, path, sent.BodyLength,
						c.upstream,
					)
				}
				for _, name := range []string{
					"X-DocuSign-Authentication", "X_DocuSign_Authentication", "Authorization", "X-DocuSign-Act-As-User", "Cookie",
					"X-HTTP-Method-Override",
				} {
					if sent.Header[http.CanonicalHeaderKey(name)] != nil {
						t.Errorf("%s went upstream", name)
					}
				}
			})
		}
	}
	r.NoLeak()
}

// Whatever it holds, and wherever it stands (PROTOCOL.md §1.4 V15, V16).
func TestTheLegacyHeaderNeverGoesUpstream(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	native := r.oauthToken(t)
	own := r.LegacyLogin(t, "admin@example.com", "admin-legacy-3", sandbox.GUIDKey)
	inHeader := func(token string) string { return `X-DocuSign-Authentication: {"Bearer ":"` + token + "\"}\r\n" }
	for _, c := range []struct {
		name, lines string
		status      int
		user        string
	}{
		{"an OAuth token in it", inHeader(native), 200, sandbox.AnnaID},
		{
			"an OAuth token in it and another beside it", inHeader(native) + "Authorization: Bearer abc\r\n", 200,
			sandbox.AnnaID,
		},
		{"a token of the proxy's own in it", inHeader(own), 200, sandbox.AdminID},
		{"a token nobody knows in it", inHeader("bm90LWEtcmVhbC10b2tlbi0tLS0="), 401, ""},
		{
			"an OAuth token beside one in a name with underscores",
			"Authorization: Bearer " + native + "\r\nX_DocuSign_Authentication: " + apptest.AnnaJSON + "\r\n", 200,
			sandbox.AnnaID,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.Sandbox.ResetCounts()
			got := r.Get(t, apptest.ListPath, c.lines)
			if got.Status != c.status {
				t.Fatalf("status %d, want %d: %s", got.Status, c.status, got.Body)
			}
			if c.user == "" {
				if n := len(r.AtSites()); n != 0 {
					t.Errorf("%d calls reached DocuSign", n)
				}
				return
			}
			sent := r.Last(t)
			if sent.Header["X-Docusign-Authentication"] != nil || sent.Header["X_docusign_authentication"] != nil ||
				!strings.Contains(apptest.TokenUser(t, sent.Header.Get("Authorization")), c.user) {
				t.Errorf("went upstream with %v", sent.Header)
			}
		})
	}
	t.Run("in a trailer", func(t *testing.T) {
		r.Sandbox.ResetCounts()
		w := r.Dial(t, call.DoorSidecar)
		w.Send("POST " + apptest.CreatePath + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + native +
			"\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nTrailer: X-DocuSign-Authentication\r\n\r\n" +
			strings.TrimSuffix(apptest.Chunked([]byte(envelopeJSON), 50, "%x"), "\r\n") + annaLine + "\r\n")
		if got := w.Read("POST"); got.Status != 201 || r.Last(t).Header["Trailer"] != nil {
			t.Errorf("status %d: %s", got.Status, got.Body)
		}
	})
	t.Run("to a SOAP service", func(t *testing.T) {
		for _, path := range []string{"/api/3.0/api.asmx", "/api/3.0/dsapi.asmx"} {
			r.Sandbox.ResetCounts()
			got := r.Do(nil, soapPost(t, r.Sidecar()+path, soapEnvelope("", listFeatures), "Authorization", "Bearer "+native))
			if got.Status != 200 || r.Last(t).Header.Get("Authorization") != "Bearer "+native {
				t.Errorf("%s: status %d, %s", path, got.Status, got.Body)
			}
		}
		got := r.Do(
			nil,
			soapPost(
				t, r.Sidecar()+"/api/3.0/dsapi.asmx", soapEnvelope("", listFeatures), "X-DocuSign-Authentication",
				`{"Bearer ":"`+native+`"}`,
			),
		)
		if sent := r.Last(t); got.Status != 200 || sent.Header.Get("Authorization") != "Bearer "+native ||
			sent.Header["X-Docusign-Authentication"] != nil {
			t.Errorf("in the header: status %d, %v", got.Status, sent.Header)
		}
	})
	if c := r.Sandbox.Counts(); c.Legacy.Total() != 0 {
		t.Errorf("%+v reached DocuSign", c.Legacy)
	}
	r.NoLeak()
}

// OAuth cannot change a password, and the old one stands in the body.
func TestPasswordsInBodiesAreRefusedBesideEveryCredential(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	native := "Bearer " + r.oauthToken(t)
	r.Sandbox.ResetCounts()
	for _, headers := range [][]string{{"X-DocuSign-Authentication", apptest.AnnaJSON}, {"Authorization", native}} {
		got := r.Do(
			nil,
			apptest.Request(
				t, "PUT", r.Sidecar()+"//restapi/v2/login_information/password",
				strings.NewReader(`{"currentPassword":"anna-legacy-1"}`), headers...,
			),
		)
		if got.Status != 401 || !strings.Contains(got.Body, "USER_LACKS_PERMISSIONS") {
			t.Errorf("REST with %s: status %d, %s", headers[0], got.Status, got.Body)
		}
		for _, operation := range []string{"ChangePassword", "GetPlanDetails", "ResendAccountActivation"} {
			body := `<` + operation + ` xmlns="http://www.docusign.net/API/AccountManagement"><MemberPassword>` +
				`anna-legacy-1</MemberPassword></` + operation + `>`
			got := r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/accountmanagement.asmx", soapEnvelope("", body), headers...))
			if !strings.Contains(got.Body, "<Success>false</Success>") && !strings.Contains(got.Body, "<soap:Fault>") {
				t.Errorf("%s with %s: status %d, %s", operation, headers[0], got.Status, got.Body)
			}
		}
	}
	if n := len(r.AtSites()); n != 0 {
		t.Errorf("%d calls reached DocuSign", n)
	}
}

// A host of egress.tunnel is no DocuSign host: its paths pass as they came.
func TestPathsOfListedHostsAreLeftAlone(t *testing.T) {
	t.Parallel()
	heard := make(chan string, 1)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { heard <- r.RequestURI }))
	defer other.Close()
	r := newRigChanged(t, func(doc apptest.Section) { doc.At("egress")["tunnel"] = []string{other.Listener.Addr().String()} })
	w := r.Dial(t, call.DoorSidecar)
	const path = "/a//b%2Fc/./x.asmx/y?password=1"
	w.Send("GET " + other.URL + path + " HTTP/1.1\r\nHost: x\r\n\r\n")
	if got := w.Read("GET"); got.Status != 200 {
		t.Fatalf("status %d: %s", got.Status, got.Body)
	}
	if got := <-heard; got != path {
		t.Errorf("asked for %s", got)
	}
}

// The account server has no legacy credential; the grants of programs that have migrated pass.
func TestTheAccountServerGetsNoPassword(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	const origin = "https://account-d.docusign.com"
	c := r.ForwardClient()
	atAccountServer := func() (out []sandbox.Recorded) {
		for _, q := range r.Sandbox.Requests() {
			if q.Site == "account-d.docusign.com" {
				out = append(out, q)
			}
		}
		return out
	}
	for _, path := range []string{"/oauth/token", "//oauth/./token", "/oauth;a=b/token", "/token"} {
		r.Sandbox.ResetCounts()
		got := r.Do(c, apptest.Request(t, "POST", origin+path,
			strings.NewReader("password=anna-legacy-1&grant_type=Password")))
		if got.Status != 400 || len(atAccountServer()) != 0 {
			t.Errorf("%s: status %d, %s", path, got.Status, got.Body)
		}
	}
	for _, body := range []string{
		"grant_type=password&username=anna%40example.com&password=anna-legacy-1&client_id=" + sandbox.GUIDKey,
		"grant_type=refresh_token&PASSWORD=anna-legacy-1", `{"grant_type":"password","Password":"anna-legacy-1"}`,
	} {
		r.Sandbox.ResetCounts()
		got := r.Do(
			c,
			apptest.Request(
				t, "POST", origin+"/oauth/token", strings.NewReader(body), "Content-Type", "application/x-www-form-urlencoded",
			),
		)
		if got.Status != 400 || !strings.Contains(got.Body, `"error": "unsupported_grant_type"`) ||
			len(atAccountServer()) != 0 {
			t.Errorf("%s: status %d, %s", body[:20], got.Status, got.Body)
		}
	}
	r.Sandbox.ResetCounts()
	got := r.Do(c, apptest.Request(t, "POST", origin+"/oauth/token", strings.NewReader(
		"--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nanna-legacy-1\r\n--b--\r\n",
	),
		"Content-Type", "multipart/form-data; boundary=b"))
	if got.Status != 400 || len(atAccountServer()) != 0 {
		t.Errorf("a form in parts: status %d, %s", got.Status, got.Body)
	}
	for _, form := range []string{
		"grant_type=authorization_code&code=abc", "grant_type=refresh_token&refresh_token=abc",
		"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=eyJ.e.s",
	} {
		r.Sandbox.ResetCounts()
		r.Do(
			c,
			apptest.Request(
				t, "POST", origin+"/oauth/token", strings.NewReader(form), "Content-Type", "application/x-www-form-urlencoded",
				"Authorization", "Basic a2V5OnNlY3JldA==", "X-DocuSign-Authentication", apptest.AnnaJSON,
			),
		)
		sent := atAccountServer()
		if len(sent) != 1 || string(sent[0].Body) != form ||
			sent[0].Header.Get("Authorization") != "Basic a2V5OnNlY3JldA==" ||
			sent[0].Header["X-Docusign-Authentication"] != nil {
			t.Errorf("%s: %d calls at the account server", form, len(sent))
		}
	}
	r.NoLeak()
}

// One observed integration lets its own calls pass, and nobody else's.
func TestObservingOneIntegrationOpensNoOther(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *fixture.Config) {
		c.Edit = func(integrations []map[string]any) { integrations[0]["mode"] = "observe" } // the one of the legacy user
	})
	envelope := soapEnvelope(security(annaToken), listFeatures)
	// it may be one that DocuSign gave to the observed program
	opaque := "Authorization: bearer bm90LWEtcmVhbC10b2tlbi0tLS0=\r\n"
	token := apptest.TokenForm("anna@example.com", "anna-legacy-1", sandbox.GUIDKey)
	observed := "X-DocuSign-Authentication: " +
		"{\"Username\":\"legacy.user@example.com\",\"Password\":\"x\",\"IntegratorKey\":\"" + sandbox.LegacyKey + "\"}\r\n"
	mine := soapEnvelope(
		security(usernameToken("["+sandbox.LegacyKey+"]legacy.user@example.com", "p@ss&lt;w&amp;rd&gt;&#233;1")),
		listFeatures,
	)
	for _, c := range []struct{ name, target, lines, body string }{
		{"an unknown SOAP service", "/api/3.0/EnvelopeManagement.asmx", xmlLine, envelope},
		{"the same with such a token", "/api/3.0/EnvelopeManagement.asmx", opaque + xmlLine, envelope},
		{
			"form binding", "/api/3.0/credential.asmx/Login", formLine,
			"Email=" + url.QueryEscape("["+sandbox.LegacyKey+"]legacy.user@example.com") + "&Password=anna-legacy-1",
		},
		{"a password form with such a token", "/restapi/v2/oauth2/token", opaque + formLine, token},
		{
			"a revocation with a password", "/restapi/v2/oauth2/revoke", opaque + formLine,
			"token=bm90LWEtcmVhbC10b2tlbi0tLS0=&password=anna-legacy-1",
		},
		{"a form with such a token", knownPath, opaque + formLine, token},
		{
			"the token inside the header", knownPath,
			`X-DocuSign-Authentication: {"Bearer ":"bm90LWEtcmVhbC10b2tlbi0tLS0=","IntegratorKey":"` + sandbox.GUIDKey +
				"\"}\r\n",
			"",
		},
		{
			"a change of the password with such a token", "/restapi/v2/login_information/password", opaque,
			`{"currentPassword":"anna-legacy-1"}`,
		},
		{
			"the same in SOAP", "/api/3.0/accountmanagement.asmx", opaque + xmlLine,
			soapEnvelope(
				"",
				`<ChangePassword `+
					`xmlns="http://www.docusign.net/API/AccountManagement"><OldPassword>anna-legacy-1</OldPassword></ChangePassword>`,
			),
		},
		{"a UsernameToken with such a token", "/api/3.0/accountmanagement.asmx", opaque + xmlLine, envelope},
		{"a UsernameToken beside the observed header", "/api/3.0/dsapi.asmx", observed + xmlLine, envelope},
		{
			"an unknown SOAP service beside the observed header", "/api/3.0/EnvelopeManagement.asmx", observed + xmlLine,
			envelope,
		},
		{"a header beside the observed UsernameToken", "/api/3.0/api.asmx", annaLine + xmlLine, mine},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.Sandbox.ResetCounts()
			got := r.doorways()[0].call(t, "POST", c.target, c.lines, c.body)
			if n := len(r.AtSites()); n != 0 {
				t.Errorf("status %d, %d calls reached DocuSign", got.Status, n)
			}
		})
	}
	r.NoLeak()
	t.Run("its own form passes, without the header of another", func(t *testing.T) {
		form := apptest.TokenForm("legacy.user@example.com", "x", sandbox.LegacyKey)
		r.doorways()[0].call(t, "POST", "/restapi/v2/oauth2/token", annaLine+formLine, form)
		if sent := r.Last(t); string(sent.Body) != form || sent.Header["X-Docusign-Authentication"] != nil {
			t.Errorf("%s went upstream with %v", sent.Body, sent.Header)
		}
	})
	t.Run("its own unknown service passes", func(t *testing.T) {
		r.doorways()[0].call(t, "POST", "/api/3.0/EnvelopeManagement.asmx", xmlLine, mine)
		if sent := r.Last(t); sent.Path != "/api/3.0/EnvelopeManagement.asmx" || sent.ContentLength != int64(len(mine)) {
			t.Errorf("%d bytes went to %s", sent.ContentLength, sent.Path)
		}
	})
}
