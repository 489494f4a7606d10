package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/translate/legacy"
)

// Origins of DocuSign's environments (PROTOCOL.md §6.1 and §7).
const (
	DemoAccountServer       = "https://account-d.docusign.com"
	DemoSite                = "https://demo.docusign.net"
	ProductionAccountServer = "https://account.docusign.com"
	ProductionSite          = "https://www.docusign.net"
)

func (l *loader) checkEnvironment(c *Config) {
	l.setAccountServer(c)
	account := l.origin("account_server", &c.AccountServer, "https")
	if c.Audience == "" && account != nil {
		c.Audience = account.Host
	}
	if strings.ContainsAny(c.Audience, "/ ") {
		l.problem("audience", "must be a bare host", "leave out https:// and every slash")
	}
	if c.Site == "" {
		c.Site = map[string]string{Demo: DemoSite, Production: ProductionSite, Custom: c.AccountServer}[c.Environment]
	}
	site := l.origin("site", &c.Site, "https")
	if c.Environment == Custom {
		c.believe(account)
	}
	c.believe(site)
}

func (l *loader) setAccountServer(c *Config) {
	switch {
	case c.Environment == Custom && c.AccountServer == "":
		l.problem("account_server", "is missing", "environment custom needs it, as in https://account.example.com")
	case c.Environment != Custom && c.Environment != "" && c.AccountServer != "":
		l.problem("account_server", fmt.Sprintf("is fixed for environment %s", c.Environment), "leave it out, or choose environment custom")
	case c.Environment == Demo:
		c.AccountServer = DemoAccountServer
	case c.Environment == Production:
		c.AccountServer = ProductionAccountServer
	}
}

// origin brings *text into one form and reports what is no origin. An empty text is left alone.
func (l *loader) origin(path string, text *string, schemes ...string) *url.URL {
	if *text == "" {
		return nil
	}
	u, ok := parseOrigin(*text, schemes...)
	if !ok {
		l.problem(path, fmt.Sprintf("must be an %s origin", strings.Join(schemes, " or ")), "write it as https://host or https://host:port, without a path")
		return nil
	}
	*text = u.String()
	return u
}

// believe adds a host the operator has named to the hosts taken for DocuSign.
func (c *Config) believe(origin *url.URL) {
	if origin == nil {
		return
	}
	host := origin.Hostname()
	if !c.Egress.Believes(host) {
		c.Egress.Hosts = append(slices.Clip(c.Egress.Hosts), host)
	}
}

// Believes tells whether a host name, in lower case and without port, is one of DocuSign's by Egress.Hosts.
func (e *Egress) Believes(host string) bool {
	for _, h := range e.Hosts {
		if h == host || (strings.HasPrefix(h, ".") && len(host) > len(h) && strings.HasSuffix(host, h)) {
			return true
		}
	}
	return false
}

func (l *loader) checkListen(c *Config) {
	const hint = "write it as 127.0.0.1:8080"
	type listener struct{ path, address string }
	var taken []listener
	for _, a := range []struct {
		key     string
		address *string
	}{{"proxy", &c.Listen.Proxy}, {"admin", &c.Listen.Admin}, {"hosts", &c.Listen.Hosts}} {
		path := child("listen", a.key)
		if *a.address == "" && a.key == "hosts" {
			continue
		}
		host, port, ok := splitHostPort(*a.address, 0)
		bare, _, _ := strings.Cut(host, "%") // a link-local address is listened on with its zone
		if !ok || (host != "" && !isHost(bare)) {
			l.problem(path, "must be an address of the form host:port", hint)
			continue
		}
		*a.address = net.JoinHostPort(host, port)
		for _, other := range taken {
			if port != "0" && overlaps(other.address, *a.address) {
				l.problem(path, "is the same address as "+other.path, "each listener needs its own")
			}
		}
		taken = append(taken, listener{path, *a.address})
	}
	l.checkExposure(c)
	l.checkHostsListener(c)
}

// overlaps tells whether one machine can listen on only one of two addresses: an unspecified one takes all (net.Listen).
func overlaps(a, b string) bool {
	hostA, portA, _ := net.SplitHostPort(a)
	hostB, portB, _ := net.SplitHostPort(b)
	all := func(host string) bool {
		ip, err := netip.ParseAddr(host)
		return host == "" || err == nil && ip.IsUnspecified()
	}
	local := strings.NewReplacer("localhost", "127.0.0.1")
	return portA == portB && (local.Replace(hostA) == local.Replace(hostB) || all(hostA) || all(hostB))
}

// checkExposure refuses listeners that strangers could reach.
func (l *loader) checkExposure(c *Config) {
	guarded := len(c.Egress.Clients) > 0 || len(c.Egress.ProxyUsers) > 0
	for path, address := range map[string]string{"listen.proxy": c.Listen.Proxy, "listen.hosts": c.Listen.Hosts} {
		if address != "" && !isLoopback(address) && !guarded {
			l.problem(path, fmt.Sprintf("run refuses to listen on %s while everybody who reaches it may use it", address),
				`add egress.clients: ["10.1.2.0/24"] with the machines that may, or egress.proxy_users, or listen on 127.0.0.1`)
		}
	}
	if !isLoopback(c.Listen.Proxy) && len(c.Egress.Clients) == 0 && len(c.Egress.ProxyUsers) > 0 {
		l.warn("listen.proxy", fmt.Sprintf("every machine that reaches %s may connect and try passwords", c.Listen.Proxy),
			"list the machines that may under egress.clients")
	}
	if !isLoopback(c.Listen.Admin) && c.Admin.BasicAuth == nil {
		l.problem("listen.admin", fmt.Sprintf("run refuses to listen on %s while everybody who reaches it may look", c.Listen.Admin),
			"add admin.basic_auth: {username: …, password: {bcrypt: …}}, or listen on 127.0.0.1")
	}
}

func (l *loader) checkHostsListener(c *Config) {
	const path = "listen.hosts"
	if c.Listen.Hosts == "" {
		return
	}
	if c.Interception == nil && !l.faulty["interception"] {
		l.problem(path, "needs interception, whose authority signs the certificates it shows", "make one with: docusign-auth-proxy ca")
	}
	if !isLoopback(c.Listen.Hosts) && len(c.Egress.Clients) == 0 && len(c.Egress.ProxyUsers) > 0 {
		l.warn(path, "serves this machine alone: programs that come by the hosts file cannot send a proxy password", "add egress.clients")
	}
	if isLoopback(c.Listen.Hosts) && c.Egress.Resolver == "" && len(c.Egress.Resolve) == 0 {
		l.warn(path, "this machine's hosts file would send the proxy to itself as well", "add egress.resolver or egress.resolve")
	}
}

func (l *loader) checkSidecar(s *Sidecar) {
	l.origin("sidecar.public_url", &s.PublicURL, "http", "https")
}

func (l *loader) checkEgress(c *Config) {
	e := &c.Egress
	l.checkPolicy(c)
	l.checkNetworks("egress.clients", e.Clients, "lets everybody in")
	l.checkNetworks("egress.allow_addresses", e.AllowAddresses, "switches the check of addresses off")
	l.checkProxyUsers(e.ProxyUsers)
	l.checkResolve(e)
}

// checkPolicy says which hosts are DocuSign's, and refuses what would mix environments or open a tunnel to one of them.
// The hosts of account_server and site count on their own port too.
func (l *loader) checkPolicy(c *Config) {
	e, always := &c.Egress, len(Default().Egress.Hosts)
	environments := map[string]egress.Environment{Demo: egress.Demo, Production: egress.Production} // custom takes all
	p := &egress.Policy{Environment: environments[c.Environment]}
	e.Policy = p
	for _, origin := range []string{c.AccountServer, c.Site} {
		if u, err := url.Parse(origin); err == nil {
			if h, err := egress.ParseHost(u.Host, 443); err == nil { // else reported by origin
				p.Hosts = append(p.Hosts, h)
			}
		}
	}
	l.checkOrigin(p, "site", c.Site)
	for i, text := range e.Hosts {
		name, suffix := strings.CutPrefix(text, ".")
		h, ok := parseHost(name)
		if !ok {
			continue // reported by checkHosts
		}
		if suffix {
			p.Suffixes = append(p.Suffixes, name)
		} else {
			p.Hosts = append(p.Hosts, h)
		}
		if !slices.Contains(egress.DefaultSuffixes(), name) && i >= always {
			l.checkHostOf(p, item("egress.hosts", i-always), h)
		}
	}
	l.checkOrigin(p, "sidecar.public_url", c.Sidecar.PublicURL)
	l.checkTunnels(e)
	if err := p.Validate(); err != nil && len(l.problems) == 0 {
		l.problem("egress", err.Error(), "")
	}
}

func (l *loader) checkOrigin(p *egress.Policy, path, origin string) {
	u, err := url.Parse(origin)
	if err != nil || origin == "" {
		return
	}
	if h, err := egress.ParseHost(u.Host, 443); err == nil {
		l.checkHostOf(p, path, h)
	}
}

// checkHostOf reports a host of another environment (PROTOCOL.md §7).
func (l *loader) checkHostOf(p *egress.Policy, path string, h egress.Host) {
	var wrong *egress.EnvironmentError
	if errors.As(p.CheckEnvironment(h), &wrong) {
		l.problem(path, wrong.Error(), wrong.NextStep())
	}
}

// parseHost reads a name or an address without port and brackets, in the one form that egress knows.
func parseHost(name string) (egress.Host, bool) {
	if ip, err := netip.ParseAddr(name); err == nil && ip.Is6() {
		name = "[" + name + "]"
	}
	h, err := egress.ParseHost(name, 443)
	return h, err == nil
}

// checkHosts looks at the given hosts only: the ones that always hold stand before them, the operator's own after them.
func (l *loader) checkHosts(e *Egress) {
	always := len(Default().Egress.Hosts)
	for i := always; i < len(e.Hosts); i++ {
		path, host := item("egress.hosts", i-always), strings.ToLower(e.Hosts[i])
		e.Hosts[i] = host
		name, suffix := strings.CutPrefix(host, ".")
		_, err := netip.ParseAddr(name)
		switch {
		case !isHost(name) || (suffix && err == nil):
			l.problem(path, "must be a host name, or a dot and the end of host names", "write it as esign.example.com or .esign.example.com, without port")
		case suffix && !strings.Contains(name, "."):
			l.problem(path, "would believe a whole top-level domain", "name the domain below it")
		}
	}
}

func (l *loader) checkTunnels(e *Egress) {
	for i, text := range e.Tunnel {
		path := item("egress.tunnel", i)
		host, port, ok := splitHostPort(text, 1)
		if !ok || !isHost(host) {
			l.problem(path, "must be one host and port", "write it as updates.example.com:443; there are no wildcards")
			continue
		}
		e.Tunnel[i] = net.JoinHostPort(host, port)
		h, err := egress.ParseHost(e.Tunnel[i], 0)
		if err != nil {
			l.problem(path, err.Error(), "write it as updates.example.com:443")
			continue
		}
		if e.Policy.NoTunnel(h) {
			l.problem(path, "is a host of DocuSign: it is never tunnelled, or a legacy password would pass unseen", "remove it")
			continue
		}
		e.Policy.Tunnels = append(e.Policy.Tunnels, h)
	}
}

func (l *loader) checkNetworks(path string, networks []netip.Prefix, effect string) {
	for i, n := range networks {
		if n.IsValid() && n.Bits() == 0 {
			l.warn(item(path, i), fmt.Sprintf("%s %s", n, effect), "name the networks that are meant")
		}
	}
}

func (l *loader) checkProxyUsers(users []ProxyUser) {
	first := map[string]int{}
	for i, u := range users {
		path := child(item("egress.proxy_users", i), "username")
		if strings.Contains(u.Username, ":") {
			l.problem(path, "must not contain a colon", "RFC 7617 ends the name there")
		}
		l.refuseRepeated(path, first, u.Username, i, "proxy user")
	}
}

// refuseRepeated reports a name that an earlier item of the list has.
func (l *loader) refuseRepeated(path string, first map[string]int, name string, i int, what string) {
	name = legacy.Fold(name)
	if name == "" {
		return
	}
	if earlier, again := first[name]; again {
		l.problem(path, fmt.Sprintf("is the same %s as in item %d of the list", what, earlier), "")
		return
	}
	first[name] = i
}

func (l *loader) checkResolve(e *Egress) {
	resolved := make(map[string]string, len(e.Resolve))
	for host, target := range e.Resolve {
		path := child("egress.resolve", host)
		if !isHost(strings.ToLower(host)) {
			l.problem(path, "must be a host name without port", "")
			continue
		}
		clean, ok := parseAddress(target)
		if !ok {
			l.problem(path, "must be an IP address, with or without a port", "write it as 10.0.0.1 or 127.0.0.1:9443")
		}
		resolved[strings.ToLower(host)] = clean
		if h, ok := parseHost(strings.ToLower(host)); ok && e.Policy.CheckEnvironment(h) != nil {
			l.warn(path, "is never used: "+e.Policy.CheckEnvironment(h).Error(), "remove it")
		}
	}
	e.Resolve = resolved
	if err := (&egress.Dialer{Resolve: resolved}).Validate(); err != nil && len(l.problems) == 0 {
		l.problem("egress.resolve", err.Error(), "")
	}
	if e.Resolver == "" {
		return
	}
	address, ok := parseAddress(e.Resolver)
	if !ok {
		l.problem("egress.resolver", "must be the IP address of a DNS server, with or without a port", "write it as 10.0.0.53 or 10.0.0.53:5353")
		return
	}
	if _, err := netip.ParseAddr(address); err == nil {
		address = net.JoinHostPort(address, "53")
	}
	e.Resolver = address
}

func parseAddress(text string) (string, bool) {
	if ip, err := netip.ParseAddr(text); err == nil {
		return ip.Unmap().String(), true
	}
	ap, err := netip.ParseAddrPort(text)
	if err != nil || ap.Port() == 0 {
		return "", false
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()).String(), true
}

func (l *loader) checkUpstream(u *Upstream) {
	u.CAPEM = string(l.certificateFile("upstream.ca_file", &u.CAFile, ""))
	if u.Proxy.Empty() {
		if !u.ProxyPassword.Text.Empty() {
			l.problem("upstream.proxy_password", "needs upstream.proxy with a user in it", "write it as http://user@proxy.example:3128")
		}
		return
	}
	proxy, err := u.ProxyURL()
	if err != nil {
		l.problem("upstream.proxy", err.Error(), "write it as http://user@proxy.example:3128")
		return
	}
	written, _ := url.Parse(u.Proxy.Reveal())
	_, inClear := written.User.Password()
	switch {
	case inClear && !u.ProxyPassword.Text.Empty():
		l.problem("upstream.proxy_password", "is given although upstream.proxy holds a password too", "take the one out of upstream.proxy")
	case inClear:
		l.warn("upstream.proxy", "holds a password in clear", "move it to proxy_password: {file: …}")
		l.warnIfShared(l.file, "upstream.proxy")
	case !u.ProxyPassword.Text.Empty() && proxy.User.Username() == "":
		l.problem("upstream.proxy_password", "needs a user in upstream.proxy", "write it as http://user@proxy.example:3128")
	}
}

// ProxyURL returns the proxy with its password, or nil if there is none. The result is a secret. There is no error for a
// loaded configuration, and none repeats the address.
func (u *Upstream) ProxyURL() (*url.URL, error) {
	if u.Proxy.Empty() {
		return nil, nil
	}
	proxy, err := url.Parse(u.Proxy.Reveal())
	if err != nil {
		return nil, errors.New("must be an address")
	}
	user := proxy.User
	proxy.User = nil
	clean, ok := parseOrigin(proxy.String(), "http", "https")
	if !ok {
		return nil, errors.New("must be the http or https address of a proxy")
	}
	clean.User = user
	if user != nil && !u.ProxyPassword.Text.Empty() {
		clean.User = url.UserPassword(user.Username(), u.ProxyPassword.Text.Reveal())
	}
	return clean, nil
}

func (l *loader) checkAdmin(a *Admin) {
	l.checkURI("admin.redirect_uri", a.RedirectURI)
	if a.TokenFile != "" {
		a.TokenFile = l.resolvePath(a.TokenFile)
	}
	if a.BasicAuth != nil && strings.Contains(a.BasicAuth.Username, ":") {
		l.problem("admin.basic_auth.username", "must not contain a colon", "RFC 7617 ends the name there")
	}
}

// defaultStore is in the folder that systemd made for the service (StateDirectory=), or else beside the configuration.
func (l *loader) defaultStore() string {
	if dirs, set := l.env.LookupEnv("STATE_DIRECTORY"); set && dirs != "" {
		first, _, _ := strings.Cut(dirs, ":")
		return filepath.Join(first, DefaultStore)
	}
	return l.resolvePath(DefaultStore)
}

// defaultTokenFile is beside the state, in a folder that the proxy can write.
func (l *loader) defaultTokenFile(c *Config) string {
	if c.Store == "" {
		return l.resolvePath(DefaultStore) + ".admin-token"
	}
	return c.Store + ".admin-token"
}

// checkStore looks for the directory alone: the file is made at the first start.
func (l *loader) checkStore(c *Config) {
	switch c.Store {
	case Memory:
		c.Store = ""
		if c.PinPassword == FirstUse {
			l.warn("pin_password", "without store, each restart believes the first password again", "add store: state.db")
		}
		return
	case "":
		// No check: where the default cannot be used, the program says so and keeps the state in memory.
		c.Store, c.StoreImplicit = l.defaultStore(), true
		return
	}
	c.Store = l.resolvePath(c.Store)
	dir := filepath.Dir(c.Store)
	info, err := l.env.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.problem("store", fmt.Sprintf("the directory %s does not exist", dir), "make it, owned by the user the proxy runs as")
	case err != nil:
		l.problem("store", fmt.Sprintf("cannot look at %s: %v", dir, err), "")
	case !info.IsDir():
		l.problem("store", fmt.Sprintf("%s is not a directory", dir), "")
	}
}
