// Package trust tells and does what it takes that a machine believes the proxy's certificate authority: lines to paste
// for every platform, installation into the stores where that is safe, and the answer whether a store believes it
// already. It must never touch a private key, change a store unasked, or leave a change half done. The ca command calls
// it.
package trust

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strings"
	"time"

	"docusign-auth-proxy/internal/cause"
)

// expiryWarning is how long before its end a CA's certificate is worth a person's attention.
const expiryWarning = 30 * 24 * time.Hour

// Term says what is wrong with the term of a CA, or will soon be, and with which day; false = nothing.
func Term(begins, ends, now time.Time) (id cause.ID, day string, wrong bool) {
	day = ends.UTC().Format(time.DateOnly)
	switch {
	case !now.Before(ends):
		return cause.CAExpired, day, true
	case now.Before(begins):
		return cause.CANotBegun, begins.UTC().Format(time.DateOnly), true
	case ends.Sub(now) < expiryWarning:
		return cause.CAExpiring, day, true
	}
	return 0, "", false
}

// Parse returns the first certificate of a PEM file. It refuses a file that also holds a private key.
func Parse(data []byte) (*x509.Certificate, error) {
	if bytes.Contains(data, []byte("PRIVATE KEY-----")) {
		return nil, errors.New("the file holds a private key too: keep certificate and key in two files, for this one " +
			"goes to other machines")
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("parse the certificate: %w", err)
		}
		return c, nil
	}
	return nil, errors.New("no certificate in PEM form (-----BEGIN CERTIFICATE-----)")
}

// EncodePEM returns the certificate alone, as a file that other machines may have.
func EncodePEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// certificates are those of a PEM bundle. What Go cannot read is not ours and is passed over.
func certificates(bundle []byte) []*x509.Certificate {
	var all []*x509.Certificate
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			all = append(all, c)
		}
	}
	return all
}

func holds(bundle []byte, c *x509.Certificate) bool {
	return slices.ContainsFunc(certificates(bundle), c.Equal)
}

// Name is the certificate's name in stores. It ends in eight digits of the fingerprint, so that a renewed certificate
// can stand beside the old one.
func Name(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return fmt.Sprintf("docusign-auth-proxy-%x", sum[:4])
}

// SelfSigned reports whether the certificate is a root: what stores take as an anchor.
func SelfSigned(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, c.RawIssuer) }

// Description is what an operator wants to know of a CA's certificate; there is no secret in it.
type Description struct {
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	SHA256    string    `json:"sha256"`
	SHA1      string    `json:"sha1"`
	Key       string    `json:"key"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	DaysLeft  int       `json:"days_left"` // whole days; negative once expired
	Permitted []string  `json:"permitted"` // empty: unlimited
	Excluded  []string  `json:"excluded,omitempty"`
	Critical  bool      `json:"constraints_critical"`
}

// Describe reads a certificate at the given time.
func Describe(c *x509.Certificate, now time.Time) Description {
	return Description{
		Subject: c.Subject.String(), Issuer: c.Issuer.String(), SHA256: SHA256(c), SHA1: SHA1(c), Key: keyKind(c),
		NotBefore: c.NotBefore, NotAfter: c.NotAfter, DaysLeft: int(math.Floor(c.NotAfter.Sub(now).Hours() / 24)),
		Permitted: limits(c.PermittedDNSDomains, c.PermittedIPRanges),
		Excluded:  limits(c.ExcludedDNSDomains, c.ExcludedIPRanges),
		Critical:  c.PermittedDNSDomainsCritical,
	}
}

func limits(domains []string, ranges []*net.IPNet) []string {
	out := append([]string{}, domains...)
	for _, r := range ranges {
		out = append(out, r.String())
	}
	return out
}

// SHA256 is the fingerprint that keytool, openssl and browsers print: AB:CD:….
func SHA256(c *x509.Certificate) string {
	return strings.ReplaceAll(fmt.Sprintf("% X", sha256.Sum256(c.Raw)), " ", ":")
}

// SHA1 is the fingerprint that Windows shows as the thumbprint; it identifies and proves nothing.
func SHA1(c *x509.Certificate) string {
	return strings.ReplaceAll(fmt.Sprintf("% X", sha1.Sum(c.Raw)), " ", ":")
}

func keyKind(c *x509.Certificate) string {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	}
	return c.PublicKeyAlgorithm.String()
}

// Warnings lists, in words for an operator, what is wrong or will soon be wrong with the CA at the given time.
func Warnings(c *x509.Certificate, now time.Time) []string {
	out := []string{} // in JSON a list, too, when all is well
	if id, day, ok := Term(c.NotBefore, c.NotAfter, now); ok {
		out = append(out, id.Means("until", day))
	}
	switch {
	case len(c.PermittedDNSDomains) == 0:
		out = append(out, "the CA has no name constraints: whoever steals its key can impersonate any site "+
			"to the programs that trust it")
	case !c.PermittedDNSDomainsCritical:
		out = append(out, "the CA's name constraints are not critical: old clients may ignore them")
	}
	return out
}
