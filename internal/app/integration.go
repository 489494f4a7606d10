package app

import (
	"cmp"
	"net/netip"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/oauth"
)

// Is reports whether somebody goes by that e-mail address or GUID.
func Is(u integration.User, name string) bool {
	return legacy.SameName(u.Username, name) || u.UserID != "" && legacy.SameName(u.UserID, name)
}

// RedirectURI is where the browser returns to after a consent.
func RedirectURI(in integration.Integration) string {
	return cmp.Or(in.OAuth.RedirectURI, oauth.DefaultRedirectURI)
}

// ListeningOn are the addresses at which a proxy with this configuration would meet itself.
func ListeningOn(cfg *config.Config) func() []netip.AddrPort {
	var own []netip.AddrPort
	for _, a := range cfg.Listen.Addresses() {
		if ap, err := netip.ParseAddrPort(*a.Text); err == nil && ap.Port() != 0 {
			own = append(own, ap)
		}
	}
	return func() []netip.AddrPort { return own }
}
