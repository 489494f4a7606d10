package main

import (
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/soapcompare"
	"docusign-auth-proxy/translate/soaprest/journal"
)

func newSOAP() *cobra.Command {
	cmd := &cobra.Command{
		Use: "soap", Short: "Compare SOAP with SOAP carried out over REST, and see what was created",
		Long: `An integration with soap: rest goes on speaking SOAP, and DocuSign sees REST calls alone. These commands show what differs before a
program is switched, and what became of each creation after.`,
		Example: `  docusign-auth-proxy soap compare --config proxy.yaml
  docusign-auth-proxy soap test-envelope --config proxy.yaml --to anna@example.com
  docusign-auth-proxy soap journal --config proxy.yaml`,
	}
	cmd.AddCommand(newSOAPCompare(), newSOAPTestEnvelope(), newSOAPJournal(), newSOAPOperations())
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
does. Prints a line for each element that differs. The calls go to api.asmx and credential.asmx. It changes nothing at DocuSign and may
run beside the proxy.

The first column: = no difference, ~ a difference that is known and may be, ! one that is not, - not compared.
Exit code: 0 equal but for what is known, 1 different, 2 could not run.`,
		Example: `  docusign-auth-proxy soap compare --config proxy.yaml
  docusign-auth-proxy soap compare --config proxy.yaml --operations RequestStatus,RequestPDF --envelope 93be49ab-0000-4000-8000-000000000001`,
		Args: noArgs,
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
		Args: noArgs,
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

func newSOAPJournal() *cobra.Command {
	list := remembered(app.JournalOfCreations(), "", cobra.Command{
		Use: "journal", Short: "List the envelopes that SOAP calls asked REST for, unresolved ones first", Args: noArgs,
		Long: `With soap: rest each creation is written down before it is sent to DocuSign, and what became of it after. State: intended = under
way, or interrupted by a stop; done; refused by DocuSign; not_created = DocuSign knows nothing of it; unknown = DocuSign did not say, and
look-ups found nothing. Entries go after seven days.`,
		Example: "  docusign-auth-proxy soap journal --config proxy.yaml\n  docusign-auth-proxy soap journal --integration " +
			"nightly-billing --json",
	}, journalText)
	list.AddCommand(remembered(app.JournalOfCreations(), "every creation whose state is unknown", cobra.Command{
		Use: "settle [TRANSACTION-ID]", Short: "Say that you have looked after creations whose state is unknown",
		Args: cobra.MaximumNArgs(1),
		Long: `Ends the alert on creations of which nobody knew whether the envelope was made. Danger: when the program sends the same again, a new
envelope is made. So look for the envelope in DocuSign first, and where it is there, enter its id where the program keeps it.`,
		Example: "  docusign-auth-proxy soap journal settle 7c1f0e1e-6d2f-4b42-a1b5-3d5c0d4f5a11",
	}, func(o *stateOptions, list []app.CreationInfo) string {
		return o.ended("soap journal", "settled", journalTable(list), len(list))
	}))
	return list
}

func journalText(o *stateOptions, list []app.CreationInfo) string {
	if len(list) == 0 {
		return "no envelope was asked for over REST in the last seven days"
	}
	text := journalTable(list)
	if !slices.ContainsFunc(list, func(c app.CreationInfo) bool { return c.State == journal.Unknown }) {
		return text + "next: nothing, no state is unknown"
	}
	return text + `next: look for the unknown ones in DocuSign (Manage, Sent) before the program sends again, or ask DocuSign with an
administrator's token: GET /restapi/v2.1/accounts/ACCOUNT/envelopes?transaction_ids=TRANSACTION
then: docusign-auth-proxy soap journal settle TRANSACTION` + o.same()
}

func journalTable(list []app.CreationInfo) string {
	rows := []string{"state\tbegun\tintegration\tpassword of\tacts for\toperation\taccount\ttransaction\tenvelope"}
	for _, c := range list {
		rows = append(rows, strings.Join([]string{string(c.State), c.At.Local().Format(time.DateTime), c.Integration,
			c.Authenticator, c.Principal, c.Operation, c.Account, c.TransactionID, c.EnvelopeID}, "\t"))
	}
	return table(rows)
}

func newSOAPOperations() *cobra.Command {
	return &cobra.Command{
		Use: "operations", Short: "Print all SOAP operations, how they are carried out over REST, and what is lost",
		Example: "  docusign-auth-proxy soap operations", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(cmd.OutOrStdout(), soapcompare.OperationTable())
			return err
		},
	}
}
