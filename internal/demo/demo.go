// Package demo shows the proxy at work on one machine, with the sandbox in DocuSign's place, and serves the sandbox for
// somebody's own program. It must never reach a real DocuSign, and shows no secret. The commands demo and sandbox call
// it.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"golang.org/x/crypto/bcrypt"

	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/shown"
)

// Demo is the command's options and the two streams it writes to.
type Demo struct {
	Keep, AsJSON        bool
	Proxy, Admin, Hosts string
	Chosen              func(flag string) bool // whether the user gave an address
	Out, Log            io.Writer

	keys map[string][]byte // private keys by integrator key; missing ones are made

	// For tests, each may be nil: called before the first step, and when the commands to try have been printed.
	opened, staying func(*setup)
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

// NextStep is something that the operator does next: a command and what it is for, or only the latter.
type NextStep struct {
	Command string `json:"command,omitempty"`
	Why     string `json:"why"`
}

// NextSteps is the way to a real account.
func NextSteps() []NextStep {
	const program = "docusign-auth-proxy "
	return []NextStep{
		{"", "In DocuSign under Apps and Keys: add an RSA key to your integrator key, keep it as key.pem"},
		{program + "ca init", "for HTTPS only; your program must trust it"},
		{program + "discover --private-key key.pem", "your program calls, it writes the file"},
		{program + "hash-password < password.txt", "for the password that your program sends"},
		{program + "consent", "each user agrees once, in a browser"},
		{program + "doctor", "tries it all, and says what is missing"},
		{program + "run", "for your program, as in 2 to 5 above"},
	}
}

func (d *Demo) Run(ctx context.Context) (err error) {
	where, notes, err := d.addresses()
	if err != nil {
		return err
	}
	cost := bcrypt.MinCost
	if d.Keep { // the status page warns of quick ones
		cost = bcrypt.DefaultCost
	}
	s, err := newSetup(ctx, where, d.keys, cost)
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
	if d.AsJSON {
		err = shown.JSON(d.Out, done)
	} else {
		p.print("ending", done)
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
	if d.AsJSON {
		p.w = io.Discard
	}
	p.print("opening", nil)
	done := report{OK: true, Next: NextSteps()}
	n := newNarrator(s)
	for i, run := range n.script() {
		if err := ctx.Err(); err != nil {
			return done, err
		}
		n.step = step{}
		if err := run(); err != nil {
			n.check(false, "%v", err)
		}
		done.Steps = append(done.Steps, n.step)
		done.OK = done.OK && len(n.Trouble) == 0
		p.step(i+1, n.step)
	}
	done.Proof, done.Metrics, done.Trouble = n.sumUp()
	done.OK = done.OK && len(done.Trouble) == 0
	return done, ctx.Err()
}

// addresses are where the demo listens: anywhere, unless it stays up and people are to type the addresses.
func (d *Demo) addresses() (places, []string, error) {
	const anywhere = "127.0.0.1:0"
	if !d.Keep {
		return places{anywhere, anywhere, anywhere}, nil, nil
	}
	var notes []string
	at := places{d.Proxy, d.Admin, d.Hosts}
	for _, want := range []struct {
		flag    string
		address *string
	}{{"listen", &at.Proxy}, {"admin", &at.Admin}, {"hosts", &at.Hosts}} {
		l, err := net.Listen("tcp", *want.address)
		if err == nil {
			err = l.Close()
		}
		switch {
		case err == nil:
		case d.Chosen(want.flag):
			return at, nil, fmt.Errorf("--%s: %w", want.flag, err)
		default:
			notes = append(notes, fmt.Sprintf("%s cannot be used (%v), so a free port is; --%s chooses one", *want.address,
				reason(err), want.flag))
			*want.address = anywhere
		}
	}
	return at, notes, nil
}

// reason is the last cause of an error, such as "address already in use".
func reason(err error) error {
	for next := err; next != nil; next = errors.Unwrap(next) {
		err = next
	}
	return err
}

// stay leaves proxy and sandbox up until ctx ends, with the proxy's log shown as it comes.
func (d *Demo) stay(ctx context.Context, s *setup, p *page, notes []string) error {
	if err := writeTryFiles(s.dir, s.seed); err != nil {
		return err
	}
	at := places{s.proxy.Address(call.DoorSidecar), s.proxy.AdminAddress(), s.proxy.Address(call.DoorHosts)}
	p.print("staying", map[string]any{"Notes": notes, "Try": newTry(s.dir, at, s.sandbox.Addr())})
	if p.err != nil {
		return p.err
	}
	s.log.switchTo(d.Log)
	if d.staying != nil {
		d.staying(s)
	}
	select {
	case <-ctx.Done():
		return nil
	case <-s.proxy.Ended():
		return errors.New("the proxy ended")
	}
}
