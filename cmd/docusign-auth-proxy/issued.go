package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/store"
)

// stateOptions are the flags of the commands that read or change what the proxy remembers.
type stateOptions struct {
	operations
	app.Selection
}

// isElsewhere knows the errors of a store that a running proxy may answer for.
func isElsewhere(err error) bool {
	return errors.Is(err, store.ErrLocked) || errors.Is(err, fs.ErrPermission) || errors.Is(err, store.ErrUnreachable)
}

// carryOut works on the state file, or asks the running proxy that has it open. With a store that replicas share it asks
// the proxy of this machine, and works on the store itself where there is none.
func carryOut[R, V any](k app.Remembered[R, V], o *stateOptions, cmd *cobra.Command, method string) (
	answer map[string][]V, err error,
) {
	cfg, err := o.loaded(cmd)
	if err != nil {
		return nil, err
	}
	onStore := func(s *store.Store) (err error) {
		var list []R
		if method == http.MethodDelete {
			list, err = k.EndSelected(s, o.Selection)
		} else {
			list = k.Selected(s, o.Selection)
		}
		answer = k.Answer(list, nil)
		return err
	}
	if o.admin == "" && cfg.Store.Redis != nil && !app.Runs(cmd.Context(), cfg) {
		fmt.Fprintln(cmd.ErrOrStderr(), "no proxy runs here: from the store of all replicas,", cfg.Store.Redis.Namespace)
		err = app.WithSharedState(cmd.Context(), cfg, onStore)
		return answer, err
	}
	var s *store.Store
	var notFile error
	if o.admin == "" && cfg.Store.File != "" {
		s, notFile = app.OpenState(cfg.Store.File)
	}
	if s != nil {
		fmt.Fprintln(cmd.ErrOrStderr(), "no proxy runs: from the state file", cfg.Store.File)
		err = onStore(s)
		return answer, errors.Join(err, s.Close())
	}
	if notFile != nil && !isElsewhere(notFile) && !errors.Is(notFile, fs.ErrNotExist) {
		return nil, notFile
	}
	o.query = o.Values()
	if err = o.ask(cmd, method, "api/"+k.Name, nil, &answer); err != nil && notFile != nil {
		err = fmt.Errorf("%w; %w", notFile, err)
	}
	return answer, err
}

// remembered makes a command that lists records or, where all is the help for --all, ends them. cmd has its words, say
// tells of the records.
func remembered[R, V any](
	k app.Remembered[R, V], all string, cmd cobra.Command, say func(o *stateOptions, list []V) string,
) *cobra.Command {
	var o stateOptions
	method := http.MethodGet
	if all != "" {
		method = http.MethodDelete
		cmd.Flags().BoolVar(&o.All, "all", false, all)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			o.Fingerprint = args[0]
		}
		if method == http.MethodDelete {
			if err := o.Check(); err != nil {
				return err
			}
		}
		answer, err := carryOut(k, &o, cmd, method)
		if err != nil {
			return err
		}
		return o.tell(cmd, answer, say(&o, answer[k.Name]))
	}
	cmd.Flags().StringVarP(&o.Integration, "integration", "i", "", "only of this integration, by its `NAME`")
	cmd.Flags().StringVarP(&o.Selection.User, "user", "u", "", "only of this user, by the `NAME` in the configuration")
	return o.flags(&cmd)
}

// ended tells of n records that were ended; done is the word for what became of them, list the command to look again.
func (o *stateOptions) ended(list, done, text string, n int) string {
	said := "nothing fits: nothing was " + done + "\n"
	if n > 0 {
		said = fmt.Sprintf("%s%s: %d\n", text, done, n)
	}
	return said + "next: docusign-auth-proxy " + list + o.same()
}

func newTokens() *cobra.Command {
	cmd := &cobra.Command{
		Use: "tokens", Short: "List and revoke the tokens and API passwords that the proxy issued",
		Long: `A token of oauth2/token and an API password of login_information (or GetEncryptedPassword) let a program in without its legacy
password. They end when that password changes in the configuration, when its pin is forgotten, or here.`,
		Example: `  docusign-auth-proxy tokens list
  docusign-auth-proxy tokens revoke --user anna@example.com`,
	}
	list := remembered(app.IssuedSecrets(), "", cobra.Command{
		Use: "list", Short: "List what was issued, the latest first", Args: noArgs,
		Example: "  docusign-auth-proxy tokens list\n  docusign-auth-proxy tokens list --integration " +
			"nightly-billing --json",
	}, func(o *stateOptions, list []app.IssuedInfo) string {
		if len(list) == 0 {
			return "no token and no API password is issued"
		}
		return issuedTable(list) + "next: docusign-auth-proxy tokens revoke FINGERPRINT" + o.same()
	})
	revoke := remembered(app.IssuedSecrets(), "every token and API password there is", cobra.Command{
		Use: "revoke [FINGERPRINT]", Short: "End one of them, or all of a user, of an integration, or all",
		Args: cobra.MaximumNArgs(1),
		Long: `Ends what fits all that is given. --user means the user whose password vouched for it, and the one it acts for. Programs then log in
again with their password; to keep them out, change it first.`,
		Example: `  docusign-auth-proxy tokens revoke 3f9a0c2b71de
  docusign-auth-proxy tokens revoke --integration nightly-billing --user anna@example.com
  docusign-auth-proxy tokens revoke --all`,
	}, func(o *stateOptions, list []app.IssuedInfo) string {
		return o.ended("tokens list", "revoked", issuedTable(list), len(list))
	})
	cmd.AddCommand(list, revoke)
	return cmd
}

func issuedTable(list []app.IssuedInfo) string {
	rows := []string{"fingerprint\tkind\tintegration\tpassword of\tacts for\tissued\tlast used\tstate"}
	for _, t := range list {
		state, used := "", "never"
		if t.Ended {
			state = "refused: the password has changed"
		}
		if !t.LastUsed.IsZero() {
			used = t.LastUsed.Local().Format(time.DateTime)
		}
		rows = append(rows, strings.Join([]string{t.Fingerprint, t.Kind, t.Integration, t.Authenticator, t.Principal,
			t.IssuedAt.Local().Format(time.DateTime), used, state}, "\t"))
	}
	return table(rows)
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
	list := remembered(app.PinnedPasswords(), "", cobra.Command{
		Use: "list", Short: "List the pinned users, with the line for the configuration", Args: noArgs,
		Example: "  docusign-auth-proxy pins list\n  docusign-auth-proxy pins list --integration nightly-billing --json",
	}, func(_ *stateOptions, list []app.PinInfo) string {
		if len(list) == 0 {
			return "no password is pinned"
		}
		return pinText(list, true) + "next: put each line under the user in the configuration and set " +
			"pin_password: never; what was issued so far goes on"
	})
	forget := remembered(app.PinnedPasswords(), "every pin there is", cobra.Command{
		Use: "forget", Short: "Forget the pin of a user, of an integration, or all, and end what it vouched for",
		Args: noArgs,
		Long: `Forgets the pins that fit all that is given. Tokens and API passwords that a pin vouched for are refused from then on. Danger: with
pin_password: first_use, the next password that is seen for the user is believed again, whoever sends it.`,
		Example: "  docusign-auth-proxy pins forget --integration nightly-billing --user anna@example.com\n  " +
			"docusign-auth-proxy pins forget --all",
	}, func(o *stateOptions, list []app.PinInfo) string {
		return o.ended("pins list", "forgotten", pinText(list, false), len(list))
	})
	cmd.AddCommand(list, forget)
	return cmd
}

func pinText(list []app.PinInfo, withHash bool) string {
	var b strings.Builder
	for _, p := range list {
		fmt.Fprintf(&b, "%s of %s, pinned %s\n", p.Username, p.Integration, p.At.Local().Format(time.DateTime))
		if withHash {
			fmt.Fprintf(&b, "    password: {bcrypt: %q}\n", p.Bcrypt)
		}
	}
	return b.String()
}
