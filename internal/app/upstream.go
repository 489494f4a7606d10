package app

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
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/proxy/upstream"
	"docusign-auth-proxy/translate/oauth"
)

func DialerOf(cfg *config.Config, self func() []netip.AddrPort) (*egress.Dialer, error) {
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

// TransportOf is the one way to DocuSign. It speaks HTTP/1.1: each call has its connection to itself, so a large upload never waits for another.
func TransportOf(cfg *config.Config, dialer *egress.Dialer) (*http.Transport, error) {
	roots, err := RootsOf(cfg)
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
	company, err := CompanyProxyOf(cfg, dialer, roots)
	if err != nil {
		return nil, err
	}
	t.DialContext = company.DialContext
	return t, nil
}

// upstreamOf is the same way for the callers' calls: those that are small go without net/http's goroutines, which cost a third of a GET.
func upstreamOf(cfg *config.Config, t *http.Transport) closingTripper {
	base := t.Clone()
	base.DialContext = upstream.KeepAnswers(t.DialContext)
	if strings.HasPrefix(strings.ToLower(cfg.Upstream.Proxy.Reveal()), "https:") {
		return base // an idle connection inside another TLS cannot be asked whether it is still good
	}
	return &upstream.Transport{
		Base:              base,
		Dial:              t.DialContext,
		TLS:               t.TLSClientConfig.Clone(),
		HandshakeTimeout:  t.TLSHandshakeTimeout,
		ResponseTimeout:   t.ResponseHeaderTimeout,
		IdleTimeout:       t.IdleConnTimeout,
		MaxIdlePerHost:    t.MaxIdleConnsPerHost,
		MaxResponseHeader: t.MaxResponseHeaderBytes,
	}
}

type closingTripper interface {
	http.RoundTripper
	CloseIdleConnections()
}

func RootsOf(cfg *config.Config) (*x509.CertPool, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if cfg.Upstream.CAPEM != "" && !roots.AppendCertsFromPEM([]byte(cfg.Upstream.CAPEM)) {
		return nil, errors.New("upstream.ca_file: no certificate in it")
	}
	return roots, nil
}

func CompanyProxyOf(cfg *config.Config, dialer *egress.Dialer, roots *x509.CertPool) (*egress.Proxy, error) {
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

// TokensOnly makes the client for tokens as the proxy does, without the rest of the proxy.
func TokensOnly(cfg *config.Config) (*oauth.Client, func(), error) {
	transport, err := Transport(cfg)
	if err != nil {
		return nil, nil, err
	}
	client, _, err := OauthOf(cfg, Deps{Store: store.Memory()}, transport)
	if err != nil {
		return nil, nil, err
	}
	return client, func() { client.Close(); transport.CloseIdleConnections() }, nil
}

// Transport is the proxy's own way to DocuSign.
func Transport(cfg *config.Config) (*http.Transport, error) {
	dialer, err := DialerOf(cfg, ListeningOn(cfg))
	if err != nil {
		return nil, err
	}
	return TransportOf(cfg, dialer)
}
