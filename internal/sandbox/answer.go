package sandbox

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// answer is what a request gets. Without a content type it has no body.
type answer struct {
	status      int
	root        string // if not empty, the answer is value in the format that the caller wants; root names its XML
	value       object
	contentType string
	body        []byte
	stream      io.Reader // if non-nil, sent after body under a Content-Length that the header has already
	plain       bool      // never compressed
	cut         bool      // the connection ends after half of the body
}

const (
	typeJSON = "application/json; charset=utf-8"
	typeXML  = "application/xml; charset=utf-8"
	typeHTML = "text/html; charset=utf-8"
)

func good(root string, value object) answer {
	return answer{status: http.StatusOK, root: root, value: value}
}

func page(html string) answer {
	return answer{status: http.StatusOK, contentType: typeHTML, body: []byte(html)}
}

func empty(status int) answer { return answer{status: status} }

// onlyMethod answers a call with a method that its path does not take.
func (r request) onlyMethod(methods string) answer {
	r.header.Set("Allow", methods)
	return empty(http.StatusMethodNotAllowed)
}

// write sends the answer, compressed if the request allows it. A client that left is not reported.
func (a answer) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	switch {
	case a.root != "" && wantsXML(r):
		a.contentType, a.body = typeXML, xmlOf(a.root, a.value)
	case a.root != "":
		a.contentType, a.body = typeJSON, jsonOf(a.value)
	}
	if a.contentType != "" {
		h.Set("Content-Type", a.contentType)
		if !a.plain {
			h.Add("Vary", "Accept-Encoding")
		}
		if !a.plain && acceptsGzip(r) {
			h.Set("Content-Encoding", "gzip")
			a.body = compress(a.body)
		}
		if a.stream == nil {
			h.Set("Content-Length", strconv.Itoa(len(a.body)))
		}
	}
	w.WriteHeader(a.status)
	if a.cut {
		_, _ = w.Write(a.body[:len(a.body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(a.body)
	if a.stream != nil {
		_, _ = io.Copy(w, a.stream)
	}
}

func compress(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b) // a bytes.Buffer takes everything
	_ = z.Close()
	return out.Bytes()
}

// preferences lists the names of an Accept-like header, the best first; q=0 excludes.
func preferences(lines []string) []string {
	quality := map[string]float64{}
	var names []string
	for part := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		name, params, _ := mime.ParseMediaType(part)
		q, err := strconv.ParseFloat(cmp.Or(params["q"], "1"), 64)
		if name != "" && (q > 0 || err != nil) {
			names, quality[name] = append(names, name), q
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(quality[b], quality[a]) })
	return names
}

func acceptsGzip(r *http.Request) bool {
	names := preferences(r.Header["Accept-Encoding"])
	return slices.Contains(names, "gzip") || slices.Contains(names, "*")
}

// wantsXML tells whether the answer is XML; without a preference it is JSON (PROTOCOL.md §8.1).
func wantsXML(r *http.Request) bool {
	for _, name := range preferences(r.Header["Accept"]) {
		switch name {
		case "application/xml", "text/xml", "xml":
			return true
		case "application/json", "text/json", "json", "*/*", "application/*":
			return false
		}
	}
	return false
}

// object is a value that can be written as JSON and as XML; its members keep their order.
type object []member

// member is one field; its value is a string, bool, object, list, or nil for an XML element that is nil.
type member struct {
	name  string
	value any
}

// list is an array; item names its elements in XML.
type list struct {
	item string
	of   []any
}

// MarshalJSON keeps the order of the members.
func (o object) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for _, m := range o {
		b = append(append(b, plainJSON(m.name)...), ':')
		b = append(append(b, plainJSON(m.value)...), ',')
	}
	return append(bytes.TrimSuffix(b, []byte(",")), '}'), nil
}

func (l list) MarshalJSON() ([]byte, error) {
	return plainJSON(append([]any{}, l.of...)), nil // never null
}

// plainJSON leaves < and & as they are.
func plainJSON(v any) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // objects, lists, strings and bools always encode
	return bytes.TrimSpace(out.Bytes())
}

// jsonOf writes with CRLF and two blanks of indent, as DocuSign does (PROTOCOL.md §8.1).
func jsonOf(o object) []byte {
	var out bytes.Buffer
	_ = json.Indent(&out, plainJSON(o), "", "  ") // what plainJSON writes is valid
	return bytes.ReplaceAll(out.Bytes(), []byte("\n"), []byte("\r\n"))
}

// xmlOf writes members in alphabetical order, as a DataContract serializer puts them.
func xmlOf(root string, o object) []byte {
	spaces := ` xmlns="http://www.docusign.com/restapi" xmlns:i="` + schemaInstance + `">`
	return bytes.Replace(appendXML(nil, root, o, true), []byte(">"), []byte(spaces), 1)
}

const schemaInstance = "http://www.w3.org/2001/XMLSchema-instance"

// appendXML writes an element; one without content is self-closing.
func appendXML(b []byte, name string, v any, alphabetical bool) []byte {
	start := len(b)
	b = append(b, "<"+name+">"...)
	inner := len(b)
	switch v := v.(type) {
	case string:
		b = append(b, escapeXML(v)...)
	case bool:
		b = strconv.AppendBool(b, v)
	case object:
		if alphabetical {
			v = slices.Clone(v)
			slices.SortFunc(v, func(x, y member) int { return strings.Compare(x.name, y.name) })
		}
		for _, m := range v {
			b = appendXML(b, m.name, m.value, alphabetical)
		}
	case list:
		for _, item := range v.of {
			b = appendXML(b, v.item, item, alphabetical)
		}
	case nil:
		return append(b[:start], "<"+name+` xsi:nil="true"/>`...)
	}
	if len(b) == inner {
		return append(b[:start], "<"+name+"/>"...)
	}
	return append(b, "</"+name+">"...)
}

func escapeXML(s string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(s)) // a strings.Builder takes everything
	return out.String()
}
