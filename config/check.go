package config

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// checkUnlessHopeless spares a file that could not be read to its end the faults of what was not read.
func (l *loader) checkUnlessHopeless(c *Config) {
	if l.budget >= 0 && len(l.problems) < maxProblems {
		l.check(c)
	}
}

// check holds the decoded values to the rules that tie fields together, and fills in what follows from others.
func (l *loader) check(c *Config) {
	l.checkHosts(&c.Egress) // before the environment adds its own
	l.checkEnvironment(c)
	l.checkListen(c)
	l.checkSidecar(&c.Sidecar)
	if c.Interception != nil {
		l.checkAuthority(c.Interception)
	}
	l.checkEgress(c)
	l.checkUpstream(&c.Upstream)
	l.checkAdmin(&c.Admin)
	l.checkStore(c)
	if c.Admin.TokenFile == "" {
		c.Admin.TokenFile = l.defaultTokenFile(c)
	}
	l.checkIntegrations(c)
}

// Shapes of the identifiers DocuSign gives out (PROTOCOL.md §1.2).
var (
	guidSyntax          = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	integratorKeySyntax = regexp.MustCompile(`^([0-9A-Za-z]{4}-)?[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	emailSyntax         = regexp.MustCompile(`^[^\s\[\]<>"@]{1,256}@[^\s\[\]<>"@]{1,256}$`)
	accountNumberSyntax = regexp.MustCompile(`^[0-9]{1,18}$`)
	scopeSyntax         = regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]+$`) // RFC 6749 §3.3
)

const guidHint = "a GUID is 32 hexadecimal digits as in a1b2c3d4-0000-4000-8000-000000000001"

func isGUID(text string) bool { return guidSyntax.MatchString(text) }

func isEmail(text string) bool { return emailSyntax.MatchString(text) }

// isHost tells whether the text is a name in lower case or an address, without port, as egress takes it.
func isHost(text string) bool {
	h, ok := parseHost(text)
	if ip, isAddress := h.Addr(); isAddress {
		written, err := netip.ParseAddr(text)
		return err == nil && ip == written.Unmap()
	}
	return ok && h.Name() == text
}

// splitHostPort takes host:port apart and brings both into one form. A port below lowest makes it invalid.
func splitHostPort(text string, lowest int) (host, port string, ok bool) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", "", false
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < lowest || n > 65535 {
		return "", "", false
	}
	return strings.ToLower(host), strconv.Itoa(n), true
}

// parseOrigin accepts scheme://host[:port] and nothing more, and drops the port that the scheme has anyway.
func parseOrigin(text string, schemes ...string) (origin *url.URL, ok bool) {
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(text, "#") {
		return nil, false
	}
	if u.Path != "" && u.Path != "/" {
		return nil, false
	}
	return cleanOrigin(u, schemes)
}

func cleanOrigin(u *url.URL, schemes []string) (*url.URL, bool) {
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if !slices.Contains(schemes, u.Scheme) || !isHost(host) || strings.HasSuffix(u.Host, ":") {
		return nil, false
	}
	if (u.Scheme == "https" && port == "443") || (u.Scheme == "http" && port == "80") {
		port = ""
	}
	authority := host
	if strings.Contains(host, ":") {
		authority = "[" + host + "]"
	}
	if port != "" {
		if _, _, ok := splitHostPort(authority+":"+port, 1); !ok {
			return nil, false
		}
		authority += ":" + port
	}
	return &url.URL{Scheme: u.Scheme, Host: authority}, true
}

// isLoopback tells whether only this machine can reach a listening address.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// checkURI reports an address that a browser could not return to.
func (l *loader) checkURI(path, text string) {
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil || strings.Contains(text, "#") {
		l.problem(path, "must be an absolute http or https address without a # part", "write it as it is registered with DocuSign")
	}
}
