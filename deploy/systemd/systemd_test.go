package systemd

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTheUnitIsTheFileBesideItWhereNothingElseIsChosen(t *testing.T) {
	s := Service{
		Name: Name, Program: "/usr/local/bin/docusign-auth-proxy", Config: "/etc/docusign-auth-proxy/config.yaml",
	}
	if s.Unit() != unit || s.Sysusers() != sysusers || s.Tmpfiles() != tmpfiles {
		t.Error("the files are changed although their own values were asked for")
	}
	// The packages make theirs so. "service install" of a package's binary finds it the same, and writes none of its own.
	s.Program = "/usr/bin/docusign-auth-proxy"
	if s.Unit() != strings.ReplaceAll(unit, "/usr/local/bin/", "/usr/bin/") {
		t.Error("the unit of a package's binary differs in more than the binary's place")
	}
}

func TestTheUnitHasTheValuesThatAreChosen(t *testing.T) {
	s := Service{
		Name: "billing", Program: "/opt/old programs/proxy", Config: `/etc/billing/100% "new".yaml`,
		Writes: []string{"/srv/log $1"},
	}
	lines := strings.Split(s.Unit(), "\n")
	for _, want := range []string{
		`ExecStart="/opt/old programs/proxy" run --config "/etc/billing/100%% \"new\".yaml"`,
		`ExecReload="/opt/old programs/proxy" config check --config "/etc/billing/100%% \"new\".yaml"`,
		"User=billing", "Group=billing", "StateDirectory=billing", "ConfigurationDirectory=billing",
		`ReadWritePaths="/srv/log $$1"`,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no %s in\n%s", want, s.Unit())
		}
	}
	for what, text := range map[string]string{"unit": s.Unit(), "users": s.Sysusers(), "folders": s.Tmpfiles()} {
		if strings.Contains(strings.ReplaceAll(text, "man:"+Name, ""), Name) {
			t.Errorf("the file of %s keeps the old name:\n%s", what, text)
		}
	}
}

func TestSystemdTakesTheUnit(t *testing.T) {
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		if os.Getenv("DOCUSIGN_AUTH_PROXY_TOOLS") != "" {
			t.Fatalf("DOCUSIGN_AUTH_PROXY_TOOLS is set, but systemd-analyze is not in PATH: %v", err)
		}
		t.Skip("systemd-analyze is not in PATH")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "the proxy")
	s := Service{Name: "root", Program: program, Config: "/etc/root/a b.yaml", Writes: []string{"/srv/log 1"}}
	path := filepath.Join(dir, "proxy.service")
	for name, text := range map[string]string{
		program: "#!/bin/sh\n", path: s.Unit(), filepath.Join(dir, "proxy.service.d", "listen-443.conf"): LowPorts(),
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o644)
		if name == program {
			mode = 0o755
		}
		if err := os.WriteFile(name, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(t.Context(), tool, "verify", "--man=no", path).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "proxy.service") {
			t.Errorf("%s", line)
		}
	}
	if err != nil && t.Failed() {
		t.Error(err)
	}
}
