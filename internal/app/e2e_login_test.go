package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/sandbox"
)

func TestLoginInformationLeadsBackThroughTheDoorItCameBy(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	sidecar := r.Addr(call.DoorSidecar)
	port := sidecar[strings.LastIndexByte(sidecar, ':'):]
	clear := func(t *testing.T) *apptest.Wire { return r.Dial(t, call.DoorSidecar) }
	local := func(t *testing.T) *apptest.Wire { return r.DialTLS(t, call.DoorSidecar, "localhost") }
	port80 := func(t *testing.T) *apptest.Wire {
		return r.Opened(t, strings.Replace(apptest.ConnectDemo, ":443", ":80", 2))
	}
	for _, source := range []struct {
		name string
		off  int
	}{{"DocuSign's answer", 0}, {
		"made from UserInfo since DocuSign answers 401", 401,
	}, {"made from UserInfo since DocuSign answers 404", 404}} {
		r.Sandbox.SetLoginInformation(source.off)
		for _, door := range []struct {
			name, origin string
			open         func(*testing.T) *apptest.Wire
			target, host string
		}{
			{"sidecar", "http://" + sidecar, clear, "", sidecar},
			{"sidecar by another name", "http://old-box:8080", clear, "", "old-box:8080"},
			{"sidecar whose Host lacks the port", "http://" + sidecar, clear, "", "127.0.0.1"},
			{"sidecar as localhost without the port", "http://localhost" + port, clear, "", "localhost"},
			{"sidecar behind a reverse proxy that keeps its own name", "http://old-box", clear, "", "old-box"},
			{"sidecar behind a tunnel with another port", "http://127.0.0.1:9", clear, "", "127.0.0.1:9"},
			{"sidecar with DocuSign's name fixed in the program", "http://" + sidecar, clear, "", "demo.docusign.net"},
			{"sidecar with a Host that is no host", "http://" + sidecar, clear, "", "a..b"},
			{
				"sidecar over TLS with DocuSign's name fixed in the program", "https://localhost" + port, local, "",
				"demo.docusign.net",
			},
			{"sidecar over TLS as localhost without the port", "https://localhost" + port, local, "", "localhost"},
			{"sidecar over TLS", "https://" + sidecar, func(t *testing.T) *apptest.Wire {
				return r.DialTLS(t, call.DoorSidecar, "")
			}, "", sidecar},
			{"forward, plain", "http://na3.docusign.net", clear, "http://demo.docusign.net", "demo.docusign.net"},
			{"forward, https in clear", "https://na3.docusign.net", clear, "https://demo.docusign.net", "demo.docusign.net"},
			{"tunnel to port 80", "http://na3.docusign.net", port80, "", "demo.docusign.net"},
			{"tunnel", "https://na3.docusign.net", func(t *testing.T) *apptest.Wire {
				return r.Tunnel(t, apptest.ConnectDemo)
			}, "", "demo.docusign.net"},
			{"hosts-file listener", "https://na3.docusign.net", func(t *testing.T) *apptest.Wire {
				return r.DialTLS(t, call.DoorHosts, "demo.docusign.net")
			}, "", "demo.docusign.net"},
		} {
			for _, version := range []string{"v2", "v2.1"} {
				t.Run(source.name+", "+door.name+", "+version, func(t *testing.T) {
					w := door.open(t)
					w.Send("GET " + door.target + "/restapi/" + version +
						"/login_information/?include_account_id_guid=true HTTP/1.1\r\nHost: " + door.host +
						"\r\nAccept-Encoding: gzip\r\nX-DocuSign-Authentication: " + apptest.AnnaJSON + "\r\n\r\n")
					got := w.Read("GET")
					if got.Status != 200 || !strings.HasPrefix(got.Header.Get("Content-Type"), "application/json") || got.Err != nil {
						t.Fatalf("status %d, %v: %s\n%s", got.Status, got.Header, got.Body, r.Log)
					}
					l := apptest.ParseLogin(t, got.Body)
					a := l.LoginAccounts[0]
					want := door.origin + "/restapi/" + version + "/accounts/1234567"
					if a.BaseURL != want || a.AccountID != "1234567" || a.AccountIDGUID != sandbox.ExampleAccountID ||
						a.IsDefault != "true" || a.UserID != sandbox.AnnaID || a.Email != "anna@example.com" {
						t.Errorf("got %+v, want baseUrl %s", a, want)
					}
					if l.APIPassword != "" {
						t.Error("an API password nobody asked for")
					}
				})
			}
		}
	}
	r.NoLeak()
}

func TestLoginInformationAsked(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, off := range []int{0, 401} {
		for _, c := range []struct {
			name, query, accept string
			check               func(*testing.T, apptest.Heard)
		}{
			{"nothing", "", "", func(t *testing.T, h apptest.Heard) {
				if a := apptest.ParseLogin(t, h.Body).LoginAccounts; a[0].AccountIDGUID != "" || len(a) != 2 {
					t.Errorf("%+v", a)
				}
			}},
			{"GUID inside baseUrl", "?embed_account_id_guid=true", "", func(t *testing.T, h apptest.Heard) {
				if a := apptest.ParseLogin(t, h.Body).LoginAccounts[0]; !strings.HasSuffix(
					a.BaseURL, "/restapi/v2/accounts/"+sandbox.ExampleAccountID,
				) {
					t.Errorf("%+v", a)
				}
			}},
			{"XML", "", "application/xml", func(t *testing.T, h apptest.Heard) {
				first := strings.Index(h.Body, "<loginAccount>")
				if !strings.HasPrefix(h.Header.Get("Content-Type"), "application/xml") || first < 0 ||
					strings.Index(h.Body, "<baseUrl>http://x/restapi/v2/accounts/1234567</baseUrl>") < first ||
					strings.Contains(h.Body, "docusign.net/restapi/v2") {
					t.Errorf("%s", h.Body)
				}
				if def := strings.Index(h.Body, "<isDefault>true"); def > strings.Index(h.Body, "<isDefault>false") {
					t.Error("the default account does not come first")
				}
			}},
			{"an API password", "?api_password=true", "", func(t *testing.T, h apptest.Heard) {
				p := apptest.ParseLogin(t, h.Body).APIPassword
				if p == "" || strings.Contains(h.Body, "bm90LWEtcmVhbC1wYXNzd29yZC0h") ||
					!strings.Contains(h.Header.Get("Cache-Control"), "no-store") {
					t.Fatalf("%v %s", h.Header, h.Body)
				}
				next := fmt.Sprintf(badUser, p)
				if got := r.Get(t, apptest.ListPath, "X-DocuSign-Authentication: "+next+"\r\n"); got.Status != 200 {
					t.Errorf("the API password is not taken as the password: %d %s", got.Status, got.Body)
				}
				other := strings.NewReplacer("anna@", "bob@").Replace(next)
				if got := r.Get(t, apptest.ListPath, "X-DocuSign-Authentication: "+other+"\r\n"); got.Status != 401 {
					t.Errorf("another user gets in with it: %d", got.Status)
				}
				if got := r.Get(t, apptest.ListPath, "Authorization: bearer "+p+"\r\n"); got.Status != 401 {
					t.Errorf("it is taken as a bearer token: %d", got.Status)
				}
			}},
			{"an API password in XML", "?api_password=true", "text/xml", func(t *testing.T, h apptest.Heard) {
				if !strings.Contains(h.Body, "<apiPassword>") || strings.Contains(h.Body, "bm90LWEtcmVhbC1wYXNzd29yZC0h") {
					t.Errorf("%s", h.Body)
				}
			}},
		} {
			t.Run(fmt.Sprintf("%s, DocuSign answers %d", c.name, off), func(t *testing.T) {
				r.Sandbox.SetLoginInformation(off)
				lines := "X-DocuSign-Authentication: " + apptest.AnnaJSON + "\r\n"
				if c.accept != "" {
					lines += "Accept: " + c.accept + "\r\n"
				}
				got := r.Get(t, "/restapi/v2/login_information"+c.query, lines)
				if got.Status != 200 {
					t.Fatalf("status %d: %s", got.Status, got.Body)
				}
				c.check(t, got)
			})
		}
	}
	t.Run("HEAD", func(t *testing.T) {
		w := r.Dial(t, call.DoorSidecar)
		w.Send(
			"HEAD /restapi/v2/login_information HTTP/1.1\r\nHost: x\r\nX-DocuSign-Authentication: " + apptest.AnnaJSON +
				"\r\n\r\n",
		)
		if got := w.Read("HEAD"); got.Body != "" {
			t.Errorf("%+v", got)
		}
	})
	t.Run("DocuSign's own trouble is passed on", func(t *testing.T) {
		r.Restart() // the site refused bearers above, which is remembered
		r.Sandbox.SetLoginInformation(0)
		r.Sandbox.FailNext(sandbox.FailureSpec{Path: "/restapi/v2/login_information", Status: 503})
		if got := r.Get(
			t, "/restapi/v2/login_information", "X-DocuSign-Authentication: "+apptest.AnnaJSON+"\r\n",
		); got.Status != 503 {
			t.Errorf("status %d", got.Status)
		}
	})
	t.Run("a password cannot be changed", func(t *testing.T) {
		r.Sandbox.ResetCounts()
		got := r.Do(
			nil,
			apptest.Request(
				t, "PUT", r.Sidecar()+"/restapi/v2/login_information/password", strings.NewReader(`{"newPassword":"n"}`),
				"X-DocuSign-Authentication", apptest.AnnaJSON,
			),
		)
		if got.Status != 401 || !strings.Contains(got.Body, "USER_LACKS_PERMISSIONS") || len(r.AtSites()) != 0 {
			t.Errorf("status %d, %d calls: %s", got.Status, len(r.AtSites()), got.Body)
		}
	})
}

func TestRefusalsByteForByte(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	jsonError := func(code, message string) string {
		return "{\r\n  \"errorCode\": \"" + code + "\",\r\n  \"message\": \"" + message + "\"\r\n}"
	}
	xmlError := func(code, message string) string {
		return `<errorDetails xmlns="http://www.docusign.com/restapi" ` +
			`xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><errorCode>` + code + `</errorCode><message>` + message +
			`</message></errorDetails>`
	}
	const noKey = "The specified Integrator Key was not found or is disabled."
	for _, c := range []struct{ name, lines, code, message string }{
		{"no credential", "", "PARTNER_AUTHENTICATION_FAILED", noKey + " An Integrator key was not specified."},
		{
			"unknown key", "X-DocuSign-Authentication: " + strings.Replace(apptest.AnnaJSON, "0001\"", "0009\"", 1) + "\r\n",
			"PARTNER_AUTHENTICATION_FAILED", noKey,
		},
		{
			"wrong password", "X-DocuSign-Authentication: " + fmt.Sprintf(badUser, "x") + "\r\n", "USER_AUTHENTICATION_FAILED",
			"One or both of Username and Password are invalid.",
		},
		{
			"unreadable", "X-DocuSign-Authentication: ???\r\n", "INVALID_TOKEN_FORMAT",
			"The security token format does not conform to expected schema.",
		},
		{
			"principal not allowed",
			"X-DocuSign-Authentication: " + apptest.AnnaJSON + "\r\nX-DocuSign-Act-As-User: bob@example.com\r\n",
			"USER_LACKS_PERMISSIONS", "This user lacks sufficient permissions to access this resource.",
		},
		{
			"unknown bearer", "Authorization: bearer b3BhcXVl\r\n", "AUTHORIZATION_INVALID_TOKEN",
			"The access token provided is expired, revoked or malformed.",
		},
	} {
		for _, accept := range []struct{ name, line, contentType, body string }{
			{"JSON by default", "", "application/json; charset=utf-8", jsonError(c.code, c.message)},
			{"JSON as the Ruby gem asks", "Accept: json\r\n", "application/json; charset=utf-8", jsonError(c.code, c.message)},
			{"JSON for anything", "Accept: */*\r\n", "application/json; charset=utf-8", jsonError(c.code, c.message)},
			{"XML", "Accept: application/xml\r\n", "application/xml; charset=utf-8", xmlError(c.code, c.message)},
			{
				"XML among others", "Accept: text/html, application/xml;q=0.9, */*;q=0.1\r\n", "application/xml; charset=utf-8",
				xmlError(c.code, c.message),
			},
		} {
			t.Run(c.name+", "+accept.name, func(t *testing.T) {
				got := r.Get(t, apptest.ListPath, c.lines+accept.line)
				if got.Status != 401 || got.Body != accept.body || got.Header.Get("Content-Type") != accept.contentType {
					t.Errorf("status %d, %q\n got %q\nwant %q", got.Status, got.Header.Get("Content-Type"), got.Body, accept.body)
				}
				if got.Header.Get("X-DocuSign-Auth-Proxy-Request-Id") == "" || got.Header.Get("Www-Authenticate") != "" {
					t.Errorf("%v", got.Header)
				}
			})
		}
		t.Run(c.name+", HEAD", func(t *testing.T) {
			w := r.Dial(t, call.DoorSidecar)
			w.Send("HEAD " + apptest.ListPath + " HTTP/1.1\r\nHost: x\r\n" + c.lines +
				"\r\nGET /restapi HTTP/1.1\r\nHost: x\r\n\r\n")
			if got := w.Read("HEAD"); got.Status != 401 ||
				got.Header.Get("Content-Length") != fmt.Sprint(len(jsonError(c.code, c.message))) {
				t.Errorf("%+v", got)
			}
			if got := w.Read("GET"); got.Status != http.StatusOK {
				t.Errorf("the connection is out of step: %+v", got)
			}
		})
	}
}
