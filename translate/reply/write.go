package reply

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// appendJSON appends s as a JSON string the way DocuSign's serializer writes it: only what JSON requires is escaped
// (and the three line ends U+0085, U+2028 and U+2029), non-ASCII stays UTF-8, and bytes that are not UTF-8 become
// U+FFFD.
func appendJSON(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		dst = appendJSONRune(dst, r)
	}
	return append(dst, '"')
}

func appendJSONRune(dst []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(dst, '\\', byte(r))
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	}
	if r < 0x20 || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 {
		return append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
	}
	return utf8.AppendRune(dst, r)
}

// appendXML appends s as character data that is also fit for a double-quoted attribute. Characters that XML 1.0
// cannot carry become U+FFFD.
func appendXML(dst []byte, s string) []byte {
	for _, r := range s {
		switch {
		case r == '&':
			dst = append(dst, "&amp;"...)
		case r == '<':
			dst = append(dst, "&lt;"...)
		case r == '>':
			dst = append(dst, "&gt;"...)
		case r == '"':
			dst = append(dst, "&quot;"...)
		case r == '\r':
			dst = append(dst, "&#xD;"...)
		case !isXMLChar(r):
			dst = utf8.AppendRune(dst, utf8.RuneError)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

func isXMLChar(r rune) bool {
	return r == '\t' || r == '\n' || r >= 0x20 && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd || r >= 0x10000
}

// appendElement appends <name>text</name>, or <name/> if there is no text. name is a constant or checked by isName.
func appendElement(dst []byte, name, text string) []byte {
	dst = append(dst, '<')
	dst = append(dst, name...)
	if text == "" {
		return append(dst, "/>"...)
	}
	dst = append(dst, '>')
	dst = appendXML(dst, text)
	return appendEnd(dst, name)
}

func appendEnd(dst []byte, name string) []byte {
	dst = append(dst, "</"...)
	dst = append(dst, name...)
	return append(dst, '>')
}

// isName reports whether s can stand as an element name. The operations of all four services are plain ASCII words.
func isName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// object is an answer's members in the order in which DocuSign writes them in JSON. In XML they stand in the order of
// their names, as its serializer has them.
type object []member

// member has a text, or objects, which in XML are elements with the name item.
type member struct {
	name, text string
	item       string
	objects    []object
}

// object answers in JSON, or in XML with that root.
func (c Caller) object(status int, root string, o object) Answer {
	if c.Dialect == XML || c.Dialect == OAuthXML {
		b := append([]byte(nil), "<"+root+restNamespaces...)
		return c.answer(status, contentTypeXML, appendEnd(o.appendXML(b), root))
	}
	var b bytes.Buffer
	// JSON the way DocuSign writes it: CRLF, two blanks a level, no final newline.
	_ = json.Indent(&b, o.appendJSON(nil), "", "  ") // fails for malformed JSON alone
	return c.answer(status, contentTypeJSON, bytes.ReplaceAll(b.Bytes(), []byte("\n"), []byte("\r\n")))
}

func (o object) appendJSON(b []byte) []byte {
	b = append(b, '{')
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendJSON(b, m.name), ':')
		if m.item == "" {
			b = appendJSON(b, m.text)
			continue
		}
		b = append(b, '[')
		for i, part := range m.objects {
			if i > 0 {
				b = append(b, ',')
			}
			b = part.appendJSON(b)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

func (o object) appendXML(b []byte) []byte {
	byName := slices.SortedFunc(slices.Values(o), func(x, y member) int { return strings.Compare(x.name, y.name) })
	for _, m := range byName {
		if len(m.objects) == 0 {
			b = appendElement(b, m.name, m.text)
			continue
		}
		b = append(b, "<"+m.name+">"...)
		for _, part := range m.objects {
			b = append(b, "<"+m.item+">"...)
			b = appendEnd(part.appendXML(b), m.item)
		}
		b = appendEnd(b, m.name)
	}
	return b
}
