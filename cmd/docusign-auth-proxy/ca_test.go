package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/trust"
	"docusign-auth-proxy/internal/trust/ca"
	"docusign-auth-proxy/proxy/authority"
)

var updateCAGolden = flag.Bool("update-ca", false, "write the golden files of the ca commands")

var caDay0 = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// caBench is a folder to work in and a machine that looks like Debian.
type caBench struct {
	t           *testing.T
	now         time.Time
	goldens     string
	root        string // the machine's root
	ran         []string
	updateFails error
	input       string
	person      bool
}

func newCABench(t *testing.T) *caBench {
	t.Helper()
	goldens, err := filepath.Abs("testdata/ca")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	b := &caBench{t: t, now: caDay0, goldens: goldens, root: t.TempDir()}
	for _, dir := range []string{"/usr/local/share/ca-certificates", "/usr/sbin", "/etc/ssl/certs"} {
		b.must(os.MkdirAll(filepath.Join(b.root, dir), 0o755))
	}
	b.write(filepath.Join(b.root, "/usr/sbin/update-ca-certificates"), "#!/bin/sh\n")
	return b
}

func (b *caBench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *caBench) read(path string) string {
	b.t.Helper()
	data, err := os.ReadFile(path)
	b.must(err)
	return string(data)
}

func (b *caBench) write(path, text string) {
	b.t.Helper()
	b.must(os.WriteFile(path, []byte(text), 0o755))
}

// update does what update-ca-certificates does for this purpose: all files of the folder into one bundle.
func (b *caBench) update(_ context.Context, name string, args ...string) ([]byte, error) {
	b.ran = append(b.ran, strings.ReplaceAll(strings.Join(append([]string{name}, args...), " "), b.root, "ROOT"))
	if b.updateFails != nil {
		return nil, b.updateFails
	}
	files, err := filepath.Glob(filepath.Join(b.root, "/usr/local/share/ca-certificates/*.crt"))
	b.must(err)
	var bundle strings.Builder
	for _, f := range files {
		bundle.WriteString(b.read(f))
	}
	b.write(filepath.Join(b.root, "/etc/ssl/certs/ca-certificates.crt"), bundle.String())
	return nil, nil
}

func (b *caBench) run(args ...string) (out, errOut string, err error) {
	b.t.Helper()
	return b.runWith(ca.Machine{
		Now: func() time.Time { return b.now }, Run: b.update,
		Interactive: func(io.Reader) bool { return b.person },
	}, args...)
}

func (b *caBench) runWith(m ca.Machine, args ...string) (out, errOut string, err error) {
	b.t.Helper()
	var o, e bytes.Buffer
	cmd := newCAWith(m, b.root)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetOut(&o)
	cmd.SetErr(&e)
	cmd.SetIn(strings.NewReader(b.input))
	cmd.SetArgs(args)
	err = cmd.ExecuteContext(b.t.Context())
	return o.String(), e.String(), err
}

// good runs a command that must succeed and says nothing on standard error.
func (b *caBench) good(args ...string) string {
	b.t.Helper()
	out, errOut, err := b.run(args...)
	if err != nil || errOut != "" {
		b.t.Fatalf("ca %s: %v\n%s%s", strings.Join(args, " "), err, out, errOut)
	}
	return out
}

// bad runs a command that must fail with these words.
func (b *caBench) bad(words string, args ...string) {
	b.t.Helper()
	out, _, err := b.run(args...)
	if err == nil || !strings.Contains(err.Error(), words) {
		b.t.Errorf("ca %s: %v, want %q\n%s", strings.Join(args, " "), err, words, out)
	}
}

func (b *caBench) init(args ...string) {
	b.t.Helper()
	b.good(append([]string{"init", "--algorithm", "ecdsa"}, args...)...)
}

func (b *caBench) load(cert, key string) *authority.Authority {
	b.t.Helper()
	a, err := authority.Load([]byte(b.read(cert)), []byte(b.read(key)))
	b.must(err)
	return a
}

var caFingerprints = regexp.MustCompile(`([0-9A-F]{2}:){31}[0-9A-F]{2}|([0-9A-F]{2}:){19}[0-9A-F]{2}|\b[0-9A-F]{40}\b`)

// golden compares after what differs from key to key is taken out.
func (b *caBench) golden(name, got string) {
	b.t.Helper()
	got = caFingerprints.ReplaceAllString(got, "FINGERPRINT")
	got = regexp.MustCompile(`CA [0-9a-f]{8}\b`).ReplaceAllString(got, "CA KEYID")
	got = regexp.MustCompile(`docusign-auth-proxy-[0-9a-f]{8}\b`).ReplaceAllString(got, "docusign-auth-proxy-DIGITS")
	got = strings.ReplaceAll(got, b.root, "ROOT")
	path := filepath.Join(b.goldens, name)
	if *updateCAGolden {
		b.must(os.WriteFile(path, []byte(got), 0o644))
	}
	if want := b.read(path); got != want {
		b.t.Errorf("%s differs; run the test with -update-ca and read the difference\n%s", path, got)
	}
}

func TestCAInitMakesWhatTheConfigurationNeeds(t *testing.T) {
	b := newCABench(t)
	b.golden("init.txt", b.good("init", "--name", "proxy.intranet.example"))
	st, err := os.Stat("ca-key.pem")
	b.must(err)
	if st.Mode().Perm() != 0o600 {
		t.Errorf("the key's mode is %v", st.Mode())
	}
	if strings.Contains(b.read("ca.pem"), "PRIVATE KEY") {
		t.Error("the key is in the certificate's file")
	}
	a := b.load("ca.pem", "ca-key.pem")
	if a.Certificate().PublicKeyAlgorithm != x509.RSA || !a.Expires().Equal(caDay0.Add(730*24*time.Hour)) {
		t.Errorf("%v until %v", a.Certificate().PublicKeyAlgorithm, a.Expires())
	}
	b.permits(a, "demo.docusign.net localhost proxy.intranet.example 127.0.0.1 10.1.2.3", "example.com")
}

// permits holds the CA to what it may and may not sign for.
func (b *caBench) permits(a *authority.Authority, yes, no string) {
	b.t.Helper()
	for host := range strings.FieldsSeq(yes) {
		if err := a.Permits(host); err != nil {
			b.t.Error(err)
		}
	}
	for host := range strings.FieldsSeq(no) {
		if a.Permits(host) == nil {
			b.t.Errorf("%s is permitted", host)
		}
	}
}

func TestCALimitsAddressesWhenAsked(t *testing.T) {
	b := newCABench(t)
	said := b.good("init", "--algorithm", "ecdsa", "--ip-constraints", "--name", "10.1.2.3")
	if !strings.Contains(
		said, "may sign for  docusign.net, docusign.com, localhost, 127.0.0.0/8, ::1/128, 10.1.2.3/32\n",
	) {
		t.Errorf("init says\n%s", said)
	}
	b.permits(b.load("ca.pem", "ca-key.pem"), "localhost 127.0.0.1 10.1.2.3", "10.1.2.4 example.com")
	b.now = caDay0.Add(24 * time.Hour)
	b.good("renew")
	b.permits(b.load("ca.pem", "ca-key.pem"), "localhost 127.0.0.1 10.1.2.3", "10.1.2.4 example.com")
	if said = b.good("renew", "--ip-constraints=false"); !strings.Contains(said, "localhost, any address\n") {
		t.Errorf("renew says\n%s", said)
	}
	b.permits(b.load("ca.pem", "ca-key.pem"), "localhost 127.0.0.1 10.1.2.4", "example.com")
	b.good("renew", "--ip-constraints")
	b.permits(b.load("ca.pem", "ca-key.pem"), "localhost 127.0.0.1", "10.1.2.3 example.com")
}

func TestCAInitElsewhereWithOtherTerms(t *testing.T) {
	b := newCABench(t)
	out := b.good(
		"init", "--dir", "new folder/ca", "--cert", "c.pem", "--key", "k.pem", "--algorithm", "ecdsa", "--days", "20",
		"--lenient-constraints",
	)
	for _, want := range []string{
		`{ca_cert: "new folder/ca/c.pem", ca_key: "new folder/ca/k.pem"}`, "ECDSA P-256", "20 days left", "not critical",
		"the CA expires on 2026-12-12", "ca trust --cert 'new folder/ca/c.pem'",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	b.load("new folder/ca/c.pem", "new folder/ca/k.pem")
}

func TestCAInitRefuses(t *testing.T) {
	tests := []struct {
		name string
		have []string
		args []string
		want string
	}{
		{
			"to overwrite a key that programs trust", []string{"ca-key.pem", "ca.pem"}, nil,
			"already there: ca.pem and ca-key.pem",
		},
		{"to overwrite a key alone", []string{"ca-key.pem"}, nil, "already there: ca-key.pem"},
		{"to overwrite a certificate alone", []string{"ca.pem"}, nil, "already there: ca.pem"},
		{"an unknown algorithm", nil, []string{"--algorithm", "dsa"}, "choose rsa or ecdsa"},
		{"no life at all", nil, []string{"--days", "0"}, "choose 1 to 3650"},
		{"a life without end", nil, []string{"--days", "3651"}, "choose 1 to 3650"},
		{"a name that is none", nil, []string{"--name", "*.example.com"}, `"*.example.com" is neither`},
		{"one file for both", nil, []string{"--key", "ca.pem"}, "two different files"},
		{"words that mean nothing", nil, []string{"now"}, "takes no argument"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newCABench(t)
			for _, f := range tt.have {
				b.write(f, "mine")
			}
			b.bad(tt.want, append([]string{"init", "--algorithm", "ecdsa"}, tt.args...)...)
			left, err := os.ReadDir(".")
			b.must(err)
			if len(left) != len(tt.have) {
				t.Errorf("files: %v", left)
			}
			for _, f := range tt.have {
				if b.read(f) != "mine" {
					t.Errorf("%s was changed", f)
				}
			}
		})
	}
}

func TestCAInitByForceKeepsTheOldFiles(t *testing.T) {
	b := newCABench(t)
	b.init()
	cert, key := b.read("ca.pem"), b.read("ca-key.pem")
	out := b.good("init", "--algorithm", "ecdsa", "--force")
	if !strings.Contains(out, "No program trusts the new CA yet") {
		t.Errorf("says nothing of the consequences:\n%s", out)
	}
	if b.read("ca-key.pem") == key || b.read("ca.pem.old-20261122") != cert || b.read("ca-key.pem.old-20261122") != key {
		t.Error("the old files are not kept, or the key is the old one")
	}
	if st, err := os.Stat("ca-key.pem.old-20261122"); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the old key is open: %v %v", st, err)
	}
	b.good("init", "--algorithm", "ecdsa", "--force")
	if b.read("ca-key.pem.old-20261122") != key {
		t.Error("the second time overwrote what the first had kept")
	}
	b.load("ca.pem.old-20261122-2", "ca-key.pem.old-20261122-2")
}

func TestCAShow(t *testing.T) {
	b := newCABench(t)
	b.init()
	b.golden("show.txt", b.good("show"))
	if got := b.good("show", "--pem"); got != b.read("ca.pem") {
		t.Errorf("--pem prints %s", got)
	}
	b.must(os.Mkdir("etc", 0o755))
	b.must(os.Rename("ca.pem", "etc/ca.pem"))
	b.must(os.Rename("ca-key.pem", "etc/ca-key.pem"))
	// A configuration with faults elsewhere must not hinder: the CA is made first.
	b.write("etc/proxy.yaml", "nonsense: [true]\ninterception: {ca_cert: ca.pem, ca_key: ca-key.pem}\n")
	var r struct {
		trust.Description
		CertFile string `json:"cert_file"`
		PEM      string
		NextStep string `json:"next_step"`
		Deadline string
		Kept     []string
	}
	b.must(json.Unmarshal([]byte(b.good("show", "--config", "etc/proxy.yaml", "--json", "--pem")), &r))
	if r.CertFile != "etc/ca.pem" || r.DaysLeft != 730 || r.PEM != b.read("etc/ca.pem") ||
		r.NextStep != "docusign-auth-proxy ca trust --config etc/proxy.yaml" {
		t.Errorf("%+v", r)
	}
	b.now = caDay0.Add(720 * 24 * time.Hour)
	for _, source := range [][]string{{"--config", "etc/proxy.yaml"}, {"--cert", "etc/ca.pem"}} {
		out := b.good(append([]string{"show"}, source...)...)
		if !strings.Contains(out, "10 days left") || !strings.Contains(out, "warning       the CA expires on 2028-11-21") ||
			!strings.Contains(out, "next: docusign-auth-proxy ca renew "+strings.Join(source, " ")) {
			t.Errorf("near the end:\n%s", out)
		}
	}
}

func TestCAShowNeverPrintsTheKey(t *testing.T) {
	b := newCABench(t)
	b.init()
	secret := strings.Split(b.read("ca-key.pem"), "\n")[1]
	b.write("both.pem", b.read("ca.pem")+b.read("ca-key.pem"))
	b.write("proxy.yaml", "interception: {ca_cert: ca.pem, ca_key: ca-key.pem}\n")
	for _, args := range [][]string{
		{"show"}, {"show", "--json", "--pem"}, {"show", "--cert", "ca-key.pem"}, {"show", "--cert", "both.pem", "--pem"},
		{"show", "--config", "proxy.yaml"},
		{"trust"}, {"trust", "--cert", "both.pem", "--install", "--yes"}, {"trust", "--install", "--yes"},
		{"renew", "--days", "800"}, {"renew", "--cert", "both.pem"},
	} {
		out, errOut, err := b.run(args...)
		if all := out + errOut; strings.Contains(all, secret) || err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("ca %s prints the key", strings.Join(args, " "))
		}
	}
	for _, dir := range []string{"/usr/local/share/ca-certificates", "/etc/ssl/certs"} {
		b.must(filepath.WalkDir(filepath.Join(b.root, dir), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.Contains(b.read(path), "PRIVATE KEY") {
				t.Errorf("the key is in %s", path)
			}
			return err
		}))
	}
}

func TestCAFilesThatCannotBeUsed(t *testing.T) {
	b := newCABench(t)
	b.init()
	b.init("--dir", "other")
	b.write("empty.yaml", "environment: demo\n")
	b.write("mixed.yaml", "interception: {ca_cert: ca.pem, ca_key: other/ca-key.pem}\n")
	b.write("broken.yaml", "interception: [\n")
	b.write("junk.pem", "hello\n")
	b.write("both.pem", b.read("ca.pem")+b.read("ca-key.pem"))
	b.write("issued.pem", string(trust.EncodePEM(caLeaf(t, b.load("ca.pem", "ca-key.pem"), caDay0).Leaf)))
	tests := []struct {
		name, want string
		args       []string
	}{
		{
			"a missing certificate names the command that makes one", "ca init makes one",
			[]string{"show", "--cert", "none.pem"},
		},
		{"a file without certificate", "junk.pem: no certificate", []string{"show", "--cert", "junk.pem"}},
		{"a file with the key in it is not handed out", "private key too", []string{"trust", "--cert", "both.pem"}},
		{"nor renewed, since the key would be lost", "private key too", []string{
			"renew", "--cert", "both.pem", "--key", "both.pem",
		}},
		{"a configuration without CA", "names no CA", []string{"show", "--config", "empty.yaml"}},
		{"a configuration that is no YAML", "broken.yaml", []string{"show", "--config", "broken.yaml"}},
		{"a key of another certificate", "does not belong", []string{"show", "--config", "mixed.yaml"}},
		{"two ways to name the file", "none of the others", []string{"show", "--config", "empty.yaml", "--cert", "ca.pem"}},
		{"a certificate that a company's root issued", "was issued by", []string{"trust", "--cert", "issued.pem"}},
		{"an unknown platform", "choose from debian", []string{"trust", "--for", "cobol"}},
		{"a renewal that ends earlier", "give more --days", []string{"renew", "--days", "729"}},
		{"a renewal without end", "choose 1 to 3650", []string{"renew", "--days", "4000"}},
		{"a renewal without key", "does not exist", []string{"renew", "--key", "none.pem"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b.t = t
			b.bad(tt.want, tt.args...)
		})
	}
}

// caLeaf is what the proxy shows a program at that time.
func caLeaf(t *testing.T, a *authority.Authority, now time.Time) *tls.Certificate {
	t.Helper()
	leaves, err := authority.NewLeaves(a, authority.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	c, err := leaves.Config("demo.docusign.net").GetCertificate(&tls.ClientHelloInfo{
		ServerName: "demo.docusign.net", SupportedVersions: []uint16{tls.VersionTLS13},
		SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func caVerifies(leaf *tls.Certificate, trusted *x509.Certificate, now time.Time) error {
	roots := x509.NewCertPool()
	roots.AddCert(trusted)
	_, err := leaf.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "demo.docusign.net", CurrentTime: now})
	return err
}

func TestCARenewNeedsNoFlagDay(t *testing.T) {
	b := newCABench(t)
	b.init()
	cert, key := b.read("ca.pem"), b.read("ca-key.pem")
	before := b.load("ca.pem", "ca-key.pem")
	b.now = caDay0.Add(700 * 24 * time.Hour)
	oldLeaf := caLeaf(t, before, b.now)
	b.golden("renew.txt", b.good("renew"))

	if b.read("ca-key.pem") != key {
		t.Error("the key was touched")
	}
	if b.read("ca.pem.old-20281022") != cert {
		t.Error("the old certificate was not kept")
	}
	after := b.load("ca.pem", "ca-key.pem")
	newLeaf := caLeaf(t, after, b.now)
	if !after.Expires().Equal(b.now.Add(730*24*time.Hour)) ||
		after.Certificate().Subject.String() != before.Certificate().Subject.String() {
		t.Errorf("%v until %v", after.Certificate().Subject, after.Expires())
	}
	for name, err := range map[string]error{
		"an old leaf for a program with the new certificate": caVerifies(oldLeaf, after.Certificate(), b.now),
		"a new leaf for a program with the old certificate":  caVerifies(newLeaf, before.Certificate(), b.now),
		"a new leaf for a program with the new certificate":  caVerifies(newLeaf, after.Certificate(), b.now),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after.Permits("example.com") == nil {
		t.Error("the limits are gone")
	}
}

func TestCARenewOfAnExpiredOneBehindALinkByConfiguration(t *testing.T) {
	b := newCABench(t)
	b.init("--dir", "real")
	b.must(os.Symlink("real/ca.pem", "linked.pem"))
	b.write("proxy.yaml", "interception: {ca_cert: linked.pem, ca_key: real/ca-key.pem}\n")
	b.now = caDay0.Add(800 * 24 * time.Hour)
	if out := b.good("renew", "--config", "proxy.yaml"); !strings.Contains(
		out, "now, for the old one expired on 2028-11-21 and programs refuse the proxy",
	) {
		t.Errorf("%s", out)
	}
	if st, err := os.Lstat("linked.pem"); err != nil || st.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v", err)
	}
	var r struct {
		trust.Description
		CertFile string `json:"cert_file"`
		PEM      string
		NextStep string `json:"next_step"`
		Deadline string
		Kept     []string
	}
	b.must(json.Unmarshal([]byte(b.good("renew", "--config", "proxy.yaml", "--days", "731", "--json")), &r))
	if r.Deadline != "2031-01-30" || len(r.Kept) != 1 || r.Kept[0] != "real/ca.pem.old-20290130-2" || r.DaysLeft != 731 {
		t.Errorf("%+v", r)
	}
}

func TestCATrustGuide(t *testing.T) {
	b := newCABench(t)
	b.init()
	b.golden("trust-java.txt", b.good("trust", "--for", "java", "--as", "/opt/erp/ca.pem"))
	all := b.good("trust", "--as", "/opt/erp/ca.pem")
	for _, want := range []string{
		"(--for debian)", "(--for oracle)", "-Dhttps.protocols=TLSv1",
		"next: docusign-auth-proxy ca trust --cert ca.pem --install --root " + b.root,
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q", want)
		}
	}
	if here, err := filepath.Abs("ca.pem"); err != nil ||
		!strings.Contains(b.good("trust", "--for", "curl"), "--cacert "+here) {
		t.Errorf("without --as the lines must name the file's place: %v", err)
	}
	var g struct{ Recipes []trust.Recipe }
	b.must(json.Unmarshal([]byte(b.good("trust", "--for", "python,node", "--json")), &g))
	if len(g.Recipes) != 2 || g.Recipes[0].Key != "python" || len(g.Recipes[1].Steps) == 0 {
		t.Errorf("%+v", g)
	}
	if len(b.ran) > 0 {
		t.Errorf("printing ran %q", b.ran)
	}
}

func TestCATrustInstallCheckUninstall(t *testing.T) {
	b := newCABench(t)
	b.init()
	installed := filepath.Join(
		b.root, "/usr/local/share/ca-certificates", trust.Name(b.load("ca.pem", "ca-key.pem").Certificate())+".crt",
	)
	exit := app.ExitError{}
	if out, _, err := b.run("trust", "--check"); !errors.As(err, &exit) || exit.Code != 1 ||
		!strings.HasPrefix(out, "not trusted: ") {
		t.Errorf("before: %v %s", err, out)
	}

	b.bad("give --yes", "trust", "--install")
	b.person, b.input = true, "n\n"
	b.bad("nothing was done", "trust", "--install")
	b.input = ""
	b.bad("nothing was done", "trust", "--install")
	if _, err := os.Stat(installed); err == nil || len(b.ran) > 0 {
		t.Errorf("done without consent: %v %q", err, b.ran)
	}

	b.input = "y\n"
	out, question, err := b.run("trust", "--install", "--root", b.root)
	b.must(err)
	b.golden("install.txt", out)
	if question != "Go on? [y/N] " || b.read(installed) != b.read("ca.pem") {
		t.Errorf("asked %q; installed %s", question, b.read(installed))
	}
	b.person, b.input = false, ""
	if out := b.good("trust", "--check"); !strings.HasPrefix(out, "trusted: ") {
		t.Errorf("after: %s", out)
	}
	b.good("trust", "--install", "--yes")

	// A renewed certificate is trusted by way of the installed one, and goes beside it.
	b.must(os.WriteFile("old.pem", []byte(b.read("ca.pem")), 0o644))
	b.good("renew", "--days", "800")
	if out := b.good("trust", "--check"); !strings.Contains(out, "of the same CA") {
		t.Errorf("renewed: %s", out)
	}
	b.good("trust", "--install", "--yes")
	b.golden("uninstall.txt", b.good("trust", "--uninstall", "--yes", "--cert", "old.pem"))
	if _, err := os.Stat(installed); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
	if out := b.good("trust", "--check", "--json"); !strings.Contains(out, `"trusted": true`) {
		t.Errorf("the new one went too: %s", out)
	}
	if out := b.good("trust", "--uninstall", "--yes", "--cert", "old.pem"); !strings.HasPrefix(out, "nothing to do") {
		t.Errorf("second time: %s", out)
	}
}

func TestCATrustInstallThatFailsChangesNothing(t *testing.T) {
	b := newCABench(t)
	b.init()
	b.updateFails = errors.New("update-ca-certificates: exit status 1")
	b.bad("exit status 1", "trust", "--install", "--yes")
	if files, err := os.ReadDir(filepath.Join(b.root, "/usr/local/share/ca-certificates")); err != nil || len(files) > 0 {
		t.Errorf("left %v, %v", files, err)
	}
	b.bad("the lines for other systems", "trust", "--install", "--yes", "--root", t.TempDir())
	b.bad("none of the others", "trust", "--install", "--check")
	b.bad("none of the others", "trust", "--install", "--for", "java")
}

func TestCATrustInstallWithJSONKeepsStandardOutputClean(t *testing.T) {
	b := newCABench(t)
	b.init()
	out, plan, err := b.run("trust", "--install", "--yes", "--json")
	b.must(err)
	var c struct {
		Steps  []string
		SHA256 string
	}
	b.must(json.Unmarshal([]byte(out), &c))
	if len(c.Steps) != 2 || !strings.Contains(plan, "This will:") ||
		c.SHA256 != b.load("ca.pem", "ca-key.pem").Fingerprint() {
		t.Errorf("%+v\n%s", c, plan)
	}
}

// Runs Java's own keytool on a copy of the trust store of the Java that is installed here.
func TestCATrustInJava(t *testing.T) {
	keytool, err := exec.LookPath("keytool")
	if err != nil {
		t.Skip("no Java here: keytool is not in PATH")
	}
	real, err := filepath.EvalSymlinks(keytool)
	if err != nil {
		t.Fatal(err)
	}
	cacerts, err := os.ReadFile(filepath.Join(filepath.Dir(real), "..", "lib", "security", "cacerts"))
	if err != nil {
		t.Skip("this Java has no lib/security/cacerts to copy: ", err)
	}
	b := newCABench(t)
	b.init()
	b.must(os.WriteFile("cacerts", cacerts, 0o644))
	t.Setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC") // starts in half the time
	t.Setenv("JAVA_HOME", "")
	m := ca.Machine{Now: func() time.Time { return b.now }, Run: trust.Exec, Interactive: isTerminal}
	for _, step := range []struct {
		words string
		want  string
		fails bool
	}{
		{"--install --yes", "installed: the CA is in the Java keystore cacerts", false},
		{"--check", "trusted: cacerts: it holds this certificate", false},
		{"--uninstall --yes", "uninstalled", false},
		{"--check", "not trusted: cacerts", true},
	} {
		args := append([]string{"trust", "--keystore", "cacerts"}, strings.Fields(step.words)...)
		out, errOut, err := b.runWith(m, args...)
		if (err != nil) != step.fails || !strings.Contains(out, step.want) {
			t.Fatalf("%s: %v\n%s%s", step.words, err, out, errOut)
		}
	}
}

// Every example in the help is run as it stands, in the order in which a reader meets them.
func TestCAExamplesWork(t *testing.T) {
	b := newCABench(t)
	for _, cmd := range newCAWith(ca.Machine{}, "").Commands() {
		if cmd.Example == "" {
			t.Errorf("ca %s has no example", cmd.Name())
		}
	}
	for _, name := range []string{"init", "show", "trust", "renew"} {
		cmd, _, err := newCAWith(ca.Machine{}, "").Find([]string{name})
		b.must(err)
		for line := range strings.Lines(cmd.Example) {
			line, _, _ = strings.Cut(strings.TrimSpace(line), " > ")
			args, ok := strings.CutPrefix(line, "docusign-auth-proxy ca ")
			if !ok {
				t.Fatalf("not a ca command: %q", line)
			}
			out, _, err := b.run(strings.Fields(args)...)
			if err != nil || out == "" {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
}
