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
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/internal/words"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/oauth"
)

const (
	grantTimeout   = 45 * time.Second
	mostPrincipals = 50 // of one integration that are asked for
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
			c.eachUser(ctx, in, in.Users, (*visit).examineAppPassword)
		case because != "":
			c.skip("grant", in.Name, words.Count(len(in.People()), "user", "users")+
				" not looked at: the account server cannot be asked", because)
		case codeGrant(*in) && c.cfg.Store.Redis != nil:
			c.eachUser(ctx, in, in.Users, (*visit).examineLogin)
		default:
			acted := principals(in)
			asked := acted[:min(len(acted), mostPrincipals)]
			c.eachUser(ctx, in, slices.Concat(in.Users, asked), (*visit).examine)
			if left := len(acted) - len(asked); left > 0 {
				c.skip("grant", in.Name, words.Count(left, "other principal", "other principals")+" not asked for", "")
			}
		}
	}
	for _, f := range c.lost {
		c.skip("grant", f.Subject, "the configuration has a fault there", f.Because)
	}
}

// codeGrant tells whether its users log in in a browser in place of private keys.
func codeGrant(in integration.Integration) bool { return in.Grant == integration.AuthorizationCode }

// principals are those whom a user or a token may act for and who do not log in themselves, each once. One whose GUID
// nobody can find is told of with the configuration.
func principals(in *integration.Integration) (list []integration.User) {
	var allowed []string
	for _, u := range in.Users {
		allowed = append(allowed, u.MayActFor...)
	}
	for _, t := range in.Tokens {
		allowed = append(allowed, t.ActsAs)
	}
	anyone := slices.Contains(allowed, integration.Anyone)
	for _, p := range in.Principals {
		u := integration.User{Username: p.Username, UserID: p.UserID}
		named := slices.ContainsFunc(allowed, func(name string) bool { return app.Is(u, name) })
		user := slices.ContainsFunc(in.Users, func(other integration.User) bool { return app.Is(other, p.UserID) })
		if (anyone || named) && !user {
			list = append(list, u)
		}
	}
	for _, name := range allowed {
		u := integration.User{Username: name}
		if shown.GUID(name) {
			u.UserID = name
		}
		known := slices.ContainsFunc(slices.Concat(in.Users, list), func(u integration.User) bool { return app.Is(u, name) })
		if !known && name != "" && name != integration.Anyone && (u.UserID != "" || in.OAuth.AdminUserID != "") {
			list = append(list, u)
		}
	}
	return list
}

// eachUser looks at people of an integration, its users first, until it is known that nobody gets further.
func (c *network) eachUser(
	ctx context.Context, in *integration.Integration, people []integration.User,
	examine func(*visit, context.Context) (goOn bool),
) {
	for i, u := range people {
		if ctx.Err() != nil {
			break
		}
		v := &visit{network: c, in: in, user: u, subject: in.Name + " " + u.Username, principal: i >= len(in.Users)}
		if !examine(v, ctx) {
			last := &c.noted[len(c.noted)-1]
			if left := len(people) - i - 1; left > 0 {
				last.Found += "; " + words.Count(left, "other user", "other users") + " not asked for, it is the same for all"
			}
			break
		}
	}
	c.tellNoted(in)
}

// visit is the examination of one user of one integration.
type visit struct {
	*network
	in        *integration.Integration
	user      integration.User
	principal bool // it is acted for, and calls nothing itself
	subject   string
	id        oauth.Identity
	token     *oauth.Token
	info      *oauth.UserInfo
}

// examine goes as far as the user gets; false = no other user of the integration gets further.
func (v *visit) examine(ctx context.Context) (goOn bool) {
	if err := v.grant(ctx); err != nil {
		return v.refused(ctx, err)
	}
	account := v.accounts(ctx)
	if account == nil || v.principal {
		return true
	}
	v.aliases(ctx)
	site, _ := egress.ParseHost(account.BaseURI.Host, 443) // it is believed, so it is one
	if because := v.reach(ctx, site); because != "" {
		v.note(fault{same: "site " + because, blocks: "REST and SOAP",
			Finding: Finding{Check: "site", Status: Skipped, Found: site.Name() + " cannot be reached", Because: because}})
		return true
	}
	v.rest(ctx, account)
	v.soap(ctx, account)
	return true
}

// examineAppPassword is for an integration that replaces passwords by App Passwords and never asks for a token.
func (v *visit) examineAppPassword(ctx context.Context) (goOn bool) {
	if v.user.AppPassword.Empty() {
		return true
	}
	if because := v.reach(ctx, v.cfg.Site.Host); because != "" {
		v.note(fault{same: "site " + because, Finding: Finding{Check: "app password", Status: Skipped,
			Found: "the site cannot be reached", Because: because}})
		return true
	}
	v.soapAppPassword(v.login(ctx))
	return true
}

// grant gets a token.
func (v *visit) grant(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, grantTimeout)
	defer cancel()
	id, err := v.identity(ctx)
	if err == nil {
		v.id = id
		v.oauth.Retry(id)
		v.token, err = v.oauth.Token(ctx, id)
	}
	if err != nil {
		return err
	}
	v.granted = true
	v.ok("grant", v.subject, fmt.Sprintf("DocuSign gives a token for %s, good for %.0f minutes", id.Subject,
		v.token.Expires.Sub(v.token.Obtained).Minutes()))
	return nil
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
		return id, &call.Error{Kind: call.KindNotAllowed, Cause: cause.NoGUID}
	}
	var err error
	id.Subject, err = v.oauth.LookupUser(ctx, admin, v.user.Username)
	return id, err
}

// refused notes why there is no token; false = no other user of the integration gets one.
func (v *visit) refused(ctx context.Context, err error) (goOn bool) {
	id, fill := v.row(err)
	lookup, notFound := errors.AsType[*oauth.LookupError](err)
	refusal, ok := errors.AsType[*oauth.GrantError](err)
	person := v.user.Username
	switch {
	case notFound:
		id = cause.NotFoundByAdmin
	case ok && v.id.Subject == "": // it was asked for to look the user up
		person = v.in.OAuth.AdminUserID
		fill = append(fill, "user", person)
	}
	why := "without a token no call of " + v.user.Username + " can reach DocuSign"
	if v.principal {
		why = "without a token no call on behalf of " + v.user.Username + " can reach DocuSign"
	}
	f := fault{Finding: of("grant", "", Fail, why, id, fill),
		same: fmt.Sprintf("%d", id), blocks: "account, REST and SOAP"}
	if ok {
		f.page = cause.ConsentPage(refusal.ConsentURL, person)
	}
	switch {
	case personal(id):
		f.same += " " + v.in.OAuth.ClientID
		f.person = person
		if notFound {
			f.Found = lookup.Error() + " among the users that the administrator " + v.in.OAuth.AdminUserID + " sees"
		}
	case id == cause.IssuerNotFound, id == cause.PrefixedIssuer:
		f.Found += v.otherNames(ctx, refusal.Identity)
		if v.granted || id == cause.PrefixedIssuer { // else the environment may be the wrong one for all
			f.same += " " + refusal.Identity.Issuer
		}
	case ofKey(id):
		f.same += " " + v.in.OAuth.ClientID
	case id == cause.ExpiredGrant && v.clock != "":
		f.Status, f.Because = Skipped, v.clock
	default:
		f.Found += ": " + plain(err)
	}
	v.note(f)
	return f.person != ""
}

// otherNames tries the key with and without its prefix, and tells who else has it.
func (v *visit) otherNames(ctx context.Context, asked oauth.Identity) (text string) {
	configured := map[string]string{}
	bare, _ := legacy.BareKey(asked.Issuer)
	for i := range v.cfg.Integrations {
		other := &v.cfg.Integrations[i]
		if otherBare, _ := legacy.BareKey(other.OAuth.ClientID); strings.EqualFold(bare, otherBare) {
			configured[other.OAuth.ClientID] = other.Name
		}
	}
	delete(configured, asked.Issuer)
	ids := slices.DeleteFunc(app.ClientIDs(v.in), func(id string) bool { return id == asked.Issuer })
	known, _ := app.KnownClientID(ctx, v.cfg, v.in, asked.Subject, ids) // the fault is that of asked
	if known != "" {
		text = "; client_id " + known + " works: the same key " + prefixed(known) + " its prefix"
	}
	for _, id := range slices.Sorted(maps.Keys(configured)) {
		text += "; the same key " + prefixed(id) + " its prefix is configured as " + configured[id]
	}
	return text
}

func prefixed(key string) string {
	if _, has := legacy.BareKey(key); has {
		return "with"
	}
	return "without"
}

// accounts reads UserInfo and returns the default account; nil = there is something in the way.
func (v *visit) accounts(ctx context.Context) *oauth.Account {
	ctx, cancel := context.WithTimeout(ctx, grantTimeout)
	defer cancel()
	var err error
	const why = "the proxy cannot know to which site the calls belong"
	if v.info, err = v.oauth.UserInfo(ctx, v.id); err != nil {
		id, fill := v.row(err)
		f := of("account", "", Fail, why, id, fill)
		f.Found = "UserInfo: " + plain(err)
		v.note(fault{Finding: f, same: "userinfo " + f.Next, blocks: "REST and SOAP"})
		return nil
	}
	account := v.info.Default()
	switch {
	case account == nil:
		f := fault{Finding: of("account", "", Fail, why, cause.LacksMembership, v.values()),
			same: "membership", person: v.id.Subject, blocks: "REST and SOAP"}
		if !legacy.SameName(v.info.Email, v.user.Username) {
			f.Found += " (DocuSign knows them as " + v.info.Email + ")"
		}
		v.note(f)
	case account.BaseURI == nil:
		id, fill := v.row(account.Untrusted)
		f := fault{Finding: of("account", "", Fail, why, id, fill), blocks: "REST and SOAP"}
		f.same = "site " + f.Next
		f.Found += " (account " + account.Name + ")"
		v.note(f)
	default:
		v.ok("account", v.subject, listed(v.info.Accounts, "; ", describeAccount))
		v.compareName()
		return account
	}
	return nil
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
