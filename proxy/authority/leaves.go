package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"docusign-auth-proxy/internal/cache"
)

const (
	// maxHosts bounds the cache of certificates and session tickets; the least recently used host leaves first.
	maxHosts = 1024
	// leafLife is that of a leaf, which never outlives the CA.
	leafLife     = 30 * 24 * time.Hour
	leafBackdate = time.Hour
)

// Options tunes Leaves; the zero value is good.
type Options struct {
	// Legacy offers clients TLS 1.0 and 1.1, RSA key exchange and 3DES too, for stacks such as Java 6 and .NET 3.5; the
	// default is TLS 1.2 and 1.3 with Go's own suites.
	// The danger: such a session has no forward secrecy, so keep the listener on loopback or on a trusted network.
	Legacy bool
	// Now is the clock; default time.Now.
	Now func() time.Time
	// RSAKey is the key of the leaves for programs that cannot verify ECDSA; nil makes one, which takes a while.
	RSAKey *rsa.PrivateKey
}

// Leaves signs leaf certificates on demand and keeps them, one tls.Config per host. Safe for concurrent use.
type Leaves struct {
	authority *Authority
	legacy    bool
	now       func() time.Time
	// The keys are shared by all leaves: what separates hosts is the certificate, and all live in this process.
	ecdsa   *ecdsa.PrivateKey
	rsa     func() (*rsa.PrivateKey, error)
	entries *cache.Cache[string, *entry]
}

// NewLeaves makes the leaf keys (ECDSA P-256 now, RSA 2048 in the background, which a first RSA client waits for)
// and an empty cache.
func NewLeaves(a *Authority, o Options) (*Leaves, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("authority: make a leaf key: %w", err)
	}
	l := &Leaves{
		authority: a, legacy: o.Legacy, now: o.Now, ecdsa: key, entries: cache.New[string, *entry](maxHosts, 0, nil),
	}
	if l.now == nil {
		l.now = time.Now
	}
	l.rsa = sync.OnceValues(func() (*rsa.PrivateKey, error) {
		if o.RSAKey != nil {
			return o.RSAKey, nil
		}
		return rsa.GenerateKey(rand.Reader, minRSABits)
	})
	go func() {
		defer func() { _ = recover() }()
		_, _ = l.rsa() // an error, or a panic, stays in the OnceValues and meets whoever needs the key
	}()
	return l, nil
}

// Config returns the server side of a TLS handshake with a client that wants host (a DNS name or an address, no port).
// It is the same *tls.Config for every connection to that host, so that session tickets resume; it must not be changed.
// What the CA may not sign fails in the handshake with a *NameError.
func (l *Leaves) Config(host string) *tls.Config { return l.entry(normalise(host)).config }

// sample is a name that a wildcard covers, or the name itself.
func sample(name string) string {
	if rest, ok := strings.CutPrefix(name, "*."); ok {
		return "any." + rest
	}
	return name
}

// listed is the entry for a client that does not say which host it wants (no SNI): one certificate with all of names
// that the CA may sign; a name may begin with "*.". If the CA may sign for none, the first fails in the handshake.
func (l *Leaves) listed(names []string) *entry {
	var permitted []string
	for _, name := range names {
		name = normalise(name)
		if l.authority.Permits(sample(name)) == nil && !slices.Contains(permitted, name) {
			permitted = append(permitted, name)
		}
	}
	if len(permitted) == 0 {
		return l.entry(normalise(names[0]))
	}
	return l.entry(permitted...)
}

func (l *Leaves) entry(names ...string) *entry {
	return l.entries.GetOrAdd(strings.Join(names, " "), func(string) *entry {
		e := &entry{names: names, leaves: l, config: l.baseConfig()}
		e.config.GetCertificate = e.certificate
		e.http1, e.bare = e.config.Clone(), e.config.Clone()
		e.http1.NextProtos, e.bare.NextProtos = []string{"http/1.1"}, nil
		e.config.GetConfigForClient = e.forClient
		return e
	})
}

// ServerConfig is for a listener that learns the host from the client: the hosts-file door and the sidecar by https. A
// client's SNI must pass allow (nil: all that the CA permits). A client without SNI gets one certificate with those of
// unnamed(conn) that the CA permits; there must be one name at least, and one may begin with "*.". A refused name ends
// the handshake with an error that names it.
func (l *Leaves) ServerConfig(unnamed func(net.Conn) []string, allow func(sni string) bool) *tls.Config {
	c := l.baseConfig()
	c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		host := normalise(hello.ServerName)
		if host == "" {
			return l.listed(unnamed(hello.Conn)).forClient(hello)
		}
		if err := l.authority.Permits(host); err != nil {
			return nil, err
		}
		if allow != nil && !allow(host) {
			return nil, &NameError{host, unserved}
		}
		return l.entry(host).forClient(hello)
	}
	return c
}

// Format keeps the leaf keys out of every printing verb.
func (l *Leaves) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "leaves of %v", l.authority) }

// baseConfig sets versions and suites outright. crypto/tls asks GODEBUG (tls10server, tlsrsakex, tls3des) only about
// fields left at zero, so nothing depends on the environment or on a go:debug line in main.
func (l *Leaves) baseConfig() *tls.Config {
	c := &tls.Config{NextProtos: []string{"h2", "http/1.1"}, Time: l.now, MinVersion: tls.VersionTLS12}
	for _, suite := range tls.CipherSuites() {
		c.CipherSuites = append(c.CipherSuites, suite.ID)
	}
	if l.legacy { // without RC4 (RFC 7465) and the CBC-SHA256 suites (no constant-time code)
		c.MinVersion = tls.VersionTLS10
		c.CipherSuites = append(c.CipherSuites,
			tls.TLS_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_RSA_WITH_AES_128_CBC_SHA,
			tls.TLS_RSA_WITH_AES_256_CBC_SHA,
			tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA,
			tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA,
		)
	}
	return c
}

// FirstExpiry tells when the first of the cached leaves expires; zero if there is none. Leaves are renewed long before.
func (l *Leaves) FirstExpiry() time.Time {
	var first time.Time
	for _, e := range l.entries.All() {
		for _, f := range []*leaf{&e.ecdsa, &e.rsa} {
			f.mu.Lock()
			if f.cert != nil && (first.IsZero() || f.cert.Leaf.NotAfter.Before(first)) {
				first = f.cert.Leaf.NotAfter
			}
			f.mu.Unlock()
		}
	}
	return first
}
