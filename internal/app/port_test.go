package app

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"docusign-auth-proxy/internal/cause"
)

func TestATakenPortIsToldWithItsProgramAndTheLineThatHelps(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()
	_, err = net.Listen("tcp", address)
	e := NewListenError(t.Context(), "proxy", address, "proxy.yaml", err)
	said := e.Error()
	for _, want := range []string{"listen.proxy: ", " has " + address, "old programs",
		"write listen: {proxy: " + e.Free + "} into proxy.yaml", "\nnext: stop it"} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in %s", want, said)
		}
	}
	if process := fmt.Sprintf("(process %d)", os.Getpid()); runtime.GOOS == "linux" && !strings.Contains(said, process) {
		t.Errorf("no %s in %s", process, said)
	}
	if said = e.Instead("use --listen " + e.Free).Error(); !strings.Contains(said, "stop it, or use --listen 127.0.0.1:") {
		t.Error(said)
	}
}

func TestWhatAnswersAsPrometheusIsPrometheus(t *testing.T) {
	for answer, want := range map[string]string{
		"Prometheus Server is Healthy.\n": "Prometheus", "healthy\n": "another docusign-auth-proxy", "x": "",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answer) })}
		go func() { _ = s.Serve(l) }()
		if got := healthAnswer(t.Context(), l.Addr().String()); got != want {
			t.Errorf("%q is told as %q", answer, got)
		}
		_ = s.Close()
	}
}

func TestWhatKeepsTheProxyFromAnAddress(t *testing.T) {
	for _, tt := range []struct {
		name, address string
		err           error
		want          cause.ID
		next          string
	}{
		{"another program, on Windows", "127.0.0.1:9090", syscall.Errno(10048), cause.PortTaken, "{admin: 127.0.0.1:9091}"},
		{"a range that Windows keeps for itself", "127.0.0.1:443", syscall.Errno(10013), cause.PortReserved,
			"excludedportrange protocol=tcp"},
		{"a port below 1024", "127.0.0.1:443", syscall.EACCES, cause.PortForbidden, "setcap"},
		{"an address of another machine", "192.0.2.1:80", syscall.EADDRNOTAVAIL, cause.AddressNotHere, "listen.admin"},
		{"an address without a port", "127.0.0.1", errors.New("missing port"), cause.CannotListen, "listen.admin"},
	} {
		e := NewListenError(t.Context(), "admin", tt.address, "proxy.yaml", tt.err)
		id, fill := e.Row()
		if id != tt.want || !strings.Contains(id.Next(fill...), tt.next) {
			t.Errorf("%s: %v", tt.name, e)
		}
		if of9090 := strings.Contains(e.Error(), "Prometheus itself"); of9090 != (tt.want == cause.PortTaken) {
			t.Errorf("%s: %v", tt.name, e)
		}
	}
}
