package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/internal/storecopy"
)

// told runs a command of the program in this process.
func told(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&out)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestAStoreKeyIsMadeAndLookedAt(t *testing.T) {
	first, err := told(t, "store", "key")
	second, againErr := told(t, "store", "key")
	if err != nil || againErr != nil || first == second || len(config.Bytes(secret.New(first))) != 32 {
		t.Errorf("two keys are %d and %d characters long, %v, %v", len(first), len(second), err, againErr)
	}
	file := filepath.Join(t.TempDir(), "store.key")
	said, err := told(t, "store", "key", "--output", file)
	info, statErr := os.Stat(file)
	if err != nil || statErr != nil || info.Mode().Perm()&0o077 != 0 || !strings.Contains(said, file) {
		t.Errorf("%v, %v, %s", err, statErr, said)
	}
	if _, err := told(t, "store", "key", "--output", file); !os.IsExist(err) {
		t.Errorf("a key that is there: %v", err)
	}
	fingerprints := map[string]bool{}
	for range 2 {
		said, err := told(t, "store", "key", "--check", file)
		if err != nil {
			t.Fatal(err)
		}
		fingerprints[regexp.MustCompile(` is ([0-9a-f]{12})\n$`).FindStringSubmatch(said)[1]] = true
	}
	if len(fingerprints) != 1 {
		t.Errorf("one key has the fingerprints %v", fingerprints)
	}
	if err := os.WriteFile(file, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := told(t, "store", "key", "--check", file); err == nil || !strings.Contains(err.Error(), "not a key") {
		t.Errorf("what is no key: %v", err)
	}
}

func TestAStateFileIsCopied(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	token := secret.New(r.LegacyLogin(t, "anna@example.com", "anna-legacy-1", sandbox.GUIDKey))
	to := filepath.Join(t.TempDir(), "copy.db")
	copyIt := []string{"store", "copy", "--config", r.Path, "--to", to}
	if _, err := told(t, copyIt...); err == nil || !strings.Contains(err.Error(), "next: stop the proxy") {
		t.Errorf("beside a running proxy: %v", err)
	}
	r.Halt()
	said, err := told(t, copyIt...)
	if err != nil || !regexp.MustCompile(`issued tokens +1 +1 +0`).MatchString(said) || !strings.Contains(said, "next: ") {
		t.Errorf("%v\n%s", err, said)
	}
	said, err = told(t, append(copyIt, "--json")...)
	var report storecopy.Report
	if err := json.Unmarshal([]byte(said), &report); err != nil {
		t.Errorf("%v: %s", err, said)
	}
	for _, k := range report.Kinds {
		if k.Added > 0 {
			t.Errorf("the second copy added %+v", k)
		}
	}
	s, openErr := store.Read(to)
	if err != nil || openErr != nil {
		t.Fatal(err, openErr)
	}
	defer s.Close()
	if owner, ok, _ := s.Lookup(t.Context(), token); !ok || owner.Authenticator != "anna@example.com" {
		t.Errorf("the token is of %v, %v", owner, ok)
	}
	if _, err := told(t, "store", "copy", "--config", r.Path, "--to", r.Path); err == nil ||
		!strings.Contains(err.Error(), "on both sides") {
		t.Errorf("onto itself: %v", err)
	}
	other := filepath.Join(t.TempDir(), "other.db")
	if err := os.WriteFile(other+".key", []byte(store.NewKey()), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := told(t, "store", "copy", "--config", r.Path, "--to", other); err == nil ||
		!strings.Contains(err.Error(), "nothing was copied\nnext: ") {
		t.Errorf("with another key: %v", err)
	}
}
