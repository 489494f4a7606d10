// Command docusign-auth-proxy lets programs that only know DocuSign's legacy authentication go on working.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

func main() { os.Exit(mainExit(os.Args[1:])) }

// exitError carries the exit code of a command that has said all there is to say.
type exitError struct{ code int }

func (e exitError) Error() string { return fmt.Sprintf("exit %d", e.code) }

func mainExit(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var exit exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.code
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
	root.AddCommand(newRun(), newDemo(), newSandbox(), newCA(), newCapture(), newConfig(), newDiscover(), newDoctor(), newConsent(), newLogin(),
		newHashPassword(), newHealth(), newPins(), newReload(), newReport(), newTokens(), newManual(), newVersion())
	return root
}

// buildVersion tells the module's version or the commit it was built from.
func buildVersion() (version, commit, goVersion string) {
	version, commit = "devel", "unknown"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version, commit, "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		version = v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			commit = s.Value
		}
	}
	return version, commit, info.GoVersion
}
