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
	rounded := map[string]string{
		"/TabStatus[SignHere,137,235]": "REST tells whole points of 72 where DocuSign keeps 150 (SOAP-REST.md §3.4)",
		"/TabStatus[SignHere,138,235]": "the same", "/TimeGenerated": "the present time (SOAP-REST.md §4.1)",
	}
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
		all = append(
			all,
			bothWaysCall{service: service, operation: "Ping", inner: nothing},
			bothWaysCall{service: service, operation: "GetAccountMembershipFeaturesList", inner: fixed(account)},
			bothWaysCall{service: service, operation: "RequestPDF", of: "sent", inner: id},
			bothWaysCall{service: service, operation: "RequestPDFNoWaterMark", of: "sent", inner: id},
			bothWaysCall{
				service: service, operation: "RequestPDFWithCert", of: "completed",
				inner: with("<AddWaterMark>true</AddWaterMark>"),
			},
			bothWaysCall{service: service, operation: "RequestDocumentPDFs", of: "sent", inner: id},
			bothWaysCall{service: service, operation: "RequestDocumentPDFsEx", of: "completed", inner: id},
			bothWaysCall{service: service, operation: "RequestStatuses", of: "sent", inner: func(id string) string {
				return el("EnvelopeStatusFilter", account+`<EnvelopeIds>`+el("EnvelopeId", id)+`</EnvelopeIds>`)
			}},
			bothWaysCall{service: service, operation: "RequestStatusesEx", of: "sent", allowed: now, inner: func(string) string {
				return el(
					"EnvelopeStatusFilter",
					`<UserInfo><UserName>Legacy User</UserName><Email>legacy.user@example.com</Email>`+
						`</UserInfo>`+account+`<BeginDateTime d:statusQualifier="Changed" xmlns:d="http://www.docusign.net/API/3.0">`+
						`2020-01-01T00:00:00</BeginDateTime><Statuses><Status>Sent</Status><Status>Created</Status></Statuses>`+
						`<StartAtIndex>0</StartAtIndex>`,
				)
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
			bothWaysCall{
				service:   service,
				operation: "CorrectAndResendEnvelope",
				of:        "sent",
				own:       true,
				inner:     correction(service),
			},
		)
		all = slices.Concat(all, creations(service), refusals(service))
	}
	return slices.Concat(all, []bothWaysCall{
		{
			service:   "api",
			operation: "RequestPDFWithOptions",
			of:        "sent",
			inner: with("<PDFOptions><ShowChanges>true</ShowChanges>" +
				"<AddWaterMark>true</AddWaterMark><IncludeCert>true</IncludeCert></PDFOptions>"),
		},
		{service: "api", operation: "RequestPDFsWithOptions", of: "sent", inner: with("<PDFsOptions><ShowChanges>true" +
			"</ShowChanges><DocumentID>2</DocumentID></PDFsOptions>")},
		{service: "api", operation: "RequestCertificate", of: "sent", inner: id},
		{
			name:      " with everything",
			service:   "api",
			operation: "CreateAndSendEnvelope",
			creates:   true,
			inner:     fixed(everything()),
			allowed: map[string]string{
				"/TabStatus[SignHere,137,235]": "where an anchor is, REST does not tell (SOAP-REST.md §4.1)",
				"[188,500]/name":               "a name that REST has no place for", "[188,521]/name": "the same",
				"[188,333]/name": "an optional tab without a name has that of its REST type (SOAP-REST.md §4.1)",
				"/required":      "what SOAP leaves out is no must (SOAP-REST.md §3.4)",
			},
		},
		{
			name: " later", service: "api", operation: "CreateAndSendEnvelope", inner: func(string) string {
				return strings.Replace(everything(), "</TransactionID>", "</TransactionID><Asynchronous>true</Asynchronous>", 1)
			},
			allowed: map[string]string{
				"/TabStatus[SignHere,137,235]": "where an anchor is, REST does not tell (SOAP-REST.md §4.1)",
			},
		},
		{name: " of everything", service: "api", operation: "RequestStatus", of: "everything", inner: id, allowed: rounded},
		{name: " of everything", service: "api", operation: "RequestStatusEx", of: "everything", inner: id, allowed: rounded},
		{name: " of 3 MB", service: "api", operation: "RequestPDF", of: "large", inner: id},
		{name: " of 3 MB", service: "dsapi", operation: "RequestDocumentPDFs", of: "large", inner: id},
		{name: " of a draft", service: "api", operation: "RequestPDF", of: "created", inner: id, allowed: map[string]string{
			"/PDFBytes": "what REST gives of a draft is passed on (SOAP-REST.md §11.4)",
		}},
		{name: " of a draft", service: "dsapi", operation: "RequestDocumentPDFs", of: "created", inner: id,
			allowed: map[string]string{"/DocumentPDF": "the same", "/DocumentPDF[2]": "the same"}},
		{service: "credential", operation: "Ping", inner: nothing},
		{service: "credential", operation: "GetAuthenticationToken", inner: fixed("{credential}" + accountID)},
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
		{name: " since nothing", operation: "RequestStatuses", fault: "Validation error: ",
			inner: func(string) string { return el("EnvelopeStatusFilter", "<AccountId>1703061</AccountId>") }},
		{name: " of half a user", operation: "RequestStatusesEx", fault: "Validation error: ", inner: func(string) string {
			return el(
				"EnvelopeStatusFilter",
				"<UserInfo><Email>ben@example.com</Email></UserInfo><AccountId>1703061</AccountId>"+
					"<BeginDateTime>2026-01-01T00:00:00</BeginDateTime>",
			)
		}},
		{name: " of an unknown one", operation: "RequestTemplate", fault: "Template_Id_Invalid", inner: func(string) string {
			return el("TemplateID", "c0ffee00-0000-4000-8000-000000000001") + "<IncludeDocumentBytes>0</IncludeDocumentBytes>"
		}},
		{name: " with an unknown element", operation: "RequestStatus", of: "sent", inner: view("<Verbose>true</Verbose>"),
			fault: "Validation error: "},
	}
	for i := range all {
		all[i].service, all[i].allowed = service, sentence
		if strings.HasPrefix(all[i].fault, "Validation") {
			all[i].allowed = map[string]string{"/faultstring": "the sentence is each side's own (SOAP-REST.md §5.2)"}
		}
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
		{
			service:   service,
			operation: "CreateAndSendEnvelope",
			creates:   true,
			allowed:   whole,
			inner:     fixed(richEnvelope(account)),
		},
		{
			service:   service,
			operation: "CreateEnvelopeFromTemplates",
			creates:   true,
			allowed:   fromTemplates,
			inner: fixed(`<TemplateReferences><TemplateReference>` +
				`<TemplateLocation>Server</TemplateLocation><Template>` + sandbox.OrderTemplateID + `</Template><RoleAssignments>` +
				`<RoleAssignment><RoleName>Customer</RoleName><RecipientID>1</RecipientID></RoleAssignment></RoleAssignments>` +
				`<FieldData><DataValues><DataValue><TabLabel>order</TabLabel><Value>A-17</Value></DataValue></DataValues>` +
				`</FieldData><Sequence>1</Sequence></TemplateReference></TemplateReferences><Recipients>` + ben +
				`</Recipients>` + information + `<ActivateEnvelope>true</ActivateEnvelope>`),
		},
		{
			service:   service,
			operation: "CreateEnvelopeFromTemplatesAndForms",
			creates:   true,
			allowed:   fromTemplates,
			inner: fixed(information + `<CompositeTemplates>` +
				`<CompositeTemplate><ServerTemplates><ServerTemplate><Sequence>1</Sequence><TemplateID>` +
				sandbox.OrderTemplateID + `</TemplateID></ServerTemplate></ServerTemplates><InlineTemplates><InlineTemplate>` +
				`<Sequence>2</Sequence><Envelope>` +
				`<Recipients>` + ben + `</Recipients><Tabs><Tab><RecipientID>1</RecipientID><Type>Custom</Type>` +
				`<TabLabel>order</TabLabel><Value>A-17</Value><CustomTabType>Text</CustomTabType></Tab></Tabs></Envelope>` +
				`</InlineTemplate></InlineTemplates></CompositeTemplate></CompositeTemplates>` +
				`<ActivateEnvelope>true</ActivateEnvelope>`),
		},
	}
}

// everything is an envelope with each element that REST has a place for.
func everything() string {
	el := func(name string, parts ...string) string {
		return "<" + name + ">" + strings.Join(parts, "") + "</" + name + ">"
	}
	tab := func(kind, y string, more ...string) string {
		return el("Tab", el("DocumentID", "1"), el("RecipientID", "1"), el("PageNumber", "1"), el("XPosition", "90"),
			el("YPosition", y), more[0], el("Type", kind), strings.Join(more[1:], ""))
	}
	custom := func(kind, y, value string, more ...string) string {
		return tab(
			"Custom", y, "", el("Name", "n"+y), el("TabLabel", "l"+y), value, el("CustomTabType", kind),
			strings.Join(more, ""),
		)
	}
	anchor := el(
		"AnchorTabItem", el("AnchorTabString", "(sign)"), el("XOffset", "-12"), el("YOffset", "4.5"), el("Unit", "Mms"),
		el("IgnoreIfNotPresent", "true"),
	)
	look := strings.Join([]string{
		el("Font", "Arial"), el("Bold", "true"), el("Italic", "false"), el("Underline", "1"), el("FontColor", "Gold"),
		el("FontSize", "Size12"),
	}, "")
	own := el("EmailNotification", el("Subject", "To you"), el("EmailBlurb", "Hello"), el("Language", "de"))
	signer := el(
		"Recipient",
		el("ID", "1"),
		el("UserName", "Ben"),
		el("Email", "ben@example.com"),
		el("Type", "Signer"),
		el("AccessCode", "1234"),
		el("AddAccessCodeToEmail", "true"),
		el("RequireIDLookup", "true"),
		el("IDCheckConfigurationName", "Phone Auth $"),
		el("PhoneAuthentication", el("RecipMayProvideNumber", "false"),
			el("ValidateRecipProvidedNumber", "true"), el("RecordVoicePrint", "false"),
			el("SenderProvidedNumbers", el("SenderProvidedNumber", "+15555550100"))),
		el("SignatureInfo", el("SignatureName", "Ben"), el("SignatureInitials", "B"), el("FontStyle", "Mistral")),
		el("CustomFields", el("CustomField", "a")),
		el("RoutingOrder", "2"),
		el("IDCheckInformationInput",
			el("AddressInformationInput", el("AddressInformation", el("Street1", "1 Way"), el("City", "Town"), el("State", "WA"),
				el("Zip", "98101"), el("ZipPlus4", "1234")), el("DisplayLevel", "Editable"), el("ReceiveInResponse", "true")),
			el("SSN4InformationInput", el("SSN4Information", el("SSN4", "1234")), el("DisplayLevel", "DoNotDisplay"),
				el("ReceiveInResponse", "false"))),
		el("Note", "please"),
		el("TemplateLocked", "true"),
		el("TemplateRequired", "false"),
		el("DefaultRecipient", "true"),
		own,
		el(
			"AgentCanEditEmail",
			"true",
		),
		el("AgentCanEditName", "false"),
		el("SignInEachLocation", "true"),
		el("ExcludedDocuments", el("DocumentID", "2")),
		el("InheritEmailNotificationConfiguration", "true"),
	)
	agent := el("Recipient", el("ID", "2"), el("UserName", "Ada"), el("Email", "ada@example.com"), el("Type", "Agent"),
		el("AccessCode"), el("RoutingOrder", "1"), own)
	certified := el("Recipient", el("ID", "3"), el("UserName", "Dora"), el("Email", "dora@example.com"),
		el("Type", "CertifiedDelivery"), el("AccessCode"), el("RoutingOrder", "3"), own)
	tabs := []string{
		tab(
			"SignHere",
			"126",
			el("ScaleValue", "0.75"),
			el("Name", "Sign"),
			el("TabLabel", "s"),
		), tab("SignHereOptional", "160", ""),
		tab("InitialHere", "100", ""), tab("FullName", "180", "", look), tab("Company", "190", ""), tab("Title", "200", ""),
		tab(
			"DateSigned",
			"210",
			"",
		), tab("EnvelopeID", "220", ""), tab("SignerAttachment", "230", ""), tab("Approve", "240", ""),
		tab("Decline", "250", ""), el("Tab", el("DocumentID", "1"), el("RecipientID", "1"), el("PageNumber", "1"), anchor,
			el("Type", "SignHere"), el("TabLabel", "anchored")),
		custom(
			"Text",
			"300",
			el("Value", "x"),
			el("CustomTabWidth", "90"),
			el("CustomTabHeight", "20"),
			el("CustomTabRequired", "true"),
			el("CustomTabLocked", "false"),
			el("CustomTabDisableAutoSize", "true"),
			el(
				"CustomTabValidationPattern",
				"^x$",
			),
			el("CustomTabValidationMessage", "only x"),
			el("ConditionalParentLabel", "l310"),
			el("ConditionalParentValue", "on"),
			el("SharedTab", "true"),
			el("RequireInitialOnSharedTabChange", "true"),
			el("ConcealValueOnDocument", "true"),
			look,
			el("MaxLength", "5"),
		),
		custom("Checkbox", "310", el("Value", "true")), custom("Date", "320", el("Value", "1/2/2026")),
		custom(
			"Number",
			"330",
			el("Value", "7"),
		), custom("SSN", "340", el("Value", "1")), custom("ZIP5", "350", el("Value", "98101")),
		custom("ZIP5DASH4", "360", el("Value", "98101-1234")), custom("Email", "370", el("Value", "a@example.com")),
		custom(
			"Note",
			"380",
			el("Value", "look"),
		), custom("Formula", "390", "", el("Formula", "[l330]*2"), el("RoundDecimalPlaces", "2")),
	}
	return el("Envelope", el("TransactionID", "own id 1"), el("AccountId", "1703061"), el(
		"Documents",
		el(
			"Document",
			el("ID", "1"),
			el("Name", "Contract.pdf"),
			el("PDFBytes", "JVBERi0xLjQKJSVFT0YK"),
			el("FileExtension", "pdf"),
		),
		el(
			"Document",
			el("ID", "2"),
			el("Name", "Form"),
			el("PDFBytes", "JVBERi0xLjQKJSVFT0YK"),
			el("TransformPdfFields", "1"),
			el("FileExtension", "pdf"),
		),
	),
		el("Recipients", agent, signer, certified), el("Tabs", tabs...), el("Subject", "All"), el("EmailBlurb", ""),
		el("SigningLocation", "Online"), el("VaultingOptions", el("VaultingMode", "None")), el("AutoNavigation", "false"),
		el("EnvelopeIdStamping", "false"), el("Notification", el("UseAccountDefaults", "false"), el("Reminders",
			el("ReminderEnabled", "true"), el("ReminderDelay", "2"), el("ReminderFrequency", "3")), el("Expirations",
			el("ExpireEnabled", "true"), el("ExpireAfter", "30"), el("ExpireWarn", "5"))),
		el("EnforceSignerVisibility", "true"), el("EnableWetSign", "false"), el("AllowMarkup", "true"),
		el("EventNotification", el("URL", "https://app.example.com/c"), el("LoggingEnabled", "true"),
			el("RequireAcknowledgment", "true"), el("UseSoapInterface", "false"), el("IncludeDocuments", "true"),
			el("IncludeTimeZone", "true"), el("EnvelopeEvents", el("EnvelopeEvent", el("EnvelopeEventStatusCode", "Completed"),
				el("IncludeDocuments", "true"))), el("RecipientEvents", el("RecipientEvent", el("RecipientEventStatusCode", "Sent"),
				el("IncludeDocuments", "false")))),
		el("AllowReassign", "false"), el("BrandId", "a1b2c3d4-0000-4000-8000-0000000000b1"), el("BrandLock", "true"),
		el("MessageLock", "true"))
}
