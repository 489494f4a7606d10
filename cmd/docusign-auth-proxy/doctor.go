package main

import (
	"github.com/spf13/cobra"

	"docusign-auth-proxy/internal/doctor"
)

func newDoctor() *cobra.Command {
	var f doctor.Options
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
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.Out, f.Log = cmd.OutOrStdout(), cmd.ErrOrStderr()
			return doctor.Examine(cmd.Context(), f)
		},
	}
	configFlag(cmd, &f.Config)
	cmd.Flags().BoolVar(&f.JSON, "json", false, "print the report as JSON")
	cmd.Flags().BoolVar(&f.Offline, "offline", false, "check only what can be seen on this machine")
	cmd.Flags().BoolVar(&f.Ticket, "ticket", false,
		"print a text for a support ticket: no password, key or token in it")
	cmd.MarkFlagsMutuallyExclusive("json", "ticket")
	return cmd
}
