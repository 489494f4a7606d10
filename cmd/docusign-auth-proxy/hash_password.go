package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/term"

	"docusign-auth-proxy/internal/password"
	"docusign-auth-proxy/internal/secret"
)

const fromFile = "docusign-auth-proxy hash-password < password.txt"

func newHashPassword() *cobra.Command {
	var argon bool
	cost := bcrypt.DefaultCost
	cmd := &cobra.Command{
		Use: "hash-password", Short: "Hash a legacy password for the configuration",
		Long: `Prints the line for users[].password in the configuration. At a terminal it asks twice for the legacy password that the old program
sends, and does not show it; else it reads one line from standard input. It takes none on the command line, where other users of the
machine could see it.`,
		Example: "  docusign-auth-proxy hash-password\n  docusign-auth-proxy hash-password < password.txt",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return errors.New("a password on the command line is seen by everybody on this machine, and the shell keeps it: " +
				"change it if it was real, then run docusign-auth-proxy hash-password and type it when asked, or " + fromFile)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := readPassword(cmd)
			if err != nil {
				return err
			}
			if argon {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "password: {argon2id: %q}\n", password.HashArgon2id(text))
				return err
			}
			hash, err := password.HashBcrypt(text, cost)
			if errors.Is(err, bcrypt.ErrPasswordTooLong) {
				return errors.New("bcrypt takes 72 bytes at most: use hash-password --argon2id")
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "password: {bcrypt: %q}\n", hash)
			return err
		},
	}
	cmd.Flags().BoolVar(&argon, "argon2id", false, "make an argon2id hash (64 MiB, 3 passes) instead of bcrypt")
	cmd.Flags().IntVar(&cost, "cost", cost, "bcrypt cost, 10 to 16")
	return cmd
}

func readPassword(cmd *cobra.Command) (secret.Text, error) {
	if in, ok := cmd.InOrStdin().(*os.File); ok && isTerminal(in) {
		return askPassword(cmd.Context(), in, cmd.ErrOrStderr())
	}
	const most = 4 << 10
	text, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), most+1))
	if err != nil {
		return secret.Text{}, err
	}
	// Editors end a file with a line end, and on Windows may begin it with a byte order mark; neither is meant.
	line := strings.TrimRight(strings.TrimPrefix(string(text), "\ufeff"), "\r\n")
	switch {
	case line == "":
		return secret.Text{}, errors.New("no password on standard input: " + fromFile)
	case strings.ContainsAny(line, "\r\n"):
		return secret.Text{}, errors.New("standard input has more than one line: give the password alone, as in " + fromFile)
	case len(text) > most:
		return secret.Text{}, errors.New("standard input is too long for a password")
	}
	return secret.New(line), nil
}

// askPassword asks twice: nobody sees a slip.
func askPassword(ctx context.Context, in *os.File, out io.Writer) (secret.Text, error) {
	var given [2]string
	for i, prompt := range []string{"Legacy password (it does not show): ", "Again: "} {
		fmt.Fprint(out, prompt)
		text, err := readUnseen(ctx, int(in.Fd()))
		fmt.Fprintln(out)
		if err != nil {
			return secret.Text{}, err
		}
		if given[i] = string(text); given[i] == "" {
			return secret.Text{}, errors.New("nothing was typed: run the command again")
		}
	}
	if given[0] != given[1] {
		return secret.Text{}, errors.New("the two are not the same: run the command again")
	}
	return secret.New(given[0]), nil
}

// readUnseen reads a line without echo. Ctrl-C ends it, and the terminal shows again what is typed.
func readUnseen(ctx context.Context, terminal int) ([]byte, error) {
	before, err := term.GetState(terminal)
	if err != nil {
		return nil, err
	}
	type result struct {
		text []byte
		err  error
	}
	read := make(chan result, 1)
	go func() {
		text, err := term.ReadPassword(terminal)
		read <- result{text, err}
	}()
	select {
	case r := <-read:
		return r.text, r.err
	case <-ctx.Done():
		return nil, errors.Join(errors.New("stopped"), term.Restore(terminal, before))
	}
}
