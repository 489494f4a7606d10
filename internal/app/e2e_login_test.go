package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/sandbox"
)

// loginInformation is what programs read of the answer; its field types are part of the contract (PROTOCOL.md §2.2).
type loginInformation struct {
	APIPassword   string `json:"apiPassword"`
	LoginAccounts []struct {
		AccountID     string `json:"accountId"`
		AccountIDGUID string `json:"accountIdGuid"`
		BaseURL       string `json:"baseUrl"`
		IsDefault     string `json:"isDefault"`
		UserName      string `json:"userName"`
		UserID        string `json:"userId"`
		Email         string `json:"email"`
		Settings      []any  `json:"loginAccountSettings"`
	} `json:"loginAccounts"`
}

func parseLogin(t *testing.T, body string) loginInformation {
	t.Helper()
	var l loginInformation
	if err := json.Unmarshal([]byte(body), &l); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if len(l.LoginAccounts) == 0 {
		t.Fatalf("no account: %s", body)
	}
	return l
}

func TestLoginInformationLeadsBackThroughTheDoorItCameBy(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	sidecar := r.addr(call.DoorSidecar)
	port := sidecar[strings.LastIndexByte(sidecar, ':'):]
	clear := func(t *testing.T) *wire { return r.dial(t, call.DoorSidecar) }
	local := func(t *testing.T) *wire { return r.dialTLS(t, call.DoorSidecar, "localhost") }
	port80 := func(t *testing.T) *wire { return r.opened(t, strings.Replace(connectDemo, ":443", ":80", 2)) }
	for _, source := range []struct {
		name string
		off  int
	}{{"DocuSign's answer", 0}, {
		"made from UserInfo since DocuSign answers 401", 401,
	}, {"made from UserInfo since DocuSign answers 404", 404}} {
		r.sandbox.SetLoginInformation(source.off)
		for _, door := range []struct {
			name, origin string
			open         func(*testing.T) *wire
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
			{"sidecar over TLS", "https://" + sidecar, func(t *testing.T) *wire {
				return r.dialTLS(t, call.DoorSidecar, "")
			}, "", sidecar},
			{"forward, plain", "http://na3.docusign.net", clear, "http://demo.docusign.net", "demo.docusign.net"},
			{"forward, https in clear", "https://na3.docusign.net", clear, "https://demo.docusign.net", "demo.docusign.net"},
			{"tunnel to port 80", "http://na3.docusign.net", port80, "", "demo.docusign.net"},
			{"tunnel", "https://na3.docusign.net", func(t *testing.T) *wire {
				return r.tunnel(t, connectDemo)
			}, "", "demo.docusign.net"},
			{"hosts-file listener", "https://na3.docusign.net", func(t *testing.T) *wire {
				return r.dialTLS(t, call.DoorHosts, "demo.docusign.net")
			}, "", "demo.docusign.net"},
		} {
			for _, version := range []string{"v2", "v2.1"} {
				t.Run(source.name+", "+door.name+", "+version, func(t *testing.T) {
					w := door.open(t)
					w.send("GET " + door.target + "/restapi/" + version +
						"/login_information/?include_account_id_guid=true HTTP/1.1\r\nHost: " + door.host +
						"\r\nAccept-Encoding: gzip\r\nX-DocuSign-Authentication: " + annaJSON + "\r\n\r\n")
					got := w.read("GET")
					if got.status != 200 || !strings.HasPrefix(got.header.Get("Content-Type"), "application/json") || got.err != nil {
						t.Fatalf("status %d, %v: %s\n%s", got.status, got.header, got.body, r.log)
					}
					l := parseLogin(t, got.body)
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
	r.noLeak()
}

func TestLoginInformationAsked(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, off := range []int{0, 401} {
		for _, c := range []struct {
			name, query, accept string
			check               func(*testing.T, heard)
		}{
			{"nothing", "", "", func(t *testing.T, h heard) {
				if a := parseLogin(t, h.body).LoginAccounts; a[0].AccountIDGUID != "" || len(a) != 2 {
					t.Errorf("%+v", a)
				}
			}},
			{"GUID inside baseUrl", "?embed_account_id_guid=true", "", func(t *testing.T, h heard) {
				if a := parseLogin(t, h.body).LoginAccounts[0]; !strings.HasSuffix(
					a.BaseURL, "/restapi/v2/accounts/"+sandbox.ExampleAccountID,
				) {
					t.Errorf("%+v", a)
				}
			}},
			{"XML", "", "application/xml", func(t *testing.T, h heard) {
				first := strings.Index(h.body, "<loginAccount>")
				if !strings.HasPrefix(h.header.Get("Content-Type"), "application/xml") || first < 0 ||
					strings.Index(h.body, "<baseUrl>http://x/restapi/v2/accounts/1234567</baseUrl>") < first ||
					strings.Contains(h.body, "docusign.net/restapi/v2") {
					t.Errorf("%s", h.body)
				}
				if def := strings.Index(h.body, "<isDefault>true"); def > strings.Index(h.body, "<isDefault>false") {
					t.Error("the default account does not come first")
				}
			}},
			{"an API password", "?api_password=true", "", func(t *testing.T, h heard) {
				p := parseLogin(t, h.body).APIPassword
				if p == "" || strings.Contains(h.body, "bm90LWEtcmVhbC1wYXNzd29yZC0h") ||
					!strings.Contains(h.header.Get("Cache-Control"), "no-store") {
					t.Fatalf("%v %s", h.header, h.body)
				}
				next := fmt.Sprintf(badUser, p)
				if got := r.get(t, listPath, "X-DocuSign-Authentication: "+next+"\r\n"); got.status != 200 {
					t.Errorf("the API password is not taken as the password: %d %s", got.status, got.body)
				}
				other := strings.NewReplacer("anna@", "bob@").Replace(next)
				if got := r.get(t, listPath, "X-DocuSign-Authentication: "+other+"\r\n"); got.status != 401 {
					t.Errorf("another user gets in with it: %d", got.status)
				}
				if got := r.get(t, listPath, "Authorization: bearer "+p+"\r\n"); got.status != 401 {
					t.Errorf("it is taken as a bearer token: %d", got.status)
				}
			}},
			{"an API password in XML", "?api_password=true", "text/xml", func(t *testing.T, h heard) {
				if !strings.Contains(h.body, "<apiPassword>") || strings.Contains(h.body, "bm90LWEtcmVhbC1wYXNzd29yZC0h") {
					t.Errorf("%s", h.body)
				}
			}},
		} {
			t.Run(fmt.Sprintf("%s, DocuSign answers %d", c.name, off), func(t *testing.T) {
				r.sandbox.SetLoginInformation(off)
				lines := "X-DocuSign-Authentication: " + annaJSON + "\r\n"
				if c.accept != "" {
					lines += "Accept: " + c.accept + "\r\n"
				}
				got := r.get(t, "/restapi/v2/login_information"+c.query, lines)
				if got.status != 200 {
					t.Fatalf("status %d: %s", got.status, got.body)
				}
				c.check(t, got)
			})
		}
	}
	t.Run("HEAD", func(t *testing.T) {
		w := r.dial(t, call.DoorSidecar)
		w.send(
			"HEAD /restapi/v2/login_information HTTP/1.1\r\nHost: x\r\nX-DocuSign-Authentication: " + annaJSON + "\r\n\r\n",
		)
		if got := w.read("HEAD"); got.body != "" {
			t.Errorf("%+v", got)
		}
	})
	t.Run("DocuSign's own trouble is passed on", func(t *testing.T) {
		r.restart() // the site refused bearers above, which is remembered
		r.sandbox.SetLoginInformation(0)
		r.sandbox.FailNext(sandbox.FailureSpec{Path: "/restapi/v2/login_information", Status: 503})
		if got := r.get(
			t, "/restapi/v2/login_information", "X-DocuSign-Authentication: "+annaJSON+"\r\n",
		); got.status != 503 {
			t.Errorf("status %d", got.status)
		}
	})
	t.Run("a password cannot be changed", func(t *testing.T) {
		r.sandbox.ResetCounts()
		got := r.do(
			nil,
			request(
				t, "PUT", r.sidecar()+"/restapi/v2/login_information/password", strings.NewReader(`{"newPassword":"n"}`),
				"X-DocuSign-Authentication", annaJSON,
			),
		)
		if got.status != 401 || !strings.Contains(got.body, "USER_LACKS_PERMISSIONS") || len(r.atSites()) != 0 {
			t.Errorf("status %d, %d calls: %s", got.status, len(r.atSites()), got.body)
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
			"unknown key", "X-DocuSign-Authentication: " + strings.Replace(annaJSON, "0001\"", "0009\"", 1) + "\r\n",
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
			"X-DocuSign-Authentication: " + annaJSON + "\r\nX-DocuSign-Act-As-User: bob@example.com\r\n",
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
				got := r.get(t, listPath, c.lines+accept.line)
				if got.status != 401 || got.body != accept.body || got.header.Get("Content-Type") != accept.contentType {
					t.Errorf("status %d, %q\n got %q\nwant %q", got.status, got.header.Get("Content-Type"), got.body, accept.body)
				}
				if got.header.Get("X-DocuSign-Auth-Proxy-Request-Id") == "" || got.header.Get("Www-Authenticate") != "" {
					t.Errorf("%v", got.header)
				}
			})
		}
		t.Run(c.name+", HEAD", func(t *testing.T) {
			w := r.dial(t, call.DoorSidecar)
			w.send("HEAD " + listPath + " HTTP/1.1\r\nHost: x\r\n" + c.lines + "\r\nGET /restapi HTTP/1.1\r\nHost: x\r\n\r\n")
			if got := w.read("HEAD"); got.status != 401 ||
				got.header.Get("Content-Length") != fmt.Sprint(len(jsonError(c.code, c.message))) {
				t.Errorf("%+v", got)
			}
			if got := w.read("GET"); got.status != http.StatusOK {
				t.Errorf("the connection is out of step: %+v", got)
			}
		})
	}
}
