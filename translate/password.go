package translate

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"docusign-auth-proxy/internal/secret"
)

// Password is what a user's legacy password is checked against. The zero value matches nothing.
type Password struct {
	kind  passwordKind
	hash  string
	plain secret.Text
}

type passwordKind uint8

const (
	passwordNone passwordKind = iota
	passwordBcrypt
	passwordArgon2id
	passwordPlain
)

// Limits of argon2id hashes that are accepted: a hash comes from the configuration, but a typing error must not take the machine's memory.
const (
	maxArgonMemory = 1 << 20 // KiB
	maxArgonTime   = 64
)

// BcryptPassword checks against a bcrypt hash ("$2a$10$…").
func BcryptPassword(hash string) (Password, error) {
	if _, err := bcrypt.Cost([]byte(hash)); err != nil {
		return Password{}, fmt.Errorf("bcrypt hash: %w", err)
	}
	return Password{kind: passwordBcrypt, hash: hash}, nil
}

// Argon2idPassword checks against a hash in PHC form ("$argon2id$v=19$m=65536,t=3,p=2$salt$hash").
func Argon2idPassword(hash string) (Password, error) {
	if _, err := parseArgon2id(hash); err != nil {
		return Password{}, fmt.Errorf("argon2id hash: %w", err)
	}
	return Password{kind: passwordArgon2id, hash: hash}, nil
}

// PlainPassword checks against a password known in clear, from a file or the environment.
func PlainPassword(p secret.Text) (Password, error) {
	if p.Empty() {
		return Password{}, errors.New("the password is empty")
	}
	return Password{kind: passwordPlain, plain: p}, nil
}

// slow reports whether Verify costs tens of milliseconds of CPU.
func (p Password) slow() bool { return p.kind == passwordBcrypt || p.kind == passwordArgon2id }

// cost names what Verify takes: kind and parameters, the same for all hashes that take the same time.
func (p Password) cost() string {
	if p.kind == passwordBcrypt {
		return p.hash[:min(7, len(p.hash))] // "$2a$10$"
	}
	return p.hash[:strings.LastIndexByte(p.hash[:strings.LastIndexByte(p.hash, '$')], '$')]
}

// slower orders passwords by what Verify takes, roughly: bcrypt doubles with each step of its cost, argon2id grows with memory and passes.
func (p Password) slower(o Password) bool { return p.weight() > o.weight() }

func (p Password) weight() uint64 {
	switch p.kind {
	case passwordBcrypt:
		cost, _ := bcrypt.Cost([]byte(p.hash))
		return 70 << cost
	case passwordArgon2id:
		h, _ := parseArgon2id(p.hash)
		return uint64(h.memory) * uint64(h.time)
	case passwordPlain:
		return 1
	}
	return 0
}

// slowestOf gives the password whose check takes longest.
func slowestOf(passwords []Password) Password {
	var slowest Password
	for _, p := range passwords {
		if p.slower(slowest) {
			slowest = p
		}
	}
	return slowest
}

// fingerprint distinguishes passwords without giving them away; part of the key under which proofs are remembered.
func (p Password) fingerprint() [32]byte {
	return sha256.Sum256([]byte(string(rune(p.kind)) + p.hash + "\x00" + p.plain.Reveal()))
}

// Verify reports whether candidate is the password. Its time does not depend on how much of it is right.
func (p Password) Verify(candidate secret.Text) bool {
	switch p.kind {
	case passwordBcrypt:
		return bcrypt.CompareHashAndPassword([]byte(p.hash), []byte(candidate.Reveal())) == nil
	case passwordArgon2id:
		h, err := parseArgon2id(p.hash)
		if err != nil {
			return false
		}
		got := argon2.IDKey([]byte(candidate.Reveal()), h.salt, h.time, h.memory, h.threads, uint32(len(h.sum)))
		return subtle.ConstantTimeCompare(got, h.sum) == 1
	case passwordPlain:
		return p.plain.Equal(candidate)
	}
	return false
}

// HashBcrypt makes the text that BcryptPassword takes. bcrypt reads 72 bytes at most; a longer password is an error.
func HashBcrypt(p secret.Text, cost int) (string, error) {
	h, err := bcrypt.GenerateFromPassword([]byte(p.Reveal()), cost)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return string(h), nil
}

// HashArgon2id makes the text that Argon2idPassword takes, with RFC 9106's second recommended setting (64 MiB, 3 passes).
func HashArgon2id(p secret.Text) (string, error) {
	h := argon2Hash{memory: 64 * 1024, time: 3, threads: 4, salt: make([]byte, 16)}
	if _, err := io.ReadFull(rand.Reader, h.salt); err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	h.sum = argon2.IDKey([]byte(p.Reveal()), h.salt, h.time, h.memory, h.threads, 32)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.threads, b64.EncodeToString(h.salt), b64.EncodeToString(h.sum)), nil
}

type argon2Hash struct {
	memory, time uint32
	threads      uint8
	salt, sum    []byte
}

func parseArgon2id(s string) (argon2Hash, error) {
	var h argon2Hash
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v=19" {
		return h, errors.New(`it must look like "$argon2id$v=19$m=65536,t=3,p=4$salt$hash"`)
	}
	for _, param := range strings.Split(parts[3], ",") {
		name, text, _ := strings.Cut(param, "=")
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return h, fmt.Errorf("parameter %q is not a number", name)
		}
		switch {
		case name == "m" && n >= 8 && n <= maxArgonMemory:
			h.memory = uint32(n)
		case name == "t" && n >= 1 && n <= maxArgonTime:
			h.time = uint32(n)
		case name == "p" && n >= 1 && n <= 255:
			h.threads = uint8(n)
		default:
			return h, fmt.Errorf("parameter %s is unknown or out of range", name)
		}
	}
	if h.memory == 0 || h.time == 0 || h.threads == 0 {
		return h, errors.New("m, t and p must all be given")
	}
	var err error
	if h.salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil || len(h.salt) < 8 {
		return h, errors.New("the salt is not base64 of at least 8 bytes")
	}
	if h.sum, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil || len(h.sum) < 16 || len(h.sum) > 64 {
		return h, errors.New("the hash is not base64 of 16 to 64 bytes")
	}
	return h, nil
}
