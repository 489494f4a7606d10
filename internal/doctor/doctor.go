// Package doctor looks for what keeps an old program from reaching DocuSign through the proxy, in the order in which
// things fail, and says of each what was found, why it matters and what to do next. It must never stop at the first
// fault, put a secret into a finding, or change anything at DocuSign or on this machine. The doctor command calls it.
package doctor

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/internal/words"
)

// Options say what the doctor looks at and how it tells of it.
type Options struct {
	Config                string // path
	JSON, Offline, Ticket bool
	Out, Log              io.Writer
}

// Examine carries out the doctor's command. The error is an app.ExitError where the findings ask for an exit code.
func Examine(ctx context.Context, o Options) error {
	c := newRun(o)
	whole := c.readConfig()
	c.check(ctx)
	granted := func(f Finding) bool { return f.Check == "grant" && f.Status == OK }
	if whole && slices.ContainsFunc(c.report.Findings, granted) {
		app.AskRetry(ctx, c.cfg)
	}
	if c.broken != nil {
		return c.broken
	}
	if err := c.tell(); err != nil {
		return err
	}
	if c.report.ExitCode != 0 {
		return app.ExitError{Code: c.report.ExitCode}
	}
	return nil
}

// run is one examination: it takes the findings of all checks.
type run struct {
	Options
	cfg         *config.Config // nil = nothing of it is usable
	lost        []Finding      // what of the file cfg goes without
	hostsFile   string         // path
	proxies     func() []systemProxy
	toHere      map[string]string // by host, the finding that the hosts file leads the proxy to itself
	shared      bool              // the store of all replicas was found
	sharedFault string            // the finding why it cannot be used; "" = it can
	now         func() time.Time
	mask        func(string) string
	report      Report
	broken      error // findings cannot be written
}

func newRun(o Options) *run {
	version, commit, goVersion := app.BuildVersion()
	return &run{
		Options: o, hostsFile: hostsFilePath(), proxies: systemProxies, now: time.Now, mask: masker(nil),
		toHere: map[string]string{},
		report: Report{
			Version: fmt.Sprintf("%s (commit %s)", version, commit),
			System:  runtime.GOOS + "/" + runtime.GOARCH + ", " + goVersion, Config: o.Config, Offline: o.Offline,
		},
	}
}

// check looks at whatever the configuration tells. It ends early only with ctx, and then says so.
func (c *run) check(ctx context.Context) {
	c.report.Time = c.now()
	if c.cfg != nil {
		c.checkOperations(ctx)
		c.checkStore(ctx)
	}
	switch {
	case c.cfg == nil:
	case c.Offline:
		c.checkMachine(ctx)
		c.skip("online", "", "DocuSign is not asked, since --offline was given", "")
	default:
		n := c.connect(ctx)
		defer n.close()
		c.checkMachine(ctx)
		n.checkNetwork(ctx)
		n.checkIntegrations(ctx)
	}
	if ctx.Err() != nil {
		c.add(Finding{Check: "doctor", Status: Fail, Found: "was stopped before it was through",
			Why: "what follows the last finding was not looked at", Next: "run it again"})
	}
	c.report.settle()
}

// tell writes the report; what is for eyes has told the findings as they were made.
func (c *run) tell() error {
	text := c.report.Summary()
	switch {
	case c.JSON:
		return shown.JSON(c.Out, &c.report)
	case c.Ticket:
		text = c.report.Ticket()
	}
	_, err := io.WriteString(c.Out, text)
	return err
}

// add notes a finding and returns its name.
func (c *run) add(f Finding) string {
	for _, text := range []*string{&f.Subject, &f.Found, &f.Why, &f.Next, &f.Because} {
		*text = c.mask(*text)
	}
	for i, page := range f.Pages {
		f.Pages[i] = Page{c.mask(page.User), c.mask(page.URL)}
	}
	c.report.Findings = append(c.report.Findings, f)
	if !c.JSON && !c.Ticket {
		if _, err := io.WriteString(c.Out, f.String()); err != nil {
			c.broken = err
		}
	}
	return f.Name()
}

func (c *run) ok(check, subject, found string) {
	c.add(Finding{Check: check, Subject: subject, Status: OK, Found: found})
}

// skip notes what is not looked at; because names the finding in the way.
func (c *run) skip(check, subject, found, because string) {
	if because != "" {
		found += "; first mend: " + because
	}
	c.add(Finding{Check: check, Subject: subject, Status: Skipped, Found: found, Because: because})
}

// call is a command line of this program with the configuration at hand.
func (c *run) call(command string) string {
	return "docusign-auth-proxy " + command + " --config " + words.Argument(c.Config)
}

// secretsOf lists what must not stand in any output, whatever DocuSign or a proxy on the way repeats.
func secretsOf(cfg *config.Config) []secret.Text {
	out := []secret.Text{cfg.Upstream.Proxy.Password, cfg.Store.Key, cfg.Store.PreviousKey}
	if r := cfg.Store.Redis; r != nil {
		out = append(out, r.Password)
		if r.Sentinel != nil {
			out = append(out, r.Sentinel.Password)
		}
	}
	if cfg.Interception != nil {
		out = append(out, cfg.Interception.CAKeyPEM)
	}
	for _, in := range cfg.Integrations {
		out = append(out, in.OAuth.ClientSecret)
		for _, k := range in.OAuth.PrivateKeys {
			out = append(out, k.PEM)
		}
		for _, u := range in.Users {
			out = append(out, u.AppPassword, u.Password.Clear())
		}
	}
	return out
}

// masker takes out secrets that should not be there in the first place, whatever looks like a token, and what would
// steer the terminal.
func masker(secrets []secret.Text) func(string) string {
	slices.SortFunc(secrets, func(a, b secret.Text) int { return cmp.Compare(len(b.Reveal()), len(a.Reveal())) })
	var pairs []string
	for _, s := range secrets {
		if text := s.Reveal(); len(text) >= 6 { // shorter ones would tear words apart
			pairs = append(pairs, text, secret.Mask)
		}
	}
	known, token := strings.NewReplacer(pairs...), regexp.MustCompile(`eyJ[A-Za-z0-9_.-]{20,}`)
	printable := func(r rune) rune {
		if r == '\n' || unicode.IsPrint(r) {
			return r
		}
		return ' '
	}
	return func(s string) string {
		return token.ReplaceAllString(known.Replace(strings.Map(printable, s)), secret.Mask)
	}
}
