//go:build unix

package store

import "golang.org/x/sys/unix"

// writable asks the system whether this process may write to a file or a directory, without trying.
func writable(path string) error { return unix.Access(path, unix.W_OK) }
