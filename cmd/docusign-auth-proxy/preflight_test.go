package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"maps"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/privatekey"
	"docusign-auth-proxy/internal/sandbox"
)

// checkWords is what config check says about a configuration, and whether it finds it good.
func checkWords(t *testing.T, path string) (string, bool) {
	t.Helper()
	var out bytes.Buffer
	cmd := newConfig()
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetArgs([]string{"check", "--config", path})
	err := cmd.ExecuteContext(t.Context())
	if exit := (app.ExitError{}); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), err == nil
}

// startError is why run does not start, nil if it does.
func startError(path string) error {
	holder := &config.Holder{Path: path}
	if _, err := holder.Reload(); err != nil {
		return err
	}
	p, err := app.New(holder, slog.New(slog.DiscardHandler), app.Hooks{})
	if err == nil {
		_ = p.Server.Shutdown(context.Background())
		p.Close()
	}
	return err
}

// certificateOf is a certificate for key, signed with it; change may spoil it.
func certificateOf(t *testing.T, key crypto.Signer, change func(*x509.Certificate)) []byte {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	if change != nil {
		change(c)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func pkcs8Of(t *testing.T, label string, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
}

// What run refuses, config check refuses in the same words and with its place; what run takes, it calls good.
func TestConfigCheckAndRunAreOfOneMind(t *testing.T) {
	t.Parallel()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	const (
		keyFile  = "keys/old-erp.pem"
		keyPlace = "integrations[0].oauth.private_keys[0].file"
		demo     = "belongs to DocuSign's demo environment"
	)
	pkcs1 := apptest.SharedKeys().Integrations[sandbox.GUIDKey]
	private, err := privatekey.RSA(pkcs1)
	if err != nil {
		t.Fatal(err)
	}
	set := func(path string, value any) func(apptest.Section) {
		return func(doc apptest.Section) {
			if at, key, below := strings.Cut(path, "/"); below {
				doc.At(at)[key] = value
			} else {
				doc[path] = value
			}
		}
	}
	in := func(environment, path string, value any) func(apptest.Section) {
		return func(doc apptest.Section) {
			delete(doc, "site")
			delete(doc, "account_server")
			doc["environment"] = environment
			set(path, value)(doc)
		}
	}
	put := func(name string, data []byte) func(*clinic) {
		return func(c *clinic) { c.put(name, data, 0o600) }
	}
	ca := func(key crypto.Signer, label string, change func(*x509.Certificate)) func(*clinic) {
		return func(c *clinic) {
			c.put("ca.pem", certificateOf(t, key, change), 0o600)
			c.put("ca-key.pem", pkcs8Of(t, label, key), 0o600)
		}
	}
	// again repeats an item of a list with another name.
	again := func(list []any, key, name string) []any {
		twin := apptest.Section{}
		maps.Copy(twin, list[0].(apptest.Section))
		twin[key] = name
		return append(list, twin)
	}
	erp := func(doc apptest.Section) apptest.Section { return doc["integrations"].([]any)[0].(apptest.Section) }
	manyKeys := func(doc apptest.Section) {
		var keys []any
		for range privatekey.MaxKeys + 1 {
			keys = append(keys, apptest.Section{"file": keyFile})
		}
		erp(doc).At("oauth")["private_keys"] = keys
	}
	ownTunnel := func(doc apptest.Section) {
		doc.At("egress")["hosts"] = []string{".esign.example.com"}
		doc.At("egress")["tunnel"] = []string{"a.esign.example.com:443"}
	}
	onePort := func(doc apptest.Section) {
		doc["listen"] = apptest.Section{"proxy": "0.0.0.0:18080", "admin": "127.0.0.1:18080"}
		doc.At("egress")["clients"] = []string{"10.0.0.0/8"}
	}
	oneKey := func(doc apptest.Section) {
		doc["integrations"] = again(doc["integrations"].([]any), "name", "another")
		erp(doc)["integrator_key"] = strings.ToUpper(sandbox.GUIDKey)
	}
	foreign := func(c *clinic) {
		db, err := bbolt.Open(c.file("state.db"), 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("theirs")); return err })
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
	}
	openSSH := pem.EncodeToMemory(&pem.Block{Type: "OPENSSH PRIVATE KEY", Bytes: []byte("openssh-key-v1\x00")})
	quoted := []byte(`"` + strings.ReplaceAll(string(pkcs1), "\n", `\n`) + "\"\n")
	mislabelled := bytes.ReplaceAll(pkcs1, []byte("RSA PRIVATE KEY"), []byte("PRIVATE KEY"))
	encipher := func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }
	for _, tt := range []struct {
		name  string
		edit  func(apptest.Section)
		files func(*clinic)
		words string // "" = good
		place string // path in the file
	}{
		{"the fixture itself", nil, nil, "", ""},
		{"a demo site in production", in("production", "site", "https://demo.docusign.net"), nil, demo, "site"},
		{"a production site in demo", in("demo", "site", "https://na3.docusign.net"), nil, "carried out in demo", "site"},
		{"a production site in production", in("production", "site", "https://na3.docusign.net"), nil, "", ""},
		{"a demo host", in("production", "egress/hosts", []string{"demo.docusign.net"}), nil, demo, "egress.hosts[0]"},
		{"an address", in("production", "sidecar/public_url", "https://demo.docusign.net"), nil, demo, "sidecar.public_url"},
		{"a tunnel", set("egress/tunnel", []string{"demo.docusign.net:443"}), nil, "never tunnelled", "egress.tunnel[0]"},
		{"a tunnel to all", set("egress/tunnel", []string{"docusign.net:443"}), nil, "never tunnelled", "egress.tunnel[0]"},
		{"a tunnel to a DocuSign of one's own", ownTunnel, nil, "never tunnelled", "egress.tunnel[0]"},
		{"a host in disguise", set("egress/hosts", []string{"127.1"}), nil, "must be a host name", "egress.hosts[0]"},
		{"an IPv6 address among the hosts", set("egress/hosts", []string{"::1"}), nil, "", ""},
		{"a site at an IPv6 address", set("site", "https://[::1]:8443"), nil, "", ""},
		{
			"a resolved address", set("egress/resolve", apptest.Section{"::1": "127.0.0.1"}), nil, "must be a host name",
			"egress.resolve.::1",
		},
		{"a company proxy with a zone", set("upstream/proxy", "http://[fe80::1%25e]"), nil, "of a proxy", "upstream.proxy"},
		{"no certificates", set("upstream/ca_file", keyFile), nil, "no certificate", "upstream.ca_file"},

		{"PKCS#8 labelled PKCS#1", nil, put(keyFile, pkcs8Of(t, "RSA PRIVATE KEY", private)), "", ""},
		{"PKCS#1 labelled PKCS#8", nil, put(keyFile, mislabelled), "", ""},
		{"a key in quotes with escaped line ends", nil, put(keyFile, quoted), "", ""},
		{"an elliptic-curve key", nil, put(keyFile, pkcs8Of(t, "PRIVATE KEY", ec)), "elliptic-curve", keyPlace},
		{"an OpenSSH key", nil, put(keyFile, openSSH), "ssh-keygen", keyPlace},
		{"a short key", nil, put(keyFile, pkcs8Of(t, "PRIVATE KEY", weak)), "1024 bits", keyPlace},
		{"more keys than make sense", manyKeys, nil, "at most 20", "integrations[0].oauth.private_keys"},

		{"a CA with a weak key", nil, ca(weak, "PRIVATE KEY", nil), "1024 bits", "interception.ca_cert"},
		{"a CA that old programs cannot verify", nil, ca(ed, "PRIVATE KEY", nil), "RSA or ECDSA", "interception.ca_cert"},
		{"a CA that may not sign", nil, ca(ec, "PRIVATE KEY", encipher), "key usage", "interception.ca_cert"},
		{"a CA key under another label", nil, ca(ec, "EC PRIVATE KEY", nil), "", ""},
		{
			"another CA's key", nil, put("ca-key.pem", pkcs8Of(t, "PRIVATE KEY", ec)), "not the private key",
			"interception.ca_key",
		},

		{
			"one port", set("listen", apptest.Section{"proxy": "127.0.0.1:1", "admin": "localhost:1"}), nil, "same address",
			"listen.admin",
		},
		{"one port of all addresses", onePort, nil, "same address", "listen.admin"},
		{"no port", set("listen/proxy", "127.0.0.1"), nil, "host:port", "listen.proxy"},

		{"one GUID for two users", func(d apptest.Section) {
			erp(d)["users"] = again(erp(d)["users"].([]any), "username", "a@example.com")
		}, nil, "is the same user", "integrations[0].users[1].user_id"},
		{"one key for two integrations", oneKey, nil, "same integrator key", "integrations[1].integrator_key"},

		{"a damaged state file", nil, put("state.db", bytes.Repeat([]byte("text "), 9000)), "the store is damaged", "store"},
		{"a state file of another program", nil, foreign, "not a store of this program", "store"},
		{"a state file open to all", nil, func(c *clinic) { c.put("state.db", nil, 0o604) }, "chmod 600", "store"},
		{"a state file that is a directory", set("store", "keys"), nil, "not a regular file", "store"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClinic(t, sandbox.Options{}, nil)
			r := &rig{&apptest.Rig{T: t, Path: c.path}}
			if tt.edit != nil {
				r.Change(tt.edit)
			}
			if tt.files != nil {
				tt.files(c)
			}
			before := len(globbed(t, c.dir))
			said, good := checkWords(t, c.path)
			if n := len(globbed(t, c.dir)); n != before {
				t.Errorf("config check made files: %v", globbed(t, c.dir))
			}
			err := startError(c.path)
			switch {
			case tt.words == "":
				if !good || err != nil {
					t.Errorf("config check says\n%s\nrun says %v", said, err)
				}
				return
			case good || !strings.Contains(said, tt.words):
				t.Errorf("config check says\n%s", said)
			case err == nil || !strings.Contains(err.Error(), tt.words):
				t.Errorf("run says %v", err)
			}
			if where := ": " + tt.place + ": "; !strings.Contains(said, where) || !strings.HasPrefix(said, c.path+":") {
				t.Errorf("config check does not say that it is in %s:\n%s", tt.place, said)
			}
		})
	}
}

func globbed(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}
