package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"docusign-auth-proxy/internal/words"
)

// Status is how a check came out.
type Status string

// The statuses. Skipped ones could not be looked at because of an earlier fault, or were not asked for.
const (
	OK      Status = "ok"
	Warn    Status = "warn"
	Fail    Status = "fail"
	Skipped Status = "skipped"
)

// Finding is the result of one check.
type Finding struct {
	Check   string `json:"check"`             // one word or two, bounded: "grant"
	Subject string `json:"subject,omitempty"` // what was checked: "nightly-billing anna@example.com"
	Status  Status `json:"status"`
	Found   string `json:"found"`             // one sentence, also when all is well
	Why     string `json:"why,omitempty"`     // why it matters; not with OK
	Next    string `json:"next,omitempty"`    // what to do; always with Warn and Fail
	Because string `json:"because,omitempty"` // with Skipped: the finding that is in the way
	Pages   []Page `json:"pages,omitempty"`   // where users mend it, each for themselves
}

// Page is where one user mends a finding in a browser.
type Page struct {
	User string `json:"user"`
	URL  string `json:"url"`
}

// Name is how other findings refer to this one.
func (f Finding) Name() string { return strings.TrimSpace(f.Check + " " + f.Subject) }

// String is the finding for eyes; all but the good ones take several lines.
func (f Finding) String() string {
	mark := map[Status]string{OK: "ok", Warn: "WARN", Fail: "FAIL", Skipped: "-"}[f.Status]
	text := f.Found
	if f.Status == Skipped {
		text = "skipped: " + text
	}
	if f.Subject != "" {
		text = f.Subject + ": " + text
	}
	more := func(label, text string) string {
		if text == "" {
			return ""
		}
		return fmt.Sprintf("%20s%-4s  %s\n", "", label, indented(text, 26))
	}
	text = fmt.Sprintf("%-4s  %-12s  %s\n", mark, f.Check, indented(text, 20)) + more("why", f.Why) + more("next", f.Next)
	for _, page := range f.Pages { // each on a line of its own, whole, to be copied
		text += more("page", page.User+"\n"+page.URL)
	}
	return text
}

func indented(text string, by int) string {
	return strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", by))
}

// Report is everything that was found, in the order of the checks.
type Report struct {
	Version       string    `json:"version"`
	System        string    `json:"system"`
	Config        string    `json:"config"`
	Environment   string    `json:"environment"`
	AccountServer string    `json:"account_server"`
	Time          time.Time `json:"time"`
	Offline       bool      `json:"offline"`
	Status        Status    `json:"status"`
	ExitCode      int       `json:"exit_code"`
	Findings      []Finding `json:"findings"`
}

// settle fills in what follows from the findings: 0 ok, 1 warnings, 2 failures.
func (r *Report) settle() {
	r.Status, r.ExitCode = OK, 0
	for code, s := range []Status{OK, Warn, Fail} {
		if r.Count(s) > 0 {
			r.Status, r.ExitCode = s, code
		}
	}
}

// Count is the number of findings with a status.
func (r *Report) Count(s Status) int {
	n := 0
	for _, f := range r.Findings {
		if f.Status == s {
			n++
		}
	}
	return n
}

// Summary says how it stands and what to do first: the earliest of the gravest findings.
func (r *Report) Summary() string {
	out := fmt.Sprintf("\n%s, %s, %s", words.Count(r.Count(OK), "check is ok", "checks are ok"),
		words.Count(r.Count(Warn), "warning", "warnings"), words.Count(r.Count(Fail), "failure", "failures"))
	if n := r.Count(Skipped); n > 0 {
		out += fmt.Sprintf(", %d skipped", n)
	}
	out += ".\n"
	if r.ExitCode == 0 {
		return out
	}
	first := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Status == r.Status })
	out += "Begin with: " + r.Findings[first].Name() + "."
	if r.Count(Warn)+r.Count(Fail) > 1 {
		out += " Others may go away with it; run the doctor again then."
	}
	return out + "\nFor support: docusign-auth-proxy doctor --config " + words.Argument(r.Config) + " --ticket\n"
}

// Ticket is a text for a support ticket.
func (r *Report) Ticket() string {
	var out strings.Builder
	fmt.Fprintf(&out, "docusign-auth-proxy doctor\n  program         %s\n  system          %s\n  time            %s\n "+
		" configuration   %s\n  environment     %s\n  account server  %s\n",
		r.Version, r.System, r.Time.UTC().Format(time.RFC3339), r.Config, cmp.Or(r.Environment, "(unknown)"),
		cmp.Or(r.AccountServer, "(unknown)"))
	if r.Offline {
		out.WriteString("  offline         yes, DocuSign was not asked\n")
	}
	fmt.Fprintf(&out, "  result          ok %d, warnings %d, failures %d, skipped %d\n"+
		"  (holds user names, GUIDs and host names, but no password, key or token)\n\n",
		r.Count(OK), r.Count(Warn), r.Count(Fail), r.Count(Skipped))
	for _, f := range r.Findings {
		out.WriteString(f.String())
	}
	return out.String()
}
