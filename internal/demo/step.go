package demo

import (
	"fmt"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/sandbox"
)

// step is one call of the demo with what was seen in it.
type step struct {
	Title    string    `json:"title"`
	Excerpts []excerpt `json:"excerpts"`
	Notes    []string  `json:"notes,omitempty"`
	Result   string    `json:"result"`
	Trouble  []string  `json:"trouble,omitempty"`
}

// excerpt is what went over one wire, secrets masked.
type excerpt struct {
	Who  string `json:"who"`
	Text string `json:"text"`
}

func (a *step) show(who, text string) { a.Excerpts = append(a.Excerpts, excerpt{who, text}) }

func (a *step) note(format string, args ...any) {
	a.Notes = append(a.Notes, fmt.Sprintf(format, args...))
}

// check records what is not as it should be.
func (a *step) check(good bool, format string, args ...any) {
	if !good {
		a.Trouble = append(a.Trouble, fmt.Sprintf(format, args...))
	}
}

// failed records an error and reports whether there was one.
func (a *step) failed(err error) bool {
	if err != nil {
		a.Trouble = append(a.Trouble, err.Error())
	}
	return err != nil
}

// status checks an answer's status and makes it the step's result.
func (a *step) status(got oldAnswer, want int, words string) {
	a.Result = fmt.Sprintf("%d %s", got.status, words)
	a.check(got.status == want, "the program got %d instead of %d: %s", got.status, want, abridge(got.body, 4))
}

// mark remembers how many requests have reached DocuSign, for arrived.
func (s *setup) mark() int { return len(s.sandbox.Requests()) }

// arrived are the requests that reached DocuSign after the mark: calls of the API, and what the proxy asked the account
// server.
func (s *setup) arrived(mark int) (calls, asked []sandbox.Recorded) {
	for _, r := range s.sandbox.Requests()[mark:] {
		if strings.HasPrefix(r.Path, "/oauth/") {
			asked = append(asked, r)
			continue
		}
		calls = append(calls, r)
	}
	return calls, asked
}

// translated checks that exactly one call reached DocuSign after the mark, with a token and without a legacy
// credential.
func (s *setup) translated(a *step, mark int) sandbox.Recorded {
	calls, _ := s.arrived(mark)
	if len(calls) != 1 {
		a.check(false, "%d calls reached DocuSign instead of 1", len(calls))
		return sandbox.Recorded{}
	}
	r := calls[0]
	a.check(strings.HasPrefix(r.Header.Get("Authorization"), "Bearer eyJ"), "no bearer token reached DocuSign")
	a.check(r.Header.Get("X-Docusign-Authentication") == "", "the legacy header reached DocuSign")
	return r
}

// received is a request as DocuSign's server read it: header names in order of the alphabet, Host and Authorization
// first.
func received(r sandbox.Recorded, body string) string {
	target := r.Path
	if r.RawQuery != "" {
		target += "?" + r.RawQuery
	}
	lines := []string{r.Method + " " + target + " " + r.Proto, "Host: " + r.Host}
	names := make([]string, 0, len(r.Header))
	for name := range r.Header {
		names = append(names, name)
	}
	slices.SortFunc(names, func(x, y string) int {
		if (x == "Authorization") != (y == "Authorization") {
			return map[bool]int{true: -1, false: 1}[x == "Authorization"]
		}
		return strings.Compare(x, y)
	})
	for _, name := range names {
		for _, value := range r.Header[name] {
			lines = append(lines, name+": "+value)
		}
	}
	text := strings.Join(lines, "\n")
	if body != "" {
		text += "\n\n" + body
	}
	return text
}

// answered is what the program hears, without the headers that matter to machines only.
func answered(h oldAnswer, lines int) string {
	status, _, _ := strings.Cut(h.head, "\r\n")
	return status + "\n" + abridge(h.body, lines)
}

// abridge keeps the first lines of a text.
func abridge(text string, lines int) string {
	all := strings.Split(strings.ReplaceAll(strings.TrimSpace(text), "\r\n", "\n"), "\n")
	if len(all) <= lines {
		return strings.Join(all, "\n")
	}
	return strings.Join(append(all[:lines:lines], "[...]"), "\n")
}

// head is a request without its body.
func head(request string) string {
	h, _, _ := strings.Cut(request, "\r\n\r\n")
	return strings.ReplaceAll(h, "\r\n", "\n")
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\r\n")
	return line
}
