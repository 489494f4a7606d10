// Package definition makes REST's definition of an envelope of SOAP's Envelope, its templates and recipients
// (SOAP-REST.md §3, §4.8). It must map or refuse each element that changes what a human signs, sees, pays or is asked
// for; what it leaves out as decoration it lists. Package soaprest calls it for the operations that make envelopes.
package definition

import (
	"net/url"
	"unicode/utf8"

	"docusign-auth-proxy/internal/spool"
	"docusign-auth-proxy/translate/soaprest/element"
	"docusign-auth-proxy/translate/soaprest/fault"
)

// Settings are those of the integration (SOAP-REST.md §11.1).
type Settings struct {
	// SignHere and InitialHere are added to y, in points (SOAP-REST.md §3.4).
	SignHere, InitialHere int
	// AuthoritativeCopy lets such copies be made.
	AuthoritativeCopy bool
}

// Definition is a creation as REST takes it.
type Definition struct {
	// Object is the envelopeDefinition: values are strings, Object, []Object, []string, and Base64 for documents of
	// composite templates and for attachments.
	Object Object
	// Documents go as parts of a multipart message, in order; none = the body is JSON (SOAP-REST.md §6.1, §11.11).
	Documents []Document
	Query     url.Values
	// Recipients are their IDs in the order of the request, which REST's arrays do not keep.
	Recipients []string
	// AccountID is as the program wrote it; "" = none.
	AccountID string
	// Dropped are the elements that were left out, by their paths.
	Dropped []string
}

// Object is one of REST's, by its members.
type Object map[string]any

// Document is one that goes as a part of its own.
type Document struct {
	ID, Extension string
	Bytes         *spool.File
}

// Base64 is a document inside JSON, encoded while it is sent.
type Base64 struct{ *spool.File }

const (
	sent    = "sent"
	created = "created"

	maxSubject = 100        // characters (SOAP-REST.md §3.1)
	maxRequest = 35_651_584 // bytes (SOAP-REST.md §6.1)
)

// maker makes one definition.
type maker struct {
	Settings
	Definition

	operation string
	tables    map[string]map[string]rule
	// activate = the signers are asked at once.
	activate bool
}

func newMaker(operation string, s Settings, activate bool) *maker {
	return &maker{Settings: s, operation: operation, tables: tables(), activate: activate}
}

// Envelope is the definition for CreateEnvelope and CreateAndSendEnvelope; status is REST's, created or sent. Its error
// is a *fault.Fault, as those of the other functions.
func Envelope(operation string, e *element.Element, status string, s Settings) (*Definition, error) {
	m := newMaker(operation, s, status == sent)
	if err := m.root(e, "Envelope", "definition"); err != nil {
		return nil, err
	}
	known, err := m.documents(e.Child("Documents"))
	if err != nil {
		return nil, err
	}
	if err := m.checkSubject(e); err != nil {
		return nil, err
	}
	parties, err := m.parties(e.Child("Recipients"))
	if err != nil {
		return nil, err
	}
	if err := m.hang(parties, e.Child("Tabs"), &tabPlace{documents: known}); err != nil {
		return nil, err
	}
	if recipients := gather(parties); len(recipients) > 0 {
		m.Object["recipients"] = recipients
	}
	return m.finish()
}

// Reminder makes Reminders or Expirations of a correction; nil = there are none.
func Reminder(operation string, e *element.Element) (Object, error) {
	if e == nil {
		return nil, nil
	}
	return newMaker(operation, Settings{}, false).object(e, "")
}

// root makes the members of the whole envelope from an Envelope or EnvelopeInformation.
func (m *maker) root(e *element.Element, name, kind string) (err error) {
	if e == nil {
		return fault.Invalid("'%s' is missing in %s", name, m.operation)
	}
	if m.Object, err = m.object(e, kind); err != nil {
		return err
	}
	m.AccountID = trimmed(e.Value("AccountId"))
	m.Object["status"] = created
	if m.activate {
		m.Object["status"] = sent
	}
	if m.Object["asynchronous"] == "true" && m.Object["transactionId"] == nil {
		return fault.Invalid("'Asynchronous' needs a 'TransactionID' in %s", m.operation)
	}
	return nil
}

// checkSubject holds what REST wants of it (SOAP-REST.md §3.1).
func (m *maker) checkSubject(e *element.Element) error {
	subject, _ := m.Object["emailSubject"].(string)
	switch {
	case m.activate && trimmed(subject) == "":
		return fault.Invalid("'Subject' is missing or empty in %s", m.operation)
	case utf8.RuneCountInString(subject) > maxSubject:
		return m.refuse(e.Child("Subject"), " of more than 100 characters")
	}
	return nil
}

// finish checks what only the whole can tell.
func (m *maker) finish() (*Definition, error) {
	if _, body := m.Encode(); body.Len() > maxRequest {
		return nil, fault.Refused(m.operation, "a message whose REST request has more than 35,651,584 bytes")
	}
	return &m.Definition, nil
}

// refuse says that an element, described further by what, has no place in REST.
func (m *maker) refuse(e *element.Element, what string) error {
	return fault.Refused(m.operation, e.Path+what)
}

func (m *maker) drop(e *element.Element) { m.Dropped = append(m.Dropped, e.Path) }
