package translate

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// attribute finds the integration of a call that brings its own OAuth token, where the token's claims name the client.
// DocuSign does not document its access tokens, so this is for the label only and decides nothing.
func (t *Translator) attribute(d *Decision, token string) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return
	}
	var claims struct {
		ClientID string `json:"client_id"`
		Party    string `json:"azp"`
		Issuer   string `json:"iss"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return
	}
	for _, name := range []string{claims.ClientID, claims.Party, claims.Issuer} {
		if m := t.dir.byClient(name); m != nil {
			d.of(m)
			d.Key = m.IntegratorKey
			return
		}
	}
}
