package sandbox

import (
	"fmt"
	"net/http"
	"strings"
)

// apiError is an error of the REST API (PROTOCOL.md §8.2).
type apiError struct {
	status  int
	code    string
	message string
}

// refusal is the error for a code of PROTOCOL.md §8.2, with an optional sentence added to its message.
func refusal(code string, detail ...string) *apiError {
	e := &apiError{http.StatusUnauthorized, code, sentences()[code]}
	switch code {
	case "INVALID_REQUEST_BODY", "INVALID_REQUEST_PARAMETER", "ENVELOPE_CANNOT_VOID_INVALID_STATE", "ENVELOPE_INVALID_STATUS":
		e.status = http.StatusBadRequest
	case "ENVELOPE_DOES_NOT_EXIST", "DOCUMENT_DOES_NOT_EXIST":
		e.status = http.StatusNotFound
	case "REQUEST_TOO_LARGE":
		e.status = http.StatusRequestEntityTooLarge
	case "HOURLY_APIINVOCATION_LIMIT_EXCEEDED", "BURST_APIINVOCATION_LIMIT_EXCEEDED":
		e.status = http.StatusTooManyRequests
	}
	e.message = strings.TrimSpace(strings.Join(append([]string{e.message}, detail...), " "))
	return e
}

func sentences() map[string]string {
	return map[string]string{
		"ACCOUNT_DOES_NOT_EXIST_IN_SYSTEM":    "The specified Account does not exist.",
		"AUTHORIZATION_INVALID_TOKEN":         "The access token provided is expired, revoked or malformed.",
		"BURST_APIINVOCATION_LIMIT_EXCEEDED":  "The maximum number of burst API invocations has been exceeded.",
		"DOCUMENT_DOES_NOT_EXIST":             "The document specified was not found.",
		"ENVELOPE_CANNOT_VOID_INVALID_STATE":  "Only envelopes in the 'Sent' or 'Delivered' states may be voided.",
		"ENVELOPE_DOES_NOT_EXIST":             "The envelope specified does not exist.",
		"ENVELOPE_INVALID_STATUS":             "Invalid envelope status.",
		"HOURLY_APIINVOCATION_LIMIT_EXCEEDED": "The maximum number of hourly API invocations has been exceeded.",
		"INVALID_REQUEST_BODY":                "The request body is missing or improperly formatted.",
		"INVALID_REQUEST_PARAMETER":           "The request contained at least one invalid parameter.",
		"PARTNER_AUTHENTICATION_FAILED":       "The specified Integrator Key was not found or is disabled.",
		"REQUEST_TOO_LARGE":                   "The request is larger than the service allows.",
		"USER_AUTHENTICATION_FAILED":          "One or both of Username and Password are invalid.",
		"USER_LACKS_MEMBERSHIP":               "The UserID does not have a valid membership in this Account.",
		"USER_LACKS_PERMISSIONS":              "This user lacks sufficient permissions to access this resource.",
	}
}

// body renders the error in the bytes of PROTOCOL.md §8.1: one of a limit is without line ends.
func (e apiError) body(asXML bool) []byte {
	o := object{{"errorCode", e.code}, {"message", e.message}}
	switch {
	case asXML:
		return xmlOf("errorDetails", o)
	case e.status == http.StatusTooManyRequests:
		return fmt.Appendf(nil, `{"errorCode": %q,"message": %q}`, e.code, e.message)
	}
	return jsonOf(o)
}
