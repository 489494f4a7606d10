package app

import (
	"context"
	"net"
	"net/netip"
	"slices"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/call"
)

// listeners are what the proxy listens on.
type listeners struct {
	doors      []boundListener
	operations boundListener
}

type boundListener struct {
	net.Listener
	key  string    // below listen:
	door call.Door // empty for the operations listener
}

func (l boundListener) address() netip.AddrPort { return netip.MustParseAddrPort(l.Addr().String()) }

// all are those that are open, the operations listener at the end.
func (l *listeners) all() []boundListener {
	if l.operations.Listener == nil {
		return l.doors
	}
	return append(slices.Clip(l.doors), l.operations)
}

// Address is where a door listens; empty for one that is closed.
func (l *listeners) Address(door call.Door) string {
	for _, on := range l.all() {
		if on.door == door {
			return on.Addr().String()
		}
	}
	return ""
}

// AdminAddress is where the operations listener is.
func (l *listeners) AdminAddress() string { return l.Address("") }

func (l *listeners) open(cfg *config.Config, path string) error {
	for _, want := range cfg.Listen.Addresses() {
		if *want.Text == "" {
			continue
		}
		on, err := net.Listen("tcp", *want.Text)
		if err != nil {
			return NewListenError(context.Background(), want.Key, *want.Text, path, err)
		}
		bound := boundListener{on, want.Key, want.Door}
		if want.Door == "" {
			l.operations = bound
		} else {
			l.doors = append(l.doors, bound)
		}
	}
	return nil
}

func (l *listeners) own() []netip.AddrPort {
	var out []netip.AddrPort
	for _, on := range l.all() {
		out = append(out, on.address())
	}
	return out
}

func (l *listeners) close() {
	for _, on := range l.all() {
		_ = on.Close()
	}
}
