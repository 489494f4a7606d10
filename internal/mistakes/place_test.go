package mistakes_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/doctor"
	"docusign-auth-proxy/internal/privatekey"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/internal/store/redis/redistest"
)

// written is the configuration as an operator writes it, for one program with one user.
const written = `
environment: demo
listen: {proxy: "127.0.0.1:0", admin: "127.0.0.1:0", hosts: "127.0.0.1:0"}
interception: {ca_cert: ca.pem, ca_key: ca-key.pem}
egress:
  allow_addresses: [127.0.0.0/8]
  resolve: {account-d.docusign.com: "%[1]s", demo.docusign.net: "%[1]s"}
upstream: {ca_file: sandbox-ca.pem}
store: state.db
integrations:
  - name: nightly-billing
    integrator_key: ` + sandbox.GUIDKey + `
    soap: rest
    oauth: {private_keys: [{file: billing.pem}]}
    users:
      - username: anna@example.com
        user_id: ` + sandbox.AnnaID + `
        password: {bcrypt: "%[2]s"}
`

// secrets must stand nowhere but in the files that the operator made for them.
func secrets() []string {
	return []string{"anna-legacy-1", "anna-app-1", "canary-", "PRIVATE KEY-----", "Bearer eyJ", "assertion=eyJ"}
}

// place is a machine with the proxy on it, before a sandbox, and an old program that calls.
type place struct {
	*apptest.Rig
	docusign *sandbox.Sandbox
	company  string            // address of the company's proxy
	store    *redistest.Server // of all replicas; nil = a file
}

// newPlace writes the files. Nothing runs yet but the sandbox.
func newPlace(t *testing.T) *place {
	t.Helper()
	sb, err := sandbox.Start(sandbox.Options{Sites: []string{site}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sb.Close() })
	seed, err := sb.SeedWith(apptest.SharedKeys().Integrations)
	if err != nil {
		t.Fatal(err)
	}
	p := &place{Rig: &apptest.Rig{T: t, Dir: t.TempDir(), Sandbox: sb, Seed: seed, Log: &apptest.SyncBuffer{}, JSON: true},
		docusign: sb}
	p.Path = filepath.Join(p.Dir, "proxy.yaml")
	if err := apptest.SharedKeys().Ca.Save(p.file("ca.pem"), p.file("ca-key.pem"), true); err != nil {
		t.Fatal(err)
	}
	p.put("sandbox-ca.pem", sb.CACert())
	p.put("billing.pem", seed.PrivateKeys[sandbox.GUIDKey])
	p.put("other.pem", seed.PrivateKeys[sandbox.LegacyKey])
	p.put("app-password", []byte("anna-app-1\n"))
	p.put("wrong-app-password", []byte("canary-app-password\n"))
	p.put("proxy.yaml", fmt.Appendf(nil, written, sb.Addr(), apptest.BcryptOf(t, "anna-legacy-1")))
	return p
}

func (p *place) file(name string) string { return filepath.Join(p.Dir, name) }

func (p *place) put(name string, text []byte) {
	p.T.Helper()
	if err := os.WriteFile(p.file(name), text, 0o600); err != nil {
		p.T.Fatal(err)
	}
}

// key reads a private key of the operator's.
func (p *place) key(name string) *rsa.PrivateKey {
	p.T.Helper()
	text, err := os.ReadFile(p.file(name))
	if err != nil {
		p.T.Fatal(err)
	}
	key, err := privatekey.RSA(text)
	if err != nil {
		p.T.Fatal(err)
	}
	return key
}

// found lets the doctor find the running proxy, which tells it what was seen.
func (p *place) found() {
	at := p.reserve()
	p.Change(func(s apptest.Section) { s.At("listen")["admin"] = at })
}

// lines are those of the log that have this message.
func (p *place) lines(message string) (found []map[string]any) {
	p.T.Helper()
	for line := range strings.Lines(p.Log.String()) {
		var l map[string]any
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			p.T.Fatalf("%v: %s", err, line)
		}
		if l["msg"] == message {
			found = append(found, l)
		}
	}
	return found
}

// examine has the doctor look at the same configuration.
func (p *place) examine(limit time.Duration) doctor.Report {
	p.T.Helper()
	ctx := p.T.Context()
	if limit > 0 {
		short, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		ctx = short
	}
	var out bytes.Buffer
	err := doctor.Examine(ctx, doctor.Options{Config: p.Path, JSON: true, Out: &out, Log: io.Discard})
	if _, told := errors.AsType[app.ExitError](err); err != nil && !told {
		p.T.Fatal(err)
	}
	p.keepsSecrets("doctor", out.String())
	var r doctor.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		p.T.Fatalf("%v: %s", err, out.String())
	}
	return r
}

// page is the status as the operations listener tells it.
func (p *place) page() admin.Status {
	p.T.Helper()
	got := p.Do(nil, apptest.Request(p.T, "GET", p.AdminURL()+"/api/status", nil))
	p.keepsSecrets("status", got.Body)
	var s admin.Status
	if err := json.Unmarshal([]byte(got.Body), &s); err != nil {
		p.T.Fatalf("%v: %s", err, got.Body)
	}
	return s
}

func (p *place) metrics() string {
	p.T.Helper()
	return p.Do(nil, apptest.Request(p.T, "GET", p.AdminURL()+"/metrics", nil)).Body
}

// keepsSecrets fails where a text shows a secret.
func (p *place) keepsSecrets(where, text string) {
	p.T.Helper()
	for _, s := range secrets() {
		if strings.Contains(text, s) {
			p.T.Errorf("%s shows %q:\n%s", where, s, text)
		}
	}
}

// get is a call of the program, by its base URL, with anna's header unless others are given.
func (p *place) get(path string, headers ...string) apptest.Answer {
	p.T.Helper()
	if len(headers) == 0 {
		headers = []string{"X-DocuSign-Authentication", apptest.AnnaJSON}
	}
	return p.Do(nil, apptest.Request(p.T, "GET", p.Sidecar()+path, nil, append(headers, "Accept", "application/json")...))
}

// list is the program's usual call.
func (p *place) list() apptest.Answer { return p.get(apptest.ListPath) }

// as is that call with another credential.
func (p *place) as(username, password, key string, more ...string) apptest.Answer {
	credential := map[string]string{"Username": username, "Password": password, "IntegratorKey": key}
	for i := 0; i < len(more); i += 2 {
		credential[more[i]] = more[i+1]
	}
	text, err := json.Marshal(credential)
	if err != nil {
		p.T.Fatal(err)
	}
	return p.get(apptest.ListPath, "X-DocuSign-Authentication", string(text))
}

// raw sends bytes to a door and reads one answer, if there is one.
func (p *place) raw(door call.Door, text string) apptest.Answer {
	p.T.Helper()
	w := p.Dial(p.T, door)
	if _, err := io.WriteString(w.Conn, text); err != nil {
		p.T.Fatal(err)
	}
	got, err := w.Hear("GET")
	if err != nil {
		return apptest.Answer{} // the proxy ended the connection
	}
	return got.Answer
}

// connect asks for a tunnel.
func (p *place) connect(target string, headers ...string) apptest.Answer {
	return p.raw(call.DoorSidecar, "CONNECT "+target+" HTTP/1.1\r\nHost: "+target+"\r\n"+
		strings.Join(headers, "\r\n")+"\r\n")
}

// soap makes a call of a SOAP service with anna's credential where the service reads it.
func (p *place) soap(service, operation, content string) apptest.Answer {
	p.T.Helper()
	const space = "http://www.docusign.net/API/3.0"
	header, security := apptest.AnnaJSON, ""
	if service == "api.asmx" {
		header, security = "", usernameToken("#PasswordText", "anna-legacy-1")
	}
	req := apptest.Request(p.T, "POST", p.Sidecar()+"/api/3.0/"+service, strings.NewReader(
		`<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Header>`+security+
			`</soap:Header><soap:Body><`+operation+` xmlns="`+space+`">`+content+`</`+operation+`></soap:Body></soap:Envelope>`),
		"Content-Type", "text/xml; charset=utf-8", "SOAPAction", `"`+space+"/"+operation+`"`)
	if header != "" {
		req.Header.Set("X-DocuSign-Authentication", header)
	}
	return p.Do(nil, req)
}

func usernameToken(kind, password string) string {
	const wss = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
	return `<wsse:Security xmlns:wsse="` + wss + `wssecurity-secext-1.0.xsd"><wsse:UsernameToken><wsse:Username>[` +
		sandbox.GUIDKey + `]anna@example.com</wsse:Username><wsse:Password Type="` + wss + `username-token-profile-1.0` +
		kind + `">` + password + `</wsse:Password></wsse:UsernameToken></wsse:Security>`
}

// values are what the texts of the table ask for at this place; of holds those of a row, which count more.
func (p *place) values(of ...string) []string {
	return append([]string{
		"user", "anna@example.com", "guid", sandbox.AnnaID, "key", sandbox.GUIDKey, "integration", "nightly-billing",
		"host", site, "server", accountServer, "environment", "demo", "config", p.Path, "scopes", "signature impersonation",
		"client", "127.0.0.1",
	}, of...)
}

func (p *place) next(id cause.ID, of ...string) string { return id.Next(p.values(of...)...) }

const (
	site          = "demo.docusign.net"
	accountServer = "account-d.docusign.com"
	headerCause   = "X-DocuSign-Auth-Proxy-Cause"
)
