package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/store"
)

const (
	maxStatusBytes  = 64 << 20
	reportTimeout   = 30 * time.Second
	reportStoreWait = 200 * time.Millisecond // a running proxy never lets go of it
)

// reportOptions are the flags of the report.
type reportOptions struct {
	config, format, output, admin, passwordFile, tokenFile string
}

func newReport() *cobra.Command {
	var o reportOptions
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Tell who still calls with what, what fails, and when the proxy can go",
		Long: `Writes what the status page shows, for reading elsewhere: a table for the terminal, json as at /api/status, csv with a line for each
caller, html as one file that needs no other.

It reads the store that the configuration names. While a proxy runs, the store is locked, and the operations listener is asked instead.`,
		Example: "  docusign-auth-proxy report --config proxy.yaml\n  docusign-auth-proxy report --config proxy.yaml --format html --output migration.html",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	configFlag(cmd, &o.config)
	cmd.Flags().StringVarP(&o.format, "format", "f", "table", "`FORMAT`: "+strings.Join(admin.Formats(), ", "))
	cmd.Flags().StringVarP(&o.output, "output", "o", "", "`FILE` to write, readable by its owner alone (default: standard output)")
	cmd.Flags().StringVar(&o.admin, "admin", "", "`URL` of the operations listener of a running proxy (default: listen.admin of the configuration)")
	o.loginFlags(cmd)
	return cmd
}

// loginFlags are the two ways to prove the operator.
func (o *reportOptions) loginFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.passwordFile, "admin-password-file", "", "`FILE` with the password of admin.basic_auth, when the configuration has only its hash")
	cmd.Flags().StringVar(&o.tokenFile, "admin-token-file", "", "`FILE` with the token that the running proxy wrote (default: admin.token_file of the configuration)")
}

func (o *reportOptions) run(cmd *cobra.Command) error {
	if !slices.Contains(admin.Formats(), o.format) {
		return fmt.Errorf("--format %q is none of %s", o.format, strings.Join(admin.Formats(), ", "))
	}
	cfg, err := config.Load(o.config)
	if err != nil {
		return err
	}
	status, source, err := o.status(cmd.Context(), cfg)
	if err != nil {
		return err
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "read from", source)
	var b bytes.Buffer
	if err := admin.WriteReport(&b, o.format, status, time.Now()); err != nil {
		return err
	}
	if o.output == "" || o.output == "-" {
		_, err := b.WriteTo(cmd.OutOrStdout())
		return err
	}
	if err := os.WriteFile(o.output, b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "wrote", o.output)
	return nil
}

// status also tells where it comes from. A store that is kept in memory, locked or not ours to read leaves the listener.
func (o *reportOptions) status(ctx context.Context, cfg *config.Config) (admin.Status, string, error) {
	reason := errors.New("the configuration names no store")
	if cfg.Store != "" {
		s, err := o.fromStore(cfg)
		if err == nil {
			return s, "the store " + cfg.Store, nil
		}
		if !errors.Is(err, store.ErrLocked) && !errors.Is(err, fs.ErrPermission) {
			return admin.Status{}, "", err
		}
		reason = err
	}
	at, err := o.adminURL(cfg)
	if err != nil {
		return admin.Status{}, "", fmt.Errorf("%w; %w", reason, err)
	}
	s, err := o.fromListener(ctx, cfg, at)
	if err != nil {
		return admin.Status{}, "", fmt.Errorf("%w; the operations listener at %s: %w", reason, at.Host, err)
	}
	return s, "the running proxy at " + at.Host, nil
}

func (o *reportOptions) fromStore(cfg *config.Config) (admin.Status, error) {
	if _, err := os.Stat(cfg.Store); errors.Is(err, fs.ErrNotExist) {
		return admin.Status{}, fmt.Errorf("there is no store at %s yet: run the proxy with this configuration first", cfg.Store)
	}
	opened, err := store.Open(cfg.Store, store.Options{Timeout: reportStoreWait})
	if err != nil {
		return admin.Status{}, err
	}
	defer func() { _ = opened.Close() }() // nothing was written
	var damaged error
	l, err := ledger.New(ledger.Options{Store: opened, OnError: func(err error) { damaged = err }})
	if err != nil {
		return admin.Status{}, err
	}
	version, commit, _ := app.BuildVersion()
	s := admin.Status{
		Version: version, Commit: commit, Environment: cfg.Environment, UnknownMode: cfg.Unknown, Config: admin.ConfigState{Path: o.config},
		Integrations: app.IntegrationStatus(cfg, l, nil), Unknown: admin.UnknownOf(l.Unknown()),
	}
	if damaged != nil {
		s.Config.Warnings = append(s.Config.Warnings, damaged.Error())
	}
	return s, nil
}

// adminURL takes the flag, or the listener of the configuration; one that listens everywhere is asked at loopback.
func (o *reportOptions) adminURL(cfg *config.Config) (*url.URL, error) {
	if o.admin != "" {
		u, err := url.Parse(o.admin)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
			return nil, errors.New("--admin: not a URL such as http://127.0.0.1:9090")
		}
		return u, nil
	}
	host, port, err := net.SplitHostPort(cfg.Listen.Admin)
	if err != nil || port == "0" {
		return nil, errors.New("give the address of the operations listener with --admin")
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return &url.URL{Scheme: "http", Host: net.JoinHostPort(host, port)}, nil
}

// fromListener goes past HTTP_PROXY, which on such a machine is this proxy.
func (o *reportOptions) fromListener(ctx context.Context, cfg *config.Config, at *url.URL) (admin.Status, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at.JoinPath("/api/status").String(), nil)
	if err != nil {
		return admin.Status{}, err
	}
	if _, err := o.login(cfg, r); err != nil {
		return admin.Status{}, err
	}
	client := &http.Client{
		Transport: &http.Transport{DisableKeepAlives: true}, Timeout: reportTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	answer, err := client.Do(r)
	if err != nil {
		return admin.Status{}, err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
		return decodeStatus(answer.Body)
	case http.StatusUnauthorized:
		return admin.Status{}, adminRefusal(answer, nil)
	}
	return admin.Status{}, fmt.Errorf("it answered %s; is it the operations listener of docusign-auth-proxy?", answer.Status)
}

// login sends the password of admin.basic_auth, else the token from its file. noToken says why there is none: what only shows can
// be had without.
func (o *reportOptions) login(cfg *config.Config, r *http.Request) (noToken, err error) {
	if basic := cfg.Admin.BasicAuth; basic != nil {
		password := basic.Password.Clear()
		if o.passwordFile != "" {
			if password, err = readLine("--admin-password-file", o.passwordFile); err != nil {
				return nil, err
			}
		}
		if !password.Empty() {
			r.SetBasicAuth(basic.Username, password.Reveal())
			return nil, nil
		}
	}
	token, noToken := readLine("--admin-token-file", cmp.Or(o.tokenFile, cfg.Admin.TokenFile))
	switch {
	case noToken == nil:
		r.Header.Set("Authorization", "Bearer "+token.Reveal())
	case o.tokenFile != "":
		return nil, noToken
	case cfg.Admin.BasicAuth != nil:
		return nil, fmt.Errorf("it asks for a login, and the configuration has only a hash: give the password with --admin-password-file, "+
			"or run the command as the user of the proxy, who may read the token (%w)", noToken)
	}
	return noToken, nil
}

// readLine reads a secret from the file that a flag names.
func readLine(flag, path string) (secret.Text, error) {
	if path == "" {
		return secret.Text{}, errors.New(flag + " is not given, and there is no configuration here that names the file")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return secret.Text{}, fmt.Errorf("%s: %w", flag, err)
	}
	return secret.New(strings.TrimRight(string(b), "\r\n")), nil
}

func decodeStatus(r io.Reader) (admin.Status, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxStatusBytes+1))
	if err != nil {
		return admin.Status{}, err
	}
	if len(b) > maxStatusBytes {
		return admin.Status{}, fmt.Errorf("its status is over %d MiB", maxStatusBytes>>20)
	}
	var s admin.Status
	if err := json.Unmarshal(b, &s); err != nil {
		return admin.Status{}, fmt.Errorf("its status cannot be read: %w", err)
	}
	if s.Schema != admin.Schema {
		return admin.Status{}, fmt.Errorf("its status has schema %d, this program knows %d: use the program of the same version as the proxy", s.Schema, admin.Schema)
	}
	return s, nil
}
