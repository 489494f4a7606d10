package egress

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"docusign-auth-proxy/internal/panics"
)

const (
	defaultDialTimeout = 10 * time.Second
	// attemptDelay is how long one address may take before the next is tried too; net.Dialer's own for two families.
	attemptDelay = 300 * time.Millisecond
)

// Lookup resolves names; *net.Resolver is one, *Resolver another that reads no hosts file.
type Lookup interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Dialer opens the proxy's own connections to the outside, by TCP. Each address is judged when the socket is about to
// connect to it, after name resolution, so that no DNS answer can lead inside. The zero value reaches public addresses
// only. It is not changed while in use. Safe for concurrent use.
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
	// Timeout of one connection: name resolution, all addresses tried, and a company proxy's answer; default 10 s.
	Timeout time.Duration
}

// DialContext connects to addr ("host:port"). Errors: *HostError for a malformed addr, *RefusedError (inside a
// *net.OpError) for an address that may not be reached, otherwise those of net.Dialer.
func (d *Dialer) DialContext(ctx context.Context, _, addr string) (net.Conn, error) {
	h, err := ParseHost(addr, 0)
	if err != nil {
		return nil, err
	}
	ctx, cancel := d.bound(ctx)
	defer cancel()
	return d.dial(ctx, h, false)
}

func (d *Dialer) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, cmp.Or(d.Timeout, defaultDialTimeout))
}

func (d *Dialer) judge(h Host, configured bool) *judge {
	return &judge{host: h, allow: d.Allow, configured: configured, self: d.Self, interfaces: net.InterfaceAddrs}
}

// dial reaches h. A configured host was named by the operator as such: only a loop is refused.
func (d *Dialer) dial(ctx context.Context, h Host, configured bool) (net.Conn, error) {
	dialer := &net.Dialer{Control: d.judge(h, configured).control}
	if to, ok := d.Resolve[h.name]; ok {
		return dialer.DialContext(ctx, "tcp", netip.AddrPortFrom(to.Addr(), cmp.Or(to.Port(), h.port)).String())
	}
	if d.Lookup == nil || h.addr.IsValid() {
		return dialer.DialContext(ctx, "tcp", h.String())
	}
	ips, err := d.Lookup.LookupNetIP(ctx, "ip", h.name)
	if err == nil && len(ips) == 0 {
		err = &net.DNSError{Err: errNoSuchHost.Error(), Name: h.name, IsNotFound: true}
	}
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	}
	return race(ctx, dialer, ips, h.port)
}

// race is RFC 8305 §5 for addresses that net.Dialer has not resolved itself: the next one is tried when one has failed
// or takes long, and the first connection wins. The error tells of the first failure of each family.
func race(ctx context.Context, d *net.Dialer, ips []netip.Addr, port uint16) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		ip   netip.Addr
		conn net.Conn
		err  error
	}
	results, over := make(chan result), make(chan struct{})
	defer close(over)
	attempt := func(ip netip.Addr) {
		got := result{ip: ip}
		got.err = panics.Try(func() (err error) {
			got.conn, err = d.DialContext(ctx, "tcp", netip.AddrPortFrom(ip, port).String())
			return err
		})
		select {
		case results <- got:
		case <-over:
			if got.conn != nil {
				_ = got.conn.Close() // it comes too late
			}
		}
	}
	failed := map[bool]error{} // by whether the address is of IPv4
	for started, ended := 0, 0; ended < len(ips); {
		var late <-chan time.Time
		if started < len(ips) {
			go attempt(ips[started].Unmap())
			started++
			late = time.After(attemptDelay)
		}
		select {
		case got := <-results:
			if got.err == nil {
				return got.conn, nil
			}
			failed[got.ip.Is4()] = cmp.Or(failed[got.ip.Is4()], got.err)
			ended++
		case <-late:
		}
	}
	return nil, errors.Join(failed[false], failed[true])
}
