package demo

import (
	"context"
	"errors"
	"fmt"
	"net"

	"docusign-auth-proxy/internal/call"
)

// addresses are where the demo listens: anywhere, unless it stays up and people are to type the addresses.
func (d *Demo) addresses() (places, []string, error) {
	if !d.Keep {
		return places{"127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"}, nil, nil
	}
	var notes []string
	at := places{d.Proxy, d.Admin, d.Hosts}
	for _, want := range []struct {
		address *string
		chosen  bool
		flag    string
	}{{&at.proxy, d.ProxySet, "--listen"}, {&at.admin, d.AdminSet, "--admin"}, {&at.hosts, d.HostsSet, "--hosts"}} {
		l, err := net.Listen("tcp", *want.address)
		if err == nil {
			err = l.Close()
		}
		if err == nil {
			continue
		}
		if want.chosen {
			return at, nil, fmt.Errorf("%s: %w", want.flag, err)
		}
		notes = append(notes, fmt.Sprintf("%s cannot be used (%v), so a free port is; %s chooses one", *want.address,
			reason(err), want.flag))
		*want.address = "127.0.0.1:0"
	}
	return at, notes, nil
}

// stay leaves proxy and sandbox up until ctx ends, with the proxy's log shown as it comes.
func (d *Demo) stay(ctx context.Context, s *setup, p *page, notes []string) error {
	if err := writeTryFiles(s.dir, s.seed); err != nil {
		return err
	}
	p.line("")
	p.line("%s", p.in(ansiBold, "Still running, until Ctrl-C. Try it from another terminal:"))
	for _, note := range notes {
		p.line("  (%s)", note)
	}
	at := places{s.proxy.Address(call.DoorSidecar), s.proxy.AdminAddress(), s.proxy.Address(call.DoorHosts)}
	for _, line := range tryLines(s.dir, at, s.sandbox.Addr()) {
		p.line("  %s", line)
	}
	p.line("")
	p.line("Every call is logged below.")
	if p.err != nil {
		return p.err
	}
	s.log.switchTo(d.Log)
	if d.staying != nil {
		d.staying(s)
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.done:
		s.done = nil
		return errors.Join(errors.New("the proxy ended"), err)
	}
}

// reason is the last cause of an error, such as "address already in use".
func reason(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}
