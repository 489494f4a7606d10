package doctor

import (
	"cmp"
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/proxy/authority"
	"docusign-auth-proxy/translate/oauth"
)

// Plan is what there is to check. What is zero is passed over, so that a configuration with faults still gets its rest
// checked.
type Plan struct {
	Report  Report // head of the report: version, system, config, environment, account server, offline
	Config  string // path, for next steps
	Now     func() time.Time
	Found   func(Finding) // told of each finding as it is made; nil = nobody
	Secrets []secret.Text // whatever happens, these do not stand in a finding

	Read      []Finding // what reading the configuration has shown
	Unusable  bool      // and nothing but that can be told
	Authority *Authority
	HostsFile HostsFile
	Listeners []Listener
	Admin     string // address of the operations listener, which tells whether the proxy runs

	Network      Network
	OAuth        *oauth.Client // nil = not usable; Blocked of the integrations tells why
	Integrations []Integration
}

// Authority is the CA that old programs are told to trust.
type Authority struct {
	CertFile string
	*authority.Authority
	OldTLS    bool           // TLS 1.0 and 1.1 are taken from old programs
	HostRoots *x509.CertPool // what this machine trusts; nil = unknown
}

// HostsFile is where this machine fixes names itself.
type HostsFile struct {
	Path     string                         // "" = not looked at
	DocuSign func(host string) bool         // whether a name is DocuSign's
	Past     func(host string) bool         // whether the proxy resolves it past the file
	Refused  func(host string) error        // why calls to it are refused; nil error = they are not
	Door     string                         // listen.hosts, "" = off
	Read     func(string) ([]byte, error)   // as os.ReadFile
	Local    func(netip.Addr) (bool, error) // whether an address is this machine's
}

// Listener is one address that the proxy takes calls on.
type Listener struct{ Field, Address string }

// Network is the way to DocuSign, the same as the proxy's.
type Network struct {
	AccountServer string // origin
	Site          string // origin of the default site
	CompanyProxy  string // host:port, "" = none
	Fixed         func(host string) (string, bool)
	Lookup        func(ctx context.Context, host string) ([]netip.Addr, error)
	Dial          func(ctx context.Context, network, address string) (net.Conn, error)
	DialProxy     func(ctx context.Context) (net.Conn, error) // the company proxy itself
	Roots         *x509.CertPool
	HTTP          *http.Client
}

// Integration is one old program.
type Integration struct {
	*integration.Integration
	Skip             string // why nothing is checked although nothing is wrong, as with mode observe
	Blocked, Because string // why nothing can be checked, and the finding that is to blame
	ConsentURL       func(username string) string
}

// codeGrant tells whether its users log in in a browser in place of private keys.
func (in *Integration) codeGrant() bool { return in.Grant == integration.AuthorizationCode }

// tokenFree tells whether it makes SOAP calls with App Passwords alone: there is no key to get tokens with.
func (in *Integration) tokenFree() bool { return !in.codeGrant() && len(in.OAuth.PrivateKeys) == 0 }

// run is one pass over a plan: it takes the findings of all checks.
type run struct {
	*Plan
	report Report
	mask   func(string) string
}

// Run carries out the plan. It ends early only with ctx, and then says so.
func Run(ctx context.Context, p Plan) *Report {
	if p.Now == nil {
		p.Now = time.Now
	}
	c := &run{Plan: &p, report: p.Report, mask: masker(p.Secrets)}
	c.report.Time, c.report.Findings = p.Now(), nil
	for _, f := range p.Read {
		c.add(f)
	}
	if !p.Unusable {
		c.checkAll(ctx)
	}
	c.report.settle()
	return &c.report
}

func (c *run) checkAll(ctx context.Context) {
	machine{c}.check(ctx)
	if c.report.Offline {
		c.skip("online", "", "DocuSign is not asked, since --offline was given", "")
	} else {
		n := &network{run: c, blocked: map[string]string{}}
		n.check(ctx)
		n.checkIntegrations(ctx)
	}
	if ctx.Err() != nil {
		c.add(Finding{Check: "doctor", Status: Fail, Found: "was stopped before it was through",
			Why: "what follows the last finding was not looked at", Next: "run it again"})
	}
}

// add notes a finding and returns its name.
func (c *run) add(f Finding) string {
	f.Subject, f.Found, f.Why, f.Next, f.Because = c.mask(f.Subject), c.mask(f.Found), c.mask(f.Why), c.mask(f.Next),
		c.mask(f.Because)
	c.report.Findings = append(c.report.Findings, f)
	if c.Found != nil {
		c.Found(f)
	}
	return f.Name()
}

func (c *run) ok(check, subject, found string) {
	c.add(Finding{Check: check, Subject: subject, Status: OK, Found: found})
}

// skip notes what is not looked at; because names the finding in the way.
func (c *run) skip(check, subject, found, because string) {
	if because != "" {
		found = strings.TrimSuffix(found, ".") + "; first mend: " + because
	}
	c.add(Finding{Check: check, Subject: subject, Status: Skipped, Found: found, Because: because})
}

// call is a command line of this program with the configuration at hand.
func (c *run) call(words string) string {
	return "docusign-auth-proxy " + words + " --config " + c.Config
}

// masker takes out secrets that should not be there in the first place, and whatever looks like a token.
func masker(secrets []secret.Text) func(string) string {
	var pairs []string
	for _, s := range secrets {
		if text := s.Reveal(); len(text) >= 6 { // shorter ones would tear words apart
			pairs = append(pairs, text)
		}
	}
	slices.SortFunc(pairs, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	var with []string
	for _, p := range pairs {
		with = append(with, p, secret.Mask)
	}
	known, token := strings.NewReplacer(with...), regexp.MustCompile(`eyJ[A-Za-z0-9_.-]{20,}`)
	return func(s string) string { return token.ReplaceAllString(known.Replace(printable(s)), secret.Mask) }
}

// printable keeps what strangers answered from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}
