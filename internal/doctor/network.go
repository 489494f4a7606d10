package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"docusign-auth-proxy/proxy/egress"
)

const (
	netTimeout = 15 * time.Second
	fineClock  = 30 * time.Second // beyond it something does not set this machine's clock
	maxShown   = 4                // addresses told of a name
)

// network looks at the ways to DocuSign's hosts, each once.
type network struct {
	*run
	blocked map[string]string // by origin: the finding why it cannot be reached; "" = it can
	offset  time.Duration     // of this machine's clock
}

// check looks at the way to the account server and the default site, and at the clock.
func (c *network) check(ctx context.Context) {
	n := &c.Network
	if n.Dial == nil || n.AccountServer == "" {
		c.skip("network", "", "the configuration does not tell which DocuSign is meant", "config")
		return
	}
	proxyFault := c.checkCompanyProxy(ctx)
	if proxyFault != "" {
		c.blocked[n.AccountServer], c.blocked[n.Site] = proxyFault, proxyFault
		c.skip("network", hostOf(n.AccountServer)+", "+hostOf(n.Site), "there is no other way to them", proxyFault)
	}
	if c.reach(ctx, n.AccountServer) == "" {
		c.checkClock(ctx)
	} else {
		c.skip("clock", hostOf(n.AccountServer), "it is compared with the account server's", c.blocked[n.AccountServer])
	}
	if n.Site != n.AccountServer {
		c.reach(ctx, n.Site)
	}
}

// checkCompanyProxy returns the name of the finding that is in the way, or "".
func (c *network) checkCompanyProxy(ctx context.Context) string {
	n := &c.Network
	if n.CompanyProxy == "" {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, netTimeout)
	defer cancel()
	conn, err := n.DialProxy(ctx)
	if err == nil {
		_ = conn.Close() // only whether it opens was of interest
		c.ok("upstream", n.CompanyProxy, "the company's proxy takes connections; it resolves the names")
		return ""
	}
	return c.add(Finding{
		Check: "upstream", Subject: n.CompanyProxy, Status: Fail, Found: "the company's proxy cannot be reached: " +
			plain(err),
		Why: "upstream.proxy is the only way to DocuSign", Next: "check host and port in upstream.proxy with " +
			"whoever runs it, and that a firewall lets this machine through to it",
	})
}

// reach checks name, connection and TLS of an origin once, and returns the finding that is in the way, or "".
func (c *network) reach(ctx context.Context, origin string) string {
	if because, known := c.blocked[origin]; known {
		return because
	}
	because := c.reachFresh(ctx, origin)
	c.blocked[origin] = because
	return because
}

func (c *network) reachFresh(ctx context.Context, origin string) string {
	ctx, cancel := context.WithTimeout(ctx, 2*netTimeout)
	defer cancel()
	address, host := addressOf(origin)
	if fault := c.resolve(ctx, host); fault != "" {
		c.skip("tcp", address, "nothing to connect to", fault)
		c.skip("tls", host, "no connection", fault)
		return fault
	}
	conn, fault := c.connect(ctx, address)
	if conn == nil {
		c.skip("tls", host, "no connection", fault)
		return fault
	}
	defer conn.Close()
	return c.handshake(ctx, conn, host)
}

// resolve, connect and handshake return the name of the finding that is in the way, or "".
func (c *network) resolve(ctx context.Context, host string) string {
	n := &c.Network
	if _, err := netip.ParseAddr(host); err == nil || n.CompanyProxy != "" {
		return "" // no name, or not ours to resolve
	}
	if to, ok := n.Fixed(host); ok {
		c.ok("dns", host, "fixed to "+to+" by egress.resolve")
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, netTimeout)
	defer cancel()
	addrs, err := n.Lookup(ctx, host)
	if err == nil && len(addrs) > 0 {
		c.ok("dns", host, listed(addrs))
		return ""
	}
	if err == nil {
		err = errors.New("no address")
	}
	return c.add(Finding{
		Check: "dns", Subject: host, Status: Fail, Found: "the name cannot be resolved: " + plain(err),
		Why: "DocuSign cannot be called while its name leads nowhere",
		Next: "try nslookup " + host + "; if it fails too, mend this machine's DNS; if only a company proxy reaches " +
			"the internet, set upstream.proxy; egress.resolver asks another DNS server",
	})
}

func listed(addrs []netip.Addr) string {
	var out []string
	for i, a := range addrs {
		if i == maxShown {
			out = append(out, fmt.Sprintf("and %d more", len(addrs)-maxShown))
			break
		}
		out = append(out, a.Unmap().String())
	}
	return strings.Join(out, ", ")
}

func (c *network) connect(ctx context.Context, address string) (net.Conn, string) {
	n := &c.Network
	started := time.Now()
	dial, cancel := context.WithTimeout(ctx, netTimeout)
	defer cancel()
	conn, err := n.Dial(dial, "tcp", address)
	if err == nil {
		text := fmt.Sprintf("connected in %d ms", time.Since(started).Milliseconds())
		if n.CompanyProxy != "" {
			text += " through " + n.CompanyProxy
		}
		c.ok("tcp", address, text)
		return conn, ""
	}
	f := Finding{
		Check: "tcp", Subject: address, Status: Fail, Found: "no connection: " + plain(err),
		Why: "DocuSign cannot be called",
		Next: "ask whoever runs the firewall to let this machine through to " + address +
			"; if only a company proxy reaches the internet, set upstream.proxy in " + c.Config,
	}
	var refused *egress.RefusedError
	var company *egress.ProxyError
	switch {
	case errors.As(err, &refused):
		f.Found = fmt.Sprintf("the name leads to %s, which this proxy does not connect to (%s)", refused.Addr,
			refused.Rule)
		f.Why = "an address inside your network in DocuSign's name is a fault of DNS, a hosts file that points " +
			"here, or an attack"
		f.Next = "find out who answers for the name; if the address is meant, " +
			cmp.Or(refused.Hint, "nothing can allow it: mend the name")
	case errors.As(err, &company):
		f.Next = "show whoever runs the company's proxy " + n.CompanyProxy + " this text: CONNECT to " + address +
			" has to be allowed; if it asks for a password, check the user in upstream.proxy and " +
			"upstream.proxy_password"
	}
	return nil, c.add(f)
}

func (c *network) handshake(ctx context.Context, conn net.Conn, host string) string {
	secured := tls.Client(conn, &tls.Config{ServerName: host, RootCAs: c.Network.Roots, MinVersion: tls.VersionTLS12})
	ctx, cancel := context.WithTimeout(ctx, netTimeout)
	defer cancel()
	err := secured.HandshakeContext(ctx)
	if err == nil {
		state := secured.ConnectionState()
		leaf := state.PeerCertificates[0]
		c.ok("tls", host, fmt.Sprintf("%s, certificate by %s until %s", tls.VersionName(state.Version),
			nameOf(leaf.Issuer.Organization, leaf.Issuer.CommonName), leaf.NotAfter.Format(time.DateOnly)))
		return ""
	}
	return c.add(handshakeFault(host, err, c.Now()))
}

func nameOf(organization []string, common string) string {
	if common == "" {
		return strings.Join(organization, ", ")
	}
	return common
}

func handshakeFault(host string, err error, now time.Time) Finding {
	f := Finding{
		Check: "tls", Subject: host, Status: Fail, Found: "no TLS: " + plain(err),
		Why: "without a certificate that can be believed, credentials would go to whoever answers",
		Next: "find out what stands between this machine and " + host +
			": a firewall that inspects or cuts TLS, or a proxy",
	}
	var unverified *tls.CertificateVerificationError
	var issuer string
	if errors.As(err, &unverified) && len(unverified.UnverifiedCertificates) > 0 {
		last := unverified.UnverifiedCertificates[len(unverified.UnverifiedCertificates)-1]
		issuer = nameOf(last.Issuer.Organization, last.Issuer.CommonName)
	}
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	switch {
	case errors.As(err, &unknown):
		f.Found = "the certificate was issued by " + cmp.Or(issuer, "somebody") +
			", whom neither this machine nor upstream.ca_file trusts"
		f.Next = "if that is your company's TLS inspection, get its root certificate as PEM and name it in " +
			"upstream.ca_file; if it is a public authority, bring this machine's trust store up to date " +
			"(ca-certificates); if you do not know it, do not go on"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		f.Found = "the certificate is not valid at this machine's time: " + plain(err)
		f.Next = "check this machine's clock first (it says " + now.UTC().Format("2006-01-02 15:04 MST") +
			"); if it is right, what answers for " + host + " shows an old certificate"
	case errors.As(err, &name):
		f.Found = "whoever answers has a certificate for another name: " + plain(err)
		f.Next = "the name " + host + " leads to the wrong machine: check DNS, the hosts file and egress.resolve"
	}
	return f
}

// checkClock compares with the Date of the account server (PROTOCOL.md §6.4, expired_grant).
func (c *network) checkClock(ctx context.Context) {
	n := &c.Network
	host := hostOf(n.AccountServer)
	offset, err := c.measure(ctx)
	if err != nil {
		c.add(Finding{
			Check: "clock", Subject: host, Status: Warn, Found: "cannot be compared: " + plain(err),
			Why: "an assertion with a wrong time is refused", Next: "compare this machine's clock (" +
				c.Now().UTC().Format("15:04:05 MST") + ") with another one",
		})
		return
	}
	c.offset = offset
	direction := "behind"
	if offset < 0 {
		direction = "ahead of"
	}
	if offset.Abs() <= fineClock {
		c.ok("clock", host, fmt.Sprintf("within %d s of the account server's", int(offset.Abs().Seconds())+1))
		return
	}
	c.add(Finding{
		Check: "clock", Subject: host, Status: Warn, Found: fmt.Sprintf("this machine's clock is %s %s the account "+
			"server's", offset.Abs().Round(time.Second), direction),
		Why: "DocuSign refuses assertions with a wrong time (expired_grant, no_valid_keys_or_signatures); the " +
			"proxy corrects its own, but certificates, logs and other programs suffer",
		Next: "let this machine set its clock by NTP (timedatectl set-ntp true; on Windows: w32tm /resync), and " +
			"check its time zone",
	})
}

func (c *network) measure(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, netTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Network.AccountServer+"/oauth/userinfo", nil)
	if err != nil {
		return 0, err
	}
	sent := c.Now()
	resp, err := c.Network.HTTP.Do(req)
	if err != nil {
		return 0, err
	}
	received := c.Now()
	_ = resp.Body.Close() // 401 is expected; only its Date is read
	at, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return 0, errors.New("the answer has no Date")
	}
	return at.Add(500 * time.Millisecond).Sub(sent.Add(received.Sub(sent) / 2)), nil
}

func hostOf(origin string) string {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return origin
	}
	return u.Host
}

// addressOf gives host:port and the bare host of an origin.
func addressOf(origin string) (address, host string) {
	u, err := url.Parse(origin)
	if err != nil {
		return origin, origin
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	return net.JoinHostPort(u.Hostname(), port), u.Hostname()
}

// plain is the cause without the wrappings of net and net/http.
func plain(err error) string {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		err = ue.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return "no answer in time"
	}
	text := strings.TrimPrefix(err.Error(), "egress: ")
	return strings.TrimPrefix(text, "tls: failed to verify certificate: ")
}
