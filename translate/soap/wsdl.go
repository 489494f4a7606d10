package soap

import "io"

// RewriteWSDL passes the addresses in src through rewrite, which gets and returns decoded URLs (PROTOCOL.md §4.1):
// location of the SOAP and HTTP address elements and of wsdl:import, schemaLocation of xsd:import, include and
// redefine. All else stays byte for byte; without a change the result is src itself. A document that cannot be read,
// or in UTF-16, is an *Error.
func RewriteWSDL(src []byte, rewrite func(url string) string) (_ []byte, err error) {
	defer catch(&err)
	s := newScanner(nil, len(src))
	s.buf, s.srcErr = src, io.EOF
	s.prolog("")
	if s.raw != nil {
		return nil, refuse(KindEncoding, 0, "a WSDL in UTF-16 is not rewritten")
	}
	var out []byte
	copied := 0
	for ev := s.next(); ev != EOF; ev = s.next() {
		if ev != Start {
			continue
		}
		a := s.addressOf(s.top())
		if a == nil {
			continue
		}
		old := s.value(a)
		if changed := rewrite(old); changed != old {
			out = append(out, src[copied:a.value.start]...)
			quotable := s.enc.escape(changed, "<", "&lt;", "&", "&amp;", `"`, "&quot;", "'", "&apos;")
			out = append(out, quotable...)
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
	switch local := string(s.local(el.name)); el.namespace {
	case namespaceWSDL:
		if local == "import" {
			return s.plainAttribute("location")
		}
	case namespaceWSDL + "soap/", namespaceWSDL + "soap12/", namespaceWSDL + "http/":
		if local == "address" {
			return s.plainAttribute("location")
		}
	case namespaceSchema:
		if local == "import" || local == "include" || local == "redefine" {
			return s.plainAttribute("schemaLocation")
		}
	}
	return nil
}
