//go:build unix

package files

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

func writable(path string) error {
	if err := unix.Access(path, unix.W_OK); err != nil {
		return &fs.PathError{Op: "write to", Path: path, Err: err}
	}
	return nil
}
