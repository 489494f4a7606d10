package capture

import (
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

// The types of HAR 1.2, as far as they are used (http://www.softwareishard.com/blog/har-12-spec/). Fields of its own begin with "_".
type (
	harFile struct {
		Log harLog `json:"log"`
	}
	harLog struct {
		Version string     `json:"version"`
		Creator harCreator `json:"creator"`
		Pages   []harPage  `json:"pages"`
		Entries []harEntry `json:"entries"`
		Comment string     `json:"comment"`
	}
	harCreator struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	harPage struct {
		StartedDateTime string   `json:"startedDateTime"`
		ID              string   `json:"id"`
		Title           string   `json:"title"`
		PageTimings     struct{} `json:"pageTimings"`
	}
	harEntry struct {
		Pageref         string            `json:"pageref"`
		StartedDateTime string            `json:"startedDateTime"`
		Time            float64           `json:"time"`
		Request         harRequest        `json:"request"`
		Response        harResponse       `json:"response"`
		Cache           struct{}          `json:"cache"`
		Timings         harTimings        `json:"timings"`
		Comment         string            `json:"comment"`
		Facts           map[string]string `json:"_facts,omitempty"`
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
		Status      int        `json:"status"`
		StatusText  string     `json:"statusText"`
		HTTPVersion string     `json:"httpVersion"`
		Cookies     []harPair  `json:"cookies"`
		Headers     []harPair  `json:"headers"`
		Content     harContent `json:"content"`
		RedirectURL string     `json:"redirectURL"`
		HeadersSize int        `json:"headersSize"`
		BodySize    int64      `json:"bodySize"`
		Error       string     `json:"_error,omitempty"`
	}
	harContent struct {
		Size     int64  `json:"size"`
		MimeType string `json:"mimeType"`
		Text     string `json:"text,omitempty"`
		Comment  string `json:"comment,omitempty"`
	}
	harTimings struct {
		Send    float64 `json:"send"`
		Wait    float64 `json:"wait"`
		Receive float64 `json:"receive"`
	}
	harPair struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
)

// WriteHAR writes a capture as HAR 1.2: a page for each exchange, with what the program saw first and then what DocuSign saw.
// Errors are ErrNone and those of w.
func (c *Captures) WriteHAR(w io.Writer, id, version string) error {
	info, exchanges, err := c.read(id)
	if err != nil {
		return err
	}
	f := harFile{harLog{
		Version: "1.2", Creator: harCreator{"docusign-auth-proxy", version}, Pages: []harPage{}, Entries: []harEntry{},
		Comment: "capture " + info.ID + " of integration " + info.Integration + "; secrets were masked before anything was kept",
	}}
	for i, e := range exchanges {
		page := harPage{StartedDateTime: stamp(e.Event.Time), ID: "exchange-" + strconv.Itoa(i+1), Title: strings.TrimSuffix(e.name(i+1), ".txt")}
		f.Log.Pages = append(f.Log.Pages, page)
		f.Log.Entries = append(f.Log.Entries, e.harEntries(page.ID)...)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if err := enc.Encode(f); err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	return nil
}

func (e *exchange) harEntries(page string) []harEntry {
	facts := map[string]string{}
	for _, f := range e.factFields() {
		if f.Value != "" {
			facts[strings.ReplaceAll(f.Name, " ", "_")] = shown.Printable(f.Value)
		}
	}
	total := harMilliseconds(e.Event.Total)
	out := []harEntry{{
		Pageref: page, StartedDateTime: stamp(e.Event.Time), Time: total, Request: e.Asked.harRequest(), Response: e.Got.harResponse(e.Event.Detail),
		Timings: harTimings{Wait: total}, Comment: "program to proxy", Facts: facts,
	}}
	for i := range e.Attempts {
		a := &e.Attempts[i]
		took := harMilliseconds(a.Answered)
		out = append(out, harEntry{
			Pageref: page, StartedDateTime: stamp(a.Started), Time: took, Request: a.Request.harRequest(), Response: a.Answer.harResponse(a.Error),
			Timings: harTimings{Wait: took}, Comment: fmt.Sprintf("proxy to DocuSign, %d of %d", i+1, len(e.Attempts)),
		})
	}
	return out
}

func harMilliseconds(d time.Duration) float64 { return float64(max(d, 0).Microseconds()) / 1000 }

func (m *message) harRequest() harRequest {
	r := harRequest{Method: m.Method, URL: m.URL, HTTPVersion: m.Proto, Cookies: []harPair{}, Headers: m.harHeaders(), QueryString: harQuery(m.URL), HeadersSize: -1, BodySize: m.Body.Size}
	if m.Body.Size > 0 {
		r.PostData = &harPosted{MimeType: m.Body.MIME, Params: []harPair{}, Text: m.Body.Text, Comment: m.Body.note()}
	}
	return r
}

// harResponse has status 0 where there was no answer, as browsers write it.
func (m *message) harResponse(failure string) harResponse {
	r := harResponse{
		Status: m.Status, StatusText: http.StatusText(m.Status), HTTPVersion: m.Proto, Cookies: []harPair{}, Headers: m.harHeaders(), RedirectURL: m.field("Location"),
		Content: harContent{Size: m.Body.Size, MimeType: m.Body.MIME, Text: m.Body.Text, Comment: m.Body.note()}, HeadersSize: -1, BodySize: m.Body.Size,
	}
	if m.Status == 0 {
		r.Error, r.BodySize = failure, -1
	}
	return r
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
	_, query, found := strings.Cut(u, "?")
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		if !found || part == "" {
			continue
		}
		out = append(out, harPair{unescapedQuery(name), unescapedQuery(value)})
	}
	return out
}

func unescapedQuery(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return shown.Printable(plain)
	}
	return s
}
