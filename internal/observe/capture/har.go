package capture

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"docusign-auth-proxy/internal/shown"
)

// The types of HAR 1.2, as far as they are used (http://www.softwareishard.com/blog/har-12-spec/). Fields of its own
// begin with "_".
type (
	harLog struct {
		Version string `json:"version"`
		Creator struct {
			Name    string `json:"name"`
			Version string `json:"version"`
		} `json:"creator"`
		Pages   []harPage  `json:"pages"`
		Entries []harEntry `json:"entries"`
		Comment string     `json:"comment"`
	}
	harPage struct {
		StartedDateTime string   `json:"startedDateTime"`
		ID              string   `json:"id"`
		Title           string   `json:"title"`
		PageTimings     struct{} `json:"pageTimings"`
	}
	harEntry struct {
		Pageref         string      `json:"pageref"`
		StartedDateTime string      `json:"startedDateTime"`
		Time            float64     `json:"time"`
		Request         harRequest  `json:"request"`
		Response        harResponse `json:"response"`
		Cache           struct{}    `json:"cache"`
		Timings         struct {
			Send    float64 `json:"send"`
			Wait    float64 `json:"wait"`
			Receive float64 `json:"receive"`
		} `json:"timings"`
		Comment string            `json:"comment"`
		Facts   map[string]string `json:"_facts,omitempty"`
	}
	harRequest struct {
		Method      string     `json:"method"`
		URL         string     `json:"url"`
		HTTPVersion string     `json:"httpVersion"`
		Cookies     []harPair  `json:"cookies"`
		Headers     []harPair  `json:"headers"`
		QueryString []harPair  `json:"queryString"`
		PostData    *harPosted `json:"postData,omitempty"`
		HeadersSize int        `json:"headersSize"`
		BodySize    int64      `json:"bodySize"`
	}
	harPosted struct {
		MimeType string    `json:"mimeType"`
		Params   []harPair `json:"params"`
		Text     string    `json:"text"`
		Comment  string    `json:"comment,omitempty"`
	}
	harResponse struct {
		Status      int       `json:"status"`
		StatusText  string    `json:"statusText"`
		HTTPVersion string    `json:"httpVersion"`
		Cookies     []harPair `json:"cookies"`
		Headers     []harPair `json:"headers"`
		Content     struct {
			Size     int64  `json:"size"`
			MimeType string `json:"mimeType"`
			Text     string `json:"text,omitempty"`
			Comment  string `json:"comment,omitempty"`
		} `json:"content"`
		RedirectURL string `json:"redirectURL"`
		HeadersSize int    `json:"headersSize"`
		BodySize    int64  `json:"bodySize"`
		Error       string `json:"_error,omitempty"`
	}
	harPair struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
)

// WriteHAR writes a capture as HAR 1.2: a page for each exchange, with what the program saw first and then what
// DocuSign saw. Errors are ErrNone and those of w.
func (c *Captures) WriteHAR(w io.Writer, id, version string) error {
	info, exchanges, err := c.read(id)
	if err != nil {
		return err
	}
	log := harLog{Version: "1.2", Pages: []harPage{}, Entries: []harEntry{}}
	log.Creator.Name, log.Creator.Version = "docusign-auth-proxy", version
	log.Comment = "capture " + info.ID + " of integration " + info.Integration +
		"; secrets were masked before anything was kept"
	for i, e := range exchanges {
		page := harPage{
			StartedDateTime: stamp(e.Event.Time), ID: "exchange-" + strconv.Itoa(i+1),
			Title: strings.TrimSuffix(e.fileName(i+1), ".txt"),
		}
		log.Pages = append(log.Pages, page)
		log.Entries = append(log.Entries, e.harEntries(page.ID)...)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if err := enc.Encode(map[string]harLog{"log": log}); err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	return nil
}

func (e *exchange) harEntries(page string) []harEntry {
	first := newHAREntry(page, e.Event.Time, e.Event.Total, &e.Asked, &e.Got, e.Event.Detail)
	first.Comment, first.Facts = "program to proxy", map[string]string{}
	for _, f := range e.facts() {
		first.Facts[strings.ReplaceAll(f.Name, " ", "_")] = f.Value
	}
	out := []harEntry{first}
	for i := range e.Attempts {
		a := &e.Attempts[i]
		one := newHAREntry(page, a.Started, a.Answered, &a.Request, &a.Answer, a.Error)
		one.Comment = fmt.Sprintf("proxy to DocuSign, %d of %d", i+1, len(e.Attempts))
		out = append(out, one)
	}
	return out
}

func newHAREntry(page string, started time.Time, took time.Duration, asked, got *message, failure string) harEntry {
	e := harEntry{Pageref: page, StartedDateTime: stamp(started), Time: float64(max(took, 0).Microseconds()) / 1000}
	e.Timings.Wait = e.Time
	e.Request = harRequest{
		Method: asked.Method, URL: asked.URL, HTTPVersion: asked.Proto, Cookies: []harPair{}, Headers: asked.harHeaders(),
		QueryString: harQuery(asked.URL), HeadersSize: -1, BodySize: asked.Body.Size,
	}
	if asked.Body.Size > 0 {
		e.Request.PostData = &harPosted{asked.Body.MIME, []harPair{}, asked.Body.Text, asked.Body.note()}
	}
	e.Response = harResponse{
		Status: got.Status, StatusText: http.StatusText(got.Status), HTTPVersion: got.Proto, Cookies: []harPair{},
		Headers: got.harHeaders(), HeadersSize: -1, BodySize: got.Body.Size,
	}
	for _, f := range got.Header {
		if f.Name == "Location" {
			e.Response.RedirectURL = cmp.Or(e.Response.RedirectURL, f.Value)
		}
	}
	content := &e.Response.Content
	content.Size, content.MimeType = got.Body.Size, got.Body.MIME
	content.Text, content.Comment = got.Body.Text, got.Body.note()
	if got.Status == 0 { // as browsers write it
		e.Response.Error, e.Response.BodySize = failure, -1
	}
	return e
}

func (m *message) harHeaders() []harPair {
	out := []harPair{}
	for _, f := range m.Header {
		out = append(out, harPair(f))
	}
	return out
}

// harQuery reads the query that was masked already.
func harQuery(u string) []harPair {
	out := []harPair{}
	_, query, _ := strings.Cut(u, "?")
	for part := range strings.SplitSeq(query, "&") {
		if part != "" {
			name, value, _ := strings.Cut(part, "=")
			out = append(out, harPair{unescapedQuery(name), unescapedQuery(value)})
		}
	}
	return out
}

func unescapedQuery(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return shown.Printable(plain)
	}
	return s
}
