package app_test

import (
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/sandbox"
)

// asking runs a proxy that gateways on this machine ask about programs of 203.0.113.0/24.
func asking(t *testing.T, settings map[string]any) *rig {
	t.Helper()
	return newRigEdited(t, sandbox.Options{}, nil, func(s apptest.Section) {
		s.At("listen")["forward_auth"] = "127.0.0.1:0"
		s.At("egress")["clients"] = []string{"203.0.113.0/24"}
		maps.Copy(s.At("forward_auth"), settings)
		for _, in := range s["integrations"].([]any) {
			in.(apptest.Section)["account_ids"] = "guid"
		}
	})
}

// ask asks what becomes of a call.
func (r *rig) ask(t *testing.T, method, target, lines string) apptest.Heard {
	t.Helper()
	w := r.DialSettled(t, call.DoorForwardAuth)
	w.Send("GET /auth HTTP/1.1\r\nHost: gateway\r\nX-Forwarded-Method: " + method + "\r\nX-Forwarded-Uri: " + target +
		"\r\nX-Forwarded-For: 203.0.113.7\r\n" + lines + "\r\n")
	return w.Read("GET")
}

const (
	siteOf   = "X-DocuSign-Auth-Proxy-Upstream"
	pathOf   = "X-DocuSign-Auth-Proxy-Path"
	removeOf = "X-DocuSign-Auth-Proxy-Remove"
)

// wantSame compares what a gateway is told with what the pipeline has made of the same call.
func (r *rig) wantSame(t *testing.T, told, answered apptest.Heard) {
	t.Helper()
	if answered.Status != http.StatusOK {
		if told.Status != answered.Status || told.Body != answered.Body ||
			told.Header.Get("Content-Type") != answered.Header.Get("Content-Type") ||
			told.Header.Get("X-DocuSign-Auth-Proxy-Cause") != answered.Header.Get("X-DocuSign-Auth-Proxy-Cause") {
			t.Errorf("told %d %v %s\nanswered %d %v %s", told.Status, told.Header, told.Body, answered.Status,
				answered.Header, answered.Body)
		}
		return
	}
	sent := r.Last(t)
	target, err := url.ParseRequestURI(told.Header.Get(pathOf))
	if told.Status != http.StatusOK || err != nil {
		t.Fatalf("told %d %v %s", told.Status, told.Header, told.Body)
	}
	if told.Header.Get("Authorization") != sent.Header.Get("Authorization") || told.Header.Get(siteOf) != sent.Host ||
		target.EscapedPath() != sent.Path || target.RawQuery != sent.RawQuery {
		t.Errorf("told %v\nsent %s%s?%s %v", told.Header, sent.Host, sent.Path, sent.RawQuery, sent.Header)
	}
}

func TestAGatewayIsToldWhatThePipelineDecides(t *testing.T) {
	t.Parallel()
	r := asking(t, nil)
	admin := strings.NewReplacer("anna@", "admin@", "anna-legacy-1", "admin-legacy-3").Replace(apptest.AnnaJSON)
	forms := append(writtenForms(),
		writtenForm{name: "act as another user", lines: "X-DocuSign-Authentication: " + admin +
			"\r\nX-DocuSign-Act-As-User: bob@example.com"},
		writtenForm{name: "act as two users", lines: "X-DocuSign-Authentication: " + admin +
			"\r\nX-DocuSign-Act-As-User: bob@example.com\r\nX-DocuSign-Act-As-User: anna@example.com"},
		writtenForm{name: "a password in the query", lines: "X-DocuSign-Authentication: " + apptest.AnnaJSON})
	for _, c := range forms {
		t.Run(c.name, func(t *testing.T) {
			path := c.path()
			if strings.HasSuffix(c.name, "in the query") {
				path += "&Password=x"
			}
			before := len(r.AtSites())
			told := r.ask(t, "GET", path, c.lines+"\r\n")
			if after := len(r.AtSites()); after != before {
				t.Errorf("a question has reached DocuSign")
			}
			r.wantSame(t, told, r.Get(t, path, c.lines+"\r\n"))
			if told.Status == http.StatusOK && !strings.Contains(told.Header.Get(removeOf), "x-docusign-authentication") {
				t.Errorf("the old credential stays: %v", told.Header)
			}
			if told.Header.Get("Cache-Control") != "no-store" {
				t.Error("the answer may be kept")
			}
		})
	}
	r.NoLeak()
}

func TestANumberOfAnAccountIsReplacedWhereTheGatewayCan(t *testing.T) {
	t.Parallel()
	const list = "/restapi/v2/accounts/1703061/envelopes?from_date=2026-01-01"
	lines := "X-DocuSign-Authentication: " + apptest.LegacyJSON + "\r\n"
	r := asking(t, nil)
	told := r.ask(t, "GET", list, lines)
	r.wantSame(t, told, r.Get(t, list, lines))
	if strings.Contains(told.Header.Get(pathOf), "1703061") {
		t.Errorf("the number stays: %v", told.Header)
	}
	keeps := asking(t, map[string]any{"path": "keep"})
	if told := keeps.ask(t, "GET", list, lines); told.Status != http.StatusConflict {
		t.Errorf("a gateway that keeps paths is told %d %v", told.Status, told.Header)
	}
}

func TestARefusedHEADIsAnAnswerWithoutABody(t *testing.T) {
	t.Parallel()
	r := asking(t, nil)
	w := r.DialSettled(t, call.DoorForwardAuth)
	for range 2 { // on one connection
		w.Send("GET /auth HTTP/1.1\r\nHost: x\r\nX-Forwarded-Method: HEAD\r\nX-Forwarded-Uri: " + apptest.ListPath +
			"\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n")
		if got := w.Read("GET"); got.Status != 401 || got.Body != "" || got.Err != nil {
			t.Errorf("%d %v %q", got.Status, got.Err, got.Body)
		}
	}
}

func TestTheBodyOfAQuestionIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	r := asking(t, nil)
	w := r.DialSettled(t, call.DoorForwardAuth)
	w.Send("POST /auth HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Uri: " +
		apptest.ListPath + "\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n")
	if got := w.Read("GET"); got.Status != 401 || !got.Close {
		t.Errorf("%d, closes %v", got.Status, got.Close)
	}
}

func TestAnOwnTokenStays(t *testing.T) {
	t.Parallel()
	r := asking(t, nil)
	own := "Bearer " + r.oauthToken(t)
	told := r.ask(t, "GET", apptest.ListPath, "Authorization: "+own+"\r\n")
	if told.Status != 200 || told.Header.Get("Authorization") != own || told.Header.Get(removeOf) != "" ||
		told.Header.Get(siteOf) == "" {
		t.Errorf("%d %v %s", told.Status, told.Header, told.Body)
	}
}

func TestWhatAGatewayCannotSendGoesToTheProxy(t *testing.T) {
	t.Parallel()
	r := asking(t, nil)
	header := "X-DocuSign-Authentication: " + apptest.AnnaJSON + "\r\n"
	for _, c := range []struct{ method, target, lines string }{
		{"POST", "/api/3.0/dsapi.asmx", ""},
		{"POST", "/api/3.0/nothing.asmx", ""},
		{"GET", "/api/3.0/dsapi.asmx?WSDL", ""},
		{"POST", "/restapi/v2/oauth2/token", ""},
		{"POST", "/restapi/v2//oauth2/./token", ""},
		{"GET", "/restapi/v2/login_information", header},
		{"PUT", "/restapi/v2/login_information/password", header},
		{"GET", "/restapi/service_information", ""},
		{"GET", "/", ""},
		{"GET", "/oauth/userinfo", header},
		{"OPTIONS", apptest.ListPath, "Origin: http://x\r\nAccess-Control-Request-Method: GET\r\n"},
		{"POST", apptest.ListPath, header + "Content-Type: application/x-www-form-urlencoded\r\n"},
		{"POST", apptest.ListPath, header + "SOAPAction: \"x\"\r\nContent-Type: application/json\r\n"},
		{"POST", apptest.ListPath, header},
	} {
		told := r.ask(t, c.method, c.target, c.lines)
		if told.Status != http.StatusConflict || told.Header.Get("X-DocuSign-Auth-Proxy-Route") != "proxy" ||
			told.Header.Get("Authorization") != "" {
			t.Errorf("%s %s: %d %v", c.method, c.target, told.Status, told.Header)
		}
	}
	if told := r.ask(t, "POST", apptest.ListPath, header+"Content-Type: application/json\r\n"); told.Status != 200 {
		t.Errorf("a call with JSON: %d %s", told.Status, told.Body)
	}
}

func TestAQuestionSaysWhichCallItIsAboutInOnePlaceAlone(t *testing.T) {
	t.Parallel()
	const first, second = "X-Forwarded-Method: GET\r\n", "X-Forwarded-Uri: " + apptest.ListPath + "\r\n"
	const who = "X-Forwarded-For: 203.0.113.7\r\n"
	const original = "X-Original-Method: GET\r\nX-Original-URI: " + apptest.ListPath + "\r\n"
	rigs := map[string]*rig{}
	for _, target := range []string{"x_forwarded", "x_original", "path"} {
		rigs[target] = asking(t, map[string]any{"target": target})
	}
	for _, c := range []struct {
		name, target, request, lines string
		want                         int
	}{
		{"forwarded", "x_forwarded", "GET /auth", first + second + who, 200},
		{"another place says otherwise", "x_forwarded", "GET /auth",
			first + second + who + "X-Original-Method: DELETE\r\nX-Original-URI: /api/3.0/dsapi.asmx\r\n", 200},
		{"original", "x_original", "GET /auth", original + who, 200},
		{"the program's own X-Forwarded-Uri says nothing", "x_original", "GET /auth",
			original + who + "X-Forwarded-Uri: /api/3.0/dsapi.asmx\r\n", 200},
		{"in the path", "path", "GET /auth" + apptest.ListPath, who, 200},
		{"in the path, by POST", "path", "POST /auth" + apptest.ListPath, who + "Content-Type: application/json\r\n", 200},
		{"no target", "x_forwarded", "GET /auth", first + who, 400},
		{"two targets", "x_forwarded", "GET /auth", first + second + second + who, 400},
		{"no method", "x_forwarded", "GET /auth", second + who, 400},
		{"a target with a host", "x_forwarded", "GET /auth",
			first + "X-Forwarded-Uri: https://demo.docusign.net/restapi\r\n" + who, 400},
		{"a method that is none", "x_forwarded", "GET /auth", "X-Forwarded-Method: G E T\r\n" + second + who, 400},
		{"a path that cannot be read", "x_forwarded", "GET /auth",
			first + "X-Forwarded-Uri: /restapi/v2/accounts/1%2F2/envelopes\r\n" + who, 400},
		{"another path", "x_forwarded", "GET /authority", first + second + who, 400},
		{"no client", "x_forwarded", "GET /auth", first + second, 400},
		{"the gateway as client", "x_forwarded", "GET /auth", first + second + "X-Forwarded-For: 127.0.0.1\r\n", 403},
		{"a client that is not admitted", "x_forwarded", "GET /auth",
			first + second + "X-Forwarded-For: 203.0.113.7, 198.51.100.1\r\n", 403},
		{"CONNECT", "x_forwarded", "CONNECT demo.docusign.net:443", first + second + who, 405},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := rigs[c.target].DialSettled(t, call.DoorForwardAuth)
			w.Send(c.request + " HTTP/1.1\r\nHost: x\r\nX-DocuSign-Authentication: " + apptest.AnnaJSON + "\r\n" + c.lines +
				"\r\n")
			if got := w.Read("GET"); got.Status != c.want || got.Status != 200 && got.Header.Get("Authorization") != "" {
				t.Errorf("%d %v %s", got.Status, got.Header, got.Body)
			}
		})
	}
}

func TestAGatewayNeedsTheSecret(t *testing.T) {
	t.Parallel()
	const right = "a secret of the gateways"
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(right), 0o600); err != nil {
		t.Fatal(err)
	}
	r := asking(t, map[string]any{"secret": apptest.Section{"file": file}})
	lines := "X-DocuSign-Authentication: " + apptest.AnnaJSON + "\r\n"
	for secret, want := range map[string]int{"": 403, right + "x": 403, right: 200} {
		told := r.ask(t, "GET", apptest.ListPath, lines+"X-DocuSign-Auth-Proxy-Secret: "+secret+"\r\n")
		if told.Status != want {
			t.Errorf("with %q: %d %s", secret, told.Status, told.Body)
		}
	}
	if log := r.Log.String(); strings.Contains(log, right) || !strings.Contains(log, "forward_auth.secret") {
		t.Errorf("the log\n%s", log)
	}
}

func TestWhatIsHandedOverIsUseAndNoSuccess(t *testing.T) {
	t.Parallel()
	r := asking(t, nil)
	for range 3 {
		r.ask(t, "GET", apptest.ListPath, "X-DocuSign-Authentication: "+apptest.AnnaJSON+"\r\n")
	}
	r.Settled()
	for _, in := range r.Program.Status().Integrations {
		if in.Calls == 0 {
			continue
		}
		if in.Outcomes["handed_over"] != 3 || in.Failed != 0 || in.OAuthLast24h != 0 || in.LegacyLast.IsZero() {
			t.Errorf("%s: %+v", in.Name, in.Summary)
		}
	}
	log := r.Log.String()
	if strings.Count(log, "outcome=handed_over") != 3 || !strings.Contains(log, "client=203.0.113.7") {
		t.Errorf("the log\n%s", log)
	}
}
