package main

import (
	"bufio"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/internal/trust"
	"docusign-auth-proxy/proxy/authority"
)

const (
	defaultCACert  = "ca.pem"
	defaultCAKey   = "ca-key.pem"
	defaultCADays  = 730
	maxCAFile      = 1 << 20
	maxCAOldOnADay = 99
)

// caEnv is what the ca commands need of the machine.
type caEnv struct {
	now         func() time.Time
	root        string // default of --root
	run         trust.Runner
	find        func(program string) (string, error)
	getenv      func(string) string
	interactive func(io.Reader) bool // is a person there to be asked?
}

func newCA() *cobra.Command {
	return newCAWith(caEnv{now: time.Now, run: trust.Exec, find: exec.LookPath, getenv: os.Getenv,
		interactive: isTerminal})
}

func newCAWith(env caEnv) *cobra.Command {
	cmd := &cobra.Command{
		Use: "ca", Short: "Make, show, renew and spread the certificate authority that old programs are told to trust",
		Long: `Programs that reach DocuSign through a CONNECT proxy speak TLS, and what they say can be translated only if the proxy answers in
DocuSign's name. For that they have to trust a certificate authority of the proxy. It is limited to DocuSign's domains and this machine: whoever
steals its key can impersonate nothing else. Programs that call the proxy as a sidecar over http need none.`,
		Example: "  docusign-auth-proxy ca init\n  docusign-auth-proxy ca trust",
	}
	cmd.AddCommand(newCAInit(env), newCAShow(env), newCATrust(env), newCARenew(env))
	return cmd
}

func isTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

// caReport is what every ca command says about a certificate; the first fields tell what was done.
type caReport struct {
	Made     []string `json:"made,omitempty"`
	Kept     []string `json:"kept,omitempty"`
	CertFile string   `json:"cert_file"`
	KeyFile  string   `json:"key_file,omitempty"`
	trust.Description
	Warnings []string `json:"warnings"`
	PEM      string   `json:"pem,omitempty"`
	Config   string   `json:"config,omitempty"`
	Deadline string   `json:"deadline,omitempty"` // by when other machines need the new certificate
	NextStep string   `json:"next_step"`
}

func (r *caReport) write(cmd *cobra.Command, asJSON bool, text func(io.Writer)) error {
	if r.Warnings == nil {
		r.Warnings = []string{}
	}
	if asJSON {
		return shown.JSON(cmd.OutOrStdout(), r)
	}
	var b strings.Builder
	text(&b)
	_, err := io.WriteString(cmd.OutOrStdout(), b.String())
	return err
}

// describe writes the block of facts that init, show and renew share.
func (r *caReport) describe(w io.Writer) {
	row := func(name, value string) { fmt.Fprintf(w, "%-13s %s\n", name, value) }
	row("subject", r.Subject)
	if r.Issuer != r.Subject {
		row("issuer", r.Issuer)
	}
	row("sha-256", r.SHA256)
	row("sha-1", r.SHA1+" (Windows: thumbprint)")
	row("key", r.Key)
	row("valid", r.NotBefore.UTC().Format(time.DateOnly)+" to "+r.NotAfter.UTC().Format(time.DateOnly)+", "+
		daysLeft(r.DaysLeft))
	row("may sign for", r.scope())
	for _, warning := range r.Warnings {
		row("warning", warning)
	}
}

func (r *caReport) scope() string {
	if len(r.Permitted) == 0 {
		return "any host"
	}
	critical := ""
	if !r.Critical {
		critical = " (not critical)"
	}
	addresses := ", any address"
	isRange := func(s string) bool { return strings.Contains(s, "/") }
	if slices.ContainsFunc(r.Permitted, isRange) || slices.ContainsFunc(r.Excluded, isRange) {
		addresses = ""
	}
	return strings.Join(r.Permitted, ", ") + addresses + critical
}

func daysLeft(n int) string {
	switch {
	case n < 0:
		return "expired"
	case n == 1:
		return "1 day left"
	}
	return strconv.Itoa(n) + " days left"
}

// caSource says which certificate a command is about: named outright, or by the configuration.
type caSource struct{ config, cert, key string }

func (s *caSource) certFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.cert, "cert", defaultCACert, "certificate `FILE`")
	cmd.Flags().StringVarP(&s.config, "config", "c", "",
		"take the files from interception in this configuration `FILE`")
	cmd.MarkFlagsMutuallyExclusive("config", "cert")
}

func (s *caSource) keyFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.key, "key", defaultCAKey, "private key `FILE`")
	cmd.MarkFlagsMutuallyExclusive("config", "key")
}

// files tells certificate and key; the key is "" where the command was given the certificate alone.
func (s *caSource) files() (cert, key string, err error) {
	if s.config == "" {
		return s.cert, s.key, nil
	}
	return caFilesOf(s.config)
}

// caFilesOf reads two paths and nothing else, so that a configuration that is still full of faults will do.
func caFilesOf(path string) (cert, key string, err error) {
	data, err := readCAFile(path)
	if err != nil {
		return "", "", err
	}
	var doc struct {
		Interception struct {
			CACert string `yaml:"ca_cert"`
			CAKey  string `yaml:"ca_key"`
		}
	}
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return "", "", fmt.Errorf("%s: %w", path, err)
	}
	in := doc.Interception
	if in.CACert == "" || in.CAKey == "" {
		return "", "", fmt.Errorf("%s names no CA: put interception: {ca_cert: …, ca_key: …} into it; "+
			"docusign-auth-proxy ca init makes both files", path)
	}
	folder := filepath.Dir(path)
	return inFolder(folder, in.CACert), inFolder(folder, in.CAKey), nil
}

func inFolder(folder, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(folder, name)
}

// caCommand is a ca command as it can be pasted.
func caCommand(words ...string) string {
	var line strings.Builder
	line.WriteString("docusign-auth-proxy ca")
	for _, w := range words {
		line.WriteString(" " + trust.Quote(w))
	}
	return line.String()
}

func readCAFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxCAFile+1))
	if err == nil && len(data) > maxCAFile {
		err = fmt.Errorf("%s is larger than 1 MB", path)
	}
	return data, err
}

func readCACert(path string) (*x509.Certificate, error) {
	data, err := readCAFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: docusign-auth-proxy ca init makes one", err)
	}
	if err != nil {
		return nil, err
	}
	c, err := trust.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

func loadCA(certPath, keyPath string) (*authority.Authority, error) {
	cert, err := readCAFile(certPath)
	if err != nil {
		return nil, err
	}
	key, err := readCAFile(keyPath)
	if err != nil {
		return nil, err
	}
	a, err := authority.Load(cert, key)
	if err != nil {
		return nil, fmt.Errorf("%s, %s: %w", certPath, keyPath, err)
	}
	return a, nil
}

func newCAShow(env caEnv) *cobra.Command {
	var source caSource
	var asJSON, asPEM bool
	cmd := &cobra.Command{
		Use: "show", Short: "Show the CA: fingerprints, days left, what it may sign for",
		Long: `Shows the certificate, never the key. With --config the key is read too, to tell whether it belongs to the ` +
			`certificate.`,
		Example: `  docusign-auth-proxy ca show --cert ca.pem
  docusign-auth-proxy ca show --cert ca.pem --pem > for-the-old-machine.pem`, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return showCA(cmd, env, source, asJSON, asPEM)
		},
	}
	source.certFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&asPEM, "pem", false, "print the certificate itself, for other machines")
	return cmd
}

func showCA(cmd *cobra.Command, env caEnv, source caSource, asJSON, asPEM bool) error {
	certPath, keyPath, err := source.files()
	if err != nil {
		return err
	}
	cert, err := readCACert(certPath)
	if err != nil {
		return err
	}
	r := &caReport{CertFile: certPath, KeyFile: keyPath, Description: trust.Describe(cert, env.now())}
	if keyPath == "" {
		r.Warnings = trust.Warnings(cert, env.now())
	} else {
		a, err := loadCA(certPath, keyPath)
		if err != nil {
			return err
		}
		r.Warnings = a.Warnings(env.now())
	}
	if asPEM {
		r.PEM = string(trust.EncodePEM(cert))
	}
	r.NextStep = caCommand(source.named("trust", certPath)...)
	if len(r.Warnings) > 0 && trust.SelfSigned(cert) && r.DaysLeft < 60 {
		r.NextStep = caCommand(source.named("renew", certPath)...)
	}
	return r.write(cmd, asJSON, func(w io.Writer) {
		if asPEM {
			fmt.Fprint(w, r.PEM)
			return
		}
		fmt.Fprintf(w, "%-13s %s\n", "certificate", certPath)
		r.describe(w)
		fmt.Fprintln(w, "next:", r.NextStep)
	})
}

// named gives the same files to another command.
func (s *caSource) named(command, certPath string) []string {
	if s.config != "" {
		return []string{command, "--config", s.config}
	}
	return []string{command, "--cert", certPath}
}

type caInit struct {
	dir, cert, key, algorithm string
	days                      int
	names                     []string
	lenient, force, json      bool
	addresses                 bool
}

func newCAInit(env caEnv) *cobra.Command {
	var o caInit
	cmd := &cobra.Command{
		Use: "init", Short: "Make the CA: a certificate for the old machines, a key that stays here",
		Long: `Makes a certificate authority that can sign for no other names than docusign.net, docusign.com and localhost. A program that calls the
proxy as a sidecar over https by another name needs that name too (--name): nothing can be added later without a new certificate.

Addresses are not limited, for Mono and old OpenSSL refuse every certificate with an address below an authority that limits them. Where no such
program is, --ip-constraints limits them to this machine's loopback and to the addresses and networks given with --name: whoever steals the key
can then impersonate no server that is called by address.

The key is RSA unless asked otherwise, for old programs cannot verify ECDSA. Some of them (OpenSSL before 1.0) also refuse a certificate with
critical constraints: --lenient-constraints lets them in, and they then ignore the limit.`,
		Example: `  docusign-auth-proxy ca init
  docusign-auth-proxy ca init --dir sidecar-ca --name proxy.intranet.example
  docusign-auth-proxy ca init --dir modern-ca --ip-constraints --name 10.1.2.3`, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, env) },
	}
	f := cmd.Flags()
	f.StringVar(&o.dir, "dir", ".", "`FOLDER` for both files; made if it does not exist")
	f.StringVar(&o.cert, "cert", defaultCACert, "name of the certificate `FILE` in the folder")
	f.StringVar(&o.key, "key", defaultCAKey, "name of the private key `FILE` in the folder")
	f.StringVar(&o.algorithm, "algorithm", "rsa", "rsa or ecdsa")
	f.IntVar(&o.days, "days", defaultCADays, "days until it expires, 1 to 3650")
	f.StringArrayVar(&o.names, "name", nil,
		"additional DNS `NAME`, address or network it may sign for; may be repeated")
	f.BoolVar(&o.addresses, "ip-constraints", false, "limit the addresses too; Mono and old OpenSSL do not take "+
		"such an authority")
	f.BoolVar(&o.lenient, "lenient-constraints", false, "mark the constraints as not critical, for very old programs")
	f.BoolVar(&o.force, "force", false, "make a new key although there is one; every program must then be told to "+
		"trust the new CA")
	f.BoolVar(&o.json, "json", false, "print JSON")
	return cmd
}

func (o caInit) spec(env caEnv) (authority.Spec, error) {
	s := authority.Spec{
		LenientConstraints: o.lenient, ConstrainAddresses: &o.addresses, Now: env.now,
		Permitted: append(authority.DefaultPermitted(), o.names...),
	}
	switch o.algorithm {
	case "rsa":
	case "ecdsa":
		s.Algorithm = authority.ECDSA
	default:
		return s, fmt.Errorf("--algorithm %s: choose rsa or ecdsa", o.algorithm)
	}
	var err error
	s.Life, err = lifeOf(o.days)
	return s, err
}

func lifeOf(days int) (time.Duration, error) {
	const limit = int(authority.MaxLife / (24 * time.Hour))
	if days < 1 || days > limit {
		return 0, fmt.Errorf("--days %d: choose 1 to %d", days, limit)
	}
	return time.Duration(days) * 24 * time.Hour, nil
}

func (o caInit) run(cmd *cobra.Command, env caEnv) error {
	spec, err := o.spec(env)
	if err != nil {
		return err
	}
	certPath, keyPath := inFolder(o.dir, o.cert), inFolder(o.dir, o.key)
	present, err := caPresent(certPath, keyPath)
	if err != nil {
		return err
	}
	if len(present) > 0 && !o.force {
		return fmt.Errorf("already there: %s; old programs may trust this CA: see it with ca show, prolong it with "+
			"ca renew (same key), or start over with --force, "+
			"after which every program must be told to trust the new CA", strings.Join(present, " and "))
	}
	a, err := authority.Create(spec)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	kept, err := keepOldCA(present, env.now())
	if err != nil {
		return err
	}
	if err := a.Save(certPath, keyPath, o.force); err != nil {
		return err
	}
	return o.report(cmd, &caReport{
		Made: []string{certPath, keyPath}, Kept: kept, CertFile: certPath, KeyFile: keyPath,
		Description: trust.Describe(a.Certificate(), env.now()), Warnings: a.Warnings(env.now()),
		Config:   "interception: {ca_cert: " + yamlWord(certPath) + ", ca_key: " + yamlWord(keyPath) + "}",
		NextStep: caCommand("trust", "--cert", certPath),
	})
}

func (o caInit) report(cmd *cobra.Command, r *caReport) error {
	return r.write(cmd, o.json, func(w io.Writer) {
		for _, k := range r.Kept {
			fmt.Fprintf(w, "%-13s %s\n", "kept", k)
		}
		fmt.Fprintf(w, "%-13s %s: the certificate, for the machines of the old programs\n", "made", r.CertFile)
		fmt.Fprintf(w, "%-13s %s: the private key, readable by this user alone; it stays here\n", "made", r.KeyFile)
		r.describe(w)
		fmt.Fprintf(w, "\nPut this into the configuration (paths are relative to its file):\n\n%s\n\n", r.Config)
		if len(r.Kept) > 0 {
			fmt.Fprintln(w, "No program trusts the new CA yet. Delete what was kept when nothing trusts the old one "+
				"any more.")
		}
		fmt.Fprintln(w, "next:", r.NextStep)
	})
}

// caPresent lists which of the two files exist.
func caPresent(paths ...string) ([]string, error) {
	var out []string
	for _, p := range paths {
		_, err := os.Lstat(p)
		switch {
		case err == nil:
			out = append(out, p)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	return out, nil
}

func yamlWord(s string) string {
	if strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./-") == "" &&
		!strings.HasPrefix(s, "-") {
		return s
	}
	return strconv.Quote(s)
}

// keepOldCA copies files beside themselves under the day's name, with their mode.
func keepOldCA(paths []string, now time.Time) ([]string, error) {
	var kept []string
	for _, p := range paths {
		name, err := keepOld(p, now)
		if err != nil {
			return kept, fmt.Errorf("keep the old file: %w", err)
		}
		kept = append(kept, name)
	}
	return kept, nil
}

func keepOld(path string, now time.Time) (string, error) {
	data, err := readCAFile(path)
	if err != nil {
		return "", err
	}
	st, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	base := path + ".old-" + now.UTC().Format("20060102")
	for i := 1; i <= maxCAOldOnADay; i++ {
		name := base
		if i > 1 {
			name = base + "-" + strconv.Itoa(i)
		}
		err := createCAFile(name, data, st.Mode().Perm())
		if err == nil {
			return name, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", err
		}
	}
	return "", fmt.Errorf("%s and %d others exist already", base, maxCAOldOnADay-1)
}

func createCAFile(path string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// replaceCAFile lets a reader, such as the running proxy, see the old file or the new one, never a part.
func replaceCAFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func newCARenew(env caEnv) *cobra.Command {
	var source caSource
	var days int
	var asJSON, addresses bool
	cmd := &cobra.Command{
		Use: "renew", Short: "Prolong the CA with the same key, without a flag day",
		Long: `Makes a certificate with the same key, subject and limits and a new term, and puts it in the place of the old one, which is kept beside it.
Programs that trust the old certificate go on working until its last day, those that trust the new one work at once: move them one by one.

The limits stay as they are, unless --ip-constraints=false takes those on addresses away, which Mono and old OpenSSL do not bear.`,
		Example: `  docusign-auth-proxy ca renew --cert ca.pem --key ca-key.pem --days 1095
  docusign-auth-proxy ca renew --ip-constraints=false`, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			life, err := lifeOf(days)
			if err != nil {
				return err
			}
			spec := authority.Spec{Life: life, Now: env.now}
			if cmd.Flags().Changed("ip-constraints") {
				spec.ConstrainAddresses = &addresses
			}
			return renewCA(cmd, env, source, spec, asJSON)
		},
	}
	source.certFlags(cmd)
	source.keyFlag(cmd)
	cmd.Flags().IntVar(&days, "days", defaultCADays, "days from today until the new certificate expires, 1 to 3650")
	cmd.Flags().BoolVar(&addresses, "ip-constraints", false,
		"limit the addresses too, or with =false no longer (default as it is)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func renewCA(cmd *cobra.Command, env caEnv, source caSource, spec authority.Spec, asJSON bool) error {
	certPath, keyPath, err := source.files()
	if err != nil {
		return err
	}
	// Also refuses a file that holds the key too, which would be lost here.
	old, err := readCACert(certPath)
	if err != nil {
		return err
	}
	a, err := loadCA(certPath, keyPath)
	if err != nil {
		return err
	}
	renewed, err := a.Renew(spec)
	if err != nil {
		return err
	}
	if !renewed.Expires().After(old.NotAfter) && spec.ConstrainAddresses == nil {
		return fmt.Errorf("the new certificate would expire on %s, no later than the old one (%s): give more --days",
			renewed.Expires().UTC().Format(time.DateOnly), old.NotAfter.UTC().Format(time.DateOnly))
	}
	// Where the path is a link, the file behind it is replaced.
	target, err := filepath.EvalSymlinks(certPath)
	if err != nil {
		return err
	}
	kept, err := keepOldCA([]string{target}, env.now())
	if err != nil {
		return err
	}
	if err := replaceCAFile(target, renewed.CertPEM()); err != nil {
		return fmt.Errorf("replace %s: %w", target, err)
	}
	r := &caReport{
		Made: []string{target}, Kept: kept, CertFile: certPath, KeyFile: keyPath,
		Description: trust.Describe(renewed.Certificate(), env.now()),
		Warnings:    renewed.Warnings(env.now()), Deadline: old.NotAfter.UTC().Format(time.DateOnly),
		NextStep: caCommand(source.named("trust", certPath)...),
	}
	return r.write(cmd, asJSON, func(w io.Writer) { r.renewal(w, old, env.now()) })
}

func (r *caReport) renewal(w io.Writer, old *x509.Certificate, now time.Time) {
	fmt.Fprintf(w, "%-13s %s: the old certificate\n", "kept", r.Kept[0])
	fmt.Fprintf(w, "%-13s %s: same key, same subject, new term; %s is untouched\n", "renewed", r.Made[0], r.KeyFile)
	r.describe(w)
	fmt.Fprintf(w, "\nThe new certificate is needed on every machine and in every keystore that trusts the old one "+
		"(%s):\n", trust.Name(old))
	left := trust.DaysLeft(old, now)
	if left < 0 {
		fmt.Fprintf(
			w, "now, for the old one expired on %s and programs refuse the proxy until they have the new one.\n", r.Deadline,
		)
	} else {
		fmt.Fprintf(w, "by %s, in %d days. Until then both work. After that day the old one can go:\n", r.Deadline,
			left)
		fmt.Fprintln(w, "   ", caCommand("trust", "--uninstall", "--cert", r.Kept[0]))
	}
	fmt.Fprintf(w, "A running proxy takes up the new file by itself. On a machine, ca trust --check tells which one "+
		"it trusts.\nnext: %s\n", r.NextStep)
}

// confirm asks on standard error and reads one line. Only y and yes agree.
func confirm(cmd *cobra.Command, question string) bool {
	fmt.Fprint(cmd.ErrOrStderr(), question, " [y/N] ")
	line, err := bufio.NewReader(io.LimitReader(cmd.InOrStdin(), 256)).ReadString('\n')
	if err != nil && line == "" {
		fmt.Fprintln(cmd.ErrOrStderr())
		return false
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes"
}
