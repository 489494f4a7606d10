package oauth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"docusign-auth-proxy/translate/legacy"
)

const (
	learnedLife      = 24 * time.Hour // after it a result is confirmed in the background, should it be asked for
	notFoundEvery    = 5 * time.Second
	notFoundBurst    = 12
	maxNotFoundPause = 10 * time.Minute
	maxAccountsAsked = 20
)

// lookupKey is what a look-up result belongs to: whose eyes it was seen with, and the e-mail or account number.
type lookupKey struct {
	Identity
	Name string
}

// directory is one kind of look-up with its results.
type directory struct {
	client *Client
	what   string // "user" or "account"
	known  *table[lookupKey, *cell[string]]
	ask    func(ctx context.Context, e *entry, name string) (guid string, err error)
}

func (c *Client) newDirectory(what string, ask func(context.Context, *entry, string) (string, error)) *directory {
	return &directory{client: c, what: what, ask: ask, known: newTable[lookupKey](c.cfg.MaxEntries, (*cell[string]).busy)}
}

// cell finds or makes the cell of one look-up.
func (d *directory) cell(k lookupKey) *cell[string] {
	now := d.client.cfg.Now()
	n := d.known.find(k)
	if n == nil {
		n = d.known.findOrAdd(k, now, d.newCell)
	}
	n.touch(now)
	return n.val
}

func (d *directory) newCell(k lookupKey) *cell[string] {
	c := d.client
	fetch := func(ctx context.Context) (slot[string], error) {
		started := c.cfg.Now()
		guid, err := d.ask(ctx, c.entry(k.Identity, started).val, k.Name)
		if c.cfg.Observer.Lookup != nil {
			c.cfg.Observer.Lookup(LookupEvent{Identity: k.Identity, What: d.what, Duration: c.cfg.Now().Sub(started), Err: err})
		}
		return c.learned(guid), err
	}
	landed := func(guid string) { c.tell(d, k, guid) }
	return &cell[string]{flights: c.flights, pause: c.lookupBackoff, landed: landed, fetch: fetch}
}

// remember reports whether that was new.
func (d *directory) remember(k lookupKey, guid string) bool {
	s := d.client.learned(guid)
	return d.cell(k).adopt(&s, d.client.cfg.Now())
}

// adopt takes over old's results for the identities that this client would see with the same eyes.
func (d *directory) adopt(old *directory, now time.Time) {
	old.known.each(func(k lookupKey, l *cell[string]) {
		if d.client.inherits(old.client, k.Identity) {
			d.cell(k).adopt(l.cur.Load(), now)
		}
	})
}

// each visits the results in a stable order.
func (d *directory) each(visit func(k lookupKey, guid string)) {
	guids := make(map[lookupKey]string)
	d.known.each(func(k lookupKey, l *cell[string]) {
		if guid, ok := l.peek(); ok {
			guids[k] = guid
		}
	})
	for _, k := range slices.SortedFunc(maps.Keys(guids), func(a, b lookupKey) int {
		return cmp.Or(a.Identity.compare(b.Identity), cmp.Compare(a.Name, b.Name))
	}) {
		visit(k, guids[k])
	}
}

// learned is a result with its times: due for confirmation after learnedLife, and kept until then and beyond.
func (c *Client) learned(guid string) slot[string] {
	return newSlot(guid, c.cfg.Now().Add(learnedLife), time.Time{})
}

// Learned is what look-ups have taught, for keeping across restarts. It holds no secret.
type Learned struct {
	AccountServer string          `json:"account_server"`
	Users         []LearnedUser   `json:"users,omitempty"`
	Accounts      []LearnedNumber `json:"accounts,omitempty"`
}

// LearnedUser says that the user with that e-mail (lower case) has that GUID, as the administrator Admin sees it.
type LearnedUser struct {
	Issuer string `json:"issuer"`
	Admin  string `json:"admin"`
	Scopes string `json:"scopes"`
	Email  string `json:"email"`
	UserID string `json:"user_id"`
}

// LearnedNumber says that the account with that number has that GUID, among the accounts of the user Subject.
type LearnedNumber struct {
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
	Scopes  string `json:"scopes"`
	Number  string `json:"number"`
	GUID    string `json:"guid"`
}

// Learned returns what look-ups have taught so far, in a stable order. Seed the next Client with it (Config.Learned).
func (c *Client) Learned() Learned {
	out := Learned{AccountServer: c.cfg.AccountServer}
	for _, d := range []*directory{c.users, c.accounts} {
		d.each(func(k lookupKey, guid string) { out.add(d, k, guid) })
	}
	return out
}

func (l *Learned) add(d *directory, k lookupKey, guid string) {
	if d.what == "user" {
		l.Users = append(l.Users, LearnedUser{k.Issuer, k.Subject, k.Scopes, k.Name, guid})
		return
	}
	l.Accounts = append(l.Accounts, LearnedNumber{k.Issuer, k.Subject, k.Scopes, k.Name, guid})
}

// seed takes over what was learnt earlier from the same account server.
func (c *Client) seed(from Learned) {
	if from.AccountServer != c.cfg.AccountServer {
		return
	}
	for _, u := range from.Users {
		if email := legacy.Fold(u.Email); isGUID(u.UserID) && isEmail(email) {
			c.users.remember(lookupKey{Identity{u.Issuer, u.Admin, u.Scopes}, email}, u.UserID)
		}
	}
	for _, a := range from.Accounts {
		if isGUID(a.GUID) && isNumber(a.Number) {
			c.accounts.remember(lookupKey{Identity{a.Issuer, a.Subject, a.Scopes}, a.Number}, a.GUID)
		}
	}
}

// LookupUser returns the GUID of the user with that e-mail, as seen by admin, who must be an administrator of the
// account. All accounts of admin are asked (the default first, at most 20); active users go before others. Errors:
// *LookupError when there is none or more than one, *GrantError, *RequestError, ErrClosed, the error of ctx. Results
// are remembered, also that there is none (15 s and more).
func (c *Client) LookupUser(ctx context.Context, admin Identity, email string) (string, error) {
	email = legacy.Fold(strings.TrimSpace(email))
	if isGUID(email) {
		return email, nil
	}
	if !isEmail(email) {
		return "", &LookupError{What: "user", Name: clean(email, 100)}
	}
	guid, _, err := c.users.cell(lookupKey{admin, email}).get(ctx, c.cfg.Now())
	if err != nil {
		return "", waiting(ctx, "user look-up", err)
	}
	return guid, nil
}

// DoubtUser has a look-up confirmed in the background when it is asked for next: for when DocuSign does not know the
// GUID any more (UserNotFound). A result as young as Config.TerminalPause is left alone.
func (c *Client) DoubtUser(admin Identity, email string) {
	n := c.users.known.find(lookupKey{admin, legacy.Fold(strings.TrimSpace(email))})
	if n != nil {
		n.val.doubt(c.cfg.Now(), learnedLife-c.cfg.TerminalPause)
	}
}

// LearnAccountID returns the GUID of the account that id's user knows by a number. It asks login information and, if that does not
// tell, each account (PROTOCOL.md §2.5); only accounts that UserInfo names count. A GUID is its own answer. Errors as LookupUser's.
func (c *Client) LearnAccountID(ctx context.Context, id Identity, number string) (string, error) {
	number = strings.TrimSpace(number)
	if isGUID(number) {
		return number, nil
	}
	if !isNumber(number) {
		return "", &LookupError{What: "account", Name: clean(number, 40)}
	}
	guid, _, err := c.accounts.cell(lookupKey{id, number}).get(ctx, c.cfg.Now())
	if err != nil {
		return "", waiting(ctx, "account look-up", err)
	}
	return guid, nil
}

// tell passes on one new fact.
func (c *Client) tell(d *directory, k lookupKey, guid string) {
	if c.cfg.Observer.Learned == nil {
		return
	}
	news := Learned{AccountServer: c.cfg.AccountServer}
	news.add(d, k, guid)
	c.cfg.Observer.Learned(news)
}

// lookupBackoff lets an administrator's repair be seen soon. Many names that are not found wait longer, since their
// look-ups use up the account's hourly limit (PROTOCOL.md §11).
func (c *Client) lookupBackoff(err error, count int) time.Duration {
	var le *LookupError
	if errors.As(err, &le) {
		now := c.cfg.Now()
		turn := c.notFound.ReserveN(now, 1)
		if turn.DelayFrom(now) > maxNotFoundPause {
			turn.CancelAt(now)
			return maxNotFoundPause
		}
		return max(c.cfg.TerminalPause, turn.DelayFrom(now))
	}
	return c.backoff(err, count)
}

// askUsers collects the users with that e-mail from all accounts. An account that cannot be asked counts only if none of the
// others knows the user.
func (c *Client) askUsers(ctx context.Context, e *entry, email string) (string, error) {
	u, err := c.info(ctx, e, c.cfg.Now())
	if err != nil {
		return "", err
	}
	var active, others []string
	var failed error
	for _, a := range atMost(u.ordered(), maxAccountsAsked) {
		users, err := c.listUsers(ctx, e, a, email)
		if err != nil {
			failed = worse(failed, err)
			continue
		}
		for _, user := range users {
			if strings.EqualFold(string(user.Status), "active") {
				active = withGUID(active, user.UserID)
			} else {
				others = withGUID(others, user.UserID)
			}
		}
	}
	if len(active) > 0 {
		others = active
	}
	switch {
	case len(others) == 1:
		return others[0], nil
	case len(others) == 0 && failed != nil:
		return "", failed
	}
	return "", &LookupError{What: "user", Name: email, Candidates: others}
}

type listedUser struct {
	UserID string  `json:"userId"`
	Email  string  `json:"email"`
	Status laxText `json:"userStatus"`
}

// listUsers is Users:list filtered by e-mail; the filter is not taken on trust.
func (c *Client) listUsers(ctx context.Context, e *entry, a *Account, email string) ([]listedUser, error) {
	target := a.api() + "/users?email=" + url.QueryEscape(email)
	body, err := c.get(ctx, e, UseREST, "user list", target)
	if err != nil {
		return nil, err
	}
	var list struct {
		Users []listedUser `json:"users"`
	}
	if json.Unmarshal(body, &list) != nil {
		return nil, c.badAnswer("user list", target, errors.New(describe(0, "", body)))
	}
	return slices.DeleteFunc(list.Users, func(u listedUser) bool {
		return !isGUID(u.UserID) || !legacy.SameName(strings.TrimSpace(u.Email), email)
	}), nil
}

// api is the root of the account's REST resources.
func (a *Account) api() string {
	return a.origin() + "/restapi/v2.1/accounts/" + url.PathEscape(a.AccountID)
}

// askNumber finds the account with that number. Numbers of sibling accounts that come along are remembered as well.
func (c *Client) askNumber(ctx context.Context, e *entry, number string) (string, error) {
	u, err := c.info(ctx, e, c.cfg.Now())
	if err != nil {
		return "", err
	}
	found, failed := c.numbersFromLogin(ctx, e, u)
	for _, a := range atMost(u.ordered(), maxAccountsAsked) {
		if found[number] != nil {
			break
		}
		numbers, err := c.numbersOf(ctx, e, a)
		failed = worse(failed, err)
		for _, n := range numbers {
			found[n] = a
		}
	}
	for n, a := range found {
		if k := (lookupKey{e.id, n}); n != number && c.accounts.remember(k, a.AccountID) {
			c.tell(c.accounts, k, a.AccountID)
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

// numbersFromLogin reads login information with the bearer, which worked in 2018 and is unverified since (PROTOCOL.md §2.5).
func (c *Client) numbersFromLogin(ctx context.Context, e *entry, u *UserInfo) (map[string]*Account, error) {
	found := make(map[string]*Account)
	sites := u.ordered()
	if len(sites) == 0 || c.LoginRefusesBearer(sites[0].BaseURI.Host) {
		return found, nil
	}
	target := sites[0].origin() + "/restapi/v2/login_information?include_account_id_guid=true"
	body, err := c.getLogin(ctx, e, sites[0].BaseURI.Host, target)
	if err != nil {
		return found, err
	}
	var info struct {
		Accounts []struct {
			Number laxText `json:"accountId"`
			GUID   laxText `json:"accountIdGuid"`
		} `json:"loginAccounts"`
	}
	if json.Unmarshal(body, &info) != nil {
		return found, c.badAnswer("login information", target, errors.New(describe(0, "", body)))
	}
	for _, from := range info.Accounts {
		if a := u.Account(string(from.GUID)); a != nil && isNumber(string(from.Number)) {
			found[string(from.Number)] = a
		}
	}
	return found, nil
}

// getLogin is get for login information, which may refuse every bearer.
func (c *Client) getLogin(ctx context.Context, e *entry, host, target string) ([]byte, error) {
	t, err := c.token(ctx, e, c.cfg.Now())
	if err != nil {
		return nil, err
	}
	body, err := c.getOnce(ctx, t, "login information", target)
	var re *RequestError
	if !errors.As(err, &re) || !re.blamesToken() {
		return body, err
	}
	other, unclear := c.loginRefused(ctx, e, t, host, false)
	if unclear != nil || other == nil {
		return nil, err
	}
	body, err = c.getOnce(ctx, other, "login information", target)
	if errors.As(err, &re) && re.blamesToken() {
		_, _ = c.loginRefused(ctx, e, other, host, true) // asks nobody
	}
	return body, err
}

// numbersOf reads the numbers by which an account knows itself.
func (c *Client) numbersOf(ctx context.Context, e *entry, a *Account) ([]string, error) {
	body, err := c.get(ctx, e, UseREST, "account", a.api())
	if err != nil {
		return nil, err
	}
	var info struct {
		AccountID  laxText `json:"accountId"`
		ExternalID laxText `json:"externalAccountId"`
	}
	if json.Unmarshal(body, &info) != nil {
		return nil, c.badAnswer("account", a.api(), errors.New(describe(0, "", body)))
	}
	return slices.DeleteFunc([]string{string(info.AccountID), string(info.ExternalID)}, func(s string) bool { return !isNumber(s) }), nil
}

// worse keeps the error that may pass, since it leaves the question open, and else the first.
func worse(a, b error) error {
	if a == nil || (b != nil && !temporary(a) && temporary(b)) {
		return b
	}
	return a
}

func atMost[T any](list []T, n int) []T { return list[:min(n, len(list))] }

// withGUID adds a GUID unless it is there in whatever case.
func withGUID(list []string, guid string) []string {
	guid = strings.ToLower(guid)
	if slices.Contains(list, guid) {
		return list
	}
	return append(list, guid)
}

func isEmail(s string) bool { return strings.Contains(s, "@") && len(s) <= 320 }

func isNumber(s string) bool {
	return s != "" && len(s) <= 20 && strings.Trim(s, "0123456789") == ""
}

// isGUID reports whether s is 32 hexadecimal digits in the usual five groups.
func isGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f'):
			return false
		}
	}
	return true
}
