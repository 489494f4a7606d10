package soap

import (
	"bytes"
	"slices"

	"docusign-auth-proxy/internal/secret"
)

// CredentialBody is the operation of credential.asmx with the credential in it, PROTOCOL.md §4.7. Texts are decoded,
// not trimmed.
type CredentialBody struct {
	Email    string
	Password secret.Text
	// HasEmail and HasPassword tell absent elements from empty ones.
	HasEmail, HasPassword bool

	AccountID, EnvelopeID, GoToEnvelopeID, ReturnURL string
	ReturnBaseURL, SuppressNavigation                bool

	message         *Message
	raw             secret.Text
	email, password field
}

// Readings returns the texts the client may have meant by its password, as UsernameToken.Readings does.
func (c *CredentialBody) Readings() []secret.Text { return readings(c.Password, c.raw) }

// SetEmail replaces the text of Email and nothing else.
func (c *CredentialBody) SetEmail(email string) error { return c.message.setText(&c.email, email) }

// SetPassword replaces the text of Password and nothing else.
func (c *CredentialBody) SetPassword(password secret.Text) error {
	return c.message.setText(&c.password, password.Reveal())
}

// credentialWalk follows the elements of the operation.
type credentialWalk struct {
	w     *walk
	body  *CredentialBody
	ns    namespace
	uri   text
	seen  []string // the parameters so far, since none may come twice; the last one is at hand
	field field
}

// start is called for every element in Body after the start tag of the operation.
func (c *credentialWalk) start(el *element, depth int) {
	w := c.w
	if depth == 3 {
		fail(KindAmbiguous, el.start, "a second operation in Body")
	}
	name := string(w.s.local(el))
	own := depth == 4 && el.ns == c.ns && bytes.Equal(w.s.bytes(el.uri), w.s.bytes(c.uri))
	switch {
	case w.current != nil:
		w.refuse(KindToken, el.start, "an element inside a text that was to be read")
	case !own || c.parameter(name) == nil:
		w.suspect(el)
	case slices.Contains(c.seen, name):
		w.refuse(KindAmbiguous, el.start, "a parameter of the operation that comes twice")
	default:
		c.seen = append(c.seen, name)
		w.gather(&c.field, el)
	}
}

// parameter is where the text of a parameter goes; nil = it is none that is read.
func (c *credentialWalk) parameter(name string) any {
	body := c.body
	switch name {
	case "Email":
		return &body.Email
	case "Password":
		return &body.Password
	case "AccountID":
		return &body.AccountID
	case "EnvelopeID":
		return &body.EnvelopeID
	case "GoToEnvelopeID":
		return &body.GoToEnvelopeID
	case "ReturnURL":
		return &body.ReturnURL
	case "ReturnBaseUrl":
		return &body.ReturnBaseURL
	case "SuppressNavigation":
		return &body.SuppressNavigation
	}
	return nil
}

// take stores the text of the parameter that has just ended.
func (c *credentialWalk) take(f *field) {
	body, value := c.body, c.w.s.text
	switch to := c.parameter(c.seen[len(c.seen)-1]).(type) {
	case *secret.Text:
		*to, body.raw = c.w.secret(f)
		body.HasPassword, body.password = true, *f
	case *bool:
		truth := string(bytes.TrimSpace(value))
		*to = truth == "true" || truth == "1"
	case *string:
		*to = string(value)
		if to == &body.Email {
			body.HasEmail, body.email = true, *f
		}
	}
}
