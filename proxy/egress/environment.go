package egress

import (
	"fmt"
	"slices"
	"strings"
)

// Environment is one of DocuSign's separate installations. An integrator key is the same in all of them, so the host is
// all that tells a test from a real contract (PROTOCOL.md §7).
type Environment string

// The environments. AnyEnvironment is that of a host which is not DocuSign's, and of a policy that takes all of them.
const (
	AnyEnvironment     Environment = ""
	Demo               Environment = "demo"
	Production         Environment = "production"
	Stage              Environment = "stage"   // DocuSign's own
	UnknownEnvironment Environment = "unknown" // the name does not tell: reached only where the operator lists it
)

// otherProduct is below DocuSign's domain and is not eSignature: it gets no credential (PROTOCOL.md §4.1).
const otherProduct = "services.docusign.net"

// EnvironmentOf tells to which environment a host belongs by its name, on whatever port (PROTOCOL.md §4.1 and §7).
func EnvironmentOf(h Host) Environment {
	labels, ok := docuSignLabels(h.name)
	if !ok || h.name == otherProduct {
		return AnyEnvironment
	}
	for _, label := range labels {
		switch {
		case label == "demo" || label == "admindemo" || strings.HasSuffix(label, "-d"): // account-d, apps-d, api-d
			return Demo
		case strings.HasPrefix(label, "stage") || strings.HasPrefix(label, "account-s"):
			return Stage
		case label == "preview" || label == "test":
			return UnknownEnvironment
		}
	}
	return Production
}

// docuSignLabels are the labels of a name in front of DocuSign's own domains; not ok for all other names.
func docuSignLabels(name string) (labels []string, ok bool) {
	for _, domain := range DefaultSuffixes() {
		if below(name, domain) {
			return strings.Split(strings.TrimSuffix(name, domain), "."), true
		}
	}
	return nil, false
}

// EnvironmentError says that a host belongs to another environment than the one that calls are carried out in.
type EnvironmentError struct {
	Host   Host
	Is     Environment // of the host
	Wanted Environment // of the policy
}

func (e *EnvironmentError) Error() string {
	if e.Is == UnknownEnvironment {
		return fmt.Sprintf("%s does not tell which environment of DocuSign it belongs to, "+
			"and calls are carried out in %s here", e.Host.name, e.Wanted)
	}
	return fmt.Sprintf("%s belongs to DocuSign's %s environment, and calls are carried out in %s here",
		e.Host.name, e.Is, e.Wanted)
}

// NextStep tells the operator what to do about it.
func (e *EnvironmentError) NextStep() string {
	if e.Is == UnknownEnvironment {
		return fmt.Sprintf("if it belongs to %s, list it under egress.hosts", e.Wanted)
	}
	return fmt.Sprintf("use a host of %s, or for %s a second proxy with that environment", e.Wanted, e.Is)
}

// CheckEnvironment returns an *EnvironmentError if calls meant for h must not be carried out in the policy's
// environment.
func (p *Policy) CheckEnvironment(h Host) error {
	if p.Environment == AnyEnvironment {
		return nil
	}
	is := EnvironmentOf(h)
	if is == AnyEnvironment || is == p.Environment || is == UnknownEnvironment && p.lists(h) {
		return nil
	}
	return &EnvironmentError{Host: h, Is: is, Wanted: p.Environment}
}

func (p *Policy) lists(h Host) bool {
	return slices.ContainsFunc(p.Hosts, func(listed Host) bool { return listed.name == h.name })
}
