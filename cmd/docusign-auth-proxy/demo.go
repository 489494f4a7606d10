package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// demo is the command's options and the two streams it writes to.
type demo struct {
	keep, asJSON                 bool
	proxy, admin, hosts          string
	proxySet, adminSet, hostsSet bool
	out, log                     io.Writer
	next                         []step

	keys map[string][]byte // private keys by integrator key; missing ones are made

	// For tests, each may be nil: called before the first act, after the last, and when the commands to try have been printed.
	opened, played, staying func(*stage)
}

func newDemo() *cobra.Command {
	d := &demo{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See it work: an old program, the proxy and a stand-in for DocuSign, all on this machine",
		Long: `Starts the proxy and a strict stand-in for DocuSign on loopback, lets an old program call through every way in, shows the bytes before and
after (secrets masked) and the metrics that moved, and ends. It needs no file and no network. The exit code is 1 if anything did not
behave as it should, so it also checks an installation.`,
		Example: "  docusign-auth-proxy demo\n  docusign-auth-proxy demo --keep",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.out, d.log, d.next = cmd.OutOrStdout(), cmd.ErrOrStderr(), nextSteps(cmd.Root())
			d.proxySet, d.adminSet = cmd.Flags().Changed("listen"), cmd.Flags().Changed("admin")
			d.hostsSet = cmd.Flags().Changed("hosts")
			return d.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&d.keep, "keep", false, "stay up afterwards, with commands to try, until Ctrl-C")
	cmd.Flags().BoolVar(&d.asJSON, "json", false, "print what happened as JSON")
	cmd.Flags().StringVar(&d.proxy, "listen", "127.0.0.1:8080", "with --keep: `ADDRESS` of the proxy")
	cmd.Flags().StringVar(&d.admin, "admin", "127.0.0.1:9090", "with --keep: `ADDRESS` of metrics and status page")
	cmd.Flags().StringVar(&d.hosts, "hosts", "127.0.0.1:8443", "with --keep: `ADDRESS` of the TLS listener for programs sent here by a hosts file")
	cmd.MarkFlagsMutuallyExclusive("keep", "json")
	return cmd
}

// performance is all that the demo found out; it is what --json prints.
type performance struct {
	OK      bool     `json:"ok"`
	Acts    []act    `json:"acts"`
	Proof   proof    `json:"proof"`
	Metrics []moved  `json:"metrics"`
	Next    []step   `json:"next_steps"`
	Trouble []string `json:"trouble,omitempty"`
}

// proof is what DocuSign's stand-in counted while the old program called through the proxy.
type proof struct {
	Calls   int `json:"calls_through_the_proxy"`
	Let     int `json:"calls_docusign_let_in"`
	Grants  int `json:"token_grants"`
	Legacy  int `json:"legacy_credentials_that_reached_docusign"`
	Leaks   int `json:"legacy_passwords_found_in_what_reached_docusign"`
	Refused int `json:"calls_docusign_refused"`
}

func (d *demo) run(ctx context.Context) (err error) {
	where, notes, err := d.addresses()
	if err != nil {
		return err
	}
	s, err := openStage(ctx, where, d.keys)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer func() {
		if failed := s.close(); err == nil && failed != nil {
			err = fmt.Errorf("demo: %w", failed)
		}
	}()
	if d.opened != nil {
		d.opened(s)
	}
	p := newPage(d.out, s.mask)
	done, err := d.play(ctx, s, p)
	if err != nil {
		return err
	}
	if d.played != nil {
		d.played(s)
	}
	if d.asJSON {
		err = printJSON(d.out, done)
	} else {
		p.ending(done)
		err = p.err
	}
	if err == nil && d.keep {
		err = d.stay(ctx, s, p, notes)
	}
	if err == nil && !done.OK {
		return exitError{1}
	}
	return err
}

// play runs the acts one after the other, shows each as it ends, and sums up.
func (d *demo) play(ctx context.Context, s *stage, p *page) (performance, error) {
	if !d.asJSON {
		p.opening()
	}
	done := performance{OK: true, Next: d.next}
	for i, perform := range script() {
		if err := ctx.Err(); err != nil {
			return done, err
		}
		a := perform(s)
		a.mask(s.mask)
		done.Acts = append(done.Acts, a)
		done.OK = done.OK && len(a.Trouble) == 0
		if !d.asJSON {
			p.act(i+1, a)
		}
	}
	done.Proof, done.Metrics, done.Trouble = s.sumUp(ctx)
	done.OK = done.OK && len(done.Trouble) == 0
	return done, ctx.Err()
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
