package privatekey

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"sync"
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

// testKey is made once: RSA keys are slow to make.
var testKey = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })

func newCertificate(key crypto.Signer) []byte {
	c := &x509.Certificate{SerialNumber: big.NewInt(1)}
	return must(x509.CreateCertificate(rand.Reader, c, c, key.Public(), key))
}

func TestARSAKeyIsReadAsPeopleHaveIt(t *testing.T) {
	pkcs1DER, pkcs8DER := x509.MarshalPKCS1PrivateKey(testKey()), must(x509.MarshalPKCS8PrivateKey(testKey()))
	pkcs1, pkcs8 := block("RSA PRIVATE KEY", pkcs1DER), block("PRIVATE KEY", pkcs8DER)
	public := block("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(testKey().Public())))
	replaced := func(in []byte, old, with string) []byte { return bytes.ReplaceAll(in, []byte(old), []byte(with)) }
	wrapped := base64.StdEncoding.EncodeToString(pkcs1)
	joined := func(parts ...any) []byte {
		var out []byte
		for _, p := range parts {
			switch p := p.(type) {
			case string:
				out = append(out, p...)
			case []byte:
				out = append(out, p...)
			}
		}
		return out
	}
	for name, text := range map[string][]byte{
		"PKCS#1, as Apps and Keys hands it out":          pkcs1,
		"PKCS#8":                                         pkcs8,
		"PKCS#1 under the label of PKCS#8":               block("PRIVATE KEY", pkcs1DER),
		"PKCS#8 under the label of PKCS#1":               block("RSA PRIVATE KEY", pkcs8DER),
		"PKCS#8 under the label of a locked key":         block("ENCRYPTED PRIVATE KEY", pkcs8DER),
		"PKCS#1 under the label of an elliptic curve":    block("EC PRIVATE KEY", pkcs1DER),
		"the label of a certificate":                     block("CERTIFICATE", pkcs1DER),
		"CRLF line ends":                                 replaced(pkcs1, "\n", "\r\n"),
		"indented, as in a YAML block":                   replaced(joined("    ", pkcs1), "\n", "\n    "),
		"indented with tabs":                             replaced(joined("\t", pkcs8), "\n", "\n\t"),
		"trailing blanks":                                replaced(pkcs1, "\n", "  \t\n"),
		"escaped line ends":                              bytes.TrimSuffix(replaced(pkcs1, "\n", `\n`), []byte("\n")),
		"escaped line ends in a file that ends with one": joined(replaced(pkcs1, "\n", `\n`), "\n"),
		"escaped CRLF":                                   joined(replaced(pkcs1, "\n", `\r\n`), "\r\n"),
		"escaped twice":                                  replaced(pkcs1, "\n", `\\n`),
		"escaped beside real line ends":                  replaced(pkcs1, "\n", "\\n\n"),
		"in double quotes":                               joined(`"`, bytes.TrimSpace(pkcs1), `"`, "\n"),
		"in single quotes":                               joined(`'`, pkcs8, `'`),
		"in quotes with escaped line ends":               joined(`"`, replaced(pkcs1, "\n", `\n`), `"`, "\n"),
		"with the variable's name before it":             joined(`KEY="`, replaced(pkcs1, "\n", `\n`), `"`, "\n"),
		"line ends turned into blanks":                   replaced(pkcs1, "\n", " "),
		"line ends lost":                                 replaced(pkcs8, "\n", ""),
		"line ends lost, and a label that does not fit":  replaced(block("PRIVATE KEY", pkcs1DER), "\n", ""),
		"a byte order mark":                              joined("\ufeff", pkcs1),
		"text around it":                                 joined("Key pair of 2026\n\n", pkcs1, "\nkeep safe\n"),
		"with its public half before it":                 joined(public, pkcs1),
		"behind a block that is damaged":                 joined(replaced(public, "M", "…"), pkcs1),
		"behind one that was cut off":                    joined(pkcs8[:500], "\n", pkcs1),
		"base64 around the file":                         []byte(wrapped),
		"base64 around the file, in lines and quotes":    joined(`"`, wrapped[:76], "\n", wrapped[76:], `"`, "\n"),
	} {
		t.Run(name, func(t *testing.T) {
			key, err := RSA(text)
			if err != nil {
				t.Fatal(err)
			}
			if !key.Equal(testKey()) {
				t.Error("another key")
			}
		})
	}
}

func TestWhatIsNoRSAKeyIsNamedWithTheWayOut(t *testing.T) {
	pkcs1DER := x509.MarshalPKCS1PrivateKey(testKey())
	pkcs1 := block("RSA PRIVATE KEY", pkcs1DER)
	ec := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	sec1, ecPKCS8 := must(x509.MarshalECPrivateKey(ec)), must(x509.MarshalPKCS8PrivateKey(ec))
	small := must(rsa.GenerateKey(rand.Reader, 1024))
	wrong := *testKey()
	wrong.D = new(big.Int).Add(wrong.D, big.NewInt(2))
	unfit := block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(&wrong))
	publicDER := must(x509.MarshalPKIXPublicKey(testKey().Public()))
	type algorithm struct{ ID asn1.ObjectIdentifier }
	locked := must(asn1.Marshal(struct {
		Algorithm algorithm
		Data      []byte
	}{algorithm{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}}, []byte("c4n4ry")}))
	request := must(x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, ec))
	const lock = "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n"
	lockedOld := bytes.Replace(pkcs1, []byte("KEY-----\n"), []byte(lock), 1)
	replaced := func(in []byte, old, with string) []byte { return bytes.ReplaceAll(in, []byte(old), []byte(with)) }
	for _, tt := range []struct {
		name          string
		text          []byte
		problem, next string
	}{
		{"nothing", []byte(" \n"), "is empty", "copy it again"},
		{"binary", pkcs1DER, "binary (DER)", "openssl pkey -inform DER"},
		{"UTF-16", []byte("\xff\xfe-\x00-\x00"), "UTF-16", "ASCII"},
		{"a PuTTY key", []byte("PuTTY-User-Key-File-3: ssh-rsa\n"), "PuTTY", "puttygen"},
		{"an OpenSSH key", block("OPENSSH PRIVATE KEY", []byte("x")), "OpenSSH key", "ssh-keygen"},
		{
			"an OpenSSH key under another label", block("PRIVATE KEY", []byte("openssh-key-v1\x00x")), "OpenSSH key",
			"ssh-keygen",
		},
		{"the public half of an OpenSSH key", []byte("ssh-rsa AAAAB3 anna@example.com\n"), "public half", ""},
		{"an elliptic-curve key", block("EC PRIVATE KEY", sec1), "elliptic-curve", "Apps and Keys"},
		{"an elliptic-curve key in PKCS#8", block("PRIVATE KEY", ecPKCS8), "elliptic-curve", "Apps and Keys"},
		{"an elliptic-curve key as RSA", block("RSA PRIVATE KEY", sec1), "elliptic-curve", "Apps and Keys"},
		{"an Ed25519 key", block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(ed))), "Ed25519", "Apps and Keys"},
		{"a locked key", block("ENCRYPTED PRIVATE KEY", locked), "pass phrase", "openssl pkey"},
		{"a locked key under another label", block("PRIVATE KEY", locked), "pass phrase", "openssl pkey"},
		{"a locked key of the old form", lockedOld, "pass phrase", "openssl pkey"},
		{"a locked key of the old form on one line", replaced(lockedOld, "\n", " "), "pass phrase", "openssl pkey"},
		{"a public key", block("PUBLIC KEY", publicDER), "public key", "private key of the pair"},
		{"a public key under another label", block("RSA PRIVATE KEY", publicDER), "public key", "private key of the pair"},
		{"a certificate", block("CERTIFICATE", newCertificate(ec)), "certificate", "private key"},
		{"a certificate under another label", block("PRIVATE KEY", newCertificate(ec)), "certificate", "private key"},
		{"a certificate request", block("NEW CERTIFICATE REQUEST", request), "certificate", "private key"},
		{"something else", block("DH PARAMETERS", []byte("x")), "DH PARAMETERS", ""},
		{"cut off at the end", pkcs1[:len(pkcs1)/2], "lacks the END line", "whole"},
		{"cut off at the start", pkcs1[100:], "lacks the BEGIN line", "whole"},
		{"numbers that do not fit together", unfit, "damaged", "whole"},
		{"a hole in the middle", append(append([]byte{}, pkcs1[:500]...), pkcs1[565:]...), "damaged", "whole"},
		{"foreign characters inside", replaced(pkcs1, "A", "…"), "damaged", "whole"},
		{"begins as one thing, ends as another", replaced(pkcs1, "END RSA PRIVATE", "END PRIVATE"), "begins as", "whole"},
		{"dashes lost", replaced(pkcs1, "KEY-----", "KEY---"), "damaged BEGIN or END line", "whole"},
		{"a file name instead of the file", []byte("keys/new.pem"), "holds no PEM", ""},
		{
			"text like a short DER sequence", []byte("0A" + strings.Repeat("A", 200) + "\n-----END X-----\n"), "lacks the BEGIN",
			"",
		},
		{"a huge file", bytes.Repeat([]byte("x"), maxBytes+1), "longer than", ""},
		{"a short key", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(small)), "1024 bits", "Apps and Keys"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := RSA(tt.text)
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(e.Problem, tt.problem) || !strings.Contains(e.Next, tt.next) {
				t.Errorf("%v", err)
			}
			if err != nil && strings.Contains(err.Error(), "c4n4ry") {
				t.Error("the error quotes the text")
			}
		})
	}
}

func TestParseReadsKeysOfEveryKind(t *testing.T) {
	ec := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	sec1, pkcs8 := must(x509.MarshalECPrivateKey(ec)), must(x509.MarshalPKCS8PrivateKey(ec))
	// As openssl ecparam writes them.
	parameters := "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
	for name, text := range map[string][]byte{
		"SEC 1":               append([]byte(parameters), block("EC PRIVATE KEY", sec1)...),
		"PKCS#8":              block("PRIVATE KEY", pkcs8),
		"SEC 1 with a slip":   block("PRIVATE KEY", sec1),
		"PKCS#8 with a slip":  block("EC PRIVATE KEY", pkcs8),
		"PKCS#8 in the wrong": block("RSA PRIVATE KEY", pkcs8),
	} {
		if key, err := Parse(text); err != nil || !ec.Equal(key) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	good := block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(testKey()))
	f.Add(good)
	f.Add(good[:200])
	f.Add([]byte(`-----BEGIN A-----\nAAAA\n-----END A-----`))
	f.Add([]byte(`"` + base64.StdEncoding.EncodeToString(good) + `"`))
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := Parse(data)
		if (key == nil) == (err == nil) {
			t.Errorf("key %v, error %v", key, err)
		}
	})
}
