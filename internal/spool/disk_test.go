package spool

import (
	"os"
	"runtime"
	"testing"

	"docusign-auth-proxy/internal/files/filestest"
)

func TestAFileOnDiskIsTheOwnersAlone(t *testing.T) {
	f, err := create(filestest.TempDir(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if _, err := os.Stat(f.Name()); runtime.GOOS != "windows" && !os.IsNotExist(err) {
		t.Errorf("its name is still there: %v", err)
	}
}
