package definition

import (
	"fmt"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/sandbox/restbody"
	"docusign-auth-proxy/internal/services"
)

// Conforms holds that JSON is an envelopeDefinition, by the description that the sandbox has of REST's bodies.
func Conforms(t testing.TB, v any) {
	t.Helper()
	if _, err := restbody.Named("envelopeDefinition").Take(v); err != nil {
		t.Error(err)
	}
}

// restTypes are REST's for a type of SOAP, by their kinds; "" where there is one alone.
func restTypes() map[string]map[string]string {
	all := map[string]map[string]string{
		"Envelope":            {"definition": "envelopeDefinition", "inline": "envelope"},
		"EnvelopeInformation": {"information": "envelopeDefinition"},
		"Document":            {"whole": "document", "part": "document"},
		"CustomField":         {"text": "textCustomField", "list": "listCustomField"},
		"Recipient":           {}, "Tab": {"radio": "radio radioGroup"},
	}
	for _, kind := range recipientKinds() {
		all["Recipient"][kind] = restbody.Named("recipients").Members[kind].Type.Name
	}
	for _, kind := range tabKinds() {
		if kind.name != "radio" {
			all["Tab"][kind.name] = restbody.Named("tabs").Members[kind.name+"Tabs"].Type.Name
		}
	}
	for soap, rest := range map[string]string{
		"MatchBox": "matchBox", "Attachment": "attachment", "AnchorTab": "text", "Notification": "notification",
		"Reminders": "reminders", "Expirations": "expirations", "EventNotification": "eventNotification",
		"EnvelopeEvent": "envelopeEvent", "RecipientEvent": "recipientEvent",
		"RecipientPhoneAuthentication": "recipientPhoneAuthentication",
		"RecipientSignatureInfo":       "recipientSignatureInformation",
		"RecipientCaptiveInfo":         "signer", "RecipientEmailNotification": "recipientEmailNotification",
		"IDCheckInformationInput": "idCheckInformationInput",
		"AddressInformationInput": "addressInformationInput", "AddressInformation": "addressInformation",
		"SSN4InformationInput": "ssn4InformationInput", "SSN4Information": "ssn4InformationInput",
		"SSN9InformationInput": "ssn9InformationInput", "SSN9Information": "ssn9InformationInput",
	} {
		all[soap] = map[string]string{"": rest}
	}
	return all
}

// TestTheTablesKnowWhichTypesHaveAMember compares every row with the description of REST's bodies.
func TestTheTablesKnowWhichTypesHaveAMember(t *testing.T) {
	differs := map[string]string{
		"Envelope inline transactionId": "an inline template is no call",
		"Envelope inline asynchronous":  "an inline template is no call",
		"Document whole matchBoxes":     "they are for templates (SOAP-REST.md §3.2)",
		"Tab radio tabLabel":            "it becomes the radio's value (SOAP-REST.md §3.4)",
	}
	known := restTypes()
	for soap, table := range tables() {
		if known[soap] == nil {
			t.Errorf("%s is compared with nothing", soap)
		}
		for kind, rest := range known[soap] {
			for element, r := range table {
				if r.member == "" || r.member == apart || r.member == Merged {
					continue
				}
				has := r.on == nil || r.on(kind)
				row := fmt.Sprintf("%s %s %s", soap, kind, r.member)
				switch want := hasMember(rest, r.member); {
				case has != want && differs[row] == "":
					t.Errorf("%s (%s): %v, but REST's %s: %v", row, element, has, rest, want)
				case has != want:
					delete(differs, row)
				}
			}
		}
	}
	if len(differs) > 0 {
		t.Errorf("these do not differ: %v", differs)
	}
}

func hasMember(types, member string) bool {
	for name := range strings.FieldsSeq(types) {
		if _, has := restbody.Named(name).Members[member]; has {
			return true
		}
	}
	return false
}

// TestEachDescribedElementHasARow holds the tables against what the services describe: no element is refused because it
// was forgotten, and none has a row for nothing.
func TestEachDescribedElementHasARow(t *testing.T) {
	for soap, table := range tables() {
		described := map[string]bool{}
		for _, path := range []string{"/api/3.0/api.asmx", "/api/3.0/dsapi.asmx"} {
			if soapType := services.ByPath(path).Description().Type(soap); soapType != nil {
				for _, e := range soapType.Elements {
					described[e.Name] = true
				}
			}
		}
		if soap == "Envelope" || soap == "EnvelopeInformation" { // they share a table
			described["AllowRecipientRecursion"] = true
		}
		for element := range described {
			if _, has := table[element]; !has {
				t.Errorf("%s/%s has no row", soap, element)
			}
		}
		for element := range table {
			if !described[element] && soap != "EnvelopeInformation" {
				t.Errorf("%s/%s is not described", soap, element)
			}
		}
	}
}

// TestElementsHaveTheirOwnNamesInREST holds what has another name, and what has none, against SOAP-REST.md §3.
func TestElementsHaveTheirOwnNamesInREST(t *testing.T) {
	const refused = "" // SOAP-REST.md §5.1
	other := map[string]string{
		"Envelope/TransactionID": "transactionId", "Envelope/Subject": "emailSubject",
		"Envelope/EnvelopeAttachment": "envelopeAttachments", "Envelope/VaultingOptions": refused,
		"Document/ID": "documentId", "Document/AttachmentDescription": refused,
		"Attachment/Type":           "attachmentType",
		"AnchorTab/AnchorTabString": "anchorString", "AnchorTab/XOffset": "anchorXOffset",
		"AnchorTab/YOffset": "anchorYOffset",
		"AnchorTab/Unit":    "anchorUnits", "AnchorTab/IgnoreIfNotPresent": "anchorIgnoreIfNotPresent",

		"Recipient/ID": "recipientId", "Recipient/UserName": "name", "Recipient/RequireIDLookup": "requireIdLookup",
		"Recipient/IDCheckConfigurationName": "idCheckConfigurationName",
		"Recipient/IDCheckInformationInput":  "idCheckInformationInput",
		"Recipient/DeliveryMethod":           refused, "Recipient/FaxNumber": refused,
		"Recipient/RecipientAttachment": refused, "Recipient/TemplateAccessCodeRequired": refused,
		"RecipientEmailNotification/Subject":          "emailSubject",
		"RecipientEmailNotification/EmailBlurb":       "emailBody",
		"RecipientEmailNotification/Language":         "supportedLanguage",
		"IDCheckInformationInput/DOBInformationInput": refused,
		"AddressInformationInput/DisplayLevel":        "displayLevelCode",
		"AddressInformation/Street1":                  "address1", "AddressInformation/Street2": "address2",
		"AddressInformation/State": "stateOrProvince", "AddressInformation/Zip": "postalCode",
		"IDCheckInformationInput/SSN4InformationInput": "ssn4InformationInput",
		"IDCheckInformationInput/SSN9InformationInput": "ssn9InformationInput",
		"SSN4InformationInput/DisplayLevel":            "displayLevelCode", "SSN4Information/SSN4": "ssn4",
		"SSN9InformationInput/DisplayLevel": "displayLevelCode", "SSN9Information/SSN9": "ssn9",
		"EventNotification/URL": "url",

		"Tab/DocumentID": "documentId", "Tab/RecipientID": "recipientId", "Tab/CustomTabWidth": "width",
		"Tab/CustomTabHeight": "height", "Tab/CustomTabRequired": "required", "Tab/CustomTabLocked": "locked",
		"Tab/CustomTabDisableAutoSize": "disableAutoSize", "Tab/CustomTabRadioGroupName": "groupName",
		"Tab/CustomTabValidationPattern": "validationPattern", "Tab/CustomTabValidationMessage": "validationMessage",
		"Tab/SharedTab": "shared", "Tab/RequireInitialOnSharedTabChange": "requireInitialOnSharedChange",
		"Tab/IncludeNoteInEmail": refused, "Tab/IsPaymentAmount": refused,
	}
	for _, site := range []string{
		"LiveID", "Facebook", "Linkedin", "Google", "Salesforce", "Twitter", "Yahoo", "OpenID", "AnySocialID",
	} {
		other["Recipient/"+site+"RecipientAuthentication"] = refused
	}
	for soap, table := range tables() {
		for element, r := range table {
			row := soap + "/" + element
			want, is := other[row]
			if delete(other, row); !is {
				want = strings.ToLower(element[:1]) + element[1:]
			}
			switch {
			case r.member == apart || r.member == Merged || soap == "EnvelopeInformation":
			case r.member != want:
				t.Errorf("%s is %q, want %q", row, r.member, want)
			}
		}
	}
	if len(other) > 0 {
		t.Errorf("no rows: %v", other)
	}
}
