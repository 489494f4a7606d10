package soap

import (
	"bytes"
	"io"
)

// prolog settles the encoding and reads the XML declaration.
// Order of authority (RFC 7303 §3): byte order mark, charset parameter, declaration, UTF-8.
func (s *scanner) prolog(charset string) error {
	mark, marked, err := s.mark()
	if err != nil {
		return err
	}
	s.enc = mark
	if !marked && charset != "" {
		if s.enc, err = s.fromParameter(charset, mark); err != nil {
			return err
		}
	}
	if s.enc.wide() {
		if err := s.convert(); err != nil {
			return err
		}
	} else if marked {
		s.pos = 3
	}
	if err := s.xmlDeclaration(); err != nil {
		return err
	}
	if s.enc != encUnknown {
		return nil
	}
	return s.fromDeclaration()
}

// fromParameter reads the charset parameter; seen is what the first bytes show.
func (s *scanner) fromParameter(charset string, seen encoding) (encoding, error) {
	switch c := encodingOf(charset); {
	case c == encUnknown:
		return c, refuse(KindEncoding, 0, "a charset parameter of an encoding that is not supported")
	case c == encUTF16 && seen.wide():
		return seen, nil
	case c == encUTF16:
		return encUTF16BE, nil // RFC 2781 §4.3
	default:
		return c, nil
	}
}

func (s *scanner) fromDeclaration() error {
	s.enc = encUTF8
	if s.labelled.end == s.labelled.start {
		return nil
	}
	s.enc = encodingOf(string(s.slice(s.labelled)))
	if s.enc == encUnknown {
		return refuse(KindEncoding, s.labelled.start, "a declared encoding that is not supported")
	}
	if s.enc.wide() {
		return refuse(KindEncoding, s.labelled.start, "declared as UTF-16, but it is not")
	}
	return nil
}

// mark looks at the first four bytes. Without a byte order mark it still tells UTF-16 by a first "<".
func (s *scanner) mark() (c encoding, marked bool, err error) {
	if err := s.fill(3); err != nil && err != io.EOF {
		return 0, false, err
	}
	b := s.buf[:min(4, len(s.buf))]
	switch {
	case bytes.HasPrefix(b, []byte{0xff, 0xfe, 0, 0}), bytes.HasPrefix(b, []byte{0, 0, 0xfe, 0xff}),
		bytes.HasPrefix(b, []byte{'<', 0, 0, 0}), bytes.HasPrefix(b, []byte{0, 0, 0, '<'}):
		return 0, false, refuse(KindEncoding, 0, "UTF-32 is not supported")
	case bytes.HasPrefix(b, []byte{0xef, 0xbb, 0xbf}):
		return encUTF8, true, nil
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}):
		return encUTF16LE, true, nil
	case bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		return encUTF16BE, true, nil
	case bytes.HasPrefix(b, []byte{'<', 0}):
		return encUTF16LE, false, nil
	case bytes.HasPrefix(b, []byte{0, '<'}):
		return encUTF16BE, false, nil
	}
	return encUnknown, false, nil
}

// convert reads the whole message and turns it from UTF-16 into UTF-8, as its declaration then says too.
func (s *scanner) convert() error {
	for s.srcErr == nil {
		if err := s.fill(len(s.buf)); err != nil && err != io.EOF {
			if refusal, ok := err.(*Error); ok && refusal.Kind == KindTooLarge {
				return refuse(KindTooLarge, len(s.buf), "a message in UTF-16 has to be converted whole, and this one exceeds the bound")
			}
			return err
		}
	}
	if s.srcErr != io.EOF {
		return s.srcErr
	}
	converted, refusal := fromUTF16(s.buf, s.enc)
	if refusal != nil {
		return refusal
	}
	s.raw, s.came = s.buf, s.enc
	s.buf, s.enc = converted, encUTF8
	if err := s.xmlDeclaration(); err != nil {
		return err
	}
	if s.labelled.end > s.labelled.start {
		s.buf = append(s.buf[:s.labelled.start:s.labelled.start], append([]byte("utf-8"), s.buf[s.labelled.end:]...)...)
	}
	s.pos, s.labelled = 0, span{}
	return nil
}

// xmlDeclaration reads <?xml ...?> if the message begins with it.
func (s *scanner) xmlDeclaration() error {
	const what = "the XML declaration"
	start := s.pos
	for n, want := range []byte("<?xml") {
		if err := s.fill(start + n); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if s.buf[start+n] != want {
			return nil
		}
	}
	i := start + 5
	if b, err := s.at(i, what); err != nil || !isSpace(b) {
		return err // another target: the processing instruction is read as such
	}
	fields := []string{"version", "encoding", "standalone"}
	for first := true; ; first = false {
		after, err := s.spaces(i, what)
		if err != nil {
			return err
		}
		if !first && s.buf[after] == '?' {
			if found, err := s.has(after, "?>", what); err != nil || !found {
				return s.badDeclaration(after, err)
			}
			s.pos = after + 2
			return nil
		}
		if after == i {
			return s.badDeclaration(i, nil)
		}
		if i, fields, err = s.pseudoAttribute(after, fields, first); err != nil {
			return err
		}
	}
}

func (s *scanner) badDeclaration(i int, err error) error {
	if err != nil {
		return err
	}
	return refuse(KindIllFormed, i, "a malformed XML declaration")
}

// pseudoAttribute reads one of fields at i and returns those that may still come.
func (s *scanner) pseudoAttribute(i int, fields []string, first bool) (int, []string, error) {
	a, end, err := s.declared(i)
	if err != nil {
		return 0, nil, err
	}
	name, value := s.slice(a.name), s.slice(a.value)
	for n, field := range fields {
		if string(name) != field {
			continue
		}
		ok := false
		switch field {
		case "version":
			ok = string(value) == "1.0"
		case "encoding":
			ok = !first && len(value) > 0
			s.labelled = a.value
		case "standalone":
			ok = !first && (string(value) == "yes" || string(value) == "no")
		}
		if !ok {
			return 0, nil, s.badDeclaration(a.value.start, nil)
		}
		return end, fields[n+1:], nil
	}
	return 0, nil, s.badDeclaration(i, nil)
}

// declared reads name="value" of the XML declaration, where the encoding may not be known yet: ASCII only.
func (s *scanner) declared(i int) (attribute, int, error) {
	enc := s.enc
	s.enc = encASCII
	end, err := s.attribute(i)
	s.enc = enc
	if err != nil {
		return attribute{}, 0, err
	}
	a := s.attrs[len(s.attrs)-1]
	s.attrs = s.attrs[:len(s.attrs)-1]
	return a, end, nil
}
