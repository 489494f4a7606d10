package soap

import "bytes"

// guard checks the structure of what streams past after the header region: tags match, the envelope ends and nothing
// follows it, and there is no second Header and no UsernameToken. Text passes at the speed of a byte search.
type guard struct {
	offset   int
	state    guardState
	names    []byte // the open elements, one name after the other
	starts   []int
	tag      []byte // the name of the end tag, or the opening of a declaration, so far
	quote    byte
	last     [2]byte // the two bytes before, inside comments, CDATA sections and instructions
	maxDepth int
}

type guardState uint8

const (
	inText guardState = iota
	inTagOpen
	inStartName
	inStartTag
	inValue
	inSlash
	inEndName
	inEndTag
	inDeclaration
	inComment
	inCDATA
	inInstruction
)

// start takes over the open elements of s.
func (g *guard) start(s *scanner) {
	*g = guard{offset: s.pos, maxDepth: s.maxDepth}
	open := s.stack
	if s.noClose {
		open = open[:len(open)-1]
	}
	if s.srcErr != nil { // nothing streams, so nothing outlives the buffers of s
		g.names, g.starts, g.tag = s.names[:0], s.starts[:0], s.tag[:0]
	}
	for i := range open {
		g.starts = append(g.starts, len(g.names))
		g.names = append(g.names, s.slice(open[i].name)...)
	}
}

// write checks the next bytes.
func (g *guard) write(p []byte) *Error {
	for i := 0; i < len(p); {
		n, refusal := g.step(p[i:])
		if refusal != nil {
			refusal.Offset = int64(g.offset + i)
			return refusal
		}
		i += n
	}
	g.offset += len(p)
	return nil
}

// finish is called at the end of the message.
func (g *guard) finish() *Error {
	if len(g.starts) > 0 || g.state != inText {
		return refuse(KindIllFormed, g.offset, "the message ends inside an element")
	}
	return nil
}

// step consumes at least one byte of p in the state at hand.
func (g *guard) step(p []byte) (int, *Error) {
	switch g.state {
	case inText:
		return g.text(p)
	case inTagOpen:
		return g.tagOpen(p[0])
	case inStartName:
		return g.startName(p)
	case inStartTag, inSlash:
		return g.startTag(p)
	case inValue:
		return g.value(p)
	case inEndName, inEndTag:
		return g.endTag(p)
	case inDeclaration:
		return g.declaration(p[0])
	case inComment:
		return g.pass(p, '-', '-')
	case inCDATA:
		return g.pass(p, ']', ']')
	default:
		return g.pass(p, 0, '?')
	}
}

func (g *guard) text(p []byte) (int, *Error) {
	n := bytes.IndexByte(p, '<')
	text := p
	if n >= 0 {
		text = p[:n]
		n++
		g.state = inTagOpen
	} else {
		n = len(p)
	}
	if len(g.starts) == 0 {
		for _, b := range text {
			if !isSpace(b) {
				return 0, refuse(KindIllFormed, 0, "text after the envelope")
			}
		}
	}
	return n, nil
}

func (g *guard) tagOpen(b byte) (int, *Error) {
	g.tag = g.tag[:0]
	switch {
	case b == '/':
		if len(g.starts) == 0 {
			return 0, refuse(KindIllFormed, 0, "an end tag after the envelope")
		}
		g.state = inEndName
	case b == '!':
		g.state = inDeclaration
	case b == '?':
		g.state, g.last = inInstruction, [2]byte{}
	case b < 0x80 && !isNameStart(rune(b)):
		return 0, refuse(KindIllFormed, 0, "a less-than sign that begins no tag")
	case len(g.starts) == 0:
		return 0, refuse(KindIllFormed, 0, "an element after the envelope")
	case len(g.starts) >= g.maxDepth:
		return 0, refuse(KindTooComplex, 0, "elements nested too deeply")
	default:
		g.starts = append(g.starts, len(g.names))
		g.names = append(g.names, b)
		g.state = inStartName
	}
	return 1, nil
}

// nameEnd returns the number of bytes of p up to the end of a name, which is limited together with what is known of it.
func nameEnd(p []byte, known int) (int, *Error) {
	for n, b := range p {
		if isSpace(b) || b == '>' || b == '/' {
			return n, nil
		}
		if b == '<' || b == '=' || b == '"' || b == '\'' || b == '&' || b < 0x20 {
			return 0, refuse(KindIllFormed, 0, "a malformed name")
		}
		if known+n > maxNameSize {
			return 0, refuse(KindTooComplex, 0, "a name beyond 1024 bytes")
		}
	}
	return len(p), nil
}

func (g *guard) startName(p []byte) (int, *Error) {
	start := g.starts[len(g.starts)-1]
	n, refusal := nameEnd(p, len(g.names)-start)
	if refusal != nil {
		return 0, refusal
	}
	g.names = append(g.names, p[:n]...)
	if n == len(p) {
		return n, nil
	}
	local := g.names[start:]
	if colon := bytes.LastIndexByte(local, ':'); colon >= 0 {
		local = local[colon+1:]
	}
	if refusal := g.judge(local); refusal != nil {
		return 0, refusal
	}
	g.state = inStartTag
	return n, nil
}

// judge refuses a credential where the proxy did not look for one.
func (g *guard) judge(local []byte) *Error {
	if len(local) == 13 && bytes.EqualFold(local, []byte("UsernameToken")) {
		return refuse(KindMisplaced, 0, "a UsernameToken after the start of the Body")
	}
	if len(g.starts) == 2 && (string(local) == "Header" || string(local) == "Body") {
		return refuse(KindAmbiguous, 0, "a Header or a second Body after the Body")
	}
	return nil
}

func (g *guard) startTag(p []byte) (int, *Error) {
	if g.state == inSlash {
		if p[0] != '>' {
			return 0, refuse(KindIllFormed, 0, "a slash inside a start tag")
		}
		g.state = inText
		g.close()
		return 1, nil
	}
	for n, b := range p {
		switch b {
		case '>':
			g.state = inText
		case '/':
			g.state = inSlash
		case '"', '\'':
			g.state, g.quote = inValue, b
		case '<':
			return 0, refuse(KindIllFormed, 0, "a less-than sign inside a tag")
		default:
			continue
		}
		return n + 1, nil
	}
	return len(p), nil
}

func (g *guard) value(p []byte) (int, *Error) {
	n := bytes.IndexByte(p, g.quote)
	value := p
	if n >= 0 {
		value = p[:n]
		n++
		g.state = inStartTag
	} else {
		n = len(p)
	}
	if bytes.IndexByte(value, '<') >= 0 {
		return 0, refuse(KindIllFormed, 0, "a less-than sign inside an attribute value")
	}
	return n, nil
}

func (g *guard) endTag(p []byte) (int, *Error) {
	if g.state == inEndName {
		n, refusal := nameEnd(p, len(g.tag))
		if refusal != nil {
			return 0, refusal
		}
		g.tag = append(g.tag, p[:n]...)
		if n == len(p) {
			return n, nil
		}
		if !bytes.Equal(g.tag, g.names[g.starts[len(g.starts)-1]:]) {
			return 0, refuse(KindIllFormed, 0, "an end tag that does not match its start tag")
		}
		g.close()
		g.state = inEndTag
		p = p[n:]
		taken, refusal := g.endTag(p)
		return n + taken, refusal
	}
	for n, b := range p {
		if b == '>' {
			g.state = inText
			return n + 1, nil
		}
		if !isSpace(b) {
			return 0, refuse(KindIllFormed, 0, "an end tag that is not closed")
		}
	}
	return len(p), nil
}

func (g *guard) close() {
	last := len(g.starts) - 1
	g.names = g.names[:g.starts[last]]
	g.starts = g.starts[:last]
}

func (g *guard) declaration(b byte) (int, *Error) {
	g.tag = append(g.tag, b)
	const cdata = "[CDATA["
	switch tag := string(g.tag); {
	case tag == "--":
		g.state, g.last = inComment, [2]byte{}
	case tag == cdata && len(g.starts) > 0:
		g.state, g.last = inCDATA, [2]byte{}
	case tag == "-", tag != cdata && len(tag) < len(cdata) && tag == cdata[:len(tag)]:
	case tag[0] == 'D':
		return 0, refuse(KindDoctype, 0, "SOAP allows no document type declaration")
	default:
		return 0, refuse(KindIllFormed, 0, "an unknown declaration")
	}
	return 1, nil
}

// pass skips to a ">" that follows the bytes first and second; a first of zero stands for any byte.
func (g *guard) pass(p []byte, first, second byte) (int, *Error) {
	n := bytes.IndexByte(p, '>')
	if n < 0 {
		g.remember(p)
		return len(p), nil
	}
	g.remember(p[:n])
	if g.last[1] == second && (first == 0 || g.last[0] == first) {
		g.state = inText
	} else {
		g.last = [2]byte{}
	}
	return n + 1, nil
}

func (g *guard) remember(p []byte) {
	switch len(p) {
	case 0:
	case 1:
		g.last = [2]byte{g.last[1], p[0]}
	default:
		g.last = [2]byte{p[len(p)-2], p[len(p)-1]}
	}
}
