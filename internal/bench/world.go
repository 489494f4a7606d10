package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/crypto/bcrypt"
	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/proxy/authority"
)

const (
	site          = "demo.docusign.net"
	accountServer = "account-d.docusign.com"
	integratorKey = "230546a7-9c55-40ad-8fbf-af205d5494ad"
	accountNumber = "1234567"
	envelopeID    = "93be49ab-0000-4000-8000-000000000001"
	accountGUID   = "a1b2c3d4-0000-4000-8000-000000000010"
	password      = "Legacy-Pass<w&rd>1"
	users         = 1000
	warmUsers     = 16 // of whom the load is
	hashes        = 4  // a thousand of cost 10 would take more than a minute
)

// Names of the files that the peers share.
const (
	upstreamCert, upstreamKey = "upstream-ca.pem", "upstream-ca-key.pem"
	proxyCert, proxyKey       = "ca.pem", "ca-key.pem"
)

// configFile is that of a peer which is the program itself.
func configFile(peer string) string { return peer + ".yaml" }

func userName(i int) string { return fmt.Sprintf("user%04d@example.com", i) }
func userGUID(i int) string { return fmt.Sprintf("a1b2c3d4-0000-4000-8000-%012d", i+100) }

// writeAuthorities makes the CA of the upstream and the one of the intercepting peers. Both are ECDSA: goproxy signs
// leaves of its CA's type, and its RSA ones are two orders of magnitude slower.
func writeAuthorities(dir string) error {
	for cert, key := range map[string]string{upstreamCert: upstreamKey, proxyCert: proxyKey} {
		a, err := authority.Create(authority.Spec{ECDSA: true})
		if err != nil {
			return err
		}
		if err := a.Save(filepath.Join(dir, cert), filepath.Join(dir, key), false); err != nil {
			return err
		}
	}
	return nil
}

func loadAuthority(dir, cert, key string) (*authority.Authority, error) {
	c, err := os.ReadFile(filepath.Join(dir, cert))
	if err != nil {
		return nil, err
	}
	k, err := os.ReadFile(filepath.Join(dir, key))
	if err != nil {
		return nil, err
	}
	return authority.Load(c, k)
}

func loadLeaves(dir, cert, key string) (*authority.Leaves, error) {
	a, err := loadAuthority(dir, cert, key)
	if err != nil {
		return nil, err
	}
	return authority.NewLeaves(a, authority.Options{})
}

func loadRoots(dir, cert string) (*x509.CertPool, error) {
	text, err := os.ReadFile(filepath.Join(dir, cert))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate", cert)
	}
	return roots, nil
}

// writeConfigs writes the configurations of the measured proxies.
func writeConfigs(dir, upstream string) error {
	if err := writeGrantKey(filepath.Join(dir, "grant.pem")); err != nil {
		return err
	}
	members, err := configUsers()
	if err != nil {
		return err
	}
	return errors.Join(writeConfig(dir, upstream, peerProxy, "bearer", members),
		writeConfig(dir, upstream, peerREST, "rest", members))
}

// writeConfig writes a configuration with everything switched on.
func writeConfig(dir, upstream, peer, soap string, members []map[string]any) error {
	text, err := yaml.Marshal(map[string]any{
		"environment":  "demo",
		"listen":       map[string]any{"proxy": "127.0.0.1:0", "admin": "127.0.0.2:0"},
		"interception": map[string]any{"ca_cert": proxyCert, "ca_key": proxyKey},
		"egress": map[string]any{
			"allow_addresses": []string{"127.0.0.0/8"},
			"resolve":         map[string]string{site: upstream, accountServer: upstream},
		},
		"upstream": map[string]any{"ca_file": upstreamCert},
		"store":    peer + ".db",
		"log":      map[string]any{"level": "info", "format": "json"},
		"integrations": []map[string]any{{
			"name": "bench", "integrator_key": integratorKey, "users": members, "soap": soap,
			"oauth": map[string]any{"private_keys": []map[string]any{{"file": "grant.pem"}}},
		}},
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, configFile(peer)), text, 0o600)
}

func writeGrantKey(path string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

func configUsers() ([]map[string]any, error) {
	var hashed [hashes]string
	for i := range hashed {
		h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
		if err != nil {
			return nil, err
		}
		hashed[i] = string(h)
	}
	out := make([]map[string]any, users)
	for i := range out {
		out[i] = map[string]any{
			"username": userName(i), "user_id": userGUID(i),
			"password": map[string]any{"bcrypt": hashed[i%hashes]},
			"accounts": map[string]string{accountNumber: accountGUID},
		}
	}
	return out, nil
}
