package translate

import (
	"crypto/sha256"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/password"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/oauth"
)

// index answers who is who. It is built once and only read afterwards.
type index struct {
	byKey    map[string]*indexed // folded integrator key
	all      []*indexed
	imported map[integration.SHA256]tokenOwner
}

// indexed is an Integration with its look-up tables.
type indexed struct {
	*integration.Integration
	people  map[string]person // by folded username or GUID
	numbers map[string]string // account number -> account GUID, all users together
	guids   map[string]string // folded account GUID -> account number
	slowest password.Password // that a call may be checked against
}

// person is whom a name of the configuration means.
type person struct {
	user *integration.User // nil = a principal only
	id   string            // GUID; "" = not known
}

// tokenOwner says whose a token is that the configuration imports or that the proxy issued.
type tokenOwner struct {
	in          *indexed
	user        *integration.User
	actsAs      string
	fingerprint [32]byte                // of an imported token
	issued      *integration.TokenOwner // nil = an imported token
}

// newIndex indexes the integrations. pins says whether a user without a password may get one.
func newIndex(integrations []integration.Integration, pins bool) *index {
	d := &index{byKey: map[string]*indexed{}, imported: map[integration.SHA256]tokenOwner{}}
	for i := range integrations {
		m := newIndexed(&integrations[i], pins)
		d.byKey[legacy.Fold(m.IntegratorKey)] = m
		d.all = append(d.all, m)
		for _, t := range m.Tokens {
			fingerprint := importedFingerprint(t)
			d.imported[t.SHA256] = tokenOwner{in: m, user: m.user(t.Username), actsAs: t.ActsAs, fingerprint: fingerprint}
		}
	}
	return d
}

// importedFingerprint tells an imported token from passwords and from other tokens.
func importedFingerprint(t integration.Token) [32]byte {
	return sha256.Sum256(append([]byte("imported token\x00"), t.SHA256[:]...))
}

// pinnedHash is a hash of the cost that pinned passwords have.
const pinnedHash = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"

func newIndexed(in *integration.Integration, pins bool) *indexed {
	m := &indexed{
		Integration: in, people: map[string]person{}, numbers: map[string]string{}, guids: map[string]string{},
	}
	for _, p := range in.Principals { // before the users, one of whom may have the same GUID
		m.know(person{id: p.UserID}, p.Username)
	}
	for i := range in.Users {
		u := &in.Users[i]
		m.know(person{u, u.UserID}, u.Username)
		for number, guid := range u.Accounts {
			m.numbers[number] = guid
			m.guids[legacy.Fold(guid)] = number
		}
		m.slowest = password.Slowest(m.slowest, u.Password)
		if u.Password.Kind() == password.None && pins {
			pinned, _ := password.Bcrypt(pinnedHash)
			m.slowest = password.Slowest(pinned, m.slowest)
		}
	}
	return m
}

func (m *indexed) know(p person, username string) {
	m.people[legacy.Fold(username)] = p
	if p.id != "" {
		m.people[legacy.Fold(p.id)] = p
	}
}

// user gives the user of that name or GUID, nil when none is listed. m may be nil.
func (m *indexed) user(name string) *integration.User {
	if m == nil {
		return nil
	}
	return m.people[legacy.Fold(name)].user
}

func (d *index) byIntegratorKey(key string) *indexed { return d.byKey[legacy.Fold(key)] }

// first gives the first integration for which ok is true, nil when there is none.
func (d *index) first(ok func(*indexed) bool) *indexed {
	if i := slices.IndexFunc(d.all, ok); i >= 0 {
		return d.all[i]
	}
	return nil
}

// byBareKey gives the integration whose key has that GUID, whatever stands before it.
func (d *index) byBareKey(bare string) *indexed {
	return d.first(func(m *indexed) bool {
		own, _ := legacy.BareKey(m.IntegratorKey)
		return legacy.SameName(own, bare)
	})
}

func (d *index) byName(name string) *indexed {
	return d.first(func(m *indexed) bool { return m.Name == name })
}

// byUser gives the integration of a user named without a key, nil unless exactly one integration lists that name.
func (d *index) byUser(name string) *indexed {
	only := d.first(func(m *indexed) bool { return m.user(name) != nil })
	if d.first(func(m *indexed) bool { return m != only && m.user(name) != nil }) != nil {
		return nil
	}
	return only
}

// byClient gives the integration with that integrator key, or else with that client ID.
func (d *index) byClient(id string) *indexed {
	if id == "" {
		return nil
	}
	if m := d.byIntegratorKey(id); m != nil {
		return m
	}
	return d.first(func(m *indexed) bool { return legacy.SameName(m.OAuth.ClientID, id) })
}

// observes reports whether some integration is only observed: DocuSign itself then issues the tokens of its programs,
// and a token does not tell whose it is.
func (d *index) observes() bool {
	return d.first(func(m *indexed) bool { return m.Mode == integration.Observe }) != nil
}

// importedToken finds a token that the configuration imports.
func (d *index) importedToken(token string) (tokenOwner, bool) {
	if len(d.imported) == 0 {
		return tokenOwner{}, false
	}
	o, ok := d.imported[sha256.Sum256([]byte(token))]
	return o, ok
}

// identity is whose token the account server gives out for a user of the integration.
func (m *indexed) identity(userID string) oauth.Identity { return Identity(m.Integration, userID) }

// Identity is that of the user with that GUID for calls of the integration.
func Identity(in *integration.Integration, guid string) oauth.Identity {
	return oauth.Identity{Issuer: in.OAuth.ClientID, Subject: strings.ToLower(guid), Scopes: in.OAuth.Scopes.String()}
}

// userID gives the GUID of a name that the configuration knows, or the name itself when it is a GUID.
func (m *indexed) userID(name string) string {
	if id := m.people[legacy.Fold(name)].id; id != "" || !shown.GUID(name) {
		return id
	}
	return name
}

// samePerson compares two names, each an e-mail or a GUID.
func (m *indexed) samePerson(a, b string) bool {
	id := m.userID(a)
	return legacy.SameName(a, b) || id != "" && legacy.SameName(id, m.userID(b))
}

// listed reports whether the integration knows the name, as a user's or a principal's. m may be nil.
func (m *indexed) listed(name string) bool {
	return m != nil && m.people[legacy.Fold(name)] != person{}
}

// mayActFor reports whether u may act for the principal. With JWT the upstream no longer sees who asked, so the
// explicit list is the only guard (PROTOCOL.md §16).
func (m *indexed) mayActFor(u *integration.User, principal string) bool {
	return m.samePerson(u.Username, principal) || slices.ContainsFunc(u.MayActFor, func(allowed string) bool {
		if allowed == integration.Anyone {
			return m.listed(principal)
		}
		return m.samePerson(allowed, principal)
	})
}

// shownName gives a name that the configuration lists, or that is an e-mail address or a GUID. m may be nil.
func (m *indexed) shownName(name string) string {
	if m.listed(name) {
		return name
	}
	return shown.Name(name)
}
