//go:build !unix

package app

import "os"

// reloadSignals delivers nothing: this system has no SIGHUP. The file watch and POST /-/reload do the same.
func reloadSignals() (signals <-chan os.Signal, stop func()) { return nil, func() {} }
