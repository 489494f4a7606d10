package sandbox

import (
	"crypto/rsa"
	"slices"
	"strings"
)

// Account is a DocuSign account; it lives at exactly one site.
type Account struct {
	ID           string // GUID, in lower case like all of them here
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

// registry is who exists and who consented to what.
type registry struct {
	accounts     store[Account]     // by GUID
	users        store[User]        // by GUID
	integrations store[Integration] // by key in lower case
	consents     store[[]string]    // scopes
}

// AddAccount adds or replaces an account.
func (d *registry) AddAccount(a Account) { d.accounts.put(a.ID, a) }

// MoveAccount moves an account to another site.
func (d *registry) MoveAccount(id, site string) {
	if a, ok := d.findAccount(id); ok {
		d.accounts.change(a.ID, func(a *Account) { a.Site = site })
	}
}

// AddUser adds or replaces a user.
func (d *registry) AddUser(u User) {
	if u.Default == "" && len(u.Accounts) > 0 {
		u.Default = u.Accounts[0]
	}
	d.users.put(u.ID, u)
}

// AddIntegration adds or replaces an integration.
func (d *registry) AddIntegration(i Integration) { d.integrations.put(strings.ToLower(i.Key), i) }

// AddRedirectURI registers one more redirect URI under a key.
func (d *registry) AddRedirectURI(key, uri string) {
	if i, ok := d.findIntegration(key); ok {
		d.integrations.change(strings.ToLower(i.Key), func(i *Integration) {
			i.RedirectURIs = append(slices.Clone(i.RedirectURIs), uri) // its readers hold the slice
		})
	}
}

// everyone stands in the place of a user for an administrator's consent.
const everyone = "*"

func consentID(key, user string) string { return strings.ToLower(key + " " + user) }

// Consent records that a user granted scopes to an integration key.
func (d *registry) Consent(key, userID string, scopes ...string) {
	d.consents.change(consentID(key, userID), func(given *[]string) { *given = slices.Concat(*given, scopes) })
}

// ConsentAll records an administrator's consent for every user.
func (d *registry) ConsentAll(key string, scopes ...string) { d.Consent(key, everyone, scopes...) }

func (d *registry) consented(key, userID string, scopes []string) bool {
	own, _ := d.consents.get(consentID(key, userID))
	all, _ := d.consents.get(consentID(key, everyone))
	given := slices.Concat(own, all)
	return !slices.ContainsFunc(scopes, func(scope string) bool { return !slices.Contains(given, scope) })
}

// findAccount finds an account by GUID or number.
func (d *registry) findAccount(id string) (Account, bool) {
	return d.accounts.find(func(a Account) bool { return strings.EqualFold(a.ID, id) || id != "" && a.Number == id })
}

// findUser finds an active user by GUID or e-mail.
func (d *registry) findUser(id string) (User, bool) {
	return d.users.find(func(u User) bool {
		return !u.Inactive && (strings.EqualFold(u.ID, id) || id != "" && strings.EqualFold(u.Email, id))
	})
}

func (d *registry) findIntegration(key string) (Integration, bool) {
	return d.integrations.get(strings.ToLower(key))
}

// memberships lists a user's accounts in the user's order.
func (d *registry) memberships(u User) []Account {
	var list []Account
	for _, id := range u.Accounts {
		if a, ok := d.accounts.get(id); ok {
			list = append(list, a)
		}
	}
	return list
}

// everybody lists the users, ordered by e-mail.
func (d *registry) everybody() []User {
	byEmail := func(a, b User) int { return strings.Compare(a.Email, b.Email) }
	return slices.SortedFunc(slices.Values(d.users.all()), byEmail)
}

func isMember(u User, a Account) bool { return slices.Contains(u.Accounts, a.ID) }
