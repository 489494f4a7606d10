package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"path/filepath"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/sandbox"
)

// sandboxCommand serves the stand-in for DocuSign with files for the proxy and for old programs.
type sandboxCommand struct {
	listen, dir         string
	proxy, admin, hosts string
	force               bool
	own                 ownProgram
	out                 io.Writer

	cost    int                    // of the bcrypt hashes in proxy.yaml; 0 = default
	serving func(*sandbox.Sandbox) // called when all is ready; may be nil
}

func newSandbox() *cobra.Command {
	c := &sandboxCommand{}
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Serve a strict stand-in for DocuSign on this machine, to try a real old program offline",
		Long: `Serves DocuSign's account server, REST API and SOAP services on loopback. It verifies signature, aud, iat, exp, scope and consent of every
assertion, takes bearer tokens and App Passwords only, and refuses and counts every legacy credential. It writes a ready configuration for the
proxy, and keeps keys and certificates between runs, so that a program has to be told only once whom to trust.

A program with a compiled-in login is made known with --integrator-key, --user and --account; its password is whichever it sends first.`,
		Example: `  docusign-auth-proxy sandbox
  docusign-auth-proxy sandbox --integrator-key ACME-230546a7-9c55-40ad-8fbf-af205d5494ad --user billing@example.com --account 7654321`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.out = cmd.OutOrStdout()
			return c.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.listen, "listen", "127.0.0.1:9443", "`ADDRESS` of the stand-in")
	f.StringVar(&c.dir, "dir", "sandbox", "`FOLDER` for proxy.yaml, keys and certificates")
	f.StringVar(&c.proxy, "proxy", "127.0.0.1:8080", "`ADDRESS` of the proxy, for proxy.yaml")
	f.StringVar(&c.admin, "admin", "127.0.0.1:9090", "`ADDRESS` of metrics and status page, for proxy.yaml")
	f.StringVar(&c.hosts, "hosts", "127.0.0.1:8443", "`ADDRESS` of the TLS listener for programs sent there by a hosts file, for proxy.yaml; empty for none")
	f.BoolVar(&c.force, "force", false, "write proxy.yaml anew although it was changed")
	f.StringVar(&c.own.key, "integrator-key", "", "integrator `KEY` of your program")
	f.StringVar(&c.own.user, "user", "", "user `NAME` that your program sends, an e-mail address")
	f.StringVar(&c.own.account, "account", "", "account `ID` that your program uses, a number or a GUID")
	return cmd
}

func (c *sandboxCommand) run(ctx context.Context) error {
	if err := c.own.validate(); err != nil {
		return err
	}
	files := sandboxFiles{c.dir}
	kept, err := files.identity()
	if err != nil {
		return err
	}
	log := &sandboxLog{w: c.out}
	sb, err := sandbox.Start(sandbox.Options{Listen: c.listen, Authority: kept.authority, Logger: slog.New(log)})
	if err != nil {
		return fmt.Errorf("sandbox: %w; --listen chooses the address, and %s holds what is kept between runs", err, files.path(identityFile))
	}
	log.watch(sb)
	return errors.Join(c.serve(ctx, sb, files, kept), sb.Close())
}

func (c *sandboxCommand) serve(ctx context.Context, sb *sandbox.Sandbox, files sandboxFiles, kept identity) error {
	if at, err := netip.ParseAddrPort(sb.Addr()); err != nil || !at.Addr().Is4() {
		return fmt.Errorf("--listen %s: use an address such as 127.0.0.1:9443", c.listen)
	}
	world, err := sb.SeedWith(kept.keys)
	if err != nil {
		return fmt.Errorf("%s: %w", files.path(identityFile), err)
	}
	if world, err = c.own.settle(sb, world, kept.keys); err != nil {
		return err
	}
	if err := files.keep(sb, world); err != nil {
		return err
	}
	written, err := files.configure(c, sb, world)
	if err != nil {
		return err
	}
	if err := writeTryFiles(c.dir, world); err != nil {
		return err
	}
	if err := c.explain(sb, files, written); err != nil {
		return err
	}
	if c.serving != nil {
		c.serving(sb)
	}
	<-ctx.Done()
	_, err = io.WriteString(c.out, "\n"+countsText(sb.Counts()))
	return err
}

// explain says what is where and what to do next. The addresses are those of the configuration in the folder, whoever wrote it.
func (c *sandboxCommand) explain(sb *sandbox.Sandbox, files sandboxFiles, written bool) error {
	path := files.path("proxy.yaml")
	p := &page{w: c.out, colours: takesColours(c.out)}
	p.line("%s", p.in(ansiBold, "DocuSign's stand-in listens on "+sb.Addr()+" until Ctrl-C. It refuses and counts every legacy credential."))
	cfg, err := config.Load(path)
	switch {
	case err != nil:
		p.line("%s", p.in(ansiRed, path+" was changed and is left as it is, but it cannot be loaded. --force writes it anew."))
		p.line("%v", err)
		return p.err
	case !written:
		p.line("%s was changed since it was written here, and is left as it is; --force writes it anew.", path)
		if cfg.Egress.Resolve["account-d.docusign.com"] != sb.Addr() {
			p.line("%s", p.in(ansiYellow, "It does not resolve account-d.docusign.com to "+sb.Addr()+", so it will not reach this stand-in."))
		}
	}
	p.line("")
	p.line("In %s: proxy.yaml   the proxy's configuration, ready", files.path(""))
	p.line("    %s  ca.pem       the proxy's CA, for programs that come over HTTPS", blank(files.path("")))
	p.line("    %s  logins.txt   integrator keys, users, passwords and accounts to type into your program", blank(files.path("")))
	p.line("")
	p.line("Start the proxy in a second terminal:")
	p.line("  %s", p.in(ansiGreen, "docusign-auth-proxy run --config "+path))
	p.line("Then point your program at it, or try in a third:")
	absolute, err := filepath.Abs(c.dir)
	if err != nil {
		return err
	}
	for _, line := range tryLines(absolute, tryAddresses{cfg.Listen.Proxy, cfg.Listen.Admin, cfg.Listen.Hosts, sb.Addr()}) {
		p.line("  %s", line)
	}
	p.line("")
	p.line("What reaches DocuSign:")
	return p.err
}
