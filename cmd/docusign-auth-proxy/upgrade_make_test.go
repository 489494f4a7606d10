package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/translate/oauth"
	"docusign-auth-proxy/translate/soaprest/journal"
	"docusign-auth-proxy/translate/soaprest/redirect"
)

var upgradeFrom = flag.String("upgrade-from", "", "make testdata/upgrade of this version, such as v1.2.0")

// left is what a version gave to programs and kept for them, beside its files.
type left struct {
	At      time.Time // when it was stopped
	Sandbox string    // the address that its configuration names
	Issued  apptest.IssuedToAnna
	Pinned  string // a password that was believed at first use
	Refresh string // token of anna's login
	Learned map[string]string
	Calls   map[string]uint64 // by integration
	Journal map[string]journal.State
	Return  string // what a browser comes back with, without its event
	Leads   string // where it is led to
	Secret  string // client secret of old-erp
}

// leaveBehind writes configuration, state and names of this version, as CONTRIBUTING.md tells.
func leaveBehind(t *testing.T) {
	t.Helper()
	r, then := usedProxy(t)
	folder := filepath.Join("testdata", "upgrade", *upgradeFrom)
	if err := os.MkdirAll(filepath.Join(folder, "keys"), 0o755); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(r.Dir, "keys", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(names, r.Path, r.file("state.db"), r.file("state.db.key"), r.file("client-secret")) {
		text := []byte(fileText(t, name))
		name, _ := strings.CutPrefix(name, r.Dir)
		if name == "/state.db" {
			text, name = packed(t, text), name+".gz"
		}
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	told, err := json.MarshalIndent(then, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"left.json": string(told) + "\n", "names.txt": strings.Join(promised(), "\n") + "\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func (r *rig) file(name string) string { return filepath.Join(r.Dir, name) }

func packed(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(text)
	}
	if err = cmp.Or(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// usedProxy is a proxy that was stopped after every kind of use.
func usedProxy(t *testing.T) (*rig, left) {
	t.Helper()
	const clientSecret = "client-secret-of-then"
	sb, err := sandbox.Start(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sb.Close() })
	seed, err := sb.Seed()
	if err != nil {
		t.Fatal(err)
	}
	sb.AddIntegration(sandbox.Integration{Key: sandbox.LegacyKey, Live: true, Secret: clientSecret})
	c := &clinic{T: t, sandbox: sb, seed: seed, dir: t.TempDir()}
	c.put("client-secret", []byte(clientSecret+"\n"), 0o600)
	f := fixture.Config{Proxy: "127.0.0.1:0", Admin: "127.0.0.1:0", Hosts: "127.0.0.1:0", Cost: 4,
		Extra: map[string]any{"pin_password": "first_use"}, Edit: usedIntegrations}
	if c.path, err = f.Write(c.dir, sb, seed); err != nil {
		t.Fatal(err)
	}
	r := &rig{&apptest.Rig{T: t, Dir: c.dir, Path: c.path, Sandbox: sb, Seed: seed, Log: &apptest.SyncBuffer{}}}
	then := left{Sandbox: sb.Addr(), Secret: clientSecret, Pinned: "believed-at-first-use"}
	j := c.wait(newLogin(), "--integration", "old-erp", "--user", "anna@example.com")
	j.approve(sandbox.AnnaID)
	if text, err := j.end(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	r.Start()
	then.Issued = r.IssueAll(t, "anna-legacy-1")
	r.CheckIssued(t, then.Issued, 200)
	for _, header := range []string{annaAtOldERP, pinnedUser(then.Pinned), strangersHeader} {
		r.logIn(t, header)
	}
	then.Return, then.Leads = r.envelopeAndView(t)
	then.Calls = r.calls()
	r.Halt()
	then.At = time.Now().UTC()
	cfg, err := config.Load(r.Path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := app.OpenState(r.file("state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	anna := oauth.Identity{Issuer: cfg.Integrations[0].OAuth.ClientID, Subject: sandbox.AnnaID}
	token, _, ok, err := s.Refresh(oauth.RefreshName(anna))
	if !ok || err != nil {
		t.Fatalf("no login: %v", err)
	}
	then.Refresh, then.Learned, then.Journal = token.Reveal(), learnt(s), creations(s)
	return r, then
}

// usedIntegrations are one whose users log in, and one with everything else.
func usedIntegrations(list []map[string]any) {
	old, billing := list[0], list[1]
	old["grant"], old["users"] = "authorization_code", old["users"].([]map[string]any)[:1]
	old["oauth"] = map[string]any{
		"redirect_uri": "https://www.docusign.com", "client_secret": map[string]any{"file": "client-secret"},
	}
	billing["soap"], billing["soap_rest"] = "rest", map[string]any{"public_url": "https://sign.example.com"}
	billing["oauth"].(map[string]any)["admin_user_id"] = sandbox.AdminID
	for _, u := range billing["users"].([]map[string]any) {
		switch u["username"] {
		case "anna@example.com":
			u["may_act_for"] = []string{"bob@example.com"}
			delete(u, "accounts")
		case "legacy.user@example.com":
			for _, learnt := range []string{"user_id", "accounts", "password"} {
				delete(u, learnt)
			}
		}
	}
}

const (
	annaAtOldERP = `{"Username":"anna@example.com","Password":"anna-legacy-1","IntegratorKey":"` + sandbox.LegacyKey + `"}`
	// strangersHeader is of a program that no configuration names.
	strangersHeader = `{"Username":"cora@example.com","Password":"x","IntegratorKey":"` + strangersKey + `"}`
	strangersKey    = "b1b2c3d4-0000-4000-8000-000000000009"
)

func pinnedUser(password string) string {
	return `{"Username":"legacy.user@example.com","Password":"` + password + `","IntegratorKey":"` + sandbox.GUIDKey + `"}`
}

// envelopeAndView makes two envelopes over REST, the second with an answer that never came, and asks where the signer
// of the first may sign. It gives what a browser comes back with, and where it is led to when it was signed.
func (r *rig) envelopeAndView(t *testing.T) (state, leads string) {
	t.Helper()
	made := r.soap(t, createMessage("order-1"))
	id := regexp.MustCompile(`<EnvelopeID>([0-9a-f-]{36})</EnvelopeID>`).FindString(made)
	leads = "https://app.example.com/back?" + strings.Repeat("long=", 80) + "Signed"
	r.soap(t, soapMessage("RequestRecipientToken", id+`<ClientUserID>c-1</ClientUserID><Username>Cora</Username>`+
		`<Email>cora@example.com</Email><AuthenticationAssertion><AssertionID>a-1</AssertionID>`+
		`<AuthenticationInstant>2026-11-20T10:06:00</AuthenticationInstant><AuthenticationMethod>Password`+
		`</AuthenticationMethod><SecurityDomain>app.example.com</SecurityDomain></AuthenticationAssertion><ClientURLs>`+
		`<OnSigningComplete>`+leads+`</OnSigningComplete><OnDecline>https://app.example.com/no</OnDecline></ClientURLs>`))
	var asked struct {
		ReturnURL string `json:"returnUrl"`
	}
	all := r.Sandbox.Requests()
	if err := json.Unmarshal(all[len(all)-1].Body, &asked); err != nil {
		t.Fatal(err)
	}
	_, state, _ = strings.Cut(asked.ReturnURL, redirect.Path)
	r.Sandbox.FailNext(sandbox.FailureSpec{Method: "POST", Suffix: "/envelopes", Drop: sandbox.DropBefore})
	r.soap(t, createMessage("order-2"))
	r.Sandbox.ClearFailures()
	return state, leads
}

// logIn gives the status of a log-in.
func (r *rig) logIn(t *testing.T, credential string) int {
	t.Helper()
	return r.Do(nil, apptest.Request(t, "GET", r.Sidecar()+apptest.LoginPath, nil,
		"X-DocuSign-Authentication", credential)).Status
}

func (r *rig) soap(t *testing.T, envelope string) string {
	t.Helper()
	return r.Do(nil, apptest.Request(t, "POST", r.Sidecar()+"/api/3.0/api.asmx", strings.NewReader(envelope),
		"Content-Type", "text/xml; charset=utf-8")).Body
}

func soapMessage(operation, inner string) string {
	return `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header><o:Security xmlns:o="http://docs.` +
		`oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"><o:UsernameToken><o:Username>[` +
		sandbox.GUIDKey + `]anna@example.com</o:Username><o:Password>anna-legacy-1</o:Password></o:UsernameToken>` +
		`</o:Security></s:Header><s:Body><` + operation + ` xmlns="http://www.docusign.net/API/3.0">` + inner + `</` +
		operation + `></s:Body></s:Envelope>`
}

func createMessage(transaction string) string {
	return soapMessage("CreateAndSendEnvelope", `<Envelope><TransactionID>`+transaction+`</TransactionID><AccountId>`+
		`1234567</AccountId><Documents><Document><ID>1</ID><Name>Contract.pdf</Name><PDFBytes>`+
		base64.StdEncoding.EncodeToString([]byte("%PDF"))+`</PDFBytes><FileExtension>pdf</FileExtension></Document>`+
		`</Documents><Recipients><Recipient><ID>1</ID><UserName>Cora</UserName><Email>cora@example.com</Email>`+
		`<Type>Signer</Type><AccessCode/><RequireIDLookup>false</RequireIDLookup><RoutingOrder>1</RoutingOrder>`+
		`<CaptiveInfo><ClientUserId>c-1</ClientUserId></CaptiveInfo></Recipient></Recipients><Tabs/>`+
		`<Subject>Please sign</Subject><EmailBlurb>As agreed.</EmailBlurb></Envelope>`)
}
