package config

import (
	"bytes"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"docusign-auth-proxy/internal/secret"
)

// MinKeyBits is the shortest RSA key accepted, in bits (RFC 7518 §3.3).
const MinKeyBits = 2048

// PrivateKey is an RSA private key that signs assertions.
type PrivateKey struct {
	// PEM is the text of the key.
	PEM secret.Text
	// Source is where it came from, as in "file keys/new.pem", fit for a message.
	Source string
}

// RSA returns the parsed key. There is no error for a key from a loaded configuration.
func (k PrivateKey) RSA() (*rsa.PrivateKey, error) { return parseRSA([]byte(k.PEM.Reveal())) }

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
		k.PEM, k.Source = l.secret(path, f.File, "")
	default:
		at = child(path, "env")
		k.PEM, k.Source = l.secret(path, "", f.Env)
		k.PEM = secret.New(withLineEnds(k.PEM.Reveal()))
	}
	if l.faulty[at] {
		return
	}
	if _, err := k.RSA(); err != nil {
		l.problem(at, fmt.Sprintf("the %s %v", k.Source, err), "DocuSign gives the key as an RSA PRIVATE KEY in PEM form")
	}
}

// withLineEnds undoes the \n that tools write for the line ends of a variable.
func withLineEnds(text string) string {
	if strings.Contains(text, "\n") {
		return text
	}
	return strings.ReplaceAll(text, `\n`, "\n")
}

// parseRSA finds the first private key. Its errors continue a sentence and never repeat a piece of the text.
func parseRSA(text []byte) (*rsa.PrivateKey, error) {
	empty := true
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			empty = false
			continue
		}
		key, err := parseRSABlock(block)
		if err != nil {
			return nil, err
		}
		if bits := key.N.BitLen(); bits < MinKeyBits {
			return nil, fmt.Errorf("holds an RSA key of %d bits; at least %d are needed", bits, MinKeyBits)
		}
		return key, nil
	}
	if empty {
		return nil, errors.New("holds nothing in PEM form")
	}
	return nil, errors.New("holds a public key or a certificate, not the private key")
}

func parseRSABlock(block *pem.Block) (*rsa.PrivateKey, error) {
	if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
		return nil, errors.New("holds a key that is locked with a passphrase")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("holds a damaged key, or one that is not RSA")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("holds a key that is not RSA")
	}
	return key, nil
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
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		l.problem(keyPath, "is not the private key of ca_cert", hint)
		return
	}
	if !pair.Leaf.IsCA {
		l.problem(certPath, "is not the certificate of an authority", hint)
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
	if !bytes.Contains(data, []byte("PRIVATE KEY-----")) {
		l.problem(path, fmt.Sprintf("the file %s holds no private key in PEM form", *name), hint)
		return nil
	}
	return data
}
