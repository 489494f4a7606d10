package egress

import (
	"fmt"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/cause"
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
	if !isDocuSign(h) || h.name == otherProduct {
		return AnyEnvironment
	}
	for label := range strings.SplitSeq(h.name, ".") {
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

// isDocuSign reports whether the name lies in DocuSign's own domains, whatever the policy.
func isDocuSign(h Host) bool {
	return slices.ContainsFunc(DefaultSuffixes(), func(domain string) bool { return below(h.name, domain) })
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

// Row tells what the operator does about it.
func (e *EnvironmentError) Row() (cause.ID, []string) {
	id := cause.WrongEnvironment
	if e.Is == UnknownEnvironment {
		id = cause.UnknownEnvironment
	}
	return id, []string{"host", e.Host.Name(), "environment", string(e.Wanted), "other", string(e.Is)}
}

// CheckEnvironment returns an *EnvironmentError if calls meant for h must not be carried out in the policy's
// environment.
func (p *Policy) CheckEnvironment(h Host) error {
	if p.Environment == AnyEnvironment {
		return nil
	}
	is := EnvironmentOf(h)
	listed := func(l Host) bool { return l.name == h.name }
	if is == AnyEnvironment || is == p.Environment || is == UnknownEnvironment && slices.ContainsFunc(p.Hosts, listed) {
		return nil
	}
	return &EnvironmentError{Host: h, Is: is, Wanted: p.Environment}
}
