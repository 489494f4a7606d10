package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/password"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/internal/secret"
)

// adminURL is asked after calls, so it waits until they are recorded.
func (r *rig) adminURL() string {
	r.settled()
	return "http://" + r.program.AdminAddress()
}

// get sends one GET with header lines as they are and reads the answer.
func (r *rig) get(t *testing.T, path, lines string) heard {
	t.Helper()
	w := r.dialSettled(t, call.DoorSidecar)
	w.send("GET " + path + " HTTP/1.1\r\nHost: x\r\n" + lines + "\r\n")
	return w.read("GET")
}

const listPath = "/restapi/v2/accounts/1234567/envelopes?from_date=2026-01-01"

// loginInformation is what programs read of the answer; its field types are part of the contract (PROTOCOL.md §2.2).
type loginInformation struct {
	APIPassword   string `json:"apiPassword"`
	LoginAccounts []struct {
		AccountID     string `json:"accountId"`
		AccountIDGUID string `json:"accountIdGuid"`
		BaseURL       string `json:"baseUrl"`
		IsDefault     string `json:"isDefault"`
		UserName      string `json:"userName"`
		UserID        string `json:"userId"`
		Email         string `json:"email"`
		Settings      []any  `json:"loginAccountSettings"`
	} `json:"loginAccounts"`
}

func parseLogin(t *testing.T, body string) loginInformation {
	t.Helper()
	var l loginInformation
	if err := json.Unmarshal([]byte(body), &l); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if len(l.LoginAccounts) == 0 {
		t.Fatalf("no account: %s", body)
	}
	return l
}

const createPath = "/restapi/v2/accounts/1234567/envelopes"

// bigEnvelope is a well-formed envelope of exactly size bytes.
func bigEnvelope(size int) []byte {
	head, tail := `{"status":"sent","emailSubject":"big","documents":[{"documentId":"1","name":"a.pdf",`+
		`"documentBase64":"`, `"}]}`
	fill := size - len(head) - len(tail)
	b := append([]byte(head), bytes.Repeat([]byte("QUJD"), fill/4)...)
	b = append(b, tail...)
	return append(b, bytes.Repeat([]byte(" "), size-len(b))...)
}

const signIn = "X-DocuSign-Authentication: " + annaJSON + "\r\n"

const (
	small = 500
	large = 2 << 20
)

const wireLimit = 10 * time.Second

// wire is a bare connection to the proxy, for what no Go client would send.
type wire struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func newWire(t *testing.T, c net.Conn) *wire {
	t.Helper()
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(wireLimit))
	return &wire{t: t, Conn: c, in: bufio.NewReader(c)}
}

func (r *rig) dial(t *testing.T, door call.Door) *wire {
	t.Helper()
	c, err := net.Dial("tcp", r.addr(door))
	if err != nil {
		t.Fatal(err)
	}
	return newWire(t, c)
}

func (w *wire) send(text string) {
	w.t.Helper()
	if _, err := io.WriteString(w.Conn, text); err != nil {
		w.t.Fatalf("send: %v", err)
	}
}

// heard is one answer as it stood on the wire.
type heard struct {
	answer
	proto    string
	encoding []string // Transfer-Encoding
	length   int64
	close    bool
	err      error // of reading the body
}

// read takes one answer off the wire; 100 Continue is reported as an answer of its own.
func (w *wire) read(method string) heard {
	w.t.Helper()
	got, err := w.hear(method)
	if err != nil {
		w.t.Fatalf("read answer: %v", err)
	}
	return got
}

// hear is read for answers that may break off before they begin.
func (w *wire) hear(method string) (heard, error) {
	resp, err := http.ReadResponse(w.in, &http.Request{Method: method})
	if err != nil {
		return heard{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return heard{
		answer{resp.StatusCode, resp.Header, string(body)}, resp.Proto, resp.TransferEncoding, resp.ContentLength, resp.Close,
		err,
	}, nil
}

// eventually waits for what happens beside the answer, such as the log line of a call.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(wireLimit)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// tokenForm is the body of a legacy oauth2/token, properly encoded.
func tokenForm(username, password, key string) string {
	return url.Values{
		"grant_type": {"password"}, "client_id": {key}, "username": {username}, "password": {password}, "scope": {"api"},
	}.Encode()
}

func tokenRequest(t *testing.T, origin, form string, headers ...string) *http.Request {
	t.Helper()
	all := append([]string{"Content-Type", "application/x-www-form-urlencoded", "Accept", "application/json"}, headers...)
	return request(t, "POST", origin+"/restapi/v2/oauth2/token", strings.NewReader(form), all...)
}

func accessToken(t *testing.T, got answer) string {
	t.Helper()
	var a struct {
		Token string `json:"access_token"`
		Scope string `json:"scope"`
		Type  string `json:"token_type"`
	}
	if err := json.Unmarshal([]byte(got.body), &a); err != nil || got.status != 200 || a.Token == "" || a.Scope != "api" ||
		a.Type != "bearer" {
		t.Fatalf("status %d, body %s (%v)", got.status, got.body, err)
	}
	return a.Token
}

// legacyLogin gets a legacy token as old programs do.
func (r *rig) legacyLogin(t *testing.T, username, password, key string) string {
	t.Helper()
	return accessToken(t, r.do(nil, tokenRequest(t, r.sidecar(), tokenForm(username, password, key))))
}

const loginPath = "/restapi/v2/login_information"

func (r *rig) withToken(t *testing.T, token string, headers ...string) answer {
	t.Helper()
	return r.do(
		nil,
		request(t, "GET", r.sidecar()+loginPath, nil, append([]string{"Authorization", "bearer " + token}, headers...)...),
	)
}

func bcryptOf(t *testing.T, text string) string {
	t.Helper()
	hash, err := password.HashBcrypt(secret.New(text), 4)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func (r *rig) tokenFile() string { return filepath.Join(r.dir, "state.db.admin-token") }

func (r *rig) operatorToken(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(r.tokenFile())
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func (r *rig) editConfig(old, new string) {
	r.t.Helper()
	text, err := os.ReadFile(r.path)
	if err != nil {
		r.t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		r.t.Fatalf("the configuration does not hold %q", old)
	}
	if err := os.WriteFile(r.path, []byte(strings.Replace(string(text), old, new, 1)), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// rig is a running proxy in front of a running sandbox.
type rig struct {
	t       *testing.T
	dir     string
	path    string
	sandbox *sandbox.Sandbox
	world   sandbox.Seed
	program *app.App
	log     *syncBuffer
	hooks   app.Hooks // of the next start
	stop    context.CancelFunc
	done    chan error
}

type syncBuffer struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	settled func() // waits for what is still to be written; nil = nothing
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	if b.settled != nil {
		b.settled()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// newRig starts both; edit may change the configuration before it is written.
func newRig(t *testing.T, edit func(*fixture.Config)) *rig {
	t.Helper()
	return newRigWith(t, sandbox.Options{}, edit)
}

func newRigWith(t *testing.T, o sandbox.Options, edit func(*fixture.Config)) *rig {
	t.Helper()
	return newRigEdited(t, o, edit, nil)
}

// newRigEdited also lets the whole written configuration be changed before the proxy reads it.
func newRigEdited(t *testing.T, o sandbox.Options, edit func(*fixture.Config), change func(section)) *rig {
	t.Helper()
	sb, err := sandbox.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sb.Close() })
	world, err := sb.SeedWith(sharedKeys().integrations)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, dir: t.TempDir(), sandbox: sb, world: world, log: &syncBuffer{}}
	if err := sharedKeys().ca.Save(filepath.Join(r.dir, "ca.pem"), filepath.Join(r.dir, "ca-key.pem"), true); err != nil {
		t.Fatal(err)
	}
	wc := fixture.Config{Proxy: "127.0.0.1:0", Admin: "127.0.0.1:0", Hosts: "127.0.0.1:0", Cost: 4}
	if edit != nil {
		edit(&wc)
	}
	if r.path, err = wc.Write(r.dir, sb, world); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		r.change(change)
	}
	r.start()
	return r
}

// section is a part of the configuration file.
type section map[string]any

// at gives the section below name, made if it is missing.
func (s section) at(name string) section {
	below, ok := s[name].(section)
	if !ok {
		below = section{}
		s[name] = below
	}
	return below
}

// change rewrites the configuration file.
func (r *rig) change(edit func(section)) {
	r.t.Helper()
	text, err := os.ReadFile(r.path)
	if err != nil {
		r.t.Fatal(err)
	}
	doc := section{}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		r.t.Fatal(err)
	}
	edit(doc)
	if text, err = yaml.Marshal(doc); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(r.path, text, 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) start() {
	r.t.Helper()
	holder := &config.Holder{Path: r.path}
	if _, err := holder.Reload(); err != nil {
		r.t.Fatal(err)
	}
	var err error
	r.hooks.LeafKey = sharedKeys().leaf
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if r.program, err = app.New(holder, log, r.hooks); err != nil {
		r.t.Fatal(err)
	}
	r.log.settled = r.settled
	ctx, cancel := context.WithCancel(context.Background())
	r.stop, r.done = cancel, make(chan error, 1)
	go func() { r.done <- r.program.Run(ctx) }()
	<-r.program.Ready()
	r.t.Cleanup(r.halt)
}

// settled waits until the calls that were answered are recorded, which happens after the answer. A call that goes on is
// not waited for.
func (r *rig) settled() {
	for began := time.Now(); r.program.Server.Active() > 0 && time.Since(began) < time.Second; {
		time.Sleep(time.Millisecond)
	}
}

// dialSettled connects when all earlier calls are recorded, so that the lines of the log are in order.
func (r *rig) dialSettled(t *testing.T, door call.Door) *wire {
	t.Helper()
	r.settled()
	return r.dial(t, door)
}

// halt stops the proxy and waits for it; it may be called twice.
func (r *rig) halt() {
	r.stop()
	select {
	case err := <-r.done:
		if err != nil {
			r.t.Errorf("run: %v", err)
		}
		r.done <- nil
	case <-time.After(30 * time.Second):
		r.t.Error("the proxy did not stop")
	}
}

// restart replaces the proxy by one that remembers only what its store holds, with an empty log.
func (r *rig) restart() {
	r.t.Helper()
	r.halt()
	r.log = &syncBuffer{}
	r.start()
}

func (r *rig) addr(door call.Door) string {
	at := r.program.Address(door)
	if at == "" {
		r.t.Fatalf("no listener for %s", door)
	}
	return at
}

func (r *rig) sidecar() string { return "http://" + r.addr(call.DoorSidecar) }

const (
	annaJSON   = `{"Username":"anna@example.com","Password":"anna-legacy-1","IntegratorKey":"` + sandbox.GUIDKey + `"}`
	legacyJSON = `{"Username":"legacy.user@example.com","Password":"p@ss<w&rd>é1","IntegratorKey":"` + sandbox.LegacyKey +
		`"}`
)

type answer struct {
	status int
	header http.Header
	body   string
}

func (r *rig) do(c *http.Client, req *http.Request) answer {
	r.t.Helper()
	if c == nil {
		c = http.DefaultClient
	}
	resp, err := c.Do(req)
	if err != nil {
		r.t.Fatalf("%s %s: %v\n%s", req.Method, req.URL, err, r.log)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatalf("%s %s: read: %v", req.Method, req.URL, err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

func request(t *testing.T, method, target string, body io.Reader, headers ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req
}

// noLeak fails when a legacy credential reached the sandbox.
func (r *rig) noLeak() {
	r.t.Helper()
	if leaks := r.sandbox.Leaks(); len(leaks) > 0 {
		r.t.Errorf("legacy secrets reached DocuSign: %v", leaks)
	}
}

// integrationSection finds an integration of the configuration file by its name.
func integrationSection(s section, name string) section {
	for _, in := range s["integrations"].([]any) {
		if in.(section)["name"] == name {
			return in.(section)
		}
	}
	return nil
}

func userSection(s section, integration, username string) section {
	for _, u := range integrationSection(s, integration)["users"].([]any) {
		if u.(section)["username"] == username {
			return u.(section)
		}
	}
	return nil
}

// setPassword gives a user of nightly-billing another password.
func setPassword(username string, password section) func(section) {
	return func(s section) { userSection(s, "nightly-billing", username)["password"] = password }
}

func (r *rig) reloaded(t *testing.T, edit func(section)) {
	t.Helper()
	r.change(edit)
	if err := r.program.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func annaWith(password string) string {
	return strings.Replace(annaJSON, "anna-legacy-1", password, 1)
}

// apiPassword gets the password that the proxy issues for anna (PROTOCOL.md §2.5).
func (r *rig) apiPassword(t *testing.T, password string) string {
	t.Helper()
	got := r.do(
		nil,
		request(t, "GET", r.sidecar()+loginPath+"?api_password=true", nil, "X-DocuSign-Authentication", annaWith(password)),
	)
	if got.status != 200 {
		t.Fatalf("status %d: %s", got.status, got.body)
	}
	return parseLogin(t, got.body).APIPassword
}

func (r *rig) listWith(t *testing.T, credential string) int {
	t.Helper()
	return r.do(nil, request(t, "GET", r.sidecar()+listPath, nil, "X-DocuSign-Authentication", credential)).status
}

// issuedToAnna is everything that anna's password can have vouched for.
type issuedToAnna struct{ token, password, byIssued, behalf, bobs string }

func (r *rig) issueAll(t *testing.T, password string) issuedToAnna {
	t.Helper()
	all := issuedToAnna{
		token:    r.legacyLogin(t, "anna@example.com", password, sandbox.GUIDKey),
		password: r.apiPassword(t, password),
		bobs:     r.legacyLogin(t, "bob@example.com", "bob-legacy-2", sandbox.GUIDKey),
	}
	all.byIssued = r.legacyLogin(t, "anna@example.com", all.password, sandbox.GUIDKey)
	form := "grant_type=password&client_id=" + sandbox.GUIDKey + "&scope=api&username=bob%40example.com"
	all.behalf = accessToken(t, r.do(nil, tokenRequest(t, r.sidecar(), form, "Authorization", "bearer "+all.byIssued)))
	return all
}

func (r *rig) checkIssued(t *testing.T, all issuedToAnna, want int) {
	t.Helper()
	for name, got := range map[string]int{
		"a token":                           r.withToken(t, all.token).status,
		"an API password":                   r.listWith(t, annaWith(all.password)),
		"a token got with the API password": r.withToken(t, all.byIssued).status,
		"a token for somebody else, got with that token": r.withToken(t, all.behalf).status,
		"the API password in a body, for another API one": r.do(
			nil, tokenRequest(t, r.sidecar(), tokenForm("anna@example.com", all.password, sandbox.GUIDKey)),
		).status,
	} {
		if got != want && (want == 200 || got != 400) { // oauth2/token refuses with 400 (PROTOCOL.md §3.2)
			t.Errorf("%s: status %d, want %d", name, got, want)
		}
	}
	if got := r.withToken(t, all.bobs); got.status != 200 {
		t.Errorf("another user's token: status %d", got.status)
	}
}

func annaActsForBob(c *fixture.Config) {
	c.Edit = func(integrations []map[string]any) {
		for _, u := range integrations[1]["users"].([]map[string]any) {
			if u["username"] == "anna@example.com" {
				u["may_act_for"] = []string{"bob@example.com"}
			}
		}
	}
}
