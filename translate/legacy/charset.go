package legacy

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// fromLatin1 makes a character of every byte, which Node and old .NET programs mean by a header that is not UTF-8.
func fromLatin1(s string) string {
	s, _ = charmap.ISO8859_1.NewDecoder().String(s) // every byte is a character
	return s
}

// toBytes undoes fromLatin1. Characters that cannot have been a byte (they came from an escape) stay.
func toBytes(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r <= 0xff {
			b.WriteByte(byte(r))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// toWindows1252 reads the characters at 0x80 to 0x9F, where Latin-1 has control characters, as Windows does.
func toWindows1252(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0x80 && r <= 0x9f {
			if letter := charmap.Windows1252.DecodeByte(byte(r)); letter != utf8.RuneError {
				return letter
			}
		}
		return r
	}, s)
}

// likelyText is the best single reading of a text made by fromLatin1: one part of a value may well be UTF-8 when
// another is not.
func likelyText(s string) string {
	if b := toBytes(s); utf8.ValidString(b) {
		return b
	}
	return toWindows1252(s)
}

// validName gives a name that is not UTF-8 the reading of likelyText.
func validName(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return likelyText(fromLatin1(s))
}
