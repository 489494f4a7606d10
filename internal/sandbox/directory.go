package sandbox

import (
	"crypto/rsa"
	"slices"
	"strings"
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

// directory is who exists and who consented to what. Its owner locks.
type directory struct {
	accounts     map[string]Account
	numbers      map[string]string
	users        map[string]User
	emails       map[string]string
	integrations map[string]Integration
	consents     map[consentKey][]string
}

type consentKey struct{ key, user string }

// everyone stands in consentKey.user for an administrator's consent.
const everyone = "*"

func newDirectory() directory {
	return directory{
		accounts: map[string]Account{}, numbers: map[string]string{}, users: map[string]User{}, emails: map[string]string{},
		integrations: map[string]Integration{}, consents: map[consentKey][]string{},
	}
}

// AddAccount adds or replaces an account.
func (s *Sandbox) AddAccount(a Account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.ID, a.Site = strings.ToLower(a.ID), strings.ToLower(a.Site)
	s.dir.accounts[a.ID] = a
	if a.Number != "" {
		s.dir.numbers[a.Number] = a.ID
	}
}

// MoveAccount moves an account to another site.
func (s *Sandbox) MoveAccount(id, site string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id = strings.ToLower(id)
	if a, ok := s.dir.accounts[id]; ok {
		a.Site = strings.ToLower(site)
		s.dir.accounts[id] = a
	}
}

// AddUser adds or replaces a user.
func (s *Sandbox) AddUser(u User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u.ID, u.Default = strings.ToLower(u.ID), strings.ToLower(u.Default)
	u.Accounts = slices.Clone(u.Accounts)
	for i, id := range u.Accounts {
		u.Accounts[i] = strings.ToLower(id)
	}
	if u.Default == "" && len(u.Accounts) > 0 {
		u.Default = u.Accounts[0]
	}
	s.dir.users[u.ID] = u
	s.dir.emails[strings.ToLower(u.Email)] = u.ID
}

// AddIntegration adds or replaces an integration.
func (s *Sandbox) AddIntegration(i Integration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i.PublicKeys, i.RedirectURIs = slices.Clone(i.PublicKeys), slices.Clone(i.RedirectURIs)
	s.dir.integrations[strings.ToLower(i.Key)] = i
}

// AddRedirectURI registers one more redirect URI under a key.
func (s *Sandbox) AddRedirectURI(key, uri string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, ok := s.dir.integrations[strings.ToLower(key)]; ok {
		i.RedirectURIs = append(slices.Clone(i.RedirectURIs), uri)
		s.dir.integrations[strings.ToLower(key)] = i
	}
}

// Consent records that a user granted scopes to an integration key.
func (s *Sandbox) Consent(key, userID string, scopes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dir.consent(key, userID, scopes)
}

// ConsentAll records an administrator's consent for every user.
func (s *Sandbox) ConsentAll(key string, scopes ...string) { s.Consent(key, everyone, scopes...) }

// Revoke withdraws a user's consent. Refresh tokens end; access tokens live on until they expire (PROTOCOL.md §6.5).
func (s *Sandbox) Revoke(key, userID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := consentKey{strings.ToLower(key), strings.ToLower(userID)}
	delete(s.dir.consents, at)
	s.codes.forget(at)
}

// RevokeTokens ends every access token of a user at once.
func (s *Sandbox) RevokeTokens(userID string) { s.tokens.revoke(strings.ToLower(userID)) }

func (d *directory) consent(key, userID string, scopes []string) {
	at := consentKey{strings.ToLower(key), strings.ToLower(userID)}
	for _, scope := range scopes {
		if !slices.Contains(d.consents[at], scope) {
			d.consents[at] = append(d.consents[at], scope)
		}
	}
}

func (d *directory) consented(key, userID string, scopes []string) bool {
	own := d.consents[consentKey{strings.ToLower(key), userID}]
	all := d.consents[consentKey{strings.ToLower(key), everyone}]
	for _, scope := range scopes {
		if !slices.Contains(own, scope) && !slices.Contains(all, scope) {
			return false
		}
	}
	return true
}

// account finds an account by GUID or number.
func (d *directory) account(id string) (Account, bool) {
	id = strings.ToLower(id)
	if guid, ok := d.numbers[id]; ok {
		id = guid
	}
	a, ok := d.accounts[id]
	return a, ok
}

// user finds an active user by GUID or e-mail.
func (d *directory) user(id string) (User, bool) {
	id = strings.ToLower(id)
	if guid, ok := d.emails[id]; ok {
		id = guid
	}
	u, ok := d.users[id]
	return u, ok && !u.Inactive
}

func (d *directory) integration(key string) (Integration, bool) {
	i, ok := d.integrations[strings.ToLower(key)]
	return i, ok
}

// memberships lists a user's accounts in the user's order.
func (d *directory) memberships(u User) []Account {
	var list []Account
	for _, id := range u.Accounts {
		if a, ok := d.accounts[id]; ok {
			list = append(list, a)
		}
	}
	return list
}

func isGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (s[i] == '-') || !dash && !strings.ContainsRune("0123456789abcdefABCDEF", rune(s[i])) {
			return false
		}
	}
	return true
}

// members lists an account's users, ordered by e-mail.
func (d *directory) members(a Account) []User {
	var list []User
	for _, u := range d.users {
		if isMember(u, a) {
			list = append(list, u)
		}
	}
	slices.SortFunc(list, func(x, y User) int { return strings.Compare(x.Email, y.Email) })
	return list
}

func isMember(u User, a Account) bool { return slices.Contains(u.Accounts, a.ID) }
