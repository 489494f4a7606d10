package store

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"docusign-auth-proxy/internal/files"
)

const keySize = 32

// keyring holds the master key, kept in a file beside the store so that a copy of the store alone gives nothing away.
type keyring struct {
	path string // empty: the key lives in memory only

	mu     sync.Mutex
	master []byte
	before []byte // the master key of before, which still opens; nil = there is none
}

// all derives the keys for one purpose: the one of now, and the one of before if there is one. Without a key file it
// makes one if create is set, else it is fs.ErrNotExist.
func (k *keyring) all(purpose string, create bool) (keys [][]byte, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.master == nil {
		master, err := k.read()
		if errors.Is(err, fs.ErrNotExist) && create {
			master, err = k.create()
		}
		if err != nil {
			return nil, err
		}
		k.master = master
	}
	for _, master := range [][]byte{k.master, k.before} {
		if master == nil {
			continue
		}
		key, err := hkdf.Key(sha256.New, master, nil, program+" "+purpose, keySize)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// key is the one of now.
func (k *keyring) key(purpose string, create bool) ([]byte, error) {
	keys, err := k.all(purpose, create)
	if err != nil {
		return nil, err
	}
	return keys[0], nil
}

// cipher encrypts for one purpose; nonces are its own.
func (k *keyring) cipher(purpose string, create bool) (cipher.AEAD, error) {
	keys, err := k.all(purpose, create)
	if err != nil {
		return nil, err
	}
	now, err := Sealer(keys[0])
	if err != nil || len(keys) == 1 {
		return now, err
	}
	before, err := Sealer(keys[1])
	return either{now, before}, err
}

// either seals with the key of now, and opens what that or the key of before has sealed.
type either struct {
	cipher.AEAD
	before cipher.AEAD
}

// Open is that of cipher.AEAD.
func (e either) Open(dst, nonce, sealed, bound []byte) ([]byte, error) {
	if opened, err := e.AEAD.Open(dst, nonce, sealed, bound); err == nil {
		return opened, nil
	}
	return e.before.Open(dst, nonce, sealed, bound)
}

// renewed is what the key of before has sealed, sealed with the key of now. ok is false for all else.
func (e either) renewed(sealed, bound []byte) (fresh []byte, ok bool) {
	if _, err := e.AEAD.Open(nil, nil, sealed, bound); err == nil {
		return nil, false
	}
	opened, err := e.before.Open(nil, nil, sealed, bound)
	if err != nil {
		return nil, false
	}
	return e.Seal(nil, nil, opened, bound), true
}

// Sealer encrypts with a key of 32 bytes, and makes a nonce for each value.
func Sealer(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (k *keyring) read() ([]byte, error) {
	info, err := os.Stat(k.path)
	if err == nil && openToAll(info) {
		return nil, fmt.Errorf("key file %s: mode %04o lets every user of the machine read it; run: chmod 600 %s",
			k.path, info.Mode().Perm(), k.path)
	}
	text, err := os.ReadFile(k.path)
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	master, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(master) != keySize {
		return nil, fmt.Errorf("key file %s: not a key; put a copy from a backup in its place, or move it away to have "+
			"a new one made (refresh tokens must then be obtained again)", k.path)
	}
	return master, nil
}

// create is called with mu held.
func (k *keyring) create() (master []byte, err error) {
	master = random(keySize)
	return master, k.keep(master)
}

// keep writes the key under another name first: half a key must never be found under the right one.
func (k *keyring) keep(master []byte) (err error) {
	if k.path == "" {
		return nil
	}
	defer wrap(&err, "make key file")
	if err := files.Replace(k.path, []byte(keyText(master)), 0o600); err != nil {
		return err
	}
	return syncDir(filepath.Dir(k.path))
}

// NewKey makes the text of a key file.
func NewKey() string { return keyText(random(keySize)) }

func keyText(master []byte) string { return base64.StdEncoding.EncodeToString(master) + "\n" }

// KeyFingerprint tells two key files apart without telling the keys.
func KeyFingerprint(path string) (string, error) {
	key, err := (&keyring{path: path}).key("fingerprint", false)
	return hex.EncodeToString(key[:min(6, len(key))]), err
}

// takeFrom takes over the key of another store where this one has none; else it has to be the same.
func (k *keyring) takeFrom(o *keyring) error {
	const purpose = "comparison"
	theirs, err := o.key(purpose, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was made with it
	}
	if err != nil {
		return err
	}
	ours, err := k.key(purpose, false)
	if errors.Is(err, fs.ErrNotExist) {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.master = o.master
		return k.keep(k.master)
	}
	if err == nil && !bytes.Equal(ours, theirs) {
		err = ErrOtherKey
	}
	return err
}

func random(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.Read(b) // documented never to fail
	return b
}
