package translate

import "net/netip"

// ClientOf gives what counts as one client: this machine with all its loopback addresses, an IPv6 /64 (one host may use any
// address of it, RFC 4291 §2.5.1), or one IPv4 address.
func ClientOf(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	switch {
	case a.IsLoopback():
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	case a.Is6():
		p, _ := a.Prefix(64)
		return p.Addr()
	}
	return a
}
