// Package legacy recognises the credentials that DocuSign no longer takes, in every form in which old programs send
// them. It never decides whether a credential is right, never logs, and never puts any part of a value into an error.
// Package translate calls it with the headers, forms and envelope texts of a request and checks what comes out.
package legacy

import (
	"docusign-auth-proxy/internal/secret"
)

// Scheme is the form a credential came in.
type Scheme uint8

const (
	None          Scheme = iota
	HeaderJSON           // X-DocuSign-Authentication with a JSON object
	HeaderXML            // X-DocuSign-Authentication with DocuSignCredentials
	WSSecurity           // wsse:UsernameToken in a SOAP header
	SOAPBody             // Email and Password in the body of a credential.asmx operation
	PasswordGrant        // form of POST oauth2/token
	LegacyBearer         // token issued by this proxy, or by DocuSign long ago and imported
	OAuthBearer          // a real OAuth access token: the program is migrated
)

// String is the metric label of the scheme.
func (s Scheme) String() string {
	if s > OAuthBearer {
		s = None
	}
	return [...]string{
		"none", "header_json", "header_xml", "ws_security", "soap_body", "password_grant", "legacy_bearer", "oauth_bearer",
	}[s]
}

// Legacy reports whether DocuSign has switched this form off, so that it counts as not yet migrated.
func (s Scheme) Legacy() bool { return s >= HeaderJSON && s <= LegacyBearer }

// Schemes lists all schemes, so that metrics can start every series at zero.
func Schemes() []Scheme {
	return []Scheme{None, HeaderJSON, HeaderXML, WSSecurity, SOAPBody, PasswordGrant, LegacyBearer, OAuthBearer}
}

// Credential is what an old program presented. Nothing in it is proven.
type Credential struct {
	Scheme        Scheme
	IntegratorKey string // trimmed, case as sent; "" when the program sent none. Compare after Fold
	Username      string // the authenticator: e-mail or GUID, trimmed, valid UTF-8. Compare after Fold
	OnBehalfOf    string // the principal: e-mail or GUID; "" when the authenticator acts for itself

	// Passwords are the readings of the password, at most six, without duplicates: first what the rules of the form
	// give, then what a program that broke those rules may have meant (PROTOCOL.md §1.4 V12, V13). None is empty;
	// there are none without a password.
	Passwords []secret.Text

	// Bearer is the token of PROTOCOL.md §1.4 V16. Only then Username is empty; Scheme is LegacyBearer or OAuthBearer.
	Bearer secret.Text
}

// FormatError says that a credential could not be read. It holds nothing of the value.
type FormatError struct {
	Scheme  Scheme // the form it seemed to have; None when it had none
	Reason  string // for the operator: "two different Username fields"
	OnlyKey bool   // an integrator key alone was given (PROTOCOL.md §1.4 V14)
}

func (e *FormatError) Error() string {
	if e.Scheme == None {
		return "legacy credential: " + e.Reason
	}
	return "legacy credential (" + e.Scheme.String() + "): " + e.Reason
}

const (
	maxValue     = 16 << 10 // bytes of a header value or a form
	maxName      = 512      // bytes of a user name, principal or integrator key
	maxPasswords = 6
)

// NewCredential builds the credential of a form that has a user name with brackets and a password, and no field for
// the key: the UsernameToken of WS-Security and the body of credential.asmx. Errors are *FormatError.
func NewCredential(
	scheme Scheme, username string, passwords []secret.Text, isKey func(string) bool,
) (Credential, error) {
	return plainFields(username, "", passwords...).credential(scheme, isKey)
}
