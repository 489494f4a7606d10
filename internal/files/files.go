// Package files makes, reads and replaces files and folders. A mode without bits for others (0600, 0640, 0700) holds
// on Windows too, as an ACL that the call which makes the file sets: its owner, SYSTEM and Administrators. Everything
// that writes a secret goes through here, and nothing may make such a file first and protect it afterwards.
package files

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Open is os.OpenFile. A file that it makes has the mode's protection from the first moment, on Windows too.
func Open(path string, flag int, mode fs.FileMode) (*os.File, error) {
	if flag&os.O_CREATE == 0 || isOpen(mode) {
		return os.OpenFile(path, flag, mode)
	}
	return open(path, flag, mode)
}

// MkdirAll is os.MkdirAll, with the protection of Open for the folders that it makes.
func MkdirAll(path string, mode fs.FileMode) error {
	if isOpen(mode) {
		return os.MkdirAll(path, mode)
	}
	return mkdirAll(path, mode)
}

// Write is os.WriteFile. A file that was open to others has the mode's protection before the new bytes are in it.
func Write(path string, data []byte, mode fs.FileMode) error {
	f, err := Open(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	if err = protectOld(f, mode); err == nil {
		_, err = f.Write(data)
	}
	return errors.Join(err, f.Close())
}

func protectOld(f *os.File, mode fs.FileMode) error {
	info, err := f.Stat()
	if err != nil || isOpen(mode) || !info.Mode().IsRegular() {
		return err
	}
	who, err := openTo(f.Name(), info)
	if err == nil && who != "" {
		err = protect(f, mode)
	}
	return err
}

// isOpen: every user of the machine may do something with a file of this mode.
func isOpen(mode fs.FileMode) bool { return mode&0o007 != 0 }

// RemoveAll is os.RemoveAll, also where an open or a busy file cannot lose its name at once.
func RemoveAll(path string) error { return removeAll(path) }

// OpenTo tells who else may read or change the file at path, or replace files in the folder at path: "mode 0644", or
// on Windows the names of accounts. It is "" for nobody but owner, administrators, the account that asks and services.
func OpenTo(path string) (who string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	return openTo(path, info)
}

// Closing is the command that takes what OpenTo tells of from all of them.
func Closing(path string) string {
	info, err := os.Stat(path)
	return closing(path, err == nil && info.IsDir())
}

// Writable tells whether this process may write to the file at path, or make files in the folder at path. Nothing is
// changed.
func Writable(path string) error { return writable(path) }

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
	f, err := Open(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err == nil {
		err = fill(f, data, mode)
	}
	return err
}

// Replace lets a reader, such as the running proxy, see the old file or the new one, never a part. On Windows who may
// read the old one may read the new one: a service must be able to read its renewed key.
func Replace(path string, data []byte, mode fs.FileMode) error {
	f, err := openLike(path, filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text()), mode)
	if err != nil {
		return err
	}
	if err := fill(f, data, mode); err != nil {
		return err
	}
	if err := rename(f.Name(), path); err != nil {
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

// MkdirTemp makes a folder for what is thrown away, keys among it: in the system's folder for that, or where it is
// missing or read-only in the current one.
func MkdirTemp(prefix string) (string, error) {
	name := prefix + rand.Text()
	dir := filepath.Join(os.TempDir(), name)
	err := mkdir(dir, 0o700)
	if err == nil {
		return dir, nil
	}
	if mkdir(name, 0o700) == nil {
		return filepath.Abs(name)
	}
	variable := "TMPDIR"
	if runtime.GOOS == "windows" {
		variable = "TMP"
	}
	return "", fmt.Errorf("no folder for temporary files can be written: set %s to one that can: %w", variable, err)
}
