package apptest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"sync"

	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/proxy/authority"
)

// KeySet has what is slow to make; the tests share it.
type KeySet struct {
	Integrations map[string][]byte // PEM by integrator key, and a spare one
	leaf         *rsa.PrivateKey
	Ca           *authority.Authority
}

// SharedKeys makes the keys once for all tests of a process.
var SharedKeys = sync.OnceValue(func() KeySet {
	out := KeySet{Integrations: map[string][]byte{}}
	for _, name := range []string{sandbox.LegacyKey, sandbox.GUIDKey, "spare"} {
		out.Integrations[name] = pem.EncodeToMemory(&pem.Block{
			Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(newKey()),
		})
	}
	out.leaf = newKey()
	var err error
	if out.Ca, err = authority.Create(authority.Spec{}); err != nil {
		panic(err)
	}
	return out
})

func newKey() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
}
