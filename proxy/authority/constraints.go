package authority

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"docusign-auth-proxy/proxy/egress"
)

// The two ways in which a host is refused by its name.
const (
	outside  = "authority: the CA's name constraints do not permit %q: make a CA that also permits it, and install that"
	unserved = "authority: a client asked for %q, which this listener does not serve"
)

// NameError says that a client asked for a Host for which the CA may not sign, so that the client would refuse the
// leaf, or which the listener does not serve.
type NameError struct{ Host, format string }

func (e *NameError) Error() string { return fmt.Sprintf(e.format, e.Host) }

// Permits reports whether the CA may sign for host (a DNS name or an address): nil or a *NameError.
// The rules are those of RFC 5280 §4.2.1.10 as clients apply them.
func (a *Authority) Permits(host string) error {
	host = normalise(host)
	c := a.cert
	var ok bool
	if ip, err := netip.ParseAddr(host); err == nil {
		ok = ip.Zone() == "" && !inside(ip, c.ExcludedIPRanges) &&
			(len(c.PermittedIPRanges) == 0 || inside(ip, c.PermittedIPRanges))
	} else {
		ok = egress.CheckName(host) == nil && !within(host, c.ExcludedDNSDomains) &&
			(len(c.PermittedDNSDomains) == 0 || within(host, c.PermittedDNSDomains))
	}
	if !ok {
		return &NameError{host, outside}
	}
	return nil
}

// within: a constraint covers itself and everything below it; with a leading dot only what is below.
func within(host string, domains []string) bool {
	return slices.ContainsFunc(domains, func(d string) bool {
		d = strings.ToLower(d)
		return d == "" || host == d || strings.HasSuffix(host, "."+strings.TrimPrefix(d, "."))
	})
}

func inside(ip netip.Addr, ranges []*net.IPNet) bool {
	std := net.IP(ip.AsSlice())
	return slices.ContainsFunc(ranges, func(r *net.IPNet) bool { return len(r.Mask) == len(std) && r.Contains(std) })
}

func parsePermitted(entries []string) (names []string, ranges []*net.IPNet, err error) {
	var problems []error
	for _, e := range entries {
		if p, ok := parseRange(e); ok {
			ranges = append(ranges, p)
			continue
		}
		name := normalise(e)
		if egress.CheckName(strings.TrimPrefix(name, ".")) != nil {
			problems = append(problems, fmt.Errorf("authority: permitted %q is neither a DNS name, an address nor a range", e))
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		err = errors.New("authority: permit at least one DNS name: without one every name is permitted")
	}
	return names, ranges, errors.Join(append(problems, err)...)
}

func parseRange(s string) (*net.IPNet, bool) {
	if ip, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil && ip.Zone() == "" {
		ip = ip.Unmap()
		s = netip.PrefixFrom(ip, ip.BitLen()).String()
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		return nil, false
	}
	prefix = prefix.Masked()
	return &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen())}, true
}

// normalise brings a host to the one form under which its leaf is cached: lower case, no final dot.
func normalise(host string) string {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().String()
	}
	return host
}
