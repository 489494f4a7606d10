package reply

import (
	"net/http"

	"docusign-auth-proxy/internal/secret"
)

// Token answers the legacy oauth2/token with the three fields that the live service sent, and 200 because callers
// test for exactly that (PROTOCOL.md §3.1). scope is what was asked for; empty means api.
func (c Caller) Token(accessToken secret.Text, scope string) Answer {
	if scope == "" {
		scope = "api"
	}
	return confidential(c.object(http.StatusOK, "oauthAccess", object{
		{name: "access_token", text: accessToken.Reveal()},
		{name: "scope", text: scope},
		{name: "token_type", text: "bearer"},
	}))
}

// Revoked answers the legacy oauth2/revoke: 200 and no body.
func (c Caller) Revoked() Answer { return c.answer(http.StatusOK, "", nil) }

// oauthError reports wrong credentials with 400, not 401 (PROTOCOL.md §3.1).
func (c Caller) oauthError(e entry, message string) Answer {
	status := e.status
	if status == http.StatusUnauthorized {
		status = http.StatusBadRequest
	}
	return c.object(status, "oauthErr", object{{name: "error", text: e.grant}, {name: "error_description", text: message}})
}
