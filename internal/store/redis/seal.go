package redis

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"sync/atomic"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/store"
)

// ErrKey means that what the store has was not sealed with the key at hand.
var ErrKey = errors.New("the store was sealed with another store.key")

const (
	keySize  = 32
	nameSize = 18 // bytes of a name's digest, 24 characters
	tagSize  = 16
)

// keyring seals values and hides names. Values are sealed with a key made of store.key; names are hidden with a random
// secret that lies in meta, sealed, so that they stay when store.key changes.
type keyring struct {
	namespace string
	now       cipher.AEAD
	before    cipher.AEAD            // nil = there is no previous key
	names     atomic.Pointer[[]byte] // set by the first Connect
}

func newKeyring(o Options) *keyring {
	k := &keyring{namespace: o.Namespace, now: aead(o.Key)}
	if o.PreviousKey != nil {
		k.before = aead(o.PreviousKey)
	}
	return k
}

// aead makes the cipher of a key of 32 bytes, which config has checked.
func aead(key []byte) cipher.AEAD {
	derived, err := hkdf.Key(sha256.New, key, nil, "docusign-auth-proxy shared store values", keySize)
	if err != nil {
		panic(err) // only for a size that SHA-256 cannot give
	}
	sealer, err := store.Sealer(derived)
	if err != nil {
		panic(err)
	}
	return sealer
}

// seal hides a value. place is where it lies: it opens nowhere else.
func (k *keyring) seal(value []byte, place ...string) []byte {
	return k.now.Seal(nil, nil, value, k.bound(place))
}

// open gives a sealed value, and whether it has to be sealed anew with the key of now.
func (k *keyring) open(sealed []byte, place ...string) (value []byte, old bool, err error) {
	bound := k.bound(place)
	if value, err = k.now.Open(nil, nil, sealed, bound); err == nil {
		return value, false, nil
	}
	if k.before != nil {
		if value, err = k.before.Open(nil, nil, sealed, bound); err == nil {
			return value, true, nil
		}
	}
	return nil, false, ErrKey
}

func (k *keyring) bound(place []string) []byte {
	return []byte(k.namespace + "\x00" + strings.Join(place, "\x00"))
}

// name is what stands in the store for a name of that sort: the same for the same name, and nothing tells it.
func (k *keyring) name(parts ...string) string {
	return base64.RawURLEncoding.EncodeToString(k.digest(parts...)[:nameSize])
}

// tag tells two values of a place apart without telling them.
func (k *keyring) tag(value []byte, place ...string) string {
	return string(k.digest(append([]string{"tag", string(value)}, place...)...)[:tagSize])
}

func (k *keyring) digest(parts ...string) []byte {
	var names []byte
	if set := k.names.Load(); set != nil { // else nothing of it leaves this process
		names = *set
	}
	return secret.MAC(names, parts...)
}

// openNames opens the secret of the names, as it lies in meta; old tells that it has to be sealed anew.
func (k *keyring) openNames(sealed []byte) (names []byte, old bool, err error) {
	if names, old, err = k.open(sealed, "meta", "names"); err != nil {
		err = &Fault{kind: err, row: cause.StoreKey}
	}
	return names, old, err
}
