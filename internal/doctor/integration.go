package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/consent"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/words"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/oauth"
)

const (
	grantTimeout = 45 * time.Second
	writeGUID    = "write the user's GUID into user_id: it stands as API Username on the user's page in DocuSign's " +
		"administration (Users)"
	askSupport = "run the doctor again; if it stays, give the ticket text (--ticket) to support"
)

// checkIntegrations goes through every user of every integration, as far as each gets.
func (c *network) checkIntegrations(ctx context.Context) {
	for i := range c.cfg.Integrations {
		in := &c.cfg.Integrations[i]
		switch because := c.blocked[c.cfg.AccountServer.Host]; {
		case in.Mode != integration.Translate:
			c.skip("integration", in.Name, "mode "+string(in.Mode)+
				": nothing is translated, so there is nothing to ask DocuSign", "")
		case codeGrant(*in) && c.logins.Found != "":
			c.skip("grant", in.Name, c.logins.Found, c.logins.Because)
		case !codeGrant(*in) && len(in.OAuth.PrivateKeys) == 0:
			c.eachUser(ctx, in, (*visit).examineAppPassword)
		case because != "":
			c.skip("grant", in.Name, words.Count(len(in.People()), "user", "users")+
				" not looked at: the account server cannot be asked", because)
		default:
			c.eachUser(ctx, in, (*visit).examine)
		}
	}
	for _, f := range c.lost {
		c.skip("grant", f.Subject, "the configuration has a fault there", f.Because)
	}
}

// codeGrant tells whether its users log in in a browser in place of private keys.
func codeGrant(in integration.Integration) bool { return in.Grant == integration.AuthorizationCode }

func (c *network) eachUser(ctx context.Context, in *integration.Integration, examine func(*visit, context.Context)) {
	for _, u := range in.Users {
		if ctx.Err() == nil {
			examine(&visit{network: c, in: in, user: u, subject: in.Name + " " + u.Username}, ctx)
		}
	}
}

// visit is the examination of one user of one integration.
type visit struct {
	*network
	in      *integration.Integration
	user    integration.User
	subject string
	id      oauth.Identity
	token   *oauth.Token
	info    *oauth.UserInfo
}

func (v *visit) examine(ctx context.Context) {
	if fault := v.grant(ctx); fault != "" {
		v.skip("account", v.subject, "needs a token", fault)
		v.skip("rest", v.subject, "needs a token", fault)
		v.skip("soap", v.subject, "where the account lives is known only with a token", fault)
		return
	}
	why := "needs an account"
	account, fault := v.accounts(ctx)
	if fault == "" {
		v.aliases(ctx)
		site, _ := egress.ParseHost(account.BaseURI.Host, 443) // it is believed, so it is one
		why, fault = "the site cannot be reached", v.reach(ctx, site)
	}
	if fault != "" {
		v.skip("rest", v.subject, why, fault)
		v.skip("soap", v.subject, why, fault)
		return
	}
	v.rest(ctx, account)
	v.soap(ctx, account)
}

// examineAppPassword is for an integration that replaces passwords by App Passwords and never asks for a token.
func (v *visit) examineAppPassword(ctx context.Context) {
	if v.user.AppPassword.Empty() {
		return
	}
	if because := v.reach(ctx, v.cfg.Site.Host); because != "" {
		v.skip("app password", v.subject, "the site cannot be reached", because)
		return
	}
	v.soapAppPassword(v.login(ctx))
}

// grant gets a token and returns the finding in the way, or "".
func (v *visit) grant(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, grantTimeout)
	defer cancel()
	id, err := v.identity(ctx)
	if err == nil {
		v.id = id
		v.oauth.Retry(id)
		v.token, err = v.oauth.Token(ctx, id)
	}
	if err != nil {
		return v.add(v.explain(err))
	}
	v.ok("grant", v.subject, fmt.Sprintf("DocuSign gives a token for %s, good for %.0f minutes", id.Subject,
		v.token.Expires.Sub(v.token.Obtained).Minutes()))
	return ""
}

// identity resolves a user known only by e-mail.
func (v *visit) identity(ctx context.Context) (oauth.Identity, error) {
	id := oauth.Identity{Issuer: v.in.OAuth.ClientID, Subject: v.user.UserID, Scopes: v.in.OAuth.Scopes.String()}
	if id.Subject != "" {
		return id, nil
	}
	admin := id
	admin.Subject = v.in.OAuth.AdminUserID
	if admin.Subject == "" {
		id.Subject = v.user.Username
		return id, &oauth.GrantError{Kind: oauth.InvalidSubject, Identity: id}
	}
	var err error
	id.Subject, err = v.oauth.LookupUser(ctx, admin, v.user.Username)
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
		f.Found += " among the users that the administrator " + v.in.OAuth.AdminUserID + " sees"
		f.Next = writeGUID
	case !errors.As(err, &ge):
		f.Found, f.Next = plain(err), askSupport
	default:
		known := grantAdvice(ge.Kind)
		fill := strings.NewReplacer("{user}", v.user.Username, "{key}", v.in.OAuth.ClientID,
			"{guid}", ge.Identity.Subject, "{quoted guid}", strconv.Quote(ge.Identity.Subject),
			"{scopes}", v.in.OAuth.Scopes.String(), "{tried}", strings.Join(ge.KeyIDs, ", "),
			"{environment}", v.cfg.Environment+" ("+v.cfg.AccountServer.Authority()+")", "{config}", v.Config,
			"{page}", consent.PagesOf(v.cfg, v.in, v.user.Username).Individual, "{redirect}", app.RedirectURI(v.in),
			"{clock}", v.clockHint(), "{description}", ge.Description)
		f.Found = cmp.Or(fill.Replace(known.found), f.Found)
		f.Next = cmp.Or(fill.Replace(known.next), ge.NextStep())
	}
	return f
}

type advice struct{ found, next string }

// grantAdvice is what a refusal of the account server means and what to do; empty = as the error says it.
func grantAdvice(k oauth.Kind) advice {
	return map[oauth.Kind]advice{
		oauth.ConsentRequired: {
			"DocuSign answers consent_required: {user} has not allowed integration key {key} to act for them with the scopes " +
				"{scopes}",
			"let {user} open this page, log in and accept (whoever is logged in to DocuSign in that browser already is the " +
				"one who consents):\n{page}\nThe redirect URI {redirect} must be registered with the key. To see it happen: " +
				"docusign-auth-proxy consent wait --user {user} --config {config}",
		},
		oauth.UserNotFound: {
			"DocuSign answers user_not_found: there is no active user {guid} in environment {environment}",
			"compare user_id with the API Username on the user's page in DocuSign's administration of the same environment " +
				"(demo and production have different GUIDs); activate the user if they are closed",
		},
		oauth.InvalidSubject: {
			"{quoted guid} is not a GUID: DocuSign gives tokens for GUIDs only, not for e-mail addresses", writeGUID,
		},
		oauth.IssuerNotFound: {
			"DocuSign answers issuer_not_found: integration key {key} is unknown in environment {environment}",
			"compare the key with Apps and Keys in that environment; is environment: right in {config}? A key made in demo " +
				"exists in production only after go-live has been approved (it takes 20 calls with OAuth in demo; calls through " +
				"this proxy count)",
		},
		oauth.InvalidKey: {
			"DocuSign answers no_valid_keys_or_signatures: none of the private keys tried ({tried}) belongs to integration " +
				"key {key} in environment {environment}",
			"open the key in Apps and Keys of that environment: if its RSA keypair was deleted or was made in the other " +
				"environment (key pairs are not copied at go-live), add a new one and name its private key file in " +
				"private_keys{clock}",
		},
		oauth.ExpiredGrant: {
			"DocuSign answers expired_grant: by its clock the assertion had expired on arrival",
			"set this machine's clock by NTP{clock}",
		},
		oauth.LoginRequired: {
			"{user} has to log in once more: {description}",
			"docusign-auth-proxy login --user {user} --config {config}",
		},
		oauth.InvalidScope: {
			"DocuSign does not know one of the scopes {scopes}",
			"write scopes: [signature, impersonation] into {config}",
		},
	}[k]
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
	if v.info, err = v.oauth.UserInfo(ctx, v.id); err != nil {
		f.Found, f.Next = "UserInfo: "+plain(err), askSupport
		return nil, v.add(f)
	}
	account := v.info.Default()
	switch {
	case account == nil:
		f.Found = v.info.Email + " is a member of no account in environment " + v.cfg.Environment
		f.Next = "let an administrator of the account add the user to it (Users, Add User); is it the right environment?"
	case account.BaseURI == nil:
		f.Found = "DocuSign says that account " + account.Name + " lives at a site that is not believed: " +
			account.Untrusted.Error()
		f.Next = "if the host is DocuSign's, add it to egress.hosts in " + v.Config
		if wrong, ok := errors.AsType[*egress.EnvironmentError](account.Untrusted); ok {
			f.Next = cause.NextStep(wrong)
		}
	default:
		v.ok("account", v.subject, listed(v.info.Accounts, "; ", describeAccount))
		v.compareName()
		return account, ""
	}
	return nil, v.add(f)
}

func describeAccount(a oauth.Account) string {
	text := a.Name + " " + a.AccountID
	if a.BaseURI != nil {
		text += " at " + a.BaseURI.Host
	}
	if a.IsDefault {
		text += " (default)"
	}
	return text
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
		if f := v.alias(ctx, number, guid); f.Status != OK {
			v.add(f)
		} else {
			good = append(good, number+" = "+guid)
		}
	}
	if len(good) > 0 {
		v.ok("numbers", v.subject, strings.Join(good, ", "))
	}
}

// alias tells whether an account number is the GUID's.
func (v *visit) alias(ctx context.Context, number, guid string) Finding {
	f := Finding{Check: "numbers", Subject: v.subject + " " + number, Status: Warn, Why: "calls that name account " +
		number + " are refused by DocuSign"}
	if v.info.Account(guid) == nil {
		f.Found = v.info.Email + " is not a member of " + guid + ", which accounts gives for number " + number
		f.Next = "if this user needs the account, let its administrator add them; else take the number out of accounts"
		return f
	}
	told, err := v.oauth.LearnAccountID(ctx, v.id, number)
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
		f.Status = OK
	default:
		f.Status, f.Found = Fail, "accounts says "+guid+", DocuSign says "+told
		f.Why = "calls that name account " + number + " go to the wrong account"
		f.Next = "write \"" + number + "\": " + told + " into accounts of " + v.user.Username
	}
	return f
}
