package translate

import (
	"context"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/translate/legacy"
)

// ProveForm tries the readings of a form in turn: clients that do not percent-encode are read in more than one way
// (PROTOCOL.md §3.1). A bearer token beside the form is the authenticator, and the form's username the principal
// (§3.4).
func (t *Translator) ProveForm(ctx context.Context, came *Call, readings []legacy.TokenForm) (*Decision, error) {
	if len(came.Authorization) > 0 {
		// A token of old days that the program goes on sending does not spoil the password beside it, and neither does
		// Basic. Nor does a token that is let through because it may belong to an observed program speak for the password
		// of another.
		d, err := t.proveBearerForm(ctx, came, readings)
		kind := call.KindOf(err)
		counts := err == nil && d.Integration != nil ||
			err != nil && kind != call.KindUnknownToken && kind != call.KindNoCredential
		if counts || readings[0].Password.Empty() {
			return d, err
		}
	}
	return firstProven(readings, func(form legacy.TokenForm) (*Decision, error) {
		cred, err := form.Credential(t.IsKey)
		if err != nil {
			err = &call.Error{Kind: call.KindUnreadable, Detail: "oauth2/token form", Err: err}
			return &Decision{Scheme: legacy.PasswordGrant}, err
		}
		d, _, err := t.Prove(ctx, cred, came.ActAs, came.Client)
		return d, err
	})
}

// proveBearerForm takes the principal from the form, in whichever reading of it the authenticator may act for them.
func (t *Translator) proveBearerForm(
	ctx context.Context, came *Call, readings []legacy.TokenForm,
) (*Decision, error) {
	return firstProven(readings, func(form legacy.TokenForm) (*Decision, error) {
		only := &Call{Authorization: came.Authorization, ActAs: came.ActAs, Client: came.Client}
		if only.ActAs == "" {
			only.ActAs = form.Username
		}
		d, err := t.Decide(ctx, only)
		if err == nil && d.Action == ActionPass {
			err = &call.Error{
				Kind: call.KindOAuthRefused, Cause: cause.OAuthAtToken,
				Detail: "an OAuth access token at the legacy token end point",
			}
		}
		return d, err
	})
}

// firstProven gives the first reading that proves somebody, else the refusal that knows most.
func firstProven(
	readings []legacy.TokenForm, prove func(legacy.TokenForm) (*Decision, error),
) (first *Decision, firstErr error) {
	for _, form := range readings {
		d, err := prove(form)
		if err == nil {
			return d, nil
		}
		if first == nil || first.Integration == nil && d != nil && d.Integration != nil {
			first, firstErr = d, err
		}
	}
	return first, firstErr
}
