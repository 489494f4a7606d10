package soap

import "io"

// RewriteWSDL passes the addresses in src through rewrite, which gets and returns decoded URLs (PROTOCOL.md §4.1):
// location of the SOAP and HTTP address elements and of wsdl:import, schemaLocation of xsd:import, include and
// redefine. All else stays byte for byte; without a change the result is src itself. A document that cannot be read,
// or in UTF-16, is an *Error.
func RewriteWSDL(src []byte, rewrite func(url string) string) (_ []byte, err error) {
	defer catch(&err)
	s := new(scanner)
	s.input = input{buf: src, srcErr: io.EOF, limit: len(src), max: len(src)}
	s.prolog("")
	if s.raw != nil {
		return nil, refuse(KindEncoding, 0, "a WSDL in UTF-16 is not rewritten")
	}
	var out []byte
	copied := 0
	for ev := s.next(); ev != evEOF; ev = s.next() {
		if ev != evStart {
			continue
		}
		a := s.addressOf(s.top())
		if a == nil {
			continue
		}
		old := string(s.bytes(s.value(a)))
		if changed := rewrite(old); changed != old {
			out = append(out, src[copied:a.value.start]...)
			out = s.enc.appendQuoted(out, changed)
			copied = a.value.end
		}
	}
	if copied == 0 {
		return src, nil
	}
	return append(out, src[copied:]...), nil
}

// addressOf returns the attribute of el that holds a URL to be rewritten.
func (s *scanner) addressOf(el *element) *attribute {
	var want string
	switch local := string(s.local(el)); {
	case el.ns == nsWSDLAddress && local == "address", el.ns == nsWSDL && local == "import":
		want = "location"
	case el.ns == nsSchema && (local == "import" || local == "include" || local == "redefine"):
		want = "schemaLocation"
	default:
		return nil
	}
	return s.plainAttribute(want)
}

// appendQuoted writes value so that it fits between quotes of either kind.
func (c encoding) appendQuoted(out []byte, value string) []byte {
	for _, r := range value {
		switch r {
		case '&':
			out = append(out, "&amp;"...)
		case '<':
			out = append(out, "&lt;"...)
		case '"':
			out = append(out, "&quot;"...)
		case '\'':
			out = append(out, "&apos;"...)
		default:
			out = c.appendReferring(out, r)
		}
	}
	return out
}
