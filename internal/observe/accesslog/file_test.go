package accesslog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/files"
	"docusign-auth-proxy/internal/files/filestest"
	"docusign-auth-proxy/internal/observe/accesslog"
)

// logFiles are the texts of a log's files, the oldest first.
func logFiles(t *testing.T, path string) (texts []string) {
	t.Helper()
	ext := filepath.Ext(path)
	names, err := filepath.Glob(strings.TrimSuffix(path, ext) + "-*" + ext)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	for _, name := range append(names, path) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
		if who, err := files.OpenTo(name); who != "" || err != nil {
			t.Errorf("%s: %s %v", filepath.Base(name), who, err)
		}
	}
	return texts
}

// renames counts those whose files are kept. Two within a millisecond are one to the library.
func renames(t *testing.T, path string) int {
	t.Helper()
	ext := filepath.Ext(path)
	names, err := filepath.Glob(strings.TrimSuffix(path, ext) + "-*-size*" + ext)
	if err != nil {
		t.Fatal(err)
	}
	times := map[string]bool{}
	for _, name := range names {
		times[name[:strings.LastIndex(name, "-size")]] = true
	}
	return len(times)
}

func openLog(t *testing.T, f *accesslog.File) *accesslog.File {
	t.Helper()
	if err := f.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func add(t *testing.T, f *accesslog.File, line string) {
	t.Helper()
	if n, err := f.Write([]byte(line + "\n")); n != len(line)+1 || err != nil {
		t.Errorf("%d bytes of %q: %v", n, line, err)
	}
}

func TestAFullLogFileIsRenamedBetweenLines(t *testing.T) {
	path := filepath.Join(filestest.TempDir(t), "log", "proxy.log")
	const size, lines, kept = 4000, 1000, 3
	f := openLog(t, &accesslog.File{Path: path, MaxSize: size, MaxFiles: kept})
	line := func(i int) string { return fmt.Sprintf(`{"line":%04d,"pad":"%s"}`, i, strings.Repeat("x", i%50)) }
	for i := range lines {
		if i == lines/2 { // as at a restart
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
		add(t, f, line(i))
	}
	texts := logFiles(t, path)
	if n := renames(t, path); n != kept {
		t.Errorf("%d renames are kept, want %d", n, kept)
	}
	all := strings.Split(strings.TrimSuffix(strings.Join(texts, ""), "\n"), "\n")
	for i, got := range all {
		if want := line(lines - len(all) + i); got != want {
			t.Fatalf("line %d from the end is %q, want %q", len(all)-i, got, want)
		}
	}
	for _, text := range texts {
		if len(text) > size || !strings.HasPrefix(text, "{") || !strings.HasSuffix(text, "}\n") {
			t.Errorf("a file of %d bytes begins %.20q and ends %q", len(text), text, text[max(0, len(text)-20):])
		}
	}
}

func TestOldLogFilesGoByTheirAge(t *testing.T) {
	dir := filestest.TempDir(t)
	path := filepath.Join(dir, "proxy.log")
	name := func(age time.Duration) string {
		return "proxy-" + time.Now().UTC().Add(-age).Format("2006-01-02T15-04-05.000") + "-size.log"
	}
	old, young := name(72*time.Hour), name(12*time.Hour)
	for _, name := range []string{old, young, "other.log", "proxy-notes.log"} {
		if err := files.Write(filepath.Join(dir, name), []byte("x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := openLog(t, &accesslog.File{Path: path, MaxSize: 10, MaxAge: 30 * time.Hour})
	add(t, f, "the first line")
	add(t, f, "the second line")
	for name, want := range map[string]bool{old: false, young: true, "other.log": true, "proxy-notes.log": true} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestALogFileThatAnotherProgramTookAwayIsBegunAnew(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not let others rename or remove a file that is open")
	}
	for _, c := range []struct {
		name string
		take func(path string) error
	}{
		{"renamed", func(path string) error { return os.Rename(path, path+".1") }},
		{"removed", os.Remove},
		{"removed with its folder", func(path string) error { return os.RemoveAll(filepath.Dir(path)) }},
		{"replaced", func(path string) error { return files.Replace(path, nil, 0o600) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(filestest.TempDir(t), "log", "proxy.log")
			f := openLog(t, &accesslog.File{Path: path, MaxSize: 1 << 20})
			add(t, f, "before")
			if err := c.take(path); err != nil {
				t.Fatal(err)
			}
			add(t, f, "after")
			if got := logFiles(t, path); len(got) != 1 || got[0] != "after\n" {
				t.Errorf("the file has %q", got)
			}
		})
	}
}

func TestALogFileThatWasEmptiedGoesOnAtItsBeginning(t *testing.T) {
	path := filepath.Join(filestest.TempDir(t), "proxy.log")
	f := openLog(t, &accesslog.File{Path: path, MaxSize: 20})
	for _, line := range []string{"first", "second"} {
		add(t, f, line)
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
	}
	add(t, f, "third")
	if got := logFiles(t, path); len(got) != 1 || got[0] != "third\n" {
		t.Errorf("the files are %q", got)
	}
}

func TestTwoProgramsAddToOneFile(t *testing.T) {
	path := filepath.Join(filestest.TempDir(t), "proxy.log")
	one := openLog(t, &accesslog.File{Path: path, MaxSize: 1 << 20})
	other := openLog(t, &accesslog.File{Path: path, MaxSize: 1 << 20})
	for range 3 {
		add(t, one, "one")
		add(t, other, "other")
	}
	if got := logFiles(t, path); got[0] != strings.Repeat("one\nother\n", 3) {
		t.Errorf("the file has %q", got)
	}
}

// A name that leaves no room for the time of the rename is as good as a file that another program holds on Windows.
func TestALogFileThatCannotBeRenamedGrowsAndSaysSo(t *testing.T) {
	path := filepath.Join(filestest.TempDir(t), strings.Repeat("x", 240)+".log")
	f := openLog(t, &accesslog.File{Path: path, MaxSize: 20, Unrotated: func(err error) []byte {
		return []byte("not renamed\n")
	}})
	for i := range 5 {
		add(t, f, fmt.Sprint("this is line ", i))
	}
	const want = "this is line 0\nnot renamed\nthis is line 1\nthis is line 2\nthis is line 3\nthis is line 4\n"
	if got := logFiles(t, path); got[0] != want {
		t.Errorf("the file has %q", got)
	}
}

func TestWhereNoLogCanBeWritten(t *testing.T) {
	dir := filestest.TempDir(t)
	if err := files.Write(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (&accesslog.File{Path: filepath.Join(dir, "file", "proxy.log")}).Open(); err == nil {
		t.Error("a log below a file is opened")
	}
	const says = "is not a regular file"
	for name, path := range map[string]string{"a folder": dir, "a device": os.DevNull} {
		err, checked := (&accesslog.File{Path: path}).Open(), accesslog.CheckFile(path)
		if err == nil || checked == nil || !strings.Contains(err.Error(), says) || !strings.Contains(checked.Error(), says) {
			t.Errorf("%s: opened: %v, checked: %v", name, err, checked)
		}
	}
	path := filepath.Join(dir, "proxy.log")
	if err := accesslog.CheckFile(path); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the check made the file: %v", err)
	}
	openLog(t, &accesslog.File{Path: path})
	if err := accesslog.CheckFile(path); err != nil {
		t.Error(err)
	}
	if runtime.GOOS == "windows" || os.Getuid() == 0 {
		t.Log("rights bind nobody here")
		return
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Chmod(dir, 0o700) }()
	if err := accesslog.CheckFile(path); !os.IsPermission(err) {
		t.Errorf("a folder in which nothing can be renamed: %v", err)
	}
}
