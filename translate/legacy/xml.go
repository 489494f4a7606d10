package legacy

import (
	"encoding/xml"
	"io"
	"regexp"
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
	// The text is UTF-8 whatever its declaration says.
	dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
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

var (
	startTag = regexp.MustCompile(`<([^<>]*)>`)
	endTag   = regexp.MustCompile(`</([^<>]*)>`)
)

// tolerantXML takes the raw text of each known element, which need not be escaped (PROTOCOL.md §1.4 V12).
func tolerantXML(text string) (f *fields, reason string) {
	f = &fields{}
	found := false
	for {
		at := startTag.FindStringSubmatchIndex(text)
		if at == nil {
			break
		}
		tag, empty := strings.CutSuffix(text[at[2]:at[3]], "/")
		text = text[at[1]:]
		if blank := strings.IndexAny(tag, blanks); blank >= 0 {
			tag = tag[:blank]
		}
		name := localName(tag)
		n, known := fieldNamed(name)
		if !known {
			continue
		}
		found = true
		raw := ""
		if !empty {
			var closed bool
			if raw, text, closed = untilClose(text, name); !closed {
				return nil, n.String() + " has no closing tag"
			}
		}
		if reason := f.setElement(n, raw); reason != "" {
			return nil, reason
		}
	}
	if !found {
		return nil, "no known element, and not XML"
	}
	return f, ""
}

// untilClose gives the text before `</prefix:name>` and that after it.
func untilClose(text, name string) (raw, rest string, ok bool) {
	for _, at := range endTag.FindAllStringSubmatchIndex(text, -1) {
		if strings.EqualFold(localName(strings.TrimRight(text[at[2]:at[3]], blanks)), name) {
			return text[:at[0]], text[at[1]:], true
		}
	}
	return "", "", false
}

func localName(name string) string { return name[strings.IndexByte(name, ':')+1:] }

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

// xmlReference has digits for "#x10FFFF" with a few zeros before it.
var xmlReference = regexp.MustCompile(`&(?:amp|lt|gt|quot|apos|#[0-9]{1,10}|#[xX][0-9a-fA-F]{1,9});`)

// unescapeXML resolves the five named entities and numeric references where they are well-formed, and keeps every other
// "&".
func unescapeXML(s string) string {
	if !strings.Contains(s, "&") {
		return s
	}
	return xmlReference.ReplaceAllStringFunc(s, func(reference string) string {
		name := reference[1 : len(reference)-1]
		switch name {
		case "amp":
			return "&"
		case "lt":
			return "<"
		case "gt":
			return ">"
		case "quot":
			return `"`
		case "apos":
			return "'"
		}
		digits, base := name[1:], 10
		if digits[0]|0x20 == 'x' {
			digits, base = digits[1:], 16
		}
		n, err := strconv.ParseInt(digits, base, 32)
		if r := rune(n); err == nil && r != 0 && utf8.ValidRune(r) {
			return string(r)
		}
		return reference
	})
}
