package sandbox

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"embed"
	"encoding/json"
	"encoding/xml"
	"fmt"
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
	stream      io.Reader // if non-nil, sent after body
	length      int64     // of stream
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

func newTemplates() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"json": plainJSON, "xml": escapeXML, "el": xmlElement, "last": func(n int) int { return max(n-1, 0) },
	}).ParseFS(templateFiles, "*.tmpl"))
}

func (s *Sandbox) written(name string, data any) string {
	var out strings.Builder
	if err := s.forms.ExecuteTemplate(&out, name, data); err != nil {
		panic(err) // the templates fit their data
	}
	return out.String()
}

func page(html string) answer {
	return answer{status: http.StatusOK, contentType: typeHTML, body: []byte(html)}
}

// streamed is an answer of bytes that are made while they are sent.
func streamed(contentType string, length int64, stream io.Reader) answer {
	return answer{status: http.StatusOK, contentType: contentType, stream: stream, length: length, plain: true}
}

func empty(status int) answer { return answer{status: status} }

// onlyMethod answers a call with a method that its path does not take.
func onlyMethod(h http.Header, methods string) answer {
	h.Set("Allow", methods)
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
		h.Set("Content-Length", strconv.FormatInt(int64(len(a.body))+a.length, 10))
	}
	w.WriteHeader(a.status)
	var whole io.Reader = bytes.NewReader(a.body)
	if a.stream != nil {
		whole = io.MultiReader(whole, a.stream)
	}
	if a.cut {
		_, _ = io.CopyN(w, whole, (int64(len(a.body))+a.length)/2)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = io.Copy(w, whole)
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

// apiError is an error of the REST API, or a fault of SOAP.
type apiError struct {
	code    string
	status  int // in REST
	message string
}

// apiErrors are those of PROTOCOL.md §8.2.
func apiErrors() []apiError {
	return []apiError{
		{"ACCOUNT_DOES_NOT_EXIST_IN_SYSTEM", 401, "The specified Account does not exist."},
		{"AUTHORIZATION_INVALID_TOKEN", 401, "The access token provided is expired, revoked or malformed."},
		{"ACCOUNT_LACKS_PERMISSIONS", 401, "This Account lacks sufficient permissions."},
		{"BURST_APIINVOCATION_LIMIT_EXCEEDED", 429, "The maximum number of burst API invocations has been exceeded."},
		{"DOCUMENT_DOES_NOT_EXIST", 404, "The document specified was not found."},
		{"ENVELOPE_CANNOT_VOID_INVALID_STATE", 400, "Only envelopes in the 'Sent' or 'Delivered' states may be voided."},
		{"ENVELOPE_DOES_NOT_EXIST", 404, "The envelope specified does not exist."},
		{"ENVELOPE_INVALID_STATUS", 400, "Invalid envelope status."},
		{"HOURLY_APIINVOCATION_LIMIT_EXCEEDED", 429, "The maximum number of hourly API invocations has been exceeded."},
		{"INVALID_CAPTIVE_RECIPIENT_OPERATION", 400, "This operation is only valid for captive recipients."},
		{"INVALID_EMAIL_ADDRESS_FOR_RECIPIENT", 400, "The email address for the recipient is invalid."},
		{"INVALID_RECIPIENT_ID", 400, "Invalid recipient ID."},
		{"INVALID_REQUEST_BODY", 400, "The request body is missing or improperly formatted."},
		{"INVALID_REQUEST_PARAMETER", 400, "The request contained at least one invalid parameter."},
		{"PARTNER_AUTHENTICATION_FAILED", 401, "The specified Integrator Key was not found or is disabled."},
		{"RECIPIENT_NOT_IN_SEQUENCE", 400, "The token for an out of sequence recipient cannot be generated."},
		{"REQUEST_TOO_LARGE", 413, "The request is larger than the service allows."},
		{"TAB_REFERS_TO_MISSING_DOCUMENT", 400, "Tab refers to document which does not exist."},
		{"TEMPLATE_ID_INVALID", 400, "Invalid template ID."},
		{"UNABLE_TO_LOAD_DOCUMENT", 400, "Unable to load the document."},
		{"UNKNOWN_ENVELOPE_RECIPIENT", 400, "The recipient you have identified is not a valid recipient of the envelope."},
		{"USER_AUTHENTICATION_FAILED", 401, "One or both of Username and Password are invalid."},
		{"USER_DOES_NOT_EXIST_IN_SYSTEM", 400, "The specified user does not exist."},
		{"USER_LACKS_MEMBERSHIP", 401, "The UserID does not have a valid membership in this Account."},
		{"USER_LACKS_PERMISSIONS", 401, "This user lacks sufficient permissions to access this resource."},
		{"USER_NOT_ENVELOPE_SENDER", 400, "The User is not the sender of the specified envelope."},
	}
}

// refusal is the error for a code, with an optional sentence added to its message.
func refusal(code string, detail ...string) *apiError {
	for _, e := range apiErrors() {
		if e.code == code {
			e.message = strings.TrimSpace(e.message + " " + strings.Join(detail, " "))
			return &e
		}
	}
	return &apiError{code, http.StatusUnauthorized, strings.Join(detail, " ")}
}

// answer has the bytes of PROTOCOL.md §8.1: in JSON, one of a limit is without line ends.
func (e *apiError) answer(r *http.Request) answer {
	body := fmt.Appendf(nil, `{"errorCode": %s,"message": %s}`, plainJSON(e.code), plainJSON(e.message))
	if e.status == http.StatusTooManyRequests && !wantsXML(r) {
		return answer{status: e.status, contentType: typeJSON, body: body}
	}
	return answer{status: e.status, root: "errorDetails", body: body}
}
