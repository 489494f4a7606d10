package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/translate/oauth"
)

const (
	storeTimeout = 300 * time.Millisecond
	netTimeout   = 15 * time.Second
	fineClock    = 30 * time.Second // beyond it something does not set this machine's clock
	maxShown     = 4                // addresses told of a name
)

// network looks at the ways to DocuSign's hosts, each once. They are the proxy's own.
type network struct {
	*run
	transport *http.Transport
	http      *http.Client
	lookup    egress.Lookup
	company   string // host:port of upstream.proxy; "" = none
	oauth     *oauth.Client
	store     *store.Store
	logins    Finding                // why logins cannot be used; zero = they can
	blocked   map[egress.Host]string // the finding why it cannot be reached; "" = it can
	offset    time.Duration          // of this machine's clock
}

// connect makes the way to DocuSign.
func (c *run) connect() *network {
	dialer := app.DialerOf(c.cfg)
	n := &network{run: c, transport: app.TransportOf(c.cfg, dialer), lookup: net.DefaultResolver,
		blocked: map[egress.Host]string{}}
	if dialer.Lookup != nil {
		n.lookup = dialer.Lookup
	}
	if company := c.cfg.Upstream.Proxy; company != (config.CompanyProxy{}) {
		n.company = company.Host.String()
	}
	n.http = &http.Client{Transport: n.transport, Timeout: 20 * time.Second,
		// A redirect would carry the credential to a host nobody vetted.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	n.openStore()
	n.oauth = app.OAuthOf(c.cfg, n.store, n.transport)
	return n
}

// openStore opens the store if logins are kept in it; else nothing of it is needed. A running proxy holds it.
func (c *network) openStore() {
	c.store = store.Memory()
	path, admin := c.cfg.Store, "http://"+c.cfg.Listen.Admin+"/"
	if _, err := os.Stat(path); err != nil || !slices.ContainsFunc(c.cfg.Integrations, codeGrant) {
		return // nobody has logged in yet; the doctor makes no files
	}
	kept, err := store.Open(path, store.Options{Timeout: storeTimeout})
	if err == nil {
		c.store = kept
		return
	}
	f := Finding{Check: "store", Subject: path, Status: Fail, Found: err.Error(),
		Why:  "the logins of users (grant: authorization_code) are kept in it",
		Next: "restore the file from a backup, or move it away and let the users log in again: docusign-auth-proxy login"}
	c.logins.Found = "their logins are in the store, which cannot be read"
	if errors.Is(err, store.ErrLocked) {
		f = Finding{Check: f.Check, Subject: path, Status: Skipped,
			Found: "the running proxy holds it; the status page " + admin + " shows the logins"}
		c.logins.Found = "their logins are held by the running proxy: see " + admin
	}
	told := func(f Finding) bool { return f.Check == "store" && f.Status == Fail }
	if at := slices.IndexFunc(c.report.Findings, told); at >= 0 {
		c.logins.Because = c.report.Findings[at].Name()
		return
	}
	c.logins.Because = c.add(f)
}

func (c *network) close() {
	if c.oauth != nil {
		c.oauth.Close()
	}
	c.transport.CloseIdleConnections()
	if err := c.store.Close(); err != nil {
		fmt.Fprintln(c.Log, "store:", err)
	}
}

// checkNetwork looks at the way to the account server and the default site, and at the clock.
func (c *network) checkNetwork(ctx context.Context) {
	server, site := c.cfg.AccountServer.Host, c.cfg.Site.Host
	if fault := c.checkCompanyProxy(ctx); fault != "" {
		c.blocked[server], c.blocked[site] = fault, fault
		c.skip("network", server.Authority()+", "+site.Authority(), "there is no other way to them", fault)
	}
	if fault := c.reach(ctx, server); fault == "" {
		c.checkClock(ctx)
	} else {
		c.skip("clock", server.Authority(), "it is compared with the account server's", fault)
	}
	c.reach(ctx, site)
}

// checkCompanyProxy returns the name of the finding that is in the way, or "".
func (c *network) checkCompanyProxy(ctx context.Context) string {
	if c.company == "" {
		return ""
	}
	conn, err := (&net.Dialer{Timeout: netTimeout}).DialContext(ctx, "tcp", c.company)
	if err == nil {
		_ = conn.Close() // only whether it opens was of interest
		c.ok("upstream", c.company, "the company's proxy takes connections; it resolves the names")
		return ""
	}
	return c.add(Finding{
		Check: "upstream", Subject: c.company, Status: Fail, Found: "the company's proxy cannot be reached: " +
			plain(err),
		Why: "upstream.proxy is the only way to DocuSign", Next: "check host and port in upstream.proxy with whoever runs " +
			"it, and that a firewall lets this machine through to it",
	})
}

// reach checks name, connection and TLS of a host once, and returns the finding that is in the way, or "".
func (c *network) reach(ctx context.Context, host egress.Host) string {
	because, known := c.blocked[host]
	if !known {
		because = c.reachFresh(ctx, host)
		c.blocked[host] = because
	}
	return because
}

func (c *network) reachFresh(ctx context.Context, host egress.Host) string {
	ctx, cancel := context.WithTimeout(ctx, 2*netTimeout)
	defer cancel()
	if fault := c.resolve(ctx, host); fault != "" {
		c.skip("tcp", host.String(), "nothing to connect to", fault)
		c.skip("tls", host.Name(), "no connection", fault)
		return fault
	}
	conn, fault := c.connectTo(ctx, host.String())
	if conn == nil {
		c.skip("tls", host.Name(), "no connection", fault)
		return fault
	}
	defer conn.Close()
	return c.handshake(ctx, conn, host.Name())
}

// resolve, connectTo and handshake return the name of the finding that is in the way, or "".
func (c *network) resolve(ctx context.Context, h egress.Host) string {
	host := h.Name()
	if _, isAddress := h.Addr(); isAddress || c.company != "" {
		return "" // no name, or not ours to resolve
	}
	if to, ok := c.cfg.Egress.Fixed[host]; ok {
		text := to.String()
		if to.Port() == 0 {
			text = to.Addr().String()
		}
		c.ok("dns", host, "fixed to "+text+" by egress.resolve")
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, netTimeout)
	defer cancel()
	addrs, err := c.lookup.LookupNetIP(ctx, "ip", host)
	if err == nil && len(addrs) > 0 {
		c.ok("dns", host, listed(addrs, ", ", func(a netip.Addr) string { return a.Unmap().String() }))
		return ""
	}
	if err == nil {
		err = errors.New("no address")
	}
	return c.add(Finding{
		Check: "dns", Subject: host, Status: Fail, Found: "the name cannot be resolved: " + plain(err),
		Why: "DocuSign cannot be called while its name leads nowhere",
		Next: "try nslookup " + host + "; if it fails too, mend this machine's DNS; if only a company proxy reaches the " +
			"internet, set upstream.proxy; egress.resolver asks another DNS server",
	})
}

// listed tells a few of many.
func listed[T any](all []T, separator string, text func(T) string) string {
	var out []string
	for _, one := range all[:min(len(all), maxShown)] {
		out = append(out, text(one))
	}
	if more := len(all) - maxShown; more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(out, separator)
}

func (c *network) connectTo(ctx context.Context, address string) (net.Conn, string) {
	started := time.Now()
	dial, cancel := context.WithTimeout(ctx, netTimeout)
	defer cancel()
	conn, err := c.transport.DialContext(dial, "tcp", address)
	if err == nil {
		text := fmt.Sprintf("connected in %d ms", time.Since(started).Milliseconds())
		if c.company != "" {
			text += " through " + c.company
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
	var proxy *egress.ProxyError
	switch {
	case errors.As(err, &refused):
		f.Found = fmt.Sprintf("the name leads to %s, which this proxy does not connect to (%s)", refused.Addr,
			refused.Rule)
		f.Why = "an address inside your network in DocuSign's name is a fault of DNS, a hosts file that points here, or an " +
			"attack"
		f.Next = "find out who answers for the name; if the address is meant, " +
			cause.NextStep(refused)
	case errors.As(err, &proxy):
		f.Next = "show whoever runs the company's proxy " + c.company + " this text: CONNECT to " + address +
			" has to be allowed; if it asks for a password, check the user in upstream.proxy and upstream.proxy_password"
	}
	return nil, c.add(f)
}

func (c *network) handshake(ctx context.Context, conn net.Conn, host string) string {
	secured := tls.Client(conn, &tls.Config{ServerName: host, RootCAs: c.transport.TLSClientConfig.RootCAs,
		MinVersion: tls.VersionTLS12})
	ctx, cancel := context.WithTimeout(ctx, netTimeout)
	defer cancel()
	err := secured.HandshakeContext(ctx)
	if err == nil {
		state := secured.ConnectionState()
		leaf := state.PeerCertificates[0]
		c.ok("tls", host, fmt.Sprintf("%s, certificate by %s until %s", tls.VersionName(state.Version),
			nameOf(leaf.Issuer), leaf.NotAfter.Format(time.DateOnly)))
		return ""
	}
	return c.add(handshakeFault(host, err, c.now()))
}

func nameOf(n pkix.Name) string { return cmp.Or(n.CommonName, strings.Join(n.Organization, ", ")) }

func handshakeFault(host string, err error, now time.Time) Finding {
	f := Finding{
		Check: "tls", Subject: host, Status: Fail, Found: "no TLS: " + plain(err),
		Why: "without a certificate that can be believed, credentials would go to whoever answers",
		Next: "find out what stands between this machine and " + host +
			": a firewall that inspects or cuts TLS, or a proxy",
	}
	issuer := "somebody"
	if unverified, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		for _, c := range unverified.UnverifiedCertificates { // the last is nearest to the authority
			issuer = cmp.Or(nameOf(c.Issuer), "somebody")
		}
	}
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	switch {
	case errors.As(err, &unknown):
		f.Found = "the certificate was issued by " + issuer +
			", whom neither this machine nor upstream.ca_file trusts"
		f.Next = "if that is your company's TLS inspection, get its root certificate as PEM and name it in " +
			"upstream.ca_file; if it is a public authority, bring this machine's trust store up to date (ca-certificates); if " +
			"you do not know it, do not go on"
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
	f := Finding{Check: "clock", Subject: c.cfg.AccountServer.Authority(), Status: Warn}
	var err error
	c.offset, err = c.measure(ctx)
	off, direction := c.offset.Abs(), "behind"
	if c.offset < 0 {
		direction = "ahead of"
	}
	switch {
	case err != nil:
		f.Found, f.Why = "cannot be compared: "+plain(err), "an assertion with a wrong time is refused"
		f.Next = "compare this machine's clock (" + c.now().UTC().Format("15:04:05 MST") + ") with another one"
	case off <= fineClock:
		f.Status, f.Found = OK, fmt.Sprintf("within %d s of the account server's", int(off.Seconds())+1)
	default:
		f.Found = fmt.Sprintf("this machine's clock is %s %s the account server's", off.Round(time.Second), direction)
		f.Why = "DocuSign refuses assertions with a wrong time (expired_grant, no_valid_keys_or_signatures); the proxy " +
			"corrects its own, but certificates, logs and other programs suffer"
		f.Next = "let this machine set its clock by NTP (timedatectl set-ntp true; on Windows: w32tm /resync), and check " +
			"its time zone"
	}
	c.add(f)
}

func (c *network) measure(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, netTimeout)
	defer cancel()
	sent := c.now()
	// 401 is expected; only its Date is read.
	resp, _, err := c.send(ctx, http.MethodGet, c.cfg.AccountServer.String()+"/oauth/userinfo", http.Header{}, "")
	if err != nil {
		return 0, err
	}
	received := c.now()
	at, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return 0, errors.New("the answer has no Date")
	}
	return at.Add(500 * time.Millisecond).Sub(sent.Add(received.Sub(sent) / 2)), nil
}

// plain is the cause without the wrappings of net and net/http.
func plain(err error) string {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		err = ue.Err
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return "no answer in time"
	}
	text := strings.TrimPrefix(err.Error(), "egress: ")
	return strings.TrimPrefix(text, "tls: failed to verify certificate: ")
}
