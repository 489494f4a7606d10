package authority

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const leafBackdate = time.Hour

// entry is one cached host with its at most two leaves.
type entry struct {
	key    string // in the cache
	host   string
	names  []string // all names of the certificate where it has several, host among them
	leaves *Leaves
	config *tls.Config
	ecdsa  slot
	rsa    slot
}

// slot holds one leaf. Signing goes through mu, so that clients arriving together cause one signature.
type slot struct {
	mu      sync.Mutex
	current atomic.Pointer[leaf]
}

type leaf struct {
	cert    *tls.Certificate
	renewAt time.Time
	expires time.Time
}

func (e *entry) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if verifiesECDSA(hello, e.leaves.ecdsa) {
		return e.ecdsa.get(e, e.leaves.ecdsa)
	}
	key, err := e.leaves.rsa()
	if err != nil {
		return nil, err
	}
	return e.rsa.get(e, key)
}

// verifiesECDSA: a stack that names no signature algorithms (before TLS 1.2) may offer an ECDSA suite it cannot use with an
// RSA-signed leaf, so it gets RSA. Whether the SNI fits the host is not this decision's business.
func verifiesECDSA(hello *tls.ClientHelloInfo, key *leafKey) bool {
	if len(hello.SignatureSchemes) == 0 || !slices.ContainsFunc(hello.SupportedVersions, func(v uint16) bool { return v >= tls.VersionTLS12 }) {
		return false
	}
	nameless := *hello
	nameless.ServerName = ""
	return nameless.SupportsCertificate(&tls.Certificate{PrivateKey: key.signer}) == nil
}

func (s *slot) get(e *entry, key *leafKey) (*tls.Certificate, error) {
	now := e.leaves.now()
	if c := s.current.Load(); c != nil && now.Before(c.renewAt) {
		return c.cert, nil
	}
	return s.renew(e, key, now)
}

func (s *slot) renew(e *entry, key *leafKey, now time.Time) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.current.Load()
	if c != nil && now.Before(c.renewAt) {
		return c.cert, nil
	}
	fresh, err := e.leaves.sign(e, key, now)
	if err == nil {
		s.current.Store(fresh)
		return fresh.cert, nil
	}
	if c != nil && now.Before(c.expires) {
		return c.cert, nil
	}
	return nil, err
}

// sign makes a leaf. It is renewed when two thirds of what lies ahead are over, also when the CA's end cuts it short.
func (l *Leaves) sign(e *entry, key *leafKey, now time.Time) (*leaf, error) {
	ca, host := l.authority.cert, e.host
	if !now.Before(ca.NotAfter) {
		return nil, ErrExpired
	}
	if err := l.authority.Permits(host); err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SubjectKeyId:          key.id,
		NotBefore:             later(now.Add(-leafBackdate), ca.NotBefore),
		NotAfter:              earlier(now.Add(l.life), ca.NotAfter),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	if key == l.ecdsa {
		template.KeyUsage = x509.KeyUsageDigitalSignature
	}
	l.name(template, host)
	if e.names != nil {
		template.DNSNames = e.names
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca, key.signer.Public(), l.authority.key)
	if err != nil {
		return nil, fmt.Errorf("authority: sign a leaf for %q: %w", host, err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("authority: parse the leaf for %q: %w", host, err)
	}
	return &leaf{
		cert: &tls.Certificate{
			Certificate: append([][]byte{der}, l.authority.chain...),
			PrivateKey:  key.signer,
			Leaf:        parsed,
		},
		renewAt: now.Add(template.NotAfter.Sub(now) / 3 * 2),
		expires: template.NotAfter,
	}, nil
}

// name fills subject and SAN. An address as common name would be checked against the DNS constraints by OpenSSL,
// and a name over 64 bytes does not fit (RFC 5280, ub-common-name): both get a fixed one.
func (l *Leaves) name(template *x509.Certificate, host string) {
	names := []string{host}
	if _, err := netip.ParseAddr(host); err == nil || slices.Contains(l.local, host) {
		for _, n := range l.local {
			if n != host {
				names = append(names, n)
			}
		}
	}
	template.Subject = pkix.Name{CommonName: "docusign-auth-proxy leaf"}
	for _, n := range names {
		if ip, err := netip.ParseAddr(n); err == nil {
			template.IPAddresses = append(template.IPAddresses, net.IP(ip.AsSlice()))
			continue
		}
		template.DNSNames = append(template.DNSNames, n)
	}
	if _, err := netip.ParseAddr(host); err != nil && len(host) <= 64 {
		template.Subject.CommonName = host
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
