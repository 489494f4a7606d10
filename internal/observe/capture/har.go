package capture

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"docusign-auth-proxy/internal/shown"
)

// object is one of HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/). Fields of its own begin with "_".
type object = map[string]any

// writeHAR writes a page for each exchange, with what the program saw first and then what DocuSign saw.
func writeHAR(w io.Writer, info Info, exchanges []*exchange, version string) error {
	pages, entries := []object{}, []object{}
	for i, e := range exchanges {
		page := "exchange-" + strconv.Itoa(i+1)
		pages = append(pages, object{
			"startedDateTime": stamp(e.Event.Time), "id": page, "pageTimings": object{},
			"title": strings.TrimSuffix(e.fileName(i+1), ".txt"),
		})
		facts := map[string]string{}
		for _, f := range e.facts() {
			facts[strings.ReplaceAll(f.Name, " ", "_")] = f.Value
		}
		first := harEntry(page, e.Event.Time, e.Event.Total, &e.Asked, &e.Got, e.Event.Detail)
		first["comment"], first["_facts"] = "program to proxy", facts
		entries = append(entries, first)
		for n := range e.Attempts {
			a := &e.Attempts[n]
			one := harEntry(page, a.Started, a.Answered, &a.Request, &a.Answer, a.Error)
			one["comment"] = fmt.Sprintf("proxy to DocuSign, %d of %d", n+1, len(e.Attempts))
			entries = append(entries, one)
		}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(object{"log": object{
		"version": "1.2", "creator": object{"name": "docusign-auth-proxy", "version": version},
		"pages": pages, "entries": entries, "comment": "capture " + info.ID + " of integration " + info.Integration +
			"; secrets were masked before anything was kept",
	}})
}

func harEntry(page string, started time.Time, took time.Duration, asked, got *message, failure string) object {
	request := object{
		"method": asked.Method, "url": asked.URL, "httpVersion": asked.Proto, "cookies": []field{},
		"headers": append([]field{}, asked.Header...), "queryString": harQuery(asked.URL), "headersSize": -1,
		"bodySize": asked.Body.Size,
	}
	if asked.Body.Size > 0 {
		request["postData"] = asked.Body.har(object{"params": []field{}})
	}
	response := object{
		"status": got.Status, "statusText": http.StatusText(got.Status), "httpVersion": got.Proto, "cookies": []field{},
		"headers": append([]field{}, got.Header...), "content": got.Body.har(object{"size": got.Body.Size}),
		"redirectURL": "", "headersSize": -1, "bodySize": got.Body.Size,
	}
	for _, f := range got.Header {
		if f.Name == "Location" && response["redirectURL"] == "" {
			response["redirectURL"] = f.Value
		}
	}
	if got.Status == 0 { // as browsers write it
		response["_error"], response["bodySize"] = failure, -1
	}
	ms := float64(max(took, 0).Microseconds()) / 1000
	return object{
		"pageref": page, "startedDateTime": stamp(started), "time": ms, "request": request, "response": response,
		"cache": object{}, "timings": object{"send": 0, "wait": ms, "receive": 0},
	}
}

// har adds a body to what HAR calls postData or content.
func (p *body) har(to object) object {
	to["mimeType"], to["text"] = p.MIME, p.Text
	if note := p.note(); note != "" {
		to["comment"] = note
	}
	return to
}

// harQuery reads the query that was masked already.
func harQuery(u string) []field {
	out := []field{}
	_, query, _ := strings.Cut(u, "?")
	values, _ := url.ParseQuery(query) // what cannot be read stands in the URL
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, value := range values[name] {
			out = append(out, field{shown.Printable(name), shown.Printable(value)})
		}
	}
	return out
}
