package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/doctor"
)

type doctorFlags struct {
	config                string
	json, offline, ticket bool
}

func newDoctor() *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use: "doctor", Short: "Find out why calls do not reach DocuSign, and what to do",
		Long: `Checks everything that lies between an old program and DocuSign, in the order in which things fail, and does not stop at the first
fault: configuration, keys, CA, hosts file, listeners; then the network, the clock, a token for every user, their accounts and
sites, one harmless REST call each, and which ways of SOAP the account takes. Each finding tells the next step.

It changes nothing, here or at DocuSign, and may run beside the proxy. If DocuSign gives a token, a running proxy is told
to ask again at once for what it was refused. Exit code: 0 all is well, 1 warnings, 2 failures.`,
		Example: `  docusign-auth-proxy doctor --config proxy.yaml
  docusign-auth-proxy doctor --config proxy.yaml --offline
  docusign-auth-proxy doctor --config proxy.yaml --ticket > ticket.txt`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runDoctor(cmd, f) },
	}
	configFlag(cmd, &f.config)
	cmd.Flags().BoolVar(&f.json, "json", false, "print the report as JSON")
	cmd.Flags().BoolVar(&f.offline, "offline", false, "check only what can be seen on this machine")
	cmd.Flags().BoolVar(&f.ticket, "ticket", false, "print a text for a support ticket: no password, key or token in it")
	cmd.MarkFlagsMutuallyExclusive("json", "ticket")
	return cmd
}

func runDoctor(cmd *cobra.Command, f doctorFlags) error {
	plan, done := doctorPlan(f.config, f.offline)
	out := cmd.OutOrStdout()
	var broken error
	if !f.json && !f.ticket {
		plan.Found = func(found doctor.Finding) {
			if err := doctor.WriteFinding(out, found); err != nil {
				broken = err
			}
		}
	}
	report := doctor.Run(cmd.Context(), plan)
	granted := func(f doctor.Finding) bool { return f.Check == "grant" && f.Status == doctor.OK }
	if cfg, err := config.Load(f.config); err == nil && slices.ContainsFunc(report.Findings, granted) {
		askRetry(cmd.Context(), cfg)
	}
	if err := done(); err != nil {
		fmt.Fprintln(cmd.ErrOrStderr(), "store:", err)
	}
	if broken != nil {
		return broken
	}
	if err := writeReport(out, report, f); err != nil {
		return err
	}
	if report.ExitCode != 0 {
		return exitError{report.ExitCode}
	}
	return nil
}

func writeReport(out io.Writer, report *doctor.Report, f doctorFlags) error {
	switch {
	case f.json:
		return writeJSON(out, report)
	case f.ticket:
		return report.WriteTicket(out)
	}
	if err := report.WriteSummary(out); err != nil || report.ExitCode == 0 {
		return err
	}
	_, err := fmt.Fprintf(out, "For support: docusign-auth-proxy doctor --config %s --ticket\n", f.config)
	return err
}

// writeJSON leaves & and < in addresses as they are: people copy them.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
