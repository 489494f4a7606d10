package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// machine is a Debian of its own in a folder: the packages that a script may use, copied from this machine, and no
// systemd. What runs in it sees nothing else.
type machine struct {
	*testing.T
	root string
}

// essential are in every Debian, with what the packages under test depend on.
var essential = []string{
	"base-files", "base-passwd", "coreutils", "dash", "debianutils", "diffutils", "dpkg", "findutils", "grep", "init-system-helpers",
	"libc-bin", "passwd", "perl-base", "sed", "tar", "util-linux",
}

// need skips a test whose tool is missing, or fails it where all are installed.
func need(t *testing.T, there bool, what string) {
	t.Helper()
	switch {
	case there:
	case os.Getenv("DOCUSIGN_AUTH_PROXY_TOOLS") != "":
		t.Fatal("DOCUSIGN_AUTH_PROXY_TOOLS is set, but: " + what)
	default:
		t.Skip(what)
	}
}

func needTool(t *testing.T, tool string) {
	t.Helper()
	_, err := exec.LookPath(tool)
	need(t, err == nil, tool+" is not installed; .ci/install installs it")
}

func newMachine(t *testing.T) machine {
	t.Helper()
	needTool(t, "dpkg-query")
	need(t, os.Geteuid() == 0, "only root may enter a root folder of its own (chroot)")
	m := machine{t, t.TempDir()}
	if err := os.Chmod(m.root, 0o755); err != nil {
		t.Fatal(err)
	}
	packages := closure(t, essential)
	var list bytes.Buffer
	for _, folder := range []string{"/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64", "/bin", "/sbin", "/lib", "/lib64"} {
		if _, err := os.Lstat(folder); err == nil {
			fmt.Fprintln(&list, folder)
		}
	}
	for line := range strings.Lines(tool(t, "dpkg-query", append([]string{"-L"}, packages...)...)) {
		path := strings.TrimSpace(line)
		if _, err := os.Lstat(path); err == nil && !strings.HasPrefix(path, "/usr/share/") && path != "/." {
			fmt.Fprintln(&list, path)
		}
	}
	copied := exec.Command("sh", "-c", "tar -C / -c --no-recursion -T - | tar -C \"$0\" -x --keep-directory-symlink", m.root)
	copied.Stdin = &list
	if out, err := copied.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	status := tool(t, "dpkg-query", append([]string{"-s"}, packages...)...)
	for path, text := range map[string]string{
		"var/lib/dpkg/status":    status,
		"var/lib/dpkg/available": "",
		"etc/passwd":             "root:x:0:0:root:/root:/bin/sh\n",
		"etc/group":              "root:x:0:\n",
		"etc/shadow":             "root:*:1:0:99999:7:::\n",
		"etc/gshadow":            "root:*::\n",
		"etc/nsswitch.conf":      "passwd: files\ngroup: files\nshadow: files\ngshadow: files\n",
		"etc/pam.d/runuser":      "auth sufficient pam_rootok.so\nsession required pam_permit.so\naccount required pam_permit.so\n",
	} {
		m.write(path, text)
	}
	for path, device := range map[string]int{"dev/null": 1<<8 | 3, "dev/urandom": 1<<8 | 9} {
		m.mkdir(filepath.Dir(path), 0o755)
		err := syscall.Mknod(filepath.Join(m.root, path), syscall.S_IFCHR|0o666, device)
		need(t, err == nil, fmt.Sprintf("this container may make no device %s: %v", path, err))
		if err := os.Chmod(filepath.Join(m.root, path), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	m.mkdir("tmp", 0o777|fs.ModeSticky)
	return m
}

// closure adds what packages depend on, as installed here.
func closure(t *testing.T, packages []string) []string {
	t.Helper()
	needs, provider := map[string]string{}, map[string]string{}
	table := tool(t, "dpkg-query", "-W", "-f", "${Package}\t${Pre-Depends}, ${Depends}\t${Provides}\t${db:Status-Abbrev}\n")
	word := regexp.MustCompile(`[a-z0-9][a-z0-9+.-]+`)
	for line := range strings.Lines(table) {
		columns := strings.Split(line, "\t")
		if strings.HasPrefix(columns[3], "ii") {
			needs[columns[0]], provider[columns[0]] = columns[1], columns[0]
			for name := range strings.SplitSeq(columns[2], ",") {
				provider[word.FindString(name)] = columns[0]
			}
		}
	}
	all := map[string]bool{}
	for len(packages) > 0 {
		p := provider[packages[0]]
		packages = packages[1:]
		if p == "" || all[p] {
			continue
		}
		all[p] = true
		for alternatives := range strings.SplitSeq(needs[p], ",") {
			for one := range strings.SplitSeq(alternatives, "|") {
				packages = append(packages, word.FindString(one))
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func tool(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
	return string(out)
}

// command is a program of the machine, run as root. Its path is absolute, so that it is not looked for here.
func (m machine) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: m.root, Pdeathsig: syscall.SIGKILL}
	return cmd
}

func (m machine) run(program string, args ...string) string {
	m.Helper()
	out, err := m.command(program, args...).CombinedOutput()
	if err != nil {
		m.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
	return string(out)
}

func (m machine) mkdir(path string, mode fs.FileMode) {
	m.Helper()
	full := filepath.Join(m.root, path)
	if err := os.MkdirAll(full, 0o755); err != nil {
		m.Fatal(err)
	}
	if err := os.Chmod(full, mode); err != nil {
		m.Fatal(err)
	}
}

func (m machine) write(path, text string) {
	m.Helper()
	m.mkdir(filepath.Dir(path), 0o755)
	if err := os.WriteFile(filepath.Join(m.root, path), []byte(text), 0o644); err != nil {
		m.Fatal(err)
	}
}

func (m machine) read(path string) string {
	m.Helper()
	data, err := os.ReadFile(filepath.Join(m.root, path))
	if err != nil {
		m.Fatal(err)
	}
	return string(data)
}

func (m machine) has(path string) bool {
	m.Helper()
	_, err := os.Lstat(filepath.Join(m.root, path))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.Fatal(err)
	}
	return err == nil
}

// is compares mode, user and group of a file.
func (m machine) is(path, want string) {
	m.Helper()
	if got := strings.TrimSpace(m.run("/usr/bin/stat", "-c", "%A %U %G", "/"+path)); got != want {
		m.Errorf("%s is %s, want %s", path, got, want)
	}
}
