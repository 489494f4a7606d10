package app

import (
	"cmp"
	"net/netip"
	"slices"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/oauth"
)

// Member is somebody an integration needs tokens for.
type Member struct{ Name, ID string }

func (m Member) Is(user string) bool {
	return legacy.SameName(m.Name, user) || m.ID != "" && legacy.SameName(m.ID, user)
}

// Members lists users, principals and the administrator who looks up users, each once.
func Members(in *integration.Integration) []Member {
	var list []Member
	for _, u := range in.Users {
		list = append(list, Member{u.Username, u.UserID})
	}
	for _, p := range in.Principals {
		list = append(list, Member{p.Username, p.UserID})
	}
	admin := in.OAuth.AdminUserID
	if admin != "" && !slices.ContainsFunc(list, func(m Member) bool { return legacy.SameName(m.ID, admin) }) {
		list = append(list, Member{admin, admin})
	}
	return list
}

func RedirectURI(in integration.Integration) string {
	return cmp.Or(in.OAuth.RedirectURI, oauth.DefaultRedirectURI)
}

// ListeningOn are the addresses at which a proxy with this configuration would meet itself.
func ListeningOn(cfg *config.Config) func() []netip.AddrPort {
	var own []netip.AddrPort
	for _, address := range []string{cfg.Listen.Proxy, cfg.Listen.Admin, cfg.Listen.Hosts} {
		if ap, err := netip.ParseAddrPort(address); err == nil && ap.Port() != 0 {
			own = append(own, ap)
		}
	}
	return func() []netip.AddrPort { return own }
}
