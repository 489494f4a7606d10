package config

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io/fs"
	"math/big"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"
)

// machine returns an environment with the files and variables that the configurations in testdata name.
func machine(t testing.TB) Environment {
	t.Helper()
	return environment(machineFiles(), map[string]string{
		"KEY_PEM":        strings.ReplaceAll(string(machineFiles()["key.pem"].Data), "\n", `\n`),
		"CLIENT_SECRET":  "c4n4ry-variable",
		"GATEWAY_SECRET": "c4n4ry-of-the-gateways",
		"EMPTY":          "",
		"STORE_KEY":      string(machineFiles()["store.key"].Data),
		"OLD_STORE_KEY":  string(machineFiles()["old-store.key"].Data),
	})
}

func environment(files fstest.MapFS, variables map[string]string) Environment {
	return Environment{
		ReadFile: func(name string) ([]byte, error) { return fs.ReadFile(files, name) },
		Stat:     func(name string) (fs.FileInfo, error) { return fs.Stat(files, name) },
		LookupEnv: func(name string) (string, bool) {
			value, ok := variables[name]
			return value, ok
		},
		OpenTo: func(name string) (string, error) { // as the real one says it of a mode
			info, err := fs.Stat(files, name)
			if err != nil || info.IsDir() && info.Mode()&0o002 == 0 || !info.IsDir() && info.Mode()&^0o640 == 0 {
				return "", err
			}
			return fmt.Sprintf("mode %04o", info.Mode().Perm()), nil
		},
	}
}

// machineFiles makes the keys once: they are the slow part of the tests.
var machineFiles = sync.OnceValue(func() fstest.MapFS {
	long, weak := newRSA(2048), newRSA(1024)
	curve, other := newECDSA(), newECDSA()
	pkcs8 := block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(long)))
	private := func(data []byte) *fstest.MapFile { return &fstest.MapFile{Data: data, Mode: 0o600} }
	public := func(data []byte) *fstest.MapFile { return &fstest.MapFile{Data: data, Mode: 0o644} }
	return fstest.MapFS{
		"proxy.yml":       public(nil),
		"key.pem":         private(block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(long))),
		"keys/new.pem":    private(append(block("CERTIFICATE", []byte("before the key")), pkcs8...)),
		"keys/old.pem":    private(block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(long))),
		"keys/shared.pem": public(pkcs8),
		"keys/weak.pem":   private(block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(weak))),
		"keys/curve.pem":  private(block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(curve)))),
		"keys/locked.pem": private(block("ENCRYPTED PRIVATE KEY", []byte("locked"))),
		"keys/broken.pem": private(block("RSA PRIVATE KEY", []byte("broken"))),
		"keys/public.pem": private(block("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(&long.PublicKey)))),
		"keys/der.pem":    private(x509.MarshalPKCS1PrivateKey(long)),
		"ca.pem":          public(newCertificate(curve, true)),
		"ca-key.pem":      private(block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(curve)))),
		"other-key.pem":   private(block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(other)))),
		"leaf.pem":        public(newCertificate(curve, false)),
		"weak-ca.pem":     public(newCertificate(weak, true)),
		"weak-ca-key.pem": private(block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(weak))),
		"store.key":       private([]byte(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 32)) + "\n")),
		"old-store.key":   private([]byte(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{2}, 32)) + "\n")),
		"short-store.key": private([]byte(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{3}, 31)) + "\n")),
		"password.txt":    private([]byte("c4n4ry-file\n")),
		"windows.txt":     private([]byte("\ufeffc4n4ry-windows\r\n")),
		"blank.txt":       private([]byte("\n")),
		"binary.txt":      private([]byte{0xff, 0xfe, 0x00}),
		"large.txt":       private(bytes.Repeat([]byte("x"), MaxFileSize+1)),
		"state":           {Mode: fs.ModeDir | 0o700},
	}
})

func newRSA(bits int) *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, bits)) }

func newECDSA() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

func newCertificate(key crypto.Signer, authority bool) []byte {
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "test"},
		NotBefore:             time.Unix(0, 0),
		NotAfter:              time.Unix(1<<33, 0),
		IsCA:                  authority,
		BasicConstraintsValid: true,
	}
	return block("CERTIFICATE", must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)))
}

func block(kind string, data []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data})
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
