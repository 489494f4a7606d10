package authority_test

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"docusign-auth-proxy/proxy/authority"
)

const demo = "demo.docusign.net"

func newLeaves(t testing.TB, a *authority.Authority, o authority.Options) *authority.Leaves {
	t.Helper()
	if o.Now == nil {
		o.Now = at(day0)
	}
	l, err := authority.NewLeaves(a, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// handshake runs a real handshake over loopback and returns both ends' views.
func handshake(t testing.TB, server, client *tls.Config) (tls.ConnectionState, error, error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	serverErr := make(chan error, 1)
	go func() {
		raw, err := listener.Accept()
		if err != nil {
			serverErr <- err
			return
		}
		defer raw.Close()
		conn := tls.Server(raw, server)
		if err := conn.Handshake(); err != nil {
			serverErr <- err
			return
		}
		// One byte, so that a TLS 1.3 client has read its session ticket when it has read this.
		_, err = conn.Write([]byte{1})
		serverErr <- err
	}()
	raw, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	conn := tls.Client(raw, client)
	clientErr := conn.Handshake()
	if clientErr == nil {
		_, clientErr = conn.Read(make([]byte, 1))
	}
	return conn.ConnectionState(), clientErr, <-serverErr
}

func trusting(a *authority.Authority, name string) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(a.Certificate())
	return &tls.Config{RootCAs: roots, ServerName: name, Time: at(day0)}
}

// nameless is a client that sends no SNI, as Java does for localhost, and checks the certificate against name.
func nameless(a *authority.Authority, name string) *tls.Config {
	c := trusting(a, "")
	c.InsecureSkipVerify = true
	c.VerifyConnection = func(s tls.ConnectionState) error {
		_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: c.RootCAs, DNSName: name, CurrentTime: day0})
		return err
	}
	return c
}

func verify(a *authority.Authority, cert *tls.Certificate, name string, now time.Time) error {
	roots := x509.NewCertPool()
	roots.AddCert(a.Certificate())
	_, err := cert.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: now})
	return err
}

func ecdsaHello(name string) *tls.ClientHelloInfo {
	return &tls.ClientHelloInfo{
		ServerName: name, SupportedVersions: []uint16{tls.VersionTLS13},
		SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256},
		CipherSuites:     []uint16{tls.TLS_AES_128_GCM_SHA256}, SupportedCurves: []tls.CurveID{tls.X25519},
	}
}

func ecdsaLeaf(t testing.TB, l *authority.Leaves, host string) *tls.Certificate {
	t.Helper()
	cert, err := l.Config(host).GetCertificate(ecdsaHello(host))
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestLeafFields(t *testing.T) {
	a := newAuthority(t, authority.Spec{ECDSA: true})
	c := ecdsaLeaf(t, newLeaves(t, a, authority.Options{}), demo).Leaf
	if c.Subject.CommonName != demo || fmt.Sprint(c.DNSNames, c.IPAddresses) != "[demo.docusign.net] []" {
		t.Errorf("names %v %v %v", c.Subject, c.DNSNames, c.IPAddresses)
	}
	if !c.NotBefore.Equal(day0.Add(-time.Hour)) || !c.NotAfter.Equal(day0.Add(30*24*time.Hour)) {
		t.Errorf("term %v to %v", c.NotBefore, c.NotAfter)
	}
	if c.IsCA || len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageServerAuth ||
		c.KeyUsage != x509.KeyUsageDigitalSignature {
		t.Errorf("usage %v %v", c.KeyUsage, c.ExtKeyUsage)
	}
	if len(c.SubjectKeyId) != 20 || string(c.AuthorityKeyId) != string(a.Certificate().SubjectKeyId) {
		t.Errorf("key identifiers %x %x", c.SubjectKeyId, c.AuthorityKeyId)
	}
}

func TestHandshakes(t *testing.T) {
	root := newAuthority(t, authority.Spec{})
	modern := newLeaves(t, root, authority.Options{})
	legacy := newLeaves(t, root, authority.Options{Legacy: true})
	client := func(change func(*tls.Config)) *tls.Config {
		c := trusting(root, demo)
		if change != nil {
			change(c)
		}
		return c
	}
	only := func(version uint16, suites ...uint16) *tls.Config {
		return client(func(c *tls.Config) { c.MinVersion, c.MaxVersion, c.CipherSuites = version, version, suites })
	}
	const refused = 0
	tests := []struct {
		name   string
		leaves *authority.Leaves
		client *tls.Config
		want   uint16
		key    string
	}{
		{"today's client gets TLS 1.3 and an ECDSA leaf", modern, client(nil), tls.VersionTLS13, "ECDSA"},
		{"a TLS 1.2 client gets an ECDSA leaf", modern, only(tls.VersionTLS12), tls.VersionTLS12, "ECDSA"},
		{
			"a TLS 1.2 client with RSA suites alone gets an RSA leaf", modern,
			only(tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256), tls.VersionTLS12, "RSA",
		},
		{"the modern profile refuses TLS 1.1", modern, only(tls.VersionTLS11), refused, ""},
		{"the modern profile refuses TLS 1.0", modern, only(tls.VersionTLS10), refused, ""},
		{
			"the modern profile refuses RSA key exchange", modern, only(tls.VersionTLS12, tls.TLS_RSA_WITH_AES_128_CBC_SHA),
			refused, "",
		},
		{
			"the modern profile refuses 3DES", modern, only(tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA), refused,
			"",
		},
		{"the legacy profile gives today's client TLS 1.3 and an ECDSA leaf", legacy, client(nil), tls.VersionTLS13, "ECDSA"},
		{"the legacy profile takes TLS 1.0 with ECDHE", legacy, only(tls.VersionTLS10), tls.VersionTLS10, "RSA"},
		{
			"the legacy profile takes TLS 1.0 with RSA key exchange", legacy,
			only(tls.VersionTLS10, tls.TLS_RSA_WITH_AES_128_CBC_SHA), tls.VersionTLS10, "RSA",
		},
		{
			"the legacy profile takes TLS 1.0 with RSA key exchange and 3DES", legacy,
			only(tls.VersionTLS10, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA), tls.VersionTLS10, "RSA",
		},
		{
			"the legacy profile takes TLS 1.1", legacy, only(tls.VersionTLS11, tls.TLS_RSA_WITH_AES_256_CBC_SHA),
			tls.VersionTLS11, "RSA",
		},
		{
			"the legacy profile takes TLS 1.2 with RSA key exchange", legacy,
			only(tls.VersionTLS12, tls.TLS_RSA_WITH_AES_256_GCM_SHA384), tls.VersionTLS12, "RSA",
		},
		{
			"the legacy profile takes TLS 1.2 with 3DES", legacy,
			only(tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA), tls.VersionTLS12, "RSA",
		},
		{"the legacy profile gives an ECDSA-offering TLS 1.0 client an RSA leaf all the same", legacy,
			only(tls.VersionTLS10, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_128_CBC_SHA), tls.VersionTLS10,
			"RSA"},
		{"no profile takes RC4", legacy, only(tls.VersionTLS10, tls.TLS_RSA_WITH_RC4_128_SHA), refused, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			state, err, _ := handshake(t, tt.leaves.Config(demo), tt.client)
			if tt.want == refused {
				if err == nil {
					t.Fatalf("took %x", state.Version)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := state.PeerCertificates[0].PublicKeyAlgorithm.String(); state.Version != tt.want || got != tt.key {
				t.Errorf("%x with %s, want %x with %s", state.Version, got, tt.want, tt.key)
			}
			if len(state.PeerCertificates) != 1 {
				t.Errorf("%d certificates sent, the root is the client's", len(state.PeerCertificates))
			}
		})
	}
}

// RFC 9113 §9.2: HTTP/2 needs TLS 1.2 and a suite with forward secrecy and authenticated encryption.
func TestALPN(t *testing.T) {
	a := newAuthority(t, authority.Spec{})
	modern := newLeaves(t, a, authority.Options{})
	legacy := newLeaves(t, a, authority.Options{Legacy: true})
	const both = "h2 http/1.1"
	for _, tt := range []struct {
		name, offered string
		leaves        *authority.Leaves
		version       uint16 // the client's newest; 0 = TLS 1.3
		suites        []uint16
		want          string
	}{
		{"both", both, modern, 0, nil, "h2"},
		{"HTTP/1.1 alone", "http/1.1", modern, 0, nil, "http/1.1"},
		{"HTTP/2 alone", "h2", modern, 0, nil, "h2"},
		{"nothing", "", modern, 0, nil, ""},
		{"HTTP/1.0 alone (curl -0, PHP)", "http/1.0", modern, 0, nil, ""},
		{"a protocol that nobody knows", "spdy/3 http/0.9", modern, tls.VersionTLS12, nil, ""},
		{"both with TLS 1.2", both, modern, tls.VersionTLS12, nil, "h2"},
		{
			"both with a good ECDSA suite", both, modern, tls.VersionTLS12,
			[]uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, "h2",
		},
		{
			"both with a good RSA suite", both, modern, tls.VersionTLS12,
			[]uint16{tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256}, "h2",
		},
		{"a good suite is preferred", both, modern, tls.VersionTLS12,
			[]uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}, "h2"},
		{"a CBC suite", both, modern, tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}, "http/1.1"},
		{
			"a CBC suite and HTTP/2 alone", "h2", modern, tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}, "",
		},
		{"the good suite does not fit the leaf", both, modern, tls.VersionTLS12,
			[]uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}, "http/1.1"},
		{"the legacy profile with TLS 1.3", both, legacy, 0, nil, "h2"},
		{"RSA key exchange", both, legacy, tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}, "http/1.1"},
		{"3DES", both, legacy, tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA}, "http/1.1"},
		{"TLS 1.1", both, legacy, tls.VersionTLS11, nil, "http/1.1"},
		{"TLS 1.0", both, legacy, tls.VersionTLS10, nil, "http/1.1"},
		{"TLS 1.0 and HTTP/1.0", "http/1.0", legacy, tls.VersionTLS10, nil, ""},
	} {
		for door, server := range map[string]*tls.Config{
			"a host's config": tt.leaves.Config(demo),
			"the SNI door":    tt.leaves.ServerConfig(local, nil),
		} {
			t.Run(tt.name+", "+door, func(t *testing.T) {
				c := trusting(a, demo)
				c.NextProtos, c.CipherSuites = strings.Fields(tt.offered), tt.suites
				c.MinVersion, c.MaxVersion = tls.VersionTLS10, tt.version
				state, err, _ := handshake(t, server, c)
				if err != nil || state.NegotiatedProtocol != tt.want {
					t.Errorf("%q, %v", state.NegotiatedProtocol, err)
				}
			})
		}
	}
}

// local are the names of a listener for clients that send no SNI.
func local(net.Conn) []string { return []string{"127.0.0.1", "localhost"} }

func TestTicketsResume(t *testing.T) {
	a := newAuthority(t, authority.Spec{ECDSA: true})
	l := newLeaves(t, a, authority.Options{})
	door := l.ServerConfig(local, nil)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for name, server := range map[string]func() *tls.Config{
			"a host's config": func() *tls.Config { return l.Config(strings.ToUpper(demo) + ".") },
			"the SNI door":    func() *tls.Config { return door },
		} {
			c := trusting(a, demo)
			c.MaxVersion, c.ClientSessionCache = version, tls.NewLRUClientSessionCache(4)
			for i, want := range []bool{false, true} {
				state, err, _ := handshake(t, server(), c)
				if err != nil || state.DidResume != want {
					t.Errorf("%s, %x, connection %d: resumed %v, %v", name, version, i, state.DidResume, err)
				}
			}
		}
	}
}

func TestServerConfig(t *testing.T) {
	root := newAuthority(t, authority.Spec{ECDSA: true})
	l := newLeaves(t, root, authority.Options{})
	demoOnly := func(sni string) bool { return sni == demo }
	const siteNames = "[demo.docusign.net *.docusign.net] []"
	sites := func(net.Conn) []string {
		return []string{demo, "*.docusign.net", "*.example.com", "DEMO.docusign.net."}
	}
	tests := []struct {
		name    string
		unnamed func(net.Conn) []string
		allow   func(string) bool
		client  *tls.Config
		sans    string // of the certificate
		refusal string
	}{
		{"SNI chooses the certificate", local, nil, trusting(root, "na2.docusign.net"), "[na2.docusign.net] []", ""},
		{"an allowed SNI passes", local, demoOnly, trusting(root, demo), "[demo.docusign.net] []", ""},
		{
			"a host that is not allowed is refused by name", local, demoOnly, trusting(root, "na2.docusign.net"), "",
			"does not serve",
		},
		{
			"a host outside the constraints is refused by name", local, nil, trusting(root, "www.example.com"), "",
			"do not permit",
		},
		{"SNI of localhost gets no address", local, nil, trusting(root, "localhost"), "[localhost] []", ""},
		{"no SNI, called by address", local, demoOnly, nameless(root, "127.0.0.1"), "[localhost] [127.0.0.1]", ""},
		{
			"no SNI, called as localhost, as Java does", local, nil, nameless(root, "localhost"), "[localhost] [127.0.0.1]", "",
		},
		{"no SNI behind the hosts file", sites, demoOnly, nameless(root, demo), siteNames, ""},
		{"no SNI, a name that a wildcard covers", sites, demoOnly, nameless(root, "na77.docusign.net"), siteNames, ""},
		{"no SNI and no name that may be signed", func(net.Conn) []string {
			return []string{"example.com", "*.example.org"}
		}, nil,
			nameless(root, "x"), "", "do not permit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			state, err, serverErr := handshake(t, l.ServerConfig(tt.unnamed, tt.allow), tt.client)
			if tt.refusal == "" {
				if err != nil || serverErr != nil {
					t.Fatalf("client %v, server %v", err, serverErr)
				}
				c := state.PeerCertificates[0]
				if got := fmt.Sprint(c.DNSNames, c.IPAddresses); got != tt.sans || c.Subject.CommonName != c.DNSNames[0] {
					t.Errorf("names %s, %s", got, c.Subject.CommonName)
				}
				return
			}
			var refused *authority.NameError
			if err == nil || !errors.As(serverErr, &refused) || !strings.Contains(serverErr.Error(), tt.refusal) {
				t.Errorf("client %v, server %v (%T)", err, serverErr, serverErr)
			}
		})
	}
}

// Verifiers that know no constraints on addresses refuse a certificate with an address in it below a CA that has some.
func TestALeafHasOneName(t *testing.T) {
	yes := true
	for name, spec := range map[string]authority.Spec{
		"a CA that does not limit addresses":        {ECDSA: true},
		"a CA that does, as earlier versions do it": {ECDSA: true, ConstrainAddresses: &yes},
	} {
		a := newAuthority(t, spec)
		l := newLeaves(t, a, authority.Options{})
		for host, want := range map[string]string{
			demo: "[demo.docusign.net] []", "localhost": "[localhost] []", "127.0.0.1": "[] [127.0.0.1]", "::1": "[] [::1]",
		} {
			cert := ecdsaLeaf(t, l, host)
			if got := fmt.Sprint(cert.Leaf.DNSNames, cert.Leaf.IPAddresses); got != want {
				t.Errorf("%s: %s has %s", name, host, got)
			}
			if err := verify(a, cert, host, day0); err != nil {
				t.Errorf("%s: %s: %v", name, host, err)
			}
		}
	}
}

func TestConfigRefusesOutsideConstraints(t *testing.T) {
	yes := true
	a := newAuthority(t, authority.Spec{ECDSA: true, ConstrainAddresses: &yes})
	l := newLeaves(t, a, authority.Options{})
	for _, host := range []string{"example.com", "10.1.2.3", "", "a b"} {
		var refusal *authority.NameError
		if _, err := l.Config(host).GetCertificate(ecdsaHello("")); !errors.As(err, &refusal) ||
			!strings.Contains(err.Error(), fmt.Sprintf("%q", host)) {
			t.Errorf("%q: %v", host, err)
		}
	}
}

func TestCacheIsBoundedAndForgetsTheLeastUsed(t *testing.T) {
	a := newAuthority(t, authority.Spec{ECDSA: true})
	l := newLeaves(t, a, authority.Options{})
	first, second := l.Config("a.docusign.net"), l.Config("b.docusign.net")
	if l.Config("A.docusign.net.") != first {
		t.Error("the same host has two configs")
	}
	for i := range authority.MaxHosts - 2 {
		l.Config(fmt.Sprintf("h%d.docusign.net", i))
	}
	if l.Config("a.docusign.net") != first {
		t.Error("the host used last was forgotten")
	}
	l.Config("c.docusign.net")
	if l.Config("b.docusign.net") == second {
		t.Error("the least recently used host stayed")
	}
}

func TestLeafIsReusedThenRenewed(t *testing.T) {
	a := newAuthority(t, authority.Spec{ECDSA: true, Life: 40 * 24 * time.Hour})
	var now atomic.Pointer[time.Time]
	set := func(d time.Duration) { v := day0.Add(d); now.Store(&v) }
	set(0)
	l := newLeaves(t, a, authority.Options{Now: func() time.Time { return *now.Load() }})

	first := ecdsaLeaf(t, l, demo)
	set(19 * 24 * time.Hour)
	if ecdsaLeaf(t, l, demo) != first {
		t.Error("a good leaf was signed again")
	}
	set(21 * 24 * time.Hour)
	second := ecdsaLeaf(t, l, demo)
	if second == first {
		t.Error("two thirds of its life are over and it was not renewed")
	}
	if !second.Leaf.NotAfter.Equal(a.Expires()) {
		t.Errorf("a leaf until %v under a CA until %v", second.Leaf.NotAfter, a.Expires())
	}
	set(40 * 24 * time.Hour)
	if _, err := l.Config(demo).GetCertificate(ecdsaHello(demo)); err == nil ||
		!strings.Contains(err.Error(), "the CA has expired") {
		t.Errorf("expired CA: %v", err)
	}
}

func TestClientsArrivingTogetherShareOneSignature(t *testing.T) {
	a := newAuthority(t, authority.Spec{ECDSA: true})
	l := newLeaves(t, a, authority.Options{})
	var got [16]*tls.Certificate
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() { got[i] = ecdsaLeaf(t, l, demo) })
	}
	wg.Wait()
	for _, c := range got {
		if c != got[0] {
			t.Fatal("more than one leaf signed")
		}
	}
}

func TestLongHostNames(t *testing.T) {
	a := newAuthority(t, authority.Spec{ECDSA: true})
	l := newLeaves(t, a, authority.Options{})
	host := strings.Repeat("a", 60) + ".docusign.net"
	c := ecdsaLeaf(t, l, host)
	if err := verify(a, c, host, day0); err != nil || c.Leaf.Subject.CommonName != "docusign-auth-proxy leaf" {
		t.Errorf("%v, %v", c.Leaf.Subject, err)
	}
}

func TestOneKeyPerType(t *testing.T) {
	a := newAuthority(t, authority.Spec{ECDSA: true})
	l := newLeaves(t, a, authority.Options{})
	old := &tls.ClientHelloInfo{SupportedVersions: []uint16{tls.VersionTLS10}}
	x, err := l.Config("a.docusign.net").GetCertificate(old)
	if err != nil {
		t.Fatal(err)
	}
	y, err := l.Config("b.docusign.net").GetCertificate(old)
	if err != nil {
		t.Fatal(err)
	}
	if x == y || !x.PrivateKey.(*rsa.PrivateKey).Equal(y.PrivateKey) {
		t.Error("RSA leaves do not share their key")
	}
	if x.Leaf.KeyUsage&x509.KeyUsageKeyEncipherment == 0 {
		t.Error("an RSA leaf without key encipherment breaks RSA key exchange")
	}
	p, q := ecdsaLeaf(t, l, "a.docusign.net"), ecdsaLeaf(t, l, "b.docusign.net")
	if !p.PrivateKey.(*ecdsa.PrivateKey).Equal(q.PrivateKey) {
		t.Error("ECDSA leaves do not share their key")
	}
}

// Whatever Permits lets through must end in a leaf that a client accepts for that host.
func FuzzPermittedHostsVerify(f *testing.F) {
	for _, host := range []string{
		"demo.docusign.net", "Demo.DocuSign.NET.", "[::1]", "[", "127.0.0.1", "127.1", "a_b.docusign.com", "::ffff:127.0.0.1",
		"x.localhost",
	} {
		f.Add(host)
	}
	a := newAuthority(f, authority.Spec{ECDSA: true})
	l := newLeaves(f, a, authority.Options{})
	f.Fuzz(func(t *testing.T, host string) {
		if a.Permits(host) != nil {
			return
		}
		bare := strings.TrimSuffix(host, ".")
		if err := verify(a, ecdsaLeaf(t, l, host), bare, day0); err != nil {
			t.Errorf("%q: %v", host, err)
		}
	})
}

func BenchmarkLeafHit(b *testing.B) {
	l := newLeaves(b, newAuthority(b, authority.Spec{}), authority.Options{})
	hello := ecdsaHello(demo)
	ecdsaLeaf(b, l, demo)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Config(demo).GetCertificate(hello); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLeafMiss(b *testing.B) {
	l := newLeaves(b, newAuthority(b, authority.Spec{}), authority.Options{})
	for i := 0; b.Loop(); i++ {
		ecdsaLeaf(b, l, fmt.Sprintf("h%d.docusign.net", i))
	}
}

func BenchmarkHandshakeFresh(b *testing.B)   { benchmarkHandshake(b, nil) }
func BenchmarkHandshakeResumed(b *testing.B) { benchmarkHandshake(b, tls.NewLRUClientSessionCache(4)) }
func BenchmarkHandshakeRSA(b *testing.B) {
	benchmarkHandshake(b, nil, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)
}

func benchmarkHandshake(b *testing.B, cache tls.ClientSessionCache, suites ...uint16) {
	a := newAuthority(b, authority.Spec{})
	l := newLeaves(b, a, authority.Options{})
	c := trusting(a, demo)
	c.ClientSessionCache = cache
	if len(suites) > 0 {
		c.CipherSuites, c.MaxVersion = suites, tls.VersionTLS12
	}
	for b.Loop() {
		if _, err, _ := handshake(b, l.Config(demo), c); err != nil {
			b.Fatal(err)
		}
	}
}

func TestFirstExpiryIsThatOfTheOldestLeaf(t *testing.T) {
	a, err := authority.Create(authority.Spec{ECDSA: true})
	if err != nil {
		t.Fatal(err)
	}
	l, err := authority.NewLeaves(a, authority.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !l.FirstExpiry().IsZero() {
		t.Error("an expiry without a leaf")
	}
	hello := &tls.ClientHelloInfo{
		SupportedVersions: []uint16{tls.VersionTLS13}, SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256},
		CipherSuites: []uint16{tls.TLS_AES_128_GCM_SHA256}, SupportedCurves: []tls.CurveID{tls.CurveP256},
	}
	cert, err := l.Config("demo.docusign.net").GetCertificate(hello)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	if !l.FirstExpiry().Truncate(time.Second).Equal(parsed.NotAfter) {
		t.Errorf("first expiry %v, want %v", l.FirstExpiry(), parsed.NotAfter)
	}
}
