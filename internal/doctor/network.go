package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
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
	told      map[string]string      // by fault, the finding about it
	noted     []fault                // of the integration that is looked at
	granted   bool                   // some user got a token
	clock     string                 // the finding about this machine's clock; "" = it is right
}

// connect makes the way to DocuSign.
func (c *run) connect(ctx context.Context) *network {
	dialer := app.DialerOf(c.cfg)
	n := &network{run: c, transport: app.TransportOf(c.cfg, dialer), lookup: net.DefaultResolver,
		blocked: map[egress.Host]string{}, told: map[string]string{}}
	if dialer.Lookup != nil {
		n.lookup = dialer.Lookup
	}
	if company := c.cfg.Upstream.Proxy; company != (config.CompanyProxy{}) {
		n.company = company.Host.String()
	}
	n.http = &http.Client{Transport: n.transport, Timeout: 20 * time.Second,
		// A redirect would carry the credential to a host nobody vetted.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	n.openStore(ctx)
	n.oauth = app.OAuthOf(c.cfg, n.store, n.transport)
	return n
}

// openStore opens the store if logins are kept in it; else nothing of it is needed. A running proxy holds it.
func (c *network) openStore(ctx context.Context) {
	c.store = store.Memory()
	if !slices.ContainsFunc(c.cfg.Integrations, codeGrant) {
		return
	}
	if c.cfg.Store.Redis != nil {
		c.openShared(ctx)
		return
	}
	path, admin := c.cfg.Store.File, "http://"+c.cfg.Listen.Admin+"/"
	if _, err := os.Stat(path); err != nil {
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
	c.logClose(c.store.Close())
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
	f := of("upstream", c.company, Fail, "upstream.proxy is the only way to DocuSign", cause.ProxyDown,
		append(c.values(), "proxy", c.company))
	f.Found += ": " + plain(err)
	return c.add(f)
}

// fault tells which step of the way to a host failed and returns the name of the finding. Where it failed for another
// host in the same way, that is the finding to mend.
func (c *network) fault(check, subject, host, why string, err error) string {
	id, fill := cause.OfNetwork(host, err)
	f := of(check, subject, Fail, why, id, append(c.values(), fill...))
	if id == cause.Unreachable {
		f.Found += ": " + plain(err)
	}
	if c.company == "" && strings.Contains(f.Next, "upstream.proxy") {
		f.Next += c.proxyHint()
	}
	same := fmt.Sprintf("step %d", id)
	if because := c.told[same]; because != "" {
		c.skip(check, subject, f.Found, because)
		return because
	}
	c.told[same] = c.add(f)
	return c.told[same]
}

// systemProxy is a proxy that the machine knows for programs. The proxy reads none of these settings.
type systemProxy struct {
	where string // to see it
	text  string // as it is written there; "" = none
}

// address takes host and port out of forms such as http=a:80;https=b:81 and http://user:password@a:80/.
func (p systemProxy) address() string {
	text := p.text
	if strings.Contains(text, "=") {
		text = ""
	}
	for part := range strings.FieldsFuncSeq(p.text, func(r rune) bool { return r == ';' || r == ' ' }) {
		if scheme, of, several := strings.Cut(part, "="); several && strings.EqualFold(scheme, "https") {
			text = of
		}
	}
	_, after, found := strings.Cut(text, "://")
	if !found {
		after = text
	}
	text, _, _ = strings.Cut(after, "/")
	return text[strings.LastIndex(text, "@")+1:]
}

// proxyHint names the proxies that the machine knows, but for this one.
func (c *run) proxyHint() (hint string) {
	for _, p := range c.proxies() {
		if at := p.address(); at != "" && at != c.cfg.Listen.Proxy {
			hint += "; this machine knows one: upstream: {proxy: http://" + at + "} (" + p.where + ")"
		}
	}
	return hint
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
	if because := c.toHere[host.Name()]; because != "" {
		c.skip("tcp", host.String(), "the hosts file leads to this machine", because)
		return because
	}
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
		err = &net.DNSError{Err: "no address", Name: host, IsNotFound: true}
	}
	return c.fault("dns", host, host, "DocuSign cannot be called while its name leads nowhere", err)
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
	why := "DocuSign cannot be called"
	if _, ok := errors.AsType[*egress.RefusedError](err); ok {
		why = "an address inside your network in DocuSign's name is a fault of DNS, of a hosts file that points here, or " +
			"an attack"
	}
	host, _, _ := net.SplitHostPort(address)
	return nil, c.fault("tcp", address, host, why, err)
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
	const why = "without a certificate that can be believed, credentials would go to whoever answers"
	return c.fault("tls", host, host, why, err)
}

func nameOf(n pkix.Name) string { return cmp.Or(n.CommonName, strings.Join(n.Organization, ", ")) }

// checkClock compares with the Date of the account server (PROTOCOL.md §6.4, expired_grant).
func (c *network) checkClock(ctx context.Context) {
	f := Finding{Check: "clock", Subject: c.cfg.AccountServer.Authority(), Status: Warn}
	offset, err := c.measure(ctx)
	off, direction := offset.Abs(), "behind"
	if offset < 0 {
		direction = "ahead of"
	}
	switch {
	case err != nil:
		f.Found, f.Why = "cannot be compared: "+plain(err), "an assertion with a wrong time is refused"
		f.Next = "compare this machine's clock (" + c.now().UTC().Format("15:04:05 MST") + ") with another one"
	case off <= fineClock:
		f.Status, f.Found = OK, fmt.Sprintf("within %d s of the account server's", int(off.Seconds())+1)
	default:
		f = of(f.Check, f.Subject, Warn, "DocuSign refuses assertions with a wrong time (expired_grant, "+
			"no_valid_keys_or_signatures); the proxy corrects its own, but certificates, logs and other programs suffer",
			cause.ClockOff, append(c.values(), "offset", off.Round(time.Second).String()+" "+direction))
		c.clock = f.Name()
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
