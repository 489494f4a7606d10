package doctor

import (
	"context"
	"fmt"
	"io"
	"slices"

	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/shown"
)

// Options say what the doctor looks at and how it tells of it.
type Options struct {
	Config                string // path
	JSON, Offline, Ticket bool
	Out, Log              io.Writer
}

// Examine carries out the doctor's command. The error is an app.ExitError where the findings ask for an exit code.
func Examine(ctx context.Context, o Options) error {
	plan, cfg, done := planOf(o.Config, o.Offline)
	var broken error
	if !o.JSON && !o.Ticket {
		plan.Found = func(found Finding) {
			if err := WriteFinding(o.Out, found); err != nil {
				broken = err
			}
		}
	}
	report := Run(ctx, plan)
	granted := func(f Finding) bool { return f.Check == "grant" && f.Status == OK }
	if cfg != nil && slices.ContainsFunc(report.Findings, granted) {
		app.AskRetry(ctx, cfg)
	}
	if err := done(); err != nil {
		fmt.Fprintln(o.Log, "store:", err)
	}
	if broken != nil {
		return broken
	}
	if err := report.write(o); err != nil {
		return err
	}
	if report.ExitCode != 0 {
		return app.ExitError{Code: report.ExitCode}
	}
	return nil
}

func (r *Report) write(o Options) error {
	switch {
	case o.JSON:
		return shown.JSON(o.Out, r)
	case o.Ticket:
		return r.WriteTicket(o.Out)
	}
	if err := r.WriteSummary(o.Out); err != nil || r.ExitCode == 0 {
		return err
	}
	_, err := fmt.Fprintf(o.Out, "For support: docusign-auth-proxy doctor --config %s --ticket\n", o.Config)
	return err
}
