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
// that could make two readers of one message disagree.
type scanner struct {
	src    io.Reader
	buf    []byte
	raw    []byte // the message as it came, if buf is a conversion of it
	limit  int    // no byte beyond is read yet: it moves in steps, so that results do not depend on the sizes of reads
	max    int    // and never beyond this one
	srcErr error

	maxDepth, maxAttributes int

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

func (s *scanner) reset(src io.Reader, o Options, limit int) {
	*s = scanner{
		src: src, buf: s.buf[:0], max: limit, limit: min(lookahead, limit),
		maxDepth: o.MaxDepth, maxAttributes: o.MaxAttributes,
		stack: s.stack[:0], bindings: s.bindings[:0], attrs: s.attrs[:0], arena: s.arena[:0], text: s.text[:0],
		marks: s.marks[:0], references: s.references[:0], names: s.names, starts: s.starts, tag: s.tag,
	}
}

// fill reads until the byte at i is there. io.EOF means that the message is over.
func (s *scanner) fill(i int) error {
	for i >= len(s.buf) {
		if s.srcErr != nil {
			return s.srcErr
		}
		if i >= s.max {
			return refuse(KindTooLarge, s.max, "the part of the message that has to be read exceeds its bound")
		}
		for i >= s.limit {
			s.limit = min(2*s.limit, s.max)
		}
		s.read()
	}
	return nil
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

// at returns the byte at i, or an error: a refusal if the message ends there, inside what.
func (s *scanner) at(i int, what string) (byte, error) {
	if i < len(s.buf) {
		return s.buf[i], nil
	}
	err := s.fill(i)
	if err == io.EOF {
		return 0, refuse(KindIllFormed, len(s.buf), "the message ends inside "+what)
	}
	if err != nil {
		return 0, err
	}
	return s.buf[i], nil
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
func (s *scanner) next() (event, error) {
	if s.noClose {
		s.noClose = false
		s.pop(s.pos)
		return evEnd, nil
	}
	b, err := s.at(s.pos, "an element")
	if err != nil {
		if s.atEnd(err) {
			return evEOF, nil
		}
		return 0, err
	}
	if b != '<' {
		return s.characters()
	}
	if b, err = s.at(s.pos+1, "a tag"); err != nil {
		return 0, err
	}
	switch b {
	case '/':
		return s.endTag()
	case '?':
		return s.instruction()
	case '!':
		return s.declaration()
	}
	return s.startTag()
}

// atEnd reports whether err says that a complete document is over.
func (s *scanner) atEnd(err error) bool {
	refusal, ok := err.(*Error)
	return ok && refusal.Kind == KindIllFormed && s.srcErr == io.EOF && s.rooted && len(s.stack) == 0
}

func (s *scanner) pop(closeTag int) {
	last := len(s.stack) - 1
	s.closed, s.closeTag = s.stack[last], closeTag
	s.bindings = s.bindings[:s.closed.bindings]
	s.stack = s.stack[:last]
}

// char checks the character at i and returns its size.
func (s *scanner) char(i int, what string) (int, error) {
	b, err := s.at(i, what)
	if err != nil {
		return 0, err
	}
	if b >= 0x80 {
		_, n, err := s.wideChar(i, what)
		return n, err
	}
	if b < 0x20 && b != '\n' && b != '\t' && b != '\r' {
		return 0, refuse(KindIllFormed, i, "a control character")
	}
	return 1, nil
}

// wideChar decodes the character at i, whose first byte is 0x80 or above.
func (s *scanner) wideChar(i int, what string) (rune, int, error) {
	b := s.buf[i]
	switch s.enc {
	case encLatin1:
		return rune(b), 1, nil
	case encWindows1252:
		return fromWindows1252(b), 1, nil
	case encASCII:
		return 0, 0, refuse(KindEncoding, i, "a byte above 127 in a message labelled us-ascii")
	}
	for n := 2; n <= utf8.UTFMax && !utf8.FullRune(s.buf[i:]); n++ {
		if _, err := s.at(i+n-1, what); err != nil {
			return 0, 0, err
		}
	}
	r, n := utf8.DecodeRune(s.buf[i:])
	if r == utf8.RuneError && n <= 1 {
		return 0, 0, refuse(KindEncoding, i, "invalid UTF-8")
	}
	if !isChar(r) {
		return 0, 0, refuse(KindIllFormed, i, "a character that XML forbids")
	}
	return r, n, nil
}

// characters reads character data up to the next markup.
func (s *scanner) characters() (event, error) {
	i := s.pos
	outside := len(s.stack) == 0
	for {
		if i >= len(s.buf) {
			err := s.fill(i)
			if err == io.EOF {
				break
			}
			if err != nil {
				return 0, err
			}
		}
		b := s.buf[i]
		if b == '<' {
			break
		}
		if outside && !isSpace(b) {
			return 0, refuse(KindIllFormed, i, "text outside the root element")
		}
		n, err := 1, error(nil)
		switch {
		case b == '&':
			_, n, err = s.reference(i)
		case b == ']':
			err = s.notCDATAEnd(i)
		default:
			n, err = s.char(i, "text")
		}
		if err != nil {
			return 0, err
		}
		i += n
	}
	s.tok = span{s.pos, i}
	s.pos = i
	return evText, nil
}

func (s *scanner) notCDATAEnd(i int) error {
	for n, want := range []byte("]>") {
		b, err := s.at(i+1+n, "text")
		if err != nil {
			return err
		}
		if b != want {
			return nil
		}
	}
	return refuse(KindIllFormed, i, "the end of a CDATA section without its start")
}

// until finds end at or after i, checking the characters on the way, and returns the offset after it.
func (s *scanner) until(i int, end, what string) (int, error) {
	for {
		b, err := s.at(i, what)
		if err != nil {
			return 0, err
		}
		if b == end[0] {
			found, err := s.has(i, end, what)
			if err != nil {
				return 0, err
			}
			if found {
				return i + len(end), nil
			}
		}
		n, err := s.char(i, what)
		if err != nil {
			return 0, err
		}
		i += n
	}
}

// has reports whether want stands at i.
func (s *scanner) has(i int, want, what string) (bool, error) {
	for n := range len(want) {
		b, err := s.at(i+n, what)
		if err != nil {
			return false, err
		}
		if b != want[n] {
			return false, nil
		}
	}
	return true, nil
}

func (s *scanner) instruction() (event, error) {
	const what = "a processing instruction"
	name, prefix, err := s.name(s.pos + 2)
	if err != nil {
		return 0, err
	}
	if prefix > 0 || bytes.EqualFold(s.slice(name), []byte("xml")) {
		return 0, refuse(KindIllFormed, s.pos, "a processing instruction of a reserved name")
	}
	b, err := s.at(name.end, what)
	if err != nil {
		return 0, err
	}
	if !isSpace(b) && b != '?' {
		return 0, refuse(KindIllFormed, name.end, "a processing instruction without a proper name")
	}
	end, err := s.until(name.end, "?>", what)
	if err == nil && b == '?' && end != name.end+2 {
		err = refuse(KindIllFormed, name.end, "a processing instruction without a proper name")
	}
	if err != nil {
		return 0, err
	}
	s.tok, s.pos = span{s.pos, end}, end
	return evOther, nil
}

// declaration reads what begins with <!: a comment or a CDATA section.
func (s *scanner) declaration() (event, error) {
	b, err := s.at(s.pos+2, "a declaration")
	if err != nil {
		return 0, err
	}
	opening, what := "<!--", "a comment"
	if b == '[' {
		opening, what = "<![CDATA[", "a CDATA section"
	}
	found, err := s.has(s.pos, opening, what)
	if err != nil {
		return 0, err
	}
	if !found {
		return 0, s.noDeclaration(b)
	}
	start := s.pos + len(opening)
	if b == '[' {
		return s.cdata(start)
	}
	end, err := s.until(start, "--", what)
	if err != nil {
		return 0, err
	}
	if b, err = s.at(end, what); err != nil {
		return 0, err
	}
	if b != '>' {
		return 0, refuse(KindIllFormed, end, "two hyphens inside a comment")
	}
	s.tok, s.pos = span{s.pos, end + 1}, end+1
	return evOther, nil
}

func (s *scanner) noDeclaration(b byte) error {
	if b == 'D' {
		return refuse(KindDoctype, s.pos, "SOAP allows no document type declaration")
	}
	return refuse(KindIllFormed, s.pos, "an unknown declaration")
}

func (s *scanner) cdata(start int) (event, error) {
	if len(s.stack) == 0 {
		return 0, refuse(KindIllFormed, s.pos, "text outside the root element")
	}
	end, err := s.until(start, "]]>", "a CDATA section")
	if err != nil {
		return 0, err
	}
	s.tok, s.pos = span{start, end - 3}, end
	return evCDATA, nil
}

// name reads a qualified name at i; prefix is the size of its prefix.
func (s *scanner) name(i int) (name span, prefix int, err error) {
	start, part := i, i
	for {
		b, err := s.at(i, "a name")
		if err != nil {
			return span{}, 0, err
		}
		if b == ':' {
			if prefix > 0 || i == start {
				return span{}, 0, refuse(KindIllFormed, i, "a name with a misplaced colon")
			}
			prefix, part = i-start, i+1
			i++
			continue
		}
		r, n := rune(b), 1
		if b >= 0x80 {
			if r, n, err = s.wideChar(i, "a name"); err != nil {
				return span{}, 0, err
			}
		}
		if i == part && !isNameStart(r) || !isNameChar(r) {
			break
		}
		if i-start > maxNameSize {
			return span{}, 0, refuse(KindTooComplex, i, "a name beyond 1024 bytes")
		}
		i += n
	}
	if i == part {
		return span{}, 0, refuse(KindIllFormed, i, "a name was expected")
	}
	return span{start, i}, prefix, nil
}

func (s *scanner) spaces(i int, what string) (int, error) {
	for {
		b, err := s.at(i, what)
		if err != nil || !isSpace(b) {
			return i, err
		}
		i++
	}
}

func (s *scanner) endTag() (event, error) {
	const what = "an end tag"
	if len(s.stack) == 0 {
		return 0, refuse(KindIllFormed, s.pos, "an end tag without a start tag")
	}
	start := s.pos
	name, _, err := s.name(start + 2)
	if err != nil {
		return 0, err
	}
	if !bytes.Equal(s.slice(name), s.slice(s.top().name)) {
		return 0, refuse(KindIllFormed, start, "an end tag that does not match its start tag")
	}
	end, err := s.spaces(name.end, what)
	if err != nil {
		return 0, err
	}
	if s.buf[end] != '>' {
		return 0, refuse(KindIllFormed, end, "an end tag that is not closed")
	}
	s.tok, s.pos = span{start, end + 1}, end+1
	s.pop(start)
	return evEnd, nil
}

func (s *scanner) startTag() (event, error) {
	if len(s.stack) == 0 && s.rooted {
		return 0, refuse(KindIllFormed, s.pos, "a second root element")
	}
	if len(s.stack) >= s.maxDepth {
		return 0, refuse(KindTooComplex, s.pos, "elements nested too deeply")
	}
	name, prefix, err := s.name(s.pos + 1)
	if err != nil {
		return 0, err
	}
	e := element{start: s.pos, name: name, prefix: prefix, bindings: len(s.bindings)}
	if e.open, err = s.attributes(name.end); err != nil {
		return 0, err
	}
	if err := s.resolve(&e); err != nil {
		return 0, err
	}
	s.tok, s.pos = span{e.start, e.open}, e.open
	s.noClose = s.buf[e.open-2] == '/'
	s.rooted = true
	s.stack = append(s.stack, e)
	return evStart, nil
}

// attributes reads up to and including the end of the start tag and returns the offset after it.
func (s *scanner) attributes(i int) (int, error) {
	const what = "a start tag"
	s.attrs = s.attrs[:0]
	for {
		after, err := s.spaces(i, what)
		if err != nil {
			return 0, err
		}
		switch b := s.buf[after]; {
		case b == '>':
			return after + 1, nil
		case b == '/':
			if b, err = s.at(after+1, what); err != nil {
				return 0, err
			}
			if b != '>' {
				return 0, refuse(KindIllFormed, after, "a slash inside a start tag")
			}
			return after + 2, nil
		case after == i:
			return 0, refuse(KindIllFormed, i, "white space was expected in a start tag")
		}
		if len(s.attrs) >= s.maxAttributes {
			return 0, refuse(KindTooComplex, after, "too many attributes")
		}
		if i, err = s.attribute(after); err != nil {
			return 0, err
		}
	}
}

// attribute reads one attribute at i and returns the offset after its closing quote.
func (s *scanner) attribute(i int) (int, error) {
	const what = "an attribute"
	name, prefix, err := s.name(i)
	if err != nil {
		return 0, err
	}
	if i, err = s.spaces(name.end, what); err != nil {
		return 0, err
	}
	if s.buf[i] != '=' {
		return 0, refuse(KindIllFormed, i, "an attribute without a value")
	}
	if i, err = s.spaces(i+1, what); err != nil {
		return 0, err
	}
	quote := s.buf[i]
	if quote != '"' && quote != '\'' {
		return 0, refuse(KindIllFormed, i, "an attribute value without quotes")
	}
	a := attribute{name: name, prefix: prefix, plain: true, value: span{start: i + 1}}
	for i++; ; {
		b, err := s.at(i, what)
		if err != nil {
			return 0, err
		}
		if b == quote {
			break
		}
		if b == '<' {
			return 0, refuse(KindIllFormed, i, "a less-than sign inside an attribute value")
		}
		n := 1
		if b == '&' {
			_, n, err = s.reference(i)
		} else {
			n, err = s.char(i, what)
		}
		if err != nil {
			return 0, err
		}
		a.plain = a.plain && b != '&' && (b == ' ' || !isSpace(b)) && (b < 0x80 || s.enc == encUTF8)
		i += n
	}
	a.value.end = i
	s.attrs = append(s.attrs, a)
	return i + 1, nil
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
func (s *scanner) resolve(e *element) error {
	for i := range s.attrs {
		if err := s.declare(&s.attrs[i]); err != nil {
			return err
		}
	}
	var err error
	if e.ns, e.uri, err = s.lookup(e.name, e.prefix); err != nil {
		return err
	}
	if e.ns == nsXMLNS {
		return refuse(KindIllFormed, e.start, "an element with the prefix xmlns")
	}
	for i := range s.attrs {
		a := &s.attrs[i]
		if a.prefix == 0 || a.namespace {
			continue // an attribute without a prefix is in no namespace
		}
		if a.ns, a.uri, err = s.lookup(a.name, a.prefix); err != nil {
			return err
		}
	}
	return s.distinct()
}

// distinct refuses two attributes of one name, as written or as resolved.
func (s *scanner) distinct() error {
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
				return refuse(KindIllFormed, a.name.start, "two attributes of one name")
			}
		}
	}
	return nil
}

// declare adds the binding that a makes, if it is a namespace declaration.
func (s *scanner) declare(a *attribute) error {
	name := s.slice(a.name)
	var prefix span
	switch {
	case string(name) == "xmlns":
	case a.prefix == 5 && string(name[:5]) == "xmlns":
		prefix = span{a.name.start + 6, a.name.end}
	default:
		return nil
	}
	a.namespace = true
	uri := s.value(a)
	ns := classify(s.bytes(uri))
	bound := string(s.slice(prefix)) // compared with constants only, so it does not escape
	switch {
	case bound == "xmlns" || ns == nsXMLNS,
		(bound == "xml") != (ns == nsXML):
		return refuse(KindIllFormed, a.name.start, "the prefixes xml and xmlns cannot be bound to anything else, nor anything else to their names")
	case ns == nsNone && prefix.end > prefix.start:
		return refuse(KindIllFormed, a.name.start, "a prefix bound to no namespace")
	case len(s.bindings) >= maxNames:
		return refuse(KindTooComplex, a.name.start, "too many namespace declarations in scope")
	}
	s.bindings = append(s.bindings, binding{prefix, ns, uri})
	return nil
}

func (s *scanner) lookup(name span, prefix int) (namespace, text, error) {
	want := s.buf[name.start : name.start+prefix]
	for i := len(s.bindings) - 1; i >= 0; i-- {
		if b := &s.bindings[i]; bytes.Equal(s.slice(b.prefix), want) {
			return b.ns, b.uri, nil
		}
	}
	switch string(want) {
	case "":
		return nsNone, text{}, nil
	case "xml":
		return nsXML, text{}, nil
	case "xmlns":
		return nsXMLNS, text{}, nil
	}
	return 0, text{}, refuse(KindIllFormed, name.start, "a prefix that is not declared")
}

// asRead wraps an error of the source; refusals pass as they are.
func asRead(err error) error {
	if _, ok := err.(*Error); ok {
		return err
	}
	return fmt.Errorf("soap: read the message: %w", err)
}
