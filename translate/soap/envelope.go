// Package soap finds the WS-Security credential in a SOAP envelope and edits it by byte offset, so that old programs can
// go on sending what DocuSign no longer takes. It must never build a tree, hold a body, change a byte it need not change,
// or let a message through in which it could not tell where the password is; errors never hold bytes of a message.
// Package translate calls it for every *.asmx request, for WSDL answers and for the answers that need a Timestamp.
package soap

import (
	"bytes"
	"io"
	"sync"

	"docusign-auth-proxy/internal/secret"
)

// Defaults of Options.
const (
	DefaultMaxHeader     = 256 << 10
	DefaultMaxBody       = 64 << 10
	DefaultMaxDepth      = 100
	DefaultMaxAttributes = 64
	DefaultMaxDecoded    = 64 << 20
	DefaultMaxRatio      = 200
)

// Options bounds what is read. The zero value means the defaults, UTF-8 unless the message says otherwise, no pooling.
type Options struct {
	// Charset is the charset parameter of the Content-Type, if any. It overrides the XML declaration (RFC 7303 §3).
	Charset string
	// MaxHeader bounds the header region in bytes: all up to the start tag of the first element in Body.
	MaxHeader int
	// MaxBody bounds, in bytes, a message whose body holds the credential and is therefore read whole.
	MaxBody int
	// MaxDepth and MaxAttributes bound nesting and the attributes of one element.
	MaxDepth, MaxAttributes int
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
	orDefault(&o.MaxHeader, DefaultMaxHeader)
	orDefault(&o.MaxBody, DefaultMaxBody)
	orDefault(&o.MaxDepth, DefaultMaxDepth)
	orDefault(&o.MaxAttributes, DefaultMaxAttributes)
	orDefault(&o.MaxDecoded, DefaultMaxDecoded)
	orDefault(&o.MaxRatio, DefaultMaxRatio)
	return o
}

func orDefault[T int | int64](value *T, fallback T) {
	if *value <= 0 {
		*value = fallback
	}
}

// Buffers is a pool of header buffers. The zero value is ready; one is shared by all requests.
type Buffers struct{ pool sync.Pool }

func (b *Buffers) get() *scanner {
	if b == nil {
		return new(scanner)
	}
	if s, ok := b.pool.Get().(*scanner); ok {
		return s
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

// UsernameToken is the credential of a WS-Security header, PROTOCOL.md §4.4. The texts are as the message has them: decoded, not trimmed.
type UsernameToken struct {
	Username     string
	Password     secret.Text
	HasPassword  bool
	PasswordType string // the Type attribute, empty if absent
	Digest       bool

	raw secret.Text // the password as written, where that differs
}

// Readings returns the texts the client may have meant by its password: as XML reads it, as written (clients that do not
// escape, PROTOCOL.md §1.5), and without surrounding white space.
func (t *UsernameToken) Readings() []secret.Text {
	return readings(t.Password, t.raw)
}

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

// Envelope is a message whose header region has been read. It is not safe for concurrent use, but Release is safe while
// a Reader is still being read.
type Envelope struct {
	Version      Version
	Token        *UsernameToken // nil if the message has none
	Operation    Name           // the first element in Body; empty if Body is
	HasSecurity  bool
	HasTimestamp bool            // a wsu:Timestamp in the Security header
	To           string          // wsa:To, decoded and trimmed; empty if absent
	Encoding     string          // the encoding the message came in
	Converted    bool            // it came in UTF-16 and leaves in UTF-8: the Content-Type has to say so
	Credential   *CredentialBody // nil unless asked for and present

	options Options
	mu      sync.Mutex // guards s against Release
	s       *scanner   // nil after Release
	err     error      // why this message is not forwarded

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

// Read scans the header region of r. If the message has to be refused the error is an *Error, and the Envelope is not nil:
// it tells what was understood before, and Original still passes the message on unchanged, for traffic that is only observed.
// Any other error comes from r; the Envelope is then nil.
func Read(r io.Reader, o Options) (*Envelope, error) {
	o = o.withDefaults()
	limit := o.MaxHeader
	if o.Credential {
		limit = o.MaxBody
	}
	e := &Envelope{options: o, s: o.Buffers.get()}
	e.to, e.edits = e.toStore[:0], e.editStore[:0]
	e.s.reset(r, o, limit)
	err := e.read()
	if err == nil {
		return e, nil
	}
	refusal, ok := err.(*Error)
	if !ok {
		e.Release()
		return nil, asRead(err)
	}
	e.err = refusal
	return e, refusal
}

func (e *Envelope) read() error {
	w := walk{e: e, s: e.s}
	err := e.s.prolog(e.options.Charset)
	e.Encoding, e.Converted = e.s.enc.String(), e.s.came != encUnknown
	if e.Converted {
		e.Encoding = e.s.came.String()
		e.converted = int64(len(e.s.buf) - len(e.s.raw))
	}
	if err == nil {
		err = w.run()
	}
	if err != nil {
		return err
	}
	e.end = e.s.pos
	if w.refusal != nil {
		return w.refusal
	}
	return e.readAhead()
}

// readAhead reads on to the next step of the buffer and checks what is there: a small message is so checked to its end.
func (e *Envelope) readAhead() error {
	s := e.s
	for len(s.buf) < s.limit && s.srcErr == nil {
		s.read()
	}
	if s.srcErr != nil && s.srcErr != io.EOF {
		return s.srcErr
	}
	if e.options.Answer || e.options.Credential {
		return nil
	}
	e.guard.start(s)
	refusal := e.guard.write(s.buf[e.end:])
	if refusal == nil && s.srcErr == io.EOF {
		refusal = e.guard.finish()
		s.names, s.starts, s.tag = e.guard.names, e.guard.starts, e.guard.tag
	}
	if refusal != nil {
		return refusal
	}
	return nil
}

// Complete reports whether the whole message is in memory, so that Reader may be called again for a second attempt.
func (e *Envelope) Complete() bool { return e.s != nil && e.s.srcErr == io.EOF }

// Err returns the refusal with which Read ended, if any.
func (e *Envelope) Err() error { return e.err }

// ContentType returns the Content-Type to forward in place of the one that came.
func (e *Envelope) ContentType(came string) string {
	if !e.Converted {
		return came
	}
	return withCharset(came)
}

// Release gives the buffer back. Readers fail from then on; the edits and texts already taken stay valid.
func (e *Envelope) Release() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.s == nil {
		return
	}
	e.options.Buffers.put(e.s)
	e.s = nil
}
