// Command docusign-auth-proxy lets programs that only know DocuSign's legacy authentication go on working.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/internal/app"
)

func main() { os.Exit(mainExit(os.Args[1:])) }

func mainExit(args []string) int {
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM) // on Windows closed windows, log-off and shutdown, too
	go func() { stop(app.EndedBy{Signal: <-signals}) }()
	root := newRoot()
	args = versionFirst(args)
	root.SetArgs(args)
	err := misspelt(root, args)
	if err == nil {
		err = root.ExecuteContext(ctx)
	}
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

Start with "docusign-auth-proxy demo": it needs no file and no network.

Exit code of every command: 0 = done and good, 1 = not, and the reason is told. doctor, soap compare and soap test-envelope tell
more by it, see their help.`,
		Version:       versionLine(), // has cobra list the flag
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(unknownFlag)
	root.AddCommand(newRun(), newDemo(), newSandbox(), newCA(), newCapture(), newConfig(), newDiscover(), newDoctor(),
		newConsent(), newExplain(), newLogin(), newHashPassword(), newHealth(), newPins(), newReload(), newReport(),
		newService(), newSOAP(), newStore(), newTokens(), newManual(), newVersion())
	complete(root)
	return root
}

// versionFirst has the flags for the version be the command. Cobra would need a template to print the same, and those of
// text/template keep every method in the program (see internal/template).
func versionFirst(args []string) []string {
	if len(args) > 0 && slices.Contains([]string{"--version", "-v", "-version"}, args[0]) {
		return []string{"version"}
	}
	return args
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print version, commit and Go version", Example: "  docusign-auth-proxy version",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), versionLine())
			return err
		},
	}
}

func versionLine() string {
	version, commit, goVersion := app.BuildVersion()
	return fmt.Sprintf("docusign-auth-proxy %s (commit %s, %s)", version, commit, goVersion)
}
