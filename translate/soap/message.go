// Package soap finds the WS-Security credential in a SOAP envelope and edits it by byte offset, so that old programs
// can go on sending what DocuSign no longer takes. It must never build a tree, hold a body, change a byte it need not
// change, or let a message through in which it could not tell where the password is; errors never hold bytes of a
// message. Package proxy calls it for every *.asmx request, for WSDL answers and for the answers that need a
// Timestamp.
package soap

import (
	"cmp"
	"fmt"
	"io"
	"time"
)

const (
	// DefaultMaxHeader is the bound of the header region in bytes: all up to the start tag of the first element in Body.
	DefaultMaxHeader = 256 << 10
	// MaxBody bounds, in bytes, a message whose body holds the credential and is therefore read whole.
	MaxBody = 64 << 10

	maxMessageID = 1 << 10 // in bytes
)

// Options bounds what is read.
type Options struct {
	// MaxHeader stands for DefaultMaxHeader unless it is zero.
	MaxHeader int
	// Credential asks for the body of credential.asmx too (PROTOCOL.md §4.7): the message is then read whole.
	Credential bool
}

// Name is an expanded name.
type Name struct{ Namespace, Local string }

// Message is a SOAP message whose header region has been read. It is not safe for concurrent use.
type Message struct {
	Version      string // the namespace of the envelope; "" = none was recognised
	Token        *Login // the UsernameToken of the header (PROTOCOL.md §4.4); nil = there is none
	Operation    Name   // the first element in Body; empty if Body is
	HasSecurity  bool
	HasTimestamp bool            // a wsu:Timestamp in the Security header
	To           string          // wsa:To, decoded and trimmed; empty if absent
	MessageID    string          // wsa:MessageID, likewise; also empty if it is longer than maxMessageID
	Converted    bool            // it came in UTF-16 and leaves in UTF-8: the Content-Type has to say so
	Credential   *CredentialBody // nil unless asked for and present
	Decoded      bool            // a content coding has been undone

	s      *scanner  // nil if no envelope was found
	whole  bool      // the body is read here, for its credential
	answer bool      // it is the upstream's: nothing in it is a credential, and the body is not checked
	err    error     // why this message is not forwarded
	root   *rootPart // nil unless the envelope is a part of a multipart message
	signatures

	tokenRange   span
	security     span   // the Security header that holds the token
	securityOnly bool   // and that holds nothing else
	securityOpen *field // the first Security header
	header       *field
	to           []*field
	messageID    *field
	body         int // offset of <Body
	envelope     qname

	end   int // of the header region
	guard guard
	edits []edit
}

// ReadMessage reads the header region of the message with the given values of Content-Type and Content-Encoding: an
// envelope, or one in the root part of multipart/related (MTOM), either of them compressed or not. Drop
// Content-Encoding if Decoded.
//
// If the message has to be refused the error is an *Error, and the Message is not nil: it tells what was understood
// before, and Original still passes it on. Any other error comes from r; the Message is then nil.
func ReadMessage(contentType, contentEncoding string, r io.Reader, o Options) (*Message, error) {
	o.MaxHeader = cmp.Or(o.MaxHeader, DefaultMaxHeader)
	plain, err := decode(contentEncoding, r)
	if err != nil {
		return (&Message{root: newRoot(plain)}).refused(err)
	}
	m := &Message{Decoded: plain != r, whole: o.Credential}
	var charset string
	if m.root, charset, err = openRoot(contentType, plain, o.MaxHeader); err != nil {
		return m.refused(err)
	}
	if m.root == nil {
		return m.read(plain, charset, o)
	}
	m, err = m.read(m.root, charset, o)
	if err == nil && m.Converted {
		return m.refused(refuse(KindEncoding, 0, "a multipart message whose root part is in UTF-16"))
	}
	return m, err
}

// refused ends the reading of m. One whose envelope was not found has a root that can be passed on as it came.
func (m *Message) refused(err error) (*Message, error) {
	if _, ok := err.(*Error); !ok {
		return nil, fmt.Errorf("soap: read the message: %w", err)
	}
	m.err = err
	return m, err
}

// InsertSecurityTimestamp reads an answer of the upstream and puts a SecurityHeader into it if it has none. Errors are
// as with ReadMessage: an answer that is no envelope can be passed on with Original.
func InsertSecurityTimestamp(r io.Reader, created time.Time) (*Message, error) {
	m, err := (&Message{answer: true}).read(r, "", Options{MaxHeader: DefaultMaxHeader})
	if err != nil || m.HasSecurity {
		return m, err
	}
	return m, m.insertBlock(SecurityHeader("Timestamp-0", created))
}

func (m *Message) read(r io.Reader, charset string, o Options) (*Message, error) {
	most := o.MaxHeader
	if m.whole {
		most = MaxBody
	}
	m.s = newScanner(r, most)
	err := m.scan(charset)
	m.Converted = m.s.raw != nil
	if err != nil {
		return m.refused(err)
	}
	return m, nil
}

func (m *Message) scan(charset string) (err error) {
	defer catch(&err)
	w := walk{m: m, s: m.s}
	m.s.prolog(charset)
	w.run()
	m.end = m.s.pos
	if w.refusal != nil {
		return w.refusal
	}
	return m.readAhead()
}

// readAhead reads on to the next step of the buffer and checks what is there: a small message is so checked to its end.
func (m *Message) readAhead() error {
	s := m.s
	if len(s.buf) < min(lookahead, s.max) && s.srcErr == nil {
		s.fill()
	}
	if s.srcErr != nil && s.srcErr != io.EOF {
		return s.srcErr
	}
	if m.answer || m.whole {
		return nil
	}
	m.guard.start(s)
	return m.guard.check(s.buf[m.end:], s.srcErr)
}

// ContentType returns the Content-Type to forward in place of the one that came.
func (m *Message) ContentType(came string) string {
	if !m.Converted || m.root != nil {
		return came
	}
	return withCharset(came)
}

// Delta returns by how many bytes the forwarded message is longer than the one that came, with the Content-Length of
// the root part if it has one; add it to Content-Length.
func (m *Message) Delta() int64 {
	d := m.delta()
	if m.root != nil {
		d += int64(len(m.root.headWith(d)) - len(m.root.head))
	}
	return d
}

// delta is that of the envelope alone.
func (m *Message) delta() int64 {
	d := 0
	if m.Converted {
		d = len(m.s.buf) - len(m.s.raw)
	}
	for _, ed := range m.edits {
		d += len(ed.text) - (ed.end - ed.start)
	}
	return int64(d)
}
