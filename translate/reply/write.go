package reply

import (
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// appendJSON appends s as a JSON string the way DocuSign's serializer writes it: only what JSON requires is escaped (and the three
// line ends U+0085, U+2028 and U+2029), non-ASCII stays UTF-8, and bytes that are not UTF-8 become U+FFFD.
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

// appendXML appends s as character data that is also fit for a double-quoted attribute. Characters that XML 1.0 cannot carry
// become U+FFFD.
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

// indented writes JSON the way DocuSign does: CRLF, two blanks a level, one blank after the colon, no final newline.
type indented struct {
	b     []byte
	depth int
	full  bool // something stands in the innermost object or array
}

func (w *indented) line() {
	w.b = append(w.b, "\r\n"...)
	for range w.depth {
		w.b = append(w.b, "  "...)
	}
}

func (w *indented) item() {
	if w.full {
		w.b = append(w.b, ',')
	}
	w.full = true
	if w.depth > 0 {
		w.line()
	}
}

func (w *indented) name(s string) {
	w.item()
	w.b = appendJSON(w.b, s)
	w.b = append(w.b, ": "...)
}

func (w *indented) open(c byte) {
	w.b = append(w.b, c)
	w.depth++
	w.full = false
}

func (w *indented) close(c byte) {
	w.depth--
	if w.full {
		w.line()
	}
	w.b = append(w.b, c)
	w.full = true
}

func (w *indented) field(name, value string) {
	w.name(name)
	w.b = appendJSON(w.b, value)
}
