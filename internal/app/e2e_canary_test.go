package app_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
)

// canary is a call with a secret in a place where none belongs: $ stands for it.
type canary struct{ where, method, target, headers, body string }

const (
	canaryAccount = "/restapi/v2/accounts/1234567"
	canaryLogin   = "X-DocuSign-Authentication: " + apptest.AnnaJSON + "\r\n"
	canaryKey     = sandbox.GUIDKey
)

func canaries() []canary {
	legacy := func(user, key, more string) string {
		return `X-DocuSign-Authentication: {"Username":"` + user + `","Password":"anna-legacy-1","IntegratorKey":"` + key +
			`"` + more + "}\r\n"
	}
	envelope := func(token, body string) string {
		return `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header>` + token + `</s:Header><s:Body>` +
			body + `</s:Body></s:Envelope>`
	}
	status := `<RequestStatus xmlns="http://www.docusign.net/API/3.0"><EnvelopeID>` + sandbox.CaptureEnvelopeID +
		`</EnvelopeID></RequestStatus>`
	soap := "Content-Type: text/xml; charset=utf-8\r\nSOAPAction: \"http://www.docusign.net/API/3.0/RequestStatus\"\r\n"
	form := "Content-Type: application/x-www-form-urlencoded\r\n"
	list := canaryAccount + "/envelopes"
	return []canary{
		{"a parameter of a path segment", "GET", canaryAccount + ";password=$/envelopes", canaryLogin, ""},
		{"a path segment", "GET", canaryAccount + "/$/x", canaryLogin, ""},
		{"an escaped path segment", "GET", canaryAccount + "/%24x%2F$", canaryLogin, ""},
		{"the account", "GET", "/restapi/v2/accounts/$/envelopes", canaryLogin, ""},
		{"a path that is no API", "GET", "/Signing/$", "", ""},
		{"a query's value", "GET", list + "?search_text=$", canaryLogin, ""},
		{"a query's name", "GET", list + "?$=1", canaryLogin, ""},
		{"a bare query", "GET", list + "?$", canaryLogin, ""},
		{"the user name", "GET", list, legacy("$", canaryKey, ""), ""},
		{"the user name in brackets", "GET", list, legacy("[$]anna@example.com", canaryKey, ""), ""},
		{"the key", "GET", list, legacy("anna@example.com", "$", ""), ""},
		{"the principal", "GET", list, legacy("anna@example.com", canaryKey, `,"SendOnBehalfOf":"$"`), ""},
		{"the user acted as", "GET", list, canaryLogin + "X-DocuSign-Act-As-User: $\r\n", ""},
		{"an unknown header", "GET", list, canaryLogin + "X-Note: $\r\n", ""},
		{"the name of an unknown header", "GET", list, canaryLogin + "X-$: 1\r\n", ""},
		{"a header that is shown", "GET", list, canaryLogin + "Accept-Language: $\r\n", ""},
		{"a cookie", "GET", list, canaryLogin + "Cookie: a=$\r\n", ""},
		{"the referer", "GET", list, canaryLogin + "Referer: https://erp.example.com/$?a=$\r\n", ""},
		{"the user agent", "GET", list, canaryLogin + "User-Agent: erp/1.0 (password=$)\r\n", ""},
		{"a bearer token", "GET", list, "Authorization: Bearer $\r\n", ""},
		{"a bare Authorization", "GET", list, "Authorization: $\r\n", ""},
		{"the method", "X$", list, canaryLogin, ""},
		{"a type's parameter", "POST", list, canaryLogin + "Content-Type: application/json; note=$\r\n", `{}`},
		{"a type", "POST", list, canaryLogin + "Content-Type: application/$\r\n", `{}`},
		{
			"a boundary", "POST", list, canaryLogin + "Content-Type: multipart/form-data; boundary=$\r\n",
			"--$\r\nContent-Type: application/json\r\n\r\n{}\r\n--$--\r\n",
		},
		{"a file name", "POST", list, canaryLogin + "Content-Type: multipart/form-data; boundary=b\r\n",
			"--b\r\nContent-Type: application/pdf\r\nContent-Disposition: file; filename=\"$.pdf\"; documentid=1; " +
				"note=$\r\n\r\n%PDF\r\n--b--\r\n"},
		{
			"a member's value", "POST", list, canaryLogin + "Content-Type: application/json\r\n",
			`{"emailSubject":"$","status":"created"}`,
		},
		{"a member's name", "POST", list, canaryLogin + "Content-Type: application/json\r\n", `{"$":1,"status":"created"}`},
		{
			"an operation", "POST", "/api/3.0/api.asmx", soap,
			envelope(annaSecurity(), `<$ xmlns="http://www.docusign.net/API/3.0"/>`),
		},
		{
			"a namespace", "POST", "/api/3.0/api.asmx", soap,
			envelope(annaSecurity(), `<RequestStatus xmlns="http://www.docusign.net/API/$"/>`),
		},
		{
			"an attribute", "POST", "/api/3.0/api.asmx", soap,
			envelope(annaSecurity(), strings.Replace(status, "<EnvelopeID", `<EnvelopeID note="$"`, 1)),
		},
		{
			"a comment and an instruction", "POST", "/api/3.0/api.asmx", soap,
			`<?xml version="1.0" encoding="utf-8"?>` + envelope(annaSecurity(), "<!-- $ -->"+status),
		},
		{
			"the SOAP action", "POST", "/api/3.0/api.asmx", strings.Replace(soap, "RequestStatus", "$", 1),
			envelope(annaSecurity(), status),
		},
		{
			"the name in a UsernameToken", "POST", "/api/3.0/api.asmx", soap,
			envelope(security(usernameToken("["+canaryKey+"]$", "x")), status),
		},
		{
			"the key in a UsernameToken", "POST", "/api/3.0/api.asmx", soap,
			envelope(security(usernameToken("[$]anna@example.com", "x")), status),
		},
		{"the e-mail of credential.asmx", "POST", "/api/3.0/credential.asmx", strings.Replace(
			soap, "API/3.0/RequestStatus", "API/Credential/Login", 1,
		),
			envelope(
				"",
				`<Login xmlns="http://www.docusign.net/API/Credential"><Email>[`+canaryKey+`]$</Email><Password>x</Password>`+
					`</Login>`,
			)},
		{
			"form fields", "POST", "/restapi/v2/oauth2/token", form,
			"grant_type=password&client_id=$&username=$&password=$&scope=$",
		},
		{
			"a form's grant", "POST", "/restapi/v2/oauth2/token", form,
			"grant_type=$&client_id=" + canaryKey + "&username=anna@example.com&password=x&scope=api",
		},
		{"the name of a service", "POST", "/api/3.0/$.asmx", soap, envelope(annaSecurity(), status)},
		{"an operation in the path", "GET", "/api/3.0/credential.asmx/$?Password=$", "", ""},
		{"a password's parameter", "GET", canaryAccount + "?password=$&x$password=1", canaryLogin, ""},
		{
			"a form's user name", "POST", "/restapi/v2/oauth2/token", form,
			"grant_type=password&client_id=" + canaryKey + "&username=$&password=x&scope=api",
		},
	}
}

func annaSecurity() string { return security(annaToken) }

// canaryDoors are the ways in. Each sends the call and reads what comes; what is answered does not matter here.
func canaryDoors(r *rig) map[string]func(t *testing.T, c canary) {
	say := func(w *apptest.Wire, origin string, c canary) {
		w.T.Helper()
		length := ""
		if c.body != "" {
			length = fmt.Sprintf("Content-Length: %d\r\n", len(c.body))
		}
		w.Send(
			c.method + " " + origin + c.target + " HTTP/1.1\r\nHost: demo.docusign.net\r\nConnection: close\r\n" + c.headers +
				length + "\r\n" + c.body,
		)
		_, _ = w.Hear(c.method)
	}
	return map[string]func(*testing.T, canary){
		"sidecar": func(t *testing.T, c canary) { say(r.Dial(t, call.DoorSidecar), "", c) },
		"forward": func(t *testing.T, c canary) { say(r.Dial(t, call.DoorSidecar), "http://demo.docusign.net", c) },
		"connect": func(t *testing.T, c canary) { say(r.Tunnel(t, apptest.ConnectDemo), "", c) },
		"hosts":   func(t *testing.T, c canary) { say(r.DialTLS(t, call.DoorHosts, "demo.docusign.net"), "", c) },
	}
}

// TestASecretInAWrongPlaceIsShownNowhere puts a secret into every place of a call, at every door, and looks for it in
// everything that people can see.
func TestASecretInAWrongPlaceIsShownNowhere(t *testing.T) {
	t.Parallel()
	for _, unknown := range []string{"reject", "observe"} {
		t.Run("unknown: "+unknown, func(t *testing.T) {
			r := newRig(t, func(w *fixture.Config) { w.Extra = map[string]any{"unknown": unknown} })
			needles := map[string]string{}
			doors := canaryDoors(r)
			for _, door := range slices.Sorted(maps.Keys(doors)) {
				id := r.startCapture(t)
				for i, c := range canaries() {
					needle := fmt.Sprintf("Zq7c4n4ry%s%02d", door[:1], i)
					needles[needle] = c.where + " at the door " + door
					replace := strings.NewReplacer("$", needle)
					doors[door](t, canary{
						c.where, c.method, replace.Replace(c.target), replace.Replace(c.headers), replace.Replace(c.body),
					})
				}
				if door == "sidecar" {
					r.sendCanaryTargets(t, needles)
				}
				files, har := r.fetchCapture(t, id)
				for name, text := range files {
					lookForCanaries(t, "the capture's "+name, text, needles)
				}
				lookForCanaries(t, "the HAR", har, needles)
				r.captures(t, http.MethodDelete, "/"+id, "")
			}
			for _, page := range []string{"/", "/unknown", "/security", "/api/status", "/metrics"} {
				lookForCanaries(t, page, r.Do(nil, apptest.Request(t, "GET", r.AdminURL()+page, nil)).Body, needles)
			}
			r.Halt()
			lookForCanaries(t, "the log", r.Log.String(), needles)
			state, err := os.ReadFile(filepath.Join(r.Dir, "state.db"))
			if err != nil {
				t.Fatal(err)
			}
			lookForCanaries(t, "the state file", string(state), needles)
		})
	}
}

// sendCanaryTargets puts secrets into what names the host.
func (r *rig) sendCanaryTargets(t *testing.T, needles map[string]string) {
	t.Helper()
	for i, head := range []string{
		"CONNECT anna:$@demo.docusign.net:443 HTTP/1.1\r\nHost: demo.docusign.net\r\n\r\n",
		"CONNECT $:443 HTTP/1.1\r\nHost: $\r\n\r\n",
		"CONNECT demo.docusign.net:$ HTTP/1.1\r\nHost: x\r\n\r\n",
		"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\nUser-Agent: a password=$\r\nProxy-Authorization: Basic " +
			base64.StdEncoding.EncodeToString([]byte("$:x")) + "\r\n\r\n",
		"GET http://anna:$@demo.docusign.net" + apptest.ListPath + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"GET http://$/restapi/v2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"GET " + apptest.ListPath + " HTTP/1.1\r\nHost: $\r\nConnection: close\r\n\r\n",
		"GET " + apptest.ListPath + " HTTP/1.1\r\nHost: x/$\r\nConnection: close\r\n\r\n",
	} {
		needle := fmt.Sprintf("Zq7c4n4ryt%02d", i)
		needles[needle] = "the target " + head[:20]
		w := r.Dial(t, call.DoorSidecar)
		w.Send(strings.ReplaceAll(head, "$", needle))
		_, _ = w.Hear("GET")
		_ = w.Close()
	}
}

func lookForCanaries(t *testing.T, where, text string, needles map[string]string) {
	t.Helper()
	lower := strings.ToLower(text)
	for needle, what := range needles {
		if i := strings.Index(lower, strings.ToLower(needle)); i >= 0 {
			t.Errorf("%s is in %s: …%s…", what, where, text[max(0, i-120):min(len(text), i+40)])
		}
	}
}
