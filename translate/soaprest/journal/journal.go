// Package journal is what is written down of each creation, so that no message makes two envelopes (SOAP-REST.md §6.2).
// It must hold nothing of an envelope but its ids. Package soaprest writes entries, package store keeps them.
package journal

import (
	"strings"
	"time"

	"docusign-auth-proxy/internal/integration"
)

// Kept is how long an entry is of use: so long DocuSign finds an envelope by its transaction id.
const Kept = 7 * 24 * time.Hour

// MaxText bounds each text of an entry, in bytes.
const MaxText = 512

// Entry is one creation.
type Entry struct {
	TransactionID string                 `json:"transaction_id"`
	Owner         integration.TokenOwner `json:"owner"`
	Digest        string                 `json:"digest"` // of the message without its security header, in hex
	Operation     string                 `json:"operation"`
	Service       string                 `json:"service"` // its API name
	Account       string                 `json:"account"` // GUID
	Site          string                 `json:"site"`    // origin
	At            time.Time              `json:"at"`
	Settled       time.Time              `json:"settled,omitzero"`
	State         State                  `json:"state"`
	// EnvelopeID, Status and StatusAt are DocuSign's, when State is Done. An asynchronous creation has no EnvelopeID.
	EnvelopeID string    `json:"envelope_id,omitempty"`
	Status     string    `json:"status,omitempty"`
	StatusAt   time.Time `json:"status_at,omitzero"`
	// Own = the id is the proxy's, the program sent none.
	Own bool `json:"own"`
	// Answered = the program was told.
	Answered bool `json:"answered,omitempty"`
}

// State is what is known of a creation.
type State string

// The states. Intended is written before the POST; after a restart it means that nobody knows yet.
const (
	Intended   State = "intended"
	Done       State = "done"
	Refused    State = "refused"     // by DocuSign: there is no envelope
	NotCreated State = "not_created" // it was not sent, or DocuSign knows nothing of it: there is no envelope
	Unknown    State = "unknown"
)

// Message is what makes two messages the same, but for when they came.
type Message struct {
	Integration, Authenticator, Principal, Digest string
}

// Message is the one that the entry is about. With what the password was proven does not matter.
func (e Entry) Message() Message {
	return Message{e.Owner.Integration, e.Owner.Authenticator, e.Owner.Principal, e.Digest}
}

// Name tells messages apart.
func (m Message) Name() string {
	return strings.Join([]string{m.Integration, m.Authenticator, m.Principal, m.Digest}, "\x00")
}

// Key tells entries apart: one and the same message is there once for each transaction id.
func (e Entry) Key() string { return e.Message().Name() + "\x00" + e.TransactionID }

// Over reports whether the entry is of no use any more.
func (e Entry) Over(now time.Time) bool { return now.Sub(e.At) > Kept }
