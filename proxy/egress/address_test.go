package egress

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/cause"
)

func addrPort(s string) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(s), 443)
}

func rule(err error) string {
	if r, ok := errors.AsType[*RefusedError](err); ok {
		return r.Rule
	}
	return ""
}

func TestAddressRules(t *testing.T) {
	tests := map[string]string{
		"": "104.18.1.1 8.8.8.8 11.0.0.1 172.32.0.1 172.15.255.255 192.169.0.1 100.128.0.1 100.63.255.255 " +
			"198.20.0.1 223.255.255.255 2606:4700::1 2a00:1450::1 64:ff9b::104.18.1.1 169.253.1.1",
		RuleUnspecified: "0.0.0.0 0.1.2.3 ::",
		RuleLoopback:    "127.0.0.1 127.255.255.254 ::1 ::ffff:127.0.0.1 64:ff9b::127.0.0.1",
		RuleLinkLocal:   "169.254.1.1 fe80::1 fe80::1%eth0 febf::1 ::ffff:169.254.1.1",
		RuleMetadata: "169.254.169.254 169.254.170.2 fd00:ec2::254 100.100.100.200 168.63.129.16 192.0.0.192 " +
			"::ffff:169.254.169.254 64:ff9b::169.254.169.254",
		RulePrivate: "10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.1.1 fc00::1 fdff::1 fec0::1 " +
			"::ffff:10.0.0.1 64:ff9b::a00:1",
		RuleShared:        "100.64.0.1 100.127.255.255",
		RuleDocumentation: "192.0.2.1 198.51.100.1 203.0.113.1 2001:db8::1 3fff::1",
		RuleTranslation: "::10.0.0.1 ::8.8.8.8 ::ffff:0:8.8.8.8 2002:a00:1::1 2002:808:808::1 2001:0:1::1 " +
			"64:ff9b:1::a00:1 192.88.99.1",
		RuleSpecial:   "192.0.0.1 198.18.0.1 198.19.255.255 100::1 2001:2::1 2001:20::1 5f00::1",
		RuleMulticast: "224.0.0.1 239.255.255.255 ff02::1",
		RuleReserved:  "240.0.0.1 255.255.255.255",
	}
	for want, addrs := range tests {
		for a := range strings.FieldsSeq(addrs) {
			g := &judge{}
			if got := rule(g.check(addrPort(a))); got != want {
				t.Errorf("%s: %q, want %q", a, got, want)
			}
		}
	}
	if got := rule((&judge{}).check(netip.AddrPort{})); got != RuleUnknown {
		t.Errorf("no address: %q", got)
	}
}

func TestAllow(t *testing.T) {
	tests := []struct {
		name, allow, addr, want string
	}{
		{"a listed network", "10.0.0.0/8", "10.1.2.3", ""},
		{"a listed network by a mapped address", "10.0.0.0/8", "::ffff:10.1.2.3", ""},
		{"outside the listed network", "10.0.0.0/8", "192.168.0.1", RulePrivate},
		{"IPv4 listed, its NAT64 form not", "10.0.0.0/8", "64:ff9b::a00:1", RulePrivate},
		{"the NAT64 form listed", "64:ff9b::a00:1/128", "64:ff9b::a00:1", ""},
		{"a broad entry does not open the metadata service", "169.254.0.0/16", "169.254.169.254", RuleMetadata},
		{"everything listed does not open the metadata service", "0.0.0.0/0", "169.254.169.254", RuleMetadata},
		{"its single address does", "169.254.169.254/32", "169.254.169.254", ""},
		{"multicast is never opened", "224.0.0.0/4", "224.0.0.1", RuleMulticast},
		{"the unspecified address is never opened", "0.0.0.0/0", "0.0.0.0", RuleUnspecified},
		{"broadcast is never opened", "255.255.255.255/32", "255.255.255.255", RuleReserved},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := &judge{allow: []netip.Prefix{netip.MustParsePrefix(tt.allow)}}
			if got := rule(g.check(addrPort(tt.addr))); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestRefusalSaysWhatToAdd(t *testing.T) {
	h, err := ParseHost("demo.docusign.net", 443)
	if err != nil {
		t.Fatal(err)
	}
	self := func() []netip.AddrPort { return []netip.AddrPort{netip.MustParseAddrPort("10.9.9.9:443")} }
	for address, want := range map[string]string{
		"10.1.2.3":  "look at this machine's DNS and hosts file; if 10.1.2.3 is meant, add it to egress.allow_addresses",
		"224.0.0.1": "mend this machine's DNS or hosts file, or name the right address in egress.resolve",
		"10.9.9.9":  "the hosts file of this machine sends demo.docusign.net here",
	} {
		refused, ok := errors.AsType[*RefusedError]((&judge{host: h, self: self}).check(addrPort(address)))
		if !ok || !strings.HasPrefix(cause.NextStep(refused), want) {
			t.Errorf("%s: %v, next step %q", address, refused, cause.NextStep(refused))
		}
	}
}

func TestEveryRuleHasARowOfTheTableOfCauses(t *testing.T) {
	rules := []string{RuleSelf, RuleUnknown}
	for _, r := range addressRules() {
		rules = append(rules, r.rule)
	}
	for _, rule := range rules {
		e := &RefusedError{Rule: rule, Allowable: slices.ContainsFunc(addressRules(), func(r addressRule) bool {
			return r.rule == rule && r.opened != byNothing
		})}
		id, _ := e.Row()
		if named, ok := cause.Lookup(rule); !ok || named != id {
			t.Errorf("%s is %v by its name (%v), and %v", rule, named.Means(), ok, id.Means())
		}
	}
}

func TestSelf(t *testing.T) {
	everything := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	tests := []struct {
		name, listener, to string
		loop               bool
	}{
		{"the listener itself", "127.0.0.1:443", "127.0.0.1:443", true},
		{"the listener by a mapped address", "127.0.0.1:443", "[::ffff:127.0.0.1]:443", true},
		{"another port", "127.0.0.1:443", "127.0.0.1:444", false},
		{"another address", "127.0.0.1:443", "10.0.0.9:443", false},
		{"a listener on every address, by loopback", "0.0.0.0:443", "127.3.3.3:443", true},
		{"a listener on every address, by this machine's address", "[::]:443", "10.0.0.7:443", true},
		{"a listener on every address, by this machine's IPv6 address", "[::]:443", "[fd00::7]:443", true},
		{"a listener on every address, another machine", "[::]:443", "10.0.0.8:443", false},
		{"the unspecified address reaches a loopback listener", "127.0.0.1:443", "0.0.0.0:443", true},
	}
	for _, tt := range tests {
		for _, configured := range []bool{false, true} {
			t.Run(tt.name, func(t *testing.T) {
				g := &judge{
					allow: everything, configured: configured,
					self: func() []netip.AddrPort { return []netip.AddrPort{netip.MustParseAddrPort(tt.listener)} },
					interfaces: func() ([]net.Addr, error) {
						return []net.Addr{
							&net.IPNet{IP: net.ParseIP("10.0.0.7"), Mask: net.CIDRMask(24, 32)},
							&net.IPNet{IP: net.ParseIP("fd00::7"), Mask: net.CIDRMask(64, 128)},
						}, nil
					},
				}
				if got := rule(g.check(netip.MustParseAddrPort(tt.to))); (got == RuleSelf) != tt.loop {
					t.Errorf("got %q", got)
				}
			})
		}
	}
	t.Run("addresses that cannot be listed refuse the connection", func(t *testing.T) {
		broken := errors.New("broken")
		g := &judge{
			self:       func() []netip.AddrPort { return []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:443")} },
			interfaces: func() ([]net.Addr, error) { return nil, broken },
		}
		if err := g.check(addrPort("8.8.8.8")); !errors.Is(err, broken) {
			t.Errorf("error %v", err)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	g := &judge{}
	to := addrPort("104.18.1.1")
	b.ReportAllocs()
	for b.Loop() {
		if err := g.check(to); err != nil {
			b.Fatal(err)
		}
	}
}
