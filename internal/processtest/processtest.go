// Package processtest is what tests need that start programs, or have some part work, beside them: an address for each,
// and a wait for what they do.
package processtest

import (
	"errors"
	"net"
	"testing"
	"time"
)

// Patience bounds every wait for something that must come, on a machine with much else to do.
const Patience = 60 * time.Second

// ErrEnded in what Await is told: what is waited for will not come, since its process has ended.
var ErrEnded = errors.New("the process has ended")

// Await fails the test if it does not come true.
func Await(t testing.TB, what string, holds func() error) {
	t.Helper()
	var err error
	for began := time.Now(); time.Since(began) < Patience; time.Sleep(10 * time.Millisecond) {
		if err = holds(); err == nil {
			return
		}
		if errors.Is(err, ErrEnded) {
			break
		}
	}
	t.Fatalf("%s: not within %s: %v", what, Patience, err)
}

// Free finds a port that nobody has at an address of this machine: HOST:PORT. Nobody else takes it meanwhile where each
// program has a host of its own.
func Free(t testing.TB, host string) string {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatalf("no port at %s: %v", host, err)
	}
	defer l.Close()
	return l.Addr().String()
}
