package soap

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"
)

// maxTag bounds a tag after the header region, in bytes.
const maxTag = 64 << 10

// guard checks the structure of what streams past after the header region: tags match, the envelope ends and nothing
// follows it, and there is no second Header and no UsernameToken. Text passes at the speed of a byte search.
type guard struct {
	offset  int
	open    []string // the names of the open elements
	until   string   // ends the comment, CDATA section or instruction at hand; "" = there is none
	pending []byte   // markup whose end has not come yet
}

// start takes over the open elements of s.
func (g *guard) start(s *scanner) {
	*g = guard{offset: s.pos}
	open := s.stack
	if s.noClose {
		open = open[:len(open)-1]
	}
	for _, e := range open {
		g.open = append(g.open, string(s.slice(e.name.span)))
	}
}

// check checks the next bytes, and with io.EOF that the message is complete.
func (g *guard) check(p []byte, err error) error {
	if refusal := g.write(p); refusal != nil {
		refusal.Offset += g.offset
		return refusal
	}
	if err == io.EOF && (len(g.open) > 0 || len(g.pending) > 0 || g.until != "") {
		return refuse(KindIllFormed, g.offset+len(g.pending), "the message ends inside an element")
	}
	return nil
}

func (g *guard) write(p []byte) *Error {
	if len(g.pending) > 0 {
		g.pending = append(g.pending, p...)
		p = g.pending
	}
	for len(p) > 0 {
		n, refusal := g.next(p)
		if refusal != nil {
			return refusal
		}
		if n == 0 {
			break
		}
		g.offset += n
		p = p[n:]
	}
	if len(p) > maxTag {
		return refuse(KindTooComplex, 0, "a tag beyond 64 KiB")
	}
	g.pending = append(g.pending[:0], p...)
	return nil
}

// next returns how many bytes of p it has passed; 0 = it needs more.
func (g *guard) next(p []byte) (int, *Error) {
	switch {
	case g.until != "":
		return g.skip(p), nil
	case p[0] != '<':
		text, _, _ := bytes.Cut(p, []byte{'<'})
		if len(g.open) == 0 && len(bytes.Trim(text, " \t\r\n")) > 0 {
			return 0, refuse(KindIllFormed, 0, "text after the envelope")
		}
		return len(text), nil
	case len(p) == 1:
		return 0, nil
	case p[1] == '/':
		return g.endTag(p)
	case p[1] == '!':
		return g.declaration(p)
	case p[1] == '?':
		g.until = "?>"
		return 2, nil
	}
	return g.startTag(p)
}

// skip passes over what is not looked into, but for the last bytes, in which its end may begin.
func (g *guard) skip(p []byte) int {
	if n := bytes.Index(p, []byte(g.until)); n >= 0 {
		n += len(g.until)
		g.until = ""
		return n
	}
	return max(0, len(p)-len(g.until)+1)
}

func (g *guard) declaration(p []byte) (int, *Error) {
	const comment, cdata = "<!--", "<![CDATA["
	switch begins := string(p[:min(len(p), len(cdata))]); {
	case strings.HasPrefix(begins, comment):
		g.until = "-->"
		return len(comment), nil
	case begins == cdata && len(g.open) > 0:
		g.until = "]]>"
		return len(cdata), nil
	case begins != cdata && strings.HasPrefix(cdata, begins), strings.HasPrefix(comment, begins):
		return 0, nil
	case begins[2] == 'D':
		return 0, refuse(KindDoctype, 0, "SOAP allows no document type declaration")
	}
	return 0, refuse(KindIllFormed, 0, "an unknown declaration")
}

func (g *guard) endTag(p []byte) (int, *Error) {
	end := bytes.IndexByte(p, '>')
	if end < 0 {
		return 0, nil
	}
	name := bytes.TrimRight(p[2:end], " \t\r\n")
	last := len(g.open) - 1
	switch {
	case last < 0:
		return 0, refuse(KindIllFormed, 0, "an end tag after the envelope")
	case string(name) != g.open[last]:
		return 0, refuse(KindIllFormed, 0, "an end tag that does not match its start tag")
	}
	g.open = g.open[:last]
	return end + 1, nil
}

// startTag refuses a credential where the proxy did not look for one.
func (g *guard) startTag(p []byte) (int, *Error) {
	name := p[1:]
	n := bytes.IndexAny(name, " \t\r\n/>")
	if n >= 0 {
		name = name[:n]
	}
	local := name[bytes.LastIndexByte(name, ':')+1:]
	switch {
	case p[1] < utf8.RuneSelf && !isNameStart(rune(p[1])):
		return 0, refuse(KindIllFormed, 0, "a less-than sign that begins no tag")
	case len(g.open) == 0:
		return 0, refuse(KindIllFormed, 0, "an element after the envelope")
	case len(g.open) >= maxDepth:
		return 0, refuse(KindTooComplex, 0, "elements nested too deeply")
	case bytes.IndexFunc(name, func(r rune) bool { return r < ' ' || strings.ContainsRune(`<="'&`, r) }) >= 0:
		return 0, refuse(KindIllFormed, 0, "a malformed name")
	case len(name) > maxNameSize:
		return 0, refuse(KindTooComplex, 0, "a name beyond 1024 bytes")
	case n < 0:
		return 0, nil
	case bytes.EqualFold(local, []byte("UsernameToken")):
		return 0, refuse(KindMisplaced, 0, "a UsernameToken after the start of the Body")
	case len(g.open) == 1 && (string(local) == "Header" || string(local) == "Body"):
		return 0, refuse(KindAmbiguous, 0, "a Header or a second Body after the Body")
	}
	end, refusal := tagEnd(p)
	if end == 0 || refusal != nil {
		return 0, refusal
	}
	if p[end-1] != '/' {
		g.open = append(g.open, string(name))
	}
	return end + 1, nil
}

// tagEnd finds the ">" of the start tag that p begins with; 0 = it has not come yet.
func tagEnd(p []byte) (int, *Error) {
	for i := 1; i < len(p); i++ {
		switch p[i] {
		case '>':
			return i, nil
		case '<':
			return 0, refuse(KindIllFormed, 0, "a less-than sign inside a tag")
		case '/':
			if i+1 < len(p) && p[i+1] != '>' {
				return 0, refuse(KindIllFormed, 0, "a slash inside a start tag")
			}
		case '"', '\'':
			value, _, _ := bytes.Cut(p[i+1:], p[i:i+1])
			if bytes.IndexByte(value, '<') >= 0 {
				return 0, refuse(KindIllFormed, 0, "a less-than sign inside an attribute value")
			}
			i += len(value) + 1
		}
	}
	return 0, nil
}
