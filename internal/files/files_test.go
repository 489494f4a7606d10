package files_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/files"
	"docusign-auth-proxy/internal/files/filestest"
)

func TestCreateAndReplace(t *testing.T) {
	dir := filestest.TempDir(t)
	path := filepath.Join(dir, "key.pem")
	holds := func(text string, mode fs.FileMode) {
		t.Helper()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS != "windows" && info.Mode().Perm() != mode {
			t.Errorf("mode %v, want %v", info.Mode().Perm(), mode)
		}
		if got, err := files.Read(path, 1<<20); err != nil || string(got) != text {
			t.Errorf("%q, %v, want %q", got, err, text)
		}
		left, err := os.ReadDir(dir)
		if err != nil || len(left) != 1 {
			t.Errorf("%v, %v in the folder", left, err)
		}
	}
	if err := files.Create(path, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	holds("one", 0o600)
	if err := files.Create(path, []byte("two"), 0o644); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file that is there: %v", err)
	}
	holds("one", 0o600)
	if err := files.Replace(path, []byte("three"), 0o644); err != nil {
		t.Fatal(err)
	}
	holds("three", 0o644)
}

func TestReplaceLeavesNothingWhenItFails(t *testing.T) {
	dir := filestest.TempDir(t)
	taken := filepath.Join(dir, "folder")
	if err := os.MkdirAll(filepath.Join(taken, "inside"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := files.Replace(taken, []byte("x"), 0o600); err == nil {
		t.Error("a folder is replaced")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("%v, %v in the folder", left, err)
	}
}

func TestReadIsBounded(t *testing.T) {
	path := filepath.Join(filestest.TempDir(t), "large")
	if err := os.WriteFile(path, make([]byte, 1<<20+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := files.Read(path, 1<<20); err == nil || !strings.Contains(err.Error(), "larger than 1 MB") {
		t.Errorf("%v", err)
	}
}

func TestATemporaryFolderIsFoundWithoutTheSystemsOwn(t *testing.T) {
	for _, tt := range []struct {
		name, temp, here string
		says             string
	}{
		{"the system's own", "good", "good", ""},
		{"the current one where there is none", "absent", "good", ""},
		{"what to set where neither can be written", "absent", "gone", "set TMPDIR to one that can"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if runtime.GOOS == "windows" {
				tt.says = strings.Replace(tt.says, "TMPDIR", "TMP", 1)
			}
			root := filestest.TempDir(t)
			for _, dir := range []string{"temp-good", "here-good", "here-gone"} {
				if err := os.Mkdir(filepath.Join(root, dir), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			for _, variable := range []string{"TMPDIR", "TMP", "TEMP"} {
				t.Setenv(variable, filepath.Join(root, "temp-"+tt.temp))
			}
			t.Chdir(filepath.Join(root, "here-"+tt.here))
			if tt.here == "gone" {
				if err := os.Remove(filepath.Join(root, "here-gone")); err != nil {
					t.Skip("this system does not let the current folder go")
				}
			}
			dir, err := files.MkdirTemp("demo-")
			if tt.says != "" {
				if err == nil || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("%q, %v", dir, err)
				}
				return
			}
			if st, failed := os.Stat(dir); err != nil || failed != nil || !st.IsDir() || !filepath.IsAbs(dir) {
				t.Errorf("%q, %v, %v", dir, err, failed)
			}
		})
	}
}

// What others may do is asked of the system, by OpenTo: modes on Unix, ACLs on Windows.
func TestWhoMayReadWhatIsMade(t *testing.T) {
	for _, tt := range []struct {
		name string
		open bool
		make func(path string) error
	}{
		{"a secret that is written", false, func(path string) error { return files.Write(path, nil, 0o600) }},
		{"a secret that is created", false, func(path string) error { return files.Create(path, nil, 0o600) }},
		{"a secret put in the place of nothing", false, func(path string) error { return files.Replace(path, nil, 0o600) }},
		{"a secret in the place of an open file", false, func(path string) error {
			return errors.Join(files.Write(path, nil, 0o666), files.Replace(path, nil, 0o600))
		}},
		{"a secret over an open file", false, func(path string) error {
			return errors.Join(files.Write(path, nil, 0o666), files.Write(path, []byte("x"), 0o600))
		}},
		{"a file opened to be written", false, func(path string) error {
			f, err := files.Open(path, os.O_RDWR|os.O_CREATE, 0o600)
			return errors.Join(err, f.Close())
		}},
		{"a file that others may read", true, func(path string) error { return files.Write(path, nil, 0o644) }},
		{"a file in a new folder", false, func(path string) error {
			return errors.Join(files.MkdirAll(path, 0o700), files.Write(filepath.Join(path, "key"), nil, 0o600))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(filestest.TempDir(t), "there")
			if err := tt.make(path); err != nil {
				t.Fatal(err)
			}
			if who, err := files.OpenTo(path); err != nil || (who != "") != tt.open {
				t.Errorf("open to %q, %v", who, err)
			}
		})
	}
	if _, err := files.OpenTo(filepath.Join(filestest.TempDir(t), "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestAFileIsOpenedAsByTheStandardLibrary(t *testing.T) {
	path := filepath.Join(filestest.TempDir(t), "log")
	for _, line := range []string{"one ", "two"} {
		f, err := files.Open(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(line); errors.Join(err, f.Close()) != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "one two" {
		t.Errorf("appended: %q, %v", got, err)
	}
	if err := files.Write(path, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "short" {
		t.Errorf("written over: %q, %v", got, err)
	}
	if _, err := files.Open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file that is there: %v", err)
	}
	if _, err := files.Open(filepath.Join(path, "below"), os.O_RDWR|os.O_CREATE, 0o600); err == nil {
		t.Error("a file below a file is opened")
	}
	if err := files.MkdirAll(path, 0o700); err == nil {
		t.Error("a folder is made of a file")
	}
}

func TestRemoveAll(t *testing.T) {
	dir := filestest.TempDir(t)
	top := filepath.Join(dir, "a")
	if err := files.MkdirAll(filepath.Join(top, "b", "c"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"1", filepath.Join("b", "2"), filepath.Join("b", "c", "3")} {
		if err := files.Write(filepath.Join(top, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{top, top, filepath.Join(dir, "never", "there")} {
		if err := files.RemoveAll(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v, %v left", left, err)
	}
}
