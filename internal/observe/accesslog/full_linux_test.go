package accesslog_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"docusign-auth-proxy/internal/observe/accesslog"
	"docusign-auth-proxy/internal/processtest"
)

// A full disk costs lines, and nothing else: whoever logs goes on, and one line tells how many are missing.
func TestAFullDiskCostsLinesAndIsToldOnce(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("a disk of 64 kB needs the right to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "proxy.log")
	w := accesslog.NewWriter(openLog(t, &accesslog.File{Path: path, MaxSize: 1 << 20}))
	w.Note = noteOf
	const lines = 200
	for range lines { // 200 kB
		_, _ = w.Write([]byte(strings.Repeat("x", 1000) + "\n"))
	}
	if err := w.Flush(); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("a full disk: %v", err)
	}
	if err := w.Trouble(); !errors.Is(err, syscall.ENOSPC) || w.Dropped() == 0 {
		t.Errorf("%d lines dropped, trouble %v", w.Dropped(), err)
	}
	if err := os.Truncate(path, 0); err != nil { // somebody makes room
		t.Fatal(err)
	}
	processtest.Await(t, "the log is written again", w.Trouble)
	text, err := os.ReadFile(path)
	want := string(noteOf(w.Dropped()))
	if err != nil || bytes.Count(text, []byte("dropped")) != 1 || !strings.HasSuffix(string(text), want) {
		t.Errorf("after there is room the log has %q, want %q: %v", text, want, err)
	}
}
