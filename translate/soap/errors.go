package soap

import (
	"fmt"
	"strconv"
)

// Kind says why a message is refused. A Kind is itself an error, so errors.Is(err, KindDigest) works.
type Kind uint8

// The reasons for which a message is not forwarded.
const (
	KindIllFormed    Kind = iota + 1 // not well-formed XML, or not well-formed with namespaces
	KindEntity                       // a reference to an entity other than the five of XML
	KindDoctype                      // a document type declaration
	KindEncoding                     // character encoding unknown, contradictory or violated
	KindTooLarge                     // the header region (or a message that is read whole) exceeds its bound
	KindTooComplex                   // too deep, too many attributes or namespaces
	KindNotSOAP                      // well-formed, but not a SOAP 1.1 or 1.2 envelope
	KindAmbiguous                    // two credentials, two Headers, two passwords
	KindMisplaced                    // a credential where none is read and none can be taken out
	KindToken                        // a UsernameToken that cannot be read
	KindPasswordType                 // a password type other than PasswordText and PasswordDigest
	KindDigest                       // PasswordDigest: there is no clear password to check or to swap
	KindSigned                       // a signature covers what would have to change
	KindEncrypted                    // an encrypted header
	KindMultipart                    // multipart/related whose root part cannot be found or edited
	KindCompression                  // content coding unknown, corrupt or beyond its bounds
	KindValue                        // a new text that XML cannot carry
	KindState                        // the edit does not fit what the message holds
)

// Error makes a Kind usable with errors.Is.
func (k Kind) Error() string { return "soap: " + k.String() }

// String returns a short name for operators, fit for a metric label.
func (k Kind) String() string {
	names := [...]string{
		KindIllFormed:    "ill-formed XML",
		KindEntity:       "unknown entity",
		KindDoctype:      "document type declaration",
		KindEncoding:     "character encoding",
		KindTooLarge:     "too large",
		KindTooComplex:   "too complex",
		KindNotSOAP:      "not a SOAP envelope",
		KindAmbiguous:    "ambiguous credentials",
		KindMisplaced:    "misplaced credential",
		KindToken:        "unreadable UsernameToken",
		KindPasswordType: "unknown password type",
		KindDigest:       "password digest",
		KindSigned:       "signed credential",
		KindEncrypted:    "encrypted header",
		KindMultipart:    "multipart message",
		KindCompression:  "content coding",
		KindValue:        "value not representable",
		KindState:        "edit not possible",
	}
	if k == 0 || int(k) >= len(names) {
		return "unknown reason"
	}
	return names[k]
}

// Error is a refusal. Detail is a fixed text for operators and never holds bytes of the message.
type Error struct {
	Kind   Kind
	Offset int64 // byte offset in the message (after conversion, if it came in UTF-16)
	Detail string
}

func (e *Error) Error() string {
	return "soap: " + e.Kind.String() + " at byte " + strconv.FormatInt(e.Offset, 10) + ": " + e.Detail
}

// Unwrap lets errors.Is compare with a Kind.
func (e *Error) Unwrap() error { return e.Kind }

func refuse(k Kind, offset int, detail string) *Error {
	return &Error{Kind: k, Offset: int64(offset), Detail: detail}
}

// bailout is a panic that ends the reading of a message and carries the error to catch.
type bailout struct{ err error }

// catch is deferred where the reading of a message begins.
func catch(err *error) {
	switch r := recover().(type) {
	case nil:
	case bailout:
		*err = r.err
	default:
		panic(r)
	}
}

// fail refuses the message.
func fail(k Kind, offset int, detail string) { panic(bailout{refuse(k, offset, detail)}) }

// asRead wraps an error of the source; refusals pass as they are.
func asRead(err error) error {
	if _, ok := err.(*Error); ok {
		return err
	}
	return fmt.Errorf("soap: read the message: %w", err)
}
