package soap

import (
	"bytes"

	"docusign-auth-proxy/internal/secret"
)

// CredentialBody is the operation of credential.asmx with the credential in it, PROTOCOL.md §4.7. Texts are decoded, not trimmed.
type CredentialBody struct {
	Email    string
	Password secret.Text
	// HasEmail and HasPassword tell absent elements from empty ones.
	HasEmail, HasPassword bool

	AccountID, EnvelopeID, GoToEnvelopeID, ReturnURL string
	ReturnBaseURL, SuppressNavigation                bool

	envelope        *Envelope
	raw             secret.Text
	email, password field
}

// Readings returns the texts the client may have meant by its password, as UsernameToken.Readings does.
func (c *CredentialBody) Readings() []secret.Text { return readings(c.Password, c.raw) }

// SetEmail replaces the text of Email and nothing else.
func (c *CredentialBody) SetEmail(email string) error { return c.envelope.setText(&c.email, email) }

// SetPassword replaces the text of Password and nothing else.
func (c *CredentialBody) SetPassword(password secret.Text) error {
	return c.envelope.setText(&c.password, password.Reveal())
}

// credentialWalk follows the elements of the operation.
type credentialWalk struct {
	w    *walk
	body *CredentialBody
	ns   namespace
	uri  text
	// seen has a bit for each child, since none may come twice.
	seen  uint16
	child int
	field field
}

// credentialFields is in the order of the bits of credentialWalk.seen.
const (
	childEmail = iota
	childPassword
	childAccountID
	childEnvelopeID
	childGoToEnvelopeID
	childReturnURL
	childReturnBaseURL
	childSuppressNavigation
	childOther
)

func credentialChild(local []byte) int {
	switch string(local) {
	case "Email":
		return childEmail
	case "Password":
		return childPassword
	case "AccountID":
		return childAccountID
	case "EnvelopeID":
		return childEnvelopeID
	case "GoToEnvelopeID":
		return childGoToEnvelopeID
	case "ReturnURL":
		return childReturnURL
	case "ReturnBaseUrl":
		return childReturnBaseURL
	case "SuppressNavigation":
		return childSuppressNavigation
	}
	return childOther
}

func newCredentialWalk(w *walk, operation *element) *credentialWalk {
	w.e.Credential = &CredentialBody{envelope: w.e}
	return &credentialWalk{w: w, body: w.e.Credential, ns: operation.ns, uri: operation.uri}
}

// start is called for every element in Body after the start tag of the operation.
func (c *credentialWalk) start(el *element, depth int) error {
	w := c.w
	if depth == 3 {
		return refuse(KindAmbiguous, el.start, "a second operation in Body")
	}
	own := el.ns == c.ns && bytes.Equal(w.s.bytes(el.uri), w.s.bytes(c.uri))
	child := childOther
	if depth == 4 && own {
		child = credentialChild(w.s.local(el))
	}
	switch {
	case w.current != nil:
		w.refuse(KindToken, el.start, "an element inside a text that was to be read")
	case child == childOther:
		w.suspect(el)
	case c.seen&(1<<child) != 0:
		w.refuse(KindAmbiguous, el.start, "a parameter of the operation that comes twice")
	default:
		c.seen |= 1 << child
		c.child = child
		w.gather(&c.field, el)
	}
	return nil
}

// take stores the text of the child that has just ended.
func (c *credentialWalk) take(f *field) {
	body, value := c.body, c.w.s.text
	truth := bytes.TrimSpace(value)
	yes := string(truth) == "true" || string(truth) == "1"
	switch c.child {
	case childEmail:
		body.Email, body.HasEmail, body.email = string(value), true, *f
	case childPassword:
		body.Password, body.raw = c.w.secret(f)
		body.HasPassword, body.password = true, *f
	case childAccountID:
		body.AccountID = string(value)
	case childEnvelopeID:
		body.EnvelopeID = string(value)
	case childGoToEnvelopeID:
		body.GoToEnvelopeID = string(value)
	case childReturnURL:
		body.ReturnURL = string(value)
	case childReturnBaseURL:
		body.ReturnBaseURL = yes
	case childSuppressNavigation:
		body.SuppressNavigation = yes
	}
}
