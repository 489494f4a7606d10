package soap

import (
	"bytes"
	"io"
)

const (
	maxDepth   = 100 // of nested elements
	cdataStart = "<![CDATA["
)

// Event is what comes next in a message.
type Event uint8

// The events: a start tag, an end tag (of an empty-element tag too), text, and the end of the message.
const (
	Start Event = iota + 1
	End
	Text
	EOF
	other // comment or processing instruction
)

// scanner reads XML with namespaces, keeping every byte it has read. It refuses what is not well-formed and everything
// that could make two readers of one message disagree. A refusal, or an error of the source, is a bailout.
type scanner struct {
	tagReader
	labelled span // the value of encoding= in the XML declaration
	pos      int
	text     span // the last one, without the markup of a CDATA section
	as       reading
	stack    []element
	closed   element // the element of the last End
	closeTag int     // where its end tag starts; equal to its open offset when it has none
	noClose  bool    // the element of the last Start is an empty-element tag
	rooted   bool    // the root element has been seen
	kept     int     // bytes that forget has left before what was not passed yet
}

func newScanner(src io.Reader, most int) *scanner {
	return &scanner{tagReader: tagReader{input: input{src: src, max: most}}}
}

func (s *scanner) top() *element { return &s.stack[len(s.stack)-1] }

func (s *scanner) is(e *element, namespace, local string) bool {
	return e.namespace == namespace && string(s.local(e.name)) == local
}

// next returns what comes next. After Start the element is on top of the stack, after End it is in s.closed.
func (s *scanner) next() Event {
	if s.noClose {
		s.noClose = false
		s.pop(s.pos)
		return End
	}
	if s.rooted && len(s.stack) == 0 && !s.more(s.pos) {
		return EOF
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

// forget drops what has been passed, but for the names of open elements and the prefixes in scope. What was read last
// cannot be asked for any more.
func (s *scanner) forget() {
	if s.pos-s.kept < lookahead {
		return
	}
	var kept []byte
	keep := func(r *span) {
		kept = append(kept, s.slice(*r)...)
		*r = span{len(kept) - (r.end - r.start), len(kept)}
	}
	for i := range s.stack {
		keep(&s.stack[i].name.span)
	}
	for i := range s.bindings {
		keep(&s.bindings[i].prefix)
	}
	s.kept = copy(s.buf, kept)
	s.buf = append(s.buf[:s.kept], s.buf[s.pos:]...)
	s.pos = s.kept
}

func (s *scanner) pop(closeTag int) {
	last := len(s.stack) - 1
	s.closed, s.closeTag = s.stack[last], closeTag
	s.bindings = s.bindings[:s.closed.bindings]
	s.stack = s.stack[:last]
}

// characters reads character data up to the next markup.
func (s *scanner) characters() Event {
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
	s.text, s.as = span{s.pos, i}, asText
	s.pos = i
	return Text
}

func (s *scanner) instruction() Event {
	const what, flaw = "a processing instruction", "a processing instruction without a proper name"
	name := s.name(s.pos + 2)
	if name.prefix > 0 || bytes.EqualFold(s.slice(name.span), []byte("xml")) {
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
	s.pos = end
	return other
}

// declaration reads what begins with <!: a comment or a CDATA section.
func (s *scanner) declaration() Event {
	b := s.at(s.pos+2, "a declaration")
	opening, what := "<!--", "a comment"
	if b == '[' {
		opening, what = cdataStart, "a CDATA section"
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
	s.pos = end + 1
	return other
}

func (s *scanner) cdata(start int) Event {
	if len(s.stack) == 0 {
		fail(KindIllFormed, s.pos, "text outside the root element")
	}
	end := s.until(start, "]]>", "a CDATA section")
	s.text, s.as = span{start, end - 3}, asCDATA
	s.pos = end
	return Text
}

func (s *scanner) endTag() Event {
	if len(s.stack) == 0 {
		fail(KindIllFormed, s.pos, "an end tag without a start tag")
	}
	start := s.pos
	name := s.name(start + 2)
	if !bytes.Equal(s.slice(name.span), s.slice(s.top().name.span)) {
		fail(KindIllFormed, start, "an end tag that does not match its start tag")
	}
	end := s.spaces(name.end, "an end tag")
	if s.buf[end] != '>' {
		fail(KindIllFormed, end, "an end tag that is not closed")
	}
	s.pos = end + 1
	s.pop(start)
	return End
}

func (s *scanner) startTag() Event {
	if len(s.stack) == 0 && s.rooted {
		fail(KindIllFormed, s.pos, "a second root element")
	}
	if len(s.stack) >= maxDepth {
		fail(KindTooComplex, s.pos, "elements nested too deeply")
	}
	name := s.name(s.pos + 1)
	e := element{start: s.pos, name: name, bindings: len(s.bindings)}
	e.open = s.attributes(name.end)
	s.resolve(&e)
	s.pos = e.open
	s.noClose = s.buf[e.open-2] == '/'
	s.rooted = true
	s.stack = append(s.stack, e)
	return Start
}
