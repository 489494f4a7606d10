package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/proxy/egress"
)

// checkEnvironment knows the origins of DocuSign's environments (PROTOCOL.md §6.1 and §7).
func checkEnvironment(r *report, c *Config) {
	account, site := c.AccountServer, c.AccountServer
	switch c.Environment {
	case Demo:
		account, _ = parseOrigin("https://account-d.docusign.com")
		site, _ = parseOrigin("https://demo.docusign.net")
	case Production:
		account, _ = parseOrigin("https://account.docusign.com")
		site, _ = parseOrigin("https://www.docusign.net")
	case Custom:
		r.problemIf(account == Origin{}, "account_server", "is missing",
			"environment custom needs it, as in https://account.example.com")
	}
	r.problemIf(c.Environment != Custom && c.Environment != "" && c.AccountServer != Origin{}, "account_server",
		fmt.Sprintf("is fixed for environment %s", c.Environment), "leave it out, or choose environment custom")
	c.AccountServer = account
	c.Site = cmp.Or(c.Site, site)
	c.Audience = cmp.Or(c.Audience, account.Authority())
}

// minGatewaySecret is the least length of forward_auth.secret, in characters.
const minGatewaySecret = 20

func checkListen(r *report, c *Config) {
	var taken []Address // valid ones
	for _, a := range c.Listen.Addresses() {
		path := child("listen", a.Key)
		if *a.Text == "" && a.Optional {
			continue
		}
		clean, ok := parseListen(*a.Text)
		if !ok {
			r.problem(path, "must be an address of the form host:port", "write it as 127.0.0.1:8080")
			continue
		}
		*a.Text = clean
		for _, other := range taken {
			r.problemIf(overlaps(*other.Text, clean), path, "is the same address as listen."+other.Key,
				"each listener needs its own")
		}
		taken = append(taken, a)
	}
	checkExposure(r, c)
	checkBalancers(r, c)
}

// checkBalancers refuses a network that would have to name its clients in two ways.
func checkBalancers(r *report, c *Config) {
	const first, second = "listen.proxy_protocol", "listen.forwarded_for"
	checkNetworks(r, first, c.Listen.ProxyProtocol, "lets everybody say who they are")
	checkNetworks(r, second, c.Listen.ForwardedFor, "lets everybody say who they are")
	for i, n := range c.Listen.ForwardedFor {
		both := slices.IndexFunc(c.Listen.ProxyProtocol, n.Overlaps)
		r.problemIf(both >= 0, item(second, i), fmt.Sprintf("%s shares addresses with %s", n, first),
			"a balancer names its clients in one of the two ways")
	}
	byPassword := len(c.Egress.ProxyUsers) > 0
	for path, list := range map[string][]netip.Prefix{first: c.Listen.ProxyProtocol, second: c.Listen.ForwardedFor} {
		r.warnIf(len(list) > 0 && len(c.Egress.Clients) == 0 && !byPassword, path,
			"names balancers, and nobody behind them may use the proxy", "add their networks to egress.clients")
	}
}

// parseListen brings a listening address into one form. Its host may be empty, and its port 0.
func parseListen(text string) (string, bool) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	host = strings.ToLower(host)
	bare, _, _ := strings.Cut(host, "%") // a link-local address is listened on with its zone
	_, isHost := parseName(bare)
	return net.JoinHostPort(host, strconv.FormatUint(n, 10)), err == nil && (host == "" || isHost)
}

// overlaps tells whether one machine can listen on only one of two addresses: an unspecified one takes all
// (net.Listen).
func overlaps(a, b string) bool {
	hostA, portA, _ := net.SplitHostPort(a)
	hostB, portB, _ := net.SplitHostPort(b)
	all := func(host string) bool {
		ip, _ := netip.ParseAddr(host)
		return host == "" || ip.IsUnspecified()
	}
	local := strings.NewReplacer("localhost", "127.0.0.1")
	return portA == portB && portA != "0" && (local.Replace(hostA) == local.Replace(hostB) || all(hostA) || all(hostB))
}

// isLoopback tells whether only this machine can reach a listening address.
func isLoopback(address string) bool {
	host, _, _ := net.SplitHostPort(address)
	ip, _ := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || ip.Unmap().IsLoopback()
}

// checkExposure refuses listeners that strangers could reach.
func checkExposure(r *report, c *Config) {
	byPassword := len(c.Egress.Clients) == 0 && len(c.Egress.ProxyUsers) > 0
	guarded := len(c.Egress.Clients) > 0 || byPassword
	const refused = "run refuses to listen on %s while everybody who reaches it may %s"
	checkForwardAuth(r, c)
	for _, a := range c.Listen.Addresses() {
		forCalls := a.Door != "" && a.Door != call.DoorForwardAuth
		r.problemIf(forCalls && *a.Text != "" && !isLoopback(*a.Text) && !guarded, child("listen", a.Key),
			fmt.Sprintf(refused, *a.Text, "use it"),
			`add egress.clients: ["10.1.2.0/24"] with the machines that may, or egress.proxy_users, or listen on 127.0.0.1`)
	}
	r.warnIf(!isLoopback(c.Listen.Proxy) && byPassword, "listen.proxy",
		fmt.Sprintf("every machine that reaches %s may connect and try passwords", c.Listen.Proxy),
		"list the machines that may under egress.clients")
	r.problemIf(!isLoopback(c.Listen.Admin) && c.Admin.BasicAuth == nil, "listen.admin",
		fmt.Sprintf(refused, c.Listen.Admin, "look"),
		"add admin.basic_auth: {username: …, password: {bcrypt: …}}, or listen on 127.0.0.1")
	if c.Listen.Hosts == "" {
		return
	}
	const path = "listen.hosts"
	r.problemIf(c.Interception == nil && !r.faulty["interception"], path,
		"needs interception, whose authority signs the certificates it shows", "docusign-auth-proxy ca init makes both files")
	r.warnIf(!isLoopback(c.Listen.Hosts) && byPassword, path,
		"serves this machine alone: programs that come by the hosts file cannot send a proxy password", "add egress.clients")
	past := c.Egress.Resolver.IsValid() || len(c.Egress.Resolve) > 0 || c.Upstream.Proxy != (CompanyProxy{})
	r.warnIf(isLoopback(c.Listen.Hosts) && !past, path,
		"this machine's hosts file would send the proxy to itself as well", "add egress.resolver or egress.resolve")
}

// checkForwardAuth holds the end point that hands out tokens to its rules.
func checkForwardAuth(r *report, c *Config) {
	const path = "listen.forward_auth"
	f, secret := &c.ForwardAuth, len(c.ForwardAuth.Secret.Reveal())
	checkNetworks(r, "forward_auth.clients", f.Clients, "lets every machine ask")
	r.problemIf(secret > 0 && secret < minGatewaySecret, "forward_auth.secret",
		fmt.Sprintf("is shorter than %d characters", minGatewaySecret), "make one with: openssl rand -base64 32")
	r.problemIf(len(f.Clients) > 0 && secret == 0 && !r.faulty["forward_auth.secret"], "forward_auth.secret",
		"is missing, and forward_auth.clients lets other machines ask", "make one with: openssl rand -base64 32")
	if c.Listen.ForwardAuth == "" || isLoopback(c.Listen.ForwardAuth) {
		return
	}
	r.problemIf(len(f.Clients) == 0, path, "is not loopback, and no other machine may ask",
		"list the gateways under forward_auth.clients, or listen on 127.0.0.1")
	r.problemIf(c.Interception == nil && !r.faulty["interception"], path,
		"is not loopback and needs interception, whose authority signs its certificate",
		"docusign-auth-proxy ca init makes both files")
}

func checkEgress(r *report, c *Config) {
	e := &c.Egress
	environments := map[string]egress.Environment{Demo: egress.Demo, Production: egress.Production} // custom takes all
	e.Policy = &egress.Policy{Environment: environments[c.Environment]}
	for _, o := range []Origin{c.AccountServer, c.Site} {
		if o != (Origin{}) {
			e.Policy.Hosts = append(e.Policy.Hosts, o.Host) // on its own port
		}
	}
	checkHostOf(r, e.Policy, "account_server", c.AccountServer.Host)
	checkHostOf(r, e.Policy, "site", c.Site.Host)
	checkHostOf(r, e.Policy, "sidecar.public_url", c.Sidecar.PublicURL.Host)
	checkHosts(r, e)
	if c.Environment == Custom {
		e.believe(c.AccountServer.Host)
	}
	e.believe(c.Site.Host)
	for i, h := range e.Tunnel {
		r.problemIf(!h.IsZero() && e.Policy.NoTunnel(h), item("egress.tunnel", i),
			"is a host of DocuSign: it is never tunnelled, or a legacy password would pass unseen", "remove it")
	}
	e.Policy.Tunnels = e.Tunnel
	checkNetworks(r, "egress.clients", e.Clients, "lets everybody in")
	checkNetworks(r, "egress.allow_addresses", e.AllowAddresses, "switches the check of addresses off")
	first := map[string]int{}
	for i, u := range e.ProxyUsers {
		refuseRepeated(r, child(item("egress.proxy_users", i), "username"), first, u.Username, i, "proxy user")
	}
	checkResolve(r, e)
}

// believe adds a host that the operator has named elsewhere to the hosts taken for DocuSign.
func (e *Egress) believe(h egress.Host) {
	listed := func(text string) bool {
		return text == h.Name() || strings.HasPrefix(text, ".") && strings.HasSuffix(h.Name(), text)
	}
	if !h.IsZero() && !slices.ContainsFunc(e.Hosts, listed) {
		e.Hosts = append(e.Hosts, h.Name())
		e.Policy.Hosts = append(e.Policy.Hosts, h.WithPort(443))
	}
}

func checkNetworks(r *report, path string, networks []netip.Prefix, effect string) {
	for i, n := range networks {
		r.warnIf(n.Bits() == 0, item(path, i), fmt.Sprintf("%s %s", n, effect), "name the networks that are meant")
	}
}

// checkHostOf reports a host of another environment (PROTOCOL.md §7).
func checkHostOf(r *report, p *egress.Policy, path string, h egress.Host) {
	var wrong *egress.EnvironmentError
	if !h.IsZero() && errors.As(p.CheckEnvironment(h), &wrong) {
		r.problem(path, wrong.Error(), cause.NextStep(wrong))
	}
}

// checkHosts adds the given hosts to those that always hold.
func checkHosts(r *report, e *Egress) {
	always := egress.DefaultSuffixes()
	e.Policy.Suffixes = always
	for i, text := range e.Hosts {
		path := item("egress.hosts", i)
		e.Hosts[i] = strings.ToLower(text)
		name, suffix := strings.CutPrefix(e.Hosts[i], ".")
		h, ok := parseName(name)
		_, isAddress := h.Addr()
		switch {
		case !ok || suffix && isAddress:
			r.problem(path, "must be a host name, or a dot and the end of host names",
				"write it as esign.example.com or .esign.example.com, without port")
			continue
		case suffix && !strings.Contains(name, "."):
			r.problem(path, "would believe a whole top-level domain", "name the domain below it")
		case suffix:
			e.Policy.Suffixes = append(e.Policy.Suffixes, name)
		default:
			e.Policy.Hosts = append(e.Policy.Hosts, h)
		}
		if !slices.Contains(always, name) {
			checkHostOf(r, e.Policy, path, h)
		}
	}
	e.Hosts = append([]string{".docusign.net", ".docusign.com"}, e.Hosts...)
}

// parseName reads a lower-case name or an address without port and brackets.
func parseName(text string) (egress.Host, bool) {
	if ip, err := netip.ParseAddr(text); err == nil && ip.Is6() {
		text = "[" + text + "]"
	}
	h, err := egress.ParseHost(text, 443)
	_, isAddress := h.Addr()
	return h, err == nil && (isAddress || h.Name() == text)
}

func checkResolve(r *report, e *Egress) {
	e.Fixed = make(map[string]netip.AddrPort, len(e.Resolve))
	for name, text := range e.Resolve {
		path := child("egress.resolve", name)
		name = strings.ToLower(name)
		h, ok := parseName(name)
		if !ok || strings.Contains(name, ":") {
			r.problem(path, "must be a host name without port", "")
			continue
		}
		target, ok := parseAddress(text)
		if !ok || target.Addr().Zone() != "" {
			r.problem(path, "must be an IP address, with or without a port", "write it as 10.0.0.1 or 127.0.0.1:9443")
		}
		e.Fixed[name] = target
		if err := e.Policy.CheckEnvironment(h); err != nil {
			r.warn(path, "is never used: "+err.Error(), "remove it")
		}
	}
}

func checkUpstream(s *sources, u *Upstream) {
	const path, hint = "upstream.proxy_password", "write it as http://user@proxy.example:3128"
	u.CAs, _ = s.certificates("upstream.ca_file", &u.CAFile, "", "")
	given, inURL := !u.ProxyPassword.Empty(), !u.Proxy.Password.Empty()
	if inURL && !given {
		s.warn("upstream.proxy", "holds a password in clear", "move it to proxy_password: {file: …}")
		s.warnIfShared(s.file, "upstream.proxy")
	}
	if !given || s.faulty["upstream.proxy"] {
		return
	}
	s.problemIf(inURL, path, "is given although upstream.proxy holds a password too",
		"take the one out of upstream.proxy")
	s.problemIf(u.Proxy == CompanyProxy{}, path, "needs upstream.proxy with a user in it", hint)
	s.problemIf(u.Proxy.User == "", path, "needs a user in upstream.proxy", hint)
	u.Proxy.Password = u.ProxyPassword
}
