package app_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/sandbox"
)

const namespaceManagement = "http://www.docusign.net/API/AccountManagement"

var (
	wsdlSchema     = regexp.MustCompile(`(?s)<s:schema.*</s:schema>`)
	wsdlOperations = regexp.MustCompile(`<wsdl:operation name="([^"]+)"`)
	bodyContent    = regexp.MustCompile(`(?s)<soap:Body><([^ >]+)(.*)</soap:Body>`)
)

// schemaOf writes the XML Schema inside a WSDL, got through the proxy, to a file.
func (r *rig) schemaOf(t *testing.T, service string) (file string, wsdl string) {
	t.Helper()
	wsdl = r.Do(nil, apptest.Request(t, "GET", r.Sidecar()+"/api/3.0/"+service+".asmx?WSDL", nil)).Body
	text := wsdlSchema.FindString(wsdl)
	namespace := regexp.MustCompile(`targetNamespace="([^"]+)"`).FindStringSubmatch(text)
	if namespace == nil {
		t.Fatalf("no schema in the WSDL of %s", service)
	}
	text = strings.Replace(
		text, "<s:schema", `<s:schema xmlns:s="http://www.w3.org/2001/XMLSchema" xmlns:tns="`+namespace[1]+`"`, 1,
	)
	file = filepath.Join(t.TempDir(), service+".xsd")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, wsdl
}

// validate hands what stands in Body to xmllint.
func validate(t *testing.T, xmllint, schema string, got apptest.Answer) {
	t.Helper()
	m := bodyContent.FindStringSubmatch(got.Body)
	if m == nil {
		t.Fatalf("status %d, no envelope: %s", got.Status, got.Body)
	}
	if m[1] == "soap:Fault" {
		t.Fatalf("a fault: %s", got.Body)
	}
	cmd := exec.Command(xmllint, "--noout", "--nonet", "--schema", schema, "-")
	cmd.Stdin = strings.NewReader(
		`<?xml version="1.0" encoding="utf-8"?><` + m[1] +
			` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema"` + m[2],
	)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, out, got.Body)
	}
}

func TestAnswersFitTheSchemasInTheWSDLs(t *testing.T) {
	t.Parallel()
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		missing(t, "libxml2-utils is not installed; .ci/install installs it")
	}
	element := func(namespace, operation, content string) string {
		return `<` + operation + ` xmlns="` + namespace + `">` + content + `</` + operation + `>`
	}
	envelope := "<EnvelopeID>" + sandbox.CaptureEnvelopeID + "</EnvelopeID>"
	draft := "<EnvelopeID>" + sandbox.DraftEnvelopeID + "</EnvelopeID>"
	view := "<AccountID>" + sandbox.CaptureAccountID + "</AccountID>" + draft +
		"<ReturnURL>https://example.com/a?b=1&amp;c=2</ReturnURL>"
	for _, mode := range []string{"bearer", "app_password"} {
		r := newRig(t, soapMode(mode))
		for _, c := range []struct{ name, service, body string }{
			{"Ping of credential.asmx", "credential", soapEnvelope("", element(namespaceCredential, "Ping", ""))},
			{"Login", "credential", credentialCall("Login", annaName, "anna-legacy-1", "<ReturnBaseUrl>true</ReturnBaseUrl>")},
			{"Login without BaseUrl", "credential", credentialCall("Login", annaName, "anna-legacy-1", "")},
			{"Login that fails", "credential", credentialCall("Login", annaName, "wrong", "")},
			{
				"Login for a principal that is not allowed", "credential",
				credentialCall("Login", "["+sandbox.GUIDKey+"][bob@example.com]anna@example.com", "anna-legacy-1", ""),
			},
			{
				"GetAuthenticationToken", "credential",
				credentialCall(
					"GetAuthenticationToken", annaName, "anna-legacy-1", "<AccountID>"+sandbox.CaptureAccountID+"</AccountID>",
				),
			},
			{"RequestSenderToken", "credential", credentialCall("RequestSenderToken", annaName, "anna-legacy-1", view)},
			{
				"RequestCorrectToken", "credential",
				credentialCall(
					"RequestCorrectToken", annaName, "anna-legacy-1",
					envelope+"<SuppressNavigation>false</SuppressNavigation><ReturnURL/>",
				),
			},
			{
				"GetEncryptedPassword", "accountmanagement",
				soapEnvelope("", element(namespaceManagement, "GetEncryptedPassword", "")),
			},
			{"GetMembershipSummary", "accountmanagement", soapEnvelope("", summary)},
			{"Ping of accountmanagement.asmx", "accountmanagement", soapEnvelope("", element(namespaceManagement, "Ping", ""))},
			{"Ping of api.asmx", "api", soapEnvelope(security(annaToken), element(namespaceAPI, "Ping", ""))},
			{"Ping of dsapi.asmx", "dsapi", soapEnvelope("", element(namespaceAPI, "Ping", ""))},
			{"GetAccountMembershipFeaturesList", "dsapi", soapEnvelope("", listFeatures)},
			{"CreateAndSendEnvelope", "dsapi", soapEnvelope("", sendEnvelopeBody("JVBERi0xLjQ="))},
			{"CreateAndSendEnvelope of api.asmx", "api", soapEnvelope(security(annaToken), sendEnvelopeBody("JVBERi0xLjQ="))},
			{"RequestStatus", "api", soapEnvelope(security(annaToken), requestStatus)},
			{"RequestPDF", "api", soapEnvelope(security(annaToken), element(namespaceAPI, "RequestPDF", envelope))},
			{
				"RequestSenderToken of api.asmx", "api",
				soapEnvelope(
					security(annaToken),
					element(
						namespaceAPI, "RequestSenderToken", draft+"<AccountID>"+sandbox.CaptureAccountID+"</AccountID><ReturnURL/>",
					),
				),
			},
			{"VoidEnvelope", "dsapi", soapEnvelope("", element(namespaceAPI, "VoidEnvelope", envelope+"<Reason>no</Reason>"))},
		} {
			t.Run(mode+", "+c.name, func(t *testing.T) {
				schema, _ := r.schemaOf(t, c.service)
				req := soapPost(t, r.Sidecar()+"/api/3.0/"+c.service+".asmx", c.body)
				if c.service == "dsapi" || c.service == "accountmanagement" { // they read the header (PROTOCOL.md §4.3)
					req.Header.Set("X-DocuSign-Authentication", annaHeaderXML)
				}
				validate(t, xmllint, schema, r.Do(nil, req))
			})
		}
	}
}

// Every operation of the service that has a place for it in its result is told of a wrong password there.
func TestFailuresOfAccountManagementFitTheSchema(t *testing.T) {
	t.Parallel()
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		missing(t, "libxml2-utils is not installed; .ci/install installs it")
	}
	r := newRig(t, nil)
	schema, wsdl := r.schemaOf(t, "accountmanagement")
	wrong := strings.Replace(annaHeaderXML, "anna-legacy-1", "wrong", 1)
	seen, inside := map[string]bool{}, 0
	for _, m := range wsdlOperations.FindAllStringSubmatch(wsdl, -1) {
		operation := m[1]
		if seen[operation] {
			continue
		}
		seen[operation] = true
		got := r.Do(
			nil,
			soapPost(
				t, r.Sidecar()+"/api/3.0/accountmanagement.asmx",
				soapEnvelope("", `<`+operation+` xmlns="`+namespaceManagement+`"/>`), "X-DocuSign-Authentication", wrong,
			),
		)
		if strings.Contains(got.Body, "<soap:Fault>") {
			continue
		}
		inside++
		validate(t, xmllint, schema, got)
	}
	if len(seen) != 42 || inside < 38 {
		t.Errorf("%d operations, %d of which tell inside their result; want 42 and at least 38", len(seen), inside)
	}
	r.NoLeak()
}
