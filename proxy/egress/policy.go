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
// It is not changed while in use; Validate it once after filling it.
type Policy struct {
	// Suffixes are the domains whose hosts are intercepted, themselves included; a leading dot makes no difference.
	// Default DefaultSuffixes; setting it replaces the default.
	Suffixes []string
	// Ports on which those hosts are intercepted. Default 443 and 80.
	Ports []uint16
	// Hosts are intercepted too, each on exactly its port: an account server of one's own, the sandbox.
	Hosts []Host
	// Tunnels are the other hosts the old server needs, passed through as they are.
	Tunnels []Host
	// Environment that calls are carried out in: DocuSign's hosts of another one are refused. AnyEnvironment refuses none.
	Environment Environment
}

// Validate reports every entry that is malformed or can never take effect.
func (p *Policy) Validate() error {
	var problems []error
	for _, s := range p.Suffixes {
		name := strings.TrimPrefix(s, ".")
		h, err := ParseHost(name, 443)
		if err != nil || h.Name() != name || h.addr.IsValid() || !strings.Contains(name, ".") {
			problems = append(problems, fmt.Errorf("egress: suffix %q is not a domain such as docusign.net, in lower case", s))
		}
	}
	if slices.Contains(p.Ports, 0) {
		problems = append(problems, errors.New("egress: port 0 cannot be intercepted"))
	}
	for _, h := range slices.Concat(p.Hosts, p.Tunnels) {
		if h.name == "" || h.port == 0 {
			problems = append(problems, errors.New("egress: a listed host without name or port"))
		}
	}
	for _, h := range p.Hosts {
		problems = append(problems, p.CheckEnvironment(h))
	}
	for _, h := range p.Tunnels {
		if p.NoTunnel(h) {
			problems = append(
				problems,
				fmt.Errorf(
					"egress: tunnel %q is a DocuSign host: it is intercepted, never tunnelled, or a legacy password would pass unseen",
					h,
				),
			)
		}
	}
	return errors.Join(problems...)
}

// NoTunnel reports whether h is DocuSign's, intercepted or not, and so never a tunnel: a legacy password would pass
// unseen.
func (p *Policy) NoTunnel(h Host) bool {
	_, own := docuSignLabels(h.name)
	return own || p.DocuSign(h)
}

// Decide says what to do with a request for h. A DocuSign host is never tunnelled, listed or not.
func (p *Policy) Decide(h Host) Decision {
	var wrong *EnvironmentError
	if errors.As(p.CheckEnvironment(h), &wrong) {
		return Decision{Reason: ReasonEnvironment, Detail: wrong.Error(), NextStep: wrong.NextStep()}
	}
	if slices.Contains(p.Hosts, h) {
		return Decision{Action: Intercept, Reason: ReasonDocuSign}
	}
	if p.under(h) {
		if p.intercepts(h.port) {
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
		Detail: fmt.Sprintf(
			"%s is neither DocuSign nor listed: add %q to egress.tunnel if the program needs it", h, h.String(),
		),
	}
}

// DocuSign reports whether h belongs to DocuSign, on whatever port, or is among Hosts.
func (p *Policy) DocuSign(h Host) bool { return slices.Contains(p.Hosts, h) || p.under(h) }

func (p *Policy) under(h Host) bool {
	if h.addr.IsValid() || h.name == otherProduct {
		return false
	}
	if p.Suffixes == nil {
		return below(h.name, "docusign.net") || below(h.name, "docusign.com")
	}
	for _, s := range p.Suffixes {
		if below(h.name, strings.TrimPrefix(s, ".")) {
			return true
		}
	}
	return false
}

func below(name, domain string) bool {
	rest, ok := strings.CutSuffix(name, domain)
	return ok && domain != "" && (rest == "" || rest[len(rest)-1] == '.')
}

func (p *Policy) intercepts(port uint16) bool {
	if p.Ports == nil {
		return port == 443 || port == 80
	}
	return slices.Contains(p.Ports, port)
}
