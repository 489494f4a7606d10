package app

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/netip"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/proxy/upstream"
)

// DialerOf makes what connects to the outside, by egress: in the configuration. It takes the addresses in the
// configuration for the proxy's own.
func DialerOf(cfg *config.Config) *egress.Dialer {
	var own []netip.AddrPort
	for _, a := range cfg.Listen.Addresses() {
		if ap, err := netip.ParseAddrPort(*a.Text); err == nil && ap.Port() != 0 {
			own = append(own, ap)
		}
	}
	d := &egress.Dialer{
		Resolve: cfg.Egress.Fixed, Allow: cfg.Egress.AllowAddresses, Timeout: cfg.Upstream.DialTimeout,
		Self: func() []netip.AddrPort { return own },
	}
	if cfg.Egress.Resolver.IsValid() {
		// One DNS server, asked directly: net.Resolver would read the hosts file that points DocuSign's names at this
		// proxy.
		d.Lookup = &egress.Resolver{Server: cfg.Egress.Resolver}
	}
	return d
}

// TransportOf is the one way to DocuSign. It speaks HTTP/1.1: each call has its connection to itself, so a large upload
// never waits for another.
func TransportOf(cfg *config.Config, dialer *egress.Dialer) *http.Transport {
	roots := rootsOf(cfg)
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	t := &http.Transport{
		DialContext: dialer.DialContext,
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12,
			ClientSessionCache: tls.NewLRUClientSessionCache(256)},
		TLSHandshakeTimeout:    cfg.Upstream.DialTimeout,
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
	if u := cfg.Upstream.Proxy; u != (config.CompanyProxy{}) {
		company := &egress.Proxy{Dialer: dialer, Address: u.Host, User: u.User, Password: u.Password}
		if u.Scheme == "https" {
			company.TLS = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, ServerName: u.Host.Name()}
		}
		t.DialContext = company.DialContext
	}
	return t
}

// upstreamOf is the same way for the callers' calls: those that are small go without net/http's goroutines, which cost
// a third of a GET.
func upstreamOf(cfg *config.Config, t *http.Transport) closingTripper {
	base := t.Clone()
	base.DialContext = upstream.KeepAnswers(t.DialContext)
	if cfg.Upstream.Proxy.Scheme == "https" {
		return base // an idle connection inside another TLS cannot be asked whether it is still good
	}
	return &upstream.Transport{Base: base, Like: t}
}

type closingTripper interface {
	http.RoundTripper
	CloseIdleConnections()
}

// rootsOf are the authorities that servers are trusted by.
func rootsOf(cfg *config.Config) *x509.CertPool {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	for _, c := range cfg.Upstream.CAs {
		roots.AddCert(c)
	}
	return roots
}

// Transport is the proxy's own way to DocuSign.
func Transport(cfg *config.Config) *http.Transport { return TransportOf(cfg, DialerOf(cfg)) }
