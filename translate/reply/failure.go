package reply

import (
	"net/http"
	"strconv"
	"strings"
	"time"
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

// Kind is why the proxy answers a request itself with an error. The zero value is Internal.
type Kind uint8

// The kinds; how each looks on the wire is in the table below (PROTOCOL.md §8.2, §8.3 and §9).
const (
	Internal                Kind = iota // a bug or a failure of the proxy's own
	NoCredential                        // nothing in the request says who is calling
	Unreadable                          // a credential is there but cannot be parsed
	UnknownKey                          // integrator key not in the configuration
	BadLogin                            // user or password wrong: one kind for both, so that nothing is given away
	TooManyFailures                     // the caller is throttled after wrong passwords; looks like BadLogin
	NotAllowed                          // principal unknown, or the authenticator may not act for it
	InvalidToken                        // a bearer token the proxy did not issue or has revoked
	LacksMembership                     // the user is not a member of the account in the path
	AccountLacksPermissions             // the account may not use the API
	GrantRefused                        // the token end point says consent_required, user_not_found, bad key and the like
	Blocked                             // the integration is switched off by configuration
	TokenServer                         // the token end point fails or does not answer
	Unreachable                         // no connection to DocuSign
	Timeout                             // DocuSign did not answer in time
	Overloaded                          // a limit of the proxy is reached, or it is shutting down
	HostMismatch                        // inner Host differs from the target that the connection is bound to
	Forbidden                           // the destination or the caller is not allowed
	NotFound                            // no such route; DocuSign answers these with an empty body
	BadRequest                          // form, envelope or multipart cannot be read
	SlowBody                            // the request body stopped coming
	TooLarge                            // a header or body exceeds a limit
	DigestPassword                      // WS-Security PasswordDigest: there is no clear password to check
	SignedCredential                    // an XML signature covers the token, so it cannot be replaced
	PasswordChangeRefused               // PUT login_information/password and ChangePassword
	UnsupportedGrant                    // oauth2/token with a grant_type other than password
	Unsupported                         // an operation that cannot be carried out as configured
	WrongEnvironment                    // the call names a host of another environment (PROTOCOL.md §7)
	BadPath                             // a path that servers read in different ways
	UnknownService                      // *.asmx that is none of the four services
	FormBinding                         // x.asmx/Operation, which has the password in a query or form
	ClearPassword                       // a password in a query or form where no API reads one
)

// entry is one row of the table. Empty columns fall back as said in the methods.
type entry struct {
	name    string
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
	codeBody     = "INVALID_REQUEST_BODY"
	codeParam    = "INVALID_REQUEST_PARAMETER"
	codeToken    = "AUTHORIZATION_INVALID_TOKEN"
	codeMember   = "USER_LACKS_MEMBERSHIP"
	codeAccount  = "ACCOUNT_LACKS_PERMISSIONS"
	badKey       = "The specified Integrator Key was not found or is disabled."
	badParam     = "The request contained at least one invalid parameter."
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
	grantBusy    = "temporarily_unavailable"
	grantServer  = "server_error"
	grantType    = "unsupported_grant_type"
)

func (k Kind) entry() entry {
	switch k {
	case NoCredential:
		return entry{"no_credential", 401, codePartner, badKey + " An Integrator key was not specified.", memberKey, loginFailed, grantRequest}
	case Unreadable:
		return entry{"unreadable", 401, codeFormat, badFormat, memberFormat, loginFailed, grantRequest}
	case UnknownKey:
		return entry{"unknown_key", 401, codePartner, badKey, memberKey, loginFailed, grantClient}
	case BadLogin:
		return entry{"bad_login", 401, codeUser, badLogin, memberLogin, loginFailed, grantClient}
	case TooManyFailures:
		return entry{"too_many_failures", 401, codeUser, badLogin, memberLogin, loginFailed, grantClient}
	case NotAllowed:
		return entry{"not_allowed", 401, codeLacks, lacks, memberDenied, loginLacks, grantClient}
	case InvalidToken:
		return entry{"invalid_token", 401, codeToken, "The access token provided is expired, revoked or malformed.", memberLogin, loginFailed, grantClient}
	case LacksMembership:
		return entry{"lacks_membership", 401, codeMember, "The UserID does not have a valid membership in this Account.", "Invalid_Membership", loginLacks, grantClient}
	case AccountLacksPermissions:
		return entry{"account_lacks_permissions", 401, codeAccount, "This Account lacks sufficient permissions.", memberDenied, "Account_Lacks_Permissions", grantClient}
	case GrantRefused:
		return entry{"grant_refused", 401, codeUser, badLogin, memberLogin, loginFailed, grantClient}
	case Blocked:
		return entry{"blocked", 401, codePartner, badKey, memberKey, loginFailed, grantClient}
	case TokenServer:
		return entry{"token_server", 503, codeOther, "The authentication service is not available. Try again later.", memberOther, memberOther, grantBusy}
	case Unreachable:
		return entry{"unreachable", 502, codeOther, "The DocuSign service could not be reached.", memberOther, memberOther, grantBusy}
	case Timeout:
		return entry{"timeout", 504, codeOther, "The DocuSign service did not answer in time.", memberOther, memberOther, grantBusy}
	case Overloaded:
		return entry{"overloaded", 503, codeOther, "The service is busy. Try again later.", memberOther, memberOther, grantBusy}
	case HostMismatch:
		return entry{"host_mismatch", 421, codeParam, badParam + " The Host header does not match the connection.", memberFormat, memberOther, grantRequest}
	case WrongEnvironment:
		const other = lacks + " This host belongs to another DocuSign environment."
		return entry{"wrong_environment", 403, codeLacks, other, memberDenied, loginLacks, grantRequest}
	case Forbidden:
		return entry{"forbidden", 403, codeLacks, lacks, memberDenied, loginLacks, grantRequest}
	case NotFound:
		return entry{name: "not_found", status: 404}
	case BadRequest:
		return entry{"bad_request", 400, codeBody, "The request body is missing or improperly formatted.", memberFormat, memberOther, grantRequest}
	case SlowBody:
		return entry{"body_timeout", 408, codeBody, "The request body did not arrive in time.", memberFormat, memberOther, grantRequest}
	case TooLarge:
		return entry{"too_large", 413, codeBody, "The request is too large.", memberFormat, memberOther, grantRequest}
	case DigestPassword:
		return entry{"digest_password", 401, codeFormat, badFormat + " The password must be sent as text, not as a digest.", memberFormat, loginFailed, grantRequest}
	case SignedCredential:
		return entry{"signed_credential", 401, codeFormat, badFormat + " The security token must not be signed.", memberFormat, loginFailed, grantRequest}
	case PasswordChangeRefused:
		return entry{"password_change_refused", 401, codeLacks, lacks + " The password cannot be changed through the API.", memberDenied, loginLacks, grantRequest}
	case UnsupportedGrant:
		return entry{"unsupported_grant", 400, codeParam, badParam + " The grant type is not supported.", memberFormat, memberOther, grantType}
	case Unsupported:
		return entry{"unsupported", 501, codeOther, "This operation is not available.", memberOther, memberOther, grantRequest}
	case BadPath:
		return entry{"bad_path", 400, codeParam, badParam + " The path has an encoded slash, a backslash or a control character.", memberFormat, memberOther, grantRequest}
	case UnknownService:
		return entry{"unknown_service", 404, codeParam, badParam + " docusign-auth-proxy knows no such SOAP service; it knows " +
			"/api/3.0/api.asmx, dsapi.asmx, credential.asmx and accountmanagement.asmx.", memberFormat, memberOther, grantRequest}
	case FormBinding:
		return entry{"form_binding", 404, codeParam, badParam + " docusign-auth-proxy takes SOAP envelopes at the address of the service; " +
			"calls by query or form, service.asmx/Operation, are not passed on.", memberFormat, memberOther, grantRequest}
	case ClearPassword:
		return entry{"clear_password", 400, codeParam, badParam + " docusign-auth-proxy passes no password on in a query, a form or the body of an " +
			"operation, and no SOAP message to a path that is no SOAP service.", memberFormat, memberOther, grantType}
	}
	return entry{"internal", 500, codeOther, "An internal error occurred.", memberOther, memberOther, grantServer}
}

// in returns the row as d words it: a recorded SOAP fault names SendOnBehalfOf (PROTOCOL.md §9).
func (k Kind) in(d Dialect) entry {
	e := k.entry()
	if k == NotAllowed && d.IsSOAP() {
		e.message = noPrincipal
	}
	return e
}

// String returns a name fit for a log field, a metric label or Failure.Cause.
func (k Kind) String() string { return k.entry().name }

// Status returns the HTTP status of k in REST. SOAP faults always travel with 500.
func (k Kind) Status() int { return k.entry().status }

// transient reports whether k is the fault of the services and not of the caller.
func (e entry) transient() bool { return e.status >= 500 }

// Failure is a request that the proxy refuses.
type Failure struct {
	Kind       Kind
	Detail     string        // sentence added to the message the caller reads; at most 300 bytes are shown; never a secret or an upstream text
	Cause      string        // code for CauseHeader, such as consent_required; empty: no such header; anything but a short word is cut
	RetryAfter time.Duration // rounded up to seconds, at most an hour; zero: 10 s for the kinds answered 503, else no header
}

// Refuse answers f in c's dialect. In SOAP that is a fault; RefuseOperation knows the operations that report failures otherwise.
func (c Caller) Refuse(f Failure) Answer {
	e := f.Kind.in(c.Dialect)
	var a Answer
	switch {
	case f.Kind == NotFound:
		a = c.answer(e.status, "", nil)
	case c.Dialect.IsSOAP():
		a = c.fault(e, f.message(e))
	case c.Dialect == OAuthJSON || c.Dialect == OAuthXML:
		a = c.oauthError(e, f.message(e))
	case c.Dialect == XML:
		b := append([]byte(nil), `<errorDetails`+restNamespaces...)
		b = appendElement(b, "errorCode", e.code)
		b = appendElement(b, "message", f.message(e))
		a = c.answer(e.status, contentTypeXML, append(b, `</errorDetails>`...))
	default:
		w := indented{}
		w.open('{')
		w.field("errorCode", e.code)
		w.field("message", f.message(e))
		w.close('}')
		a = c.answer(e.status, contentTypeJSON, w.b)
	}
	f.headers(e, a.Header)
	return a
}

const restNamespaces = ` xmlns="http://www.docusign.com/restapi" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">`

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
		ok := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.' || c == ':'
		if !ok || i == maxToken {
			return s[:i]
		}
	}
	return s
}
