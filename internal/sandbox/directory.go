package sandbox

import (
	"crypto/rsa"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Account is a DocuSign account; it lives at exactly one site.
type Account struct {
	ID           string // GUID
	Number       string // the short form, "1234567"
	Name         string
	Site         string // host name
	Organization string // GUID, may be empty
}

// User is a DocuSign user. Its passwords are made up, so they are plain strings here.
type User struct {
	ID          string // GUID
	Email       string
	Name        string
	Password    string // the legacy password: never accepted, known only so that leaks can be found
	AppPassword string
	Accounts    []string // GUIDs, in the order in which they are listed
	Default     string   // GUID; the first of Accounts if empty
	Admin       bool
	Inactive    bool
}

// Integration is an integration key with what is registered under it.
type Integration struct {
	Key          string
	PublicKeys   []*rsa.PublicKey
	Live         bool     // known in production
	Secret       string   // for the authorization code grant; empty means a public client, which needs PKCE
	RedirectURIs []string // compared exactly
}

// directory is who exists and who consented to what.
type directory struct {
	mu           sync.Mutex
	accounts     map[string]Account // by GUID
	users        map[string]User    // by GUID
	integrations map[string]Integration
	consents     map[consentKey][]string // scopes
}

type consentKey struct{ key, user string }

// everyone stands in consentKey.user for an administrator's consent.
const everyone = "*"

func newDirectory() *directory {
	return &directory{
		accounts: map[string]Account{}, users: map[string]User{}, integrations: map[string]Integration{},
		consents: map[consentKey][]string{},
	}
}

// AddAccount adds or replaces an account.
func (d *directory) AddAccount(a Account) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a.ID, a.Site = strings.ToLower(a.ID), strings.ToLower(a.Site)
	d.accounts[a.ID] = a
}

// MoveAccount moves an account to another site.
func (d *directory) MoveAccount(id, site string) {
	if a, ok := d.findAccount(id); ok {
		a.Site = site
		d.AddAccount(a)
	}
}

// AddUser adds or replaces a user.
func (d *directory) AddUser(u User) {
	d.mu.Lock()
	defer d.mu.Unlock()
	u.ID, u.Default = strings.ToLower(u.ID), strings.ToLower(u.Default)
	u.Accounts = slices.Clone(u.Accounts)
	for i, id := range u.Accounts {
		u.Accounts[i] = strings.ToLower(id)
	}
	if u.Default == "" && len(u.Accounts) > 0 {
		u.Default = u.Accounts[0]
	}
	d.users[u.ID] = u
}

// AddIntegration adds or replaces an integration.
func (d *directory) AddIntegration(i Integration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i.PublicKeys, i.RedirectURIs = slices.Clone(i.PublicKeys), slices.Clone(i.RedirectURIs)
	d.integrations[strings.ToLower(i.Key)] = i
}

// AddRedirectURI registers one more redirect URI under a key.
func (d *directory) AddRedirectURI(key, uri string) {
	if i, ok := d.findIntegration(key); ok {
		i.RedirectURIs = append(slices.Clone(i.RedirectURIs), uri)
		d.AddIntegration(i)
	}
}

// Consent records that a user granted scopes to an integration key.
func (d *directory) Consent(key, userID string, scopes ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := consentKey{strings.ToLower(key), strings.ToLower(userID)}
	d.consents[at] = slices.Concat(d.consents[at], scopes)
}

// ConsentAll records an administrator's consent for every user.
func (d *directory) ConsentAll(key string, scopes ...string) { d.Consent(key, everyone, scopes...) }

func (d *directory) withdraw(key, userID string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.consents, consentKey{strings.ToLower(key), strings.ToLower(userID)})
}

func (d *directory) consented(key, userID string, scopes []string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	given := slices.Concat(
		d.consents[consentKey{strings.ToLower(key), userID}], d.consents[consentKey{strings.ToLower(key), everyone}])
	return !slices.ContainsFunc(scopes, func(scope string) bool { return !slices.Contains(given, scope) })
}

// findAccount finds an account by GUID or number.
func (d *directory) findAccount(id string) (Account, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a, ok := d.accounts[strings.ToLower(id)]; ok {
		return a, true
	}
	for _, a := range d.accounts {
		if id != "" && a.Number == id {
			return a, true
		}
	}
	return Account{}, false
}

// findUser finds an active user by GUID or e-mail.
func (d *directory) findUser(id string) (User, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	id = strings.ToLower(id)
	u, ok := d.users[id]
	for _, other := range d.users {
		if !ok && id != "" && strings.ToLower(other.Email) == id {
			u, ok = other, true
		}
	}
	return u, ok && !u.Inactive
}

func (d *directory) findIntegration(key string) (Integration, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i, ok := d.integrations[strings.ToLower(key)]
	return i, ok
}

// memberships lists a user's accounts in the user's order.
func (d *directory) memberships(u User) []Account {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []Account
	for _, id := range u.Accounts {
		if a, ok := d.accounts[id]; ok {
			list = append(list, a)
		}
	}
	return list
}

// everybody lists the users, ordered by e-mail.
func (d *directory) everybody() []User {
	d.mu.Lock()
	defer d.mu.Unlock()
	byEmail := func(a, b User) int { return strings.Compare(a.Email, b.Email) }
	return slices.SortedFunc(maps.Values(d.users), byEmail)
}

func isMember(u User, a Account) bool { return slices.Contains(u.Accounts, a.ID) }
