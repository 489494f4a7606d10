package soap

import (
	"slices"
	"strings"

	"docusign-auth-proxy/internal/secret"
)

// Login is a user name and a password in a message. The texts are as the message has them: decoded, not trimmed.
type Login struct {
	Username string
	Password secret.Text
	// HasUsername and HasPassword tell absent elements from empty ones.
	HasUsername, HasPassword bool

	raw                secret.Text // the password as written, where that differs
	message            *Message
	username, password *field
}

// Readings returns the texts the client may have meant by its password: as XML reads it, without surrounding white
// space, and as written (clients that do not escape, PROTOCOL.md §1.5).
func (l *Login) Readings() []secret.Text {
	decoded := l.Password.Reveal()
	readings := []secret.Text{l.Password}
	if trimmed := strings.TrimSpace(decoded); trimmed != decoded {
		readings = append(readings, secret.New(trimmed))
	}
	if !l.raw.Empty() {
		readings = append(readings, l.raw)
	}
	return readings
}

// SetUsername replaces the text of the user name and nothing else.
func (l *Login) SetUsername(username string) error { return l.message.setText(l.username, username) }

// SetPassword replaces the text of the password and nothing else.
func (l *Login) SetPassword(password secret.Text) error {
	return l.message.setText(l.password, password.Reveal())
}

// CredentialBody is the operation of credential.asmx with the credential in it, Email and Password (PROTOCOL.md §4.7).
type CredentialBody struct {
	Login
	fields map[string]*field // the parameters by their names
}

// Text is the text of a parameter, decoded and not trimmed; "" where it is absent.
func (c *CredentialBody) Text(parameter string) string {
	if f := c.fields[parameter]; f != nil {
		return string(f.text)
	}
	return ""
}

// True reports whether a parameter has that truth value.
func (c *CredentialBody) True(parameter string) bool {
	text := strings.TrimSpace(c.Text(parameter))
	return text == "true" || text == "1"
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
		c.username, c.password = c.fields["Email"], c.fields["Password"]
	}
}
