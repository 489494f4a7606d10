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
	r, ok := referenced(string(in.buf[i+1 : end]))
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
func referenced(name string) (rune, bool) {
	switch name {
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
	digits, ok := strings.CutPrefix(name, "#")
	base := 10
	if hex, is := strings.CutPrefix(digits, "x"); is {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 21) // Unicode ends below 1<<21
	return rune(n), ok && err == nil && isChar(rune(n))
}

// reading is how a range of the message is to be decoded.
type reading uint8

const (
	asText reading = iota
	asCDATA
	asAttribute
	asWritten // with nothing resolved
)

// decode gives what the scanner has passed in UTF-8, with references and line ends resolved as XML reads them there.
func (in *input) decode(r span, as reading) string {
	var text strings.Builder
	for i := r.start; i < r.end; i++ {
		switch b := in.buf[i]; {
		case b == '&' && (as == asText || as == asAttribute):
			c, n := in.reference(i)
			text.WriteRune(c)
			i += n - 1
		case b == '\r' && i+1 < r.end && in.buf[i+1] == '\n' && as != asWritten: // the next one is the line end
		case isSpace(b) && as == asAttribute:
			text.WriteByte(' ')
		case b == '\r' && as != asWritten:
			text.WriteByte('\n')
		case b < utf8.RuneSelf || in.enc == encUTF8:
			text.WriteByte(b)
		default:
			text.WriteRune(in.enc.decode(b))
		}
	}
	return text.String()
}
