package soap

import "unicode/utf8"

// reference decodes the reference at i: one of the five entities or a character reference.
func (s *scanner) reference(i int) (rune, int, error) {
	const longest = 16
	end := i + 1
	for {
		b, err := s.at(end, "a reference")
		if err != nil {
			return 0, 0, err
		}
		if b == ';' {
			break
		}
		if end-i > longest || b != '#' && !isNameChar(rune(b)) {
			return 0, 0, refuse(KindIllFormed, i, "an ampersand that begins no reference")
		}
		end++
	}
	r, ok := referenced(s.buf[i+1 : end])
	switch {
	case ok:
		return r, end + 1 - i, nil
	case s.buf[i+1] == '#' || end == i+1:
		return 0, 0, refuse(KindIllFormed, i, "a character reference that names no character")
	}
	return 0, 0, refuse(KindEntity, i, "a reference to an entity that XML does not define")
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
	if len(name) < 2 || name[0] != '#' {
		return 0, false
	}
	base, digits := rune(10), name[1:]
	if digits[0] == 'x' {
		base, digits = 16, digits[1:]
	}
	r := rune(0)
	for _, d := range digits {
		v := rune(99)
		switch {
		case d >= '0' && d <= '9':
			v = rune(d - '0')
		case d >= 'a' && d <= 'f':
			v = rune(d-'a') + 10
		case d >= 'A' && d <= 'F':
			v = rune(d-'A') + 10
		}
		if v >= base || r > utf8.MaxRune {
			return 0, false
		}
		r = r*base + v
	}
	return r, len(digits) > 0 && isChar(r)
}

// appendText decodes character data that the scanner has passed: references, line ends, encoding.
func (s *scanner) appendText(dst []byte, r span, ev event) []byte {
	for i := r.start; i < r.end; {
		b := s.buf[i]
		switch {
		case b == '&' && ev == evText:
			c, n, err := s.reference(i)
			if err != nil {
				return dst // cannot be: characters has checked it
			}
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
			c, n, err := s.reference(i)
			if err != nil {
				return dst // cannot be: attribute has checked it
			}
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
	r := rune(b)
	if s.enc == encWindows1252 {
		r = fromWindows1252(b)
	}
	return utf8.AppendRune(dst, r), i + 1
}

// appendRaw appends what is written in r, in UTF-8, with nothing resolved.
func (s *scanner) appendRaw(dst []byte, r span) []byte {
	for i := r.start; i < r.end; {
		dst, i = s.appendChar(dst, i)
	}
	return dst
}
