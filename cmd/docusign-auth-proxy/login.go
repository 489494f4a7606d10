package main

import (
	"github.com/spf13/cobra"

	"docusign-auth-proxy/internal/consent"
)

func newLogin() *cobra.Command {
	var f consent.BrowserOptions
	cmd := &cobra.Command{
		Use: "login", Short: "Log a user in once in a browser, for accounts that do not allow impersonation",
		Long: `For integrations with grant: authorization_code. The user logs in to DocuSign once, in a browser on this machine; the proxy keeps a
refresh token, encrypted, in its store and renews it as long as it runs. Nothing is kept when somebody else than the configured user
logs in.

A running proxy holds the store. The login can be done beside it; at the end this command asks you to stop the proxy for a moment.`,
		Example: `  docusign-auth-proxy login --config proxy.yaml --user anna@example.com
  docusign-auth-proxy login --config proxy.yaml --user anna@example.com --listen 127.0.0.1:8765`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			browserStreams(cmd, &f)
			return consent.Login(cmd.Context(), f)
		},
	}
	registerBrowserFlags(cmd, &f)
	return cmd
}
