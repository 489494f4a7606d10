package definition

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// schema is what the description of REST's bodies says of a value.
type schema struct {
	Type       string             `json:"type"`
	Ref        string             `json:"$ref"`
	Items      *schema            `json:"items"`
	Properties map[string]*schema `json:"properties"`
}

// schemas reads the description of REST's bodies that stands beside the repository; nil = it is not there.
var schemas = sync.OnceValue(func() map[string]*schema {
	text, err := os.ReadFile(filepath.FromSlash("../../../../shared/docusign/soap-rest/check/openapi-subset.json"))
	if err != nil {
		return nil
	}
	var all struct {
		Definitions map[string]*schema `json:"definitions"`
	}
	if err := json.Unmarshal(text, &all); err != nil {
		panic(err)
	}
	return all.Definitions
})

// Conforms holds that JSON has only members that REST knows, of the types that REST wants, where the description is
// there.
func Conforms(t testing.TB, name string, v any) {
	t.Helper()
	if schemas() != nil {
		conforms(t, name, &schema{Ref: name}, v)
	}
}

func conforms(t testing.TB, at string, s *schema, v any) {
	t.Helper()
	if s.Ref != "" {
		s = schemas()[s.Ref]
	}
	switch v := v.(type) {
	case map[string]any:
		for member, of := range v {
			if s.Properties[member] == nil {
				t.Errorf("%s has no %s", at, member)
				continue
			}
			conforms(t, at+"."+member, s.Properties[member], of)
		}
	case []any:
		if s.Type != "array" {
			t.Errorf("%s is no array", at)
			return
		}
		for i, of := range v {
			conforms(t, fmt.Sprintf("%s[%d]", at, i), s.Items, of)
		}
	case string:
		if s.Type != "string" {
			t.Errorf("%s is no text", at)
		}
	default:
		t.Errorf("%s is a %T", at, v)
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
		all["Recipient"][kind] = schemas()["recipients"].Properties[kind].Items.Ref
	}
	for _, kind := range tabKinds() {
		if kind.name != "radio" {
			all["Tab"][kind.name] = schemas()["tabs"].Properties[kind.name+"Tabs"].Items.Ref
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
	if schemas() == nil {
		t.Skip("the description of REST's bodies stands beside the repository and is not there")
	}
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
		if schemas()[name].Properties[member] != nil {
			return true
		}
	}
	return false
}
