// Package integration is the old programs and their people as the operator lists them: one type each, for everything
// that needs to know one. It imports nothing that acts. Package config decodes and checks the values by their tags, and
// nobody changes them afterwards.
package integration

import (
	"crypto/rsa"
	_ "embed" // the configuration's reference is made from the comments of this file
	"slices"
	"strings"

	"docusign-auth-proxy/internal/password"
	"docusign-auth-proxy/internal/secret"
)

//go:embed integration.go
var source string

// Sources are the files of this package, with the comments of all fields.
func Sources() []string { return []string{source, sourceSOAPREST} }

// Mode says what happens to the calls of an integration.
type Mode string

const (
	Translate Mode = "translate" // the legacy credential is replaced by a token
	Observe   Mode = "observe"   // calls pass unchanged, and it is recorded whether translating them would have worked
	Block     Mode = "block"     // calls in the legacy dialect are refused: the cut-over
)

// SOAP says what a SOAP call carries upstream.
type SOAP string

const (
	Bearer      SOAP = "bearer"       // a token in place of the UsernameToken (PROTOCOL.md §4.10)
	AppPassword SOAP = "app_password" // the user's App Password in place of the password's text (PROTOCOL.md §4.9)
	OverREST    SOAP = "rest"         // nothing: REST calls with a token carry the operation out (SOAP-REST.md)
)

// Grant says how tokens are got.
type Grant string

const (
	JWT               Grant = "jwt"
	AuthorizationCode Grant = "authorization_code"
)

// AccountIDs says how REST calls name accounts to DocuSign.
type AccountIDs string

const (
	Keep AccountIDs = "keep"
	GUID AccountIDs = "guid"
)

// Anyone in User.MayActFor stands for every user and principal of the integration.
const Anyone = "*"

// Integration is one old program, known by its integrator key.
type Integration struct {
	// Label in metrics, log and reports: letters, digits and _ . - only.
	Name string `yaml:"name" required:"true" format:"label"`
	// The key the program sends: a GUID, for old keys with four characters and a dash before it.
	IntegratorKey string `yaml:"integrator_key" required:"true" format:"integrator key"`
	// translate replaces the old credential by a token; observe passes calls on unchanged and counts them, and changes
	// only the base URLs in answers to log-ins, which lead back to the proxy; block refuses them. Danger: with observe,
	// old credentials leave the machine as before.
	Mode Mode `yaml:"mode" enum:"translate|observe|block" default:"translate"`
	// How SOAP calls get in: rest carries them out over REST with a token; app_password replaces only the text of the
	// password; bearer drops the old credential and sends a token. Danger: nobody has shown that DocuSign takes a token
	// at its SOAP services; try bearer with the doctor command first.
	// Default: bearer, with a warning where SOAP calls were seen.
	SOAP SOAP `yaml:"soap" enum:"rest|app_password|bearer"`
	// How soap rest does it.
	SOAPREST SOAPREST `yaml:"soap_rest"`
	// How tokens are got: jwt with a private key for any user who consented, authorization_code with one login of each
	// user in a browser.
	Grant Grant `yaml:"grant" enum:"jwt|authorization_code" default:"jwt"`
	// Turns DocuSign's status 429 back into the 400 that it sent before April 2026 and old programs test for.
	OldStatusCodes bool `yaml:"old_status_codes" default:"false"`
	// How REST calls name accounts to DocuSign: keep leaves the id in the path as the program sent it, guid writes the
	// account's GUID in the place of its number, if DocuSign no longer takes that. The program sees the numbers of
	// users[].accounts either way.
	AccountIDs AccountIDs `yaml:"account_ids" enum:"keep|guid" default:"keep"`
	// Lets calls pass that already carry a token of DocuSign's own. false refuses every token that this proxy did not
	// issue.
	PassOAuthBearer bool `yaml:"pass_oauth_bearer" default:"true"`
	// The new credential, made in DocuSign under Apps and Keys.
	OAuth OAuth `yaml:"oauth"`
	// The people and service accounts that log in with a password.
	Users []User `yaml:"users" default:""`
	// Old bearer tokens that programs have stored and still send.
	Tokens []Token `yaml:"tokens" default:""`
	// People who never log in themselves but are acted for.
	Principals []Principal `yaml:"principals" default:""`

	// SOAPUnset says that SOAP is the default, so that nobody has chosen how SOAP calls go.
	SOAPUnset bool `yaml:"-" json:"-"`
}

// People are all that calls may be made as: users, principals and the administrator who looks up users, each once.
func (in *Integration) People() []User {
	people := slices.Clone(in.Users)
	for _, p := range in.Principals {
		people = append(people, User{Username: p.Username, UserID: p.UserID})
	}
	admin := in.OAuth.AdminUserID
	if admin != "" && !slices.ContainsFunc(people, func(u User) bool { return strings.EqualFold(u.UserID, admin) }) {
		people = append(people, User{Username: admin, UserID: admin})
	}
	return people
}

// OAuth is the new credential of an integration.
type OAuth struct {
	// The key that asks for tokens. Set it when the old key belongs to a vendor, or is used without its prefix.
	// Default: integrator_key.
	ClientID string `yaml:"client_id" format:"integrator key"`
	// RSA private keys of at least 2048 bits, PKCS#1 or PKCS#8, tried in this order so that a new one can be brought in
	// before the old one goes; at most 20. Needed with grant jwt. Danger: a key speaks for every user who consented.
	PrivateKeys []PrivateKey `yaml:"private_keys" default:""`
	// What the tokens may be used for. jwt needs impersonation. Danger: a scope nobody consented to makes every grant
	// fail.
	Scopes Scopes `yaml:"scopes" default:"signature, impersonation" format:"scope"`
	// GUID of an administrator whose token looks up the GUIDs of users known only by e-mail. Danger: those rights are
	// used for each such look-up; listing user_id avoids it.
	AdminUserID string `yaml:"admin_user_id" default:"" format:"guid"`
	// Address a browser returns to after consent, registered with DocuSign letter for letter. Needed with grant
	// authorization_code.
	// Default: admin.redirect_uri.
	RedirectURI string `yaml:"redirect_uri" format:"uri"`
	// Secret of the client. Needed with grant authorization_code.
	ClientSecret secret.Text `yaml:"client_secret" default:""`
}

// Scopes are what tokens may be used for.
type Scopes []string

// String is how OAuth writes them (RFC 6749 §3.3).
func (s Scopes) String() string { return strings.Join(s, " ") }

// PrivateKey is an RSA private key that signs assertions.
type PrivateKey struct {
	Key    *rsa.PrivateKey `yaml:"-" json:"-"`
	PEM    secret.Text     `yaml:"-"` // its text, for those who keep it out of their output
	Source string          `yaml:"-"` // where it came from, as in "file keys/new.pem", fit for a message
}

// User is someone who logs in with an old credential: an authenticator.
type User struct {
	// What the program sends as user name: an e-mail address or a GUID. Case does not matter.
	Username string `yaml:"username" required:"true" format:"person"`
	// GUID of the user, from their page in DocuSign's administration. Danger: it decides as whom the calls are made.
	// Default: username if that is a GUID, else looked up by oauth.admin_user_id.
	UserID string `yaml:"user_id" format:"guid"`
	// What the program must send as password. Needed with mode translate, unless tokens names the user or pin_password is
	// first_use. Another one, or another hash of the same one, ends the tokens and API passwords issued to the user.
	Password password.Password `yaml:"password" default:""`
	// The App Password made in the user's profile at DocuSign. Needed for their SOAP calls with soap app_password.
	AppPassword secret.Text `yaml:"app_password" default:""`
	// Whom the user may act for: e-mail addresses or GUIDs. "*" is every user and principal of this integration. Danger:
	// DocuSign no longer checks who asks, so this list alone decides.
	MayActFor []string `yaml:"may_act_for" default:"" format:"person or *"`
	// Old account numbers with their GUIDs, for programs that send the number.
	Accounts map[string]string `yaml:"accounts" default:""`
}

// Token is an old bearer token that a program has stored (PROTOCOL.md §0.5).
type Token struct {
	// SHA-256 of the token, as 64 hexadecimal digits; the token itself is not written here.
	SHA256 SHA256 `yaml:"sha256" required:"true"`
	// The user of this integration to whom it was issued.
	Username string `yaml:"username" required:"true"`
	// E-mail address or GUID of whom it acts for, if it was issued on behalf of someone.
	// Default: username.
	ActsAs string `yaml:"acts_as" format:"person"`
}

// SHA256 is the digest of a token's text.
type SHA256 [32]byte

// Principal is someone who is acted for.
type Principal struct {
	// E-mail address by which the program names them.
	Username string `yaml:"username" required:"true" format:"person"`
	// Their GUID.
	UserID string `yaml:"user_id" required:"true" format:"guid"`
}

// Login is a user of the proxy's own: of the forward proxy or of the operations listener.
type Login struct {
	// Name the client gives.
	Username string `yaml:"username" required:"true" format:"login"`
	// The password that goes with it.
	Password password.Password `yaml:"password" required:"true"`
}
