package trust_test

import (
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/files/filestest"
	"docusign-auth-proxy/internal/trust"
	"docusign-auth-proxy/proxy/authority"
)

var update = flag.Bool("update", false, "write the golden files")

var day0 = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// fixed is a certificate that never changes, so that the text made from it does not either.
func fixed(t testing.TB) *x509.Certificate {
	t.Helper()
	data, err := os.ReadFile("testdata/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	c, err := trust.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newCA(t testing.TB, s authority.Spec) *authority.Authority {
	t.Helper()
	s.ECDSA = true
	if s.Now == nil {
		s.Now = func() time.Time { return day0 }
	}
	a, err := authority.Create(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; run the test with -update and read the difference\n%s", path, got)
	}
}

// text has the recipes for a certificate at path.
func text(t *testing.T, path string, words ...string) string {
	t.Helper()
	recipes, err := trust.Recipes(fixed(t), path, words)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, r := range recipes {
		fmt.Fprintf(&b, "=== %s: %s\n", r.Key, r.Title)
		for _, s := range r.Steps {
			fmt.Fprintf(&b, "\n%s\n    %s\n", s.Note, strings.Join(s.Lines, "\n    "))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestRecipes(t *testing.T) {
	golden(t, "recipes.txt", text(t, "/etc/docusign-auth-proxy/ca.pem"))
}

func TestRecipesOfAnAwkwardPath(t *testing.T) {
	posix := text(t, "/srv/Bob's files/$HOME/ca.pem")
	for _, want := range []string{
		`sudo install -m 0644 '/srv/Bob'\''s files/$HOME/ca.pem' /usr/local`,
		`readFileSync('/srv/Bob\'s files/$HOME/ca.pem')`,
		"certutil -addstore -f Root ca.pem\n",
		"COPY ca.pem /usr/local",
	} {
		if !strings.Contains(posix, want) {
			t.Errorf("no %s", want)
		}
	}
	windows := text(t, `C:\Program Files\erp\ca.pem`, "windows")
	if !strings.Contains(windows, `certutil -addstore -f Root "C:\Program Files\erp\ca.pem"`) {
		t.Error(windows)
	}
	python := text(t, `C:\Program Files\erp\ca.pem`, "python")
	if !strings.Contains(python, `setx /M REQUESTS_CA_BUNDLE "C:\Program Files\erp\ca.pem"`) || strings.Contains(python, "{{") {
		t.Error(python)
	}
}

func TestOnly(t *testing.T) {
	tests := []struct {
		name  string
		words []string
		want  string // keys, or the error
	}{
		{"one key", []string{"java"}, "java"},
		{"several, in the guide's order, each once", []string{"python", "java", "Java"}, "java python"},
		{
			"other names of the same thing", []string{".NET", "ubuntu", "keytool", " lwp", "fedora", "darwin"},
			"debian rhel dotnet macos java perl",
		},
		{
			"an unknown word names the choice", []string{"cobol"},
			`nothing is known about "cobol": choose from debian, rhel, alpine, suse, windows, dotnet, winhttp, macos, java, python, node, php, ` +
				`perl, ruby, curl, mono, oracle`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			recipes, err := trust.Recipes(fixed(t), "ca.pem", tt.words)
			var keys []string
			for _, r := range recipes {
				keys = append(keys, r.Key)
			}
			got := strings.Join(keys, " ")
			if err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	cert := string(trust.EncodePEM(fixed(t)))
	tests := []struct {
		name, file, want string
	}{
		{"an empty file", "", "no certificate"},
		{"a file without a certificate", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "no certificate"},
		{"a damaged certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "parse the certificate"},
		{
			"a file with the key in it, which would travel along",
			cert + "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n", "holds a private key too",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if c, err := trust.Parse([]byte(tt.file)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, %v", c, err)
			}
		})
	}
}

func TestDescribe(t *testing.T) {
	a := newCA(t, authority.Spec{})
	d := trust.Describe(a.Certificate(), day0)
	if d.SHA256 != a.Fingerprint() || d.DaysLeft != 730 || d.Key != "ECDSA P-256" || !d.Critical || len(d.SHA1) != 59 {
		t.Errorf("%+v", d)
	}
	if got := strings.Join(d.Permitted, " "); got != "docusign.net docusign.com localhost" {
		t.Errorf("permitted %s", got)
	}
	for after, want := range map[time.Duration]int{
		time.Hour: 729, authority.DefaultLife: 0, authority.DefaultLife + time.Hour: -1,
	} {
		if got := trust.Describe(a.Certificate(), day0.Add(after)).DaysLeft; got != want {
			t.Errorf("after %v: %d days left, want %d", after, got, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	tests := []struct {
		name string
		spec authority.Spec
		now  time.Time
		want int
	}{
		{"a good CA", authority.Spec{}, day0, 0},
		{"a CA near its end", authority.Spec{}, day0.Add(authority.DefaultLife - 24*time.Hour), 1},
		{"an expired CA", authority.Spec{}, day0.Add(authority.DefaultLife + time.Hour), 1},
		{"a CA from the future", authority.Spec{}, day0.Add(-48 * time.Hour), 1},
		{"constraints that are not critical", authority.Spec{LenientConstraints: true}, day0, 1},
		{"both", authority.Spec{LenientConstraints: true}, day0.Add(authority.DefaultLife), 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := trust.Warnings(newCA(t, tt.spec).Certificate(), tt.now); len(got) != tt.want {
				t.Errorf("got %q", got)
			}
		})
	}
	open := *newCA(t, authority.Spec{}).Certificate()
	open.PermittedDNSDomains = nil
	if w := trust.Warnings(&open, day0); len(w) != 1 || !strings.Contains(w[0], "no name constraints") {
		t.Errorf("without constraints: %q", w)
	}
}

// image is a folder that looks like a distribution's root.
func image(t *testing.T, paths ...string) string {
	t.Helper()
	root := filestest.TempDir(t)
	for _, p := range paths {
		full := filepath.Join(root, p)
		folder, isFile := full, filepath.Ext(p) == "" && strings.Contains(p, "/sbin/") || strings.Contains(p, "/bin/") ||
			strings.HasSuffix(p, "-release")
		if isFile {
			folder = filepath.Dir(full)
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if isFile {
			if err := os.WriteFile(full, []byte("#!/bin/sh\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	return root
}

// runs records what is run.
type runs struct {
	lines []string
	out   []byte
	err   error
}

func (r *runs) run(_ context.Context, name string, args ...string) ([]byte, error) {
	r.lines = append(r.lines, strings.Join(append([]string{name}, args...), " "))
	return r.out, r.err
}

func perform(
	t *testing.T, plan func(context.Context, *x509.Certificate) (trust.Plan, error), c *x509.Certificate,
) error {
	t.Helper()
	p, err := plan(t.Context(), c)
	if err != nil {
		return err
	}
	return p.Run(t.Context())
}

func TestTheSystemItselfIsAsked(t *testing.T) {
	v := trust.PlatformTrusts(newCA(t, authority.Spec{}).Certificate(), day0)
	if v.Trusted || v.Reason == "" {
		t.Errorf("this machine trusts a CA that was made a moment ago: %+v", v)
	}
}

func TestFindKeytool(t *testing.T) {
	root := image(
		t, "/jdk/jre/lib/security", "/jdk/bin/keytool", "/new/lib/security", "/new/bin/keytool", "/home/bin/keytool",
		"/bin/keytool", "/a/b",
	)
	if runtime.GOOS == "windows" {
		for _, home := range []string{"jdk", "new", "home", ""} {
			program := filepath.Join(root, home, "bin", "keytool")
			if err := os.Rename(program, program+".exe"); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Setenv("PATH", filepath.Join(root, "bin"))
	tests := []struct {
		name, keystore, javaHome, want string
	}{
		{"beside the keystore of a Java 9", "/new/lib/security/cacerts", "/home", "/new/bin/keytool"},
		{"in the JDK around a JRE", "/jdk/jre/lib/security/cacerts", "/home", "/jdk/bin/keytool"},
		{
			"a keystore elsewhere takes JAVA_HOME, not what lies two folders up", "/a/b/store.jks", "/home", "/home/bin/keytool",
		},
		{"or the PATH", "/a/b/store.jks", "", "/bin/keytool"},
		{"a JAVA_HOME without keytool does not count", "/a/b/store.jks", "/a", "/bin/keytool"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			home := tt.javaHome
			if home != "" {
				home = filepath.Join(root, home)
			}
			t.Setenv("JAVA_HOME", home)
			got, err := trust.FindKeytool(filepath.Join(root, tt.keystore))
			got = strings.TrimSuffix(filepath.ToSlash(strings.TrimPrefix(got, root)), ".exe")
			if err != nil || got != tt.want {
				t.Errorf("%s, %v; want %s", got, err, tt.want)
			}
		})
	}
	t.Setenv("PATH", root)
	t.Setenv("JAVA_HOME", "")
	if _, err := trust.FindKeytool("cacerts"); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("no keytool at all: %v", err)
	}
}

func TestTheKeystorePasswordIsNeverOnTheCommandLine(t *testing.T) {
	file := filepath.Join(filestest.TempDir(t), "cacerts")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("STORE_PASS", "canary-password")
	r, c := &runs{}, fixed(t)
	k := &trust.Keystore{Path: file, Keytool: "keytool", PasswordVariable: "STORE_PASS", CertFile: "ca.pem", Run: r.run}
	install, err := k.Install(t.Context(), c)
	if err := errors.Join(err, install.Run(t.Context())); err != nil {
		t.Fatal(err)
	}
	r.out = trust.EncodePEM(c)
	uninstall, err := k.Uninstall(t.Context(), c)
	if err := errors.Join(err, uninstall.Run(t.Context())); err != nil {
		t.Fatal(err)
	}
	all := strings.Join(slices.Concat(r.lines, install.Steps(), uninstall.Steps()), "\n")
	if strings.Contains(all, "canary") || strings.Count(all, "-storepass:env STORE_PASS") != 6 {
		t.Errorf("%s", all)
	}
}

func TestExecTellsTheLastWordsOfAFailure(t *testing.T) {
	_, err := trust.Exec(t.Context(), os.Args[0], "-test.list=[") // these tests themselves
	if err == nil || !strings.Contains(err.Error(), "missing closing ]") {
		t.Errorf("%v", err)
	}
	out, err := trust.Exec(t.Context(), os.Args[0], "-test.list=^TestOnly$")
	if err != nil || strings.TrimSpace(string(out)) != "TestOnly" {
		t.Errorf("%q, %v", out, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(trust.EncodePEM(fixed(f)))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := trust.Parse(data)
		if err != nil {
			return
		}
		again, err := trust.Parse(trust.EncodePEM(c))
		if err != nil || !again.Equal(c) {
			t.Errorf("%v: the certificate does not come back", err)
		}
		trust.Describe(c, day0)
		trust.Warnings(c, day0)
	})
}
