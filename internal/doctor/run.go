package doctor

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/shown"
)

type DoctorFlags struct {
	Config                string
	Json, Offline, Ticket bool
}

func RunDoctor(cmd *cobra.Command, f DoctorFlags) error {
	plan, done := doctorPlan(f.Config, f.Offline)
	out := cmd.OutOrStdout()
	var broken error
	if !f.Json && !f.Ticket {
		plan.Found = func(found Finding) {
			if err := WriteFinding(out, found); err != nil {
				broken = err
			}
		}
	}
	report := Run(cmd.Context(), plan)
	granted := func(f Finding) bool { return f.Check == "grant" && f.Status == OK }
	if cfg, err := config.Load(f.Config); err == nil && slices.ContainsFunc(report.Findings, granted) {
		app.AskRetry(cmd.Context(), cfg)
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
		return app.ExitError{Code: report.ExitCode}
	}
	return nil
}

func writeReport(out io.Writer, report *Report, f DoctorFlags) error {
	switch {
	case f.Json:
		return shown.JSON(out, report)
	case f.Ticket:
		return report.WriteTicket(out)
	}
	if err := report.WriteSummary(out); err != nil || report.ExitCode == 0 {
		return err
	}
	_, err := fmt.Fprintf(out, "For support: docusign-auth-proxy doctor --config %s --ticket\n", f.Config)
	return err
}
