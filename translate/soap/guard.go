package soap

import (
	"bytes"
	"strings"
)

// guard checks the structure of what streams past after the header region: tags match, the envelope ends and nothing
// follows it, and there is no second Header and no UsernameToken. Text passes at the speed of a byte search.
type guard struct {
	offset   int
	state    guardState
	inMarkup bool
	names    []byte // the open elements, one name after the other
	starts   []int
	tag      []byte // the name of the tag, the opening of a declaration, or the last bytes of what is skipped, so far
	quote    byte
	end      string // of what is skipped
}

// guardState consumes at least one byte of p, unless it only changes the state.
type guardState func(g *guard, p []byte) (int, *Error)

// start takes over the open elements of s.
func (g *guard) start(s *scanner) {
	*g = guard{offset: s.pos, state: (*guard).text}
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
		n, refusal := g.state(g, p[i:])
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
	if len(g.starts) > 0 || g.inMarkup {
		return refuse(KindIllFormed, g.offset, "the message ends inside an element")
	}
	return nil
}

func (g *guard) toText() { g.state, g.inMarkup = (*guard).text, false }

func (g *guard) text(p []byte) (int, *Error) {
	before, _, ok := bytes.Cut(p, []byte{'<'})
	text := p
	if ok {
		text = before
		g.state, g.inMarkup, g.tag = (*guard).markup, true, g.tag[:0]
	}
	if len(g.starts) == 0 && len(bytes.Trim(text, " \t\r\n")) > 0 {
		return 0, refuse(KindIllFormed, 0, "text after the envelope")
	}
	return min(len(text)+1, len(p)), nil
}

// markup looks at the byte after "<".
func (g *guard) markup(p []byte) (int, *Error) {
	switch b := p[0]; {
	case b == '/':
		if len(g.starts) == 0 {
			return 0, refuse(KindIllFormed, 0, "an end tag after the envelope")
		}
		g.state = (*guard).endName
	case b == '!':
		g.state = (*guard).declaration
	case b == '?':
		g.skip("?>")
	case b < 0x80 && !isNameStart(rune(b)):
		return 0, refuse(KindIllFormed, 0, "a less-than sign that begins no tag")
	case len(g.starts) == 0:
		return 0, refuse(KindIllFormed, 0, "an element after the envelope")
	case len(g.starts) >= maxDepth:
		return 0, refuse(KindTooComplex, 0, "elements nested too deeply")
	default:
		g.tag = append(g.tag, b)
		g.state = (*guard).startName
	}
	return 1, nil
}

// name adds to tag what p has of a name, and reports whether the name ends in p.
func (g *guard) name(p []byte) (n int, ended bool, refusal *Error) {
	for n < len(p) && !ended {
		switch b := p[n]; {
		case isSpace(b) || b == '>' || b == '/':
			ended = true
			continue
		case b == '<' || b == '=' || b == '"' || b == '\'' || b == '&' || b < 0x20:
			return 0, false, refuse(KindIllFormed, 0, "a malformed name")
		case len(g.tag)+n > maxNameSize:
			return 0, false, refuse(KindTooComplex, 0, "a name beyond 1024 bytes")
		}
		n++
	}
	g.tag = append(g.tag, p[:n]...)
	return n, ended, nil
}

// startName refuses a credential where the proxy did not look for one.
func (g *guard) startName(p []byte) (int, *Error) {
	n, ended, refusal := g.name(p)
	if !ended {
		return n, refusal
	}
	g.starts = append(g.starts, len(g.names))
	g.names = append(g.names, g.tag...)
	g.state = (*guard).attributes
	local := g.tag[bytes.LastIndexByte(g.tag, ':')+1:]
	if bytes.EqualFold(local, []byte("UsernameToken")) {
		return 0, refuse(KindMisplaced, 0, "a UsernameToken after the start of the Body")
	}
	if len(g.starts) == 2 && (string(local) == "Header" || string(local) == "Body") {
		return 0, refuse(KindAmbiguous, 0, "a Header or a second Body after the Body")
	}
	return n, nil
}

func (g *guard) attributes(p []byte) (int, *Error) {
	n := bytes.IndexAny(p, `>/"'<`)
	if n < 0 {
		return len(p), nil
	}
	switch p[n] {
	case '>':
		g.toText()
	case '/':
		g.state = (*guard).slash
	case '<':
		return 0, refuse(KindIllFormed, 0, "a less-than sign inside a tag")
	default:
		g.state, g.quote = (*guard).value, p[n]
	}
	return n + 1, nil
}

func (g *guard) slash(p []byte) (int, *Error) {
	if p[0] != '>' {
		return 0, refuse(KindIllFormed, 0, "a slash inside a start tag")
	}
	g.toText()
	g.close()
	return 1, nil
}

func (g *guard) value(p []byte) (int, *Error) {
	value, _, ended := bytes.Cut(p, []byte{g.quote})
	if bytes.IndexByte(value, '<') >= 0 {
		return 0, refuse(KindIllFormed, 0, "a less-than sign inside an attribute value")
	}
	if ended {
		g.state = (*guard).attributes
	}
	return min(len(value)+1, len(p)), nil
}

func (g *guard) endName(p []byte) (int, *Error) {
	n, ended, refusal := g.name(p)
	if !ended {
		return n, refusal
	}
	if !bytes.Equal(g.tag, g.names[g.starts[len(g.starts)-1]:]) {
		return 0, refuse(KindIllFormed, 0, "an end tag that does not match its start tag")
	}
	g.close()
	g.state = (*guard).endTag
	return n, nil
}

func (g *guard) endTag(p []byte) (int, *Error) {
	if p[0] == '>' {
		g.toText()
	} else if !isSpace(p[0]) {
		return 0, refuse(KindIllFormed, 0, "an end tag that is not closed")
	}
	return 1, nil
}

// close forgets the innermost open element.
func (g *guard) close() {
	last := len(g.starts) - 1
	g.names = g.names[:g.starts[last]]
	g.starts = g.starts[:last]
}

func (g *guard) declaration(p []byte) (int, *Error) {
	g.tag = append(g.tag, p[0])
	const cdata = "[CDATA["
	switch tag := string(g.tag); {
	case tag == "--":
		g.skip("-->")
	case tag == cdata && len(g.starts) > 0:
		g.skip("]]>")
	case tag == "-", tag != cdata && strings.HasPrefix(cdata, tag):
	case tag[0] == 'D':
		return 0, refuse(KindDoctype, 0, "SOAP allows no document type declaration")
	default:
		return 0, refuse(KindIllFormed, 0, "an unknown declaration")
	}
	return 1, nil
}

// skip passes over all up to end, which is in ASCII and ends with ">".
func (g *guard) skip(end string) { g.state, g.end, g.tag = (*guard).skipped, end, g.tag[:0] }

func (g *guard) skipped(p []byte) (int, *Error) {
	end, before, most := []byte(g.end), len(g.tag), len(g.end)-1
	g.tag = append(g.tag, p[:min(len(p), most)]...) // end may begin in what came before
	if n := bytes.Index(g.tag, end); n >= 0 {
		g.toText()
		return n + len(end) - before, nil
	}
	if n := bytes.Index(p, end); n >= 0 {
		g.toText()
		return n + len(end), nil
	}
	if len(p) > most {
		g.tag = append(g.tag[:0], p[len(p)-most:]...)
	}
	g.tag = append(g.tag[:0], g.tag[max(0, len(g.tag)-most):]...)
	return len(p), nil
}
