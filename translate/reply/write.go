package reply

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// jsonText is s as a JSON string the way DocuSign's serializer writes it: only what JSON requires is escaped (and DEL
// and the three line ends U+0085, U+2028 and U+2029), other characters stay UTF-8, and bytes that are not UTF-8 become
// U+FFFD.
func jsonText(s string) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(string([]rune(s))) // a string can always be written
	return strings.NewReplacer("\n", "", "\x7f", `\u007f`, "\u0085", `\u0085`).Replace(b.String())
}

// xmlText is s as character data that is also fit for a double-quoted attribute. Characters that XML 1.0 cannot carry
// become U+FFFD.
func xmlText(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' && !strings.ContainsRune("\t\n\r", r) || r == 0xfffe || r == 0xffff {
			return '\ufffd'
		}
		return r
	}, s)
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "\r", "&#xD;").Replace(s)
}

// element is <name>text</name>, or <name/> if there is no text. name is one of ours.
func element(name, text string) string {
	if text == "" {
		return "<" + name + "/>"
	}
	return "<" + name + ">" + xmlText(text) + "</" + name + ">"
}

// object is an answer's members in the order in which DocuSign writes them in JSON. In XML they stand in the order of
// their names, as its serializer has them.
type object []member

// member has a text, or objects, which in XML are elements with the name item.
type member struct {
	name, text string
	item       string
	objects    []object
}

// object answers in JSON, or in XML with that root.
func (c Caller) object(status int, root string, o object) Answer {
	if c.Dialect == XML || c.Dialect == OAuthXML {
		const namespaces = ` xmlns="http://www.docusign.com/restapi" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"`
		return c.answer(status, contentTypeXML, "<"+root+namespaces+">"+o.xml()+"</"+root+">")
	}
	var b bytes.Buffer
	// JSON the way DocuSign writes it: CRLF, two blanks a level, no final newline.
	_ = json.Indent(&b, []byte(o.json()), "", "  ") // fails for malformed JSON alone
	return c.answer(status, contentTypeJSON, strings.ReplaceAll(b.String(), "\n", "\r\n"))
}

func (o object) json() string {
	var members []string
	for _, m := range o {
		value := jsonText(m.text)
		if m.item != "" {
			var parts []string
			for _, part := range m.objects {
				parts = append(parts, part.json())
			}
			value = "[" + strings.Join(parts, ",") + "]"
		}
		members = append(members, jsonText(m.name)+":"+value)
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (o object) xml() string {
	byName := slices.SortedFunc(slices.Values(o), func(x, y member) int { return strings.Compare(x.name, y.name) })
	var b strings.Builder
	for _, m := range byName {
		if len(m.objects) == 0 {
			b.WriteString(element(m.name, m.text))
			continue
		}
		b.WriteString("<" + m.name + ">")
		for _, part := range m.objects {
			b.WriteString("<" + m.item + ">" + part.xml() + "</" + m.item + ">")
		}
		b.WriteString("</" + m.name + ">")
	}
	return b.String()
}
