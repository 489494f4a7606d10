// Package cause is the one table of what goes wrong: the word by which log, metrics and the cause header name it, what
// it means, how grave it is, what to do next, and where runbook and alerts speak of it. The access log, the status
// page, doctor, the explain command and the tables of docs/runbook.md take their texts from here. It knows nothing else
// of the house, and no text in it may depend on what a caller sent: values are filled in by whoever knows them.
package cause

//go:generate go run ./generate ../../docs

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// ID names a row of the table; 0 is none. Several rows may share a word: they are cases that an operator mends in
// different ways.
type ID uint8

// Severity says who is needed, and when.
type Severity uint8

// The severities, the gravest last. They are those of the alerts' label severity.
const (
	Note   Severity = iota // nobody: it passes, or the program's own content is at fault
	Ticket                 // somebody, this week
	Page                   // somebody, now: programs cannot work
)

func (s Severity) String() string { return [...]string{"note", "ticket", "page"}[min(s, Page)] }

// MarshalText writes the word of String.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the words of String.
func (s *Severity) UnmarshalText(text []byte) error {
	for *s = Note; *s <= Page; *s++ {
		if s.String() == string(text) {
			return nil
		}
	}
	return fmt.Errorf("no severity %q", text)
}

// Section is that of docs/runbook.md with the table of causes.
const Section = "causes-of-failures"

// Entry is a row of the table. In Means and Next, {user} and the like stand for what only the place knows where it
// happened; see Fill.
type Entry struct {
	Word     string // bounded; in cause of the log, the label cause and X-DocuSign-Auth-Proxy-Cause
	Means    string // what happened; begins lower case, without a full stop
	Severity Severity
	Next     string // what the operator does
	Anchor   string // section of docs/runbook.md
	Alert    string // the rule that tells of it; "" = none
	Sees     string // what the old program is shown, in several cases with "; " between; "" = nothing of its own
}

// Of gives a row.
func (id ID) Of() Entry { return table()[min(id, ids-1)] }

// String is the word.
func (id ID) String() string { return id.Of().Word }

// Next is what the operator does next. fill is pairs of a placeholder's name and its value, such as "user",
// "anna@example.com".
func (id ID) Next(fill ...string) string { return Fill(id.Of().Next, fill...) }

// Means is what happened; fill as for Next.
func (id ID) Means(fill ...string) string { return Fill(id.Of().Means, fill...) }

// general are the values that a text may ask for, each with the words that stand where nobody knows it.
var general = sync.OnceValue(func() map[string]string { //nolint:gochecknoglobals // read only, and made once
	return map[string]string{
		"user": "the user", "guid": "the user's GUID", "key": "the integrator key", "integration": "the integration",
		"host": "the host", "address": "the address", "server": "the account server", "environment": "this environment",
		"other": "the other", "principal": "the principal",
		"consent":  "the consent page (docusign-auth-proxy consent)",
		"redirect": "(it stands in the address)", "config": "FILE",
		"scopes": "oauth.scopes", "tried": "see private_keys", "client": "the client", "until": "the last day",
		"proxy": "upstream.proxy", "offset": "some time",
		"program": "another program", "instead": "choose another address", "port": "the port", "listener": "listen",
		"detail": "", "count": "some",
	}
})

// Fill puts values in place of {name}. A value that is "" or not given is told in general words, or left out with the
// colon before it.
func Fill(text string, fill ...string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "{")
		if !found {
			b.WriteString(text)
			return strings.TrimSuffix(b.String(), ": ")
		}
		name, after, _ := strings.Cut(rest, "}")
		value, told := valueOf(name, fill), "{"+name+"}" // a name that nobody knows stays for the test to find
		if words, known := general()[name]; known {
			told = words
		}
		// A command is pasted: it names nobody in general words.
		if option, of := strings.CutSuffix(before, "--integration "); of && value == "" {
			before, after, told = option, strings.TrimPrefix(after, " "), ""
		} else if strings.HasSuffix(before, "--user ") {
			told = "USER"
		}
		switch {
		case name == "config" && strings.Contains(value, " "): // as under C:\Program Files
			value = `"` + value + `"`
		case name == "consent" && strings.HasPrefix(value, "https://"):
			value = ConsentPage(value, valueOf("user", fill))
		}
		b.WriteString(before + cmp.Or(value, told))
		text = after
	}
}

// ConsentPage adds the address that the page's log-in form begins with: whoever is logged in there is the one who
// consents. A name that is no e-mail address adds nothing.
func ConsentPage(page, username string) string {
	if page == "" || !strings.Contains(username, "@") || strings.Contains(page, "&login_hint=") {
		return page
	}
	return page + "&login_hint=" + url.QueryEscape(username)
}

// valueOf takes the last one given.
func valueOf(name string, fill []string) (value string) {
	for pair := range slices.Chunk(fill, 2) {
		if pair[0] == name && pair[len(pair)-1] != "" {
			value = pair[len(pair)-1]
		}
	}
	return value
}

// Capitals writes USER for {user} and the like, as documents do where nobody is meant.
func Capitals(text string) string {
	text = strings.ReplaceAll(text, "{config}", "FILE")
	text = regexp.MustCompile(`\{[a-z_]+\}`).ReplaceAllStringFunc(text, func(name string) string {
		return strings.ToUpper(strings.Trim(name, "{}"))
	})
	return strings.TrimSuffix(text, ": DETAIL")
}

// Lookup finds the first row with a word. docusign_ and a status that has no row of its own is known by its class, and
// a rule by which an address is refused by what opens the address.
func Lookup(word string) (ID, bool) {
	for _, id := range All() {
		if id.Of().Word == word {
			return id, true
		}
	}
	if rest, ok := strings.CutPrefix(word, "docusign_"); ok && len(rest) == 3 && rest[1:] != "xx" {
		return Lookup("docusign_" + rest[:1] + "xx")
	}
	return ofAddress(word)
}

// All are the rows in the order of the documents.
func All() []ID {
	list := make([]ID, 0, ids-1)
	for id := ID(1); id < ids; id++ {
		list = append(list, id)
	}
	return list
}

// table puts the parts together, once.
var table = sync.OnceValue(func() *[ids]Entry { //nolint:gochecknoglobals // read only, and made once
	var all [ids]Entry
	parts := []map[ID]Entry{credentials(), logins(), requests(), soap(), answers(), grants(), network(), connects(),
		connections(), conditions(), stores(), notes()}
	for _, part := range parts {
		for id, e := range part {
			all[id] = e
		}
	}
	return &all
})
