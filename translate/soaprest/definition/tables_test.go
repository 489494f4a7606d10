package definition

import (
	"fmt"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/sandbox/restbody"
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
