// Package soap finds the WS-Security credential in a SOAP envelope and edits it by byte offset, so that old programs
// can go on sending what DocuSign no longer takes. It must never build a tree, hold a body, change a byte it need not
// change, or let a message through in which it could not tell where the password is; errors never hold bytes of a
// message. Package translate calls it for every *.asmx request, for WSDL answers and for the answers that need a
// Timestamp.
package soap

import (
	"bytes"
	"cmp"
	"io"
	"mime"
	"strings"
	"sync"
	"time"

	"docusign-auth-proxy/internal/secret"
)

// Defaults of Options.
const (
	DefaultMaxHeader  = 256 << 10
	DefaultMaxBody    = 64 << 10
	DefaultMaxDecoded = 64 << 20
	DefaultMaxRatio   = 200
)

// Options bounds what is read. The zero value means the defaults, UTF-8 unless the message says otherwise, no pooling.
type Options struct {
	// Charset is the charset parameter of the Content-Type, if any. It overrides the XML declaration (RFC 7303 §3).
	Charset string
	// MaxHeader bounds the header region in bytes: all up to the start tag of the first element in Body.
	MaxHeader int
	// MaxBody bounds, in bytes, a message whose body holds the credential and is therefore read whole.
	MaxBody int
	// MaxDecoded and MaxRatio bound a compressed body: bytes after decoding, and how many times the compressed size.
	MaxDecoded int64
	MaxRatio   int64
	// Credential asks for the body of credential.asmx too (PROTOCOL.md §4.7): the message is then read whole.
	Credential bool
	// Answer is set for messages of the upstream: nothing in them is a credential, and the body is not checked.
	Answer bool
	// Buffers keeps buffers between messages; nil means new ones each time.
	Buffers *Buffers
}

func (o Options) withDefaults() Options {
	o.MaxHeader = cmp.Or(o.MaxHeader, DefaultMaxHeader)
	o.MaxBody = cmp.Or(o.MaxBody, DefaultMaxBody)
	o.MaxDecoded = cmp.Or(o.MaxDecoded, DefaultMaxDecoded)
	o.MaxRatio = cmp.Or(o.MaxRatio, DefaultMaxRatio)
	return o
}

// Buffers is a pool of header buffers. The zero value is ready; one is shared by all requests.
type Buffers struct{ pool sync.Pool }

func (b *Buffers) get() *scanner {
	if b != nil {
		if s, ok := b.pool.Get().(*scanner); ok {
			return s
		}
	}
	return new(scanner)
}

// put takes a scanner back. What it read held a password, so it is wiped; large buffers are left to the collector.
func (b *Buffers) put(s *scanner) {
	clear(s.buf)
	clear(s.raw)
	clear(s.arena)
	clear(s.text[:cap(s.text)])
	if b == nil || cap(s.buf) > 4*lookahead {
		return
	}
	s.src, s.raw, s.srcErr = nil, nil, nil
	b.pool.Put(s)
}

// Version is the version of SOAP, as the namespace of the envelope tells it.
type Version uint8

// The versions; the zero value means that no envelope was recognised.
const (
	SOAP11 Version = iota + 1
	SOAP12
)

func (v Version) String() string {
	switch v {
	case SOAP11:
		return "1.1"
	case SOAP12:
		return "1.2"
	}
	return "unknown"
}

// Name is an expanded name.
type Name struct{ Namespace, Local string }

// UsernameToken is the credential of a WS-Security header, PROTOCOL.md §4.4. The texts are as the message has them:
// decoded, not trimmed.
type UsernameToken struct {
	Username     string
	Password     secret.Text
	HasPassword  bool
	PasswordType string // the Type attribute, empty if absent
	Digest       bool

	raw secret.Text // the password as written, where that differs
}

// Readings returns the texts the client may have meant by its password: as XML reads it, as written (clients that do
// not escape, PROTOCOL.md §1.5), and without surrounding white space.
func (t *UsernameToken) Readings() []secret.Text { return readings(t.Password, t.raw) }

func readings(decoded, raw secret.Text) []secret.Text {
	all := []secret.Text{decoded}
	if !raw.Empty() {
		all = append(all, raw)
	}
	if trimmed := string(bytes.TrimSpace([]byte(decoded.Reveal()))); trimmed != decoded.Reveal() {
		all = append(all, secret.New(trimmed))
	}
	return all
}

// Message is a SOAP message whose header region has been read. It is not safe for concurrent use, but Release is safe
// while a Reader is still being read.
type Message struct {
	Version      Version
	Token        *UsernameToken // nil if the message has none
	Operation    Name           // the first element in Body; empty if Body is
	HasSecurity  bool
	HasTimestamp bool            // a wsu:Timestamp in the Security header
	To           string          // wsa:To, decoded and trimmed; empty if absent
	Encoding     string          // the encoding the message came in
	Converted    bool            // it came in UTF-16 and leaves in UTF-8: the Content-Type has to say so
	Credential   *CredentialBody // nil unless asked for and present
	Decoded      bool            // a content coding has been undone

	options  Options
	mu       sync.Mutex // guards s and released
	s        *scanner   // nil if no envelope was found
	released bool
	err      error     // why this message is not forwarded
	root     *rootPart // nil unless the envelope is a part of a multipart message

	token        UsernameToken
	tokenRange   span
	security     span  // the Security header that holds the token
	securityOnly bool  // and that holds nothing else
	securityOpen field // the first Security header
	username     field
	password     field
	to           []field
	header       field
	body         int // offset of <Body
	envelopeName span
	prefixed     int

	end   int // of the header region
	guard guard
	edits []edit

	toStore   [1]field // so that the usual message costs no more allocations
	editStore [3]edit
	converted int64 // the change of length by a conversion from UTF-16
}

// ReadMessage reads the header region of the message with the given values of Content-Type and Content-Encoding: an
// envelope, or one in the root part of multipart/related (MTOM), either of them compressed or not. Errors are as with
// Read. A message that came compressed leaves as it is: drop Content-Encoding if Decoded.
func ReadMessage(contentType, contentEncoding string, r io.Reader, o Options) (*Message, error) {
	plain, err := Decode(contentEncoding, r, o)
	if err != nil {
		// An unknown coding has not been touched yet; of a corrupt one nothing is left to pass on.
		if plain == nil {
			plain = r
		}
		return unread(newRoot(plain), err)
	}
	media, parameters, err := mime.ParseMediaType(contentType)
	if err != nil && err != mime.ErrInvalidMediaParameter {
		media, parameters = "", nil // let the envelope speak for itself
	}
	m := &Message{Decoded: plain != r}
	if !strings.HasPrefix(media, "multipart/") {
		o.Charset = parameters["charset"]
		return m.read(plain, o)
	}
	if m.root, err = readRoot(media, parameters, plain, o.withDefaults()); err != nil {
		return unread(m.root, err)
	}
	o.Charset = m.root.charset
	m, err = m.read(m.root, o)
	if err == nil && m.Converted {
		err = refuse(KindEncoding, 0, "a multipart message whose root part is in UTF-16")
		m.err = err
	}
	return m, err
}

// unread returns a Message whose envelope was not found; it can only be passed on as it came.
func unread(root *rootPart, err error) (*Message, error) {
	if _, ok := err.(*Error); !ok {
		return nil, asRead(err)
	}
	return &Message{root: root, err: err}, err
}

// Read scans the header region of an envelope. If the message has to be refused the error is an *Error, and the Message
// is not nil: it tells what was understood before, and Original still passes it on unchanged, for traffic that is only
// observed. Any other error comes from r; the Message is then nil.
func Read(r io.Reader, o Options) (*Message, error) { return new(Message).read(r, o) }

// InsertSecurityTimestamp reads an answer of the upstream and puts a Security header with a Timestamp into it if it has
// no Security header. Errors are as with Read: an answer that is no envelope can be passed on with Original.
func InsertSecurityTimestamp(r io.Reader, created, expires time.Time, o Options) (*Message, error) {
	o.Answer = true
	m, err := Read(r, o)
	if err != nil {
		return m, err
	}
	return m, m.InsertTimestamp(created, expires)
}

func (m *Message) read(r io.Reader, o Options) (*Message, error) {
	m.options, m.s = o.withDefaults(), o.Buffers.get()
	m.to, m.edits = m.toStore[:0], m.editStore[:0]
	m.s.reset(r, m.options)
	err := m.scan()
	if err == nil {
		return m, nil
	}
	refusal, ok := err.(*Error)
	if !ok {
		m.Release()
		return nil, asRead(err)
	}
	m.err = refusal
	return m, refusal
}

func (m *Message) scan() (err error) {
	defer catch(&err)
	s, w := m.s, walk{m: m, s: m.s}
	defer m.noteEncoding()
	s.prolog(m.options.Charset)
	w.run()
	m.end = s.pos
	if w.refusal != nil {
		return w.refusal
	}
	return m.readAhead()
}

// noteEncoding tells the encoding also of a message that was refused.
func (m *Message) noteEncoding() {
	s := m.s
	m.Encoding, m.Converted = s.enc.String(), s.came != encUnknown
	if m.Converted {
		m.Encoding = s.came.String()
		m.converted = int64(len(s.buf) - len(s.raw))
	}
}

// readAhead reads on to the next step of the buffer and checks what is there: a small message is so checked to its end.
func (m *Message) readAhead() error {
	s := m.s
	for len(s.buf) < s.limit && s.srcErr == nil {
		s.read()
	}
	if s.srcErr != nil && s.srcErr != io.EOF {
		return s.srcErr
	}
	if m.options.Answer || m.options.Credential {
		return nil
	}
	m.guard.start(s)
	refusal := m.guard.write(s.buf[m.end:])
	if refusal == nil && s.srcErr == io.EOF {
		refusal = m.guard.finish()
		s.names, s.starts, s.tag = m.guard.names, m.guard.starts, m.guard.tag
	}
	if refusal != nil {
		return refusal
	}
	return nil
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
	d := m.converted
	for _, ed := range m.edits {
		d += int64(len(ed.text) - (ed.end - ed.start))
	}
	return d
}

// Release gives the buffer back. Readers fail from then on; the edits and texts already taken stay valid.
func (m *Message) Release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.s != nil && !m.released {
		m.options.Buffers.put(m.s)
	}
	m.released = true
}
