package apptest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/password"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/internal/secret"
)

// SignIn is the header line of anna.
const SignIn = "X-DocuSign-Authentication: " + AnnaJSON + "\r\n"

// IntegrationSection finds an integration of the configuration file by its name.
func IntegrationSection(s Section, name string) Section {
	for _, in := range s["integrations"].([]any) {
		if in.(Section)["name"] == name {
			return in.(Section)
		}
	}
	return nil
}

// UserSection finds a user of an integration of the configuration file.
func UserSection(s Section, integration, username string) Section {
	for _, u := range IntegrationSection(s, integration)["users"].([]any) {
		if u.(Section)["username"] == username {
			return u.(Section)
		}
	}
	return nil
}

// SetPassword gives a user of nightly-billing another password.
func SetPassword(username string, password Section) func(Section) {
	return func(s Section) { UserSection(s, "nightly-billing", username)["password"] = password }
}

// Reloaded changes the configuration file and has it taken over.
func (r *Rig) Reloaded(t *testing.T, edit func(Section)) {
	t.Helper()
	r.Change(edit)
	if err := r.Program.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// AnnaWith is the header of anna with another password.
func AnnaWith(password string) string {
	return strings.Replace(AnnaJSON, "anna-legacy-1", password, 1)
}

// APIPassword gets the password that the proxy issues for anna (PROTOCOL.md §2.5).
func (r *Rig) APIPassword(t *testing.T, password string) string {
	t.Helper()
	got := r.Do(
		nil,
		Request(t, "GET", r.Sidecar()+LoginPath+"?api_password=true", nil, "X-DocuSign-Authentication", AnnaWith(password)),
	)
	if got.Status != 200 {
		t.Fatalf("status %d: %s", got.Status, got.Body)
	}
	return ParseLogin(t, got.Body).APIPassword
}

// ListWith gives the status of a call with this header.
func (r *Rig) ListWith(t *testing.T, credential string) int {
	t.Helper()
	return r.Do(nil, Request(t, "GET", r.Sidecar()+ListPath, nil, "X-DocuSign-Authentication", credential)).Status
}

// IssuedToAnna is everything that anna's password can have vouched for.
type IssuedToAnna struct{ Token, Password, ByIssued, Behalf, Bobs string }

// IssueAll gets everything that the proxy issues for anna.
func (r *Rig) IssueAll(t *testing.T, password string) IssuedToAnna {
	t.Helper()
	all := IssuedToAnna{
		Token:    r.LegacyLogin(t, "anna@example.com", password, sandbox.GUIDKey),
		Password: r.APIPassword(t, password),
		Bobs:     r.LegacyLogin(t, "bob@example.com", "bob-legacy-2", sandbox.GUIDKey),
	}
	all.ByIssued = r.LegacyLogin(t, "anna@example.com", all.Password, sandbox.GUIDKey)
	form := "grant_type=password&client_id=" + sandbox.GUIDKey + "&scope=api&username=bob%40example.com"
	all.Behalf = AccessToken(t, r.Do(nil, TokenRequest(t, r.Sidecar(), form, "Authorization", "bearer "+all.ByIssued)))
	return all
}

// CheckIssued tries everything that was issued; bob's token must always work.
func (r *Rig) CheckIssued(t *testing.T, all IssuedToAnna, want int) {
	t.Helper()
	for name, got := range map[string]int{
		"a token":                           r.WithToken(t, all.Token).Status,
		"an API password":                   r.ListWith(t, AnnaWith(all.Password)),
		"a token got with the API password": r.WithToken(t, all.ByIssued).Status,
		"a token for somebody else, got with that token": r.WithToken(t, all.Behalf).Status,
		"the API password in a body, for another API one": r.Do(
			nil, TokenRequest(t, r.Sidecar(), TokenForm("anna@example.com", all.Password, sandbox.GUIDKey)),
		).Status,
	} {
		if got != want && (want == 200 || got != 400) { // oauth2/token refuses with 400 (PROTOCOL.md §3.2)
			t.Errorf("%s: status %d, want %d", name, got, want)
		}
	}
	if got := r.WithToken(t, all.Bobs); got.Status != 200 {
		t.Errorf("another user's token: status %d", got.Status)
	}
}

// AnnaActsForBob lets anna act for bob.
func AnnaActsForBob(c *fixture.Config) {
	c.Edit = func(integrations []map[string]any) {
		for _, u := range integrations[1]["users"].([]map[string]any) {
			if u["username"] == "anna@example.com" {
				u["may_act_for"] = []string{"bob@example.com"}
			}
		}
	}
}

// ListPath is a call that only reads.
const ListPath = "/restapi/v2/accounts/1234567/envelopes?from_date=2026-01-01"

// Get sends one GET with header lines as they are and reads the answer.
func (r *Rig) Get(t *testing.T, path, lines string) Heard {
	t.Helper()
	w := r.DialSettled(t, call.DoorSidecar)
	w.Send("GET " + path + " HTTP/1.1\r\nHost: x\r\n" + lines + "\r\n")
	return w.Read("GET")
}

// EditConfig replaces one text of the configuration file by another.
func (r *Rig) EditConfig(old, now string) {
	r.T.Helper()
	text, err := os.ReadFile(r.Path)
	if err != nil {
		r.T.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		r.T.Fatalf("the configuration does not hold %q", old)
	}
	if err := os.WriteFile(r.Path, []byte(strings.Replace(string(text), old, now, 1)), 0o600); err != nil {
		r.T.Fatal(err)
	}
}

// LoginInformation is what programs read of the answer; its field types are part of the contract (PROTOCOL.md §2.2).
type LoginInformation struct {
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

// ParseLogin reads a log-in answer in JSON.
func ParseLogin(t *testing.T, body string) LoginInformation {
	t.Helper()
	var l LoginInformation
	if err := json.Unmarshal([]byte(body), &l); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if len(l.LoginAccounts) == 0 {
		t.Fatalf("no account: %s", body)
	}
	return l
}

// CreatePath is where envelopes are created.
const CreatePath = "/restapi/v2/accounts/1234567/envelopes"

// ClosesOrAnswers tries another call on the connection and reports whether the proxy had closed it.
func (w *Wire) ClosesOrAnswers(t *testing.T) bool {
	t.Helper()
	_, _ = io.WriteString(w.Conn, "GET /restapi HTTP/1.1\r\nHost: x\r\n\r\n")
	resp, err := http.ReadResponse(w.In, nil)
	if err != nil {
		return true
	}
	if resp.StatusCode != 200 {
		t.Errorf("the next call on the connection got %d", resp.StatusCode)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	return false
}

// BigEnvelope is a well-formed envelope of exactly size bytes.
func BigEnvelope(size int) []byte {
	head, tail := `{"status":"sent","emailSubject":"big","documents":[{"documentId":"1","name":"a.pdf",`+
		`"documentBase64":"`, `"}]}`
	fill := size - len(head) - len(tail)
	b := append([]byte(head), bytes.Repeat([]byte("QUJD"), fill/4)...)
	b = append(b, tail...)
	return append(b, bytes.Repeat([]byte(" "), size-len(b))...)
}

// TokenForm is the body of a legacy oauth2/token, properly encoded.
func TokenForm(username, password, key string) string {
	return url.Values{
		"grant_type": {"password"}, "client_id": {key}, "username": {username}, "password": {password}, "scope": {"api"},
	}.Encode()
}

// TokenRequest is a legacy oauth2/token with this form.
func TokenRequest(t *testing.T, origin, form string, headers ...string) *http.Request {
	t.Helper()
	all := append([]string{"Content-Type", "application/x-www-form-urlencoded", "Accept", "application/json"}, headers...)
	return Request(t, "POST", origin+"/restapi/v2/oauth2/token", strings.NewReader(form), all...)
}

// AccessToken reads the token of an answer.
func AccessToken(t *testing.T, got Answer) string {
	t.Helper()
	var a struct {
		Token string `json:"access_token"`
		Scope string `json:"scope"`
		Type  string `json:"token_type"`
	}
	if err := json.Unmarshal([]byte(got.Body), &a); err != nil || got.Status != 200 || a.Token == "" || a.Scope != "api" ||
		a.Type != "bearer" {
		t.Fatalf("status %d, body %s (%v)", got.Status, got.Body, err)
	}
	return a.Token
}

// LegacyLogin gets a legacy token as old programs do.
func (r *Rig) LegacyLogin(t *testing.T, username, password, key string) string {
	t.Helper()
	return AccessToken(t, r.Do(nil, TokenRequest(t, r.Sidecar(), TokenForm(username, password, key))))
}

// LoginPath is the log-in of REST v2.
const LoginPath = "/restapi/v2/login_information"

// WithToken lists envelopes with a bearer token.
func (r *Rig) WithToken(t *testing.T, token string, headers ...string) Answer {
	t.Helper()
	return r.Do(
		nil,
		Request(t, "GET", r.Sidecar()+LoginPath, nil, append([]string{"Authorization", "bearer " + token}, headers...)...),
	)
}

// BcryptOf hashes a password at the least cost.
func BcryptOf(t *testing.T, text string) string {
	t.Helper()
	hash, err := password.HashBcrypt(secret.New(text), 4)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}
