package definition_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"docusign-auth-proxy/translate/soaprest/definition"
	"docusign-auth-proxy/translate/soaprest/fault"
)

const (
	ben  = "<Recipient><ID>1</ID><UserName>Ben</UserName><Email>ben@example.com</Email><Type>Signer</Type></Recipient>"
	form = "<Document><ID>1</ID><Name>Form</Name><PDFBytes>JVBERg==</PDFBytes></Document>"
)

// sending is a message with these documents, recipients, tabs and further elements.
func sending(documents, recipients, tabs, more string) string {
	return "<CreateAndSendEnvelope><Envelope><Documents>" + documents + "</Documents><Recipients>" + recipients +
		"</Recipients><Tabs>" + tabs + "</Tabs><Subject>Please sign</Subject>" + more +
		"</Envelope></CreateAndSendEnvelope>"
}

// withTab is a message with one tab at 100, 200 for Ben.
func withTab(inside string) string {
	return sending(form, ben, tab("<XPosition>100</XPosition><YPosition>200</YPosition>"+inside), "")
}

func tab(inside string) string {
	return "<Tab><DocumentID>1</DocumentID><RecipientID>1</RecipientID><PageNumber>1</PageNumber>" + inside + "</Tab>"
}

// withRecipient is a message with one recipient with that inside.
func withRecipient(inside string) string {
	return sending(form, "<Recipient><ID>1</ID>"+inside+"</Recipient>", "", "")
}

// check is one message and what becomes of it.
type check struct {
	name, message string
	// at leads to a part of the JSON, as in "recipients/signers/0"; want is that part, or what it may not be: "absent".
	at, want string
	// fault is a part of the fault; dropped are the paths of what is left out.
	fault, dropped string
	settings       func(*definition.Settings)
}

func run(t *testing.T, checks []check) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			root, err := tree(api, c.message)
			if err != nil {
				t.Fatal(err)
			}
			s := settings()
			if c.settings != nil {
				c.settings(&s)
			}
			d, err := makeOf(root, s)
			if err != nil {
				var f *fault.Fault
				if !errors.As(err, &f) || c.fault == "" || !strings.Contains(f.Error(), c.fault) {
					t.Fatalf("%v, want %q", err, c.fault)
				}
				return
			}
			if c.fault != "" {
				t.Errorf("no fault, want %q", c.fault)
			}
			if got := strings.Join(d.Dropped, " "); got != c.dropped {
				t.Errorf("dropped %q, want %q", got, c.dropped)
			}
			text, _ := parts(t, d)
			got, found := part(t, text, c.at)
			switch {
			case c.want == "absent" && found:
				t.Errorf("%s is %s", c.at, got)
			case c.want != "absent" && c.want != "":
				same(t, got, c.want)
			}
		})
	}
}

func part(t *testing.T, text, at string) (string, bool) {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	definition.Conforms(t, v)
	for name := range strings.FieldsFuncSeq(at, func(r rune) bool { return r == '/' }) {
		switch of := v.(type) {
		case map[string]any:
			v = of[name]
		case []any:
			v = of[int(name[0]-'0')]
		}
	}
	return indented(v), v != nil
}

func TestTabs(t *testing.T) {
	const signers = "recipients/signers/0/tabs/"
	run(t, []check{
		{
			name:    "a signature is asked for 21 points lower, since REST v2.1 draws it where it is asked for",
			message: withTab("<Type>SignHere</Type>"), at: signers + "signHereTabs/0/yPosition", want: `"221"`,
		},
		{
			name:    "initials are asked for 16 points lower",
			message: withTab("<Type>InitialHereOptional</Type>"), at: signers + "initialHereTabs/0",
			want: `{"documentId":"1","recipientId":"1","pageNumber":"1","xPosition":"100","yPosition":"216",
				"optional":"true"}`,
		},
		{
			name:    "other tabs stay where they are",
			message: withTab("<Type>DateSigned</Type>"), at: signers + "dateSignedTabs/0/yPosition", want: `"200"`,
		},
		{
			name:    "the offset is configured, and nothing lies above the page",
			message: withTab("<Type>SignHere</Type>"), at: signers + "signHereTabs/0/yPosition", want: `"0"`,
			settings: func(s *definition.Settings) { s.SignHere = -300 },
		},
		{
			name: "an anchor takes the place of a position, and is not moved",
			message: withTab("<Type>SignHere</Type><AnchorTabItem><AnchorTabString>here</AnchorTabString>" +
				"<YOffset>4.50</YOffset></AnchorTabItem>"),
			at:   signers + "signHereTabs/0",
			want: `{"documentId":"1","recipientId":"1","pageNumber":"1","anchorString":"here","anchorYOffset":"4.5"}`,
		},
		{
			name:    "an empty anchor is none",
			message: withTab("<Type>SignHere</Type><AnchorTabItem/>"),
			at:      signers + "signHereTabs/0/xPosition",
			want:    `"100"`,
		},
		{
			name:    "an anchor without its text is none, and its other elements are listed",
			message: withTab("<Type>SignHere</Type><AnchorTabItem><XOffset>3</XOffset></AnchorTabItem>"),
			at:      signers + "signHereTabs/0/anchorXOffset",
			want:    "absent",
			dropped: "Envelope/Tabs/Tab[1]/AnchorTabItem",
		},
		{
			name:    "a tab needs a position or an anchor",
			message: sending(form, ben, tab("<Type>SignHere</Type>"), ""), fault: "Envelope/Tabs/Tab[1] with neither",
		},
		{
			name:    "half a position is none",
			message: sending(form, ben, tab("<XPosition>1</XPosition><Type>SignHere</Type>"), ""),
			fault:   "with neither",
		},
		{
			name:    "a custom tab without a type is a text, and is not mandatory by surprise",
			message: withTab("<Type>Custom</Type>"), at: signers + "textTabs/0/required", want: `"false"`,
		},
		{
			name: "a mandatory field stays one",
			message: withTab("<Type>Custom</Type><CustomTabType>Number</CustomTabType>" +
				"<CustomTabRequired>1</CustomTabRequired>"),
			at: signers + "numberTabs/0/required", want: `"true"`,
		},
		{
			name:    "a company is no custom tab",
			message: withTab("<Type>Company</Type>"), at: signers + "companyTabs/0/required", want: "absent",
		},
		{
			name:    "an optional signature cannot be mandatory",
			message: withTab("<Type>SignHereOptional</Type><CustomTabRequired>true</CustomTabRequired>"),
			fault:   "CustomTabRequired of an optional tab",
		},
		{
			name:    "a postal code has its long form",
			message: withTab("<Type>Custom</Type><CustomTabType>ZIP5DASH4</CustomTabType>"),
			at:      signers + "zipTabs/0/useDash4", want: `"true"`,
		},
		{
			name:    "a box is chosen by X, and has no value of its own",
			message: withTab("<Type>Custom</Type><Value>x</Value><CustomTabType>Checkbox</CustomTabType>"),
			at:      signers + "checkboxTabs/0",
			want: `{"documentId":"1","recipientId":"1","pageNumber":"1","xPosition":"100","yPosition":"200",
				"selected":"true"}`,
		},
		{
			name:    "a box whose value is no known word is refused",
			message: withTab("<Type>Custom</Type><Value>maybe</Value><CustomTabType>Checkbox</CustomTabType>"),
			fault:   "Tab[1]/Value that is none of",
		},
		{
			name:    "an empty value is kept",
			message: withTab("<Type>Custom</Type><Value/>"),
			at:      signers + "textTabs/0/value",
			want:    `""`,
		},
		{
			name:    "an empty label is left to REST",
			message: withTab("<Type>Custom</Type><TabLabel/>"),
			at:      signers + "textTabs/0/tabLabel",
			want:    "absent",
		},
		{
			name:    "radios are grouped by name and document, and each has its label as its value",
			message: sending(form, ben, radio("kind", "new", "X")+radio("kind", "old", "")+radio("other", "", "A"), ""),
			at:      signers + "radioGroupTabs",
			want: `[{"groupName":"kind","documentId":"1","recipientId":"1","radios":[
				{"pageNumber":"1","xPosition":"1","yPosition":"2","value":"new","selected":"true"},
				{"pageNumber":"1","xPosition":"1","yPosition":"2","value":"old","selected":"false"}]},
				{"groupName":"other","documentId":"1","recipientId":"1","radios":[
				{"pageNumber":"1","xPosition":"1","yPosition":"2","value":"A","selected":"false"}]}]`,
		},
		{
			name: "radios of one name on two documents are two groups",
			message: sending(form+strings.Replace(form, ">1<", ">2<", 1), ben,
				radio("k", "a", "")+strings.Replace(radio("k", "b", ""), "<DocumentID>1<", "<DocumentID>2<", 1), ""),
			at:   signers + "radioGroupTabs/1/documentId",
			want: `"2"`,
		},
		{
			name:    "a condition without its label is none",
			message: withTab("<Type>Custom</Type><ConditionalParentLabel/><ConditionalParentValue/>"),
			at:      signers + "textTabs/0/conditionalParentValue",
			want:    "absent",
		},
		{
			name:    "a length of 0 is none, where REST has no length",
			message: withTab("<Type>SignHere</Type><MaxLength>0</MaxLength>"),
			at:      signers + "signHereTabs/0/maxLength",
			want:    "absent",
		},
		{
			name:    "a radio needs a group",
			message: withTab("<Type>Custom</Type><CustomTabType>Radio</CustomTabType>"),
			fault:   "Tab[1] without CustomTabRadioGroupName",
		},
		{
			name: "radios of one group that contradict each other are refused",
			message: sending(form, ben, radio("k", "a", "")+strings.Replace(radio("k", "b", ""), "</Tab>",
				"<ConditionalParentLabel>p</ConditionalParentLabel></Tab>", 1)+
				strings.Replace(radio("k", "c", ""), "</Tab>", "<ConditionalParentLabel>q</ConditionalParentLabel>"+
					"</Tab>", 1), ""),
			fault: "Tab[3] whose group has another conditionalParentLabel",
		},
		{
			name:    "a list pairs its texts and values, and a semicolon may end it",
			message: withTab(listOf("Red;Blue;", "r;b", "b")), at: signers + "listTabs/0/listItems",
			want: `[{"text":"Red","value":"r","selected":"false"},{"text":"Blue","value":"b","selected":"true"}]`,
		},
		{
			name: "without values the texts are the values", message: withTab(listOf("Red;Blue", "", "")),
			at: signers + "listTabs/0/listItems/1", want: `{"text":"Blue","value":"Blue","selected":"false"}`,
		},
		{
			name:    "a list needs items",
			message: withTab(listOf("", "", "")),
			fault:   "Tab[1] without CustomTabListItems",
		},
		{
			name:    "lists of different lengths are no pairs",
			message: withTab(listOf("a;b", "c", "")),
			fault:   "not as many",
		},
		{
			name:    "what is chosen must be in the list",
			message: withTab(listOf("a;b", "", "c")),
			fault:   "CustomTabListSelectedValue that is none",
		},
		{
			name: "tabs need a known recipient",
			message: sending(form, ben, "<Tab><DocumentID>1</DocumentID><RecipientID>3</RecipientID>"+
				"<XPosition>1</XPosition><YPosition>1</YPosition><Type>SignHere</Type></Tab>", ""),
			fault: "Validation error: 'Envelope/Tabs/Tab[1]/RecipientID' is that of no 'Recipient'",
		},
		{
			name: "tabs need a known document",
			message: sending(strings.Replace(form, "<ID>1<", "<ID>9<", 1), ben,
				tab("<XPosition>1</XPosition><YPosition>1</YPosition><Type>SignHere</Type>"), ""),
			fault: "Tab[1]/DocumentID' is that of no 'Document'",
		},
		{
			name: "one number may be written in two ways",
			message: sending(form, ben, "<Tab><DocumentID>01</DocumentID><RecipientID>+1</RecipientID>"+
				"<XPosition>1</XPosition><YPosition>1</YPosition><Type>SignHere</Type></Tab>", ""),
			at: signers + "signHereTabs/0/documentId", want: `"1"`,
		},
		{
			name: "only those who sign have tabs",
			message: sending(form, strings.Replace(ben, "Signer", "CertifiedDelivery", 1),
				tab("<XPosition>1</XPosition><YPosition>1</YPosition><Type>SignHere</Type>"), ""),
			fault: "Tab[1] of a recipient who is no signer",
		},
	})
}

func radio(group, label, value string) string {
	inside := "<XPosition>1</XPosition><YPosition>2</YPosition><Type>Custom</Type>"
	if label != "" {
		inside += "<TabLabel>" + label + "</TabLabel>"
	}
	if value != "" {
		inside += "<Value>" + value + "</Value>"
	}
	return tab(inside + "<CustomTabType>Radio</CustomTabType>" +
		"<CustomTabRadioGroupName>" + group + "</CustomTabRadioGroupName>")
}

func listOf(items, values, chosen string) string {
	return "<Type>Custom</Type><CustomTabType>List</CustomTabType><CustomTabListItems>" + items +
		"</CustomTabListItems><CustomTabListValues>" + values + "</CustomTabListValues><CustomTabListSelectedValue>" +
		chosen + "</CustomTabListSelectedValue>"
}

func TestRecipients(t *testing.T) {
	const signer, phone = "recipients/signers/0", "<PhoneAuthentication>" +
		"<RecipMayProvideNumber>false</RecipMayProvideNumber>" +
		"<SenderProvidedNumbers><SenderProvidedNumber>+15550100</SenderProvidedNumber></SenderProvidedNumbers>" +
		"</PhoneAuthentication>"
	run(t, []check{
		{
			name: "an in-person signer has a host",
			message: withRecipient("<UserName>Ben</UserName><SignerName>Cora</SignerName>" +
				"<Email>ben@example.com</Email><Type>InPersonSigner</Type>"),
			at:   "recipients/inPersonSigners/0",
			want: `{"recipientId":"1","hostName":"Ben","hostEmail":"ben@example.com","signerName":"Cora"}`,
		},
		{
			name:    "an in-person signer has a name",
			message: withRecipient("<UserName>Ben</UserName><Type>InPersonSigner</Type>"),
			fault:   "'SignerName' is missing",
		},
		{
			name: "those without an ID get one that nobody has",
			message: sending(form, strings.ReplaceAll(ben, "<ID>1</ID>", "")+ben+strings.ReplaceAll(ben, "<ID>1</ID>",
				""), "", ""),
			at: "recipients/signers",
			want: `[{"recipientId":"2","name":"Ben","email":"ben@example.com"},{"recipientId":"1","name":"Ben",
				"email":"ben@example.com"},
				{"recipientId":"3","name":"Ben","email":"ben@example.com"}]`,
		},
		{
			name:    "two with one ID are a mistake",
			message: sending(form, ben+strings.Replace(ben, ">1<", ">01<", 1), "", ""),
			fault:   "two 'Recipient' have the 'ID' 1",
		},
		{
			name:    "an empty CaptiveInfo is a remote recipient, an empty AccessCode no code",
			message: withRecipient("<Type>Signer</Type><AccessCode/><CaptiveInfo><ClientUserId/></CaptiveInfo>"),
			at:      signer,
			want:    `{"recipientId":"1"}`,
		},
		{
			name:    "a code that REST would cut",
			message: withRecipient("<Type>Signer</Type><AccessCode>" + strings.Repeat("ä", 51) + "</AccessCode>"),
			fault:   "AccessCode of more than 50 characters",
		},
		{
			name:    "the first order is 1",
			message: withRecipient("<Type>Signer</Type><RoutingOrder>0</RoutingOrder>"),
			at:      signer + "/routingOrder",
			want:    `"1"`,
		},
		{
			name: "a check by phone",
			message: withRecipient("<Type>Signer</Type>" +
				"<IDCheckConfigurationName>Phone Auth $</IDCheckConfigurationName>" + phone),
			at:   signer + "/phoneAuthentication",
			want: `{"recipMayProvideNumber":"false","senderProvidedNumbers":["+15550100"]}`,
		},
		{
			name: "a check by SMS, which SOAP wrote as one by phone",
			message: withRecipient("<Type>Signer</Type>" +
				"<IDCheckConfigurationName>SMS Auth $</IDCheckConfigurationName>" + phone),
			at: signer,
			want: `{"recipientId":"1","idCheckConfigurationName":"SMS Auth $",
				"smsAuthentication":{"senderProvidedNumbers":["+15550100"]}}`,
		},
		{
			name: "a check by SMS asks for no voice",
			message: withRecipient("<Type>Signer</Type><IDCheckConfigurationName>SMS Auth $</IDCheckConfigurationName>" +
				strings.Replace(phone, "<SenderProvidedNumbers>", "<RecordVoicePrint>true</RecordVoicePrint>"+
					"<SenderProvidedNumbers>", 1)),
			fault: "RecordVoicePrint with SMS Auth $",
		},
		{
			name: "social log-ins that are not asked for, and Email, change nothing",
			message: withRecipient("<Type>Signer</Type><DeliveryMethod>Email</DeliveryMethod><FaxNumber/>" +
				"<GoogleRecipientAuthentication>false</GoogleRecipientAuthentication>"),
			at:   signer,
			want: `{"recipientId":"1"}`,
		},
		{
			name: "a font that REST lists no longer is left out",
			message: withRecipient("<Type>Signer</Type><SignatureInfo><SignatureName>B</SignatureName>" +
				"<FontStyle>LuciaBT</FontStyle></SignatureInfo>"),
			at:      signer + "/signatureInfo",
			want:    `{"signatureName":"B"}`,
			dropped: "Envelope/Recipients/Recipient[1]/SignatureInfo/FontStyle",
		},
		{
			name:    "a numbered font",
			message: withRecipient("<Type>Signer</Type><SignatureInfo><FontStyle>DocuSign3</FontStyle></SignatureInfo>"),
			at:      signer + "/signatureInfo", want: `{"fontStyle":"3_DocuSign"}`,
		},
		{
			name: "all recipients have a message of their own, or none",
			message: sending(form, ben+"<Recipient><Type>Signer</Type><EmailNotification><Subject>S</Subject>"+
				"</EmailNotification></Recipient>", "", ""),
			fault: "'EmailNotification'",
		},
		{
			name:    "documents that are hidden from an editor cannot be hidden over REST",
			message: withRecipient("<Type>Editor</Type><ExcludedDocuments><DocumentID>1</DocumentID></ExcludedDocuments>"),
			fault:   "ExcludedDocuments",
		},
	})
}

func TestEnvelopes(t *testing.T) {
	run(t, []check{
		{
			name:    "an envelope is there",
			message: "<CreateEnvelope/>",
			fault:   "'Envelope' is missing in CreateEnvelope",
		},
		{
			name:    "pair 21",
			message: sending("", ben, "", ""),
			fault:   "Validation error: 'Documents' has no 'Document' in CreateAndSendEnvelope.",
		},
		{
			name:    "a document has bytes",
			message: sending("<Document><ID>1</ID></Document>", ben, "", ""),
			fault:   "'PDFBytes' is missing or empty",
		},
		{
			name:    "two documents with one ID",
			message: sending(form+form, ben, "", ""),
			fault:   "two 'Document' have the 'ID' 1",
		},
		{
			name: "documents without an ID are numbered, and the name tells the extension",
			message: sending("<Document><Name>Offer v1.2</Name><PDFBytes>YQ==</PDFBytes></Document><Document>"+
				"<Name>offer.DOCX</Name><PDFBytes>YQ==</PDFBytes></Document>", ben, "", ""),
			at: "documents",
			want: `[{"documentId":"1","name":"Offer v1.2","fileExtension":"pdf","order":"1"},{"documentId":"2",
				"name":"offer.DOCX","fileExtension":"DOCX","order":"2"}]`,
		},
		{
			name:    "a subject to send with",
			message: strings.Replace(sending(form, ben, "", ""), "Please sign", " ", 1),
			fault:   "'Subject' is missing or empty",
		},
		{
			name:    "a draft needs no subject",
			message: "<CreateEnvelope><Envelope/></CreateEnvelope>",
			want:    `{"status":"created"}`,
		},
		{
			name:    "a subject that REST takes",
			message: strings.Replace(sending(form, ben, "", ""), "Please sign", strings.Repeat("ä", 101), 1),
			fault:   "Envelope/Subject of more than 100 characters",
		},
		{
			name:    "100 characters are not too many",
			message: strings.Replace(sending(form, ben, "", ""), "Please sign", strings.Repeat("ä", 100), 1),
			at:      "status",
			want:    `"sent"`,
		},
		{
			name:    "an empty text of the message is kept",
			message: sending(form, ben, "", "<EmailBlurb/>"),
			at:      "emailBlurb",
			want:    `""`,
		},
		{
			name:    "to be made later needs a TransactionID",
			message: sending(form, ben, "", "<Asynchronous>true</Asynchronous>"),
			fault:   "'Asynchronous' needs a 'TransactionID'",
		},
		{
			name: "no vault",
			message: sending(form, ben, "", "<VaultingOptions><VaultingMode>None</VaultingMode>"+
				"<EODDocumentName>n</EODDocumentName></VaultingOptions>"),
			at:   "status",
			want: `"sent"`,
		},
		{
			name:    "no authoritative copy",
			message: sending(form, ben, "", "<AuthoritativeCopy>false</AuthoritativeCopy>"),
			at:      "authoritativeCopy",
			want:    `"false"`,
		},
		{
			name:    "an authoritative copy that is not allowed",
			message: sending(form, ben, "", "<AuthoritativeCopy>true</AuthoritativeCopy>"),
			fault:   "Envelope/AuthoritativeCopy cannot",
		},
		{
			name:     "an authoritative copy that is allowed",
			message:  sending(form, ben, "", "<AuthoritativeCopy>true</AuthoritativeCopy>"),
			at:       "authoritativeCopy",
			want:     `"true"`,
			settings: func(s *definition.Settings) { s.AuthoritativeCopy = true },
		},
		{
			name: "custom fields go by their type, text when there is none",
			message: sending(form, ben, "", `<CustomFields><CustomField><Name>a</Name><Show>True</Show><Value/></CustomField>
				<CustomField><Name>b</Name><CustomFieldType>List</CustomFieldType><ListItems>x;y</ListItems></CustomField>
					</CustomFields>`),
			at: "customFields",
			want: `{"textCustomFields":[{"name":"a","show":"true","value":""}],"listCustomFields":[{"name":"b",
				"listItems":["x","y"]}]}`,
		},
		{
			name: "a text field has no items",
			message: sending(form, ben, "", "<CustomFields><CustomField><ListItems>x</ListItems></CustomField>"+
				"</CustomFields>"),
			fault: "ListItems",
		},
		{
			name:    "a flag is a flag",
			message: sending(form, ben, "", "<CustomFields><CustomField><Show>perhaps</Show></CustomField></CustomFields>"),
			fault:   "neither true nor false",
		},
		{
			name: "attachments carry their bytes",
			message: sending(form, ben, "", "<EnvelopeAttachment><Attachment><Data>YWJjZA==</Data><Type>t</Type>"+
				"</Attachment></EnvelopeAttachment>"),
			at:   "envelopeAttachments",
			want: `[{"data":"YWJjZA==","attachmentType":"t"}]`,
		},
		{
			name: "boxes that find a template are for templates",
			message: sending(strings.Replace(form, "</PDFBytes>", "</PDFBytes><MatchBoxes><MatchBox><Width>0</Width>"+
				"</MatchBox></MatchBoxes>", 1), ben, "", ""),
			fault: "MatchBoxes",
		},
	})
}
