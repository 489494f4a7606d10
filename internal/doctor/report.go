// Package doctor looks for what keeps an old program from reaching DocuSign through the proxy, in the order in which
// things fail, and says of each what was found, why it matters and what to do next. It must never stop at the first
// fault, put a secret into a finding, or change anything at DocuSign or on this machine. The doctor command calls it.
package doctor

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"
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
}

// Name is how other findings refer to this one.
func (f Finding) Name() string { return strings.TrimSpace(f.Check + " " + f.Subject) }

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
	for _, f := range r.Findings {
		switch {
		case f.Status == Fail:
			r.Status, r.ExitCode = Fail, 2
		case f.Status == Warn && r.ExitCode == 0:
			r.Status, r.ExitCode = Warn, 1
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

// WriteFinding writes one finding for eyes; all but the good ones take several lines.
func WriteFinding(w io.Writer, f Finding) error {
	mark := map[Status]string{OK: "ok", Warn: "WARN", Fail: "FAIL", Skipped: "-"}[f.Status]
	text := f.Found
	if f.Status == Skipped {
		text = "skipped: " + text
	}
	if f.Subject != "" {
		text = f.Subject + ": " + text
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-4s  %-12s  %s\n", mark, f.Check, indented(text))
	for _, more := range []struct{ label, text string }{{"why", f.Why}, {"next", f.Next}} {
		if more.text != "" {
			fmt.Fprintf(&b, "%20s%-4s  %s\n", "", more.label,
				strings.ReplaceAll(more.text, "\n", "\n"+strings.Repeat(" ", 26)))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func indented(text string) string {
	return strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", 20))
}

// WriteSummary says how it stands and what to do first.
func (r *Report) WriteSummary(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s, %s, %s", plural(r.Count(OK), "check is ok", "checks are ok"),
		plural(r.Count(Warn), "warning", "warnings"), plural(r.Count(Fail), "failure", "failures"))
	if n := r.Count(Skipped); n > 0 {
		fmt.Fprintf(&b, ", %d skipped", n)
	}
	b.WriteString(".\n")
	if first := r.first(); first != nil {
		fmt.Fprintf(&b, "Begin with: %s.", first.Name())
		if r.Count(Warn)+r.Count(Fail) > 1 {
			b.WriteString(" Others may go away with it; run the doctor again then.")
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// first is the gravest of the earliest findings.
func (r *Report) first() *Finding {
	for _, s := range []Status{Fail, Warn} {
		for i := range r.Findings {
			if r.Findings[i].Status == s {
				return &r.Findings[i]
			}
		}
	}
	return nil
}

// WriteTicket writes a text for a support ticket.
func (r *Report) WriteTicket(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "docusign-auth-proxy doctor\n  program         %s\n  system          %s\n  time            %s\n "+
		" configuration   %s\n  environment     %s\n  account server  %s\n",
		r.Version, r.System, r.Time.UTC().Format(time.RFC3339), r.Config, cmp.Or(r.Environment, "(unknown)"),
		cmp.Or(r.AccountServer, "(unknown)"))
	if r.Offline {
		b.WriteString("  offline         yes, DocuSign was not asked\n")
	}
	fmt.Fprintf(&b, "  result          ok %d, warnings %d, failures %d, skipped %d\n", r.Count(OK), r.Count(Warn),
		r.Count(Fail), r.Count(Skipped))
	b.WriteString("  (holds user names, GUIDs and host names, but no password, key or token)\n\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	for _, f := range r.Findings {
		if err := WriteFinding(w, f); err != nil {
			return err
		}
	}
	return nil
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
