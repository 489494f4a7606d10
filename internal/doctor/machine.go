package doctor

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"syscall"
	"time"

	"docusign-auth-proxy/translate/oauth"
)

const (
	localTimeout = 2 * time.Second
	soonExpires  = 60 * 24 * time.Hour
)

// machine looks at what can be seen here: keys, CA, hosts file and listening addresses.
type machine struct{ *run }

func (c machine) check(ctx context.Context) {
	for _, in := range c.Integrations {
		for _, k := range in.OAuth.PrivateKeys {
			c.checkKey(in.Name+" "+k.Source, k.Source, k.Key)
		}
	}
	c.checkAuthority()
	c.checkHostsFile()
	if len(c.Listeners) == 0 {
		return
	}
	runs := c.proxyRuns(ctx)
	for _, l := range c.Listeners {
		c.checkListener(ctx, l, runs)
	}
}

func (c machine) checkKey(subject, source string, private *rsa.PrivateKey) {
	key, err := oauth.NewKey(source, private)
	if err == nil {
		c.ok("key", subject, fmt.Sprintf("RSA %d bits, fingerprint %s", key.Public().N.BitLen(), key.ID))
		return
	}
	c.add(Finding{
		Check: "key", Subject: subject, Status: Fail, Found: err.Error(),
		Why: "without a private key no token can be had for this integration",
		Next: "if that does not help, make a new key pair in DocuSign (Admin, Apps and Keys, the integration key, " +
			"Add RSA Keypair), save the private key whole, from BEGIN to END, and name the file in private_keys",
	})
}

func (c machine) checkAuthority() {
	a := c.Authority
	if a == nil {
		return
	}
	if c.checkTerm(a) {
		c.checkTrust(a.Certificate())
	}
	if a.OldTLS {
		c.ok("old tls", "interception.tls", "legacy: TLS 1.0 and 1.1 are taken from programs that know nothing "+
			"newer; set modern when the last of them is gone")
	} else {
		c.ok("old tls", "interception.tls", "modern: programs need TLS 1.2; one that fails with a handshake error "+
			"may need interception.tls: legacy")
	}
}

// checkTerm tells whether the CA is within its term.
func (c machine) checkTerm(a *Authority) bool {
	now, expires, file := c.Now(), a.Expires(), c.Authority.CertFile
	days := int(expires.Sub(now).Hours() / 24)
	finding := Finding{Check: "ca", Subject: file, Why: "old programs refuse every connection through the proxy " +
		"once the CA is outside its term",
		Next: c.call("ca renew") + ", then let the old machines trust the new certificate (" + c.call("ca trust") +
			"); the old one stays good until it expires"}
	switch {
	case now.After(expires):
		finding.Status, finding.Found = Fail, "the CA expired on "+expires.Format(time.DateOnly)
	case now.Before(a.Certificate().NotBefore):
		finding.Status, finding.Found = Fail, "the CA is not valid before "+
			a.Certificate().NotBefore.Format(time.DateOnly)
		finding.Next = "check this machine's clock and time zone"
	case expires.Sub(now) < soonExpires:
		finding.Status, finding.Found = Warn,
			fmt.Sprintf("the CA expires on %s, in %d days", expires.Format(time.DateOnly), days)
	default:
		c.ok("ca", file, fmt.Sprintf("valid until %s (%d days), SHA-256 %.23s…", expires.Format(time.DateOnly), days,
			a.Fingerprint()))
		return true
	}
	c.add(finding)
	return finding.Status != Fail
}

func (c machine) checkTrust(cert *x509.Certificate) {
	if c.Authority.HostRoots == nil {
		return
	}
	_, err := cert.Verify(x509.VerifyOptions{Roots: c.Authority.HostRoots, CurrentTime: c.Now(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err == nil {
		c.ok("ca trust", c.Authority.CertFile, "this machine's own store trusts it; Java, Python, Node.js and PHP "+
			"may have stores of their own ("+c.call("ca trust")+")")
		return
	}
	c.add(Finding{
		Check: "ca trust", Subject: c.Authority.CertFile, Status: Warn,
		Found: "this machine's own store does not trust the CA",
		Why: "a program on this machine that uses the system's store refuses the proxy's certificates; a program " +
			"with a store of its own, on another machine, or with the proxy as its base URL over http, does not care",
		Next: c.call("ca trust") + " tells the lines for this machine and for Java, Python, Node.js, PHP and others",
	})
}

// checkHostsFile looks for DocuSign names that lead to this machine: the proxy would call itself.
func (c machine) checkHostsFile() {
	h := c.HostsFile
	if h.Path == "" {
		return
	}
	data, err := h.Read(h.Path)
	if errors.Is(err, fs.ErrNotExist) {
		c.ok("hosts file", h.Path, "there is none")
		return
	}
	if err != nil {
		c.add(Finding{Check: "hosts file", Subject: h.Path, Status: Warn, Found: "cannot be read: " + err.Error(),
			Why:  "a DocuSign name that leads to this machine would make the proxy call itself",
			Next: "look into it as its owner"})
		return
	}
	own, elsewhere := c.fixedNames(data)
	for _, e := range elsewhere {
		c.add(Finding{
			Check: "hosts file", Subject: e.name, Status: Warn, Found: h.Path + " fixes it to " + e.addr.String(),
			Why:  "DocuSign changes its addresses; a fixed one works until the day it does not",
			Next: "remove the line from " + h.Path + ", unless a network device of yours stands there",
		})
	}
	for _, e := range own {
		c.judgeOwnName(e)
	}
	if len(own)+len(elsewhere) == 0 {
		c.ok("hosts file", h.Path, "no DocuSign name in it")
	}
}

type fixedName struct {
	name string
	addr netip.Addr
}

func (c machine) fixedNames(data []byte) (own, elsewhere []fixedName) {
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		text, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(text)
		if len(fields) < 2 {
			continue
		}
		addr, err := netip.ParseAddr(fields[0])
		if err != nil {
			continue
		}
		for _, name := range fields[1:] {
			name = strings.ToLower(strings.TrimSuffix(name, "."))
			if !c.HostsFile.DocuSign(name) {
				continue
			}
			if local, err := c.HostsFile.Local(addr); err == nil && !local {
				elsewhere = append(elsewhere, fixedName{name, addr})
			} else {
				own = append(own, fixedName{name, addr})
			}
		}
	}
	return own, elsewhere
}

func (c machine) judgeOwnName(e fixedName) {
	h := c.HostsFile
	refused := h.Refused(e.name)
	switch {
	case refused != nil:
		c.add(Finding{
			Check: "hosts file", Subject: e.name, Status: Warn, Found: h.Path + " points it at this machine, but " +
				refused.Error(),
			Why: "calls to it are refused (wrong_environment), so that no test makes a real envelope and no " +
				"contract goes to demo",
			Next: "correct the address in the program and the line in " + h.Path +
				", or run a second proxy for that environment",
		})
	case !h.Past(e.name):
		c.add(Finding{
			Check: "hosts file", Subject: e.name, Status: Fail, Found: h.Path + " points it at this machine (" +
				e.addr.String() + "), and the proxy would follow",
			Why: "the proxy would call itself instead of DocuSign, so every call to this host fails",
			Next: "add egress.resolver: the address of your DNS server (or egress.resolve with a fixed address for " +
				e.name + ") to " + c.Config + "; or, if no program needs the line, remove it from " + h.Path,
		})
	case h.Door == "":
		c.add(Finding{
			Check: "hosts file", Subject: e.name, Status: Warn,
			Found: h.Path + " points it at this machine, but listen.hosts is off",
			Why:   "a program that follows the hosts file finds nobody on port 443",
			Next:  "add listen: {hosts: 127.0.0.1:443} to " + c.Config + ", or remove the line from " + h.Path,
		})
	default:
		c.ok("hosts file", e.name, "points at this machine for the hosts-file door at "+h.Door+
			"; the proxy itself resolves past it")
	}
}

// proxyRuns asks the operations listener for its health.
func (c machine) proxyRuns(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, localTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+reachable(c.Admin)+"/-/healthy", nil)
	if err != nil {
		return false
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close() // the status says it all
	return resp.StatusCode == http.StatusOK
}

// reachable turns a listening address into one to call.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip, bad := netip.ParseAddr(host); err == nil && (host == "" || bad == nil && ip.IsUnspecified()) {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return address
}

func (c machine) checkListener(ctx context.Context, l Listener, runs bool) {
	subject := l.Field + " " + l.Address
	open, err := net.Listen("tcp", l.Address)
	if err == nil {
		err = dial(ctx, open.Addr().String())
		_ = open.Close() // nobody used it
		if err != nil {
			c.add(Finding{Check: "listener", Subject: subject, Status: Fail,
				Found: "the address is free, but this machine cannot connect to it: " + err.Error(),
				Why:   "no program can reach the proxy there", Next: "look at the firewall of this machine"})
			return
		}
		text := "free; the proxy does not run here now (" + c.call("run") + ")"
		if runs {
			text = "free, although the proxy runs: it was started with another configuration"
		}
		c.ok("listener", subject, text)
		return
	}
	if runs && dial(ctx, l.Address) == nil {
		c.ok("listener", subject, "served by the running proxy, whose "+c.Admin+"/-/healthy answers")
		return
	}
	c.add(listenFault(l, subject, err))
}

// dial finds out whether a listening address takes connections.
func dial(ctx context.Context, address string) error {
	conn, err := (&net.Dialer{Timeout: localTimeout}).DialContext(ctx, "tcp", reachable(address))
	if err != nil {
		return err
	}
	return conn.Close()
}

func listenFault(l Listener, subject string, err error) Finding {
	f := Finding{Check: "listener", Subject: subject, Status: Fail, Found: err.Error(), Why: "the proxy cannot start",
		Next: "choose another address in " + l.Field}
	_, port, _ := net.SplitHostPort(l.Address) // an address without port cannot be listened on either
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		f.Found = "another program has the port, and no healthy proxy answers on the operations listener"
		f.Next = "find it with: " + whoHas(port) + "; stop it, or choose another port in " + l.Field +
			" (and in the old programs)"
	case errors.Is(err, syscall.EACCES):
		f.Found = "this user may not open port " + port
		f.Next = "on Linux: setcap cap_net_bind_service=+ep on the program, or " +
			"AmbientCapabilities=CAP_NET_BIND_SERVICE in its systemd unit; or choose a port above 1023 in " + l.Field
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		f.Found = "this machine does not have that address"
		f.Next = "put one of its own addresses into " + l.Field + ", or 127.0.0.1"
	}
	return f
}

func whoHas(port string) string {
	switch runtime.GOOS {
	case "windows":
		return "netstat -ano | findstr :" + port
	case "linux":
		return "ss -ltnp sport = :" + port
	}
	return "lsof -nP -iTCP:" + port + " -sTCP:LISTEN"
}
