package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/secret"
)

// ListenError says why the proxy cannot listen on an address of the configuration.
type ListenError struct {
	Key  string // below listen:
	Free string // an address beside it, which may be free
	err  error
	id   cause.ID
	fill []string
}

// NewListenError finds out what is in the way of an address in the configuration at path.
func NewListenError(ctx context.Context, key, address, path string, err error) *ListenError {
	host, port, _ := net.SplitHostPort(address) // an address without port cannot be listened on either
	e := &ListenError{Key: key, err: err, id: listenFault(err)}
	if n, err := strconv.ParseUint(port, 10, 16); err == nil {
		e.Free = net.JoinHostPort(host, strconv.FormatUint(n%65535+1, 10))
	}
	detail := ""
	switch {
	case e.id == cause.CannotListen:
		detail = err.Error()
	case port == "9090":
		detail = ", which is also the port of Prometheus itself"
	}
	e.fill = []string{"address", address, "listener", "listen." + key, "port", port, "detail", detail,
		"program", cmp.Or(programAt(ctx, key, address), "another program ("+whoHas(port)+" tells which)")}
	return e.Instead(e.inConfig(path))
}

// Instead changes how the operator is told to choose another address.
func (e *ListenError) Instead(how string) *ListenError {
	e.fill = append(e.fill, "instead", how)
	return e
}

func (e *ListenError) inConfig(path string) string {
	switch e.Key {
	case "hosts": // the programs call port 443
		return "write another address of this machine into listen.hosts of " + path + " and into the hosts file"
	case "proxy":
		path += ", and let the old programs call there"
	}
	return fmt.Sprintf("write listen: {%s: %s} into %s", e.Key, e.Free, path)
}

// listenFault tells the rows apart. Windows has numbers of its own (winsock2.h).
func listenFault(err error) cause.ID {
	const addressInUse, notPermitted, addressNotThere = syscall.Errno(10048), syscall.Errno(10013), syscall.Errno(10049)
	switch {
	case errors.Is(err, syscall.EADDRINUSE), errors.Is(err, addressInUse):
		return cause.PortTaken
	case errors.Is(err, syscall.EACCES):
		return cause.PortForbidden
	case errors.Is(err, notPermitted):
		return cause.PortReserved
	case errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, addressNotThere):
		return cause.AddressNotHere
	}
	return cause.CannotListen
}

func (e *ListenError) Error() string {
	return fmt.Sprintf("listen.%s: %s\nnext: %s", e.Key, e.id.Means(e.fill...), e.id.Next(e.fill...))
}

func (e *ListenError) Unwrap() error { return e.err }

// Row implements cause.Explained.
func (e *ListenError) Row() (cause.ID, []string) { return e.id, e.fill }

// programAt names who listens on an address, as far as this machine tells; "" = it does not.
func programAt(ctx context.Context, key, address string) string {
	name := listeningProgram(address)
	if name == "" && key == "admin" {
		name = healthAnswer(ctx, address)
	}
	return name
}

// healthAnswer knows a program by what it says of its health; "" = it is none of those that take this port.
func healthAnswer(ctx context.Context, address string) string {
	text, status, err := AskOperations(ctx, address, http.MethodGet, "/-/healthy", secret.Text{})
	switch {
	case err != nil || status != http.StatusOK:
		return ""
	case strings.Contains(text, "Prometheus"):
		return "Prometheus"
	case strings.TrimSpace(text) == "healthy":
		return "another docusign-auth-proxy"
	}
	return ""
}

// listenerAt is what a listener on an address of the configuration asks the system for.
func listenerAt(address string) (netip.AddrPort, bool) {
	at, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return netip.AddrPort{}, false
	}
	if want := at.AddrPort(); want.Addr().IsValid() {
		return want, true
	}
	return netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(at.Port)), true
}

// sameListener tells whether who listens at have keeps others from want.
func sameListener(have, want netip.AddrPort) bool {
	return have.Port() == want.Port() && (have.Addr().Unmap() == want.Addr().Unmap() ||
		have.Addr().IsUnspecified() || want.Addr().IsUnspecified())
}

// whoHas is a command that tells which program has a port.
func whoHas(port string) string {
	switch runtime.GOOS {
	case "windows":
		return "netstat -ano | findstr :" + port
	case "linux":
		return "ss -ltnp sport = :" + port
	}
	return "lsof -nP -iTCP:" + port + " -sTCP:LISTEN"
}
