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

// request is one request with the host it is for; an empty host is a loopback address, where the path decides.
type request struct {
	*http.Request
	host   string
	header http.Header // of the answer
}

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
	}
	if a.contentType != "" && !a.plain {
		h.Add("Vary", "Accept-Encoding")
		if acceptsGzip(r) {
			h.Set("Content-Encoding", "gzip")
			a.body = compress(a.body)
		}
	}
	if a.contentType != "" && a.stream == nil {
		h.Set("Content-Length", strconv.Itoa(len(a.body)))
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
	type preference struct {
		name string
		q    float64
	}
	var list []preference
	for part := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		name, params, _ := mime.ParseMediaType(part)
		q, err := strconv.ParseFloat(cmp.Or(params["q"], "1"), 64)
		if name != "" && (q > 0 || err != nil) {
			list = append(list, preference{name, q})
		}
	}
	slices.SortStableFunc(list, func(a, b preference) int { return cmp.Compare(b.q, a.q) })
	var names []string
	for _, p := range list {
		names = append(names, p.name)
	}
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
func (o object) MarshalJSON() ([]byte, error) { return appendJSON(nil, o), nil }

// jsonOf writes with CRLF and two blanks of indent, as DocuSign does (PROTOCOL.md §8.1).
func jsonOf(o object) []byte {
	var out bytes.Buffer
	_ = json.Indent(&out, appendJSON(nil, o), "", "  ") // what appendJSON writes is valid
	return bytes.ReplaceAll(out.Bytes(), []byte("\n"), []byte("\r\n"))
}

func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case object:
		b = append(b, '{')
		for i, m := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendJSON(b, m.name), ':')
			b = appendJSON(b, m.value)
		}
		return append(b, '}')
	case list:
		b = append(b, '[')
		for i, item := range v.of {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, item)
		}
		return append(b, ']')
	}
	var scalar bytes.Buffer
	enc := json.NewEncoder(&scalar)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // strings and bools always encode
	return append(b, bytes.TrimSpace(scalar.Bytes())...)
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
