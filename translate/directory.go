package translate

import (
	"fmt"
	"slices"

	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/translate/legacy"
)

// Mode says what happens to the calls of an integration.
type Mode uint8

const (
	// ModeTranslate swaps the legacy credential for a bearer token.
	ModeTranslate Mode = iota
	// ModeObserve forwards calls unchanged and records whether translating them would have worked.
	ModeObserve
	// ModeBlock refuses calls in the legacy dialect: the cut-over.
	ModeBlock
)

func (m Mode) String() string {
	switch m {
	case ModeObserve:
		return "observe"
	case ModeBlock:
		return "block"
	}
	return "translate"
}

// SOAPMode says what a SOAP call carries upstream.
type SOAPMode uint8

const (
	// SOAPBearer removes the UsernameToken and adds Authorization: Bearer (PROTOCOL.md §4.10).
	SOAPBearer SOAPMode = iota
	// SOAPAppPassword replaces the password's text by the user's App Password (PROTOCOL.md §4.9).
	SOAPAppPassword
)

// Integration is one legacy integration: a key, how to get tokens for it, and the people who use it. It is not changed after New.
type Integration struct {
	Name           string // label in metrics and log
	Key            string // integrator key as old programs send it
	Mode           Mode
	SOAP           SOAPMode
	ClientID       string // iss of the assertion; differs from Key where a vendor owns that one (PROTOCOL.md §6.6)
	Scopes         string // blank-separated
	AdminUserID    string // user GUID whose token may list users; "" = e-mails are not looked up
	OldStatusCodes bool   // turn the 429s of April 2026 back into 400s (PROTOCOL.md §0.6)
	GUIDPaths      bool   // write the account's GUID into paths that carry its number
	RefuseOAuth    bool   // do not pass calls that bring their own OAuth token
	Users          []User
	Principals     []Principal
	Tokens         []ImportedToken
}

// User is an authenticator: somebody whose legacy password old programs send.
type User struct {
	Username    string // e-mail or GUID as old programs send it
	UserID      string // DocuSign user GUID; "" = looked up by e-mail
	Password    Password
	AppPassword secret.Text
	MayActFor   []string          // e-mails or GUIDs of principals; "*" = everybody listed in this integration
	Accounts    map[string]string // account number -> account GUID
}

// Principal is somebody who is only acted for.
type Principal struct {
	Username string
	UserID   string
}

// ImportedToken is a legacy bearer token that a program stored years ago (PROTOCOL.md §0.5).
type ImportedToken struct {
	SHA256   [32]byte // of the token's text
	Username string   // authenticator
	ActsAs   string   // principal; "" = the authenticator
}

// directory answers who is who. It is built once and only read afterwards.
type directory struct {
	byKey    map[string]*member // folded integrator key, and folded client ID where it is not somebody's key
	members  []*member
	imported map[[32]byte]importedOwner
}

// member is an Integration with its look-up tables.
type member struct {
	*Integration
	users   map[string]*User  // folded username or GUID
	ids     map[string]string // folded username or GUID -> user GUID
	numbers map[string]string // account number -> account GUID, all users together
	guids   map[string]string // folded account GUID -> account number
	slowest Password          // that a call may be checked against
}

// importedOwner says whose a token is that the configuration imports or that the proxy issued.
type importedOwner struct {
	member      *member
	user        *User
	actsAs      string
	fingerprint [32]byte    // of an imported token
	issued      *TokenOwner // nil = an imported token
}

func newDirectory(integrations []Integration) (*directory, error) {
	d := &directory{byKey: map[string]*member{}, imported: map[[32]byte]importedOwner{}}
	for i := range integrations {
		m, err := newMember(&integrations[i])
		if err != nil {
			return nil, err
		}
		key := legacy.Fold(m.Key)
		if _, taken := d.byKey[key]; taken {
			return nil, fmt.Errorf("integration %s: its integrator key belongs to another integration as well", m.Name)
		}
		d.byKey[key] = m
		d.members = append(d.members, m)
		if err := d.importTokens(m); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func newMember(in *Integration) (*member, error) {
	m := &member{Integration: in, users: map[string]*User{}, ids: map[string]string{}, numbers: map[string]string{}, guids: map[string]string{}}
	for i := range in.Users {
		u := &in.Users[i]
		names := []string{legacy.Fold(u.Username)}
		if id := legacy.Fold(u.UserID); id != "" && id != names[0] {
			names = append(names, id)
		}
		for _, name := range names {
			if other, taken := m.users[name]; taken && other != u {
				return nil, fmt.Errorf("integration %s: two users are called %s", in.Name, name)
			}
			m.users[name] = u
			m.learnID(name, u.UserID)
		}
		for number, guid := range u.Accounts {
			m.numbers[number] = guid
			m.guids[legacy.Fold(guid)] = number
		}
	}
	for _, p := range in.Principals {
		m.learnID(legacy.Fold(p.Username), p.UserID)
		m.learnID(legacy.Fold(p.UserID), p.UserID)
	}
	return m, nil
}

// pinnedHash is a hash of the cost that pinned passwords have.
const pinnedHash = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"

func (m *member) slowestPassword(pins bool) Password {
	var all []Password
	for _, u := range m.Users {
		if u.Password.kind == passwordNone && pins {
			all = append(all, Password{kind: passwordBcrypt, hash: pinnedHash})
		}
		all = append(all, u.Password)
	}
	return slowestOf(all)
}

func (m *member) learnID(name, id string) {
	if name != "" && id != "" {
		m.ids[name] = id
	}
}

func (d *directory) importTokens(m *member) error {
	for _, t := range m.Tokens {
		u := m.users[legacy.Fold(t.Username)]
		if u == nil {
			return fmt.Errorf("integration %s: an imported token names the user %s, who is not listed", m.Name, t.Username)
		}
		d.imported[t.SHA256] = importedOwner{member: m, user: u, actsAs: t.ActsAs, fingerprint: t.fingerprint()}
	}
	return nil
}

func (d *directory) byIntegratorKey(key string) *member { return d.byKey[legacy.Fold(key)] }

func (d *directory) byName(name string) *member {
	for _, m := range d.members {
		if m.Name == name {
			return m
		}
	}
	return nil
}

// byUser gives the integration of a user named without a key, nil unless exactly one integration lists that name.
func (d *directory) byUser(name string) *member {
	var only *member
	for _, m := range d.members {
		if m.users[legacy.Fold(name)] == nil {
			continue
		}
		if only != nil {
			return nil
		}
		only = m
	}
	return only
}

// observes reports whether some integration is only observed: DocuSign itself then issues the tokens of its programs, and a token
// does not tell whose it is.
func (d *directory) observes() bool {
	return slices.ContainsFunc(d.members, func(m *member) bool { return m.Mode == ModeObserve })
}

func (d *directory) isKey(s string) bool { return d.byIntegratorKey(s) != nil }

// userID gives the GUID of a name that the configuration knows, or the name itself when it is a GUID.
func (m *member) userID(name string) string {
	if id := m.ids[legacy.Fold(name)]; id != "" {
		return id
	}
	if shown.GUID(name) {
		return name
	}
	return ""
}

// samePerson compares two names, each an e-mail or a GUID.
func (m *member) samePerson(a, b string) bool {
	if legacy.SameName(a, b) {
		return true
	}
	ida, idb := m.userID(a), m.userID(b)
	return ida != "" && legacy.SameName(ida, idb)
}

// mayActFor reports whether u may act for the principal. With JWT the upstream no longer sees who asked, so the
// explicit list is the only guard (PROTOCOL.md §16).
func (m *member) mayActFor(u *User, principal string) bool {
	if m.samePerson(u.Username, principal) || (u.UserID != "" && legacy.SameName(u.UserID, principal)) {
		return true
	}
	for _, allowed := range u.MayActFor {
		if allowed == "*" {
			if _, listed := m.ids[legacy.Fold(principal)]; listed || m.users[legacy.Fold(principal)] != nil {
				return true
			}
			continue
		}
		if m.samePerson(allowed, principal) {
			return true
		}
	}
	return false
}

// shownName gives a name that the configuration lists, or that is an e-mail address or a GUID. m may be nil.
func (m *member) shownName(name string) string {
	if m != nil {
		folded := legacy.Fold(name)
		if m.users[folded] != nil || m.ids[folded] != "" {
			return name
		}
	}
	return shown.Name(name)
}
