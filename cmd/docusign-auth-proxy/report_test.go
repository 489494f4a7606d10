package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/password"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/translate"
)

const reportConfig = `environment: demo
store: state.db
listen: {admin: "127.0.0.1:0"}
admin:
  basic_auth: {username: ops, password: {bcrypt: "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"}}
integrations:
  - name: billing
    integrator_key: 230546a7-9c55-40ad-8fbf-af205d5494ad
    mode: observe
`

const strangerKey = "9b0d7f52-1c1e-4ad0-b1f4-6a2a3d6e7c88"

// reportWorld is a configuration whose store has two callers in it.
func reportWorld(t *testing.T) (configPath, storePath string) {
	t.Helper()
	dir := t.TempDir()
	configPath, storePath = filepath.Join(dir, "proxy.yaml"), filepath.Join(dir, "state.db")
	if err := os.WriteFile(configPath, []byte(reportConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(storePath, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.New(ledger.Options{Store: s})
	if err != nil {
		t.Fatal(err)
	}
	l.Record(&call.Event{
		Integration: "billing", Authenticator: "anna@example.com", Scheme: "header_json", Door: "sidecar", API: "rest_v2",
		Mode: "observe", Outcome: call.OutcomeOK, Status: 200,
	})
	l.Record(&call.Event{
		Integration: call.UnknownIntegration, Key: strangerKey, Authenticator: "eve@example.com",
		Principal: "boss@example.com", Scheme: "header_xml", UserAgent: "=HYPERLINK(1)", Outcome: call.OutcomeRefused,
		Status: 401,
	})
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return configPath, storePath
}

func runReport(args ...string) (stdout, stderr string, err error) {
	var out, errs bytes.Buffer
	cmd := newReport()
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	cmd.SetArgs(args)
	err = cmd.Execute()
	return out.String(), errs.String(), err
}

func TestReportReadsTheStore(t *testing.T) {
	t.Parallel()
	path, storePath := reportWorld(t)
	for format, want := range map[string]string{
		"table": "1 of 1 integration still needs the proxy; none is failing.", "json": `"need_proxy": 1`,
		"html": "<h1>1 of 1 integration still needs the proxy; none is failing</h1>",
		"csv":  "caller,billing,230546a7-9c55-40ad-8fbf-af205d5494ad,observe,legacy,true,anna@example.com,",
	} {
		t.Run(format, func(t *testing.T) {
			stdout, stderr, err := runReport("--config", path, "--format", format)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(stdout, want) || stderr != "read from the store "+storePath+"\n" {
				t.Errorf("%s\n%s", stderr, stdout)
			}
		})
	}
}

func TestReportAsCSVIsSafeToOpen(t *testing.T) {
	t.Parallel()
	path, _ := reportWorld(t)
	stdout, _, err := runReport("--config", path, "--format", "csv")
	if err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(strings.NewReader(stdout)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if last := records[len(records)-1]; last[0] != "unknown" || last[20] != "'=HYPERLINK(1)" {
		t.Errorf("%q", last)
	}
}

func TestReportGoesIntoAFileOfItsOwner(t *testing.T) {
	t.Parallel()
	path, _ := reportWorld(t)
	file := filepath.Join(t.TempDir(), "migration.html")
	stdout, stderr, err := runReport("--config", path, "--format", "html", "--output", file)
	if err != nil || stdout != "" || !strings.Contains(stderr, "wrote "+file) {
		t.Fatalf("%v %q %q", err, stdout, stderr)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm()&0o077 != 0 || info.Size() == 0 {
		t.Errorf("%v %v", info, err)
	}
}

func TestReportAsksTheRunningProxyWhoseStoreIsLocked(t *testing.T) {
	const canary = "c4n4ry-admin"
	path, storePath := reportWorld(t)
	holder, err := store.Open(storePath, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	ops := integration.Login{Username: "ops", Password: password.Plain(secret.New(canary))}
	logins := translate.NewLogins(translate.NewProver(), "admin", []integration.Login{ops})
	running := httptest.NewServer(admin.NewHandler(admin.Config{
		Status: func() admin.Status { return admin.Status{Version: "running", Started: time.Now()} },
		Auth:   func() admin.Verify { return logins.Verify },
	}))
	defer running.Close()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	newer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"schema": 99}`))
	}))
	defer newer.Close()
	right, wrong := filepath.Join(t.TempDir(), "right"), filepath.Join(t.TempDir(), "wrong")
	for file, text := range map[string]string{right: canary + "\n", wrong: canary + "x\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HTTP_PROXY", other.URL)
	for _, test := range []struct {
		name  string
		args  []string
		error string // "" = none
	}{
		{"with its password it answers", []string{"--admin", running.URL, "--admin-password-file", right}, ""},
		{"with a wrong one it refuses", []string{"--admin", running.URL, "--admin-password-file", wrong}, "was refused"},
		{"a hash is no password", []string{"--admin", running.URL}, "only a hash"},
		{"another server is told from it", []string{"--admin", other.URL, "--admin-password-file", right}, "404"},
		{"another version is told from it", []string{"--admin", newer.URL, "--admin-password-file", right}, "schema 99"},
		{"an address must be a URL", []string{"--admin", "localhost"}, "--admin: not a URL"},
		{"a port chosen at start must be told", nil, "with --admin"},
	} {
		t.Run(test.name, func(t *testing.T) {
			stdout, stderr, err := runReport(append([]string{"--config", path, "--format", "json"}, test.args...)...)
			switch {
			case test.error == "" && (err != nil || !strings.Contains(stdout, `"version": "running"`) || !strings.HasPrefix(
				stderr, "read from the running proxy at 127.0.0.1:",
			)):
				t.Errorf("%v\n%s\n%s", err, stderr, stdout)
			case test.error != "" && (err == nil || !strings.Contains(err.Error(), test.error)):
				t.Errorf("error %v", err)
			}
			if err != nil && strings.Contains(err.Error(), canary) {
				t.Error("the error tells the password")
			}
		})
	}
}

func TestReportSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	path, storePath := reportWorld(t)
	if _, _, err := runReport("--config", path, "--format", "pdf"); err == nil ||
		!strings.Contains(err.Error(), "table, json, csv, html") {
		t.Errorf("a foreign format: %v", err)
	}
	if err := os.Remove(storePath); err != nil {
		t.Fatal(err)
	}
	if _, _, err := runReport("--config", path); err == nil ||
		!strings.Contains(err.Error(), "there is no store at "+storePath) {
		t.Errorf("no store: %v", err)
	}
	if _, err := os.Stat(storePath); err == nil {
		t.Error("the report made a store")
	}
}

// The snippet for a stranger must be refused as it is and taken once its placeholders are replaced.
func TestTheSnippetForAnUnknownCallerIsAConfiguration(t *testing.T) {
	t.Parallel()
	path, _ := reportWorld(t)
	stdout, _, err := runReport("--config", path, "--format", "json")
	if err != nil {
		t.Fatal(err)
	}
	var s admin.Status
	if err := json.Unmarshal([]byte(stdout), &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Unknown) != 1 {
		t.Fatalf("%d unknown callers", len(s.Unknown))
	}
	snippet := "environment: demo\n" + s.Unknown[0].Snippet
	file := filepath.Join(t.TempDir(), "proxy.yaml")
	if _, err := config.Parse([]byte(snippet), file, config.Environment{}); err == nil {
		t.Error("the placeholders are taken")
	}
	filled := strings.NewReplacer(
		"mode: translate", "mode: block", "REPLACE_WITH_USER_GUID", "a1b2c3d4-0000-4000-8000-000000000020",
		"REPLACE_WITH_HASH", "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
		"    oauth:\n      private_keys:\n", "",
	).Replace(snippet)
	filled = removeLine(filled, "- file: keys/")
	cfg, err := config.Parse([]byte(filled), file, config.Environment{})
	if err != nil {
		t.Fatalf("%v in:\n%s", err, filled)
	}
	if in := cfg.Integrations[0]; in.IntegratorKey != strangerKey || in.Users[0].Username != "eve@example.com" ||
		in.Users[0].MayActFor[0] != "boss@example.com" {
		t.Errorf("%+v", in)
	}
}

func removeLine(text, with string) string {
	var kept []string
	for line := range strings.Lines(text) {
		if !strings.Contains(line, with) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}
