package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/bcrypt"

	"docusign-auth-proxy/internal/password"
	"docusign-auth-proxy/internal/secret"
)

func newHashPassword() *cobra.Command {
	var argon bool
	cost := bcrypt.DefaultCost
	cmd := &cobra.Command{
		Use: "hash-password", Short: "Hash a legacy password for the configuration",
		Long: `Reads the legacy password that the old program sends from standard input (one line; not from the command line, where other users of
the machine could see it) and prints the line for users[].password in the configuration.`,
		Example: "  docusign-auth-proxy hash-password < password.txt", Args: cobra.NoArgs,
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
	if isTerminal(cmd.InOrStdin()) {
		fmt.Fprint(cmd.ErrOrStderr(), "Legacy password (it will show): ")
	}
	line, err := bufio.NewReader(io.LimitReader(cmd.InOrStdin(), 4<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return secret.Text{}, err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return secret.Text{}, errors.New("no password on standard input: docusign-auth-proxy hash-password < " +
			"password.txt")
	}
	return secret.New(line), nil
}
