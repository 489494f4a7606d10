package authority

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"docusign-auth-proxy/proxy/egress"
)

// ConstraintError says that the CA may not sign for Host; a client would refuse the leaf.
type ConstraintError struct{ Host string }

func (e *ConstraintError) Error() string {
	return fmt.Sprintf(
		"authority: the CA's name constraints do not permit %q: make a CA that also permits it, and install that", e.Host,
	)
}

// Permits reports whether the CA may sign for host (a DNS name or an address): nil or a *ConstraintError.
// The rules are those of RFC 5280 §4.2.1.10 as clients apply them.
func (a *Authority) Permits(host string) error {
	host = normalise(host)
	if ip, err := netip.ParseAddr(host); err == nil {
		return a.permitsAddress(host, ip)
	}
	if egress.CheckName(host) != nil {
		return &ConstraintError{Host: host}
	}
	c := a.cert
	if within(host, c.ExcludedDNSDomains) || len(c.PermittedDNSDomains) > 0 && !within(host, c.PermittedDNSDomains) {
		return &ConstraintError{Host: host}
	}
	return nil
}

func (a *Authority) permitsAddress(host string, ip netip.Addr) error {
	c := a.cert
	std := net.IP(ip.Unmap().AsSlice())
	if ip.Zone() != "" || inside(std, c.ExcludedIPRanges) || len(c.PermittedIPRanges) > 0 &&
		!inside(std, c.PermittedIPRanges) {
		return &ConstraintError{Host: host}
	}
	return nil
}

// within: a constraint covers itself and everything below it; with a leading dot only what is below.
func within(host string, domains []string) bool {
	for _, d := range domains {
		d = strings.ToLower(d)
		if d == "" || host == d || strings.HasSuffix(host, "."+strings.TrimPrefix(d, ".")) {
			return true
		}
	}
	return false
}

func inside(ip net.IP, ranges []*net.IPNet) bool {
	for _, r := range ranges {
		if len(r.Mask) == len(ip) && r.Contains(ip) {
			return true
		}
	}
	return false
}

type constraints struct {
	names  []string
	ranges []*net.IPNet
}

func parsePermitted(entries []string) (constraints, error) {
	var c constraints
	var problems []error
	for _, e := range entries {
		if p, ok := parseRange(e); ok {
			c.ranges = append(c.ranges, p)
			continue
		}
		name := normalise(e)
		if egress.CheckName(strings.TrimPrefix(name, ".")) != nil {
			problems = append(problems, fmt.Errorf("authority: permitted %q is neither a DNS name, an address nor a range", e))
			continue
		}
		c.names = append(c.names, name)
	}
	if len(c.names) == 0 && len(problems) == 0 {
		problems = append(
			problems, errors.New("authority: permit at least one DNS name: without one every name is permitted"),
		)
	}
	return c, errors.Join(problems...)
}

func parseRange(s string) (*net.IPNet, bool) {
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		ip, err := netip.ParseAddr(strings.Trim(s, "[]"))
		if err != nil || ip.Zone() != "" {
			return nil, false
		}
		ip = ip.Unmap()
		prefix = netip.PrefixFrom(ip, ip.BitLen())
	}
	prefix = prefix.Masked()
	bits := prefix.Addr().BitLen()
	return &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), bits)}, true
}

// loopbackRanges are the addresses of this machine alone.
func loopbackRanges() []*net.IPNet {
	return []*net.IPNet{
		{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)},
		{IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)},
	}
}

func (c constraints) apply(template *x509.Certificate, critical, addresses bool) {
	template.PermittedDNSDomainsCritical = critical
	template.PermittedDNSDomains = c.names
	if !addresses {
		return
	}
	template.PermittedIPRanges = c.ranges
	if len(c.ranges) > 0 {
		return
	}
	// A name type without any constraint is unlimited, so permitting no address means excluding all.
	template.ExcludedIPRanges = []*net.IPNet{
		{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)},
		{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)},
	}
}

func keepConstraints(to, from *x509.Certificate) {
	to.PermittedDNSDomainsCritical = from.PermittedDNSDomainsCritical
	to.PermittedDNSDomains, to.ExcludedDNSDomains = from.PermittedDNSDomains, from.ExcludedDNSDomains
	to.PermittedIPRanges, to.ExcludedIPRanges = from.PermittedIPRanges, from.ExcludedIPRanges
	to.PermittedEmailAddresses, to.ExcludedEmailAddresses = from.PermittedEmailAddresses, from.ExcludedEmailAddresses
	to.PermittedURIDomains, to.ExcludedURIDomains = from.PermittedURIDomains, from.ExcludedURIDomains
}

// normalise brings a host to the one form under which its leaf is cached: lower case, no final dot, no brackets.
func normalise(host string) string {
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().String()
	}
	return host
}
