package oauth

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"slices"
	"sync/atomic"
)

// Key is an RSA private key of an integration key. It prints as its name and fingerprint.
type Key struct {
	ID      string // fingerprint: first 8 bytes of the SHA-256 of the public key (SubjectPublicKeyInfo), hexadecimal
	Name    string // where it came from, for messages
	private *rsa.PrivateKey
}

// NewKey wraps a key that privatekey.RSA has read.
func NewKey(name string, private *rsa.PrivateKey) *Key {
	public, _ := x509.MarshalPKIXPublicKey(&private.PublicKey) // does not fail for RSA
	sum := sha256.Sum256(public)
	return &Key{ID: hex.EncodeToString(sum[:8]), Name: name, private: private}
}

// Public returns the public half.
func (k *Key) Public() *rsa.PublicKey { return &k.private.PublicKey }

func (k *Key) String() string { return k.Name + " (" + k.ID + ")" }

// issuer is an integration key at work: it remembers which private key the account server took last.
type issuer struct {
	keys []*Key
	good atomic.Pointer[Key]
}

// order returns the keys to try: the one that worked last, then the others as configured.
func (is *issuer) order() []*Key {
	good := is.good.Load()
	if good == nil {
		return is.keys
	}
	others := slices.DeleteFunc(slices.Clone(is.keys), func(k *Key) bool { return k == good })
	return append([]*Key{good}, others...)
}

// find gives the key that is the same as k, which may be nil.
func (is *issuer) find(k *Key) *Key {
	for _, own := range is.keys {
		if k != nil && own.ID == k.ID {
			return own
		}
	}
	return nil
}

func (is *issuer) sharesKey(old *issuer) bool {
	return is != nil && old != nil && slices.ContainsFunc(old.keys, func(k *Key) bool { return is.find(k) != nil })
}
