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

// tokenOperation are the operations whose names have "token" in them and whose children are to be seen (PROTOCOL.md
// §4.7).
var tokenOperation = regexp.MustCompile(`^(?:get|request)[a-z]*(?:token|encryptedpassword)s?(?:response)?$` +
	`|^getencryptedpasswordresult$|^docusigncredentials$`)

var (
	xmlName        = regexp.MustCompile(`^(?:[A-Za-z_-]{1,32}[0-9]{0,3}:)?[A-Za-z_.-]{1,64}[0-9]{0,3}$`)
	namespaceRest  = regexp.MustCompile(`^(?:[A-Za-z]{0,32}[0-9]{0,8}[./#_-]){0,16}[A-Za-z]{0,32}[0-9]{0,8}$`)
	xmlDeclaration = regexp.MustCompile(`^<\?xml version=["']1\.[01]["'](?: encoding=["'][A-Za-z]{2,8}[0-9-]{0,8}["'])?` +
		`(?: standalone=["'](?:yes|no)["'])? ?\?>$`)
)

// xmlMask writes XML again, with the texts of secret elements and attributes masked. Comments, instructions and
// everything after a document type are left out.
type xmlMask struct {
	answer    bool // DocuSign's, whose messages are shown
	out       strings.Builder
	open      []xmlElement
	passwords int // elements named Password that were masked
}

type xmlElement struct {
	name, local string
	view        xmlView
}

// maskXML reads XML, which may break off. It is not ok when the text is not XML; out is what was, up to there.
func maskXML(src string, answer bool) (out string, passwords int, ok bool) {
	m := xmlMask{answer: answer}
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

func (m *xmlMask) view() xmlView {
	if len(m.open) == 0 {
		return viewAll
	}
	return m.open[len(m.open)-1].view
}

func (m *xmlMask) write(s string) {
	if m.view() != viewNone {
		m.out.WriteString(s)
	}
}

// token is false when the rest cannot be read. source is "" for the end of an empty element.
func (m *xmlMask) token(tok xml.Token, source string) bool {
	switch t := tok.(type) {
	case xml.StartElement:
		return m.start(t, strings.HasSuffix(source, "/>"))
	case xml.EndElement:
		return m.end(qualified(t.Name), source == "")
	case xml.CharData:
		if text := string(t); strings.TrimSpace(text) == "" {
			m.write(source)
		} else {
			m.write(html.EscapeString(m.shown(text)))
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
	e.view = m.viewOf(e.local)
	m.write("<" + e.name)
	for _, a := range t.Attr {
		name := qualified(a.Name)
		if !xmlName.MatchString(name) {
			return false
		}
		m.write(" " + name + `="` + html.EscapeString(maskAttribute(e, a)) + `"`)
	}
	if empty {
		m.write("/>")
	} else {
		m.write(">")
	}
	if e.view == viewNone && m.view() != viewNone && !empty {
		m.write(masked)
		if strings.Contains(e.local, "passw") {
			m.passwords++
		}
	}
	m.open = append(m.open, e)
	return true
}

func (m *xmlMask) end(name string, empty bool) bool {
	last := len(m.open) - 1
	if last < 0 || m.open[last].name != name {
		return false
	}
	m.open = m.open[:last]
	if !empty {
		m.write("</" + name + ">")
	}
	return true
}

// shown masks a text as its element wants.
func (m *xmlMask) shown(s string) string {
	local := ""
	if len(m.open) > 0 {
		local = m.open[len(m.open)-1].local
	}
	switch {
	case m.view() == viewTags, m.view() == viewSafe && !safeText(local, s):
		return masked
	case m.view() == viewSafe, base64Noted.MatchString(strings.TrimSpace(s)):
		return s
	case documentName(local) && !strings.HasPrefix(s, "["):
		return base64Note(int64(len(s)))
	case m.answer && answerText(local):
		return maskMessage(s)
	}
	return maskValue(s)
}

func safeText(local, s string) bool {
	switch local {
	case "username":
		return plainName.MatchString(s)
	case "created", "expires":
		return plainTime.MatchString(strings.TrimSpace(s))
	}
	return false
}

func (m *xmlMask) viewOf(local string) xmlView {
	switch parent := m.view(); {
	case parent == viewNone:
		return viewNone
	case local == "security":
		return viewSafe
	case local == "usernametoken" && parent == viewSafe:
		return viewSafe
	case local == "usernametoken" || tokenOperation.MatchString(local):
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
func maskAttribute(e xmlElement, a xml.Attr) string {
	name, text := strings.ToLower(a.Name.Local), a.Value
	known := knownNamespace(text)
	switch {
	case a.Name.Space == "xmlns" || qualified(a.Name) == "xmlns":
		if known {
			return text
		}
		return masked
	case e.view == viewSafe || e.view == viewNone:
		if openAttribute(name) && (known || plainValue(text)) {
			return text
		}
		return masked
	case secretName(name):
		return masked
	case known || name == "type" && errorCode.MatchString(text):
		return text
	}
	return maskValue(text)
}

// openAttribute tells the attributes that are no secrets inside wsse:Security either.
func openAttribute(name string) bool {
	switch name {
	case "type", "id", "encodingtype", "mustunderstand", "actor", "role":
		return true
	}
	return false
}

// knownNamespace tells the namespaces of SOAP, of XML and of DocuSign.
func knownNamespace(s string) bool {
	for _, known := range [...]string{
		"http://www.docusign.net/API/", "http://schemas.xmlsoap.org/", "http://www.w3.org/", "http://docs.oasis-open.org/",
	} {
		if rest, ok := strings.CutPrefix(s, known); ok {
			return namespaceRest.MatchString(rest)
		}
	}
	return false
}
