package discover

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/translate/legacy"
)

func TestDiscoverWritesNoSecretFromAWrongField(t *testing.T) {
	const secret = "Lgcy-Anna-11x"
	d := newDiscovery(false)
	for _, c := range []legacy.Credential{
		{IntegratorKey: sandbox.GUIDKey, Username: "anna@example.com"},
		{IntegratorKey: sandbox.GUIDKey, Username: secret},
		{IntegratorKey: secret, Username: "anna@example.com"},
		{IntegratorKey: sandbox.GUIDKey, Username: "anna@example.com", OnBehalfOf: secret},
	} {
		d.credential(c, "", netip.MustParseAddr("127.0.0.1"))
		d.Record(&call.Event{Key: c.IntegratorKey})
	}
	d.credential(
		legacy.Credential{IntegratorKey: sandbox.GUIDKey, Username: "anna@example.com"}, secret,
		netip.MustParseAddr("127.0.0.1"),
	)
	out := filepath.Join(t.TempDir(), "proxy.yaml")
	var said bytes.Buffer
	if err := d.write(Options{Out: out, Stdout: &said, Stderr: &said}, map[string]any{}); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.ToLower(string(written) + said.String()); strings.Contains(text, strings.ToLower(secret)) ||
		!strings.Contains(text, "anna@example.com") || !strings.Contains(text, "4 calls carried") {
		t.Errorf("discover says and writes\n%s", text)
	}
}
