package sandbox

import (
	"fmt"
	"net/http"
	"strings"
)

// apiError is an error of the REST API, or a fault of SOAP.
type apiError struct {
	code    string
	status  int // in REST
	message string
}

// apiErrors are those of PROTOCOL.md §8.2.
func apiErrors() []apiError {
	return []apiError{
		{"ACCOUNT_DOES_NOT_EXIST_IN_SYSTEM", 401, "The specified Account does not exist."},
		{"AUTHORIZATION_INVALID_TOKEN", 401, "The access token provided is expired, revoked or malformed."},
		{"BURST_APIINVOCATION_LIMIT_EXCEEDED", 429, "The maximum number of burst API invocations has been exceeded."},
		{"DOCUMENT_DOES_NOT_EXIST", 404, "The document specified was not found."},
		{"ENVELOPE_CANNOT_VOID_INVALID_STATE", 400, "Only envelopes in the 'Sent' or 'Delivered' states may be voided."},
		{"ENVELOPE_DOES_NOT_EXIST", 404, "The envelope specified does not exist."},
		{"ENVELOPE_INVALID_STATUS", 400, "Invalid envelope status."},
		{"HOURLY_APIINVOCATION_LIMIT_EXCEEDED", 429, "The maximum number of hourly API invocations has been exceeded."},
		{"INVALID_REQUEST_BODY", 400, "The request body is missing or improperly formatted."},
		{"INVALID_REQUEST_PARAMETER", 400, "The request contained at least one invalid parameter."},
		{"PARTNER_AUTHENTICATION_FAILED", 401, "The specified Integrator Key was not found or is disabled."},
		{"REQUEST_TOO_LARGE", 413, "The request is larger than the service allows."},
		{"USER_AUTHENTICATION_FAILED", 401, "One or both of Username and Password are invalid."},
		{"USER_LACKS_MEMBERSHIP", 401, "The UserID does not have a valid membership in this Account."},
		{"USER_LACKS_PERMISSIONS", 401, "This user lacks sufficient permissions to access this resource."},
	}
}

// refusal is the error for a code, with an optional sentence added to its message.
func refusal(code string, detail ...string) *apiError {
	for _, e := range apiErrors() {
		if e.code == code {
			e.message = strings.Join(append([]string{e.message}, detail...), " ")
			return &e
		}
	}
	return &apiError{code, http.StatusUnauthorized, strings.Join(detail, " ")}
}

// answer has the bytes of PROTOCOL.md §8.1: in JSON, one of a limit is without line ends.
func (e *apiError) answer(r *http.Request) answer {
	body := fmt.Appendf(nil, `{"errorCode": %s,"message": %s}`, plainJSON(e.code), plainJSON(e.message))
	if e.status == http.StatusTooManyRequests && !wantsXML(r) {
		return answer{status: e.status, contentType: typeJSON, body: body}
	}
	return answer{status: e.status, root: "errorDetails", body: body}
}
