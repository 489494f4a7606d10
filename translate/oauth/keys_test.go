package oauth

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
)

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func TestParsePrivateKey(t *testing.T) {
	private := testKeys()[0]
	k, err := ParsePrivateKey("file keys/new.pem", block("PRIVATE KEY", x509.MarshalPKCS1PrivateKey(private)))
	if err != nil || k.ID != testKey(t, 0).ID || len(k.ID) != 16 || !k.private.Equal(private) {
		t.Errorf("%s, %v", k, err)
	}
	if _, err = ParsePrivateKey("file keys/new.pem", nil); err == nil || !strings.Contains(err.Error(), "the file keys/new.pem is empty") {
		t.Errorf("error %v", err)
	}
	wrong := *private
	wrong.D = new(big.Int).Add(private.D, big.NewInt(2))
	if _, err := NewKey("x", &wrong); err == nil {
		t.Error("numbers that do not fit together are accepted")
	}
}

func TestKeysDoNotPrint(t *testing.T) {
	k := testKey(t, 0)
	j, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%v %+v %#v %s", k, *k, k, j)
	if strings.Contains(text, k.private.D.String()) || strings.Contains(text, fmt.Sprintf("%x", k.private.D)) {
		t.Error("a key prints itself")
	}
	if k.String() != "key-0.pem ("+k.ID+")" {
		t.Errorf("String %q", k)
	}
}
