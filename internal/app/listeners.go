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
	key  string // below listen:
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
	for _, want := range cfg.Listen.Addresses() {
		if *want.Text == "" {
			continue
		}
		on, err := net.Listen("tcp", *want.Text)
		switch {
		case err != nil:
			return listenError("listen."+want.Key, err)
		case want.Door == "":
			l.adminOn = on
		default:
			l.doors = append(l.doors, boundListener{on, want.Key, want.Door})
		}
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
