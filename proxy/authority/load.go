package authority

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"
)

// maxChain bounds how many certificates a CA file may hold.
const maxChain = 8

// expiryWarning is how long before its end Warnings begins to speak of a CA's expiry.
const expiryWarning = 60 * 24 * time.Hour

// Load reads a CA from PEM: the certificate (a company's issuing CA may be followed by its issuers) and its key in PKCS#8,
// PKCS#1 or SEC 1 form. It refuses what can never work (no CA, key of another certificate, encrypted or weak key, wrong
// usage). An expired CA loads, so that it can be shown and renewed: see Warnings. Errors never quote the key.
func Load(certPEM, keyPEM []byte) (*Authority, error) {
	certs, err := parseCertificates(certPEM)
	if err != nil {
		return nil, err
	}
	key, err := parseKey(keyPEM)
	if err != nil {
		return nil, err
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

func parseKey(data []byte) (crypto.Signer, error) {
	for {
		var block *pem.Block
		block, data = pem.Decode(data)
		if block == nil {
			return nil, errors.New("authority: no PEM private key in the CA key file")
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
			return nil, errors.New("authority: the CA key is encrypted: store it in clear with `openssl pkey`, readable by the proxy alone")
		}
		key, known, err := decodeKey(block)
		if !known {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("authority: the CA key is not a valid %s", block.Type)
		}
		signer, ok := key.(crypto.Signer)
		if !ok {
			return nil, errors.New("authority: the CA key cannot sign")
		}
		return signer, nil
	}
}

func decodeKey(block *pem.Block) (key any, known bool, err error) {
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, false, nil
	}
	return key, true, err
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
			return errMismatch
		}
	case *ecdsa.PrivateKey:
		if !k.PublicKey.Equal(c.PublicKey) {
			return errMismatch
		}
	default:
		return fmt.Errorf("authority: a CA key of type %T: old clients verify only RSA or ECDSA", a.key.Public())
	}
	return nil
}

var errMismatch = errors.New("authority: the CA key does not belong to the CA certificate")

func signsServers(c *x509.Certificate) bool {
	if len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0 {
		return true
	}
	return slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// Warnings lists, in words for an operator, what is wrong or will soon be wrong with the CA at the given time.
func (a *Authority) Warnings(now time.Time) []string {
	var out []string
	c := a.cert
	switch {
	case now.After(c.NotAfter):
		out = append(out, "the CA expired on "+day(c.NotAfter)+": clients refuse it; renew it and install the new certificate")
	case now.Before(c.NotBefore):
		out = append(out, "the CA is not valid before "+day(c.NotBefore)+": is this machine's clock right?")
	case c.NotAfter.Sub(now) < expiryWarning:
		out = append(out, "the CA expires on "+day(c.NotAfter)+": renew it and install the new certificate before that day")
	}
	if len(c.PermittedDNSDomains) == 0 {
		out = append(out, "the CA has no name constraints: whoever steals its key can impersonate any site to the programs that trust it")
	}
	if c.PermittedDNSDomainsCritical || len(c.PermittedDNSDomains) == 0 {
		return out
	}
	return append(out, "the CA's name constraints are not critical: old clients may ignore them")
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
