// Package egress decides which hosts may be reached through the proxy and by whom, and checks each connection's real
// address at the moment it is made. It must never compare a host as text that has not been normalised, nor open a
// connection to an address it has not judged. The proxy's doors call Clients and Policy for a request; its transport
// and tunnels dial through Dialer or Proxy.
package egress

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Host is a normalised host and port: a DNS name in lower-case ASCII without final dot, or an address. Two Hosts that
// mean the same are ==, and a Host can be a map's key. The zero value is no host.
type Host struct {
	name string // an address in its canonical form if addr is valid
	addr netip.Addr
	port uint16
}

// HostError says why a text is not a host. It quotes the text, cut to a length fit for a log.
type HostError struct{ Input, Problem string }

func (e *HostError) Error() string { return fmt.Sprintf("egress: host %q: %s", e.Input, e.Problem) }

// Problem says what is wrong with a host without quoting it.
func Problem(err error) string {
	if he, ok := errors.AsType[*HostError](err); ok {
		return he.Problem
	}
	return err.Error()
}

// ParseHost reads "name", "name:port", "192.0.2.1:port" or "[2001:db8::1]:port". A missing port is defaultPort; with
// defaultPort 0 it is an error. Refused: user info, zones, names that are not ASCII (write them as xn--…), and IPv4
// addresses in any form but four decimal numbers, since resolvers would read 0x7f.1, 127.1 or 2130706433 as an address
// behind the policy's back. The error is a *HostError.
func ParseHost(s string, defaultPort uint16) (h Host, err error) {
	name, port, err := splitPort(s, defaultPort)
	if err == nil {
		h, err = parseName(name)
	}
	if err == nil {
		return h.WithPort(port), nil
	}
	const shown = 100
	if len(s) > shown {
		s = s[:shown] + "…"
	}
	return Host{}, &HostError{Input: s, Problem: err.Error()}
}

func splitPort(s string, defaultPort uint16) (name string, port uint16, err error) {
	name, digits := s, ""
	if end := strings.IndexByte(s, ']'); end >= 0 {
		if s[0] != '[' {
			return "", 0, errors.New("a bracket in the wrong place")
		}
		name, digits = s[:end+1], s[end+1:]
		if digits != "" && digits[0] != ':' {
			return "", 0, errors.New("text after the closing bracket")
		}
		digits = strings.TrimPrefix(digits, ":")
	} else if before, after, ok := strings.Cut(s, ":"); ok {
		name, digits = before, after
		if strings.Contains(digits, ":") {
			return "", 0, errors.New("put an IPv6 address into brackets: [::1]:443")
		}
	}
	port, err = parsePort(digits, defaultPort)
	return name, port, err
}

func parsePort(digits string, defaultPort uint16) (uint16, error) {
	if digits == "" {
		if defaultPort == 0 {
			return 0, errors.New("the port is missing")
		}
		return defaultPort, nil
	}
	port, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || digits[0] == '0' {
		return 0, errors.New("the port is not a number from 1 to 65535")
	}
	return uint16(port), nil
}

func parseName(s string) (Host, error) {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		inner, closed := strings.CutSuffix(inner, "]")
		ip, err := netip.ParseAddr(inner)
		if !closed || err != nil || !ip.Is6() {
			return Host{}, errors.New("no IPv6 address between the brackets")
		}
		if ip.Zone() != "" {
			return Host{}, errors.New("an IPv6 zone means nothing beyond this machine")
		}
		return addressHost(ip), nil
	}
	s = strings.TrimSuffix(s, ".")
	if err := CheckName(s); err != nil {
		return Host{}, err
	}
	s = strings.ToLower(s)
	if !numeric(s[strings.LastIndexByte(s, '.')+1:]) {
		return Host{name: s}, nil
	}
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return Host{}, errors.New("write an IPv4 address as four decimal numbers")
	}
	return addressHost(ip), nil
}

// addressHost: an IPv4-mapped address reaches the IPv4 address, so it is that address.
func addressHost(ip netip.Addr) Host {
	ip = ip.Unmap()
	return Host{name: ip.String(), addr: ip}
}

// CheckName takes names of the letters, digits and hyphens of RFC 1123 §2.1, and the underscore that Windows machine
// names carry. Refusing a final hyphen also refuses an xn-- label that hides a plain ASCII name (RFC 3492 §5: it ends
// in one).
func CheckName(s string) error {
	if s == "" {
		return errors.New("the name is missing")
	}
	if len(s) > 253 {
		return errors.New("the name is longer than 253 characters")
	}
	for label := range strings.SplitSeq(s, ".") {
		if strings.ContainsFunc(label, notInName) {
			return errors.New("a character that no host name has (international names are written as xn--…)")
		}
		if label == "" || len(label) > 63 {
			return errors.New("a part between dots is empty or longer than 63 characters")
		}
		if label[0] == '-' || label[len(label)-1] == '-' {
			return errors.New("a part between dots begins or ends with a hyphen")
		}
	}
	return nil
}

func notInName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// numeric follows the "ends in a number" test of the WHATWG URL standard: such a name is an address or nothing.
func numeric(last string) bool {
	if strings.Trim(last, "0123456789") == "" {
		return true
	}
	hex, ok := strings.CutPrefix(last, "0x")
	return ok && strings.Trim(hex, "0123456789abcdef") == ""
}

// Name is the host without port: a DNS name, or an address without brackets.
func (h Host) Name() string { return h.name }

// Addr is the address, if the host is one.
func (h Host) Addr() (netip.Addr, bool) { return h.addr, h.addr.IsValid() }

// Port is 1 to 65535, and 0 only in the zero value.
func (h Host) Port() uint16 { return h.port }

// IsZero reports whether there is no host.
func (h Host) IsZero() bool { return h == Host{} }

// WithPort is the same host on another port.
func (h Host) WithPort(port uint16) Host {
	h.port = port
	return h
}

// String is host:port, with brackets where needed: what CONNECT and net.Dial take.
func (h Host) String() string { return net.JoinHostPort(h.name, strconv.Itoa(int(h.port))) }

// Authority is what an https URL and its Host header carry: the port only if it is not 443.
func (h Host) Authority() string {
	if h.port == 443 && !h.addr.IsValid() {
		return h.name
	}
	return strings.TrimSuffix(h.String(), ":443")
}

// Origin is the upstream of a bound host: always https, since a bearer never leaves in clear.
func (h Host) Origin() *url.URL {
	if h.Port() == 443 || h.Port() == 80 {
		return &url.URL{Scheme: "https", Host: h.WithPort(443).Authority()}
	}
	return &url.URL{Scheme: "https", Host: h.String()}
}
