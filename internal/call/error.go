package call

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"docusign-auth-proxy/internal/cause"
)

// Kind is why the proxy answers a call itself with an error. How a kind looks to a program is known by package reply
// alone.
type Kind uint8

// The kinds. Some differ only in what the operator reads, or only in what the program reads.
const (
	KindInternal          Kind = iota // a bug or a failure of the proxy's own
	KindNoCredential                  // nothing in the call says who is calling
	KindNoPath                        // that, at a path that DocuSign does not have
	KindUnreadable                    // a credential is there but cannot be parsed (PROTOCOL.md §1.5)
	KindUnreadableForm                // that, in a form of oauth2/token or oauth2/revoke or in a body
	KindUnreadableMessage             // that, in a SOAP message
	KindDigest                        // WS-Security PasswordDigest: there is no clear password to check
	KindSigned                        // an XML signature covers the token, so it cannot be replaced
	KindUnknownKey                    // integrator key not in the configuration
	KindBadLogin                      // user or password wrong: one kind for both, so that nothing is given away
	KindThrottled                     // too many wrong passwords; shown as KindBadLogin
	KindBusy                          // the machine is checking too many passwords at once
	KindOverloaded                    // a limit of the proxy is reached
	KindNotAllowed                    // principal unknown, or the authenticator may not act for it
	KindUnknownToken                  // a bearer token that the proxy did not issue or has revoked
	KindOAuthRefused                  // the program's own OAuth token is not let through
	KindBlocked                       // the integration is cut over
	KindTokenRefused                  // the account server refuses the grant; needs an operator
	KindTokenUnavailable              // the account server cannot be reached or throttles
	KindTokenTimeout                  // the account server did not answer in time
	KindNotRepeated                   // refused for its token or site, which are mended, but too large to be sent again
	KindPasswordChange                // PUT login_information/password and ChangePassword
	KindNoMembership                  // UserInfo lists no account of the user
	KindUnreachable                   // no connection to DocuSign
	KindTimeout                       // DocuSign did not answer in time
	KindHostMismatch                  // inner Host differs from the target that the connection is bound to
	KindWrongEnvironment              // the call names a host of another environment (PROTOCOL.md §7)
	KindNotFound                      // no such route; DocuSign answers these with an empty body
	KindBadPath                       // a path that servers read in different ways
	KindBadRequest                    // form, envelope or multipart cannot be read
	KindSlowBody                      // the request body stopped coming
	KindTooLarge                      // a header or body exceeds a limit
	KindUnsupportedGrant              // oauth2/token with a grant_type other than password
	KindUnsupported                   // an operation that cannot be carried out as configured
	KindUnknownService                // *.asmx that is none of the four services
	KindFormBinding                   // x.asmx/Operation, which has the password in a query or form
	KindClearPassword                 // a password in a query or form where no API reads one
	KindStoreUnreachable              // only the store of all replicas knows the answer, and it is away
	KindNotOverREST                   // what a SOAP call asks for cannot be carried out over REST
	Kinds                             // their number
)

// causes are the rows of the table of causes, of which metrics, log and X-DocuSign-Auth-Proxy-Cause take the word.
func causes() [Kinds]cause.ID {
	return [Kinds]cause.ID{
		KindInternal: cause.Internal, KindNoCredential: cause.NoCredential, KindNoPath: cause.NoCredential,
		KindUnreadable: cause.UnreadableCredential, KindUnreadableForm: cause.UnreadableCredential,
		KindUnreadableMessage: cause.Unreadable, KindDigest: cause.DigestPassword, KindSigned: cause.SignedCredential,
		KindUnknownKey: cause.UnknownKey, KindBadLogin: cause.BadLogin, KindThrottled: cause.Throttled,
		KindBusy: cause.Busy, KindOverloaded: cause.Overloaded, KindNotAllowed: cause.PrincipalNotAllowed,
		KindUnknownToken: cause.UnknownToken, KindOAuthRefused: cause.OAuthRefused, KindBlocked: cause.Blocked,
		KindTokenRefused: cause.TokenRefused, KindTokenUnavailable: cause.TokenUnavailable,
		KindTokenTimeout: cause.TokenTimeout, KindNotRepeated: cause.NotRepeated,
		KindPasswordChange: cause.PasswordChange, KindNoMembership: cause.LacksMembership,
		KindUnreachable: cause.Unreachable, KindTimeout: cause.Timeout, KindHostMismatch: cause.HostMismatch,
		KindWrongEnvironment: cause.WrongEnvironment, KindNotFound: cause.NotFound, KindBadPath: cause.BadPath,
		KindBadRequest: cause.BadRequest, KindSlowBody: cause.BodyTimeout, KindTooLarge: cause.TooLarge,
		KindUnsupportedGrant: cause.UnsupportedGrant, KindUnsupported: cause.Unsupported,
		KindUnknownService: cause.UnknownService, KindFormBinding: cause.FormBinding,
		KindClearPassword: cause.ClearPassword, KindNotOverREST: cause.SOAPRefused,
		KindStoreUnreachable: cause.StoreUnreachable,
	}
}

// String is the bounded word by which metrics, log and the cause header name the kind.
func (k Kind) String() string {
	return k.Cause().String()
}

// Cause is the row of the table that speaks of the kind in general.
func (k Kind) Cause() cause.ID {
	if k >= Kinds {
		k = KindInternal
	}
	return causes()[k]
}

// Outcome is how a call ends that is refused for this reason.
func (k Kind) Outcome() Outcome {
	switch k {
	case KindTokenRefused, KindTokenUnavailable, KindTokenTimeout, KindNotRepeated:
		return OutcomeToken
	case KindUnreachable, KindTimeout:
		return OutcomeUnreachable
	case KindInternal:
		return OutcomeInternal
	}
	return OutcomeRefused
}

// Error is a refusal. Its text is for the operator's log; it never contains a secret.
type Error struct {
	Kind       Kind
	Cause      cause.ID      // the row that says more than that of Kind; 0 = that of Err, else that of Kind
	Fill       []string      // values for the row's texts that only this place knows; see cause.Fill
	Detail     string        // what really happened
	Public     string        // sentence added to the message that the program reads; never a secret or an upstream text
	RetryAfter time.Duration // pause that helps with KindThrottled and KindBusy, for callers without a dialect
	Err        error         // cause; may be nil
}

func (e *Error) Error() string {
	switch {
	case e.Detail == "" && e.Err == nil:
		return e.Kind.String()
	case e.Err == nil:
		return e.Detail
	case e.Detail == "":
		return e.Err.Error()
	}
	return fmt.Sprintf("%s: %v", e.Detail, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Around gives err if it has a kind of its own, else e with it.
func (e *Error) Around(err error) error {
	if known, ok := errors.AsType[*Error](err); ok {
		return known
	}
	e.Err = err
	return e
}

// Row tells what the operator does about it; every refusal has one.
func (e *Error) Row() (cause.ID, []string) {
	if e.Cause != 0 {
		return e.Cause, e.Fill
	}
	if known, ok := errors.AsType[cause.Explained](e.Err); ok {
		id, fill := known.Row()
		return id, slices.Concat(fill, e.Fill)
	}
	return e.Kind.Cause(), e.Fill
}

// Later says how a refusal that is no answer about the password looks in HTTP where the caller speaks no dialect of
// DocuSign (RFC 6585 §4, RFC 9110 §15.6.4). The status is 0 for every other refusal.
func (e *Error) Later() (status int, after time.Duration) {
	switch e.Kind {
	case KindThrottled:
		return http.StatusTooManyRequests, e.RetryAfter
	case KindBusy:
		return http.StatusServiceUnavailable, e.RetryAfter
	case KindStoreUnreachable:
		return http.StatusServiceUnavailable, storeWait
	}
	return 0, 0
}

// ErrorOf gives the first Error in err's chain, one of KindInternal around err when there is none.
func ErrorOf(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Err: err}
}

// KindOf gives the kind of the first Error in err's chain, KindInternal when there is none.
func KindOf(err error) Kind { return ErrorOf(err).Kind }

// CauseOf gives the bounded word for err: that of an error in its chain with a method Cause, else its kind's.
func CauseOf(err error) string {
	var known interface{ Cause() string }
	if errors.As(err, &known) {
		return known.Cause()
	}
	return KindOf(err).String()
}

// storeWait is the pause that programs are told while the store of all replicas is away.
const storeWait = 5 * time.Second

// RetryAfterOf gives the pause after which the call may work, when an error in err's chain knows one by a method Wait.
func RetryAfterOf(err error) time.Duration {
	if KindOf(err) == KindStoreUnreachable {
		return storeWait
	}
	var known interface{ Wait() time.Duration }
	if errors.As(err, &known) {
		return known.Wait()
	}
	return 0 // waiting does not mend a refusal, and the pause is the proxy's own business
}
