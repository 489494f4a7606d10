package doctor

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/consent"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/proxy/egress"
)

const storeTimeout = 300 * time.Millisecond

// planOf says what there is to check. done lets go of the store; cfg is nil if the proxy would not start with it.
func planOf(path string, offline bool) (plan Plan, usable *config.Config, done func() error) {
	version, commit, goVersion := app.BuildVersion()
	plan = Plan{Config: path, Report: Report{
		Version: fmt.Sprintf("%s (commit %s)", version, commit), System: runtime.GOOS + "/" + runtime.GOARCH + ", " +
			goVersion,
		Config: path, Offline: offline,
	}}
	done = func() error { return nil }
	read := readConfig(path)
	cfg := read.cfg
	plan.Read = read.findings
	if cfg == nil {
		plan.Unusable = true
		return plan, nil, done
	}
	if read.whole {
		usable = cfg
	}
	plan.Report.Environment, plan.Report.AccountServer = cfg.Environment, cfg.AccountServer.String()
	plan.Secrets, plan.Admin = secretsOf(cfg), cfg.Listen.Admin
	for _, a := range cfg.Listen.Addresses() {
		if *a.Text != "" {
			plan.Listeners = append(plan.Listeners, Listener{"listen." + a.Key, *a.Text})
		}
	}
	if in := cfg.Interception; in != nil {
		plan.Authority = &Authority{CertFile: in.CACert, Authority: in.Authority, OldTLS: in.TLS == config.Legacy}
		plan.Authority.HostRoots, _ = x509.SystemCertPool() // nil = unknown
	}
	for i := range cfg.Integrations {
		in := &cfg.Integrations[i]
		plan.Integrations = append(plan.Integrations, integrationOf(cfg, in))
	}
	plan.Integrations = append(plan.Integrations, read.skipped...)
	plan.HostsFile = hostsFileOf(cfg)
	if !offline {
		done = plan.connect(cfg)
	}
	return plan, usable, done
}

// connect adds the way to DocuSign, which is the proxy's own.
func (p *Plan) connect(cfg *config.Config) (done func() error) {
	network, transport := networkOf(cfg)
	p.Network = network
	kept, held := openStore(cfg, p.Integrations)
	if held != nil {
		p.Read = append(p.Read, *held)
	}
	client, err := app.OAuthOf(cfg, app.Deps{Store: kept}, transport)
	if err != nil {
		p.Read = append(p.Read, problemFinding(config.Problem{File: p.Config, Message: err.Error()}))
		return kept.Close
	}
	p.OAuth = client
	return func() error {
		client.Close()
		transport.CloseIdleConnections()
		return kept.Close()
	}
}

func hostsFileOf(cfg *config.Config) HostsFile {
	return HostsFile{
		Path: hostsFilePath(), Read: os.ReadFile, Door: cfg.Listen.Hosts, Local: localAddress,
		DocuSign: func(name string) bool {
			h, err := egress.ParseHost(name, 443)
			return err == nil && cfg.Egress.Policy.DocuSign(h)
		},
		Refused: func(name string) error {
			h, err := egress.ParseHost(name, 443)
			if err != nil {
				return nil // no name that a program could call
			}
			return cfg.Egress.Policy.CheckEnvironment(h)
		},
		Past: func(name string) bool {
			_, ok := cfg.Egress.Fixed[name]
			return ok || cfg.Egress.Resolver.IsValid() || cfg.Upstream.Proxy != (config.CompanyProxy{})
		},
	}
}

func hostsFilePath() string {
	if runtime.GOOS == "windows" {
		return filepath.Join(os.Getenv("SystemRoot"), "System32", "drivers", "etc", "hosts")
	}
	return "/etc/hosts"
}

func localAddress(ip netip.Addr) (bool, error) {
	if ip.IsLoopback() || ip.IsUnspecified() {
		return true, nil
	}
	addrs, err := net.InterfaceAddrs()
	return slices.ContainsFunc(addrs, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr().Unmap() == ip.Unmap()
	}), err
}

// fixedAddress looks a name up in egress.resolve.
func fixedAddress(cfg *config.Config, name string) (string, bool) {
	to, ok := cfg.Egress.Fixed[name]
	if ok && to.Port() == 0 {
		return to.Addr().String(), true
	}
	return to.String(), ok
}

func networkOf(cfg *config.Config) (Network, *http.Transport) {
	dialer := app.DialerOf(cfg, app.ListeningOn(cfg))
	transport, roots := app.TransportOf(cfg, dialer), app.RootsOf(cfg)
	var lookup egress.Lookup = net.DefaultResolver
	if dialer.Lookup != nil {
		lookup = dialer.Lookup
	}
	n := Network{
		AccountServer: cfg.AccountServer.String(), Site: cfg.Site.String(), Dial: transport.DialContext, Roots: roots,
		HTTP:  &http.Client{Transport: transport, Timeout: 20 * time.Second},
		Fixed: func(host string) (string, bool) { return fixedAddress(cfg, host) },
		Lookup: func(ctx context.Context, host string) ([]netip.Addr, error) {
			return lookup.LookupNetIP(ctx, "ip", host)
		},
	}
	if company := app.CompanyProxyOf(cfg, dialer, roots); company != nil {
		n.CompanyProxy = company.Address.String()
		n.DialProxy = func(ctx context.Context) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", n.CompanyProxy)
		}
	}
	return n, transport
}

func integrationOf(cfg *config.Config, in *integration.Integration) Integration {
	out := Integration{
		Integration: in,
		ConsentURL:  func(username string) string { return consent.PagesOf(cfg, *in, username).Individual },
	}
	if in.Mode != integration.Translate {
		out.Skip = "mode " + string(in.Mode) + ": nothing is translated, so there is nothing to ask DocuSign"
	}
	return out
}

// openStore opens the store if logins are kept in it; else nothing of it is needed. A running proxy holds it.
func openStore(cfg *config.Config, integrations []Integration) (*store.Store, *Finding) {
	if !slices.ContainsFunc(integrations, func(in Integration) bool { return in.codeGrant() }) || cfg.Store == "" {
		return store.Memory(), nil
	}
	if _, err := os.Stat(cfg.Store); err != nil {
		return store.Memory(), nil // nobody has logged in yet; the doctor makes no files
	}
	kept, err := store.Open(cfg.Store, store.Options{Timeout: storeTimeout})
	if err == nil {
		return kept, nil
	}
	f := Finding{Check: "store", Subject: cfg.Store, Status: Fail, Found: err.Error(),
		Why: "the logins of users (grant: authorization_code) are kept in it",
		Next: "restore the file from a backup, or move it away and let the users log in again: docusign-auth-proxy " +
			"login"}
	blocked := "their logins are in the store, which cannot be read"
	if errors.Is(err, store.ErrLocked) {
		f.Status, f.Found, f.Why = Skipped, "the running proxy holds it; the status page http://"+cfg.Listen.Admin+
			"/ shows the logins", ""
		f.Next, blocked = "", "their logins are held by the running proxy: see http://"+cfg.Listen.Admin+"/"
	}
	for i := range integrations {
		if integrations[i].codeGrant() {
			integrations[i].Blocked, integrations[i].Because = blocked, f.Name()
		}
	}
	return store.Memory(), &f
}

// secretsOf lists what must not stand in any output, whatever DocuSign or a proxy on the way repeats.
func secretsOf(cfg *config.Config) []secret.Text {
	out := []secret.Text{cfg.Upstream.Proxy.Password}
	if cfg.Interception != nil {
		out = append(out, cfg.Interception.CAKeyPEM)
	}
	for _, in := range cfg.Integrations {
		out = append(out, in.OAuth.ClientSecret)
		for _, k := range in.OAuth.PrivateKeys {
			out = append(out, k.PEM)
		}
		for _, u := range in.Users {
			out = append(out, u.AppPassword, u.Password.Clear())
		}
	}
	return slices.DeleteFunc(out, secret.Text.Empty)
}
