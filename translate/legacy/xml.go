package legacy

import (
	"encoding/xml"
	"html"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// credentialsElement is DocuSignCredentials with whatever stands in it.
type credentialsElement struct {
	XMLName  xml.Name
	Children []struct {
		XMLName xml.Name
		Text    string     `xml:",chardata"`
		Raw     string     `xml:",innerxml"`
		Nested  []struct{} `xml:",any"`
	} `xml:",any"`
}

// parseXML reads a DocuSignCredentials element, well-formed or not. Names count without prefix and case.
func parseXML(text string) (f *fields, reason string) {
	root, ok := strictXML(text)
	if !ok {
		return tolerantXML(text)
	}
	f = newFields()
	for _, child := range root.Children {
		n := fieldNamed(child.XMLName.Local)
		switch nested := len(child.Nested) > 0; {
		case n == "":
		case n == fieldPassword && nested:
			reason = f.set(n, withTrimmed(child.Raw, unescapeXML(child.Raw))...)
		case n == fieldPassword:
			reason = f.set(n, withTrimmed(child.Text, child.Raw)...)
		case nested:
			reason = n + " is not a text"
		default:
			reason = f.set(n, strings.TrimSpace(child.Text))
		}
		if reason != "" {
			return nil, reason
		}
	}
	return f, ""
}

// strictXML is not ok when text is anything but one well-formed DocuSignCredentials element.
func strictXML(text string) (root credentialsElement, ok bool) {
	dec := xml.NewDecoder(strings.NewReader(text))
	// The text is UTF-8 whatever its declaration says.
	dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	err := dec.Decode(&root)
	for err == nil {
		var token xml.Token
		token, err = dec.Token()
		if _, second := token.(xml.StartElement); second {
			return root, false
		}
	}
	return root, err == io.EOF && strings.EqualFold(root.XMLName.Local, "DocuSignCredentials")
}

var (
	startTag = regexp.MustCompile(`<([^<>]*)>`)
	endTag   = regexp.MustCompile(`</([^<>]*)>`)
)

// tolerantXML takes the raw text of each known element, which need not be escaped (PROTOCOL.md §1.4 V12).
func tolerantXML(text string) (f *fields, reason string) {
	f = newFields()
	found := false
	for {
		at := startTag.FindStringSubmatchIndex(text)
		if at == nil {
			break
		}
		tag, empty := strings.CutSuffix(text[at[2]:at[3]], "/")
		text = text[at[1]:]
		if blank := strings.IndexAny(tag, blanks); blank >= 0 {
			tag = tag[:blank]
		}
		name := localName(tag)
		n := fieldNamed(name)
		if n == "" {
			continue
		}
		found = true
		raw := ""
		if !empty {
			var closed bool
			if raw, text, closed = untilClose(text, name); !closed {
				return nil, n + " has no closing tag"
			}
		}
		if reason := f.setElement(n, raw); reason != "" {
			return nil, reason
		}
	}
	if !found {
		return nil, "no known element, and not XML"
	}
	return f, ""
}

// untilClose gives the text before `</prefix:name>` and that after it.
func untilClose(text, name string) (raw, rest string, ok bool) {
	for _, at := range endTag.FindAllStringSubmatchIndex(text, -1) {
		if strings.EqualFold(localName(strings.TrimRight(text[at[2]:at[3]], blanks)), name) {
			return text[:at[0]], text[at[1]:], true
		}
	}
	return "", "", false
}

func localName(name string) string { return name[strings.IndexByte(name, ':')+1:] }

func (f *fields) setElement(n, raw string) (reason string) {
	trimmed := strings.TrimSpace(raw)
	decoded := unescapeXML(raw)
	if inner, ok := strings.CutPrefix(trimmed, "<![CDATA["); ok && strings.HasSuffix(inner, "]]>") {
		decoded = strings.TrimSuffix(inner, "]]>")
		trimmed = decoded
	}
	if n == fieldPassword {
		return f.set(n, withTrimmed(decoded, raw)...)
	}
	if strings.Contains(trimmed, "<") {
		return "markup in " + n
	}
	return f.set(n, strings.TrimSpace(decoded))
}

// xmlReference has digits for "#x10FFFF" with a few zeros before it.
var xmlReference = regexp.MustCompile(`&(?:amp|lt|gt|quot|apos|#[0-9]{1,10}|#[xX][0-9a-fA-F]{1,9});`)

// unescapeXML resolves the five named entities and numeric references where they are well-formed, and keeps every other
// "&".
func unescapeXML(s string) string {
	return xmlReference.ReplaceAllStringFunc(s, func(reference string) string {
		if reference[1] != '#' {
			return html.UnescapeString(reference)
		}
		digits, base := reference[2:len(reference)-1], 10
		if digits[0]|0x20 == 'x' {
			digits, base = digits[1:], 16
		}
		n, err := strconv.ParseInt(digits, base, 32)
		if r := rune(n); err == nil && r != 0 && utf8.ValidRune(r) {
			return string(r)
		}
		return reference
	})
}
