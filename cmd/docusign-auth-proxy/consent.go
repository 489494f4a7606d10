package main

import (
	"time"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/internal/consent"
)

func newConsent() *cobra.Command {
	var f consent.Options
	cmd := &cobra.Command{
		Use: "consent", Short: "Print the pages on which users allow the proxy to act for them",
		Long: `DocuSign gives a token for a user only after the user, or an administrator for all of them, has consented once. This prints the
addresses of those pages. "consent wait" also waits for the browser and proves that it worked.`,
		Example: `  docusign-auth-proxy consent --config proxy.yaml --all
  docusign-auth-proxy consent --config proxy.yaml --user anna@example.com
  docusign-auth-proxy consent --config proxy.yaml --admin
  docusign-auth-proxy consent wait --config proxy.yaml --user anna@example.com`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.Out = cmd.OutOrStdout()
			return consent.Print(f)
		},
	}
	configFlag(cmd, &f.Config)
	cmd.Flags().StringVar(&f.User, "user", "", "only this `USER`, by user name or GUID")
	cmd.Flags().Bool("all", false, "all users (the default)")
	cmd.Flags().BoolVar(&f.Admin, "admin", false, "the page for an administrator who consents for all users")
	cmd.Flags().BoolVar(&f.JSON, "json", false, "print JSON")
	cmd.MarkFlagsMutuallyExclusive("user", "all")
	cmd.AddCommand(newConsentWait())
	return cmd
}

func registerBrowserFlags(cmd *cobra.Command, f *consent.BrowserOptions) {
	configFlag(cmd, &f.Config)
	cmd.Flags().StringVar(&f.User, "user", "", "the `USER`, by user name or GUID; may be left out when there is one "+
		"alone")
	cmd.Flags().StringVar(&f.Integration, "integration", "", "the integration's `NAME`, when the user is in several")
	cmd.Flags().StringVar(&f.Listen, "listen", consent.DefaultBrowserListen,
		"loopback `ADDRESS` that the browser returns to, when redirect_uri in the configuration is none on this machine")
	cmd.Flags().DurationVar(&f.Timeout, "timeout", 10*time.Minute, "how long to wait for the browser")
	cmd.Flags().BoolVar(&f.JSON, "json", false, "print the result as JSON; the rest goes to standard error")
}

// browserStreams fills in what is known only when the command runs.
func browserStreams(cmd *cobra.Command, f *consent.BrowserOptions) {
	f.ListenChosen, f.Out, f.Log = cmd.Flags().Changed("listen"), cmd.OutOrStdout(), cmd.ErrOrStderr()
}

func newConsentWait() *cobra.Command {
	var f consent.BrowserOptions
	cmd := &cobra.Command{
		Use: "wait", Short: "Wait while a user consents in a browser, then prove that it worked",
		Long: `Prints the consent page of one user, waits on this machine for DocuSign to send the browser back, then asks DocuSign for a token with
the private key: the proof that the consent works. The browser has to run on this machine. Ends by itself.`,
		Example: `  docusign-auth-proxy consent wait --config proxy.yaml --user anna@example.com
  docusign-auth-proxy consent wait --config proxy.yaml --user anna@example.com --listen 127.0.0.1:8765 --timeout 5m`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			browserStreams(cmd, &f)
			return consent.Wait(cmd.Context(), f)
		},
	}
	registerBrowserFlags(cmd, &f)
	return cmd
}

func newLogin() *cobra.Command {
	var f consent.BrowserOptions
	cmd := &cobra.Command{
		Use: "login", Short: "Log a user in once in a browser, for accounts that do not allow impersonation",
		Long: `For integrations with grant: authorization_code. The user logs in to DocuSign once, in a browser on this machine; the proxy keeps a
refresh token, encrypted, in its store and renews it as long as it runs. Nothing is kept when somebody else than the configured user
logs in.

A running proxy holds its state file. The login can be done beside it; at the end this command asks you to stop the proxy for a moment.
With store.redis the replicas go on, and all of them know of the login at once.`,
		Example: `  docusign-auth-proxy login --config proxy.yaml --user anna@example.com
  docusign-auth-proxy login --config proxy.yaml --user anna@example.com --listen 127.0.0.1:8765`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			browserStreams(cmd, &f)
			return consent.Login(cmd.Context(), f)
		},
	}
	registerBrowserFlags(cmd, &f)
	return cmd
}
