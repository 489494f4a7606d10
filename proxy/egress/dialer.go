package egress

import (
	"cmp"
	"context"
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
// is not changed while in use. Safe for concurrent use.
type Dialer struct {
	// Lookup resolves names; nil means the system's resolver with its hosts file.
	Lookup Lookup
	// Resolve gives fixed addresses that spare the resolver, by lower-case name; port 0 is the port that was asked for.
	// The address is judged like any other, so an inner one also belongs into Allow.
	Resolve map[string]netip.AddrPort
	// Allow lists the networks that may be reached although they are not public. A metadata service is opened only by an
	// entry for its single address, and multicast, reserved and unspecified addresses by none.
	Allow []netip.Prefix
	// Self lists the proxy's own listeners, to which it never connects, allowed or not; called for every connection.
	Self func() []netip.AddrPort
	// Timeout of one DialContext; default DefaultDialTimeout.
	Timeout time.Duration
	// Interfaces lists this machine's addresses; default net.InterfaceAddrs.
	Interfaces func() ([]net.Addr, error)
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
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(d.Timeout, DefaultDialTimeout))
	defer cancel()
	return d.dial(ctx, network, h, false)
}

// dial reaches h. A configured host was named by the operator as such: only a loop is refused.
func (d *Dialer) dial(ctx context.Context, network string, h Host, configured bool) (net.Conn, error) {
	dialer := d.dialer(&judge{host: h, allow: d.Allow, configured: configured, self: d.Self, interfaces: d.Interfaces})
	if to, ok := d.Resolve[h.name]; ok {
		return dialer.DialContext(ctx, network, netip.AddrPortFrom(to.Addr(), cmp.Or(to.Port(), h.port)).String())
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

func (d *Dialer) dialer(g *judge) *net.Dialer {
	return &net.Dialer{
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil {
				return g.refuse(netip.AddrPort{}, RuleUnknown, "")
			}
			return g.check(to)
		},
	}
}
