package sandbox

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/sandbox/message"
	"docusign-auth-proxy/internal/sandbox/restbody"
	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/internal/services/servicestest"
)

const (
	apiSpace        = "http://www.docusign.net/API/3.0"
	credentialSpace = "http://www.docusign.net/API/Credential"
	managementSpace = "http://www.docusign.net/API/AccountManagement"
)

// service finds one of the four end points by its file name.
func (w *world) service(name string) *services.Service { return services.ByBase(name + ".asmx") }

// envelopeOf wraps an operation; security is the inside of the SOAP header.
func envelopeOf(version, security, body string) string {
	return `<?xml version="1.0" encoding="utf-8"?><e:Envelope xmlns:e="` + version + `"><e:Header>` + security +
		`</e:Header><e:Body>` + body + `</e:Body></e:Envelope>`
}

func tokenOf(username, password, attributes string) string {
	return `<w:Security xmlns:w="` + message.WSSE + `" e:mustUnderstand="1"><w:UsernameToken><w:Username>` + username +
		`</w:Username><w:Password` + attributes + `>` + restbody.Escape(password) +
		`</w:Password></w:UsernameToken></w:Security>`
}

// operationOf is an operation element of a namespace.
func operationOf(namespace, name, inner string) string {
	return `<` + name + ` xmlns="` + namespace + `">` + inner + `</` + name + `>`
}

// soap posts an envelope with the headers its version wants.
func (w *world) soap(service *services.Service, version, envelope, bearer string, headers ...string) reply {
	w.Helper()
	operation := regexp.MustCompile(`Body><(?:\w+:)?(\w+)`).FindStringSubmatch(envelope)
	action := service.Namespace + "/"
	if operation != nil {
		action += operation[1]
	}
	if version == message.SOAP12 {
		headers = append([]string{"Content-Type", `application/soap+xml; charset=utf-8; action="` + action + `"`}, headers...)
	} else {
		headers = append([]string{"Content-Type", "text/xml; charset=utf-8", "SOAPAction", `"` + action + `"`}, headers...)
	}
	return w.call("POST", w.SiteURL("demo.docusign.net")+service.Path, bearer, strings.NewReader(envelope), headers...)
}

// wantAnswer checks an answer against the WSDL.
func (w *world) wantAnswer(got reply, service *services.Service, version, operation string) node {
	w.Helper()
	if got.status != 200 {
		w.Fatalf("%d %s", got.status, got.body)
	}
	answered, child := soapBody(w.T, got.body)
	if answered != version || child.XMLName.Local != operation+"Response" {
		w.Errorf("answered %s in %s", child.XMLName.Local, answered)
	}
	if err := servicestest.Check(service, got.body); err != nil {
		w.Errorf("%v in %s", err, got.body)
	}
	return child
}

const (
	longText   = 64 << 10  // what message.ReadSOAP takes for a document
	maxMarkup  = 256 << 10 // its bound of one attribute
	xopInclude = "http://www.w3.org/2004/08/xop/include"
)

const sampleEnvelope = `<Envelope><AccountId>1703061</AccountId><Documents><Document><ID>1</ID>` +
	`<Name>a &amp; b</Name><PDFBytes>QUJDRA==</PDFBytes><FileExtension>pdf</FileExtension></Document></Documents>` +
	`<Recipients><Recipient><ID>1</ID><UserName>Sam</UserName><Email>s@example.com</Email><Type>Signer</Type>` +
	`<AccessCode xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/>` +
	`<RequireIDLookup>false</RequireIDLookup></Recipient></Recipients><Subject>Please é</Subject>` +
	`<EmailBlurb>hello</EmailBlurb></Envelope>`

// operationTest is a call of an operation, and what its answer has.
type operationTest struct {
	service, name, inner string
	parts                []string
}

const captiveID = "93be49ab-0000-4000-8000-000000000077"

// addCaptive adds an envelope that Ben signs inside a program, and which can be completed.
func (w *world) addCaptive() {
	w.AddEnvelope(Envelope{
		ID: captiveID, AccountID: CaptureAccountID, SenderID: LegacyID, Key: LegacyKey, Status: "sent", Subject: "Captive",
		Documents: []Document{{ID: "1", Name: "Contract", Size: 100_000}, {ID: "2", Name: "Terms"}},
		Recipients: []Recipient{
			{ID: "1", Email: "ben@example.com", Name: "Ben", Type: "signers", Members: map[string]any{"clientUserId": "77"}},
			{ID: "2", Email: "cora@example.com", Name: "Cora", Type: "carbonCopies"},
		},
	})
}

// envelopeOperations are those of both services of envelopes. The order matters: some change the captive envelope.
func envelopeOperations(service string) []operationTest {
	id := func(id string) string { return "<EnvelopeID>" + id + "</EnvelopeID>" }
	one, captive, draft, signing := id(
		CaptureEnvelopeID,
	), id(
		captiveID,
	), id(
		DraftEnvelopeID,
	), "https://demo.docusign.net/Signing/"
	account, order := "<AccountID>1703061</AccountID>", "<TemplateID>"+OrderTemplateID+"</TemplateID>"
	ben := `<Recipient><ID>1</ID><UserName>Ben</UserName><Email>ben@example.com</Email><Type>Signer</Type><AccessCode/>` +
		`<RoleName>Customer</RoleName></Recipient>`
	information := `<EnvelopeInformation><TransactionID>t-` + service + `</TransactionID><AccountId>1703061</AccountId>` +
		`<EmailBlurb>Hello</EmailBlurb><Subject>Order 1</Subject></EnvelopeInformation>`
	filter := func(inner string) string { return "<EnvelopeStatusFilter>" + inner + "</EnvelopeStatusFilter>" }
	since := `<AccountId>1703061</AccountId><BeginDateTime d:statusQualifier="Changed" xmlns:d="` + apiSpace +
		`">2026-11-01T00:00:00</BeginDateTime><StartAtIndex>0</StartAtIndex>`
	return []operationTest{
		{service, "Ping", "", []string{"<PingResult>true</PingResult>"}},
		{service, "CreateAndSendEnvelope", sampleEnvelope, []string{"<Status>Sent</Status>", "<Subject>Please é</Subject>"}},
		{service, "CreateEnvelope", sampleEnvelope, []string{"<Status>Created</Status>"}},
		{service, "CreateEnvelopeFromTemplates", `<TemplateReferences><TemplateReference><TemplateLocation>Server` +
			`</TemplateLocation><Template>` + OrderTemplateID + `</Template><RoleAssignments><RoleAssignment>` +
			`<RoleName>Customer</RoleName>` +
			`<RecipientID>1</RecipientID></RoleAssignment></RoleAssignments><FieldData><DataValues><DataValue>` +
			`<TabLabel>order</TabLabel><Value>A-17</Value></DataValue></DataValues></FieldData></TemplateReference>` +
			`</TemplateReferences><Recipients>` + ben + `</Recipients>` + information +
			`<ActivateEnvelope>true</ActivateEnvelope>`,
			[]string{"<Status>Sent</Status>", "<TabValue>A-17</TabValue>", "<Email>cora@example.com</Email>"}},
		{service, "CreateEnvelopeFromTemplatesAndForms", information + `<CompositeTemplates><CompositeTemplate>` +
			`<ServerTemplates><ServerTemplate><Sequence>1</Sequence><TemplateID>` + OrderTemplateID + `</TemplateID>` +
			`</ServerTemplate></ServerTemplates><InlineTemplates><InlineTemplate><Sequence>1</Sequence><Envelope><Recipients>` +
			ben + `</Recipients></Envelope></InlineTemplate></InlineTemplates></CompositeTemplate></CompositeTemplates>` +
			`<ActivateEnvelope>false</ActivateEnvelope>`, []string{"<Status>Created</Status>", "<TabLabel>sig1</TabLabel>"}},
		{service, "SynchEnvelope", `<TransactionID>t-` + service + `</TransactionID>` + account + `<Block>true</Block>`,
			[]string{"<EnvelopeStatus>Created</EnvelopeStatus>", "<EnvelopeID>"}},
		{service, "RequestStatus", one, []string{CaptureEnvelopeID, "<UserName>Sam Signer</UserName>"}},
		{service, "RequestStatusEx", captive, []string{"<AccountStatus>Active</AccountStatus>", "<Name>Terms</Name>"}},
		{
			service,
			"RequestStatuses",
			filter(since),
			[]string{"<ResultSetSize>", `statusQualifier="Changed"`, CaptureEnvelopeID},
		},
		{
			service,
			"RequestStatusesEx",
			filter(`<BeginDateTime xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/>` +
				`<EnvelopeIds><EnvelopeId>` + DraftEnvelopeID + `</EnvelopeId></EnvelopeIds><StartAtIndex>0</StartAtIndex>`),
			[]string{"<Status>Created</Status>", "DocumentStatuses"},
		},
		{service, "RequestPDF", one, []string{"<PDFBytes>JVBERi0xLjQ"}},
		{service, "RequestPDFNoWaterMark", one, []string{"<PDFBytes>JVBERi0xLjQ"}},
		{service, "RequestPDFWithCert", one + "<AddWaterMark>true</AddWaterMark>", []string{"<PDFBytes>JVBERi0xLjQ"}},
		{service, "RequestDocumentPDFs", captive, []string{"<EnvelopeId>", "<Name>Contract</Name>", "<Name>Summary</Name>"}},
		{service, "RequestDocumentPDFsEx", captive, []string{"<DocumentType>SUMMARY</DocumentType>"}},
		{service, "RequestTemplates", account + "<IncludeAdvancedTemplates>true</IncludeAdvancedTemplates>",
			[]string{"<Name>Order</Name>", "<LastModified>2026-10-05T10:00:00.5</LastModified>"}},
		{service, "RequestTemplate", order + "<IncludeDocumentBytes>false</IncludeDocumentBytes>",
			[]string{"<PDFBytes>AA==</PDFBytes>", "<YPosition>579</YPosition>", "<RoleName>Customer</RoleName>"}},
		{service, "RequestTemplate", order + "<IncludeDocumentBytes>true</IncludeDocumentBytes>",
			[]string{"<PDFBytes>JVBERi0xLjQ"}},
		{service, "GetAuthenticationToken", "", []string{signing}},
		{service, "RequestSenderToken", draft, []string{signing}},
		{service, "RequestSenderToken", account, []string{signing}},
		{service, "RequestCorrectToken", one + "<SuppressNavigation>true</SuppressNavigation>", []string{signing}},
		{service, "RequestRecipientToken", captive + "<ClientUserID>77</ClientUserID><Username>Ben</Username>" +
			"<Email>ben@example.com</Email>", []string{signing}},
		{service, "GetAccountMembershipFeaturesList", "<AccountId>1703061</AccountId>",
			[]string{"legacy.user@example.com", "CanSendEnvelope"}},
		{service, "CorrectAndResendEnvelope", "<Correction>" + one + `<RecipientCorrections><RecipientCorrection>` +
			`<PreviousUserName>Sam Signer</PreviousUserName><PreviousEmail>signer@example.com</PreviousEmail>` +
			`<PreviousRoutingOrder>1</PreviousRoutingOrder><CorrectedEmail>` + service + `@example.com</CorrectedEmail>` +
			`<Resend>true</Resend></RecipientCorrection></RecipientCorrections></Correction>`, []string{"CorrectionSucceeded"}},
	}
}

func TestOperationsAnswerByTheirWSDL(t *testing.T) {
	t.Parallel()
	one, captive := "<EnvelopeID>"+CaptureEnvelopeID+"</EnvelopeID>", "<EnvelopeID>"+captiveID+"</EnvelopeID>"
	draft, signing := "<EnvelopeID>"+DraftEnvelopeID+"</EnvelopeID>", "https://demo.docusign.net/Signing/"
	tests := slices.Concat(envelopeOperations("dsapi"), envelopeOperations("api"), []operationTest{
		{"accountmanagement", "Ping", "", []string{"true"}},
		{"accountmanagement", "GetEncryptedPassword", "", []string{"<EncryptedPassword>", "<Success>true</Success>"}},
		{"accountmanagement", "GetMembershipSummary", "", []string{CaptureAccountID}},
		{"credential", "Ping", "", []string{"true"}},
		{"credential", "Login", "<ReturnBaseUrl>true</ReturnBaseUrl>", []string{
			"<Success>true</Success>", "<BaseUrl>https://demo.docusign.net/api/3.0</BaseUrl>", CaptureAccountID,
		}},
		{"credential", "GetAuthenticationToken", "", []string{signing}},
		{"credential", "RequestSenderToken", draft, []string{signing}},
		{"credential", "RequestCorrectToken", one + "<SuppressNavigation>false</SuppressNavigation>", []string{signing}},
		{
			"api",
			"RequestPDFWithOptions",
			captive + "<PDFOptions><ShowChanges>true</ShowChanges><AddWaterMark>true</AddWaterMark>" +
				"<IncludeCert>true</IncludeCert></PDFOptions>",
			[]string{"<PDFBytes>JVBERi0xLjQ"},
		},
		{"api", "RequestPDFsWithOptions", captive + "<PDFsOptions><ShowChanges>true</ShowChanges><DocumentID>2</DocumentID>" +
			"</PDFsOptions>", []string{"<Name>Terms</Name>"}},
		{"api", "RequestCertificate", captive, []string{"<Name>Summary</Name>", "<DocumentType>SUMMARY</DocumentType>"}},
		{"dsapi", "VoidEnvelope", one + "<Reason>wrong</Reason>", []string{"<VoidSuccess>true</VoidSuccess>"}},
		{"dsapi", "PurgeDocuments", one, []string{"<PurgeDocumentSuccess>true</PurgeDocumentSuccess>"}},
		{"api", "SendEnvelope", "<EnvelopeId>" + DraftEnvelopeID + "</EnvelopeId>", []string{"<Status>Sent</Status>"}},
	})
	for version, space := range map[string]string{"SOAP 1.1": message.SOAP11, "SOAP 1.2": message.SOAP12} {
		w := newWorld(t)
		w.addCaptive()
		bearer := w.bearerOf(LegacyID)
		for _, tt := range tests {
			t.Run(fmt.Sprintf("%s %s %s", version, tt.service, tt.name), func(t *testing.T) {
				inner := &world{t, w.Sandbox, w.Seed, w.client}
				service := inner.service(tt.service)
				request := envelopeOf(space, "", operationOf(service.Namespace, tt.name, tt.inner))
				if err := servicestest.Check(service, request); err != nil && !strings.Contains(tt.inner, "<Recipient>") {
					t.Errorf("the request is not valid: %v", err)
				}
				got := inner.soap(service, space, request, bearer)
				inner.wantAnswer(got, service, space, tt.name)
				inner.wantReply(got, 200, tt.parts...)
			})
		}
		// The second correction means nobody any more: the address is another.
		want := map[string]int{"void": 1, "purge": 1, "send": 1, "correct": 1}
		if c := w.Counts(); c.SOAP != len(tests) || c.Envelopes != 10 || !maps.Equal(c.Changes, want) || c.Mails != 6 ||
			c.Legacy.Total() != 0 {
			t.Errorf("%+v", c)
		}
	}
}

func TestCredentialsOfSOAP(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	api, dsapi := w.service("api"), w.service("dsapi")
	credential, management := w.service("credential"), w.service("accountmanagement")
	status := operationOf(apiSpace, "RequestStatus", "<EnvelopeID>"+CaptureEnvelopeID+"</EnvelopeID>")
	login := func(email, password string) string {
		return envelopeOf(
			message.SOAP11, "",
			operationOf(
				credentialSpace, "Login",
				"<Email>"+email+"</Email><Password>"+restbody.Escape(password)+"</Password><ReturnBaseUrl>true</ReturnBaseUrl>",
			),
		)
	}
	withToken := func(username, password, attributes string) string {
		return envelopeOf(message.SOAP11, tokenOf(username, password, attributes), status)
	}
	const user, legacyPassword, appPassword = "[" + LegacyKey + "]legacy.user@example.com", "p@ss<w&rd>é1", "legacy-app-4"
	header := func(username, password, more string) []string {
		return []string{"X-DocuSign-Authentication", `{"Username":"` + username + `","Password":"` + password +
			`","IntegratorKey":"` + LegacyKey + `"` + more + `}`}
	}
	tests := map[string]struct {
		service  *services.Service
		envelope string
		bearer   string
		headers  []string
		status   int
		want     string
		legacy   Legacy
	}{
		"an App Password in a UsernameToken": {
			api, withToken(user, appPassword, ""), "", nil, 200, "RequestStatusResult", Legacy{},
		},
		"a user named by GUID": {
			api, withToken("["+LegacyKey+"]"+LegacyID, appPassword, ""), "", nil, 200, "RequestStatusResult", Legacy{},
		},
		"an administrator for a principal": {
			api, withToken("["+GUIDKey+"][legacy.user@example.com]admin@example.com", "admin-app-3", ""), "", nil, 200,
			"RequestStatusResult", Legacy{},
		},
		"a plain user for a principal": {
			api, withToken("["+GUIDKey+"][legacy.user@example.com]anna@example.com", "anna-app-1", ""), "", nil, 500,
			"Failed to resolve SendOnBehalfOf user", Legacy{},
		},
		"the legacy password": {
			api, withToken(user, legacyPassword, ""), "", nil, 500, "User_Authentication_Failed", Legacy{WSSecurity: 1},
		},
		"the legacy password beside a bearer": {
			api, withToken(user, legacyPassword, ""), "good", nil, 500, "User_Authentication_Failed", Legacy{WSSecurity: 1},
		},
		"another user's App Password": {
			api, withToken(user, "anna-app-1", ""), "", nil, 500, "User_Authentication_Failed", Legacy{WSSecurity: 1},
		},
		"a digest": {
			api, withToken(user, appPassword, ` Type="x#PasswordDigest"`), "", nil, 500, "User_Authentication_Failed",
			Legacy{WSSecurity: 1},
		},
		"an unknown key": {
			api, withToken("[a1b2c3d4-0000-4000-8000-0000000000ff]legacy.user@example.com", appPassword, ""), "", nil, 500,
			"<ErrorCode>3</ErrorCode>", Legacy{},
		},
		"no key": {
			api, withToken("legacy.user@example.com", appPassword, ""), "", nil, 500, "Partner_Authentication_Failed", Legacy{},
		},
		"no credential": {
			api, envelopeOf(message.SOAP11, "", status), "", nil, 500, "An Integrator key was not specified.", Legacy{},
		},
		"a bearer": {
			api, envelopeOf(message.SOAP11, "", status), "good", nil, 200, "RequestStatusResult", Legacy{},
		},
		"an unknown bearer": {
			api, envelopeOf(message.SOAP11, "", status), "eyJ.a.b", nil, 500, "Authorization_Invalid_Token", Legacy{},
		},
		"an old opaque bearer": {
			api, envelopeOf(message.SOAP11, "", status), "bm90LWEtcmVhbC10b2tlbi0tLS0=", nil, 500, "Authorization_Invalid_Token",
			Legacy{Bearer: 1},
		},
		"act-as": {
			api, envelopeOf(message.SOAP11, "", status), "good", []string{"X-DocuSign-Act-As-User", "bob@example.com"}, 500,
			"User_Lacks_Permissions", Legacy{ActAs: 1},
		},
		"an App Password in the header": {
			dsapi, envelopeOf(message.SOAP11, "", status), "", header("legacy.user@example.com", appPassword, ""), 200,
			"RequestStatusResult", Legacy{},
		},
		"an administrator's header for another": {
			dsapi, envelopeOf(message.SOAP11, "", status), "",
			header("admin@example.com", "admin-app-3", `,"SendOnBehalfOf":"legacy.user@example.com"`), 200,
			"RequestStatusResult", Legacy{},
		},
		"a bracket for another in the header": {
			dsapi, envelopeOf(message.SOAP11, "", status), "",
			header("[legacy.user@example.com]admin@example.com", "admin-app-3", ""), 200, "RequestStatusResult", Legacy{},
		},
		"the legacy password in the header": {
			dsapi, envelopeOf(message.SOAP11, "", status), "", header("legacy.user@example.com", "x", ""), 500,
			"User_Authentication_Failed", Legacy{Header: 1},
		},
		"a header that cannot be read": {
			dsapi, envelopeOf(message.SOAP11, "", status), "", []string{"X-DocuSign-Authentication", "{"}, 500,
			"Invalid_Token_Format", Legacy{Header: 1},
		},
		"a login with an App Password": {
			credential, login(user, appPassword), "", nil, 200, "<Success>true</Success>", Legacy{},
		},
		"a login with the legacy password": {
			credential, login(user, legacyPassword), "", nil, 200,
			"<Success>false</Success><ErrorCode>User_Authentication_Failed</ErrorCode>", Legacy{Body: 1},
		},
		"a legacy login beside a bearer": {
			credential, login(user, legacyPassword), "good", nil, 200, "<Success>false</Success>", Legacy{Body: 1},
		},
		"a login without a key": {
			credential, login("legacy.user@example.com", appPassword), "", nil, 200, "<ErrorCode>Unspecified_Error</ErrorCode>",
			Legacy{},
		},
		"a login with nothing": {
			credential, login("", ""), "", nil, 200, "<Success>false</Success>", Legacy{Body: 1},
		},
		"a login with a bearer and empty fields": {
			credential, login("", ""), "good", nil, 200, "<Success>true</Success>", Legacy{},
		},
		"account management tells it in an answer": {
			management, envelopeOf(message.SOAP11, "", operationOf(managementSpace, "GetEncryptedPassword", "")), "",
			header("legacy.user@example.com", "x", ""), 200, "<ErrorCode>Invalid_Login</ErrorCode>", Legacy{Header: 1},
		},
		"a token alone at dsapi.asmx": {
			dsapi, withToken(user, appPassword, ""), "", nil, 200, "<Status>Sent</Status>", Legacy{},
		},
		"a token that dsapi.asmx does not read": {
			dsapi, withToken(user, "x", ""), "", header("legacy.user@example.com", appPassword, ""), 200,
			"<Status>Sent</Status>", Legacy{WSSecurity: 1},
		},
		"a header that api.asmx does not read": {
			api, envelopeOf(message.SOAP11, "", status), "", header("legacy.user@example.com", appPassword, ""), 500,
			"An Integrator key was not specified.", Legacy{Header: 1},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := &world{t, w.Sandbox, w.Seed, w.client}
			w.ResetCounts()
			bearer := tt.bearer
			if bearer == "good" {
				bearer = w.bearerOf(LegacyID)
			}
			got := w.soap(tt.service, message.SOAP11, tt.envelope, bearer, tt.headers...)
			w.wantReply(got, tt.status, tt.want)
			if tt.status == 200 {
				_, request := soapBody(t, tt.envelope)
				w.wantAnswer(got, tt.service, message.SOAP11, request.XMLName.Local)
			}
			if c := w.Counts(); c.Legacy != tt.legacy {
				t.Errorf("counted %+v, want %+v", c.Legacy, tt.legacy)
			}
		})
	}
	t.Run("a bearer when it is switched off", func(t *testing.T) {
		w.SetSOAPBearer(false)
		w.wantReply(
			w.soap(api, message.SOAP11, envelopeOf(message.SOAP11, "", status), w.bearerOf(LegacyID)), 500,
			"Authorization_Invalid_Token",
		)
	})
}

func TestMessagesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bearer := w.bearerOf(LegacyID)
	api := w.service("api")
	ping := operationOf(apiSpace, "Ping", "")
	tests := map[string]struct{ envelope, want string }{
		"not XML":               {"hello", "unable to read request"},
		"nothing":               {"", "unable to read request"},
		"an envelope cut short": {envelopeOf(message.SOAP11, "", ping)[:150], "unable to read request"},
		"a raw ampersand": {
			envelopeOf(message.SOAP11, tokenOf("a", "b", "")+"<x>a & b</x>", ping), "unable to read request",
		},
		"a DTD": {
			`<!DOCTYPE x>` + envelopeOf(message.SOAP11, "", ping)[38:], "unable to read request",
		},
		"a processing instruction": {envelopeOf(message.SOAP11, "", ping+"<?php x?>"), "unable to read request"},
		"an unknown envelope":      {envelopeOf("urn:other", "", ping), "VersionMismatch"},
		"two bodies": {
			strings.Replace(envelopeOf(message.SOAP11, "", ping), "</e:Envelope>", "<e:Body/></e:Envelope>", 1),
			"unable to read request",
		},
		"an empty body":  {envelopeOf(message.SOAP11, "", ""), "unable to read request"},
		"two operations": {envelopeOf(message.SOAP11, "", ping+ping), "unable to read request"},
		"two tokens": {
			envelopeOf(message.SOAP11, tokenOf("a", "b", "")+tokenOf("a", "b", ""), ping), "unable to read request",
		},
		"a header it does not know": {
			envelopeOf(message.SOAP11, `<x:y xmlns:x="urn:x" e:mustUnderstand="1"/>`, ping), "MustUnderstand",
		},
		"an operation of no WSDL": {
			envelopeOf(message.SOAP11, "", operationOf(apiSpace, "Frobnicate", "")), "did not recognize",
		},
		"an operation of another space": {
			envelopeOf(message.SOAP11, "", operationOf(managementSpace, "Ping", "")), "did not recognize",
		},
		"an operation of another WSDL": {
			envelopeOf(message.SOAP11, "", operationOf(apiSpace, "GetFolder", "")), "did not recognize",
		},
		"an operation without sandbox": {
			envelopeOf(message.SOAP11, "", operationOf(apiSpace, "GetFolderList", "")),
			"does not know the operation GetFolderList",
		},
		"a child in another namespace": {
			envelopeOf(message.SOAP11, "", operationOf(apiSpace, "RequestStatus", `<EnvelopeID xmlns="urn:x">a</EnvelopeID>`)),
			"unable to read request",
		},
		"base64 that is none": {
			envelopeOf(
				message.SOAP11, "", operationOf(apiSpace, "CreateEnvelope", strings.Replace(sampleEnvelope, "QUJD", "Q*JD", 1)),
			),
			"Validation error: ",
		},
		"an envelope nobody made": {
			envelopeOf(message.SOAP11, "", operationOf(apiSpace, "RequestStatus", "<EnvelopeID>"+newGUID()+"</EnvelopeID>")),
			"Envelope_Does_Not_Exist",
		},
		"an account of somebody else": {
			envelopeOf(
				message.SOAP11, "",
				operationOf(apiSpace, "CreateEnvelope", strings.Replace(sampleEnvelope, "1703061", "1234567", 1)),
			),
			"User_Lacks_Membership",
		},
		"an account nobody has": {
			envelopeOf(
				message.SOAP11, "", operationOf(apiSpace, "CreateEnvelope", strings.Replace(sampleEnvelope, "1703061", "99", 1)),
			),
			"Account_Does_Not_Exist_In_System",
		},
		"voiding without a reason": {
			envelopeOf(
				message.SOAP11, "", operationOf(apiSpace, "VoidEnvelope", "<EnvelopeID>"+CaptureEnvelopeID+"</EnvelopeID>"),
			),
			"Envelope_Cannot_Void_Invalid_State",
		},
		"a text without end": {
			envelopeOf(
				message.SOAP11, "",
				operationOf(
					apiSpace, "RequestStatus",
					"<EnvelopeID>"+strings.Repeat(strings.Repeat("x", longText-1)+"<!---->", 65)+"</EnvelopeID>",
				),
			),
			"unable to read request",
		},
		"an attribute that has no limit": {
			envelopeOf(message.SOAP11, "", `<Ping xmlns="`+apiSpace+`" a="`+strings.Repeat("x", maxMarkup)+`"/>`),
			"unable to read request",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := &world{t, w.Sandbox, w.Seed, w.client}
			got := w.soap(api, message.SOAP11, tt.envelope, bearer)
			w.wantReply(got, 500, tt.want)
			version, child := soapBody(t, got.body)
			if version != message.SOAP11 || child.XMLName.Local != "Fault" ||
				!strings.HasPrefix(got.header.Get("Content-Type"), "text/xml") {
				t.Errorf("%s", got.body)
			}
		})
	}
	t.Run("a missing action", func(t *testing.T) {
		w.wantReply(
			w.call(
				"POST", w.SiteURL("demo.docusign.net")+api.Path, bearer, strings.NewReader(envelopeOf(message.SOAP11, "", ping)),
				"Content-Type", "text/xml",
			),
			500, "did not recognize",
		)
	})
	t.Run("an action that disagrees in SOAP 1.2", func(t *testing.T) {
		got := w.call(
			"POST", w.SiteURL("demo.docusign.net")+api.Path, bearer, strings.NewReader(envelopeOf(message.SOAP12, "", ping)),
			"Content-Type", `application/soap+xml; action="urn:x"`,
		)
		w.wantReply(got, 500, "<soap:Value>soap:Sender</soap:Value>", "did not recognize")
	})
	t.Run("SOAP 1.2 as text/xml with a made-up action is taken", func(t *testing.T) {
		w.wantReply(
			w.call(
				"POST", w.SiteURL("demo.docusign.net")+api.Path, bearer, strings.NewReader(envelopeOf(message.SOAP12, "", ping)),
				"Content-Type", "text/xml", "SOAPAction", "x",
			),
			200, message.SOAP12,
		)
	})
	t.Run("a password nobody escaped is counted", func(t *testing.T) {
		w.ResetCounts()
		login := envelopeOf(
			message.SOAP11, "",
			operationOf(credentialSpace, "Login", "<Email>[k]a@example.com</Email><Password>a<b&c</Password>"),
		)
		w.wantReply(w.soap(w.service("credential"), message.SOAP11, login, ""), 500, "unable to read request")
		w.wantReply(
			w.soap(
				api, message.SOAP11,
				envelopeOf(message.SOAP11, strings.Replace(tokenOf("[k]a", "x", ""), ">x<", ">a<b&c<", 1), ping), "",
			),
			500, "unable to read request",
		)
		if got := w.Counts().Legacy; got != (Legacy{Body: 1, WSSecurity: 1}) {
			t.Errorf("%+v", got)
		}
	})
	t.Run("another path or method", func(t *testing.T) {
		w.wantReply(w.call("POST", w.SiteURL("demo.docusign.net")+"/api/3.0/other.asmx", bearer, nil), 404)
		w.wantReply(w.call("PUT", w.SiteURL("demo.docusign.net")+api.Path, bearer, nil), 405)
	})
}

func TestFaultsHaveTheirLayout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	api := w.service("api")
	status := operationOf(apiSpace, "RequestStatus", "")
	got := w.soap(
		api, message.SOAP11, envelopeOf(message.SOAP11, tokenOf("["+GUIDKey+"]bob@example.com", "x", ""), status), "",
	)
	w.wantReply(got, 500, `<soap:Fault><faultcode>soap:Client</faultcode>`+
		`<faultstring>User_Authentication_Failed</faultstring>`+
		`<detail><ErrorCode>1</ErrorCode>`+
		`<Reason>One or both of Username and Password are invalid.</Reason></detail></soap:Fault>`)
	got = w.soap(
		api, message.SOAP12, envelopeOf(message.SOAP12, tokenOf("["+GUIDKey+"]bob@example.com", "x", ""), status), "",
	)
	w.wantReply(
		got, 500,
		`<soap:Code><soap:Value>soap:Sender</soap:Value></soap:Code><soap:Reason>`+
			`<soap:Text xml:lang="en">User_Authentication_Failed</soap:Text></soap:Reason><soap:Detail>`,
	)
	if !strings.HasPrefix(got.header.Get("Content-Type"), "application/soap+xml") {
		t.Errorf("%v", got.header)
	}
}

// The lengths are those of recorded answers; identifiers and times do not change them (SOAP-REST.md §2.0).
func TestAnswersOfAPIHaveTheRecordedLength(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bearer := w.bearerOf(LegacyID)
	void := "<EnvelopeID>" + CaptureEnvelopeID + "</EnvelopeID><Reason>x</Reason>"
	for name, want := range map[string]int{"Ping": 1135, "VoidEnvelope": 1202} {
		inner := map[string]string{"VoidEnvelope": void}[name]
		got := w.soap(
			w.service("api"), message.SOAP11, envelopeOf(message.SOAP11, "", operationOf(apiSpace, name, inner)), bearer,
		)
		if len(got.body) != want || got.header.Get("Cache-Control") != "private, max-age=0" {
			t.Errorf("%s has %d bytes, want %d: %s", name, len(got.body), want, got.body)
		}
	}
}

func TestATimestampIsAnsweredWithOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stamp := `<w:Security xmlns:w="` + message.WSSE + `"><u:Timestamp xmlns:u="` + message.WSU +
		`"><u:Created>2026-11-22T10:00:00Z</u:Created></u:Timestamp></w:Security>`
	got := w.soap(
		w.service("api"), message.SOAP11, envelopeOf(message.SOAP11, stamp, operationOf(apiSpace, "Ping", "")), "",
	)
	w.wantReply(got, 200, "<wsu:Created>2026-11-22T12:00:00Z</wsu:Created>")
	if strings.Contains(got.body, "mustUnderstand") {
		t.Error("Axis refuses such a header")
	}
}

func TestMTOM(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bearer := w.bearerOf(LegacyID)
	document := bytes.Repeat([]byte("%PDF\r\n--x"), 50_000)
	included := strings.Replace(
		sampleEnvelope, "QUJDRA==", `<xop:Include xmlns:xop="`+xopInclude+`" href="cid:doc@x"/>`, 1,
	)
	root := "Content-Type: application/xop+xml; charset=UTF-8; type=\"text/xml\"\r\n" +
		"Content-Transfer-Encoding: binary\r\nContent-ID: <root@x>\r\n\r\n" +
		envelopeOf(message.SOAP11, "", operationOf(apiSpace, "CreateAndSendEnvelope", included))
	part := func(id string) string {
		return "Content-Type: application/pdf\r\nContent-ID: <" + id + ">\r\n\r\n" + string(document)
	}
	post := func(contentType string, parts ...string) reply {
		body := "--b1\r\n" + strings.Join(parts, "\r\n--b1\r\n") + "\r\n--b1--\r\n"
		return w.call("POST", w.SiteURL("demo.docusign.net")+"/API/3.0/DSAPI.asmx", bearer, strings.NewReader(body),
			"Content-Type", contentType, "SOAPAction", `"`+apiSpace+`/CreateAndSendEnvelope"`)
	}
	const good = `multipart/related; type="application/xop+xml"; boundary="b1"; start="<root@x>"; start-info="text/xml"`
	for name, parts := range map[string][]string{"root first": {root, part("doc@x")}, "root last": {part("doc@x"), root}} {
		t.Run(name, func(t *testing.T) {
			w.wantReply(post(good, parts...), 200, "<Status>Sent</Status>")
			all := w.Envelopes()
			if d := all[len(all)-1].Documents[0]; d.Size != int64(len(document)) || d.SHA256 != digest(document) {
				t.Errorf("%+v", d)
			}
		})
	}
	w.wantReply(post(good, root, part("other@x")), 500, "Include of no part", "<detail />")
	for name, got := range map[string]reply{
		"no root":      post(good, part("doc@x")),
		"another type": post(`multipart/related; boundary="b1"`, root, part("doc@x")),
	} {
		t.Run(name, func(t *testing.T) { w.wantReply(got, 500, "unable to read request") })
	}
}

func TestWSDLsCarryTheSitesAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for path, want := range map[string]string{
		"/api/3.0/dsapi.asmx?WSDL": "dsapi.asmx", "/API/3.0/Api.asmx?wsdl": "api.asmx",
		"/api/3.0/credential.asmx?WSDL":        "credential.asmx",
		"/API/3.0/AccountManagement.asmx?WSDL": "accountmanagement.asmx", "/api/3.0/schema/dsapi.wsdl": "dsapi.asmx",
		"/api/3.0/schema/dsapi-accountmanagement.wsdl": "accountmanagement.asmx",
	} {
		got := w.call("GET", w.SiteURL("na3.docusign.net")+path, "", nil)
		w.wantReply(
			got, 200, "<wsdl:definitions", `<soap:address location="https://na3.docusign.net/api/3.0/`+want+`"`,
			`<soap12:address location="https://na3.docusign.net/api/3.0/`+want+`"`,
		)
	}
	w.wantReply(w.call("GET", w.SiteURL("na3.docusign.net")+"/api/3.0/dsapi.asmx", "", nil), 200, "Service Description")
}

// recordedCall is a capture taken apart, so that its credential can be exchanged.
type recordedCall struct {
	head []string
	body string
	gzip bool
}

func readCall(t *testing.T, name string) recordedCall {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	c := recordedCall{body: string(body)}
	for line := range strings.SplitSeq(string(head), "\r\n") {
		field := strings.ToLower(line)
		c.gzip = c.gzip || field == "content-encoding: gzip"
		switch {
		case strings.HasPrefix(field, "host:"):
			c.head = append(c.head, "Host: 127.0.0.1")
		case !strings.HasPrefix(field, "content-length:") && !strings.HasPrefix(field, "accept-encoding:"):
			c.head = append(c.head, line)
		}
	}
	if !c.gzip {
		return c
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	c.body = string(plain)
	return c
}

func (c recordedCall) bytes(more ...string) []byte {
	body := []byte(c.body)
	if c.gzip {
		body = compress(body)
	}
	lines := append(append([]string{}, c.head...), more...)
	lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)))
	return append([]byte(strings.Join(lines, "\r\n")+"\r\n\r\n"), body...)
}

func TestRecordedSOAPClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bearer := "Authorization: Bearer " + w.bearerOf(LegacyID)
	names, err := filepath.Glob("testdata/soap/*.http")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	passwords := regexp.MustCompile(`p@ss(<|&lt;)w(&amp;|&)rd(>|&gt;)(é|&#xE9;)1`)
	security := regexp.MustCompile(`(?s)<(\w+:)?Security.*</(\w+:)?Security>`)
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			w := &world{t, w.Sandbox, w.Seed, w.client}
			c := readCall(t, name)
			path := strings.ToLower(strings.Fields(c.head[0])[1])
			service := w.service(strings.TrimSuffix(filepath.Base(path), ".asmx"))
			version, child := soapBody(t, c.body)
			if err := servicestest.Check(service, c.body); err != nil {
				t.Logf("the client's request departs from the WSDL: %v", err)
			}

			w.ResetCounts()
			refused := w.exchange(c.bytes())
			if refused.status == 200 && !strings.Contains(
				refused.body, "<Success>false</Success>",
			) || w.Counts().Legacy.Total() != 1 || len(w.Leaks()) != 1 {
				t.Errorf("as it is: %d %s, %+v", refused.status, refused.body, w.Counts().Legacy)
			}

			swapped := c
			swapped.body = passwords.ReplaceAllString(c.body, "legacy-app-4")
			swapped.head = append([]string{}, c.head...)
			for i, line := range swapped.head {
				swapped.head[i] = passwords.ReplaceAllString(line, "legacy-app-4")
			}
			w.wantAnswer(w.exchange(swapped.bytes()), service, version, child.XMLName.Local)

			stripped := swapped
			stripped.body = security.ReplaceAllString(c.body, "")
			stripped.head = nil
			for _, line := range c.head {
				if !strings.HasPrefix(line, "X-DocuSign-Authentication:") {
					stripped.head = append(stripped.head, line)
				}
			}
			if child.XMLName.Local == "Login" {
				password := regexp.MustCompile(`(?s)(<[^<>]*Password[^<>]*>)p@ss.*1(</)`)
				stripped.body = password.ReplaceAllString(stripped.body, "$1$2")
			}
			w.wantAnswer(w.exchange(stripped.bytes(bearer)), service, version, child.XMLName.Local)
		})
	}
}
