//go:build unix

package app

import (
	"os"
	"os/signal"
	"syscall"
)

// reloadSignals delivers SIGHUP until stop is called.
func reloadSignals() (signals <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c, func() { signal.Stop(c) }
}
