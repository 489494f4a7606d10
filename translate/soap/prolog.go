package soap

import (
	"bytes"
	"encoding/binary"
	"io"
	"regexp"
)

// prolog settles the encoding and reads the XML declaration.
// Order of authority (RFC 7303 §3): byte order mark, charset parameter, declaration, UTF-8.
func (s *scanner) prolog(charset string) {
	mark, marked := s.mark()
	s.enc = mark
	if !marked && charset != "" {
		s.enc = fromParameter(charset, mark)
	}
	if s.enc.wide() {
		s.convert()
	} else if marked {
		s.pos = 3
	}
	s.xmlDeclaration()
	if s.enc == encUnknown {
		s.enc = s.fromDeclaration()
	}
}

// fromParameter reads the charset parameter; seen is what the first bytes show.
func fromParameter(charset string, seen encoding) encoding {
	c := encodingOf(charset)
	switch {
	case c == encUnknown:
		fail(KindEncoding, 0, "a charset parameter of an encoding that is not supported")
	case c == encUTF16 && seen.wide():
		return seen
	case c == encUTF16:
		return encUTF16BE // RFC 2781 §4.3
	}
	return c
}

func (s *scanner) fromDeclaration() encoding {
	if s.labelled.end == s.labelled.start {
		return encUTF8
	}
	c := encodingOf(string(s.slice(s.labelled)))
	if c == encUnknown {
		fail(KindEncoding, s.labelled.start, "a declared encoding that is not supported")
	}
	if c.wide() {
		fail(KindEncoding, s.labelled.start, "declared as UTF-16, but it is not")
	}
	return c
}

// mark looks at the first four bytes. Without a byte order mark it still tells UTF-16 by a first "<".
func (in *input) mark() (c encoding, marked bool) {
	in.more(3)
	b := in.buf[:min(4, len(in.buf))]
	switch string(b) {
	case "\xff\xfe\x00\x00", "\x00\x00\xfe\xff", "<\x00\x00\x00", "\x00\x00\x00<":
		fail(KindEncoding, 0, "UTF-32 is not supported")
	}
	for _, m := range [...]struct {
		bytes  string
		enc    encoding
		marked bool
	}{
		{"\xef\xbb\xbf", encUTF8, true},
		{"\xff\xfe", encUTF16LE, true},
		{"\xfe\xff", encUTF16BE, true},
		{"<\x00", encUTF16LE, false},
		{"\x00<", encUTF16BE, false},
	} {
		if bytes.HasPrefix(b, []byte(m.bytes)) {
			return m.enc, m.marked
		}
	}
	return encUnknown, false
}

// convert reads the whole message and turns it from UTF-16 into UTF-8, as its declaration then says too.
func (s *scanner) convert() {
	for s.srcErr != io.EOF {
		if s.srcErr == nil && len(s.buf) >= s.max {
			fail(KindTooLarge, len(s.buf), "a message in UTF-16 has to be converted whole, and this one exceeds the bound")
		}
		s.more(len(s.buf))
	}
	var order binary.ByteOrder = binary.BigEndian
	if s.enc == encUTF16LE {
		order = binary.LittleEndian
	}
	s.raw, s.buf, s.enc = s.buf, fromUTF16(s.buf, order), encUTF8
	s.xmlDeclaration()
	if s.labelled.end > s.labelled.start {
		rest := append([]byte("utf-8"), s.buf[s.labelled.end:]...)
		s.buf = append(s.buf[:s.labelled.start:s.labelled.start], rest...)
	}
	s.pos, s.labelled = 0, span{}
}

const maxDeclaration = 256 // bytes

var declaration = regexp.MustCompile(`^<\?xml\s+version\s*=\s*(?:"1\.0"|'1\.0')` +
	`(?:\s+encoding\s*=\s*(?:"([ !#-%'-;=-~]+)"|'([ -%(-;=-~]+)'))?` +
	`(?:\s+standalone\s*=\s*(?:"(?:yes|no)"|'(?:yes|no)'))?\s*\?>`)

// xmlDeclaration reads <?xml ...?> if the message begins with it. It is in ASCII, as the encoding may not be known yet.
func (s *scanner) xmlDeclaration() {
	s.more(s.pos + maxDeclaration)
	text := s.buf[s.pos:min(len(s.buf), s.pos+maxDeclaration)]
	found := declaration.FindSubmatchIndex(text)
	switch rest, begins := bytes.CutPrefix(text, []byte("<?xml")); {
	case !begins || len(rest) > 0 && !isSpace(rest[0]): // another target: the instruction is read as such
		return
	case found == nil || bytes.IndexByte(text[:found[1]], '\f') >= 0: // \s is more than XML's white space
		fail(KindIllFormed, s.pos, "a malformed XML declaration")
	}
	if at := max(found[2], found[4]); at >= 0 {
		s.labelled = span{s.pos + at, s.pos + max(found[3], found[5])}
	}
	s.pos += found[1]
}
