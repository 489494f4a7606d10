package soaprest

import (
	"context"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/translate/soaprest/answer"
	"docusign-auth-proxy/translate/soaprest/definition"
	"docusign-auth-proxy/translate/soaprest/fault"
	"docusign-auth-proxy/translate/soaprest/redirect"
)

// view asks REST for an address that is good once and for minutes. It is DocuSign's and is not changed.
func (t *task) view(ctx context.Context, a Account, path string, fields map[string]any) (string, error) {
	var made struct{ URL string }
	err := t.call(ctx, &Request{
		Method: http.MethodPost, Account: a, Path: path, ContentType: "application/json", Body: JSON(fields),
	}, &made)
	if err == nil && made.URL == "" {
		err = fault.Server("DocuSign answered without an address")
	}
	return made.URL, err
}

// viewOf asks for a view of an envelope. What its user does there changes the envelope, so what is known of its status
// is forgotten.
func (t *task) viewOf(ctx context.Context, e envelope, kind string, fields map[string]any) (string, error) {
	t.engine.statuses.forget(e.id)
	return t.view(ctx, e.Account, e.path("/views/"+kind), fields)
}

// text puts the text of an element into a member, exactly as it came; an element that is absent gives none.
func (t *task) text(fields map[string]any, member string, names ...string) {
	if e := t.root.At(names...); e != nil {
		fields[member] = e.Text
	}
}

// requestRecipientToken leads a signer into DocuSign (SOAP-REST.md §4.6).
func requestRecipientToken(ctx context.Context, t *task) (*answer.Answer, error) {
	fields := map[string]any{}
	t.text(fields, "clientUserId", "ClientUserID")
	t.text(fields, "userName", "Username")
	t.text(fields, "email", "Email")
	if err := t.assertion(fields); err != nil {
		return nil, err
	}
	id, err := envelopeID(t.root.Value("EnvelopeID"))
	if err != nil {
		return nil, err
	}
	if err := t.returns(ctx, fields, id); err != nil {
		return nil, err
	}
	var made string
	err = t.change(ctx, id, func(ctx context.Context, e envelope) (err error) {
		made, err = t.viewOf(ctx, e, "recipient", fields)
		return err
	})
	if err != nil {
		return nil, err
	}
	return t.writer.Result(made)
}

// assertion is how the program knows the signer; REST does not do without it.
func (t *task) assertion(fields map[string]any) error {
	const element = "AuthenticationAssertion"
	if t.root.Child(element) == nil {
		return fault.Invalid("%s is missing", element)
	}
	instant, err := answer.ParseDate(t.root.Child(element).Value("AuthenticationInstant"), t.writer.Zone)
	if err != nil {
		return err
	}
	fields["authenticationInstant"] = restDate(instant)
	t.text(fields, "assertionId", element, "AssertionID")
	t.text(fields, "authenticationMethod", element, "AuthenticationMethod")
	t.text(fields, "securityDomain", element, "SecurityDomain")
	return nil
}

// restDate writes a date as REST reads it: in UTC and with a Z (SOAP-REST.md §2.2).
func restDate(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.9999999Z") }

// returns decides where the signer comes back to. SOAP has an address for each outcome and REST one for all, so that
// they go over the proxy, or are refused unless they are one: "declined" must not be read as "signed".
func (t *task) returns(ctx context.Context, fields map[string]any, envelope string) error {
	const element = "ClientURLs"
	urls := t.root.Child(element)
	addresses := redirect.Addresses{}
	for _, name := range redirect.Outcomes() {
		if address := strings.TrimSpace(urls.Value(name)); address != "" {
			addresses[name] = address
		}
	}
	if urls.Child("GenerateSignedDocumentAsynch") != nil {
		t.Notes.Dropped = append(t.Notes.Dropped, element+"/GenerateSignedDocumentAsynch")
	}
	signed := addresses["OnSigningComplete"]
	switch {
	case t.Integration.SOAPREST.ClientURLs == integration.Passthrough:
		if signed == "" {
			return fault.Refused(t.Operation, element)
		}
		fields["clientURLs"], fields["returnUrl"] = addresses, signed
		return nil
	case t.PublicURL != nil:
		if name := addresses.Check(); name != "" {
			return fault.Refused(t.Operation, element+"/"+name)
		}
		address, err := t.engine.redirects.URL(ctx, t.PublicURL, addresses, envelope)
		if err != nil {
			return fault.Server("no address for the signer to come back to: %v. Nothing was sent.", err)
		}
		fields["returnUrl"] = address
		return nil
	}
	one, same := addresses.Same()
	if !same {
		return fault.Refused(t.Operation, element)
	}
	fields["returnUrl"] = one
	return nil
}

// requestSenderToken leads a sender to a draft, a new one where the program names none. That one stays behind if its
// sender goes away (SOAP-REST.md §4.7).
func requestSenderToken(ctx context.Context, t *task) (*answer.Answer, error) {
	fields := map[string]any{}
	t.text(fields, "returnUrl", "ReturnURL")
	var made string
	ask := func(ctx context.Context, e envelope) (err error) {
		made, err = t.viewOf(ctx, e, "sender", fields)
		return err
	}
	var err error
	if text := t.root.Value("EnvelopeID"); strings.TrimSpace(text) == "" {
		err = t.withDraft(ctx, ask)
	} else {
		err = t.changeIn(ctx, t.root.Value("AccountID"), text, ask)
	}
	if err != nil {
		return nil, err
	}
	return t.writer.Result(made)
}

// withDraft makes the draft as other creations are made: once, and with an entry in the journal.
func (t *task) withDraft(ctx context.Context, do func(context.Context, envelope) error) (err error) {
	c := &creation{task: t, definition: &definition.Definition{Object: definition.Object{"status": "created"}}}
	if c.account, err = t.account(ctx, t.root.Value("AccountID")); err != nil {
		return err
	}
	e, err := c.entry()
	if err != nil {
		return err
	}
	if e, err = c.once(ctx, e); err != nil {
		return err
	}
	if e.EnvelopeID == "" {
		return unknown(e)
	}
	t.Notes.Envelope = e.EnvelopeID
	t.remember(e.EnvelopeID, c.account)
	t.engine.o.Log.InfoContext(ctx, "a draft was made for a sender, and stays if it is not sent", "envelope", e.EnvelopeID)
	if err = do(ctx, envelope{c.account, e.EnvelopeID}); err == nil {
		t.engine.o.Journal.Answered(e.Key())
	}
	return err
}

// requestCorrectToken leads a sender to an envelope on its way, to correct it.
func requestCorrectToken(ctx context.Context, t *task) (*answer.Answer, error) {
	fields := map[string]any{"suppressNavigation": strconv.FormatBool(t.root.True("SuppressNavigation"))}
	t.text(fields, "returnUrl", "ReturnURL")
	var made string
	err := t.change(ctx, t.root.Value("EnvelopeID"), func(ctx context.Context, e envelope) (err error) {
		made, err = t.viewOf(ctx, e, "correct", fields)
		if refusedWith(err, http.StatusBadRequest) && !absent(err) { // REST may no longer know the member
			without := maps.Clone(fields)
			delete(without, "suppressNavigation")
			made, err = t.viewOf(ctx, e, "correct", without)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return t.writer.Result(made)
}

// getAuthenticationToken leads a user into DocuSign's console. REST wants to know where from there.
func getAuthenticationToken(ctx context.Context, t *task) (*answer.Answer, error) {
	back := t.Integration.SOAPREST.ConsoleReturnURL
	if back == "" {
		return nil, fault.Refused(t.Operation, "")
	}
	fields := map[string]any{"returnUrl": back}
	const path = "/views/console"
	var made string
	var err error
	if text := t.root.Value("GoToEnvelopeID"); strings.TrimSpace(text) == "" {
		var a Account
		if a, err = t.account(ctx, t.root.Value("AccountID")); err == nil {
			made, err = t.view(ctx, a, path, fields)
		}
	} else {
		err = t.changeIn(ctx, t.root.Value("AccountID"), text, func(ctx context.Context, e envelope) (err error) {
			fields["envelopeId"] = e.id
			made, err = t.view(ctx, e.Account, path, fields)
			return err
		})
	}
	if err != nil {
		return nil, err
	}
	return t.writer.Result(made)
}
