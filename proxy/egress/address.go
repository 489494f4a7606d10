package egress

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"

	"docusign-auth-proxy/internal/cause"
)

// The rules by which an address is refused: short, few and fixed, hence fit for a metric's label.
const (
	RuleSelf          = "self"        // one of the proxy's own listeners: a loop
	RuleMetadata      = "metadata"    // a cloud's metadata or control service
	RuleUnspecified   = "unspecified" // "this network"; connecting to 0.0.0.0 reaches loopback
	RuleLoopback      = "loopback"
	RuleLinkLocal     = "link_local"
	RulePrivate       = "private" // RFC 1918, unique local, site local
	RuleShared        = "shared"  // carrier-grade NAT, RFC 6598
	RuleDocumentation = "documentation"
	RuleSpecial       = "special"     // benchmarking, protocol assignments and other IANA special-purpose ranges
	RuleTranslation   = "translation" // IPv6 that hides an IPv4 address: 6to4, Teredo, compatible, local NAT64
	RuleMulticast     = "multicast"
	RuleReserved      = "reserved"       // 240.0.0.0/4 with the broadcast address
	RuleUnknown       = "not_an_address" // nothing that could be judged
)

// RefusedError says that a connection was not made because of the address it would have gone to.
type RefusedError struct {
	Host Host           // that was asked for
	Addr netip.AddrPort // it resolved to
	Rule string         // one of the Rule constants
	// Allowable says that an entry of Dialer.Allow opens the address.
	Allowable bool
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("egress: %s leads to %s, which is refused (%s)", e.Host, e.Addr, e.Rule)
}

// Row tells what the operator does if the address is meant.
func (e *RefusedError) Row() (cause.ID, []string) {
	id := cause.ForbiddenAddress
	switch {
	case e.Rule == RuleSelf:
		id = cause.OwnAddress
	case e.Allowable:
		id = cause.PrivateAddress
	}
	return id, []string{"host", e.Host.Name(), "address", e.Addr.Addr().String(), "detail", e.Rule}
}

// What in the allow list opens an address that a rule refuses.
const (
	byNetwork = iota
	byAddress // an entry for this single address
	byNothing
)

type addressRule struct {
	rule   string
	opened int
	ranges string
}

// addressRules follows the IANA special-purpose registries (RFC 6890), the most telling name first.
func addressRules() []addressRule {
	return []addressRule{
		// AWS (and its containers and IPv6), Alibaba, Azure's wire server, Oracle. The broad ranges would not tell these
		// apart.
		{RuleMetadata, byAddress, "169.254.169.254/32 169.254.170.2/32 fd00:ec2::254/128 100.100.100.200/32 " +
			"168.63.129.16/32 192.0.0.192/32"},
		{RuleUnspecified, byNothing, "0.0.0.0/8 ::/128"},
		{RuleLoopback, byNetwork, "127.0.0.0/8 ::1/128"},
		{RuleLinkLocal, byNetwork, "169.254.0.0/16 fe80::/10"},
		{RulePrivate, byNetwork, "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 fec0::/10"},
		{RuleShared, byNetwork, "100.64.0.0/10"},
		{RuleDocumentation, byNetwork, "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 2001:db8::/32 3fff::/20"},
		{RuleTranslation, byNetwork, "::/96 ::ffff:0:0:0/96 64:ff9b:1::/48 2001::/32 2002::/16 192.88.99.0/24"},
		{RuleSpecial, byNetwork, "192.0.0.0/24 198.18.0.0/15 100::/64 100:0:0:1::/64 2001::/23 5f00::/16"},
		{RuleMulticast, byNothing, "224.0.0.0/4 ff00::/8"},
		{RuleReserved, byNothing, "240.0.0.0/4"},
	}
}

func ruleFor(ip netip.Addr) (addressRule, bool) {
	for _, r := range addressRules() {
		for text := range strings.FieldsSeq(r.ranges) {
			if netip.MustParsePrefix(text).Contains(ip) {
				return r, true
			}
		}
	}
	return addressRule{}, false
}

// nat64 is the well-known prefix of RFC 6052 §2.1. Behind DNS64 it is how an IPv6-only machine reaches DocuSign's IPv4
// addresses, so it is judged by the address inside.
func nat64(ip netip.Addr) (netip.Addr, bool) {
	if !netip.MustParsePrefix("64:ff9b::/96").Contains(ip) {
		return netip.Addr{}, false
	}
	b := ip.As16()
	return netip.AddrFrom4([4]byte(b[12:])), true
}

// judge judges the address of one connection, at the last moment before it is made.
type judge struct {
	host       Host
	allow      []netip.Prefix
	configured bool // the operator named this very address (a company proxy): only a loop is refused
	self       func() []netip.AddrPort
	interfaces func() ([]net.Addr, error)
}

// control is that of a net.Dialer.
func (g *judge) control(_, address string, _ syscall.RawConn) error {
	to, _ := netip.ParseAddrPort(address) // check refuses what is no address
	return g.check(to)
}

func (g *judge) check(to netip.AddrPort) error {
	if !to.IsValid() {
		return &RefusedError{Host: g.host, Addr: to, Rule: RuleUnknown}
	}
	ip := to.Addr().Unmap().WithZone("")
	to = netip.AddrPortFrom(ip, to.Port())
	loop, err := g.loops(to)
	if err != nil {
		return err
	}
	if loop {
		return &RefusedError{Host: g.host, Addr: to, Rule: RuleSelf}
	}
	judged := ip
	if inner, ok := nat64(ip); ok {
		judged = inner
	}
	r, found := ruleFor(judged)
	if !found || g.configured || g.allowed(ip, r.opened) {
		return nil
	}
	return &RefusedError{Host: g.host, Addr: to, Rule: r.rule, Allowable: r.opened != byNothing}
}

func (g *judge) allowed(ip netip.Addr, by int) bool {
	return by != byNothing && slices.ContainsFunc(g.allow, func(p netip.Prefix) bool {
		return p.Contains(ip) && (by == byNetwork || p.IsSingleIP())
	})
}

// loops reports whether to is one of the proxy's own listeners. A listener on the unspecified address answers on every
// address of the machine.
func (g *judge) loops(to netip.AddrPort) (bool, error) {
	if g.self == nil {
		return false, nil
	}
	for _, l := range g.self() {
		if l.Port() != to.Port() {
			continue
		}
		ip := l.Addr().Unmap().WithZone("")
		if ip == to.Addr() || to.Addr().IsUnspecified() {
			return true, nil
		}
		if !ip.IsUnspecified() {
			continue
		}
		if local, err := g.local(to.Addr()); err != nil || local {
			return local, err
		}
	}
	return false, nil
}

func (g *judge) local(ip netip.Addr) (bool, error) {
	if ip.IsLoopback() {
		return true, nil
	}
	addrs, err := g.interfaces()
	if err != nil {
		return false, fmt.Errorf("egress: list this machine's addresses: %w", err)
	}
	return slices.ContainsFunc(addrs, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr().Unmap().WithZone("") == ip
	}), nil
}
