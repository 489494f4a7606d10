package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

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
	world, err := sb.Seed()
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, dir: t.TempDir(), sandbox: sb, world: world, log: &syncBuffer{}}
	wc := fixture.Config{Proxy: "127.0.0.1:0", Admin: "127.0.0.1:0", Cost: 4, Extra: map[string]any{
		"environment":    "custom",
		"account_server": sb.AccountServer(),
		"egress":         map[string]any{"allow_addresses": []string{"127.0.0.0/8"}},
	}}
	if r.path, err = wc.Write(r.dir, sb, world); err != nil {
		t.Fatal(err)
	}
	r.start()
	site := sb.SiteURL("na3.docusign.net")
	if !strings.HasPrefix(site, "https://127.0.0.1:") {
		t.Fatalf("the sandbox's site is %s", site)
	}
	login := r.do(
		nil, request(t, "GET", r.sidecar()+"/restapi/v2/login_information", nil, "X-DocuSign-Authentication", annaJSON),
	)
	if login.status != 200 || !strings.Contains(login.body, r.sidecar()+"/restapi/v2/accounts/1234567") {
		t.Fatalf("login: %d %s\n%s", login.status, login.body, r.log)
	}
	path := "/restapi/v2/accounts/1234567/envelopes"
	if got := r.do(
		nil, request(t, "GET", r.sidecar()+path, nil, "X-DocuSign-Authentication", annaJSON),
	); got.status != 200 {
		t.Errorf("sidecar: %d %s", got.status, got.body)
	}
	if got := r.do(
		r.forwardClient(), request(t, "GET", site+path, nil, "X-DocuSign-Authentication", annaJSON),
	); got.status != 200 {
		t.Errorf("CONNECT to the site that UserInfo named: %d %s\n%s", got.status, got.body, r.log)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "state.db")); err != nil {
		t.Error(err)
	}
	r.noLeak()
}
