// Package authority is the certificate authority that old programs are told to trust: it makes and loads the CA and
// signs the leaf certificates under which the proxy answers in DocuSign's name. It must never print or hand out a
// private key, sign outside the CA's name constraints, or sign without bound. The proxy's TLS doors take their
// tls.Config from Leaves; the ca command creates, saves and renews the Authority.
package authority

import (
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
	"slices"
	"time"

	"docusign-auth-proxy/internal/trust"
)

// Algorithm is the kind of the CA's key.
type Algorithm int

const (
	// RSA is what every old TLS stack can verify, and therefore the default.
	RSA Algorithm = iota
	// ECDSA (P-256) is smaller and faster, but stacks of the TLS 1.0 era cannot verify it.
	ECDSA
)

// Bounds and defaults of a CA's life, and how far certificates are dated back for clients whose clock is late.
const (
	DefaultLife = 2 * 365 * 24 * time.Hour
	MinLife     = time.Hour
	MaxLife     = 10 * 365 * 24 * time.Hour

	authorityBackdate = 24 * time.Hour
	minRSABits        = 2048
	maxRSABits        = 8192
)

// Spec says what Create makes. The zero value is a good CA: RSA 2048, two years, limited to DocuSign and this machine.
type Spec struct {
	// Algorithm of the key; default RSA.
	Algorithm Algorithm
	// Bits of an RSA key: 2048 (default), 3072 or 4096.
	Bits int
	// Organization in the subject; default "docusign-auth-proxy".
	Organization string
	// CommonName in the subject; the default ends in eight digits of the key's identifier, so that two proxies' CAs
	// differ.
	CommonName string
	// Life from now until expiry; default DefaultLife, between MinLife and MaxLife.
	Life time.Duration
	// Permitted lists what the CA may sign: DNS names (with everything below them) and, with ConstrainAddresses, addresses
	// and CIDR ranges. Default DefaultPermitted. Whoever steals the key can impersonate no other name.
	Permitted []string
	// ConstrainAddresses limits the addresses too: true to those of Permitted, false not at all. nil is false for Create,
	// and what there is for Renew. The danger of true: Mono and old OpenSSL refuse certificates with an address below such
	// a CA. The danger of false: whoever steals the key can impersonate servers that are called by address.
	ConstrainAddresses *bool
	// LenientConstraints marks the name constraints as not critical, for old stacks that refuse a certificate with a
	// critical extension they do not know. The danger: such a stack then ignores the limit (RFC 5280 §4.2.1.10 wants
	// critical).
	LenientConstraints bool
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// DefaultPermitted is DocuSign's two domains, plus what a program on this machine calls the sidecar by https.
// A sidecar called by a machine name needs that name here too: nothing else can be signed for it later.
func DefaultPermitted() []string {
	return []string{"docusign.net", "docusign.com", "localhost", "127.0.0.0/8", "::1"}
}

func (s Spec) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

func (s Spec) life() (time.Duration, error) {
	if s.Life == 0 {
		return DefaultLife, nil
	}
	if s.Life < MinLife || s.Life > MaxLife {
		return 0, fmt.Errorf("authority: life %v is not between %v and %v", s.Life, MinLife, MaxLife)
	}
	return s.Life, nil
}

func (s Spec) generate() (crypto.Signer, error) {
	switch s.Algorithm {
	case ECDSA:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case RSA:
		bits := s.Bits
		if bits == 0 {
			bits = minRSABits
		}
		if bits != 2048 && bits != 3072 && bits != 4096 {
			return nil, fmt.Errorf("authority: %d bits: choose 2048, 3072 or 4096", bits)
		}
		return rsa.GenerateKey(rand.Reader, bits)
	}
	return nil, fmt.Errorf("authority: unknown algorithm %d", s.Algorithm)
}

// Authority is a CA with its key, ready to sign. It never changes and is safe for concurrent use.
type Authority struct {
	cert *x509.Certificate
	key  crypto.Signer
	// chain is what a leaf must bring along: empty below a root, the CA and its issuers below a company's own root.
	chain [][]byte
	// extra are the certificates that followed the CA's in the file, kept for Save.
	extra []*x509.Certificate
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
	c, err := parsePermitted(permitted)
	if err != nil {
		return nil, err
	}
	id, err := keyID(key.Public())
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject:      s.subject(id),
		SubjectKeyId: id,
	}
	c.apply(template, !s.LenientConstraints, s.ConstrainAddresses != nil && *s.ConstrainAddresses)
	return selfSign(template, key, s)
}

// Renew makes a CA with the same subject and key and a new term, so the change needs no flag day: leaves signed before
// it verify under the new certificate, leaves signed after it verify under the old one until that expires. Clients are
// moved one by one in between. Spec gives Life, Now and, if set, ConstrainAddresses; the rest is kept. A new key is a
// new CA: use Create. A CA issued by somebody else is renewed where it was issued.
func (a *Authority) Renew(s Spec) (*Authority, error) {
	if !trust.SelfSigned(a.cert) {
		return nil, errors.New("authority: this CA was issued by another one: renew it there")
	}
	template := &x509.Certificate{
		RawSubject:   a.cert.RawSubject,
		Subject:      a.cert.Subject,
		SubjectKeyId: a.cert.SubjectKeyId,
	}
	keepConstraints(template, a.cert)
	if limit := s.ConstrainAddresses; limit != nil {
		limited := len(a.cert.PermittedIPRanges)+len(a.cert.ExcludedIPRanges) > 0
		switch {
		case !*limit:
			template.PermittedIPRanges, template.ExcludedIPRanges = nil, nil
		case !limited:
			template.PermittedIPRanges = loopbackRanges()
		}
	}
	return selfSign(template, a.key, s)
}

func (s Spec) subject(id []byte) pkix.Name {
	name := pkix.Name{Organization: []string{s.Organization}, CommonName: s.CommonName}
	if s.Organization == "" {
		name.Organization = []string{"docusign-auth-proxy"}
	}
	if s.CommonName == "" {
		name.CommonName = "docusign-auth-proxy CA " + hex.EncodeToString(id[:4])
	}
	return name
}

func selfSign(template *x509.Certificate, key crypto.Signer, s Spec) (*Authority, error) {
	life, err := s.life()
	if err != nil {
		return nil, err
	}
	now := s.now()
	template.NotBefore = now.Add(-authorityBackdate)
	template.NotAfter = now.Add(life)
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.MaxPathLenZero = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	// A stolen key then signs neither code nor mail nor client certificates.
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("authority: sign the CA: %w", err)
	}
	return build(nil, der, key)
}

func build(extra []*x509.Certificate, der []byte, key crypto.Signer) (*Authority, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("authority: parse the CA certificate: %w", err)
	}
	a := &Authority{cert: cert, key: key, extra: extra}
	if err := a.validate(); err != nil {
		return nil, err
	}
	if !trust.SelfSigned(cert) {
		a.chain = append(a.chain, cert.Raw)
		for _, c := range extra {
			if !trust.SelfSigned(c) {
				a.chain = append(a.chain, c.Raw)
			}
		}
	}
	return a, nil
}

// Certificate returns the CA's certificate. The caller must not change it.
func (a *Authority) Certificate() *x509.Certificate { return a.cert }

// DER returns the certificate as Windows and Java stores import it.
func (a *Authority) DER() []byte { return slices.Clone(a.cert.Raw) }

// CertPEM returns the certificate, and after it the issuers it was loaded with. It never holds a key.
func (a *Authority) CertPEM() []byte {
	out := trust.EncodePEM(a.cert)
	for _, c := range a.extra {
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
