package soap

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// encoding is the character encoding of a message. In all but the UTF-16 pair a byte below 0x80 is that ASCII
// character, so markup is found without decoding.
type encoding uint8

const (
	encUnknown encoding = iota
	encUTF8
	encASCII
	encLatin1
	encWindows1252
	encUTF16LE
	encUTF16BE
	encUTF16 // as named in a label: the byte order is in the mark or in the first character
)

func (c encoding) wide() bool { return c == encUTF16LE || c == encUTF16BE || c == encUTF16 }

// encodingOf reads a label of a charset parameter or of an XML declaration.
func encodingOf(label string) encoding {
	switch strings.ToLower(strings.Trim(label, " \t\"'")) {
	case "utf-8", "utf8":
		return encUTF8
	case "us-ascii", "ascii":
		return encASCII
	case "iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "latin-1":
		return encLatin1
	case "windows-1252", "cp1252", "cp-1252":
		return encWindows1252
	case "utf-16", "utf16":
		return encUTF16
	case "utf-16le", "utf16le":
		return encUTF16LE
	case "utf-16be", "utf16be":
		return encUTF16BE
	}
	return encUnknown
}

// decode returns the character of a byte of 0x80 or above in a single-byte encoding.
func (c encoding) decode(b byte) rune {
	if c == encWindows1252 {
		if r := charmap.Windows1252.DecodeByte(b); r != utf8.RuneError {
			return r
		}
	}
	return rune(b) // also the five bytes that Windows left unassigned, as in the WHATWG's table
}

// encode is the byte that c has for r, if it has one.
func (c encoding) encode(r rune) (b byte, ok bool) {
	switch {
	case r < utf8.RuneSelf:
		return byte(r), true
	case c == encLatin1:
		return byte(r), r <= 0xff
	case c == encWindows1252:
		return charmap.Windows1252.EncodeRune(r)
	}
	return 0, false
}

// escape writes value in encoding c, with references for the pairs in escapes and for what c cannot carry.
func (c encoding) escape(value string, escapes ...string) []byte {
	var out []byte
	for _, r := range strings.NewReplacer(escapes...).Replace(value) {
		switch b, ok := c.encode(r); {
		case ok:
			out = append(out, b)
		case c == encUTF8:
			out = utf8.AppendRune(out, r)
		default:
			out = fmt.Appendf(out, "&#%d;", r)
		}
	}
	return out
}

// text writes value as character data.
func (c encoding) text(value string) ([]byte, error) {
	if !utf8.ValidString(value) {
		return nil, refuse(KindValue, 0, "the new text is not UTF-8")
	}
	if strings.ContainsFunc(value, func(r rune) bool { return !isChar(r) }) {
		return nil, refuse(KindValue, 0, "the new text has a character that XML forbids")
	}
	return c.escape(value, "<", "&lt;", ">", "&gt;", "&", "&amp;", "\r", "&#13;"), nil
}

// isChar reports whether XML 1.0 (§2.2) allows r in a document.
func isChar(r rune) bool {
	switch {
	case r < 0x20:
		return r == '\t' || r == '\n' || r == '\r'
	case r < 0xd800:
		return true
	}
	return r >= 0xe000 && r <= 0xfffd || r >= 0x10000 && r <= 0x10ffff
}

func isNameStart(r rune) bool {
	switch {
	case r < 0x80:
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
	case r < 0xc0 || r == 0xd7 || r == 0xf7 || r >= 0x300 && r <= 0x36f || r == 0x37e:
		return false
	case r < 0x2000:
		return true
	}
	return r == 0x200c || r == 0x200d || r >= 0x2070 && r <= 0x218f || r >= 0x2c00 && r <= 0x2fef ||
		r >= 0x3001 && r <= 0xd7ff || r >= 0xf900 && r <= 0xfdcf || r >= 0xfdf0 && r <= 0xfffd || r >= 0x10000 && r <= 0xeffff
}

func isNameChar(r rune) bool {
	if r < 0x80 {
		return isNameStart(r) || r >= '0' && r <= '9' || r == '-' || r == '.'
	}
	return isNameStart(r) || r == 0xb7 || r >= 0x300 && r <= 0x36f || r == 0x203f || r == 0x2040
}

func isSpace(b byte) bool { return b == ' ' || b == '\n' || b == '\r' || b == '\t' }

// fromUTF16 converts a whole message; a byte order mark is dropped.
func fromUTF16(src []byte, order binary.ByteOrder) []byte {
	if len(src)%2 != 0 {
		fail(KindEncoding, len(src), "UTF-16 with an odd number of bytes")
	}
	units := make([]uint16, len(src)/2)
	for i := range units {
		units[i] = order.Uint16(src[2*i:])
	}
	text := utf16.Decode(units)
	for i, unit := range utf16.Encode(text) {
		if unit != units[i] {
			fail(KindEncoding, 2*i, "UTF-16 with half a surrogate pair")
		}
	}
	return bytes.TrimPrefix([]byte(string(text)), []byte("\ufeff"))
}

// charsetParameter finds the value of the charset parameter; quoted strings before it are passed over whole.
var charsetParameter = regexp.MustCompile(
	`^((?:"(?:\\.|[^"\\])*"|[^"])*?;[ \t]*(?i:charset)=)("(?:\\.|[^"\\])*"|[^; ]*)`)

// withCharset returns contentType with its charset parameter set to utf-8 and all else as it was.
func withCharset(contentType string) string {
	if m := charsetParameter.FindStringSubmatch(contentType); m != nil {
		return m[1] + "utf-8" + contentType[len(m[0]):]
	}
	if contentType == "" {
		return ""
	}
	return contentType + "; charset=utf-8"
}
