package discover

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/crypto/bcrypt"
	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/password"
	"docusign-auth-proxy/internal/shown"
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

	mu      sync.Mutex
	keys    map[string]*foundKey // by folded key
	calls   int
	leftOut int // credentials with a key or a name that may be a secret in the wrong field
	hosts   map[string]int
}

type foundKey struct {
	Key      string                `json:"integrator_key"`
	Calls    int                   `json:"calls"`
	Schemes  map[string]int        `json:"schemes"`
	APIs     map[string]int        `json:"apis"`
	Accounts map[string]int        `json:"accounts"`
	Users    map[string]*foundUser `json:"users"`
	Agents   map[string]int        `json:"user_agents"`
	SOAP     map[string]int        `json:"soap_operations,omitempty"` // by API and operation
}

type foundUser struct {
	ActsFor map[string]int `json:"acts_for"`
	Pinned  bool           `json:"password_pinned"`
	hash    string
}

func newDiscovery(pin bool) *discovery {
	return &discovery{pin: pin, keys: map[string]*foundKey{}, hosts: map[string]int{}}
}

func count(m map[string]int, name string) {
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
		Accounts: map[string]int{}, Users: map[string]*foundUser{}, Agents: map[string]int{}, SOAP: map[string]int{}})
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
	u := entry(k.Users, cred.Username, maxFoundUsers, foundUser{ActsFor: map[string]int{}})
	if u == nil {
		return
	}
	count(u.ActsFor, legacy.Fold(principal))
	if !d.pin || u.Pinned || len(cred.Passwords) == 0 || !(client.IsLoopback() || app.Contains(d.clients, client)) {
		return
	}
	if hash, err := password.HashBcrypt(cred.Passwords[0], bcrypt.DefaultCost); err == nil {
		u.hash, u.Pinned = hash, true
	}
}

// Record implements call.Recorder.
func (d *discovery) Record(e *call.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
	count(d.hosts, e.Site)
	if shown.Key(e.Key) != e.Key {
		return
	}
	k := d.key(e.Key)
	if k == nil {
		return
	}
	k.Calls++
	count(k.Schemes, e.Scheme)
	count(k.APIs, string(e.API))
	count(k.Accounts, e.Account)
	count(k.Agents, printableName(e.UserAgent))
	if e.API.SOAP() && e.Operation != "" {
		count(k.SOAP, string(e.API)+" "+e.Operation)
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

// write makes the configuration and says what is still missing in it.
func (d *discovery) write(o Options, doc map[string]any) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if o.AsJSON {
		found := map[string]any{"calls": d.calls, "sites": d.hosts, "keys": slices.Collect(maps.Values(d.keys))}
		if err := shown.JSON(o.Stdout, found); err != nil {
			return err
		}
	}
	if d.leftOut > 0 {
		fmt.Fprintf(o.Stderr, "%d calls carried an integrator key that is no GUID, or a name that is "+
			"neither an e-mail address nor a GUID. They are left out, since it may be a secret in the wrong field.\n",
			d.leftOut)
	}
	if len(d.keys) == 0 {
		fmt.Fprintf(o.Stderr, "%d calls were seen, and none carried a legacy credential with an integrator "+
			"key; nothing was written.\nnext: check that the old program really comes here (its proxy setting or "+
			"base URL), then run discover again\n", d.calls)
		return app.ExitError{Code: 1}
	}
	list, _ := doc["integrations"].([]any)
	summary := []string{fmt.Sprintf("\n%d calls seen; wrote %s\n", d.calls, o.Out)}
	for _, folded := range slices.Sorted(maps.Keys(d.keys)) {
		section, text := d.keys[folded].integration(o, len(list)+1)
		list = append(list, section)
		summary = append(summary, text)
	}
	doc["integrations"] = list
	text, err := yaml.Marshal(doc)
	if err != nil {
		return err
	}
	const head = "# Written by docusign-auth-proxy discover. What it could not know is marked in the list that config " +
		"check prints.\n"
	if err := os.WriteFile(o.Out, append([]byte(head), text...), 0o600); err != nil || o.AsJSON {
		return err
	}
	_, err = fmt.Fprintf(o.Stdout, "%s\nnext: docusign-auth-proxy config check --config %s   (it lists what is still "+
		"missing, with lines)\n      docusign-auth-proxy doctor --config %s\n", strings.Join(summary, ""), o.Out, o.Out)
	return err
}

// integration is one section of the configuration, and what is told of it.
func (k *foundKey) integration(o Options, n int) (section map[string]any, text string) {
	oauth := map[string]any{}
	if o.PrivateKey != "" {
		oauth["private_keys"] = []map[string]any{{"file": o.PrivateKey}}
	}
	if o.AdminUserID != "" {
		oauth["admin_user_id"] = o.AdminUserID
	}
	text = fmt.Sprintf("\n  integrator key %s: %d calls by %s, to %s\n", k.Key, k.Calls, listed(k.Schemes), listed(k.APIs))
	var users []map[string]any
	for _, name := range slices.Sorted(maps.Keys(k.Users)) {
		u := k.Users[name]
		user, said := map[string]any{"username": name}, "no password stored"
		if u.Pinned {
			user["password"] = map[string]any{"bcrypt": u.hash}
			said = "first password seen stored as a hash"
		}
		if len(u.ActsFor) > 0 {
			user["may_act_for"] = slices.Sorted(maps.Keys(u.ActsFor))
			said += "; acts for " + listed(u.ActsFor)
		}
		users = append(users, user)
		text += "    " + name + ": " + said + "\n"
	}
	if len(k.Accounts) > 0 {
		text += "    accounts in paths: " + listed(k.Accounts) + "\n"
	}
	section = map[string]any{
		"name": fmt.Sprintf("integration-%d", n), "integrator_key": k.Key, "mode": integration.Translate, "oauth": oauth,
		"users": users,
	}
	if soap := k.soap(); soap != nil {
		section["soap"] = soap
		text += "    SOAP " + soap.LineComment + "; wrote soap: " + soap.Value + "\n"
	}
	return section, text
}

// soap is how SOAP calls are to go, with what was seen beside it; nil = there were none.
func (k *foundKey) soap() *yaml.Node {
	var seen []ledger.Operation
	for _, key := range slices.Sorted(maps.Keys(k.SOAP)) {
		api, name, _ := strings.Cut(key, " ")
		seen = append(seen, ledger.NewOperation(api, name, uint64(k.SOAP[key]))) //nolint:gosec // a count
	}
	verdict, whole := ledger.Verdict(seen)
	way := integration.AppPassword
	switch {
	case verdict == "":
		return nil
	case whole:
		way = integration.OverREST
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: string(way), LineComment: verdict}
}

func listed(m map[string]int) string { return strings.Join(slices.Sorted(maps.Keys(m)), ", ") }
