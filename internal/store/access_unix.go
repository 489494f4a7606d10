//go:build unix

package store

import (
	"os"

	"golang.org/x/sys/unix"
)

// writable asks the system whether this process may write to a file or a directory, without trying.
func writable(path string) error { return unix.Access(path, unix.W_OK) }

// unlock lets go of a lock that closing alone keeps: bbolt has left its mapping of the file behind when it panics.
func unlock(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_UN) }
