package authority

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"docusign-auth-proxy/internal/cache"
)

// Defaults and bounds of Options.
const (
	DefaultMaxHosts = 1024
	DefaultLeafLife = 30 * 24 * time.Hour
	MinLeafLife     = time.Hour
	// MaxLeafLife is what browsers and Apple's verifier accept of a server certificate.
	MaxLeafLife = 397 * 24 * time.Hour
)

// ErrExpired says that the CA's own term is over, so that no leaf below it could be believed.
var ErrExpired = errors.New("authority: the CA has expired: renew it and install the new certificate")

// Options tunes Leaves; the zero value is good.
type Options struct {
	// Profile of TLS offered to clients; default Modern.
	Profile Profile
	// Max is how many hosts are cached (certificates and session tickets); the least recently used leaves first.
	// Default DefaultMaxHosts.
	Max int
	// Life of a leaf; default DefaultLeafLife, between MinLeafLife and MaxLeafLife. It never outlives the CA.
	Life time.Duration
	// Now is the clock; default time.Now.
	Now func() time.Time
	// RSAKey is the key of the leaves for programs that cannot verify ECDSA; nil makes one, which takes a while.
	RSAKey *rsa.PrivateKey
}

// Leaves signs leaf certificates on demand and keeps them, one tls.Config per host. Safe for concurrent use.
type Leaves struct {
	authority *Authority
	profile   Profile
	life      time.Duration
	now       func() time.Time
	ecdsa     *leafKey
	rsa       func() (*leafKey, error)

	entries *cache.Cache[string, *entry]
}

// leafKey is shared by all leaves of its type: what separates hosts is the certificate, and all live in this process.
type leafKey struct {
	signer crypto.Signer
	id     []byte
}

// NewLeaves makes the leaf keys (ECDSA P-256 now, RSA 2048 in the background, which a first RSA client waits for)
// and an empty cache. It fails on Options out of bounds.
func NewLeaves(a *Authority, o Options) (*Leaves, error) {
	if o.Max == 0 {
		o.Max = DefaultMaxHosts
	}
	if o.Life == 0 {
		o.Life = DefaultLeafLife
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Max < 1 || o.Life < MinLeafLife || o.Life > MaxLeafLife {
		return nil, fmt.Errorf(
			"authority: a cache of %d leaves of %v: at least one, between %v and %v", o.Max, o.Life, MinLeafLife, MaxLeafLife,
		)
	}
	key, err := newLeafKey(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	if err != nil {
		return nil, err
	}
	l := &Leaves{
		authority: a,
		profile:   o.Profile,
		life:      o.Life,
		now:       o.Now,
		ecdsa:     key,
		entries:   cache.New[string, *entry](o.Max, 0, nil),
	}
	l.rsa = sync.OnceValues(func() (*leafKey, error) {
		if o.RSAKey != nil {
			return newLeafKey(o.RSAKey, nil)
		}
		return newLeafKey(rsa.GenerateKey(rand.Reader, minRSABits))
	})
	go func() {
		defer func() { _ = recover() }()
		_, _ = l.rsa() // an error, or a panic, stays in the OnceValues and meets whoever needs the key
	}()
	return l, nil
}

func newLeafKey[K crypto.Signer](key K, err error) (*leafKey, error) {
	if err != nil {
		return nil, fmt.Errorf("authority: make a leaf key: %w", err)
	}
	id, err := keyID(key.Public())
	if err != nil {
		return nil, err
	}
	return &leafKey{signer: key, id: id}, nil
}

// Config returns the server side of a TLS handshake with a client that wants host (a DNS name or an address, no port).
// It is the same *tls.Config for every connection to that host, so that session tickets resume; it must not be changed.
// What the CA may not sign fails in the handshake with a *ConstraintError; ask Permits beforehand.
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
	return l.entries.GetOrAdd(strings.Join(names, " "), func(string) *entry { return l.newEntry(names) })
}

// Permits reports whether the CA may sign for host: nil or a *ConstraintError.
func (l *Leaves) Permits(host string) error { return l.authority.Permits(host) }

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
			return nil, &NameError{Host: host}
		}
		return l.entry(host).forClient(hello)
	}
	return c
}

// NameError says that a client asked by SNI for a host that this listener does not serve.
type NameError struct{ Host string }

func (e *NameError) Error() string {
	return fmt.Sprintf("authority: a client asked for %q, which this listener does not serve", e.Host)
}

// Len is the number of hosts in the cache, for a metric.
func (l *Leaves) Len() int { return l.entries.Len() }

// Format keeps the leaf keys out of every printing verb.
func (l *Leaves) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "leaves of %v", l.authority) }

func (l *Leaves) baseConfig() *tls.Config {
	c := &tls.Config{NextProtos: []string{"h2", "http/1.1"}, Time: l.now}
	l.profile.apply(c)
	return c
}

func (l *Leaves) newEntry(names []string) *entry {
	e := &entry{names: names, leaves: l, config: l.baseConfig()}
	e.config.GetCertificate = e.certificate
	e.http1, e.bare = e.config.Clone(), e.config.Clone()
	e.http1.NextProtos, e.bare.NextProtos = []string{"http/1.1"}, nil
	e.config.GetConfigForClient = e.forClient
	return e
}

// FirstExpiry tells when the first of the cached leaves expires; zero if there is none. Leaves are renewed long before.
func (l *Leaves) FirstExpiry() time.Time {
	var first time.Time
	for _, host := range l.entries.All() {
		for _, f := range []*leaf{&host.ecdsa, &host.rsa} {
			if end, ok := f.expires(); ok && (first.IsZero() || end.Before(first)) {
				first = end
			}
		}
	}
	return first
}
