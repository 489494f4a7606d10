// Command generate writes the tables of causes into the documents, so that they say what log and status page say. go
// generate runs it, with the folder of the documents as its argument. It must never change what stands outside the
// markers. A test beside it holds the documents against the table.
package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/cause"
)

func main() {
	if err := write(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func write(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want one argument, the folder of the documents, and not %q", args)
	}
	for _, name := range documents() {
		path := filepath.Join(args[0], name)
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		filled, err := fill(string(text))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(path, []byte(filled), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func documents() []string { return []string{"runbook.md", "troubleshooting.md"} }

// fill puts each table between its markers.
func fill(text string) (string, error) {
	markers := regexp.MustCompile(`(?s)(<!-- causes: ([a-z ]+) -->\n).*?(<!-- end of causes -->)`)
	var unknown error
	filled := markers.ReplaceAllStringFunc(text, func(old string) string {
		m := markers.FindStringSubmatch(old)
		table, ok := tables()[m[2]]
		if !ok {
			unknown = fmt.Errorf("there is no table %q", m[2])
			return old
		}
		return m[1] + table() + m[3]
	})
	return filled, unknown
}

// tables are made by these, by the name in their markers. Each row of the table of causes is in one of those that say
// what happened.
func tables() map[string]func() string {
	happened := func(from, to cause.ID) func() string {
		return func() string { return whatHappened(from, to) }
	}
	return map[string]func() string{
		"of calls":               happened(0, cause.NotListed),
		"of connects":            happened(cause.NotListed, cause.NoCA),
		"of connections":         happened(cause.NoCA, cause.ConfigNotLoaded),
		"of the proxy":           happened(cause.ConfigNotLoaded, math.MaxUint8),
		"by what a program sees": bySight,
	}
}

// whatHappened has the rows from one up to another, without that.
func whatHappened(from, to cause.ID) string {
	var b strings.Builder
	b.WriteString("| Cause | What happened | What to do |\n|---|---|---|\n")
	before := ""
	for _, id := range cause.All() {
		if id < from || id >= to {
			continue
		}
		e := id.Of()
		word := linked(e, "")
		if e.Word == before {
			word = ""
		}
		before = e.Word
		fmt.Fprintf(&b, "| %s | %s | %s |\n", word, plain(e.Means), plain(e.Next))
	}
	return b.String()
}

// bySight has the rows that show a program something, those that look alike together.
func bySight() string {
	var sights []string
	rows := map[string][]cause.Entry{}
	for _, id := range cause.All() {
		e := id.Of()
		for sees := range strings.SplitSeq(e.Sees, "; ") {
			if sees != "" && !slices.Contains(sights, sees) {
				sights = append(sights, sees)
			}
			rows[sees] = append(rows[sees], e)
		}
	}
	var b strings.Builder
	b.WriteString("| The program sees | Cause | What to do |\n|---|---|---|\n")
	for _, sees := range sights {
		for i, e := range rows[sees] {
			first := ""
			if i == 0 {
				first = plain(sees)
			}
			fmt.Fprintf(&b, "| %s | %s: %s | %s |\n", first, linked(e, "runbook.md"), plain(e.Means), plain(e.Next))
		}
	}
	return b.String()
}

// linked is the word of a row, which leads to its section of the runbook where that is not the table itself.
func linked(e cause.Entry, document string) string {
	if e.Anchor == cause.Section {
		return "`" + e.Word + "`"
	}
	return "[`" + e.Word + "`](" + document + "#" + e.Anchor + ")"
}

// plain makes a cell of a Markdown table.
func plain(text string) string {
	return strings.NewReplacer("|", `\|`, "<", `\<`, "*", `\*`).Replace(cause.Capitals(text))
}
