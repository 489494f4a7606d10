package proxy

import (
	"io"
	"net/http"
	"strings"

	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/reply"
)

const maxForm = 16 << 10

// legacyToken answers POST oauth2/token, which DocuSign no longer does, with a token of the proxy's own (PROTOCOL.md §3).
func (x *exchange) legacyToken(r *http.Request) {
	form, ok := x.readForm(r)
	if !ok {
		return
	}
	readings, err := legacy.ParseTokenForm(form)
	if err != nil {
		x.refuse(r, &translate.Error{Kind: translate.KindUnreadable, Detail: "oauth2/token form", Err: err}, reply.BadRequest)
		return
	}
	switch grant := readings[0].GrantType; {
	case strings.EqualFold(grant, "password"):
	case grant == "":
		x.refuse(r, &translate.Error{Kind: translate.KindUnreadable, Detail: "oauth2/token form without grant_type"}, reply.BadRequest)
		return
	default:
		x.refuse(r, &translate.Error{Kind: translate.KindUnreadable, Detail: "oauth2/token with a grant_type other than password"}, reply.UnsupportedGrant)
		return
	}
	d, err := x.proveForm(r, readings)
	x.decision = d
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
		x.refuse(r, err, kindOnWire(err))
		return
	}
	x.issueToken(r, d, readings[0].Scope)
}

// readForm reads a small form body; anything else is answered here.
func (x *exchange) readForm(r *http.Request) ([]byte, bool) {
	form, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	switch {
	case err != nil:
		x.callerFailed(r, err)
	case len(form) > maxForm:
		x.refuse(r, &translate.Error{Detail: "an OAuth form larger than 16 KiB"}, reply.TooLarge)
	case r.Method != http.MethodPost:
		x.refuse(r, &translate.Error{Kind: translate.KindUnreadable, Detail: "oauth2 end points take POST"}, reply.BadRequest)
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
		d, err := x.proveBearerForm(r, auth, actAs, readings)
		if translate.KindOf(err) != translate.KindUnknownToken || readings[0].Password.Empty() {
			return d, err
		}
		// A token of old days that the program goes on sending does not spoil the password beside it.
	}
	var first *translate.Decision
	var firstErr error
	for _, form := range readings {
		cred, err := form.Credential(tr.IsKey)
		if err != nil {
			if firstErr == nil {
				first, firstErr = &translate.Decision{Scheme: legacy.PasswordGrant}, &translate.Error{Kind: translate.KindUnreadable, Detail: "oauth2/token form", Err: err}
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
			err = &translate.Error{Kind: translate.KindOAuthRefused, Detail: "an OAuth access token at the legacy token end point", NextStep: "the program has migrated already; let it use X-DocuSign-Act-On-Behalf or a grant of its own"}
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
		x.refuse(r, &translate.Error{Detail: "there is no store for legacy tokens", NextStep: "set store: to a file in the configuration"}, reply.Internal)
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
		x.refuse(r, &translate.Error{Detail: "the token could not be stored", Err: err, NextStep: "check that the store's file is writable and the disk has room"}, reply.Internal)
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
	token, err := legacy.ParseRevokeForm(form)
	if err != nil {
		x.refuse(r, &translate.Error{Kind: translate.KindUnreadable, Detail: "oauth2/revoke form", Err: err}, reply.BadRequest)
		return
	}
	if d, err := x.state.Translator.Decide(r.Context(), &translate.Call{Authorization: []string{"bearer " + token.Reveal()}, Client: x.binding.client.Addr()}); err == nil {
		x.decision = d
	}
	revoked := false
	if x.state.Tokens != nil {
		if revoked, err = x.state.Tokens.Revoke(token.Reveal()); err != nil {
			x.refuse(r, &translate.Error{Detail: "the token could not be revoked", Err: err, NextStep: "check that the store's file is writable"}, reply.Internal)
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
	b := &replayBody{kept: form, whole: true}
	r.Body = b.reader()
	r.ContentLength = int64(len(form))
	x.send(r)
}
