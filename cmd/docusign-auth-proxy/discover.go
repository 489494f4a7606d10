package main

import (
	"github.com/spf13/cobra"

	"docusign-auth-proxy/internal/discover"
)

func newDiscover() *cobra.Command {
	o := discover.Options{}
	cmd := &cobra.Command{
		Use:   "discover",
		Short: "Watch the old program call and write a configuration from what it sends",
		Long: `Runs the proxy without integrations: every call passes to DocuSign unchanged, and the integrator keys, users, principals and accounts in it
are written down. Let the old program make its calls (they may fail at DocuSign, that does not matter), then end with Ctrl-C or --for.
With --private-key and --admin-user-id it then asks DocuSign for client ids and user GUIDs, and the configuration that comes out is complete
where DocuSign answers; what is left to do stands in it as comments, with what was seen from where.`,
		Example: `  docusign-auth-proxy discover --environment demo --private-key key.pem --admin-user-id ` +
			`a1b2c3d4-0000-4000-8000-000000000022 --for 10m`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Stdout, o.Stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
			return discover.Run(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Base, "config", "", "`FILE` whose settings (listeners, egress, upstream) are taken over; its "+
		"integrations are kept")
	f.StringVar(&o.Out, "out", "docusign-auth-proxy.yaml", "`FILE` to write")
	f.StringVar(&o.Environment, "environment", "demo", "demo or production, without --config; calls to hosts of the "+
		"other are refused")
	f.StringVar(&o.Listen, "listen", "", "`ADDRESS` for forward proxy and sidecar (default 127.0.0.1:8080, or as in "+
		"--config)")
	f.StringVar(&o.Admin, "admin", "", "`ADDRESS` for metrics and status page, while watching and in the file (default "+
		"127.0.0.1:9090, or as in --config)")
	f.StringVar(&o.PrivateKey, "private-key", "", "PEM `FILE` of the RSA key made in DocuSign under Apps and Keys; "+
		"a relative path begins at the folder of --out")
	f.StringVar(&o.AdminUserID, "admin-user-id", "", "`GUID` of an administrator, by whose token e-mails become "+
		"user GUIDs")
	f.BoolVar(&o.Pin, "pin-passwords", false, "store a hash of the first password seen for each user, from this "+
		"machine only; whoever comes first decides")
	f.BoolVar(&o.Force, "force", false, "overwrite the file named by --out")
	f.BoolVar(&o.AsJSON, "json", false, "print what was found as JSON")
	f.DurationVar(&o.Limit, "for", 0, "stop after this `TIME` (default: at Ctrl-C)")
	return cmd
}
