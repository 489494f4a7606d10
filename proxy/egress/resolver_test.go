package egress

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// nameServer answers on loopback, by UDP and TCP on one port, what answer makes of each question (nil: nothing).
func nameServer(t *testing.T, answer func(network string, m dnsmessage.Message) []dnsmessage.Message) netip.AddrPort {
	t.Helper()
	var udp net.PacketConn
	var tcp net.Listener
	for tcp == nil {
		var err error
		if udp, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if tcp, err = net.Listen("tcp", udp.LocalAddr().String()); err != nil {
			_ = udp.Close() // somebody else has the TCP port: try another pair
		}
	}
	t.Cleanup(func() { _ = udp.Close(); _ = tcp.Close() })
	reply := func(network string, query []byte) (out [][]byte) {
		var m dnsmessage.Message
		if err := m.Unpack(query); err != nil {
			t.Error(err)
		}
		m.Response = true
		m.Additionals = nil
		for _, a := range answer(network, m) {
			b, err := a.Pack()
			if err != nil {
				t.Error(err)
			}
			out = append(out, b)
		}
		return out
	}
	go func() {
		buf := make([]byte, 2048)
		for {
			n, from, err := udp.ReadFrom(buf)
			if err != nil {
				return
			}
			for _, b := range reply("udp", buf[:n]) {
				_, _ = udp.WriteTo(b, from)
			}
		}
	}()
	go func() {
		for {
			c, err := tcp.Accept()
			if err != nil {
				return
			}
			var size [2]byte
			if _, err := io.ReadFull(c, size[:]); err == nil {
				query := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(c, query); err == nil {
					for _, b := range reply("tcp", query) {
						_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
					}
				}
			}
			_ = c.Close()
		}
	}()
	return netip.MustParseAddrPort(udp.LocalAddr().String())
}

func record(name string, body dnsmessage.ResourceBody) dnsmessage.Resource {
	return dnsmessage.Resource{
		Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name), Class: dnsmessage.ClassINET, TTL: 60},
		Body:   body,
	}
}

func with(m dnsmessage.Message, change func(*dnsmessage.Message)) dnsmessage.Message {
	change(&m)
	return m
}

// zone answers like a resolver that knows demo.docusign.net (an alias, both families) and localhost (a test address).
func zone(_ string, m dnsmessage.Message) []dnsmessage.Message {
	q := m.Questions[0]
	switch q.Name.String() + q.Type.String() {
	case "demo.docusign.net.TypeA":
		m.Answers = append(m.Answers,
			record("demo.docusign.net.", &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("edge.example.")}),
			record("edge.example.", &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}}),
			record("edge.example.", &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}}),
			record("edge.example.", &dnsmessage.AResource{A: [4]byte{192, 0, 2, 2}}))
	case "demo.docusign.net.TypeAAAA":
		m.Answers = append(
			m.Answers, record("demo.docusign.net.", &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr("2001:db8::1").As16()}),
		)
	case "localhost.TypeA":
		m.Answers = append(m.Answers, record("localhost.", &dnsmessage.AResource{A: [4]byte{192, 0, 2, 9}}))
	case "localhost.TypeAAAA", "empty.example.TypeA", "empty.example.TypeAAAA":
	default:
		m.RCode = dnsmessage.RCodeNameError
	}
	return []dnsmessage.Message{m}
}

func TestResolver(t *testing.T) {
	truncating := func(network string, m dnsmessage.Message) []dnsmessage.Message {
		if network == "udp" {
			return []dnsmessage.Message{with(m, func(m *dnsmessage.Message) { m.Truncated = true })}
		}
		return zone(network, m)
	}
	forging := func(network string, m dnsmessage.Message) []dnsmessage.Message {
		forged := record("demo.docusign.net.", &dnsmessage.AResource{A: [4]byte{6, 6, 6, 6}})
		return append([]dnsmessage.Message{
			with(m, func(m *dnsmessage.Message) { m.ID++; m.Answers = append(m.Answers, forged) }),
			with(m, func(m *dnsmessage.Message) { m.Response = false; m.Answers = append(m.Answers, forged) }),
			with(m, func(m *dnsmessage.Message) {
				m.Questions = []dnsmessage.Question{{
					Name: dnsmessage.MustNewName("other.example."), Type: m.Questions[0].Type, Class: dnsmessage.ClassINET,
				}}
				m.Answers = append(m.Answers, forged)
			}),
		}, zone(network, m)...)
	}
	failing := func(_ string, m dnsmessage.Message) []dnsmessage.Message {
		return []dnsmessage.Message{with(m, func(m *dnsmessage.Message) { m.RCode = dnsmessage.RCodeServerFailure })}
	}
	many := func(_ string, m dnsmessage.Message) []dnsmessage.Message {
		for i := range 50 {
			m.Answers = append(m.Answers, record("demo.docusign.net.", &dnsmessage.AResource{A: [4]byte{192, 0, 2, byte(i)}}))
		}
		return []dnsmessage.Message{m}
	}
	good := nameServer(t, zone)
	const both = "2001:db8::1 192.0.2.1 192.0.2.2"
	tests := []struct {
		name       string
		server     netip.AddrPort
		host, want string
	}{
		{"both families, along an alias, each address once", good, "demo.docusign.net", both},
		{"a final dot", good, "demo.docusign.net.", both},
		{"the hosts file is not read", good, "localhost", "192.0.2.9"},
		{"a name that does not exist", good, "none.example", "not found"},
		{"a name without addresses", good, "empty.example", "not found"},
		{"a server that fails", nameServer(t, failing), "demo.docusign.net", "failed"},
		{"no server there", netip.MustParseAddrPort("127.0.0.9:9"), "demo.docusign.net", "failed"},
		{"a truncated answer is fetched by TCP", nameServer(t, truncating), "demo.docusign.net", both},
		{"forged answers are passed over", nameServer(t, forging), "demo.docusign.net", both},
		{"a name too long for the wire", good, strings.Repeat("a.", 150) + "net", "not found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &Resolver{Server: tt.server}
			ips, err := r.LookupNetIP(t.Context(), "ip", tt.host)
			got := ""
			var dnsErr *net.DNSError
			switch {
			case err == nil:
				var texts []string
				for _, ip := range ips {
					texts = append(texts, ip.String())
				}
				got = strings.Join(texts, " ")
			case errors.As(err, &dnsErr) && dnsErr.IsNotFound:
				got = "not found"
			case errors.As(err, &dnsErr):
				got = "failed"
			}
			if got != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
	ips, err := (&Resolver{Server: nameServer(t, many)}).LookupNetIP(t.Context(), "ip", "demo.docusign.net")
	if err != nil || len(ips) != maxAddresses {
		t.Errorf("%d addresses, %v", len(ips), err)
	}
}

func TestResolverEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	silent := nameServer(t, func(string, dnsmessage.Message) []dnsmessage.Message {
		cancel()
		return nil
	})
	r := &Resolver{Server: silent, Timeout: time.Hour}
	if _, err := r.LookupNetIP(ctx, "ip", "demo.docusign.net"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestResolverTimesOut(t *testing.T) {
	silent := nameServer(t, func(string, dnsmessage.Message) []dnsmessage.Message { return nil })
	r := &Resolver{Server: silent, Timeout: 20 * time.Millisecond}
	_, err := r.LookupNetIP(t.Context(), "ip", "demo.docusign.net")
	if dnsErr, ok := errors.AsType[*net.DNSError](err); !ok || !dnsErr.Timeout() || dnsErr.IsNotFound {
		t.Errorf("error %v", err)
	}
}

// The whole way: own name server, dial-time check, connection.
func TestDialPastTheHostsFile(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	to := netip.MustParseAddrPort(l.Addr().String())
	server := nameServer(t, func(_ string, m dnsmessage.Message) []dnsmessage.Message {
		if m.Questions[0].Type == dnsmessage.TypeA {
			m.Answers = append(m.Answers, record("demo.docusign.net.", &dnsmessage.AResource{A: to.Addr().As4()}))
		}
		return []dnsmessage.Message{m}
	})
	d := Dialer{Lookup: &Resolver{Server: server}}
	addr := Host{name: "demo.docusign.net", port: to.Port()}.String()
	if _, err := d.DialContext(t.Context(), "tcp", addr); rule(err) != RuleLoopback {
		t.Errorf("error %v", err)
	}
	d.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	conn, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

func FuzzParseAnswer(f *testing.F) {
	q := dnsmessage.Question{
		Name: dnsmessage.MustNewName("demo.docusign.net."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET,
	}
	for _, m := range zone("udp", dnsmessage.Message{
		Header: dnsmessage.Header{ID: 7, Response: true}, Questions: []dnsmessage.Question{q},
	}) {
		b, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)-3])
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		ips, err := parseAnswer(message, 7, q)
		if len(ips) > maxAddresses || err != nil && len(ips) > 0 {
			t.Fatalf("%v, %v", ips, err)
		}
		if slices.ContainsFunc(ips, func(ip netip.Addr) bool { return !ip.Is4() }) {
			t.Fatalf("asked for IPv4, got %v", ips)
		}
	})
}
