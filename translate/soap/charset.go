package soap

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// encoding is the character encoding of a message. In all but the UTF-16 pair a byte below 0x80 is that ASCII character,
// so markup is found without decoding.
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

func (c encoding) String() string {
	switch c {
	case encUTF8:
		return "utf-8"
	case encASCII:
		return "us-ascii"
	case encLatin1:
		return "iso-8859-1"
	case encWindows1252:
		return "windows-1252"
	case encUTF16LE:
		return "utf-16le"
	case encUTF16BE:
		return "utf-16be"
	case encUTF16:
		return "utf-16"
	}
	return ""
}

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

// windows1252 maps 0x80..0x9F. The five unassigned bytes are the C1 controls of that number, as in the WHATWG table.
const windows1252 = "\u20ac\u0081\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u008d\u017d\u008f" +
	"\u0090\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u009d\u017e\u0178"

func fromWindows1252(b byte) rune {
	if b < 0x80 || b > 0x9f {
		return rune(b)
	}
	n := int(b) - 0x80
	for _, r := range windows1252 {
		if n == 0 {
			return r
		}
		n--
	}
	return rune(b)
}

// appendIn appends r in encoding c, or reports that c cannot carry it.
func (c encoding) appendIn(dst []byte, r rune) ([]byte, bool) {
	switch {
	case r < 0x80:
		return append(dst, byte(r)), true
	case c == encUTF8:
		return utf8.AppendRune(dst, r), true
	case c == encLatin1 && r <= 0xff, c == encWindows1252 && r >= 0xa0 && r <= 0xff:
		return append(dst, byte(r)), true
	case c == encWindows1252:
		n := byte(0x80)
		for _, w := range windows1252 {
			if w == r {
				return append(dst, n), true
			}
			n++
		}
	}
	return dst, false
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
func fromUTF16(src []byte, c encoding) ([]byte, *Error) {
	if len(src)%2 != 0 {
		return nil, refuse(KindEncoding, len(src), "UTF-16 with an odd number of bytes")
	}
	unit := func(i int) rune {
		if c == encUTF16LE {
			return rune(src[i]) | rune(src[i+1])<<8
		}
		return rune(src[i])<<8 | rune(src[i+1])
	}
	dst := make([]byte, 0, len(src)/2+len(src)/8)
	for i := 0; i < len(src); i += 2 {
		r := unit(i)
		if i == 0 && r == 0xfeff {
			continue
		}
		if utf16.IsSurrogate(r) {
			if i+3 >= len(src) {
				return nil, refuse(KindEncoding, i, "UTF-16 with half a surrogate pair")
			}
			if r = utf16.DecodeRune(r, unit(i+2)); r == utf8.RuneError {
				return nil, refuse(KindEncoding, i, "UTF-16 with half a surrogate pair")
			}
			i += 2
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst, nil
}

// withCharset returns contentType with its charset parameter set to utf-8 and all else as it was.
func withCharset(contentType string) string {
	for i := 0; i < len(contentType); i++ {
		switch contentType[i] {
		case '"':
			i = quotedEnd(contentType, i) - 1
		case ';':
			start := i + 1
			for start < len(contentType) && (contentType[start] == ' ' || contentType[start] == '\t') {
				start++
			}
			if len(contentType)-start < 8 || !strings.EqualFold(contentType[start:start+8], "charset=") {
				continue
			}
			start += 8
			end := start
			if end < len(contentType) && contentType[end] == '"' {
				end = quotedEnd(contentType, end)
			} else {
				for end < len(contentType) && contentType[end] != ';' && contentType[end] != ' ' {
					end++
				}
			}
			return contentType[:start] + "utf-8" + contentType[end:]
		}
	}
	if contentType == "" {
		return ""
	}
	return contentType + "; charset=utf-8"
}

// quotedEnd returns the offset after the quoted string that begins at i.
func quotedEnd(s string, i int) int {
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

// appendReferring appends r in encoding c, as a character reference if c cannot carry it.
func (c encoding) appendReferring(dst []byte, r rune) []byte {
	dst, ok := c.appendIn(dst, r)
	if ok {
		return dst
	}
	dst = append(dst, "&#"...)
	return append(strconv.AppendInt(dst, int64(r), 10), ';')
}
