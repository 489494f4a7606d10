package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
)

// A custom environment in nothing but the documented vocabulary: everything at loopback addresses with ports of their
// own.
func TestCustomEnvironmentByAddress(t *testing.T) {
	t.Parallel()
	sb, err := sandbox.Start(sandbox.Options{ByPort: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sb.Close() })
	seed, err := sb.Seed()
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{&apptest.Rig{T: t, Dir: t.TempDir(), Sandbox: sb, Seed: seed, Log: &apptest.SyncBuffer{}}}
	wc := fixture.Config{Proxy: "127.0.0.1:0", Admin: "127.0.0.1:0", Cost: 4, Extra: map[string]any{
		"environment":    "custom",
		"account_server": sb.AccountServer(),
		"egress":         map[string]any{"allow_addresses": []string{"127.0.0.0/8"}},
	}}
	if r.Path, err = wc.Write(r.Dir, sb, seed); err != nil {
		t.Fatal(err)
	}
	r.Start()
	site := sb.SiteURL("na3.docusign.net")
	if !strings.HasPrefix(site, "https://127.0.0.1:") {
		t.Fatalf("the sandbox's site is %s", site)
	}
	login := r.Do(
		nil, apptest.Request(t, "GET", r.Sidecar()+"/restapi/v2/login_information", nil, "X-DocuSign-Authentication",
			apptest.AnnaJSON),
	)
	if login.Status != 200 || !strings.Contains(login.Body, r.Sidecar()+"/restapi/v2/accounts/1234567") {
		t.Fatalf("login: %d %s\n%s", login.Status, login.Body, r.Log)
	}
	path := "/restapi/v2/accounts/1234567/envelopes"
	if got := r.Do(
		nil, apptest.Request(t, "GET", r.Sidecar()+path, nil, "X-DocuSign-Authentication", apptest.AnnaJSON),
	); got.Status != 200 {
		t.Errorf("sidecar: %d %s", got.Status, got.Body)
	}
	if got := r.Do(
		r.ForwardClient(), apptest.Request(t, "GET", site+path, nil, "X-DocuSign-Authentication", apptest.AnnaJSON),
	); got.Status != 200 {
		t.Errorf("CONNECT to the site that UserInfo named: %d %s\n%s", got.Status, got.Body, r.Log)
	}
	if _, err := os.Stat(filepath.Join(r.Dir, "state.db")); err != nil {
		t.Error(err)
	}
	r.NoLeak()
}
