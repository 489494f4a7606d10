package app_test

import (
	"crypto/tls"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/sandbox"
)

// newEnvironmentRig is a proxy for one of DocuSign's own environments, before a sandbox that also has the sites of the
// others.
func newEnvironmentRig(t *testing.T, environment string, change func(apptest.Section)) *rig {
	t.Helper()
	o := sandbox.Options{AccountHost: "account-d.docusign.com", Sites: []string{"demo.docusign.net", "na3.docusign.net"}}
	if environment == "production" {
		o = sandbox.Options{AccountHost: "account.docusign.com", Sites: []string{"www.docusign.net", "na3.docusign.net"}}
	}
	r := newRigEdited(t, o, nil, func(doc apptest.Section) {
		doc["environment"] = environment
		delete(doc, "site")
		delete(doc, "account_server")
		resolve := doc.At("egress").At("resolve") // all names lead to the sandbox: nothing but the proxy keeps them apart
		at := slices.Collect(maps.Values(resolve))[0]
		for _, name := range []string{
			"account.docusign.com", "account-d.docusign.com", "account-s.docusign.com", "stage.docusign.com",
			"demo.docusign.net",
			"www.docusign.net", "na3.docusign.net", "preview.docusign.net", "services.docusign.net",
		} {
			resolve[name] = at
		}
		if change != nil {
			change(doc)
		}
	})
	if environment == "demo" { // which has one site
		for _, a := range r.Seed.Accounts {
			a.Site = "demo.docusign.net"
			r.Sandbox.AddAccount(a)
		}
	}
	return r
}

// PROTOCOL.md §7: CONNECT, absolute URL, SNI and Host each name the environment that the program means.
func TestAHostOfAnotherEnvironmentIsRefusedAtEveryDoor(t *testing.T) {
	t.Parallel()
	const list = "/restapi/v2/accounts/1234567/envelopes"
	post := func(target, host, more, body string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nX-DocuSign-Authentication: %s\r\n%s\r\n%s",
			target, host, len(body), apptest.AnnaJSON, more, body)
	}
	const xml = "Accept: application/xml\r\nContent-Type: text/xml; charset=utf-8\r\n"
	envelope := soapEnvelope(security(annaToken), listFeatures)
	login := credentialCall("Login", "["+sandbox.GUIDKey+"]anna@example.com", "anna-legacy-1", "")
	type opener func(*testing.T, *rig) *apptest.Wire
	sidecar := func(t *testing.T, r *rig) *apptest.Wire { return r.Dial(t, call.DoorSidecar) }
	hosts := func(sni string) opener {
		return func(t *testing.T, r *rig) *apptest.Wire { return r.DialTLS(t, call.DoorHosts, sni) }
	}
	const connect = "CONNECT %s HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, environment := range []struct{ name, own, others string }{
		{
			"production", "www.docusign.net",
			"demo.docusign.net DEMO.DocuSign.net. account-d.docusign.com stage.docusign.com preview.docusign.net",
		},
		{
			"demo", "demo.docusign.net",
			"na3.docusign.net www.docusign.net account.docusign.com account-s.docusign.com test.docusign.net",
		},
	} {
		r := newEnvironmentRig(t, environment.name, nil)
		own := environment.own
		unnamed := func(t *testing.T, r *rig) *apptest.Wire { return r.dialUnnamed(t, own) }
		tunnel := func(t *testing.T, r *rig) *apptest.Wire {
			return r.Opened(t, fmt.Sprintf(connect, own+":443")).Secure(r.Rig, own)
		}
		for other := range strings.FieldsSeq(environment.others) {
			sni := strings.TrimSuffix(strings.ToLower(other), ".")
			for _, c := range []struct {
				name string
				open opener
				text string
				want int
				body string
			}{
				{"CONNECT", sidecar, fmt.Sprintf(connect, other+":443"), 403, "environment"},
				{"CONNECT for plain HTTP", sidecar, fmt.Sprintf(connect, other+":80"), 403, "environment"},
				{"plain forward", sidecar, post("http://"+other+list, "x", "", "{}"), 403, `"errorCode": "USER_LACKS_PERMISSIONS"`},
				{"plain forward, XML", sidecar, post("http://"+other+":80"+list, "x", xml, "{}"), 403, "<errorCode>USER_LACKS_P"},
				{"SOAP", sidecar, post("http://"+other+"/api/3.0/api.asmx", "x", xml, envelope), 500, "User_Lacks_Permissions"},
				{
					"login", sidecar, post("http://"+other+"/api/3.0/credential.asmx", "x", xml, login), 500, "User_Lacks_Permissions",
				},
				{"Host of the sidecar", sidecar, post(list, other, "", "{}"), 403, "environment"},
				{"Host of the sidecar, no port that exists", sidecar, post(list, other+":0443", "", "{}"), 403, "environment"},
				{"Host of the sidecar, final dots", sidecar, post(list, other+"..", "", "{}"), 403, "environment"},
				{"hosts file, by SNI", hosts(sni), post(list, other, "", "{}"), 403, "environment"},
				{"hosts file, by Host", hosts(own), post(list, other, "", "{}"), 403, "environment"},
				{"hosts file, by SNI alone", hosts(sni), post(list, own, "", "{}"), 403, "environment"},
				{"hosts file, no SNI, by Host", unnamed, post(list, other, "", "{}"), 403, "environment"},
				{"Host inside a tunnel", tunnel, post(list, other, "", "{}"), 403, "environment"},
				{"absolute URL inside a tunnel", tunnel, post("https://"+other+list, own, "", "{}"), 403, "environment"},
			} {
				t.Run(environment.name+" "+c.name+" "+other, func(t *testing.T) {
					w := c.open(t, r)
					w.Send(c.text)
					got := w.Read("POST")
					if got.Status != c.want || !strings.Contains(got.Body, c.body) {
						t.Errorf("status %d, body %q", got.Status, got.Body)
					}
					if cause := got.Header.Get("X-DocuSign-Auth-Proxy-Cause"); cause != "wrong_environment" {
						t.Errorf("cause %q", cause)
					}
				})
			}
		}
		if n := len(r.Sandbox.Requests()); n != 0 {
			t.Errorf("%s: %d requests reached DocuSign", environment.name, n)
		}
		for _, want := range []string{"cause=wrong_environment", "next_step=", "belongs to DocuSign's"} {
			if !strings.Contains(r.Log.String(), want) {
				t.Errorf("%s: the log has no %s", environment.name, want)
			}
		}
		t.Run(environment.name+" carries out calls to its own hosts", func(t *testing.T) {
			target := "https://" + own + "/restapi/v2/login_information"
			got := r.Do(r.ForwardClient(), apptest.Request(t, "GET", target, nil, "X-DocuSign-Authentication", apptest.AnnaJSON))
			if got.Status != 200 {
				t.Errorf("status %d, body %q", got.Status, got.Body)
			}
		})
	}
}

func TestASiteOfAnotherEnvironmentIsNotBelieved(t *testing.T) {
	t.Parallel()
	r := newEnvironmentRig(t, "demo", nil)
	for _, a := range r.Seed.Accounts {
		a.Site = "na3.docusign.net"
		r.Sandbox.AddAccount(a)
	}
	target := r.Sidecar() + "/restapi/v2/accounts/1234567/envelopes"
	got := r.Do(nil, apptest.Request(t, "GET", target, nil, "X-DocuSign-Authentication", apptest.AnnaJSON))
	if got.Status < 400 || !strings.Contains(r.Log.String(), "use a host of demo, or for production a second proxy") {
		t.Errorf("status %d, body %q\n%s", got.Status, got.Body, r.Log)
	}
	for _, q := range r.Sandbox.Requests() {
		if q.Site == "na3.docusign.net" {
			t.Error("a production site was called")
		}
	}
}

// Led back to the sidecar, the program's next call would be carried out in the sidecar's environment.
func TestARedirectToAnotherEnvironmentIsNotLedBackHere(t *testing.T) {
	t.Parallel()
	r := newEnvironmentRig(t, "production", nil)
	const list = "/restapi/v2/accounts/1234567/envelopes"
	for location, want := range map[string]string{
		"https://demo.docusign.net" + list: "https://demo.docusign.net" + list,
		"https://na3.docusign.net" + list:  r.Sidecar() + list,
	} {
		r.Sandbox.FailNext(sandbox.FailureSpec{Path: list, Status: 302, Header: http.Header{"Location": {location}}})
		stay := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		got := r.Do(stay, apptest.Request(t, "GET", r.Sidecar()+list, nil, "X-DocuSign-Authentication", apptest.AnnaJSON))
		if got.Status != 302 || got.Header.Get("Location") != want {
			t.Errorf("status %d, Location %q, want %q", got.Status, got.Header.Get("Location"), want)
		}
	}
}

func TestTheNamesOfSeveralEnvironmentsInOneTunnelAreRefused(t *testing.T) {
	t.Parallel()
	r := newEnvironmentRig(t, "demo", nil)
	// The certificate is demo's, whatever the SNI says; a program that does not look at it goes on.
	careless := &tls.Config{ServerName: "na3.docusign.net", InsecureSkipVerify: true}
	w := apptest.NewWire(t, tls.Client(r.Opened(t, apptest.ConnectDemo).Buffered(), careless))
	w.Send("GET /restapi/v2 HTTP/1.1\r\nHost: demo.docusign.net\r\nX-DocuSign-Authentication: " + apptest.AnnaJSON +
		"\r\n\r\n")
	if got := w.Read("GET"); got.Status != 403 || len(r.Sandbox.Requests()) != 0 {
		t.Errorf("status %d, body %q", got.Status, got.Body)
	}
}

func TestAHostWhoseEnvironmentIsUnknownIsServedWhereTheOperatorNamedIt(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(apptest.Section){
		"as site":         func(doc apptest.Section) { doc["site"] = "https://preview.docusign.net" },
		"in egress.hosts": func(doc apptest.Section) { doc.At("egress")["hosts"] = []string{"preview.docusign.net"} },
		"not at all":      func(apptest.Section) {},
		"custom takes both": func(doc apptest.Section) {
			doc["environment"], doc["account_server"] = "custom", "https://account-d.docusign.com"
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newEnvironmentRig(t, "demo", change)
			target := "http://preview.docusign.net/restapi/v2/login_information"
			req := apptest.Request(t, "GET", target, nil, "X-DocuSign-Authentication", apptest.AnnaJSON)
			want := http.StatusOK
			if name == "not at all" {
				want = http.StatusForbidden
			}
			if got := r.Do(r.ForwardClient(), req); got.Status != want {
				t.Errorf("status %d, body %q\n%s", got.Status, got.Body, r.Log)
			}
		})
	}
}

// PROTOCOL.md §4.1: services.docusign.net is another product, which gets no credential.
func TestAnotherProductOfDocuSignIsNotServed(t *testing.T) {
	t.Parallel()
	for _, environment := range []string{"production", "demo"} {
		r := newEnvironmentRig(t, environment, nil)
		w := r.Dial(t, call.DoorSidecar)
		w.Send("CONNECT services.docusign.net:443 HTTP/1.1\r\n\r\n")
		if got := w.Read("CONNECT"); got.Status != 403 || got.Header.Get("X-DocuSign-Auth-Proxy-Cause") != "not_listed" {
			t.Errorf("CONNECT: %d %v", got.Status, got.Header)
		}
		req := apptest.Request(t, "GET", "http://services.docusign.net/restapi", nil, "X-DocuSign-Authentication",
			apptest.AnnaJSON)
		got := r.Do(r.ForwardClient(), req)
		if got.Status != 403 || len(r.Sandbox.Requests()) != 0 {
			t.Errorf("status %d, body %q", got.Status, got.Body)
		}
	}
}

// A program's own token goes to the site that the account is known to live at, unless the environment has changed
// since.
func TestASiteLearntInAnotherEnvironmentIsNotCalled(t *testing.T) {
	t.Parallel()
	r := newEnvironmentRig(t, "production", nil)
	target := r.Sidecar() + "/restapi/v2/accounts/1234567/envelopes"
	if got := r.Do(nil, apptest.Request(t, "GET", target, nil, "X-DocuSign-Authentication",
		apptest.AnnaJSON)); got.Status != 200 {
		t.Fatalf("status %d, body %q", got.Status, got.Body)
	}
	before := len(r.Sandbox.Requests())
	r.Change(func(doc apptest.Section) { doc["environment"] = "demo" })
	if err := r.Program.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := r.Do(nil, apptest.Request(t, "GET", target, nil, "Authorization", "Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln"))
	if got.Status != 403 || got.Header.Get("X-DocuSign-Auth-Proxy-Cause") != "wrong_environment" {
		t.Errorf("status %d, body %q", got.Status, got.Body)
	}
	if n := len(r.Sandbox.Requests()); n != before {
		t.Errorf("%d requests reached DocuSign", n-before)
	}
}
