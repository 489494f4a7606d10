package authority

import (
	"cmp"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const leafBackdate = time.Hour

// entry is one cached host with its at most two leaves.
type entry struct {
	names  []string // of the certificate; joined, the key in the cache
	leaves *Leaves
	config *tls.Config // offers h2 and http/1.1
	http1  *tls.Config // offers http/1.1
	bare   *tls.Config // knows no ALPN
	ecdsa  leaf
	rsa    leaf
}

// leaf is a certificate that is signed when it is first asked for, and again when it has grown old. Signing goes
// through mu, so that clients arriving together cause one signature.
type leaf struct {
	mu      sync.Mutex
	cert    *tls.Certificate // nil: not signed yet
	renewAt time.Time
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

// verifiesECDSA: a stack that names no signature algorithms (before TLS 1.2) may offer an ECDSA suite it cannot use
// with an RSA-signed leaf, so it gets RSA. Whether the SNI fits the host is not this decision's business.
func verifiesECDSA(hello *tls.ClientHelloInfo, key *leafKey) bool {
	if len(hello.SignatureSchemes) == 0 || !slices.ContainsFunc(hello.SupportedVersions, func(v uint16) bool {
		return v >= tls.VersionTLS12
	}) {
		return false
	}
	nameless := *hello
	nameless.ServerName = ""
	return nameless.SupportsCertificate(&tls.Certificate{PrivateKey: key.signer}) == nil
}

// forClient chooses what to offer in ALPN. Without a protocol in common the handshake goes on without ALPN: a program
// that names http/1.0 alone (curl -0, PHP) is served all the same.
func (e *entry) forClient(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	offered := hello.SupportedProtos
	switch {
	case len(offered) == 0 || slices.Contains(offered, "h2") && e.takesHTTP2(hello):
		return e.config, nil
	case slices.Contains(offered, "http/1.1"):
		return e.http1, nil
	}
	return e.bare, nil
}

// takesHTTP2 reports whether the handshake ends with a version and a suite that HTTP/2 allows (RFC 9113 §9.2): all of
// TLS 1.3, and of TLS 1.2 those that crypto/tls prefers anyway if the client has one that fits the leaf's key.
func (e *entry) takesHTTP2(hello *tls.ClientHelloInfo) bool {
	if slices.Contains(hello.SupportedVersions, tls.VersionTLS13) {
		return true
	}
	key := e.leaves.ecdsa
	if !verifiesECDSA(hello, key) {
		var err error
		if key, err = e.leaves.rsa(); err != nil {
			return false
		}
	}
	limited := *hello
	limited.ServerName = ""
	limited.SupportedVersions = []uint16{tls.VersionTLS12}
	limited.CipherSuites = slices.DeleteFunc(slices.Clone(hello.CipherSuites), func(suite uint16) bool {
		return !slices.Contains(http2Suites(), suite)
	})
	return slices.Contains(hello.SupportedVersions, tls.VersionTLS12) &&
		limited.SupportsCertificate(&tls.Certificate{PrivateKey: key.signer}) == nil
}

func (f *leaf) get(e *entry, key *leafKey) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := e.leaves.now()
	if f.cert != nil && now.Before(f.renewAt) {
		return f.cert, nil
	}
	fresh, err := e.leaves.sign(e, key, now)
	if err == nil {
		// Two thirds of what lies ahead, also when the CA's end cuts it short.
		f.cert, f.renewAt = fresh, now.Add(fresh.Leaf.NotAfter.Sub(now)/3*2)
	} else if f.cert == nil || !now.Before(f.cert.Leaf.NotAfter) {
		return nil, err
	}
	return f.cert, nil
}

// expires is the end of the certificate, if there is one.
func (f *leaf) expires() (time.Time, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cert == nil {
		return time.Time{}, false
	}
	return f.cert.Leaf.NotAfter, true
}

func (l *Leaves) sign(e *entry, key *leafKey, now time.Time) (*tls.Certificate, error) {
	ca := l.authority.cert
	if !now.Before(ca.NotAfter) {
		return nil, ErrExpired
	}
	for _, name := range e.names {
		if err := l.authority.Permits(sample(name)); err != nil {
			return nil, err
		}
	}
	template := &x509.Certificate{
		SubjectKeyId:          key.id,
		NotBefore:             slices.MaxFunc([]time.Time{now.Add(-leafBackdate), ca.NotBefore}, time.Time.Compare),
		NotAfter:              slices.MinFunc([]time.Time{now.Add(l.life), ca.NotAfter}, time.Time.Compare),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	if key == l.ecdsa {
		template.KeyUsage = x509.KeyUsageDigitalSignature
	}
	name(template, e.names)
	der, err := x509.CreateCertificate(rand.Reader, template, ca, key.signer.Public(), l.authority.key)
	if err != nil {
		return nil, fmt.Errorf("authority: sign a leaf for %q: %w", e.names, err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("authority: parse the leaf for %q: %w", e.names, err)
	}
	return &tls.Certificate{
		Certificate: append([][]byte{der}, l.authority.chain...),
		PrivateKey:  key.signer,
		Leaf:        parsed,
	}, nil
}

// name fills subject and SAN with the names that were asked for and no other: verifiers that know no constraints on
// addresses refuse a leaf with an address beside its name. OpenSSL would check an address as common name against the
// DNS constraints, and a name over 64 bytes does not fit (RFC 5280, ub-common-name): they leave a fixed one.
func name(template *x509.Certificate, names []string) {
	common := ""
	for _, n := range names {
		if ip, err := netip.ParseAddr(n); err == nil {
			template.IPAddresses = append(template.IPAddresses, net.IP(ip.AsSlice()))
			continue
		}
		template.DNSNames = append(template.DNSNames, n)
		if common == "" && n[0] != '*' && len(n) <= 64 {
			common = n
		}
	}
	template.Subject = pkix.Name{CommonName: cmp.Or(common, "docusign-auth-proxy leaf")}
}
