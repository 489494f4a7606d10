package main

import (
	"github.com/spf13/cobra"

	"docusign-auth-proxy/internal/demo"
)

func newSandbox() *cobra.Command {
	c := &demo.Sandbox{}
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Serve a strict stand-in for DocuSign on this machine, to try a real old program offline",
		Long: `Serves DocuSign's account server, REST API and SOAP services on loopback. It verifies signature, aud, iat, exp, scope and consent of every
assertion, takes bearer tokens and App Passwords only, and refuses and counts every legacy credential. It writes a ready configuration for the
proxy, and keeps keys and certificates between runs, so that a program has to be told only once whom to trust.

A program with a compiled-in login is made known with --integrator-key, --user and --account; its password is whichever it sends first.`,
		Example: `  docusign-auth-proxy sandbox
  docusign-auth-proxy sandbox --integrator-key ACME-230546a7-9c55-40ad-8fbf-af205d5494ad --user billing@example.com --account 7654321`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.Out = cmd.OutOrStdout()
			return c.Run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.Listen, "listen", "127.0.0.1:9443", "`ADDRESS` of the stand-in")
	f.StringVar(&c.Dir, "dir", "sandbox", "`FOLDER` for proxy.yaml, keys and certificates")
	f.StringVar(&c.Proxy, "proxy", "127.0.0.1:8080", "`ADDRESS` of the proxy, for proxy.yaml")
	f.StringVar(&c.Admin, "admin", "127.0.0.1:9090", "`ADDRESS` of metrics and status page, for proxy.yaml")
	f.StringVar(&c.Hosts, "hosts", "127.0.0.1:8443", "`ADDRESS` of the TLS listener for programs sent there by a "+
		"hosts file, for proxy.yaml; empty for none")
	f.BoolVar(&c.Force, "force", false, "write proxy.yaml anew although it was changed")
	f.StringVar(&c.Own.Key, "integrator-key", "", "integrator `KEY` of your program")
	f.StringVar(&c.Own.User, "user", "", "user `NAME` that your program sends, an e-mail address")
	f.StringVar(&c.Own.Account, "account", "", "account `ID` that your program uses, a number or a GUID")
	return cmd
}
