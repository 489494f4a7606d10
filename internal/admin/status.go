package admin

import (
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/observe/ledger"
)

// Schema is the version of the JSON form of Status. It grows when a field goes or changes its meaning, not when one is
// added.
const Schema = 1

// Status is everything that the pages, /api/status and the reports tell. Its JSON form is stable: names in snake case,
// times RFC 3339 in UTC, absent when they never were, sizes in bytes. It holds no secret; keys and hashes show as place
// and fingerprint.
type Status struct {
	Schema        int       `json:"schema"`         // filled in by this package
	Generated     time.Time `json:"generated"`      // filled in if zero
	UptimeSeconds int64     `json:"uptime_seconds"` // filled in from Started

	Version     string    `json:"version"`
	Commit      string    `json:"commit,omitempty"`
	Environment string    `json:"environment"` // demo, production or custom
	Started     time.Time `json:"started,omitzero"`

	Migration Migration   `json:"migration"` // filled in by this package
	Attention []Attention `json:"attention"` // filled in by this package, the gravest first

	Config       ConfigState   `json:"config"`
	Listeners    []Listener    `json:"listeners"`
	Balancers    []string      `json:"balancers,omitempty"` // networks that name the clients of their calls
	Authority    *Authority    `json:"authority,omitempty"` // nil = no interception
	Clock        Clock         `json:"clock"`
	Integrations []Integration `json:"integrations"`
	Unknown      []Unknown     `json:"unknown"` // see UnknownOf
	Unresolved   Unresolved    `json:"unresolved_creations"`
	UnknownMode  string        `json:"unknown_mode"` // reject or observe
	Tunnels      Tunnels       `json:"tunnels"`
	// Connections that never became a call, by client and cause, the latest first.
	ConnFailures []call.ConnFailure `json:"connection_failures,omitempty"`
	LogTrouble   string             `json:"log_trouble,omitempty"` // why the log is not written
	Security     Security           `json:"security"`
	Replicas     *Replicas          `json:"replicas,omitempty"` // nil = this proxy has its state alone
	// NotKnown says why nothing follows from calls that are not counted here; filled in by this package. Empty = all calls
	// of the last 14 days are.
	NotKnown string `json:"not_known,omitempty"`
}

// Migration says how far the migration is. Every integration is counted once, in the first of the lists below that
// fits.
type Migration struct {
	Headline  string `json:"headline"`
	Verdict   string `json:"verdict"`    // when the proxy can go, in a sentence
	CanRemove bool   `json:"can_remove"` // nobody is known to need the proxy

	Total   int `json:"total"`
	Blocked int `json:"blocked"`    // refused on purpose
	Silent  int `json:"silent"`     // never seen, or idle
	Need    int `json:"need_proxy"` // still send legacy credentials
	Moved   int `json:"moved"`      // call with OAuth of their own
	Failing int `json:"failing"`    // among Need and Moved
	// NotKnown are those of which it is not known whether they call: see Status.NotKnown.
	NotKnown int `json:"not_known,omitempty"`

	UnknownCallers int       `json:"unknown_callers"` // seen in the last 14 days
	LastLegacy     time.Time `json:"last_legacy,omitzero"`
}

// Attention is something that a person has to do.
type Attention struct {
	Integration string         `json:"integration,omitempty"`
	User        string         `json:"user,omitempty"` // name in the configuration, if it is about one alone
	Subject     string         `json:"subject"`        // what it is about, such as a user
	Cause       string         `json:"cause,omitempty"`
	Severity    cause.Severity `json:"severity"`
	Runbook     string         `json:"runbook,omitempty"` // section of docs/runbook.md
	Problem     string         `json:"problem"`
	NextStep    string         `json:"next_step"`
	ConsentURL  string         `json:"consent_url,omitempty"`
}

// ConfigState is the configuration in force.
type ConfigState struct {
	Path     string    `json:"path"`
	LoadedAt time.Time `json:"loaded_at,omitzero"` // the one in force
	Error    string    `json:"error,omitempty"`    // of the last reload; the one before stays in force
	Warnings []string  `json:"warnings,omitempty"`
}

// Listener is an address on which the process accepts connections.
type Listener struct {
	Name     string   `json:"name"` // proxy, hosts or admin
	Address  string   `json:"address"`
	TLS      string   `json:"tls,omitempty"` // such as "modern"; empty = none
	Loopback bool     `json:"loopback"`
	Clients  []string `json:"clients,omitempty"` // networks admitted; empty = everybody who reaches the address
	Login    string   `json:"login,omitempty"`   // who must log in, such as "basic: ops"; empty = nobody
}

// Authority is the certificate authority of the interception.
type Authority struct {
	Subject     string    `json:"subject"`
	Fingerprint string    `json:"fingerprint_sha256"`
	NotBefore   time.Time `json:"not_before,omitzero"`
	Expires     time.Time `json:"expires,omitzero"`
	Names       []string  `json:"names"` // that its name constraints permit; empty = any
	CertPath    string    `json:"cert_path"`
	KeyPath     string    `json:"key_path"`
}

// Clock compares this machine's clock with the account server's.
type Clock struct {
	OffsetSeconds float64   `json:"offset_seconds"` // server minus local
	LearnedAt     time.Time `json:"learned_at,omitzero"`
}

// Unresolved are the creations of envelopes over REST of which nobody knows the end.
type Unresolved struct {
	Count  int       `json:"count"`
	Oldest time.Time `json:"oldest,omitzero"` // when it began
}

// Tunnels are connections passed through unread.
type Tunnels struct {
	Open    int64    `json:"open"`
	Allowed []string `json:"allowed"` // host:port
}

// Integration is an old program of the configuration. IntegrationOf makes it from what the ledger knows.
type Integration struct {
	Name          string `json:"name"`
	Mode          string `json:"mode"`
	SOAP          string `json:"soap,omitempty"`
	Grant         string `json:"grant,omitempty"`
	IntegratorKey string `json:"integrator_key"`      // no secret: it is sent in clear by every login page
	ClientID      string `json:"client_id,omitempty"` // that asks for tokens
	// Scopes are what its tokens may be used for; AdminUserID is whose token looks up users.
	Scopes      []string `json:"scopes,omitempty"`
	AdminUserID string   `json:"admin_user_id,omitempty"`

	State      string `json:"state"`       // see ledger.State
	StateText  string `json:"state_text"`  // filled in by this package
	NeedsProxy bool   `json:"needs_proxy"` // filled in by this package
	NextStep   string `json:"next_step"`   // filled in if empty
	// ObserveVerdict says what would become of its observed calls, translated; filled in by this package.
	ObserveVerdict string `json:"verdict,omitempty"`
	SOAPChosen     bool   `json:"soap_chosen"` // the configuration says how SOAP calls go

	ledger.Summary

	Users      []User      `json:"users"`
	Principals []Principal `json:"principals"`
	Keys       []Key       `json:"keys"`
	Tokens     []Token     `json:"tokens"`
}

// Caller is a user with one kind of credential, door and API.
type Caller = ledger.Row

// Unknown are the callers with one integrator key that is not in the configuration, or the unlisted users of an
// integration.
type Unknown struct {
	Integration   string    `json:"integration,omitempty"` // empty: the key is not listed
	IntegratorKey string    `json:"integrator_key"`
	FirstSeen     time.Time `json:"first_seen,omitzero"`
	LastSeen      time.Time `json:"last_seen,omitzero"`
	Calls         uint64    `json:"calls"`
	Callers       []Caller  `json:"callers"`
	Snippet       string    `json:"config_snippet"` // YAML to paste; filled in by this package
}

// User is someone who logs in with an old credential and whom the proxy can therefore be.
type User struct {
	Username  string   `json:"username"`
	UserID    string   `json:"user_id,omitempty"`
	Password  string   `json:"password"`     // how it is kept: bcrypt, argon2id, plain, pinned; empty = none
	App       bool     `json:"app_password"` // whether there is an App Password
	MayActFor []string `json:"may_act_for"`  // "*" = every user and principal of the integration
}

// Principal is someone who is acted for and never logs in.
type Principal struct {
	Username string `json:"username"`
	UserID   string `json:"user_id"`
}

// Key is a private key of an integration, by place and fingerprint.
type Key struct {
	Source      string `json:"source"` // such as "file keys/new.pem"
	Fingerprint string `json:"fingerprint"`
	Works       bool   `json:"works"` // the last that the account server took
}

// Token is where the grants for one user stand. TokenOf makes it.
type Token struct {
	User       string    `json:"user"` // name in the configuration, or the GUID
	UserID     string    `json:"user_id"`
	Scopes     string    `json:"scopes"`
	Obtained   time.Time `json:"obtained,omitzero"`
	Expires    time.Time `json:"expires,omitzero"`
	Consent    string    `json:"consent"` // unknown, given or required
	ConsentURL string    `json:"consent_url,omitempty"`
	Error      string    `json:"error,omitempty"`
	ErrorLabel string    `json:"error_label,omitempty"`
	ErrorSince time.Time `json:"error_since,omitzero"`
	NextTry    time.Time `json:"next_try,omitzero"`
	NextStep   string    `json:"next_step,omitempty"`
	Temporary  bool      `json:"temporary"` // the error may pass by itself
	Sites      []Site    `json:"sites"`
}

// Site is an account and where it lives.
type Site struct {
	AccountID string `json:"account_id"`
	Name      string `json:"name"`
	Default   bool   `json:"default"`
	Origin    string `json:"origin,omitempty"`
	Problem   string `json:"problem,omitempty"` // why the origin is not believed
}

// Security is what the reviewer asks for besides the integrations and listeners.
type Security struct {
	Hosts          []string `json:"hosts"`           // believed to be DocuSign
	AllowAddresses []string `json:"allow_addresses"` // loopback or private networks that may be connected to
	UpstreamProxy  string   `json:"upstream_proxy"`  // host:port; empty = direct
	AccountServer  string   `json:"account_server"`
	PinPassword    string   `json:"pin_password"` // never or first_use
	Store          string   `json:"store"`        // path; empty = in memory
	LogLevel       string   `json:"log_level"`
	AdminLogin     bool     `json:"admin_login"`
	ProxyUsers     []string `json:"proxy_users"`
	Issued         []Issued `json:"issued"`
	Pins           []Pin    `json:"pins"`
}

// Issued is a live token or password that this proxy gave to a program, known by the fingerprint of its hash.
type Issued struct {
	Integration   string    `json:"integration"`
	Authenticator string    `json:"authenticator"`
	Principal     string    `json:"principal"`
	Kind          string    `json:"kind"` // token or password
	Fingerprint   string    `json:"fingerprint"`
	IssuedAt      time.Time `json:"issued_at,omitzero"`
	LastUsed      time.Time `json:"last_used,omitzero"`
}

// Pin is a user whose password was believed at first use.
type Pin struct {
	Integration string    `json:"integration"`
	Username    string    `json:"username"`
	At          time.Time `json:"at,omitzero"`
}
