//go:build linux

package wine_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
)

// secretsAreClosed takes Wine's view of an ACL: the bits for others of a file's mode say what everybody may do.
func secretsAreClosed(t *testing.T, w *windows) {
	s := w.newSetup(t, `C:\secrets`, nil)
	s.run()
	s.do("capture", "start", "--integration", "nightly-billing")
	s.login()
	w.done(t, product, "ca", "init", "--dir", s.folder+`\made`)
	s.do("capture", "download", "--format", "zip", "--output", s.folder+`\made\capture.zip`)
	w.done(t, product, "store", "key", "--output", s.folder+`\made\store.key`)
	made := map[string]bool{}
	err := filepath.WalkDir(w.local(s.folder), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			made[e.Name()] = info.Mode().Perm()&0o007 == 0
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if made["ca.pem"] {
		t.Error("the certificate, which is no secret, is closed: this test would not see an open file")
	}
	for _, name := range []string{
		"ca-key.pem", "store.key", "capture.zip", "state.db", "state.db.key", "state.db.admin-token",
	} {
		if closed, there := made[name]; !there || !closed {
			t.Errorf("%s: made %v, closed to others %v", name, there, closed)
		}
	}
	key := w.local(s.folder + `\keys\nightly-billing.pem`)
	for _, c := range []struct {
		mode fs.FileMode
		open bool
	}{{0o604, true}, {0o600, false}} {
		if err := os.Chmod(key, c.mode); err != nil {
			t.Fatal(err)
		}
		for _, command := range []string{"config check", "doctor"} {
			// doctor ends with 1 for other warnings, as that nobody trusts the CA
			out, _ := w.run(t, append([]string{product, "--config", s.config}, strings.Fields(command)...)...)
			if told := strings.Contains(out, "Everyone may read it") && strings.Contains(out, "icacls"); told != c.open {
				t.Errorf("%s, the key with mode %04o:\n%s", command, c.mode, out)
			}
		}
	}
}

// aLogFile is full from its first line on. A program that has it open keeps it from being renamed, and costs no line.
func aLogFile(t *testing.T, w *windows) {
	s := w.newSetup(t, `C:\logged`, func(_ *setup, c apptest.Section) {
		c["log"] = apptest.Section{"level": "info", "file": `log\proxy.log`, "max_size": "1MiB"}
	})
	file := w.local(s.folder + `\log\proxy.log`)
	full := strings.Repeat(strings.Repeat("x", 1023)+"\n", 1024)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(full), 0o600); err != nil {
		t.Fatal(err)
	}
	reader := w.start(t, bin+"hold.exe", s.folder+`\log\proxy.log`)
	reader.prints("open")
	for _, held := range []bool{true, false} {
		p := s.run()
		s.good("")
		var log, old string
		await(t, "the call is in the log", func() error {
			text, err := os.ReadFile(file)
			log = string(text)
			if err == nil && !strings.Contains(log, apptest.LoginPath) {
				err = fs.ErrNotExist
			}
			return err
		})
		names, err := filepath.Glob(filepath.Join(filepath.Dir(file), "proxy-*.log"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			old += string(text)
		}
		if held && (old != "" || !strings.HasPrefix(log, full) || !strings.Contains(log, "could not be renamed")) ||
			!held && (!strings.HasPrefix(old, full) || !strings.Contains(old, apptest.LoginPath) || strings.Contains(log, "xxx")) {
			t.Errorf("held %v: %d bytes in the log, %d in %v", held, len(log), len(old), names)
		}
		p.kill()
		if held {
			if _, err := reader.in.Write([]byte("\n")); err != nil {
				t.Fatal(err)
			}
			if _, err := reader.ended(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
