package capture

import (
	"html"
	"regexp"
	"strings"

	"docusign-auth-proxy/internal/shown"
)

// xmlMask copies XML, which may break off, and masks the texts of secret elements and attributes. Markup stays as it is; comments,
// instructions and everything after a document type do not.
type xmlMask struct {
	src       string
	answer    bool // DocuSign's, whose messages are shown
	pos       int
	out       strings.Builder
	open      []xmlElement
	bad       bool
	passwords int // elements named Password that were masked
}

type xmlElement struct {
	name, local string
	view        xmlView
}

// xmlView is how much of an element is shown.
type xmlView uint8

const (
	viewAll  xmlView = iota
	viewTags         // not its own text
	viewSafe         // inside wsse:Security: only texts known to be no secrets
	viewNone         // nothing inside
)

// tokenOperation are the operations whose names have "token" in them and whose children are to be seen (PROTOCOL.md §4.7).
var tokenOperation = regexp.MustCompile(`^(?:get|request)[a-z]*(?:token|encryptedpassword)s?(?:response)?$|^getencryptedpasswordresult$|^docusigncredentials$`)

// maskXML is not ok when the text is not XML; out is what was, up to there.
func maskXML(src string, answer bool) (out string, passwords int, ok bool) {
	m := xmlMask{src: src, answer: answer}
	for m.pos < len(src) && !m.bad {
		m.step()
	}
	return m.out.String(), m.passwords, !m.bad
}

func (m *xmlMask) view() xmlView {
	if len(m.open) == 0 {
		return viewAll
	}
	return m.open[len(m.open)-1].view
}

// write copies markup that is to be seen.
func (m *xmlMask) write(s string) {
	if m.view() != viewNone {
		m.out.WriteString(s)
	}
}

func (m *xmlMask) step() {
	rest := m.src[m.pos:]
	if rest[0] != '<' {
		end := strings.IndexByte(rest, '<')
		if end < 0 {
			end = len(rest)
		}
		m.pos += end
		m.text(rest[:end])
		return
	}
	switch {
	case strings.HasPrefix(rest, "<!--"):
		m.skip("-->", 4)
	case strings.HasPrefix(rest, "<![CDATA["):
		if text, closed := m.skip("]]>", 9); closed {
			m.cdata(text)
		} else {
			m.text(text)
		}
	case strings.HasPrefix(rest, "<?"):
		if text, closed := m.skip("?>", 2); closed && m.pos < 256 && xmlDeclaration.MatchString(text) {
			m.write("<?" + text + "?>")
		}
	case strings.HasPrefix(rest, "</"):
		m.endTag()
	case strings.HasPrefix(rest, "<!"):
		m.bad = len(rest) > len("<![CDATA[") || !strings.HasPrefix("<![CDATA[", rest) && !strings.HasPrefix("<!--", rest)
		m.pos = len(m.src)
	default:
		m.startTag()
	}
}

// skip passes over what ends with end and gives what is inside.
func (m *xmlMask) skip(end string, begin int) (inside string, closed bool) {
	rest := m.src[m.pos+begin:]
	i := strings.Index(rest, end)
	if i < 0 {
		m.pos = len(m.src)
		return rest, false
	}
	m.pos += begin + i + len(end)
	return rest[:i], true
}

func (m *xmlMask) text(s string) { m.out.WriteString(m.shown(s)) }

func (m *xmlMask) cdata(s string) {
	switch shown := m.shown(s); {
	case shown == s && strings.Contains(s, "<") && strings.Contains(strings.ToLower(s), "passw"):
		m.out.WriteString(masked) // a document in a document
	case shown == s:
		m.write("<![CDATA[" + s + "]]>")
	default:
		m.out.WriteString(shown)
	}
}

// shown masks a text as its element wants.
func (m *xmlMask) shown(s string) string {
	if m.view() == viewNone {
		return ""
	}
	if strings.TrimSpace(s) == "" {
		return s
	}
	local := ""
	if len(m.open) > 0 {
		local = m.open[len(m.open)-1].local
	}
	switch {
	case m.view() == viewTags, m.view() == viewSafe && !safeText(local, s):
		return masked
	case m.view() == viewSafe:
		return s
	case documentName(local) && !strings.HasPrefix(s, "["):
		return base64Note(int64(len(s)))
	case base64Noted.MatchString(strings.TrimSpace(s)):
		return s
	case m.answer && answerText(local) && shown.Text(s) != masked:
		return html.EscapeString(maskMessage(html.UnescapeString(s)))
	}
	return maskValue(s)
}

func safeText(local, s string) bool {
	switch local {
	case "username":
		return plainName.MatchString(s)
	case "created", "expires":
		return len(s) <= 40 && strings.Trim(s, " \t\r\n0123456789-:.TZ+") == ""
	}
	return false
}

func unqualified(qualified string) string {
	return strings.ToLower(qualified[strings.LastIndexByte(qualified, ':')+1:])
}

func xmlNameEnd(s string) int {
	if i := strings.IndexAny(s, " \t\r\n/>=<\"'"); i >= 0 {
		return i
	}
	return len(s)
}

func (m *xmlMask) startTag() {
	from := m.pos
	rest := m.src[from+1:]
	n := xmlNameEnd(rest)
	name := rest[:n]
	if from+1+n == len(m.src) {
		m.pos = len(m.src) // it breaks off; it is not shown
		return
	}
	if !xmlName.MatchString(name) {
		m.bad = true
		return
	}
	e := xmlElement{name: name, local: unqualified(name)}
	e.view = m.viewOf(e.local)
	m.pos = from + 1 + n
	tag, empty, closed := m.attributes(e)
	if m.bad || !closed {
		return
	}
	m.write("<" + name + tag)
	if empty {
		return
	}
	if len(m.open) >= maxMaskDepth {
		m.bad = true
		return
	}
	if e.view == viewNone && m.view() != viewNone {
		m.out.WriteString(masked)
		if strings.Contains(e.local, "passw") {
			m.passwords++
		}
	}
	m.open = append(m.open, e)
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

// attributes reads up to the end of a start tag and writes what may be seen of it.
func (m *xmlMask) attributes(e xmlElement) (tag string, empty, closed bool) {
	var b strings.Builder
	for m.pos < len(m.src) {
		switch c := m.src[m.pos]; {
		case c == '>':
			m.pos++
			return b.String() + ">", false, true
		case c == '/' && m.pos+1 < len(m.src) && m.src[m.pos+1] == '>':
			m.pos += 2
			return b.String() + "/>", true, true
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			m.pos++
			b.WriteByte(c)
		default:
			if !m.attribute(&b, e) {
				return "", false, false
			}
		}
	}
	return "", false, false
}

func (m *xmlMask) attribute(b *strings.Builder, e xmlElement) bool {
	name, after, found := strings.Cut(m.src[m.pos:], "=")
	qualified := strings.TrimRight(name, " \t\r\n")
	if !found {
		m.bad = xmlNameEnd(qualified) != len(qualified)
		m.pos = len(m.src)
		return false
	}
	value := strings.TrimLeft(after, " \t\r\n")
	if !xmlName.MatchString(qualified) || value != "" && value[0] != '"' && value[0] != '\'' {
		m.bad = true
		return false
	}
	if value == "" {
		m.pos = len(m.src)
		return false
	}
	end := strings.IndexByte(value[1:], value[0])
	if end < 0 {
		m.pos = len(m.src)
		return false
	}
	text, quote := value[1:1+end], value[:1]
	m.pos = len(m.src) - len(value) + end + 2
	if strings.Contains(text, "<") {
		m.bad = true
		return false
	}
	b.WriteString(qualified + "=" + quote + maskAttribute(e, qualified, text) + quote)
	return true
}

// maskAttribute shows the attributes of secret elements only where they are known to be none.
func maskAttribute(e xmlElement, qualified, text string) string {
	name := unqualified(qualified)
	if qualified == "xmlns" || strings.HasPrefix(qualified, "xmlns:") {
		if !knownNamespace(text) {
			return masked
		}
		return text
	}
	if e.view == viewSafe || e.view == viewNone {
		switch name {
		case "type", "id", "encodingtype", "mustunderstand", "actor", "role":
			if knownNamespace(text) || plainValue(text) {
				return text
			}
		}
		return masked
	}
	switch {
	case secretName(name):
		return masked
	case knownNamespace(text), name == "type" && errorCode.MatchString(text):
		return text
	}
	return maskValue(text)
}

var (
	xmlName        = regexp.MustCompile(`^(?:[A-Za-z_-]{1,32}[0-9]{0,3}:)?[A-Za-z_.-]{1,64}[0-9]{0,3}$`)
	namespaceRest  = regexp.MustCompile(`^(?:[A-Za-z]{0,32}[0-9]{0,8}[./#_-]){0,16}[A-Za-z]{0,32}[0-9]{0,8}$`)
	xmlDeclaration = regexp.MustCompile(`^xml version=["']1\.[01]["'](?: encoding=["'][A-Za-z]{2,8}[0-9-]{0,8}["'])?(?: standalone=["'](?:yes|no)["'])? ?$`)
)

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

func (m *xmlMask) endTag() {
	inside, closed := m.skip(">", 2)
	if !closed {
		return
	}
	name := strings.TrimRight(inside, " \t\r\n")
	if len(m.open) == 0 || m.open[len(m.open)-1].name != name {
		m.bad = true
		return
	}
	hidden := m.view() == viewNone
	m.open = m.open[:len(m.open)-1]
	if hidden && m.view() == viewNone {
		return
	}
	m.out.WriteString("</" + name + ">")
}
