package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/internal/trust"
)

// trustStore is a place where a machine keeps what it believes: its own, or a Java keystore.
type trustStore interface {
	Name() string
	Install(context.Context, *x509.Certificate) (trust.Plan, error)
	Uninstall(context.Context, *x509.Certificate) (trust.Plan, error)
	Trusts(context.Context, *x509.Certificate, time.Time) (trust.Verdict, error)
}

type caTrust struct {
	env                         caEnv
	source                      caSource
	only                        []string
	as                          string
	install, uninstall, check   bool
	root, keystore, storePassIn string
	yes, json                   bool
}

func newCATrust(env caEnv) *cobra.Command {
	o := caTrust{env: env}
	cmd := &cobra.Command{
		Use: "trust", Short: "Tell how to make machines and programs trust the CA, or do it here",
		Long: `Without --install it changes nothing: it prints the lines for each platform and language. The lines name the certificate's file on this
machine; for another one, copy the file (never the key) there and name its place with --as.

--install and --uninstall work on the system's store of Debian, Ubuntu, Alpine, RHEL, Fedora and SUSE, or on a Java keystore; they say what they
will do and ask first. --check exits with 0 if the store trusts the CA, and with 1 if not.`,
		Example: `  docusign-auth-proxy ca trust --cert ca.pem
  docusign-auth-proxy ca trust --cert ca.pem --for java,windows --as /opt/erp/ca.pem
  docusign-auth-proxy ca trust --cert ca.pem --install --yes
  docusign-auth-proxy ca trust --cert ca.pem --check
  docusign-auth-proxy ca trust --cert ca.pem --uninstall --yes`, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.source.certFlags(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&o.only, "for", nil, "print the lines for these `PLATFORMS` alone: java, windows, debian, "+
		"python, …")
	f.StringVar(&o.as, "as", "", "`PATH` of the certificate on the machine where the lines are pasted")
	f.BoolVar(&o.install, "install", false, "put the CA into the store")
	f.BoolVar(&o.uninstall, "uninstall", false, "take the CA out of the store")
	f.BoolVar(&o.check, "check", false, "tell whether the store trusts the CA")
	f.StringVar(&o.keystore, "keystore", "", "work on this Java keystore `FILE` instead of the system's store")
	f.StringVar(&o.storePassIn, "storepass-env", "", "name of the environment `VARIABLE` with the keystore's "+
		"password (default: the password is changeit)")
	f.StringVar(&o.root, "root", env.root, "work on the system image below this `FOLDER` (by chroot)")
	f.BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	f.BoolVar(&o.json, "json", false, "print JSON")
	cmd.MarkFlagsMutuallyExclusive("install", "uninstall", "check", "for")
	cmd.MarkFlagsMutuallyExclusive("install", "uninstall", "check", "as")
	cmd.MarkFlagsMutuallyExclusive("root", "keystore")
	return cmd
}

func (o caTrust) run(cmd *cobra.Command) error {
	path, _, err := o.source.files()
	if err != nil {
		return err
	}
	cert, err := readCACert(path)
	if err != nil {
		return err
	}
	if !trust.SelfSigned(cert) {
		return fmt.Errorf("%s was issued by %s: programs trust it through that root, so give the root's file with "+
			"--cert", path, cert.Issuer)
	}
	if !cert.IsCA {
		return fmt.Errorf("%s is not the certificate of an authority", path)
	}
	switch {
	case o.install, o.uninstall:
		return o.change(cmd, path, cert)
	case o.check:
		return o.verdict(cmd, path, cert)
	}
	return o.guide(cmd, path, cert)
}

// store finds the store that the flags mean.
func (o caTrust) store(certPath string) (trustStore, error) {
	if o.keystore == "" {
		return trust.Detect(o.root, o.env.run)
	}
	keytool, err := trust.FindKeytool(o.keystore, o.env.getenv("JAVA_HOME"), o.env.find)
	if err != nil {
		return nil, err
	}
	if o.storePassIn != "" && o.env.getenv(o.storePassIn) == "" {
		return nil, fmt.Errorf("--storepass-env: the environment variable %s is empty", o.storePassIn)
	}
	return &trust.Keystore{Path: o.keystore, Keytool: keytool, PasswordVariable: o.storePassIn, CertFile: certPath,
		Run: o.env.run}, nil
}

// caChange is what --install and --uninstall report.
type caChange struct {
	CertFile string   `json:"cert_file"`
	SHA256   string   `json:"sha256"`
	Store    string   `json:"store"`
	Steps    []string `json:"steps"` // empty: it was so already
	NextStep string   `json:"next_step"`
}

func (o caTrust) change(cmd *cobra.Command, path string, cert *x509.Certificate) error {
	store, err := o.store(path)
	if errors.Is(err, trust.ErrUnknownSystem) {
		return fmt.Errorf("%w: the lines for other systems are printed by: %s", err, caCommand("trust", "--cert", path))
	}
	if err != nil {
		return err
	}
	planned := store.Install
	if o.uninstall {
		planned = store.Uninstall
	}
	plan, err := planned(cmd.Context(), cert)
	if err != nil {
		return err
	}
	steps := plan.Steps()
	if len(steps) > 0 {
		if err := o.announce(cmd, store, cert, steps); err != nil {
			return err
		}
		if err := plan.Run(cmd.Context()); err != nil {
			return err
		}
	}
	return o.changed(cmd, &caChange{CertFile: path, SHA256: trust.SHA256(cert), Store: store.Name(), Steps: steps,
		NextStep: o.afterwards(path)})
}

// announce says what will be done and gets consent for it.
func (o caTrust) announce(cmd *cobra.Command, store trustStore, cert *x509.Certificate, steps []string) error {
	out := cmd.OutOrStdout()
	if o.json {
		out = cmd.ErrOrStderr() // standard output is for the JSON alone
	}
	fmt.Fprintf(out, "%s\n%s, SHA-256 %s\nThis will:\n", store.Name(), cert.Subject, trust.SHA256(cert))
	for _, s := range steps {
		fmt.Fprintln(out, "   ", s)
	}
	switch {
	case o.yes:
		return nil
	case !o.env.interactive(cmd.InOrStdin()):
		return errors.New("nothing was done: give --yes, for nobody can be asked here")
	case !confirm(cmd, "Go on?"):
		return errors.New("nothing was done; --yes does it without asking")
	}
	return nil
}

func (o caTrust) afterwards(path string) string {
	if o.uninstall {
		return "restart the programs that are running"
	}
	return caCommand(o.sameStore("trust", "--cert", path, "--check")...) +
		"; then restart the programs that are running"
}

// sameStore adds the flags that name the store.
func (o caTrust) sameStore(words ...string) []string {
	for _, f := range []struct{ name, value string }{{"--keystore", o.keystore}, {"--storepass-env", o.storePassIn},
		{"--root", o.root}} {
		if f.value != "" {
			words = append(words, f.name, f.value)
		}
	}
	return words
}

func (o caTrust) changed(cmd *cobra.Command, c *caChange) error {
	if o.json {
		return shown.JSON(cmd.OutOrStdout(), c)
	}
	said := "installed: the CA is in the " + c.Store
	switch {
	case o.uninstall && len(c.Steps) == 0:
		said = "nothing to do: the CA is not in the " + c.Store
	case o.uninstall:
		said = "uninstalled: the CA is no longer in the " + c.Store
	case len(c.Steps) == 0:
		said = "nothing to do: the CA is in the " + c.Store + " already"
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\nnext: %s\n", said, c.NextStep)
	return err
}

// caVerdict is what --check reports.
type caVerdict struct {
	CertFile string `json:"cert_file"`
	SHA256   string `json:"sha256"`
	trust.Verdict
	NextStep string `json:"next_step,omitempty"`
}

func (o caTrust) verdict(cmd *cobra.Command, path string, cert *x509.Certificate) error {
	v, err := o.ask(cmd.Context(), path, cert)
	if err != nil {
		return err
	}
	report := caVerdict{CertFile: path, SHA256: trust.SHA256(cert), Verdict: v}
	word := "trusted"
	if !v.Trusted {
		word = "not trusted"
		report.NextStep = caCommand(o.sameStore("trust", "--cert", path, "--install")...)
	}
	if o.json {
		err = shown.JSON(cmd.OutOrStdout(), report)
	} else {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s: %s\n", word, v.Store, v.Reason)
		if err == nil && report.NextStep != "" {
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "next:", report.NextStep)
		}
	}
	if err == nil && !v.Trusted {
		return app.ExitError{Code: 1}
	}
	return err
}

func (o caTrust) ask(ctx context.Context, path string, cert *x509.Certificate) (trust.Verdict, error) {
	store, err := o.store(path)
	if errors.Is(err, trust.ErrUnknownSystem) && o.root == "" {
		return trust.PlatformTrusts(cert, o.env.now()), nil
	}
	if err != nil {
		return trust.Verdict{}, err
	}
	return store.Trusts(ctx, cert, o.env.now())
}

// caGuide is what trust prints where nothing is to be changed.
type caGuide struct {
	CertFile string         `json:"cert_file"`
	SHA256   string         `json:"sha256"`
	Expires  time.Time      `json:"expires"`
	Recipes  []trust.Recipe `json:"recipes"`
	NextStep string         `json:"next_step"`
}

func (o caTrust) guide(cmd *cobra.Command, path string, cert *x509.Certificate) error {
	place := o.as
	if place == "" {
		var err error
		if place, err = filepath.Abs(path); err != nil {
			return err
		}
	}
	g := trust.Guide{Cert: cert, Path: place}
	recipes := g.Recipes()
	if len(o.only) > 0 {
		var err error
		if recipes, err = g.Only(o.only); err != nil {
			return fmt.Errorf("--for: %w", err)
		}
	}
	guide := caGuide{CertFile: path, SHA256: trust.SHA256(cert), Expires: cert.NotAfter, Recipes: recipes}
	guide.NextStep = "restart the program, then point it at the proxy, for example HTTPS_PROXY=http://127.0.0.1:8080"
	if _, err := trust.Detect(o.root, o.env.run); err == nil && len(o.only) == 0 {
		guide.NextStep = caCommand(o.sameStore("trust", "--cert", path, "--install")...) +
			", for this machine's own store"
	}
	if o.json {
		return shown.JSON(cmd.OutOrStdout(), guide)
	}
	var b strings.Builder
	guide.write(&b, place)
	_, err := io.WriteString(cmd.OutOrStdout(), b.String())
	return err
}

func (g caGuide) write(w io.Writer, place string) {
	fmt.Fprintf(w, "The file below is %s on the machine where the lines are pasted (another place: --as).\n", place)
	fmt.Fprintf(w, "Copy it there, never the key. SHA-256 %s, expires %s.\n", g.SHA256,
		g.Expires.UTC().Format(time.DateOnly))
	for _, r := range g.Recipes {
		fmt.Fprintf(w, "\n=== %s (--for %s)\n", r.Title, r.Key)
		for _, s := range r.Steps {
			fmt.Fprintf(w, "\n%s\n", s.Note)
			for _, line := range s.Lines {
				fmt.Fprintln(w, "   ", line)
			}
		}
	}
	fmt.Fprintln(w, "\nnext:", g.NextStep)
}
