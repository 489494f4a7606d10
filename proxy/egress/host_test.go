package egress_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"docusign-auth-proxy/proxy/egress"
)

func host(t testing.TB, s string) egress.Host {
	t.Helper()
	h, err := egress.ParseHost(s, 443)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestParseHost(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"a name gets the default port", "demo.docusign.net", "demo.docusign.net:443"},
		{"case and the final dot mean nothing", "Demo.DocuSign.NET.:443", "demo.docusign.net:443"},
		{"another port is kept", "demo.docusign.net:80", "demo.docusign.net:80"},
		{"an empty port is the default (RFC 3986 §3.2.3)", "demo.docusign.net:", "demo.docusign.net:443"},
		{"a single label", "apphost:1", "apphost:1"},
		{"a Windows machine name", "APP_SRV-01.corp:65535", "app_srv-01.corp:65535"},
		{"an international name in its ASCII form", "xn--bcher-kva.example", "xn--bcher-kva.example:443"},
		{"a label that begins with a digit", "3com.example", "3com.example:443"},
		{"a last label that only looks like a number", "a.0xg", "a.0xg:443"},
		{"IPv4", "192.0.2.1:8080", "192.0.2.1:8080"},
		{"IPv4 with a final dot", "192.0.2.1.", "192.0.2.1:443"},
		{"IPv6", "[2001:DB8:0::1]:8443", "[2001:db8::1]:8443"},
		{"IPv6 without port", "[::1]", "[::1]:443"},
		{"IPv6 with an empty port", "[::1]:", "[::1]:443"},
		{"IPv4-mapped IPv6 is IPv4", "[::ffff:127.0.0.1]:443", "127.0.0.1:443"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, err := egress.ParseHost(tt.in, 443)
			if err != nil || h.String() != tt.want {
				t.Fatalf("got %v, %v, want %s", h, err, tt.want)
			}
			if again := host(t, h.String()); again != h {
				t.Errorf("read again it is %v", again)
			}
		})
	}
}

func TestParseHostRefuses(t *testing.T) {
	tests := []struct{ name, in string }{
		{"nothing", ""}, {"only a port", ":443"}, {"only a dot", "."}, {"two final dots", "a.."}, {"an empty label", "a..b"},
		{"a leading dot", ".docusign.net"}, {"a label over 63", strings.Repeat("a", 64) + ".net"},
		{"a name over 253", strings.Repeat("a.", 127) + "net"},
		{"a leading hyphen", "-a.net"}, {"a trailing hyphen", "a-.net"},
		{"an xn-- label that hides plain ASCII", "xn--docusign-.net"}, {"an empty xn-- label", "xn--.net"},
		{"port 0", "a:0"}, {"a port over 65535", "a:65536"}, {"a port with a sign", "a:+443"},
		{"a port with a leading zero", "a:0443"}, {"a port that is a name", "a:https"},
		{"two ports", "a:1:2"}, {"user info", "user:pw@demo.docusign.net"},
		{"user info without password", "a@demo.docusign.net"},
		{"a path", "demo.docusign.net/x"}, {"a scheme", "https://demo.docusign.net"}, {"an escape", "demo%2edocusign.net"},
		{"a space", "demo.docusign.net "},
		{"a line break", "demo.docusign.net\r\nX: y"}, {"a NUL", "demo.docusign.net\x00"},
		{"a backslash", `demo.docusign.net\`}, {"a wildcard", "*.docusign.net"},
		{"a query", "a?b"}, {"a fragment", "a#b"}, {"a full-width letter", "ｄemo.docusign.net"},
		{"an umlaut", "döcusign.net"}, {"an ideographic full stop", "demo。docusign.net"},
		{"hexadecimal IPv4", "0x7f.1"}, {"short IPv4", "127.1"}, {"IPv4 as one number", "2130706433"},
		{"octal IPv4", "0177.0.0.1"}, {"IPv4 with leading zeros", "127.0.0.01"},
		{"IPv4 as one hexadecimal number", "0x7f000001"}, {"an empty hexadecimal number", "127.0.0.0x"},
		{"IPv4 out of range", "256.0.0.1"}, {"five numbers", "1.2.3.4.5"}, {"a name that ends in a number", "demo.443"},
		{"IPv6 without brackets", "::1"}, {"IPv6 with a zone", "[fe80::1%eth0]:443"},
		{"IPv6 with an escaped zone", "[fe80::1%25eth0]"}, {"IPv4 in brackets", "[127.0.0.1]"},
		{"an open bracket", "[::1"}, {"an open bracket alone", "["}, {"an open bracket and a port", "[:443"},
		{"a closing bracket alone", "::1]"}, {"text after the bracket", "[::1]x:443"}, {"text before the bracket", "x[::1]"},
		{"a name in brackets", "[a]"}, {"empty brackets", "[]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, err := egress.ParseHost(tt.in, 443)
			if bad := new(egress.HostError); err == nil || !errors.As(err, &bad) || !h.IsZero() {
				t.Errorf("took %q as %v, %v", tt.in, h, err)
			}
		})
	}
	if _, err := egress.ParseHost("demo.docusign.net", 0); err == nil {
		t.Error("took a missing port without default")
	}
	if _, err := egress.ParseHost(strings.Repeat("é", 5000), 443); err == nil || len(err.Error()) > 1000 {
		t.Errorf("error of %d bytes", len(err.Error()))
	}
}

func TestHostForms(t *testing.T) {
	tests := []struct{ in, name, authority string }{
		{"demo.docusign.net:443", "demo.docusign.net", "demo.docusign.net"},
		{"demo.docusign.net:8443", "demo.docusign.net", "demo.docusign.net:8443"},
		{"[2001:db8::1]:443", "2001:db8::1", "[2001:db8::1]"},
		{"[2001:db8::1]:80", "2001:db8::1", "[2001:db8::1]:80"},
		{"127.0.0.1:80", "127.0.0.1", "127.0.0.1:80"},
	}
	for _, tt := range tests {
		h := host(t, tt.in)
		if h.Name() != tt.name || h.Authority() != tt.authority {
			t.Errorf("%s: %q, %q", tt.in, h.Name(), h.Authority())
		}
	}
	if h := host(t, "a:80").WithPort(443); h != host(t, "a") || h.Port() != 443 {
		t.Errorf("WithPort: %v", h)
	}
	if ip, ok := host(t, "[::ffff:10.0.0.1]").Addr(); !ok || ip != netip.MustParseAddr("10.0.0.1") {
		t.Errorf("address %v", ip)
	}
}

func FuzzParseHost(f *testing.F) {
	for _, s := range []string{
		"Demo.DocuSign.NET.:443", "[::1]:80", "[::ffff:1.2.3.4]", "127.1", "0x7f.1", "a@b", "a%00b", "xn--a", "[fe80::1%1]",
		"1.2.3.4.",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := egress.ParseHost(s, 443)
		if err != nil {
			return
		}
		text := h.String()
		for i := range len(text) {
			if c := text[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`@/%\?#*"<>`, c) >= 0 || c >= 'A' && c <= 'Z' {
				t.Fatalf("%q became %q", s, text)
			}
		}
		again, err := egress.ParseHost(text, 0)
		if err != nil || again != h {
			t.Fatalf("%q became %q and then %v, %v", s, text, again, err)
		}
		if _, err := netip.ParseAddr(h.Name()); (err == nil) != mustAddr(h) {
			t.Fatalf("%q: an address that passes for a name", s)
		}
	})
}

func mustAddr(h egress.Host) bool {
	_, ok := h.Addr()
	return ok
}

func BenchmarkParseHost(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := egress.ParseHost("demo.docusign.net:443", 443); err != nil {
			b.Fatal(err)
		}
	}
}
