package demo

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/internal/words"
)

// SandboxCommand serves the stand-in for DocuSign with files for the proxy and for old programs.
type SandboxCommand struct {
	Listen, Dir         string
	Proxy, Admin, Hosts string
	Force               bool
	Own                 ownProgram
	Out                 io.Writer

	cost    int                    // of the bcrypt hashes in proxy.yaml; 0 = default
	serving func(*sandbox.Sandbox) // called when all is ready; may be nil
}

// ownProgram is a login that is compiled into somebody's real program. Empty fields are filled from the sandbox's own
// seed.
type ownProgram struct{ Key, User, Account string }

var (
	keyForm     = regexp.MustCompile(`^(?i:[a-z0-9]{4}-)?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	accountForm = regexp.MustCompile(`^([0-9]{1,12}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$`)
)

func (o ownProgram) validate() error {
	switch {
	case o.Key != "" && !keyForm.MatchString(o.Key):
		return errors.New("--integrator-key: a GUID, or four characters and a dash before one")
	case o.User != "" && !strings.Contains(o.User, "@"):
		return errors.New("--user: an e-mail address")
	case o.Account != "" && !accountForm.MatchString(o.Account):
		return errors.New("--account: a number or a GUID")
	}
	return nil
}

// settle adds the program to the seed that sandbox and configuration are made from.
func (o ownProgram) settle(w *sandbox.Seed) {
	account := sandbox.ExampleAccountID
	if o.Account != "" {
		account = o.settleAccount(w)
	}
	switch {
	case o.User != "" && w.User(o.User).Email == "":
		w.Users = append(w.Users, sandbox.User{ID: guidOf("user", o.User), Email: o.User, Name: "Your Program",
			AppPassword: "app-" + guidOf("app password", o.User)[:8], Accounts: []string{account}, Default: account})
	case o.Account != "":
		for i := range w.Users {
			w.Users[i].Accounts = append(w.Users[i].Accounts, account)
		}
	}
	known := slices.ContainsFunc(w.Integrations, func(i sandbox.Integration) bool { return i.Key == o.Key })
	if o.Key != "" && !known {
		w.Integrations = append(w.Integrations, sandbox.Integration{Key: o.Key, Live: true})
	}
}

func (o ownProgram) settleAccount(w *sandbox.Seed) string {
	for _, a := range w.Accounts {
		if a.Number == o.Account || strings.EqualFold(a.ID, o.Account) {
			return a.ID
		}
	}
	a := sandbox.Account{ID: guidOf("account", o.Account), Number: o.Account, Name: "Your account",
		Site: w.Accounts[0].Site}
	if strings.Contains(o.Account, "-") {
		a.ID, a.Number = strings.ToLower(o.Account), "9000001"
	}
	w.Accounts = append(w.Accounts, a)
	return a.ID
}

// guidOf makes the same GUID for the same name in every run, so that a configuration stays good.
func guidOf(what, name string) string {
	b := sha256.Sum256([]byte(what + "\x00" + strings.ToLower(name)))
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80 // version 8 of RFC 9562: made by a rule of one's own
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

func (c *SandboxCommand) Run(ctx context.Context) error {
	if err := c.Own.validate(); err != nil {
		return err
	}
	authority, keys, err := c.identity()
	if err != nil {
		return err
	}
	log := &sandboxLog{w: c.Out}
	sb, err := sandbox.Start(sandbox.Options{Listen: c.Listen, Authority: authority, Served: log.served})
	if err != nil {
		return fmt.Errorf("sandbox: %w; --listen chooses the address, and %s holds what is kept between runs", err,
			c.path(identityFile))
	}
	return errors.Join(c.serve(ctx, sb, keys), sb.Close())
}

func (c *SandboxCommand) serve(ctx context.Context, sb *sandbox.Sandbox, keys map[string][]byte) error {
	if at, err := netip.ParseAddrPort(sb.Addr()); err != nil || !at.Addr().Is4() {
		return fmt.Errorf("--listen %s: use an address such as 127.0.0.1:9443", c.Listen)
	}
	seed, err := sb.SeedWith(keys, c.Own.settle)
	if err != nil {
		return fmt.Errorf("%s: %w", c.path(identityFile), err)
	}
	if err := c.keep(sb, seed); err != nil {
		return err
	}
	written, err := c.configure(sb, seed)
	if err != nil {
		return err
	}
	if err := writeTryFiles(c.Dir, seed); err != nil {
		return err
	}
	p := newPage(c.Out)
	if err := c.explain(p, sb.Addr(), written); err != nil {
		return err
	}
	if c.serving != nil {
		c.serving(sb)
	}
	<-ctx.Done()
	p.print("counts", sb.Counts())
	return p.err
}

// explain says what is where and what to do next. The addresses are those of the configuration in the folder, whoever
// wrote it.
func (c *SandboxCommand) explain(p *page, address string, written bool) error {
	absolute, err := filepath.Abs(c.Dir)
	if err != nil {
		return err
	}
	cfg, problem := config.Load(c.path("proxy.yaml"))
	try, resolved := newTry(absolute, places{}, address), ""
	if problem == nil {
		try.At = places{cfg.Listen.Proxy, cfg.Listen.Admin, cfg.Listen.Hosts}
		resolved = cfg.Egress.Resolve["account-d.docusign.com"]
	}
	p.print("sandbox", map[string]any{
		"Path": c.path("proxy.yaml"), "Argument": words.Argument(c.path("proxy.yaml")),
		"Problem": problem, "Changed": !written, "Resolved": resolved, "Try": try,
		"Dir": c.path(""), "Indent": strings.Repeat(" ", utf8.RuneCountInString(c.path(""))),
	})
	return p.err
}

// sandboxLog prints a line for each request that reached the stand-in: time, verdict, status, what was asked, and why
// it was refused.
type sandboxLog struct {
	w      io.Writer
	mu     sync.Mutex
	legacy int // credentials so far
}

func (l *sandboxLog) served(r sandbox.Recorded) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var reasons []string
	for _, by := range refusals(r.Counted) {
		reasons = append(reasons, slices.Sorted(maps.Keys(by))...)
	}
	verdict := "accepted"
	if r.Status >= 400 || len(reasons) > 0 {
		verdict = "REFUSED "
	}
	text := fmt.Sprintf("%s  %s %d  %s %s%s", time.Now().Format("15:04:05"), verdict, r.Status, r.Method, r.Site, r.Path)
	if len(reasons) > 0 {
		text += "  " + strings.Join(reasons, ", ")
	}
	if legacy := legacyText(r.Counted.Legacy); legacy != "" {
		l.legacy += r.Counted.Legacy.Total()
		text += fmt.Sprintf("  LEGACY CREDENTIAL: %s; %d so far", legacy, l.legacy)
	}
	_, _ = io.WriteString(l.w, shown.Printable(text)+"\n") // where nobody reads, nothing is missed
}

// refusals are the counters by reason: of REST, of SOAP and of grants.
func refusals(c sandbox.Counts) []map[string]int {
	return []map[string]int{c.Refused, c.SOAPRefused, c.GrantErrors}
}

// legacyText lists the shapes that were counted; empty for none.
func legacyText(l sandbox.Legacy) string {
	var parts []string
	for _, shape := range []struct {
		n    int
		name string
	}{
		{l.Header, "X-DocuSign-Authentication"},
		{l.WSSecurity, "WS-Security password"},
		{l.Body, "password in a SOAP body"},
		{l.PasswordGrant, "password grant"},
		{l.ActAs, "X-DocuSign-Act-As-User"},
		{l.Bearer, "old bearer token"},
	} {
		if shape.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", shape.n, shape.name))
		}
	}
	return strings.Join(parts, ", ")
}

func refusedText(by map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(by)) {
		parts = append(parts, fmt.Sprintf("%d %s", by[name], name))
	}
	return strings.Join(parts, ", ")
}
