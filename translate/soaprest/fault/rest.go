package fault

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"

	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/translate/reply"
)

// FromREST makes the fault of what DocuSign refused (SOAP-REST.md §5.3). body is the beginning of the answer.
func FromREST(operation string, status int, header http.Header, body []byte) *Fault {
	code := reply.ErrorCode(body)
	f := &Fault{
		Client: status >= 400 && status < 500 && status != 444, // 444 = DocuSign's gateway closed without an answer
		Name:   unspecified, Number: 1, Status: status, Code: code, RetryAfter: header.Get("Retry-After"),
		Reason: cmp.Or(reply.ErrorText(body), fmt.Sprintf("DocuSign answered with HTTP status %d.", status)),
	}
	switch {
	case !f.Client:
	case code != "":
		f.name(operation)
	case status == http.StatusUnauthorized:
		f.Name = "User_Authentication_Failed"
	case status == http.StatusNotFound && len(body) == 0 && hasEnvelope(operation):
		f.Name, f.Reason = "Envelope_Does_Not_Exist", "The envelope specified does not exist."
	case status != http.StatusTooManyRequests: // a page of something between, or of a path that is not there
		f.Client = false
	}
	return f
}

// name writes the code as SOAP does: in other letters, but for these.
func (f *Fault) name(operation string) {
	f.Name = strings.Replace(reply.Symbol(f.Code), "Apiinvocation", "API_Invocation", 1)
	switch f.Code {
	case "AUTHORIZATION_INVALID_TOKEN":
		f.Name = "User_Authentication_Failed"
	case "PARTNER_AUTHENTICATION_FAILED":
		f.Number = 3
	case "ACCOUNT_LACKS_PERMISSIONS":
		f.Number = 111
	case "HOURLY_APIINVOCATION_LIMIT_EXCEEDED":
		f.Number = 207
	case "INVALID_REQUEST_PARAMETER", "INVALID_REQUEST_BODY": // the proxy wrote both, not the program
		f.Name, f.Client = unspecified, false
	case "USER_NOT_ENVELOPE_SENDER", "USER_NOT_ENVELOPE_SENDER_OR_RECIPIENT":
		f.Name = "User_Not_Envelope_Sender_Or_Recipient"
		if operation == "RequestSenderToken" {
			f.Name = "User_Not_Envelope_Sender"
		}
	case "ENVELOPE_INVALID_STATUS", "ENVELOPE_CANNOT_VOID_INVALID_STATE":
		switch operation {
		case "VoidEnvelope":
			f.Name = "Envelope_Cannot_Void_Invalid_State"
		case "CorrectAndResendEnvelope":
			f.Name = "Envelope_Cannot_Correct_Invalid_State"
		}
	}
}

// hasEnvelope reports whether the operation works on an envelope that is there already.
func hasEnvelope(operation string) bool {
	for _, s := range services.All() {
		o := s.Description().Operation(operation)
		for _, name := range []string{"EnvelopeID", "EnvelopeId", "Correction"} {
			if o != nil && o.In.Element(name) != nil {
				return true
			}
		}
	}
	return false
}
