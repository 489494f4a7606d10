package config

import (
	"encoding/base64"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"

	"docusign-auth-proxy/internal/secret"
)

// PasswordKind says how a Password is kept.
type PasswordKind string

// The kinds of password. The empty kind is no password at all, which nothing matches.
const (
	NoPassword PasswordKind = ""
	Bcrypt     PasswordKind = "bcrypt"
	Argon2id   PasswordKind = "argon2id"
	Plain      PasswordKind = "plain"
)

// Password is what a client's password is compared with. It prints and encodes as its kind alone.
type Password struct {
	Kind  PasswordKind
	Hash  string      // with Bcrypt and Argon2id: the hash as written in the file, of valid syntax
	Plain secret.Text // with Plain: the password, read from a file or an environment variable
}

// Format prints the kind for every verb: a hash in a log is an invitation to try passwords on it.
func (p Password) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "["+string(p.Kind)+" password]")
}

// MarshalText makes encoders write the kind.
func (p Password) MarshalText() ([]byte, error) { return []byte(p.Kind), nil }

func (p *Password) form() any { return &passwordForm{} }

func (p *Password) fill(l *loader, path string, form any) {
	f := form.(*passwordForm)
	names := []string{"bcrypt", "argon2id", "file", "env"}
	if !l.exactlyOne(path, names, f.Bcrypt != "", f.Argon2id != "", f.File != "", f.Env != "") {
		return
	}
	switch {
	case f.Bcrypt != "":
		*p = Password{Kind: Bcrypt, Hash: f.Bcrypt}
		l.checkBcrypt(child(path, "bcrypt"), f.Bcrypt)
	case f.Argon2id != "":
		*p = Password{Kind: Argon2id, Hash: f.Argon2id}
		l.checkArgon2id(child(path, "argon2id"), f.Argon2id)
	default:
		p.Kind = Plain
		p.Plain, _ = l.secret(path, f.File, f.Env)
	}
}

// Costs beyond which a hash is too quick to withstand guessing, or so slow that a few guesses stop the proxy.
const (
	MinBcryptCost      = 10
	MaxBcryptCost      = 16
	MinArgon2idMemory  = 19 * 1024   // KiB, the least that OWASP's Password Storage Cheat Sheet advises
	MaxArgon2idMemory  = 1024 * 1024 // KiB
	MaxArgon2idTime    = 64
	minArgon2idSalt    = 8
	minArgon2idHash    = 16
	maxArgon2idEncoded = 64
)

const hashHint = "make one with: docusign-auth-proxy hash-password"

var bcryptSyntax = regexp.MustCompile(`^\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}$`)

func (l *loader) checkBcrypt(path, hash string) {
	m := bcryptSyntax.FindStringSubmatch(hash)
	if m == nil {
		l.problem(path, "is not a bcrypt hash", hashHint)
		return
	}
	cost := atoi(m[1])
	if cost > MaxBcryptCost {
		l.problem(path, fmt.Sprintf("has cost %d, which takes seconds for each check; at most %d", cost, MaxBcryptCost), hashHint)
	}
	if cost < MinBcryptCost {
		l.warn(path, fmt.Sprintf("has cost %d, which is quick to guess; better at least %d", cost, MinBcryptCost), hashHint)
	}
}

// The PHC string format as the Argon2 reference implementation writes it.
var argon2idSyntax = regexp.MustCompile(`^\$argon2id\$v=(\d{1,9})\$m=(\d{1,10}),t=(\d{1,10}),p=(\d{1,10})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$`)

func (l *loader) checkArgon2id(path, hash string) {
	m := argon2idSyntax.FindStringSubmatch(hash)
	if m == nil {
		l.problem(path, "is not an Argon2id hash", hashHint)
		return
	}
	version, memory, time, threads := atoi(m[1]), atoi(m[2]), atoi(m[3]), atoi(m[4])
	salt, saltErr := base64.RawStdEncoding.DecodeString(m[5])
	sum, sumErr := base64.RawStdEncoding.DecodeString(m[6])
	switch {
	case version != 0x13:
		l.problem(path, fmt.Sprintf("has Argon2 version %d; 19 is understood", version), hashHint)
	case threads < 1 || threads > math.MaxUint8:
		l.problem(path, "needs p between 1 and 255", hashHint)
	case time < 1 || time > MaxArgon2idTime:
		l.problem(path, fmt.Sprintf("needs t between 1 and %d", MaxArgon2idTime), hashHint)
	case memory < 8*threads || memory > MaxArgon2idMemory:
		l.problem(path, fmt.Sprintf("needs m between 8 times p and %d (KiB)", MaxArgon2idMemory), hashHint)
	case saltErr != nil || len(salt) < minArgon2idSalt || len(salt) > maxArgon2idEncoded:
		l.problem(path, fmt.Sprintf("needs a salt of %d to %d bytes in base64 without padding", minArgon2idSalt, maxArgon2idEncoded), hashHint)
	case sumErr != nil || len(sum) < minArgon2idHash || len(sum) > maxArgon2idEncoded:
		l.problem(path, fmt.Sprintf("needs a hash of %d to %d bytes in base64 without padding", minArgon2idHash, maxArgon2idEncoded), hashHint)
	case memory < MinArgon2idMemory:
		l.warn(path, fmt.Sprintf("takes %d KiB of memory, which is quick to guess; better at least %d", memory, MinArgon2idMemory), hashHint)
	}
}

// atoi reads digits that a regular expression has let through; more than an int holds becomes its largest value.
func atoi(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return math.MaxInt
	}
	return n
}
