package soap

import (
	"slices"
	"strings"

	"docusign-auth-proxy/internal/secret"
)

// CredentialBody is the operation of credential.asmx with the credential in it (PROTOCOL.md §4.7).
type CredentialBody struct {
	Login
	message *Message
	fields  map[string]*field // the parameters by their names
}

// Text is the text of a parameter, decoded and not trimmed; "" where it is absent.
func (c *CredentialBody) Text(parameter string) string {
	if f := c.fields[parameter]; f != nil {
		return f.text
	}
	return ""
}

// True reports whether a parameter has that truth value.
func (c *CredentialBody) True(parameter string) bool {
	text := strings.TrimSpace(c.Text(parameter))
	return text == "true" || text == "1"
}

// SetUsername replaces the text of Email and nothing else.
func (c *CredentialBody) SetUsername(email string) error {
	return c.message.setText(c.fields["Email"], email)
}

// SetPassword replaces the text of Password and nothing else.
func (c *CredentialBody) SetPassword(password secret.Text) error {
	return c.message.setText(c.fields["Password"], password.Reveal())
}

// parameter reads an element below the operation of credential.asmx.
func (w *walk) parameter(el *element, depth int) {
	if depth == 3 {
		fail(KindAmbiguous, el.start, "a second operation in Body")
	}
	c, name := w.m.Credential, string(w.s.local(el.name))
	known := slices.Contains([]string{
		"Email", "Password", "AccountID", "EnvelopeID", "GoToEnvelopeID", "ReturnURL", "ReturnBaseUrl", "SuppressNavigation",
	}, name)
	switch {
	case w.current != nil:
		w.refuse(KindToken, el.start, "an element inside a text that was to be read")
	case !known || depth > 4 || el.namespace != w.m.Operation.Namespace:
		w.suspect(el)
	case c.fields[name] != nil:
		w.refuse(KindAmbiguous, el.start, "a parameter of the operation that comes twice")
	default:
		c.fields[name] = w.gather(el)
	}
}
