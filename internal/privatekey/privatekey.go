// Package privatekey reads private keys as people have them: with a label that does not fit, escaped line ends, quotes,
// indentation, leading text. It must never put a piece of a key into an error. Packages config, translate/oauth and
// proxy/authority call it, so that a check and a start are of one mind.
package privatekey

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
)

// Bounds of the keys that sign assertions.
const (
	MinBits = 2048 // of an RSA key (RFC 7518 §3.3)
	MaxKeys = 20   // of one integration; DocuSign itself allows 5 (PROTOCOL.md §6.2)
)

const (
	maxBytes  = 64 << 10
	maxBlocks = 10
)

// Error says what a text holds in place of a usable key.
type Error struct {
	Problem string // continues a sentence about the text: "holds an OpenSSH key"
	Next    string // what to do about it, often a command
}

func (e *Error) Error() string {
	if e.Next == "" {
		return e.Problem
	}
	return e.Problem + "; " + e.Next
}

const (
	takeWhole = "copy it again, whole, from the BEGIN line to the END line"
	makeRSA   = "make an RSA key pair in DocuSign under Apps and Keys"
)

// RSA reads the key that signs assertions: RSA with at least MinBits. The error is an *Error.
func RSA(text []byte) (*rsa.PrivateKey, error) {
	signer, err := Parse(text)
	if err != nil {
		return nil, err
	}
	key, ok := signer.(*rsa.PrivateKey)
	if !ok {
		kind := "an elliptic-curve key"
		if _, ok := signer.(ed25519.PrivateKey); ok {
			kind = "an Ed25519 key"
		}
		return nil, &Error{"holds " + kind + ", and DocuSign takes RSA keys only", makeRSA}
	}
	if bits := key.N.BitLen(); bits < MinBits {
		return nil, &Error{fmt.Sprintf("holds an RSA key of %d bits, and at least %d are needed", bits, MinBits), makeRSA}
	}
	return key, nil
}

// Parse reads the first private key of any kind, in PKCS#1, PKCS#8 or SEC 1 form, by its content and not by its label.
// The error is an *Error.
func Parse(text []byte) (crypto.Signer, error) {
	switch {
	case len(bytes.TrimSpace(text)) == 0:
		return nil, &Error{"is empty", takeWhole}
	case len(text) > maxBytes:
		return nil, &Error{fmt.Sprintf("is longer than %d bytes, so it is no private key", maxBytes),
			"name the file that holds the private key"}
	case bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")):
		return nil, &Error{"is UTF-16 text", "save it as plain ASCII text"}
	case derSequence(text):
		return nil, &Error{"is binary (DER)", "convert it: openssl pkey -inform DER -in KEY -out KEY.pem"}
	case bytes.HasPrefix(text, []byte("PuTTY-User-Key-File-")):
		const toOpenSSH = "convert it: puttygen KEY -O private-openssh -o KEY.ssh && "
		return nil, &Error{"holds a PuTTY key", toOpenSSH + fromOpenSSH + "KEY.ssh"}
	}
	plain := strings.TrimPrefix(string(text), "\ufeff")
	if inner, ok := wholeBase64(plain); ok {
		plain = inner
	}
	plain = escapedEnd.ReplaceAllString(plain, "\n")
	var first error
	for _, m := range framed.FindAllStringSubmatch(plain, maxBlocks) {
		key, err := parseBlock(m[1], m[2], m[3])
		if err == nil {
			return key, nil
		}
		first = cmp.Or(first, err)
	}
	if first == nil {
		first = noBlock(plain)
	}
	return nil, first
}

// People paste PEM in more ways than encoding/pem takes: env files, YAML, JSON and chat programs quote, indent, escape
// or join the lines. No backslash belongs into PEM, and a line with a colon is a header (RFC 1421 §4.6).
var (
	escapedEnd = regexp.MustCompile(`(\\+r)?\\+n`)
	framed     = regexp.MustCompile(`-----BEGIN ([\w .]{1,40})-{5,}((?:[^-]|-[^-])*)-{5,}END ([\w .]{1,40})-----`)
	noBase64   = regexp.MustCompile(`(?m)^.*:.*$|[\s"']`)
)

// derSequence tells DER that fills the file. Base64 may begin like a short sequence: its "0" is the tag of one.
func derSequence(data []byte) bool {
	var v asn1.RawValue
	rest, err := asn1.Unmarshal(data, &v)
	return err == nil && v.Tag == asn1.TagSequence && v.IsCompound && len(bytes.TrimSpace(rest)) == 0
}

const fromOpenSSH = "ssh-keygen -p -m PEM -N '' -f "

func parseBlock(label, text, endLabel string) (crypto.Signer, error) {
	if label != endLabel {
		return nil, &Error{fmt.Sprintf("begins as %q and ends as %q", label, endLabel), takeWhole}
	}
	if strings.Contains(text, "ENCRYPTED") || strings.Contains(text, "DEK-Info") {
		return nil, encrypted()
	}
	der, err := base64.StdEncoding.DecodeString(noBase64.ReplaceAllString(text, ""))
	if err != nil {
		return nil, &Error{"holds a key whose text between the BEGIN and END lines is damaged", takeWhole}
	}
	if key, ok := parseDER(der); ok {
		return key, nil
	}
	switch {
	case label == "ENCRYPTED PRIVATE KEY" || encryptedDER(der):
		return nil, encrypted()
	case label == "OPENSSH PRIVATE KEY" || bytes.HasPrefix(der, []byte("openssh-key-v1\x00")):
		return nil, &Error{"holds an OpenSSH key", "convert a copy of it: " + fromOpenSSH + "KEY"}
	case label == "EC PRIVATE KEY", label == "EC PARAMETERS":
		return nil, &Error{"holds an elliptic-curve key that is damaged or of a curve that is not known", makeRSA}
	case strings.HasSuffix(label, "PUBLIC KEY") || publicDER(der):
		return nil, &Error{
			"holds a public key", "the private key of the pair is needed; it is shown once, when the pair is made",
		}
	case strings.Contains(label, "CERTIFICATE") || label == "X509 CRL" || certificateDER(der):
		return nil, &Error{"holds a certificate and no private key", "name the file that holds the private key"}
	case strings.HasSuffix(label, "PRIVATE KEY"):
		return nil, &Error{"holds a key that is damaged, perhaps not copied whole", takeWhole}
	}
	return nil, &Error{fmt.Sprintf("holds a PEM block %q, which is no private key", label), ""}
}

func encrypted() error {
	return &Error{"holds a key that is encrypted with a pass phrase", "decrypt it: openssl pkey -in KEY -out KEY.pem"}
}

func parseDER(der []byte) (crypto.Signer, bool) {
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, true
	}
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		signer, ok := key.(crypto.Signer)
		return signer, ok
	}
	key, err := x509.ParseECPrivateKey(der)
	return key, err == nil
}

// encryptedDER recognises EncryptedPrivateKeyInfo (RFC 5958 §3): it begins with an algorithm, other forms with a
// version.
func encryptedDER(der []byte) bool {
	var info struct {
		Algorithm struct {
			ID         asn1.ObjectIdentifier
			Parameters asn1.RawValue `asn1:"optional"`
		}
		Data []byte
	}
	rest, err := asn1.Unmarshal(der, &info)
	return err == nil && len(rest) == 0
}

func publicDER(der []byte) bool {
	if _, err := x509.ParsePKIXPublicKey(der); err == nil {
		return true
	}
	_, err := x509.ParsePKCS1PublicKey(der)
	return err == nil
}

func certificateDER(der []byte) bool {
	if _, err := x509.ParseCertificate(der); err == nil {
		return true
	}
	_, err := x509.ParseCertificateRequest(der)
	return err == nil
}

func noBlock(text string) error {
	switch begin, end := strings.Contains(text, "-----BEGIN"), strings.Contains(text, "-----END"); {
	case begin && !end:
		return &Error{"lacks the END line", takeWhole}
	case end && !begin:
		return &Error{"lacks the BEGIN line", takeWhole}
	case begin:
		return &Error{"has a damaged BEGIN or END line", takeWhole}
	case strings.HasPrefix(text, "ssh-") || strings.HasPrefix(text, "ecdsa-"):
		return &Error{"holds the public half of an OpenSSH key", "the private key is needed, in PEM form"}
	}
	return &Error{"holds no PEM: a line with BEGIN RSA PRIVATE KEY or BEGIN PRIVATE KEY comes first", takeWhole}
}

// wholeBase64 undoes the base64 around a PEM file that some put into a variable to have one line.
func wholeBase64(text string) (string, bool) {
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(strings.Trim(text, "\"' \r\n\t")), ""))
	return string(raw), err == nil && bytes.Contains(raw, []byte("-----BEGIN"))
}
