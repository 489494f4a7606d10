package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/files"
)

// reportOptions are the flags of the report.
type reportOptions struct {
	operations
	format, output string
}

func newReport() *cobra.Command {
	var o reportOptions
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Tell who still calls with what, what fails, and when the proxy can go",
		Long: `Writes what the status page shows, for reading elsewhere: a table for the terminal, json as at /api/status, csv with a line for each
caller, html as one file that needs no other.

It reads the store that the configuration names. While a proxy runs, its state file is locked, and the operations listener is asked instead.
With store.redis it tells of all replicas, whether one runs here or not; --admin asks one of them.`,
		Example: "  docusign-auth-proxy report --config proxy.yaml\n  docusign-auth-proxy report --config " +
			"proxy.yaml --format html --output migration.html",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	configFlag(cmd, &o.config)
	cmd.Flags().StringVarP(&o.format, "format", "f", "table", "`FORMAT`: "+strings.Join(admin.Formats(), ", "))
	cmd.Flags().StringVarP(&o.output, "output", "o", "", "`FILE` to write, readable by its owner alone (default: "+
		"standard output)")
	cmd.Flags().StringVar(&o.admin, "admin", "", "`URL` of the operations listener of a running proxy (default: "+
		"listen.admin of the configuration)")
	o.loginFlags(cmd)
	return cmd
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
	if err := files.Write(o.output, b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "wrote", o.output)
	return nil
}

// status also tells where it comes from. A store that is kept in memory, locked or not ours to read leaves the
// listener.
func (o *reportOptions) status(ctx context.Context, cfg *config.Config) (s admin.Status, source string, err error) {
	reason := errors.New("the configuration names no store")
	switch {
	case cfg.Store.Redis != nil && o.admin != "":
		reason = errors.New("asked for one replica")
	case cfg.Store.Lasting():
		s, reason = app.StoredStatus(ctx, cfg)
		if errors.Is(reason, fs.ErrNotExist) {
			reason = fmt.Errorf("there is no store at %s yet: run the proxy with this configuration first", cfg.Store.File)
		}
		if reason == nil || !isElsewhere(reason) {
			return s, "the store " + cfg.Store.Name(), reason
		}
	}
	at, err := o.adminURL(cfg)
	if err != nil {
		return s, "", fmt.Errorf("%w; %w", reason, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at.JoinPath("api/status").String(), nil)
	if err == nil {
		err = o.login(cfg, r, false)
	}
	if err == nil {
		err = exchange(r, &s)
	}
	if err == nil && s.Schema != admin.Schema {
		err = fmt.Errorf("its status has schema %d, this program knows %d: use the program of the same version as the "+
			"proxy", s.Schema, admin.Schema)
	}
	if err != nil {
		return s, "", fmt.Errorf("%w; the operations listener at %s: %w", reason, at.Host, err)
	}
	return s, "the running proxy at " + at.Host, nil
}
