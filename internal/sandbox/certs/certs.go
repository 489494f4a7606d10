// Package certs makes the sandbox's certificates: an authority of its own, and one certificate for all its names. It
// must make nothing that a client trusts by itself. Package sandbox calls it.
package certs

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

// Authority is the sandbox's own certificate authority and the one leaf that covers all its names.
type Authority struct {
	Cert *x509.Certificate
	PEM  []byte // certificate and private key
	Leaf tls.Certificate
}

// New makes the leaf, and the authority too unless kept holds that of an earlier run.
func New(now time.Time, hosts []string, kept []byte) (*Authority, error) {
	// Both the injected and the real time, since clients verify by either.
	from, to := now, time.Now()
	if to.Before(from) {
		from, to = to, from
	}
	template := x509.Certificate{NotBefore: from.AddDate(-1, 0, 0), NotAfter: to.AddDate(10, 0, 0)}
	if len(kept) == 0 {
		var err error
		if kept, err = makeAuthority(template); err != nil {
			return nil, err
		}
	}
	ca, err := tls.X509KeyPair(kept, kept)
	if err != nil {
		return nil, fmt.Errorf("kept authority: %w", err)
	}
	if !ca.Leaf.IsCA {
		return nil, errors.New("kept authority: not an authority of this sandbox")
	}
	template.SerialNumber = serial() // a kept authority signs another leaf each run
	template.Subject = pkix.Name{CommonName: hosts[0]}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	template.DNSNames = append([]string{"localhost"}, hosts...)
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, ca.Leaf, &key.PublicKey, ca.PrivateKey)
	leaf := tls.Certificate{Certificate: [][]byte{der, ca.Leaf.Raw}, PrivateKey: key}
	return &Authority{Cert: ca.Leaf, PEM: kept, Leaf: leaf}, err
}

// makeAuthority makes a self-signed certificate and its key in PEM.
func makeAuthority(template x509.Certificate) ([]byte, error) {
	template.SerialNumber = big.NewInt(1)
	template.Subject = pkix.Name{CommonName: "DocuSign sandbox CA (tests only)"}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	return append(PEM("CERTIFICATE", der), PEM("PRIVATE KEY", secret)...), err
}

func serial() *big.Int {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return new(big.Int).SetBytes(b)
}

// PEM is one block.
func PEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
