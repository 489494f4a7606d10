package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/secret"
)

func newHealth() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use: "health", Short: "Ask a running proxy whether it is ready",
		Long: "Asks /-/ready on the operations listener of the configuration. For container health checks, where " +
			"there is no shell and no curl.",
		Example: "  docusign-auth-proxy health --config proxy.yaml", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			listen, err := adminAddress(path)
			if err != nil {
				return err
			}
			answer, status, err := app.AskOperations(cmd.Context(), listen, http.MethodGet, "/-/ready", secret.Text{})
			if err == nil && status != http.StatusOK {
				err = errors.New("not ready: " + answer)
			}
			if err != nil {
				return fmt.Errorf("%w\nnext: look at the log of the proxy, or start it: docusign-auth-proxy run "+
					"--config %s", err, path)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), answer)
			return err
		},
	}
	configFlag(cmd, &path)
	return cmd
}

// adminAddress reads one field and judges nothing else: after a bad edit the running proxy keeps the last good
// configuration and is as healthy as before.
func adminAddress(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	var doc struct {
		Listen struct {
			Admin string `yaml:"admin"`
		} `yaml:"listen"`
	}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return cmp.Or(doc.Listen.Admin, config.Default().Listen.Admin), nil
}
