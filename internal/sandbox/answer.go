package sandbox

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"embed"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

// answer is what a request gets. Without a content type it has no body.
type answer struct {
	status      int
	root        string // if not empty, body is JSON, sent in the format that the caller wants; root names its XML
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

//go:embed rest.tmpl soap.tmpl
var templateFiles embed.FS

func newTemplates() (*template.Template, error) {
	return template.New("").Funcs(template.FuncMap{
		"json": plainJSON, "xml": escapeXML, "el": xmlElement, "stamp": stamp, "title": title,
		"last":       func(n int) int { return max(n-1, 0) },
		"number":     func(i int) string { return strconv.Itoa(i + 1) },
		"pdf":        func() string { return base64.StdEncoding.EncodeToString(samplePDF) },
		"signerType": signerType, "documentID": documentID,
	}).ParseFS(templateFiles, "*.tmpl")
}

// written is one of the answers in the templates.
func (s *Sandbox) written(name string, data any) string {
	var out strings.Builder
	if err := s.templates.ExecuteTemplate(&out, name, data); err != nil {
		panic(err) // the templates fit their data
	}
	return out.String()
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
		a.contentType, a.body = typeXML, xmlOf(a.root, a.body)
	case a.root != "":
		a.contentType, a.body = typeJSON, jsonOf(a.body)
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

// plainJSON quotes a string and leaves < and & as they are.
func plainJSON(s string) string {
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return strings.TrimSpace(out.String())
}

// jsonOf writes with CRLF and two blanks of indent, as DocuSign does (PROTOCOL.md §8.1).
func jsonOf(body []byte) []byte {
	var out bytes.Buffer
	if err := json.Indent(&out, body, "", "  "); err != nil {
		panic(err) // the templates yield JSON
	}
	return bytes.ReplaceAll(out.Bytes(), []byte("\n"), []byte("\r\n"))
}

// xmlOf writes JSON as XML with the elements in alphabetical order, as a DataContract serializer puts them.
func xmlOf(root string, body []byte) []byte {
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		panic(err) // the templates yield JSON
	}
	const spaces = ` xmlns="http://www.docusign.com/restapi" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">`
	return []byte(strings.Replace(xmlElement(root, v), ">", spaces, 1))
}

// xmlElement is an element of text, of children or of the items of a list; one without content is self-closing.
func xmlElement(name string, v any) string {
	var inner strings.Builder
	switch v := v.(type) {
	case string:
		inner.WriteString(escapeXML(v))
	case map[string]any:
		for _, child := range slices.Sorted(maps.Keys(v)) {
			inner.WriteString(xmlElement(child, v[child]))
		}
	case []any:
		item := strings.TrimSuffix(name, "s")
		if name == "resources" || strings.HasSuffix(name, "Settings") {
			item = "nameValue"
		}
		for _, child := range v {
			inner.WriteString(xmlElement(item, child))
		}
	}
	if inner.Len() == 0 {
		return "<" + name + "/>"
	}
	return "<" + name + ">" + inner.String() + "</" + name + ">"
}

func escapeXML(s string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(s)) // a strings.Builder takes everything
	return out.String()
}
