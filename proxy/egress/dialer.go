package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// DefaultDialTimeout bounds one DialContext: name resolution and all addresses tried.
const DefaultDialTimeout = 10 * time.Second

// Lookup resolves names; *net.Resolver is one, *Resolver another that reads no hosts file.
type Lookup interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Dialer opens the proxy's own connections to the outside. Each address is judged when the socket is about to connect
// to it, after name resolution, so that no DNS answer can lead inside. The zero value reaches public addresses only. It
// is not changed while in use; Validate it once after filling it. Safe for concurrent use.
type Dialer struct {
	// Lookup resolves names; nil means the system's resolver with its hosts file.
	Lookup Lookup
	// Resolve gives fixed addresses that spare the resolver, by lower-case name, or for all names below a domain by
	// ".domain"; the exact name wins. The value is an address, "10.0.0.1" or "::1", or one with another port,
	// "127.0.0.1:9443" or "[::1]:9443". The address is judged like any other, so an inner one also belongs into Allow.
	Resolve map[string]string
	// Allow lists the networks that may be reached although they are not public. A metadata service is opened only by an
	// entry for its single address, and multicast, reserved and unspecified addresses by none.
	Allow []netip.Prefix
	// Self lists the proxy's own listeners, to which it never connects, allowed or not; called for every connection.
	Self func() []netip.AddrPort
	// Timeout of one DialContext; default DefaultDialTimeout.
	Timeout time.Duration
	// KeepAlive as in net.Dialer; default 15 s.
	KeepAlive time.Duration
	// Interfaces lists this machine's addresses; default net.InterfaceAddrs.
	Interfaces func() ([]net.Addr, error)
}

// Validate reports every malformed entry of Resolve.
func (d *Dialer) Validate() error {
	var problems []error
	for name, to := range d.Resolve {
		bare := strings.TrimPrefix(name, ".")
		if h, err := ParseHost(bare, 443); err != nil || h.Name() != bare {
			problems = append(problems, fmt.Errorf("egress: resolve %q: not a host name in lower case without port", name))
		}
		if _, err := parseFixed(to, 443); err != nil {
			problems = append(problems, fmt.Errorf("egress: resolve %q: %w", name, err))
		}
	}
	return errors.Join(problems...)
}

// DialContext connects to addr ("host:port"); network is tcp, tcp4 or tcp6. Errors: *HostError for a malformed addr,
// *RefusedError (inside a *net.OpError) for an address that may not be reached, otherwise those of net.Dialer.
func (d *Dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if network != "tcp" && network != "tcp4" && network != "tcp6" {
		return nil, net.UnknownNetworkError(network)
	}
	h, err := ParseHost(addr, 0)
	if err != nil {
		return nil, err
	}
	timeout := d.Timeout
	if timeout == 0 {
		timeout = DefaultDialTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return d.dial(ctx, network, h, false)
}

// dial reaches h. A configured host was named by the operator as such: only a loop is refused.
func (d *Dialer) dial(ctx context.Context, network string, h Host, configured bool) (net.Conn, error) {
	dialer := d.dialer(&guard{host: h, allow: d.Allow, configured: configured, self: d.Self, interfaces: d.Interfaces})
	if to, ok := d.fixed(h.name); ok {
		target, err := parseFixed(to, h.port)
		if err != nil {
			return nil, err
		}
		return dialer.DialContext(ctx, network, target.String())
	}
	if d.Lookup == nil || h.addr.IsValid() {
		return dialer.DialContext(ctx, network, h.String())
	}
	ips, err := d.Lookup.LookupNetIP(ctx, strings.Replace(network, "tcp", "ip", 1), h.name)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	return race(ctx, dialer, network, h, ips)
}

func (d *Dialer) dialer(g *guard) *net.Dialer {
	return &net.Dialer{
		KeepAlive: d.KeepAlive,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil {
				return g.refuse(netip.AddrPort{}, RuleUnknown, "")
			}
			return g.check(to)
		},
	}
}

func (d *Dialer) fixed(name string) (string, bool) {
	if to, ok := d.Resolve[name]; ok {
		return to, true
	}
	for i := range len(name) {
		if name[i] != '.' {
			continue
		}
		if to, ok := d.Resolve[name[i:]]; ok {
			return to, true
		}
	}
	return "", false
}

func parseFixed(to string, port uint16) (netip.AddrPort, error) {
	if ip, err := netip.ParseAddr(to); err == nil && ip.Zone() == "" {
		return netip.AddrPortFrom(ip, port), nil
	}
	h, err := ParseHost(to, port)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if !h.addr.IsValid() {
		return netip.AddrPort{}, fmt.Errorf("egress: %q is not an address", to)
	}
	return netip.AddrPortFrom(h.addr, h.port), nil
}
