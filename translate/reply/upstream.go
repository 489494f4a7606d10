package reply

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"docusign-auth-proxy/internal/cause"
)

// MaxErrorBody is how much of an upstream error is read at most, in bytes. More may be given; a body cut off anywhere
// is read as far as it goes.
const MaxErrorBody = 64 << 10

const (
	maxErrorText = 512
	codeAccount  = "ACCOUNT_LACKS_PERMISSIONS"
)

// Upstream is what an upstream answer means for the question whether the call may be tried once more (PROTOCOL.md §7,
// §8.2, §16), in a word for metrics.
type Upstream string

// The meanings. Other includes success and everything unknown, and what must not be tried again: a refused user name,
// password or integrator key, since accounts get locked, and a limit that is reached.
const (
	Other        Upstream = ""
	TokenRefused Upstream = "token_refused" // the bearer token is expired, revoked or malformed: renew it, try once more
	WrongSite    Upstream = "wrong_site"    // no such account or member here: try once more if the account's site changed
)

// ClassifyUpstream reads an upstream answer. body is its beginning, decoded, or nil if it was not read; JSON, XML and
// SOAP faults are understood. Only 4xx and SOAP faults (500) can be anything but Other, so nothing that may have done
// work is ever tried again.
func ClassifyUpstream(status int, header http.Header, body []byte) Upstream {
	if status < 400 || status > 500 || status == http.StatusTooManyRequests {
		return Other
	}
	e := readError(body)
	if status == 500 && !e.fault {
		return Other
	}
	u, known := e.classify()
	if !known && status == http.StatusUnauthorized && challengesToken(header) {
		return TokenRefused
	}
	return u
}

// ErrorCode returns the error code in an upstream error body in the spelling of REST, such as USER_LACKS_MEMBERSHIP;
// the names and the known numbers of SOAP are translated. It is empty if there is none, and never longer than 64
// letters, digits and underscores.
func ErrorCode(body []byte) string { return readError(body).code }

// FaultCause returns the row for a SOAP fault of DocuSign's, or for a failure inside a good answer (PROTOCOL.md §9):
// what it is about decides who mends it. 0 = the body is neither, or DocuSign itself failed. A log-in that failed is
// told as for an App Password.
func FaultCause(body []byte) cause.ID {
	e := readError(body)
	switch {
	case !e.fault && !e.unsuccessful:
		return 0
	case e.code == codePartner && !e.says("invalid account specified for user"):
		return cause.AppKeyRefused
	case e.code == codeUser, e.code == codeToken, e.code == codeFormat, e.code == "INVALID_LOGIN",
		e.unsuccessful && e.code == "USER_DOES_NOT_EXIST_IN_SYSTEM": // of the Login that names the user
		return cause.AppPasswordRefused
	case isLimit(e.code), e.code == "API_REQUEST_IS_THROTTLED":
		return cause.DocuSign429
	case strings.Contains(e.code, "_LACKS_"), strings.Contains(e.code, "NOT_AUTHORIZED"):
		return cause.DocuSign403
	case e.unsuccessful || e.client:
		return cause.SOAPFault
	}
	return 0
}

// ErrorText returns the sentence of an upstream error body, at most 512 bytes of it; "" = there is none.
func ErrorText(body []byte) string {
	text := strings.TrimSpace(readError(body).message)
	return strings.ToValidUTF8(text[:min(len(text), maxErrorText)], "")
}

// OldStatus returns the status that DocuSign gave for the same error before 27 April 2026 (PROTOCOL.md §0.6, §8.2):
// limits were 400, RECIPIENT_LIMIT_EXCEEDED was 429. All else, and a body that cannot be read, leaves status as it
// is.
func OldStatus(status int, body []byte) int {
	switch status {
	case http.StatusTooManyRequests:
		if isLimit(ErrorCode(body)) {
			return http.StatusBadRequest
		}
	case http.StatusBadRequest:
		if ErrorCode(body) == "RECIPIENT_LIMIT_EXCEEDED" {
			return http.StatusTooManyRequests
		}
	}
	return status
}

// isLimit covers the hourly and burst limits of calls, polling and envelopes. API_REQUEST_IS_THROTTLED was never 400.
func isLimit(code string) bool {
	known := strings.HasPrefix(code, "HOURLY_") || strings.HasPrefix(code, "BURST_") ||
		strings.HasSuffix(code, "_APIINVOCATION_ENVELOPE_LIMIT_EXCEEDED")
	return known && strings.HasSuffix(code, "_LIMIT_EXCEEDED")
}

// challengesToken reports whether a WWW-Authenticate line says that the bearer token is the trouble (RFC 6750 §3.1).
func challengesToken(h http.Header) bool {
	for _, v := range h.Values("Www-Authenticate") {
		if v = strings.ToLower(v); strings.HasPrefix(v, "bearer") && strings.Contains(v, "invalid_token") {
			return true
		}
	}
	return false
}

// upstreamError is the code and text of an error body.
type upstreamError struct {
	code, message string
	fault         bool // it is a SOAP fault
	client        bool // its code says that the message is to blame
	unsuccessful  bool // Success=false in a good answer
}

func (e upstreamError) classify() (u Upstream, known bool) {
	switch e.code {
	case codeToken:
		return TokenRefused, true
	case codeMember, "USER_DOES_NOT_BELONG_TO_SPECIFIED_ACCOUNT":
		return WrongSite, true
	case codeUser:
		if e.says("invalid access token") {
			return TokenRefused, true
		}
		return Other, true
	case codePartner:
		if e.says("invalid account specified for user") {
			return WrongSite, true
		}
		return Other, true
	case codeAccount, "ACCOUNT_NOT_AUTHORIZED_FOR_ENVELOPE": // on every site
		return Other, false
	}
	if e.code == codeFormat || e.code == "API_REQUEST_IS_THROTTLED" || isLimit(e.code) {
		return Other, true
	}
	if strings.HasPrefix(e.code, "ACCOUNT_") {
		return WrongSite, true
	}
	return Other, false
}

func (e upstreamError) says(text string) bool {
	return strings.Contains(strings.ToLower(e.message), text)
}

// readError finds code and text in JSON, XML or a SOAP fault. It wants no whole document: the body may be cut.
func readError(body []byte) upstreamError {
	body = body[:min(len(body), MaxErrorBody)]
	body = bytes.TrimLeft(body[bom(body):], blanks)
	var e upstreamError
	switch {
	case len(body) == 0:
	case body[0] == '{':
		e = readErrorJSON(body)
	case body[0] == '<':
		e = readErrorXML(body)
	}
	e.code = canonical(e.code)
	return e
}

func readErrorJSON(body []byte) (e upstreamError) {
	_ = walkJSON(body, func(n node) { // the body may be cut off
		switch n.path {
		case "errorCode":
			e.code = n.text
		case "message":
			e.message = n.text
		}
	})
	return e
}

// readErrorXML reads errorDetails, and of an envelope only what stands in a Fault.
func readErrorXML(body []byte) (e upstreamError) {
	dec := xml.NewDecoder(bytes.NewReader(body))
	// The names and codes are ASCII in any charset that gets this far, so it need not be known.
	dec.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	faultText := ""
	_ = walkXML(dec, func(n node) {
		names := strings.Split(n.path, "/")
		inFault := slices.Contains(names, "Fault")
		e.fault = e.fault || inFault
		name, text := names[len(names)-1], strings.TrimSpace(n.text[:min(len(n.text), maxErrorText)])
		e.unsuccessful = e.unsuccessful || name == "Success" && text == "false" && strings.HasPrefix(n.path, "Envelope/Body/")
		if !n.leaf || !inFault && !e.unsuccessful && !slices.Contains(names, "errorDetails") {
			return
		}
		switch {
		case name == "faultcode" || name == "Value": // SOAP 1.1 §4.4.1, SOAP 1.2 §5.4.1.1
			e.client = e.client || strings.HasSuffix(text, ":Client") || strings.HasSuffix(text, ":Sender")
		case strings.EqualFold(name, "errorCode") && e.code == "":
			e.code = text
		case name == "message" || name == "Reason" || name == "Description" || name == "AuthenticationMessage":
			e.message = text
		case name == "faultstring" || name == "Text":
			faultText = text
		}
	})
	// Of a number that is not known, the name tells more (SOAP-REST.md §5.2).
	if _, unknown := strconv.Atoi(canonical(e.code)); e.fault && (e.code == "" || unknown == nil) {
		e.code = faultText
	}
	e.message += " " + faultText
	return e
}

// canonical turns a code of SOAP into the one of REST and drops anything that is no code.
func canonical(code string) string {
	switch code = strings.TrimSpace(code); code {
	case "3":
		return codePartner
	case "111":
		return codeAccount
	case "207":
		return "HOURLY_APIINVOCATION_LIMIT_EXCEEDED"
	}
	if token(code) != code || strings.ContainsAny(code, "-.:") {
		return ""
	}
	return strings.ToUpper(code)
}
