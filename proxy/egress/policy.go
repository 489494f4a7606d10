package egress

import (
	"errors"
	"fmt"
	"slices"
	"strings"
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

func (a Action) String() string {
	switch a {
	case Intercept:
		return "intercept"
	case Tunnel:
		return "tunnel"
	}
	return "refuse"
}

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
	Detail string // of a refusal: why, and what the operator can do about it unless NextStep says it
	// NextStep of a refusal is empty for most reasons.
	NextStep string
}

// DefaultSuffixes are the domains of DocuSign's demo and production sites and of its account servers.
func DefaultSuffixes() []string { return []string{"docusign.net", "docusign.com"} }

// Policy says which hosts are reached, and how. The zero value intercepts DocuSign and refuses the rest.
// It is not changed while in use.
type Policy struct {
	// Suffixes are the domains whose hosts are intercepted on ports 443 and 80, themselves included; a leading dot makes
	// no difference. Default DefaultSuffixes; setting it replaces the default.
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
func (p *Policy) NoTunnel(h Host) bool {
	_, own := docuSignLabels(h.name)
	return own || p.DocuSign(h)
}

// Decide says what to do with a request for h. A DocuSign host is never tunnelled, listed or not.
func (p *Policy) Decide(h Host) Decision {
	if wrong, ok := errors.AsType[*EnvironmentError](p.CheckEnvironment(h)); ok {
		return Decision{Reason: ReasonEnvironment, Detail: wrong.Error(), NextStep: wrong.NextStep()}
	}
	if slices.Contains(p.Hosts, h) {
		return Decision{Action: Intercept, Reason: ReasonDocuSign}
	}
	if p.under(h) {
		if h.port == 443 || h.port == 80 {
			return Decision{Action: Intercept, Reason: ReasonDocuSign}
		}
		return Decision{
			Reason: ReasonDocuSignPort,
			Detail: fmt.Sprintf("%s is a DocuSign host, but port %d is not intercepted: call it on 443", h.name, h.port),
		}
	}
	if slices.Contains(p.Tunnels, h) {
		return Decision{Action: Tunnel, Reason: ReasonTunnel}
	}
	if h.name == otherProduct {
		return Decision{
			Reason: ReasonNotListed, Detail: h.name + " is another product of DocuSign's",
			NextStep: "let the program reach it without the proxy",
		}
	}
	return Decision{
		Reason: ReasonNotListed,
		Detail: fmt.Sprintf("%s is neither DocuSign nor listed: add %[1]q to egress.tunnel if the program needs it",
			h.String()),
	}
}

// DocuSign reports whether h belongs to DocuSign, on whatever port, or is among Hosts.
func (p *Policy) DocuSign(h Host) bool { return slices.Contains(p.Hosts, h) || p.under(h) }

func (p *Policy) under(h Host) bool {
	if h.addr.IsValid() || h.name == otherProduct {
		return false
	}
	suffixes := p.Suffixes
	if suffixes == nil {
		suffixes = DefaultSuffixes()
	}
	return slices.ContainsFunc(suffixes, func(s string) bool { return below(h.name, strings.TrimPrefix(s, ".")) })
}

func below(name, domain string) bool {
	rest, ok := strings.CutSuffix(name, domain)
	return ok && domain != "" && (rest == "" || rest[len(rest)-1] == '.')
}
