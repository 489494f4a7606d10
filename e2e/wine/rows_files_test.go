//go:build linux

package wine_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/processtest"
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
		processtest.Await(t, "the call is in the log", func() error {
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
		grew := old == "" && strings.HasPrefix(log, full) && strings.Contains(log, "could not be renamed")
		renamed := strings.HasPrefix(old, full) && strings.Contains(old, apptest.LoginPath) && !strings.Contains(log, "xxx")
		if held && !grew || !held && !renamed {
			t.Errorf("held %v: %d bytes in the log, %d in %v", held, len(log), len(old), names)
		}
		p.kill()
		if held {
			reader.letsGo()
		}
	}
}

// letsGo ends hold.exe.
func (p *process) letsGo() {
	p.t.Helper()
	if _, err := p.in.Write([]byte("\n")); err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.ended(); err != nil {
		p.t.Fatal(err)
	}
}

// logUnderTraffic counts the lines of many calls at the same time, while the file is renamed and another program has it
// open: one that lets it be renamed, then one that does not.
func logUnderTraffic(t *testing.T, w *windows) {
	s := w.newSetup(t, `C:\traffic`, func(_ *setup, c apptest.Section) {
		c["log"] = apptest.Section{"level": "info", "file": `log\proxy.log`, "max_size": "1MiB", "max_files": 0}
	})
	const callers, each = 8, 250
	folder := filepath.Join(w.local(s.folder), "log")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	s.run()
	for round, how := range []string{"follow", ""} {
		reader := w.start(t, strings.Fields(bin+`hold.exe `+s.folder+`\log\proxy.log `+how)...)
		reader.prints("open")
		var calls sync.WaitGroup
		var failed [callers]error
		for i := range callers {
			calls.Go(func() { failed[i] = s.many(each) })
		}
		calls.Wait()
		if err := errors.Join(failed[:]...); err != nil {
			t.Fatal(err)
		}
		want := (round + 1) * callers * each
		processtest.Await(t, fmt.Sprintf("%d calls are in the log", want), func() error {
			lines, files, err := requests(folder)
			if err == nil && (len(lines) != want || files < 2) {
				err = fmt.Errorf("%d calls in %d files", len(lines), files)
			}
			return err
		})
		reader.letsGo()
	}
}

// many makes calls one after the other. They are refused by the proxy itself, so that they are quick.
func (s *setup) many(n int) error {
	client := http.Client{Timeout: processtest.Patience, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for range n {
		req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+s.proxy+apptest.LoginPath, nil)
		if err != nil {
			return err
		}
		req.Header.Set("X-DocuSign-Authentication", strings.ReplaceAll(apptest.AnnaJSON, "anna@", "nobody@"))
		resp, err := client.Do(req)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			err = errors.Join(err, resp.Body.Close())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// requests are the ids of the calls in all files of a log. One that is there twice, and a line that is not whole, are
// errors.
func requests(folder string) (ids map[string]bool, files int, err error) {
	ids = map[string]bool{}
	names, err := filepath.Glob(filepath.Join(folder, "proxy*.log"))
	for _, name := range names {
		text, failed := os.ReadFile(name)
		if err = errors.Join(err, failed); err != nil {
			return nil, 0, err
		}
		for line := range strings.Lines(string(text)) {
			var l struct {
				ID string `json:"request_id"`
			}
			if err := json.Unmarshal([]byte(line), &l); err != nil || !strings.HasSuffix(line, "\n") {
				return nil, 0, fmt.Errorf("%q is no line: %w", line, err)
			}
			if ids[l.ID] {
				return nil, 0, fmt.Errorf("the call %s is logged twice", l.ID)
			}
			if l.ID != "" {
				ids[l.ID] = true
			}
		}
	}
	return ids, len(names), err
}
