package capture

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"
)

// legacyField is a field of X-DocuSign-Authentication.
type legacyField struct{ name, value string }

// maskLegacyHeader keeps the shape of X-DocuSign-Authentication when it is written by the book, and nothing of it
// otherwise: a password with quotes or markup in it can look like more fields.
func maskLegacyHeader(v string) string {
	v = strings.TrimSpace(v)
	if fields, ok := legacyJSON(v); ok && maskLegacyFields(fields) {
		return "{" + rendered(fields, `"%s":"%s"`, ",") + "}"
	}
	if root, fields, ok := legacyXML(v); ok && maskLegacyFields(fields) {
		return "<" + root + ">" + rendered(fields, "<%[1]s>%[2]s</%[1]s>", "") + "</" + root + ">"
	}
	return masked
}

func rendered(fields []legacyField, format, sep string) string {
	var all []string
	for _, f := range fields {
		all = append(all, fmt.Sprintf(format, f.name, f.value))
	}
	return strings.Join(all, sep)
}

// maskLegacyFields masks the password and what does not look like the name it should be: secrets are put into wrong
// fields too. It is false when there is a field that is not known, or one twice.
func maskLegacyFields(fields []legacyField) bool {
	seen := map[string]bool{}
	for i, f := range fields {
		name, plain := strings.ToLower(f.name), false
		switch name {
		case "username", "sendonbehalfof":
			plain = plainName.MatchString(f.value)
		case "integratorkey":
			plain = plainKey.MatchString(strings.TrimSpace(f.value))
		case "password":
		default:
			return false
		}
		if seen[name] {
			return false
		}
		if seen[name] = true; !plain {
			fields[i].value = masked
		}
	}
	return len(fields) > 0
}

// legacyJSON reads an object of texts.
func legacyJSON(text string) (fields []legacyField, ok bool) {
	if !strings.HasPrefix(text, "{") || !json.Valid([]byte(text)) {
		return nil, false
	}
	dec := json.NewDecoder(strings.NewReader(text))
	if _, err := dec.Token(); err != nil {
		return nil, false
	}
	for dec.More() {
		name, _ := dec.Token() // the text is valid
		var value string
		if dec.Decode(&value) != nil {
			return nil, false
		}
		fields = append(fields, legacyField{name.(string), value})
	}
	return fields, true
}

// legacyXML reads one element of elements of texts, with nothing else in it.
func legacyXML(text string) (root string, fields []legacyField, ok bool) {
	type element struct {
		XMLName xml.Name
		Attrs   []xml.Attr `xml:",any,attr"`
		Text    string     `xml:",chardata"`
		Comment string     `xml:",comment"`
		Inside  []struct{} `xml:",any"`
	}
	var all struct {
		XMLName xml.Name
		Text    string    `xml:",chardata"`
		Comment string    `xml:",comment"`
		Fields  []element `xml:",any"`
	}
	dec := xml.NewDecoder(strings.NewReader(text))
	if dec.Decode(&all) != nil || dec.InputOffset() != int64(len(text)) || all.Comment != "" ||
		strings.TrimSpace(all.Text) != "" || !strings.EqualFold(all.XMLName.Local, "DocuSignCredentials") {
		return "", nil, false
	}
	for _, e := range all.Fields {
		if len(e.Attrs) > 0 || len(e.Inside) > 0 || e.Comment != "" {
			return "", nil, false
		}
		fields = append(fields, legacyField{e.XMLName.Local, e.Text})
	}
	return all.XMLName.Local, fields, true
}
