package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/proxy"
	"docusign-auth-proxy/proxy/authority"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/oauth"
)

// surroundings is what outlives a reload and the states need.
type surroundings struct {
	store    *store.Store
	self     func() []netip.AddrPort // own listening addresses
	observer oauth.Observer
	onPin    func(integration, username string, client netip.Addr)
	// onUnknown is told of credentials whose key nobody configured; nil = nobody wants to know.
	onUnknown func(cred legacy.Credential, actAs string, client netip.Addr)
}

// assembled is one state of the server and what has to be closed with it.
type assembled struct {
	cfg       *config.Config
	state     *proxy.State
	oauth     *oauth.Client
	authority *authority.Authority // nil = no interception
	idle      []interface{ CloseIdleConnections() }
}

func (a *assembled) close() {
	a.oauth.Close()
	for _, t := range a.idle {
		t.CloseIdleConnections()
	}
}

// assemble builds a server state from a configuration. previous is the state it replaces, nil at start.
func assemble(cfg *config.Config, env surroundings, previous *assembled) (*assembled, error) {
	a := &assembled{cfg: cfg}
	policy, err := policyOf(cfg)
	if err != nil {
		return nil, err
	}
	dialer, err := dialerOf(cfg, env.self)
	if err != nil {
		return nil, err
	}
	transport, err := transportOf(cfg, dialer)
	if err != nil {
		return nil, err
	}
	listed := &http.Transport{DialContext: dialer.DialContext, DisableCompression: true, ResponseHeaderTimeout: cfg.Upstream.ResponseTimeout, IdleConnTimeout: cfg.Upstream.IdleTimeout}
	a.idle = append(a.idle, transport, listed)
	if a.oauth, err = oauthOf(cfg, env, transport, policy); err != nil {
		return nil, err
	}
	if previous != nil {
		a.oauth.Adopt(previous.oauth)
	}
	translator, err := translatorOf(cfg, env, a.oauth, previous)
	if err != nil {
		return nil, err
	}
	site, err := url.Parse(siteOf(cfg))
	if err != nil {
		return nil, fmt.Errorf("site: %w", err)
	}
	account, err := url.Parse(accountServerOf(cfg))
	if err != nil {
		return nil, fmt.Errorf("account_server: %w", err)
	}
	forward, local, err := clientsOf(cfg)
	if err != nil {
		return nil, err
	}
	a.state = &proxy.State{
		Translator: translator, Policy: policy, Clients: forward, LocalClients: local, Upstream: transport, Listed: listed, TunnelDial: dialer.DialContext,
		DefaultSite: site, AccountServer: account.Host, Tokens: issuer{env.store},
	}
	if cfg.Sidecar.PublicURL != "" {
		if a.state.PublicURL, err = url.Parse(strings.TrimSuffix(cfg.Sidecar.PublicURL, "/")); err != nil {
			return nil, fmt.Errorf("sidecar.public_url: %w", err)
		}
	}
	if err := a.intercept(previous); err != nil {
		return nil, err
	}
	return a, nil
}

// intercept loads the CA. An unchanged one keeps its leaves, so that a reload costs no signatures and session tickets stay good.
func (a *assembled) intercept(previous *assembled) error {
	in := a.cfg.Interception
	if in == nil {
		return nil
	}
	if previous != nil && previous.cfg.Interception != nil && *previous.cfg.Interception == *in {
		a.authority, a.state.Leaves = previous.authority, previous.state.Leaves
		a.state.Authority = a.authority
		return nil
	}
	var err error
	if a.authority, err = authority.Load([]byte(in.CACertPEM), []byte(in.CAKeyPEM.Reveal())); err != nil {
		return fmt.Errorf("interception: %w", err)
	}
	a.state.Authority = a.authority
	profile := authority.Modern
	if in.TLS == config.Legacy {
		profile = authority.Legacy
	}
	a.state.Leaves, err = authority.NewLeaves(a.authority, authority.Options{Profile: profile})
	if err != nil {
		return fmt.Errorf("interception: %w", err)
	}
	return nil
}

func accountServerOf(cfg *config.Config) string {
	switch cfg.Environment {
	case config.Demo:
		return "https://account-d.docusign.com"
	case config.Production:
		return "https://account.docusign.com"
	}
	return cfg.AccountServer
}

func siteOf(cfg *config.Config) string {
	switch {
	case cfg.Site != "":
		return cfg.Site
	case cfg.Environment == config.Demo:
		return "https://demo.docusign.net"
	case cfg.Environment == config.Production:
		return "https://www.docusign.net"
	}
	return cfg.AccountServer
}

// policyOf says which hosts are DocuSign's. The configured account server and site count, on their own port.
func policyOf(cfg *config.Config) (*egress.Policy, error) {
	p := &egress.Policy{}
	for _, h := range cfg.Egress.Hosts {
		if strings.HasPrefix(h, ".") {
			p.Suffixes = append(p.Suffixes, strings.TrimPrefix(h, "."))
			continue
		}
		host, err := egress.ParseHost(h, 443)
		if err != nil {
			return nil, fmt.Errorf("egress.hosts: %w", err)
		}
		p.Hosts = append(p.Hosts, host)
	}
	for _, origin := range []string{accountServerOf(cfg), siteOf(cfg)} {
		u, err := url.Parse(origin)
		if err != nil {
			return nil, err
		}
		host, err := egress.ParseHost(u.Host, 443)
		if err != nil {
			return nil, err
		}
		p.Hosts = append(p.Hosts, host)
	}
	for _, t := range cfg.Egress.Tunnel {
		host, err := egress.ParseHost(t, 443)
		if err != nil {
			return nil, fmt.Errorf("egress.tunnel: %w", err)
		}
		p.Tunnels = append(p.Tunnels, host)
	}
	return p, p.Validate()
}

func dialerOf(cfg *config.Config, self func() []netip.AddrPort) (*egress.Dialer, error) {
	d := &egress.Dialer{Resolve: cfg.Egress.Resolve, Allow: cfg.Egress.AllowAddresses, Self: self, Timeout: cfg.Upstream.DialTimeout}
	if cfg.Egress.Resolver != "" {
		// One DNS server, asked directly: net.Resolver would read the hosts file that points DocuSign's names at this proxy.
		server, err := netip.ParseAddrPort(cfg.Egress.Resolver)
		if err != nil {
			return nil, fmt.Errorf("egress.resolver: %w", err)
		}
		d.Lookup = &egress.Resolver{Servers: []netip.AddrPort{server}}
	}
	return d, d.Validate()
}

// transportOf is the one way to DocuSign. It speaks HTTP/1.1: each call has its connection to itself, so a large upload never waits for another.
func transportOf(cfg *config.Config, dialer *egress.Dialer) (*http.Transport, error) {
	roots, err := rootsOf(cfg)
	if err != nil {
		return nil, err
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	t := &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(256)},
		TLSHandshakeTimeout:    cfg.Upstream.DialTimeout,
		MaxIdleConns:           0,
		MaxIdleConnsPerHost:    cfg.Upstream.MaxIdlePerHost,
		IdleConnTimeout:        cfg.Upstream.IdleTimeout,
		ResponseHeaderTimeout:  cfg.Upstream.ResponseTimeout,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 256 << 10,
		WriteBufferSize:        32 << 10,
		ReadBufferSize:         32 << 10,
		DisableCompression:     true, // Accept-Encoding is the caller's business
		Protocols:              protocols,
	}
	if cfg.Upstream.Proxy.Empty() {
		return t, nil
	}
	company, err := companyProxyOf(cfg, dialer, roots)
	if err != nil {
		return nil, err
	}
	t.DialContext = company.DialContext
	return t, nil
}

func rootsOf(cfg *config.Config) (*x509.CertPool, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if cfg.Upstream.CAPEM != "" && !roots.AppendCertsFromPEM([]byte(cfg.Upstream.CAPEM)) {
		return nil, errors.New("upstream.ca_file: no certificate in it")
	}
	return roots, nil
}

func companyProxyOf(cfg *config.Config, dialer *egress.Dialer, roots *x509.CertPool) (*egress.Proxy, error) {
	u, err := url.Parse(cfg.Upstream.Proxy.Reveal())
	if err != nil {
		return nil, errors.New("upstream.proxy: not a URL such as http://proxy.example:3128")
	}
	port := uint16(80)
	p := &egress.Proxy{Dialer: dialer, User: u.User.Username(), Password: cfg.Upstream.ProxyPassword.Text, Timeout: cfg.Upstream.DialTimeout}
	if u.Scheme == "https" {
		port = 443
		p.TLS = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	if pw, set := u.User.Password(); set && p.Password.Empty() {
		p.Password = secret.New(pw)
	}
	if p.Address, err = egress.ParseHost(u.Host, port); err != nil {
		return nil, fmt.Errorf("upstream.proxy: %w", err)
	}
	return p, nil
}

func oauthOf(cfg *config.Config, env surroundings, transport http.RoundTripper, policy *egress.Policy) (*oauth.Client, error) {
	c := oauth.Config{
		AccountServer: accountServerOf(cfg), Audience: cfg.Audience, HTTP: &http.Client{Transport: transport, Timeout: 20 * time.Second},
		RedirectURI: cfg.Admin.RedirectURI, Observer: env.observer, TrustedBase: trustedBase(cfg, policy),
	}
	seen := map[string]bool{}
	for _, in := range cfg.Integrations {
		id := clientIDOf(in)
		if seen[id] || len(in.OAuth.PrivateKeys) == 0 {
			continue
		}
		seen[id] = true
		issuer := oauth.Issuer{ClientID: id}
		for _, k := range in.OAuth.PrivateKeys {
			key, err := oauth.ParsePrivateKey(k.Source, []byte(k.PEM.Reveal()))
			if err != nil {
				return nil, fmt.Errorf("integration %s: %w", in.Name, err)
			}
			issuer.Keys = append(issuer.Keys, key)
		}
		c.Issuers = append(c.Issuers, issuer)
	}
	c.Learned = learnedFrom(env.store, c.AccountServer)
	return oauth.New(c)
}

func clientIDOf(in config.Integration) string {
	if in.OAuth.ClientID != "" {
		return in.OAuth.ClientID
	}
	return in.IntegratorKey
}

// trustedBase believes a base_uri under DocuSign's domains and, in a custom environment, at addresses the operator listed.
func trustedBase(cfg *config.Config, policy *egress.Policy) func(*url.URL) error {
	account, _ := url.Parse(accountServerOf(cfg))
	return func(u *url.URL) error {
		if u.Scheme != "https" {
			return errors.New("it is not https")
		}
		h, err := egress.ParseHost(u.Host, 443)
		if err != nil {
			return err
		}
		if policy.DocuSign(h) || cfg.Environment == config.Custom && (u.Hostname() == account.Hostname() || listedAddress(cfg, h)) {
			return nil
		}
		return fmt.Errorf("%s is not under egress.hosts", h.Name())
	}
}

func listedAddress(cfg *config.Config, h egress.Host) bool {
	ip, ok := h.Addr()
	if !ok {
		return false
	}
	for _, p := range cfg.Egress.AllowAddresses {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}
