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
	"runtime"
	"slices"
	"strings"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/files"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/internal/words"
)

const (
	identityFile  = "sandbox.pem" // the stand-in's CA with its key, and the private keys of all integrations
	generatedFile = ".generated"  // digests of what proxy.yaml was made from, and of proxy.yaml as it was written
	keyHeader     = "Integrator-Key"
)

func (c *SandboxCommand) path(name string) string { return filepath.Join(c.Dir, name) }

// read gives nothing of a file that is not there.
func (c *SandboxCommand) read(name string) ([]byte, error) {
	text, err := os.ReadFile(c.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

// identity is what an earlier run kept, so that whoever trusts the sandbox still does: its authority, and private keys
// by integrator key. There may be nothing.
func (c *SandboxCommand) identity() (authority []byte, keys map[string][]byte, err error) {
	text, err := c.read(identityFile)
	if err != nil || text == nil {
		return nil, nil, err
	}
	keys = map[string][]byte{}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		key := block.Headers[keyHeader]
		if key == "" {
			authority = append(authority, pem.EncodeToMemory(block)...)
			continue
		}
		keys[key] = pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})
	}
	if len(authority) == 0 {
		err = fmt.Errorf("%s: no certificate in it; remove it to begin anew", c.path(identityFile))
	}
	return authority, keys, err
}

// keep writes the identity of this run.
func (c *SandboxCommand) keep(sb *sandbox.Sandbox, w sandbox.Seed) error {
	if err := files.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	var text bytes.Buffer
	text.Write(sb.AuthorityPEM())
	for _, key := range slices.Sorted(maps.Keys(w.PrivateKeys)) {
		block, _ := pem.Decode(w.PrivateKeys[key])
		block.Headers = map[string]string{keyHeader: key}
		text.Write(pem.EncodeToMemory(block))
	}
	return files.Write(c.path(identityFile), text.Bytes(), 0o600)
}

// configure writes proxy.yaml with its keys and certificates. One that somebody changed is left alone unless c.Force;
// that gives false.
func (c *SandboxCommand) configure(sb *sandbox.Sandbox, w sandbox.Seed) (written bool, err error) {
	inputs := digest(fmt.Appendf(nil, "2 %q %q %q %q %q", sb.Addr(), c.Proxy, c.Admin, c.Hosts, c.Own))
	before, err := c.read("proxy.yaml")
	if err != nil {
		return false, err
	}
	generated, err := c.read(generatedFile)
	if err != nil {
		return false, err
	}
	madeFrom, asWritten, _ := strings.Cut(strings.TrimSpace(string(generated)), " ")
	switch {
	case before == nil || c.Force:
	case asWritten != digest(before):
		return false, nil
	case madeFrom == inputs:
		// the same again would only differ in the salts of its hashes, and make a running proxy reload
		return true, nil
	}
	if _, err := c.fixtureConfig().Write(c.Dir, sb, w); err != nil {
		return false, err
	}
	text, err := c.read("proxy.yaml")
	if err != nil {
		return false, err
	}
	after := append([]byte(config.SchemaHeader(config.SchemaFile)+"\n"), text...)
	if err := errors.Join(config.SaveSchema(c.Dir), files.Write(c.path("proxy.yaml"), after, 0o600)); err != nil {
		return false, err
	}
	return true, files.Write(c.path(generatedFile), []byte(inputs+" "+digest(after)+"\n"), 0o600)
}

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// fixtureConfig is the configuration, with the program of one's own held to the first password it sends: nobody here
// knows that.
func (c *SandboxCommand) fixtureConfig() fixture.Config {
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

// tryable is what the commands to try need to know.
type tryable struct {
	Dir      string // as an argument of cd
	At       places
	DocuSign string
	Curl     string
}

// newTry names curl.exe, since curl alone is another command of PowerShell. The one of Windows asks the authority of a
// certificate what it has withdrawn, and this one is asked nowhere.
func newTry(dir string, at places, address string) tryable {
	curl := "curl"
	if runtime.GOOS == "windows" {
		curl = "curl.exe --ssl-no-revoke"
	}
	return tryable{words.Argument(dir), at, address, curl}
}

// writeTryFiles writes what the commands to try send, so that no password stands on a command line.
func writeTryFiles(dir string, w sandbox.Seed) error {
	u := w.User("anna@example.com")
	texts := map[string]string{
		"anna.header": legacyHeader(u, u.Password) + "\n",
		"token.form":  passwordGrant(u),
		"soap.header": "Content-Type: text/xml; charset=utf-8\nSOAPAction: " +
			"\"http://www.docusign.net/API/3.0/CreateAndSendEnvelope\"\n",
		"envelope.xml": oldEnvelope(u, ""),
		"logins.txt":   written("logins", w),
	}
	for name, text := range texts {
		if err := files.Write(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}
