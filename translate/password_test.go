package translate

import (
	"strings"
	"testing"

	"docusign-auth-proxy/internal/secret"
)

func TestPasswordsOfEachKind(t *testing.T) {
	b, err := HashBcrypt(secret.New("pässword"), 4)
	if err != nil {
		t.Fatal(err)
	}
	a, err := HashArgon2id(secret.New("pässword"))
	if err != nil {
		t.Fatal(err)
	}
	fromBcrypt, err1 := BcryptPassword(b)
	fromArgon, err2 := Argon2idPassword(a)
	plain, err3 := PlainPassword(secret.New("pässword"))
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	for name, p := range map[string]Password{"bcrypt": fromBcrypt, "argon2id": fromArgon, "plain": plain} {
		if !p.Verify(secret.New("pässword")) {
			t.Errorf("%s: the right password is refused", name)
		}
		for _, wrong := range []string{"", "Pässword", "pässword ", strings.Repeat("x", 200)} {
			if p.Verify(secret.New(wrong)) {
				t.Errorf("%s: %q is taken", name, wrong)
			}
		}
	}
	if (Password{}).Verify(secret.New("")) {
		t.Error("no password matches the empty one")
	}
}

func TestHashesThatAreNoHashesAreRefused(t *testing.T) {
	for _, h := range []string{"", "x", "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ", "$argon2i$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
		"$argon2id$v=19$m=99999999,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", "$argon2id$v=19$t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
		"$argon2id$v=19$m=65536,t=0,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", "$argon2id$v=19$m=65536,t=3,p=4$!$aGFzaGhhc2hoYXNoaGFzaA"} {
		if _, err := Argon2idPassword(h); err == nil {
			t.Errorf("%q is taken for an argon2id hash", h)
		}
	}
	if _, err := BcryptPassword("$2a$10$short"); err == nil {
		t.Error("a cut bcrypt hash is taken")
	}
	if _, err := HashBcrypt(secret.New(strings.Repeat("x", 73)), 4); err == nil {
		t.Error("bcrypt hashes a password of which it would ignore the end")
	}
}
