package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/internal/app"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print version, commit and Go version", Example: "  docusign-auth-proxy version",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			version, commit, goVersion := app.BuildVersion()
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "docusign-auth-proxy %s (commit %s, %s)\n", version, commit,
				goVersion)
			return err
		},
	}
}
