package soap

import "fmt"

// Kind says why a message is refused, in a short text for operators. A Kind is itself an error, so
// errors.Is(err, KindDigest) works.
type Kind string

// The reasons for which a message is not forwarded.
const (
	KindIllFormed    Kind = "ill-formed XML" // not well-formed XML, or not well-formed with namespaces
	KindEntity       Kind = "unknown entity" // a reference to an entity other than the five of XML
	KindDoctype      Kind = "document type declaration"
	KindEncoding     Kind = "character encoding"       // unknown, contradictory or violated
	KindTooLarge     Kind = "too large"                // the header region, or a message that is read whole
	KindTooComplex   Kind = "too complex"              // too deep, too many attributes or namespaces
	KindNotSOAP      Kind = "not a SOAP envelope"      // well-formed, but not a SOAP 1.1 or 1.2 envelope
	KindAmbiguous    Kind = "ambiguous credentials"    // two credentials, two Headers, two passwords
	KindMisplaced    Kind = "misplaced credential"     // a credential where none is read and none can be taken out
	KindToken        Kind = "unreadable UsernameToken" // a UsernameToken that cannot be read
	KindPasswordType Kind = "unknown password type"    // a password type other than PasswordText and PasswordDigest
	KindDigest       Kind = "password digest"          // PasswordDigest: there is no clear password to check or to swap
	KindSigned       Kind = "signed credential"        // a signature covers what would have to change
	KindEncrypted    Kind = "encrypted header"
	KindMultipart    Kind = "multipart message"       // multipart/related whose root part cannot be found or edited
	KindCompression  Kind = "content coding"          // content coding unknown, corrupt or beyond its bounds
	KindBase64       Kind = "not base64"              // text of a Stream that had to be
	KindValue        Kind = "value not representable" // a new text that XML cannot carry
	KindState        Kind = "edit not possible"       // the edit does not fit what the message holds
)

func (k Kind) Error() string { return "soap: " + string(k) }

// Error is a refusal. Detail is a fixed text for operators and never holds bytes of the message.
type Error struct {
	Kind   Kind
	Offset int // byte offset in the message (after conversion, if it came in UTF-16)
	Detail string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%v at byte %d: %s", e.Kind, e.Offset, e.Detail)
}

// Unwrap lets errors.Is compare with a Kind.
func (e *Error) Unwrap() error { return e.Kind }

func refuse(k Kind, offset int, detail string) *Error {
	return &Error{Kind: k, Offset: offset, Detail: detail}
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
