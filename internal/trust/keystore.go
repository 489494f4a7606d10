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

func (k *Keystore) importArgs(c *x509.Certificate) []string {
	return k.args("-importcert", "-noprompt", "-trustcacerts", "-alias", Name(c), "-file", k.CertFile)
}

func (k *Keystore) deleteArgs(c *x509.Certificate) []string {
	return k.args("-delete", "-alias", Name(c))
}

func (k *Keystore) line(args []string) string {
	return "run " + strings.Join(append([]string{k.Keytool}, args...), " ")
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

// InstallPlan says step by step what Install will do; nothing if the store holds the certificate already.
func (k *Keystore) InstallPlan(ctx context.Context, c *x509.Certificate) ([]string, error) {
	there, err := k.holds(ctx, c)
	if err != nil || there {
		return nil, err
	}
	return []string{k.line(k.importArgs(c))}, nil
}

// Install imports the certificate under Name. A store that holds that alias already is an error of keytool: see
// InstallPlan.
func (k *Keystore) Install(ctx context.Context, c *x509.Certificate) error {
	_, err := k.Run(ctx, k.Keytool, k.importArgs(c)...)
	return asRoot(err)
}

// UninstallPlan says step by step what Uninstall will do; nothing if the certificate is not in the store.
func (k *Keystore) UninstallPlan(ctx context.Context, c *x509.Certificate) ([]string, error) {
	there, err := k.holds(ctx, c)
	if err != nil || !there {
		return nil, err
	}
	return []string{k.line(k.deleteArgs(c))}, nil
}

// Uninstall deletes the entry that Install made.
func (k *Keystore) Uninstall(ctx context.Context, c *x509.Certificate) error {
	if _, err := k.Run(ctx, k.Keytool, k.deleteArgs(c)...); err != nil {
		return errors.Join(
			asRoot(err),
			errors.New("an entry under another alias is found with: keytool -list -v, and removed with: keytool -delete "+
				"-alias ALIAS"),
		)
	}
	return nil
}

func (k *Keystore) holds(ctx context.Context, c *x509.Certificate) (bool, error) {
	bundle, err := k.list(ctx)
	return err == nil && holds(bundle, c), err
}

// Trusts tells whether Java programs with this keystore believe the certificate at the given time.
func (k *Keystore) Trusts(ctx context.Context, c *x509.Certificate, now time.Time) (Verdict, error) {
	bundle, err := k.list(ctx)
	if err != nil {
		return Verdict{}, err
	}
	return verdict(k.Path, bundle, c, now), nil
}
