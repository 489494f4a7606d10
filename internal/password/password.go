// Package password keeps what a password is compared with: a bcrypt or Argon2id hash, or the password in clear. It
// must never print either. Package config makes the values, package translate compares with them.
package password

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"docusign-auth-proxy/internal/secret"
)

// Kind says how a Password is kept. Its numbers are part of Fingerprint.
type Kind uint8

const (
	None Kind = iota // nothing matches
	KindBcrypt
	KindArgon2id
	KindPlain
)

func (k Kind) String() string { return [...]string{"", "bcrypt", "argon2id", "plain"}[k] }

// Password is what a candidate is compared with. The zero value matches nothing.
type Password struct {
	kind   Kind
	text   secret.Text // the hash as it was written, or the password
	weight uint64      // see Slowest
	cost   string      // see Cost
	weak   string      // see Weakness
	argon2 *argon2Hash // with KindArgon2id
}

// Bounds of the hashes: a quicker one does not withstand guessing, with a slower one a few guesses stop the proxy.
const (
	minBcryptCost   = 10
	maxBcryptCost   = 16
	minArgon2Memory = 19 * 1024   // KiB, the least that OWASP's Password Storage Cheat Sheet advises
	maxArgon2Memory = 1024 * 1024 // KiB
	maxArgon2Time   = 64
	minArgon2Salt   = 8 // bytes
	minArgon2Sum    = 16
	maxArgon2Bytes  = 64 // of salt and of hash
)

// MaxBcrypt is how much of a password bcrypt reads, in bytes.
const MaxBcrypt = 72

var bcryptSyntax = regexp.MustCompile(`^\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}$`)

// Bcrypt is a hash as in "$2a$10$…". The error continues a sentence about the hash.
func Bcrypt(hash string) (Password, error) {
	m := bcryptSyntax.FindStringSubmatch(hash)
	if m == nil {
		return Password{}, errors.New("is not a bcrypt hash")
	}
	cost := atoi(m[1])
	if cost > maxBcryptCost {
		return Password{}, fmt.Errorf("has cost %d, which takes seconds for each check; at most %d", cost, maxBcryptCost)
	}
	p := Password{kind: KindBcrypt, text: secret.New(hash), weight: 70 << cost, cost: hash[:len("$2a$10$")]}
	if cost < minBcryptCost {
		p.weak = fmt.Sprintf("has cost %d, which is quick to guess; better at least %d", cost, minBcryptCost)
	}
	return p, nil
}

// Plain is a password known in clear.
func Plain(text secret.Text) Password {
	if text.Empty() {
		return Password{}
	}
	return Password{kind: KindPlain, text: text, weight: 1}
}

type argon2Hash struct {
	memory, time uint32 // memory in KiB
	threads      uint8
	salt, sum    []byte
}

// The PHC string format as the Argon2 reference implementation writes it.
var argon2Syntax = regexp.MustCompile(
	`^\$argon2id\$v=(\d{1,9})\$m=(\d{1,10}),t=(\d{1,10}),p=(\d{1,10})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$`)

// Argon2id is a hash in PHC form, as in "$argon2id$v=19$m=65536,t=3,p=2$salt$hash". The error continues a sentence
// about it.
func Argon2id(hash string) (Password, error) {
	m := argon2Syntax.FindStringSubmatch(hash)
	if m == nil {
		return Password{}, errors.New("is not an Argon2id hash")
	}
	version, memory, time, threads := atoi(m[1]), atoi(m[2]), atoi(m[3]), atoi(m[4])
	salt, saltErr := base64.RawStdEncoding.DecodeString(m[5])
	sum, sumErr := base64.RawStdEncoding.DecodeString(m[6])
	const inBase64 = "bytes in base64 without padding"
	switch {
	case version != argon2.Version:
		return Password{}, fmt.Errorf("has Argon2 version %d; 19 is understood", version)
	case threads < 1 || threads > math.MaxUint8:
		return Password{}, errors.New("needs p between 1 and 255")
	case time < 1 || time > maxArgon2Time:
		return Password{}, fmt.Errorf("needs t between 1 and %d", maxArgon2Time)
	case memory < 8*threads || memory > maxArgon2Memory:
		return Password{}, fmt.Errorf("needs m between 8 times p and %d (KiB)", maxArgon2Memory)
	case saltErr != nil || len(salt) < minArgon2Salt || len(salt) > maxArgon2Bytes:
		return Password{}, fmt.Errorf("needs a salt of %d to %d %s", minArgon2Salt, maxArgon2Bytes, inBase64)
	case sumErr != nil || len(sum) < minArgon2Sum || len(sum) > maxArgon2Bytes:
		return Password{}, fmt.Errorf("needs a hash of %d to %d %s", minArgon2Sum, maxArgon2Bytes, inBase64)
	}
	p := Password{kind: KindArgon2id, text: secret.New(hash), weight: uint64(memory) * uint64(time)}
	p.cost = fmt.Sprintf("$argon2id$m=%d,t=%d,p=%d$", memory, time, threads)
	if memory < minArgon2Memory {
		p.weak = fmt.Sprintf("takes %d KiB of memory, which is quick to guess; better at least %d", memory, minArgon2Memory)
	}
	p.argon2 = &argon2Hash{uint32(memory), uint32(time), uint8(threads), salt, sum}
	return p, nil
}

// atoi reads digits that a regular expression has let through; more than an int holds becomes its largest value.
func atoi(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return math.MaxInt
	}
	return n
}

// Kind says how the password is kept.
func (p Password) Kind() Kind { return p.kind }

// Clear is the password where it is known in clear, for those who keep it out of their output.
func (p Password) Clear() secret.Text {
	if p.kind == KindPlain {
		return p.text
	}
	return secret.Text{}
}

// Weakness continues a sentence about a hash that is quick to guess; "" = it is not.
func (p Password) Weakness() string { return p.weak }

// Slow reports whether Verify costs tens of milliseconds of CPU.
func (p Password) Slow() bool { return p.cost != "" }

// Cost names what Verify takes: kind and parameters, the same for all hashes that take the same time; "" for those
// that are not Slow.
func (p Password) Cost() string { return p.cost }

// Slowest gives the password whose check takes longer, roughly: bcrypt doubles with each step of its cost, Argon2id
// grows with memory and passes.
func Slowest(a, b Password) Password {
	if b.weight > a.weight {
		return b
	}
	return a
}

// Fingerprint distinguishes passwords without giving them away. It is kept with what a password vouches for, so it
// never changes.
func (p Password) Fingerprint() [32]byte {
	hash, plain := p.text.Reveal(), ""
	if p.kind == KindPlain {
		hash, plain = "", hash
	}
	return sha256.Sum256([]byte(string(rune(p.kind)) + hash + "\x00" + plain))
}

// Verify reports whether candidate is the password. Its time does not depend on how much of it is right.
func (p Password) Verify(candidate secret.Text) bool {
	switch p.kind {
	case KindBcrypt:
		return bcrypt.CompareHashAndPassword([]byte(p.text.Reveal()), []byte(candidate.Reveal())) == nil
	case KindArgon2id:
		return subtle.ConstantTimeCompare(p.argon2.of(candidate, len(p.argon2.sum)), p.argon2.sum) == 1
	case KindPlain:
		return p.text.Equal(candidate)
	}
	return false
}

func (h *argon2Hash) of(p secret.Text, size int) []byte {
	return argon2.IDKey([]byte(p.Reveal()), h.salt, h.time, h.memory, h.threads, uint32(size))
}

// HashBcrypt makes the text that Bcrypt takes. A password longer than MaxBcrypt is an error.
func HashBcrypt(p secret.Text, cost int) (string, error) {
	h, err := bcrypt.GenerateFromPassword([]byte(p.Reveal()), cost)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return string(h), nil
}

// HashArgon2id makes the text that Argon2id takes, with RFC 9106's second recommended setting (64 MiB, 3 passes).
func HashArgon2id(p secret.Text) string {
	h := argon2Hash{memory: 64 * 1024, time: 3, threads: 4, salt: make([]byte, 16)}
	_, _ = rand.Read(h.salt) // documented never to fail
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.threads,
		b64.EncodeToString(h.salt), b64.EncodeToString(h.of(p, 32)))
}
