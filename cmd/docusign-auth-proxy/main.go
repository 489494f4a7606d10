// Command docusign-auth-proxy lets programs that only know DocuSign's legacy authentication go on working.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/internal/app"
)

func main() { os.Exit(mainExit(os.Args[1:])) }

func mainExit(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var exit app.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.Code
	}
	fmt.Fprintln(os.Stderr, "docusign-auth-proxy:", err)
	return 1
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "docusign-auth-proxy",
		Short: "Let programs with DocuSign's legacy authentication go on working over OAuth",
		Long: `docusign-auth-proxy stands between an old program that nobody can change and DocuSign. The program keeps sending integrator key,
user name and password; DocuSign receives an OAuth bearer token got by JWT grant, at the site where the account lives.

Start with "docusign-auth-proxy demo": it needs no file and no network.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newRun(), newDemo(), newSandbox(), newCA(), newCapture(), newConfig(), newDiscover(), newDoctor(),
		newConsent(), newLogin(),
		newHashPassword(), newHealth(), newPins(), newReload(), newReport(), newSOAP(), newTokens(), newManual(), newVersion())
	return root
}

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
