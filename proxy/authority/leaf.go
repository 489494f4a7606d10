package authority

import (
	"cmp"
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

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
	key, err := e.leaves.key(hello)
	if err != nil {
		return nil, err
	}
	if _, isRSA := key.(*rsa.PrivateKey); isRSA {
		return e.rsa.get(e, key)
	}
	return e.ecdsa.get(e, key)
}

// key is the key of the leaf that the client can verify. A stack that names no signature algorithms (before TLS 1.2)
// may offer an ECDSA suite it cannot use with an RSA-signed leaf, so it gets RSA.
func (l *Leaves) key(hello *tls.ClientHelloInfo) (crypto.Signer, error) {
	modern := slices.ContainsFunc(hello.SupportedVersions, func(v uint16) bool { return v >= tls.VersionTLS12 })
	if modern && len(hello.SignatureSchemes) > 0 && supports(hello, l.ecdsa) {
		return l.ecdsa, nil
	}
	return l.rsa()
}

// supports leaves aside whether the SNI fits the host.
func supports(hello *tls.ClientHelloInfo, key crypto.Signer) bool {
	nameless := *hello
	nameless.ServerName = ""
	return nameless.SupportsCertificate(&tls.Certificate{PrivateKey: key}) == nil
}

// forClient chooses what to offer in ALPN. Without a protocol in common the handshake goes on without ALPN: a program
// that names http/1.0 alone (curl -0, PHP) is served all the same.
func (e *entry) forClient(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	offered := hello.SupportedProtos
	switch {
	case len(offered) == 0 || slices.Contains(offered, "h2") && e.leaves.takesHTTP2(hello):
		return e.config, nil
	case slices.Contains(offered, "http/1.1"):
		return e.http1, nil
	}
	return e.bare, nil
}

// takesHTTP2 reports whether the handshake ends with a version and a suite that HTTP/2 allows (RFC 9113 §9.2): all of
// TLS 1.3, and of TLS 1.2 those that crypto/tls prefers anyway if the client has one that fits the leaf's key.
func (l *Leaves) takesHTTP2(hello *tls.ClientHelloInfo) bool {
	if slices.Contains(hello.SupportedVersions, tls.VersionTLS13) {
		return true
	}
	key, err := l.key(hello)
	if err != nil || !slices.Contains(hello.SupportedVersions, tls.VersionTLS12) {
		return false
	}
	limited := *hello
	limited.SupportedVersions = []uint16{tls.VersionTLS12}
	limited.CipherSuites = slices.DeleteFunc(slices.Clone(hello.CipherSuites), func(suite uint16) bool {
		name := tls.CipherSuiteName(suite)
		return !strings.HasPrefix(name, "TLS_ECDHE_") || strings.Contains(name, "_CBC_")
	})
	return supports(&limited, key)
}

func (f *leaf) get(e *entry, key crypto.Signer) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := e.leaves.now()
	if f.cert != nil && now.Before(f.renewAt) {
		return f.cert, nil
	}
	fresh, err := e.leaves.sign(e.names, key, now)
	if err != nil {
		return nil, err
	}
	// Two thirds of what lies ahead, also when the CA's end cuts it short.
	f.cert, f.renewAt = fresh, now.Add(fresh.Leaf.NotAfter.Sub(now)/3*2)
	return f.cert, nil
}

func (l *Leaves) sign(names []string, key crypto.Signer, now time.Time) (*tls.Certificate, error) {
	ca := l.authority.cert
	if !now.Before(ca.NotAfter) {
		return nil, errors.New("authority: the CA has expired: renew it and install the new certificate")
	}
	for _, name := range names {
		if err := l.authority.Permits(sample(name)); err != nil {
			return nil, err
		}
	}
	id, err := keyID(key.Public())
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SubjectKeyId:          id,
		NotBefore:             slices.MaxFunc([]time.Time{now.Add(-leafBackdate), ca.NotBefore}, time.Time.Compare),
		NotAfter:              slices.MinFunc([]time.Time{now.Add(leafLife), ca.NotAfter}, time.Time.Compare),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	if _, isRSA := key.(*rsa.PrivateKey); isRSA {
		template.KeyUsage |= x509.KeyUsageKeyEncipherment // RSA key exchange needs it
	}
	name(template, names)
	cert, err := certify(template, ca, key.Public(), l.authority.key)
	if err != nil {
		return nil, fmt.Errorf("authority: sign a leaf for %q: %w", names, err)
	}
	chain := append([][]byte{cert.Raw}, l.authority.chain...)
	return &tls.Certificate{Certificate: chain, PrivateKey: key, Leaf: cert}, nil
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
