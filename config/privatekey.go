package config

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"docusign-auth-proxy/internal/privatekey"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/proxy/authority"
)

// PrivateKey is an RSA private key that signs assertions.
type PrivateKey struct {
	// PEM is the text of the key.
	PEM secret.Text
	// Source is where it came from, as in "file keys/new.pem", fit for a message.
	Source string
}

// RSA returns the parsed key. There is no error for a key from a loaded configuration.
func (k PrivateKey) RSA() (*rsa.PrivateKey, error) { return privatekey.RSA([]byte(k.PEM.Reveal())) }

// MarshalText makes encoders write the source.
func (k PrivateKey) MarshalText() ([]byte, error) { return []byte(k.Source), nil }

func (k *PrivateKey) form() any { return &privateKeyForm{} }

func (k *PrivateKey) fill(l *loader, path string, form any) {
	f := form.(*privateKeyForm)
	if !l.exactlyOne(path, []string{"file", "env", "pem"}, f.File != "", f.Env != "", !f.PEM.Empty()) {
		return
	}
	at := child(path, "pem")
	switch {
	case !f.PEM.Empty():
		k.PEM, k.Source = f.PEM, "configuration file"
		l.warnIfShared(l.file, at)
	case f.File != "":
		at = child(path, "file")
		name := l.resolvePath(f.File)
		data, err := l.read(name)
		if err != nil {
			l.problem(at, err.Error(), "")
			return
		}
		l.warnIfShared(name, at)
		k.PEM, k.Source = secret.New(string(data)), "file "+name
	default:
		at = child(path, "env")
		k.PEM, k.Source = l.secretVariable(at, f.Env)
	}
	if l.faulty[at] {
		return
	}
	if _, err := k.RSA(); err != nil {
		l.keyProblem(at, k.Source, err)
	}
}

// keyProblem reports what privatekey said about a text.
func (l *loader) keyProblem(path, source string, err error) {
	e := &privatekey.Error{Problem: err.Error()}
	_ = errors.As(err, &e)
	l.problem(path, "the "+source+" "+e.Problem, e.Next)
}

// checkAuthority reads the two files of the certificate authority and tells whether they belong together.
func (l *loader) checkAuthority(i *Interception) {
	const path, hint = "interception", "make both with: docusign-auth-proxy ca"
	certPath, keyPath := child(path, "ca_cert"), child(path, "ca_key")
	cert := l.certificateFile(certPath, &i.CACert, hint)
	key := l.keyFile(keyPath, &i.CAKey, hint)
	if cert == nil || key == nil {
		return
	}
	i.CACertPEM, i.CAKeyPEM = string(cert), secret.New(string(key))
	switch _, err := authority.Load(cert, key); {
	case errors.Is(err, authority.ErrMismatch):
		l.problem(keyPath, "is not the private key of ca_cert", hint)
	case err != nil:
		l.problem(certPath, strings.TrimPrefix(err.Error(), "authority: "), hint)
	}
}

// certificateFile makes *name relative to the configuration, and returns what is in it if that is a certificate.
func (l *loader) certificateFile(path string, name *string, hint string) []byte {
	if *name == "" {
		return nil
	}
	*name = l.resolvePath(*name)
	data, err := l.read(*name)
	if err != nil {
		l.problem(path, err.Error(), hint)
		return nil
	}
	if !x509.NewCertPool().AppendCertsFromPEM(data) {
		l.problem(path, fmt.Sprintf("the file %s holds no certificate in PEM form", *name), hint)
		return nil
	}
	return data
}

// keyFile is certificateFile for a private key of any kind.
func (l *loader) keyFile(path string, name *string, hint string) []byte {
	if *name == "" {
		return nil
	}
	*name = l.resolvePath(*name)
	data, err := l.read(*name)
	if err != nil {
		l.problem(path, err.Error(), hint)
		return nil
	}
	l.warnIfShared(*name, path)
	if _, err := privatekey.Parse(data); err != nil {
		l.keyProblem(path, "file "+*name, err)
		return nil
	}
	return data
}
