//go:build !windows

package spool

import "os"

const deleteOnClose = 0

// unlink takes the name away; the bytes go when the file is closed.
func unlink(path string) error { return os.Remove(path) }
