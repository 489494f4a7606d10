package soap

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// reference decodes the reference at i: one of the five entities or a character reference.
func (s *scanner) reference(i int) (rune, int) {
	const longest = 16
	end := i + 1
	for ; s.at(end, "a reference") != ';'; end++ {
		if b := s.buf[end]; end-i > longest || b != '#' && !isNameChar(rune(b)) {
			fail(KindIllFormed, i, "an ampersand that begins no reference")
		}
	}
	r, ok := referenced(s.buf[i+1 : end])
	switch {
	case ok:
	case s.buf[i+1] == '#' || end == i+1:
		fail(KindIllFormed, i, "a character reference that names no character")
	default:
		fail(KindEntity, i, "a reference to an entity that XML does not define")
	}
	return r, end + 1 - i
}

// referenced resolves what stands between & and ;.
func referenced(name []byte) (rune, bool) {
	switch string(name) {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "apos":
		return '\'', true
	case "quot":
		return '"', true
	}
	digits, ok := strings.CutPrefix(string(name), "#")
	base := 10
	if hex, is := strings.CutPrefix(digits, "x"); is {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 21) // Unicode ends below 1<<21
	return rune(n), ok && err == nil && isChar(rune(n))
}

// appendText decodes character data that the scanner has passed: references, line ends, encoding.
func (s *scanner) appendText(dst []byte, r span, ev event) []byte {
	for i := r.start; i < r.end; {
		b := s.buf[i]
		switch {
		case b == '&' && ev == evText:
			c, n := s.reference(i)
			dst = utf8.AppendRune(dst, c)
			i += n
		case b == '\r':
			if i++; i >= r.end || s.buf[i] != '\n' {
				dst = append(dst, '\n')
			}
		default:
			dst, i = s.appendChar(dst, i)
		}
	}
	return dst
}

// appendAttribute decodes an attribute value that the scanner has passed.
func (s *scanner) appendAttribute(dst []byte, r span) []byte {
	for i := r.start; i < r.end; {
		b := s.buf[i]
		switch {
		case b == '&':
			c, n := s.reference(i)
			dst = utf8.AppendRune(dst, c)
			i += n
		case b == '\r' && i+1 < r.end && s.buf[i+1] == '\n':
			i++
		case isSpace(b):
			dst = append(dst, ' ')
			i++
		default:
			dst, i = s.appendChar(dst, i)
		}
	}
	return dst
}

// appendChar appends the character at i in UTF-8 and returns the offset after it.
func (s *scanner) appendChar(dst []byte, i int) ([]byte, int) {
	b := s.buf[i]
	if b < 0x80 || s.enc == encUTF8 {
		return append(dst, b), i + 1
	}
	return utf8.AppendRune(dst, s.enc.decode(b)), i + 1
}

// appendRaw appends what is written in r, in UTF-8, with nothing resolved.
func (s *scanner) appendRaw(dst []byte, r span) []byte {
	for i := r.start; i < r.end; {
		dst, i = s.appendChar(dst, i)
	}
	return dst
}
