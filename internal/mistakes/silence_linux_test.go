package mistakes_test

import (
	"net/netip"
	"syscall"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/cause"
)

// silence are mistakes where nobody answers a connection. Linux drops what comes to a listener with a full queue.
func silence() []mistake {
	return []mistake{{name: "a firewall that drops the connection", before: func(p *place) {
		leads(site, fullListener)(p)
		p.Change(func(s apptest.Section) { s.At("upstream")["dial_timeout"] = "200ms" })
	}, cause: cause.ConnectTimeout, word: "timeout", status: 504, says: "did not answer in time", check: "tcp"}}
}

// fullListener is an address whose listener has no place for a further connection.
func fullListener(p *place) string {
	t := p.T
	t.Helper()
	open := func() int {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = syscall.Close(fd) })
		return fd
	}
	at := &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	listener := open()
	if err := syscall.Bind(listener, at); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(listener, 0); err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(listener)
	if err != nil {
		t.Fatal(err)
	}
	at.Port = bound.(*syscall.SockaddrInet4).Port
	for range 2 { // one is taken into a queue of none
		if err := syscall.Connect(open(), at); err != nil && err != syscall.EINPROGRESS {
			t.Fatal(err)
		}
	}
	return netip.AddrPortFrom(netip.AddrFrom4(at.Addr), uint16(at.Port)).String()
}
