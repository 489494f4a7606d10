package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/secret"
)

const healthTime = 2 * time.Second

func newHealth() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use: "health", Short: "Ask a running proxy whether it is ready",
		Long:    "Asks /-/ready on the operations listener of the configuration. For container health checks, where there is no shell and no curl.",
		Example: "  docusign-auth-proxy health --config proxy.yaml", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			listen, err := adminAddress(path)
			if err != nil {
				return err
			}
			answer, err := askReady(cmd.Context(), listen)
			if err != nil {
				return fmt.Errorf("%w\nnext: look at the log of the proxy, or start it: docusign-auth-proxy run --config %s", err, path)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), answer)
			return err
		},
	}
	configFlag(cmd, &path)
	return cmd
}

// adminAddress reads one field and judges nothing else: after a bad edit the running proxy keeps the last good configuration and is
// as healthy as before.
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
	if doc.Listen.Admin == "" {
		return config.Default().Listen.Admin, nil
	}
	return doc.Listen.Admin, nil
}

// askReady asks the operations listener on this machine.
func askReady(ctx context.Context, listen string) (string, error) {
	text, status, err := askOperations(ctx, listen, http.MethodGet, "/-/ready", secret.Text{})
	if err == nil && status != http.StatusOK {
		return "", errors.New("not ready: " + text)
	}
	return text, err
}

// askRetry makes a proxy that runs with this configuration ask DocuSign again for what it was refused. It reports
// whether one does. The operator's token is needed only where there is a login.
func askRetry(ctx context.Context, cfg *config.Config) bool {
	token, err := readLine("admin.token_file", cfg.Admin.TokenFile)
	if err != nil {
		token = secret.Text{}
	}
	_, status, err := askOperations(ctx, cfg.Listen.Admin, http.MethodPost, "/-/retry", token)
	return err == nil && status == http.StatusOK
}

// askOperations sends a request without a body to the operations listener on this machine.
func askOperations(
	ctx context.Context, listen, method, path string, token secret.Text,
) (text string, status int, err error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", 0, fmt.Errorf("listen.admin: %w", err)
	}
	if host == "" || host == "0.0.0.0" || host == "::" {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+net.JoinHostPort(host, port)+path, nil)
	if err != nil {
		return "", 0, err
	}
	if !token.Empty() {
		req.Header.Set("Authorization", "Bearer "+token.Reveal())
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return "", 0, fmt.Errorf("no answer from the operations listener: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	return strings.TrimSpace(string(body)), resp.StatusCode, err
}
