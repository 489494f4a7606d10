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

// entry is one row of the table. Empty columns fall back as said in the methods.
type entry struct {
	status  int    // HTTP status in REST
	code    string // errorCode in REST; the SOAP name is derived from it
	message string
	member  string // ErrorCode in AccountManagement results
	login   string // ErrorCode in Credential.Login
	grant   string // error in OAuth
}

const (
	codePartner  = "PARTNER_AUTHENTICATION_FAILED"
	codeUser     = "USER_AUTHENTICATION_FAILED"
	codeFormat   = "INVALID_TOKEN_FORMAT"
	codeLacks    = "USER_LACKS_PERMISSIONS"
	codeOther    = "UNSPECIFIED_ERROR"
	codeToken    = "AUTHORIZATION_INVALID_TOKEN"
	codeMember   = "USER_LACKS_MEMBERSHIP"
	codeAccount  = "ACCOUNT_LACKS_PERMISSIONS"
	badKey       = "The specified Integrator Key was not found or is disabled."
	badLogin     = "One or both of Username and Password are invalid."
	badFormat    = "The security token format does not conform to expected schema."
	lacks        = "This user lacks sufficient permissions to access this resource."
	noPrincipal  = "This User lacks sufficient permissions. Failed to resolve SendOnBehalfOf user."
	memberKey    = "Partner_Authentication_Failed"
	memberLogin  = "Invalid_Login"
	memberOther  = "Unspecified_Error"
	memberDenied = "Not_Authorized"
	memberFormat = "Invalid_Request"
	loginFailed  = "User_Authentication_Failed"
	loginLacks   = "User_Lacks_Permissions"
	grantClient  = "invalid_client"
	grantRequest = "invalid_request"
	grantType    = "unsupported_grant_type"
)

// row is how a kind looks on the wire (PROTOCOL.md §8.2, §8.3 and §9).
func row(k call.Kind) entry {
	switch k {
	case call.KindNoCredential:
		return entry{401, codePartner, badKey + " An Integrator key was not specified.", memberKey, loginFailed, grantRequest}
	case call.KindUnreadable, call.KindUnreadableMessage:
		return entry{401, codeFormat, badFormat, memberFormat, loginFailed, grantRequest}
	case call.KindDigest:
		const digest = badFormat + " The password must be sent as text, not as a digest."
		return entry{401, codeFormat, digest, memberFormat, loginFailed, grantRequest}
	case call.KindSigned:
		const signed = badFormat + " The security token must not be signed."
		return entry{401, codeFormat, signed, memberFormat, loginFailed, grantRequest}
	case call.KindUnknownKey, call.KindBlocked:
		return entry{401, codePartner, badKey, memberKey, loginFailed, grantClient}
	case call.KindBadLogin, call.KindThrottled, call.KindTokenRefused:
		return entry{401, codeUser, badLogin, memberLogin, loginFailed, grantClient}
	case call.KindNotAllowed:
		return entry{401, codeLacks, lacks, memberDenied, loginLacks, grantClient}
	case call.KindPasswordChange:
		const fixed = lacks + " The password cannot be changed through the API."
		return entry{401, codeLacks, fixed, memberDenied, loginLacks, grantRequest}
	case call.KindUnknownToken, call.KindOAuthRefused:
		const expired = "The access token provided is expired, revoked or malformed."
		return entry{401, codeToken, expired, memberLogin, loginFailed, grantClient}
	case call.KindNoMembership:
		const foreign = "The UserID does not have a valid membership in this Account."
		return entry{401, codeMember, foreign, "Invalid_Membership", loginLacks, grantClient}
	case call.KindTokenUnavailable, call.KindTokenTimeout, call.KindNotRepeated:
		return trouble(503, "The authentication service is not available. Try again later.")
	case call.KindBusy, call.KindOverloaded:
		return trouble(503, "The service is busy. Try again later.")
	case call.KindUnreachable:
		return trouble(502, "The DocuSign service could not be reached.")
	case call.KindTimeout:
		return trouble(504, "The DocuSign service did not answer in time.")
	case call.KindWrongEnvironment:
		const other = lacks + " This host belongs to another DocuSign environment."
		return entry{403, codeLacks, other, memberDenied, loginLacks, grantRequest}
	}
	return requestRow(k)
}

// requestRow is row for what is wrong with the request itself.
func requestRow(k call.Kind) entry {
	switch k {
	case call.KindNoPath, call.KindNotFound:
		return entry{status: 404}
	case call.KindBadRequest, call.KindUnreadableForm:
		return malformed(400, "The request body is missing or improperly formatted.")
	case call.KindSlowBody:
		return malformed(408, "The request body did not arrive in time.")
	case call.KindTooLarge:
		return malformed(413, "The request is too large.")
	case call.KindHostMismatch:
		return invalid(421, grantRequest, "The Host header does not match the connection.")
	case call.KindBadPath:
		return invalid(400, grantRequest, "The path has an encoded slash, a backslash or a control character.")
	case call.KindUnknownService:
		return invalid(404, grantRequest, "docusign-auth-proxy knows no such SOAP service; it knows /api/3.0/"+
			services.Names("and")+".")
	case call.KindFormBinding:
		return invalid(404, grantRequest, "docusign-auth-proxy takes SOAP envelopes at the address of the service; "+
			"calls by query or form, service.asmx/Operation, are not passed on.")
	case call.KindUnsupportedGrant:
		return invalid(400, grantType, "The grant type is not supported.")
	case call.KindClearPassword:
		return invalid(400, grantType, "docusign-auth-proxy passes no password on in a query, a form or the body of an "+
			"operation, and no SOAP message to a path that is no SOAP service.")
	case call.KindUnsupported:
		return entry{501, codeOther, "This operation is not available.", memberOther, memberOther, grantRequest}
	}
	return entry{500, codeOther, "An internal error occurred.", memberOther, memberOther, "server_error"}
}

// trouble is the row of a failure that is not the caller's.
func trouble(status int, message string) entry {
	return entry{status, codeOther, message, memberOther, memberOther, "temporarily_unavailable"}
}

// malformed is the row of a request that has the wrong form.
func malformed(status int, message string) entry {
	return entry{status, "INVALID_REQUEST_BODY", message, memberFormat, memberOther, grantRequest}
}

// invalid is the row of a request that asks for what there is not.
func invalid(status int, grant, message string) entry {
	const parameter = "The request contained at least one invalid parameter. "
	return entry{status, "INVALID_REQUEST_PARAMETER", parameter + message, memberFormat, memberOther, grant}
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
