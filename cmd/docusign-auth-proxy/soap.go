package main

import (
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/internal/soapcompare"
)

func newSOAP() *cobra.Command {
	cmd := &cobra.Command{
		Use: "soap", Short: "Compare SOAP with SOAP carried out over REST, and see what was created",
		Long: `An integration with soap: rest goes on speaking SOAP, and DocuSign sees REST calls alone. These commands show what differs before a
program is switched, and what became of each creation after.`,
		Example: `  docusign-auth-proxy soap compare --config proxy.yaml
  docusign-auth-proxy soap test-envelope --config proxy.yaml --to anna@example.com`,
	}
	cmd.AddCommand(newSOAPCompare(), newSOAPTestEnvelope(), newSOAPOperations())
	return cmd
}

// compareFlags are those of both ways' commands.
func compareFlags(cmd *cobra.Command, o *soapcompare.Options) {
	configFlag(cmd, &o.Config)
	cmd.Flags().StringVarP(&o.Integration, "integration", "i", "", "integration by its `NAME` (default: the first with an "+
		"App Password)")
	cmd.Flags().StringVarP(&o.User, "user", "u", "", "user by the `NAME` in the configuration (default: the first with an "+
		"App Password)")
}

func newSOAPCompare() *cobra.Command {
	var o soapcompare.CompareOptions
	cmd := &cobra.Command{
		Use: "compare", Short: "Make SOAP calls that only read both ways, and print what differs",
		Long: `Makes each call twice as the chosen user: over DocuSign's SOAP with the App Password, and over REST with a token, as soap: rest
does. Prints a line for each element that differs. It changes nothing at DocuSign and may run beside the proxy.

The first column: = no difference, ~ a difference that is known and may be, ! one that is not, - not compared.
Exit code: 0 equal but for what is known, 1 different, 2 could not run.`,
		Example: `  docusign-auth-proxy soap compare --config proxy.yaml
  docusign-auth-proxy soap compare --config proxy.yaml --operations RequestStatus,RequestPDF --envelope 93be49ab-0000-4000-8000-000000000001`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Out, o.Log = cmd.OutOrStdout(), cmd.ErrOrStderr()
			return soapcompare.Compare(cmd.Context(), o)
		},
	}
	compareFlags(cmd, &o.Options)
	cmd.Flags().StringSliceVar(&o.Operations, "operations", nil, "`LIST` with commas of "+
		strings.Join(soapcompare.Operations(), ", ")+" (default: all)")
	cmd.Flags().StringVar(&o.Envelope, "envelope", "", "`ID` of the envelope that is asked about (default: the first of "+
		"the last 30 days)")
	return cmd
}

func newSOAPTestEnvelope() *cobra.Command {
	var o soapcompare.EnvelopeOptions
	cmd := &cobra.Command{
		Use: "test-envelope", Short: "Make one envelope both ways, and print where its tabs land",
		Long: `Makes the same envelope twice as the chosen user: over DocuSign's SOAP with the App Password, and over REST with a token, as
soap: rest does. Its page shows a grid, and has tabs of each kind, at fixed places and at anchors. Prints where both APIs say that each
tab lies, and what soap_rest.tab_offset should be. Look at both envelopes by eye as well: only the eye sees what is drawn.

Makes drafts, which nobody is told of. --send sends both to the address. Exit code: 0 all tabs lie in the same places, 1 some do
not, 2 could not run.`,
		Example: `  docusign-auth-proxy soap test-envelope --config proxy.yaml --to anna@example.com
  docusign-auth-proxy soap test-envelope --config proxy.yaml --to anna@example.com --send`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !strings.Contains(o.To, "@") {
				return errors.New("--to: your own e-mail address is needed; no mail is sent without --send")
			}
			o.Out, o.Log = cmd.OutOrStdout(), cmd.ErrOrStderr()
			return soapcompare.TestEnvelope(cmd.Context(), o)
		},
	}
	compareFlags(cmd, &o.Options)
	cmd.Flags().StringVar(&o.To, "to", "", "your own e-mail `ADDRESS`: you are the signer")
	cmd.Flags().BoolVar(&o.Send, "send", false, "send both envelopes to the address instead of keeping them as drafts")
	return cmd
}

func newSOAPOperations() *cobra.Command {
	return &cobra.Command{
		Use: "operations", Short: "Print all SOAP operations, how they are carried out over REST, and what is lost",
		Example: "  docusign-auth-proxy soap operations", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(cmd.OutOrStdout(), soapcompare.OperationTable())
			return err
		},
	}
}
