package oauth

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
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

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestParsePrivateKey(t *testing.T) {
	private := testKeys()[0]
	pkcs1DER := x509.MarshalPKCS1PrivateKey(private)
	pkcs1 := block("RSA PRIVATE KEY", pkcs1DER)
	pkcs8 := block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(private)))
	public := block("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(&private.PublicKey)))
	ec := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	small := must(rsa.GenerateKey(rand.Reader, 1024))
	wrong := *private
	wrong.D = new(big.Int).Add(private.D, big.NewInt(2))
	legacyEncrypted := bytes.Replace(pkcs1, []byte("KEY-----\n"), []byte("KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n"), 1)
	replaced := func(in []byte, old, with string) []byte { return bytes.ReplaceAll(in, []byte(old), []byte(with)) }

	for _, test := range []struct {
		name string
		data []byte
		want string // part of the error; "" = good
	}{
		{"PKCS#1, as Apps and Keys hands it out", pkcs1, ""},
		{"PKCS#8", pkcs8, ""},
		{"CRLF line ends", replaced(pkcs1, "\n", "\r\n"), ""},
		{"indented, as in a YAML block", replaced(append([]byte("    "), pkcs1...), "\n", "\n    "), ""},
		{"indented with tabs", replaced(append([]byte("\t"), pkcs8...), "\n", "\n\t"), ""},
		{"line ends escaped, as in an env file", bytes.TrimSuffix(replaced(pkcs1, "\n", `\n`), []byte("\n")), ""},
		{"line ends turned into blanks", replaced(pkcs1, "\n", " "), ""},
		{"line ends lost", replaced(pkcs8, "\n", ""), ""},
		{"a byte order mark", append([]byte("\xef\xbb\xbf"), pkcs1...), ""},
		{"text around it", append([]byte("Key pair of 2026\n\n"), append(pkcs1, []byte("\nkeep safe\n")...)...), ""},
		{"with its public half in front", append(append([]byte{}, public...), pkcs1...), ""},
		{"empty", []byte(" \n"), "empty"},
		{"binary", pkcs1DER, "binary (DER)"},
		{"a public key", public, "public key"},
		{"a certificate", block("CERTIFICATE", []byte("x")), "certificate"},
		{"an elliptic-curve key", block("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(ec))), "elliptic-curve"},
		{"an elliptic-curve key in PKCS#8", block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(ec))), "elliptic-curve"},
		{"an Ed25519 key", block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(ed))), "RSA keys only"},
		{"an OpenSSH key", block("OPENSSH PRIVATE KEY", []byte("x")), "ssh-keygen"},
		{"encrypted PKCS#8", block("ENCRYPTED PRIVATE KEY", []byte("x")), "pass phrase"},
		{"encrypted the old way", legacyEncrypted, "pass phrase"},
		{"something else", block("DH PARAMETERS", []byte("x")), "DH PARAMETERS"},
		{"cut off at the end", pkcs1[:len(pkcs1)/2], "END line is missing"},
		{"cut off at the start", pkcs1[100:], "BEGIN line is missing"},
		{"a hole in the middle", append(append([]byte{}, pkcs1[:500]...), pkcs1[565:]...), "damaged"},
		{"foreign characters inside", replaced(pkcs1, "A", "…"), "damaged"},
		{"begins as one thing, ends as another", replaced(pkcs1, "END RSA PRIVATE", "END PRIVATE"), "begins as"},
		{"dashes lost", replaced(pkcs1, "KEY-----", "KEY---"), "BEGIN or END line is damaged"},
		{"UTF-16", []byte("\xff\xfe-\x00-\x00"), "UTF-16"},
		{"a file name instead of the file", []byte("keys/new.pem"), "not PEM"},
		{"text that begins like a short DER sequence", []byte("0A" + strings.Repeat("A", 200) + "\n-----END RSA PRIVATE KEY-----\n"), "BEGIN line is missing"},
		{"a huge file", bytes.Repeat([]byte("x"), maxKeyBytes+1), "longer than"},
		{"1024 bits", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(small)), "1024 bits"},
	} {
		t.Run(test.name, func(t *testing.T) {
			k, err := ParsePrivateKey("keys/new.pem", test.data)
			switch {
			case test.want == "" && err != nil:
				t.Fatal(err)
			case test.want == "":
				if k.ID != testKey(t, 0).ID || len(k.ID) != 16 || !k.private.Equal(private) {
					t.Errorf("another key: %s", k)
				}
			case err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "keys/new.pem"):
				t.Errorf("error %v, want in it %q", err, test.want)
			}
		})
	}
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

func FuzzParsePrivateKey(f *testing.F) {
	good := block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(testKeys()[0]))
	f.Add(good)
	f.Add(good[:200])
	f.Add([]byte(`-----BEGIN A-----\nAAAA\n-----END A-----`))
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := ParsePrivateKey("k", data)
		if (k == nil) == (err == nil) {
			t.Errorf("key %v, error %v", k, err)
		}
	})
}
