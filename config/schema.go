package config

import (
	"bytes"
	"crypto/x509"
	"net/netip"
	"net/url"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/proxy/authority"
	"docusign-auth-proxy/proxy/egress"
)

// The comment of each field with a yaml tag is its entry in the reference: effect, then danger. Tags: default;
// enum, min, max, schemes and format bound what is given. A comment may end with "Default:" and what an empty value
// becomes, in words.

// Names of the values that choose between ways of working, where more than the schema needs them.
const (
	Demo       = "demo"
	Production = "production"
	Custom     = "custom"

	Legacy   = "legacy"    // of interception.tls
	Reject   = "reject"    // of unknown
	Observe  = "observe"   // of unknown
	FirstUse = "first_use" // of pin_password

	// Memory as store keeps nothing over a restart.
	Memory = "memory"
	// DefaultStore is the name of the state file where the configuration gives none.
	DefaultStore = "docusign-auth-proxy.db"
)

// Config is one validated configuration. It and all it holds are shared and must not be written to.
type Config struct {
	// Which DocuSign the calls go to. demo is the developer sandbox, production every live site, custom the account
	// server named in account_server. Integrator keys are the same in demo and production, so with demo and production
	// calls to a host of another environment are refused; custom takes all. Danger: production makes real envelopes.
	Environment string `yaml:"environment" enum:"demo|production|custom" required:"true"`
	// Origin of the account server, which issues the tokens. Needed with environment custom and refused with the
	// others. Danger: whoever answers there receives signed assertions for every user.
	// Default: https://account-d.docusign.com for demo, https://account.docusign.com for production.
	AccountServer Origin `yaml:"account_server" schemes:"https"`
	// The aud claim of the assertions. DocuSign wants the bare host of the account server, without https://.
	// Default: host[:port] of account_server.
	Audience string `yaml:"audience" format:"bare host"`
	// Origin that receives the calls which name no account and come from nobody the proxy knows.
	// Default: https://demo.docusign.net for demo, https://www.docusign.net for production, account_server for custom.
	Site Origin `yaml:"site" schemes:"https"`

	// Where the proxy accepts connections.
	Listen Listen `yaml:"listen"`
	// The proxy as the base URL of a program, instead of as its forward proxy.
	Sidecar Sidecar `yaml:"sidecar"`
	// The authority that lets the proxy read HTTPS sent through it. Absent: CONNECT to DocuSign is refused.
	// Danger: whoever has the key can pose as any server towards every machine that trusts the certificate.
	Interception *Interception `yaml:"interception"`
	// Who may use the proxy, and which hosts it reaches.
	Egress Egress `yaml:"egress"`
	// How connections to DocuSign are made.
	Upstream Upstream `yaml:"upstream"`
	// Bounds on size, number and time. Danger: each one widened is memory or a socket that a stranger can take.
	Limits Limits `yaml:"limits"`

	// What happens to a call with an integrator key that is not listed. reject answers as DocuSign does for a wrong
	// key; observe passes it on unchanged and counts it. Danger: with observe, old credentials leave the machine as
	// before.
	Unknown string `yaml:"unknown" enum:"reject|observe" default:"reject"`
	// What happens to a user without a password here. never refuses them; first_use believes the first password that
	// is seen and holds them to it. Danger: with first_use, whoever comes first decides.
	PinPassword string `yaml:"pin_password" enum:"never|first_use" default:"never"`
	// How long a proven password is remembered, as a keyed hash.
	Credentials Credentials `yaml:"credentials"`
	// File for what must survive a restart: tokens issued to programs, pinned passwords, the record of who still
	// calls. memory keeps nothing. Back up the .key file beside it with it: without that one no issued token holds.
	// Danger: without a store a program that kept a token must log in again after each restart.
	// Default: docusign-auth-proxy.db in $STATE_DIRECTORY, else beside this file; in memory, with a warning, where
	// that cannot be written.
	Store string `yaml:"store"`
	// The log, on standard error.
	Log Log `yaml:"log"`
	// The operations listener: metrics, health, status page, reload.
	Admin Admin `yaml:"admin"`
	// The old programs, one entry for each integrator key.
	Integrations []integration.Integration `yaml:"integrations" default:""`

	// StoreImplicit says that Store is the default, which need not be writable.
	StoreImplicit bool `yaml:"-" json:"-"`
	// Warnings are things worth a look that do not stop the start, in the order of the file.
	Warnings Problems `yaml:"-" json:"-"`
	// Files are all files that were read, this one included; Holder watches them.
	Files []string `yaml:"-" json:"-"`

	report *report // where each key stands in the file
}

// Listen holds the listening addresses, each host:port.
type Listen struct {
	// Forward proxy and sidecar. Danger: on an address that is not loopback, anyone who reaches it can try
	// credentials, so egress.clients or egress.proxy_users is needed there.
	Proxy string `yaml:"proxy" default:"127.0.0.1:8080"`
	// Metrics, health and status page. Danger: it shows who calls with what, so an address that is not loopback needs
	// admin.basic_auth.
	Admin string `yaml:"admin" default:"127.0.0.1:9090"`
	// TLS listener for programs whose DocuSign host is compiled in and sent here by the machine's hosts file. Empty is
	// off. Where a client sends no SNI, its Host header says which of DocuSign's hosts is meant. It needs
	// interception, and egress.resolver or egress.resolve where this machine has that hosts file too.
	Hosts string `yaml:"hosts" default:""`
}

// Address is one row of Listen.
type Address struct {
	Key      string    // below listen:
	Text     *string   // host:port; empty = closed
	Door     call.Door // empty for the operations listener
	Optional bool      // may be closed
}

// Addresses lists where the proxy listens. A new door is one more row.
func (l *Listen) Addresses() []Address {
	return []Address{
		{Key: "proxy", Text: &l.Proxy, Door: call.DoorSidecar},
		{Key: "admin", Text: &l.Admin},
		{Key: "hosts", Text: &l.Hosts, Door: call.DoorHosts, Optional: true},
	}
}

// Sidecar holds the settings for programs whose base URL is the proxy.
type Sidecar struct {
	// Origin written into login answers, where a program reads the address of its next calls. Needed when neither the
	// Host header of the program nor the address that its connections come to leads back to the proxy.
	// Default: the Host the program used, or the address its connection came to.
	PublicURL Origin `yaml:"public_url" schemes:"http|https"`
}

// Interception holds the certificate authority.
type Interception struct {
	// PEM file with the authority's certificate, which the old machine must trust.
	CACert string `yaml:"ca_cert" required:"true"`
	// PEM file with the authority's private key. Danger: keep it readable by the proxy alone.
	CAKey string `yaml:"ca_key" required:"true"`
	// TLS towards the old programs. modern is TLS 1.2 and newer; legacy also takes TLS 1.0, 1.1 and their ciphers.
	// Danger: legacy is for a network nobody else listens on.
	TLS string `yaml:"tls" enum:"modern|legacy" default:"modern"`

	// Authority is what the two files held when the configuration was read.
	Authority *authority.Authority `yaml:"-" json:"-"`
	// CAKeyPEM is the text of the key, for those who keep it out of their output.
	CAKeyPEM secret.Text `yaml:"-"`
}

// Same tells whether both have one certificate, key and way of TLS.
func (i *Interception) Same(o *Interception) bool {
	return i.TLS == o.TLS && i.CAKeyPEM == o.CAKeyPEM && bytes.Equal(i.Authority.CertPEM(), o.Authority.CertPEM())
}

// Egress says who may use the proxy and where it may connect to.
type Egress struct {
	// Other hosts that the old machine needs, each host:port, passed through as they are. Everything else is refused.
	Tunnel []egress.Host `yaml:"tunnel" default:""`
	// Networks that may be connected to although they are loopback, private or link-local. Danger: each one is a way
	// for a program to reach what is behind this machine's firewall.
	AllowAddresses []netip.Prefix `yaml:"allow_addresses" default:""`
	// Networks whose machines may use the listeners, besides this machine itself. Empty admits this machine alone;
	// with proxy_users, also whoever knows one of them, at the forward proxy only. Danger: 0.0.0.0/0 is everybody who
	// can reach them.
	Clients []netip.Prefix `yaml:"clients" default:""`
	// Users who may use the forward proxy. Everybody is asked for one of them with Proxy-Authorization, this machine's
	// programs too. Empty asks nobody.
	ProxyUsers []integration.Login `yaml:"proxy_users" default:""`
	// Hosts believed to be DocuSign: a name, or with a leading dot all names below it. Given ones are added; so are
	// the hosts of account_server and site. A host of another environment is refused. Danger: each one may receive
	// tokens.
	// Default: .docusign.net, .docusign.com.
	Hosts []string `yaml:"hosts"`
	// Fixed addresses for host names, each an IP address with or without a port. They go past DNS and the hosts file,
	// not past the check of certificates.
	Resolve map[string]string `yaml:"resolve" default:""`
	// Address of the DNS server to ask over UDP instead of the system's way; the port is 53 unless given.
	// Default: the system's resolver.
	Resolver netip.AddrPort `yaml:"resolver"`

	// Policy is what follows from Hosts, Tunnel, environment, account_server and site.
	Policy *egress.Policy `yaml:"-" json:"-"`
	// Fixed is Resolve, read, by names in lower case; port 0 is the port that is asked for.
	Fixed map[string]netip.AddrPort `yaml:"-" json:"-"`
}

// Upstream says how connections to DocuSign are made.
type Upstream struct {
	// PEM file with certificates trusted besides the system's own, as a company's inspecting proxy needs.
	// Danger: whoever has their keys can read and change every call.
	CAFile string `yaml:"ca_file" default:""`
	// HTTP proxy on the way to DocuSign, as in http://user@proxy.example:3128. Danger: a password written here stands
	// in clear; use proxy_password.
	// Default: none; HTTPS_PROXY is not looked at.
	Proxy CompanyProxy `yaml:"proxy"`
	// Password for the user named in proxy.
	ProxyPassword secret.Text `yaml:"proxy_password" default:""`
	// Longest wait for a connection.
	DialTimeout time.Duration `yaml:"dial_timeout" default:"10s" min:"100ms" max:"5m"`
	// Longest wait for the head of an answer once the call is sent. DocuSign can take a minute over a large envelope.
	// Danger: a call cut off here may still have been carried out.
	ResponseTimeout time.Duration `yaml:"response_timeout" default:"120s" min:"100ms" max:"1h"`
	// How long an unused connection is kept.
	IdleTimeout time.Duration `yaml:"idle_timeout" default:"90s" min:"1s" max:"1h"`
	// Unused connections kept for each host. Fewer than the calls at a time costs a TLS handshake for many of them.
	MaxIdlePerHost int `yaml:"max_idle_per_host" default:"256" min:"1" max:"65536"`

	// CAs is what CAFile held when the configuration was read.
	CAs []*x509.Certificate `yaml:"-" json:"-"`
}

// Limits bounds what one client, and all together, can take.
type Limits struct {
	// Largest head of a call: request line and headers.
	HeaderBytes Size `yaml:"header_bytes" default:"64KiB" min:"4KiB" max:"1MiB"`
	// Largest body kept so that a call refused for its token can be sent once more. Larger ones are streamed and not
	// repeated. Danger: each call under way can take this much memory.
	ReplayBody Size `yaml:"replay_body" default:"1MiB" min:"0" max:"64MiB"`
	// Largest SOAP header that is searched for credentials. Larger ones are refused.
	SOAPHeader Size `yaml:"soap_header" default:"256KiB" min:"4KiB" max:"4MiB"`
	// Longest time for at least 1 KiB of a call's body, or its end, to come. Until the credential is proven it is
	// header_timeout, if that is less. Danger: a program that pauses for longer while it writes a call is cut off;
	// nothing of it has been carried out.
	BodyTimeout time.Duration `yaml:"body_timeout" default:"60s" min:"100ms" max:"1h"`
	// Largest rest of a body that is read, and thrown away, after a call was answered before its end. Old programs
	// send all before they read; with less they see a broken connection instead of the answer. Danger: each refused
	// call can cost this much traffic.
	DrainBody Size `yaml:"drain_body" default:"64MiB" min:"4KiB" max:"1GiB"`
	// Tunnels open at a time.
	Tunnels int `yaml:"tunnels" default:"256" min:"1" max:"65536"`
	// How long a tunnel may be silent.
	TunnelIdle time.Duration `yaml:"tunnel_idle" default:"10m" min:"1s" max:"24h"`
	// Client connections open at a time, on each listener; calls over HTTP/2 count as well. When all are taken, one
	// that does no work for a proven caller is closed for a new one.
	Connections int `yaml:"connections" default:"4096" min:"1" max:"1000000"`
	// Percent of connections, and of tunnels, that one client may have: this machine, an IPv4 address, or an IPv6 /64
	// network. Danger: with 100, one client can keep all others out.
	ClientShare int `yaml:"client_share" default:"75" min:"1" max:"100"`
	// How long a client's connection is kept between calls.
	ClientIdle time.Duration `yaml:"client_idle" default:"2m" min:"100ms" max:"24h"`
	// Longest time for a client to send the head of a call, and to finish its TLS handshake.
	HeaderTimeout time.Duration `yaml:"header_timeout" default:"10s" min:"100ms" max:"10m"`
	// How long a stop waits for calls under way. Danger: a call cut off here may have been carried out.
	Shutdown time.Duration `yaml:"shutdown" default:"30s" min:"0s" max:"1h"`
}

// Credentials bounds the memory of proven passwords.
type Credentials struct {
	// How long a proven password is believed without running its slow hash again. 0s checks each call.
	RememberFor time.Duration `yaml:"remember_for" default:"1h" min:"0s" max:"24h"`
	// How many are remembered; the oldest goes first.
	RememberMax int `yaml:"remember_max" default:"10000" min:"1" max:"1000000"`
}

// Log says what is logged and how.
type Log struct {
	// The least grave line that is written.
	Level string `yaml:"level" enum:"debug|info|warn|error" default:"info"`
	// json for machines, text for eyes.
	Format string `yaml:"format" enum:"json|text" default:"json"`
}

// Admin holds the settings of the operations listener.
type Admin struct {
	// User and password that the listener asks for. Absent asks nobody for what only shows; captures, tokens, pins and
	// reload then need the token in token_file.
	BasicAuth *integration.Login `yaml:"basic_auth"`
	// File into which the proxy writes a new token at each start, and from which its commands on this machine read it:
	// capture, tokens, pins, reload. Its owner alone can read it; on Windows the rights of its folder decide. Programs
	// send its content as Authorization: Bearer. Danger: whoever reads it may fetch captures, revoke tokens and forget
	// pins.
	// Default: the file of store with .admin-token added; with store: memory, docusign-auth-proxy.db.admin-token
	// beside this file.
	TokenFile string `yaml:"token_file"`
	// Address at which a browser reaches the consent page of the listener, for integrations that name no other. It
	// must be registered with DocuSign letter for letter.
	RedirectURI string `yaml:"redirect_uri" default:"" format:"uri"`

	// Redirect is RedirectURI parsed; nil = none is given.
	Redirect *url.URL `yaml:"-" json:"-"`
}

// secretForm is how a secret stands in the file: exactly one of its fields.
type secretForm struct {
	// File with the secret; a line end after it is dropped. Danger: keep it readable by the proxy alone.
	File string `yaml:"file" default:""`
	// Environment variable with the secret. Danger: other programs of the same user can read it.
	Env string `yaml:"env" default:""`
}

// passwordForm is how a password stands in the file: exactly one of its fields.
type passwordForm struct {
	// bcrypt hash of the password, as hash-password makes it. Cost 10 takes some 80 ms, each step more doubles it.
	Bcrypt string `yaml:"bcrypt" default:""`
	// Argon2id hash of the password in the form $argon2id$v=19$m=…,t=…,p=…$salt$hash. m is memory in KiB taken for
	// each check.
	Argon2id string `yaml:"argon2id" default:""`
	// File with the password in clear; a line end after it is dropped. Danger: keep it readable by the proxy alone.
	File string `yaml:"file" default:""`
	// Environment variable with the password in clear. Danger: other programs of the same user can read it.
	Env string `yaml:"env" default:""`
}

// privateKeyForm is how a private key stands in the file: exactly one of its fields.
type privateKeyForm struct {
	// PEM file with the key. \n may stand for a line end, and quotes and indentation do no harm. Danger: keep it
	// readable by the proxy alone.
	File string `yaml:"file" default:""`
	// Environment variable with the PEM text, or with base64 of it. Danger: other programs of the same user can read
	// it.
	Env string `yaml:"env" default:""`
	// The PEM text itself. Danger: it makes this file as secret as the key.
	PEM secretText `yaml:"pem" default:""`
}

// secretText is a secret that stands in the file itself.
type secretText string
