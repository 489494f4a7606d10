package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/oauth"
)

const (
	grantTimeout = 45 * time.Second
	writeGUID    = "write the user's GUID into user_id: it stands as API Username on the user's page in DocuSign's " +
		"administration (Users)"
)

// checkIntegrations goes through every user of every integration, as far as each gets.
func (c *network) checkIntegrations(ctx context.Context) {
	for i := range c.Integrations {
		in := &c.Integrations[i]
		switch {
		case in.Skip != "":
			c.skip("integration", in.Name, in.Skip, "")
			continue
		case in.Blocked != "":
			c.skip("grant", in.Name, in.Blocked, in.Because)
			continue
		case in.tokenFree():
			c.checkTokenFree(ctx, in)
			continue
		case c.blocked[c.Network.AccountServer] != "":
			c.skip("grant", in.Name, plural(len(in.People()), "user", "users")+
				" not looked at: the account server cannot be asked", c.blocked[c.Network.AccountServer])
			continue
		}
		for _, u := range in.Users {
			if ctx.Err() != nil {
				return
			}
			(&visit{network: c, in: in, user: u, subject: in.Name + " " + u.Username}).examine(ctx)
		}
	}
}

// visit is the examination of one user of one integration.
type visit struct {
	*network
	in      *Integration
	user    integration.User
	subject string
	id      oauth.Identity
	token   *oauth.Token
	info    *oauth.UserInfo
}

func (v *visit) examine(ctx context.Context) {
	if v.OAuth == nil {
		v.skip("grant", v.subject, "no usable configuration for tokens", "config")
		return
	}
	if fault := v.grant(ctx); fault != "" {
		v.skip("account", v.subject, "needs a token", fault)
		v.skip("rest", v.subject, "needs a token", fault)
		v.skip("soap", v.subject, "where the account lives is known only with a token", fault)
		return
	}
	account, fault := v.accounts(ctx)
	if fault != "" {
		v.skip("rest", v.subject, "needs an account", fault)
		v.skip("soap", v.subject, "needs an account", fault)
		return
	}
	v.aliases(ctx)
	site := account.BaseURI.String()
	if because := v.reach(ctx, site); because != "" {
		v.skip("rest", v.subject, "the site cannot be reached", because)
		v.skip("soap", v.subject, "the site cannot be reached", because)
		return
	}
	v.rest(ctx, site, account)
	v.soap(ctx, site, account.AccountID)
}

// checkTokenFree looks at an integration that replaces passwords by App Passwords and never asks for a token.
func (c *network) checkTokenFree(ctx context.Context, in *Integration) {
	for _, u := range in.Users {
		if ctx.Err() != nil || u.AppPassword.Empty() {
			continue
		}
		v := &visit{network: c, in: in, user: u, subject: in.Name + " " + u.Username}
		if because := c.reach(ctx, c.Network.Site); because != "" {
			c.skip("app password", v.subject, "the site cannot be reached", because)
			continue
		}
		v.soapAppPassword(v.login(ctx, c.Network.Site))
	}
}

// grant gets a token and returns the finding in the way, or "".
func (v *visit) grant(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, grantTimeout)
	defer cancel()
	id, err := v.identity(ctx)
	if err == nil {
		v.id = id
		v.OAuth.Retry(id)
		v.token, err = v.OAuth.Token(ctx, id)
	}
	if err == nil {
		life := v.token.Expires.Sub(v.token.Obtained)
		v.ok("grant", v.subject, fmt.Sprintf("DocuSign gives a token for %s, good for %.0f minutes", v.id.Subject,
			life.Minutes()))
		return ""
	}
	return v.add(v.explain(err))
}

// identity resolves a user known only by e-mail.
func (v *visit) identity(ctx context.Context) (oauth.Identity, error) {
	id := oauth.Identity{Issuer: v.in.OAuth.ClientID, Subject: v.user.UserID, Scopes: v.in.OAuth.Scopes.String()}
	if id.Subject != "" {
		return id, nil
	}
	if v.in.OAuth.AdminUserID == "" {
		return id, &oauth.GrantError{Kind: oauth.InvalidSubject,
			Identity: oauth.Identity{Issuer: id.Issuer, Subject: v.user.Username}}
	}
	admin := oauth.Identity{Issuer: id.Issuer, Subject: v.in.OAuth.AdminUserID, Scopes: id.Scopes}
	guid, err := v.OAuth.LookupUser(ctx, admin, v.user.Username)
	id.Subject = guid
	return id, err
}

// explain tells an operator what an error of the account server means (PROTOCOL.md §6.4).
func (v *visit) explain(err error) Finding {
	f := Finding{Check: "grant", Subject: v.subject, Status: Fail, Found: err.Error(),
		Why: "without a token no call of " + v.user.Username + " can reach DocuSign"}
	var ge *oauth.GrantError
	var lookup *oauth.LookupError
	switch {
	case errors.As(err, &lookup):
		f.Found = err.Error() + " among the users that the administrator " + v.in.OAuth.AdminUserID + " sees"
		f.Next = writeGUID
		return f
	case !errors.As(err, &ge):
		f.Found, f.Next = plain(err), "run the doctor again; if it stays, give the ticket text (--ticket) to support"
		return f
	}
	env := v.report.Environment + " (" + hostOf(v.Network.AccountServer) + ")"
	key, guid := v.in.OAuth.ClientID, ge.Identity.Subject
	switch ge.Kind {
	case oauth.ConsentRequired:
		f.Found = "DocuSign answers consent_required: " + v.user.Username + " has not allowed integration key " + key +
			" to act for them with the scopes " + v.in.OAuth.Scopes.String()
		f.Next = "let " + v.user.Username + " open this page, log in and accept (whoever is logged in to DocuSign in " +
			"that browser already is the one who consents):\n" + v.in.ConsentURL(v.user.Username) +
			"\nThe redirect URI " + app.RedirectURI(*v.in.Integration) + " must be registered with the key. To see it happen: " +
			v.call("consent wait --user "+v.user.Username)
	case oauth.UserNotFound:
		f.Found = "DocuSign answers user_not_found: there is no active user " + guid + " in environment " + env
		f.Next = "compare user_id with the API Username on the user's page in DocuSign's administration of the same " +
			"environment (demo and production have different GUIDs); activate the user if they are closed"
	case oauth.InvalidSubject:
		f.Found = fmt.Sprintf("%q is not a GUID: DocuSign gives tokens for GUIDs only, not for e-mail addresses", guid)
		f.Next = writeGUID
	case oauth.IssuerNotFound:
		f.Found = "DocuSign answers issuer_not_found: integration key " + key + " is unknown in environment " + env
		f.Next = "compare the key with Apps and Keys in that environment; is environment: right in " + v.Config +
			"? A key made in demo exists in production only after go-live has been approved (it takes 20 calls with " +
			"OAuth in demo; calls through this proxy count)"
	case oauth.InvalidKey:
		f.Found = "DocuSign answers no_valid_keys_or_signatures: none of the private keys tried (" +
			strings.Join(ge.KeyIDs, ", ") + ") belongs to integration key " + key + " in environment " + env
		f.Next = "open the key in Apps and Keys of that environment: if its RSA keypair was deleted or was made in " +
			"the other environment (key pairs are not copied at go-live), add a new one and name its private key " +
			"file in private_keys" + v.clockHint()
	case oauth.ExpiredGrant:
		f.Found = "DocuSign answers expired_grant: by its clock the assertion had expired on arrival"
		f.Next = "set this machine's clock by NTP" + v.clockHint()
	case oauth.LoginRequired:
		f.Found = v.user.Username + " has to log in once more: " + ge.Description
		f.Next = v.call("login --user " + v.user.Username)
	case oauth.InvalidScope:
		f.Found = "DocuSign does not know one of the scopes " + v.in.OAuth.Scopes.String()
		f.Next = "write scopes: [signature, impersonation] into " + v.Config
	default:
		f.Next = ge.NextStep()
	}
	return f
}

func (v *visit) clockHint() string {
	if v.offset.Abs() <= fineClock {
		return ""
	}
	return "; this machine's clock is " + v.offset.Abs().Round(time.Second).String() + " off, mend that first"
}

// accounts reads UserInfo and returns the default account, or the finding in the way.
func (v *visit) accounts(ctx context.Context) (*oauth.Account, string) {
	ctx, cancel := context.WithTimeout(ctx, grantTimeout)
	defer cancel()
	f := Finding{Check: "account", Subject: v.subject, Status: Fail,
		Why: "the proxy cannot know to which site the calls belong"}
	var err error
	if v.info, err = v.OAuth.UserInfo(ctx, v.id); err != nil {
		f.Found, f.Next = "UserInfo: "+plain(err), "run the doctor again; if it stays, give the ticket text "+
			"(--ticket) to support"
		return nil, v.add(f)
	}
	account := v.info.Default()
	switch {
	case account == nil:
		f.Found = v.info.Email + " is a member of no account in environment " + v.report.Environment
		f.Next = "let an administrator of the account add the user to it (Users, Add User); is it the right " +
			"environment?"
	case account.BaseURI == nil:
		f.Found = "DocuSign says that account " + account.Name + " lives at a site that is not believed: " +
			account.Untrusted.Error()
		f.Next = "if the host is DocuSign's, add it to egress.hosts in " + v.Config
		if wrong, ok := errors.AsType[*egress.EnvironmentError](account.Untrusted); ok {
			f.Next = wrong.NextStep()
		}
	default:
		v.ok("account", v.subject, v.describeAccounts())
		v.compareName()
		return account, ""
	}
	return nil, v.add(f)
}

func (v *visit) describeAccounts() string {
	var list []string
	for i := range v.info.Accounts {
		a := &v.info.Accounts[i]
		text := a.Name + " " + a.AccountID
		if a.BaseURI != nil {
			text += " at " + a.BaseURI.Host
		}
		if a.IsDefault {
			text += " (default)"
		}
		if i == maxShown {
			list = append(list, fmt.Sprintf("and %d more", len(v.info.Accounts)-maxShown))
			break
		}
		list = append(list, text)
	}
	return strings.Join(list, "; ")
}

// compareName catches a GUID copied from the wrong line: calls would be made as somebody else.
func (v *visit) compareName() {
	if !strings.Contains(v.user.Username, "@") || v.info.Email == "" || legacy.SameName(v.user.Username, v.info.Email) {
		return
	}
	v.add(Finding{
		Check: "user", Subject: v.subject, Status: Warn, Found: "user_id " + v.id.Subject + " belongs to " +
			v.info.Email,
		Why:  "the calls of " + v.user.Username + " are made as somebody else, unless the address was changed at DocuSign",
		Next: "compare user_id with the API Username on the page of " + v.user.Username + " in DocuSign's administration",
	})
}

// aliases compares the table of account numbers with what DocuSign tells.
func (v *visit) aliases(ctx context.Context) {
	if len(v.user.Accounts) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, grantTimeout)
	defer cancel()
	var good []string
	for _, number := range slices.Sorted(maps.Keys(v.user.Accounts)) {
		guid := v.user.Accounts[number]
		if v.alias(ctx, number, guid) {
			good = append(good, number+" = "+guid)
		}
	}
	if len(good) > 0 {
		v.ok("numbers", v.subject, strings.Join(good, ", "))
	}
}

// alias tells whether an account number is the GUID's.
func (v *visit) alias(ctx context.Context, number, guid string) bool {
	f := Finding{Check: "numbers", Subject: v.subject + " " + number, Status: Warn, Why: "calls that name account " +
		number + " are refused by DocuSign"}
	if v.info.Account(guid) == nil {
		f.Found = v.info.Email + " is not a member of " + guid + ", which accounts gives for number " + number
		f.Next = "if this user needs the account, let its administrator add them; else take the number out of accounts"
		v.add(f)
		return false
	}
	told, err := v.OAuth.LearnAccountID(ctx, v.id, number)
	var unknown *oauth.LookupError
	switch {
	case errors.As(err, &unknown):
		f.Found, f.Why = "DocuSign does not tell an account with number "+number+" to this user",
			"the number cannot be compared; a wrong one sends calls to the wrong account"
		f.Next = "compare with the account number at the top right of DocuSign's web page, below the user's name"
	case err != nil:
		f.Found, f.Why = "the number cannot be compared: "+plain(err), "a wrong one sends calls to the wrong account"
		f.Next = "run the doctor again"
	case strings.EqualFold(told, guid):
		return true
	default:
		f.Status, f.Found = Fail, "accounts says "+guid+", DocuSign says "+told
		f.Why = "calls that name account " + number + " go to the wrong account"
		f.Next = "write \"" + number + "\": " + told + " into accounts of " + v.user.Username
	}
	v.add(f)
	return false
}
