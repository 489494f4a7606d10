package sandbox

import (
	"bytes"
	"compress/gzip"
	"encoding/xml"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// apiError is an error of the REST API (PROTOCOL.md §8.2). A zero code has an empty body.
type apiError struct {
	status  int
	code    string
	message string
	compact bool
}

// refusal is the error for a code of PROTOCOL.md §8.2, with an optional sentence added to its message.
func refusal(code string, detail ...string) apiError {
	e := apiError{status: http.StatusUnauthorized, code: code, message: sentence(code)}
	switch code {
	case "INVALID_REQUEST_BODY", "INVALID_REQUEST_PARAMETER", "ENVELOPE_CANNOT_VOID_INVALID_STATE", "ENVELOPE_INVALID_STATUS":
		e.status = http.StatusBadRequest
	case "ENVELOPE_DOES_NOT_EXIST", "DOCUMENT_DOES_NOT_EXIST":
		e.status = http.StatusNotFound
	case "REQUEST_TOO_LARGE":
		e.status = http.StatusRequestEntityTooLarge
	case "HOURLY_APIINVOCATION_LIMIT_EXCEEDED", "BURST_APIINVOCATION_LIMIT_EXCEEDED":
		e.status, e.compact = http.StatusTooManyRequests, true
	}
	e.message = strings.TrimSpace(strings.Join(append([]string{e.message}, detail...), " "))
	return e
}

func sentence(code string) string {
	switch code {
	case "USER_AUTHENTICATION_FAILED":
		return "One or both of Username and Password are invalid."
	case "PARTNER_AUTHENTICATION_FAILED":
		return "The specified Integrator Key was not found or is disabled."
	case "AUTHORIZATION_INVALID_TOKEN":
		return "The access token provided is expired, revoked or malformed."
	case "USER_LACKS_PERMISSIONS":
		return "This user lacks sufficient permissions to access this resource."
	case "USER_LACKS_MEMBERSHIP":
		return "The UserID does not have a valid membership in this Account."
	case "HOURLY_APIINVOCATION_LIMIT_EXCEEDED":
		return "The maximum number of hourly API invocations has been exceeded."
	case "BURST_APIINVOCATION_LIMIT_EXCEEDED":
		return "The maximum number of burst API invocations has been exceeded."
	case "INVALID_REQUEST_BODY":
		return "The request body is missing or improperly formatted."
	case "REQUEST_TOO_LARGE":
		return "The request is larger than the service allows."
	case "INVALID_REQUEST_PARAMETER":
		return "The request contained at least one invalid parameter."
	case "ENVELOPE_DOES_NOT_EXIST":
		return "The envelope specified does not exist."
	case "DOCUMENT_DOES_NOT_EXIST":
		return "The document specified was not found."
	case "ENVELOPE_CANNOT_VOID_INVALID_STATE":
		return "Only envelopes in the 'Sent' or 'Delivered' states may be voided."
	case "ENVELOPE_INVALID_STATUS":
		return "Invalid envelope status."
	}
	return ""
}

// body renders the error in the bytes of PROTOCOL.md §8.1.
func (e apiError) body(asXML bool) []byte {
	o := object{{"errorCode", e.code}, {"message", e.message}}
	switch {
	case asXML:
		return appendDocument(nil, "errorDetails", o)
	case e.compact:
		return bytes.ReplaceAll(bytes.ReplaceAll(appendJSON(nil, o, 0), []byte("\r\n  "), nil), []byte("\r\n"), nil)
	}
	return appendJSON(nil, o, 0)
}

// writeBody sends a whole answer, compressed if the request allows it.
func writeBody(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Add("Vary", "Accept-Encoding")
	if acceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = compress(body)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a reader that left is its own affair
}

func compress(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b) // a bytes.Buffer takes everything
	_ = z.Close()
	return out.Bytes()
}

// preference is one element of an Accept-like header.
type preference struct {
	name string
	q    float64
}

func preferences(lines []string) []preference {
	var list []preference
	for part := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		fields := strings.Split(part, ";")
		p := preference{strings.ToLower(strings.TrimSpace(fields[0])), 1}
		for _, f := range fields[1:] {
			name, value, _ := strings.Cut(strings.TrimSpace(f), "=")
			if q, err := strconv.ParseFloat(value, 64); err == nil && strings.EqualFold(name, "q") {
				p.q = q
			}
		}
		if p.name != "" && p.q > 0 {
			list = append(list, p)
		}
	}
	slices.SortStableFunc(list, func(a, b preference) int {
		switch {
		case a.q > b.q:
			return -1
		case a.q < b.q:
			return 1
		}
		return 0
	})
	return list
}

func acceptsGzip(r *http.Request) bool {
	for _, p := range preferences(r.Header["Accept-Encoding"]) {
		if p.name == "gzip" || p.name == "*" {
			return true
		}
	}
	return false
}

// wantsXML tells whether the answer is XML; without a preference it is JSON (PROTOCOL.md §8.1).
func wantsXML(r *http.Request) bool {
	for _, p := range preferences(r.Header["Accept"]) {
		switch p.name {
		case "application/xml", "text/xml", "xml":
			return true
		case "application/json", "text/json", "json", "*/*", "application/*":
			return false
		}
	}
	return false
}

// object is an answer that can be written as JSON and as XML.
type object []member

// member is one field; its value is a string, bool, object or list.
type member struct {
	name  string
	value any
}

// list is an array; item names its elements in XML.
type list struct {
	item string
	of   []object
}

// appendJSON writes with CRLF and two blanks of indent, as DocuSign does (PROTOCOL.md §8.1).
func appendJSON(b []byte, v any, depth int) []byte {
	switch v := v.(type) {
	case string:
		return appendJSONString(b, v)
	case bool:
		return strconv.AppendBool(b, v)
	case object:
		return appendJSONBlock(b, '{', '}', len(v), depth, func(b []byte, i int) []byte {
			b = append(appendJSONString(b, v[i].name), ": "...)
			return appendJSON(b, v[i].value, depth+1)
		})
	case list:
		return appendJSONBlock(b, '[', ']', len(v.of), depth, func(b []byte, i int) []byte {
			return appendJSON(b, v.of[i], depth+1)
		})
	}
	return append(b, "null"...)
}

func appendJSONBlock(b []byte, open, end byte, n, depth int, item func([]byte, int) []byte) []byte {
	b = append(b, open)
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = item(indent(b, depth+1), i)
	}
	if n > 0 {
		b = indent(b, depth)
	}
	return append(b, end)
}

func indent(b []byte, depth int) []byte {
	b = append(b, "\r\n"...)
	for range depth {
		b = append(b, "  "...)
	}
	return b
}

func appendJSONString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < 0x20:
			b = append(b, `\u00`...)
			b = append(b, "0123456789abcdef"[r>>4], "0123456789abcdef"[r&15])
		default:
			b = append(b, string(r)...)
		}
	}
	return append(b, '"')
}

// appendDocument writes the XML form; members are in alphabetical order, as a DataContract serializer puts them.
func appendDocument(b []byte, root string, o object) []byte {
	b = append(b, "<"+root+` xmlns="http://www.docusign.com/restapi" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">`...)
	return append(appendXMLMembers(b, o), "</"+root+">"...)
}

func appendXMLMembers(b []byte, o object) []byte {
	sorted := slices.Clone(o)
	slices.SortStableFunc(sorted, func(x, y member) int { return strings.Compare(x.name, y.name) })
	for _, m := range sorted {
		b = appendXML(b, m.name, m.value)
	}
	return b
}

// sequence is an answer whose XML keeps the order of its members, as a WSDL wants it.
type sequence []member

// items is an array of sequences.
type items struct {
	item string
	of   []sequence
}

// featureList is an array of texts, each in an EnabledFeatures element.
type featureList []string

// missing is an element that is there but nil.
type missing struct{}

func appendXML(b []byte, name string, v any) []byte {
	start := len(b)
	b = append(b, "<"+name+">"...)
	inner := len(b)
	switch v := v.(type) {
	case string:
		b = append(b, escapeXML(v)...)
	case bool:
		b = strconv.AppendBool(b, v)
	case object:
		b = appendXMLMembers(b, v)
	case sequence:
		for _, m := range v {
			b = appendXML(b, m.name, m.value)
		}
	case list:
		for _, o := range v.of {
			b = appendXML(b, v.item, o)
		}
	case items:
		for _, o := range v.of {
			b = appendXML(b, v.item, o)
		}
	case featureList:
		for _, text := range v {
			b = appendXML(b, "EnabledFeatures", text)
		}
	case missing:
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
