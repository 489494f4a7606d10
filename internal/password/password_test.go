package password_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/password"
	"docusign-auth-proxy/internal/secret"
)

func TestPasswordsOfEachKind(t *testing.T) {
	b, err := password.HashBcrypt(secret.New("pässword"), 4)
	if err != nil {
		t.Fatal(err)
	}
	fromBcrypt, err1 := password.Bcrypt(b)
	fromArgon, err2 := password.Argon2id(password.HashArgon2id(secret.New("pässword")))
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	plain := password.Plain(secret.New("pässword"))
	for name, p := range map[string]password.Password{"bcrypt": fromBcrypt, "argon2id": fromArgon, "plain": plain} {
		if !p.Verify(secret.New("pässword")) {
			t.Errorf("%s: the right password is refused", name)
		}
		for _, wrong := range []string{"", "Pässword", "pässword ", strings.Repeat("x", 200)} {
			if p.Verify(secret.New(wrong)) {
				t.Errorf("%s: %q is taken", name, wrong)
			}
		}
	}
	if (password.Password{}).Verify(secret.New("")) {
		t.Error("no password matches the empty one")
	}
}

func TestHashesThatAreNoHashesAreRefused(t *testing.T) {
	for _, h := range []string{
		"", "x", "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ",
		"$argon2i$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
		"$argon2id$v=19$m=99999999,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
		"$argon2id$v=19$t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
		"$argon2id$v=19$m=65536,t=0,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
		"$argon2id$v=19$m=65536,t=3,p=4$!$aGFzaGhhc2hoYXNoaGFzaA",
	} {
		if _, err := password.Argon2id(h); err == nil {
			t.Errorf("%q is taken for an argon2id hash", h)
		}
	}
	if _, err := password.Bcrypt("$2a$10$short"); err == nil {
		t.Error("a cut bcrypt hash is taken")
	}
	if _, err := password.HashBcrypt(secret.New(strings.Repeat("x", 73)), 4); err == nil {
		t.Error("bcrypt hashes a password of which it would ignore the end")
	}
}

// TestTheFingerprintStays holds it to what stores of earlier versions contain: tokens that a password vouched for
// would end.
func TestTheFingerprintStays(t *testing.T) {
	hash, err := password.Bcrypt("$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		p      password.Password
		hashed string
	}{
		{"no password", password.Password{}, "\x00\x00"},
		{"a hash", hash, "\x01$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy\x00"},
		{"a password in clear", password.Plain(secret.New("s3cret")), "\x03\x00s3cret"},
	} {
		if tt.p.Fingerprint() != sha256.Sum256([]byte(tt.hashed)) {
			t.Errorf("the fingerprint of %s has changed", tt.name)
		}
	}
}
