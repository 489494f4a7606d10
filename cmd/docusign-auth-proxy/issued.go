package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/store"
)

// stateOptions are the flags of the commands that read or change what the proxy remembers.
type stateOptions struct {
	operations
	app.Selection
}

func (o *stateOptions) flags(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVarP(&o.Integration, "integration", "i", "", "only of this integration, by its `NAME`")
	cmd.Flags().StringVarP(&o.Selection.User, "user", "u", "", "only of this user, by the `NAME` in the configuration")
	return o.operations.flags(cmd)
}

// stateFile opens the state that no proxy has open. It makes none, and is nil where there is none to open.
func (o *stateOptions) stateFile(cfg *config.Config) (*store.Store, error) {
	if o.admin != "" || cfg.Store == "" {
		return nil, nil
	}
	if _, err := os.Stat(cfg.Store); err != nil {
		return nil, err
	}
	return store.Open(cfg.Store, store.Options{Timeout: reportStoreWait})
}

// carryOut works on the state file, or asks the running proxy that has it open.
func carryOut[R, V any](k app.Remembered[R, V], o *stateOptions, cmd *cobra.Command, method string,
	onFile func(*store.Store, app.Selection) ([]R, error)) (answer map[string][]V, err error) {
	cfg, err := o.loaded(cmd)
	if err != nil {
		return nil, err
	}
	s, notFile := o.stateFile(cfg)
	if s != nil {
		fmt.Fprintln(cmd.ErrOrStderr(), "no proxy runs: from the state file", cfg.Store)
		list, err := onFile(s, o.Selection)
		return k.Answer(list, nil), errors.Join(err, s.Close())
	}
	if notFile != nil && !errors.Is(notFile, store.ErrLocked) && !errors.Is(notFile, fs.ErrPermission) &&
		!errors.Is(notFile, fs.ErrNotExist) {
		return nil, notFile
	}
	o.query = o.Values()
	if err = o.ask(cmd, method, nil, &answer, "api", k.Name); err != nil && notFile != nil {
		err = fmt.Errorf("%w; %w", notFile, err)
	}
	return answer, err
}

// listing makes the command that lists: cmd has its words, text what it says of a list, nothing what of an empty one.
func listing[R, V any](k app.Remembered[R, V], cmd cobra.Command, nothing string, text func([]V) (string, error),
	next func(*stateOptions) string) *cobra.Command {
	var o stateOptions
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		answer, err := carryOut(k, &o, cmd, http.MethodGet, func(s *store.Store, q app.Selection) ([]R, error) {
			return k.Selected(s, q), nil
		})
		if err != nil {
			return err
		}
		if len(answer[k.Name]) == 0 {
			return o.tell(cmd, answer, nothing)
		}
		said, err := text(answer[k.Name])
		if err != nil {
			return err
		}
		return o.tell(cmd, answer, said+"next: "+next(&o))
	}
	return o.flags(&cmd)
}

// ending makes the command that ends records; done is the word for what became of them.
func ending[R, V any](k app.Remembered[R, V], cmd cobra.Command, all, done string,
	text func([]V) (string, error)) *cobra.Command {
	var o stateOptions
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			o.Fingerprint = args[0]
		}
		if err := o.Check(); err != nil {
			return err
		}
		answer, err := carryOut(k, &o, cmd, http.MethodDelete, k.EndSelected)
		if err != nil {
			return err
		}
		said := "nothing fits: nothing was " + done + "\n"
		if gone := answer[k.Name]; len(gone) > 0 {
			if said, err = text(gone); err != nil {
				return err
			}
			said += fmt.Sprintf("%s: %d\n", done, len(gone))
		}
		return o.tell(cmd, answer, said+"next: docusign-auth-proxy "+k.Name+" list"+o.same())
	}
	cmd.Flags().BoolVar(&o.All, "all", false, all)
	return o.flags(&cmd)
}

func newTokens() *cobra.Command {
	cmd := &cobra.Command{
		Use: "tokens", Short: "List and revoke the tokens and API passwords that the proxy issued",
		Long: `A token of oauth2/token and an API password of login_information (or GetEncryptedPassword) let a program in without its legacy
password. They end when that password changes in the configuration, when its pin is forgotten, or here.`,
		Example: `  docusign-auth-proxy tokens list
  docusign-auth-proxy tokens revoke --user anna@example.com`,
	}
	list := listing(app.IssuedSecrets(), cobra.Command{
		Use: "list", Short: "List what was issued, the latest first",
		Example: "  docusign-auth-proxy tokens list\n  docusign-auth-proxy tokens list --integration " +
			"nightly-billing --json",
	}, "no token and no API password is issued", issuedTable, func(o *stateOptions) string {
		return "docusign-auth-proxy tokens revoke FINGERPRINT" + o.same()
	})
	revoke := ending(app.IssuedSecrets(), cobra.Command{
		Use: "revoke [FINGERPRINT]", Short: "End one of them, or all of a user, of an integration, or all",
		Args: cobra.MaximumNArgs(1),
		Long: `Ends what fits all that is given. --user means the user whose password vouched for it, and the one it acts for. Programs then log in
again with their password; to keep them out, change it first.`,
		Example: `  docusign-auth-proxy tokens revoke 3f9a0c2b71de
  docusign-auth-proxy tokens revoke --integration nightly-billing --user anna@example.com
  docusign-auth-proxy tokens revoke --all`,
	}, "every token and API password there is", "revoked", issuedTable)
	cmd.AddCommand(list, revoke)
	return cmd
}

func issuedTable(list []app.IssuedInfo) (string, error) {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "fingerprint\tkind\tintegration\tpassword of\tacts for\tissued\tlast used\tstate")
	for _, t := range list {
		state, used := "", "never"
		if t.Ended {
			state = "refused: the password has changed"
		}
		if !t.LastUsed.IsZero() {
			used = t.LastUsed.Local().Format(time.DateTime)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", t.Fingerprint, t.Kind, t.Integration, t.Authenticator,
			t.Principal, t.IssuedAt.Local().Format(time.DateTime), used, state)
	}
	err := w.Flush()
	return b.String(), err
}

func newPins() *cobra.Command {
	cmd := &cobra.Command{
		Use: "pins", Short: "List and forget the passwords that were believed at first use",
		Long: `With pin_password: first_use, the first password that is seen for a user without one in the configuration is the user's from then on.
Its hash, shown by list, can be put into the configuration as it is: what was issued so far then goes on. Another hash, even of the
same password, counts as another password and ends it.`,
		Example: `  docusign-auth-proxy pins list
  docusign-auth-proxy pins forget --user anna@example.com`,
	}
	list := listing(app.PinnedPasswords(), cobra.Command{
		Use: "list", Short: "List the pinned users, with the line for the configuration",
		Example: "  docusign-auth-proxy pins list\n  docusign-auth-proxy pins list --integration nightly-billing --json",
	}, "no password is pinned", pinText(true), func(*stateOptions) string {
		return "put each line under the user in the configuration and set pin_password: never; what was issued so " +
			"far goes on"
	})
	forget := ending(app.PinnedPasswords(), cobra.Command{
		Use: "forget", Short: "Forget the pin of a user, of an integration, or all, and end what it vouched for",
		Args: cobra.NoArgs,
		Long: `Forgets the pins that fit all that is given. Tokens and API passwords that a pin vouched for are refused from then on. Danger: with
pin_password: first_use, the next password that is seen for the user is believed again, whoever sends it.`,
		Example: "  docusign-auth-proxy pins forget --integration nightly-billing --user anna@example.com\n  " +
			"docusign-auth-proxy pins forget --all",
	}, "every pin there is", "forgotten", pinText(false))
	cmd.AddCommand(list, forget)
	return cmd
}

func pinText(hash bool) func([]app.PinInfo) (string, error) {
	return func(list []app.PinInfo) (string, error) {
		var b strings.Builder
		for _, p := range list {
			fmt.Fprintf(&b, "%s of %s, pinned %s\n", p.Username, p.Integration, p.At.Local().Format(time.DateTime))
			if hash {
				fmt.Fprintf(&b, "    password: {bcrypt: %q}\n", p.Bcrypt)
			}
		}
		return b.String(), nil
	}
}
