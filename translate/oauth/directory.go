package oauth

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"docusign-auth-proxy/internal/cache"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/translate/legacy"
)

// learnedLife is the time after which a result is confirmed in the background, should it be asked for.
const learnedLife = 24 * time.Hour

// Fact is the result of one look-up, for keeping across restarts: Identity is with whose eyes it was seen (of a user,
// those of an administrator), Name an e-mail (lower case) or an account number. It holds no secret.
type Fact struct {
	AccountServer string // origin
	Identity
	Name, GUID string
}

// lookup is the key of a result.
type lookup struct {
	Identity
	name string
}

// what tells the two kinds of look-up apart: an account is looked for by its number.
func (k lookup) what() string {
	if isEmail(k.name) {
		return "user"
	}
	return "account"
}

// directory keeps the results of look-ups.
type directory struct {
	client *Client
	known  *cache.Cache[lookup, *entry[string]]
}

// find returns the GUID of what k names. It is asked for where it is not known.
func (d *directory) find(ctx context.Context, k lookup) (string, error) {
	guid, _, err := d.entry(k).get(ctx, nil)
	if err != nil {
		err = waiting(ctx, k.what()+" look-up", err)
	}
	return guid, err
}

func (d *directory) entry(k lookup) *entry[string] { return d.known.GetOrAdd(k, d.newEntry) }

func (d *directory) newEntry(k lookup) *entry[string] {
	search := d.askNumber
	if k.what() == "user" {
		search = d.askUsers
	}
	ask := func(ctx context.Context) (timed[string], error) {
		guid, err := search(ctx, d.client.subject(k.Identity), k.name)
		if observe := d.client.cfg.Observer.Lookup; observe != nil {
			observe(LookupEvent{Identity: k.Identity, What: k.what(), Err: err})
		}
		if err == nil {
			d.tell(k, guid)
		}
		return d.learned(guid), err
	}
	e := &entry[string]{fetches: d.client.fetches, ask: ask}
	if d.client.cfg.Shared != nil {
		e.share = d.share(k)
	}
	return e
}

// learned is a result with its times: due for confirmation after learnedLife, and kept until then and beyond.
func (d *directory) learned(guid string) timed[string] {
	return timed[string]{val: guid, soft: d.client.cfg.Now().Add(learnedLife), print: guid}
}

// remember reports whether that was new.
func (d *directory) remember(k lookup, guid string) bool {
	s := d.learned(guid)
	return d.entry(k).adopt(&s)
}

// tell passes on one new fact.
func (d *directory) tell(k lookup, guid string) {
	if learned := d.client.cfg.Observer.Learned; learned != nil {
		learned(Fact{d.client.server.origin, k.Identity, k.name, guid})
	}
}

// seed takes over what was learnt earlier from the same account server.
func (d *directory) seed(facts []Fact) {
	for _, f := range facts {
		name := legacy.Fold(f.Name)
		if f.AccountServer == d.client.server.origin && shown.GUID(f.GUID) && (isEmail(name) || shown.Number(name)) {
			d.remember(lookup{f.Identity, name}, f.GUID)
		}
	}
}

// LookupUser returns the GUID of the user with that e-mail, as seen by admin, who must be an administrator of the
// account. All accounts of admin are asked (the default first, at most 20); active users go before others. Errors:
// *LookupError when there is none or more than one, *GrantError, *RequestError, ErrClosed, the error of ctx. Results
// are remembered, also that there is none (15 s and more).
func (c *Client) LookupUser(ctx context.Context, admin Identity, email string) (string, error) {
	email = legacy.Fold(strings.TrimSpace(email))
	if shown.GUID(email) {
		return email, nil
	}
	if !isEmail(email) {
		return "", &LookupError{What: "user", Name: clean(email, 100)}
	}
	return c.lookups.find(ctx, lookup{admin, email})
}

// Found gives what LookupUser has found and remembers, and asks nobody; "" = nothing.
func (c *Client) Found(admin Identity, email string) string {
	if known, ok := c.lookups.known.Get(lookup{admin, legacy.Fold(strings.TrimSpace(email))}); ok {
		return known.peek()
	}
	return ""
}

// DoubtUser has a look-up confirmed in the background when it is asked for next: for when DocuSign does not know the
// GUID any more (UserNotFound). A result as young as Config.TerminalPause is left alone.
func (c *Client) DoubtUser(admin Identity, email string) {
	if known, ok := c.lookups.known.Get(lookup{admin, legacy.Fold(strings.TrimSpace(email))}); ok {
		known.doubt(learnedLife - c.cfg.TerminalPause)
	}
}

// LearnAccountID returns the GUID of the account that id's user knows by a number. It asks login information and, if
// that does not tell, each account (PROTOCOL.md §2.5); only accounts that UserInfo names count. A GUID is its own
// answer. Errors as LookupUser's.
func (c *Client) LearnAccountID(ctx context.Context, id Identity, number string) (string, error) {
	number = strings.TrimSpace(number)
	if shown.GUID(number) {
		return number, nil
	}
	if !shown.Number(number) {
		return "", &LookupError{What: "account", Name: clean(number, 40)}
	}
	return c.lookups.find(ctx, lookup{id, number})
}

// askUsers collects the users with that e-mail from all accounts. An account that cannot be asked counts only if none
// of the others knows the user.
func (d *directory) askUsers(ctx context.Context, s *subject, email string) (string, error) {
	u, err := d.client.UserInfo(ctx, s.id)
	if err != nil {
		return "", err
	}
	found := map[bool][]string{} // GUIDs by whether the user is active
	var failed error
	for _, a := range u.ordered() {
		users, err := listUsers(ctx, s, a, email)
		failed = worse(failed, err)
		for _, user := range users {
			active, guid := strings.EqualFold(string(user.Status), "active"), strings.ToLower(user.UserID)
			if !slices.Contains(found[active], guid) {
				found[active] = append(found[active], guid)
			}
		}
	}
	guids := found[len(found[true]) > 0]
	switch {
	case len(guids) == 1:
		return guids[0], nil
	case len(guids) == 0 && failed != nil:
		return "", failed
	}
	return "", &LookupError{What: "user", Name: email, Candidates: guids}
}

type listedUser struct {
	UserID string  `json:"userId"`
	Email  string  `json:"email"`
	Status laxText `json:"userStatus"`
}

// listUsers is Users:list filtered by e-mail; the filter is not taken on trust.
func listUsers(ctx context.Context, s *subject, a *Account, email string) ([]listedUser, error) {
	var list struct {
		Users []listedUser `json:"users"`
	}
	if err := s.get(ctx, UseREST, "user list", a.api()+"/users?email="+url.QueryEscape(email), &list); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list.Users, func(u listedUser) bool {
		return !shown.GUID(u.UserID) || !legacy.SameName(strings.TrimSpace(u.Email), email)
	}), nil
}

// api is the root of the account's REST resources.
func (a *Account) api() string {
	return a.origin() + "/restapi/v2.1/accounts/" + url.PathEscape(a.AccountID)
}

// askNumber finds the account with that number. Numbers of sibling accounts that come along are remembered as well.
func (d *directory) askNumber(ctx context.Context, s *subject, number string) (string, error) {
	u, err := d.client.UserInfo(ctx, s.id)
	if err != nil {
		return "", err
	}
	found, failed := d.numbersFromLogin(ctx, s, u)
	for _, a := range u.ordered() {
		if found[number] != nil {
			break
		}
		numbers, err := numbersOf(ctx, s, a)
		failed = worse(failed, err)
		for _, n := range numbers {
			found[n] = a
		}
	}
	for n, a := range found {
		if k := (lookup{s.id, n}); n != number && d.remember(k, a.AccountID) {
			d.tell(k, a.AccountID)
		}
	}
	if a := found[number]; a != nil {
		return a.AccountID, nil
	}
	if failed != nil && temporary(failed) {
		return "", failed
	}
	return "", &LookupError{What: "account", Name: number}
}

// numbersFromLogin reads login information with the bearer, which worked in 2018 and is unverified since (PROTOCOL.md
// §2.5).
func (d *directory) numbersFromLogin(ctx context.Context, s *subject, u *UserInfo) (map[string]*Account, error) {
	found := make(map[string]*Account)
	sites := u.ordered()
	if len(sites) == 0 || d.client.LoginRefusesBearer(sites[0].BaseURI.Host) {
		return found, nil
	}
	var info struct {
		Accounts []struct {
			Number laxText `json:"accountId"`
			GUID   laxText `json:"accountIdGuid"`
		} `json:"loginAccounts"`
	}
	if err := d.getLogin(ctx, s, sites[0], &info); err != nil {
		return found, err
	}
	for _, from := range info.Accounts {
		if a := u.Account(string(from.GUID)); a != nil && shown.Number(string(from.Number)) {
			found[string(from.Number)] = a
		}
	}
	return found, nil
}

// getLogin is subject.get for login information, which may refuse every bearer.
func (d *directory) getLogin(ctx context.Context, s *subject, site *Account, into any) error {
	c, host := d.client, site.BaseURI.Host
	t, err := c.Token(ctx, s.id)
	if err != nil {
		return err
	}
	ask := func(t *Token) error {
		target := site.origin() + "/restapi/v2/login_information?include_account_id_guid=true"
		return c.server.get(ctx, t, "login information", target, into)
	}
	if err = ask(t); !blamesToken(err) {
		return err
	}
	other, unclear := c.LoginRefused(ctx, s.id, t, host, false)
	if unclear != nil || other == nil {
		return err
	}
	if err = ask(other); blamesToken(err) {
		_, _ = c.LoginRefused(ctx, s.id, other, host, true) // asks nobody
	}
	return err
}

// numbersOf reads the numbers by which an account knows itself.
func numbersOf(ctx context.Context, s *subject, a *Account) ([]string, error) {
	var info struct {
		AccountID  laxText `json:"accountId"`
		ExternalID laxText `json:"externalAccountId"`
	}
	if err := s.get(ctx, UseREST, "account", a.api(), &info); err != nil {
		return nil, err
	}
	numbers := []string{string(info.AccountID), string(info.ExternalID)}
	return slices.DeleteFunc(numbers, func(s string) bool { return !shown.Number(s) }), nil
}

// worse keeps the error that may pass, since it leaves the question open, and else the first.
func worse(a, b error) error {
	if a == nil || (b != nil && !temporary(a) && temporary(b)) {
		return b
	}
	return a
}

func isEmail(s string) bool { return strings.Contains(s, "@") && len(s) <= 320 }
