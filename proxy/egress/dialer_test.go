package egress_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"docusign-auth-proxy/proxy/egress"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// greeter is a server on loopback that greets every connection with its peer's address.
func greeter(t testing.TB) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, c.RemoteAddr().String())
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return netip.MustParseAddrPort(l.Addr().String())
}

func greeting(t testing.TB, c net.Conn) string {
	t.Helper()
	defer c.Close()
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

type lookup func(host string) ([]netip.Addr, error)

func (f lookup) LookupNetIP(_ context.Context, network, host string) ([]netip.Addr, error) {
	if network != "ip" {
		return nil, errors.New("asked for " + network)
	}
	return f(host)
}

func answers(ips ...string) lookup {
	return func(string) ([]netip.Addr, error) {
		var out []netip.Addr
		for _, ip := range ips {
			out = append(out, netip.MustParseAddr(ip))
		}
		return out, nil
	}
}

// fixed gives demo.docusign.net an address.
func fixed(to string) map[string]netip.AddrPort {
	return map[string]netip.AddrPort{"demo.docusign.net": netip.MustParseAddrPort(to)}
}

func TestDial(t *testing.T) {
	server := greeter(t)
	port := strings.TrimPrefix(server.String(), "127.0.0.1")
	self := func() []netip.AddrPort { return []netip.AddrPort{server} }
	tests := []struct {
		name   string
		dialer egress.Dialer
		addr   string
		rule   string // "" if it connects
	}{
		{"loopback is refused", egress.Dialer{}, server.String(), egress.RuleLoopback},
		{"loopback is reached when listed", egress.Dialer{Allow: loopback}, server.String(), ""},
		{
			"an address in another spelling is refused alike", egress.Dialer{}, "[::ffff:127.0.0.1]" + port, egress.RuleLoopback,
		},
		{"a name in the hosts file is judged by its address", egress.Dialer{}, "localhost" + port, egress.RuleLoopback},
		{"a name in the hosts file is reached when listed", egress.Dialer{Allow: loopback}, "localhost" + port, ""},
		{
			"a DNS answer cannot lead inside", egress.Dialer{Lookup: answers("127.0.0.1")}, "demo.docusign.net" + port,
			egress.RuleLoopback,
		},
		{
			"a mapped DNS answer cannot lead inside", egress.Dialer{Lookup: answers("::ffff:127.0.0.1")},
			"demo.docusign.net" + port, egress.RuleLoopback,
		},
		{
			"the metadata service is refused", egress.Dialer{Allow: loopback, Lookup: answers("169.254.169.254")},
			"demo.docusign.net:80", egress.RuleMetadata,
		},
		{
			"a refused address leaves the next one", egress.Dialer{Allow: loopback, Lookup: answers("10.0.0.1", "127.0.0.1")},
			"demo.docusign.net" + port, "",
		},
		{
			"a refused family leaves the other one",
			egress.Dialer{Allow: loopback, Lookup: answers("fd00::1", "::ffff:127.0.0.1")}, "demo.docusign.net" + port, "",
		},
		{
			"both families are refused", egress.Dialer{Lookup: answers("fd00::1", "127.0.0.1")}, "demo.docusign.net" + port,
			egress.RulePrivate,
		},
		{
			"the own listener is refused although listed", egress.Dialer{Allow: loopback, Self: self}, server.String(),
			egress.RuleSelf,
		},
		{
			"the own listener is refused by name", egress.Dialer{Allow: loopback, Self: self}, "localhost" + port,
			egress.RuleSelf,
		},
		{"the unspecified address is refused", egress.Dialer{Allow: loopback}, "0.0.0.0" + port, egress.RuleUnspecified},
		{
			"a fixed address is judged too", egress.Dialer{Resolve: fixed("127.0.0.1:0")},
			"demo.docusign.net" + port, egress.RuleLoopback,
		},
		{
			"a fixed address", egress.Dialer{Allow: loopback, Resolve: fixed("127.0.0.1:0")},
			"Demo.DocuSign.net." + port, "",
		},
		{
			"a fixed address with a port",
			egress.Dialer{Allow: loopback, Resolve: fixed(server.String())},
			"demo.docusign.net:443", "",
		},
		{
			"a fixed address spares the resolver",
			egress.Dialer{Allow: loopback, Lookup: lookup(nil), Resolve: fixed(server.String())},
			"demo.docusign.net:443", "",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := tt.dialer.DialContext(t.Context(), "tcp", tt.addr)
			if tt.rule == "" {
				if err != nil {
					t.Fatal(err)
				}
				if got := greeting(t, conn); got != conn.LocalAddr().String() {
					t.Errorf("greeted as %s", got)
				}
				return
			}
			refused, ok := errors.AsType[*egress.RefusedError](err)
			if !ok || refused.Rule != tt.rule || refused.Host.IsZero() {
				t.Errorf("error %v, want rule %s", err, tt.rule)
			}
		})
	}
}

func TestDialErrors(t *testing.T) {
	broken := errors.New("broken")
	var hostErr *egress.HostError
	d := egress.Dialer{}
	for _, addr := range []string{"demo.docusign.net", "demo.docusign.net:0", "127.1:80", "a b:80"} {
		if _, err := d.DialContext(t.Context(), "tcp", addr); !errors.As(err, &hostErr) {
			t.Errorf("%q: %v", addr, err)
		}
	}
	d.Lookup = lookup(func(string) ([]netip.Addr, error) { return nil, broken })
	if _, err := d.DialContext(t.Context(), "tcp", "demo.docusign.net:443"); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	d.Lookup = answers()
	if _, err := d.DialContext(t.Context(), "tcp", "demo.docusign.net:443"); err == nil ||
		err.Error() != "dial tcp: lookup demo.docusign.net: no such host" {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d = egress.Dialer{Allow: loopback, Lookup: answers("127.0.0.1", "127.0.0.2")}
	if _, err := d.DialContext(ctx, "tcp", "demo.docusign.net:443"); err == nil {
		t.Error("dialled after the end")
	}
}

func TestDialFallsBackFromADeadAddress(t *testing.T) {
	server := greeter(t)
	d := egress.Dialer{Allow: loopback, Lookup: answers("127.0.0.9", "127.0.0.1")}
	conn, err := d.DialContext(t.Context(), "tcp", netipHost("demo.docusign.net", server))
	if err != nil {
		t.Fatal(err)
	}
	greeting(t, conn)
}

func netipHost(name string, a netip.AddrPort) string {
	_, port, _ := net.SplitHostPort(a.String())
	return net.JoinHostPort(name, port)
}
