package app

import (
	"context"
	"errors"
	"slices"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/oauth"
)

// ClientIDs are the client ids by which the account server may know an integration: old integrator keys have a prefix,
// which client ids do not have (PROTOCOL.md §1.2), but nobody outside DocuSign knows that of all of them.
func ClientIDs(in *integration.Integration) []string {
	var ids []string
	for _, key := range []string{in.OAuth.ClientID, in.IntegratorKey} {
		bare, _ := legacy.BareKey(key)
		for _, id := range []string{bare, key} {
			if id != "" && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// KnownClientID asks for a token for subject, a user's GUID, with one client id after the other, and returns the first
// that the account server knows. The error says why there is no token even so, or why no client id is known to work.
func KnownClientID(
	ctx context.Context, cfg *config.Config, in *integration.Integration, subject string, ids []string,
) (known string, err error) {
	asking := *cfg
	asking.Integrations = nil
	for _, id := range ids {
		one := *in
		one.OAuth.ClientID = id
		asking.Integrations = append(asking.Integrations, one)
	}
	client, closeClient := TokensOnly(&asking)
	defer closeClient()
	for _, id := range ids {
		_, err = client.Token(ctx, oauth.Identity{Issuer: id, Subject: subject, Scopes: in.OAuth.Scopes.String()})
		if err == nil {
			return id, nil
		}
		refused, ok := errors.AsType[*oauth.GrantError](err)
		switch {
		case !ok:
			return "", err
		case refused.Kind == oauth.ConsentRequired, refused.Kind == oauth.UserNotFound, refused.Kind == oauth.InvalidKey:
			return id, err
		case refused.Kind != oauth.IssuerNotFound:
			return "", err // the next one would get no better answer
		}
	}
	return "", err
}
