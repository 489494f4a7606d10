package accesslog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/DeRuina/timberjack"

	"docusign-auth-proxy/internal/files"
)

// rotateRetry is the pause after a rotation that failed: on Windows nobody can rename a file that another program has
// open.
const rotateRetry = time.Minute

// File is a log in a file of the proxy's own, which is renamed when it is full. A file that another program has renamed
// or removed is begun anew. Several processes may add to one file: each write is whole, but one that falls into the
// moment in which another process begins a new file may be lost.
type File struct {
	Path     string
	MaxSize  int64         // in bytes; one write may go beyond it
	MaxFiles int           // renamed ones that are kept; 0 = all
	MaxAge   time.Duration // of renamed ones, in whole days; 0 = any
	// Unrotated makes the line that tells why the file grows beyond MaxSize; nil = none is written.
	Unrotated func(error) []byte

	mu     sync.Mutex // held while a write is under way
	file   *os.File   // nil = not open
	opened fs.FileInfo
	again  time.Time // no rotation before it
}

// Open opens the file, or makes it and its folder. Write does so by itself when it must.
func (f *File) Open() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open()
}

func (f *File) open() error {
	f.file = nil
	err := regular(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		err = files.MkdirAll(filepath.Dir(f.Path), 0o700)
	}
	if err != nil {
		return err
	}
	opened, err := files.Open(f.Path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if f.opened, err = opened.Stat(); err != nil {
		return errors.Join(err, opened.Close())
	}
	f.file = opened
	return nil
}

// regular refuses what no log can be rotated in; a pipe would hold the start up, too.
func regular(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	return err
}

// CheckFile tells why a log cannot be written to the file at path, whose folder is there. It changes nothing.
func CheckFile(path string) error {
	if err := regular(path); errors.Is(err, fs.ErrNotExist) {
		return files.Writable(filepath.Dir(path))
	} else if err != nil {
		return err
	}
	return errors.Join(files.Writable(path), files.Writable(filepath.Dir(path)))
}

// Write adds whole lines.
func (f *File) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.Path)
	if f.file == nil || err != nil || !os.SameFile(info, f.opened) {
		if err := errors.Join(f.shut(), f.open()); err != nil {
			return 0, err
		}
		info = f.opened
	}
	if size := info.Size(); size > 0 && size+int64(len(p)) > f.MaxSize && time.Now().After(f.again) {
		if err := f.rotate(); err != nil {
			return 0, err
		}
	}
	return f.file.Write(p)
}

// rotate begins a new file, or goes on with the old one when it cannot be renamed.
func (f *File) rotate() error {
	const day = 24 * time.Hour
	rotation := &timberjack.Logger{
		Filename: f.Path, MaxBackups: f.MaxFiles, MaxAge: int((f.MaxAge + day - 1) / day), FileMode: 0o600,
		Compression: "none",
	}
	err := errors.Join(f.shut(), rotation.Rotate(), rotation.Close())
	if err == nil {
		err = os.Remove(f.Path) // it has the rights of its folder; open makes one for the owner alone
	}
	if failed := f.open(); failed != nil {
		return errors.Join(err, failed)
	}
	if err == nil {
		return nil
	}
	f.again = time.Now().Add(rotateRetry)
	if f.Unrotated == nil {
		return nil
	}
	_, err = f.file.Write(f.Unrotated(err))
	return err
}

func (f *File) shut() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}

// Close closes the file, unless a write hangs: that ends with the process.
func (f *File) Close() error {
	if !f.mu.TryLock() {
		return nil
	}
	defer f.mu.Unlock()
	return f.shut()
}
