package app

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/secret"
)

const (
	healthTime = 2 * time.Second
	maxAnswer  = 16 << 20 // of the operations listener, in bytes
)

// AskRetry makes a proxy that runs with this configuration, or all replicas, ask DocuSign again for what was refused.
// It reports whether one was told. The operator's token is needed only where there is a login.
func AskRetry(ctx context.Context, cfg *config.Config) bool {
	if cfg.Store.Redis != nil {
		return retryEverywhere(ctx, cfg) == nil
	}
	_, status, err := AskOperations(ctx, cfg.Listen.Admin, http.MethodPost, "/-/retry", tokenOf(cfg))
	return err == nil && status == http.StatusOK
}

// Runs reports whether a proxy answers on this machine, at the operations listener of this configuration.
func Runs(ctx context.Context, cfg *config.Config) bool {
	_, _, err := AskOperations(ctx, cfg.Listen.Admin, http.MethodGet, "/-/healthy", secret.Text{})
	return err == nil
}

// tokenOf is the operator's token of the running proxy; empty = there is none that may be read.
func tokenOf(cfg *config.Config) secret.Text {
	text, err := os.ReadFile(cfg.Admin.TokenFile)
	if err != nil {
		return secret.Text{}
	}
	return secret.New(strings.TrimRight(string(text), "\r\n"))
}

// OperationsOrigin is where this machine asks the operations listener: at loopback if it listens everywhere.
func OperationsOrigin(listen string) (*url.URL, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, fmt.Errorf("listen.admin: %w", err)
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return &url.URL{Scheme: "http", Host: net.JoinHostPort(host, port)}, nil
}

// AskOperations sends a request without a body to the operations listener on this machine.
func AskOperations(
	ctx context.Context, listen, method, path string, token secret.Text,
) (text string, status int, err error) {
	at, err := OperationsOrigin(listen)
	if err != nil {
		return "", 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, at.String()+path, nil)
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
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return strings.TrimSpace(string(body)), resp.StatusCode, err
}
