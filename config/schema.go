package config

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"net/url"
	"slices"
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

	Wait = "wait" // of store.cold_start
	Keep = "keep" // of forward_auth.path

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
	// Who may ask at listen.forward_auth, and how.
	ForwardAuth ForwardAuth `yaml:"forward_auth"`
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
	// Where what must survive a restart lies: tokens issued to programs, pinned passwords, the record of who still calls.
	// The name of a file, or a section. Danger: without a store a program that kept a token must log in again after each
	// restart.
	Store Store `yaml:"store"`
	// The log, on standard error or in a file.
	Log Log `yaml:"log"`
	// The operations listener: metrics, health, status page, reload.
	Admin Admin `yaml:"admin"`
	// The old programs, one entry for each integrator key.
	Integrations []integration.Integration `yaml:"integrations" default:""`

	// Warnings are things worth a look that do not stop the start, in the order of the file.
	Warnings Problems `yaml:"-" json:"-"`
	// Files are all files that were read, this one included; Holder watches them.
	Files []string `yaml:"-" json:"-"`

	report *report // where each key stands in the file
}

// Store says where the state lies: in a file of this machine, or in a server that several replicas share.
type Store struct {
	// File of one proxy alone. memory keeps nothing. Back up the .key file beside it with it: without that one no issued
	// token holds. Default: docusign-auth-proxy.db in $STATE_DIRECTORY, else beside this file; in memory, with a warning,
	// where that cannot be written.
	File string `yaml:"file" short:"true"`
	// Redis or Valkey, from version 7.0, in place of the file: for several replicas of the proxy behind a balancer.
	Redis *Redis `yaml:"redis"`
	// What all secrets and names in redis are sealed with: 32 bytes in base64, the same on every replica, never in the
	// server itself. docusign-auth-proxy store key makes one; who moves from a file keeps its .key file. Needed with
	// redis. Danger: who has it and the server's contents has every login.
	Key secret.Text `yaml:"key"`
	// The key before, while it is changed: it still opens, and what it sealed is sealed anew with key.
	PreviousKey secret.Text `yaml:"previous_key"`
	// How long a replica that cannot reach redis goes on honouring the issued tokens that it knows. 0 is for ever.
	// Danger: a replica that is cut off does not hear of a revocation for so long.
	MaxStale time.Duration `yaml:"max_stale" default:"24h" min:"0" max:"8760h"`
	// Whether a replica that has never reached redis since its start calls itself ready. With serve it does; what it
	// cannot decide is still refused with 503.
	ColdStart string `yaml:"cold_start" enum:"wait|serve" default:"wait"`

	// Implicit says that File is the default, which need not be writable.
	Implicit bool `yaml:"-" json:"-"`
}

// Redis says how the shared server is reached.
type Redis struct {
	// One server in one line: redis://user@host:6379/0, or rediss:// with TLS. Never with a password in it.
	URL string `yaml:"url" default:""`
	// The servers in place of url, each host:port: one, all sentinels, or some nodes of a cluster.
	Addresses []string `yaml:"addresses" default:""`
	// TLS with addresses. Servers on other machines need it.
	TLS bool `yaml:"tls" default:"false"`
	// User name at the server (ACL). Default: that of url, else the server's default user.
	Username string `yaml:"username"`
	// Password at the server.
	Password secret.Text `yaml:"password"`
	// Number of the database, with addresses; clusters have 0 alone.
	Database int `yaml:"database" default:"0" min:"0" max:"1000000"`
	// PEM file with the authorities that may have signed the server's certificate.
	// Default: those that the machine trusts.
	CAFile string `yaml:"ca_file"`
	// What this proxy shows to a server that asks for a certificate.
	Certificate *ClientCertificate `yaml:"certificate"`
	// The servers of addresses are Sentinels, which know the server to use.
	Sentinel *Sentinel `yaml:"sentinel"`
	// The servers of addresses are nodes of a Redis Cluster. All keys lie in one slot.
	Cluster bool `yaml:"cluster" default:"false"`
	// First part of every key; replicas with the same one share their state.
	// Default: docusign- and the environment.
	Namespace string `yaml:"namespace" format:"namespace"`
	// Bound of one question to the server; the feed of changes has its own.
	Timeout time.Duration `yaml:"timeout" default:"250ms" min:"10ms" max:"10s"`
	// Most connections to the server, besides one for the feed of changes.
	Connections int `yaml:"connections" default:"8" min:"1" max:"1000"`
	// Lets connections without TLS leave this machine. Danger: the password, names of keys and counts cross in clear.
	Plaintext bool `yaml:"plaintext" default:"false"`

	// CAs is what CAFile held, KeyPair what Certificate named when the configuration was read.
	CAs     []*x509.Certificate `yaml:"-" json:"-"`
	KeyPair *tls.Certificate    `yaml:"-" json:"-"`
}

// ClientCertificate is a certificate and its private key, both PEM files.
type ClientCertificate struct {
	// File with the certificate, and those that lead to its authority.
	Cert string `yaml:"cert" required:"true"`
	// File with the private key.
	Key string `yaml:"key" required:"true"`
}

// Sentinel says what to ask of Redis Sentinels.
type Sentinel struct {
	// Name of the master set.
	Master string `yaml:"master" required:"true"`
	// User name at the sentinels themselves.
	Username string `yaml:"username" default:""`
	// Password at the sentinels themselves.
	Password secret.Text `yaml:"password"`
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
	// Where gateways that send calls to DocuSign themselves ask what becomes of one, at /auth. Empty is off. Danger:
	// whoever may ask with a proven credential receives a bearer token; on an address that is not loopback it needs
	// interception, forward_auth.clients and forward_auth.secret.
	ForwardAuth string `yaml:"forward_auth" default:""`
	// Networks of balancers that pass connections on and say with the PROXY protocol, version 1 or 2, whose they are:
	// the calls on them count for that address, in limits, egress.clients, pins, log and reports. Every connection from
	// there must begin so, and none from elsewhere may. Danger: whoever connects from there is believed to be whom they
	// say, so list the balancers alone.
	ProxyProtocol []netip.Prefix `yaml:"proxy_protocol" default:""`
	// Networks of balancers and gateways that speak HTTP and say in X-Forwarded-For whose a call is: its last address that
	// is in none of these networks. A call from there without one is refused with 400; from elsewhere, and inside
	// CONNECT, the header says nothing. Danger: whoever calls from there is believed to be whom they say, so list the
	// balancers alone.
	ForwardedFor []netip.Prefix `yaml:"forwarded_for" default:""`
}

// Same reports whether both mean the same.
func (l *Listen) Same(o *Listen) bool {
	return l.Proxy == o.Proxy && l.Admin == o.Admin && l.Hosts == o.Hosts && l.ForwardAuth == o.ForwardAuth &&
		slices.Equal(l.ProxyProtocol, o.ProxyProtocol) && slices.Equal(l.ForwardedFor, o.ForwardedFor)
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
		{Key: "forward_auth", Text: &l.ForwardAuth, Door: call.DoorForwardAuth, Optional: true},
	}
}

// ForwardAuth holds the settings of the end point for gateways.
type ForwardAuth struct {
	// Networks of gateways that may ask over TLS, besides this machine. Danger: a gateway is believed what it says of a
	// call and of its program's address.
	Clients []netip.Prefix `yaml:"clients" default:""`
	// What gateways must send in X-DocuSign-Auth-Proxy-Secret, at least 20 characters. Needed with clients; without one,
	// every program of this machine may ask.
	Secret secret.Text `yaml:"secret"`
	// Where a gateway says method and target of the call: x_forwarded is X-Forwarded-Method and X-Forwarded-Uri,
	// x_original is X-Original-Method and X-Original-URI, path is the method of the question and its path behind /auth.
	// Danger: the gateway must write these itself on every question, over what a program has sent.
	Target string `yaml:"target" enum:"x_forwarded|x_original|path" default:"x_forwarded"`
	// What a gateway does with X-DocuSign-Auth-Proxy-Path of an answer: rewrite sends the call to it; keep sends the call
	// to the path that it came with, so that calls with a number of an account are left to the proxy.
	Path string `yaml:"path" enum:"rewrite|keep" default:"rewrite"`
}

// Same reports whether both mean the same.
func (f *ForwardAuth) Same(o *ForwardAuth) bool {
	return slices.Equal(f.Clients, o.Clients) && f.Secret == o.Secret && f.Target == o.Target && f.Path == o.Path
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
	// File that the log is added to, in place of standard error. The proxy makes it for its own account, begins a new one
	// when it is full, and does so too when another program has renamed or removed it. Danger: lines have names of users.
	File string `yaml:"file" default:""`
	// How large the file may become. Then it is renamed to NAME-TIME-size, and a new one is begun.
	MaxSize Size `yaml:"max_size" default:"100MiB" min:"1MiB" max:"1024GiB"`
	// How many renamed files are kept, the newest. 0 keeps all.
	MaxFiles int `yaml:"max_files" default:"10" min:"0" max:"100000"`
	// How long renamed files are kept, in whole days: 720h is 30. Looked at when a new file is begun. 0s is for ever.
	MaxAge time.Duration `yaml:"max_age" default:"0s" min:"0s" max:"87600h"`
}

// Admin holds the settings of the operations listener.
type Admin struct {
	// User and password that the listener asks for. Absent asks nobody for what only shows; captures, tokens, pins and
	// reload then need the token in token_file.
	BasicAuth *integration.Login `yaml:"basic_auth"`
	// File into which the proxy writes a new token at each start, and from which its commands on this machine read it:
	// capture, tokens, pins, reload. Its owner alone can read it, on Windows administrators too. Programs
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
