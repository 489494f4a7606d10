package oauth

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
)

const (
	minKeyBits  = 2048
	maxKeyBytes = 64 << 10
)

// Key is an RSA private key of an integration key. It prints as its name and fingerprint.
type Key struct {
	ID      string // fingerprint: first 8 bytes of the SHA-256 of the public key (SubjectPublicKeyInfo), hexadecimal
	Name    string // where it came from, for messages
	private *rsa.PrivateKey
}

// NewKey wraps a key already parsed. It fails for keys under 2048 bits or whose numbers do not fit together.
func NewKey(name string, private *rsa.PrivateKey) (*Key, error) {
	if bits := private.N.BitLen(); bits < minKeyBits {
		return nil, fmt.Errorf("private key %s: %d bits, at least %d are needed; make a new key pair in Apps and Keys", name, bits, minKeyBits)
	}
	if err := private.Validate(); err != nil {
		return nil, fmt.Errorf("private key %s: its numbers do not fit together: %w", name, err)
	}
	public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("private key %s: %w", name, err)
	}
	sum := sha256.Sum256(public)
	return &Key{ID: hex.EncodeToString(sum[:8]), Name: name, private: private}, nil
}

// ParsePrivateKey reads an RSA private key in PEM, PKCS#1 as Apps and Keys hands it out or PKCS#8. Damage by indentation,
// CRLF, a byte order mark, escaped or lost line ends is repaired. Errors name the key by name and say what the file is instead.
func ParsePrivateKey(name string, data []byte) (*Key, error) {
	private, err := parsePrivateKey(data)
	if err != nil {
		return nil, fmt.Errorf("private key %s: %w", name, err)
	}
	return NewKey(name, private)
}

// Public returns the public half.
func (k *Key) Public() *rsa.PublicKey { return &k.private.PublicKey }

func (k *Key) String() string { return k.Name + " (" + k.ID + ")" }

func parsePrivateKey(data []byte) (*rsa.PrivateKey, error) {
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return nil, errors.New("empty")
	case len(data) > maxKeyBytes:
		return nil, fmt.Errorf("longer than %d bytes, so not a private key", maxKeyBytes)
	case bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")):
		return nil, errors.New("saved as UTF-16; save it as plain ASCII text")
	case derSequence(data):
		return nil, errors.New("binary (DER); convert it: openssl pkey -inform DER -in KEY -out KEY.pem")
	}
	blocks, err := pemBlocks(data)
	if err != nil {
		return nil, err
	}
	var first error
	for _, b := range blocks {
		private, err := parseBlock(b)
		if err == nil {
			return private, nil
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

func parseBlock(b *pem.Block) (*rsa.PrivateKey, error) {
	if b.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(b.Headers["Proc-Type"], "ENCRYPTED") {
		return nil, errors.New("encrypted with a pass phrase; decrypt it: openssl pkey -in KEY -out KEY.pem")
	}
	switch b.Type {
	case "RSA PRIVATE KEY":
		private, err := x509.ParsePKCS1PrivateKey(b.Bytes)
		if err != nil {
			return nil, fmt.Errorf("damaged, it was perhaps not copied whole: %w", err)
		}
		return private, nil
	case "PRIVATE KEY":
		return parsePKCS8(b.Bytes)
	case "EC PRIVATE KEY", "EC PARAMETERS":
		return nil, errors.New("an elliptic-curve key; DocuSign takes RSA keys only")
	case "PUBLIC KEY", "RSA PUBLIC KEY":
		return nil, errors.New("a public key; the private key of the pair is needed (shown once when the pair is made)")
	case "CERTIFICATE", "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST", "X509 CRL":
		return nil, errors.New("a certificate; the RSA private key made in Apps and Keys is needed")
	case "OPENSSH PRIVATE KEY":
		return nil, errors.New("an OpenSSH key; convert it: ssh-keygen -p -m PEM -f KEY")
	}
	return nil, fmt.Errorf("PEM block %q is not an RSA private key", clean(b.Type, 40))
}

func parsePKCS8(der []byte) (*rsa.PrivateKey, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("damaged, it was perhaps not copied whole: %w", err)
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return key, nil
	case *ecdsa.PrivateKey:
		return nil, errors.New("an elliptic-curve key; DocuSign takes RSA keys only")
	}
	return nil, fmt.Errorf("a %T; DocuSign takes RSA keys only", key)
}

// pemBlocks finds PEM blocks the way people paste them: encoding/pem wants BEGIN at the start of a line, and env files,
// YAML and chat programs indent, escape or join the lines.
func pemBlocks(data []byte) ([]*pem.Block, error) {
	text := string(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))
	if !strings.Contains(text, "\n") {
		text = strings.NewReplacer(`\r\n`, "\n", `\n`, "\n").Replace(text)
	}
	if blocks := decodeAll([]byte(trimLines(text))); len(blocks) > 0 {
		return blocks, nil
	}
	framed := regexp.MustCompile(`(?s)-----BEGIN ([A-Z0-9 ]{1,40})-----(.*?)-----END ([A-Z0-9 ]{1,40})-----`).FindAllStringSubmatch(text, 10)
	var blocks []*pem.Block
	for _, m := range framed {
		if m[1] != m[3] {
			return nil, fmt.Errorf("begins as %q and ends as %q", m[1], m[3])
		}
		der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(m[2]), ""))
		if err != nil {
			return nil, fmt.Errorf("the text between the BEGIN and END lines is damaged: %w", err)
		}
		blocks = append(blocks, &pem.Block{Type: m[1], Bytes: der})
	}
	if len(blocks) > 0 {
		return blocks, nil
	}
	switch begin, end := strings.Contains(text, "-----BEGIN"), strings.Contains(text, "-----END"); {
	case begin && !end:
		return nil, errors.New("the END line is missing, it was not copied whole")
	case end && !begin:
		return nil, errors.New("the BEGIN line is missing, it was not copied whole")
	case begin:
		return nil, errors.New("the BEGIN or END line is damaged")
	}
	return nil, errors.New(`not PEM: it should start with "-----BEGIN RSA PRIVATE KEY-----"`)
}

func decodeAll(data []byte) []*pem.Block {
	var blocks []*pem.Block
	for len(blocks) < 10 {
		b, rest := pem.Decode(data)
		if b == nil {
			return blocks
		}
		blocks, data = append(blocks, b), rest
	}
	return blocks
}

func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimSpace(l)
	}
	return strings.Join(lines, "\n") + "\n"
}

// issuer is an Issuer at work: it remembers which key the account server took last.
type issuer struct {
	id   string
	keys []*Key
	good atomic.Pointer[Key]
}

func indexIssuers(list []Issuer) (map[string]*issuer, error) {
	byID := make(map[string]*issuer, len(list))
	var problems []error
	for _, is := range list {
		switch {
		case is.ClientID == "":
			problems = append(problems, errors.New("issuer without client id"))
			continue
		case byID[is.ClientID] != nil:
			problems = append(problems, fmt.Errorf("issuer %s is given twice", is.ClientID))
			continue
		case len(is.Keys) > maxKeys:
			problems = append(problems, fmt.Errorf("issuer %s has %d keys, at most %d make sense", is.ClientID, len(is.Keys), maxKeys))
		}
		for i, k := range is.Keys {
			if k == nil || k.private == nil {
				problems = append(problems, fmt.Errorf("issuer %s: key %d is missing", is.ClientID, i+1))
			}
		}
		byID[is.ClientID] = &issuer{id: is.ClientID, keys: is.Keys}
	}
	return byID, errors.Join(problems...)
}

// order returns the keys to try: the one that worked last, then the others as configured.
func (is *issuer) order() []*Key {
	good := is.good.Load()
	if good == nil || len(is.keys) < 2 || is.keys[0] == good {
		return is.keys
	}
	keys := append(make([]*Key, 0, len(is.keys)), good)
	for _, k := range is.keys {
		if k != good {
			keys = append(keys, k)
		}
	}
	return keys
}

func (is *issuer) find(keyID string) *Key {
	for _, k := range is.keys {
		if k.ID == keyID {
			return k
		}
	}
	return nil
}

func (is *issuer) sharesKey(old *issuer) bool {
	if is == nil || old == nil {
		return false
	}
	for _, k := range old.keys {
		if is.find(k.ID) != nil {
			return true
		}
	}
	return false
}

func (is *issuer) adopt(old *issuer) {
	if old == nil {
		return
	}
	if good := old.good.Load(); good != nil {
		is.good.Store(is.find(good.ID))
	}
}
