package discover

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/files/filestest"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/translate/legacy"
)

var here = netip.MustParseAddr("127.0.0.1")

// program sends one call.
func (d *discovery) program(key, user, password, onBehalf string, from netip.Addr, e call.Event) {
	d.credential(legacy.Credential{IntegratorKey: key, Username: user, OnBehalfOf: onBehalf,
		Passwords: []secret.Text{secret.New(password)}}, "", from)
	e.Key, e.Client, e.Time = key, from, time.Date(2026, 11, 26, 22, d.calls, 0, 0, time.UTC)
	d.Record(&e)
}

// place has a base configuration and a key, and DocuSign's stand-in behind them.
func place(t *testing.T) Options {
	t.Helper()
	sb, err := sandbox.Start(sandbox.Options{Sites: []string{"demo.docusign.net"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sb.Close() })
	seed, err := sb.SeedWith(apptest.SharedKeys().Integrations)
	if err != nil {
		t.Fatal(err)
	}
	dir := filestest.TempDir(t)
	base := "# the network here\nenvironment: demo\negress: {allow_addresses: [127.0.0.0/8], resolve: " +
		"{account-d.docusign.com: '" + sb.Addr() + "', demo.docusign.net: '" + sb.Addr() + "'}}\n" +
		"upstream: {ca_file: sandbox-ca.pem}\n"
	for name, text := range map[string][]byte{
		"network.yaml": []byte(base), "sandbox-ca.pem": sb.CACert(), "key.pem": seed.PrivateKeys[sandbox.GUIDKey],
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Options{Base: filepath.Join(dir, "network.yaml"), Out: filepath.Join(dir, "proxy.yaml"),
		Admin: "127.0.0.1:22999", PrivateKey: "key.pem", AdminUserID: sandbox.AdminID, Pin: true}
}

// result asks DocuSign and gives what is written and said.
func (d *discovery) result(t *testing.T, o Options) (written, said string) {
	t.Helper()
	var out bytes.Buffer
	o.Stdout, o.Stderr = &out, &out
	doc, err := baseDocument(o)
	if err != nil {
		t.Fatal(err)
	}
	path, err := doc.watching(o)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	d.ask(t.Context(), o, cfg)
	if err := d.write(o, doc); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(o.Out)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), out.String()
}

func TestAProgramWithAnOldKeyIsCompleteOnceDocuSignWasAsked(t *testing.T) {
	o, d := place(t), newDiscovery(true, nil)
	const key = "TEST-" + sandbox.GUIDKey
	d.program(key, "anna@example.com", "anna-legacy-1", "", here,
		call.Event{API: call.APIRest2, Door: call.DoorSidecar, Account: "1234567", UserAgent: "NightlyBilling/2.1"})
	d.program(key, "anna@example.com", "anna-legacy-1", "admin@example.com", here,
		call.Event{API: "soap_dsapi", Operation: "RequestStatus", Door: call.DoorConnect, UserAgent: "Java/1.6.0"})
	written, said := d.result(t, o)
	for _, want := range []string{
		config.SchemaHeader(config.SchemaFile) + "\n", "# the network here\n", "admin: 127.0.0.1:22999\n",
		"# 2 calls seen from 2026-11-26 22:00:00 to 2026-11-26 22:01:00 UTC\n", "#   from 127.0.0.1 (2)\n",
		"#   user agents: Java/1.6.0 (1), NightlyBilling/2.1 (1)\n", "#   doors: connect (1), sidecar (1)\n",
		"#   accounts in paths: 1234567 (1)\n", "soap: rest #", "may_act_for: [admin@example.com]",
		"principals:\n      - username: admin@example.com\n        user_id: " + sandbox.AdminID + "\n",
	} {
		if !strings.Contains(written, want) {
			t.Errorf("no %q in\n%s", want, written)
		}
	}
	if strings.Contains(written, "TO DO") || !strings.Contains(said, "wrote oauth.client_id") {
		t.Errorf("%s\n%s", said, written)
	}
	cfg, err := config.Load(o.Out)
	if err != nil {
		t.Fatal(err)
	}
	in := cfg.Integrations[0]
	if in.Name != "nightly-billing" || in.OAuth.ClientID != sandbox.GUIDKey || in.Users[0].UserID != sandbox.AnnaID {
		t.Errorf("%+v", in)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(written), &doc); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for i, n := range (mapping{doc.Content[0]}).get("integrations").Content[0].Content {
		if i%2 == 0 {
			keys = append(keys, n.Value)
		}
	}
	if got := strings.Join(keys, " "); got != "name integrator_key mode soap oauth users principals" {
		t.Errorf("the keys are %s", got)
	}
}

func TestWhatDocuSignDoesNotTellIsLeftToTheOperator(t *testing.T) {
	noGUID := "TO DO: user_id is missing: " + cause.InvalidSubject.Next("user", "anna@example.com")
	for _, tt := range []struct {
		name string
		edit func(*Options)
		key  string
		want []string
	}{
		{"nobody asks", func(o *Options) { o.PrivateKey, o.AdminUserID = "", "" }, sandbox.GUIDKey,
			[]string{"TO DO: give " + sandbox.GUIDKey + " a private key in " + os.TempDir(), noGUID}},
		{"no administrator", func(o *Options) { o.AdminUserID = "" }, sandbox.GUIDKey,
			[]string{noGUID, "acted.for@example.com"}},
		{"a user whom the administrator does not see", func(*Options) {}, sandbox.GUIDKey,
			[]string{"TO DO: user acted.for@example.com was not found", "API Username"}},
		{"a key that DocuSign does not know", func(*Options) {}, "99999999-0000-4000-8000-000000000001",
			[]string{"issuer_not_found"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, d := place(t), newDiscovery(true, nil)
			tt.edit(&o)
			d.program(tt.key, "anna@example.com", "anna-legacy-1", "acted.for@example.com", here, call.Event{})
			written, said := d.result(t, o)
			for _, want := range tt.want {
				if !strings.Contains(written, want) || !strings.Contains(said, strings.TrimPrefix(want, "TO DO: ")) {
					t.Errorf("no %q in\n%s\n%s", want, written, said)
				}
			}
		})
	}
}

func TestMoreThanOnePasswordOfAUserIsTold(t *testing.T) {
	d := newDiscovery(true, nil)
	elsewhere := netip.MustParseAddr("192.0.2.7")
	for _, c := range []struct {
		password string
		from     netip.Addr
	}{
		{"too-far-away", elsewhere}, {"canary-1", here}, {"canary-1", elsewhere}, {"canary-2", elsewhere}, {"canary-2", here},
	} {
		d.program(sandbox.GUIDKey, "anna@example.com", c.password, "", c.from, call.Event{})
	}
	o := Options{Out: filepath.Join(filestest.TempDir(t), "proxy.yaml"), Environment: "demo", Pin: true}
	written, said := d.result(t, o)
	for _, text := range []string{written, said} {
		if !strings.Contains(text, "more than one password was seen: the first is kept (2 calls, first at ") ||
			!strings.Contains(text, "from 127.0.0.1); 2 calls had another, from 127.0.0.1 (1), 192.0.2.7 (1)") {
			t.Errorf("not told in\n%s", text)
		}
		if strings.Contains(text, "canary") || strings.Contains(text, "too-far") {
			t.Errorf("a password is shown in\n%s", text)
		}
	}
	if u := d.keys[sandbox.GUIDKey].Users["anna@example.com"]; !strings.HasPrefix(u.hash, "$2a$") {
		t.Errorf("the hash is %q", u.hash)
	}
}

func TestAnIntegrationIsNamedAfterWhatCalls(t *testing.T) {
	for _, tt := range []struct {
		name   string
		agents []string
		users  []string
		want   string
	}{
		{"its program", []string{"NightlyBilling/2.1 (Windows NT 5.2)"}, []string{"anna@example.com"}, "nightly-billing"},
		{"a library says nothing", []string{"Apache-HttpClient/4.5", "Java/1.6.0"}, []string{"anna@example.com"}, "anna"},
		{"what could be a password is not taken", []string{"Lgcy-Anna-11x/1", "secret"}, []string{"billing@example.com"},
			"billing"},
		{"the domain of several users", nil, []string{"anna@example.com", "ben@example.com"}, "example"},
		{"users of several domains", nil, []string{"anna@example.com", "ben@example.org"}, "anna"},
		{"a name that another has", nil, []string{"taken@example.com"}, "taken-2"},
		{"signs that no label has", nil, []string{"_a%b+c@example.com"}, "a-b-c"},
		{"a user known by GUID", nil, []string{sandbox.AnnaID}, "key-000000000001"},
	} {
		k := foundKey{Key: sandbox.GUIDKey, Agents: map[string]int{}, Users: map[string]*foundUser{}}
		for _, a := range tt.agents {
			k.Agents[a]++
		}
		for _, u := range tt.users {
			k.Users[u] = &foundUser{}
		}
		if got := k.nameOf(map[string]bool{"taken": true}); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestFlagsThatMakeNoSenseAreRefusedBeforeCallsAreWatched(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(*Options)
		want string
	}{
		{"a time before now", func(o *Options) { o.Limit = -time.Second }, "--for -1s: "},
		{"a key that is not there", func(o *Options) { o.PrivateKey = "nowhere.pem" }, "--private-key nowhere.pem: the file " +
			"FOLDER/nowhere.pem does not exist\nnext: put it there, or name the file that is meant"},
		{"a folder in place of the key", func(o *Options) { o.PrivateKey = "." },
			"--private-key .: the file FOLDER is not a regular file\nnext: name the file that is meant"},
		{"a certificate in place of the key", func(o *Options) { o.PrivateKey = "sandbox-ca.pem" }, "--private-key " +
			"sandbox-ca.pem: the file FOLDER/sandbox-ca.pem holds a certificate and no private key\nnext: name the file"},
		{"no key in its file", func(o *Options) { o.PrivateKey = "network.yaml" },
			"--private-key network.yaml: the file FOLDER/network.yaml holds no PEM"},
		{"an administrator without a GUID", func(o *Options) { o.AdminUserID = "anna@example.com" },
			"--admin-user-id anna@example.com: must be a GUID"},
		{"an address without a port", func(o *Options) { o.Admin = "localhost" }, "--admin localhost: "},
	} {
		o := place(t)
		tt.edit(&o)
		var said strings.Builder
		o.Stdout, o.Stderr = &said, t.Output()
		want := strings.ReplaceAll(tt.want, "FOLDER", filepath.Dir(o.Out))
		if err := Run(t.Context(), o); err == nil || !strings.HasPrefix(err.Error(), want) || said.Len() > 0 {
			t.Errorf("%s: %v", tt.name, err)
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(o.Out), ".discover-*")); len(left) > 0 {
			t.Errorf("%s: %s is left behind", tt.name, left)
		}
	}
}
