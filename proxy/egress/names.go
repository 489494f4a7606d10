package egress

import "strings"

// SiteNames are the names of the certificate for a client that sends no SNI to the hosts-file listener. The known sites
// stand beside the wildcards, since old verifiers differ in what they make of one (PROTOCOL.md §4.1, §7).
func (p *Policy) SiteNames(defaultSite string) []string {
	var names []string
	site, _ := ParseHost(defaultSite, 443)
	for _, h := range append([]Host{site}, p.Hosts...) {
		if _, isAddress := h.Addr(); !isAddress && !h.IsZero() {
			names = append(names, h.Name())
		}
	}
	for _, site := range [...]string{"www", "demo", "na2", "na3", "na4", "eu", "eu1", "ca", "au", "jp1"} {
		names = append(names, site+".docusign.net")
	}
	suffixes := p.Suffixes
	if suffixes == nil {
		suffixes = DefaultSuffixes()
	}
	for _, s := range suffixes {
		s = strings.TrimPrefix(s, ".")
		names = append(names, s, "*."+s)
	}
	return names
}
