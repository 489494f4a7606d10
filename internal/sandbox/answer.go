package sandbox

import (
	"bytes"
	"cmp"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"docusign-auth-proxy/internal/sandbox/restbody"
	"docusign-auth-proxy/internal/template"
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

//go:embed rest.tmpl
var restTemplates string

//go:embed soap.tmpl
var soapTemplates string

func (s *Sandbox) texts() *template.Set {
	return template.Text(template.Funcs{
		"siteURL": s.SiteURL, "accountServer": s.AccountServer, "Origin": (*restRequest).Origin,
		"Memberships": (*restRequest).Memberships, "Asks": (*restRequest).Asks,
		"Users": (*restRequest).Users,
		"json":  restbody.Quote, "xml": restbody.Escape, "el": restbody.Element,
		"last": func(n int) int { return max(n-1, 0) },
	}, restTemplates, soapTemplates)
}

func (s *Sandbox) written(name string, data any) string {
	var out strings.Builder
	if err := s.forms.Execute(&out, name, data); err != nil {
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
		a.contentType, a.body = typeXML, restbody.XML(a.root, a.body)
	case a.root != "":
		a.contentType, a.body = typeJSON, restbody.JSON(a.body)
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

// apiError is an error of the REST API, or a fault of SOAP.
type apiError struct {
	code    string
	status  int // in REST
	message string
}

//go:embed errors.txt
var errorFacts string

// apiErrors are those of PROTOCOL.md §8.2 and SOAP-REST.md §5.3: code, status and sentence on a line.
func apiErrors() (all []apiError) {
	for line := range strings.Lines(errorFacts) {
		fields := strings.SplitN(strings.TrimSpace(line), " ", 3)
		status, _ := strconv.Atoi(fields[1])
		all = append(all, apiError{fields[0], status, fields[2]})
	}
	return all
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
	body := fmt.Appendf(nil, `{"errorCode": %s,"message": %s}`, restbody.Quote(e.code), restbody.Quote(e.message))
	if e.status == http.StatusTooManyRequests && !wantsXML(r) {
		return answer{status: e.status, contentType: typeJSON, body: body}
	}
	return answer{status: e.status, root: "errorDetails", body: body}
}
