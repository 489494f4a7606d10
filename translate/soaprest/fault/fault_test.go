package fault_test

import (
	"net/http"
	"strings"
	"testing"

	"docusign-auth-proxy/translate/soaprest/fault"
)

func refusal(code string) string { return `{"errorCode":"` + code + `","message":"why"}` }

func TestRefusalsOfRESTHaveTheNamesOfSOAP(t *testing.T) { // SOAP-REST.md §5.3
	for _, tc := range []struct {
		operation string
		status    int
		body      string
		name      string
		number    int
		server    bool
	}{
		{"RequestStatus", 400, refusal("ENVELOPE_DOES_NOT_EXIST"), "Envelope_Does_Not_Exist", 1, false},
		{"RequestStatus", 404, refusal("ENVELOPE_DOES_NOT_EXIST"), "Envelope_Does_Not_Exist", 1, false},
		{"RequestStatus", 404, "", "Envelope_Does_Not_Exist", 1, false},
		{"SendEnvelope", 404, "", "Envelope_Does_Not_Exist", 1, false},
		{"CorrectAndResendEnvelope", 404, "", "Envelope_Does_Not_Exist", 1, false},
		{"RequestTemplate", 404, "", "Unspecified_Error", 1, true},
		{"RequestStatuses", 404, "", "Unspecified_Error", 1, true},
		{"RequestStatus", 404, "<html>no such page</html>", "Unspecified_Error", 1, true},
		{"RequestStatus", 401, refusal("USER_AUTHENTICATION_FAILED"), "User_Authentication_Failed", 1, false},
		{"RequestStatus", 401, refusal("AUTHORIZATION_INVALID_TOKEN"), "User_Authentication_Failed", 1, false},
		{"RequestStatus", 401, "", "User_Authentication_Failed", 1, false},
		{"RequestStatus", 401, refusal("PARTNER_AUTHENTICATION_FAILED"), "Partner_Authentication_Failed", 3, false},
		{"RequestStatus", 400, refusal("USER_LACKS_PERMISSIONS"), "User_Lacks_Permissions", 1, false},
		{"RequestStatus", 401, refusal("USER_LACKS_MEMBERSHIP"), "User_Lacks_Membership", 1, false},
		{"RequestStatus", 400, refusal("USER_DOES_NOT_EXIST_IN_SYSTEM"), "User_Does_Not_Exist_In_System", 1, false},
		{
			"RequestStatus", 400, refusal("USER_DOES_NOT_BELONG_TO_SPECIFIED_ACCOUNT"),
			"User_Does_Not_Belong_To_Specified_Account", 1, false,
		},
		{"RequestStatus", 400, refusal("ACCOUNT_LACKS_PERMISSIONS"), "Account_Lacks_Permissions", 111, false},
		{
			"RequestStatus", 400, refusal("ACCOUNT_NOT_AUTHORIZED_FOR_ENVELOPE"),
			"Account_Not_Authorized_For_Envelope", 1, false,
		},
		{"RequestSenderToken", 400, refusal("USER_NOT_ENVELOPE_SENDER"), "User_Not_Envelope_Sender", 1, false},
		{
			"RequestStatus", 400, refusal("USER_NOT_ENVELOPE_SENDER_OR_RECIPIENT"),
			"User_Not_Envelope_Sender_Or_Recipient", 1, false,
		},
		{
			"VoidEnvelope", 400, refusal("ENVELOPE_CANNOT_VOID_INVALID_STATE"),
			"Envelope_Cannot_Void_Invalid_State", 1, false,
		},
		{"VoidEnvelope", 400, refusal("ENVELOPE_INVALID_STATUS"), "Envelope_Cannot_Void_Invalid_State", 1, false},
		{
			"CorrectAndResendEnvelope", 400, refusal("ENVELOPE_INVALID_STATUS"),
			"Envelope_Cannot_Correct_Invalid_State", 1, false,
		},
		{"SendEnvelope", 400, refusal("ENVELOPE_INVALID_STATUS"), "Envelope_Invalid_Status", 1, false},
		{"RequestRecipientToken", 400, refusal("UNKNOWN_ENVELOPE_RECIPIENT"), "Unknown_Envelope_Recipient", 1, false},
		{
			"RequestRecipientToken", 400, refusal("INVALID_CAPTIVE_RECIPIENT_OPERATION"),
			"Invalid_Captive_Recipient_Operation", 1, false,
		},
		{"RequestRecipientToken", 400, refusal("RECIPIENT_NOT_IN_SEQUENCE"), "Recipient_Not_In_Sequence", 1, false},
		{
			"CreateEnvelope", 400, refusal("INVALID_EMAIL_ADDRESS_FOR_RECIPIENT"),
			"Invalid_Email_Address_For_Recipient", 1, false,
		},
		{"CreateEnvelope", 400, refusal("INVALID_REQUEST_PARAMETER"), "Unspecified_Error", 1, true},
		{"CreateEnvelope", 400, refusal("INVALID_REQUEST_BODY"), "Unspecified_Error", 1, true},
		{"CreateEnvelope", 400, refusal("ONESIGNALLSIGN_NOT_SATISFIED"), "Onesignallsign_Not_Satisfied", 1, false},
		{"CreateEnvelope", 400, refusal("A_NEW_ONE"), "A_New_One", 1, false},
		{
			"RequestStatus", 429, refusal("HOURLY_APIINVOCATION_LIMIT_EXCEEDED"),
			"Hourly_API_Invocation_Limit_Exceeded", 207, false,
		},
		{
			"RequestStatus", 429, refusal("BURST_APIINVOCATION_LIMIT_EXCEEDED"),
			"Burst_API_Invocation_Limit_Exceeded", 1, false,
		},
		{"RequestStatus", 429, "", "Unspecified_Error", 1, false},
		{"RequestStatus", 500, refusal("ENVELOPE_DOES_NOT_EXIST"), "Unspecified_Error", 1, true},
		{"RequestStatus", 502, "<html>Bad Gateway</html>", "Unspecified_Error", 1, true},
		{"RequestStatus", 444, "", "Unspecified_Error", 1, true},
		{"RequestStatus", 403, "<html>Forbidden</html>", "Unspecified_Error", 1, true},
	} {
		f := fault.FromREST(tc.operation, tc.status, http.Header{"Retry-After": {"7"}}, []byte(tc.body))
		if f.Name != tc.name || f.Number != tc.number || f.Client == tc.server || f.Schema {
			t.Errorf("%s, %d %s: %+v", tc.operation, tc.status, tc.body, f)
		}
		if f.Status != tc.status || f.RetryAfter != "7" || f.Reason == "" {
			t.Errorf("%s, %d %s: %+v", tc.operation, tc.status, tc.body, f)
		}
	}
}

func TestTheReasonIsDocuSignsSentence(t *testing.T) {
	f := fault.FromREST("VoidEnvelope", 400, nil, []byte(refusal("ENVELOPE_INVALID_STATUS")))
	if f.Reason != "why" || f.Code != "ENVELOPE_INVALID_STATUS" || f.RetryAfter != "" {
		t.Errorf("%+v", f)
	}
	f = fault.FromREST("VoidEnvelope", 503, nil, []byte("<html>secret</html>"))
	if f.Reason != "DocuSign answered with HTTP status 503." || f.Error() != "Unspecified_Error: "+f.Reason {
		t.Errorf("%+v", f)
	}
	long := `{"errorCode":"A","message":"` + strings.Repeat("é", 600) + `"}`
	if f = fault.FromREST("VoidEnvelope", 400, nil, []byte(long)); len(f.Reason) != 512 {
		t.Errorf("a reason of %d bytes", len(f.Reason))
	}
}

func TestFaultsOfTheProxySayThatNothingWasSent(t *testing.T) { // SOAP-REST.md §5.2, §11.5
	for _, tc := range []struct {
		fault *fault.Fault
		want  string
	}{
		{
			fault.Refused("SendEnvelope", "Tab/Type"),
			"Unspecified_Error: SendEnvelope: Tab/Type cannot be carried out over REST (proxy). Nothing was sent.",
		},
		{
			fault.Refused("TransferEnvelope", ""),
			"Unspecified_Error: TransferEnvelope: cannot be carried out over REST (proxy). Nothing was sent.",
		},
		{fault.Invalid("'%s' is missing", "ID"), "Validation error: 'ID' is missing. Nothing was sent."},
		{fault.Server("no disk"), "Unspecified_Error: no disk"},
		{fault.Named("Envelope_Does_Not_Exist", "It is no GUID."), "Envelope_Does_Not_Exist: It is no GUID."},
	} {
		if got := tc.fault.Error(); got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
	}
}
