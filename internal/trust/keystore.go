package trust

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Keystore is a Java trust store, changed with Java's own keytool.
type Keystore struct {
	Path             string // such as $JAVA_HOME/lib/security/cacerts; it must exist
	Keytool          string // the program; see FindKeytool
	PasswordVariable string // environment variable with the password, read by Java 7 and later; "" = changeit
	CertFile         string // PEM file that Install imports
	Run              Runner
}

// FindKeytool prefers the keytool of the Java in whose lib/security the keystore lies (a JRE may lie within a JDK), for
// an old Java cannot read what a new one writes; then that of JAVA_HOME, then that in PATH.
func FindKeytool(keystore string) (string, error) {
	name := "keytool"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	var homes []string
	path, err := filepath.Abs(keystore)
	if err == nil && strings.HasSuffix(filepath.ToSlash(filepath.Dir(path)), "/lib/security") {
		java := filepath.Join(path, "../../..")
		homes = append(homes, java, filepath.Dir(java))
	}
	if home := os.Getenv("JAVA_HOME"); home != "" {
		homes = append(homes, home)
	}
	for _, home := range homes {
		keytool := filepath.Join(home, "bin", name)
		if st, err := os.Stat(keytool); err == nil && st.Mode().IsRegular() {
			return keytool, nil
		}
	}
	if path, err = exec.LookPath(name); err != nil {
		return "", fmt.Errorf("keytool is neither beside the keystore, nor in JAVA_HOME, nor in PATH: %w", err)
	}
	return path, nil
}

// Name tells which store it is, for people.
func (k *Keystore) Name() string { return "Java keystore " + k.Path }

func (k *Keystore) args(words ...string) []string {
	words = append(words, "-keystore", k.Path)
	if k.PasswordVariable == "" {
		return append(words, "-storepass", "changeit") // with which every Java ships its cacerts; it keeps nothing secret
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

// Install plans to import the certificate under Name; nothing if the store holds it already.
func (k *Keystore) Install(ctx context.Context, c *x509.Certificate) (Plan, error) {
	bundle, err := k.list(ctx)
	if err != nil || holds(bundle, c) {
		return nil, err
	}
	args := k.args("-importcert", "-noprompt", "-trustcacerts", "-alias", Name(c), "-file", k.CertFile)
	return Plan{running(k.Run, k.Keytool, args)}, nil
}

// Uninstall plans to delete the entry that Install made; nothing if the certificate is not in the store.
func (k *Keystore) Uninstall(ctx context.Context, c *x509.Certificate) (Plan, error) {
	bundle, err := k.list(ctx)
	if err != nil || !holds(bundle, c) {
		return nil, err
	}
	deletion := running(k.Run, k.Keytool, k.args("-delete", "-alias", Name(c)))
	deletion.hint = "an entry under another alias is found with: keytool -list -v, and removed with: keytool -delete " +
		"-alias ALIAS"
	return Plan{deletion}, nil
}

// Trusts tells whether Java programs with this keystore believe the certificate at the given time.
func (k *Keystore) Trusts(ctx context.Context, c *x509.Certificate, now time.Time) (Verdict, error) {
	bundle, err := k.list(ctx)
	if err != nil {
		return Verdict{}, err
	}
	return verdict(k.Path, certificates(bundle), c, now), nil
}
