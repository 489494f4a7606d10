package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/internal/words"
)

// explained is a row of the table of causes, for people and for programs.
type explained struct {
	Cause    string         `json:"cause"`
	Severity cause.Severity `json:"severity"`
	Means    string         `json:"means"`
	Next     string         `json:"next_step"`
	Sees     string         `json:"program_sees,omitempty"`
	Alert    string         `json:"alert,omitempty"`
	Runbook  string         `json:"runbook"`
}

func newExplain() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "explain [CAUSE]", Short: "Tell what a cause in log, metrics or alert means, and what to do",
		Long: `A cause is the word by which the proxy tells why a call failed: cause in the log, the label cause in the metrics, the header
X-DocuSign-Auth-Proxy-Cause of an answer. This prints what it means, how grave it is, what to do next, what the old program sees, the
alert that tells of it and the section of docs/runbook.md. One word can stand for several cases that are mended in different ways: all
are printed. Without a word it lists them. USER, KEY, HOST and the like stand for what only the log line knows.

Severity: page = somebody is needed now, ticket = somebody this week, note = nobody.`,
		Example: "  docusign-auth-proxy explain consent_required\n  docusign-auth-proxy explain",
		Args:    cobra.MaximumNArgs(1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return causeWords(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			rows, err := explain(args)
			if err != nil {
				return err
			}
			if asJSON {
				return shown.JSON(cmd.OutOrStdout(), map[string][]explained{"causes": rows})
			}
			say := causeTable
			if len(args) > 0 {
				say = causeText
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), say(rows))
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "answer in JSON, for programs")
	return cmd
}

// explain gives the rows of a word, or all.
func explain(args []string) ([]explained, error) {
	word := ""
	if len(args) > 0 {
		id, ok := cause.Lookup(args[0])
		if !ok {
			return nil, unknownCause(args[0])
		}
		word = id.String()
	}
	var rows []explained
	for _, id := range cause.All() {
		if e := id.Of(); word == "" || e.Word == word {
			rows = append(rows, explained{Cause: e.Word, Severity: e.Severity, Means: cause.Capitals(e.Means),
				Next: cause.Capitals(e.Next), Sees: e.Sees, Alert: e.Alert, Runbook: "docs/runbook.md#" + e.Anchor})
		}
	}
	return rows, nil
}

func unknownCause(word string) error {
	var known []string
	for _, id := range cause.All() {
		known = append(known, id.String())
	}
	hint := cmp.Or(words.DidYouMean(words.Nearest(word, known)), "docusign-auth-proxy explain lists them")
	return fmt.Errorf("no cause is called %q (%s)", shown.Printable(word), hint)
}

// causeWords are the words, each once, with what the first case means.
func causeWords() []cobra.Completion {
	var all []cobra.Completion
	seen := map[string]bool{}
	for _, id := range cause.All() {
		if !seen[id.String()] {
			seen[id.String()] = true
			all = append(all, cobra.CompletionWithDesc(id.String(), cause.Capitals(id.Of().Means)))
		}
	}
	return all
}

func causeText(rows []explained) string {
	var b strings.Builder
	for i, r := range rows {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s: %s\n", r.Cause, r.Means)
		for _, line := range [][2]string{
			{"next", r.Next}, {"severity", r.Severity.String()}, {"program sees", r.Sees}, {"alert", r.Alert},
			{"runbook", r.Runbook},
		} {
			if line[1] != "" {
				fmt.Fprintf(&b, "  %-13s %s\n", line[0], line[1])
			}
		}
	}
	return b.String()
}

// causeTable has each word once, with what its first case means.
func causeTable(rows []explained) string {
	lines := []string{"cause\tseverity\tmeans"}
	for i, r := range rows {
		if !slices.ContainsFunc(rows[:i], func(before explained) bool { return before.Cause == r.Cause }) {
			lines = append(lines, r.Cause+"\t"+r.Severity.String()+"\t"+r.Means)
		}
	}
	return table(lines) + "next: docusign-auth-proxy explain CAUSE\n"
}
