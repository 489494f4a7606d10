// Package authority is the certificate authority that old programs are told to trust: it makes and loads the CA and
// signs the leaf certificates under which the proxy answers in DocuSign's name. It must never print or hand out a
// private key, sign outside the CA's name constraints, or sign without bound. The proxy's TLS doors take their
// tls.Config from Leaves; the ca command creates, saves and renews the Authority.
package authority

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"time"

	"docusign-auth-proxy/internal/trust"
)

// Bounds and defaults of a CA's life, and how far certificates are dated back for clients whose clock is late.
const (
	DefaultLife = 2 * 365 * 24 * time.Hour
	MaxLife     = 10 * 365 * 24 * time.Hour

	minLife           = time.Hour
	authorityBackdate = 24 * time.Hour
	minRSABits        = 2048
	maxRSABits        = 8192
)

// Spec says what Create makes. The zero value is a good CA: RSA 2048, two years, limited to DocuSign and this machine.
type Spec struct {
	// ECDSA makes a P-256 key, which is smaller and faster than the default, RSA, but which stacks of the TLS 1.0 era
	// cannot verify.
	ECDSA bool
	// Life from now until expiry; default DefaultLife, from an hour to MaxLife.
	Life time.Duration
	// Permitted lists what the CA may sign: DNS names (with everything below them) and, with ConstrainAddresses, addresses
	// and CIDR ranges. Default DefaultPermitted. Whoever steals the key can impersonate no other name.
	Permitted []string
	// ConstrainAddresses limits the addresses to those of Permitted; nil is false for Create, and what there is for Renew.
	// The danger of true: Mono and old OpenSSL refuse certificates with an address below such a CA.
	// The danger of false: whoever steals the key can impersonate servers that are called by address.
	ConstrainAddresses *bool
	// LenientConstraints marks the name constraints as not critical, for old stacks that refuse a critical extension they
	// do not know. The danger: such a stack then ignores the limit (RFC 5280 §4.2.1.10 wants critical).
	LenientConstraints bool
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// DefaultPermitted is DocuSign's two domains, plus what a program on this machine calls the sidecar by https.
// A sidecar called by a machine name needs that name here too: nothing else can be signed for it later.
func DefaultPermitted() []string {
	return []string{"docusign.net", "docusign.com", "localhost", "127.0.0.0/8", "::1"}
}

func (s Spec) generate() (crypto.Signer, error) {
	if s.ECDSA {
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	return rsa.GenerateKey(rand.Reader, minRSABits)
}

// Authority is a CA with its key, ready to sign. It never changes and is safe for concurrent use.
type Authority struct {
	cert *x509.Certificate
	key  crypto.Signer
	// chain is what a leaf must bring along: empty below a root, the CA and its issuers below a company's own root.
	chain [][]byte
	// issuers are the certificates that followed the CA's in the file.
	issuers []*x509.Certificate
}

// Create makes a new self-signed CA in memory. It fails on a Spec out of bounds.
func Create(s Spec) (*Authority, error) {
	key, err := s.generate()
	if err != nil {
		return nil, err
	}
	permitted := s.Permitted
	if len(permitted) == 0 {
		permitted = DefaultPermitted()
	}
	names, ranges, err := parsePermitted(permitted)
	if err != nil {
		return nil, err
	}
	id, err := keyID(key.Public())
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject: pkix.Name{
			Organization: []string{"docusign-auth-proxy"},
			CommonName:   "docusign-auth-proxy CA " + hex.EncodeToString(id[:4]), // so that two proxies' CAs differ
		},
		SubjectKeyId:                id,
		PermittedDNSDomains:         names,
		PermittedDNSDomainsCritical: !s.LenientConstraints,
	}
	if s.ConstrainAddresses != nil && *s.ConstrainAddresses {
		template.PermittedIPRanges = ranges
		if len(ranges) == 0 { // a kind of name without any constraint is unlimited, so permitting none means excluding all
			template.ExcludedIPRanges = []*net.IPNet{
				{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)},
				{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)},
			}
		}
	}
	return selfSign(template, key, s)
}

// Renew makes a CA with the same subject and key and a new term, so the change needs no flag day: leaves signed before
// it verify under the new certificate, leaves signed after it under the old one until that expires.
// Spec gives Life, Now and, if set, ConstrainAddresses; the rest is kept. A new key is a new CA: use Create.
func (a *Authority) Renew(s Spec) (*Authority, error) {
	if !trust.SelfSigned(a.cert) {
		return nil, errors.New("authority: this CA was issued by another one: renew it there")
	}
	template := *a.cert
	template.SerialNumber, template.SignatureAlgorithm = nil, 0 // of their own
	if limit := s.ConstrainAddresses; limit != nil {
		limited := len(a.cert.PermittedIPRanges)+len(a.cert.ExcludedIPRanges) > 0
		switch {
		case !*limit:
			template.PermittedIPRanges, template.ExcludedIPRanges = nil, nil
		case !limited:
			_, template.PermittedIPRanges, _ = parsePermitted(DefaultPermitted()) // those of this machine
		}
	}
	return selfSign(&template, a.key, s)
}

func selfSign(template *x509.Certificate, key crypto.Signer, s Spec) (*Authority, error) {
	life, now := cmp.Or(s.Life, DefaultLife), time.Now()
	if life < minLife || life > MaxLife {
		return nil, fmt.Errorf("authority: life %v is not between %v and %v", life, minLife, MaxLife)
	}
	if s.Now != nil {
		now = s.Now()
	}
	template.NotBefore, template.NotAfter = now.Add(-authorityBackdate), now.Add(life)
	template.IsCA, template.BasicConstraintsValid = true, true
	template.MaxPathLen, template.MaxPathLenZero = 0, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	// A stolen key then signs neither code nor mail nor client certificates.
	template.ExtKeyUsage, template.UnknownExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, nil
	cert, err := certify(template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("authority: sign the CA: %w", err)
	}
	return build([]*x509.Certificate{cert}, key)
}

func certify(template, parent *x509.Certificate, public any, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func build(certs []*x509.Certificate, key crypto.Signer) (*Authority, error) {
	a := &Authority{cert: certs[0], key: key, issuers: certs[1:]}
	if err := a.validate(); err != nil {
		return nil, err
	}
	for _, c := range certs {
		if !trust.SelfSigned(a.cert) && !trust.SelfSigned(c) {
			a.chain = append(a.chain, c.Raw)
		}
	}
	return a, nil
}

// Certificate returns the CA's certificate. The caller must not change it.
func (a *Authority) Certificate() *x509.Certificate { return a.cert }

// CertPEM returns the certificate, and after it the issuers it was loaded with. It never holds a key.
func (a *Authority) CertPEM() []byte {
	out := trust.EncodePEM(a.cert)
	for _, c := range a.issuers {
		out = append(out, trust.EncodePEM(c)...)
	}
	return out
}

// Fingerprint is that of trust.SHA256.
func (a *Authority) Fingerprint() string { return trust.SHA256(a.cert) }

// Expires is the moment after which no client believes the CA any more and no leaf is signed.
func (a *Authority) Expires() time.Time { return a.cert.NotAfter }

// Format keeps the private key out of every printing verb.
func (a *Authority) Format(f fmt.State, _ rune) {
	if a == nil || a.cert == nil {
		fmt.Fprint(f, "authority(none)")
		return
	}
	fmt.Fprintf(f, "authority(%s, sha256 %s)", a.cert.Subject.CommonName, a.Fingerprint())
}

// keyID is the key identifier of RFC 7093 §2 method 4, cut to 160 bits; crypto/x509 makes none for leaves.
func keyID(public crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("authority: encode the public key: %w", err)
	}
	sum := sha256.Sum256(der)
	return sum[:20], nil
}
