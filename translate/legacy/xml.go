package legacy

import (
	"encoding/xml"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

func parseXML(text string) (f *fields, reason string) {
	f, ok, reason := strictXML(text)
	if !ok {
		return tolerantXML(text)
	}
	return f, reason
}

// strictXML is not ok when text is not a well-formed DocuSignCredentials element. Names count without prefix and case.
func strictXML(text string) (f *fields, ok bool, reason string) {
	dec := xml.NewDecoder(strings.NewReader(text))
	dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // text is UTF-8 whatever its declaration says
	p := xmlFields{fields: &fields{}, text: text}
	for {
		start := dec.InputOffset()
		tok, err := dec.Token()
		if err == io.EOF {
			return p.fields, p.roots == 1, p.reason
		}
		if err != nil || !p.take(tok, start, dec.InputOffset()) {
			return nil, false, ""
		}
	}
}

// xmlFields collects the children of the root.
type xmlFields struct {
	*fields
	text   string
	depth  int
	roots  int
	name   field
	known  bool // inside a known element
	nested bool // that has children
	begin  int64
	value  strings.Builder
	reason string
}

func (p *xmlFields) take(tok xml.Token, start, end int64) bool {
	switch t := tok.(type) {
	case xml.StartElement:
		p.depth++
		switch p.depth {
		case 1:
			p.roots++
			return strings.EqualFold(t.Name.Local, "DocuSignCredentials")
		case 2:
			p.name, p.known = fieldNamed(t.Name.Local)
			p.nested, p.begin = false, end
			p.value.Reset()
		default:
			p.nested = true
		}
	case xml.CharData:
		if p.depth == 2 && p.known {
			p.value.Write(t)
		}
	case xml.EndElement:
		if p.depth == 2 && p.known {
			p.close(p.text[p.begin:start])
		}
		p.depth--
	}
	return true
}

// close keeps the first reason only: the rest of the value does not mend it.
func (p *xmlFields) close(raw string) {
	if p.reason != "" {
		return
	}
	switch {
	case p.name == fieldPassword && p.nested:
		p.reason = p.set(p.name, withTrimmed(raw, unescapeXML(raw))...)
	case p.name == fieldPassword:
		p.reason = p.set(p.name, withTrimmed(p.value.String(), raw)...)
	case p.nested:
		p.reason = p.name.String() + " is not a text"
	default:
		p.reason = p.set(p.name, strings.TrimSpace(p.value.String()))
	}
}

// tolerantXML takes the raw text of each known element, which need not be escaped (PROTOCOL.md §1.4 V12).
func tolerantXML(text string) (f *fields, reason string) {
	f = &fields{}
	found := false
	for i := 0; i < len(text); {
		n, name, end, empty, ok := openTag(text, i)
		if !ok {
			i++
			continue
		}
		found = true
		raw, next := "", end
		if !empty {
			if raw, next, ok = untilClose(text, end, name); !ok {
				return nil, n.String() + " has no closing tag"
			}
		}
		if reason := f.setElement(n, raw); reason != "" {
			return nil, reason
		}
		i = next
	}
	if !found {
		return nil, "no known element, and not XML"
	}
	return f, ""
}

func (f *fields) setElement(n field, raw string) (reason string) {
	trimmed := strings.TrimSpace(raw)
	decoded := unescapeXML(raw)
	if inner, ok := strings.CutPrefix(trimmed, "<![CDATA["); ok && strings.HasSuffix(inner, "]]>") {
		decoded = strings.TrimSuffix(inner, "]]>")
		trimmed = decoded
	}
	if n == fieldPassword {
		return f.set(n, withTrimmed(decoded, raw)...)
	}
	if strings.Contains(trimmed, "<") {
		return "markup in " + n.String()
	}
	return f.set(n, strings.TrimSpace(decoded))
}

// openTag reads `<prefix:Name …>` at i. It stops at the next "<", so that scanning all of a text stays linear.
func openTag(text string, i int) (n field, name string, end int, empty, ok bool) {
	if text[i] != '<' {
		return 0, "", 0, false, false
	}
	stop := len(text)
	if j := strings.IndexByte(text[i+1:], '<'); j >= 0 {
		stop = i + 1 + j
	}
	tag, _, closed := strings.Cut(text[i+1:stop], ">")
	if !closed {
		return 0, "", 0, false, false
	}
	end = i + 1 + len(tag) + 1
	tag, empty = strings.CutSuffix(tag, "/")
	if j := strings.IndexAny(tag, blanks); j >= 0 {
		tag = tag[:j]
	}
	name = tag[strings.IndexByte(tag, ':')+1:]
	n, ok = fieldNamed(name)
	return n, name, end, empty, ok
}

// untilClose gives the text before `</prefix:name>` and the place after it.
func untilClose(text string, from int, name string) (raw string, next int, ok bool) {
	for i := from; ; i += 2 {
		j := strings.Index(text[i:], "</")
		if j < 0 {
			return "", 0, false
		}
		i += j
		if size := closeTag(text[i+2:], name); size > 0 {
			return text[from:i], i + 2 + size, true
		}
	}
}

// maxPrefix bounds the prefix of a closing tag.
const maxPrefix = 64

// closeTag gives the length of `prefix:name >` at the start of s, or 0.
func closeTag(s, name string) int {
	end := strings.IndexByte(s[:min(len(s), maxPrefix+len(name)+8)], '>')
	if end < 0 {
		return 0
	}
	tag := strings.TrimRight(s[:end], blanks)
	if !strings.EqualFold(tag[strings.IndexByte(tag, ':')+1:], name) {
		return 0
	}
	return end + 1
}

// unescapeXML resolves the five named entities and numeric references where they are well-formed, and keeps every other "&".
func unescapeXML(s string) string {
	if !strings.Contains(s, "&") {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for {
		before, rest, found := strings.Cut(s, "&")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		r, size := entity(rest)
		if size == 0 {
			b.WriteByte('&')
		} else {
			b.WriteRune(r)
		}
		s = rest[size:]
	}
}

// maxEntity is the longest reference looked for: "#x10FFFF" with a few zeros before it.
const maxEntity = 12

// entity reads what follows "&" up to and with the ";". size is 0 when that is no reference to a character.
func entity(s string) (r rune, size int) {
	end := strings.IndexByte(s[:min(len(s), maxEntity)], ';')
	if end < 0 {
		return 0, 0
	}
	switch name := s[:end]; name {
	case "amp":
		r = '&'
	case "lt":
		r = '<'
	case "gt":
		r = '>'
	case "quot":
		r = '"'
	case "apos":
		r = '\''
	default:
		r = numericReference(name)
	}
	if r == 0 {
		return 0, 0
	}
	return r, end + 1
}

// numericReference gives 0 for what is none.
func numericReference(name string) rune {
	digits, ok := strings.CutPrefix(name, "#")
	if !ok {
		return 0
	}
	base := 10
	if hex, ok := strings.CutPrefix(strings.ToLower(digits), "x"); ok {
		digits, base = hex, 16
	}
	v, err := strconv.ParseUint(digits, base, 32)
	if err != nil || v > utf8.MaxRune || !utf8.ValidRune(rune(v)) {
		return 0
	}
	return rune(v)
}
