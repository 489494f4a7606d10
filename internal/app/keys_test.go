package app

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"sync"

	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/proxy/authority"
)

// keySet has what is slow to make; the tests share it.
type keySet struct {
	integrations map[string][]byte // PEM by integrator key, and a spare one
	leaf         *rsa.PrivateKey
	ca           *authority.Authority
}

var sharedKeys = sync.OnceValue(func() keySet {
	out := keySet{integrations: map[string][]byte{}}
	for _, name := range []string{sandbox.LegacyKey, sandbox.GUIDKey, "spare"} {
		out.integrations[name] = pem.EncodeToMemory(&pem.Block{
			Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(newKey()),
		})
	}
	out.leaf = newKey()
	var err error
	if out.ca, err = authority.Create(authority.Spec{}); err != nil {
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
