package ca

import (
	"bufio"
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/trust"
)

// Trust tells how to make machines trust the CA; with Install, Uninstall or Check it works on a store of this one.
type Trust struct {
	Source
	Only                      []string // platforms to tell of
	As                        string   // place of the certificate where the lines are pasted
	Install, Uninstall, Check bool
	Root                      string // "" = this host's store
	Keystore, StorePassIn     string // a Java keystore instead, and the variable with its password
	Yes                       bool   // do not ask
}

// Run carries out what the fields say.
func (o Trust) Run(ctx context.Context, m *Machine) error {
	cert, err := o.read()
	if err != nil {
		return err
	}
	if !trust.SelfSigned(cert) {
		return fmt.Errorf("%s was issued by %s: programs trust it through that root, so give the root's file with "+
			"--cert", o.Cert, cert.Issuer)
	}
	if !cert.IsCA {
		return fmt.Errorf("%s is not the certificate of an authority", o.Cert)
	}
	switch {
	case o.Install, o.Uninstall:
		return o.change(ctx, m, cert)
	case o.Check:
		return o.check(ctx, m, cert)
	}
	return o.guide(m, cert)
}

func (o Trust) store(m *Machine) (trust.Store, error) {
	if o.Keystore == "" {
		return trust.Detect(o.Root, m.Run)
	}
	keytool, err := trust.FindKeytool(o.Keystore)
	if err != nil {
		return nil, err
	}
	if o.StorePassIn != "" && os.Getenv(o.StorePassIn) == "" {
		return nil, fmt.Errorf("--storepass-env: the environment variable %s is empty", o.StorePassIn)
	}
	return &trust.Keystore{Path: o.Keystore, Keytool: keytool, PasswordVariable: o.StorePassIn, CertFile: o.Cert,
		Run: m.Run}, nil
}

// change is what is reported of a change of a store.
type change struct {
	CertFile string   `json:"cert_file"`
	SHA256   string   `json:"sha256"`
	Store    string   `json:"store"`
	Steps    []string `json:"steps"` // empty: it was so already
	NextStep string   `json:"next_step"`

	Subject   string `json:"-"`
	Uninstall bool   `json:"-"`
}

func (o Trust) change(ctx context.Context, m *Machine, cert *x509.Certificate) error {
	s, err := o.store(m)
	if errors.Is(err, trust.ErrUnknownSystem) {
		return fmt.Errorf("%w: the lines for other systems are printed by: %s", err, command("trust", "--cert", o.Cert))
	}
	if err != nil {
		return err
	}
	c := &change{
		CertFile: o.Cert, SHA256: trust.SHA256(cert), Store: s.Name(), Subject: cert.Subject.String(),
		Uninstall: o.Uninstall, NextStep: "restart the programs that are running",
	}
	planned := s.Uninstall
	if o.Install {
		planned = s.Install
		c.NextStep = o.command("--check") + "; then " + c.NextStep
	}
	plan, err := planned(ctx, cert)
	if err != nil {
		return err
	}
	c.Steps = plan.Steps()
	if len(plan) > 0 {
		if err := o.announce(m, c); err != nil {
			return err
		}
		if err := plan.Run(ctx); err != nil {
			return err
		}
	}
	return m.answer("changed", c)
}

// announce says what will be done and gets consent for it.
func (o Trust) announce(m *Machine, c *change) error {
	out := m.Out
	if m.JSON {
		out = m.Err // standard output is for the JSON alone
	}
	if err := write(out, "plan", c); err != nil {
		return err
	}
	switch {
	case o.Yes:
		return nil
	case !m.Interactive(m.In):
		return errors.New("nothing was done: give --yes, for nobody can be asked here")
	case !confirm(m):
		return errors.New("nothing was done; --yes does it without asking")
	}
	return nil
}

// confirm reads one line. Only y and yes agree.
func confirm(m *Machine) bool {
	fmt.Fprint(m.Err, "Go on? [y/N] ")
	line, err := bufio.NewReader(io.LimitReader(m.In, 256)).ReadString('\n')
	if err != nil && line == "" {
		fmt.Fprintln(m.Err)
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes"
}

// command is another trust command about the same certificate and store.
func (o Trust) command(flag string) string {
	words := []string{"trust", "--cert", o.Cert, flag}
	for _, f := range [][]string{{"--keystore", o.Keystore}, {"--storepass-env", o.StorePassIn}, {"--root", o.Root}} {
		if f[1] != "" {
			words = append(words, f...)
		}
	}
	return command(words...)
}

func (o Trust) check(ctx context.Context, m *Machine, cert *x509.Certificate) error {
	v, err := o.verdict(ctx, m, cert)
	if err != nil {
		return err
	}
	report := struct {
		CertFile string `json:"cert_file"`
		SHA256   string `json:"sha256"`
		trust.Verdict
		NextStep string `json:"next_step,omitempty"`
	}{CertFile: o.Cert, SHA256: trust.SHA256(cert), Verdict: v}
	if !v.Trusted {
		report.NextStep = cmp.Or(v.Remedy, o.command("--install"))
	}
	if err := m.answer("verdict", report); err != nil || v.Trusted {
		return err
	}
	return app.ExitError{Code: 1}
}

func (o Trust) verdict(ctx context.Context, m *Machine, cert *x509.Certificate) (trust.Verdict, error) {
	s, err := o.store(m)
	if errors.Is(err, trust.ErrUnknownSystem) && o.Root == "" {
		return trust.PlatformTrusts(cert, m.Now()), nil
	}
	if err != nil {
		return trust.Verdict{}, err
	}
	return s.Trusts(ctx, cert, m.Now())
}

func (o Trust) guide(m *Machine, cert *x509.Certificate) error {
	here, err := filepath.Abs(o.Cert)
	if err != nil {
		return err
	}
	place := cmp.Or(o.As, here)
	recipes, err := trust.Recipes(cert, place, o.Only)
	if err != nil {
		return fmt.Errorf("--for: %w", err)
	}
	next := "restart the program, then point it at the proxy, for example HTTPS_PROXY=http://127.0.0.1:8080"
	if _, err := trust.Detect(o.Root, m.Run); err == nil && len(o.Only) == 0 {
		next = o.command("--install") + ", for this machine's own store"
	}
	return m.answer("guide", struct {
		CertFile string         `json:"cert_file"`
		SHA256   string         `json:"sha256"`
		Expires  time.Time      `json:"expires"`
		Recipes  []trust.Recipe `json:"recipes"`
		NextStep string         `json:"next_step"`
		Place    string         `json:"-"`
	}{o.Cert, trust.SHA256(cert), cert.NotAfter, recipes, next, place})
}
