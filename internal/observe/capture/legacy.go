package capture

import (
	"fmt"
	"regexp"
	"strings"

	"docusign-auth-proxy/internal/shown"
)

const (
	jsonFieldForm = `\s*"(\w+)"\s*:\s*"((?:[^"\\]|\\.)*)"\s*`
	xmlFieldForm  = `\s*<(?:\w+:)?(\w+)>([^<]*|<!\[CDATA\[[^\]]*\]\]>)</(?:\w+:)?(\w+)>\s*`
)

var (
	jsonField  = regexp.MustCompile(jsonFieldForm)
	xmlField   = regexp.MustCompile(xmlFieldForm)
	legacyJSON = regexp.MustCompile(`^\{` + jsonFieldForm + `(?:,` + jsonFieldForm + `)*\}$`)
	legacyXML  = regexp.MustCompile(`^(?:<\?xml [^<>]*\?>\s*)?` +
		`<(?:\w+:)?((?i:DocuSignCredentials))(?:\s+xmlns(?::\w+)?="[^"<]*")*>` +
		`(?:` + xmlFieldForm + `)+</(?:\w+:)?((?i:DocuSignCredentials))>$`)
)

// maskLegacyHeader keeps the shape of X-DocuSign-Authentication when it is written by the book, and nothing of it
// otherwise: a password with quotes or markup in it can look like more fields.
func maskLegacyHeader(v string) string {
	v = strings.TrimSpace(v)
	fields, format, sep, before, after := jsonField, `"%s":"%s"`, ",", "{", "}"
	if root := legacyXML.FindStringSubmatch(v); root != nil {
		fields, format, sep, before, after = xmlField, "<%[1]s>%[2]s</%[1]s>", "", "<"+root[1]+">", "</"+root[1]+">"
	} else if !legacyJSON.MatchString(v) {
		return masked
	}
	var out []string
	seen := map[string]bool{}
	for _, f := range fields.FindAllStringSubmatch(v, -1) {
		name := strings.ToLower(f[1])
		text, known := maskLegacyField(name, f[2])
		if endsOtherwise := fields == xmlField && f[3] != f[1]; !known || seen[name] || endsOtherwise {
			return masked
		}
		seen[name] = true
		out = append(out, fmt.Sprintf(format, f[1], text))
	}
	return before + strings.Join(out, sep) + after
}

// maskLegacyField masks the password and what does not look like the name it should be: secrets are put into wrong
// fields too.
func maskLegacyField(name, text string) (shownText string, known bool) {
	plain := false
	switch name {
	case "username", "sendonbehalfof":
		plain = plainName(text)
	case "integratorkey":
		key := strings.TrimSpace(text)
		plain = shown.Key(key) == key
	case "password":
	default:
		return "", false
	}
	if !plain {
		text = masked
	}
	return text, true
}
