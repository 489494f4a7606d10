package proxy

import (
	"io"
	"net/http"
	"regexp"
	"strings"

	"docusign-auth-proxy/internal/call"

	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/reply"
)

const maxForm = 16 << 10

var knownGrant = regexp.MustCompile(`^(authorization_code|refresh_token|client_credentials|implicit|urn:ietf:params:oauth:grant-type:[a-z0-9_-]{1,40})$`)

// legacyToken answers POST oauth2/token, which DocuSign no longer does, with a token of the proxy's own (PROTOCOL.md §3).
func (x *exchange) legacyToken(r *http.Request) {
	form, ok := x.readForm(r)
	if !ok {
		return
	}
	if grant := legacy.GrantType(form); grant != "" && !strings.EqualFold(grant, "password") {
		x.refuseGrant(r, grant)
		return
	}
	if len(form) > maxForm {
		x.refuse(r, &call.Error{Kind: call.KindTooLarge, Detail: "an OAuth form larger than 16 KiB"})
		return
	}
	readings, err := legacy.ParseTokenForm(form)
	if err != nil {
		x.refuse(r, &call.Error{Kind: call.KindUnreadableForm, Detail: "oauth2/token form", Err: err})
		return
	}
	if readings[0].GrantType == "" {
		x.refuse(r, &call.Error{Kind: call.KindUnreadableForm, Detail: "oauth2/token form without grant_type"})
		return
	}
	d, err := x.proveForm(r, readings)
	x.decision = d
	if err == nil {
		err = x.proven()
	}
	if err == nil && d.Action == translate.ActionObserve {
		x.forwardForm(r, form)
		return
	}
	if err == nil {
		// The token must work: a grant that will fail is told now, when the program asks for a token and can report it.
		_, err = x.state.Translator.Token(r.Context(), d)
	}
	x.event.Translate = x.server.cfg.Now().Sub(x.start)
	if err != nil {
		x.refuse(r, err)
		return
	}
	x.issueToken(r, d, readings[0].Scope)
}

// refuseGrant names the proxy and the grant (PROTOCOL.md §3.1): the program would look for the fault at DocuSign. The rest of the form,
// such as an assertion, is neither shown nor sent.
func (x *exchange) refuseGrant(r *http.Request, grant string) {
	if !knownGrant.MatchString(grant) {
		grant = "another one" // it may be anything, so a password as well
	}
	x.decision = &translate.Decision{Scheme: legacy.None}
	detail := "grant_type=" + grant + " at the legacy oauth2/token"
	x.refused(call.OutcomeRefused, call.KindUnsupportedGrant.String(), detail, "the program has to ask the account server for this grant")
	x.answerFailure(r, reply.Failure{
		Kind: call.KindUnsupportedGrant, Cause: call.KindUnsupportedGrant.String(),
		Detail: "docusign-auth-proxy takes grant_type=password here, not " + grant + ".",
	})
}

// readForm reads the body of a form, of a large one the beginning; anything else is answered here.
func (x *exchange) readForm(r *http.Request) ([]byte, bool) {
	form, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	switch {
	case err != nil:
		x.callerFailed(r, err)
	case r.Method != http.MethodPost:
		x.refuse(r, &call.Error{Kind: call.KindUnreadableForm, Detail: "oauth2 end points take POST"})
	default:
		return form, true
	}
	return nil, false
}

// proveForm tries the readings of a form in turn: clients that do not percent-encode are read in more than one way (PROTOCOL.md §3.1).
// A bearer token beside the form is the authenticator, and the form's username the principal (§3.4).
func (x *exchange) proveForm(r *http.Request, readings []legacy.TokenForm) (*translate.Decision, error) {
	actAs, client := r.Header.Get(headerActAs), x.binding.client.Addr()
	tr := x.state.Translator
	if auth := r.Header["Authorization"]; len(auth) > 0 {
		// A token of old days that the program goes on sending does not spoil the password beside it, and neither does Basic. Nor does
		// a token that is let through because it may belong to an observed program speak for the password of another.
		d, err := x.proveBearerForm(r, auth, actAs, readings)
		kind := call.KindOf(err)
		counts := err == nil && d.Integration != nil || err != nil && kind != call.KindUnknownToken && kind != call.KindNoCredential
		if counts || readings[0].Password.Empty() {
			return d, err
		}
	}
	var first *translate.Decision
	var firstErr error
	for _, form := range readings {
		cred, err := form.Credential(tr.IsKey)
		if err != nil {
			if firstErr == nil {
				first, firstErr = &translate.Decision{Scheme: legacy.PasswordGrant}, &call.Error{Kind: call.KindUnreadable, Detail: "oauth2/token form", Err: err}
			}
			continue
		}
		d, _, err := tr.Prove(r.Context(), cred, actAs, client)
		if err == nil {
			return d, nil
		}
		if first == nil || first.Integration == nil && d.Integration != nil {
			first, firstErr = d, err
		}
	}
	return first, firstErr
}

// proveBearerForm takes the principal from the form, in whichever reading of it the authenticator may act for them.
func (x *exchange) proveBearerForm(r *http.Request, auth []string, actAs string, readings []legacy.TokenForm) (*translate.Decision, error) {
	var first *translate.Decision
	var firstErr error
	for _, form := range readings {
		principal := actAs
		if principal == "" {
			principal = form.Username
		}
		d, err := x.state.Translator.Decide(r.Context(), &translate.Call{Authorization: auth, ActAs: principal, Client: x.binding.client.Addr()})
		if err == nil && d.Action == translate.ActionPass {
			err = &call.Error{Kind: call.KindOAuthRefused, Detail: "an OAuth access token at the legacy token end point", NextStep: "the program has migrated already; let it use X-DocuSign-Act-On-Behalf or a grant of its own"}
		}
		if err == nil {
			return d, nil
		}
		if first == nil {
			first, firstErr = d, err
		}
	}
	return first, firstErr
}

func (x *exchange) issueToken(r *http.Request, d *translate.Decision, scope string) {
	if x.state.Tokens == nil {
		x.refuse(r, &call.Error{Detail: "there is no store for legacy tokens", NextStep: "set store: to a file in the configuration"})
		return
	}
	owner, err := x.state.Translator.OwnerOf(d)
	if d.OnBehalf() {
		owner.Principal = d.Principal
	}
	var token secret.Text
	if err == nil {
		token, err = x.state.Tokens.IssueToken(owner)
	}
	if err != nil {
		x.refuse(r, &call.Error{Detail: "the token could not be stored", Err: err, NextStep: "check that the store's file is writable and the disk has room"})
		return
	}
	if scope == "" {
		scope = "api"
	}
	x.restCaller(r).Token(token, scope).WriteTo(&x.w, r)
}

// legacyRevoke answers POST oauth2/revoke (PROTOCOL.md §3.3).
func (x *exchange) legacyRevoke(r *http.Request) {
	form, ok := x.readForm(r)
	if !ok {
		return
	}
	if len(form) > maxForm {
		x.refuse(r, &call.Error{Kind: call.KindTooLarge, Detail: "an OAuth form larger than 16 KiB"})
		return
	}
	token, err := legacy.ParseRevokeForm(form)
	if err != nil {
		x.refuse(r, &call.Error{Kind: call.KindUnreadableForm, Detail: "oauth2/revoke form", Err: err})
		return
	}
	if d, err := x.state.Translator.Decide(r.Context(), &translate.Call{Authorization: []string{"bearer " + token.Reveal()}, Client: x.binding.client.Addr()}); err == nil {
		x.decision = d
	}
	revoked := false
	if x.state.Tokens != nil {
		if revoked, err = x.state.Tokens.Revoke(token.Reveal()); err != nil {
			x.refuse(r, &call.Error{Detail: "the token could not be revoked", Err: err, NextStep: "check that the store's file is writable"})
			return
		}
	}
	if !revoked && x.decision != nil && x.decision.Action == translate.ActionObserve {
		x.forwardForm(r, form) // a token of DocuSign's own
		return
	}
	// RFC 7009 §2.2: a token nobody knows is answered like one that was revoked.
	x.restCaller(r).Revoked().WriteTo(&x.w, r)
}

// forwardForm sends an observed form on as it came.
func (x *exchange) forwardForm(r *http.Request, form []byte) {
	x.native = true
	x.event.Mode = "observe"
	delete(r.Header, headerLegacy) // the end points do not read it, and nobody has looked whose it is
	b := &replayBody{kept: form, whole: true}
	r.Body = b.reader()
	r.ContentLength = int64(len(form))
	x.send(r)
}
