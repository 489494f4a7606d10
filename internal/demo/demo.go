// Package demo shows the proxy at work on one machine, with the sandbox in DocuSign's place, and serves the sandbox for
// somebody's own program. It must never reach a real DocuSign, and shows no secret. The commands demo and sandbox call
// it.
package demo

import (
	"context"
	"fmt"
	"io"

	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/shown"
)

// Demo is the command's options and the two streams it writes to.
type Demo struct {
	Keep, AsJSON                 bool
	Proxy, Admin, Hosts          string
	ProxySet, AdminSet, HostsSet bool
	Out, Log                     io.Writer

	keys map[string][]byte // private keys by integrator key; missing ones are made

	// For tests, each may be nil: called before the first step, after the last, and when the commands to try have been
	// printed.
	opened, played, staying func(*setup)
}

// report is all that the demo found out; it is what --json prints.
type report struct {
	OK      bool       `json:"ok"`
	Steps   []step     `json:"acts"`
	Proof   proof      `json:"proof"`
	Metrics []moved    `json:"metrics"`
	Next    []NextStep `json:"next_steps"`
	Trouble []string   `json:"trouble,omitempty"`
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

func (d *Demo) Run(ctx context.Context) (err error) {
	where, notes, err := d.addresses()
	if err != nil {
		return err
	}
	s, err := newSetup(ctx, where, d.keys)
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
	p := newPage(d.Out)
	done, err := d.play(ctx, s, p)
	if err != nil {
		return err
	}
	if d.played != nil {
		d.played(s)
	}
	if d.AsJSON {
		err = shown.JSON(d.Out, done)
	} else {
		p.ending(done)
		err = p.err
	}
	if err == nil && d.Keep {
		err = d.stay(ctx, s, p, notes)
	}
	if err == nil && !done.OK {
		return app.ExitError{Code: 1}
	}
	return err
}

// play runs the steps one after the other, shows each as it ends, and sums up.
func (d *Demo) play(ctx context.Context, s *setup, p *page) (report, error) {
	if !d.AsJSON {
		p.opening()
	}
	done := report{OK: true, Next: NextSteps()}
	n := newNarrator(s)
	for i, run := range script() {
		if err := ctx.Err(); err != nil {
			return done, err
		}
		var a step
		run(n, &a)
		a.mask(s.mask)
		done.Steps = append(done.Steps, a)
		done.OK = done.OK && len(a.Trouble) == 0
		if !d.AsJSON {
			p.step(i+1, a)
		}
	}
	done.Proof, done.Metrics, done.Trouble = n.sumUp(ctx)
	done.OK = done.OK && len(done.Trouble) == 0
	return done, ctx.Err()
}
