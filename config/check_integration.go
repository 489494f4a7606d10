package config

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/privatekey"
	"docusign-auth-proxy/translate/legacy"
)

// UnknownIntegration is the label of calls whose integrator key is not listed, so no integration may bear it.
const UnknownIntegration = "unknown"

var integrationName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$`)

func (l *loader) checkIntegrations(c *Config) {
	if len(c.Integrations) == 0 && c.Unknown == Reject && !l.faulty["integrations"] {
		l.warn("integrations", "none is listed, so every call is refused", "list one, or set unknown: observe to see who calls")
	}
	names, keys := map[string]int{}, map[string]int{}
	accounts, tokens := map[string]string{}, map[string]string{}
	for i := range c.Integrations {
		in, path := &c.Integrations[i], item("integrations", i)
		l.checkIdentity(in, path)
		l.refuseRepeated(child(path, "name"), names, in.Name, i, "name")
		l.refuseRepeated(child(path, "integrator_key"), keys, in.IntegratorKey, i, "integrator key")
		r := rules{l, c, in, path}
		r.checkOAuth()
		r.checkUsers(accounts)
		r.checkPrincipals()
		r.checkTokens(tokens)
		r.checkActingFor()
	}
}

func (l *loader) checkIdentity(in *Integration, path string) {
	at := child(path, "name")
	switch {
	case in.Name == "": // reported as missing
	case strings.EqualFold(in.Name, UnknownIntegration):
		l.problem(at, "is the label of calls with a key that is not listed", "choose another name")
	case !integrationName.MatchString(in.Name):
		l.problem(at, "must be at most 63 letters, digits and _ . - and begin with a letter or digit", "it becomes a label in the metrics")
	}
	if in.IntegratorKey != "" && !integratorKeySyntax.MatchString(in.IntegratorKey) {
		l.problem(child(path, "integrator_key"), "must be a GUID, or four characters, a dash and a GUID", guidHint)
	}
}

// rules are the checks of one integration.
type rules struct {
	*loader
	config *Config
	in     *Integration
	path   string
}

// signs tells whether the integration gets tokens with a private key, and so must know the GUID of every user.
func (r rules) signs() bool {
	return r.in.Mode == Translate && r.in.Grant == JWT && (r.in.SOAP != AppPassword || len(r.in.OAuth.PrivateKeys) > 0)
}

func (r rules) checkOAuth() {
	o, path := &r.in.OAuth, child(r.path, "oauth")
	if o.ClientID == "" {
		o.ClientID = r.in.IntegratorKey
	} else if !integratorKeySyntax.MatchString(o.ClientID) {
		r.problem(child(path, "client_id"), "must be a GUID, or four characters, a dash and a GUID", guidHint)
	}
	if o.AdminUserID != "" && !isGUID(o.AdminUserID) {
		r.problem(child(path, "admin_user_id"), "must be a GUID", guidHint)
	}
	if o.RedirectURI == "" {
		o.RedirectURI = r.config.Admin.RedirectURI
	} else {
		r.checkURI(child(path, "redirect_uri"), o.RedirectURI)
	}
	r.checkScopes(child(path, "scopes"), o.Scopes)
	r.checkGrant(path, o)
}

func (r rules) checkScopes(path string, scopes []string) {
	for i, s := range scopes {
		if !scopeSyntax.MatchString(s) && !r.faulty[item(path, i)] {
			r.problem(item(path, i), "must be one scope without blanks", "write a list, as in [signature, impersonation]")
		}
	}
	if r.signs() && !slices.Contains(scopes, "impersonation") {
		r.problem(path, "lacks impersonation, without which DocuSign refuses every grant with a private key", "write [signature, impersonation]")
	}
}

// checkGrant asks for what the way of getting tokens needs.
func (r rules) checkGrant(path string, o *OAuth) {
	keys := child(path, "private_keys")
	if n := len(o.PrivateKeys); n > privatekey.MaxKeys {
		message := fmt.Sprintf("are %d, and at most %d make sense", n, privatekey.MaxKeys)
		r.problem(keys, message, "remove those that DocuSign no longer knows")
	}
	if r.in.Mode != Translate {
		return
	}
	switch {
	case r.in.Grant == AuthorizationCode:
		r.checkCodeGrant(path, o)
	case len(o.PrivateKeys) > 0:
	case r.in.SOAP == AppPassword:
		r.warn(keys, "are missing, so that only SOAP calls of this integration succeed", "make a key pair in DocuSign under Apps and Keys")
	default:
		r.problem(keys, "are missing", "make a key pair in DocuSign under Apps and Keys and add private_keys: [{file: key.pem}]")
	}
}

func (r rules) checkCodeGrant(path string, o *OAuth) {
	if o.RedirectURI == "" {
		r.problem(child(path, "redirect_uri"), "is missing", "grant authorization_code needs it here or as admin.redirect_uri")
	}
	if o.ClientSecret.Text.Empty() {
		r.problem(child(path, "client_secret"), "is missing", "grant authorization_code needs it, as file or env")
	}
	if r.config.Store == "" {
		r.warn(child(r.path, "grant"), "without store, each user must log in again after each restart", "add store: state.db")
	}
}

func (r rules) checkUsers(accounts map[string]string) {
	path := child(r.path, "users")
	if r.in.Mode == Translate && len(r.in.Users) == 0 {
		r.problem(path, "are missing, so that nobody could call", "list the users, or set mode: observe")
	}
	first := map[string]int{}
	withAppPassword := 0
	for i := range r.in.Users {
		u, at := &r.in.Users[i], item(path, i)
		r.checkUsername(child(at, "username"), u.Username)
		r.refuseRepeated(child(at, "username"), first, u.Username, i, "user")
		r.checkUserID(child(at, "user_id"), u)
		if !strings.EqualFold(u.UserID, u.Username) {
			r.refuseRepeated(child(at, "user_id"), first, u.UserID, i, "user")
		}
		r.checkPassword(child(at, "password"), u)
		r.checkAccounts(child(at, "accounts"), u.Accounts, accounts)
		if !u.AppPassword.Text.Empty() {
			withAppPassword++
		}
	}
	r.checkAppPasswords(path, withAppPassword)
}

func (r rules) checkUsername(path, name string) {
	if name != "" && !isEmail(name) && !isGUID(name) {
		r.problem(path, "must be an e-mail address or a GUID", guidHint)
	}
}

func (r rules) checkUserID(path string, u *User) {
	if u.UserID == "" && isGUID(u.Username) {
		u.UserID = u.Username
	}
	switch {
	case u.UserID != "" && !isGUID(u.UserID):
		r.problem(path, "must be a GUID", guidHint)
	case u.UserID == "" && u.Username != "" && r.signs() && r.in.OAuth.AdminUserID == "":
		r.problem(path, "is missing: DocuSign gives tokens for GUIDs only", "add it, or set oauth.admin_user_id to have e-mail addresses looked up")
	}
}

func (r rules) checkPassword(path string, u *User) {
	if r.in.Mode != Translate || u.Password.Kind != NoPassword || r.config.PinPassword == FirstUse {
		return
	}
	for _, t := range r.in.Tokens {
		if legacy.SameName(t.Username, u.Username) {
			return
		}
	}
	r.problem(path, "is missing: without it nobody can log in as this user", hashHint)
}

// checkAccounts also refuses a number with two GUIDs anywhere in the file: one of them is a slip.
func (r rules) checkAccounts(path string, given, known map[string]string) {
	for number, guid := range given {
		at := child(path, number)
		switch earlier, again := known[number]; {
		case !accountNumberSyntax.MatchString(number):
			r.problem(at, "the key must be the number of an account", `write it as {"1234567": GUID}`)
		case !isGUID(guid):
			r.problem(at, "must be a GUID", guidHint)
		case again && !strings.EqualFold(earlier, guid):
			r.problem(at, "has another GUID elsewhere in this file", "")
		default:
			known[number] = guid
		}
	}
}

func (r rules) checkAppPasswords(path string, count int) {
	if r.in.Mode != Translate || r.in.SOAP != AppPassword || len(r.in.Users) == 0 {
		return
	}
	for i, u := range r.in.Users {
		at := child(item(path, i), "app_password")
		switch {
		case !u.AppPassword.Text.Empty():
		case count == 0:
			r.problem(at, "is missing, and soap: app_password needs it", "make one in the user's profile at DocuSign, and add app_password: {file: …}")
		default:
			r.warn(at, "is missing, so that SOAP calls of this user are refused", "make one in the user's profile at DocuSign")
		}
	}
}

func (r rules) checkPrincipals() {
	first := map[string]int{}
	for i, u := range r.in.Users {
		first[legacy.Fold(u.Username)] = -1 - i
	}
	for i, p := range r.in.Principals {
		at := item(child(r.path, "principals"), i)
		r.checkUsername(child(at, "username"), p.Username)
		if p.UserID != "" && !isGUID(p.UserID) {
			r.problem(child(at, "user_id"), "must be a GUID", guidHint)
		}
		if earlier, again := first[legacy.Fold(p.Username)]; again && earlier < 0 {
			r.problem(child(at, "username"), "is one of the users already", "remove it here")
			continue
		}
		r.refuseRepeated(child(at, "username"), first, p.Username, i, "principal")
	}
}

func (r rules) checkTokens(known map[string]string) {
	for i := range r.in.Tokens {
		t, at := &r.in.Tokens[i], item(child(r.path, "tokens"), i)
		r.checkDigest(child(at, "sha256"), t, known)
		if t.Username != "" && !slices.ContainsFunc(r.in.Users, func(u User) bool { return legacy.SameName(u.Username, t.Username) }) {
			r.problem(child(at, "username"), "is none of this integration's users", "the token belongs to one of users[].username")
		}
		if t.ActsAs != "" {
			r.checkUsername(child(at, "acts_as"), t.ActsAs)
			r.warnUnresolved(child(at, "acts_as"), t.ActsAs)
		}
	}
}

func (r rules) checkDigest(path string, t *Token, known map[string]string) {
	if t.SHA256 == "" {
		return
	}
	t.SHA256 = strings.ToLower(t.SHA256)
	if sum, err := hex.DecodeString(t.SHA256); err != nil || len(sum) != 32 {
		r.problem(path, "must be 64 hexadecimal digits", "make them with: printf %s TOKEN | sha256sum")
		return
	}
	if earlier, again := known[t.SHA256]; again {
		r.problem(path, "is the same token as "+earlier, "")
		return
	}
	known[t.SHA256] = path
}

func (r rules) checkActingFor() {
	for i, u := range r.in.Users {
		for j, name := range u.MayActFor {
			at := item(child(item(child(r.path, "users"), i), "may_act_for"), j)
			switch {
			case r.faulty[at]:
			case name == Anyone:
				r.warn(at, fmt.Sprintf("%s may act for every user and principal of this integration", u.Username), "name those that are meant")
			case !isEmail(name) && !isGUID(name):
				r.problem(at, `must be an e-mail address, a GUID or "*"`, "")
			default:
				r.warnUnresolved(at, name)
			}
		}
	}
}

// warnUnresolved warns of an e-mail address that no GUID is known for: calls for it are refused.
func (r rules) warnUnresolved(path, name string) {
	if !r.signs() || isGUID(name) || r.in.OAuth.AdminUserID != "" {
		return
	}
	for _, u := range r.in.Users {
		if legacy.SameName(u.Username, name) {
			return
		}
	}
	for _, p := range r.in.Principals {
		if legacy.SameName(p.Username, name) {
			return
		}
	}
	r.warn(path, "no GUID is known for this address, so that calls on its behalf are refused", "add it to principals, or set oauth.admin_user_id")
}
