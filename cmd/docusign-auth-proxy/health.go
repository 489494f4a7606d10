package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/words"
)

func newHealth() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use: "health", Short: "Ask a running proxy whether it is ready",
		Long: `Asks /-/ready on the operations listener of the configuration. For container health checks, where there is no shell and no curl.

A faulty configuration does not make a running proxy unhealthy: it goes on with the last good one. So nothing but listen.admin is read,
also from a file that is no longer valid YAML; where it cannot be found, the default address is asked, and a warning says so.
Exit code: 0 ready, 1 not ready, no answer, or no configuration file.`,
		Example: "  docusign-auth-proxy health --config proxy.yaml", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			listen, fault, err := adminAddress(path)
			if err != nil {
				return err
			}
			if fault != nil {
				fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s is faulty, and a restart would fail: %v\nnext: docusign-auth-proxy config "+
					"check --config %s\n", path, fault, words.Argument(path))
			}
			answer, err := askReadyAt(cmd.Context(), listen)
			if err != nil {
				return fmt.Errorf("%w\nnext: look at the log of the proxy, or start it: docusign-auth-proxy run "+
					"--config %s", err, words.Argument(path))
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), answer)
			return err
		},
	}
	configFlag(cmd, &path)
	return cmd
}

// askReady asks the proxy that runs with the configuration at path.
func askReady(ctx context.Context, path string) (string, error) {
	listen, _, err := adminAddress(path)
	if err != nil {
		return "", err
	}
	return askReadyAt(ctx, listen)
}

func askReadyAt(ctx context.Context, listen string) (string, error) {
	answer, status, err := app.AskOperations(ctx, listen, http.MethodGet, "/-/ready", secret.Text{})
	if err == nil && status != http.StatusOK {
		err = errors.New("not ready: " + answer)
	}
	return answer, err
}

// adminLine finds the address in a file that is not valid YAML.
var adminLine = regexp.MustCompile(`\badmin:\s*["']?([^\s"',{}#]*:[0-9]{1,5})\b`)

// adminAddress reads one key and judges nothing else: after a bad edit the running proxy keeps the last good
// configuration and is as healthy as before. fault says why the file cannot be read as YAML.
func adminAddress(path string) (listen string, fault, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", nil, config.Problems{config.Unreadable(path, err)}
	}
	var doc struct {
		Listen struct {
			Admin string `yaml:"admin"`
		} `yaml:"listen"`
	}
	fault = yaml.Unmarshal(text, &doc)
	if found := adminLine.FindSubmatch(text); fault != nil && doc.Listen.Admin == "" && found != nil {
		doc.Listen.Admin = string(found[1])
	}
	if _, _, err := net.SplitHostPort(doc.Listen.Admin); err != nil && doc.Listen.Admin != "" {
		fault, doc.Listen.Admin = err, ""
	}
	return cmp.Or(doc.Listen.Admin, config.Default().Listen.Admin), fault, nil
}
