//go:build unix

package upstream

import (
	"errors"
	"syscall"
)

// supported: sockets do not block here, so that an idle one can be asked without waiting.
const supported = true

// nothingThere reports whether a socket is open and nothing has come in. It may take a byte away from one that it gives
// a bad report.
func nothingThere(fd uintptr) bool {
	var b [1]byte
	for {
		_, err := syscall.Read(int(fd), b[:])
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		return errors.Is(err, syscall.EAGAIN)
	}
}
