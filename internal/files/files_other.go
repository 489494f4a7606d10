//go:build !windows

package files

import (
	"fmt"
	"io/fs"
	"os"
)

func open(path string, flag int, mode fs.FileMode) (*os.File, error) {
	return os.OpenFile(path, flag, mode)
}

func openLike(_, path string, mode fs.FileMode) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
}

func mkdir(path string, mode fs.FileMode) error { return os.Mkdir(path, mode) }

func mkdirAll(path string, mode fs.FileMode) error { return os.MkdirAll(path, mode) }

func removeAll(path string) error { return os.RemoveAll(path) }

func rename(from, to string) error { return os.Rename(from, to) }

func protect(f *os.File, mode fs.FileMode) error { return f.Chmod(mode) }

func closing(path string, folder bool) string {
	if folder {
		return "chmod go-w " + path
	}
	return "chmod 600 " + path
}

func openTo(_ string, info fs.FileInfo) (string, error) { return openMode(info), nil }

// openMode lets the group read, for a service that is not the owner. A folder's names are no secret: it is open where
// another may rename what lies in it.
func openMode(info fs.FileInfo) string {
	mode := info.Mode()
	if info.IsDir() && (mode.Perm()&0o002 == 0 || mode&fs.ModeSticky != 0) || !info.IsDir() && mode.Perm()&^0o640 == 0 {
		return ""
	}
	return fmt.Sprintf("mode %04o", mode.Perm())
}
