package legacy

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"docusign-auth-proxy/internal/secret"
)

// Header writes the credential as a value of X-DocuSign-Authentication, in the form it came in, with another password
// (PROTOCOL.md §4.3, §4.9). The value is pure ASCII, which every HTTP stack carries.
func (c Credential) Header(password secret.Text) string {
	type field struct{ name, text string }
	fields := []field{{"Username", c.Username}, {"Password", password.Reveal()}, {"IntegratorKey", c.IntegratorKey}}
	if c.Username == "" { // a key alone (PROTOCOL.md §1.2)
		fields = fields[2:]
	}
	if c.OnBehalfOf != "" {
		fields = append(fields, field{"SendOnBehalfOf", c.OnBehalfOf})
	}
	var b strings.Builder
	if c.Scheme == HeaderXML {
		b.WriteString("<DocuSignCredentials>")
		for _, f := range fields {
			fmt.Fprintf(&b, "<%s>%s</%s>", f.name, asciiXML(f.text), f.name)
		}
		b.WriteString("</DocuSignCredentials>")
		return b.String()
	}
	b.WriteByte('{')
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"%s":"%s"`, f.name, asciiJSON(f.text))
	}
	b.WriteByte('}')
	return b.String()
}

func asciiXML(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '&' || r == '<' || r == '>' || r < ' ' || r >= utf8.RuneSelf:
			fmt.Fprintf(&b, "&#%d;", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func asciiJSON(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		case r < ' ' || r >= utf8.RuneSelf:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
