// Package files reads and writes small files whole. It must never leave a part of one under its name. The store, the
// certificate authority, the trust stores and the operator's token use it.
package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Read reads a file of at most limit bytes, in whole MB.
func Read(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s is larger than %d MB", path, limit>>20)
	}
	return data, err
}

// Create writes a file that must not exist yet, and removes it again if it cannot be completed.
func Create(path string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err == nil {
		err = fill(f, data, mode)
	}
	return err
}

// Replace lets a reader, such as the running proxy, see the old file or the new one, never a part.
func Replace(path string, data []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	if err := fill(f, data, mode); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func fill(f *os.File, data []byte, mode fs.FileMode) error {
	_, err := f.Write(data)
	// The umask may have taken bits away from what the open asked for.
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}

// MkdirTemp makes a folder for what is thrown away: in the system's folder for that, or where it is missing or
// read-only in the current one.
func MkdirTemp(pattern string) (string, error) {
	dir, err := os.MkdirTemp("", pattern)
	if err == nil {
		return dir, nil
	}
	if dir, here := os.MkdirTemp(".", pattern); here == nil {
		return filepath.Abs(dir)
	}
	variable := "TMPDIR"
	if runtime.GOOS == "windows" {
		variable = "TMP"
	}
	return "", fmt.Errorf("no folder for temporary files can be written: set %s to one that can: %w", variable, err)
}
