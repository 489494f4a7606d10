package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
)

func newConfig() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check a configuration, print the reference"}
	cmd.AddCommand(newConfigCheck(), newConfigReference())
	return cmd
}

func newConfigCheck() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use: "check", Short: "Report every problem of a configuration with file and line",
		Example: "  docusign-auth-proxy config check --config proxy.yaml", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(path)
			var problems config.Problems
			if err == nil {
				problems = app.Preflight(cfg)
			}
			if errors.As(err, &problems) || len(problems) > 0 {
				for _, p := range problems {
					fmt.Fprintln(cmd.OutOrStdout(), p.String())
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%d problems\n", len(problems))
				return app.ExitError{Code: 1}
			}
			if err != nil {
				return err
			}
			warnings := cfg.Warnings
			// A store that is not there, or that a running proxy has, tells nothing here.
			if l, err := app.StoredLedger(cfg.Store, nil); err == nil {
				warnings = append(warnings, app.SOAPWarnings(cfg, l)...)
			}
			for _, w := range warnings {
				fmt.Fprintln(cmd.OutOrStdout(), "warning:", w.String())
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is good: %d integrations, environment %s\nnext: docusign-auth-proxy "+
				"run --config %s\n", path, len(cfg.Integrations), cfg.Environment, path)
			return nil
		},
	}
	configFlag(cmd, &path)
	return cmd
}

func newConfigReference() *cobra.Command {
	return &cobra.Command{
		Use: "reference", Short: "Print every configuration field with default, effect and danger",
		Example: "  docusign-auth-proxy config reference", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(cmd.OutOrStdout(), config.ReferenceMarkdown())
			return err
		},
	}
}
