package authority

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"docusign-auth-proxy/internal/files"
	"docusign-auth-proxy/internal/privatekey"
)

// maxChain bounds how many certificates a CA file may hold.
const maxChain = 8

// ErrMismatch says that certificate and key are no pair.
var ErrMismatch = errors.New("authority: the CA key does not belong to the CA certificate")

// Load reads a CA from PEM: the certificate, behind which a company's issuing CA may have its issuers, and its key, as
// package privatekey reads one. It refuses what can never work (no CA, key of another certificate, encrypted or weak
// key, wrong usage). An expired CA loads, so that it can be shown and renewed. Errors never quote the key.
func Load(certPEM, keyPEM []byte) (*Authority, error) {
	certs, err := parseCertificates(certPEM)
	if err != nil {
		return nil, err
	}
	key, err := privatekey.Parse(keyPEM)
	if err != nil {
		return nil, fmt.Errorf("authority: the CA key file %w", err)
	}
	return build(certs, key)
}

func parseCertificates(data []byte) (certs []*x509.Certificate, err error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
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
	if certs == nil {
		err = errors.New("authority: no PEM certificate in the CA file")
	}
	return certs, err
}

func (a *Authority) validate() error {
	c, usages := a.cert, a.cert.ExtKeyUsage
	switch {
	case !c.BasicConstraintsValid || !c.IsCA:
		return errors.New("authority: the certificate is not a CA (basic constraints)")
	case c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0:
		return errors.New("authority: the CA's key usage does not allow it to sign certificates")
	case len(usages)+len(c.UnknownExtKeyUsage) > 0 && !slices.Contains(usages, x509.ExtKeyUsageServerAuth) &&
		!slices.Contains(usages, x509.ExtKeyUsageAny):
		return errors.New("authority: the CA's extended key usage excludes TLS servers")
	}
	var matches bool
	switch k := a.key.Public().(type) {
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n < minRSABits || n > maxRSABits {
			return fmt.Errorf("authority: an RSA key of %d bits: use %d to %d", n, minRSABits, maxRSABits)
		}
		matches = k.Equal(c.PublicKey)
	case *ecdsa.PublicKey:
		matches = k.Equal(c.PublicKey)
	default:
		return fmt.Errorf("authority: a CA key of type %T: old clients verify only RSA or ECDSA", k)
	}
	if !matches {
		return ErrMismatch
	}
	return nil
}

// Save writes the certificate (mode 0644) and the key (PKCS#8, mode 0600) as PEM.
// Without overwrite an existing file is an error (fs.ErrExist) and nothing is left behind. With overwrite each file is
// replaced as a whole, the key first; if the second step fails, Load tells that the two do not belong together.
func (a *Authority) Save(certPath, keyPath string, overwrite bool) error {
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return fmt.Errorf("authority: encode the key: %w", err)
	}
	if filepath.Clean(certPath) == filepath.Clean(keyPath) {
		return errors.New("authority: certificate and key need two different files")
	}
	write := files.Create
	if overwrite {
		write = files.Replace
	}
	if err := write(keyPath, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		return fmt.Errorf("authority: write: %w", err)
	}
	err = write(certPath, a.CertPEM(), 0o644)
	if err != nil && !overwrite {
		err = errors.Join(err, os.Remove(keyPath))
	}
	if err != nil {
		return fmt.Errorf("authority: write: %w", err)
	}
	return nil
}
