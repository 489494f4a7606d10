package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/files/filestest"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/proxy/authority"
	"docusign-auth-proxy/proxy/egress"
)

// examine makes a check of its own in an examination that prints nothing.
func examine(cfg *config.Config, check func(*run)) *Report {
	c := newRun(Options{Config: "proxy.yaml", JSON: true})
	c.now = func() time.Time { return time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC) }
	if cfg != nil {
		c.use(cfg)
	}
	check(c)
	c.report.settle()
	return &c.report
}

func findingOf(r *Report, check string) Finding {
	for _, f := range r.Findings {
		if f.Check == check {
			return f
		}
	}
	return Finding{}
}

// hostsFile checks a hosts file on a machine whose proxy resolves past it or not.
func hostsFile(t *testing.T, text string, past bool, door string, in egress.Environment) Finding {
	cfg := &config.Config{
		Listen: config.Listen{Hosts: door}, Egress: config.Egress{Policy: &egress.Policy{Environment: in}},
	}
	if past {
		cfg.Egress.Resolver = netip.MustParseAddrPort("192.0.2.1:53")
	}
	path := filepath.Join(filestest.TempDir(t), "hosts")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return findingOf(examine(cfg, func(c *run) {
		c.hostsFile = path
		c.checkHostsFile()
	}), "hosts file")
}

func TestTheHostsFileIsReadAsTheSystemReadsIt(t *testing.T) {
	tests := []struct {
		name, text  string
		past        bool
		door        string
		status      Status
		found, next string
	}{
		{"a file without DocuSign", "127.0.0.1 localhost\n", false, "", OK, "no DocuSign name", ""},
		{"a comment is no entry", "# 127.0.0.1 demo.docusign.net\n", false, "", OK, "no DocuSign name", ""},
		{"a name that leads the proxy to itself", "127.0.0.1\tlocalhost DEMO.docusign.net. # old\n", false, "127.0.0.1:443", Fail, "which is the proxy itself", "egress.resolver"},
		{"a name that only programs follow", "127.0.0.1 demo.docusign.net\n", true, "127.0.0.1:443", OK, "hosts-file door", ""},
		{"a name with nobody behind it", "::1 demo.docusign.net\n", true, "", Warn, "listen.hosts is off", "listen: {hosts"},
		{"a name fixed to an outer address", "162.248.184.1 na3.docusign.net\n", true, "", Warn, "fixes it to 162.248.184.1", "remove the line"},
		{"rubbish is passed over", "demo.docusign.net\nnot-an-address demo.docusign.net\n", false, "", OK, "no DocuSign name", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := hostsFile(t, tt.text, tt.past, tt.door, egress.AnyEnvironment)
			if f.Status != tt.status || !strings.Contains(f.Found, tt.found) || !strings.Contains(f.Next, tt.next) {
				t.Errorf("%+v", f)
			}
		})
	}
}

func TestAHostsFileThatLeadsHereIsOneFault(t *testing.T) {
	path := filepath.Join(filestest.TempDir(t), "hosts")
	if err := os.WriteFile(path, []byte("127.0.0.1 demo.docusign.net account-d.docusign.com\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	site, err := egress.ParseHost("account-d.docusign.com", 443)
	if err != nil {
		t.Fatal(err)
	}
	cfg := &config.Config{Egress: config.Egress{Policy: &egress.Policy{Environment: egress.Demo}}}
	r := examine(cfg, func(c *run) {
		c.hostsFile = path
		c.checkHostsFile()
		(&network{run: c, blocked: map[egress.Host]string{}}).reach(t.Context(), site)
	})
	const name = "hosts file demo.docusign.net"
	for i, want := range []Status{Fail, Skipped, Skipped} {
		f := r.Findings[i]
		if len(r.Findings) != 3 || f.Status != want || want == Skipped && f.Because != name ||
			want == Fail && f.Name() != name {
			t.Errorf("%d: %+v", i, f)
		}
	}
}

func TestAHostsFileNamesAHostOfAnotherEnvironment(t *testing.T) {
	f := hostsFile(t, "127.0.0.1 na3.docusign.net\n", true, "127.0.0.1:443", egress.Demo)
	if f.Status != Warn || !strings.Contains(f.Found, "production") || !strings.Contains(f.Next, "second proxy") {
		t.Errorf("%+v", f)
	}
}

func TestAHostsFileThatCannotBeRead(t *testing.T) {
	for path, want := range map[string]Status{filepath.Join(filestest.TempDir(t), "none"): OK, filestest.TempDir(t): Warn} {
		r := examine(nil, func(c *run) {
			c.hostsFile = path
			c.checkHostsFile()
		})
		if f := findingOf(r, "hosts file"); f.Status != want {
			t.Errorf("%s: %+v", path, f)
		}
	}
}

func TestListeners(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	tests := []struct {
		name, address string
		status        Status
		found, next   string
	}{
		{"a free address", "127.0.0.1:0", OK, "free", ""},
		{"a port of every address", ":0", OK, "free", ""},
		{"a port that somebody has", taken.Addr().String(), Fail, " has 127.0.0.1:" + port, "stop it"},
		{"an address of another machine", "192.0.2.1:8080", Fail, "does not have the address", "127.0.0.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := examine(nil, func(c *run) { c.checkListener(t.Context(), "proxy", tt.address, false) })
			f := findingOf(r, "listener")
			if f.Status != tt.status || !strings.Contains(f.Found, tt.found) || !strings.Contains(f.Next, tt.next) {
				t.Errorf("%+v", f)
			}
		})
	}
}

func TestTheTermOfACA(t *testing.T) {
	tests := []struct {
		name        string
		made        time.Duration // before now
		life        time.Duration
		status      Status
		found, next string
	}{
		{"a fresh one", 0, 365 * 24 * time.Hour, OK, "365 days", ""},
		{"one near its end", 20 * 24 * time.Hour, 30 * 24 * time.Hour, Warn, "in 10 days", "ca renew"},
		{"one past its end", 40 * 24 * time.Hour, 30 * 24 * time.Hour, Fail, "expired on 2026-11-12", "ca renew"},
		{"one from the future", -300 * 24 * time.Hour, 365 * 24 * time.Hour, Fail, "not valid before", "clock"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := authority.Create(authority.Spec{
				ECDSA: true, Life: tt.life, Now: func() time.Time {
					return time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC).Add(-tt.made)
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			f := findingOf(examine(nil, func(c *run) {
				c.checkAuthority(&config.Interception{CACert: "ca.pem", Authority: a})
			}), "ca")
			if f.Status != tt.status || !strings.Contains(f.Found, tt.found) || !strings.Contains(f.Next, tt.next) {
				t.Errorf("%+v", f)
			}
		})
	}
}

func TestWhatASOAPAnswerProves(t *testing.T) {
	envelope := func(body string) string {
		return `<?xml version="1.0"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>` + body + `</soap:Body></soap:Envelope>`
	}
	faultOf := func(name, reason string) string {
		return envelope(`<soap:Fault><faultcode>soap:Client</faultcode><faultstring>` + name + `</faultstring><detail><ErrorCode>1</ErrorCode><Reason>` + reason + `</Reason></detail></soap:Fault>`)
	}
	tests := []struct {
		name   string
		status int
		body   string
		want   probe
	}{
		{"a response is a proof", 200, envelope(`<GetAccountMembershipFeaturesListResponse xmlns="http://www.docusign.net/API/3.0"/>`), probe{in: true}},
		{"a refused credential", 500, faultOf("User_Authentication_Failed", "One or both"), probe{said: "User_Authentication_Failed: One or both"}},
		{"a fault about something else lets one in", 500, faultOf("Account_Does_Not_Exist_In_System", "x"), probe{in: true, said: "Account_Does_Not_Exist_In_System: x"}},
		{"a fault with status 401", 401, faultOf("Nothing_Known", ""), probe{said: "Nothing_Known"}},
		{"a web page", 502, "<html>", probe{trouble: "HTTP 502 without a SOAP answer"}},
		{"nothing", 200, "", probe{trouble: "HTTP 200 without a SOAP answer"}},
		{"another envelope", 200, envelope("<PingResponse/>"), probe{trouble: "HTTP 200 without a SOAP answer"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := judge(tt.status, []byte(tt.body)); got != tt.want {
				t.Errorf("%+v", got)
			}
		})
	}
}

func FuzzJudge(f *testing.F) {
	f.Add(500, []byte(`<soap:Envelope xmlns:soap="s"><soap:Body><soap:Fault><faultstring>x</faultstring></soap:Fault></soap:Body></soap:Envelope>`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		p := judge(status, body)
		if p.in && p.trouble != "" || len(p.said) > 500 {
			t.Errorf("%+v", p)
		}
	})
}

func TestABearerThatIsNotUsedAndGetsNoAnswer(t *testing.T) {
	r := examine(nil, func(c *run) {
		v := &visit{network: &network{run: c}, in: &integration.Integration{SOAP: integration.AppPassword}}
		v.soapBearer(probe{trouble: "HTTP 502 without a SOAP answer"})
	})
	if f := findingOf(r, "soap bearer"); f.Status != OK || !strings.Contains(f.Found, "not taken (HTTP 502") {
		t.Errorf("%+v", f)
	}
}

func TestNothingSecretOrSteeringIsPrinted(t *testing.T) {
	token := "eyJ0eXAiOiJNVCIsImFsZyI6IlJTMjU2In0.abc"
	cfg := &config.Config{Integrations: []integration.Integration{{
		OAuth: integration.OAuth{ClientSecret: secret.New("canary-1")},
		Users: []integration.User{{AppPassword: secret.New("canary-1-longer")}, {AppPassword: secret.New("abc")}},
	}}}
	r := examine(cfg, func(c *run) {
		c.add(Finding{Check: "config", Status: Fail, Found: "canary-1-longer " + token, Why: "canary-1", Next: "\x1b[31mred"})
	})
	text := r.Ticket() + r.Summary()
	for _, s := range []string{"canary", "longer", "eyJ", "\x1b"} {
		if strings.Contains(text, s) {
			t.Errorf("%q in\n%s", s, text)
		}
	}
}

func TestExitCodes(t *testing.T) {
	for want, statuses := range [][]Status{{OK, Skipped}, {OK, Warn}, {Warn, Fail, OK}} {
		r := examine(nil, func(c *run) {
			for i, s := range statuses {
				c.add(Finding{Check: fmt.Sprint(i), Status: s, Found: "x", Next: "y"})
			}
		})
		if r.ExitCode != want {
			t.Errorf("%v: %d, want %d", statuses, r.ExitCode, want)
		}
	}
}

func TestASummaryBeginsWithTheFirstFailure(t *testing.T) {
	r := examine(nil, func(c *run) {
		for _, f := range []Finding{{Check: "a", Status: Warn}, {Check: "b", Subject: "x", Status: Fail},
			{Check: "c", Status: Fail}, {Check: "d", Status: Skipped}} {
			c.add(f)
		}
	})
	want := "\n0 checks are ok, 1 warning, 2 failures, 1 skipped.\nBegin with: b x. Others may go away with it; " +
		"run the doctor again then.\nFor support: docusign-auth-proxy doctor --config proxy.yaml --ticket\n"
	if got := r.Summary(); got != want {
		t.Errorf("%q", got)
	}
}

func TestADoctorWhoIsStoppedSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if r := examine(nil, func(c *run) { c.check(ctx) }); r.ExitCode != 2 || findingOf(r, "doctor").Found == "" {
		t.Errorf("%+v", r)
	}
}

func TestPrincipalsAreThoseWhomSomebodyActsFor(t *testing.T) {
	const benID, coraID, adminID = "a1b2c3d4-0000-4000-8000-000000000001", "a1b2c3d4-0000-4000-8000-000000000002",
		"a1b2c3d4-0000-4000-8000-000000000003"
	const ben, cora = "ben@example.com", "cora@example.com"
	for _, tt := range []struct {
		name, admin, actsAs string
		mayActFor           []string
		want                []string
	}{
		{name: "nobody acts for the one who is listed"},
		{name: "by the address", mayActFor: []string{"Cora@example.com"}, want: []string{cora}},
		{name: "by the GUID", mayActFor: []string{coraID}, want: []string{cora}},
		{name: "by both", mayActFor: []string{coraID, cora}, want: []string{cora}},
		{name: "for everybody", mayActFor: []string{"*"}, want: []string{cora}},
		{name: "a user is asked for already", mayActFor: []string{ben, benID}},
		{name: "a GUID that is not listed", mayActFor: []string{adminID}, want: []string{adminID}},
		{name: "an address that the administrator finds", admin: adminID, mayActFor: []string{"d@example.com"},
			want: []string{"d@example.com"}},
		{name: "an address that nobody finds", mayActFor: []string{"d@example.com"}},
		{name: "by a token", actsAs: cora, want: []string{cora}},
	} {
		in := &integration.Integration{
			OAuth: integration.OAuth{AdminUserID: tt.admin}, Tokens: []integration.Token{{ActsAs: tt.actsAs}},
			Users:      []integration.User{{Username: ben, UserID: benID, MayActFor: tt.mayActFor}},
			Principals: []integration.Principal{{Username: cora, UserID: coraID}, {Username: "b@example.com", UserID: benID}},
		}
		var got []string
		for _, u := range principals(in) {
			got = append(got, u.Username)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestProgramsThatAllCallFromOneAddressAreToldOf(t *testing.T) {
	balancer, other := netip.MustParseAddr("10.0.0.9"), netip.MustParseAddr("10.0.0.10")
	for _, tt := range []struct {
		name   string
		from   func(program int) netip.Addr
		listen config.Listen
		status Status
	}{
		{"one address", func(int) netip.Addr { return balancer }, config.Listen{}, Warn},
		{"two addresses", func(n int) netip.Addr { return []netip.Addr{balancer, other}[n%2] }, config.Listen{}, ""},
		{"this machine", func(int) netip.Addr { return netip.MustParseAddr("127.0.0.1") }, config.Listen{}, ""},
		{"a balancer that says who calls", func(int) netip.Addr { return balancer },
			config.Listen{ProxyProtocol: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(filestest.TempDir(t), "state.db")
			s, err := store.Open(path, store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			l, err := ledger.New(ledger.Options{Store: s})
			if err != nil {
				t.Fatal(err)
			}
			for n := range 8 {
				l.Record(&call.Event{Integration: "erp", Authenticator: fmt.Sprintf("user-%d@example.com", n), Client: tt.from(n),
					Scheme: "header_json", Outcome: call.OutcomeOK, UserAgent: fmt.Sprint("program ", n), Time: time.Now()})
			}
			if err := errors.Join(l.Flush(), s.Close()); err != nil {
				t.Fatal(err)
			}
			cfg := &config.Config{Store: config.Store{File: path}, Listen: tt.listen,
				Integrations: []integration.Integration{{Name: "erp", Mode: integration.Translate}}}
			f := findingOf(examine(cfg, func(c *run) { c.checkOperations(t.Context()) }), "clients")
			if f.Status != tt.status || f.Status == Warn && !strings.Contains(f.Next, "listen.proxy_protocol") {
				t.Errorf("the finding is %+v", f)
			}
		})
	}
}

func TestAProxyThatTheMachineKnowsIsNamed(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"none", "", ""},
		{"host and port", "proxy.example.com:3128", "{proxy: http://proxy.example.com:3128} (where)"},
		{"one for each scheme", "http=a.example.com:80;https=b.example.com:81", "{proxy: http://b.example.com:81}"},
		{"none for https", "http=a.example.com:80", ""},
		{"a password is not told", "http://anna:canary@proxy.example.com:3128/", "{proxy: http://proxy.example.com:3128}"},
		{"the proxy itself", "127.0.0.1:8080", ""},
	} {
		got := ""
		examine(&config.Config{Listen: config.Listen{Proxy: "127.0.0.1:8080"},
			Egress: config.Egress{Policy: &egress.Policy{}}}, func(c *run) {
			c.proxies = func() []systemProxy { return []systemProxy{{"where", tt.text}} }
			got = c.proxyHint()
		})
		if !strings.Contains(got, tt.want) || tt.want == "" && got != "" || strings.Contains(got, "canary") {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}
