package legacy

import (
	"strings"
	"unicode/utf8"
)

// fromLatin1 makes a character of every byte, which Node and old .NET programs mean by a header that is not UTF-8.
func fromLatin1(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 16)
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}

// toBytes undoes fromLatin1. Characters that cannot have been a byte (they came from an escape) stay.
func toBytes(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		if r <= 0xff {
			b.WriteByte(byte(r))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// windows1252 are the characters at 0x80 to 0x9F, where Latin-1 has control characters and Windows has letters.
const windows1252 = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ"

func toWindows1252(s string) string {
	letters := []rune(windows1252)
	return strings.Map(func(r rune) rune {
		if r < 0x80 || r > 0x9f {
			return r
		}
		return letters[r-0x80]
	}, s)
}

// likelyText is the best single reading of a text made by fromLatin1: one part of a value may well be UTF-8 when another is not.
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

func keep(s string) string { return s }
