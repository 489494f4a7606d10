package app_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/admin/admintest"
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
	base := "http://" + r.Program.AdminAddress()
	serve := func(s admin.Status) string {
		h := httptest.NewServer(admin.NewHandler(admin.Config{Status: func() admin.Status { return s }}))
		t.Cleanup(h.Close)
		return h.URL
	}
	for _, house := range []struct {
		name, url string
		perKind   string
		pages     float64
		shows     []string
	}{
		{"hostile", base, "2", 8, []string{"nightly-billing", "old-erp", "Unknown callers", "consent"}},
		{"empty", serve(admin.Status{}), "1", 5, []string{"No integration is configured yet"}},
		{"large", serve(admintest.Large(time.Now())), "1", 8, []string{"42 of 60 integrations still need the proxy"}},
	} {
		shots := os.Getenv("DOCUSIGN_AUTH_PROXY_SCREENSHOTS")
		if shots != "" {
			shots = filepath.Join(shots, house.name)
			if err := os.MkdirAll(shots, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		program := clientProgram(t, filepath.Join("..", "browser", "status.js"))
		out := r.runClient([]string{"NODE_PATH=" + modules}, node,
			append([]string{program, house.url, shots, house.perKind}, house.shows...)...)
		var result struct {
			Pages    float64
			Problems []string
		}
		if err := json.Unmarshal([]byte(out), &result); err != nil {
			t.Fatalf("%s: %v in %q", house.name, err, out)
		}
		if result.Pages < house.pages || len(result.Problems) > 0 {
			t.Errorf("%s: %v pages, problems: %q", house.name, result.Pages, result.Problems)
		}
	}
	if got := r.Do(nil, apptest.Request(t, "GET", base+"/api/status", nil)); got.Status != http.StatusOK ||
		!json.Valid([]byte(got.Body)) {
		t.Errorf("/api/status: %d", got.Status)
	}
}
