package authority

import (
	"container/list"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
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
	// LocalNames are further names under which programs call the sidecar by https (this machine's name, an alias).
	// They join localhost, 127.0.0.1 and ::1 in the certificate for clients that send no SNI, if the CA permits them.
	LocalNames []string
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Leaves signs leaf certificates on demand and keeps them, one tls.Config per host. Safe for concurrent use.
type Leaves struct {
	authority *Authority
	profile   Profile
	life      time.Duration
	max       int
	local     []string
	now       func() time.Time
	ecdsa     *leafKey
	rsa       func() (*leafKey, error)

	mu      sync.Mutex
	entries map[string]*list.Element // of *entry
	recent  *list.List               // front: used last
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
		return nil, fmt.Errorf("authority: a cache of %d leaves of %v: at least one, between %v and %v", o.Max, o.Life, MinLeafLife, MaxLeafLife)
	}
	key, err := newLeafKey(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	if err != nil {
		return nil, err
	}
	l := &Leaves{
		authority: a,
		profile:   o.Profile,
		life:      o.Life,
		max:       o.Max,
		local:     localNames(a, o.LocalNames),
		now:       o.Now,
		ecdsa:     key,
		entries:   make(map[string]*list.Element),
		recent:    list.New(),
	}
	l.rsa = sync.OnceValues(func() (*leafKey, error) { return newLeafKey(rsa.GenerateKey(rand.Reader, minRSABits)) })
	go func() { _, _ = l.rsa() }() // an error stays in the OnceValues and meets whoever needs the key
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

func localNames(a *Authority, extra []string) []string {
	var out []string
	for _, name := range append([]string{"localhost", "127.0.0.1", "::1"}, extra...) {
		name = normalise(name)
		if a.Permits(name) == nil && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// Config returns the server side of a TLS handshake with a client that wants host (a DNS name or an address, no port).
// It is the same *tls.Config for every connection to that host, so that session tickets resume; it must not be changed.
// What the CA may not sign fails in the handshake with a *ConstraintError; ask Authority.Permits beforehand.
func (l *Leaves) Config(host string) *tls.Config {
	host = normalise(host)
	return l.cached(host, host, nil)
}

// ListConfig is Config for clients that do not say which host they want (no SNI): one certificate with all of names that the CA
// may sign; a name may begin with "*.". If the CA may sign for none, it is the Config of the first.
func (l *Leaves) ListConfig(names []string) *tls.Config {
	var permitted []string
	for _, name := range names {
		name = normalise(name)
		sample := name
		if rest, ok := strings.CutPrefix(name, "*."); ok {
			sample = "any." + rest
		}
		if _, err := netip.ParseAddr(name); err != nil && l.authority.Permits(sample) == nil && !slices.Contains(permitted, name) {
			permitted = append(permitted, name)
		}
	}
	i := slices.IndexFunc(permitted, func(name string) bool { return name[0] != '*' })
	if i < 0 {
		return l.Config(names[0])
	}
	return l.cached(strings.Join(permitted, " "), permitted[i], permitted)
}

func (l *Leaves) cached(key, host string, names []string) *tls.Config {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.entries[key]; ok {
		l.recent.MoveToFront(e)
		return e.Value.(*entry).config
	}
	e := l.newEntry(host)
	e.key, e.names = key, names
	l.entries[key] = l.recent.PushFront(e)
	if l.recent.Len() > l.max {
		oldest := l.recent.Remove(l.recent.Back()).(*entry)
		delete(l.entries, oldest.key)
	}
	return e.config
}

// ServerConfig is for a listener that learns the host from the client: the hosts-file door and the sidecar by https.
// A client's SNI must pass allow (nil: all that the CA permits). A client without SNI gets the certificate of
// defaultHost(conn); nil, or an empty answer, means LocalHost. A refused name ends the handshake with an error that names it.
func (l *Leaves) ServerConfig(defaultHost func(net.Conn) string, allow func(sni string) bool) *tls.Config {
	c := l.baseConfig()
	c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		host := normalise(hello.ServerName)
		if host == "" {
			return l.unnamed(hello.Conn, defaultHost)
		}
		if err := l.authority.Permits(host); err != nil {
			return nil, err
		}
		if allow != nil && !allow(host) {
			return nil, &NameError{Host: host}
		}
		return l.Config(host), nil
	}
	return c
}

// NameError says that a client asked by SNI for a host that this listener does not serve.
type NameError struct{ Host string }

func (e *NameError) Error() string {
	return fmt.Sprintf("authority: a client asked for %q, which this listener does not serve", e.Host)
}

func (l *Leaves) unnamed(conn net.Conn, defaultHost func(net.Conn) string) (*tls.Config, error) {
	host := ""
	if defaultHost != nil {
		host = normalise(defaultHost(conn))
	}
	if host == "" {
		host = l.LocalHost(conn)
	}
	if err := l.authority.Permits(host); err != nil {
		return nil, err
	}
	return l.Config(host), nil
}

// LocalHost names the certificate for a client that sent no SNI: the address it called, or else localhost, or else
// another name of this machine, whichever the CA permits first. That certificate carries all of them.
func (l *Leaves) LocalHost(conn net.Conn) string {
	if a, err := netip.ParseAddrPort(conn.LocalAddr().String()); err == nil {
		ip := a.Addr().Unmap().WithZone("").String()
		if l.authority.Permits(ip) == nil {
			return ip
		}
	}
	if len(l.local) > 0 {
		return l.local[0]
	}
	return "localhost"
}

// Len is the number of hosts in the cache, for a metric.
func (l *Leaves) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.recent.Len()
}

// Format keeps the leaf keys out of every printing verb.
func (l *Leaves) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "leaves of %v", l.authority) }

func (l *Leaves) baseConfig() *tls.Config {
	c := &tls.Config{NextProtos: []string{"h2", "http/1.1"}, Time: l.now}
	l.profile.apply(c)
	return c
}

func (l *Leaves) newEntry(host string) *entry {
	e := &entry{host: host, leaves: l}
	e.config = l.baseConfig()
	e.config.GetCertificate = e.certificate
	return e
}

// FirstExpiry tells when the first of the cached leaves expires; zero if there is none. Leaves are renewed long before.
func (l *Leaves) FirstExpiry() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	var first time.Time
	for e := l.recent.Front(); e != nil; e = e.Next() {
		host := e.Value.(*entry)
		for _, s := range []*slot{&host.ecdsa, &host.rsa} {
			if c := s.current.Load(); c != nil && (first.IsZero() || c.expires.Before(first)) {
				first = c.expires
			}
		}
	}
	return first
}
