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
)

func TestCreateAndReplace(t *testing.T) {
	dir := t.TempDir()
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
	dir := t.TempDir()
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
	path := filepath.Join(t.TempDir(), "large")
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
			root := t.TempDir()
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
