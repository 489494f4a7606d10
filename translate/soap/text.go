package soap

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// reference decodes the reference at i: one of the five entities or a character reference.
func (in *input) reference(i int) (rune, int) {
	const longest = 16
	end := i + 1
	for ; in.at(end, "a reference") != ';'; end++ {
		if b := in.buf[end]; end-i > longest || b != '#' && !isNameChar(rune(b)) {
			fail(KindIllFormed, i, "an ampersand that begins no reference")
		}
	}
	r, ok := referenced(in.buf[i+1 : end])
	switch {
	case ok:
	case in.buf[i+1] == '#' || end == i+1:
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
func (in *input) appendText(dst []byte, r span, ev event) []byte {
	for i := r.start; i < r.end; {
		b := in.buf[i]
		switch {
		case b == '&' && ev == evText:
			c, n := in.reference(i)
			dst = utf8.AppendRune(dst, c)
			i += n
		case b == '\r':
			if i++; i >= r.end || in.buf[i] != '\n' {
				dst = append(dst, '\n')
			}
		default:
			dst, i = in.appendChar(dst, i)
		}
	}
	return dst
}

// appendAttribute decodes an attribute value that the scanner has passed.
func (in *input) appendAttribute(dst []byte, r span) []byte {
	for i := r.start; i < r.end; {
		b := in.buf[i]
		switch {
		case b == '&':
			c, n := in.reference(i)
			dst = utf8.AppendRune(dst, c)
			i += n
		case b == '\r' && i+1 < r.end && in.buf[i+1] == '\n':
			i++
		case isSpace(b):
			dst = append(dst, ' ')
			i++
		default:
			dst, i = in.appendChar(dst, i)
		}
	}
	return dst
}

// appendChar appends the character at i in UTF-8 and returns the offset after it.
func (in *input) appendChar(dst []byte, i int) ([]byte, int) {
	b := in.buf[i]
	if b < 0x80 || in.enc == encUTF8 {
		return append(dst, b), i + 1
	}
	return utf8.AppendRune(dst, in.enc.decode(b)), i + 1
}

// appendRaw appends what is written in r, in UTF-8, with nothing resolved.
func (in *input) appendRaw(dst []byte, r span) []byte {
	for i := r.start; i < r.end; {
		dst, i = in.appendChar(dst, i)
	}
	return dst
}
