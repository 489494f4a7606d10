// Package definition makes REST's definition of an envelope of SOAP's Envelope, its templates and recipients
// (SOAP-REST.md §3, §4.8). It must map or refuse each element that changes what a human signs, sees, pays or is asked
// for; what it leaves out as decoration it lists.
package definition

import (
	"net/url"
	"time"

	"docusign-auth-proxy/internal/spool"
)

// Settings are those of the integration (SOAP-REST.md §11.1).
type Settings struct {
	Zone *time.Location
	// SignHere and InitialHere are added to y, in points (SOAP-REST.md §3.4).
	SignHere, InitialHere int
	// AuthoritativeCopy lets such copies be made.
	AuthoritativeCopy bool
}

// Definition is a creation as REST takes it.
type Definition struct {
	// Object is the envelopeDefinition: values are strings, Object, []Object, []string, and Base64 for documents of
	// composite templates.
	Object Object
	// Documents go as parts of a multipart message, in order; none = the body is JSON (SOAP-REST.md §6.1, §11.11).
	Documents []Document
	Query     url.Values
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
