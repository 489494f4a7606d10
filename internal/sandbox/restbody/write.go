package restbody

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"maps"
	"slices"
	"strings"
)

// Quote quotes a string and leaves < and & as they are.
func Quote(s string) string {
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return strings.TrimSpace(out.String())
}

// JSON writes with CRLF and two blanks of indent, as DocuSign does (PROTOCOL.md §8.1).
func JSON(body []byte) []byte {
	var out bytes.Buffer
	if err := json.Indent(&out, body, "", "  "); err != nil {
		panic(err) // the sandbox writes JSON
	}
	return bytes.ReplaceAll(out.Bytes(), []byte("\n"), []byte("\r\n"))
}

// XML writes JSON as XML with the elements in alphabetical order, as a DataContract serializer puts them.
func XML(root string, body []byte) []byte {
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		panic(err) // the sandbox writes JSON
	}
	const spaces = ` xmlns="http://www.docusign.com/restapi" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">`
	return []byte(strings.Replace(Element(root, v), ">", spaces, 1))
}

// Element is an element of text, of children or of the items of a list; one without content is self-closing.
func Element(name string, v any) string {
	var inner strings.Builder
	switch v := v.(type) {
	case string:
		inner.WriteString(Escape(v))
	case map[string]any:
		for _, child := range slices.Sorted(maps.Keys(v)) {
			inner.WriteString(Element(child, v[child]))
		}
	case []any:
		item := strings.TrimSuffix(name, "s")
		if name == "resources" || strings.HasSuffix(name, "Settings") {
			item = "nameValue"
		}
		for _, child := range v {
			inner.WriteString(Element(item, child))
		}
	}
	if inner.Len() == 0 {
		return "<" + name + "/>"
	}
	return "<" + name + ">" + inner.String() + "</" + name + ">"
}

// Escape is a text inside an element.
func Escape(s string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(s)) // a strings.Builder takes everything
	return out.String()
}
