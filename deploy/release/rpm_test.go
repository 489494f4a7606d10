package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAnRPMTellsWhatItBrings(t *testing.T) {
	needTool(t, "rpm")
	f := theRelease(t)
	file := f.packageOf(t, "rpm")
	ask := func(args ...string) string { return tool(t, "rpm", append(args, file)...) }
	contains(t, ask("-K"), "digests OK")
	contains(t, ask("-qip"), "Name        : docusign-auth-proxy", "Version     : "+strings.Replace(f.version, "-", "~", 1),
		"Release     : 1", "Build Host  : localhost", "Build Date  : ")
	listed := ask("-qp", "--qf", `[%{FILEMODES:perms} %{FILEUSERNAME} %{FILEGROUPNAME} %{FILENAMES} %{FILEFLAGS:fflags}\n]`)
	contains(t, listed,
		"-rwxr-xr-x root root /usr/bin/docusign-auth-proxy \n",
		"-rw-r--r-- root root /usr/lib/systemd/system/docusign-auth-proxy.service \n",
		"-rw-r--r-- root root /usr/lib/sysusers.d/docusign-auth-proxy.conf \n",
		"-rw-r--r-- root root /usr/lib/tmpfiles.d/docusign-auth-proxy.conf \n",
		"-rw-r----- root docusign-auth-proxy /etc/docusign-auth-proxy/config.yaml cn\n",
		"drwxr-x--- root docusign-auth-proxy /etc/docusign-auth-proxy \n",
		"drwx------ docusign-auth-proxy docusign-auth-proxy /var/lib/docusign-auth-proxy \n",
		" /usr/share/man/man1/docusign-auth-proxy-run.1.gz ",
		" /usr/share/doc/docusign-auth-proxy/copyright ",
	)
	contains(t, ask("-qp", "--scripts"), "preinstall scriptlet", "postinstall scriptlet", "preuninstall scriptlet",
		"postuninstall scriptlet")
}

func TestAnRPMFromInstallationToRemoval(t *testing.T) {
	needTool(t, "rpm")
	m := newMachine(t)
	after := theRelease(t)
	before := theVersionBefore(t)
	rpm := func(args ...string) string {
		t.Helper()
		return tool(t, "rpm", append([]string{"--root", m.root, "--nodeps", "--define", "_dbpath /var/lib/rpm"}, args...)...)
	}
	said := rpm("-i", before.packageOf(t, "rpm"))
	contains(t, said, "installed, but neither enabled nor started")
	user := m.user()
	for path, want := range map[string]string{
		"etc/docusign-auth-proxy":             "drwxr-x--- root docusign-auth-proxy",
		"etc/docusign-auth-proxy/keys":        "drwxr-x--- root docusign-auth-proxy",
		"etc/docusign-auth-proxy/config.yaml": "-rw-r----- root docusign-auth-proxy",
		"var/lib/docusign-auth-proxy":         "drwx------ docusign-auth-proxy docusign-auth-proxy",
	} {
		m.is(path, want)
	}
	m.configure(newSandbox(t, after), said)
	config := m.read("etc/docusign-auth-proxy/config.yaml")

	rpm("-U", after.packageOf(t, "rpm"))
	if m.read("etc/docusign-auth-proxy/config.yaml") != config {
		t.Error("the upgrade changed the operator's configuration")
	}
	p := m.start(user)
	if p.version != after.version {
		t.Errorf("version %s runs after the upgrade, want %s", p.version, after.version)
	}
	p.stop()

	said = rpm("-e", name)
	contains(t, said, "/etc/docusign-auth-proxy with keys, /var/lib/docusign-auth-proxy and the user docusign-auth-proxy stay")
	if m.has("usr/bin/docusign-auth-proxy") || !m.has("var/lib/docusign-auth-proxy/state.db") ||
		!m.has("etc/docusign-auth-proxy/keys/ca-key.pem") || m.read("etc/docusign-auth-proxy/config.yaml.rpmsave") != config {
		entries, err := os.ReadDir(filepath.Join(m.root, "etc/docusign-auth-proxy"))
		t.Errorf("a removal leaves state, keys and the changed configuration: %v, %v\n%s", entries, err, said)
	}
}
