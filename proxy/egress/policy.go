package egress

import (
	"errors"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/shown"
)

// Action is what to do with a request for a host.
type Action int

const (
	// Refuse the request; the zero value, so that a forgotten decision opens nothing.
	Refuse Action = iota
	// Intercept: the host is DocuSign's, the proxy answers in its name.
	Intercept
	// Tunnel: another listed host, passed through unseen.
	Tunnel
)

// The reasons of a Decision and of an Admission: short, few and fixed, hence fit for a metric's label.
const (
	ReasonDocuSign     = "docusign"      // intercepted
	ReasonTunnel       = "tunnel"        // listed
	ReasonDocuSignPort = "docusign_port" // DocuSign, but on a port that is not intercepted
	ReasonNotListed    = "not_listed"
	ReasonEnvironment  = "wrong_environment" // DocuSign, but not the environment that calls are carried out in
)

// Decision is what Policy says about a host.
type Decision struct {
	Action Action
	Reason string // one of the Reason constants
	// Cause of a refusal, with the values for its texts.
	Cause cause.ID
	Fill  []string
}

// Shown is Fill without a host that may not be shown.
func (d Decision) Shown(h Host) []string {
	if may := shown.Host(h.String()); may != h.String() {
		return append(slices.Clone(d.Fill), "host", may)
	}
	return d.Fill
}

func refuse(id cause.ID, fill ...string) Decision {
	return Decision{Reason: id.String(), Cause: id, Fill: fill}
}

// DefaultSuffixes are the domains of DocuSign's demo and production sites and of its account servers.
func DefaultSuffixes() []string { return []string{"docusign.net", "docusign.com"} }

// Policy says which hosts are reached, and how. The zero value intercepts DocuSign and refuses the rest.
// It is not changed while in use.
type Policy struct {
	// Suffixes are the domains whose hosts are intercepted on ports 443 and 80, themselves included; nil means
	// DefaultSuffixes.
	Suffixes []string
	// Hosts are intercepted too, each on exactly its port: an account server of one's own, the sandbox.
	Hosts []Host
	// Tunnels are the other hosts the old server needs, passed through as they are.
	Tunnels []Host
	// Environment that calls are carried out in: DocuSign's hosts of another one are refused. AnyEnvironment refuses none.
	Environment Environment
}

// NoTunnel reports whether h is DocuSign's, intercepted or not, and so never a tunnel: a legacy password would pass
// unseen.
func (p *Policy) NoTunnel(h Host) bool { return isDocuSign(h) || p.DocuSign(h) }

// Decide says what to do with a request for h. A DocuSign host is never tunnelled, listed or not.
func (p *Policy) Decide(h Host) Decision {
	if wrong, ok := errors.AsType[*EnvironmentError](p.CheckEnvironment(h)); ok {
		id, fill := wrong.Row()
		return refuse(id, fill...)
	}
	switch {
	case slices.Contains(p.Hosts, h), p.under(h) && (h.port == 443 || h.port == 80):
		return Decision{Action: Intercept, Reason: ReasonDocuSign}
	case p.under(h):
		return refuse(cause.DocuSignPort, "host", h.String())
	case slices.Contains(p.Tunnels, h):
		return Decision{Action: Tunnel, Reason: ReasonTunnel}
	case h.name == otherProduct:
		return refuse(cause.OtherProduct, "host", h.name)
	}
	return refuse(cause.NotListed, "host", h.String())
}

// DocuSign reports whether h belongs to DocuSign, on whatever port, or is among Hosts.
func (p *Policy) DocuSign(h Host) bool { return slices.Contains(p.Hosts, h) || p.under(h) }

func (p *Policy) under(h Host) bool {
	own := func(domain string) bool { return below(h.name, domain) }
	return !h.addr.IsValid() && h.name != otherProduct && slices.ContainsFunc(p.suffixes(), own)
}

func (p *Policy) suffixes() []string {
	if p.Suffixes == nil {
		return DefaultSuffixes()
	}
	return p.Suffixes
}

func below(name, domain string) bool {
	rest, ok := strings.CutSuffix(name, domain)
	return ok && (rest == "" || rest[len(rest)-1] == '.')
}

// SiteNames are the names of the certificate for a client that sends no SNI to the hosts-file listener. The known sites
// stand beside the wildcards, since old verifiers differ in what they make of one (PROTOCOL.md §4.1, §7).
func (p *Policy) SiteNames(defaultSite string) []string {
	var names []string
	site, _ := ParseHost(defaultSite, 443)
	for _, h := range append([]Host{site}, p.Hosts...) {
		if !h.addr.IsValid() && !h.IsZero() {
			names = append(names, h.name)
		}
	}
	for _, site := range [...]string{"www", "demo", "na2", "na3", "na4", "eu", "eu1", "ca", "au", "jp1"} {
		names = append(names, site+".docusign.net")
	}
	for _, s := range p.suffixes() {
		names = append(names, s, "*."+s)
	}
	return names
}
