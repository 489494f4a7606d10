package main

import (
	"github.com/spf13/cobra"

	"docusign-auth-proxy/internal/demo"
)

func newDemo() *cobra.Command {
	d := &demo.Demo{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See it work: an old program, the proxy and a stand-in for DocuSign, all on this machine",
		Long: `Starts the proxy and a strict stand-in for DocuSign on loopback, lets an old program call through every way in, shows the bytes before and
after (secrets masked) and the metrics that moved, and ends. It needs no file and no network. The exit code is 1 if anything did not
behave as it should, so it also checks an installation.`,
		Example: "  docusign-auth-proxy demo\n  docusign-auth-proxy demo --keep",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.Out, d.Log = cmd.OutOrStdout(), cmd.ErrOrStderr()
			d.Chosen = cmd.Flags().Changed
			return d.Run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&d.Keep, "keep", false, "stay up afterwards, with commands to try, until Ctrl-C")
	cmd.Flags().BoolVar(&d.AsJSON, "json", false, "print what happened as JSON")
	cmd.Flags().StringVar(&d.Proxy, "listen", "127.0.0.1:8080", "with --keep: `ADDRESS` of the proxy")
	cmd.Flags().StringVar(&d.Admin, "admin", "127.0.0.1:9090", "with --keep: `ADDRESS` of metrics and status page")
	cmd.Flags().StringVar(&d.Hosts, "hosts", "127.0.0.1:8443",
		"with --keep: `ADDRESS` of the TLS listener for programs sent here by a hosts file")
	cmd.MarkFlagsMutuallyExclusive("keep", "json")
	return cmd
}
