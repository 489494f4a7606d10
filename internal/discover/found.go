package discover

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"

	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/password"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/internal/words"
	"docusign-auth-proxy/translate/legacy"
)

// Bounds of a discovery: what a stranger sends must not fill the memory.
const (
	maxFoundKeys  = 50
	maxFoundUsers = 500
	maxFoundIDs   = 200
)

// discovery is what the watched calls have shown. It is a call.Recorder.
type discovery struct {
	pin     bool
	clients []netip.Prefix
	secret  []byte // by which passwords are compared

	mu      sync.Mutex
	keys    map[string]*foundKey // by folded key
	calls   int
	leftOut int // credentials with a key or a name that may be a secret in the wrong field
	hosts   map[string]int
}

type foundKey struct {
	Key      string                `json:"integrator_key"`
	Calls    int                   `json:"calls"`
	First    time.Time             `json:"first_seen"`
	Last     time.Time             `json:"last_seen"`
	Schemes  map[string]int        `json:"schemes"`
	APIs     map[string]int        `json:"apis"`
	Accounts map[string]int        `json:"accounts"`
	Users    map[string]*foundUser `json:"users"`
	Agents   map[string]int        `json:"user_agents"`
	Clients  map[string]int        `json:"clients"`
	Doors    map[string]int        `json:"doors"`
	SOAP     map[string]int        `json:"soap_operations,omitempty"` // by API and operation
	answers
}

type foundUser struct {
	ActsFor map[string]int `json:"acts_for"`
	Pinned  bool           `json:"password_pinned"`
	// OtherPasswords counts the calls with another password than the one that was kept, by client address.
	OtherPasswords map[string]int `json:"other_passwords,omitempty"`
	hash           string
	same           int       // calls with the password that was kept
	pinnedAt       time.Time // when it came first
	pinnedFrom     netip.Addr
	digest         []byte // of that password, keyed
}

func newDiscovery(pin bool, clients []netip.Prefix) *discovery {
	return &discovery{pin: pin, clients: clients, secret: []byte(rand.Text()), keys: map[string]*foundKey{},
		hosts: map[string]int{}}
}

func tally(m map[string]int, name string) {
	if _, known := m[name]; name != "" && len(name) <= 256 && (known || len(m) < maxFoundIDs) {
		m[name]++
	}
}

// entry gives what is known under a name, made if there is room for it; else nil.
func entry[V any](m map[string]*V, name string, most int, fresh V) *V {
	folded := legacy.Fold(name)
	if m[folded] == nil && len(m) < most && name != "" {
		m[folded] = &fresh
	}
	return m[folded]
}

func (d *discovery) key(name string) *foundKey {
	return entry(d.keys, name, maxFoundKeys, foundKey{Key: name, Schemes: map[string]int{}, APIs: map[string]int{},
		Accounts: map[string]int{}, Users: map[string]*foundUser{}, Agents: map[string]int{}, Clients: map[string]int{},
		Doors: map[string]int{}, SOAP: map[string]int{}})
}

// list are the keys, always in the same order.
func (d *discovery) list() []*foundKey {
	var all []*foundKey
	for _, folded := range slices.Sorted(maps.Keys(d.keys)) {
		all = append(all, d.keys[folded])
	}
	return all
}

// credential notes who was seen. Its password is only looked at to be pinned.
func (d *discovery) credential(cred legacy.Credential, actAs string, client netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	principal := cmp.Or(actAs, cred.OnBehalfOf)
	if shown.Key(cred.IntegratorKey) != cred.IntegratorKey || shown.Name(cred.Username) != cred.Username ||
		shown.Name(principal) != principal {
		d.leftOut++
		return
	}
	k := d.key(cred.IntegratorKey)
	if k == nil {
		return
	}
	u := entry(k.Users, cred.Username, maxFoundUsers,
		foundUser{ActsFor: map[string]int{}, OtherPasswords: map[string]int{}})
	if u == nil {
		return
	}
	tally(u.ActsFor, legacy.Fold(principal))
	if d.pin && len(cred.Passwords) > 0 {
		d.pinFirst(u, cred.Passwords[0], client)
	}
}

// pinFirst keeps a hash of the first password of a client that may be believed, and counts the calls with another one.
// To tell them apart it keeps no more than a keyed digest, whose key ends with the process.
func (d *discovery) pinFirst(u *foundUser, seen secret.Text, client netip.Addr) {
	mac := hmac.New(sha256.New, d.secret)
	mac.Write([]byte(seen.Reveal()))
	digest := mac.Sum(nil)
	switch {
	case u.Pinned && hmac.Equal(digest, u.digest):
		u.same++
	case u.Pinned:
		tally(u.OtherPasswords, client.String())
	case client.IsLoopback() || app.Contains(d.clients, client):
		if hash, err := password.HashBcrypt(seen, bcrypt.DefaultCost); err == nil {
			u.hash, u.Pinned, u.digest, u.same = hash, true, digest, 1
			u.pinnedAt, u.pinnedFrom = time.Now(), client
		}
	}
}

// otherPasswords tells that more than one password was seen for a user, and which was kept; "" = there was one.
func (u *foundUser) otherPasswords(name string) string {
	if len(u.OtherPasswords) == 0 {
		return ""
	}
	others := 0
	for _, n := range u.OtherPasswords {
		others += n
	}
	return fmt.Sprintf("more than one password was seen: the first is kept (%s, first at %s from %s); %s had another, "+
		"from %s; if the first is wrong, %s", words.Count(u.same, "call", "calls"),
		u.pinnedAt.UTC().Format("15:04:05 MST"), u.pinnedFrom,
		words.Count(others, "call", "calls"), counted(u.OtherPasswords), cause.BadLogin.Next("user", name))
}

func (d *discovery) warnOfPasswords(o Options) {
	for _, k := range d.list() {
		for _, name := range slices.Sorted(maps.Keys(k.Users)) {
			if text := k.Users[name].otherPasswords(name); text != "" {
				fmt.Fprintf(o.Stderr, "warning: %s: %s\n", name, text)
			}
		}
	}
}

// Record implements call.Recorder.
func (d *discovery) Record(e *call.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
	tally(d.hosts, e.Site)
	if shown.Key(e.Key) != e.Key {
		return
	}
	k := d.key(e.Key)
	if k == nil {
		return
	}
	if k.Calls == 0 {
		k.First = e.Time
	}
	k.Calls++
	k.Last = e.Time
	tally(k.Schemes, e.Scheme)
	tally(k.APIs, string(e.API))
	tally(k.Accounts, shown.Account(e.Account))
	tally(k.Agents, printableName(e.UserAgent))
	tally(k.Clients, e.Client.String())
	tally(k.Doors, string(e.Door))
	if e.API.SOAP() && e.Operation != "" {
		tally(k.SOAP, string(e.API)+" "+e.Operation)
	}
}

func printableName(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s[:min(len(s), 100)])
}
