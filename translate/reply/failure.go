package reply

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/services"
)

// Response headers by which an operator finds a refusal again. Old programs do not read them.
const (
	CauseHeader     = "X-DocuSign-Auth-Proxy-Cause"
	RequestIDHeader = "X-DocuSign-Auth-Proxy-Request-Id"
)

const (
	maxToken          = 64  // bytes in a cause or request id
	maxDetail         = 300 // bytes of Failure.Detail shown to the caller
	defaultRetryAfter = 10 * time.Second
	maxRetryAfter     = time.Hour
)

// entry is one row of the table.
type entry struct {
	status  int    // HTTP status in REST
	code    string // errorCode in REST; the SOAP name is derived from it
	message string
	grant   string // error in OAuth
}

const (
	codePartner  = "PARTNER_AUTHENTICATION_FAILED"
	codeUser     = "USER_AUTHENTICATION_FAILED"
	codeFormat   = "INVALID_TOKEN_FORMAT"
	codeLacks    = "USER_LACKS_PERMISSIONS"
	codeOther    = "UNSPECIFIED_ERROR"
	codeBody     = "INVALID_REQUEST_BODY"
	codeParam    = "INVALID_REQUEST_PARAMETER"
	codeToken    = "AUTHORIZATION_INVALID_TOKEN"
	codeMember   = "USER_LACKS_MEMBERSHIP"
	badKey       = "The specified Integrator Key was not found or is disabled."
	badParam     = "The request contained at least one invalid parameter. "
	badLogin     = "One or both of Username and Password are invalid."
	badFormat    = "The security token format does not conform to expected schema."
	lacks        = "This user lacks sufficient permissions to access this resource."
	noPrincipal  = "This User lacks sufficient permissions. Failed to resolve SendOnBehalfOf user."
	grantClient  = "invalid_client"
	grantRequest = "invalid_request"
	grantBusy    = "temporarily_unavailable"
	grantType    = "unsupported_grant_type"
)

// row is how a kind looks on the wire (PROTOCOL.md §8.2, §8.3 and §9).
func row(k call.Kind) entry {
	switch k {
	case call.KindNoCredential:
		return entry{401, codePartner, badKey + " An Integrator key was not specified.", grantRequest}
	case call.KindUnreadable, call.KindUnreadableMessage:
		return entry{401, codeFormat, badFormat, grantRequest}
	case call.KindDigest:
		return entry{401, codeFormat, badFormat + " The password must be sent as text, not as a digest.", grantRequest}
	case call.KindSigned:
		return entry{401, codeFormat, badFormat + " The security token must not be signed.", grantRequest}
	case call.KindUnknownKey, call.KindBlocked:
		return entry{401, codePartner, badKey, grantClient}
	case call.KindBadLogin, call.KindThrottled, call.KindTokenRefused:
		return entry{401, codeUser, badLogin, grantClient}
	case call.KindNotAllowed:
		return entry{401, codeLacks, lacks, grantClient}
	case call.KindPasswordChange:
		return entry{401, codeLacks, lacks + " The password cannot be changed through the API.", grantRequest}
	case call.KindUnknownToken, call.KindOAuthRefused:
		return entry{401, codeToken, "The access token provided is expired, revoked or malformed.", grantClient}
	case call.KindNoMembership:
		return entry{401, codeMember, "The UserID does not have a valid membership in this Account.", grantClient}
	case call.KindTokenUnavailable, call.KindTokenTimeout, call.KindNotRepeated:
		return entry{503, codeOther, "The authentication service is not available. Try again later.", grantBusy}
	case call.KindBusy, call.KindOverloaded, call.KindStoreUnreachable:
		return entry{503, codeOther, "The service is busy. Try again later.", grantBusy}
	case call.KindUnreachable:
		return entry{502, codeOther, "The DocuSign service could not be reached.", grantBusy}
	case call.KindTimeout:
		return entry{504, codeOther, "The DocuSign service did not answer in time.", grantBusy}
	case call.KindWrongEnvironment:
		return entry{403, codeLacks, lacks + " This host belongs to another DocuSign environment.", grantRequest}
	}
	return requestRow(k)
}

// requestRow is row for what is wrong with the request itself.
func requestRow(k call.Kind) entry {
	switch k {
	case call.KindNoPath, call.KindNotFound:
		return entry{status: 404}
	case call.KindBadRequest, call.KindUnreadableForm:
		return entry{400, codeBody, "The request body is missing or improperly formatted.", grantRequest}
	case call.KindSlowBody:
		return entry{408, codeBody, "The request body did not arrive in time.", grantRequest}
	case call.KindTooLarge:
		return entry{413, codeBody, "The request is too large.", grantRequest}
	case call.KindHostMismatch:
		return entry{421, codeParam, badParam + "The Host header does not match the connection.", grantRequest}
	case call.KindBadPath:
		return entry{400, codeParam, badParam +
			"The path has an encoded slash, a backslash or a control character.", grantRequest}
	case call.KindUnknownService:
		return entry{404, codeParam, badParam + "docusign-auth-proxy knows no such SOAP service; it knows /api/3.0/" +
			services.Names("and") + ".", grantRequest}
	case call.KindFormBinding:
		return entry{404, codeParam, badParam + "docusign-auth-proxy takes SOAP envelopes at the address of the service; " +
			"calls by query or form, service.asmx/Operation, are not passed on.", grantRequest}
	case call.KindUnsupportedGrant:
		return entry{400, codeParam, badParam + "The grant type is not supported.", grantType}
	case call.KindClearPassword:
		return entry{400, codeParam, badParam + "docusign-auth-proxy passes no password on in a query, a form or the body " +
			"of an operation, and no SOAP message to a path that is no SOAP service.", grantType}
	case call.KindNotOverREST:
		return entry{400, codeParam, "The operation is not available.", grantRequest}
	case call.KindUnsupported:
		return entry{501, codeOther, "This operation is not available.", grantRequest}
	}
	return entry{500, codeOther, "An internal error occurred.", "server_error"}
}

// inResult gives the ErrorCode in results of AccountManagement and of Credential.Login.
func (e entry) inResult() (member, login string) {
	const failed, lacking, unspecified = "User_Authentication_Failed", "User_Lacks_Permissions", "Unspecified_Error"
	switch e.code {
	case codePartner:
		return "Partner_Authentication_Failed", failed
	case codeUser, codeToken:
		return "Invalid_Login", failed
	case codeFormat:
		return "Invalid_Request", failed
	case codeLacks:
		return "Not_Authorized", lacking
	case codeMember:
		return "Invalid_Membership", lacking
	case codeBody, codeParam:
		return "Invalid_Request", unspecified
	}
	return unspecified, unspecified
}

// in returns the row as d words it: a recorded SOAP fault names SendOnBehalfOf (PROTOCOL.md §9).
func (f Failure) in(d Dialect) entry {
	e := row(f.Kind)
	if f.Kind == call.KindNotAllowed && d.IsSOAP() {
		e.message = noPrincipal
	}
	return e
}

// transient reports whether k is the fault of the services and not of the caller.
func (e entry) transient() bool { return e.status >= 500 }

// Failure is a request that the proxy refuses.
type Failure struct {
	Kind call.Kind
	// Detail is added to the message the caller reads; at most 300 bytes are shown; never a secret or an upstream text.
	Detail string
	// Cause is for CauseHeader, such as consent_required; empty: no such header; anything but a short word is cut.
	Cause string
	// RetryAfter is rounded up to seconds, at most an hour; zero: 10 s for the kinds answered 503, else no header.
	RetryAfter time.Duration
}

// FailureOf is what a program may know of err.
func FailureOf(err error) Failure {
	e := call.ErrorOf(err)
	return Failure{Kind: e.Kind, Detail: e.Public, Cause: call.CauseOf(err), RetryAfter: call.RetryAfterOf(err)}
}

// Refuse answers f in c's dialect. In SOAP that is a fault; RefuseOperation knows the operations that report failures
// otherwise.
func (c Caller) Refuse(f Failure) Answer {
	e := f.in(c.Dialect)
	var a Answer
	switch {
	case e.code == "":
		a = c.answer(e.status, "", "")
	case c.Dialect.IsSOAP():
		a = c.fault(e, f.message(e))
	case c.Dialect == OAuthJSON || c.Dialect == OAuthXML:
		status := e.status
		if status == http.StatusUnauthorized {
			status = http.StatusBadRequest // PROTOCOL.md §3.1
		}
		a = c.object(status, "oauthErr", object{
			{name: "error", text: e.grant}, {name: "error_description", text: f.message(e)},
		})
	default:
		a = c.object(e.status, "errorDetails", object{
			{name: "errorCode", text: e.code}, {name: "message", text: f.message(e)},
		})
	}
	f.headers(e, a.Header)
	return a
}

func (f Failure) message(e entry) string {
	if f.Detail == "" {
		return e.message
	}
	d := f.Detail
	if len(d) > maxDetail {
		d = strings.ToValidUTF8(d[:maxDetail], "")
	}
	return e.message + " " + d
}

func (f Failure) headers(e entry, h http.Header) {
	if cause := token(f.Cause); cause != "" {
		h.Set(CauseHeader, cause)
	}
	wait := f.RetryAfter
	if wait <= 0 && e.status == http.StatusServiceUnavailable {
		wait = defaultRetryAfter
	}
	if wait > 0 {
		wait = min(wait, maxRetryAfter)
		h.Set("Retry-After", strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10))
	}
}

// token cuts s to a short word of letters, digits and "_-.:", so that no raw input reaches a response header.
func token(s string) string {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && strings.IndexByte("_-.:", c) < 0 || i == maxToken {
			return s[:i]
		}
	}
	return s
}
