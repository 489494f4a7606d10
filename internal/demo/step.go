package demo

import (
	"fmt"
	"maps"
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

// received is a request as DocuSign's server read it: Host and Authorization first, then by the alphabet.
func received(r sandbox.Recorded) string {
	target := r.Path
	if r.RawQuery != "" {
		target += "?" + r.RawQuery
	}
	lines := []string{r.Method + " " + target + " " + r.Proto, "Host: " + r.Host}
	others := slices.DeleteFunc(slices.Sorted(maps.Keys(r.Header)), func(n string) bool { return n == "Authorization" })
	for _, name := range append([]string{"Authorization"}, others...) {
		for _, value := range r.Header[name] {
			lines = append(lines, name+": "+value)
		}
	}
	return strings.Join(lines, "\n")
}

// briefly shows where a translated call went and with what.
func briefly(r sandbox.Recorded) string {
	return fmt.Sprintf("%s https://%s%s\nAuthorization: %s", r.Method, r.Host, r.Path, r.Header.Get("Authorization"))
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
