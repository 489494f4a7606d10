package capture

import (
	"encoding/xml"
	"html"
	"io"
	"regexp"
	"strings"
)

// xmlView is how much of an element is shown.
type xmlView uint8

const (
	viewAll  xmlView = iota
	viewTags         // not its own text
	viewSafe         // inside wsse:Security: only texts known to be no secrets
	viewNone         // nothing inside
)

var (
	xmlName        = regexp.MustCompile(`^(?:[A-Za-z_-]{1,32}[0-9]{0,3}:)?[A-Za-z_.-]{1,64}[0-9]{0,3}$`)
	xmlDeclaration = regexp.MustCompile(`^<\?xml version=["']1\.[01]["'](?: encoding=["'][A-Za-z]{2,8}[0-9-]{0,8}["'])?` +
		`(?: standalone=["'](?:yes|no)["'])? ?\?>$`)
	// tokenOperation are the operations whose names have "token" in them and whose children are to be seen (PROTOCOL.md
	// §4.7).
	tokenOperation = regexp.MustCompile(`^(?:get|request)[a-z]*(?:token|encryptedpassword)s?(?:response)?$` +
		`|^getencryptedpasswordresult$|^docusigncredentials$|^usernametoken$`)
	// knownNamespace are those of SOAP, of XML and of DocuSign.
	knownNamespace = regexp.MustCompile(`^http://(?:www\.docusign\.net/API|schemas\.xmlsoap\.org|www\.w3\.org|` +
		`docs\.oasis-open\.org)/(?:[A-Za-z]{0,32}[0-9]{0,8}[./#_-]){0,16}[A-Za-z]{0,32}[0-9]{0,8}$`)
	// openAttribute are the attributes that are no secrets inside wsse:Security either.
	openAttribute = regexp.MustCompile(`(?i)^(?:type|id|encodingtype|mustunderstand|actor|role)$`)
)

// xmlMask writes XML again, with the texts of secret elements and attributes masked. Comments, instructions and
// everything after a document type are left out.
type xmlMask struct {
	answer    bool // DocuSign's, whose messages are shown
	out       strings.Builder
	open      []xmlElement // the first stands for the document
	passwords int          // elements named Password that were masked
}

type xmlElement struct {
	name, local string
	view        xmlView
}

// maskXML reads XML, which may break off. It is not ok when the text is not XML; out is what was, up to there.
func maskXML(src string, answer bool) (out string, passwords int, ok bool) {
	m := xmlMask{answer: answer, open: []xmlElement{{}}}
	dec := xml.NewDecoder(strings.NewReader(src))
	// A program's entities need not be declared, and src is valid UTF-8 already.
	dec.Strict = false
	dec.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	for ok = true; ok; {
		from := dec.InputOffset()
		tok, err := dec.RawToken()
		if err != nil {
			ok = dec.InputOffset() == int64(len(src))
			break
		}
		ok = m.token(tok, src[from:dec.InputOffset()])
	}
	return m.out.String(), m.passwords, ok
}

func (m *xmlMask) in() xmlElement { return m.open[len(m.open)-1] }

func (m *xmlMask) write(s string) {
	if m.in().view != viewNone {
		m.out.WriteString(s)
	}
}

// token is false when the rest cannot be read. source is "" for the end of an empty element.
func (m *xmlMask) token(tok xml.Token, source string) bool {
	switch t := tok.(type) {
	case xml.StartElement:
		return m.start(t, strings.HasSuffix(source, "/>"))
	case xml.EndElement:
		if m.in().name != qualified(t.Name) {
			return false
		}
		m.open = m.open[:len(m.open)-1]
		if source != "" {
			m.write("</" + qualified(t.Name) + ">")
		}
	case xml.CharData:
		if text := string(t); strings.TrimSpace(text) == "" {
			m.write(source)
		} else {
			m.write(html.EscapeString(m.text(text)))
		}
	case xml.ProcInst:
		if m.out.Len() == 0 && xmlDeclaration.MatchString(source) {
			m.write(source)
		}
	case xml.Directive:
		return false
	}
	return true
}

func (m *xmlMask) start(t xml.StartElement, empty bool) bool {
	e := xmlElement{name: qualified(t.Name), local: strings.ToLower(t.Name.Local)}
	if !xmlName.MatchString(e.name) {
		return false
	}
	e.view = viewOf(m.in().view, e.local)
	m.write("<" + e.name)
	for _, a := range t.Attr {
		name := qualified(a.Name)
		if !xmlName.MatchString(name) {
			return false
		}
		m.write(" " + name + `="` + html.EscapeString(maskAttribute(e.view, name, a)) + `"`)
	}
	switch {
	case empty:
		m.write("/>")
	case e.view != viewNone:
		m.write(">")
	case m.in().view != viewNone:
		m.write(">" + masked)
		if strings.Contains(e.local, "passw") {
			m.passwords++
		}
	}
	m.open = append(m.open, e)
	return true
}

// text masks a text as its element wants.
func (m *xmlMask) text(s string) string {
	e, plain := m.in(), false
	switch {
	case e.view == viewAll:
		return maskText(e.local, s, m.answer)
	case e.view == viewSafe && e.local == "username":
		plain = plainName(s)
	case e.view == viewSafe && (e.local == "created" || e.local == "expires"):
		plain = plainTime.MatchString(strings.TrimSpace(s))
	}
	if plain {
		return s
	}
	return masked
}

func viewOf(parent xmlView, local string) xmlView {
	switch {
	case parent == viewNone:
		return viewNone
	case local == "security", local == "usernametoken" && parent == viewSafe:
		return viewSafe
	case tokenOperation.MatchString(local):
		return viewTags
	case secretName(local):
		return viewNone
	case parent == viewSafe:
		return viewSafe
	}
	return viewAll
}

func qualified(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

// maskAttribute shows the attributes of secret elements only where they are known to be none.
func maskAttribute(view xmlView, name string, a xml.Attr) string {
	local, known := strings.ToLower(a.Name.Local), knownNamespace.MatchString(a.Value)
	plain := known || plainValue(a.Value)
	switch {
	case name == "xmlns" || a.Name.Space == "xmlns":
		plain = known
	case view == viewSafe || view == viewNone:
		plain = plain && openAttribute.MatchString(local)
	case secretName(local):
		plain = false
	case !plain && (local != "type" || !errorCode.MatchString(a.Value)):
		return maskValue(a.Value)
	default:
		plain = true
	}
	if plain {
		return a.Value
	}
	return masked
}
