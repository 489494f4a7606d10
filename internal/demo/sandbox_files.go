package demo

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
)

const (
	identityFile  = "sandbox.pem" // the stand-in's CA with its key, and the private keys of all integrations
	generatedFile = ".generated"  // digests of what proxy.yaml was made from, and of proxy.yaml as it was written
	keyHeader     = "Integrator-Key"
)

// sandboxFiles is the folder of a sandbox.
type sandboxFiles struct{ dir string }

func (f sandboxFiles) path(name string) string { return filepath.Join(f.dir, name) }

// identity is what a sandbox keeps between runs, so that whoever trusts it still does.
type identity struct {
	authority []byte
	keys      map[string][]byte // PKCS#1 PEM by integrator key
}

// identity reads what an earlier run kept; there may be nothing.
func (f sandboxFiles) identity() (identity, error) {
	kept := identity{keys: map[string][]byte{}}
	text, err := os.ReadFile(f.path(identityFile))
	if errors.Is(err, fs.ErrNotExist) {
		return kept, nil
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		key := block.Headers[keyHeader]
		if key == "" {
			kept.authority = append(kept.authority, pem.EncodeToMemory(block)...)
			continue
		}
		kept.keys[key] = pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})
	}
	if err == nil && len(kept.authority) == 0 {
		err = fmt.Errorf("%s: no certificate in it; remove it to begin anew", f.path(identityFile))
	}
	return kept, err
}

// keep writes the identity of this run.
func (f sandboxFiles) keep(sb *sandbox.Sandbox, w sandbox.Seed) error {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return err
	}
	var text bytes.Buffer
	text.Write(sb.AuthorityPEM())
	for _, key := range slices.Sorted(maps.Keys(w.PrivateKeys)) {
		block, _ := pem.Decode(w.PrivateKeys[key])
		block.Headers = map[string]string{keyHeader: key}
		text.Write(pem.EncodeToMemory(block))
	}
	return os.WriteFile(f.path(identityFile), text.Bytes(), 0o600)
}

// configure writes proxy.yaml with its keys and certificates. One that somebody changed is left alone unless c.force;
// that gives false.
func (f sandboxFiles) configure(c *Sandbox, sb *sandbox.Sandbox, w sandbox.Seed) (written bool, err error) {
	inputs := digest(fmt.Sprintf("1 %q %q %q %q %q", sb.Addr(), c.Proxy, c.Admin, c.Hosts, c.Own))
	before, err := os.ReadFile(f.path("proxy.yaml"))
	switch {
	case errors.Is(err, fs.ErrNotExist) || c.Force:
	case err != nil:
		return false, err
	default:
		generated, err := os.ReadFile(f.path(generatedFile))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
		madeFrom, asWritten, _ := strings.Cut(strings.TrimSpace(string(generated)), " ")
		if asWritten != digest(string(before)) {
			return false, nil
		}
		if madeFrom == inputs {
			// the same again would only differ in the salts of its hashes, and make a running proxy reload
			return true, nil
		}
	}
	path, err := c.fixtureConfig().Write(f.dir, sb, w)
	if err != nil {
		return false, err
	}
	after, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	return true, os.WriteFile(f.path(generatedFile), []byte(inputs+" "+digest(string(after))+"\n"), 0o600)
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// fixtureConfig is the configuration, with the program of one's own held to the first password it sends: nobody here
// knows that.
func (c *Sandbox) fixtureConfig() fixture.Config {
	wc := fixture.Config{Proxy: c.Proxy, Admin: c.Admin, Hosts: c.Hosts, Cost: c.cost}
	if c.Own.User == "" && c.Own.Key == "" {
		return wc
	}
	wc.Extra = map[string]any{"pin_password": "first_use"}
	wc.Edit = func(integrations []map[string]any) {
		for _, in := range integrations {
			if in["integrator_key"] == c.Own.Key {
				in["name"] = "your-program"
			}
			for _, user := range in["users"].([]map[string]any) {
				if user["username"] == c.Own.User {
					delete(user, "password")
				}
			}
		}
	}
	return wc
}
