package legacy

import (
	"fmt"
	"strings"
	"unicode/utf16"
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
	var parts []string
	for _, f := range fields {
		if c.Scheme == HeaderXML {
			parts = append(parts, "<"+f.name+">"+asciiXML(f.text)+"</"+f.name+">")
		} else {
			parts = append(parts, `"`+f.name+`":"`+asciiJSON(f.text)+`"`)
		}
	}
	if c.Scheme == HeaderXML {
		return "<DocuSignCredentials>" + strings.Join(parts, "") + "</DocuSignCredentials>"
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func asciiXML(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r == '&' || r == '<' || r == '>' || r < ' ' || r >= utf8.RuneSelf {
			fmt.Fprintf(&b, "&#%d;", r)
		} else {
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
		case r < ' ' || r >= utf8.RuneSelf:
			for _, unit := range utf16.AppendRune(nil, r) {
				fmt.Fprintf(&b, `\u%04x`, unit)
			}
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
