package translate_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/password"
	"docusign-auth-proxy/internal/privatekey"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/oauth"
)

const (
	key   = sandbox.GUIDKey
	other = sandbox.LegacyKey
)

var loopback = netip.MustParseAddr("127.0.0.1")

// seedKeys are the private keys of all sandboxes here: keys are slow to make.
var seedKeys = sync.OnceValue(func() map[string][]byte {
	keys := map[string][]byte{}
	for _, name := range []string{key, other} {
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[name] = pem.EncodeToMemory(
			&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)},
		)
	}
	return keys
})

// world is a translator in front of the sandbox's account server.
type world struct {
	*translate.Translator
	sandbox *sandbox.Sandbox
	oauth   *oauth.Client
}

func newWorld(t testing.TB, edit func(*translate.Config)) *world {
	t.Helper()
	return newWorldWith(t, func(*oauth.Config) {}, edit)
}

func newWorldWith(t testing.TB, tokens func(*oauth.Config), edit func(*translate.Config)) *world {
	t.Helper()
	sb, err := sandbox.Start(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sb.Close() })
	seeded, err := sb.SeedWith(seedKeys())
	if err != nil {
		t.Fatal(err)
	}
	transport := sandboxTransport(sb)
	t.Cleanup(transport.CloseIdleConnections)
	parsed, err := privatekey.RSA(seeded.PrivateKeys[key])
	if err != nil {
		t.Fatal(err)
	}
	private := oauth.NewKey("test", parsed)
	oc := oauth.Config{
		AccountServer: sb.AccountServer(), HTTP: &http.Client{Transport: transport},
		Issuers: map[string][]*oauth.Key{key: {private}},
	}
	tokens(&oc)
	client := oauth.New(oc)
	t.Cleanup(client.Close)
	cfg := translate.Config{OAuth: client, RememberFor: time.Hour, RememberMax: 100}
	cfg.Integrations = []integration.Integration{{
		Name: "erp", IntegratorKey: key, PassOAuthBearer: true,
		OAuth: integration.OAuth{
			ClientID: key, Scopes: integration.Scopes{"signature", "impersonation"}, AdminUserID: sandbox.AdminID,
		},
		Users: []integration.User{
			{
				Username: "Anna@example.com", UserID: sandbox.AnnaID, Password: bcrypt(t, "pässword"),
				MayActFor: []string{"bob@example.com"}, Accounts: map[string]string{"1234567": sandbox.ExampleAccountID},
			},
			{Username: "bob@example.com", Password: bcrypt(t, "bob")},
		},
		Tokens: []integration.Token{{
			SHA256: sha256.Sum256([]byte("b2xkLXN0b3JlZC10b2tlbi0tLS0=")), Username: "anna@example.com",
		}},
	}}
	if edit != nil {
		edit(&cfg)
	}
	cfg.Prover = newProver(cfg.RememberFor)
	return &world{translate.New(cfg), sb, client}
}

func newProver(life time.Duration) *translate.Prover {
	p := translate.NewProver()
	p.Remember(life, 100)
	return p
}

// legacy decides about a call of this machine with a legacy header.
func (w *world) legacy(username, password, integratorKey, more string) (*translate.Decision, error) {
	c := &translate.Call{Legacy: header(username, password, integratorKey, more), Client: loopback}
	return w.Decide(context.Background(), c)
}

func sandboxTransport(sb *sandbox.Sandbox) *http.Transport {
	tr := http.DefaultTransport.(*http.Transport).Clone()
	tr.Proxy = nil
	tr.DialContext = sb.Dial
	tr.TLSClientConfig.RootCAs = sb.CertPool()
	return tr
}

func bcrypt(t testing.TB, text string) password.Password {
	t.Helper()
	hash, err := password.HashBcrypt(secret.New(text), 4)
	if err != nil {
		t.Fatal(err)
	}
	p, err := password.Bcrypt(hash)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func header(username, password, integratorKey, more string) []string {
	const form = `{"Username":%q,"Password":%q,"IntegratorKey":%q%s}`
	return []string{fmt.Sprintf(form, username, password, integratorKey, more)}
}

func TestDecide(t *testing.T) {
	w := newWorld(t, nil)
	ok := header("anna@example.com", "pässword", key, "")
	for _, c := range []struct {
		name      string
		call      translate.Call
		kind      call.Kind // -1 = accepted
		action    translate.Action
		scheme    legacy.Scheme
		principal string
	}{
		{"the right password in a header is proven",
			translate.Call{Legacy: ok}, 255, translate.ActionTranslate, legacy.HeaderJSON, "Anna@example.com"},
		{"user name and key are compared without regard to case",
			translate.Call{Legacy: header("ANNA@EXAMPLE.COM", "pässword", strings.ToUpper(key), "")},
			255, translate.ActionTranslate, legacy.HeaderJSON, "Anna@example.com"},
		{"the user's GUID stands for the e-mail",
			translate.Call{Legacy: header(sandbox.AnnaID, "pässword", key, "")},
			255, translate.ActionTranslate, legacy.HeaderJSON, "Anna@example.com"},
		{"a password is compared exactly",
			translate.Call{Legacy: header("anna@example.com", "Pässword", key, "")},
			call.KindBadLogin, 0, legacy.HeaderJSON, "Anna@example.com"},
		{"an empty password proves nothing",
			translate.Call{Legacy: header("anna@example.com", "", key, "")},
			call.KindBadLogin, 0, legacy.HeaderJSON, "Anna@example.com"},
		{"an unknown user is refused like a wrong password",
			translate.Call{Legacy: header("eve@example.com", "x", key, "")},
			call.KindBadLogin, 0, legacy.HeaderJSON, "eve@example.com"},
		{"an unknown key is refused",
			translate.Call{Legacy: header("anna@example.com", "pässword", other, "")},
			call.KindUnknownKey, 0, legacy.HeaderJSON, "anna@example.com"},
		{"a header that cannot be read is refused",
			translate.Call{Legacy: []string{"nonsense"}}, call.KindUnreadable, 0, legacy.None, ""},
		{"two different headers are refused",
			translate.Call{Legacy: append(header("bob@example.com", "bob", key, ""), ok...)},
			call.KindUnreadable, 0, legacy.HeaderJSON, ""},
		{"nothing at all is refused", translate.Call{}, call.KindNoCredential, 0, legacy.None, ""},
		{"SendOnBehalfOf selects a principal on the list",
			translate.Call{Legacy: header("anna@example.com", "pässword", key, `,"SendOnBehalfOf":"bob@example.com"`)},
			255, translate.ActionTranslate, legacy.HeaderJSON, "bob@example.com"},
		{"SendOnBehalfOf of somebody else is refused",
			translate.Call{Legacy: header("anna@example.com", "pässword", key, `,"SendOnBehalfOf":"admin@example.com"`)},
			call.KindNotAllowed, 0, legacy.HeaderJSON, "admin@example.com"},
		{"X-DocuSign-Act-As-User selects the principal",
			translate.Call{Legacy: ok, ActAs: "BOB@example.com"},
			255, translate.ActionTranslate, legacy.HeaderJSON, "BOB@example.com"},
		{"who is not listed may act for nobody",
			translate.Call{Legacy: header("bob@example.com", "bob", key, ""), ActAs: "anna@example.com"},
			call.KindNotAllowed, 0, legacy.HeaderJSON, "anna@example.com"},
		{"an OAuth token passes",
			translate.Call{Authorization: []string{"Bearer eyJ0eXAiOiJNVCJ9.AAAA.BBBB"}},
			255, translate.ActionPass, legacy.OAuthBearer, ""},
		{"the legacy header wins over an OAuth token",
			translate.Call{Legacy: ok, Authorization: []string{"Bearer eyJ0eXAiOiJNVCJ9.AAAA.BBBB"}},
			255, translate.ActionTranslate, legacy.HeaderJSON, "Anna@example.com"},
		{"an imported token is its user",
			translate.Call{Authorization: []string{"bearer b2xkLXN0b3JlZC10b2tlbi0tLS0="}},
			255, translate.ActionTranslate, legacy.LegacyBearer, "Anna@example.com"},
		{"an imported token acts for a principal on the list",
			translate.Call{Authorization: []string{"bearer b2xkLXN0b3JlZC10b2tlbi0tLS0="}, ActAs: "bob@example.com"},
			255, translate.ActionTranslate, legacy.LegacyBearer, "bob@example.com"},
		{"an opaque token nobody knows is refused",
			translate.Call{Authorization: []string{"bearer c29tZXRoaW5nLWVsc2UtLS0tLS0="}},
			call.KindUnknownToken, 0, legacy.LegacyBearer, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.call.Client = loopback
			d, err := w.Decide(context.Background(), &c.call)
			if c.kind == 255 && err != nil || c.kind != 255 && call.KindOf(err) != c.kind {
				t.Fatalf("error %v, want kind %v", err, c.kind)
			}
			if c.kind != 255 {
				return
			}
			if d.Action != c.action || d.Scheme != c.scheme || d.Principal != c.principal {
				t.Errorf("action %v scheme %v principal %q, want %v %v %q",
					d.Action, d.Scheme, d.Principal, c.action, c.scheme, c.principal)
			}
		})
	}
}

func TestModesOfAnIntegration(t *testing.T) {
	for _, c := range []struct {
		name    string
		mode    integration.Mode
		unknown bool
		key     string
		action  translate.Action
		kind    call.Kind
	}{
		{"observe passes the call on unproven", integration.Observe, false, key, translate.ActionObserve, 255},
		{"block refuses it", integration.Block, false, key, 0, call.KindBlocked},
		{"unknown keys pass where they are observed", integration.Translate, true, other, translate.ActionObserve, 255},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, func(cfg *translate.Config) { cfg.Integrations[0].Mode = c.mode; cfg.ObserveUnknown = c.unknown })
			d, err := w.legacy("anna@example.com", "wrong", c.key, "")
			if c.kind != 255 {
				if call.KindOf(err) != c.kind {
					t.Fatalf("error %v", err)
				}
				return
			}
			if err != nil || d.Action != c.action {
				t.Errorf("action %v, error %v", d.Action, err)
			}
		})
	}
}

func TestRehearsalTellsWhetherTranslationWouldWork(t *testing.T) {
	w := newWorld(t, func(cfg *translate.Config) { cfg.Integrations[0].Mode = integration.Observe })
	for _, c := range []struct {
		name, password string
		kind           call.Kind
	}{{"the right password", "pässword", 255}, {"a wrong one", "x", call.KindBadLogin}} {
		d, err := w.legacy("anna@example.com", c.password, key, "")
		if err != nil {
			t.Fatal(err)
		}
		err = w.Rehearse(context.Background(), d)
		if c.kind == 255 && err != nil || c.kind != 255 && call.KindOf(err) != c.kind {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestTokenIsThePrincipals(t *testing.T) {
	w := newWorld(t, nil)
	for _, c := range []struct{ name, more, want string }{
		{"the authenticator's own", "", sandbox.AnnaID},
		{"a principal's, looked up by e-mail", `,"SendOnBehalfOf":"bob@example.com"`, sandbox.BobID},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := w.legacy("anna@example.com", "pässword", key, c.more)
			if err != nil {
				t.Fatal(err)
			}
			info, err := w.UserInfo(context.Background(), d)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.EqualFold(info.Sub, c.want) {
				t.Errorf("token of %s, want %s", info.Sub, c.want)
			}
		})
	}
}

func TestSiteOfAnAccount(t *testing.T) {
	w := newWorld(t, nil)
	d, err := w.legacy("anna@example.com", "pässword", key, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, account, host, guid string }{
		{"its GUID selects the site", sandbox.CaptureAccountID, "demo.docusign.net", sandbox.CaptureAccountID},
		{"a configured number stands for the GUID", "1234567", "na3.docusign.net", sandbox.ExampleAccountID},
		{"a number nobody configured is learnt", "1703061", "demo.docusign.net", sandbox.CaptureAccountID},
		{"no account means the default one", "", "na3.docusign.net", ""},
		{"a foreign account goes to the default site", "99999999", "na3.docusign.net", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			site, err := w.Site(context.Background(), d, c.account)
			if err != nil {
				t.Fatal(err)
			}
			if site.Base.Host != c.host || site.AccountID != c.guid {
				t.Errorf("site %s account %q, want %s %q", site.Base.Host, site.AccountID, c.host, c.guid)
			}
		})
	}
}

func TestManyCallersShareOneProofAndOneGrant(t *testing.T) {
	w := newWorld(t, nil)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			d, err := w.legacy("anna@example.com", "pässword", key, "")
			if err == nil {
				_, err = w.Token(context.Background(), d)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := w.sandbox.Counts().Grants; n != 1 {
		t.Errorf("%d grants, want 1", n)
	}
}

func TestAReloadKeepsProofsOfPasswordsThatDidNotChange(t *testing.T) {
	w := newWorld(t, nil)
	c := &translate.Call{Legacy: header("anna@example.com", "pässword", key, ""), Client: loopback}
	if _, err := w.Decide(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	in := integration.Integration{
		Name: "erp", IntegratorKey: key, OAuth: integration.OAuth{ClientID: key},
		Users: []integration.User{{
			Username: "anna@example.com", UserID: sandbox.AnnaID, Password: bcrypt(t, "another"),
		}},
	}
	next := translate.New(translate.Config{
		OAuth: w.oauth, Integrations: []integration.Integration{in}, Previous: w.Translator, Prover: newProver(0),
	})
	if _, err := next.Decide(context.Background(), c); call.KindOf(err) != call.KindBadLogin {
		t.Errorf("the old password is still taken after it was changed: %v", err)
	}
}

func TestPinningTakesTheFirstPasswordAndHoldsToIt(t *testing.T) {
	pins := &memoryPins{}
	var told []string
	w := newWorld(t, func(cfg *translate.Config) {
		cfg.Integrations[0].Users[1].Password = password.Password{}
		cfg.Pins = pins
		cfg.MayPin = netip.Addr.IsLoopback
		cfg.OnPin = func(_, username string, _ netip.Addr) { told = append(told, username) }
	})
	for _, c := range []struct {
		name, password, client string
		ok                     bool
	}{
		{"a client from elsewhere pins nothing", "first", "192.0.2.1", false},
		{"the first password is taken", "first", "127.0.0.1", true},
		{"another one is refused from then on", "second", "127.0.0.1", false},
		{"the first one goes on", "first", "192.0.2.1", true},
	} {
		came := &translate.Call{
			Legacy: header("bob@example.com", c.password, key, ""), Client: netip.MustParseAddr(c.client),
		}
		_, err := w.Decide(context.Background(), came)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if len(told) != 1 {
		t.Errorf("told of %v, want one pinning", told)
	}
}

type memoryPins struct {
	m        sync.Map
	unpinned atomic.Uint64
}

func (p *memoryPins) Pinned(integration, username string) (string, bool, error) {
	h, ok := p.m.Load(integration + username)
	if !ok {
		return "", false, nil
	}
	return h.(string), true, nil
}

func (p *memoryPins) Pin(integration, username, hash string) (string, error) {
	held, _ := p.m.LoadOrStore(integration+username, hash)
	return held.(string), nil
}

func (p *memoryPins) Unpinned() uint64 { return p.unpinned.Load() }

func (p *memoryPins) forget(integration, username string) {
	p.m.Delete(integration + username)
	p.unpinned.Add(1)
}

func TestADecisionOnAHitDoesNotAllocate(t *testing.T) {
	w := newWorld(t, nil)
	ctx := context.Background()
	c := &translate.Call{Legacy: header("anna@example.com", "pässword", key, ""), Client: loopback}
	if _, err := w.Decide(ctx, c); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(1000, func() { _, _ = w.Decide(ctx, c) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkDecideHit(b *testing.B) {
	w := newWorld(b, nil)
	ctx := context.Background()
	c := &translate.Call{Legacy: header("anna@example.com", "pässword", key, ""), Client: loopback}
	if _, err := w.Decide(ctx, c); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Decide(ctx, c); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecideTokenSiteHit is the whole credential decision: who it is, a live token and the site of the account.
func BenchmarkDecideTokenSiteHit(b *testing.B) {
	w := newWorld(b, nil)
	ctx := context.Background()
	c := &translate.Call{Legacy: header("anna@example.com", "pässword", key, ""), Client: loopback}
	b.ReportAllocs()
	for b.Loop() {
		d, err := w.Decide(ctx, c)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := w.Token(ctx, d); err != nil {
			b.Fatal(err)
		}
		if _, err := w.Site(ctx, d, "1234567"); err != nil {
			b.Fatal(err)
		}
	}
}

func TestRehearsalOfAnAppPasswordNeedsNoToken(t *testing.T) {
	for _, c := range []struct {
		name string
		app  secret.Text
		kind call.Kind
	}{{"one is configured", secret.New("app"), 255}, {"none is", secret.Text{}, call.KindTokenRefused}} {
		w := newWorld(t, func(cfg *translate.Config) {
			in := &cfg.Integrations[0]
			in.Mode, in.SOAP = integration.Observe, integration.AppPassword
			in.OAuth.ClientID, in.Users[0].AppPassword = "no-key-for-this-one", c.app
		})
		cred := legacy.Credential{
			Scheme: legacy.WSSecurity, IntegratorKey: key, Username: "anna@example.com",
			Passwords: []secret.Text{secret.New("pässword")},
		}
		d, _, err := w.Prove(context.Background(), cred, "", loopback)
		if err != nil {
			t.Fatal(err)
		}
		err = w.Rehearse(context.Background(), d)
		if c.kind == 255 && err != nil || c.kind != 255 && call.KindOf(err) != c.kind {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// pinWorld is a world in which bob's password is pinned at first use.
func pinWorld(t *testing.T, pins translate.Pins) *world {
	return newWorld(t, func(cfg *translate.Config) {
		cfg.Integrations[0].Users[1].Password = password.Password{}
		cfg.Pins, cfg.MayPin = pins, netip.Addr.IsLoopback
	})
}

// latePins lets two calls come to Pin before either is kept.
type latePins struct {
	memoryPins
	both sync.WaitGroup
}

func (p *latePins) Pin(integration, username, hash string) (string, error) {
	p.both.Done()
	p.both.Wait()
	return p.memoryPins.Pin(integration, username, hash)
}

func TestOfTwoFirstPasswordsAtTheSameTimeOneIsBelieved(t *testing.T) {
	pins := &latePins{}
	pins.both.Add(2)
	w := pinWorld(t, pins)
	var wg sync.WaitGroup
	var errs [2]error
	for i, client := range []string{"127.0.0.1", "127.0.0.1"} {
		wg.Go(func() {
			// Two states of a reload share the store but not the turns of a prover.
			tr := w.Translator
			if i == 1 {
				tr = pinTranslator(w, pins)
			}
			c := &translate.Call{
				Legacy: header("bob@example.com", fmt.Sprint("first", i), key, ""), Client: netip.MustParseAddr(client),
			}
			_, errs[i] = tr.Decide(context.Background(), c)
			if errs[i] == nil {
				_, errs[i] = tr.Decide(context.Background(), c)
			}
		})
	}
	wg.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Errorf("want one believed and one refused: %v; %v", errs[0], errs[1])
	}
	for _, err := range errs {
		if err != nil && call.KindOf(err) != call.KindBadLogin {
			t.Error(err)
		}
	}
}

func pinTranslator(w *world, pins translate.Pins) *translate.Translator {
	return translate.New(translate.Config{
		OAuth: w.oauth, Prover: newProver(time.Hour), Pins: pins, MayPin: netip.Addr.IsLoopback,
		Integrations: []integration.Integration{{
			Name: "erp", IntegratorKey: key, OAuth: integration.OAuth{ClientID: key},
			Users: []integration.User{{Username: "bob@example.com"}},
		}},
	})
}

func TestWhatMayNotBePinned(t *testing.T) {
	for _, c := range []struct {
		name, password, more string
		kind                 call.Kind
	}{
		{"an empty password", "", "", call.KindBadLogin},
		{"more than bcrypt reads", strings.Repeat("x", 73), "", call.KindBadLogin},
		{"the password of a call that is refused", "first", `,"SendOnBehalfOf":"admin@example.com"`, call.KindNotAllowed},
	} {
		pins := &memoryPins{}
		w := pinWorld(t, pins)
		_, err := w.legacy("bob@example.com", c.password, key, c.more)
		if call.KindOf(err) != c.kind {
			t.Errorf("%s: %v", c.name, err)
		}
		if _, ok, _ := pins.Pinned("erp", "bob@example.com"); ok {
			t.Errorf("%s is pinned", c.name)
		}
	}
}

func TestADecisionDoesNotOutliveThePinItRestsOn(t *testing.T) {
	pins := &memoryPins{}
	w := pinWorld(t, pins)
	decide := func(password string) error {
		_, err := w.legacy("bob@example.com", password, key, "")
		return err
	}
	if err := decide("first"); err != nil {
		t.Fatal(err)
	}
	pins.forget("erp", "bob@example.com")
	if err := decide("second"); err != nil {
		t.Fatalf("the next first password is refused: %v", err)
	}
	if err := decide("first"); call.KindOf(err) != call.KindBadLogin {
		t.Errorf("the forgotten password is still believed: %v", err)
	}
}

func TestNothingIsRememberedWhenTheConfigurationSaysSo(t *testing.T) {
	w := newWorld(t, func(cfg *translate.Config) { cfg.RememberFor = 0 })
	c := &translate.Call{Legacy: header("anna@example.com", "pässword", key, ""), Client: loopback}
	first, err := w.Decide(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := w.Decide(context.Background(), c); err != nil || second == first {
		t.Errorf("the decision was remembered: %v", err)
	}
}

func TestNamesAreFoldedInOneWay(t *testing.T) {
	const kelvin = "\u212Aate@example.com" // K in Unicode's simple folding, but not the letter
	w := newWorld(t, func(cfg *translate.Config) {
		cfg.Integrations[0].Users[0].MayActFor = []string{"kate@example.com", "MÜLLER@example.com"}
		cfg.Integrations[0].Principals = []integration.Principal{
			{Username: "kate@example.com"}, {Username: "müller@example.com"},
		}
	})
	for _, c := range []struct {
		name, principal string
		ok              bool
	}{
		{"in capitals", "KATE@EXAMPLE.COM", true},
		{"a letter beyond ASCII in the other case", "Müller@example.com", true},
		{"a look-alike of a letter", kelvin, false},
	} {
		came := &translate.Call{
			Legacy: header("anna@example.com", "pässword", key, ""), ActAs: c.principal, Client: loopback,
		}
		_, err := w.Decide(context.Background(), came)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
