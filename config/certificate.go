package config

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"docusign-auth-proxy/internal/privatekey"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/proxy/authority"
)

// checkAuthority reads the two files of the certificate authority and tells whether they belong together.
func checkAuthority(s *sources, i *Interception) {
	const certPath, keyPath = "interception.ca_cert", "interception.ca_key"
	const hint = "make both with: docusign-auth-proxy ca init; the old machines must then trust the certificate: " +
		"docusign-auth-proxy ca trust"
	_, cert := s.certificates(certPath, &i.CACert, hint)
	key, name := s.named(keyPath, i.CAKey, hint)
	if i.CAKey = name; key == nil {
		return
	}
	s.warnIfShared(name, keyPath)
	if _, err := privatekey.Parse(key); err != nil {
		keyProblem(s.report, keyPath, "file "+name, err)
		return
	}
	if cert == nil {
		return
	}
	var err error
	i.CAKeyPEM = secret.New(string(key))
	switch i.Authority, err = authority.Load(cert, key); {
	case errors.Is(err, authority.ErrMismatch):
		s.problem(keyPath, "is not the private key of ca_cert", hint)
	case err != nil:
		s.problem(certPath, strings.TrimPrefix(err.Error(), "authority: "), hint)
	}
}

// keyProblem reports what privatekey said about a text.
func keyProblem(r *report, path, source string, err error) {
	e := &privatekey.Error{Problem: err.Error()}
	_ = errors.As(err, &e)
	r.problem(path, "the "+source+" "+e.Problem, e.Next)
}

// certificates makes *name relative to the configuration, and returns the certificates in the file and its contents;
// an empty name is left alone.
func (s *sources) certificates(path string, name *string, hint string) (certs []*x509.Certificate, data []byte) {
	if data, *name = s.named(path, *name, hint); data == nil {
		return nil, nil
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			certs = append(certs, c)
		}
	}
	if certs == nil {
		s.problem(path, fmt.Sprintf("the file %s holds no certificate in PEM form", *name), hint)
		return nil, nil
	}
	return certs, data
}
