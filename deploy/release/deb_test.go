package main

import (
	"bufio"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestADebianPackageFromInstallationToPurge(t *testing.T) {
	m := newMachine(t)
	after := theRelease(t)
	before := theVersionBefore(t)
	install := func(f fixture, from string) string {
		t.Helper()
		copyFile(t, f.packageOf(t, "deb"), filepath.Join(m.root, from))
		return m.run("/usr/bin/dpkg", "--force-confdef", "--force-confold", "-i", "/"+from)
	}
	empty := m.files()

	said := install(before, "tmp/before.deb")
	contains(t, said, "installed, but neither enabled nor started", "systemctl enable --now")
	user := m.user()
	for path, want := range map[string]string{
		"etc/docusign-auth-proxy":             "drwxr-x--- root docusign-auth-proxy",
		"etc/docusign-auth-proxy/keys":        "drwxr-x--- root docusign-auth-proxy",
		"etc/docusign-auth-proxy/config.yaml": "-rw-r----- root docusign-auth-proxy",
		"var/lib/docusign-auth-proxy":         "drwx------ docusign-auth-proxy docusign-auth-proxy",
		"usr/bin/docusign-auth-proxy":         "-rwxr-xr-x root root",
	} {
		m.is(path, want)
	}
	const link = "etc/systemd/system/multi-user.target.wants/docusign-auth-proxy.service"
	if m.has(link) {
		t.Error("the unit is enabled with the example as configuration: it would fail every 5 s from the next boot on")
	}

	if said := m.run("/usr/bin/dpkg", "--verify", name); said != "" {
		t.Errorf("files differ from what the package says:\n%s", said)
	}

	upstream := newSandbox(t, after)
	m.configure(upstream, said)
	first := m.start(user)
	first.call("/restapi/v2/login_information", upstream.header(t))
	token := first.token(upstream.form(t))
	first.call("/restapi/v2/login_information", "Authorization: bearer "+token)
	m.is("var/lib/docusign-auth-proxy/state.db", "-rw------- docusign-auth-proxy docusign-auth-proxy")
	config := m.read("etc/docusign-auth-proxy/config.yaml")

	install(after, "tmp/after.deb")
	if m.read("etc/docusign-auth-proxy/config.yaml") != config || m.has(link) {
		t.Error("the upgrade changed the operator's configuration, or enabled what the operator did not")
	}
	first.call("/restapi/v2/login_information", "Authorization: bearer "+token) // the version before, until it is stopped
	first.stop()
	second := m.start(user)
	if second.version != after.version {
		t.Errorf("version %s runs after the upgrade, want %s", second.version, after.version)
	}
	second.call("/restapi/v2/login_information", "Authorization: bearer "+token)
	second.call("/restapi/v2/login_information", upstream.header(t))
	second.stop()

	m.mkdir(filepath.Dir(link), 0o755)
	m.run("/bin/ln", "-s", "/usr/lib/systemd/system/docusign-auth-proxy.service", "/"+link) // as systemctl enable does
	m.systemd(t, func() string { return install(after, "tmp/after.deb") })
	if !m.has(link) {
		t.Error("the upgrade disabled the unit")
	}

	said = m.run("/usr/bin/dpkg", "-r", name)
	contains(t, said, "/etc/docusign-auth-proxy with keys and /var/lib/docusign-auth-proxy stay")
	if m.has("usr/bin/docusign-auth-proxy") || m.has(link) || !m.has("var/lib/docusign-auth-proxy/state.db") ||
		!m.has("etc/docusign-auth-proxy/keys/ca-key.pem") {
		t.Errorf("a removal leaves state and keys, and nothing that starts:\n%s", said)
	}
	if said := install(after, "tmp/after.deb"); !m.has(link) || strings.Contains(said, "neither enabled") {
		t.Errorf("installed again, with a good configuration, and not enabled:\n%s", said)
	}
	said = m.run("/usr/bin/dpkg", "-P", name)
	contains(t, said, "deleted /etc/docusign-auth-proxy with keys and /var/lib/docusign-auth-proxy", "The user docusign-auth-proxy stays")
	for path := range m.files() {
		if !empty[path] && !strings.HasPrefix(path, "var/lib/dpkg/") && !strings.HasPrefix(path, "tmp/") &&
			!slices.Contains([]string{"etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-", "etc/.pwd.lock", "var/log/dpkg.log"}, path) {
			t.Errorf("purged, but still there: %s", path)
		}
	}
}

func TestADebianPackageTellsWhatItBrings(t *testing.T) {
	needTool(t, "dpkg-deb")
	f := theRelease(t)
	file := f.packageOf(t, "deb")
	contains(t, tool(t, "dpkg-deb", "-f", file),
		"Package: docusign-auth-proxy\n", "Version: "+strings.Replace(f.version, "-", "~", 1)+"\n", "Section: net\n",
		"Priority: optional\n", "Architecture: "+f.here.arch+"\n", "Maintainer: docusign-auth-proxy maintainers <", "Installed-Size: ",
		"Depends: init-system-helpers (>= 1.54~), passwd\n", "Recommends: ca-certificates\n",
		"Description: lets programs with DocuSign's legacy authentication go on working\n It takes",
	)
	listed := regexp.MustCompile(`(?m)^(\S+) (\S+) +\d+ (\d+-\d+-\d+ \d+:\d+) `).ReplaceAllString(
		tool(t, "sh", "-c", `TZ=UTC dpkg-deb -c "$0"`, file), "$1 $2 $3 ")
	at := " " + f.time.Format("2006-01-02 15:04") + " ."
	contains(t, listed,
		"-rwxr-xr-x root/root"+at+"/usr/bin/docusign-auth-proxy\n",
		"-rw-r--r-- root/root"+at+"/usr/lib/systemd/system/docusign-auth-proxy.service\n",
		"-rw-r--r-- root/root"+at+"/usr/lib/sysusers.d/docusign-auth-proxy.conf\n",
		"-rw-r--r-- root/root"+at+"/usr/lib/tmpfiles.d/docusign-auth-proxy.conf\n",
		"-rw-r----- root/docusign-auth-proxy"+at+"/etc/docusign-auth-proxy/config.yaml\n",
		"-rw-r--r-- root/root"+at+"/usr/share/man/man1/docusign-auth-proxy-run.1.gz\n",
		"-rw-r--r-- root/root"+at+"/usr/share/bash-completion/completions/docusign-auth-proxy\n",
		"-rw-r--r-- root/root"+at+"/usr/share/zsh/vendor-completions/_docusign-auth-proxy\n",
		"-rw-r--r-- root/root"+at+"/usr/share/fish/vendor_completions.d/docusign-auth-proxy.fish\n",
		"-rw-r--r-- root/root"+at+"/usr/share/doc/docusign-auth-proxy/copyright\n",
		"-rw-r--r-- root/root"+at+"/usr/share/doc/docusign-auth-proxy/changelog.gz\n",
		"-rw-r--r-- root/root"+at+"/usr/share/doc/docusign-auth-proxy/docs/runbook.md\n",
	)
	for line := range strings.Lines(listed) {
		if !strings.Contains(line, at+"/") || strings.Contains(line, "/usr/local") {
			t.Errorf("another time than the commit's, or a place that is the administrator's: %s", line)
		}
	}
	if conffiles := tool(t, "dpkg-deb", "-I", file, "conffiles"); conffiles != "/etc/docusign-auth-proxy/config.yaml\n" {
		t.Errorf("conffiles: %q", conffiles)
	}
	for _, script := range []string{"postinst", "prerm", "postrm"} {
		tool(t, "sh", "-c", `dpkg-deb -I "$0" `+script+` | dash -n`, file)
	}
	for path, want := range map[string]string{
		"usr/lib/systemd/system/docusign-auth-proxy.service": "docusign-auth-proxy.service",
		"usr/lib/sysusers.d/docusign-auth-proxy.conf":        "docusign-auth-proxy.sysusers.conf",
		"usr/lib/tmpfiles.d/docusign-auth-proxy.conf":        "docusign-auth-proxy.tmpfiles.conf",
	} {
		source := strings.ReplaceAll(string(f.docs["deploy/systemd/"+want]), "/usr/local/bin/", "/usr/bin/")
		packed := tool(t, "sh", "-c", `dpkg-deb --fsys-tarfile "$0" | tar -xO "$1"`, file, "./"+path)
		if packed != source || source == "" {
			t.Errorf("%s is not what service install writes for the package's binary:\n%s", path, packed)
		}
	}
}

// systemd tries what the scripts do where systemd runs: its command is replaced by one that notes what it is asked for,
// for there is no systemd as first process here.
func (m machine) systemd(t *testing.T, reinstall func() string) {
	m.mkdir("run/systemd/system", 0o755)
	m.write("usr/bin/systemctl", "#!/bin/sh\necho \"$*\" >>/tmp/asked\n")
	if err := os.Chmod(filepath.Join(m.root, "usr/bin/systemctl"), 0o755); err != nil {
		t.Fatal(err)
	}
	good := m.read("etc/docusign-auth-proxy/config.yaml")
	for _, row := range []struct {
		name, config   string
		restarts       bool
		says           []string
		handmade, link string
	}{
		{name: "a configuration that passes the check", config: good, restarts: true},
		{
			name: "one that does not", config: good + "no_such_key: 1\n",
			says: []string{"no_such_key", "the version before goes on running", "systemctl restart docusign-auth-proxy"},
		},
		{
			name: "a unit made by hand", config: good, restarts: true, handmade: "etc/systemd/system/docusign-auth-proxy.service",
			says: []string{"hides the unit of this package"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := machine{t, m.root}
			m.write("tmp/asked", "")
			m.write("etc/docusign-auth-proxy/config.yaml", row.config)
			if row.handmade != "" {
				m.write(row.handmade, "[Service]\n")
				defer os.Remove(filepath.Join(m.root, row.handmade))
			}
			said := reinstall()
			contains(t, said, row.says...)
			asked := m.read("tmp/asked")
			contains(t, asked, "daemon-reload")
			if restarts := strings.Contains(asked, "try-restart"); restarts != row.restarts {
				t.Errorf("restarted: %v, want %v: %s\n%s", restarts, row.restarts, asked, said)
			}
			if regexp.MustCompile(`(?m)(^| )(stop|disable|start) `).MatchString(asked) {
				t.Errorf("an upgrade asked systemd for more than needed:\n%s", asked)
			}
		})
	}
	if err := os.RemoveAll(filepath.Join(m.root, "run/systemd")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(m.root, "usr/bin/systemctl")); err != nil {
		t.Fatal(err)
	}
}

func contains(t *testing.T, text string, wanted ...string) {
	t.Helper()
	for _, w := range wanted {
		if !strings.Contains(text, w) {
			t.Errorf("%q is not in:\n%s", w, text)
		}
	}
}

// packageOf is the package of this machine's platform: the published one, or one made now of the version before.
func (f fixture) packageOf(t *testing.T, format string) string {
	t.Helper()
	if f.out != theRelease(t).out {
		if err := f.pack(format, f.here, f.docs); err != nil {
			t.Fatal(err)
		}
	}
	machine := map[string]string{"debamd64": "amd64", "debarm64": "arm64", "rpmamd64": "x86_64", "rpmarm64": "aarch64"}
	found, err := filepath.Glob(filepath.Join(f.out, "*"+machine[format+f.here.arch]+"."+format))
	if err != nil || len(found) != 1 {
		t.Fatalf("the packages are %v, %v", found, err)
	}
	return found[0]
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o755); err != nil {
		t.Fatal(err)
	}
}

func (m machine) files() map[string]bool {
	all := map[string]bool{}
	err := filepath.WalkDir(m.root, func(path string, _ fs.DirEntry, err error) error {
		all[strings.TrimPrefix(path, m.root+"/")] = true
		return err
	})
	if err != nil {
		m.Fatal(err)
	}
	return all
}

// user reads the numbers of the proxy's user and group.
func (m machine) user() *syscall.Credential {
	m.Helper()
	for line := range strings.Lines(m.read("etc/passwd")) {
		fields := strings.Split(line, ":")
		if fields[0] != name {
			continue
		}
		uid, err := strconv.ParseUint(fields[2], 10, 32)
		if err != nil {
			m.Fatal(err)
		}
		gid, err := strconv.ParseUint(fields[3], 10, 32)
		if err != nil {
			m.Fatal(err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	m.Fatal("the package made no user")
	return nil
}

// sandbox is DocuSign's stand-in, on this machine's loopback.
type sandbox struct{ dir string }

func newSandbox(t *testing.T, f fixture) sandbox {
	t.Helper()
	s := sandbox{filepath.Join(t.TempDir(), "sandbox")}
	cmd := exec.Command(f.binary(f.here), "sandbox", "--dir", s.dir, "--listen", "127.0.0.1:0", "--hosts", "")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
	})
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
	return s
}

func (s sandbox) read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, file))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

func (s sandbox) header(t *testing.T) string { return s.read(t, "anna.header") }
func (s sandbox) form(t *testing.T) string   { return s.read(t, "token.form") }

// configure makes the stand-in's configuration the operator's own, by the commands that the installation told.
func (m machine) configure(s sandbox, told string) {
	m.Helper()
	err := os.CopyFS(filepath.Join(m.root, "tmp/sandbox"), os.DirFS(s.dir))
	if err != nil {
		m.Fatal(err)
	}
	m.run("/bin/sh", "-ec", "cp -r /tmp/sandbox/keys/. /etc/docusign-auth-proxy/keys/; cp /tmp/sandbox/sandbox-ca.pem /etc/docusign-auth-proxy/; rm -r /tmp/sandbox")
	config := regexp.MustCompile(`(admin|proxy): 127\.0\.0\.1:\d+`).ReplaceAllString(s.read(m.T, "proxy.yaml"), "$1: 127.0.0.1:0")
	config = strings.NewReplacer("store: state.db", "store: /var/lib/docusign-auth-proxy/state.db",
		"ca_key: ca-key.pem", "ca_key: keys/ca-key.pem").Replace(config)
	path := filepath.Join(m.root, "etc/docusign-auth-proxy/config.yaml")
	if err := os.WriteFile(path, []byte(config+"\n"), 0o640); err != nil { // as an editor does: owner and mode stay
		m.Fatal(err)
	}
	var steps []string
	for line := range strings.Lines(told) {
		if step, is := strings.CutPrefix(line, "  "); is && !strings.HasPrefix(step, "systemctl ") {
			steps = append(steps, strings.TrimSpace(step))
		}
	}
	if len(steps) != 3 {
		m.Fatalf("want three steps before the start in:\n%s", told)
	}
	m.run("/bin/sh", "-ec", strings.Join(steps, "\n"))
}

// process is the proxy, started as its unit says.
type process struct {
	*testing.T
	cmd     *exec.Cmd
	url     string
	version string
	stderr  io.ReadCloser
}

func (m machine) start(user *syscall.Credential) *process {
	m.Helper()
	unit := map[string]string{}
	for line := range strings.Lines(m.read("usr/lib/systemd/system/docusign-auth-proxy.service")) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		unit[key] = value
	}
	if unit["User"] != name || !strings.HasPrefix(unit["ExecStart"], "/usr/bin/docusign-auth-proxy ") {
		m.Fatalf("the unit's user is %s, its program %s", unit["User"], unit["ExecStart"])
	}
	cmd := m.command("/bin/sh", "-c", "umask "+unit["UMask"]+" && exec "+unit["ExecStart"])
	cmd.Env = append(cmd.Env, "STATE_DIRECTORY=/var/lib/"+unit["StateDirectory"])
	cmd.SysProcAttr.Credential = user
	return m.started(cmd)
}

func (m machine) started(cmd *exec.Cmd) *process {
	m.Helper()
	p := &process{T: m.T, cmd: cmd}
	var err error
	if p.stderr, err = cmd.StderrPipe(); err != nil {
		m.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		m.Fatal(err)
	}
	m.Cleanup(func() { _ = cmd.Process.Kill() })
	p.ready()
	return p
}

// ready reads the log up to the line that tells of the start.
func (p *process) ready() {
	p.Helper()
	lines := bufio.NewScanner(p.stderr)
	var read []string
	for lines.Scan() {
		read = append(read, lines.Text())
		var line struct{ Msg, Door, Address, Version string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			continue // no line of the log; the test shows it if no start is told of
		}
		if line.Msg == "listening" && line.Door == "sidecar" {
			p.url = "http://" + line.Address
		}
		if line.Msg == "started" {
			p.version = line.Version
			go func() { _, _ = io.Copy(io.Discard, p.stderr) }() // ends with the process
			return
		}
	}
	p.Fatalf("it did not start:\n%s", strings.Join(read, "\n"))
}

func (p *process) stop() {
	p.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.Fatal(err)
	}
	if state, err := p.cmd.Process.Wait(); err != nil || !state.Success() {
		p.Fatalf("it ended with %v, %v", state, err)
	}
}

func (p *process) call(path, header string) {
	p.Helper()
	key, value, _ := strings.Cut(header, ": ")
	req, err := http.NewRequestWithContext(p.Context(), http.MethodGet, p.url+path, nil)
	if err != nil {
		p.Fatal(err)
	}
	req.Header.Set(key, value)
	p.do(req)
}

func (p *process) token(form string) string {
	p.Helper()
	values, err := url.ParseQuery(form)
	if err != nil {
		p.Fatal(err)
	}
	req, err := http.NewRequestWithContext(p.Context(), http.MethodPost, p.url+"/restapi/v2/oauth2/token", strings.NewReader(values.Encode()))
	if err != nil {
		p.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(p.do(req), &answer); err != nil || answer.Token == "" {
		p.Fatalf("no token: %v", err)
	}
	return answer.Token
}

func (p *process) do(req *http.Request) []byte {
	p.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		p.Fatalf("%s: %s, %v: %s", req.URL, res.Status, err, body)
	}
	return body
}
