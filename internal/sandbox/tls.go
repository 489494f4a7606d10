package sandbox

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"
)

// authority is the sandbox's own certificate authority and the one leaf that covers all its names.
type authority struct {
	cert *x509.Certificate
	pem  []byte
	key  []byte // PEM
	leaf tls.Certificate
}

// newAuthority makes the leaf, and the authority too unless kept holds that of an earlier run.
func newAuthority(now time.Time, hosts []string, kept []byte) (*authority, error) {
	from, to := validity(now)
	cert, caKey, err := readAuthority(kept)
	if err == nil && cert == nil {
		cert, caKey, err = makeAuthority(from, to)
	}
	if err != nil {
		return nil, err
	}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	leaf := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(randomBytes(16)), // a kept authority signs another leaf each run
		Subject:      pkix.Name{CommonName: hosts[0]},
		NotBefore:    from,
		NotAfter:     to,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     append([]string{"localhost"}, hosts...),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, cert, &leafKey.PublicKey, caKey)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(caKey)
	if err != nil {
		return nil, err
	}
	return &authority{
		cert: cert,
		pem:  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}),
		key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
		leaf: tls.Certificate{Certificate: [][]byte{leafDER, cert.Raw}, PrivateKey: leafKey},
	}, nil
}

// readAuthority reads what AuthorityPEM gave; a nil certificate means that there was nothing.
func readAuthority(kept []byte) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	if len(kept) == 0 {
		return nil, nil, nil
	}
	pair, err := tls.X509KeyPair(kept, kept)
	if err != nil {
		return nil, nil, fmt.Errorf("kept authority: %w", err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, nil, errors.New("kept authority: not an authority of this sandbox")
	}
	return pair.Leaf, key, nil
}

func makeAuthority(from, to time.Time) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	ca := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "DocuSign sandbox CA (tests only)"},
		NotBefore:             from,
		NotAfter:              to,
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return cert, key, err
}

// validity covers both the injected and the real time, since clients verify by either.
func validity(now time.Time) (from, to time.Time) {
	from, to = now, time.Now()
	if to.Before(from) {
		from, to = to, from
	}
	return from.AddDate(-1, 0, 0), to.AddDate(10, 0, 0)
}
