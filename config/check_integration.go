package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/password"
	"docusign-auth-proxy/internal/privatekey"
	"docusign-auth-proxy/translate/legacy"
)

var integrationName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$`)

func checkIntegrations(r *report, c *Config) {
	if len(c.Integrations) == 0 && c.Unknown == Reject && !r.faulty["integrations"] {
		r.warn("integrations", "none is listed, so every call is refused",
			"list one, or set unknown: observe to see who calls")
	}
	names, keys := map[string]int{}, map[string]int{}
	accounts, tokens := map[string]string{}, map[integration.SHA256]string{}
	for i := range c.Integrations {
		in, path := &c.Integrations[i], item("integrations", i)
		checkName(r, child(path, "name"), in.Name)
		checkIntegratorKey(r, child(path, "integrator_key"), in.IntegratorKey)
		refuseRepeated(r, child(path, "name"), names, in.Name, i, "name")
		refuseRepeated(r, child(path, "integrator_key"), keys, in.IntegratorKey, i, "integrator key")
		one := rules{r, c, in, path}
		one.checkOAuth()
		one.checkUsers(accounts)
		one.checkPrincipals()
		one.checkTokens(tokens)
		one.checkActingFor()
	}
}

func checkName(r *report, path, name string) {
	switch {
	case name == "": // reported as missing
	case strings.EqualFold(name, call.UnknownIntegration):
		r.problem(path, "is the label of calls with a key that is not listed", "choose another name")
	case !integrationName.MatchString(name):
		r.problem(path, "must be at most 63 letters, digits and _ . - and begin with a letter or digit",
			"it becomes a label in the metrics")
	}
}

// rules are the checks of one integration.
type rules struct {
	*report
	config *Config
	in     *integration.Integration
	path   string
}

// translates tells whether calls are carried out with the new credential, so that it must be complete.
func (r rules) translates() bool { return r.in.Mode == integration.Translate }

// signs tells whether the integration gets tokens with a private key, and so must know the GUID of every user.
func (r rules) signs() bool {
	return r.translates() && r.in.Grant == integration.JWT &&
		(r.in.SOAP != integration.AppPassword || len(r.in.OAuth.PrivateKeys) > 0)
}

func (r rules) checkOAuth() {
	o, path := &r.in.OAuth, child(r.path, "oauth")
	checkIntegratorKey(r.report, child(path, "client_id"), o.ClientID)
	if o.ClientID == "" {
		o.ClientID = r.in.IntegratorKey
	}
	checkGUID(r.report, child(path, "admin_user_id"), o.AdminUserID)
	checkURI(r.report, child(path, "redirect_uri"), o.RedirectURI)
	if o.RedirectURI == "" {
		o.RedirectURI = r.config.Admin.RedirectURI
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
		r.problem(path, "lacks impersonation, without which DocuSign refuses every grant with a private key",
			"write [signature, impersonation]")
	}
}

// checkGrant asks for what the way of getting tokens needs.
func (r rules) checkGrant(path string, o *integration.OAuth) {
	const newPair = "make a key pair in DocuSign under Apps and Keys"
	keys := child(path, "private_keys")
	if n := len(o.PrivateKeys); n > privatekey.MaxKeys {
		message := fmt.Sprintf("are %d, and at most %d make sense", n, privatekey.MaxKeys)
		r.problem(keys, message, "remove those that DocuSign no longer knows")
	}
	switch {
	case !r.translates():
	case r.in.Grant == integration.AuthorizationCode:
		r.checkCodeGrant(path, o)
	case len(o.PrivateKeys) > 0:
	case r.in.SOAP == integration.AppPassword:
		r.warn(keys, "are missing, so that only SOAP calls of this integration succeed", newPair)
	default:
		r.problem(keys, "are missing", newPair+" and add private_keys: [{file: key.pem}]")
	}
}

func (r rules) checkCodeGrant(path string, o *integration.OAuth) {
	if o.RedirectURI == "" {
		r.problem(child(path, "redirect_uri"), "is missing",
			"grant authorization_code needs it here or as admin.redirect_uri")
	}
	if o.ClientSecret.Empty() {
		r.problem(child(path, "client_secret"), "is missing", "grant authorization_code needs it, as file or env")
	}
	if r.config.Store == "" {
		r.warn(child(r.path, "grant"), "without store, each user must log in again after each restart",
			"add store: state.db")
	}
}

func (r rules) checkUsers(accounts map[string]string) {
	path := child(r.path, "users")
	if r.translates() && len(r.in.Users) == 0 {
		r.problem(path, "are missing, so that nobody could call", "list the users, or set mode: observe")
	}
	first := map[string]int{}
	for i := range r.in.Users {
		u, at := &r.in.Users[i], item(path, i)
		checkPerson(r.report, child(at, "username"), u.Username)
		refuseRepeated(r.report, child(at, "username"), first, u.Username, i, "user")
		r.checkUserID(child(at, "user_id"), u)
		if !strings.EqualFold(u.UserID, u.Username) {
			refuseRepeated(r.report, child(at, "user_id"), first, u.UserID, i, "user")
		}
		r.checkPassword(child(at, "password"), u)
		r.checkAccounts(child(at, "accounts"), u.Accounts, accounts)
	}
	r.checkAppPasswords(path)
}

func (r rules) checkUserID(path string, u *integration.User) {
	if u.UserID == "" && isGUID(u.Username) {
		u.UserID = u.Username
	}
	checkGUID(r.report, path, u.UserID)
	if u.UserID == "" && u.Username != "" && r.signs() && r.in.OAuth.AdminUserID == "" {
		r.problem(path, "is missing: DocuSign gives tokens for GUIDs only",
			"add it, or set oauth.admin_user_id to have e-mail addresses looked up")
	}
}

func (r rules) checkPassword(path string, u *integration.User) {
	imported := func(t integration.Token) bool { return legacy.SameName(t.Username, u.Username) }
	if r.translates() && u.Password.Kind() == password.None && r.config.PinPassword != FirstUse &&
		!slices.ContainsFunc(r.in.Tokens, imported) {
		r.problem(path, "is missing: without it nobody can log in as this user", hashHint)
	}
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

func (r rules) checkAppPasswords(path string) {
	if !r.translates() || r.in.SOAP != integration.AppPassword {
		return
	}
	has := func(u integration.User) bool { return !u.AppPassword.Empty() }
	some := slices.ContainsFunc(r.in.Users, has)
	for i, u := range r.in.Users {
		at := child(item(path, i), "app_password")
		const howTo = "make one in the user's profile at DocuSign"
		switch {
		case has(u):
		case some:
			r.warn(at, "is missing, so that SOAP calls of this user are refused", howTo)
		default:
			r.problem(at, "is missing, and soap: app_password needs it", howTo+", and add app_password: {file: …}")
		}
	}
}

func (r rules) checkPrincipals() {
	first := map[string]int{}
	for i, p := range r.in.Principals {
		at := item(child(r.path, "principals"), i)
		checkPerson(r.report, child(at, "username"), p.Username)
		checkGUID(r.report, child(at, "user_id"), p.UserID)
		if r.isUser(p.Username) {
			r.problem(child(at, "username"), "is one of the users already", "remove it here")
			continue
		}
		refuseRepeated(r.report, child(at, "username"), first, p.Username, i, "principal")
	}
}

func (r rules) isUser(name string) bool {
	return slices.ContainsFunc(r.in.Users, func(u integration.User) bool { return legacy.SameName(u.Username, name) })
}

func (r rules) checkTokens(known map[integration.SHA256]string) {
	for i, t := range r.in.Tokens {
		at := item(child(r.path, "tokens"), i)
		if earlier, again := known[t.SHA256]; again {
			r.problem(child(at, "sha256"), "is the same token as "+earlier, "")
		} else if t.SHA256 != (integration.SHA256{}) {
			known[t.SHA256] = child(at, "sha256")
		}
		if t.Username != "" && !r.isUser(t.Username) {
			r.problem(child(at, "username"), "is none of this integration's users",
				"the token belongs to one of users[].username")
		}
		checkPerson(r.report, child(at, "acts_as"), t.ActsAs)
		if t.ActsAs != "" {
			r.warnUnresolved(child(at, "acts_as"), t.ActsAs)
		}
	}
}

func (r rules) checkActingFor() {
	for i, u := range r.in.Users {
		for j, name := range u.MayActFor {
			at := item(child(item(child(r.path, "users"), i), "may_act_for"), j)
			switch {
			case r.faulty[at]:
			case name == integration.Anyone:
				r.warn(at, fmt.Sprintf("%s may act for every user and principal of this integration", u.Username),
					"name those that are meant")
			case !isPerson(name):
				r.problem(at, `must be an e-mail address, a GUID or "*"`, "")
			default:
				r.warnUnresolved(at, name)
			}
		}
	}
}

// warnUnresolved warns of an e-mail address that no GUID is known for: calls for it are refused.
func (r rules) warnUnresolved(path, name string) {
	listed := func(p integration.Principal) bool { return legacy.SameName(p.Username, name) }
	if !r.signs() || isGUID(name) || r.in.OAuth.AdminUserID != "" || r.isUser(name) ||
		slices.ContainsFunc(r.in.Principals, listed) {
		return
	}
	r.warn(path, "no GUID is known for this address, so that calls on its behalf are refused",
		"add it to principals, or set oauth.admin_user_id")
}
