package main

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func dockerfile(t *testing.T, pattern string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(pattern).FindSubmatch(text)
	if found == nil {
		t.Fatalf("the Dockerfile has no %s", pattern)
	}
	return string(found[1])
}

// The commands by which the image is built in a clone run in another clone, in another folder, whose files have another
// time. Docker itself is not needed for that.
func TestAnotherCloneGivesTheSameBytes(t *testing.T) {
	f := theRelease(t)
	needTool(t, "git")
	commands := strings.ReplaceAll(dockerfile(t, `(?m)^RUN (git reset(?:.*\\\n)*.*)$`), "\\\n", "")
	build := func() []byte {
		dir := filepath.Join(t.TempDir(), "src")
		out := t.TempDir()
		tool(t, "git", "clone", "--quiet", "--no-checkout", "--no-hardlinks", f.root, dir)
		cmd := exec.Command("sh", "-ec", strings.ReplaceAll(commands, "/dist", out))
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "TARGETARCH=arm64", "VERSION="+f.version)
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		data, err := os.ReadFile(filepath.Join(out, "binaries", "linux-arm64", name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	want, err := os.ReadFile(f.binary(target{"linux", "arm64"}))
	if err != nil {
		t.Fatal(err)
	}
	if changes := tool(t, "git", "-C", f.root, "status", "--porcelain"); changes != "" {
		want = build() // the release is of more than the commit
	}
	if !bytes.Equal(build(), want) {
		t.Error("the binary for linux/arm64 differs")
	}
}

func TestTheSameBinariesGiveTheSameFilesOnAnotherDay(t *testing.T) {
	f := theRelease(t)
	again := f
	again.out = t.TempDir()
	binary := again.binary(f.here)
	if err := os.MkdirAll(filepath.Dir(binary), 0o755); err != nil {
		t.Fatal(err)
	}
	copyFile(t, f.binary(f.here), binary) // with the time of today
	for what, err := range map[string]error{
		"archive": again.archive(f.here, f.docs), "bill": again.bill(f.here),
		"deb": again.pack("deb", f.here, f.docs), "rpm": again.pack("rpm", f.here, f.docs),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	files, err := filepath.Glob(filepath.Join(again.out, name+"*"))
	if err != nil || len(files) != 4 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(data, f.published(t, filepath.Base(file))) {
			t.Errorf("%s differs", filepath.Base(file))
		}
	}
}

// The root of the image, with the user and the command lines of the Dockerfile.
func TestTheImageNeedsNothingButBinaryAndCertificates(t *testing.T) {
	f := theRelease(t)
	need(t, os.Geteuid() == 0, "only root may enter a root folder of its own (chroot)")
	words := func(pattern string) (list []string) {
		if err := json.Unmarshal([]byte(dockerfile(t, pattern)), &list); err != nil {
			t.Fatal(err)
		}
		return list
	}
	id, err := strconv.ParseUint(dockerfile(t, `(?m)^USER (\d+):`), 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	user := &syscall.Credential{Uid: uint32(id), Gid: uint32(id)}
	m := machine{t, t.TempDir()}
	m.mkdir("", 0o755)
	for _, folder := range []string{"tmp", "var/lib/docusign-auth-proxy"} {
		m.mkdir(folder, 0o700)
		if err := os.Chown(filepath.Join(m.root, folder), int(id), int(id)); err != nil {
			t.Fatal(err)
		}
	}
	copyFile(t, f.binary(f.here), filepath.Join(m.root, name))
	upstream := newSandbox(t, f)
	m.mkdir("etc/docusign-auth-proxy", 0o755)
	if err := os.CopyFS(filepath.Join(m.root, "etc/docusign-auth-proxy"), os.DirFS(upstream.dir)); err != nil {
		t.Fatal(err)
	}
	tool(t, "chown", "-R", strconv.FormatUint(id, 10), filepath.Join(m.root, "etc/docusign-auth-proxy"))
	config := regexp.MustCompile(`(admin|proxy): 127\.0\.0\.1:\d+`).ReplaceAllStringFunc(upstream.read(t, "proxy.yaml"),
		func(line string) string { return line[:strings.LastIndex(line, ":")+1] + freePort(t) })
	m.write("etc/docusign-auth-proxy/config.yaml", strings.Replace(config, "store: state.db\n", "", 1))
	run := func(args []string) *exec.Cmd {
		cmd := m.command(args[0], args[1:]...)
		cmd.Env = []string{"STATE_DIRECTORY=" + dockerfile(t, `(?m)^ENV STATE_DIRECTORY=(.*)$`)}
		cmd.SysProcAttr.Credential = user
		return cmd
	}
	p := m.started(run(append(words(`(?m)^ENTRYPOINT (.*)$`), words(`(?m)^CMD (.*)$`)...)))
	p.call("/restapi/v2/login_information", upstream.header(t))
	if said, err := run(words(`HEALTHCHECK .* CMD (.*)`)).CombinedOutput(); err != nil {
		t.Errorf("the health check: %v: %s", err, said)
	}
	p.stop()
	if written, err := os.ReadDir(filepath.Join(m.root, "var/lib/docusign-auth-proxy")); err != nil || len(written) == 0 {
		t.Errorf("no state was written: %v, %v", written, err)
	}
}

// freePort is one that nobody listens on now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}
