package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/observe/capture"
	"docusign-auth-proxy/internal/sandbox"
)

// capture runs the command as an operator does.
func (r *rig) capture(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	return r.operate(t, newCapture(), append(args, "--admin", r.AdminURL())...)
}

// operate runs a command of the operator against the rig's configuration.
func (r *rig) operate(t *testing.T, cmd *cobra.Command, args ...string) (stdout string, err error) {
	t.Helper()
	var out bytes.Buffer
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetOut(&out)
	cmd.SetErr(io.Discard)
	cmd.SetArgs(append(args, "--config", r.Path))
	err = cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func (r *rig) captured(t *testing.T, args ...string) string {
	t.Helper()
	out, err := r.capture(t, args...)
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return out
}

// fetched is a capture as text: all files of the archive, and the HAR.
func (r *rig) fetched(t *testing.T) (files map[string]string, har string) {
	t.Helper()
	dir := t.TempDir()
	r.captured(t, "download", "--output", filepath.Join(dir, "c.zip"))
	z, err := zip.OpenReader(filepath.Join(dir, "c.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	return apptest.Unzipped(t, &z.Reader), r.captured(t, "download", "--format", "har", "--output", "-")
}

func TestACaptureShowsTheWayOfACall(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	const name = "nightly-billing"
	get := func() {
		t.Helper()
		if got := r.Do(
			nil, apptest.Request(t, "GET", r.Sidecar()+apptest.ListPath, nil, "X-DocuSign-Authentication", apptest.AnnaJSON),
		); got.Status != 200 {
			t.Fatalf("%d %s", got.Status, got.Body)
		}
	}
	get()
	out := r.captured(t, "start", "--integration", name, "--requests", "2")
	if !strings.Contains(out, "keeps the next 2 calls of "+name) || !strings.Contains(out, "next: ") {
		t.Error(out)
	}
	if _, err := r.capture(t, "start", "--integration", name); err == nil ||
		!strings.Contains(err.Error(), "running already") {
		t.Errorf("a second one: %v", err)
	}
	if _, err := r.capture(t, "start", "--integration", "nobody"); err == nil ||
		!strings.Contains(err.Error(), `no integration "nobody"`) {
		t.Errorf("an unknown one: %v", err)
	}
	var status struct{ Captures []capture.Info }
	if err := json.Unmarshal([]byte(r.captured(t, "status", "--json")), &status); err != nil ||
		len(status.Captures) != 1 || !status.Captures[0].Running {
		t.Errorf("%+v %v", status, err)
	}
	// somebody else's
	r.Do(
		nil,
		apptest.Request(
			t, "GET", r.Sidecar()+apptest.ListPath, nil, "X-DocuSign-Authentication",
			`{"Username":"x","Password":"y","IntegratorKey":"z"}`,
		),
	)
	r.Sandbox.RevokeTokens(sandbox.AnnaID)
	get()
	get()
	get()
	files, _ := r.fetched(t)
	if len(files) != 3 {
		t.Fatalf("%d files", len(files))
	}
	first := files["01_GET_envelopes.txt"]
	for _, want := range []string{
		"GET " + r.Sidecar() + apptest.ListPath,
		`X-Docusign-Authentication: {"Username":"anna@example.com","Password":"[masked]","IntegratorKey":"` +
			sandbox.GUIDKey + `"}`,
		"=== the proxy sent to DocuSign (1 of 2", "=== the proxy sent to DocuSign (2 of 2", "Authorization: Bearer [masked]",
		"HTTP/1.1 401 Unauthorized", "replayed ", "HTTP/1.1 200 OK", "=== the program got that answer as it was ===",
	} {
		if !strings.Contains(first, want) {
			t.Errorf("no %q in:\n%s", want, first)
		}
	}
	if out := r.captured(t, "status"); !strings.Contains(out, "2 of 2") ||
		!strings.Contains(out, "it has what was asked for") {
		t.Error(out)
	}
	if _, err := r.capture(t, "stop"); err == nil || err.Error() != "no capture is running" {
		t.Error(err)
	}
	r.captured(t, "delete", status.Captures[0].ID)
	if _, err := r.capture(t, "download"); err == nil || !strings.Contains(err.Error(), "capture start") {
		t.Error(err)
	}
	if log := r.Log.String(); !strings.Contains(log, `msg="capture started"`) ||
		!strings.Contains(log, `msg="capture ended"`) || !strings.Contains(log, `msg="capture fetched"`) {
		t.Error("the log is silent about it")
	}
}

func TestACaptureNeedsTheLoginOfTheOperationsListener(t *testing.T) {
	t.Parallel()
	r := newRigEdited(t, sandbox.Options{}, nil, func(s apptest.Section) {
		s.At("admin")["basic_auth"] = apptest.Section{"username": "ops", "password": apptest.Section{
			"bcrypt": "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
		}}
	})
	for _, q := range []*http.Request{
		apptest.Request(
			t, "POST", r.AdminURL()+"/api/capture", strings.NewReader("integration=*"), "Content-Type",
			"application/x-www-form-urlencoded",
		),
		apptest.Request(t, "GET", r.AdminURL()+"/api/capture", nil),
	} {
		if got := r.Do(nil, q); got.Status != http.StatusUnauthorized {
			t.Errorf("%s: %d", q.Method, got.Status)
		}
	}
	wrong := filepath.Join(t.TempDir(), "wrong")
	if err := os.WriteFile(wrong, []byte("no"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.capture(t, "status", "--admin-password-file", wrong); err == nil ||
		!strings.Contains(err.Error(), "basic_auth was refused") {
		t.Error(err)
	}
	if _, err := r.capture(t, "status", "--admin-token-file", wrong); err == nil ||
		!strings.Contains(err.Error(), "the token was refused") {
		t.Error(err)
	}
	if out := r.captured(t, "status"); !strings.HasPrefix(out, "no capture is running") {
		t.Errorf("with the token file, where the configuration has only a hash of the password: %s", out)
	}
	if err := os.Remove(filepath.Join(r.Dir, "state.db.admin-token")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.capture(t, "start", "--integration", "*"); err == nil || !strings.Contains(err.Error(), "only a hash") {
		t.Errorf("without the token file: %v", err)
	}
}

func TestAForeignPageCannotStartACapture(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	q := apptest.Request(
		t, "POST", r.AdminURL()+"/api/capture", strings.NewReader("integration=*"), "Content-Type",
		"application/x-www-form-urlencoded", "Origin", "https://evil.example.com", "Sec-Fetch-Site", "cross-site",
	)
	if got := r.Do(nil, q); got.Status != http.StatusForbidden {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	if out := r.captured(t, "status"); !strings.HasPrefix(out, "no capture is running") {
		t.Error(out)
	}
}
