package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/files"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/words"
)

func newConfig() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check a configuration, print the reference and the schema for editors"}
	cmd.AddCommand(newConfigCheck(), newConfigReference(), newConfigSchema())
	return cmd
}

func newConfigCheck() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use: "check", Short: "Report every problem of a configuration with file and line",
		Example: "  docusign-auth-proxy config check --config proxy.yaml", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := checkConfig(cmd, path)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is good: %s, environment %s\nnext: docusign-auth-proxy run --config %s\n", path,
				words.Count(len(cfg.Integrations), "integration", "integrations"), cfg.Environment, words.Argument(path))
			return nil
		},
	}
	configFlag(cmd, &path)
	return cmd
}

// checkConfig prints every problem, or what is worth a look.
func checkConfig(cmd *cobra.Command, path string) (*config.Config, error) {
	cfg, err := config.Load(path)
	var problems config.Problems
	if err == nil {
		problems = app.Preflight(cfg)
	}
	if errors.As(err, &problems) || len(problems) > 0 {
		for _, p := range problems {
			fmt.Fprintln(cmd.OutOrStdout(), p.String())
		}
		fmt.Fprintln(cmd.OutOrStdout(), words.Count(len(problems), "problem", "problems"))
		return nil, app.ExitError{Code: 1}
	}
	if err != nil {
		return nil, err
	}
	var seen *ledger.Ledger
	if cfg.Store.Redis == nil { // a check asks no server
		seen, _ = app.StoredLedger(cmd.Context(), cfg, nil) // a file that a running proxy has tells nothing here
	}
	for _, w := range app.Warnings(cfg, seen, time.Now()) {
		fmt.Fprintln(cmd.OutOrStdout(), "warning:", w.String())
	}
	return cfg, nil
}

func newConfigReference() *cobra.Command {
	return &cobra.Command{
		Use: "reference", Short: "Print every configuration field with default, effect and danger",
		Example: "  docusign-auth-proxy config reference", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(cmd.OutOrStdout(), config.ReferenceMarkdown())
			return err
		},
	}
}

func newConfigSchema() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema by which editors check and complete a configuration",
		Long: `Prints a JSON Schema (draft 7) of the configuration file: every key with its type, choices, default and meaning. An editor with
YAML support (VS Code with the YAML extension, the JetBrains programs, Neovim with yaml-language-server) reads it from the file that the
first line of the configuration names; no network is needed:

  ` + config.SchemaHeader(config.SchemaFile) + `

It takes whatever the program takes. What ties keys together, and what stands in the files that are named, only "config check" knows.`,
		Example: "  docusign-auth-proxy config schema --output " + config.SchemaFile, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			schema, err := config.Schema()
			if err != nil {
				return err
			}
			if output == "" || output == "-" {
				_, err := cmd.OutOrStdout().Write(schema)
				return err
			}
			if err := files.Write(output, schema, 0o644); err != nil {
				return fmt.Errorf("--output: %w", err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "wrote %s\nnext: make this the first line of the configuration beside it: "+
				"%s\n", output, config.SchemaHeader(filepath.Base(output)))
			return err
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "`FILE` to write (default: standard output)")
	return cmd
}
