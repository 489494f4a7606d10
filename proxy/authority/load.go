package authority

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"docusign-auth-proxy/internal/privatekey"
	"docusign-auth-proxy/internal/trust"
)

// maxChain bounds how many certificates a CA file may hold.
const maxChain = 8

// Load reads a CA from PEM: the certificate (a company's issuing CA may be followed by its issuers) and its key, as
// package privatekey reads one. It refuses what can never work (no CA, key of another certificate, encrypted or weak
// key, wrong usage). An expired CA loads, so that it can be shown and renewed: see Warnings. Errors never quote the
// key.
func Load(certPEM, keyPEM []byte) (*Authority, error) {
	certs, err := parseCertificates(certPEM)
	if err != nil {
		return nil, err
	}
	key, err := privatekey.Parse(keyPEM)
	if err != nil {
		return nil, fmt.Errorf("authority: the CA key file %w", err)
	}
	return build(certs[1:], certs[0].Raw, key)
}

func parseCertificates(data []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for {
		var block *pem.Block
		block, data = pem.Decode(data)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		if len(certs) == maxChain {
			return nil, fmt.Errorf("authority: more than %d certificates in the CA file", maxChain)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("authority: parse certificate %d of the CA file: %w", len(certs)+1, err)
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, errors.New("authority: no PEM certificate in the CA file")
	}
	return certs, nil
}

func (a *Authority) validate() error {
	c := a.cert
	if !c.BasicConstraintsValid || !c.IsCA {
		return errors.New("authority: the certificate is not a CA (basic constraints)")
	}
	if c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0 {
		return errors.New("authority: the CA's key usage does not allow it to sign certificates")
	}
	if !signsServers(c) {
		return errors.New("authority: the CA's extended key usage excludes TLS servers")
	}
	switch k := a.key.(type) {
	case *rsa.PrivateKey:
		if n := k.N.BitLen(); n < minRSABits || n > maxRSABits {
			return fmt.Errorf("authority: an RSA key of %d bits: use %d to %d", n, minRSABits, maxRSABits)
		}
		if !k.PublicKey.Equal(c.PublicKey) {
			return ErrMismatch
		}
	case *ecdsa.PrivateKey:
		if !k.PublicKey.Equal(c.PublicKey) {
			return ErrMismatch
		}
	default:
		return fmt.Errorf("authority: a CA key of type %T: old clients verify only RSA or ECDSA", a.key.Public())
	}
	return nil
}

// ErrMismatch says that certificate and key are no pair.
var ErrMismatch = errors.New("authority: the CA key does not belong to the CA certificate")

func signsServers(c *x509.Certificate) bool {
	if len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0 {
		return true
	}
	return slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) ||
		slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// Warnings are those of trust.Warnings.
func (a *Authority) Warnings(now time.Time) []string { return trust.Warnings(a.cert, now) }
