package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/translate/legacy"
)

// selection says which issued secrets, or which pins, are meant: those that fit all that is given.
type selection struct {
	integration, user, fingerprint string
	all                            bool
}

func selectionOf(q url.Values) selection {
	return selection{q.Get("integration"), q.Get("user"), q.Get("fingerprint"), q.Get("all") == "true"}
}

func (s selection) values() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"integration": s.integration, "user": s.user, "fingerprint": s.fingerprint} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if s.all {
		q.Set("all", "true")
	}
	return q
}

// check refuses to end everything because nothing was said.
func (s selection) check() error {
	if given := s.integration != "" || s.user != "" || s.fingerprint != ""; given == s.all {
		return errors.New("say which: --integration, --user, a fingerprint, or --all alone")
	}
	return nil
}

func (s selection) issued(i store.Issued) bool {
	return (s.integration == "" || s.integration == i.Owner.Integration) &&
		(s.user == "" || sameName(s.user, i.Owner.Authenticator) || sameName(s.user, i.Owner.Principal)) &&
		(s.fingerprint == "" || strings.EqualFold(s.fingerprint, i.Fingerprint))
}

func (s selection) pin(p store.Pin) bool {
	return (s.integration == "" || s.integration == p.Integration) && (s.user == "" || sameName(s.user, p.Username)) && s.fingerprint == ""
}

func sameName(a, b string) bool { return legacy.Fold(a) == legacy.Fold(b) }

// issuedInfo is an issued token or password as the commands show it.
type issuedInfo struct {
	admin.Issued
	Ended bool `json:"ended,omitempty"` // what vouched for it has changed: it is refused. Only a running proxy knows
}

// pinInfo shows the hash too, as it can stand in the configuration.
type pinInfo struct {
	admin.Pin
	Bcrypt string `json:"bcrypt"`
}

type issuedList struct {
	Tokens []issuedInfo `json:"tokens"`
}

type pinList struct {
	Pins []pinInfo `json:"pins"`
}

func describeIssued(list []store.Issued, ended func(store.TokenOwner) bool) issuedList {
	out := issuedList{Tokens: []issuedInfo{}}
	for _, i := range list {
		out.Tokens = append(out.Tokens, issuedInfo{admin.Issued{
			Integration: i.Owner.Integration, Authenticator: i.Owner.Authenticator, Principal: i.Owner.Principal, Kind: i.Kind,
			Fingerprint: i.Fingerprint, IssuedAt: i.Issued, LastUsed: i.LastUsed,
		}, ended != nil && ended(i.Owner)})
	}
	return out
}

func describePins(list []store.Pin) pinList {
	out := pinList{Pins: []pinInfo{}}
	for _, p := range list {
		out.Pins = append(out.Pins, pinInfo{admin.Pin{Integration: p.Integration, Username: p.Username, At: p.At}, p.Hash})
	}
	return out
}

func selectIssued(s *store.Store, q selection) []store.Issued {
	var out []store.Issued
	for _, i := range s.List() {
		if q.issued(i) {
			out = append(out, i)
		}
	}
	return out
}

func selectPins(s *store.Store, q selection) []store.Pin {
	var out []store.Pin
	for _, p := range s.Pins() {
		if q.pin(p) {
			out = append(out, p)
		}
	}
	return out
}

// stateOptions are the flags of the commands that read or change what the proxy remembers.
type stateOptions struct {
	captureOptions
	selection
}

func (o *stateOptions) flags(cmd *cobra.Command, all string) *cobra.Command {
	cmd.Flags().StringVarP(&o.integration, "integration", "i", "", "only of this integration, by its `NAME`")
	cmd.Flags().StringVarP(&o.selection.user, "user", "u", "", "only of this user, by the `NAME` in the configuration")
	if all != "" {
		cmd.Flags().BoolVar(&o.all, "all", false, all)
	}
	return o.captureOptions.flags(cmd)
}

// carryOut works on the state file, or asks the running proxy that has it open.
func carryOut[T any](o *stateOptions, cmd *cobra.Command, method, what string, onFile func(*store.Store) (T, error)) (answer T, err error) {
	cfg, err := o.loaded(cmd)
	if err != nil {
		return answer, err
	}
	s, notFile := o.stateFile(cfg)
	if s != nil {
		fmt.Fprintln(cmd.ErrOrStderr(), "no proxy runs: from the state file", cfg.Store)
		answer, err = onFile(s)
		return answer, errors.Join(err, s.Close())
	}
	if notFile != nil && !errors.Is(notFile, store.ErrLocked) && !errors.Is(notFile, fs.ErrPermission) && !errors.Is(notFile, fs.ErrNotExist) {
		return answer, notFile
	}
	o.query = o.values()
	if err = o.ask(cmd, method, nil, &answer, "api", what); err != nil && notFile != nil {
		err = fmt.Errorf("%w; %w", notFile, err)
	}
	return answer, err
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

func newTokens() *cobra.Command {
	cmd := &cobra.Command{
		Use: "tokens", Short: "List and revoke the tokens and API passwords that the proxy issued",
		Long: `A token of oauth2/token and an API password of login_information (or GetEncryptedPassword) let a program in without its legacy
password. They end when that password changes in the configuration, when its pin is forgotten, or here.`,
		Example: `  docusign-auth-proxy tokens list
  docusign-auth-proxy tokens revoke --user anna@example.com`,
	}
	cmd.AddCommand(newTokensList(), newTokensRevoke())
	return cmd
}

func newTokensList() *cobra.Command {
	var o stateOptions
	return o.flags(&cobra.Command{
		Use: "list", Short: "List what was issued, the latest first", Args: cobra.NoArgs,
		Example: "  docusign-auth-proxy tokens list\n  docusign-auth-proxy tokens list --integration nightly-billing --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := carryOut(&o, cmd, http.MethodGet, "tokens", func(s *store.Store) (issuedList, error) {
				return describeIssued(selectIssued(s, o.selection), nil), nil
			})
			if err != nil {
				return err
			}
			text := "no token and no API password is issued"
			if len(list.Tokens) > 0 {
				if text, err = list.table(); err != nil {
					return err
				}
				text += "next: docusign-auth-proxy tokens revoke FINGERPRINT" + o.same()
			}
			return o.tell(cmd, list, text)
		},
	}, "")
}

func newTokensRevoke() *cobra.Command {
	var o stateOptions
	return o.flags(&cobra.Command{
		Use: "revoke [FINGERPRINT]", Short: "End one of them, or all of a user, of an integration, or all", Args: cobra.MaximumNArgs(1),
		Long: `Ends what fits all that is given. --user means the user whose password vouched for it, and the one it acts for. Programs then log in
again with their password; to keep them out, change it first.`,
		Example: `  docusign-auth-proxy tokens revoke 3f9a0c2b71de
  docusign-auth-proxy tokens revoke --integration nightly-billing --user anna@example.com
  docusign-auth-proxy tokens revoke --all`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.fingerprint = args[0]
			}
			if err := o.check(); err != nil {
				return err
			}
			list, err := carryOut(&o, cmd, http.MethodDelete, "tokens", func(s *store.Store) (issuedList, error) {
				gone, err := s.RevokeWhere(o.issued)
				return describeIssued(gone, nil), err
			})
			if err != nil {
				return err
			}
			text := "nothing fits: nothing was revoked\n"
			if len(list.Tokens) > 0 {
				if text, err = list.table(); err != nil {
					return err
				}
				text += fmt.Sprintf("revoked: %d\n", len(list.Tokens))
			}
			return o.tell(cmd, list, text+"next: docusign-auth-proxy tokens list"+o.same())
		},
	}, "every token and API password there is")
}

func (l issuedList) table() (string, error) {
	return table("fingerprint\tkind\tintegration\tpassword of\tacts for\tissued\tlast used\tstate", len(l.Tokens), func(i int) []any {
		t := l.Tokens[i]
		state, used := "", "never"
		if t.Ended {
			state = "refused: the password has changed"
		}
		if !t.LastUsed.IsZero() {
			used = t.LastUsed.Local().Format(time.DateTime)
		}
		return []any{t.Fingerprint, t.Kind, t.Integration, t.Authenticator, t.Principal, t.IssuedAt.Local().Format(time.DateTime), used, state}
	})
}

func table(head string, rows int, row func(int) []any) (string, error) {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, head)
	for i := range rows {
		fmt.Fprintf(w, strings.Repeat("%v\t", strings.Count(head, "\t"))+"%v\n", row(i)...)
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
	cmd.AddCommand(newPinsList(), newPinsForget())
	return cmd
}

func newPinsList() *cobra.Command {
	var o stateOptions
	return o.flags(&cobra.Command{
		Use: "list", Short: "List the pinned users, with the line for the configuration", Args: cobra.NoArgs,
		Example: "  docusign-auth-proxy pins list\n  docusign-auth-proxy pins list --integration nightly-billing --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := carryOut(&o, cmd, http.MethodGet, "pins", func(s *store.Store) (pinList, error) {
				return describePins(selectPins(s, o.selection)), nil
			})
			if err != nil {
				return err
			}
			if len(list.Pins) == 0 {
				return o.tell(cmd, list, "no password is pinned")
			}
			return o.tell(cmd, list, list.text(true)+"next: put each line under the user in the configuration and set pin_password: never; what was issued so far goes on")
		},
	}, "")
}

func newPinsForget() *cobra.Command {
	var o stateOptions
	return o.flags(&cobra.Command{
		Use: "forget", Short: "Forget the pin of a user, of an integration, or all, and end what it vouched for", Args: cobra.NoArgs,
		Long: `Forgets the pins that fit all that is given. Tokens and API passwords that a pin vouched for are refused from then on. Danger: with
pin_password: first_use, the next password that is seen for the user is believed again, whoever sends it.`,
		Example: "  docusign-auth-proxy pins forget --integration nightly-billing --user anna@example.com\n  docusign-auth-proxy pins forget --all",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			list, err := carryOut(&o, cmd, http.MethodDelete, "pins", func(s *store.Store) (pinList, error) {
				gone, err := s.ForgetPins(o.pin)
				return describePins(gone), err
			})
			if err != nil {
				return err
			}
			text := "nothing fits: nothing was forgotten\n"
			if len(list.Pins) > 0 {
				text = list.text(false) + fmt.Sprintf("forgotten: %d\n", len(list.Pins))
			}
			return o.tell(cmd, list, text+"next: docusign-auth-proxy pins list"+o.same())
		},
	}, "every pin there is")
}

func (l pinList) text(hash bool) string {
	var b strings.Builder
	for _, p := range l.Pins {
		fmt.Fprintf(&b, "%s of %s, pinned %s\n", p.Username, p.Integration, p.At.Local().Format(time.DateTime))
		if hash {
			fmt.Fprintf(&b, "    password: {bcrypt: %q}\n", p.Bcrypt)
		}
	}
	return b.String()
}
