package app_test

import (
	"slices"
	"strings"

	"docusign-auth-proxy/internal/sandbox"
)

func el(name, text string) string { return "<" + name + ">" + text + "</" + name + ">" }

// bothWaysCalls are the 27 operations that REST carries, SynchEnvelope, and those of credential.asmx.
func bothWaysCalls() []bothWaysCall {
	id := func(id string) string { return el("EnvelopeID", id) }
	nothing := func(string) string { return "" }
	fixed := func(inner string) func(string) string { return func(string) string { return inner } }
	with := func(more string) func(string) string { return func(e string) string { return id(e) + more } }
	now := map[string]string{"/TimeGenerated": "the present time (SOAP-REST.md §4.1)"}
	const account = "<AccountId>1703061</AccountId>"
	const accountID = "<AccountID>1703061</AccountID>"
	var all []bothWaysCall
	for _, service := range []string{"api", "dsapi"} {
		for _, of := range []string{"created", "sent", "delivered", "completed", "declined"} {
			all = append(all,
				bothWaysCall{name: " of a " + of + " one", service: service, operation: "RequestStatus", of: of, inner: id},
				bothWaysCall{
					name: " of a " + of + " one", service: service, operation: "RequestStatusEx", of: of, inner: id, allowed: now,
				},
			)
		}
		all = append(all,
			bothWaysCall{service: service, operation: "Ping", inner: nothing},
			bothWaysCall{service: service, operation: "RequestPDF", of: "sent", inner: id},
			bothWaysCall{service: service, operation: "RequestPDFNoWaterMark", of: "sent", inner: id},
			bothWaysCall{
				service: service, operation: "RequestPDFWithCert", of: "completed", inner: with("<AddWaterMark>true</AddWaterMark>"),
			},
			bothWaysCall{service: service, operation: "RequestDocumentPDFs", of: "sent", inner: id},
			bothWaysCall{service: service, operation: "RequestDocumentPDFsEx", of: "completed", inner: id},
			bothWaysCall{service: service, operation: "RequestStatuses", of: "sent", inner: func(id string) string {
				return el("EnvelopeStatusFilter", account+`<EnvelopeIds>`+el("EnvelopeId", id)+`</EnvelopeIds>`)
			}},
			bothWaysCall{service: service, operation: "RequestStatusesEx", of: "sent", allowed: now, inner: func(string) string {
				return el("EnvelopeStatusFilter", `<UserInfo><UserName>Legacy User</UserName><Email>legacy.user@example.com</Email>`+
					`</UserInfo>`+account+`<BeginDateTime d:statusQualifier="Changed" xmlns:d="http://www.docusign.net/API/3.0">`+
					`2020-01-01T00:00:00</BeginDateTime><Statuses><Status>Sent</Status><Status>Created</Status></Statuses>`+
					`<StartAtIndex>0</StartAtIndex>`)
			}},
			bothWaysCall{
				service: service, operation: "RequestTemplates",
				inner: fixed(accountID + "<IncludeAdvancedTemplates>true</IncludeAdvancedTemplates>"),
			},
			bothWaysCall{
				service: service, operation: "RequestTemplate",
				inner: fixed(el("TemplateID", sandbox.OrderTemplateID) + "<IncludeDocumentBytes>false</IncludeDocumentBytes>"),
			},
			bothWaysCall{
				name: " with bytes", service: service, operation: "RequestTemplate",
				inner: fixed(el("TemplateID", sandbox.AgreementTemplateID) + "<IncludeDocumentBytes>true</IncludeDocumentBytes>"),
			},
			bothWaysCall{
				service: service, operation: "RequestRecipientToken", of: "sent",
				inner: with("<ClientUserID>77</ClientUserID><Username>Ben</Username><Email>ben@example.com</Email>" + assertion),
			},
			bothWaysCall{
				service: service, operation: "RequestSenderToken", of: "created",
				inner: with(accountID + "<ReturnURL>https://app.example.com/sent</ReturnURL>"),
			},
			bothWaysCall{
				name: " without an envelope", service: service, operation: "RequestSenderToken",
				inner: fixed(accountID + "<ReturnURL>https://app.example.com/sent</ReturnURL>"),
			},
			bothWaysCall{
				service: service, operation: "SynchEnvelope", of: "transaction",
				inner: fixed(el("TransactionID", transaction) + accountID + "<Block>true</Block>"),
			},
			bothWaysCall{
				service: service, operation: "RequestCorrectToken", of: "sent",
				inner: with("<SuppressNavigation>true</SuppressNavigation><ReturnURL>https://app.example.com/c</ReturnURL>"),
			},
			bothWaysCall{
				service: service, operation: "VoidEnvelope", of: "sent", own: true, inner: with("<Reason>Wrong price</Reason>"),
			},
			bothWaysCall{service: service, operation: "PurgeDocuments", of: "completed", own: true, inner: id},
			bothWaysCall{
				service: service, operation: "SendEnvelope", of: "created", own: true,
				inner:   func(id string) string { return el("EnvelopeId", id) + account },
				allowed: map[string]string{"/TabStatuses": "tabs are not asked for (SOAP-REST.md §1.2)"},
			},
			bothWaysCall{service: service, operation: "CorrectAndResendEnvelope", of: "sent", own: true, inner: correction(service)},
		)
		all = slices.Concat(all, creations(service), refusals(service))
	}
	return slices.Concat(all, []bothWaysCall{
		{service: "api", operation: "RequestPDFWithOptions", of: "sent", inner: with("<PDFOptions><ShowChanges>true</ShowChanges>" +
			"<AddWaterMark>true</AddWaterMark><IncludeCert>true</IncludeCert></PDFOptions>")},
		{service: "api", operation: "RequestPDFsWithOptions", of: "sent", inner: with("<PDFsOptions><ShowChanges>true" +
			"</ShowChanges><DocumentID>2</DocumentID></PDFsOptions>")},
		{service: "api", operation: "RequestCertificate", of: "sent", inner: id},
		{name: " of 3 MB", service: "api", operation: "RequestPDF", of: "large", inner: id},
		{name: " of 3 MB", service: "dsapi", operation: "RequestDocumentPDFs", of: "large", inner: id},
		{name: " of a draft", service: "api", operation: "RequestPDF", of: "created", inner: id, allowed: map[string]string{
			"/PDFBytes": "what REST gives of a draft is passed on (SOAP-REST.md §11.4)",
		}},
		{name: " of a draft", service: "dsapi", operation: "RequestDocumentPDFs", of: "created", inner: id,
			allowed: map[string]string{"/DocumentPDF": "the same", "/DocumentPDF[2]": "the same"}},
		{service: "credential", operation: "Ping", inner: nothing},
		{service: "credential", operation: "Login", inner: fixed("{credential}<ReturnBaseUrl>false</ReturnBaseUrl>")},
		{service: "credential", operation: "RequestSenderToken", of: "created", inner: func(e string) string {
			return "{credential}" + accountID + id(e) + "<ReturnURL>https://app.example.com/s</ReturnURL>"
		}},
		{service: "credential", operation: "RequestCorrectToken", of: "sent", inner: func(e string) string {
			return "{credential}" + id(e) + "<SuppressNavigation>false</SuppressNavigation>" +
				"<ReturnURL>https://app.example.com/s</ReturnURL>"
		}},
	})
}

// refusals are faults that DocuSign's name tells apart; the sentence of the detail is each side's own.
func refusals(service string) []bothWaysCall {
	id := func(id string) string { return el("EnvelopeID", id) }
	unknown := func(string) string { return id("c0ffee00-0000-4000-8000-000000000001") }
	sentence := map[string]string{"/Reason": "it is no name (SOAP-REST.md §5.2)"}
	view := func(more string) func(string) string { return func(e string) string { return id(e) + more } }
	who := "<ClientUserID>77</ClientUserID><Username>Ben</Username><Email>ben@example.com</Email>" + assertion
	all := []bothWaysCall{
		{name: " of an unknown envelope", operation: "RequestStatus", inner: unknown, fault: "Envelope_Does_Not_Exist"},
		{name: " of an unknown envelope", operation: "RequestPDF", inner: unknown, fault: "Envelope_Does_Not_Exist"},
		{name: " of an unknown envelope", operation: "VoidEnvelope", fault: "Envelope_Does_Not_Exist",
			inner: func(string) string { return unknown("") + "<Reason>x</Reason>" }},
		{name: " of a completed one", operation: "VoidEnvelope", of: "completed", inner: view("<Reason>x</Reason>"),
			fault: "Envelope_Cannot_Void_Invalid_State"},
		{name: " of a completed one", operation: "CorrectAndResendEnvelope", of: "completed", inner: correction("dsapi"),
			fault: "Envelope_Cannot_Correct_Invalid_State"},
		{name: " of a sent one", operation: "PurgeDocuments", of: "sent", inner: id, fault: "Envelope_Invalid_Status"},
		{name: " of a sent one", operation: "SendEnvelope", of: "sent", inner: func(e string) string {
			return el("EnvelopeId", e) + "<AccountId>1703061</AccountId>"
		}, fault: "Envelope_Invalid_Status"},
		{name: " of a sent one", operation: "RequestSenderToken", of: "sent", fault: "Envelope_Invalid_Status",
			inner: view("<AccountID>1703061</AccountID><ReturnURL>https://app.example.com</ReturnURL>")},
		{name: " of a draft", operation: "RequestCorrectToken", of: "created", fault: "Envelope_Invalid_Status",
			inner: view("<SuppressNavigation>false</SuppressNavigation><ReturnURL>https://app.example.com</ReturnURL>")},
		{name: " of a draft", operation: "RequestRecipientToken", of: "created", inner: view(who),
			fault: "Envelope_Invalid_Status"},
		{name: " of somebody else", operation: "RequestRecipientToken", of: "sent", fault: "Unknown_Envelope_Recipient",
			inner: view(strings.Replace(who, "<Username>Ben<", "<Username>Sam<", 1))},
		{name: " with an unknown element", operation: "RequestStatus", of: "sent", inner: view("<Verbose>true</Verbose>"),
			fault: "Validation error: "},
	}
	for i := range all {
		all[i].service, all[i].allowed = service, sentence
	}
	all[len(all)-1].allowed = map[string]string{ // SOAP-REST.md §5.1 and §11.5
		"/faultstring": "the proxy tells that it refuses an element, DocuSign that the schema has none of it",
		"/detail":      "which a fault of the schema has not",
	}
	return all
}

const assertion = "<AuthenticationAssertion><AssertionID>a-1</AssertionID><AuthenticationInstant>2026-11-20T10:06:00" +
	"</AuthenticationInstant><AuthenticationMethod>Password</AuthenticationMethod><SecurityDomain>app.example.com" +
	"</SecurityDomain></AuthenticationAssertion><ClientURLs><OnSigningComplete>https://app.example.com/ok" +
	"</OnSigningComplete><OnDecline>https://app.example.com/no</OnDecline></ClientURLs>"

// correction is of one recipient who is there and one who is not; dsapi.asmx has no reminders in it.
func correction(service string) func(id string) string {
	reminders := ""
	if service == "api" {
		reminders = `<Reminders><ReminderEnabled>true</ReminderEnabled><ReminderDelay>2</ReminderDelay>` +
			`<ReminderFrequency>3</ReminderFrequency></Reminders>`
	}
	return func(id string) string {
		return el("Correction", el("EnvelopeID", id)+`<RecipientCorrections><RecipientCorrection><PreviousUserName>Ben`+
			`</PreviousUserName><PreviousEmail>ben@example.com</PreviousEmail><PreviousRoutingOrder>1</PreviousRoutingOrder>`+
			`<CorrectedUserName>Benno</CorrectedUserName><CorrectedEmail>ben.b@example.com</CorrectedEmail>`+
			`<CorrectedRoutingOrder>1</CorrectedRoutingOrder><Resend>true</Resend></RecipientCorrection><RecipientCorrection>`+
			`<PreviousUserName>Nobody</PreviousUserName><PreviousEmail>nobody@example.com</PreviousEmail>`+
			`<PreviousRoutingOrder>1</PreviousRoutingOrder></RecipientCorrection></RecipientCorrections>`+reminders)
	}
}

// creations are the four that make envelopes.
func creations(service string) []bothWaysCall {
	const account = "<AccountId>1703061</AccountId>"
	ben := `<Recipient><ID>1</ID><UserName>Ben</UserName><Email>ben@example.com</Email><Type>Signer</Type><AccessCode/>` +
		`<RoutingOrder>1</RoutingOrder><RoleName>Customer</RoleName></Recipient>`
	information := `<EnvelopeInformation>` + account + `<EmailBlurb>Hello</EmailBlurb><Subject>Order 1</Subject>` +
		`</EnvelopeInformation>`
	fixed := func(inner string) func(string) string { return func(string) string { return inner } }
	whole := map[string]string{
		"/required":                      "what SOAP leaves out is no must (SOAP-REST.md §3.4)",
		"/fileExtension":                 "made of the name (SOAP-REST.md §3.2)",
		"/initialHereTabs[69,1042]/name": "an optional tab without a name has that of its REST type (SOAP-REST.md §4.1)",
	}
	// The answer is made of the request alone (SOAP-REST.md §4.1).
	fromTemplates := map[string]string{
		"/TabStatuses": "tabs of the template", "/RecipientStatus[2]": "people of the template",
		"/CustomFields": "fields of the template", "/required": "SOAP-REST.md §3.4, pair 11",
		"/notification": "SOAP takes none from a template (SOAP-REST.md §3.5)",
	}
	return []bothWaysCall{
		{service: service, operation: "CreateEnvelope", creates: true, allowed: whole, inner: fixed(richEnvelope(account))},
		{service: service, operation: "CreateAndSendEnvelope", creates: true, allowed: whole, inner: fixed(richEnvelope(account))},
		{service: service, operation: "CreateEnvelopeFromTemplates", creates: true, allowed: fromTemplates, inner: fixed(`<TemplateReferences><TemplateReference>` +
			`<TemplateLocation>Server</TemplateLocation><Template>` + sandbox.OrderTemplateID + `</Template><RoleAssignments>` +
			`<RoleAssignment><RoleName>Customer</RoleName><RecipientID>1</RecipientID></RoleAssignment></RoleAssignments>` +
			`<FieldData><DataValues><DataValue><TabLabel>order</TabLabel><Value>A-17</Value></DataValue></DataValues></FieldData>` +
			`<Sequence>1</Sequence></TemplateReference></TemplateReferences><Recipients>` + ben + `</Recipients>` + information +
			`<ActivateEnvelope>true</ActivateEnvelope>`)},
		{service: service, operation: "CreateEnvelopeFromTemplatesAndForms", creates: true, allowed: fromTemplates, inner: fixed(information + `<CompositeTemplates>` +
			`<CompositeTemplate><ServerTemplates><ServerTemplate><Sequence>1</Sequence><TemplateID>` + sandbox.OrderTemplateID +
			`</TemplateID></ServerTemplate></ServerTemplates><InlineTemplates><InlineTemplate><Sequence>2</Sequence><Envelope>` +
			`<Recipients>` + ben + `</Recipients><Tabs><Tab><RecipientID>1</RecipientID><Type>Custom</Type>` +
			`<TabLabel>order</TabLabel><Value>A-17</Value><CustomTabType>Text</CustomTabType></Tab></Tabs></Envelope>` +
			`</InlineTemplate></InlineTemplates></CompositeTemplate></CompositeTemplates>` +
			`<ActivateEnvelope>true</ActivateEnvelope>`)},
	}
}
