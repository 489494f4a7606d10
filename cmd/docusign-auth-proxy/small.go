package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/bcrypt"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/observe/accesslog"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/translate"
)

func newLogger(w io.Writer, cfg config.Log) (*slog.Logger, error) {
	handler, err := accesslog.NewHandler(w, cfg.Format, cfg.Level)
	if err != nil {
		return nil, err
	}
	return slog.New(handler), nil
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print version, commit and Go version", Example: "  docusign-auth-proxy version", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			version, commit, goVersion := buildVersion()
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "docusign-auth-proxy %s (commit %s, %s)\n", version, commit, goVersion)
			return err
		},
	}
}

func newConfig() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check a configuration, print the reference"}
	cmd.AddCommand(newConfigCheck(), newConfigReference())
	return cmd
}

func newConfigCheck() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use: "check", Short: "Report every problem of a configuration with file and line",
		Example: "  docusign-auth-proxy config check --config proxy.yaml", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(path)
			var problems config.Problems
			if err == nil {
				problems = preflight(cfg)
			}
			if errors.As(err, &problems) || len(problems) > 0 {
				for _, p := range problems {
					fmt.Fprintln(cmd.OutOrStdout(), p.String())
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%d problems\n", len(problems))
				return exitError{1}
			}
			if err != nil {
				return err
			}
			for _, w := range cfg.Warnings {
				fmt.Fprintln(cmd.OutOrStdout(), "warning:", w.String())
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is good: %d integrations, environment %s\nnext: docusign-auth-proxy run --config %s\n", path, len(cfg.Integrations), cfg.Environment, path)
			return nil
		},
	}
	configFlag(cmd, &path)
	return cmd
}

func newConfigReference() *cobra.Command {
	return &cobra.Command{
		Use: "reference", Short: "Print every configuration field with default, effect and danger", Example: "  docusign-auth-proxy config reference", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(cmd.OutOrStdout(), config.ReferenceMarkdown())
			return err
		},
	}
}

func newHashPassword() *cobra.Command {
	var argon bool
	cost := bcrypt.DefaultCost
	cmd := &cobra.Command{
		Use: "hash-password", Short: "Hash a legacy password for the configuration",
		Long: `Reads the legacy password that the old program sends from standard input (one line; not from the command line, where other users of
the machine could see it) and prints the line for users[].password in the configuration.`,
		Example: "  docusign-auth-proxy hash-password < password.txt", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			password, err := readPassword(cmd)
			if err != nil {
				return err
			}
			name, hash := "bcrypt", ""
			if argon {
				name = "argon2id"
				hash, err = translate.HashArgon2id(password)
			} else {
				hash, err = translate.HashBcrypt(password, cost)
			}
			if errors.Is(err, bcrypt.ErrPasswordTooLong) {
				return errors.New("bcrypt takes 72 bytes at most: use hash-password --argon2id")
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "password: {%s: %q}\n", name, hash)
			return err
		},
	}
	cmd.Flags().BoolVar(&argon, "argon2id", false, "make an argon2id hash (64 MiB, 3 passes) instead of bcrypt")
	cmd.Flags().IntVar(&cost, "cost", cost, "bcrypt cost, 10 to 16")
	return cmd
}

func readPassword(cmd *cobra.Command) (secret.Text, error) {
	if f, ok := cmd.InOrStdin().(*os.File); ok {
		if st, err := f.Stat(); err == nil && st.Mode()&os.ModeCharDevice != 0 {
			fmt.Fprint(cmd.ErrOrStderr(), "Legacy password (it will show): ")
		}
	}
	line, err := bufio.NewReader(io.LimitReader(cmd.InOrStdin(), 4<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return secret.Text{}, err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return secret.Text{}, errors.New("no password on standard input: docusign-auth-proxy hash-password < password.txt")
	}
	return secret.New(line), nil
}
