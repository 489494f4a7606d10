package service

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"docusign-auth-proxy/deploy/systemd"
)

// machine is a folder in which the tools of systemd work as on a machine of its own. Only what asks a systemd that
// runs is recorded instead.
type machine struct {
	*testing.T
	root  string
	asked []string
	shows string // what systemctl show says
	said  []string
}

func newMachine(t *testing.T) (*machine, unitManager) {
	t.Helper()
	for _, tool := range []string{"systemctl", "systemd-sysusers", "systemd-tmpfiles"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("DOCUSIGN_AUTH_PROXY_TOOLS") != "" {
				t.Fatalf("DOCUSIGN_AUTH_PROXY_TOOLS is set, but %s is not in PATH: %v", tool, err)
			}
			t.Skipf("%s is not in PATH", tool)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("only root may make files of other users")
	}
	m := &machine{T: t, root: t.TempDir()}
	if err := os.Chmod(m.root, 0o755); err != nil {
		t.Fatal(err)
	}
	m.put("/etc/passwd", "root:x:0:0::/root:/bin/sh\n", 0o644)
	m.put("/etc/group", "root:x:0:\n", 0o644)
	m.put("/usr/local/bin/docusign-auth-proxy", "#!/bin/sh\n", 0o755)
	return m, unitManager{root: m.root, tool: m.tool}
}

func (m *machine) put(path, text string, mode os.FileMode) {
	m.Helper()
	err := os.MkdirAll(filepath.Dir(m.root+path), 0o755)
	err = errors.Join(err, os.WriteFile(m.root+path, []byte(text), mode), os.Chmod(m.root+path, mode))
	if err != nil {
		m.Fatal(err)
	}
}

func (m *machine) text(path string) string {
	text, err := os.ReadFile(m.root + path)
	if err != nil {
		return ""
	}
	return string(text)
}

func (m *machine) tool(name string, args ...string) (string, error) {
	line := strings.TrimPrefix(strings.Join(args, " "), "--root="+m.root+" ")
	verb, _, _ := strings.Cut(line, " ")
	switch verb {
	case "daemon-reload", "start", "stop":
		m.asked = append(m.asked, line)
		return "", nil
	case "show":
		return m.shows, nil
	}
	return run(name, args...)
}

func (m *machine) say(line string) { m.said = append(m.said, line) }

// install gives what was said.
func (m *machine) install(u unitManager, s Spec) string {
	m.Helper()
	m.said, m.asked = nil, nil
	if err := errors.Join(u.Prepare(s, m.say), u.Install(s, m.say)); err != nil {
		m.Fatal(err)
	}
	return strings.Join(m.said, "\n")
}

func of(name string) Spec {
	return Spec{
		Name: name, Program: "/usr/local/bin/docusign-auth-proxy", Config: "/etc/" + name + "/config.yaml",
		Writes: []string{"/var/lib/" + name},
	}
}

func TestAServiceOfSystemdIsInstalledRepairedAndTakenOut(t *testing.T) {
	m, u := newMachine(t)
	s := of("billing")
	if said := m.install(u, s); !strings.Contains(said, "wrote /etc/systemd/system/billing.service") {
		t.Error(said)
	}
	want := systemd.Service{Name: s.Name, Program: s.Program, Config: s.Config}.Unit()
	if got := m.text("/etc/systemd/system/billing.service"); got != want {
		t.Errorf("the unit is %s", got)
	}
	const link = "/etc/systemd/system/multi-user.target.wants/billing.service"
	if _, err := os.Lstat(m.root + link); err == nil {
		t.Error("it starts with the machine, and would fail every few seconds, for there is no configuration")
	}
	if !slices.Equal(m.asked, []string{"daemon-reload"}) {
		t.Errorf("asked %q", m.asked)
	}
	s.Configured = true
	m.put("/etc/billing/keys/key.pem", "key", 0o600)
	m.put("/etc/billing/ca.pem", "certificate", 0o644)
	s.Reads, s.LowPort = []string{"/etc/billing/keys/key.pem", "/etc/billing/ca.pem"}, true
	said := m.install(u, s)
	if strings.Contains(said, "billing.service\n") || !strings.Contains(said, "group billing may read /etc/billing/keys/key.pem") {
		t.Errorf("the second time it says\n%s", said)
	}
	if _, err := os.Lstat(m.root + link); err != nil {
		t.Errorf("it does not start with the machine: %v", err)
	}
	m.hasRights(u, "/etc/billing/keys/key.pem", 0o640, 0, "billing")
	m.hasRights(u, "/etc/billing/ca.pem", 0o644, 0, "root")
	m.hasRights(u, "/etc/billing", 0o750, 0, "billing")
	m.hasRights(u, "/var/lib/billing", 0o700, -1, "billing")
	if m.text(lowPorts("billing")) != systemd.LowPorts() {
		t.Error("it may not listen below 1024")
	}
	s.LowPort = false
	if said := m.install(u, s); !strings.Contains(said, "removed "+lowPorts("billing")) {
		t.Errorf("the right to listen below 1024 stays:\n%s", said)
	}
	m.shows = "LoadState=loaded\nActiveState=active\n" +
		"ExecStart={ path=/p ; argv[]=/p run --config /etc/billing/config.yaml ; }\n"
	m.said, m.asked = nil, nil
	if err := u.Uninstall(t.Context(), "billing", m.say); err != nil {
		t.Fatal(err)
	}
	if left := m.text("/etc/systemd/system/billing.service") + m.text("/etc/sysusers.d/billing.conf"); left != "" {
		t.Errorf("left: %s", left)
	}
	if m.text("/etc/billing/keys/key.pem") == "" || !slices.Equal(m.asked, []string{"stop billing.service", "daemon-reload"}) {
		t.Errorf("asked %q, and the key is %q", m.asked, m.text("/etc/billing/keys/key.pem"))
	}
}

// hasRights knows users of the machine by their name; -1 stands for the one with the group's name.
func (m *machine) hasRights(u unitManager, path string, mode os.FileMode, uid int, group string) {
	m.Helper()
	info, err := os.Stat(m.root + path)
	if err != nil {
		m.Fatal(err)
	}
	gid, err := u.id("/etc/group", group)
	if err != nil {
		m.Fatal(err)
	}
	if uid < 0 {
		if uid, err = u.id("/etc/passwd", group); err != nil {
			m.Fatal(err)
		}
	}
	owner := info.Sys().(*syscall.Stat_t)
	if info.Mode().Perm() != mode || int(owner.Uid) != uid || int(owner.Gid) != gid {
		m.Errorf("%s is %o of %d:%d, want %o of %d:%d", path, info.Mode().Perm(), owner.Uid, owner.Gid, mode, uid, gid)
	}
}

func TestTheUnitOfAPackageIsUsedAsItIs(t *testing.T) {
	m, u := newMachine(t)
	s := of(DefaultName)
	s.Program = "/usr/bin/docusign-auth-proxy"
	files := systemd.Service{Name: s.Name, Program: s.Program, Config: s.Config}
	m.put(s.Program, "#!/bin/sh\n", 0o755)
	m.put("/usr/lib/systemd/system/docusign-auth-proxy.service", files.Unit(), 0o644)
	m.put("/usr/lib/sysusers.d/docusign-auth-proxy.conf", files.Sysusers(), 0o644)
	m.put("/usr/lib/tmpfiles.d/docusign-auth-proxy.conf", files.Tmpfiles(), 0o644)
	if said := m.install(u, s); strings.Contains(said, "wrote") {
		t.Errorf("it says\n%s", said)
	}
	s.Writes = append(s.Writes, "/var/log/docusign-auth-proxy")
	said := m.install(u, s)
	unit := m.text("/etc/systemd/system/docusign-auth-proxy.service")
	if !strings.Contains(unit, "ReadWritePaths=/var/log/docusign-auth-proxy\n") {
		t.Errorf("the log's folder cannot be written: %s\n%s", said, unit)
	}
	m.hasRights(u, "/var/log/docusign-auth-proxy", 0o750, -1, "docusign-auth-proxy")
}

func TestWhatIsNoPlaceForAService(t *testing.T) {
	m, u := newMachine(t)
	m.put("/srv/open/proxy", "#!/bin/sh\n", 0o757)
	for _, tt := range []struct{ name, program, config, want string }{
		{"a program that all may replace", "/srv/open/proxy", "/etc/x/config.yaml", "may be changed by others than root"},
		{"a program in a home", "/home/anna/proxy", "/etc/x/config.yaml", "does not see /home"},
		{"a configuration among temporary files", "/usr/local/bin/docusign-auth-proxy", "/tmp/config.yaml", "does not see /tmp"},
	} {
		err := u.Prepare(Spec{Name: "x", Program: tt.program, Config: tt.config}, m.say)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "\nnext: ") {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if len(m.said) > 0 {
		t.Errorf("something was done all the same: %q", m.said)
	}
}

func TestAFileOfAnotherGroupKeepsIt(t *testing.T) {
	m, u := newMachine(t)
	s := of("billing")
	m.install(u, s)
	m.put("/etc/ssl/private/key.pem", "key", 0o640)
	if err := os.Chown(m.root+"/etc/ssl/private/key.pem", 0, 12345); err != nil {
		t.Fatal(err)
	}
	s.Reads = []string{"/etc/ssl/private/key.pem"}
	if said := m.install(u, s); !strings.Contains(said, "usermod -aG") {
		t.Error(said)
	}
}

func TestWhatSystemctlSays(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       Status
	}{
		{"no such unit", "LoadState=not-found\nActiveState=inactive\n", Status{Name: "n"}},
		{"a service that runs", `LoadState=loaded
ActiveState=active
SubState=running
MainPID=42
User=n
UnitFileState=enabled
ExecMainStatus=0
ExecStart={ path=/opt/old apps/proxy ; argv[]=/opt/old apps/proxy run --config /etc/n/a b.yaml ; ignore_errors=no }
`, Status{Name: "n", Installed: true, State: "active (running)", Running: true, PID: 42, Account: "n",
			StartType: "enabled", Program: "/opt/old apps/proxy", Config: "/etc/n/a b.yaml"}},
		{"one that fails again and again", "LoadState=loaded\nActiveState=activating\nSubState=auto-restart\nExecMainStatus=1\n",
			Status{Name: "n", Installed: true, State: "activating (auto-restart)", LastEnd: "it ended with code 1"}},
	} {
		if got := shown("n", tt.text); got != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}

func TestAUnitThatCannotBeWrittenIsAnError(t *testing.T) {
	m, u := newMachine(t)
	s := of("billing")
	if err := u.Prepare(s, m.say); err != nil {
		t.Fatal(err)
	}
	m.put("/etc/systemd/system", "a file where the folder should be", 0o644)
	if err := u.Install(s, m.say); err == nil || !strings.Contains(err.Error(), "/etc/systemd/system") {
		t.Errorf("%v", err)
	}
}

func TestAServiceOfAnotherProgramIsLeftAlone(t *testing.T) {
	m, u := newMachine(t)
	m.put("/etc/systemd/system/nginx.service", "[Service]", 0o644)
	m.shows = "LoadState=loaded\nActiveState=active\nSubState=running\n" +
		"ExecStart={ path=/usr/sbin/nginx ; argv[]=/usr/sbin/nginx --config /etc/nginx.conf ; }\n"
	err := u.Uninstall(t.Context(), "nginx", func(string) {})
	if err == nil || !strings.Contains(err.Error(), "another program's: /usr/sbin/nginx\nnext: ") {
		t.Errorf("%v", err)
	}
	if got := m.text("/etc/systemd/system/nginx.service"); got != "[Service]" {
		t.Errorf("its unit is now %q", got)
	}
	for _, line := range m.asked {
		if !strings.HasPrefix(line, "systemctl show ") {
			t.Errorf("ran %s", line)
		}
	}
}
