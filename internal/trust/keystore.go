package trust

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// DefaultStorePass is the password that every Java ships its cacerts with; it keeps nothing secret.
const DefaultStorePass = "changeit"

// Keystore is a Java trust store, changed with Java's own keytool.
type Keystore struct {
	// Path of the keystore, such as $JAVA_HOME/lib/security/cacerts. It must exist.
	Path string
	// Keytool is the program; see FindKeytool.
	Keytool string
	// PasswordVariable names the environment variable with the password; "" = DefaultStorePass. Java 7 and later read it.
	PasswordVariable string
	// CertFile is the PEM file that Install imports.
	CertFile string
	// Run runs keytool.
	Run Runner
}

// FindKeytool prefers the keytool of the Java that the keystore belongs to, for an old Java cannot read what a new one
// writes; then that of javaHome, then what find (exec.LookPath) finds.
func FindKeytool(keystore, javaHome string, find func(string) (string, error)) (string, error) {
	name := "keytool"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	var candidates []string
	if java, ok := javaOf(keystore); ok {
		candidates = append(candidates, filepath.Join(java, "bin", name), filepath.Join(filepath.Dir(java), "bin", name))
	}
	if javaHome != "" {
		candidates = append(candidates, filepath.Join(javaHome, "bin", name))
	}
	for _, c := range candidates {
		if st, err := os.Stat(c); err == nil && st.Mode().IsRegular() {
			return c, nil
		}
	}
	path, err := find(name)
	if err != nil {
		return "", fmt.Errorf("keytool is neither beside the keystore, nor in JAVA_HOME, nor in PATH: %w", err)
	}
	return path, nil
}

// javaOf is the folder of the Java whose lib/security the keystore lies in: a JRE, which may lie within a JDK.
func javaOf(keystore string) (string, bool) {
	path, err := filepath.Abs(keystore)
	if err != nil {
		return "", false
	}
	security := filepath.Dir(path)
	lib := filepath.Dir(security)
	return filepath.Dir(lib), filepath.Base(security) == "security" && filepath.Base(lib) == "lib"
}

// Name tells which store it is, for people.
func (k *Keystore) Name() string { return "Java keystore " + k.Path }

func (k *Keystore) args(words ...string) []string {
	words = append(words, "-keystore", k.Path)
	if k.PasswordVariable == "" {
		return append(words, "-storepass", DefaultStorePass)
	}
	return append(words, "-storepass:env", k.PasswordVariable)
}

// list returns the store's certificates as PEM.
func (k *Keystore) list(ctx context.Context) ([]byte, error) {
	if _, err := os.Stat(k.Path); err != nil {
		return nil, fmt.Errorf("keystore: %w", err)
	}
	out, err := k.Run(ctx, k.Keytool, k.args("-list", "-rfc")...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", k.Path, err)
	}
	return out, nil
}

func (k *Keystore) keytool(hint string, args ...string) Plan {
	args = k.args(args...)
	return Plan{{
		text: "run " + strings.Join(append([]string{k.Keytool}, args...), " "),
		do: func(ctx context.Context) error {
			_, err := k.Run(ctx, k.Keytool, args...)
			if err = asRoot(err); err != nil && hint != "" {
				err = errors.Join(err, errors.New(hint))
			}
			return err
		},
	}}
}

// Install plans to import the certificate under Name; nothing if the store holds it already.
func (k *Keystore) Install(ctx context.Context, c *x509.Certificate) (Plan, error) {
	bundle, err := k.list(ctx)
	if err != nil || holds(bundle, c) {
		return nil, err
	}
	return k.keytool("", "-importcert", "-noprompt", "-trustcacerts", "-alias", Name(c), "-file", k.CertFile), nil
}

// Uninstall plans to delete the entry that Install made; nothing if the certificate is not in the store.
func (k *Keystore) Uninstall(ctx context.Context, c *x509.Certificate) (Plan, error) {
	bundle, err := k.list(ctx)
	if err != nil || !holds(bundle, c) {
		return nil, err
	}
	const hint = "an entry under another alias is found with: keytool -list -v, and removed with: keytool -delete " +
		"-alias ALIAS"
	return k.keytool(hint, "-delete", "-alias", Name(c)), nil
}

// Trusts tells whether Java programs with this keystore believe the certificate at the given time.
func (k *Keystore) Trusts(ctx context.Context, c *x509.Certificate, now time.Time) (Verdict, error) {
	bundle, err := k.list(ctx)
	if err != nil {
		return Verdict{}, err
	}
	return verdict(k.Path, bundle, c, now), nil
}
