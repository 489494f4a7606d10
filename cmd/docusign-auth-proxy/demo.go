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
		Args:    noArgs,
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

func newSandbox() *cobra.Command {
	c := &demo.SandboxCommand{}
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Serve a strict stand-in for DocuSign on this machine, to try a real old program offline",
		Long: `Serves DocuSign's account server, REST API and SOAP services on loopback. It verifies signature, aud, iat, exp, scope and consent of every
assertion, takes bearer tokens and App Passwords only, and refuses and counts every legacy credential. It writes a ready configuration for the
proxy, and keeps keys and certificates between runs, so that a program has to be told only once whom to trust.

A program with a compiled-in login is made known with --integrator-key, --user and --account; its password is whichever it sends first.`,
		Example: `  docusign-auth-proxy sandbox
  docusign-auth-proxy sandbox --integrator-key ACME-230546a7-9c55-40ad-8fbf-af205d5494ad --user billing@example.com --account 7654321`,
		Args: noArgs,
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
