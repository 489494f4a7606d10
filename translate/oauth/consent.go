package oauth

import (
	"cmp"
	"net/url"
	"strings"
)

// Consent describes the pages on which a user, or an administrator for all users, lets an integration key act for them.
type Consent struct {
	AccountServer string // origin
	ClientID      string
	Scopes        string // blank-separated
	RedirectURI   string // must equal a registered one exactly
	State         string // optional
}

// Consent describes the consent that id needs.
func (c *Client) Consent(id Identity) Consent {
	return Consent{
		AccountServer: c.server.origin, ClientID: id.Issuer, Scopes: id.Scopes,
		RedirectURI: cmp.Or(c.cfg.RedirectURIs[id.Issuer], c.cfg.RedirectURI),
	}
}

// Individual is the page for the user in person (PROTOCOL.md §6.5).
func (c Consent) Individual() string {
	return c.page("response_type", "code", "scope", c.Scopes)
}

// Admin is the page for the administrator of an organisation that does not own the application; it covers the users of
// the organisation's claimed e-mail domains (PROTOCOL.md §6.5).
func (c Consent) Admin() string {
	return c.page("response_type", "code", "scope", "openid", "admin_consent_scope", c.Scopes)
}

func (c Consent) page(pairs ...string) string {
	pairs = append(pairs, "client_id", c.ClientID, "redirect_uri", c.RedirectURI)
	if c.State != "" {
		pairs = append(pairs, "state", c.State)
	}
	var b strings.Builder
	b.WriteString(c.AccountServer + "/oauth/auth")
	for i := 0; i < len(pairs); i += 2 {
		b.WriteByte("?&"[min(i, 1)])
		// DocuSign wants %20 for a blank; a plus sign of the value is %2B already.
		b.WriteString(pairs[i] + "=" + strings.ReplaceAll(url.QueryEscape(pairs[i+1]), "+", "%20"))
	}
	return b.String()
}
