package app

import (
	"fmt"
	"net"
	"net/netip"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/call"
)

// listeners are what the proxy listens on.
type listeners struct {
	doors   []boundListener
	adminOn net.Listener // nil = there is no operations listener
}

type boundListener struct {
	net.Listener
	door call.Door
}

// Address is where a door listens; empty for one that is closed.
func (l *listeners) Address(door call.Door) string {
	for _, on := range l.doors {
		if on.door == door {
			return on.Addr().String()
		}
	}
	return ""
}

// AdminAddress is where the operations listener is; empty for none.
func (l *listeners) AdminAddress() string {
	if l.adminOn == nil {
		return ""
	}
	return l.adminOn.Addr().String()
}

func (l *listeners) open(cfg *config.Config) error {
	for _, want := range []struct {
		field, addr string
		door        call.Door
	}{{"listen.proxy", cfg.Listen.Proxy, call.DoorSidecar}, {"listen.hosts", cfg.Listen.Hosts, call.DoorHosts}} {
		if want.addr == "" {
			continue
		}
		on, err := net.Listen("tcp", want.addr)
		if err != nil {
			return listenError(want.field, err)
		}
		l.doors = append(l.doors, boundListener{on, want.door})
	}
	if cfg.Listen.Admin != "" {
		on, err := net.Listen("tcp", cfg.Listen.Admin)
		if err != nil {
			return listenError("listen.admin", err)
		}
		l.adminOn = on
	}
	return nil
}

func listenError(field string, err error) error {
	return fmt.Errorf("%s: %w; if another program has the port, stop it or choose another port in the configuration",
		field, err)
}

func (l *listeners) own() []netip.AddrPort {
	var out []netip.AddrPort
	add := func(on net.Listener) {
		if t, ok := on.Addr().(*net.TCPAddr); ok {
			out = append(out, t.AddrPort())
		}
	}
	for _, door := range l.doors {
		add(door)
	}
	if l.adminOn != nil {
		add(l.adminOn)
	}
	return out
}

func (l *listeners) close() {
	for _, door := range l.doors {
		_ = door.Close()
	}
	if l.adminOn != nil {
		_ = l.adminOn.Close()
	}
}
