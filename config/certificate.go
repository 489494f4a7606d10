package config

import (
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"docusign-auth-proxy/internal/privatekey"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/proxy/authority"
)

// checkAuthority reads the two files of the certificate authority and tells whether they belong together.
func checkAuthority(s *sources, i *Interception) {
	const certPath, keyPath = "interception.ca_cert", "interception.ca_key"
	const trust = "; the old machines must then trust the certificate: docusign-auth-proxy ca trust"
	const hint = "name the two files that docusign-auth-proxy ca init made" + trust
	absent := s.makeCA(i.CACert, i.CAKey) + trust
	_, cert := s.certificates(certPath, &i.CACert, absent, hint)
	key, name := s.named(keyPath, i.CAKey, absent)
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

// makeCA is the command that makes both files where the configuration wants them. One that it does not name has the
// usual name.
func (s *sources) makeCA(cert, key string) string {
	cert, key = s.resolvePath(cmp.Or(cert, "ca.pem")), s.resolvePath(cmp.Or(key, "ca-key.pem"))
	if filepath.Dir(cert) != filepath.Dir(key) {
		return "make both with: docusign-auth-proxy ca init, and name them here"
	}
	line := []string{"make both with: docusign-auth-proxy ca init"}
	for _, f := range [][3]string{
		{"dir", filepath.Dir(cert), "."}, {"cert", filepath.Base(cert), "ca.pem"}, {"key", filepath.Base(key), "ca-key.pem"},
	} {
		if f[1] != f[2] {
			line = append(line, "--"+f[0], f[1])
		}
	}
	return strings.Join(line, " ")
}

// keyProblem reports what privatekey said about a text.
func keyProblem(r *report, path, source string, err error) {
	e := &privatekey.Error{Problem: err.Error()}
	_ = errors.As(err, &e)
	r.problem(path, "the "+source+" "+e.Problem, e.Next)
}

// certificates makes *name relative to the configuration, and returns the certificates in the file and its contents;
// an empty name is left alone. absent and hint are what to do where it does not exist, and where it holds none.
func (s *sources) certificates(
	path string, name *string, absent, hint string,
) (certs []*x509.Certificate, data []byte) {
	if data, *name = s.named(path, *name, absent); data == nil {
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
