package soap

import (
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"
)

const (
	lookahead   = 16 << 10 // what is read at once; a message shorter than this is checked whole before any of it is sent
	maxNames    = 256      // namespace declarations in scope, marks by Id, references
	maxNameSize = 1024     // bytes of one qualified name

	maxDepth      = 100 // of nested elements
	maxAttributes = 64  // of one element
)

type event uint8

const (
	evStart event = iota + 1
	evEnd
	evText
	evCDATA
	evOther // comment or processing instruction
	evEOF
)

// span is a range of the buffer.
type span struct{ start, end int }

// text is a range of the buffer or, for a value that had to be decoded, of the arena.
type text struct {
	span
	decoded bool
}

type binding struct {
	prefix span
	ns     namespace
	uri    text
}

type attribute struct {
	name      span
	prefix    int // bytes of the prefix, without the colon; 0 if none
	value     span
	plain     bool // the value has neither references nor white space but blanks
	ns        namespace
	uri       text
	namespace bool // a namespace declaration
}

type element struct {
	start    int  // of '<'
	open     int  // after the '>' of the start tag
	name     span // as written
	prefix   int
	ns       namespace
	uri      text
	bindings int // declarations in scope outside this element
}

// scanner reads XML with namespaces, keeping every byte it has read. It refuses what is not well-formed and everything
// that could make two readers of one message disagree. A refusal, or an error of the source, is a bailout.
type scanner struct {
	src    io.Reader
	buf    []byte
	raw    []byte // the message as it came, if buf is a conversion of it
	limit  int    // no byte beyond is read yet: it moves in steps, so that results do not depend on the sizes of reads
	max    int    // and never beyond this one
	srcErr error

	enc        encoding
	came       encoding // the encoding before a conversion
	labelled   span     // the value of encoding= in the XML declaration
	pos        int
	tok        span
	stack      []element
	closed     element // the element of the last evEnd
	closeTag   int     // where its end tag starts; equal to its open offset when it has none
	noClose    bool    // the element of the last evStart is an empty-element tag
	bindings   []binding
	attrs      []attribute
	arena      []byte
	text       []byte // scratch for the text of a field
	marks      []mark // what signatures refer to, and how
	references []reference
	names      []byte // scratch of the guard, as the next two
	starts     []int
	tag        []byte
	rooted     bool // the root element has been seen
}

func (s *scanner) reset(src io.Reader, o Options) {
	limit := o.MaxHeader
	if o.Credential {
		limit = o.MaxBody
	}
	*s = scanner{
		src: src, buf: s.buf[:0], max: limit, limit: min(lookahead, limit),
		stack: s.stack[:0], bindings: s.bindings[:0], attrs: s.attrs[:0], arena: s.arena[:0], text: s.text[:0],
		marks: s.marks[:0], references: s.references[:0], names: s.names, starts: s.starts, tag: s.tag,
	}
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

// more reads until the byte at i is there. It returns false if the message is over before.
func (s *scanner) more(i int) bool {
	for i >= len(s.buf) {
		switch {
		case s.srcErr == io.EOF:
			return false
		case s.srcErr != nil:
			panic(bailout{s.srcErr})
		case i >= s.max:
			fail(KindTooLarge, s.max, "the part of the message that has to be read exceeds its bound")
		}
		for i >= s.limit {
			s.limit = min(2*s.limit, s.max)
		}
		s.read()
	}
	return true
}

// read takes what one call of the source gives.
func (s *scanner) read() {
	if cap(s.buf) < s.limit {
		grown := make([]byte, len(s.buf), s.limit)
		copy(grown, s.buf)
		s.buf = grown
	}
	for range 100 {
		n, err := s.src.Read(s.buf[len(s.buf):s.limit])
		s.buf = s.buf[:len(s.buf)+n]
		s.srcErr = err
		if n > 0 || err != nil {
			return
		}
	}
	s.srcErr = io.ErrNoProgress
}

// at returns the byte at i. A message that ends there ends inside what.
func (s *scanner) at(i int, what string) byte {
	if i >= len(s.buf) && !s.more(i) {
		fail(KindIllFormed, len(s.buf), "the message ends inside "+what)
	}
	return s.buf[i]
}

func (s *scanner) bytes(t text) []byte {
	if t.decoded {
		return s.arena[t.start:t.end]
	}
	return s.buf[t.start:t.end]
}

func (s *scanner) slice(r span) []byte { return s.buf[r.start:r.end] }

func (s *scanner) top() *element { return &s.stack[len(s.stack)-1] }

// local returns the local name of e.
func (s *scanner) local(e *element) []byte { return localName(s.slice(e.name), e.prefix) }

func localName(name []byte, prefix int) []byte {
	if prefix == 0 {
		return name
	}
	return name[prefix+1:]
}

func (s *scanner) is(e *element, ns namespace, local string) bool {
	return e.ns == ns && string(s.local(e)) == local
}

// next returns what comes next. After evStart the element is on top of the stack, after evEnd it is in s.closed.
func (s *scanner) next() event {
	if s.noClose {
		s.noClose = false
		s.pop(s.pos)
		return evEnd
	}
	if s.rooted && len(s.stack) == 0 && !s.more(s.pos) {
		return evEOF
	}
	if s.at(s.pos, "an element") != '<' {
		return s.characters()
	}
	switch s.at(s.pos+1, "a tag") {
	case '/':
		return s.endTag()
	case '?':
		return s.instruction()
	case '!':
		return s.declaration()
	}
	return s.startTag()
}

func (s *scanner) pop(closeTag int) {
	last := len(s.stack) - 1
	s.closed, s.closeTag = s.stack[last], closeTag
	s.bindings = s.bindings[:s.closed.bindings]
	s.stack = s.stack[:last]
}

// char checks the character at i and returns its size.
func (s *scanner) char(i int, what string) int {
	b := s.at(i, what)
	if b >= 0x80 {
		_, n := s.wideChar(i, what)
		return n
	}
	if b < 0x20 && !isSpace(b) {
		fail(KindIllFormed, i, "a control character")
	}
	return 1
}

// wideChar decodes the character at i, whose first byte is 0x80 or above.
func (s *scanner) wideChar(i int, what string) (rune, int) {
	if s.enc == encASCII {
		fail(KindEncoding, i, "a byte above 127 in a message labelled us-ascii")
	}
	if s.enc != encUTF8 {
		return s.enc.decode(s.buf[i]), 1
	}
	for n := 2; n <= utf8.UTFMax && !utf8.FullRune(s.buf[i:]); n++ {
		s.at(i+n-1, what)
	}
	r, n := utf8.DecodeRune(s.buf[i:])
	if r == utf8.RuneError && n <= 1 {
		fail(KindEncoding, i, "invalid UTF-8")
	}
	if !isChar(r) {
		fail(KindIllFormed, i, "a character that XML forbids")
	}
	return r, n
}

// characters reads character data up to the next markup.
func (s *scanner) characters() event {
	i, outside := s.pos, len(s.stack) == 0
	for (i < len(s.buf) || s.more(i)) && s.buf[i] != '<' {
		switch b := s.buf[i]; {
		case outside && !isSpace(b):
			fail(KindIllFormed, i, "text outside the root element")
		case b == '&':
			_, n := s.reference(i)
			i += n
		case b == ']' && s.has(i, "]]>", "text"):
			fail(KindIllFormed, i, "the end of a CDATA section without its start")
		default:
			i += s.char(i, "text")
		}
	}
	s.tok = span{s.pos, i}
	s.pos = i
	return evText
}

// until finds end at or after i, checking the characters on the way, and returns the offset after it.
func (s *scanner) until(i int, end, what string) int {
	for s.at(i, what) != end[0] || !s.has(i, end, what) {
		i += s.char(i, what)
	}
	return i + len(end)
}

// has reports whether want stands at i.
func (s *scanner) has(i int, want, what string) bool {
	for n := range len(want) {
		if s.at(i+n, what) != want[n] {
			return false
		}
	}
	return true
}

func (s *scanner) instruction() event {
	const what, flaw = "a processing instruction", "a processing instruction without a proper name"
	name, prefix := s.name(s.pos + 2)
	if prefix > 0 || bytes.EqualFold(s.slice(name), []byte("xml")) {
		fail(KindIllFormed, s.pos, "a processing instruction of a reserved name")
	}
	b := s.at(name.end, what)
	if !isSpace(b) && b != '?' {
		fail(KindIllFormed, name.end, flaw)
	}
	end := s.until(name.end, "?>", what)
	if b == '?' && end != name.end+2 {
		fail(KindIllFormed, name.end, flaw)
	}
	s.tok, s.pos = span{s.pos, end}, end
	return evOther
}

// declaration reads what begins with <!: a comment or a CDATA section.
func (s *scanner) declaration() event {
	b := s.at(s.pos+2, "a declaration")
	opening, what := "<!--", "a comment"
	if b == '[' {
		opening, what = "<![CDATA[", "a CDATA section"
	}
	switch {
	case s.has(s.pos, opening, what):
	case b == 'D':
		fail(KindDoctype, s.pos, "SOAP allows no document type declaration")
	default:
		fail(KindIllFormed, s.pos, "an unknown declaration")
	}
	start := s.pos + len(opening)
	if b == '[' {
		return s.cdata(start)
	}
	end := s.until(start, "--", what)
	if s.at(end, what) != '>' {
		fail(KindIllFormed, end, "two hyphens inside a comment")
	}
	s.tok, s.pos = span{s.pos, end + 1}, end+1
	return evOther
}

func (s *scanner) cdata(start int) event {
	if len(s.stack) == 0 {
		fail(KindIllFormed, s.pos, "text outside the root element")
	}
	end := s.until(start, "]]>", "a CDATA section")
	s.tok, s.pos = span{start, end - 3}, end
	return evCDATA
}

// name reads a qualified name at i; prefix is the size of its prefix.
func (s *scanner) name(i int) (name span, prefix int) {
	start, part := i, i
	for {
		b := s.at(i, "a name")
		if b == ':' {
			if prefix > 0 || i == start {
				fail(KindIllFormed, i, "a name with a misplaced colon")
			}
			prefix, part = i-start, i+1
			i++
			continue
		}
		r, n := rune(b), 1
		if b >= 0x80 {
			r, n = s.wideChar(i, "a name")
		}
		if i == part && !isNameStart(r) || !isNameChar(r) {
			break
		}
		if i-start > maxNameSize {
			fail(KindTooComplex, i, "a name beyond 1024 bytes")
		}
		i += n
	}
	if i == part {
		fail(KindIllFormed, i, "a name was expected")
	}
	return span{start, i}, prefix
}

func (s *scanner) spaces(i int, what string) int {
	for isSpace(s.at(i, what)) {
		i++
	}
	return i
}

func (s *scanner) endTag() event {
	if len(s.stack) == 0 {
		fail(KindIllFormed, s.pos, "an end tag without a start tag")
	}
	start := s.pos
	name, _ := s.name(start + 2)
	if !bytes.Equal(s.slice(name), s.slice(s.top().name)) {
		fail(KindIllFormed, start, "an end tag that does not match its start tag")
	}
	end := s.spaces(name.end, "an end tag")
	if s.buf[end] != '>' {
		fail(KindIllFormed, end, "an end tag that is not closed")
	}
	s.tok, s.pos = span{start, end + 1}, end+1
	s.pop(start)
	return evEnd
}

func (s *scanner) startTag() event {
	if len(s.stack) == 0 && s.rooted {
		fail(KindIllFormed, s.pos, "a second root element")
	}
	if len(s.stack) >= maxDepth {
		fail(KindTooComplex, s.pos, "elements nested too deeply")
	}
	name, prefix := s.name(s.pos + 1)
	e := element{start: s.pos, name: name, prefix: prefix, bindings: len(s.bindings)}
	e.open = s.attributes(name.end, '/')
	s.resolve(&e)
	s.tok, s.pos = span{e.start, e.open}, e.open
	s.noClose = s.buf[e.open-2] == '/'
	s.rooted = true
	s.stack = append(s.stack, e)
	return evStart
}

// attributes reads up to and including ">", or closing and ">", and returns the offset after it.
func (s *scanner) attributes(i int, closing byte) int {
	const what = "a start tag"
	s.attrs = s.attrs[:0]
	for {
		after := s.spaces(i, what)
		switch b := s.buf[after]; {
		case b == '>':
			return after + 1
		case b == closing:
			if s.at(after+1, what) == '>' {
				return after + 2
			}
			if closing == '?' {
				fail(KindIllFormed, after, malformedDeclaration)
			}
			fail(KindIllFormed, after, "a slash inside a start tag")
		case after == i:
			fail(KindIllFormed, i, "white space was expected in a start tag")
		case len(s.attrs) >= maxAttributes:
			fail(KindTooComplex, after, "too many attributes")
		}
		i = s.attribute(after)
	}
}

// attribute reads one attribute at i and returns the offset after its closing quote.
func (s *scanner) attribute(i int) int {
	const what = "an attribute"
	name, prefix := s.name(i)
	if i = s.spaces(name.end, what); s.buf[i] != '=' {
		fail(KindIllFormed, i, "an attribute without a value")
	}
	i = s.spaces(i+1, what)
	quote := s.buf[i]
	if quote != '"' && quote != '\'' {
		fail(KindIllFormed, i, "an attribute value without quotes")
	}
	a := attribute{name: name, prefix: prefix, plain: true, value: span{start: i + 1}}
	for i++; ; {
		b := s.at(i, what)
		if b == quote {
			break
		}
		n := 0
		switch b {
		case '<':
			fail(KindIllFormed, i, "a less-than sign inside an attribute value")
		case '&':
			_, n = s.reference(i)
		default:
			n = s.char(i, what)
		}
		a.plain = a.plain && b != '&' && (b == ' ' || !isSpace(b)) && (b < 0x80 || s.enc == encUTF8)
		i += n
	}
	a.value.end = i
	s.attrs = append(s.attrs, a)
	return i + 1
}

// value returns the decoded value of a. A decoded one stays in the arena as long as the scanner lives.
func (s *scanner) value(a *attribute) text {
	if a.plain {
		return text{span: a.value}
	}
	start := len(s.arena)
	s.arena = s.appendAttribute(s.arena, a.value)
	return text{span{start, len(s.arena)}, true}
}

// resolve binds the prefixes of e and of its attributes.
func (s *scanner) resolve(e *element) {
	for i := range s.attrs {
		s.declare(&s.attrs[i])
	}
	e.ns, e.uri = s.lookup(e.name, e.prefix)
	if e.ns == nsXMLNS {
		fail(KindIllFormed, e.start, "an element with the prefix xmlns")
	}
	for i := range s.attrs {
		if a := &s.attrs[i]; a.prefix > 0 && !a.namespace { // one without a prefix is in no namespace
			a.ns, a.uri = s.lookup(a.name, a.prefix)
		}
	}
	s.distinct()
}

// distinct refuses two attributes of one name, as written or as resolved.
func (s *scanner) distinct() {
	for i := range s.attrs {
		a := &s.attrs[i]
		for j := range i {
			b := &s.attrs[j]
			if !bytes.Equal(localName(s.slice(a.name), a.prefix), localName(s.slice(b.name), b.prefix)) {
				continue
			}
			same := bytes.Equal(s.slice(a.name), s.slice(b.name))
			if !same && a.prefix > 0 && b.prefix > 0 && !a.namespace && !b.namespace {
				same = a.ns == b.ns && bytes.Equal(s.bytes(a.uri), s.bytes(b.uri))
			}
			if same {
				fail(KindIllFormed, a.name.start, "two attributes of one name")
			}
		}
	}
}

// declare adds the binding that a makes, if it is a namespace declaration.
func (s *scanner) declare(a *attribute) {
	name := s.slice(a.name)
	var prefix span
	switch {
	case string(name) == "xmlns":
	case a.prefix == 5 && string(name[:5]) == "xmlns":
		prefix = span{a.name.start + 6, a.name.end}
	default:
		return
	}
	a.namespace = true
	uri := s.value(a)
	ns := classify(s.bytes(uri))
	bound := string(s.slice(prefix)) // compared with constants only, so it does not escape
	switch {
	case bound == "xmlns" || ns == nsXMLNS, (bound == "xml") != (ns == nsXML):
		fail(KindIllFormed, a.name.start,
			"the prefixes xml and xmlns cannot be bound to anything else, nor anything else to their names")
	case ns == nsNone && prefix.end > prefix.start:
		fail(KindIllFormed, a.name.start, "a prefix bound to no namespace")
	case len(s.bindings) >= maxNames:
		fail(KindTooComplex, a.name.start, "too many namespace declarations in scope")
	}
	s.bindings = append(s.bindings, binding{prefix, ns, uri})
}

func (s *scanner) lookup(name span, prefix int) (namespace, text) {
	want := s.buf[name.start : name.start+prefix]
	for i := len(s.bindings) - 1; i >= 0; i-- {
		if b := &s.bindings[i]; bytes.Equal(s.slice(b.prefix), want) {
			return b.ns, b.uri
		}
	}
	switch string(want) {
	case "":
		return nsNone, text{}
	case "xml":
		return nsXML, text{}
	case "xmlns":
		return nsXMLNS, text{}
	}
	panic(bailout{refuse(KindIllFormed, name.start, "a prefix that is not declared")})
}

// asRead wraps an error of the source; refusals pass as they are.
func asRead(err error) error {
	if _, ok := err.(*Error); ok {
		return err
	}
	return fmt.Errorf("soap: read the message: %w", err)
}
