package app_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/translate/soaprest/journal"
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
	const words = "the SOAP calls of nightly-billing go"
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

const dsapi = "/api/3.0/dsapi.asmx"

// operation is an operation of the envelope services with these elements.
func operation(name, elements string) string {
	return "<" + name + ` xmlns="` + namespaceAPI + `">` + elements + "</" + name + ">"
}

// overRESTDoors are the ways in, with what a program dials there.
func (r *rig) overRESTDoors() map[string]struct {
	origin string
	client *http.Client
} {
	hosts := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: r.ProxyCA()},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, r.Addr(call.DoorHosts))
		},
	}
	r.T.Cleanup(hosts.CloseIdleConnections)
	return map[string]struct {
		origin string
		client *http.Client
	}{
		"sidecar": {r.Sidecar(), nil},
		"forward": {"http://demo.docusign.net", r.ForwardClient()},
		"connect": {"https://demo.docusign.net", r.ForwardClient()},
		"hosts":   {"https://demo.docusign.net", &http.Client{Transport: hosts}},
	}
}

func TestSOAPOverRESTThroughEveryDoor(t *testing.T) {
	t.Parallel()
	r := overREST(t, nil)
	for name, door := range r.overRESTDoors() {
		t.Run(name, func(t *testing.T) {
			post := func(path, message string, headers ...string) apptest.Answer {
				return r.Do(door.client, soapPost(t, door.origin+path, message, headers...))
			}
			login := post("/api/3.0/credential.asmx",
				credentialCall("Login", annaName, "anna-legacy-1", "<ReturnBaseUrl>true</ReturnBaseUrl>"))
			if login.Status != 200 || !strings.Contains(login.Body, "<BaseUrl>"+door.origin) {
				t.Errorf("Login: status %d: %s", login.Status, login.Body)
			}
			for _, c := range []struct{ operation, elements, want string }{
				{"Ping", "", "<PingResult>true</PingResult>"},
				{"RequestStatus", "<EnvelopeID>" + sandbox.CaptureEnvelopeID + "</EnvelopeID>", "<Status>Sent</Status>"},
				{
					"RequestDocumentPDFs", "<EnvelopeID>" + sandbox.CaptureEnvelopeID + "</EnvelopeID>",
					"<Name>Summary</Name><PDFBytes>",
				},
			} {
				for service, headers := range map[string][]string{
					"/api/3.0/api.asmx": nil, dsapi: {"X-DocuSign-Authentication", annaHeaderXML},
				} {
					header := security(annaToken)
					if headers != nil {
						header = ""
					}
					got := post(service, soapEnvelope(header, operation(c.operation, c.elements)), headers...)
					if got.Status != 200 || !strings.Contains(got.Body, c.want) {
						t.Errorf("%s at %s: status %d, no %q in %.2000s", c.operation, service, got.Status, c.want, got.Body)
					}
				}
			}
		})
	}
	r.noSOAP()
}

// TestWhatDocuSignSeesOfSOAPOverREST: a token and the program's name, nothing of the message's header.
func TestWhatDocuSignSeesOfSOAPOverREST(t *testing.T) {
	t.Parallel()
	r := overREST(t, nil)
	message := soapEnvelope(security(annaToken),
		operation("RequestStatus", "<EnvelopeID>"+sandbox.CaptureEnvelopeID+"</EnvelopeID>"))
	r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/api.asmx", message, "User-Agent", "old-program/1.0"))
	rec := r.Last(t)
	if rec.Method != "GET" || !strings.HasPrefix(rec.Path, "/restapi/v2.1/accounts/") ||
		!strings.HasSuffix(rec.Path, "/envelopes/"+sandbox.CaptureEnvelopeID) {
		t.Errorf("%s %s reached DocuSign", rec.Method, rec.Path)
	}
	for name, want := range map[string]string{
		"Accept": "application/json", "User-Agent": "old-program/1.0", "X-Docusign-Authentication": "", "Soapaction": "",
	} {
		if got := rec.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if !strings.Contains(apptest.TokenUser(t, rec.Header.Get("Authorization")), sandbox.AnnaID) {
		t.Errorf("Authorization is %s", rec.Header.Get("Authorization"))
	}
	log := r.Log.String()
	for _, part := range []string{
		"operation=RequestStatus", "class=whole", "rest_calls=2", "envelope=" + sandbox.CaptureEnvelopeID, "api=soap_api",
		"site=demo.docusign.net", "outcome=ok", "trace_token=",
	} {
		if !strings.Contains(log, part) {
			t.Errorf("no %s in %s", part, r.lastLines())
		}
	}
	r.noSOAP()
}

func TestAnAnswerOverRESTNamesTheMessageIDOfItsRequest(t *testing.T) { // SOAP-REST.md §2.0
	t.Parallel()
	r := overREST(t, nil)
	header := `<MessageID xmlns="http://www.w3.org/2005/08/addressing">urn:uuid:7&amp;</MessageID>` + security(annaToken)
	got := r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/api.asmx", soapEnvelope(header, operation("Ping", ""))))
	if got.Status != 200 || !strings.Contains(got.Body, "<wsa:RelatesTo>urn:uuid:7&amp;</wsa:RelatesTo>") {
		t.Errorf("status %d: %s", got.Status, got.Body)
	}
}

func TestFaultsOverREST(t *testing.T) {
	t.Parallel()
	r := overREST(t, nil)
	for _, c := range []struct {
		name, header, operation, fault, log string
		calls                               int // that reach a site
	}{
		{
			"an operation that is not carried out", security(annaToken), operation("TransferEnvelope", ""),
			"TransferEnvelope: cannot be carried out over REST (proxy). Nothing was sent.", "cause=soap_refused", 0,
		},
		{
			"a message against the schema", security(annaToken),
			operation("RequestPDFWithCert", "<EnvelopeID>x</EnvelopeID><AddWaterMark>maybe</AddWaterMark>"),
			"<faultstring>Validation error: ", "cause=soap_refused", 0,
		},
		{
			"an envelope that DocuSign does not have", security(annaToken),
			operation("RequestStatus", "<EnvelopeID>a1b2c3d4-0000-4000-8000-00000000dead</EnvelopeID>"),
			"<faultstring>Envelope_Does_Not_Exist</faultstring>", "cause=docusign_4", -1,
		},
		{
			"a wrong password", security(usernameToken("["+sandbox.GUIDKey+"]anna@example.com", "wrong")),
			operation("RequestStatus", "<EnvelopeID>"+sandbox.CaptureEnvelopeID+"</EnvelopeID>"),
			"User_Authentication_Failed", "cause=bad_login", 0,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.Sandbox.ResetCounts()
			got := r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/api.asmx", soapEnvelope(c.header, c.operation)))
			if got.Status != 500 || !strings.Contains(got.Body, c.fault) {
				t.Errorf("status %d, no %q in %s", got.Status, c.fault, got.Body)
			}
			if cause := got.Header.Get("X-DocuSign-Auth-Proxy-Cause"); !strings.HasPrefix("cause="+cause, c.log) {
				t.Errorf("the cause is %q", cause)
			}
			if n := len(r.AtSites()); c.calls >= 0 && n != c.calls {
				t.Errorf("%d calls reached a site, want %d", n, c.calls)
			}
			if log := r.Log.String(); !strings.Contains(log, c.log) || strings.Contains(log, `: "`) {
				t.Errorf("no %s, or a sentence without an end, in %s", c.log, r.lastLines())
			}
		})
	}
	r.noSOAP()
}

// TestNoRoomForDocumentsIsTroubleOfTheProxy so that nobody looks for it at DocuSign.
func TestNoRoomForDocumentsIsTroubleOfTheProxy(t *testing.T) {
	t.Parallel()
	r := overREST(t, func(c *fixture.Config) {
		c.Edit = func(integrations []map[string]any) {
			integrations[1]["soap"] = "rest"
			integrations[1]["soap_rest"] = map[string]any{"spool_max": "1MiB"}
		}
	})
	document := "<Document><ID>1</ID><Name>a.pdf</Name><PDFBytes>" + strings.Repeat("JVBERi0x", 300_000) +
		"</PDFBytes></Document>"
	got := r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/api.asmx", soapEnvelope(security(annaToken),
		operation("CreateEnvelope", "<Envelope><Documents>"+document+"</Documents></Envelope>"))))
	if got.Status != 500 || !strings.Contains(got.Body, "the quota of the spool is used up. Nothing was sent.") {
		t.Errorf("status %d: %s", got.Status, got.Body)
	}
	for _, part := range []string{"outcome=internal_error", "cause=soap_failed", "soap_rest.spool_max"} {
		if !strings.Contains(r.Log.String(), part) {
			t.Errorf("no %s in %s", part, r.lastLines())
		}
	}
	r.noSOAP()
}

// TestATokenThatDocuSignRefusesOnceOverREST is renewed, also for a call that changes something.
func TestATokenThatDocuSignRefusesOnceOverREST(t *testing.T) {
	t.Parallel()
	r := overREST(t, nil)
	post := func(name, elements string) apptest.Answer {
		return r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/api.asmx",
			soapEnvelope(security(annaToken),
				operation(name, "<EnvelopeID>"+sandbox.CaptureEnvelopeID+"</EnvelopeID>"+elements))))
	}
	if got := post("RequestStatus", ""); got.Status != 200 {
		t.Fatalf("status %d: %s", got.Status, got.Body)
	}
	r.Sandbox.RevokeTokens(sandbox.AnnaID)
	got := post("VoidEnvelope", "<Reason>a mistake</Reason>")
	if got.Status != 200 || !strings.Contains(got.Body, "<VoidSuccess>true</VoidSuccess>") {
		t.Errorf("status %d: %s", got.Status, got.Body)
	}
	if !strings.Contains(r.Log.String(), "replayed=token_refused") {
		t.Errorf("the log is %s", r.lastLines())
	}
	r.Sandbox.RevokeTokens(sandbox.AnnaID)
	r.Sandbox.Revoke(sandbox.GUIDKey, sandbox.AnnaID)
	got = post("RequestPDF", "")
	if got.Status != 500 || got.Header.Get("X-DocuSign-Auth-Proxy-Cause") != "consent_required" {
		t.Errorf("without consent: status %d, %v: %s", got.Status, got.Header, got.Body)
	}
	r.noSOAP()
}

// TestSOAPOverRESTForHTTP10: old stacks need a length, and close.
func TestSOAPOverRESTForHTTP10(t *testing.T) {
	t.Parallel()
	r := overREST(t, nil)
	message := soapEnvelope(security(annaToken),
		operation("RequestDocumentPDFs", "<EnvelopeID>"+sandbox.CaptureEnvelopeID+"</EnvelopeID>"))
	w := r.Dial(t, call.DoorSidecar)
	w.Send("POST /api/3.0/api.asmx HTTP/1.0\r\nContent-Type: text/xml; charset=utf-8\r\nSOAPAction: \"\"\r\n" +
		"Content-Length: " + strconv.Itoa(len(message)) + "\r\n\r\n" + message)
	got := w.Read("POST")
	if got.Status != 200 || got.Length != int64(len(got.Body)) || len(got.Encoding) > 0 ||
		!strings.HasSuffix(got.Body, "</soap:Envelope>") {
		t.Errorf("status %d, length %d of %d, %v: %.500s", got.Status, got.Length, len(got.Body), got.Encoding, got.Body)
	}
}

// createAndSend is a contract of one page for one signer.
func createAndSend(transaction string, document []byte, recipient string) string {
	return operation("CreateAndSendEnvelope", `<Envelope><TransactionID>`+transaction+`</TransactionID><AccountId>`+
		sandbox.ExampleAccountID+`</AccountId><Documents><Document><ID>1</ID><Name>Contract.pdf</Name><PDFBytes>`+
		base64.StdEncoding.EncodeToString(document)+`</PDFBytes><FileExtension>pdf</FileExtension></Document></Documents>`+
		`<Recipients><Recipient><ID>1</ID><UserName>Cora</UserName><Email>cora@example.com</Email><Type>Signer</Type>`+
		`<AccessCode/><RequireIDLookup>false</RequireIDLookup><RoutingOrder>1</RoutingOrder>`+recipient+
		`</Recipient></Recipients>`+
		`<Tabs><Tab><DocumentID>1</DocumentID><RecipientID>1</RecipientID><PageNumber>1</PageNumber>`+
		`<XPosition>100</XPosition><YPosition>200</YPosition><Type>SignHere</Type></Tab></Tabs>`+
		`<Subject>Please sign</Subject><EmailBlurb>As agreed.</EmailBlurb></Envelope>`)
}

var envelopeID = regexp.MustCompile(`<EnvelopeID>([0-9a-f-]{36})</EnvelopeID>`)

// TestAnEnvelopeOverREST is sent, asked for, repeated after a reload and a restart, and voided: one envelope.
func TestAnEnvelopeOverREST(t *testing.T) {
	t.Parallel()
	r := overREST(t, nil)
	post := func(body string) apptest.Answer {
		return r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/api.asmx", soapEnvelope(security(annaToken), body)))
	}
	document := bytes.Repeat([]byte("%PDF c4n4ry-d0cument "), 100_000)
	before := r.Sandbox.Counts().Envelopes
	contract := createAndSend("contract-1", document, "")
	made := post(contract)
	found := envelopeID.FindStringSubmatch(made.Body)
	if made.Status != 200 || found == nil || !strings.Contains(made.Body, "<Status>Sent</Status>") {
		t.Fatalf("status %d: %.2000s", made.Status, made.Body)
	}
	rec := r.Last(t)
	if rec.Method != "POST" || !strings.HasPrefix(rec.Header.Get("Content-Type"), "multipart/form-data") ||
		!bytes.Contains(rec.Body, document[:32<<10]) { // the sandbox keeps no more
		t.Errorf("%s %s, %s, %d bytes", rec.Method, rec.Path, rec.Header.Get("Content-Type"), len(rec.Body))
	}
	repeated := func(when string) {
		t.Helper()
		if again := post(contract); again.Status != 200 || !strings.Contains(again.Body, found[0]) {
			t.Errorf("%s: status %d: %.2000s", when, again.Status, again.Body)
		}
		if n := r.Sandbox.Counts().Envelopes - before; n != 1 {
			t.Errorf("%s there are %d envelopes, want 1", when, n)
		}
	}
	repeated("at once")
	r.Reloaded(t, func(s apptest.Section) {
		apptest.IntegrationSection(s, "nightly-billing")["soap_rest"] = apptest.Section{"time_zone": "UTC"}
	})
	repeated("after a reload")
	if status := post(operation("RequestStatus", found[0])); !strings.Contains(status.Body, "<Status>Sent</Status>") ||
		!regexp.MustCompile(`<Created>[^<]*Z</Created>`).MatchString(status.Body) {
		t.Errorf("the status is %.2000s", status.Body)
	}
	log := r.Log.String()
	r.Restart()
	repeated("after a restart")
	voided := post(operation("VoidEnvelope", found[0]+"<Reason>a mistake</Reason>"))
	if !strings.Contains(voided.Body, "<VoidSuccess>true</VoidSuccess>") {
		t.Errorf("the void is %s", voided.Body)
	}
	if status := post(operation("RequestStatus", found[0])); !strings.Contains(status.Body, "<Status>Voided</Status>") {
		t.Errorf("the status is %.2000s", status.Body)
	}
	metrics := r.Do(nil, apptest.Request(t, "GET", r.AdminURL()+"/metrics", nil)).Body
	for _, line := range []string{
		`docusign_auth_proxy_soap_journal_entries{state="done"} 1`, `docusign_auth_proxy_soap_spool_bytes 0`,
		`docusign_auth_proxy_soap_creations_total{integration="nightly-billing",result="repeated"} 1`,
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("no %s in the metrics", line)
		}
	}
	for _, part := range []string{"journal=done", "journal=repeated", "envelope=" + found[1]} {
		if !strings.Contains(log, part) {
			t.Errorf("no %s in the log", part)
		}
	}
	for _, canary := range []string{"c4n4ry", "anna-legacy-1", "cora@example.com"} {
		if strings.Contains(log+r.Log.String()+metrics, canary) {
			t.Errorf("%s shows", canary)
		}
	}
	r.noSOAP()
}

// TestASignerComesBackOverREST: "declined" is never read as "signed".
func TestASignerComesBackOverREST(t *testing.T) {
	t.Parallel()
	r := overREST(t, nil)
	post := func(body string) apptest.Answer {
		return r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/api.asmx", soapEnvelope(security(annaToken), body)))
	}
	made := post(createAndSend("", []byte("%PDF"), "<CaptiveInfo><ClientUserId>c-1</ClientUserId></CaptiveInfo>"))
	found := envelopeID.FindString(made.Body)
	if made.Status != 200 || found == "" {
		t.Fatalf("status %d: %.2000s", made.Status, made.Body)
	}
	const back = "https://app.example.com/back?secret=c4n4ry&event="
	request := operation("RequestRecipientToken", found+`<ClientUserID>c-1</ClientUserID><Username>Cora</Username>`+
		`<Email>cora@example.com</Email><AuthenticationAssertion><AssertionID>a-1</AssertionID>`+
		`<AuthenticationInstant>2026-11-20T10:06:00</AuthenticationInstant><AuthenticationMethod>Password`+
		`</AuthenticationMethod><SecurityDomain>app.example.com</SecurityDomain></AuthenticationAssertion><ClientURLs>`+
		strings.ReplaceAll(`<OnSigningComplete>`+back+`Signed</OnSigningComplete><OnDecline>`+back+`Declined</OnDecline>`+
			`<OnException>`+back+`Trouble</OnException>`, "&", "&amp;")+`</ClientURLs>`)
	if got := post(request); got.Status != 500 || !strings.Contains(got.Body, "Nothing was sent") {
		t.Errorf("without an address for browsers: status %d: %s", got.Status, got.Body)
	}
	r.Reloaded(t, func(s apptest.Section) {
		apptest.IntegrationSection(s, "nightly-billing")["soap_rest"] = apptest.Section{"public_url": r.Sidecar()}
	})
	got := post(request)
	if got.Status != 200 || !strings.Contains(got.Body, "<RequestRecipientTokenResult>https://") {
		t.Fatalf("status %d: %s", got.Status, got.Body)
	}
	var asked struct {
		ReturnURL string `json:"returnUrl"`
	}
	if err := json.Unmarshal(r.Last(t).Body, &asked); err != nil ||
		!strings.HasPrefix(asked.ReturnURL, r.Sidecar()+"/ds-return/") {
		t.Fatalf("DocuSign is told to come back to %q (%v)", asked.ReturnURL, err)
	}
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for event, word := range map[string]string{
		"signing_complete": "Signed", "decline": "Declined", "exception": "Trouble", "ttl_expired": "Trouble",
	} {
		came := r.Do(browser, apptest.Request(t, "GET", asked.ReturnURL+"?event="+event, nil))
		if came.Status != 302 || came.Header.Get("Location") != back+word || came.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s leads with status %d to %q", event, came.Status, came.Header.Get("Location"))
		}
	}
	state := strings.TrimPrefix(asked.ReturnURL, r.Sidecar()+"/ds-return/")
	if log := r.Log.String(); strings.Contains(log, state) || strings.Contains(log, "c4n4ry") {
		t.Error("the log shows where a signer is led")
	}
	r.noSOAP()
}

// TestAnAnswerOverRESTThatBreaksOff looks cut to the program: never a short document that seems whole.
func TestAnAnswerOverRESTThatBreaksOff(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"HTTP/1.0", "HTTP/1.1"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			r := overREST(t, nil)
			const path = "/restapi/v2.1/accounts/" + sandbox.CaptureAccountID + "/envelopes/" +
				sandbox.CaptureEnvelopeID + "/documents/combined"
			r.Sandbox.FailNext(sandbox.FailureSpec{Path: path, Drop: sandbox.DropMidAnswer})
			message := soapEnvelope(security(annaToken),
				operation("RequestPDF", "<EnvelopeID>"+sandbox.CaptureEnvelopeID+"</EnvelopeID>"))
			w := r.Dial(t, call.DoorSidecar)
			w.Send("POST /api/3.0/api.asmx " + protocol + "\r\nHost: x\r\nContent-Type: text/xml; charset=utf-8\r\n" +
				"Content-Length: " + strconv.Itoa(len(message)) + "\r\n\r\n" + message)
			got, err := w.Hear("POST")
			if err == nil && got.Err == nil && got.Status == 200 {
				t.Errorf("the answer looks whole: %.300s", got.Body)
			}
			if strings.Contains(got.Body, "</soap:Envelope>") && got.Status == 200 {
				t.Errorf("the answer has its end: %.300s", got.Body)
			}
			if log := r.Log.String(); !strings.Contains(log, "cause=cut_off") && got.Status == 200 {
				t.Errorf("the log is %s", r.lastLines())
			}
		})
	}
}

// TestShapesOfSOAPMessagesOverREST: however the message comes, DocuSign gets the document.
func TestShapesOfSOAPMessagesOverREST(t *testing.T) {
	t.Parallel()
	const document = "%PDF-1.4 \x00\xff document"
	inline := base64.StdEncoding.EncodeToString([]byte(document))
	plain := soapEnvelope(security(annaToken), sendEnvelopeBody(inline))
	r := overREST(t, nil)
	for _, c := range []struct {
		name, contentType, coding string
		body                      []byte
	}{
		{"plain", "text/xml; charset=utf-8", "", []byte(plain)},
		{"compressed", "text/xml; charset=utf-8", "gzip", zipped(t, plain)},
		{"UTF-16", "text/xml; charset=utf-16", "", inUTF16(plain, binary.LittleEndian, true)},
		{
			"SOAP 1.2", "application/soap+xml; charset=utf-8", "",
			[]byte(soapEnvelopeOf(envelope12, security(annaToken), sendEnvelopeBody(inline))),
		},
		{
			"MTOM", `multipart/related; type="application/xop+xml"; start="<root@cxf.apache.org>"; start-info="text/xml"; ` +
				`boundary="uuid:1"`, "",
			[]byte(mtomMessage(soapEnvelope(security(annaToken), sendEnvelopeBody(
				`<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:pdf%40example.com"/>`)), document)),
		},
	} {
		for _, chunked := range []bool{false, true} {
			t.Run(c.name+", chunked "+strconv.FormatBool(chunked), func(t *testing.T) {
				r.Sandbox.ResetCounts()
				var body io.Reader = bytes.NewReader(c.body)
				if chunked {
					body = io.MultiReader(body) // whose length nobody knows
				}
				req := apptest.Request(t, "POST", r.Sidecar()+"/api/3.0/api.asmx", body, "Content-Type", c.contentType)
				if c.coding != "" {
					req.Header.Set("Content-Encoding", c.coding)
				}
				got := r.Do(nil, req)
				if got.Status != 200 || !envelopeID.MatchString(got.Body) {
					t.Fatalf("status %d: %.2000s", got.Status, got.Body)
				}
				if c.name == "SOAP 1.2" != strings.HasPrefix(got.Header.Get("Content-Type"), "application/soap+xml") {
					t.Errorf("Content-Type is %s", got.Header.Get("Content-Type"))
				}
				if !bytes.Contains(r.Last(t).Body, []byte(document)) {
					t.Errorf("the document did not arrive: %q", r.Last(t).Body)
				}
			})
		}
	}
	r.noSOAP()
}

// TestMessagesOverRESTThatBreakOff send nothing.
func TestMessagesOverRESTThatBreakOff(t *testing.T) {
	t.Parallel()
	r := overREST(t, nil)
	for name, end := range map[string]string{
		"the envelope does not end": "</PDFBytes>",
		"tags do not match":         "</PDFBytes></Document></Documents></Envelope></s:Body></s:Envelope>",
		"a token hides in the body": "</PDFBytes></Document></Documents>" +
			strings.Replace(security(annaToken), `s:mustUnderstand="1"`, "", 1) +
			"</Envelope></CreateAndSendEnvelope></s:Body></s:Envelope>",
	} {
		t.Run(name, func(t *testing.T) {
			body, length := largeEnvelope(security(annaToken), 4<<20, end)
			got := r.Do(nil, sendLarge(t, r, body, length))
			if got.Status != 500 || !strings.Contains(got.Body, "<soap:Fault>") || !strings.Contains(got.Body, "soap:Client") {
				t.Errorf("status %d, %s\n%s", got.Status, got.Body, r.lastLines())
			}
			if n := len(r.AtSites()); n != 0 {
				t.Errorf("%d calls reached a site", n)
			}
		})
	}
	t.Run("the program hangs up", func(t *testing.T) {
		message := soapEnvelope(security(annaToken), sendEnvelopeBody("QUJD"))
		w := r.Dial(t, call.DoorSidecar)
		w.Send("POST /api/3.0/api.asmx HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: " +
			strconv.Itoa(len(message)) + "\r\n\r\n" + message[:len(message)-200])
		_ = w.Close()
		apptest.Eventually(t, "the call is recorded", func() bool {
			return strings.Contains(r.Log.String(), "cause=client_gone") || strings.Contains(r.Log.String(), "cause=bad_request")
		})
		if n := len(r.AtSites()); n != 0 {
			t.Errorf("%d calls reached a site", n)
		}
	})
	r.noSOAP()
}

// TestAnAccountThatMovedOverREST: SOAP found an account at any site, REST does not (SOAP-REST.md §6.5).
func TestAnAccountThatMovedOverREST(t *testing.T) {
	t.Parallel()
	r := overREST(t, nil)
	post := func(name, elements string) apptest.Answer {
		return r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/api.asmx", soapEnvelope(security(annaToken),
			operation(name, "<EnvelopeID>"+sandbox.CaptureEnvelopeID+"</EnvelopeID>"+elements))))
	}
	if got := post("RequestStatus", ""); got.Status != 200 {
		t.Fatalf("status %d: %s", got.Status, got.Body)
	}
	r.Sandbox.MoveAccount(sandbox.CaptureAccountID, "na3.docusign.net")
	got := post("VoidEnvelope", "<Reason>a mistake</Reason>")
	if got.Status != 200 || !strings.Contains(got.Body, "<VoidSuccess>true</VoidSuccess>") {
		t.Errorf("status %d: %s", got.Status, got.Body)
	}
	if rec := r.Last(t); rec.Site != "na3.docusign.net" || rec.Method != "PUT" {
		t.Errorf("%s reached %s", rec.Method, rec.Site)
	}
	if !strings.Contains(r.Log.String(), "replayed=wrong_site") {
		t.Errorf("the log is %s", r.lastLines())
	}
	r.noSOAP()
}

// TestACreationThatACrashLeftOpen is looked up after the start, as whoever called: nobody has to call again.
func TestACreationThatACrashLeftOpen(t *testing.T) {
	t.Parallel()
	r := overREST(t, nil)
	message := soapEnvelope(security(annaToken), createAndSend("contract-2", []byte("%PDF"), ""))
	if got := r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/api.asmx", message)); got.Status != 200 {
		t.Fatalf("status %d: %.2000s", got.Status, got.Body)
	}
	r.Halt()
	state, err := store.Open(filepath.Join(r.Dir, "state.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range state.Creations().Find(func(journal.Entry) bool { return true }) {
		e.State, e.EnvelopeID, e.Status, e.Settled = journal.Intended, "", "", time.Time{} // as a crash leaves it
		if err := state.Creations().Put(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := state.Close(); err != nil {
		t.Fatal(err)
	}
	r.Start()
	apptest.Eventually(t, "the envelope is found", func() bool {
		time.Sleep(100 * time.Millisecond)
		return strings.Contains(r.Do(nil, apptest.Request(t, "GET", r.AdminURL()+"/metrics", nil)).Body,
			`docusign_auth_proxy_soap_journal_entries{state="done"} 1`)
	})
	r.noSOAP()
}

// TestConcurrentCallsOverREST make one envelope of one message, and share nothing else.
func TestConcurrentCallsOverREST(t *testing.T) {
	t.Parallel()
	r := overREST(t, nil)
	before := r.Sandbox.Counts().Envelopes
	message := soapEnvelope(security(annaToken), createAndSend("", []byte("%PDF"), ""))
	ids := make(chan string, 8)
	var calls sync.WaitGroup
	for range cap(ids) {
		calls.Go(func() {
			resp, err := http.DefaultClient.Do(soapPost(t, r.Sidecar()+"/api/3.0/api.asmx", message))
			if err != nil {
				ids <- err.Error()
				return
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body) // what is cut off has no id
			ids <- envelopeID.FindString(string(body))
		})
	}
	calls.Wait()
	close(ids)
	all := map[string]bool{}
	for id := range ids {
		all[id] = true
	}
	if made := r.Sandbox.Counts().Envelopes - before; len(all) != made || all[""] {
		t.Errorf("%d envelopes for the ids %v", made, all)
	}
}

// TestTheAccountOfACallOverREST is the one that the message names, by number or GUID, and never another.
func TestTheAccountOfACallOverREST(t *testing.T) {
	t.Parallel()
	r := overREST(t, nil)
	for name, c := range map[string]struct{ written, account string }{
		"by its GUID":            {sandbox.ExampleAccountID, sandbox.ExampleAccountID},
		"by its number":          {"1234567", sandbox.ExampleAccountID},
		"in braces":              {"{" + strings.ToUpper(sandbox.CaptureAccountID) + "}", sandbox.CaptureAccountID},
		"one of somebody else's": {"a1b2c3d4-0000-4000-8000-0000000000aa", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r.Sandbox.ResetCounts()
			body := strings.Replace(createAndSend("", []byte("%PDF "+name), ""), sandbox.ExampleAccountID, c.written, 1)
			got := r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/api.asmx", soapEnvelope(security(annaToken), body)))
			sent := r.AtSites()
			switch {
			case c.account == "":
				if got.Status != 500 || len(sent) != 0 || got.Header.Get("X-DocuSign-Auth-Proxy-Cause") != "principal_not_allowed" {
					t.Errorf("status %d, %d calls, %v: %s", got.Status, len(sent), got.Header, got.Body)
				}
			case got.Status != 200 || len(sent) != 1 ||
				sent[0].Path != "/restapi/v2.1/accounts/"+c.account+"/envelopes":
				t.Errorf("status %d, sent %+v: %.1000s", got.Status, sent, got.Body)
			}
		})
	}
	r.noSOAP()
}

// TestOnBehalfOverREST sends the token of whom is acted for.
func TestOnBehalfOverREST(t *testing.T) {
	t.Parallel()
	r := overREST(t, nil)
	for name, username := range map[string]string{
		"anna herself":   "[" + sandbox.GUIDKey + "]anna@example.com",
		"admin for bob":  "[" + sandbox.GUIDKey + "][bob@example.com]admin@example.com",
		"anna for admin": "[" + sandbox.GUIDKey + "][admin@example.com]anna@example.com", // whom she may not act for
	} {
		t.Run(name, func(t *testing.T) {
			r.Sandbox.ResetCounts()
			password := "anna-legacy-1"
			if strings.HasSuffix(username, "]admin@example.com") {
				password = "admin-legacy-3"
			}
			got := r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/api.asmx",
				soapEnvelope(security(usernameToken(username, password)), createAndSend("", []byte("%PDF "+name), ""))))
			user, sent := map[string]string{"anna herself": sandbox.AnnaID, "admin for bob": sandbox.BobID}[name], r.AtSites()
			switch {
			case user == "":
				if got.Status != 500 || len(sent) != 0 {
					t.Errorf("status %d, %d calls: %s", got.Status, len(sent), got.Body)
				}
			case got.Status != 200 || len(sent) != 1 ||
				!strings.Contains(apptest.TokenUser(t, sent[0].Header.Get("Authorization")), user):
				t.Errorf("status %d, sent %+v: %.1000s", got.Status, sent, got.Body)
			}
		})
	}
	r.noSOAP()
}
