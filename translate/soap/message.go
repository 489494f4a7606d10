package soap

import (
	"bytes"
	"io"
	"mime"
	"strings"
	"time"
)

// Message is a SOAP message as HTTP carries it: an envelope, or one in the root part of multipart/related (MTOM), either of them
// compressed or not. It has the edits of its Envelope; its Reader yields the whole message.
type Message struct {
	*Envelope
	decoded bool
	root    *rootPart // nil unless multipart
}

// ReadMessage reads the header region of the message with the given values of Content-Type and Content-Encoding.
// Errors are as with Read: with an *Error the Message is not nil and Original can still pass it on. A message that came
// compressed leaves as it is: drop Content-Encoding if Decoded.
func ReadMessage(contentType, contentEncoding string, r io.Reader, o Options) (*Message, error) {
	plain, err := Decode(contentEncoding, r, o)
	if err != nil {
		// An unknown coding has not been touched yet; of a corrupt one nothing is left to pass on.
		m := &Message{root: &rootPart{src: r}}
		if plain != nil {
			m.root.src = plain
		}
		return m.unread(err)
	}
	m := &Message{decoded: plain != r}
	media, parameters, err := mime.ParseMediaType(contentType)
	if err != nil && err != mime.ErrInvalidMediaParameter {
		media, parameters = "", nil // let the envelope speak for itself
	}
	if !strings.HasPrefix(media, "multipart/") {
		o.Charset = parameters["charset"]
		m.Envelope, err = Read(plain, o)
		return m.orNil(err)
	}
	if m.root, err = readRoot(media, parameters, plain, o.withDefaults()); err != nil {
		return m.unread(err)
	}
	o.Charset = m.root.charset
	m.Envelope, err = Read(m.root, o)
	if err == nil && m.Converted {
		err = refuse(KindEncoding, 0, "a multipart message whose root part is in UTF-16")
		m.Envelope.err = err
	}
	return m.orNil(err)
}

// orNil returns no Message when there is none to pass on.
func (m *Message) orNil(err error) (*Message, error) {
	if m.Envelope == nil {
		return nil, err
	}
	return m, err
}

// unread returns a Message whose root part was not found; it can only be passed on as it came.
func (m *Message) unread(err error) (*Message, error) {
	if _, ok := err.(*Error); !ok {
		return nil, asRead(err)
	}
	m.Envelope = &Envelope{err: err}
	return m, err
}

// Decoded reports whether a content coding has been undone.
func (m *Message) Decoded() bool { return m.decoded }

// Complete reports whether the whole message is in memory, so that Reader may be called again.
func (m *Message) Complete() bool { return m.root == nil && m.Envelope.Complete() }

// Reader returns the message with its edits; other parts pass byte for byte. See Envelope.Reader.
func (m *Message) Reader() io.Reader {
	if m.root == nil || m.err != nil {
		return m.Envelope.Reader()
	}
	return io.MultiReader(bytes.NewReader(m.root.headWith(m.Envelope.Delta())), m.Envelope.Reader(), m.root.rest())
}

// Original returns the message as it came, but for a content coding.
func (m *Message) Original() io.Reader {
	if m.root == nil {
		return m.Envelope.Original()
	}
	buffered := io.Reader(strings.NewReader(""))
	if m.s != nil {
		buffered = &reader{e: m.Envelope, original: true, srcErr: io.EOF}
	}
	return io.MultiReader(bytes.NewReader(m.root.head), buffered, m.root.rest())
}

// Delta returns by how many bytes the message grows, with the Content-Length of the root part if it has one.
func (m *Message) Delta() int64 {
	d := m.Envelope.Delta()
	if m.root == nil {
		return d
	}
	return d + int64(len(m.root.headWith(d))-len(m.root.head))
}

// ContentType returns the Content-Type to forward in place of the one that came.
func (m *Message) ContentType(came string) string {
	if m.root != nil {
		return came
	}
	return m.Envelope.ContentType(came)
}

// InsertSecurityTimestamp reads an answer of the upstream and puts a Security header with a Timestamp into it if it has no Security
// header. Errors are as with Read: an answer that is no envelope can be passed on with Original.
func InsertSecurityTimestamp(r io.Reader, created, expires time.Time, o Options) (*Envelope, error) {
	o.Answer = true
	e, err := Read(r, o)
	if err != nil {
		return e, err
	}
	return e, e.InsertTimestamp(created, expires)
}
