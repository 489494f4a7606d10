package mistakes_test

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/translate/oauth"
)

// network are mistakes on the way from the proxy to DocuSign.
func network() []mistake {
	const unreachable = "could not be reached"
	return []mistake{
		{name: "a DNS server that does not answer", before: func(p *place) {
			closed := p.closed("udp")
			p.Change(func(s apptest.Section) {
				delete(s.At("egress").At("resolve"), site)
				s.At("egress")["resolver"] = closed
			})
		}, cause: cause.NoDNS, status: 502, says: unreachable, check: "dns"},
		{name: "a firewall that refuses the site", before: leads(site, func(p *place) string { return p.closed("tcp") }),
			cause: cause.ConnectionRefused, status: 502, says: unreachable, check: "tcp"},
		{name: "a firewall that refuses the account server", before: leads(accountServer,
			func(p *place) string { return p.closed("tcp") }), cause: cause.ConnectionRefused,
			word: "network", of: values("host", accountServer), status: 503, says: "not available", check: "tcp"},
		{name: "an address inside the company", config: func(s apptest.Section) {
			delete(s.At("egress"), "allow_addresses")
		}, cause: cause.PrivateAddress, word: "network", of: values("host", accountServer, "address", "127.0.0.1"),
			status: 503, says: "not available", check: "tcp"},
		{name: "a hosts file that leads the proxy to itself", before: func(p *place) {
			door := p.reserve()
			p.Change(func(s apptest.Section) {
				s.At("listen")["hosts"], s.At("egress").At("resolve")[site] = door, door
			})
		}, cause: cause.OwnAddress, status: 502, says: unreachable, check: "tcp"},
		{name: "something that does not speak TLS", before: leads(site, func(p *place) string {
			return p.serve(func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-old\r\n") })
		}), cause: cause.NoTLS, status: 502, says: unreachable, check: "tls"},
		{name: "a firewall that cuts the connection", before: leads(site, func(p *place) string {
			return p.serve(func(c net.Conn) { // an end without linger is a reset
				_, _ = c.Read(make([]byte, 1))
				_ = c.(*net.TCPConn).SetLinger(0)
			})
		}), cause: cause.Reset, status: 502, says: unreachable, check: "tls"},
		{name: "a company's proxy that wants a log-in", before: through("407 Proxy Authentication Required"),
			cause: cause.ProxyLogin, word: "network", of: companyProxy, status: 503, says: "not available", check: "tcp"},
		{name: "a company's proxy that refuses", before: through("403 Forbidden"), cause: cause.ProxyRefused,
			word: "network", of: companyProxy, status: 503, says: "not available", check: "tcp"},
		{name: "a company's proxy that is down", before: func(p *place) { p.useProxy(p.closed("tcp")) },
			cause: cause.ProxyDown, word: "network", of: companyProxy, status: 503, says: "not available",
			check: "upstream"},
		{name: "a company that reads TLS", config: func(s apptest.Section) { delete(s, "upstream") },
			cause: cause.UntrustedCertificate, word: "network", of: values("host", accountServer), status: 503,
			says: "not available", check: "tls"},
		{name: "a certificate out of its term", before: leads(site, func(p *place) string {
			return p.serveTLS(site, time.Now().Add(-time.Hour))
		}), cause: cause.ExpiredCertificate, status: 502, says: unreachable, check: "tls"},
		{name: "a machine that is not DocuSign's", before: leads(site, func(p *place) string {
			return p.serveTLS("intranet.example.com", time.Now().Add(time.Hour))
		}), cause: cause.OtherCertificate, status: 502, says: unreachable, check: "tls"},
	}
}

// leads fixes the address of a host of DocuSign's.
func leads(host string, address func(*place) string) func(*place) {
	return func(p *place) {
		at := address(p)
		p.Change(func(s apptest.Section) { s.At("egress").At("resolve")[host] = at })
	}
}

// through sends everything through a company's proxy that answers so.
func through(status string) func(*place) {
	return func(p *place) {
		p.useProxy(p.serve(func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, "HTTP/1.1 "+status+"\r\nContent-Length: 0\r\n\r\n")
		}))
	}
}

func (p *place) useProxy(address string) {
	p.company = address
	p.Change(func(s apptest.Section) {
		delete(s.At("egress"), "resolve")
		delete(s.At("listen"), "hosts")
		s.At("upstream")["proxy"] = "http://" + address
	})
}

func companyProxy(p *place) []string { return []string{"proxy", p.company, "host", accountServer} }

// closed is an address at which nothing listens.
func (p *place) closed(network string) string {
	p.T.Helper()
	if network == "udp" {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			p.T.Fatal(err)
		}
		defer c.Close()
		return c.LocalAddr().String()
	}
	return p.reserve()
}

// reserve is an address at which nothing listens yet.
func (p *place) reserve() string {
	p.T.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.T.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// serve answers each connection and ends it.
func (p *place) serve(answer func(net.Conn)) string {
	p.T.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.T.Fatal(err)
	}
	p.T.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(apptest.WireLimit))
				answer(c)
			}()
		}
	}()
	return ln.Addr().String()
}

// serveTLS shows a certificate of the sandbox's CA for another name or time.
func (p *place) serveTLS(name string, until time.Time) string {
	p.T.Helper()
	ca, err := tls.X509KeyPair(p.docusign.AuthorityPEM(), p.docusign.AuthorityPEM())
	if err != nil {
		p.T.Fatal(err)
	}
	leaf := certificate(p.T, ca, &x509.Certificate{DNSNames: []string{name}, NotAfter: until})
	return p.serve(func(c net.Conn) {
		_ = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{leaf}}).Handshake()
	})
}

// certificate signs a template with a CA, for the CA's own key.
func certificate(t *testing.T, ca tls.Certificate, template *x509.Certificate) tls.Certificate {
	t.Helper()
	template.SerialNumber, template.NotBefore = big.NewInt(2), time.Now().AddDate(-2, 0, 0)
	if template.Subject.CommonName == "" {
		template.Subject = pkix.Name{CommonName: "a certificate for tests"}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.Leaf, ca.Leaf.PublicKey, ca.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: ca.PrivateKey}
}

// fingerprint is how the log names a private key.
func fingerprint(p *place, name string) string {
	p.T.Helper()
	return oauth.NewKey(name, p.key(name)).ID
}

// connections are mistakes of programs that do not get as far as a call, and of CONNECTs.
func connections() []mistake {
	handshake := func(door call.Door, change func(p *place, c *tls.Config)) func(*place) apptest.Answer {
		return func(p *place) apptest.Answer {
			w := p.Dial(p.T, door)
			if door == call.DoorSidecar {
				w.Send(apptest.ConnectDemo)
				w.Established()
			}
			cfg := &tls.Config{ServerName: site, RootCAs: p.ProxyCA()}
			change(p, cfg)
			c := tls.Client(w.Buffered(), cfg)
			_ = c.Handshake() // the proxy's words are what is looked at
			_ = c.Close()
			_, _ = io.Copy(io.Discard, w.In)
			return apptest.Answer{}
		}
	}
	distrust := func(_ *place, c *tls.Config) { c.RootCAs = nil }
	withoutCA := func(s apptest.Section) { delete(s, "interception"); delete(s.At("listen"), "hosts") }
	head := "GET " + apptest.ListPath + " HTTP/1.1\r\nHost: " + site + "\r\n"
	all := []mistake{
		{name: "a program in CONNECT that does not trust the CA", call: handshake(call.DoorSidecar, distrust),
			cause: cause.TLSNotTrusted},
		{name: "a program by the hosts file that does not trust the CA", call: handshake(call.DoorHosts, distrust),
			cause: cause.TLSNotTrusted},
		{name: "a program with TLS 1.0", call: handshake(call.DoorHosts, func(_ *place, c *tls.Config) {
			c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
		}), cause: cause.TLSVersion},
		{name: "a program that hangs up after the handshake", call: handshake(call.DoorHosts, func(*place, *tls.Config) {}),
			cause: cause.TLSNoCall},
		{name: "a hosts file that leads another name here", call: handshake(call.DoorHosts,
			func(_ *place, c *tls.Config) { c.ServerName = "www.example.com" }), cause: cause.TLSName},
		{name: "a greeting in the form of SSLv2", call: func(p *place) apptest.Answer {
			return p.raw(call.DoorHosts, "\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10"+strings.Repeat("\x00", 37))
		}, cause: cause.TLSSSLv2},
		{name: "TLS to a proxy without a CA", config: withoutCA, call: func(p *place) apptest.Answer {
			return p.raw(call.DoorSidecar, "\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03"+strings.Repeat("\x00", 194))
		}, cause: cause.NoCA},
		{name: "a blank in the URL", call: func(p *place) apptest.Answer {
			return p.raw(call.DoorSidecar, strings.Replace(head, "?", "?name=A B&", 1)+"\r\n")
		}, cause: cause.UnreadableRequest, status: 400},
		{name: "a header of a megabyte", config: func(s apptest.Section) { s.At("limits")["header_bytes"] = "4KiB" },
			call: func(p *place) apptest.Answer {
				return p.raw(call.DoorSidecar, head+"X-Large: "+strings.Repeat("x", 20<<10)+"\r\n\r\n")
			}, cause: cause.HeadTooLarge, status: 431},
	}
	for i := range all {
		all[i].line, all[i].noHeader, all[i].noCheck = withoutCall, noAnswer, onlyInCall
	}
	proxyUser := func(s apptest.Section) {
		s.At("egress")["proxy_users"] = []any{apptest.Section{
			"username": "erp", "password": apptest.Section{"file": "app-password"}}}
	}
	connect := func(target string, headers ...string) func(*place) apptest.Answer {
		return func(p *place) apptest.Answer { return p.connect(target, headers...) }
	}
	return append(all, []mistake{
		{name: "CONNECT to a host that is not listed", call: connect("www.example.com:443"), cause: cause.NotListed,
			of: values("host", "www.example.com:443"), status: 403, says: "www.example.com", noCheck: onlyInCall},
		{name: "CONNECT to another port of DocuSign's", call: connect(site + ":8443"), cause: cause.DocuSignPort, status: 403,
			says: "8443", noCheck: onlyInCall},
		{name: "CONNECT to a proxy without a CA", config: withoutCA, call: connect(site + ":443"), cause: cause.NoCA,
			status: 403, says: "CA", noCheck: onlyInCall},
		{name: "CONNECT without the proxy's user", config: proxyUser, call: connect(site + ":443"),
			cause: cause.ClientCredentialMissing, status: 407, says: "user", noCheck: onlyInCall},
		{name: "CONNECT with a wrong proxy user", config: proxyUser,
			call:  connect(site+":443", "Proxy-Authorization: Basic ZXJwOmNhbmFyeS0x", ""),
			cause: cause.ClientCredential, status: 407, says: "password", noCheck: onlyInCall},
	}...)
}
