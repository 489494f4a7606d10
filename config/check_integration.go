package config

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/password"
	"docusign-auth-proxy/internal/privatekey"
	"docusign-auth-proxy/translate/legacy"
)

func checkIntegrations(s *sources, c *Config) {
	r := s.report
	r.warnIf(len(c.Integrations) == 0 && c.Unknown == Reject && !r.faulty["integrations"], "integrations",
		"none is listed, so every call is refused", "list one, or set unknown: observe to see who calls")
	names, keys := map[string]int{}, map[string]int{}
	accounts, tokens := map[string]string{}, map[integration.SHA256]string{}
	for i := range c.Integrations {
		in, path := &c.Integrations[i], item("integrations", i)
		r.problemIf(strings.EqualFold(in.Name, call.UnknownIntegration), child(path, "name"),
			"is the label of calls with a key that is not listed", "choose another name")
		refuseRepeated(r, child(path, "name"), names, in.Name, i, "name")
		refuseRepeated(r, child(path, "integrator_key"), keys, in.IntegratorKey, i, "integrator key")
		one := rules{s, c, in, path}
		one.checkSOAP()
		one.checkOAuth()
		one.checkUsers(accounts)
		one.checkPrincipals()
		one.checkTokens(tokens)
		one.checkActingFor()
	}
	warnOfTwoGrants(r, c)
}

// warnOfTwoGrants warns of a client id whose tokens would come from log-ins for those integrations too that have
// private keys.
func warnOfTwoGrants(r *report, c *Config) {
	type asks struct{ clientID, scopes string }
	first := map[asks]*integration.Integration{}
	for i := range c.Integrations {
		in := &c.Integrations[i]
		if in.Mode != integration.Translate {
			continue
		}
		at := asks{legacy.Fold(in.OAuth.ClientID), in.OAuth.Scopes.String()}
		if other := first[at]; other == nil {
			first[at] = in
		} else if other.Grant != in.Grant {
			r.warn(child(item("integrations", i), "grant"), fmt.Sprintf("is %s, and %s has the same client id with grant: %s; "+
				"the tokens of both are got by log-ins", in.Grant, other.Name, other.Grant),
				"give both the same grant, or one of them a client_id of its own")
		}
	}
}

// rules are the checks of one integration.
type rules struct {
	*sources
	config *Config
	in     *integration.Integration
	path   string
}

// checkSOAP fills in how SOAP calls go where the file does not say. Nobody has shown that DocuSign takes a token at its
// SOAP services, but what operators have must not break.
func (r rules) checkSOAP() {
	if r.in.SOAPUnset = r.in.SOAP == ""; r.in.SOAPUnset {
		r.in.SOAP = integration.Bearer
	}
	o, path := &r.in.SOAPREST, child(r.path, "soap_rest")
	if o.PublicURL == nil && r.config.Sidecar.PublicURL != (Origin{}) {
		o.PublicURL = r.config.Sidecar.PublicURL.URL()
	}
	if o.SpoolDir != "" {
		o.SpoolDir = r.resolvePath(o.SpoolDir)
		checkDirectory(r.sources, child(path, "spool_dir"), o.SpoolDir)
	}
	_, given := r.positions[path]
	if r.in.SOAP != integration.OverREST {
		r.warnIf(given, path, "is without effect, since soap is not rest", "set soap: rest, or take the section out")
		return
	}
	r.warnIf(!r.config.Store.Lasting(), child(r.path, "soap"),
		"without store, a restart in the middle of a creation leaves it open whether the envelope was made",
		"add store: state.db")
	inClear := o.PublicURL != nil && o.PublicURL.Scheme == "http" &&
		!isLoopback(net.JoinHostPort(o.PublicURL.Hostname(), "80"))
	r.warnIf(inClear, child(path, "public_url"), "leads the browsers of signers over plain HTTP", "write it as https://…")
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
	o.ClientID = cmp.Or(o.ClientID, r.in.IntegratorKey)
	o.RedirectURI = cmp.Or(o.RedirectURI, r.config.Admin.RedirectURI)
	r.problemIf(r.signs() && !slices.Contains(o.Scopes, "impersonation"), child(path, "scopes"),
		"lacks impersonation, without which DocuSign refuses every grant with a private key",
		"write [signature, impersonation]")
	const newPair = "make a key pair in DocuSign under Apps and Keys"
	keys, given := child(path, "private_keys"), len(o.PrivateKeys)
	r.problemIf(given > privatekey.MaxKeys, keys,
		fmt.Sprintf("are %d, and at most %d make sense", given, privatekey.MaxKeys),
		"remove those that DocuSign no longer knows")
	switch {
	case !r.translates():
	case r.in.Grant == integration.AuthorizationCode:
		r.problemIf(o.RedirectURI == "", child(path, "redirect_uri"), "is missing",
			"grant authorization_code needs it here or as admin.redirect_uri")
		r.problemIf(o.ClientSecret.Empty(), child(path, "client_secret"), "is missing",
			"grant authorization_code needs it, as file or env")
		r.warnIf(!r.config.Store.Lasting(), child(r.path, "grant"),
			"without store, each user must log in again after each restart", "add store: state.db")
	case given > 0:
	case r.in.SOAP == integration.AppPassword:
		r.warn(keys, "are missing, so that only SOAP calls of this integration succeed", newPair)
	default:
		r.problem(keys, "are missing", newPair+" and add private_keys: [{file: key.pem}]")
	}
}

func (r rules) checkUsers(accounts map[string]string) {
	path := child(r.path, "users")
	r.problemIf(r.translates() && len(r.in.Users) == 0, path, "are missing, so that nobody could call",
		"list the users, or set mode: observe")
	someAppPassword := slices.ContainsFunc(r.in.Users, func(u integration.User) bool { return !u.AppPassword.Empty() })
	first := map[string]int{}
	for i := range r.in.Users {
		u, at := &r.in.Users[i], item(path, i)
		if u.UserID == "" && isGUID(u.Username) {
			u.UserID = u.Username
		}
		refuseRepeated(r.report, child(at, "username"), first, u.Username, i, "user")
		if !strings.EqualFold(u.UserID, u.Username) {
			refuseRepeated(r.report, child(at, "user_id"), first, u.UserID, i, "user")
		}
		r.problemIf(u.UserID == "" && u.Username != "" && r.signs() && r.in.OAuth.AdminUserID == "", child(at, "user_id"),
			"is missing: DocuSign gives tokens for GUIDs only",
			cause.InvalidSubject.Next("user", u.Username)+"; or set oauth.admin_user_id to have e-mail addresses looked up")
		r.checkPasswords(at, u, someAppPassword)
		r.checkAccounts(child(at, "accounts"), u.Accounts, accounts)
	}
}

func (r rules) checkPasswords(path string, u *integration.User, someAppPassword bool) {
	if !r.translates() {
		return
	}
	imported := func(t integration.Token) bool { return legacy.SameName(t.Username, u.Username) }
	r.problemIf(u.Password.Kind() == password.None && r.config.PinPassword != FirstUse &&
		!slices.ContainsFunc(r.in.Tokens, imported),
		child(path, "password"), "is missing: without it nobody can log in as this user", hashHint)
	at := child(path, "app_password")
	const howTo = "make one in the user's profile at DocuSign"
	switch {
	case r.in.SOAP != integration.AppPassword || !u.AppPassword.Empty():
	case someAppPassword:
		r.warn(at, "is missing, so that SOAP calls of this user are refused", howTo)
	default:
		r.problem(at, "is missing, and soap: app_password needs it", howTo+", and add app_password: {file: …}")
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

func (r rules) checkPrincipals() {
	first := map[string]int{}
	for i, p := range r.in.Principals {
		at := child(item(child(r.path, "principals"), i), "username")
		r.problemIf(r.isUser(p.Username), at, "is one of the users already", "remove it here")
		refuseRepeated(r.report, at, first, p.Username, i, "principal")
	}
}

func (r rules) isUser(name string) bool {
	return slices.ContainsFunc(r.in.Users, func(u integration.User) bool { return legacy.SameName(u.Username, name) })
}

func (r rules) checkTokens(known map[integration.SHA256]string) {
	for i, t := range r.in.Tokens {
		at := item(child(r.path, "tokens"), i)
		earlier, again := known[t.SHA256]
		r.problemIf(again, child(at, "sha256"), "is the same token as "+earlier, "")
		if !again && t.SHA256 != (integration.SHA256{}) {
			known[t.SHA256] = child(at, "sha256")
		}
		r.problemIf(t.Username != "" && !r.isUser(t.Username), child(at, "username"),
			"is none of this integration's users", "the token belongs to one of users[].username")
		if t.ActsAs != "" {
			r.warnUnresolved(child(at, "acts_as"), t.ActsAs)
		}
	}
}

func (r rules) checkActingFor() {
	for i, u := range r.in.Users {
		for j, name := range u.MayActFor {
			at := item(child(item(child(r.path, "users"), i), "may_act_for"), j)
			if name != integration.Anyone {
				r.warnUnresolved(at, name)
				continue
			}
			r.warn(at, fmt.Sprintf("%s may act for every user and principal of this integration", u.Username),
				"name those that are meant")
		}
	}
}

// warnUnresolved warns of an e-mail address that no GUID is known for: calls for it are refused.
func (r rules) warnUnresolved(path, name string) {
	listed := func(p integration.Principal) bool { return legacy.SameName(p.Username, name) }
	known := isGUID(name) || r.isUser(name) || slices.ContainsFunc(r.in.Principals, listed)
	r.warnIf(r.signs() && !known && r.in.OAuth.AdminUserID == "", path,
		"no GUID is known for this address, so that calls on its behalf are refused", cause.NoGUID.Next("user", name))
}
