package egress_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/proxy/egress"
)

// proxyAnswering answers every CONNECT with a status line.
func proxyAnswering(t *testing.T, answer string) egress.Host {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					_, _ = c.Write([]byte("HTTP/1.1 " + answer + "\r\nContent-Length: 0\r\n\r\n"))
				}
			}()
		}
	}()
	return host(t, l.Addr().String())
}

// closedPort is an address at which nobody listens.
func closedPort(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String())
}

type failing struct{ err error }

func (f failing) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return nil, f.err
}

func TestACallThatIsNotSentSaysWhichStepFailed(t *testing.T) {
	loop := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	own := closedPort(t)
	through := func(answer string) func(context.Context, string, string) (net.Conn, error) {
		return (&egress.Proxy{Address: proxyAnswering(t, answer), Dialer: &egress.Dialer{}}).DialContext
	}
	to := func(a netip.AddrPort) map[string]netip.AddrPort {
		return map[string]netip.AddrPort{"na3.docusign.net": a}
	}
	for _, c := range []struct {
		name string
		dial func(context.Context, string, string) (net.Conn, error)
		kind call.Kind
		want cause.ID
		says string
	}{
		{"DNS does not know the name", (&egress.Dialer{Lookup: failing{
			&net.DNSError{Err: "no such host", Name: "na3.docusign.net", IsNotFound: true},
		}}).DialContext, call.KindUnreachable, cause.NoName, "compare nslookup na3.docusign.net"},
		{"the DNS server is silent", (&egress.Dialer{Lookup: &egress.Resolver{
			Server: netip.MustParseAddrPort(silent.LocalAddr().String()), Timeout: 50 * time.Millisecond,
		}}).DialContext, call.KindUnreachable, cause.NoDNS, "look at this machine's DNS server"},
		{"nobody listens", (&egress.Dialer{Allow: loop, Resolve: to(closedPort(t))}).DialContext, call.KindUnreachable,
			cause.ConnectionRefused, "between this machine and na3.docusign.net"},
		{"the name leads inside", (&egress.Dialer{Resolve: to(netip.MustParseAddrPort("10.1.2.3:443"))}).DialContext,
			call.KindUnreachable, cause.PrivateAddress, "if 10.1.2.3 is meant, add it to egress.allow_addresses"},
		{"the hosts file leads to the proxy itself", (&egress.Dialer{Allow: loop, Resolve: to(own), Self: func() []netip.AddrPort {
			return []netip.AddrPort{own}
		}}).DialContext, call.KindUnreachable, cause.OwnAddress, "the hosts file of this machine sends na3.docusign.net here"},
		{"the company's proxy is down", (&egress.Proxy{Address: host(t, closedPort(t).String()),
			Dialer: &egress.Dialer{}}).DialContext, call.KindUnreachable, cause.ProxyDown, "host and port in upstream.proxy"},
		{"the company's proxy wants a log-in", through("407 Proxy Authentication Required"), call.KindUnreachable,
			cause.ProxyLogin, "the user into upstream.proxy"},
		{"the company's proxy refuses", through("403 Forbidden"), call.KindUnreachable, cause.ProxyRefused,
			"let this machine through to na3.docusign.net"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := &http.Transport{DialContext: c.dial}
			defer tr.CloseIdleConnections()
			_, err := (&http.Client{Transport: tr}).Get("https://na3.docusign.net/")
			e := call.ErrorOf(egress.Failure("na3.docusign.net", "DocuSign", err))
			id, fill := e.Row()
			if e.Kind != c.kind || id != c.want || !strings.Contains(id.Next(fill...), c.says) {
				t.Errorf("%v, %s\n%s\n%v", e.Kind, id.Means(fill...), id.Next(fill...), err)
			}
		})
	}
}
