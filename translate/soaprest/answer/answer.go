// Package answer writes what package soaprest answers: the elements in the order of the service's description, dates,
// words and header as DocuSign wrote them (SOAP-REST.md §2, §4). It must never write an element that the description
// does not have.
package answer

import (
	"io"
	"net/http"
	"time"

	"docusign-auth-proxy/internal/services"
)

// Answer is what the program gets.
type Answer struct {
	Status int
	Header http.Header
	// Length is that of the body in bytes, -1 when only Write tells.
	Length int64
	// Write writes the body. An error means that the answer must look cut off.
	Write func(io.Writer) error
	// Close is called once, when the answer has been written or was not.
	Close func()
}

// Settings are those of the integration (SOAP-REST.md §11.1).
type Settings struct {
	Zone *time.Location
	// Header is recorded, on_request or never, as soap_rest.answer_header.
	Header string
	// Full = all members that REST knows, else those that were recorded.
	Full bool
	// CertificateEmpty writes <DocumentID/> for the certificate.
	CertificateEmpty bool
	// SignHere and InitialHere are taken from y, in points (SOAP-REST.md §3.4).
	SignHere, InitialHere int
}

// Writer writes the answer of one call.
type Writer struct {
	Settings

	Service      *services.Service
	Operation    string
	SOAP12       bool
	HasTimestamp bool
	// MessageID is the request's, "" = it had none.
	MessageID string
	Now       func() time.Time
	// Dropped lists what REST knows and SOAP has no place for. It is whole when Result has returned.
	Dropped []string
}

// Fields are the elements of an answer by their names in SOAP. A value is a string, a bool, an int, a time.Time,
// Fields, []Fields, []string, Nil, Stream or Each; nil, also of Fields, is absent. A name with an @ before it is an
// attribute, and "" the text of an element with attributes. What api.asmx has and dsapi.asmx lacks is left out there.
type Fields map[string]any

// Nil is written as xsi:nil="true".
type Nil struct{}

// empty is written as an element without a text, whatever its type (SOAP-REST.md §11.2).
type empty struct{}

// Stream is written in base64 while it is read.
type Stream struct {
	// Size is the number of bytes, -1 = unknown. Fewer or more than that is an error of Write. Open is called by
	// Write alone.
	Size int64
	Open func() (io.ReadCloser, error)
}

// Each is a repeated element whose items are made one at a time. It is called twice, and must yield the same then: the
// first time tells whether the items can be written, and how long they are.
type Each func(yield func(Fields) error) error
