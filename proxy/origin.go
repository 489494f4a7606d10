package proxy

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"docusign-auth-proxy/internal/call"

	"docusign-auth-proxy/proxy/egress"
)

// origin is where the caller is told to go for a site, so that its next call comes back to this proxy: the sidecar's
// own address, or the site under the scheme that the caller uses now. A program on plain HTTP need not trust the CA, so
// it is never sent to https.
func (x *exchange) origin(r *http.Request, site *url.URL) *url.URL {
	switch {
	case x.event.Door == call.DoorSidecar:
		return x.sidecarOrigin(r)
	case x.event.Door == call.DoorForward:
		return &url.URL{Scheme: strings.ToLower(r.URL.Scheme), Host: site.Host}
	case r.TLS == nil: // a tunnel to port 80
		return &url.URL{Scheme: "http", Host: site.Host}
	}
	return &url.URL{Scheme: "https", Host: site.Host}
}

// sidecarOrigin is the sidecar under the name that this caller can reach: sidecar.public_url, else the Host header
// where that can lead back here, else the address that the connection came to.
func (x *exchange) sidecarOrigin(r *http.Request) *url.URL {
	if x.state.PublicURL != nil {
		return x.state.PublicURL
	}
	local := x.binding.local
	u := &url.URL{Scheme: "http", Host: netip.AddrPortFrom(local.Addr().WithZone(""), local.Port()).String()}
	standard, sni := uint16(80), ""
	if r.TLS != nil {
		u.Scheme, standard, sni = "https", 443, r.TLS.ServerName
	}
	if h, err := egress.ParseHost(sni, local.Port()); err == nil {
		u.Host = h.String() // the certificate that the caller believes has this name
	}
	h, err := egress.ParseHost(r.Host, standard)
	switch {
	case err != nil: // HTTP/1.0 without Host, or nonsense
	case h.Port() == standard && local.Port() != standard && isLocalName(h, local.Addr()):
		// The port was left out (RFC 9110 §7.2 wants it).
		u.Host = h.WithPort(local.Port()).String()
	case strings.EqualFold(h.Name(), sni):
		u.Host = r.Host
	case x.docuSignSite(r.Host) != nil:
		// A program whose Host header is fixed to DocuSign's name; it would go there past the proxy.
	default:
		u.Host = r.Host
	}
	return u
}

// isLocalName reports whether h is the address that a connection came to. Any other name may be that of a reverse proxy
// in front.
func isLocalName(h egress.Host, local netip.Addr) bool {
	return h.Name() == local.WithZone("").String() || h.Name() == "localhost" && local.IsLoopback()
}

// callerAddresses mends the header fields in which a site speaks of its own address. Where they name its API they lead
// back to this proxy; pages for a browser, such as the signing view, are reached without it (PROTOCOL.md §12).
func (x *exchange) callerAddresses(h http.Header) {
	r := x.inbound
	for _, name := range [...]string{"Location", "Content-Location"} {
		for i, v := range h[name] {
			u, err := url.Parse(v)
			if err != nil || !isAPIPath(u.Path) {
				continue
			}
			if site := x.docuSignSite(u.Host); site != nil {
				h[name][i] = withOrigin(v, x.origin(r, site))
			}
		}
	}
	delete(h, "Alt-Svc") // another way to the site, past this proxy (RFC 7838)
	if r.TLS == nil || x.event.Door == call.DoorSidecar || x.event.Door == call.DoorForward {
		// They would be DocuSign's words about localhost, or about a host that the program reaches on plain HTTP
		// (PROTOCOL.md §12).
		delete(h, "Strict-Transport-Security")
		delete(h, "Public-Key-Pins")
	}
}

// docuSignSite gives the origin of a host[:port] that is DocuSign's, by policy, by UserInfo, or because the call goes
// there; nil for others, and for those of another environment, in whose stead this proxy must not be called.
func (x *exchange) docuSignSite(authority string) *url.URL {
	h, err := egress.ParseHost(authority, 443)
	if err != nil || x.state.Policy.CheckEnvironment(h) != nil {
		return nil
	}
	site := httpsOrigin(h)
	if x.state.Policy.DocuSign(h) || x.state.Translator.KnowsHost(site.Host) {
		return site
	}
	if x.site.Base != nil && x.site.Base.Host == site.Host {
		return site
	}
	return nil
}

func isAPIPath(path string) bool {
	for _, prefix := range [...]string{"/restapi", "/api/3.0"} {
		if rest, ok := cutPrefixFold(path, prefix); ok && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	return false
}

// withOrigin puts another scheme and authority in front of an absolute URL; the rest stays byte for byte.
func withOrigin(text string, origin *url.URL) string {
	_, rest, _ := strings.Cut(text, "//")
	path := ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		path = rest[i:]
	}
	return origin.Scheme + "://" + origin.Host + path
}
