package definition_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"docusign-auth-proxy/translate/soaprest/definition"
)

const (
	first  = "70000000-1111-4222-8333-000000000001"
	second = "70000000-1111-4222-8333-000000000002"
)

// fromTemplates is a message with these references, recipients and members of EnvelopeInformation.
func fromTemplates(references, recipients, more string) string {
	return "<CreateEnvelopeFromTemplates><TemplateReferences>" + references + "</TemplateReferences><Recipients>" +
		recipients + "</Recipients><EnvelopeInformation><Subject>Please sign</Subject>" + more +
		"</EnvelopeInformation><ActivateEnvelope>true</ActivateEnvelope></CreateEnvelopeFromTemplates>"
}

func reference(id, more string) string {
	return "<TemplateReference><TemplateLocation>Server</TemplateLocation><Template>" + id + "</Template>" + more +
		"</TemplateReference>"
}

func roles(pairs ...string) string {
	all := ""
	for i := 0; i < len(pairs); i += 2 {
		all += "<RoleAssignment><RoleName>" + pairs[i] + "</RoleName><RecipientID>" + pairs[i+1] +
			"</RecipientID></RoleAssignment>"
	}
	return "<RoleAssignments>" + all + "</RoleAssignments>"
}

func fields(pairs ...string) string {
	all := ""
	for i := 0; i < len(pairs); i += 2 {
		all += "<DataValue><TabLabel>" + pairs[i] + "</TabLabel><Value>" + pairs[i+1] + "</Value></DataValue>"
	}
	return "<FieldData><DataValues>" + all + "</DataValues></FieldData>"
}

func person(id, kind, role string) string {
	if role != "" {
		role = "<RoleName>" + role + "</RoleName>"
	}
	return "<Recipient><ID>" + id + "</ID><UserName>P" + id + "</UserName><Type>" + kind + "</Type>" +
		role + "</Recipient>"
}

func TestFromTemplates(t *testing.T) {
	const composites, inline = "compositeTemplates/", "compositeTemplates/0/inlineTemplates/0/"
	customer := reference(first, roles("Customer", "1"))
	filled := func(pairs ...string) string {
		return fromTemplates(reference(first, roles("Customer", "1")+fields(pairs...)), person("1", "Signer", ""), "")
	}
	run(t, []check{
		{
			name: "references follow their sequence, and each recipient stands where a role is assigned",
			message: fromTemplates(reference(second, roles("Boss", "2")+"<Sequence>2</Sequence>")+reference("{"+first+"}",
				roles("Customer", "1")+"<Sequence>1</Sequence>"), person("1", "Signer", "X")+person("2", "CarbonCopy", ""), ""),
			at: "compositeTemplates",
			want: `[{"compositeTemplateId":"1","serverTemplates":[{"sequence":"1","templateId":"` + first + `"}],
				"inlineTemplates":[{"sequence":"2","recipients":{"signers":[
					{"recipientId":"1","name":"P1","roleName":"Customer"}]}}]},
				{"compositeTemplateId":"2","serverTemplates":[{"sequence":"1","templateId":"` + second + `"}],
				"inlineTemplates":[{"sequence":"2","recipients":{"carbonCopies":[
					{"recipientId":"2","name":"P2","roleName":"Boss"}]}}]}]`,
		},
		{
			name:    "a recipient who is assigned to none stands where the template has the role",
			message: fromTemplates(reference(first, "")+reference(second, ""), person("1", "Signer", "Customer"), ""),
			at:      composites + "1/inlineTemplates/0/recipients/signers/0/roleName", want: `"Customer"`,
		},
		{
			name: "one whose role no template has stands in the first, as one without a role",
			message: fromTemplates(reference(first, "")+reference(second, ""),
				person("1", "Signer", "Nobody")+person("2", "Signer", ""), ""),
			at: "compositeTemplates",
			want: `[{"compositeTemplateId":"1","serverTemplates":[{"sequence":"1","templateId":"` + first + `"}],
				"inlineTemplates":[{"sequence":"2","recipients":{"signers":[
					{"recipientId":"1","name":"P1","roleName":"Nobody"},{"recipientId":"2","name":"P2"}]}}]},
				{"compositeTemplateId":"2","serverTemplates":[{"sequence":"1","templateId":"` + second + `"}]}]`,
		},
		{
			name: "one recipient has a role and tabs of its own in each template",
			message: fromTemplates(reference(first, roles("Customer", "1")+fields("order", "7"))+
				reference(second, roles("Boss", "1")), person("1", "Signer", ""), ""),
			at: "compositeTemplates",
			want: `[{"compositeTemplateId":"1","serverTemplates":[{"sequence":"1","templateId":"` + first + `"}],
				"inlineTemplates":[{"sequence":"2","recipients":{"signers":[{"recipientId":"1","name":"P1",
					"roleName":"Customer","tabs":{"textTabs":[{"tabLabel":"order","value":"7"}]}}]}}]},
				{"compositeTemplateId":"2","serverTemplates":[{"sequence":"1","templateId":"` + second + `"}],
				"inlineTemplates":[{"sequence":"2","recipients":{"signers":[
					{"recipientId":"1","name":"P1","roleName":"Boss"}]}}]}]`,
		},
		{
			name: "a value for someone who does not sign",
			message: fromTemplates(reference(first, roles("Customer", "1")+fields("order", "7")),
				person("1", "CertifiedDelivery", ""), ""),
			fault: "DataValue[1] of a role without a recipient who signs",
		},
		{
			name: "without a location, a GUID is a template of the server",
			message: strings.Replace(fromTemplates(customer, person("1", "Signer", ""), ""),
				"<TemplateLocation>Server</TemplateLocation>", "", 1),
			at: composites + "0/serverTemplates/0/templateId", want: `"` + first + `"`,
		},
		{
			name: "a template inside the message is refused",
			message: strings.Replace(fromTemplates(reference("&lt;xml/&gt;", ""), "", ""),
				"<TemplateLocation>Server</TemplateLocation>", "", 1),
			fault: "TemplateReference[1]/TemplateLocation that is not Server",
		},
		{
			name:    "a GUID that is said to be a template of SOAP's is refused, too",
			message: strings.Replace(fromTemplates(customer, "", ""), ">Server<", ">SOAP<", 1),
			fault:   "TemplateLocation that is not Server",
		},
		{
			name:    "a name is no template",
			message: fromTemplates(reference("order", ""), "", ""),
			fault:   "Template' is no GUID",
		},
		{
			name:    "there is a template",
			message: fromTemplates("", "", ""),
			fault:   "'TemplateReferences' has no 'TemplateReference'",
		},
		{
			name:    "a role of nobody",
			message: fromTemplates(customer, person("2", "Signer", ""), ""),
			fault:   "RoleAssignment[1]/RecipientID' is that of no",
		},
		{
			name:    "two roles of one person in one template",
			message: fromTemplates(reference(first, roles("Customer", "1", "Boss", "1")), person("1", "Signer", ""), ""),
			fault:   "RoleAssignment[2] of a second role",
		},
		{
			name: "attachments of a template",
			message: fromTemplates(reference(first, "<TemplateAttachments><Attachment><Label>l</Label></Attachment>"+
				"</TemplateAttachments>"), "", ""),
			fault: "TemplateAttachments cannot",
		},
		{
			name:    "no attachments",
			message: fromTemplates(reference(first, "<TemplateAttachments/>"), "", ""),
			at:      composites + "0/inlineTemplates",
			want:    "absent",
		},
		{
			name:    "reminders of the templates are not taken",
			message: fromTemplates(customer, person("1", "Signer", ""), ""),
			at:      "notification",
			want:    `{"useAccountDefaults":"true"}`,
		},
		{
			name: "those of the message are",
			message: fromTemplates(customer, person("1", "Signer", ""),
				"<Notification><Expirations><ExpireAfter>9</ExpireAfter></Expirations></Notification>"),
			at: "notification", want: `{"expirations":{"expireAfter":"9"}}`,
		},
		{
			name: "custom fields go into the first inline template, since REST ignores them at the root",
			message: fromTemplates(reference(first, ""), "", "<CustomFields><CustomField><Name>n</Name>"+
				"</CustomField></CustomFields>"),
			at:   inline,
			want: `{"sequence":"2","customFields":{"textCustomFields":[{"name":"n"}]}}`,
		},
		{
			name: "tabs are added where their recipient is not yet, and need no position",
			message: fromTemplates(reference(first, "")+reference(second,
				"<AdditionalTabs><Tab><RecipientID>1</RecipientID><Type>SignHere</Type></Tab></AdditionalTabs>"), person("1",
				"Signer", ""), ""),
			at:   composites + "1/inlineTemplates/0/recipients/signers/0/tabs",
			want: `{"signHereTabs":[{"recipientId":"1"}]}`,
		},
		{
			name: "a document stands in its composite, and is encoded there",
			message: fromTemplates(reference(first, "<Document><Name>a.txt</Name><PDFBytes>YWJjZA==</PDFBytes>"+
				"<MatchBoxes><MatchBox><Width>7</Width></MatchBox></MatchBoxes></Document>"), "", ""),
			at: composites + "0/document",
			want: `{"documentId":"1","name":"a.txt","fileExtension":"txt","documentBase64":"YWJjZA==","matchBoxes":[
				{"width":"7"}]}`,
		},
		{
			name:    "values go where the template has the label, by the type of its tab",
			message: filled("order", "A-17", "both", "7", "agree", "X", "colour", "b", "kind", "old", "nowhere", "n"),
			at:      inline + "recipients/signers/0/tabs",
			want: `{"textTabs":[{"tabLabel":"order","value":"A-17"},
				{"tabLabel":"both","value":"7"}],"numberTabs":[{"tabLabel":"both","value":"7"}],
				"checkboxTabs":[{"tabLabel":"agree","selected":"true"}],"listTabs":[
					{"tabLabel":"colour","listSelectedValue":"b"}],
				"radioGroupTabs":[{"groupName":"kind","radios":[{"value":"old","selected":"true"}]}]}`,
			dropped: "TemplateReferences/TemplateReference[1]/FieldData/DataValues/DataValue[6]",
		},
		{
			name:    "a radio may be named by its label",
			message: filled("new", "X"),
			at:      inline + "recipients/signers/0/tabs",
			want:    `{"radioGroupTabs":[{"groupName":"kind","radios":[{"value":"new","selected":"true"}]}]}`,
		},
		{
			name:    "a box takes no other word",
			message: filled("agree", "perhaps"),
			fault:   "DataValue[1]/Value that is none of",
		},
		{
			name:    "a signature takes no value",
			message: filled("sig1", "Ben"),
			fault:   "DataValue[1] of a tab that takes no value",
		},
		{
			name:    "a value for a role that nobody has",
			message: fromTemplates(reference(first, roles("Boss", "1")+fields("order", "1")), person("1", "Signer", ""), ""),
			fault:   "DataValue[1] of a role without",
		},
		{
			name:    "an error of the template is passed on",
			message: fromTemplates(reference(second, fields("a", "b"))+reference(missing, fields("a", "b")), "", ""),
			fault:   "Envelope_Does_Not_Exist",
		},
	})
}

func TestDraftsOfSeveralTemplatesJoinTheirRoles(t *testing.T) {
	one, two := reference(first, ""), reference(first, "")+reference(second, "")
	for _, c := range []struct{ references, activate, status, query string }{
		{one, "false", "created", ""},
		{two, "false", "created", "merge_roles_on_draft=true"},
		{two, "true", "sent", ""},
	} {
		message := fromTemplates(c.references, person("1", "Signer", ""), "")
		root, err := tree(dsapi, strings.Replace(message, ">true</Act", ">"+c.activate+"</Act", 1))
		if err != nil {
			t.Fatal(err)
		}
		d, err := makeOf(root, settings())
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Query.Encode(); got != c.query || d.Object["status"] != c.status {
			t.Errorf("query %q and status %v, want %+v", got, d.Object["status"], c)
		}
	}
}

func TestATemplateIsAskedForOnlyWhereItIsNeeded(t *testing.T) {
	root, err := tree(api, fromTemplates(reference(first, roles("Customer", "1")), person("1", "Signer",
		"Customer"), ""))
	if err != nil {
		t.Fatal(err)
	}
	_, err = definition.FromTemplates(root.Name, root, settings(), func(string) (*definition.Template, error) {
		return nil, errors.New("it was asked for")
	})
	if err != nil {
		t.Error(err)
	}
}

func TestATemplateThatCannotBeReadIsTroubleOfTheServers(t *testing.T) {
	root, err := tree(api, fromTemplates(reference(first, fields("a", "b")), "", ""))
	if err != nil {
		t.Fatal(err)
	}
	_, err = definition.FromTemplates(root.Name, root, settings(), func(string) (*definition.Template, error) {
		return &definition.Template{Recipients: map[string]json.RawMessage{"signers": json.RawMessage(`[7]`)}}, nil
	})
	if err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Error(err)
	}
}

// forms is a message with these composite templates and members of EnvelopeInformation.
func forms(composites, more string) string {
	return "<CreateEnvelopeFromTemplatesAndForms><EnvelopeInformation><Subject>Please sign</Subject>" + more +
		"</EnvelopeInformation><CompositeTemplates>" + composites +
		"</CompositeTemplates><ActivateEnvelope>1</ActivateEnvelope></CreateEnvelopeFromTemplatesAndForms>"
}

func server(sequence string) string {
	return "<ServerTemplates><ServerTemplate>" + sequence + "<TemplateID>" +
		first + "</TemplateID></ServerTemplate></ServerTemplates>"
}

func inlined(sequence, envelope string) string {
	return "<InlineTemplates><InlineTemplate>" + sequence + "<Envelope>" +
		envelope + "</Envelope></InlineTemplate></InlineTemplates>"
}

func TestFromTemplatesAndForms(t *testing.T) {
	const composite = "compositeTemplates/0/"
	composed := func(inside string) string { return forms("<CompositeTemplate>"+inside+"</CompositeTemplate>", "") }
	field := "<CustomFields><CustomField><Name>n</Name></CustomField></CustomFields>"
	run(t, []check{
		{
			name:    "there is a template",
			message: forms("", ""),
			fault:   "'CompositeTemplates' has no 'CompositeTemplate'",
		},
		{
			name:    "sequences are passed on",
			message: composed(server("<Sequence>3</Sequence>") + inlined("<Sequence>1</Sequence>", "")),
			at:      "compositeTemplates/0",
			want: `{"compositeTemplateId":"1","serverTemplates":[
				{"sequence":"3","templateId":"` + first + `"}],"inlineTemplates":[{"sequence":"1"}]}`,
		},
		{
			name: "two that are the same are told apart, the server's first",
			message: composed(server("<Sequence>1</Sequence>") + inlined("<Sequence>1</Sequence>",
				"") + "<PDFMetaDataTemplate><Sequence>2</Sequence></PDFMetaDataTemplate>"),
			at: "compositeTemplates/0",
			want: `{"compositeTemplateId":"1","serverTemplates":[
				{"sequence":"1","templateId":"` + first + `"}],"inlineTemplates":[
					{"sequence":"2"}],"pdfMetaDataTemplateSequence":"3"}`,
		},
		{
			name:    "one that is absent comes last",
			message: composed(server("") + inlined("<Sequence>4</Sequence>", "")),
			at:      composite + "serverTemplates/0/sequence",
			want:    `"2"`,
		},
		{
			name:    "a name is no template",
			message: strings.Replace(composed(server("")), first, "order", 1),
			fault:   "ServerTemplate[1]/TemplateID' is no GUID",
		},
		{
			name:    "custom fields of the envelope get an inline template where there is none",
			message: forms("<CompositeTemplate>"+server("<Sequence>1</Sequence>")+"</CompositeTemplate>", field),
			at:      composite + "inlineTemplates",
			want:    `[{"sequence":"2","customFields":{"textCustomFields":[{"name":"n"}]}}]`,
		},
		{
			name:    "custom fields of an inline template are no members of its envelope",
			message: composed(inlined("<Sequence>1</Sequence>", field)),
			at:      "compositeTemplates/0/inlineTemplates/0",
			want:    `{"sequence":"1","customFields":{"textCustomFields":[{"name":"n"}]}}`,
		},
		{
			name: "or join those that are there",
			message: forms("<CompositeTemplate>"+inlined("<Sequence>1</Sequence>", strings.Replace(field, ">n<", ">m<",
				1))+"</CompositeTemplate>", field),
			at:   composite + "inlineTemplates/0/customFields",
			want: `{"textCustomFields":[{"name":"m"},{"name":"n"}]}`,
		},
		{
			name:    "what an inline template says of the envelope",
			message: composed(inlined("", "<Subject>S</Subject><EmailBlurb>b</EmailBlurb><BrandId>b1</BrandId>")),
			at:      composite + "inlineTemplates/0/envelope",
			want:    `{"emailSubject":"S","emailBlurb":"b","brandId":"b1"}`,
		},
		{
			name:    "but no notification, which it cannot say",
			message: composed(inlined("", "<EventNotification><URL>u</URL></EventNotification>")),
			fault:   "EventNotification",
		},
		{
			name:    "nor to be made later",
			message: composed(inlined("", "<Asynchronous>true</Asynchronous>")),
			fault:   "Asynchronous",
		},
		{
			name:    "a name of a call means nothing there",
			message: composed(inlined("", "<TransactionID>t</TransactionID>")),
			dropped: "CompositeTemplates/CompositeTemplate[1]/InlineTemplates/InlineTemplate[1]/Envelope/TransactionID",
		},
		{
			name:    "an account of its own",
			message: composed(inlined("", "<AccountId>1</AccountId>")),
			fault:   "AccountId that is not the one",
		},
		{
			name: "the same account",
			message: strings.Replace(composed(inlined("", "<AccountId>1</AccountId>")), "<Subject>",
				"<AccountId>1</AccountId><Subject>", 1),
			at:   composite + "inlineTemplates/0/envelope",
			want: "absent",
		},
		{
			name: "documents of an inline template are encoded",
			message: composed(inlined("", "<Documents><Document><Name>a</Name><PDFBytes>YWJj</PDFBytes></Document>"+
				"</Documents>")),
			at:   composite + "inlineTemplates/0/documents",
			want: `[{"documentId":"1","name":"a","fileExtension":"pdf","order":"1","documentBase64":"YWJj"}]`,
		},
		{
			name: "a list of the template's is chosen from by its label",
			message: composed(inlined("", "<Recipients>"+ben+"</Recipients><Tabs><Tab><RecipientID>1</RecipientID>"+
				"<Type>Custom</Type><TabLabel>colour</TabLabel><CustomTabType>List</CustomTabType>"+
				"<CustomTabListSelectedValue>b</CustomTabListSelectedValue></Tab></Tabs>")),
			at: composite + "inlineTemplates/0/recipients/signers/0/tabs/listTabs/0/listSelectedValue", want: `"b"`,
		},
		{
			name:    "a tab of nobody",
			message: composed(inlined("", "<Tabs><Tab><RecipientID>1</RecipientID><Type>SignHere</Type></Tab></Tabs>")),
			fault:   "Tab[1]/RecipientID' is that of no 'Recipient'",
		},
		{
			name:    "two documents with one ID",
			message: forms(strings.Repeat("<CompositeTemplate>"+form+"</CompositeTemplate>", 2), ""),
			fault:   "two 'Document' have the 'ID' 1",
		},
		{
			name:    "a subject to send with",
			message: strings.Replace(composed(server("")), "Please sign", "", 1),
			fault:   "'Subject' is missing or empty",
		},
	})
}
