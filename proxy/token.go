package proxy

import (
	"io"
	"net/http"
	"regexp"
	"strings"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/proxy/body"
	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/legacy"
)

var knownGrant = regexp.MustCompile(`^(authorization_code|refresh_token|client_credentials|implicit|` +
	`urn:ietf:params:oauth:grant-type:[a-z0-9_-]{1,40})$`)

// serveToken answers POST oauth2/token, which DocuSign no longer does, with a token of the proxy's own (PROTOCOL.md
// §3).
func serveToken(c *incoming) (next, error) {
	form, err := readForm(c)
	if err != nil {
		return next{}, err
	}
	if grant := legacy.GrantType(form); grant != "" && !strings.EqualFold(grant, "password") {
		return refuseGrant(c, grant)
	}
	if len(form) > body.MaxForm {
		return next{}, errLargeForm()
	}
	readings, err := legacy.ParseTokenForm(form)
	if err != nil {
		return next{}, &call.Error{Kind: call.KindUnreadableForm, Detail: "oauth2/token form", Err: err}
	}
	if readings[0].GrantType == "" {
		return next{}, &call.Error{Kind: call.KindUnreadableForm, Detail: "oauth2/token form without grant_type"}
	}
	d, err := c.state.Translator.ProveForm(c.r.Context(), c.credentials(), readings)
	c.decision = d
	if err == nil {
		err = c.proven()
	}
	if err == nil && d.Action == translate.ActionObserve {
		return forwardForm(c, form)
	}
	if err == nil {
		// The token must work: a grant that will fail is told now, when the program asks for a token and can report it.
		_, err = c.state.Translator.Token(c.r.Context(), d)
	}
	c.translated()
	if err != nil {
		return next{}, err
	}
	return issueToken(c, readings[0].Scope)
}

// refuseGrant names the proxy and the grant (PROTOCOL.md §3.1): the program would look for the fault at DocuSign. The
// rest of the form, such as an assertion, is neither shown nor sent.
func refuseGrant(c *incoming, grant string) (next, error) {
	if !knownGrant.MatchString(grant) {
		grant = "another one" // it may be anything, so a password as well
	}
	c.decision = &translate.Decision{Scheme: legacy.None}
	return next{}, &call.Error{
		Kind: call.KindUnsupportedGrant, Detail: "grant_type=" + grant + " at the legacy oauth2/token",
		Public: "docusign-auth-proxy takes grant_type=password here, not " + grant + ".",
	}
}

// readForm reads the body of a form, of a large one the beginning.
func readForm(c *incoming) ([]byte, error) {
	form, err := io.ReadAll(io.LimitReader(c.r.Body, body.MaxForm+1))
	if err != nil {
		return nil, c.bodyError(err)
	}
	if c.r.Method != http.MethodPost {
		return nil, &call.Error{Kind: call.KindUnreadableForm, Detail: "oauth2 end points take POST"}
	}
	return form, nil
}

func errLargeForm() error {
	return &call.Error{Kind: call.KindTooLarge, Detail: "an OAuth form larger than 16 KiB"}
}

func issueToken(c *incoming, scope string) (next, error) {
	if c.state.Tokens == nil {
		return next{}, &call.Error{Cause: cause.NoStore, Detail: "there is no store for legacy tokens"}
	}
	owner, err := c.state.Translator.OwnerOf(c.decision)
	if c.decision.OnBehalf() {
		owner.Principal = c.decision.Principal
	}
	var token secret.Text
	if err == nil {
		token, err = c.state.Tokens.Issue(owner)
	}
	if err != nil {
		e := &call.Error{Cause: cause.StoreUnwritable, Detail: "the token could not be stored"}
		return next{}, e.Around(err)
	}
	return answered(c.replier().Token(token, scope))
}

// serveRevoke answers POST oauth2/revoke (PROTOCOL.md §3.3).
func serveRevoke(c *incoming) (next, error) {
	form, err := readForm(c)
	if err != nil {
		return next{}, err
	}
	if len(form) > body.MaxForm {
		return next{}, errLargeForm()
	}
	token, err := legacy.ParseRevokeForm(form)
	if err != nil {
		return next{}, &call.Error{Kind: call.KindUnreadableForm, Detail: "oauth2/revoke form", Err: err}
	}
	bearer := &translate.Call{Authorization: []string{"bearer " + token.Reveal()}, Client: c.binding.Client.Addr()}
	if d, err := c.state.Translator.Decide(c.r.Context(), bearer); err == nil {
		c.decision = d
	}
	revoked := false
	if c.state.Tokens != nil {
		if revoked, err = c.state.Tokens.Revoke(c.r.Context(), token); err != nil {
			e := &call.Error{Cause: cause.StoreUnwritable, Detail: "the token could not be revoked"}
			return next{}, e.Around(err)
		}
	}
	if !revoked && c.decision != nil && c.decision.Action == translate.ActionObserve {
		return forwardForm(c, form) // a token of DocuSign's own
	}
	// RFC 7009 §2.2: a token nobody knows is answered like one that was revoked.
	return answered(c.replier().Revoked())
}

// forwardForm sends an observed form on as it came.
func forwardForm(c *incoming, form []byte) (next, error) {
	c.event.Mode = "observe"
	delete(c.r.Header, headerLegacy) // the end points do not read it, and nobody has looked whose it is
	c.r.Body, c.r.ContentLength = body.Of(form).Reader(), int64(len(form))
	return next{forward: c.onward()}, nil
}
