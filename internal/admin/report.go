package admin

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"docusign-auth-proxy/internal/observe/ledger"
)

// Formats are the names that WriteReport knows.
func Formats() []string { return []string{"table", "json", "csv", "html"} }

// WriteReport writes a status for reading without the listener: table for a terminal, json as /api/status, csv with a
// line for each caller, html as one file that needs no other. now is the time of the report unless the status has one.
func WriteReport(w io.Writer, format string, s Status, now time.Time) error {
	s = complete(s, now)
	switch format {
	case "table":
		return writeTable(w, &s)
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(s)
	case "csv":
		return writeCSV(w, &s)
	case "html":
		return writeHTML(w, s)
	}
	return fmt.Errorf("format %q is none of %s", format, strings.Join(Formats(), ", "))
}

func writeHTML(w io.Writer, s Status) error {
	sum := sha256.Sum256(styleSheet)
	return newPages().execute(w, "report", &page{
		lists: lists{Status: s}, Static: true,
		StylePolicy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; base-uri 'none'; form-action 'none'",
	})
}

func writeTable(w io.Writer, s *Status) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	line := func(cells ...string) {
		for i := range cells {
			cells[i] = oneLine(cells[i])
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	line(s.Migration.Headline + ".")
	line(s.Migration.Verdict)
	line("As of " + s.Generated.Format(shortUTC) + ".")
	if r := s.Replicas; r != nil && !r.Counts.AsOf.IsZero() {
		line("Counts of all replicas, as of " + relative(r.Counts.AsOf, s.Generated) + ".")
	}
	if len(s.Attention) > 0 {
		line("")
		line("NEEDS A PERSON")
	}
	for _, a := range s.Attention {
		line("- " + a.Subject + ": " + a.Problem)
		if a.NextStep != "" {
			fmt.Fprintln(t, "  next: "+oneLine(a.NextStep))
		}
		if a.ConsentURL != "" {
			fmt.Fprintln(t, "  consent: "+oneLine(a.ConsentURL))
		}
	}
	// Cells of one block are aligned with each other; a line without a tab ends the block.
	line("")
	line("INTEGRATION", "STATE", "LAST SEEN", "CALLS 24H", "CALLS", "FAILED", "SCHEMES")
	p := &page{lists: lists{Status: *s}}
	for _, i := range p.Sorted() {
		line(i.Name, i.StateText, seen(p, i.LastSeen), number(i.CallsLast24h), number(i.Calls), number(i.Failed),
			strings.Join(i.Schemes, " "))
	}
	line("")
	line("INTEGRATION", "USER", "ACTS FOR", "SCHEME", "API", "LAST SEEN", "CALLS", "FAILED", "LAST ERROR")
	for _, i := range p.Sorted() {
		for _, c := range i.Callers {
			line(i.Name, c.Authenticator, c.Principal, c.Scheme, c.API, seen(p, c.LastSeen), number(c.Calls),
				number(c.Failed), c.LastError)
		}
	}
	writeOperations(p, line)
	if len(s.Unknown) > 0 {
		line("")
		line("UNKNOWN KEY", "INTEGRATION", "USER", "SCHEME", "DOOR", "API", "LAST SEEN", "CALLS", "CLIENT", "PROGRAM")
	}
	for _, u := range s.Unknown {
		for _, c := range u.Callers {
			line(u.IntegratorKey, u.Integration, c.Authenticator, c.Scheme, c.Door, c.API, seen(p, c.LastSeen),
				number(c.Calls), c.Client, c.UserAgent)
		}
	}
	writeReplicas(s, line)
	return t.Flush()
}

func writeReplicas(s *Status, line func(...string)) {
	if s.Replicas == nil {
		return
	}
	line("")
	line("REPLICA", "DIFFERS IN", "VERSION", "CONFIGURATION", "RUNNING SINCE", "CHANGES", "NOT SENT",
		"OPERATIONS LISTENER")
	for _, r := range s.Replicas.List {
		line(r.Name, cmp.Or(strings.Join(r.Drift(), ", "), "nothing"), r.Version, r.ConfigHash,
			relative(r.Started, s.Generated), fmt.Sprintf("%.1f s ago", r.FeedLagSeconds), number(r.UnsentCalls), r.Operations)
	}
}

// writeOperations tells which SOAP operations were seen, how well REST carries them out, and what would become of the
// calls of observed integrations.
func writeOperations(p *page, line func(...string)) {
	head := func() {
		line("")
		line("INTEGRATION", "SOAP OPERATION", "API", "LAST SEEN", "CALLS", "OVER REST", "LOSS")
	}
	for _, i := range p.Sorted() {
		for _, o := range i.Operations {
			head()
			head = func() {}
			line(i.Name, o.Name, o.API, seen(p, o.LastSeen), number(o.Calls), o.Class, o.Loss)
		}
		for _, verdict := range []string{i.Verdict, i.ObserveVerdict} {
			if verdict != "" {
				line(i.Name + ": " + verdict)
			}
		}
	}
}

func seen(p *page, t time.Time) string {
	switch {
	case t.IsZero() && p.Status.NotKnown != "":
		return "not known"
	case t.IsZero():
		return "never"
	}
	return p.Relative(t)
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }

// oneLine also takes out tabs, which separate cells; the texts are clean of other controls.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// csvHead are the columns of the CSV form. New ones are added at the end.
const csvHead = "kind,integration,integrator_key,mode,state,needs_proxy,authenticator,principal,scheme,door,api,way," +
	"first_seen,last_seen,calls,failed,last_status,last_error,last_error_at,client,user_agent,bytes_in,bytes_out," +
	"last_cause,last_next_step,rehearsed,would_work,verdict"

// csvReplicaHead are those of replicas on one store.
const csvReplicaHead = ",replica,version,config_hash,drift"

// writeCSV writes a line of kind integration for each, of kind caller for each of its users, of kind unknown for the
// others, of kind replica for each of those that share a store.
func writeCSV(w io.Writer, s *Status) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true // RFC 4180
	head := csvHead
	if s.Replicas != nil {
		head += csvReplicaHead
	}
	columns := strings.Split(head, ",")
	record := func(cells ...string) {
		cells = append(cells, make([]string, len(columns)-len(cells))...)
		for i := range cells {
			cells[i] = cell(cells[i])
		}
		_ = c.Write(cells) // c.Error tells of it again
	}
	record(columns...)
	for _, i := range s.Integrations {
		head := []string{i.Name, i.IntegratorKey, i.Mode, i.State, strconv.FormatBool(i.NeedsProxy)}
		whole := Caller{
			FirstSeen: i.FirstSeen, LastSeen: i.LastSeen, Calls: i.Calls, Failed: i.Failed, LastError: i.LastError,
			LastErrorAt: i.LastErrorAt, BytesIn: i.BytesIn, BytesOut: i.BytesOut, LastCause: i.LastCause, LastNext: i.LastNext,
		}
		cells := csvCells("integration", head, whole)
		if r := i.Rehearsals; r != nil {
			copy(cells[len(cells)-3:], []string{number(r.Calls), number(r.WouldWork), i.ObserveVerdict})
		}
		if i.State == string(ledger.StateNotKnown) {
			head[len(head)-1], cells[len(head)] = "", "" // needs_proxy
			cells[len(cells)-1] = i.NextStep
		}
		record(cells...)
		for _, caller := range i.Callers {
			record(csvCells("caller", head, caller)...)
		}
	}
	for _, u := range s.Unknown {
		for _, caller := range u.Callers {
			record(csvCells("unknown", []string{u.Integration, u.IntegratorKey, "", "", ""}, caller)...)
		}
	}
	if s.Replicas != nil {
		for _, r := range s.Replicas.List {
			cells := csvCells("replica", make([]string, 5), Caller{FirstSeen: r.Started})
			record(append(cells, r.Name, r.Version, r.ConfigHash, strings.Join(r.Drift(), " "))...)
		}
	}
	c.Flush()
	return c.Error()
}

func csvCells(kind string, head []string, c Caller) []string {
	status := ""
	if c.LastStatus != 0 {
		status = strconv.Itoa(c.LastStatus)
	}
	cells := append([]string{kind}, head...)
	return append(cells, c.Authenticator, c.Principal, c.Scheme, c.Door, c.API, c.Way, csvTime(c.FirstSeen),
		csvTime(c.LastSeen), number(c.Calls), number(c.Failed), status, c.LastError, csvTime(c.LastErrorAt), c.Client,
		c.UserAgent, number(c.BytesIn), number(c.BytesOut), c.LastCause, c.LastNext, "", "", "")
}

func csvTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// cell keeps a spreadsheet from taking a caller's text for a formula.
func cell(s string) string {
	s = oneLine(s)
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}
