package translate

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Kind is why a call cannot be translated. Package proxy maps it to the caller's dialect in one place.
type Kind uint8

const (
	KindInternal         Kind = iota
	KindNoCredential          // nothing that could be a credential
	KindUnreadable            // a legacy header that cannot be read (PROTOCOL.md §1.5)
	KindUnknownKey            // integrator key not in the configuration
	KindBadLogin              // user or password wrong
	KindThrottled             // too many failures; shown as KindBadLogin
	KindBusy                  // the machine is checking too many passwords at once
	KindNotAllowed            // authenticator may not act for the principal, or the principal is unknown
	KindUnknownToken          // an opaque bearer token nobody issued
	KindOAuthRefused          // the program's own OAuth token is not let through
	KindBlocked               // the integration is cut over
	KindTokenRefused          // the account server refuses the grant; needs an operator
	KindTokenUnavailable      // the account server cannot be reached or throttles
	KindTokenTimeout          // the account server did not answer in time
	KindPasswordChange        // PUT login_information/password
	KindNoMembership          // UserInfo lists no account of the user
	KindNotRepeated           // refused for its token or site, which are mended, but too large to be sent again
)

// label is a bounded word for metrics and the cause header.
var kindLabels = [...]string{
	KindInternal: "internal", KindNoCredential: "no_credential", KindUnreadable: "unreadable_credential", KindUnknownKey: "unknown_key",
	KindBadLogin: "bad_login", KindThrottled: "throttled", KindBusy: "busy", KindNotAllowed: "principal_not_allowed", KindUnknownToken: "unknown_token",
	KindOAuthRefused: "oauth_refused", KindBlocked: "blocked", KindTokenRefused: "token_refused", KindTokenUnavailable: "token_unavailable",
	KindTokenTimeout: "token_timeout", KindPasswordChange: "password_change", KindNoMembership: "lacks_membership",
	KindNotRepeated: "not_repeated",
}

func (k Kind) String() string {
	if int(k) < len(kindLabels) {
		return kindLabels[k]
	}
	return "internal"
}

// Error is a refusal. Its text is for the operator's log; it never contains a secret.
type Error struct {
	Kind     Kind
	Detail   string // what really happened
	NextStep string // what the operator does about it; "" when nothing
	Err      error  // cause; may be nil
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

func errUnknownKey() error {
	return &Error{Kind: KindUnknownKey, Detail: "the integrator key is not in the configuration", NextStep: "add an integration with this key, or set unknown: observe"}
}

func errBlocked() error {
	return &Error{Kind: KindBlocked, Detail: "the integration is cut over (mode: block)", NextStep: "switch the program to OAuth, or set mode: translate to let it go on"}
}

func errUnknownToken() error {
	return &Error{
		Kind:     KindUnknownToken,
		Detail:   "a bearer token that neither this proxy issued nor the configuration imports",
		NextStep: "if the program stored it years ago, list its SHA-256 under tokens of the integration; otherwise let the program log in again",
	}
}

// ErrNoMembership says that UserInfo answered with an empty list of accounts (PROTOCOL.md §6.4).
func ErrNoMembership() error {
	return &Error{
		Kind: KindNoMembership, Detail: "UserInfo lists no account for this user",
		NextStep: "make the user an active member of an account in this environment (demo and production have separate memberships)",
	}
}

// Later says how a refusal that is no answer about the password looks in HTTP where the caller speaks no dialect of DocuSign:
// after is when to try again (RFC 6585 §4, RFC 9110 §15.6.4). The status is 0 for every other refusal.
func (e *Error) Later() (status int, after time.Duration) {
	switch e.Kind {
	case KindThrottled:
		return http.StatusTooManyRequests, userRefill
	case KindBusy:
		return http.StatusServiceUnavailable, proofTime
	}
	return 0, 0
}

// KindOf gives the kind of the first Error in err's chain, KindInternal when there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindInternal
}
