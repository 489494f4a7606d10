//go:build unix

package store

import (
	"os"

	"golang.org/x/sys/unix"
)

// unlock lets go of a lock that closing alone keeps: bbolt has left its mapping of the file behind when it panics.
func unlock(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_UN) }
