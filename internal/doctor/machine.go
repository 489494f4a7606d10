package doctor

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/trust"
	"docusign-auth-proxy/internal/words"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/translate/oauth"
)

const localTimeout = 2 * time.Second

// checkMachine looks at what can be seen here: keys, CA, hosts file and listening addresses.
func (c *run) checkMachine(ctx context.Context) {
	for _, in := range c.cfg.Integrations {
		for _, k := range in.OAuth.PrivateKeys {
			id := oauth.NewKey(k.Source, k.Key).ID
			c.ok("key", in.Name+" "+k.Source, fmt.Sprintf("RSA %d bits, fingerprint %s", k.Key.N.BitLen(), id))
		}
	}
	if c.cfg.Interception != nil {
		c.checkAuthority(c.cfg.Interception)
	}
	c.checkHostsFile()
	_, status, err := app.AskOperations(ctx, c.cfg.Listen.Admin, http.MethodGet, "/-/healthy", secret.Text{})
	for _, a := range c.cfg.Listen.Addresses() {
		if *a.Text != "" {
			c.checkListener(ctx, a.Key, *a.Text, err == nil && status == http.StatusOK)
		}
	}
}

func (c *run) checkAuthority(in *config.Interception) {
	term := c.termOf(in)
	c.add(term)
	if roots, err := x509.SystemCertPool(); err == nil && term.Status != Fail {
		c.add(c.trustOf(in, roots))
	}
	if in.TLS == config.Legacy {
		c.ok("old tls", "interception.tls", "legacy: TLS 1.0 and 1.1 are taken from programs that know nothing newer; set "+
			"modern when the last of them is gone")
	} else {
		c.ok("old tls", "interception.tls", "modern: programs need TLS 1.2; one that fails with a handshake error may need "+
			"interception.tls: legacy")
	}
}

// termOf tells whether the CA is within its term.
func (c *run) termOf(in *config.Interception) Finding {
	expires := in.Authority.Expires()
	left := words.Count(int(expires.Sub(c.now()).Hours()/24), "day", "days")
	id, day, wrong := trust.Term(in.Authority.Certificate().NotBefore, expires, c.now())
	if !wrong {
		return Finding{Check: "ca", Subject: in.CACert, Status: OK, Found: fmt.Sprintf("valid until %s (%s), SHA-256 %.23s…",
			expires.UTC().Format(time.DateOnly), left, in.Authority.Fingerprint())}
	}
	status := Fail
	if id == cause.CAExpiring {
		status, day = Warn, day+", in "+left
	}
	const why = "old programs refuse every connection through the proxy once the CA is outside its term"
	return of("ca", in.CACert, status, why, id, append(c.values(), "until", day))
}

// trustOf tells whether this machine trusts the CA.
func (c *run) trustOf(in *config.Interception, roots *x509.CertPool) Finding {
	f := Finding{Check: "ca trust", Subject: in.CACert, Status: OK,
		Found: "this machine's own store trusts it; Java, Python, Node.js and PHP may have stores of their own (" +
			c.call("ca trust") + ")"}
	if _, err := in.Authority.Certificate().Verify(x509.VerifyOptions{Roots: roots, CurrentTime: c.now(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		f.Status, f.Found = Warn, "this machine's own store does not trust the CA"
		f.Why = "a program on this machine that uses the system's store refuses the proxy's certificates; a program with a " +
			"store of its own, on another machine, or with the proxy as its base URL over http, does not care"
		f.Next = "run " + c.call("ca trust --install") + " " + words.AsAdministrator() + "; " + c.call("ca trust") +
			" tells the lines for Java, .NET, Python, Node.js, PHP and others"
	}
	return f
}

func hostsFilePath() string {
	if runtime.GOOS == "windows" {
		return filepath.Join(os.Getenv("SystemRoot"), "System32", "drivers", "etc", "hosts")
	}
	return "/etc/hosts"
}

// checkHostsFile looks for DocuSign names that lead to this machine: the proxy would call itself.
func (c *run) checkHostsFile() {
	data, err := os.ReadFile(c.hostsFile)
	if errors.Is(err, fs.ErrNotExist) {
		c.ok("hosts file", c.hostsFile, "there is none")
		return
	}
	if err != nil {
		c.add(Finding{Check: "hosts file", Subject: c.hostsFile, Status: Warn, Found: "cannot be read: " + err.Error(),
			Why:  "a DocuSign name that leads to this machine would make the proxy call itself",
			Next: "look into it as its owner"})
		return
	}
	names := c.fixedNames(string(data))
	first := ""
	for _, n := range names {
		f := c.judgeName(n)
		switch {
		case f.Status == Fail && first != "":
			c.skip(f.Check, f.Subject, f.Found, first)
			c.toHere[n.host.Name()] = first
		case f.Status == Fail:
			first = c.add(f)
			c.toHere[n.host.Name()] = first
		default:
			c.add(f)
		}
	}
	if len(names) == 0 {
		c.ok("hosts file", c.hostsFile, "no DocuSign name in it")
	}
}

type fixedName struct {
	host egress.Host
	addr netip.Addr
	here bool // it leads to this machine
}

// fixedNames are the DocuSign names in a hosts file; those that lead to this machine are at the end.
func (c *run) fixedNames(text string) []fixedName {
	var here, elsewhere []fixedName
	for line := range strings.Lines(text) {
		entry, _, _ := strings.Cut(line, "#")
		fields := strings.Fields(entry)
		if len(fields) < 2 {
			continue
		}
		addr, err := netip.ParseAddr(fields[0])
		if err != nil {
			continue
		}
		for _, name := range fields[1:] {
			host, err := egress.ParseHost(name, 443)
			switch {
			case err != nil || !c.cfg.Egress.Policy.DocuSign(host):
			case ofThisMachine(addr):
				here = append(here, fixedName{host, addr, true})
			default:
				elsewhere = append(elsewhere, fixedName{host, addr, false})
			}
		}
	}
	return append(elsewhere, here...)
}

// ofThisMachine is also true when the machine does not tell its addresses.
func ofThisMachine(ip netip.Addr) bool {
	addrs, err := net.InterfaceAddrs()
	return err != nil || ip.IsLoopback() || ip.IsUnspecified() || slices.ContainsFunc(addrs, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr().Unmap() == ip.Unmap()
	})
}

// judgeName is about a DocuSign name that the hosts file fixes.
func (c *run) judgeName(n fixedName) Finding {
	name, e := n.host.Name(), &c.cfg.Egress
	_, fixed := e.Fixed[name]
	past := fixed || e.Resolver.IsValid() || c.cfg.Upstream.Proxy != (config.CompanyProxy{})
	f := Finding{Check: "hosts file", Subject: name, Status: Warn}
	refused := e.Policy.CheckEnvironment(n.host)
	switch {
	case !n.here:
		f.Found = c.hostsFile + " fixes it to " + n.addr.String()
		f.Why = "DocuSign changes its addresses; a fixed one works until the day it does not"
		f.Next = "remove the line from " + c.hostsFile + ", unless a network device of yours stands there"
	case refused != nil:
		f.Found = c.hostsFile + " points it at this machine, but " + refused.Error()
		f.Why = "calls to it are refused (wrong_environment), so that no test makes a real envelope and no contract goes " +
			"to demo"
		f.Next = "correct the address in the program and the line in " + c.hostsFile +
			", or run a second proxy for that environment"
	case !past:
		f = of(f.Check, name, Fail, "the proxy would call itself instead of DocuSign, so every call to this host fails",
			cause.OwnAddress, append(c.values(), "host", name, "address", n.addr.String()))
	case c.cfg.Listen.Hosts == "":
		f.Found = c.hostsFile + " points it at this machine, but listen.hosts is off"
		f.Why = "a program that follows the hosts file finds nobody on port 443"
		f.Next = "add listen: {hosts: 127.0.0.1:443} to " + c.Config + ", or remove the line from " + c.hostsFile
	default:
		f.Status, f.Found = OK, "points at this machine for the hosts-file door at "+c.cfg.Listen.Hosts+
			"; the proxy itself resolves past it"
	}
	return f
}

// checkListener tries an address that the proxy takes calls on; runs says whether a proxy is healthy.
func (c *run) checkListener(ctx context.Context, key, address string, runs bool) {
	f := Finding{Check: "listener", Subject: "listen." + key + " " + address, Status: OK}
	open, err := net.Listen("tcp", address)
	switch {
	case err == nil:
		err = dial(ctx, open.Addr().String())
		_ = open.Close() // nobody used it
		f.Found = "free; the proxy does not run here now (" + c.call("run") + ")"
		if runs {
			f.Found = "free, although the proxy runs: it was started with another configuration"
		}
		if err != nil {
			f.Status, f.Found = Fail, "the address is free, but this machine cannot connect to it: "+err.Error()
			f.Why, f.Next = "no program can reach the proxy there", "look at the firewall of this machine"
		}
	case runs && dial(ctx, address) == nil:
		f.Found = "served by the running proxy, whose " + c.cfg.Listen.Admin + "/-/healthy answers"
	default:
		id, fill := app.NewListenError(ctx, key, address, c.Config, err).Row()
		f.Status, f.Why = Fail, "the proxy cannot start"
		f.Found, f.Next = id.Means(fill...), id.Next(fill...)
		if id == cause.PortTaken {
			f.Found += "; no healthy proxy answers on the operations listener"
		}
	}
	c.add(f)
}

// dial finds out whether a listening address takes connections.
func dial(ctx context.Context, address string) error {
	conn, err := (&net.Dialer{Timeout: localTimeout}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}
