package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"path/filepath"
	"unicode/utf8"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/sandbox"
)

// Sandbox serves the stand-in for DocuSign with files for the proxy and for old programs.
type Sandbox struct {
	Listen, Dir         string
	Proxy, Admin, Hosts string
	Force               bool
	Own                 ownProgram
	Out                 io.Writer

	cost    int                    // of the bcrypt hashes in proxy.yaml; 0 = default
	serving func(*sandbox.Sandbox) // called when all is ready; may be nil
}

func (c *Sandbox) Run(ctx context.Context) error {
	if err := c.Own.validate(); err != nil {
		return err
	}
	files := sandboxFiles{c.Dir}
	kept, err := files.identity()
	if err != nil {
		return err
	}
	log := &sandboxLog{w: c.Out}
	sb, err := sandbox.Start(sandbox.Options{Listen: c.Listen, Authority: kept.authority, Logger: slog.New(log)})
	if err != nil {
		return fmt.Errorf("sandbox: %w; --listen chooses the address, and %s holds what is kept between runs", err,
			files.path(identityFile))
	}
	log.watch(sb)
	return errors.Join(c.serve(ctx, sb, files, kept), sb.Close())
}

func (c *Sandbox) serve(ctx context.Context, sb *sandbox.Sandbox, files sandboxFiles, kept identity) error {
	if at, err := netip.ParseAddrPort(sb.Addr()); err != nil || !at.Addr().Is4() {
		return fmt.Errorf("--listen %s: use an address such as 127.0.0.1:9443", c.Listen)
	}
	seed, err := sb.SeedWith(kept.keys)
	if err != nil {
		return fmt.Errorf("%s: %w", files.path(identityFile), err)
	}
	if seed, err = c.Own.settle(sb, seed, kept.keys); err != nil {
		return err
	}
	if err := files.keep(sb, seed); err != nil {
		return err
	}
	written, err := files.configure(c, sb, seed)
	if err != nil {
		return err
	}
	if err := writeTryFiles(c.Dir, seed); err != nil {
		return err
	}
	if err := c.explain(sb, files, written); err != nil {
		return err
	}
	if c.serving != nil {
		c.serving(sb)
	}
	<-ctx.Done()
	_, err = io.WriteString(c.Out, "\n"+countsText(sb.Counts()))
	return err
}

// explain says what is where and what to do next. The addresses are those of the configuration in the folder, whoever
// wrote it.
func (c *Sandbox) explain(sb *sandbox.Sandbox, files sandboxFiles, written bool) error {
	path := files.path("proxy.yaml")
	p := newPage(c.Out)
	p.line("%s", p.in(ansiBold, "DocuSign's stand-in listens on "+sb.Addr()+
		" until Ctrl-C. It refuses and counts every legacy credential."))
	cfg, err := config.Load(path)
	switch {
	case err != nil:
		p.line("%s", p.in(ansiRed, path+" was changed and is left as it is, but it cannot be loaded. --force writes "+
			"it anew."))
		p.line("%v", err)
		return p.err
	case !written:
		p.line("%s was changed since it was written here, and is left as it is; --force writes it anew.", path)
		if cfg.Egress.Resolve["account-d.docusign.com"] != sb.Addr() {
			p.line("%s", p.in(ansiYellow, "It does not resolve account-d.docusign.com to "+sb.Addr()+
				", so it will not reach this stand-in."))
		}
	}
	p.line("")
	dir := files.path("")
	indent := utf8.RuneCountInString(dir)
	p.line("In %s: proxy.yaml   the proxy's configuration, ready", dir)
	p.line("    %*s  ca.pem       the proxy's CA, for programs that come over HTTPS", indent, "")
	p.line("    %*s  logins.txt   integrator keys, users, passwords and accounts to type into your program", indent, "")
	p.line("")
	p.line("Start the proxy in a second terminal:")
	p.line("  %s", p.in(ansiGreen, "docusign-auth-proxy run --config "+path))
	p.line("Then point your program at it, or try in a third:")
	absolute, err := filepath.Abs(c.Dir)
	if err != nil {
		return err
	}
	at := places{cfg.Listen.Proxy, cfg.Listen.Admin, cfg.Listen.Hosts}
	for _, line := range tryLines(absolute, at, sb.Addr()) {
		p.line("  %s", line)
	}
	p.line("")
	p.line("What reaches DocuSign:")
	return p.err
}
