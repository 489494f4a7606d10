package reply

import (
	"net/http"

	"docusign-auth-proxy/internal/secret"
)

// Token answers the legacy oauth2/token with the three fields that the live service sent, and 200 because callers test for
// exactly that (PROTOCOL.md §3.1). scope is what was asked for; empty means api.
func (c Caller) Token(accessToken secret.Text, scope string) Answer {
	if scope == "" {
		scope = "api"
	}
	if c.Dialect == OAuthXML || c.Dialect == XML {
		b := append([]byte(nil), `<oauthAccess`+restNamespaces...)
		b = appendElement(b, "access_token", accessToken.Reveal())
		b = appendElement(b, "scope", scope)
		b = appendElement(b, "token_type", "bearer")
		return confidential(c.answer(http.StatusOK, contentTypeXML, append(b, `</oauthAccess>`...)))
	}
	w := indented{}
	w.open('{')
	w.field("access_token", accessToken.Reveal())
	w.field("scope", scope)
	w.field("token_type", "bearer")
	w.close('}')
	return confidential(c.answer(http.StatusOK, contentTypeJSON, w.b))
}

// Revoked answers the legacy oauth2/revoke: 200 and no body.
func (c Caller) Revoked() Answer { return c.answer(http.StatusOK, "", nil) }

// oauthError reports wrong credentials with 400, not 401 (PROTOCOL.md §3.1).
func (c Caller) oauthError(e entry, message string) Answer {
	status := e.status
	if status == http.StatusUnauthorized {
		status = http.StatusBadRequest
	}
	if c.Dialect == OAuthXML {
		b := append([]byte(nil), `<oauthErr`+restNamespaces...)
		b = appendElement(b, "error", e.grant)
		b = appendElement(b, "error_description", message)
		return c.answer(status, contentTypeXML, append(b, `</oauthErr>`...))
	}
	w := indented{}
	w.open('{')
	w.field("error", e.grant)
	w.field("error_description", message)
	w.close('}')
	return c.answer(status, contentTypeJSON, w.b)
}
