// Package privatekey reads private keys as people have them: with a label that does not fit, escaped line ends, quotes,
// indentation, leading text. It must never put a piece of a key into an error. Packages config, translate/oauth and
// proxy/authority call it, so that a check and a start are of one mind.
package privatekey

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
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
		return nil, &Error{fmt.Sprintf("holds %s, and DocuSign takes RSA keys only", kindOf(signer)), makeRSA}
	}
	if bits := key.N.BitLen(); bits < MinBits {
		return nil, &Error{fmt.Sprintf("holds an RSA key of %d bits, and at least %d are needed", bits, MinBits), makeRSA}
	}
	return key, nil
}

func kindOf(key crypto.Signer) string {
	switch name := strings.TrimPrefix(fmt.Sprintf("%T", key), "*"); name {
	case "ecdsa.PrivateKey":
		return "an elliptic-curve key"
	case "ed25519.PrivateKey":
		return "an Ed25519 key"
	default:
		return "a key of type " + name
	}
}

// Parse reads the first private key of any kind, in PKCS#1, PKCS#8 or SEC 1 form, by its content and not by its label.
// The error is an *Error.
func Parse(text []byte) (crypto.Signer, error) {
	switch {
	case len(bytes.TrimSpace(text)) == 0:
		return nil, &Error{"is empty", ""}
	case len(text) > maxBytes:
		return nil, &Error{fmt.Sprintf("is longer than %d bytes, so it is no private key", maxBytes), ""}
	case bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")):
		return nil, &Error{"is UTF-16 text", "save it as plain ASCII text"}
	case derSequence(text):
		return nil, &Error{"is binary (DER)", "convert it: openssl pkey -inform DER -in KEY -out KEY.pem"}
	case bytes.HasPrefix(text, []byte("PuTTY-User-Key-File-")):
		const toOpenSSH = "convert it: puttygen KEY -O private-openssh -o KEY.ssh && "
		return nil, &Error{"holds a PuTTY key", toOpenSSH + fromOpenSSH + "KEY.ssh"}
	}
	blocks, err := decode(string(text))
	if err != nil {
		return nil, err
	}
	var first error
	for _, b := range blocks {
		key, err := parseBlock(b)
		if err == nil {
			return key, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// derSequence tells DER that fills the file. Base64 may begin like a short sequence: its "0" is the tag of one.
func derSequence(data []byte) bool {
	var v asn1.RawValue
	rest, err := asn1.Unmarshal(data, &v)
	return err == nil && v.Tag == asn1.TagSequence && v.IsCompound && len(bytes.TrimSpace(rest)) == 0
}

const fromOpenSSH = "ssh-keygen -p -m PEM -N '' -f "

func parseBlock(b *pem.Block) (crypto.Signer, error) {
	if strings.Contains(b.Headers["Proc-Type"], "ENCRYPTED") || b.Headers["DEK-Info"] != "" {
		return nil, encrypted()
	}
	if key, ok := parseDER(b.Bytes); ok {
		return key, nil
	}
	switch {
	case b.Type == "ENCRYPTED PRIVATE KEY" || encryptedDER(b.Bytes):
		return nil, encrypted()
	case b.Type == "OPENSSH PRIVATE KEY" || bytes.HasPrefix(b.Bytes, []byte("openssh-key-v1\x00")):
		return nil, &Error{"holds an OpenSSH key", "convert a copy of it: " + fromOpenSSH + "KEY"}
	case b.Type == "EC PRIVATE KEY", b.Type == "EC PARAMETERS":
		return nil, &Error{"holds an elliptic-curve key that is damaged or of a curve that is not known", makeRSA}
	case strings.HasSuffix(b.Type, "PUBLIC KEY") || publicDER(b.Bytes):
		return nil, &Error{
			"holds a public key", "the private key of the pair is needed; it is shown once, when the pair is made",
		}
	case strings.Contains(b.Type, "CERTIFICATE") || b.Type == "X509 CRL" || certificateDER(b.Bytes):
		return nil, &Error{"holds a certificate and no private key", "name the file that holds the private key"}
	case strings.HasSuffix(b.Type, "PRIVATE KEY"):
		return nil, &Error{"holds a key that is damaged, perhaps not copied whole", takeWhole}
	}
	return nil, &Error{fmt.Sprintf("holds a PEM block %.40q, which is no private key", b.Type), ""}
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

var (
	escapedEnd = regexp.MustCompile(`(\\+r)?\\+n`)
	framed     = regexp.MustCompile(`(?s)-----BEGIN ([A-Z0-9 ]{1,40})-----(.*?)-----END ([A-Z0-9 ]{1,40})-----`)
)

// decode finds PEM blocks the way people paste them: encoding/pem wants BEGIN at the start of a line, and env files,
// YAML, JSON and chat programs quote, indent, escape or join the lines. No backslash belongs into PEM.
func decode(text string) ([]*pem.Block, error) {
	text = strings.TrimPrefix(text, "\ufeff")
	if inner, ok := wholeBase64(text); ok {
		text = inner
	}
	text = escapedEnd.ReplaceAllString(text, "\n")
	if blocks := decodeLines(text); len(blocks) > 0 {
		return blocks, nil
	}
	var blocks []*pem.Block
	for _, m := range framed.FindAllStringSubmatch(text, maxBlocks) {
		if m[1] != m[3] {
			return nil, &Error{fmt.Sprintf("begins as %q and ends as %q", m[1], m[3]), takeWhole}
		}
		if strings.Contains(m[2], "ENCRYPTED") {
			return nil, encrypted()
		}
		der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(m[2]), ""))
		if err != nil {
			return nil, &Error{"holds a key whose text between the BEGIN and END lines is damaged", takeWhole}
		}
		blocks = append(blocks, &pem.Block{Type: m[1], Bytes: der})
	}
	if len(blocks) == 0 {
		return nil, noBlock(text)
	}
	return blocks, nil
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

func decodeLines(text string) []*pem.Block {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = strings.Trim(l, "\"' \t\r")
	}
	data := []byte(strings.Join(lines, "\n") + "\n")
	var blocks []*pem.Block
	for len(blocks) < maxBlocks {
		b, rest := pem.Decode(data)
		if b == nil {
			break
		}
		blocks, data = append(blocks, b), rest
	}
	return blocks
}
