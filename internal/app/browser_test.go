package app_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
)

func TestStatusPageInABrowser(t *testing.T) {
	t.Parallel()
	node := needTool(t, "node")
	modules := filepath.Join(toolsFolder(), "npm", "node_modules")
	if _, err := os.Stat(filepath.Join(modules, "playwright-core")); err != nil {
		missing(
			t,
			"playwright-core and axe-core are not installed; .ci/install installs them and DOCUSIGN_AUTH_PROXY_TOOLS names "+
				"the folder",
		)
	}
	if _, err := os.Stat("/usr/bin/chromium"); err != nil {
		missing(t, "chromium is not installed; .ci/install installs it")
	}
	r := newRig(t, nil)
	hostile := `Mozilla/"><script>document.title='owned'</script>`
	for _, header := range []string{
		apptest.AnnaJSON, apptest.LegacyJSON,
		`{"Username":"<img src=x ` +
			`onerror=alert(1)>@example.com","Password":"x","IntegratorKey":"ffffffff-0000-4000-8000-000000000001"}`,
	} {
		r.Do(
			nil,
			apptest.Request(
				t, "GET", r.Sidecar()+"/restapi/v2/login_information", nil, "X-DocuSign-Authentication", header, "User-Agent",
				hostile,
			),
		)
	}
	r.Sandbox.Revoke("a1b2c3d4-0000-4000-8000-000000000001", "a1b2c3d4-0000-4000-8000-000000000021")
	r.Do(
		nil,
		apptest.Request(
			t, "GET", r.Sidecar()+"/restapi/v2/login_information", nil, "X-DocuSign-Authentication",
			strings.NewReplacer("anna", "bob", "legacy-1", "legacy-2").Replace(apptest.AnnaJSON),
		),
	)
	shots := t.TempDir()
	base := "http://" + r.Program.AdminAddress()
	out := r.runClient(
		[]string{"NODE_PATH=" + modules}, node, clientProgram(t, filepath.Join("..", "browser", "status.js")), base, shots,
		"nightly-billing", "old-erp", "Unknown callers", "consent",
	)
	var result struct {
		Pages    float64
		Problems []string
	}
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	if result.Pages < 4 || len(result.Problems) > 0 {
		t.Errorf("%v pages, problems: %q", result.Pages, result.Problems)
	}
	if keep := os.Getenv("DOCUSIGN_AUTH_PROXY_SCREENSHOTS"); keep != "" {
		if err := os.CopyFS(keep, os.DirFS(shots)); err != nil {
			t.Error(err)
		}
	}
	if got := r.Do(nil, apptest.Request(t, "GET", base+"/api/status", nil)); got.Status != http.StatusOK ||
		!json.Valid([]byte(got.Body)) {
		t.Errorf("/api/status: %d", got.Status)
	}
}
