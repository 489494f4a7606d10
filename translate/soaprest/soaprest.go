// Package soaprest carries out one operation of DocuSign's SOAP API over the REST API (SOAP-REST.md). It must refuse
// what REST has no place for before anything is changed, never make two envelopes of one call, and know no listener:
// package proxy hands it a message and what sends REST calls, and gets an answer to write.
package soaprest

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/internal/spool"
	"docusign-auth-proxy/translate/soaprest/journal"
)

// Call is one SOAP call whose credential has been proven.
type Call struct {
	Service   *services.Service
	Operation string
	// ContentType and Message are the message as it came, but for a content coding and UTF-16.
	ContentType string
	Message     io.Reader
	SOAP12      bool
	// HasTimestamp = the request had a Timestamp.
	HasTimestamp bool
	// MessageID is the wsa:MessageID of the request, "" = it had none.
	MessageID string
	// HTTP10 = the answer needs a length before its first byte.
	HTTP10 bool
	// Owner is who calls, for whom.
	Owner       integration.TokenOwner
	Integration *integration.Integration
	User        User
	// Spools is where the documents of the message go.
	Spools *spool.Pool
	// PublicURL is soap_rest.public_url or what stands in for it; nil = browsers cannot be led over the proxy.
	PublicURL *url.URL
	// Notes is filled in for log, metrics and ledger.
	Notes *Notes
}

// User is what DocuSign lets the caller do, with the caller's token. Errors of its methods are *call.Error: trouble
// with token or site.
type User interface {
	// Me is whom DocuSign takes the caller for.
	Me(context.Context) (Person, error)
	// Accounts lists the accounts that can be reached, the default one first.
	Accounts(context.Context) ([]Account, error)
	// Named finds an account by GUID or by a number that is configured or learnt. A user that is no member of it is a
	// *call.Error of KindNotAllowed.
	Named(ctx context.Context, id string) (Account, error)
	// Configured is the account that the configuration names for the user; ok is false unless it names just one.
	Configured(context.Context) (a Account, ok bool, err error)
	// Do sends a REST call and gives DocuSign's answer, whatever its status. Only after a refusal of the token it sends
	// a second time. The answer's body is the caller's to close.
	Do(context.Context, *Request) (*http.Response, error)
}

// Person is a user of DocuSign's.
type Person struct{ ID, Name, Email string }

// Account is an account and where it lives.
type Account struct {
	ID   string // GUID
	Site *url.URL
	// Default = it is the one for calls that name none. A user with several accounts may have no such one.
	Default bool
}

// Request is one REST call.
type Request struct {
	Method  string
	Account Account
	// Path is below the account, escaped, as in /envelopes/GUID.
	Path        string
	Query       url.Values
	Accept      string // "" = application/json
	ContentType string
	Body        Body // nil = none
}

// Body can be read more than once.
type Body interface {
	Len() int64
	Open() io.Reader
}

// Class says how well an operation is carried out over REST (SOAP-REST.md §1).
type Class string

// The classes: Approximate loses something, Impossible is refused.
const (
	Whole       Class = "whole"
	Approximate Class = "approximate"
	Impossible  Class = "impossible"
)

// Notes is what is known of a call when it is over.
type Notes struct {
	Class     Class
	RESTCalls int
	Upstream  time.Duration
	Account   string   // GUID
	Site      string   // host
	Envelope  string   // GUID
	Dropped   []string // elements that were left out, since they are decoration
	// Fault is the name of the fault that was answered; FaultReason says why, for the operator.
	Fault, FaultReason string
	// FaultClient = the caller can mend it; FaultOwn = the operator of the proxy can.
	FaultClient, FaultOwn bool
	// Status is DocuSign's, where REST refused; 0 = the fault is the proxy's own.
	Status int
	// Journal is what became of a creation: a journal.State, or "repeated" for the outcome of an earlier call with the
	// same message; "" = none was asked for.
	Journal string
	// Cached = the answer did not come from DocuSign this time.
	Cached bool
}

// Journal keeps what became of each creation (SOAP-REST.md §6.2).
type Journal interface {
	// Put writes an entry in place of the one with its key. It is durable when Put returns.
	Put(journal.Entry) error
	// Answered notes that the program was told the outcome. It may be lost with the process.
	Answered(key string)
	// Find gives the entries that match, the latest first.
	Find(match func(journal.Entry) bool) []journal.Entry
	// Turn takes the turn at a message among all processes that write the journal, and keeps it until release is called.
	// Find has then what those wrote who had it before. waited = somebody else had it; without wait that is
	// lease.ErrBusy. The zero message is the turn at what was left open.
	Turn(ctx context.Context, m journal.Message, wait bool) (release func(), waited bool, err error)
}
